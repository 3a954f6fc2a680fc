"""What the tests share: a small program, its requests, and stores to run them on."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import rewards
from rewards import RingKey
from rewards.keys import KeyPurpose
from rewards.models import (
    ConfirmDeposit,
    Money,
    Program,
    PublishProgram,
    Purchase,
    RecordPurchase,
    RegisterMember,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)

CLUB = {
    "id": "club",
    "currency": "EUR",
    "zone": "Europe/Berlin",
    "rules": [{"id": "everything", "effect": {"percent": {"rate": "5%"}}}],
}


def club(**changes: Any) -> Program:
    """The program, with other fields where they are given."""
    return Program.model_validate({**CLUB, **changes})


def purchase(number: int = 1, member: str = "ada", amount: str = "80.00") -> Purchase:
    return Purchase(
        id=f"order-{number}",
        member=member,
        program="club",
        occurred_at=NOW,
        total=Money.of(amount, "EUR"),
    )


def record(number: int = 1, member: str = "ada", amount: str = "80.00") -> RecordPurchase:
    return RecordPurchase(purchase=purchase(number, member, amount))


def ring_key(
    id: str, *, year: int = 2000, key: bytes | None = None, purpose: KeyPurpose = "alias"
) -> RingKey:
    """A key that begins with a year; its bytes follow from its id."""
    return RingKey(
        purpose=purpose,
        id=id,
        key=hashlib.sha256(id.encode()).digest() if key is None else key,
        valid_from=datetime(year, 1, 1, tzinfo=timezone.utc),
    )


def confirm(deposit: str, key: str, amount: str = "25.00") -> ConfirmDeposit:
    """What a provider signs with the bytes of a `ring_key`."""
    message = json.dumps(
        {
            "deposit": deposit,
            "amount": {"amount": amount, "asset": "EUR"},
            "outcome": "paid",
            "reference": "pay-1",
        }
    )
    timestamp = int(NOW.timestamp())
    secret = hashlib.sha256(key.encode()).digest()
    signature = hmac.new(secret, f"{timestamp}.{message}".encode(), hashlib.sha256).hexdigest()
    return ConfirmDeposit(deposit=deposit, message=message, signature=signature, timestamp=timestamp)


def set_up(engine: rewards.Engine, *members: str) -> None:
    """Publishes the program and registers members."""
    engine.publish_program(PublishProgram(program=club()), key="club-1", now=NOW)
    for member in members or ("ada",):
        engine.register_member(RegisterMember(member=member), now=NOW)


async def set_up_async(engine: rewards.AsyncEngine, *members: str) -> None:
    """Publishes the program and registers members."""
    await engine.publish_program(PublishProgram(program=club()), key="club-1", now=NOW)
    for member in members or ("ada",):
        await engine.register_member(RegisterMember(member=member), now=NOW)


def later(**time: float) -> datetime:
    return NOW + timedelta(**time)


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a fresh store: in memory, then in a file."""
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/books.db"


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    """The address of a fresh file."""
    return f"sqlite:///{tmp_path}/books.db"


@pytest.fixture
def engine(url: str) -> Iterator[rewards.Engine]:
    """An open engine with the program and the member `ada`."""
    with rewards.open(url, seed=7) as engine:
        set_up(engine)
        yield engine
