"""What goes wrong, as answers: one form for everything, and the statuses of a coupon book service."""

from __future__ import annotations

from datetime import datetime, timezone

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from rewards import InvalidError, RejectedError, RewardsError
from rewards.models import Fault
from starlette.exceptions import HTTPException

STATUSES = {
    "coupon_assigned": 400,
    "coupon_not_assigned": 400,
    "coupon_not_locked": 400,
    "coupon_lock_required": 400,
    "coupon_lock_forbidden": 400,
    "coupon_redeemed": 400,
    "coupons_short": 404,
}
"""Where this service answers otherwise than the engine says: 400 for a step that the coupon's state does not allow."""
USE_LIMITS = ("uses_per_member", "uses")
"""Limits by which nothing is left to redeem, which is no conflict either."""


def refused(status: int, code: str, detail: str) -> RejectedError:
    """What the service refuses by itself, in the form in which the engine refuses."""
    return RejectedError(Fault(kind="rejected", code=code, detail=detail), status, retryable=False)


def answer(error: RewardsError) -> Response:
    """A fault as it is answered."""
    status = STATUSES.get(error.code, error.http_status)
    if error.code == "coupon_limit" and error.context["limit"] in USE_LIMITS:
        status = 400
    return Response(error.fault.to_json(), status, _headers(error), media_type="application/json")


def _headers(error: RewardsError) -> dict[str, str]:
    if error.code == "coupon_locked":
        return {"Retry-After": error.context["seconds"]}
    if error.code == "too_many_attempts":
        # `Z` is not read before Python 3.11.
        until = datetime.fromisoformat(error.context["until"].replace("Z", "+00:00"))
        seconds = (until - datetime.now(timezone.utc)).total_seconds()
        return {"Retry-After": str(max(0, int(seconds)) + 1)}
    if error.http_status == 401:
        return {"WWW-Authenticate": "Bearer"}
    return {"Retry-After": "1"} if error.retryable or error.http_status == 429 else {}


def install(app: FastAPI) -> None:
    """Answers everything in one form. FastAPI's own answers repeat what was sent, which may be a code."""

    @app.exception_handler(RewardsError)
    async def refuse(_: Request, error: RewardsError) -> Response:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def refuse_request(_: Request, error: RequestValidationError) -> Response:
        return answer(InvalidError.from_errors(error.errors()))

    @app.exception_handler(HTTPException)
    async def refuse_route(_: Request, error: HTTPException) -> Response:
        return answer(refused(error.status_code, "route_unknown", str(error.detail)))
