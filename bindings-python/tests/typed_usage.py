"""How the models are written manually; the type checkers read this file, and the tests run it."""

from datetime import date, datetime, timezone
from decimal import Decimal

from rewards.models import (
    AllCondition,
    AmountCondition,
    AmountLimit,
    AmountTest,
    Benefits,
    Cap,
    CategoryCondition,
    DateRange,
    DatesCondition,
    DaysPending,
    DaysPeriod,
    Expiry,
    GrantedVerdict,
    Ladder,
    Lifecycle,
    LimitAmount,
    Line,
    Money,
    PercentEffect,
    PercentReward,
    PerUnitEffect,
    PerUnitReward,
    Program,
    Purchase,
    QuotedPurchase,
    QuotePurchase,
    Rule,
    SpendMeasure,
    Tier,
    UnitDefinition,
    UpdateMember,
    WithoutBasis,
)
from rewards.operations import OPERATIONS, QUOTE_PURCHASE

club = Program(
    id="club",
    currency="EUR",
    zone="Europe/Berlin",
    units=[UnitDefinition(asset="points")],
    rules=[
        Rule(
            id="books",
            when=AllCondition(
                all=[
                    CategoryCondition(category=["books"]),
                    AmountCondition(amount=AmountTest(of="goods", at_least=Decimal("20"))),
                    DatesCondition(dates=DateRange(from_=date(2026, 1, 1), through=date(2026, 6, 30))),
                ]
            ),
            effect=PercentEffect(percent=PercentReward(rate="5%", of=WithoutBasis(without=["fee"]))),
            caps=["monthly"],
        ),
        Rule(
            id="points",
            priority=-1,
            effect=PerUnitEffect(
                per_unit=PerUnitReward(
                    amount=Decimal(1), asset="points", every=Decimal("1.50"), remainder="carry"
                )
            ),
        ),
    ],
    caps=[
        Cap(
            id="monthly",
            per="member",
            every=DaysPeriod(days=30),
            limit=AmountLimit(amount=LimitAmount(amount=Decimal(50))),
        )
    ],
    ladders=[
        Ladder(
            id="status",
            measure=SpendMeasure(spend="net"),
            window="anniversary",
            tiers=[
                Tier(id="base", threshold=Decimal(0)),
                Tier(id="gold", threshold=Decimal(500), benefits=Benefits(multiplier=Decimal("1.5"))),
            ],
        )
    ],
    lifecycle=Lifecycle(pending=DaysPending(days=14), expires=Expiry(months=12, round="end_of_month")),
)

purchase = Purchase(
    id="order-1",
    member="ada",
    program=club.id,
    occurred_at=datetime(2026, 3, 1, 12, 30, tzinfo=timezone.utc),
    total=Money.of("42.50", "EUR"),
    category="books",
    lines=[Line(amount=Money(amount=Decimal("42.50"), asset="EUR"), quantity=2)],
    attributes={"device": "d-7"},
)

suspend = UpdateMember(member="ada", status="suspended")

quote = QuotePurchase(purchase=purchase, explain=True)


def granted(reply: QuotedPurchase) -> list[Decimal]:
    """What each rule granted, by the explanation."""
    outcomes = [explanation.outcome for explanation in reply.explanation or []]
    return [outcome.granted.granted.amount for outcome in outcomes if isinstance(outcome, GrantedVerdict)]


def names() -> list[str]:
    """The names of all operations."""
    return [operation.name for operation in OPERATIONS]


def read(text: str) -> list[Decimal]:
    """What a reply in JSON granted."""
    reply: QuotedPurchase = QUOTE_PURCHASE.reply.from_json(text)
    return granted(reply)
