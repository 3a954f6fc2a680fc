"""Payments: begun, looked at, refunded."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Optional

from flask import Blueprint, Response, jsonify
from pydantic import Field
from rewards import models as api
from rewards.models import Money

from .deps import Request, body, new_id, the_engine, the_switch
from .errors import refused
from .rails import rail_of
from .security import check_acts_for, check_staff
from .switch import HOME, PROGRAM

routes = Blueprint("payments", __name__, url_prefix="/api")
Amount = Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=2)]
STATUSES = {"created": "pending", "held": "pending", "unknown": "processing", "expired": "failed"}
"""What states of payments are called here, where that is another word."""


class Pay(Request):
    """What somebody wants to pay."""

    amount: Amount
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    payment_method: Literal["qr", "nfc", "online", "wallet"]
    merchant_id: Annotated[str, Field(min_length=1, max_length=128)]
    user_id: Annotated[str, Field(min_length=1, max_length=128)]
    rail: Literal["duitnow", "paynow", "boost", "tng"] = "duitnow"


class Refund(Request):
    """What of a payment goes back; all that is left when no amount is said."""

    txn_id: str
    amount: Optional[Amount] = None
    reason: Annotated[str, Field(min_length=1, max_length=64, pattern="^[a-z0-9_-]+$")] = "customer-request"


def begin(pay: Pay, txn: str, route: Optional[str] = None) -> dict[str, Any]:
    """Prices a payment, holds its value and hands it to the switch; by the way of its rail unless another one is named."""
    switch = the_switch()
    price, exchange = switch.price(Money.of(str(pay.amount), pay.currency))
    payment = api.CreatePayment(
        payment=txn,
        program=PROGRAM,
        member=pay.user_id,
        amount=price,
        route=route or pay.rail,
        merchant=pay.merchant_id,
        channel=pay.payment_method,
    )
    held = switch.hold(payment, exchange)
    if held.state == "held":
        switch.go_on(txn)
    return transaction(the_engine().get_payment(api.GetPayment(payment=txn)))


def transaction(found: api.PaymentDetails) -> dict[str, Any]:
    """A payment as this service tells it."""
    answers = {stage.run.stage: dict(stage.run.answer) for stage in found.stages}
    fx, risk = answers.get("fx", {}), answers.get("risk", {})
    return {
        "txn_id": found.payment,
        "user_id": found.member,
        "merchant_id": found.merchant,
        "status": STATUSES.get(found.state, found.state),
        "outcome_known": found.state != "unknown",
        "failure": found.model_dump(mode="json", include={"failure"}).get("failure"),
        "amount": str(found.amount.amount),
        "currency": HOME,
        "original": fx.get("original"),
        "rate": fx.get("rate"),
        "fee": str(found.terms.fee.amount) if found.terms.fee else "0.00",
        "fee_paid_by": found.terms.paid_by,
        "charged": str(found.terms.given.amount),
        "arrives": str(found.terms.arrived.amount),
        "method": found.channel,
        "rail": rail_of(found.terms.route),
        "reference": found.reference,
        "attempts": len(found.attempts),
        "risk_score": risk.get("score"),
        "refunded": str(sum((part.amount.amount for part in found.refunds), Decimal(0))),
        "created_at": found.created_at.isoformat(),
        "completed_at": found.completed_at and found.completed_at.isoformat(),
    }


@routes.post("/pay")
def pay() -> tuple[Response, int]:
    """Begins a payment. What becomes of it `status` tells."""
    wanted = body(Pay)
    check_acts_for(wanted.user_id)
    return jsonify(begin(wanted, new_id("TXN"))), 202


@routes.get("/status/<path:txn>")
def status(txn: str) -> Response:
    """Where a payment is."""
    found = the_engine().get_payment(api.GetPayment(payment=txn))
    check_acts_for(found.member)
    return jsonify(transaction(found))


@routes.post("/refund")
def refund() -> Response:
    """Gives back what was paid, as a whole or a part, any number of times."""
    check_staff()
    wanted = body(Refund)
    amount = None if wanted.amount is None else Money.of(str(wanted.amount), HOME)
    request = api.RefundPayment(
        refund=new_id("REFUND"), payment=wanted.txn_id, amount=amount, reason=wanted.reason
    )
    done = the_engine().refund_payment(request)
    return jsonify(
        refund_id=done.refund,
        txn_id=done.payment,
        type="full" if done.state == "refunded" else "partial",
        status=done.state,
        amount=str(done.amount.amount),
        fee=str(done.fee.amount) if done.fee else "0.00",
        left=str(done.left.amount),
        reason=wanted.reason,
    )


@routes.post("/payments/<path:txn>/review")
def review(txn: str) -> Response:
    """Somebody decides a payment that is to be reviewed."""
    check_staff()
    wanted = body(Review)
    engine = the_engine()
    claim = api.ClaimReview(payment=txn, owner=wanted.reviewer)
    engine.claim_review(claim, key=new_id("CLAIM"))
    engine.decide_review(api.DecideReview(payment=txn, owner=wanted.reviewer, decision=wanted.decision))
    the_switch().go_on(txn)
    return status(txn)


class Review(Request):
    """What somebody decides of a payment."""

    reviewer: Annotated[str, Field(pattern="^[a-z0-9_-]+$", max_length=64)]
    decision: Literal["approve", "block"]


def check_home(currency: str) -> None:
    """Refuses what only the currency of the wallets can be."""
    if currency != HOME:
        raise refused(400, "currency_unsupported", f"expected `{HOME}`")
