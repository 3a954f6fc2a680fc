"""What goes wrong, as answers: one form for everything."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response
from pydantic import ValidationError
from rewards import InvalidError, RejectedError, RewardsError
from rewards.models import Fault
from werkzeug.exceptions import HTTPException

TOKENS = ["token_spent", "token_expired", "token_cancelled"]
CODES = ["qr_scanned", "qr_expired", "qr_cancelled", "qr_route_unknown"]
STATUSES = dict.fromkeys(TOKENS + CODES, 400)
"""Where this service answers otherwise than the engine says."""


def refused(status: int, code: str, detail: str) -> RejectedError:
    """What the service refuses by itself, in the form in which the engine refuses."""
    return RejectedError(Fault(kind="rejected", code=code, detail=detail), status, retryable=False)


def answer(error: RewardsError) -> Response:
    """A fault as it is answered."""
    status = STATUSES.get(error.code, error.http_status)
    headers = {"Retry-After": "1"} if error.retryable or status == 429 else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(error.fault.to_json(), status, headers, mimetype="application/json")


def install(app: Flask) -> None:
    """Answers everything in one form."""

    @app.errorhandler(RewardsError)
    def refuse(error: RewardsError) -> Response:
        return answer(error)

    @app.errorhandler(ValidationError)
    def refuse_request(error: ValidationError) -> Response:
        problems: Any = error.errors(include_url=False, include_context=False)
        return answer(InvalidError.from_errors(problems))

    @app.errorhandler(HTTPException)
    def refuse_route(error: HTTPException) -> Response:
        return answer(refused(error.code or 500, "request_refused", error.description or error.name))
