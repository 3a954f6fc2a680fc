"""The file of an engine is its own: what happens when something else in the process opens it, and copies to look at.

SQLite's locks belong to the process and not to the library. The SQLite of Python and that of the engine do not see each
other's, and purchases that were acknowledged were gone.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import rewards
from conftest import NOW, record, set_up
from rewards.models import GetBalance, ListPurchases
from test_faults import fault


def purchases(file: Path) -> set[str]:
    """The purchases that are in a file."""
    with rewards.open_file(file) as engine:
        assert engine.verify().is_valid
        return {listed.purchase for listed in engine.list_purchases(ListPurchases(member="ada")).purchases}


def test_another_library_loses_no_acknowledged_purchase(tmp_path: Path) -> None:
    """The shop writes to the engine's file, as a shop with one database for all would."""
    file = tmp_path / "shop.db"
    engine = rewards.open_file(file)
    set_up(engine)
    engine.record_purchase(record(0), now=NOW)
    acknowledged = {"order-0"}
    shop = sqlite3.connect(file, isolation_level=None)
    shop.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    shop.execute("BEGIN IMMEDIATE")
    shop.execute("INSERT INTO orders DEFAULT VALUES")
    for number in (1, 2):
        with pytest.raises(rewards.InternalError, match="a file of its own") as caught:
            engine.record_purchase(record(number), now=NOW)
            acknowledged.add(f"order-{number}")
        assert fault(caught.value) == ("file_in_use_here", 500, False)
    with pytest.raises(rewards.InternalError, match="open the engine again"):
        engine.health()
    shop.execute("COMMIT")
    shop.close()
    engine.close()
    assert acknowledged <= purchases(file)


def test_a_purchase_under_way_is_not_acknowledged(tmp_path: Path) -> None:
    """The other library comes while purchases are recorded, at any moment."""
    file = tmp_path / "shop.db"
    acknowledged: set[str] = set()
    engine = rewards.open_file(file)
    set_up(engine)

    def sell() -> None:
        number = 0
        while True:
            engine.record_purchase(record(number), now=NOW)
            acknowledged.add(f"order-{number}")
            number += 1

    refused: list[str] = []

    def seller() -> None:
        try:
            sell()
        except rewards.RewardsError as error:
            refused.append(error.code)

    thread = threading.Thread(target=seller)
    thread.start()
    time.sleep(0.2)
    shop = sqlite3.connect(file, isolation_level=None, timeout=10)
    shop.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    thread.join(30)
    shop.close()
    engine.close()
    # What was acknowledged before is in the other library's hands: no lock of SQLite's keeps it off. What the engine can do, and
    # does, is to tell the host with the next call, and to do nothing further.
    assert refused == ["file_in_use_here"]
    assert acknowledged


def look_at_with_sqlite3(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("SELECT count(*) FROM members").fetchone()
    database.close()


def copy(file: Path) -> None:
    shutil.copy(file, file.with_suffix(".copy"))


@pytest.mark.parametrize("visit", [look_at_with_sqlite3, copy])
def test_a_short_visit_is_noticed(visit: Callable[[Path], None], tmp_path: Path) -> None:
    """Whoever closes the file takes the engine's locks away, and other processes no longer wait for it."""
    file = tmp_path / "books.db"
    with rewards.open_file(file) as engine:
        set_up(engine)
        visit(file)
        with pytest.raises(rewards.InternalError) as caught:
            engine.record_purchase(record(1), now=NOW)
        assert fault(caught.value) == ("file_in_use_here", 500, False)
    with rewards.open_file(file) as engine:
        engine.record_purchase(record(1), now=NOW)


def test_a_file_that_is_open_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    shop = sqlite3.connect(file)
    shop.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    with pytest.raises(rewards.InternalError, match="give the engine a file of its own") as caught:
        rewards.open_file(file)
    assert fault(caught.value) == ("file_in_use_here", 500, False)

    async def awaited() -> None:
        await rewards.AsyncEngine.open(f"sqlite:///{file}")

    with pytest.raises(rewards.InternalError):
        asyncio.run(awaited())
    shop.close()
    rewards.open_file(file).close()


def test_other_engines_and_processes_are_no_trouble(tmp_path: Path) -> None:
    file = tmp_path / "books.db"
    look = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('select count(*) from members').fetchone()[0])"
    with rewards.open_file(file) as engine, rewards.open_file(os.fspath(file)) as other:
        set_up(engine)
        for number in range(6):
            (engine, other)[number % 2].record_purchase(record(number), now=NOW)
            done = subprocess.run(
                [sys.executable, "-c", look, file], capture_output=True, text=True, check=True
            )
            assert done.stdout == "1\n"
    assert len(purchases(file)) == 6


def test_a_backup_is_a_file_to_look_at(tmp_path: Path) -> None:
    file, copy = tmp_path / "books.db", tmp_path / "copy.db"
    with rewards.open_file(file) as engine:
        set_up(engine)
        stop = threading.Event()
        recorded: list[int] = []

        def seller() -> None:
            while not stop.is_set():
                engine.record_purchase(record(len(recorded)), now=NOW)
                recorded.append(len(recorded))

        thread = threading.Thread(target=seller)
        thread.start()
        while len(recorded) < 20:
            time.sleep(0.001)
        before = len(recorded)
        engine.backup(copy)
        stop.set()
        thread.join(30)
        # Any tool may look at it, here and now.
        with sqlite3.connect(copy) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
        with pytest.raises(rewards.RejectedError, match="is there") as caught:
            engine.backup(copy)
        assert fault(caught.value) == ("file_exists", 409, False)
        engine.record_purchase(record(9_999), now=NOW)
    assert purchases(copy) >= {f"order-{number}" for number in range(before)}
    assert "order-9999" not in purchases(copy)


def test_a_store_that_is_no_file_has_no_backup(tmp_path: Path) -> None:
    for url in ("memory:", "sqlite://", os.environ["DATABASE_URL"]):
        with rewards.open(url) as engine, pytest.raises(rewards.RejectedError) as caught:
            engine.backup(tmp_path / "copy.db")
        assert fault(caught.value) == ("backup_unsupported", 501, False)

    async def awaited() -> None:
        async with rewards.AsyncEngine.open_file(tmp_path / "books.db") as engine:
            await engine.backup(str(tmp_path / "copy.db"))

    asyncio.run(awaited())
    with rewards.open_file(tmp_path / "copy.db") as engine, pytest.raises(rewards.RejectedError):
        engine.get_balance(GetBalance(member="ada"))
    with rewards.open("memory:") as engine, pytest.raises(rewards.InvalidError, match="a path"):
        engine.backup(7)  # type: ignore[arg-type]
