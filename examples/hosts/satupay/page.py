"""The dashboard as a page: drawn here, with parts that htmx asks for again.

Each part is a path of its own, for those who may see the page. Charts are drawn here as well, so that the only script is htmx itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Union

from flask import Blueprint, Response, render_template, request
from rewards import models as api

from . import security
from .dashboard import DAYS, Filter, Toggle, overview, recent, switch_stage
from .deps import query, the_engine
from .errors import refused
from .payments import transaction
from .rails import LATENCY

routes = Blueprint("page", __name__, url_prefix=security.PAGES)
HOURS = 24


@routes.before_request
def guard() -> None:
    """Refuses users, and what another site has a browser send."""
    if request.path == security.SIGN_IN:
        return
    security.check_staff()
    if request.method == "POST" and security.CHANGED_BY not in request.headers:
        raise refused(403, "header_missing", f"expected the header `{security.CHANGED_BY}`")


def bars(values: Mapping[str, Union[int, Decimal]]) -> list[dict[str, Any]]:
    """What a chart shows, with the largest as 100."""
    most = max(values.values(), default=0) or 1
    return [{"label": name, "value": one, "size": int(100 * one // most)} for name, one in values.items()]


def figures(payments: tuple[list[api.PaymentDetails], bool]) -> dict[str, Any]:
    """All figures, and charts of them; hours and days without a payment are shown, too."""
    seen, now = overview(payments), datetime.now(timezone.utc)
    found = seen["transactions"]
    hours = [f"{now - timedelta(hours=ago):%Y-%m-%dT%H}" for ago in reversed(range(HOURS))]
    days = [f"{now - timedelta(days=ago):%Y-%m-%d}" for ago in reversed(range(DAYS))]
    charts = {
        "hour": bars({hour[11:]: found["hourly"].get(hour, 0) for hour in hours}),
        "day": bars({day[5:]: found["daily"].get(day, 0) for day in days}),
        "state": bars(found["by_status"]),
        "rail": bars({rail: Decimal(one["volume"]) for rail, one in found["by_rail"].items()}),
    }
    return seen | {"charts": charts}


def listed(payments: list[api.PaymentDetails]) -> list[dict[str, Any]]:
    """The newest of these payments that the filter keeps."""
    wanted = query(Filter)
    told = map(transaction, payments)
    return [one for one in told if wanted.keeps(one)][: wanted.limit]


@routes.get("")
def page() -> str:
    """The page."""
    found = recent(the_engine())
    return render_template("dashboard.html", **figures(found), listed=listed(found[0]), rails=LATENCY)


@routes.get("/figures")
def part_figures() -> str:
    """Figures and charts."""
    return render_template("figures.html", **figures(recent(the_engine())))


@routes.get("/transactions")
def part_transactions() -> str:
    """Payments."""
    return render_template("transactions.html", listed=listed(recent(the_engine())[0]))


@routes.post("/plugins/<stage>")
def part_plugins(stage: str) -> str:
    """Switches a stage on or off, and shows what is now."""
    switch_stage(stage, Toggle.model_validate(request.form.to_dict()).enabled)
    return render_template("figures.html", **figures(recent(the_engine())))


@routes.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    """Takes the API key for a session."""
    if request.method == "GET":
        return render_template("sign_in.html")
    if not security.is_api_key(request.form.get("key", "")):
        return render_template("sign_in.html", is_wrong=True), 403
    answer = Response(status=303, headers={"Location": security.PAGES})
    security.start_session(answer)
    return answer


@routes.post("/sign-out")
def sign_out() -> Response:
    """Forgets the session."""
    answer = Response(headers={"HX-Redirect": security.SIGN_IN})
    answer.delete_cookie(security.COOKIE, path=security.PAGES)
    return answer
