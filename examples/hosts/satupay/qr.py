"""QR codes: given out, scanned once, paid through another wallet."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Optional, Union

import rewards
from flask import Blueprint, Response, jsonify
from pydantic import Field
from rewards import models as api
from rewards.models import Money

from .deps import Request, body, new_id, the_engine
from .errors import refused
from .payments import Amount, Pay, begin
from .rails import way
from .security import check_acts_for, check_staff
from .switch import HOME, PROGRAM

routes = Blueprint("qr", __name__, url_prefix="/api/qr")
Kind = Literal["merchant", "tng", "boost"]
Wallet = Literal["tng", "boost"]
Text = Annotated[str, Field(min_length=1, max_length=128)]


class Generate(Request):
    """A code of a merchant for one payment."""

    type: Kind
    merchant_id: Text
    merchant_name: Annotated[str, Field(min_length=1, max_length=25)] = "MERCHANT"
    city: Annotated[str, Field(min_length=1, max_length=15)] = "KUALA LUMPUR"
    amount: Amount


class Scan(Request):
    """Somebody scans a code."""

    qr_id: Text
    user_id: Optional[Text] = None


class Route(Request):
    """A code is to be paid: through which wallets, or by whom through one of them."""

    qr_id: Text
    wallet: Optional[Wallet] = None
    user_id: Optional[Text] = None


class Demo(Request):
    """The whole way of a code of one wallet that is paid through the other."""

    user_id: Text
    amount: Amount = Field(default="25.00", validate_default=True)
    merchant_id: Text = "DEMO_MERCHANT_001"


def content(wanted: Generate, qr: str) -> Any:
    """What a code shows: that of a merchant is EMVCo's, those of wallets are their own."""
    if wanted.type == "merchant":
        field = api.QrField(id=1, value=wanted.merchant_id)
        account = api.TemplateQrValue(template=api.QrTemplate(guid="com.satupay", fields=[field]))
        shows = api.MerchantQr(
            initiation="dynamic",
            accounts=[api.QrObject(id=26, value=account)],
            category="5812",
            currency=HOME,
            amount=str(wanted.amount),
            country="MY",
            name=wanted.merchant_name,
            city=wanted.city,
            additional=api.QrAdditional(bill_number=qr[-25:]),
        )
        return api.MerchantQrContent(merchant=api.BuildQr(qr=shows))
    # Those of wallets say who gave them out: a copy with another merchant or amount is no code of ours.
    signed = api.SignedContent(data=wanted.merchant_id, amount=Money.of(str(wanted.amount), HOME))
    return api.SignedQrContent(signed=signed)


def generated(wanted: Generate, qr: str) -> dict[str, Any]:
    """Gives out a code."""
    request = api.CreateQr(qr=qr, program=PROGRAM, kind=wanted.type, content=content(wanted, qr))
    made = the_engine().create_qr(request)
    return {
        "qr_id": made.qr,
        "type": wanted.type,
        "status": "active",
        "text": made.text,
        "expires_at": made.expires_at and made.expires_at.isoformat(),
    }


def shown(code: Union[api.ScannedQr, api.QrDetails]) -> tuple[str, Money]:
    """The merchant and the amount that a code shows."""
    if code.amount is not None:
        if code.signed is not None:
            return code.signed.claims.data or "", code.amount
        parsed = the_engine().parse_qr(api.ParseQr(text=code.text))
        value = parsed.qr.accounts[0].value
        if isinstance(value, api.TemplateQrValue):
            return value.template.fields[0].value, code.amount
    raise refused(400, "qr_unreadable", "the code does not say who is paid, and how much")


def quote(kind: str, amount: Money, wallet: Optional[Wallet]) -> api.QuotedQrRoutes:
    """What paying a code comes to through one wallet, or through each."""
    subject = api.KindQrSubject(kind=kind)
    wallets: list[str] = [wallet] if wallet else []
    request = api.QuoteQrRoutes(program=PROGRAM, of=subject, amount=amount, wallets=wallets)
    return the_engine().quote_qr_routes(request)


