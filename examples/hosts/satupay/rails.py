"""Rails: what carries payments outside. Each is asked under a key, and asked again under the same key it answers the same."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

LATENCY = {"duitnow": 2.0, "paynow": 3.0, "boost": 1.0, "tng": 1.5}
"""How many seconds each rail of the sandbox takes."""


def way(code: str, wallet: str) -> str:
    """The way of payments by which a wallet pays codes of a kind, such as `qr-tng-boost`."""
    return f"qr-{code}-{wallet}"


def rail_of(route: str) -> str:
    """The rail of a way: that of the wallet where a code is paid, else the one of its name."""
    return route.rpartition("-")[2]


@dataclass(frozen=True)
class Answer:
    """What a rail says: paid, with its reference, or declined, with a code."""

    reference: str | None = None
    declined: str | None = None


class Rail(Protocol):
    """Something that carries payments. What it raises, or when it takes too long, the outcome is unknown."""

    def pay(self, key: str, amount: Decimal, merchant: str) -> Answer:
        """Pays once for each key, however often it is asked."""
        ...


class SandboxRail:
    """A rail that moves nothing: what it answers follows from the cents, so that every outcome can be tried.

    `.51` is declined and may be tried again, `.52` is declined for good, `.53` is paid, but the first answer is lost.
    """

    def __init__(self, name: str, latency: float) -> None:
        self._name, self._latency = name, LATENCY[name] * latency
        self._answers: dict[str, Answer] = {}
        self._lock = threading.Lock()

    def pay(self, key: str, amount: Decimal, merchant: str) -> Answer:
        """Answers as the cents say."""
        time.sleep(self._latency)
        cents = int(amount * 100) % 100
        with self._lock:
            is_new = key not in self._answers
            reference = f"{self._name}-{key}"
            answer = {51: Answer(declined="busy"), 52: Answer(declined="stolen_card")}.get(cents)
            self._answers.setdefault(key, answer or Answer(reference=reference))
        if cents == 53 and is_new:
            raise ConnectionError("the answer was lost")
        return self._answers[key]


def sandbox(latency: float) -> dict[str, Rail]:
    """All rails of the sandbox."""
    return {name: SandboxRail(name, latency) for name in LATENCY}
