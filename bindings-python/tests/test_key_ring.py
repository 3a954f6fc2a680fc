"""The host's keys: what is refused; their bytes are shown nowhere."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from typing import Any

import pytest
import rewards
from conftest import NOW
from rewards import KeyRing, RingKey


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
