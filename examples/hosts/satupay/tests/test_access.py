"""Who may call, how often, and what staff see."""

from __future__ import annotations

import time
from collections.abc import Callable

import jwt
from conftest import Service

API_KEY = "staff-and-merchants"
SECRET = "s" * 32


def bearer(user: str, seconds: int = 60, secret: str = SECRET) -> dict[str, str]:
    claims = {"sub": user, "exp": int(time.time()) + seconds}
    return {"Authorization": f"Bearer {jwt.encode(claims, secret, 'HS256')}"}


def test_who_may_do_what(bare: Callable[..., Service]) -> None:
    service = bare(SATUPAY_API_KEY=API_KEY, SATUPAY_JWT_SECRET=SECRET)
    service.get("/health")
    assert service.call("GET", "/api/dashboard/overview").status_code == 401
    for headers in [{"X-API-Key": "wrong"}, bearer("ada", -1), bearer("ada", secret="t" * 32)]:
        assert service.call("GET", "/api/dashboard/overview", headers=headers).status_code == 401
    assert service.call("GET", "/api/dashboard/overview", headers=bearer("ada")).status_code == 403
    service.client.headers["X-API-Key"] = API_KEY
    service.user()
    service.get("/api/dashboard/overview")
    del service.client.headers["X-API-Key"]
    begun = service.pay("10.00", headers=bearer("ada"))
    body = {
        "amount": "1.00",
        "currency": "MYR",
        "payment_method": "online",
        "merchant_id": "M",
        "user_id": "ada",
    }
    service.refuse("/api/pay", body, 403, "forbidden", headers=bearer("bob"))
    path = f"/api/status/{begun['txn_id']}"
    assert service.call("GET", path, headers=bearer("bob")).status_code == 403
    assert service.call("GET", path, headers=bearer("ada")).status_code == 200
    service.refuse("/api/refund", {"txn_id": begun["txn_id"]}, 403, "forbidden", headers=bearer("ada"))


def test_too_many_calls(bare: Callable[..., Service]) -> None:
    service = bare(SATUPAY_PER_MINUTE="5", SATUPAY_PER_HOUR="100")
    answers = [service.call("GET", "/api/dashboard/plugins").status_code for _ in range(7)]
    assert answers == [200] * 5 + [429] * 2
    assert service.call("GET", "/health").status_code == 200


def test_headers(service: Service) -> None:
    for path in ["/health", "/api/none"]:
        headers = service.call("GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_what_staff_see(service: Service) -> None:
    service.user()
    for amount in ("10.00", "300.00", "5.52"):
        txn = service.pay(amount)["txn_id"]
        service.ended(txn, "failed" if amount == "5.52" else "completed")
    service.post("/api/payoffline", {"action": "create", "user_id": "ada", "amount": "50.00"}, 201)
    seen = service.get("/api/dashboard/overview")
    figures = seen["transactions"]
    assert figures["by_status"] == {"completed": 2, "failed": 1}
    assert (figures["volume"], figures["success_percent"], figures["median"]) == ("310.00", "66.7", "155.00")
    assert figures["by_amount"] == {"0-50": 1, "201-500": 1}
    assert figures["by_rail"]["duitnow"]["count"] == 2
    assert seen["tokens"] == {
        "total": 1,
        "by_status": {"active": 1},
        "active_value": "50.00",
        "redemption_percent": "0.0",
    }
    plugins = {one["id"]: one for one in seen["plugins"]}
    assert (plugins["risk"]["executions"], plugins["risk"]["success_percent"]) == (3, "100.0")
    assert plugins["notify"]["executions"] == 3
    assert len(seen["last_logs"]) == 12
    page = service.get("/api/dashboard/transactions?status=failed")
    assert [one["amount"] for one in page["transactions"]] == ["5.52"]
    users = service.get("/api/dashboard/users")
    assert (users["total"], users["active"], users["paid_today"]) == (1, 1, "310.00")
    assert service.get("/health/detailed")["engine"]["is_open"]
    html = service.call("GET", "/dashboard").text
    assert '<b id="total">3</b>' in html and "<svg" in html and "310.00" in html


def test_a_plugin_is_switched_off_and_on(service: Service) -> None:
    service.user()
    assert service.post("/api/dashboard/plugins/fees", {"enabled": False})["revision"] == 2
    service.ended(service.pay("10.00")["txn_id"])
    runs = [one["stage"] for one in service.get("/api/dashboard/logs")["logs"]]
    assert sorted(runs) == ["fx", "notify", "risk"]
    service.post("/api/dashboard/plugins/fees", {"enabled": True})
    service.ended(service.pay("10.00")["txn_id"])
    assert "fees" in [one["stage"] for one in service.get("/api/dashboard/logs")["logs"]]
    service.refuse("/api/dashboard/plugins/none", {"enabled": True}, 404, "plugin_unknown")
