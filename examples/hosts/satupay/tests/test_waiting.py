"""What the switch reads to find the payments that wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from rewards import Engine, models, read_program
from rewards.models import Money
from satupay.app import TERMS
from satupay.switch import PROGRAM, Switch

NOW = datetime.now(timezone.utc)
LONG_AGO = NOW - timedelta(days=2)
MEMBERS = ["ada", "bob", "cid", "dee"]


class Counting:
    """An engine that counts how often each payment is read, in a list or by itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.reads: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def list_payments(self, request: models.ListPayments) -> models.PaymentList:
        page = self._engine.list_payments(request)
        for one in page.payments:
            self.reads[one.payment] = self.reads.get(one.payment, 0) + 1
        return page

    def get_payment(self, request: models.GetPayment) -> models.PaymentDetails:
        self.reads[request.payment] = self.reads.get(request.payment, 0) + 1
        return self._engine.get_payment(request)


class Books:
    """Members with money, whose payments are created at any time."""

    def __init__(self) -> None:
        self.engine = Engine.open("memory:")
        program = read_program(TERMS.read_text())
        assert program.payments
        payments = program.payments.model_copy(update={"assessed": False})
        spend = models.Redemptions(order=["cashback"])
        own = program.model_copy(update={"payments": payments, "redemptions": spend, "pipeline": None})
        self.engine.publish_program(models.PublishProgram(program=own), key="p", now=LONG_AGO)
        # One member can hold no more than a hundred payments at once.
        for member in MEMBERS:
            self.engine.register_member(models.RegisterMember(member=member), now=LONG_AGO)
            grant = models.GrantReward(member=member, amount=Money.of("100.00", "MYR"), reason="test")
            self.engine.grant_reward(grant, key=f"money-{member}", now=LONG_AGO)

    def hold(self, payment: str, at: datetime, member: str = "ada") -> None:
        create = models.CreatePayment(
            payment=payment, program=PROGRAM, member=member, amount=Money.of("1.00", "MYR"), route="duitnow"
        )
        self.engine.create_payment(create, now=at)
        self.engine.hold_payment(models.HoldPayment(payment=payment), key=f"hold-{payment}", now=at)


@pytest.fixture
def books() -> Iterator[Books]:
    own = Books()
    yield own
    own.engine.close()


def test_what_expired_is_not_read_at_each_look(books: Books) -> None:
    for number in range(300):
        books.hold(f"old-{number:03}", LONG_AGO + timedelta(seconds=number), MEMBERS[number % 4])
    books.hold("new", NOW)
    engine: Any = Counting(books.engine)
    switch = Switch(engine, {}, 1, 1)
    assert switch.waiting() == ["new"]
    engine.reads.clear()
    for _ in range(5):
        assert switch.waiting() == ["new"]
    assert engine.reads == {"new": 5}


def test_only_the_last_of_what_expired_is_read_again(books: Books) -> None:
    for number in range(3):
        books.hold(f"old-{number}", LONG_AGO + timedelta(seconds=number))
    engine: Any = Counting(books.engine)
    switch = Switch(engine, {}, 1, 1)
    assert switch.waiting() == []
    engine.reads.clear()
    assert switch.waiting() == []
    assert engine.reads == {"old-2": 1}, "the place behind which what is new is found"
    books.hold("new", NOW)
    assert switch.waiting() == ["new"]


def test_what_is_held_again_is_found_where_others_expired(books: Books) -> None:
    books.hold("slow", LONG_AGO)
    submit = models.SubmitPayment(payment="slow")
    books.engine.submit_payment(submit, key="s", now=LONG_AGO + timedelta(seconds=1))
    for number in range(3):
        books.hold(f"old-{number}", LONG_AGO + timedelta(seconds=2 + number))
    switch = Switch(books.engine, {}, 1, 1)
    assert switch.waiting() == ["slow"]
    declined = models.DeclinedAttemptOutcome(declined=models.Declined(code="busy"))
    report = models.ReportPayment(payment="slow", attempt=1, outcome=declined)
    assert books.engine.report_payment(report, key="r").state == "held"
    for _ in range(3):
        assert switch.waiting() == ["slow"]
