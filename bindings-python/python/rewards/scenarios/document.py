"""The file itself: cases, steps, and what is expected of them."""

from __future__ import annotations

from typing import Any, Optional

from pydantic import model_validator

from ..keys import KeyPurpose, KeyRing, RingKey
from ..models import Model, Timestamp
from ..operations import OPERATIONS

REQUESTS: dict[str, type[Model]] = {operation.name: operation.request for operation in OPERATIONS}
"""The class of the request of each operation, by its name."""

Json = Any
Outcome = dict[str, Json]
"""What a step comes to, as a step writes it."""


class Step(Model):
    operation: str
    now: Timestamp
    key: Optional[str] = None
    request: Json
    reply: Json = None
    replayed: bool = False
    fault: Json = None

    @model_validator(mode="after")
    def _check(self) -> Step:
        if self.operation not in REQUESTS:
            raise ValueError(f"no operation has the name `{self.operation}`")
        if self.reply is not None and self.fault is not None:
            raise ValueError("expected one of `reply` and `fault`, got both")
        if self.replayed and self.fault is not None:
            raise ValueError("a fault is never replayed")
        return self

    def expected(self) -> Outcome:
        if self.reply is not None:
            return replied(self.reply, self.replayed)
        return {} if self.fault is None else {"fault": self.fault}


class CaseKey(Model):
    purpose: KeyPurpose
    id: str
    key: str
    valid_from: Timestamp
    valid_until: Optional[Timestamp] = None

    def ring_key(self) -> RingKey:
        return RingKey(self.purpose, self.id, bytes.fromhex(self.key), self.valid_from, self.valid_until)


class Case(Model):
    name: str
    about: Optional[str] = None
    key_ring: Optional[list[CaseKey]] = None
    steps: list[Step]

    def ring(self) -> Optional[KeyRing]:
        if self.key_ring is None:
            return None
        return KeyRing(key.ring_key() for key in self.key_ring)


class File(Model):
    about: str
    cases: list[Case]

    @model_validator(mode="after")
    def _check(self) -> File:
        names = [case.name for case in self.cases]
        if not names or len(set(names)) < len(names):
            raise ValueError("expected at least one case, each with a name of its own")
        if not all(case.steps for case in self.cases):
            raise ValueError("expected at least one step in each case")
        for case in self.cases:
            case.ring()
        return self


def replied(reply: Json, replayed: bool) -> Outcome:
    return {"reply": reply, "replayed": True} if replayed else {"reply": reply}
