# pyright: strict
"""How a program uses the package, for the type checkers: every name has its type, and no `Any` is left."""

import asyncio
from datetime import datetime, timezone

import rewards
from rewards.models import (
    AssetBalance,
    Balance,
    GetBalance,
    Money,
    Purchase,
    QuotedPurchase,
    QuotePurchase,
    RecordedPurchase,
    RecordPurchase,
)
from typing_extensions import assert_type

ORDER = Purchase(
    id="order-1",
    member="ada",
    program="club",
    occurred_at=datetime(2026, 1, 1, tzinfo=timezone.utc),
    total=Money.of("80.00", "EUR"),
)


def buy(engine: rewards.Engine) -> list[AssetBalance]:
    assert_type(engine.quote_purchase(QuotePurchase(purchase=ORDER)), QuotedPurchase)
    recorded = engine.record_purchase(RecordPurchase(purchase=ORDER), key="order-1")
    assert_type(recorded, RecordedPurchase)
    receipt = engine.execute(RecordPurchase(purchase=ORDER))
    assert_type(receipt, rewards.Receipt[RecordedPurchase])
    return engine.get_balance(GetBalance(member="ada")).assets


async def buy_later(engine: rewards.AsyncEngine) -> bool:
    receipt = await engine.execute(GetBalance(member="ada"))
    assert_type(receipt, rewards.Receipt[Balance])
    return receipt.replayed


async def main() -> None:
    async with rewards.AsyncEngine.open("memory:", tenant="shop", seed=7) as engine:
        assert_type(engine, rewards.AsyncEngine)
        await buy_later(engine)


def run() -> None:
    with rewards.open("memory:") as engine:
        assert_type(engine, rewards.Engine)
        try:
            buy(engine)
        except rewards.RejectedError as error:
            print(error.code, error.detail, dict(error.context), error.http_status)
    asyncio.run(main())
