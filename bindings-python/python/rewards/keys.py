"""The host's keys: what names told in confidence are digested with, and what payment providers sign with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Optional

from . import errors

__all__ = ["KeyPurpose", "KeyRing", "RingKey"]

KeyPurpose = Literal["alias", "deposits", "coupons", "tokens"]
"""What a key is for: digests of aliases, what payment providers sign of deposits, codes of coupons,
or what offline tokens are signed with."""


@dataclass(frozen=True)
class RingKey:
    """A key of a ring. Its bytes are in no `repr`, no error and no log."""

    purpose: KeyPurpose
    """What it is for."""
    id: str
    """Its id, which is stored with every digest and must never be used for other bytes."""
    key: bytes = field(repr=False)
    """Its bytes, 32 to 1,024 of them, which should be random."""
    valid_from: datetime
    """From when new digests are made with it."""
    valid_until: Optional[datetime] = None
    """Until when, exclusive; for good when absent."""


class KeyRing:
    """All keys of a host: give it to `open` as `key_ring`.

    New digests are made with the key that became valid last; what was digested with another key of the ring is
    still found; what a provider signed while its key was valid is good. To rotate, add a key that begins later, and leave the old one in the ring until nothing is kept
    under it. The ring is checked when an engine is opened with it.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[RingKey]) -> None:
        if not isinstance(keys, Iterable):
            raise errors.wrong_type("keys", "values of `RingKey`", keys)
        self._keys = tuple(keys)

    def __iter__(self) -> Iterator[RingKey]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"KeyRing({list(self._keys)!r})"
