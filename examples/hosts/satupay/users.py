"""Users: registered, checked, with wallets that are linked and money that they pay in."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, jsonify, request
from pydantic import Field
from rewards import models as api
from rewards.models import Money

from .deps import Request, body, new_id, the_engine, told
from .payments import Amount
from .security import check_acts_for, check_staff
from .switch import HOME, PROGRAM

routes = Blueprint("users", __name__, url_prefix="/api")
Text = Annotated[str, Field(min_length=1, max_length=128)]


class User(Request):
    """A new user."""

    user_id: Text
    phone: Annotated[str, Field(pattern=r"^\+[0-9]{6,15}$")]


class Kyc(Request):
    """What is known of who somebody is."""

    status: Literal["pending", "verified", "rejected"]


class LinkWallet(Request):
    """A wallet of another provider."""

    wallet: Literal["tng", "boost", "grabpay", "maybank"]
    account: Text


class Deposit(Request):
    """Money that a user pays in."""

    user_id: Text
    amount: Amount


class Confirmation(Request):
    """What the bank says of a deposit, signed."""

    deposit: Text
    message: str
    signature: Text
    timestamp: int


@routes.post("/users")
def register() -> tuple[Response, int]:
    """Registers a user with a phone, which nobody else has."""
    check_staff()
    wanted = body(User)
    engine = the_engine()
    engine.register_member(api.RegisterMember(member=wanted.user_id, attributes={"kyc": "pending"}))
    link = api.LinkAlias(member=wanted.user_id, kind="phone", name=wanted.phone)
    engine.link_alias(link, key=f"{wanted.user_id}/phone")
    return jsonify(user_id=wanted.user_id, kyc="pending"), 201


@routes.post("/users/<path:user>/kyc")
def kyc(user: str) -> Response:
    """Says what is known of a user. Whoever is rejected can pay nothing."""
    check_staff()
    status = body(Kyc).status
    standing: api.MemberStatus = "suspended" if status == "rejected" else "active"
    update = api.UpdateMember(member=user, attributes={"kyc": status}, status=standing)
    updated = the_engine().update_member(update, key=new_id("KYC"))
    return jsonify(user_id=user, kyc=status, status=updated.status)


@routes.post("/users/<path:user>/wallets")
def link(user: str) -> tuple[Response, int]:
    """Links a wallet, which nobody else has."""
    check_acts_for(user)
    wanted = body(LinkWallet)
    alias = api.LinkAlias(member=user, kind=wanted.wallet, name=wanted.account)
    the_engine().link_alias(alias, key=new_id("WALLET"))
    return jsonify(user_id=user, wallet=wanted.wallet), 201


@routes.get("/users/<path:user>/balance")
def balance(user: str) -> Response:
    """What a user has, and what of it is held."""
    check_acts_for(user)
    assets = the_engine().get_balance(api.GetBalance(member=user)).assets
    own: Any = next((one for one in assets if one.available.asset == HOME), None)
    nothing = Decimal("0.00")
    held = own.reserved.amount if own and own.reserved else nothing
    return jsonify(user_id=user, available=str(own.available.amount if own else nothing), held=str(held))


@routes.post("/deposits")
def deposit() -> tuple[Response, int]:
    """Begins a deposit. Nobody but the bank can confirm it."""
    wanted = body(Deposit)
    check_acts_for(wanted.user_id)
    request_ = api.InitiateDeposit(
        deposit=new_id("DEPOSIT"),
        program=PROGRAM,
        member=wanted.user_id,
        amount=Money.of(str(wanted.amount), HOME),
        provider="bank",
    )
    begun = the_engine().initiate_deposit(request_)
    return jsonify(deposit=begun.deposit, expires_at=begun.expires_at.isoformat()), 201


@routes.post("/deposits/confirm")
def confirm() -> Response:
    """The bank says that money came in."""
    wanted = body(Confirmation)
    return told(the_engine().confirm_deposit(api.ConfirmDeposit(**wanted.model_dump())))


@routes.put("/rates")
def rates() -> Response:
    """Takes in rates of the desk: lines, or a file of the European Central Bank."""
    check_staff()
    request_ = api.ImportRates.model_validate_json(request.get_data() or b"{}")
    return told(the_engine().import_rates(request_, key=new_id("RATES")))
