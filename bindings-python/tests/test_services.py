"""Health, audit, sweeps and events."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import rewards
from conftest import NOW, record, set_up, set_up_async
from rewards.models import GetBalance, MemberStream, ProgramStream


def test_health_tells_of_the_store(url: str) -> None:
    with rewards.open(url) as engine:
        health = engine.health()
        assert (health.backend, health.outbox_waiting, health.is_open) == (url.partition(":")[0], 0, True)
        assert (health.workers, health.workers_wanted) == (2, 2)
        set_up(engine)
        health = engine.health()
        assert (health.outbox_waiting, health.outbox_oldest) == (2, NOW)
        assert health.outbox_lag_seconds > 0


def test_books_are_verified(engine: rewards.Engine) -> None:
    engine.record_purchase(record(), now=NOW)
    report = engine.verify()
    assert (report.members, report.entries, report.accounts, report.problems) == (1, 1, 2, [])
    assert report.is_valid


def test_what_all_members_have_is_added_up(engine: rewards.Engine) -> None:
    assert engine.liability().assets == []
    engine.record_purchase(record(), now=NOW)
    own = engine.get_balance(GetBalance(member="ada"), now=NOW).assets
    now = engine.liability()
    assert (now.at, now.members) == (None, 1)
    assert [(line.available, line.pending) for line in now.assets] == [
        (line.available, line.pending) for line in own
    ]
    assert engine.liability(NOW).assets == now.assets
    assert engine.liability(NOW - timedelta(days=400)).members == 0


def test_heads_are_kept_and_checked(engine: rewards.Engine) -> None:
    engine.record_purchase(record(), now=NOW)
    heads = engine.book_heads()
    streams = [MemberStream(member="ada"), ProgramStream(program="club")]
    assert [(head.stream, head.seq) for head in heads] == [(streams[0], 1), (streams[1], 1)]
    assert engine.book_heads(streams[0], limit=1) == heads[1:]
    assert engine.check_heads(heads) == []
    other = heads[0].model_copy(update={"hash": "00" * 32})
    (problem,) = engine.check_heads([other, *heads])
    assert problem.startswith("books_rewritten: ")


def test_what_is_due_is_settled(engine: rewards.Engine) -> None:
    sweep = engine.settle_due()
    assert (sweep.members, sweep.tier_changes, sweep.settled, sweep.failed) == (0, 0, [], [])


def test_events_are_delivered_in_order(engine: rewards.Engine) -> None:
    engine.record_purchase(record(), now=NOW)
    owner, other = uuid4(), uuid4()
    delivered = []
    while claimed := engine.claim_events(owner, lease_seconds=60, limit=10):
        assert all(one.attempts == 0 for one in claimed)
        events = [one.event for one in claimed]
        assert engine.claim_events(other, limit=10) == []
        assert engine.acknowledge_events(other, events) == 0
        assert engine.acknowledge_events(owner, events) == len(events)
        delivered += events
    streams = [(event.stream, event.seq) for event in delivered]
    member = MemberStream(member="ada")
    assert sorted(streams, key=str) == sorted(
        [(ProgramStream(program="club"), 1), (member, 1), (member, 2)], key=str
    )
    told = [event.event.to_json() for event in delivered if event.stream == member]
    assert "member_registered" in told[0]
    assert "purchase_recorded" in told[1]


def test_released_events_come_again(engine: rewards.Engine) -> None:
    owner = uuid4()
    first = engine.claim_events(owner, limit=1)
    assert engine.release_events(owner, [one.event for one in first]) == 1
    again = engine.claim_events(owner, limit=1)
    assert [one.event for one in again] == [one.event for one in first]
    assert again[0].attempts == 1


def test_events_can_be_discarded_and_not_kept(file_url: str) -> None:
    with rewards.open(file_url) as engine:
        set_up(engine)
        assert engine.discard_events() == 2
        assert engine.discard_events() == 0
    with rewards.open(file_url, keep_events=False) as engine:
        engine.record_purchase(record(), now=NOW)
        assert engine.health().outbox_waiting == 0
    for bad in (None, 1, "no"):
        with pytest.raises(rewards.InvalidError):
            rewards.open(file_url, keep_events=bad)  # type: ignore[arg-type]


def test_services_are_awaited(url: str) -> None:
    async def run() -> None:
        async with rewards.AsyncEngine.open(url) as engine:
            await set_up_async(engine)
            owner = uuid4()
            claimed = [one.event for one in await engine.claim_events(owner, limit=1)]
            assert await engine.release_events(owner, claimed) == 1
            claimed = [one.event for one in await engine.claim_events(owner, limit=1)]
            assert await engine.acknowledge_events(owner, claimed) == 1
            assert (await engine.health()).outbox_waiting == 1
            assert (await engine.verify()).is_valid
            assert (await engine.settle_due()).members == 0
            assert await engine.discard_events() == 1

    asyncio.run(run())


def test_a_lease_beyond_all_time_is_refused(engine: rewards.Engine) -> None:
    with pytest.raises(rewards.InvalidError):
        engine.claim_events(uuid4(), lease_seconds=-1)


def test_what_is_wrong_with_the_books_is_told_in_words(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    with rewards.open(url, now_ahead_max=timedelta.max) as engine:
        set_up(engine)
        engine.record_purchase(record(), now=NOW)
    with contextlib.closing(sqlite3.connect(tmp_path / "books.db")) as damaging:
        damaging.execute("UPDATE control_accounts SET amount = amount + 1 WHERE asset = 'EUR' AND amount > 0")
        damaging.commit()
    with rewards.open(url) as engine:
        problems = engine.verify().problems
    assert (
        "control_sum_not_zero: control accounts of EUR: they sum to 1 minor units, which has to be zero"
        in problems
    )
    assert not any("{" in problem for problem in problems)
