"""What staff look at: figures, payments, stages, tokens, users, as JSON; `page` shows the same."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from statistics import mean, median
from typing import Annotated, Any, Callable, Optional

from flask import Blueprint, Response, jsonify
from pydantic import AwareDatetime, Field
from rewards import Engine
from rewards import models as api

from .deps import Request, body, new_id, query, the_engine, the_switch
from .errors import refused
from .health import detailed
from .payments import transaction
from .rails import rail_of
from .security import check_staff
from .switch import PROGRAM

routes = Blueprint("dashboard", __name__)
routes.before_request(check_staff)
DAYS = 7
MILLISECOND = timedelta(milliseconds=1)
READ_MAX = 10_000
"""How many things one answer looks at, at most: it says so when there were more."""
PAGE = 500
BUCKETS = [(50, "0-50"), (200, "51-200"), (500, "201-500"), (1_000, "501-1000")]


class Filter(Request):
    """Which payments."""

    status: Optional[str] = None
    rail: Optional[str] = None
    since: Optional[AwareDatetime] = None
    until: Optional[AwareDatetime] = None
    after: Optional[str] = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50

    def keeps(self, told: dict[str, Any]) -> bool:
        """Whether a payment is one of them."""
        at = datetime.fromisoformat(told["created_at"])
        return (
            self.status in (None, told["status"])
            and self.rail in (None, told["rail"])
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
        )


class Toggle(Request):
    """Whether a stage runs."""

    enabled: bool


def pages(read: Callable[[Any], Any], ask: type[Any], items: str) -> tuple[list[Any], bool]:
    """Everything there is, and whether that was all."""
    found: list[Any] = []
    after = None
    while len(found) < READ_MAX:
        page = read(ask(after=after, limit=PAGE))
        found += getattr(page, items)
        after = page.next
        if after is None:
            return found, True
    return found, False


def recent(engine: Engine) -> tuple[list[api.PaymentDetails], bool]:
    """Payments of the last days, newest first."""
    begin = datetime.now(timezone.utc) - timedelta(days=DAYS)

    def read(ask: api.ListPayments) -> api.PaymentList:
        page = engine.list_payments(ask)
        kept = [one for one in page.payments if one.created_at >= begin]
        is_over = len(kept) < len(page.payments)
        return api.PaymentList(payments=kept, next=None if is_over else page.next)

    return pages(read, api.ListPayments, "payments")


def tokens(engine: Engine) -> tuple[list[api.ListedToken], bool]:
    """All tokens."""
    return pages(engine.list_tokens, api.ListTokens, "tokens")


def percent(part: int, whole: int) -> str:
    """A share, with one decimal."""
    return "0.0" if whole == 0 else f"{Decimal(100 * part) / whole:.1f}"


def of_payments(found: list[api.PaymentDetails]) -> dict[str, Any]:
    """Figures of payments: how they ended, what they were worth, by hour, day and rail."""
    states = Counter(transaction(one)["status"] for one in found)
    paid = [one for one in found if one.completed_at]
    amounts = sorted(one.amount.amount for one in paid)
    buckets: Counter[str] = Counter()
    for amount in amounts:
        buckets[next((name for most, name in BUCKETS if amount <= most), "1000+")] += 1
    rails = {}
    for rail in sorted({rail_of(one.terms.route) for one in found}):
        own = [one for one in paid if rail_of(one.terms.route) == rail]
        took = [(one.completed_at - one.created_at) // MILLISECOND for one in own if one.completed_at]
        rails[rail] = {
            "count": len(own),
            "volume": str(sum((one.amount.amount for one in own), Decimal(0))),
            "mean_ms": int(mean(took)) if took else None,
        }
    hours = Counter(f"{one.created_at:%Y-%m-%dT%H}" for one in found)
    days = Counter(f"{one.created_at:%Y-%m-%d}" for one in found)
    return {
        "total": len(found),
        "by_status": dict(states),
        "success_percent": percent(len(paid), len(paid) + states["failed"]),
        "volume": str(sum(amounts, Decimal(0))),
        "hourly": dict(sorted(hours.items())),
        "daily": dict(sorted(days.items())),
        "by_rail": rails,
        "by_amount": dict(buckets),
        "mean": str(mean(amounts).quantize(Decimal("0.01"))) if amounts else None,
        "median": str(median(amounts)) if amounts else None,
    }


def of_tokens(found: list[api.ListedToken]) -> dict[str, Any]:
    """Figures of tokens."""
    states = Counter(one.state for one in found)
    active = sum((one.reserved.amount for one in found if one.state == "active"), Decimal(0))
    return {
        "total": len(found),
        "by_status": dict(states),
        "active_value": str(active),
        "redemption_percent": percent(states["spent"], len(found)),
    }


def logs(found: list[api.PaymentDetails], most: int) -> list[dict[str, Any]]:
    """The newest runs of stages."""
    runs = [
        {"txn_id": one.payment, "at": stage.at, **stage.run.model_dump(mode="json")}
        for one in found
        for stage in reversed(one.stages)
    ]
    return runs[:most]


def stages(engine: Engine) -> list[dict[str, Any]]:
    """The stages of the program, and how each did."""
    asked = api.GetStageStatistics(program=PROGRAM)
    statistics = {one.stage: one for one in engine.get_stage_statistics(asked).stages}
    told = []
    for stage in the_switch().pipeline().stages:
        own = statistics[stage.id]
        runs = own.answered + own.skipped + own.timed_out + own.failed
        told.append(
            stage.model_dump(mode="json", exclude_none=True)
            | {
                "enabled": stage.enabled is not False,
                "executions": runs,
                "failed": own.failed,
                "timed_out": own.timed_out,
                "success_percent": percent(own.answered + own.skipped, runs),
                "mean_ms": own.mean_millis,
            }
        )
    return told


def overview(found: tuple[list[api.PaymentDetails], bool]) -> dict[str, Any]:
    """All figures of the last days, of the payments that were found."""
    engine, (payments, is_all) = the_engine(), found
    own_tokens, _ = tokens(engine)
    codes = engine.list_qrs(api.ListQrs(limit=1_000)).qrs
    scanned = Counter(one.state for one in codes)
    return {
        "days": DAYS,
        "complete": is_all,
        "transactions": of_payments(payments),
        "tokens": of_tokens(own_tokens),
        "qr": {
            "total": len(codes),
            "by_status": dict(scanned),
            "by_type": dict(Counter(one.kind for one in codes)),
            "scan_percent": percent(scanned["scanned"], len(codes)),
        },
        "revision": engine.get_program(api.GetProgram(program=PROGRAM)).revision,
        "plugins": stages(engine),
        "last_transactions": [transaction(one) for one in payments[:10]],
        "last_logs": logs(payments, 20),
        "health": detailed(engine)[0],
    }


@routes.get("/api/dashboard/overview")
def get_overview() -> Response:
    """All figures at once."""
    return jsonify(overview(recent(the_engine())))


@routes.get("/api/dashboard/transactions")
def get_transactions() -> Response:
    """A page of payments, newest first; those that the filter leaves out make it shorter."""
    wanted = query(Filter)
    page = the_engine().list_payments(api.ListPayments(after=wanted.after, limit=wanted.limit))
    kept = [told for one in page.payments if wanted.keeps(told := transaction(one))]
    return jsonify(transactions=kept, next=page.next)


@routes.get("/api/dashboard/stats")
def get_stats() -> Response:
    """Figures of payments of the last days."""
    found, is_all = recent(the_engine())
    return jsonify(of_payments(found) | {"days": DAYS, "complete": is_all})


@routes.get("/api/dashboard/logs")
def get_logs() -> Response:
    """The newest runs of stages."""
    return jsonify(logs=logs(recent(the_engine())[0], 100))


@routes.get("/api/dashboard/plugins")
def get_plugins() -> Response:
    """The stages, and how each did."""
    return jsonify(plugins=stages(the_engine()))


def switch_stage(stage: str, enabled: bool) -> int:
    """Switches a stage on or off, by a new revision of the program, whose number it tells."""
    engine = the_engine()
    program = engine.get_program(api.GetProgram(program=PROGRAM)).program
    own = program.pipeline.stages if program.pipeline else []
    if stage not in [one.id for one in own]:
        raise refused(404, "plugin_unknown", f"unknown plugin `{stage}`")
    changed = [one.model_copy(update={"enabled": enabled}) if one.id == stage else one for one in own]
    pipeline = api.Pipeline(stages=changed)
    publish = api.PublishProgram(program=program.model_copy(update={"pipeline": pipeline}))
    return engine.publish_program(publish, key=new_id("PLUGIN")).revision


@routes.post("/api/dashboard/plugins/<stage>")
def toggle(stage: str) -> Response:
    """Switches a stage on or off."""
    enabled = body(Toggle).enabled
    return jsonify(plugin=stage, enabled=enabled, revision=switch_stage(stage, enabled))


@routes.get("/api/dashboard/tokens")
def get_tokens() -> Response:
    """Figures of tokens. What is over is over: nothing has to be cleaned up."""
    return jsonify(of_tokens(tokens(the_engine())[0]))


@routes.get("/api/dashboard/users")
def get_users() -> Response:
    """How many users there are, how many are active, and what was paid today."""
    engine = the_engine()
    members, is_all = pages(engine.list_members, api.ListMembers, "members")
    today = datetime.now(timezone.utc).date()
    paid = [one for one in recent(engine)[0] if one.completed_at and one.completed_at.date() == today]
    volume = sum((one.amount.amount for one in paid), Decimal(0))
    active = sum(one.status == "active" for one in members)
    return jsonify(total=len(members), active=active, complete=is_all, paid_today=str(volume))
