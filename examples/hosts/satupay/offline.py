"""Offline tokens of those who bear them: value is reserved, and paid out to whoever shows the token first."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Literal, Optional, Union

from flask import Blueprint, Response, jsonify
from flask import request as flask_request
from pydantic import Field, TypeAdapter
from rewards import models as api
from rewards.models import Money

from .deps import Request, new_id, the_engine
from .payments import Amount, check_home
from .security import check_acts_for, check_staff
from .switch import PROGRAM

routes = Blueprint("offline", __name__, url_prefix="/api")
Text = Annotated[str, Field(min_length=1, max_length=128)]


class Create(Request):
    """A token for a user, for a day unless less is said."""

    action: Literal["create"]
    user_id: Text
    amount: Amount
    currency: str = "MYR"
    expiry_hours: Annotated[Optional[int], Field(ge=1, le=24)] = None


class Redeem(Request):
    """A token is paid out to a merchant."""

    action: Literal["redeem"]
    token_id: Text
    merchant_id: Text


class Validate(Request):
    """Where a token is in its life."""

    action: Literal["validate"]
    token_id: Text


class Cancel(Request):
    """A token is given back."""

    action: Literal["cancel"]
    token_id: Text
    user_id: Text


Action = TypeAdapter(Annotated[Union[Create, Redeem, Validate, Cancel], Field(discriminator="action")])


@routes.post("/payoffline")
def payoffline() -> Response:
    """Creates, validates, redeems or cancels a token."""
    wanted = Action.validate_json(flask_request.get_data() or b"{}")
    if isinstance(wanted, Create):
        return create(wanted)
    if isinstance(wanted, Redeem):
        check_staff()
        order = new_id("OFFLINE")
        request = api.RedeemToken(token=wanted.token_id, order=order, merchant=wanted.merchant_id)
        paid = the_engine().redeem_token(request)
        return jsonify(txn_id=order, token_id=paid.token, status="redeemed", amount=str(paid.paid.amount))
    if isinstance(wanted, Validate):
        return jsonify(token(the_engine().get_token(api.GetToken(token=wanted.token_id))))
    check_acts_for(wanted.user_id)
    request_ = api.CancelToken(member=wanted.user_id, token=wanted.token_id)
    unspent = the_engine().cancel_token(request_).unspent
    return jsonify(token_id=wanted.token_id, status="cancelled", amount=str(unspent.amount))


def create(wanted: Create) -> Response:
    """A token whose id nobody can guess: whoever knows it can redeem it."""
    check_acts_for(wanted.user_id)
    check_home(wanted.currency)
    given = flask_request.headers.get("Idempotency-Key")
    own = new_id("TOKEN") if given is not None else f"TOKEN_{secrets.token_hex(16)}"
    request = api.IssueToken(
        token=own,
        member=wanted.user_id,
        program=PROGRAM,
        amount=Money.of(str(wanted.amount), wanted.currency),
        lifetime_minutes=wanted.expiry_hours and wanted.expiry_hours * 60,
    )
    issued = the_engine().issue_token(request)
    response = jsonify(
        token_id=own,
        status="active",
        amount=str(wanted.amount),
        currency=wanted.currency,
        expires_at=issued.claims.expires_at.isoformat(),
        text=issued.text,
    )
    response.status_code = 201
    return response


def token(found: api.TokenDetails) -> dict[str, Any]:
    """A token as this service tells it."""
    claims = found.claims
    return {
        "token_id": claims.token,
        "user_id": claims.member,
        "status": "redeemed" if found.state == "spent" else found.state,
        "valid": found.state == "active",
        "amount": str(claims.amount.amount),
        "currency": claims.amount.asset,
        "expires_at": claims.expires_at.isoformat(),
    }
