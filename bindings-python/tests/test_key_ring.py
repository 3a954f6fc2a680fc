"""The host's keys: rotation, what is missing, and what is refused; their bytes are shown nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
import rewards
from conftest import NOW, ring_key
from rewards import KeyRing, RingKey
from rewards.models import LinkAlias, RegisterMember, ResolveAlias, UnlinkAlias

PHONE = "+4930901820"
LINK = LinkAlias(member="ada", kind="phone", name=PHONE)
RESOLVE = ResolveAlias(kind="phone", name=PHONE)
OLD, NEW = ring_key("old", year=2000), ring_key("new", year=2010)


def test_keys_rotate(file_url: str) -> None:
    with rewards.open(file_url, key_ring=KeyRing([OLD])) as engine:
        engine.register_member(RegisterMember(member="ada"), now=NOW)
        linked = engine.link_alias(LINK, key="link-1", now=NOW)
    with rewards.open(file_url, key_ring=KeyRing([NEW, OLD])) as engine:
        assert engine.resolve_alias(RESOLVE, now=NOW).member == "ada"
        again = engine.execute(LINK, key="link-1", now=NOW)
        assert (again.reply, again.replayed) == (linked, True)
    with rewards.open(file_url, key_ring=KeyRing([NEW])) as engine:
        with pytest.raises(rewards.InternalError) as caught:
            engine.resolve_alias(RESOLVE, now=NOW)
        assert (caught.value.code, caught.value.context) == ("key_missing", {"key": "old"})
    # Linked again it is kept under the new key, and the old one may go.
    with rewards.open(file_url, key_ring=KeyRing([OLD, NEW])) as engine:
        assert engine.link_alias(LINK, key="link-2", now=NOW) == linked
    with rewards.open(file_url, key_ring=KeyRing([NEW])) as engine:
        assert engine.resolve_alias(RESOLVE, now=NOW).member == "ada"


def test_without_a_ring_nothing_in_confidence_is_taken(url: str) -> None:
    with rewards.open(url) as engine:
        engine.register_member(RegisterMember(member="ada"), now=NOW)
        calls: list[Callable[[], Any]] = [
            lambda: engine.link_alias(LINK, key="link-1", now=NOW),
            lambda: engine.unlink_alias(UnlinkAlias(kind="phone", name=PHONE), key="unlink-1", now=NOW),
            lambda: engine.resolve_alias(RESOLVE, now=NOW),
        ]
        for call in calls:
            with pytest.raises(rewards.InternalError) as caught:
                call()
            assert caught.value.code == "key_ring_missing"
            assert PHONE not in str(caught.value)
        plain = LinkAlias(member="ada", kind="phone", name=PHONE, plain=True)
        assert engine.link_alias(plain, key="link-1", now=NOW).member == "ada"


def test_a_ring_is_awaited_as_well(file_url: str) -> None:
    async def run() -> None:
        async with rewards.AsyncEngine.open(file_url, key_ring=KeyRing([NEW])) as engine:
            await engine.register_member(RegisterMember(member="ada"), now=NOW)
            await engine.link_alias(LINK, key="link-1", now=NOW)
            assert (await engine.resolve_alias(RESOLVE, now=NOW)).member == "ada"

    asyncio.run(run())


def key(**changes: Any) -> RingKey:
    values = {"purpose": "alias", "id": "k", "key": bytes(32), "valid_from": NOW, **changes}
    return RingKey(**values)


@pytest.mark.parametrize(
    ("ring", "expected"),
    [
        (KeyRing([]), [("key_ring_empty", "key_ring")]),
        (KeyRing([key(key=b"short")]), [("key_invalid", "key_ring[0].key")]),
        (
            KeyRing([key(key=bytes(1_025)), key(id="")]),
            [("key_invalid", "key_ring[0].key"), ("id_invalid", "key_ring[1].id")],
        ),
        (KeyRing([key(), key(id="other"), key()]), [("id_duplicate", "key_ring[2].id")]),
        (KeyRing(key(id=str(number)) for number in range(17)), [("too_many_keys", "key_ring")]),
        (KeyRing([key(valid_until=NOW)]), [("range_empty", "key_ring[0].valid_until")]),
        (KeyRing([key(purpose="phone")]), [("variant_unknown", "key_ring[0].purpose")]),
        (KeyRing([key(valid_from=datetime(2026, 1, 1))]), [("time_naive", "key_ring[0].valid_from")]),
        (
            KeyRing([key(valid_until=datetime(1950, 1, 1, tzinfo=timezone.utc))]),
            [("time_out_of_range", "key_ring[0].valid_until")],
        ),
        (KeyRing([key(), key(key="00" * 32)]), [("type_invalid", "key_ring[1].key")]),
        (KeyRing([key(id=7)]), [("type_invalid", "key_ring[0].id")]),
        (KeyRing([key(id="\ud800")]), [("value_invalid", "key_ring[0].id")]),
        (KeyRing([key(valid_from=None)]), [("type_invalid", "key_ring[0].valid_from")]),
        (KeyRing(["key"]), [("type_invalid", "key_ring[0]")]),  # type: ignore[list-item]
        ([key()], [("type_invalid", "key_ring")]),
    ],
)
def test_a_bad_ring_is_refused(ring: Any, expected: list[tuple[str, str]]) -> None:
    with pytest.raises(rewards.InvalidError) as caught:
        rewards.open("memory:", key_ring=ring)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == expected

    async def awaited() -> None:
        await rewards.AsyncEngine.open("memory:", key_ring=ring)

    with pytest.raises(rewards.InvalidError):
        asyncio.run(awaited())


def test_the_bytes_of_a_key_are_shown_nowhere() -> None:
    secret = b"the bytes of a key that nobody may see"
    ring = KeyRing([key(key=secret), key(id="other", key=secret * 100)])
    with pytest.raises(rewards.InvalidError) as caught:
        rewards.open("memory:", key_ring=ring)
    for text in (repr(ring), str(ring), repr(next(iter(ring))), str(caught.value), repr(caught.value)):
        assert "nobody may see" not in text
    assert "k" in repr(ring)
    assert len(ring) == 2
