"""The scenario file: the engine plays it, and so does the service over HTTP.

The file is at the times that it says, the service at its own: whoever plays it waits between steps as long as the file does.
What follows from the clock or from the tenant is not compared: times, and codes and ids that are derived.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from conftest import KEY, Service
from rewards.scenarios import run_scenarios

FILE = Path(__file__).resolve().parents[1] / "scenario.json"
NOT_COMPARED = {"coupon", "code", "codes", "source", "detail", "seconds", "until"}
STATUSES = {
    "coupon_assigned": 400,
    "coupon_not_locked": 400,
    "coupon_lock_required": 400,
    "coupon_redeemed": 400,
    "coupons_short": 404,
    "code_not_accepted": 404,
    "coupon_book_paused": 409,
    "coupon_book_closed": 410,
    "coupon_locked": 423,
}
LIMITS = {"codes": 409, "codes_per_member": 409, "uses_per_member": 400}


def test_the_engine_plays_the_file() -> None:
    report = run_scenarios(FILE)
    assert report.is_success, str(report)


def test_the_service_plays_the_file(own: Service) -> None:
    own.start()
    for case in json.loads(FILE.read_text())["cases"]:
        assert [key["key"] for key in case["key_ring"]] == [KEY]
        # Members are registered by what they do first.
        steps = [step for step in case["steps"] if step["operation"] != "register_member"]
        before = datetime.fromisoformat(steps[0]["now"].replace("Z", "+00:00"))
        for number, step in enumerate(steps):
            now = datetime.fromisoformat(step["now"].replace("Z", "+00:00"))
            time.sleep((now - before).total_seconds())
            before = now
            answer = own.call(*route(step["operation"], step["request"]), headers=headers(case["name"], step))
            status, expected = expectation(step)
            found = compared(answer.json())
            assert (answer.status_code, found) == (status, compared(expected)), (case["name"], number, step)


def headers(case: str, step: dict[str, Any]) -> dict[str, str]:
    return {"Idempotency-Key": f"{case}/{step['key']}"} if "key" in step else {}


def route(operation: str, request: dict[str, Any]) -> tuple[str, str, dict[str, Any] | None]:
    """How the operation is called over HTTP: method, path and body."""
    body = dict(request)
    if operation == "create_coupon_book":
        return "POST", "books", body
    if operation == "get_coupon_book":
        return "GET", f"books/{body['book']}", None
    if operation == "list_coupons":
        return "GET", f"users/{body['member']}/coupons", None
    if operation == "update_coupon_book":
        return "PATCH", f"books/{body.pop('book')}", body
    verb = operation.split("_")[0]
    if verb in ("upload", "generate"):
        return "POST", f"books/{body.pop('book')}/codes/{verb}", body
    if verb == "assign" and "codes" not in body:
        return "POST", "coupons/assign", body
    code = body.pop("code", None) or body.pop("codes")[0]
    if verb == "assign":
        del body["book"]
    return "POST", f"coupons/{verb}/{code}", body


def expectation(step: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The status and the body that the service answers with."""
    operation, reply, fault = step["operation"], step.get("reply"), step.get("fault")
    if reply == {"outcome": "not_accepted"}:
        fault = {"kind": "rejected", "code": "code_not_accepted"}
    if fault is not None:
        code = fault["code"]
        return LIMITS[fault["context"]["limit"]] if code == "coupon_limit" else STATUSES[code], fault
    is_new = operation.startswith(("create", "generate", "upload", "assign"))
    return 201 if is_new else 200, reply


def compared(value: Any) -> Any:
    """The value without what follows from the clock or the tenant; of lists of those, how many there are."""
    if isinstance(value, list):
        return [compared(item) for item in value]
    if not isinstance(value, dict):
        return value
    # A fault is told apart by its code.
    left_out = NOT_COMPARED - ({"code"} if "kind" in value else set())
    fields = {
        name: compared(inner)
        for name, inner in value.items()
        if not name.endswith(("at", "_until")) and name not in left_out
    }
    return fields | ({"codes": len(value["codes"])} if isinstance(value.get("codes"), list) else {})
