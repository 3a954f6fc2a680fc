"""The service as its clients see it: a real server, real HTTP, real storage."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

HOSTS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HOSTS))
POSTGRES = os.environ.get("DATABASE_URL")
STORES = ["sqlite", *(["postgres"] if POSTGRES else [])]
BANK = "02" * 32
RING = json.dumps(
    [
        {"purpose": purpose, "id": id, "key": key, "valid_from": "2026-01-01T00:00:00Z"}
        for purpose, id, key in [
            ("alias", "names", "01" * 32),
            ("deposits", "bank-1", BANK),
            ("tokens", "t", "03" * 32),
        ]
    ]
)
SERVER = "import sys, waitress; from satupay.app import create; waitress.serve(create(), port=int(sys.argv[1]), threads=16)"


def pytest_report_header() -> str:
    return f"stores: {', '.join(STORES)}" + ("" if POSTGRES else "; not PostgreSQL: DATABASE_URL is not set")


class Service:
    """A server on a port of its own, which can be stopped, killed and started again on the same store."""

    def __init__(self, work: Path, **environment: str) -> None:
        self.work = work
        fast = {
            "SATUPAY_RAIL_LATENCY": "0",
            "SATUPAY_RECONCILE": "0.2",
            "SATUPAY_PER_MINUTE": "0",
            "SATUPAY_PER_HOUR": "0",
        }
        self.environment = {"SATUPAY_KEY_RING": RING} | fast | environment
        self.client = httpx.Client(timeout=60)
        self.base = ""
        self.server: subprocess.Popen[bytes] | None = None

    @classmethod
    def on(cls, store: str, work: Path, **environment: str) -> Service:
        """The service on a new and empty store."""
        url = "sqlite:///satupay.db"
        if store == "postgres":
            assert POSTGRES
            url = f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}schema=satupay_{uuid4().hex[:12]}"
        return cls(work, REWARDS_URL=url, **environment)

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("SATUPAY_", "REWARDS_"))
        }
        with (self.work / "log").open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, "-c", SERVER, str(port)],
                cwd=self.work,
                env=kept | self.environment | {"PYTHONPATH": str(HOSTS)},
                stdout=log,
                stderr=log,
            )
        for _ in range(400):
            assert self.server.poll() is None, self.log()
            try:
                self.client.get(f"{self.base}/health").raise_for_status()
                return
            # It is not up yet, or its store is not.
            except httpx.HTTPError:
                time.sleep(0.05)
        raise AssertionError("the service does not answer")

    def kill(self) -> None:
        assert self.server
        self.server.kill()
        self.server.wait(20)

    def log(self) -> str:
        return (self.work / "log").read_text(errors="replace")

    def call(self, method: str, path: str, body: object = None, **options: Any) -> httpx.Response:
        if body is not None:
            options["json"] = body
        return self.client.request(method, self.base + path, **options)

    def get(self, path: str, status: int = 200, **options: Any) -> Any:
        answer = self.call("GET", path, **options)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: object, status: int = 200, **options: Any) -> Any:
        answer = self.call("POST", path, body, **options)
        assert answer.status_code == status, answer.text
        return answer.json()

    def refuse(self, path: str, body: object, status: int, code: str, **options: Any) -> None:
        answer = self.call("POST", path, body, **options)
        assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text

    def user(self, name: str = "ada", amount: str | None = "1000.00") -> str:
        """A user with money of the bank's."""
        phone = f"+60{int(hashlib.sha256(name.encode()).hexdigest()[:10], 16) % 10**10:010}"
        self.post("/api/users", {"user_id": name, "phone": phone}, 201)
        if amount is not None:
            self.pay_in(name, amount)
        return name

    def pay_in(self, user: str, amount: str) -> None:
        begun = self.post("/api/deposits", {"user_id": user, "amount": amount}, 201)
        told = {"amount": amount, "asset": "MYR"}
        message = json.dumps(
            {
                "deposit": begun["deposit"],
                "amount": told,
                "outcome": "paid",
                "reference": f"pay-{begun['deposit']}",
            }
        )
        timestamp = int(time.time())
        signature = hmac.new(
            bytes.fromhex(BANK), f"{timestamp}.{message}".encode(), hashlib.sha256
        ).hexdigest()
        body = {"deposit": begun["deposit"], "message": message, "timestamp": timestamp}
        self.refuse("/api/deposits/confirm", body | {"signature": "00" * 32}, 403, "signature_invalid")
        self.post("/api/deposits/confirm", body | {"signature": signature})

    def pay(self, amount: str = "10.00", user: str = "ada", status: int = 202, **more: Any) -> Any:
        body = {
            "amount": amount,
            "currency": "MYR",
            "payment_method": "online",
            "merchant_id": "SHOP",
            "user_id": user,
        }
        headers = more.pop("headers", {})
        return self.post("/api/pay", body | more, status, headers=headers)

    def ended(self, txn: str, status: str = "completed") -> Any:
        """The payment once it has come so far."""

        def look() -> Any:
            found = self.get(f"/api/status/{txn}")
            return found if found["status"] == status else None

        return self.until(look)

    def until(self, look: Callable[[], Any]) -> Any:
        for _ in range(300):
            if found := look():
                return found
            time.sleep(0.05)
        raise AssertionError(f"it did not come about: {self.log()[-3_000:]}")

    def balance(self, user: str = "ada") -> tuple[str, str]:
        found = self.get(f"/api/users/{user}/balance")
        return found["available"], found["held"]

    def rates(self) -> None:
        """What the desk says today."""
        today = datetime.now(timezone.utc).date().isoformat()
        prices = {"USD": "0.2100", "SGD": "0.2900", "IDR": "3200"}
        lines = [
            {"day": today, "base": "MYR", "quote": quote, "price": {"mid": mid}}
            for quote, mid in prices.items()
        ]
        body = {"source": "desk", "kind": "market", "content": {"rates": lines}}
        assert self.call("PUT", "/api/rates", body).status_code == 200


@pytest.fixture(params=STORES)
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """The service on each store."""
    own = Service.on(request.param, tmp_path)
    own.start()
    yield own
    own.kill()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """A service on a file, with settings of its own."""
    started: list[Service] = []

    def start(**environment: str) -> Service:
        own = Service.on("sqlite", tmp_path, **environment)
        started.append(own)
        own.start()
        return own

    yield start
    for own in started:
        own.kill()
