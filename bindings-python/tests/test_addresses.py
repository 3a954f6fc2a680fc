"""Which store an address means: the same as to SQLAlchemy."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
import rewards
from conftest import set_up
from rewards.models import GetBalance


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+pysqlite", "sqlite+aiosqlite"])
def test_three_slashes_are_relative_and_four_absolute(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    rewards.open(f"{scheme}:///relative.db").close()
    rewards.open(f"{scheme}:///elsewhere/relative.db").close()
    rewards.open(f"{scheme}:///{elsewhere}/absolute.db").close()
    assert {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.db")} == {
        "relative.db",
        "elsewhere/relative.db",
        "elsewhere/absolute.db",
    }


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite::memory:", "sqlite+aiosqlite://"])
def test_no_path_is_memory(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with rewards.open(url) as engine:
        set_up(engine)
        assert engine.health().backend == "sqlite"
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_meant_another_file_makes_no_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three slashes began an absolute path once: books that are there are not passed over in silence."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "books.db"
    rewards.open_file(file).close()
    before = f"sqlite://{file}"
    (tmp_path / file.relative_to("/").parent).mkdir(parents=True)
    with pytest.raises(rewards.InvalidError, match="write four slashes") as caught:
        rewards.open(before)
    assert [problem.code for problem in caught.value.problems] == ["url_invalid"]
    rewards.open(before.replace("///", "///./")).close()
    assert (tmp_path / file.relative_to("/")).is_file()


@pytest.mark.parametrize("name", ["books.db", "50% who?#1 mode=ro.db", ":memory:", "file:x?mode=memory"])
def test_a_path_is_a_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / name
    with rewards.open_file(file) as engine:
        set_up(engine)
        assert repr(engine) == "<Engine sqlite tenant='default' open>"
    assert file.is_file()
    monkeypatch.chdir(tmp_path)

    async def awaited() -> None:
        async with rewards.AsyncEngine.open_file(name) as engine:
            # Connections are made later, too, and the host may have gone elsewhere by then.
            os.chdir("/")
            balances = [engine.get_balance(GetBalance(member="ada")) for _ in range(40)]
            await asyncio.gather(*balances)

    asyncio.run(awaited())


@pytest.mark.parametrize(
    ("path", "words"), [("", "got none"), ("a\0b", "NUL"), (7, "a path"), (b"a.db", "a path")]
)
def test_what_is_no_path_is_refused(path: str, words: str) -> None:
    with pytest.raises(rewards.InvalidError, match=words) as caught:
        rewards.open_file(path)
    assert [problem.path for problem in caught.value.problems] == ["path"]
