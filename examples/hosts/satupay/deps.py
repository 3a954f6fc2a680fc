"""What routes work with: the engine, the switch, bodies of requests, ids."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timezone
from typing import TypeVar

from flask import Response, current_app, g, request
from pydantic import BaseModel, ConfigDict
from rewards import Engine
from rewards.models import Model

from .switch import Switch

Body = TypeVar("Body", bound=BaseModel)


class Request(BaseModel):
    """A body of a request: what it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def the_switch() -> Switch:
    """The switch of this process."""
    switch: Switch = current_app.extensions["switch"]
    return switch


def the_engine() -> Engine:
    """The engine, open as long as the service runs."""
    return the_switch().engine


def body(kind: type[Body]) -> Body:
    """The body of the request."""
    return kind.model_validate_json(request.get_data() or b"{}")


def query(kind: type[Body]) -> Body:
    """What the address asks for; what is empty is not asked for."""
    return kind.model_validate({name: value for name, value in request.args.items() if value})


def told(reply: Model, status: int = 200) -> Response:
    """A reply of the engine as it is."""
    return Response(reply.to_json(), status, mimetype="application/json")


def new_id(prefix: str) -> str:
    """An id such as `TXN_20260302120000_0a1b2c3d`; the same one for the same idempotency key of the same caller.

    Nobody else can work it out.
    """
    given = request.headers.get("Idempotency-Key")
    if given is not None:
        settings = current_app.config["SETTINGS"]
        secret = settings.satupay_jwt_secret or settings.satupay_api_key or ""
        said = "\0".join((g.user or "", request.path, given))
        own = hmac.new(secret.encode(), said.encode(), "sha256").hexdigest()
        return f"{prefix}_{own[:32]}"
    return f"{prefix}_{datetime.now(timezone.utc):%Y%m%d%H%M%S}_{secrets.token_hex(4)}"