def with_wallets(program: api.Program) -> api.Program:
    """The program with a way of payments for each wallet and code: its fee is that of the route between them, and who pays it, too.

    So a fee is written down once, and never part of what a merchant is paid.
    """
    if program.payments is None or program.qr is None:
        return program
    ways = [
        api.PaymentRoute(id=way(one.code, wallet), fees=[api.FeeBand(fee=one.fee)] if one.fee else [])
        for one in program.qr.routes
        for wallet in one.wallets
    ]
    payments = program.payments.model_copy(update={"routes": [*program.payments.routes, *ways]})
    return program.model_copy(update={"payments": payments})


@routes.post("/generate")
def generate() -> tuple[Response, int]:
    """Gives out a code for a quarter of an hour."""
    check_staff()
    return jsonify(generated(body(Generate), new_id("QR"))), 201


@routes.get("/<qr>.svg")
def picture(qr: str) -> Response:
    """The picture of a code, for a screen."""
    check_staff()
    found = the_engine().get_qr(api.GetQr(qr=qr))
    return Response(rewards.qr_svg(found.text), mimetype="image/svg+xml")


@routes.post("/scan")
def scan() -> Response:
    """Scans a code: once, and in its time."""
    wanted = body(Scan)
    if wanted.user_id is not None:
        check_acts_for(wanted.user_id)
    done = the_engine().scan_qr(api.ScanQr(qr=wanted.qr_id, by=wanted.user_id), key=new_id("SCAN"))
    merchant, amount = shown(done)
    return jsonify(
        qr_id=done.qr, status="scanned", type=done.kind, merchant_id=merchant, amount=str(amount.amount)
    )


@routes.post("/route")
def route() -> tuple[Response, int]:
    """Tells through which wallets a code can be paid, and pays it through one when a user is named."""
    wanted = body(Route)
    found = the_engine().get_qr(api.GetQr(qr=wanted.qr_id))
    _, amount = shown(found)
    quoted = quote(found.kind, amount, wanted.wallet)
    told = {
        "qr_id": found.qr,
        "amount": str(amount.amount),
        "recommended": quoted.recommended,
        "routes": [
            {
                "wallet": one.wallet,
                "fee": str(one.fee.amount),
                "fee_paid_by": one.paid_by,
                "total": str(one.given.amount),
                "arrives": str(one.arrived.amount),
            }
            for one in quoted.routes
        ],
    }
    if wanted.user_id is None or wanted.wallet is None:
        return jsonify(told), 200
    check_acts_for(wanted.user_id)
    if found.state != "scanned":
        raise refused(400, "qr_not_scanned", "scan the code first")
    return jsonify(told | {"payment": paid(found, wanted.wallet, wanted.user_id)}), 202


def paid(found: api.QrDetails, wallet: Wallet, user: str) -> dict[str, Any]:
    """Pays a code once: the payment is called as the code is, and is for what the code says."""
    shop, price = shown(found)
    pay = Pay(
        amount=price.amount, currency=HOME, payment_method="qr", merchant_id=shop, user_id=user, rail=wallet
    )
    return begin(pay, f"TXN_{found.qr}", way(found.kind, wallet))


@routes.post("/demo/tng-boost")
def demo() -> tuple[Response, int]:
    """A code of one wallet is given out, scanned and paid through the other."""
    wanted = body(Demo)
    check_acts_for(wanted.user_id)
    qr = new_id("DEMO")
    made = generated(Generate(type="tng", merchant_id=wanted.merchant_id, amount=wanted.amount), qr)
    engine = the_engine()
    engine.scan_qr(api.ScanQr(qr=qr, by=wanted.user_id), key=f"SCAN_{qr}")
    found = engine.get_qr(api.GetQr(qr=qr))
    return jsonify(qr=made, payment=paid(found, "boost", wanted.user_id)), 202
