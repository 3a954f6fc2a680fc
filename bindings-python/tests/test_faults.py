"""What goes wrong below the rules, and how each is told."""

from __future__ import annotations

import asyncio
import os
import pickle
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import rewards
from conftest import NOW, record, set_up
from rewards.models import CODES, GetBalance, RegisterMember


def fault(error: rewards.RewardsError) -> tuple[str, int, bool]:
    return error.code, error.http_status, error.retryable


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "expected `memory:`"),
        ("books.db", "expected `memory:`"),
        ("mysql://host/books", "scheme `mysql`"),
        ("memory:books", "expected `memory:`"),
        ("sqlite://books.db", "got two slashes"),
        ("sqlite+odbc:///books.db", "scheme `sqlite\\+odbc`"),
    ],
)
def test_a_wrong_address_is_refused(url: str, words: str) -> None:
    with pytest.raises(rewards.InvalidError, match=words) as caught:
        rewards.open(url)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [("url_invalid", "url")]

    async def awaited() -> None:
        await rewards.AsyncEngine.open(url)

    with pytest.raises(rewards.InvalidError, match=words):
        asyncio.run(awaited())


def test_a_password_is_never_repeated() -> None:
    with pytest.raises(rewards.RewardsError) as caught:
        rewards.open("mysql://me:secret@host/books")
    assert "secret" not in str(caught.value) + repr(caught.value)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(rewards.InternalError, match="there is no folder") as caught:
        rewards.open(f"sqlite:///{tmp_path}/missing/books.db")
    assert fault(caught.value) == ("folder_missing", 500, False)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    path.write_text("this is no database, and long enough to be seen as none\n" * 100)
    with pytest.raises(rewards.InternalError, match="not a database") as caught:
        rewards.open(f"sqlite:///{path}")
    assert fault(caught.value) == ("store_corrupt", 500, False)


def test_a_database_that_cannot_be_reached_is_told() -> None:
    async def awaited() -> None:
        await rewards.AsyncEngine.open("postgresql://me:secret@127.0.0.1:1/nothing")

    with pytest.raises(rewards.UnavailableError, match="check that the database runs") as caught:
        asyncio.run(awaited())
    assert fault(caught.value) == ("store_unavailable", 503, True)
    assert "secret" not in str(caught.value)


def test_a_closed_engine_is_told(url: str) -> None:
    engine = rewards.open(url)
    engine.close()
    for call in (
        lambda: engine.register_member(RegisterMember(member="ada")),
        lambda: engine.get_balance(GetBalance(member="ada")),
        engine.verify,
        engine.settle_due,
    ):
        with pytest.raises(rewards.UnavailableError, match="closed") as caught:
            call()
        # Asking the same engine again is no use.
        assert fault(caught.value) == ("engine_closed", 503, False)
    try:
        assert not engine.health().is_open
    except rewards.UnavailableError as error:
        # The file was closed with it.
        assert fault(error) == ("engine_closed", 503, False)

    async def awaited() -> None:
        engine = await rewards.AsyncEngine.open(url)
        await engine.close()
        await engine.register_member(RegisterMember(member="ada"))

    with pytest.raises(rewards.UnavailableError, match="closed"):
        asyncio.run(awaited())


def test_a_file_that_may_only_be_read_is_told(file_url: str) -> None:
    with rewards.open(file_url) as engine:
        set_up(engine)
    with (
        pytest.raises(rewards.InternalError, match="readonly") as caught,
        rewards.open(f"{file_url}?mode=ro") as engine,
    ):
        engine.record_purchase(record(), now=NOW)
    assert fault(caught.value) == ("store_read_only", 500, False)


def test_a_file_of_somebody_else_is_told(tmp_path: Path) -> None:
    """Permissions mean nothing to the superuser, so another user tries when the tests are run by him."""
    path = tmp_path / "books.db"
    with rewards.open(f"sqlite:///{path}") as engine:
        set_up(engine)
    path.chmod(0o444)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o555 if folder == tmp_path else 0o755)
    code = (
        "import os, sys, rewards\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "try: rewards.open(sys.argv[1])\n"
        "except rewards.InternalError as error: print(error.code, error.detail)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{path}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    tmp_path.chmod(0o755)
    assert done.stdout.startswith("store_read_only"), done.stdout + done.stderr
    assert "may write" in done.stdout


def test_a_newer_schema_is_told(file_url: str) -> None:
    with rewards.open(file_url) as engine:
        set_up(engine)
    with sqlite3.connect(file_url.removeprefix("sqlite:///")) as database:
        database.execute(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)"
            " values (99, 'from the future', 1, x'00', 0)"
        )
    database.close()
    with pytest.raises(rewards.InternalError, match="update the library") as caught:
        rewards.open(file_url)
    assert fault(caught.value) == ("schema_too_new", 500, False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB. It takes the right to mount one; without it the test fails, it is not left out."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


def test_a_full_disk_is_told_and_survived(small_disk: Path) -> None:
    url = f"sqlite:///{small_disk}/books.db"
    ballast = small_disk / "ballast"
    with rewards.open(url) as engine:
        set_up(engine)
        engine.record_purchase(record(1), now=NOW)
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4096))
        done = 1
        with pytest.raises(rewards.RewardsError) as caught:
            while done < 10_000:
                engine.record_purchase(record(done + 1), now=NOW)
                done += 1
        assert isinstance(caught.value, rewards.UnavailableError)
        assert fault(caught.value) == ("disk_full", 507, True)
        assert "make room" in caught.value.detail or "I/O" in caught.value.detail
        with pytest.raises(rewards.UnavailableError) as caught:
            engine.backup(small_disk / "copy.db")
        assert caught.value.code == "disk_full"
        assert not list(small_disk.glob("copy.db*"))
        ballast.unlink()
        # What was not done can be done now, and what was done is not done twice.
        for number in range(1, done + 2):
            assert engine.execute(record(number), now=NOW).replayed is (number <= done)
        assert engine.verify().is_valid
        # The log had filled the disk; soon it is empty, without anybody doing anything.
        log, begun = small_disk / "books.db-wal", time.monotonic()
        while log.stat().st_size > 0:
            assert time.monotonic() - begun < 30, log.stat().st_size
            time.sleep(0.05)


def test_a_disk_that_takes_no_writes_is_told(small_disk: Path) -> None:
    """Permissions mean nothing to the superuser, a disk that takes no writes does."""
    file = small_disk / "books.db"
    with rewards.open_file(file) as engine:
        set_up(engine)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for path in (file, small_disk / "new.db"):
        with pytest.raises(rewards.InternalError, match="may write to the file and to its folder") as caught:
            rewards.open_file(path)
        assert fault(caught.value) == ("store_read_only", 500, False)


def test_every_kind_has_its_class(engine: rewards.Engine) -> None:
    classes = {
        "invalid": rewards.InvalidError,
        "rejected": rewards.RejectedError,
        "conflict": rewards.ConflictError,
        "unavailable": rewards.UnavailableError,
        "internal": rewards.InternalError,
    }
    assert {cls.kind: cls for cls in rewards.RewardsError.__subclasses__()} == classes
    assert {code.kind for code in CODES.values()} == set(classes)
    with pytest.raises(rewards.RejectedError) as caught:
        engine.get_balance(GetBalance(member="bob"), now=NOW)
    error = caught.value
    assert fault(error) == ("member_unknown", 404, False)
    assert (error.detail, error.context) == ("unknown member `bob`", {"member": "bob"})
    assert str(error) == "member_unknown: unknown member `bob`"
    assert error.http_status == CODES[error.code].http_status


def test_an_error_can_be_sent_to_another_process(engine: rewards.Engine) -> None:
    with pytest.raises(rewards.RewardsError) as caught:
        engine.get_balance(GetBalance(member="bob"), now=NOW)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), copy.fault, copy.http_status) == (
        type(caught.value),
        caught.value.fault,
        caught.value.http_status,
    )


def test_the_wheel_has_no_hooks() -> None:
    from rewards import _native

    assert hasattr(_native, "set_panic") is bool(os.environ.get("REWARDS_TEST_HOOKS"))
