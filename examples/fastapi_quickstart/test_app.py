"""The service as its clients see it: a real server, real HTTP, real storage."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

HERE = Path(__file__).parent
CLIENTS = 200


def purchase(number: int, member: str = "ada", **changes: object) -> dict[str, object]:
    return {
        "id": f"order-{number}",
        "member": member,
        "program": "shop",
        "occurred_at": "2026-06-15T12:00:00Z",
        "total": {"amount": "49.90", "asset": "EUR"},
    } | changes


@contextmanager
def running(app: Path, work: Path, **environment: str) -> Iterator[str]:
    """The service in the folder `app`, started from the folder `work`: where it listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--app-dir", str(app), "--port", str(port), "--log-level", "warning"]
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "app:app", *options],
        cwd=work,
        env={name: value for name, value in os.environ.items() if name != "REWARDS_URL"} | environment,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            if server.poll() is not None:
                raise RuntimeError(f"the service ended with {server.returncode}")
            try:
                httpx.get(f"{base}/health").raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield base
    finally:
        server.terminate()
        # uvicorn shuts down, and then lets the signal have its way.
        assert server.wait(20) in (0, -signal.SIGTERM), "the service ends cleanly"


@pytest.fixture(scope="module", params=["sqlite", "memory"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("service")
    url = {"sqlite": "sqlite:///rewards.db", "memory": "memory:"}[request.param]
    with running(HERE, folder, REWARDS_URL=url) as base:
        yield base
    assert (folder / "rewards.db").is_file() is (request.param == "sqlite")


def test_the_books_are_beside_the_service(tmp_path: Path) -> None:
    app, work = tmp_path / "app", tmp_path / "work"
    for folder in (app, work):
        folder.mkdir()
    for file in (HERE / "app.py", HERE / "program.toml"):
        shutil.copy(file, app)
    with running(app, work) as base:
        assert httpx.put(f"{base}/members/ada").status_code == 200
    assert (app / "rewards.db").is_file()
    assert list(work.iterdir()) == []
    with running(app, tmp_path) as base:
        assert httpx.get(f"{base}/members/ada/balance").status_code == 200


def test_what_a_model_refuses_in_a_route_is_told_like_everything_else(service: str) -> None:
    with httpx.Client(base_url=service) as client:
        for path in ("/members/" + "a" * 200, "/members/a%00b"):
            refused = client.put(path)
            assert refused.status_code == 422, refused.text
            fault = refused.json()
            assert (fault["kind"], fault["code"]) == ("invalid", "invalid")
            assert [problem["path"] for problem in fault["problems"]] == ["member"]


def test_a_purchase_from_quote_to_statement(service: str) -> None:
    with httpx.Client(base_url=service) as client:
        assert client.put("/members/ada").status_code == 200
        quoted = client.post("/quotes", json=purchase(1), params={"explain": True}).json()
        recorded = client.post("/purchases", json=purchase(1)).json()
        assert recorded["decision"] == quoted["decision"]
        assert recorded["decision"]["totals"] == [{"amount": "2.50", "asset": "EUR"}]
        again = client.post("/purchases", json=purchase(1))
        assert again.json() == recorded
        (cashback,) = client.get("/members/ada/balance").json()["assets"]
        assert cashback["available"] == {"amount": "2.50", "asset": "EUR"}
        lines = client.get("/members/ada/statement", params={"limit": 1}).json()["lines"]
        assert lines[0]["purchase"] == "order-1"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"member": "nobody"}, 404, "member_unknown"),
        ({"program": "none"}, 404, "program_unknown"),
        ({"total": {"amount": "-1.00", "asset": "EUR"}}, 422, "invalid"),
        ({"total": {"amount": "1.00", "asset": "USD"}}, 422, "invalid"),
        ({"id": "order-taken", "total": {"amount": "5.00", "asset": "EUR"}}, 409, "key_reused"),
    ],
)
def test_a_refusal_has_its_code_and_status(
    service: str, change: dict[str, object], status: int, code: str
) -> None:
    with httpx.Client(base_url=service) as client:
        client.put("/members/eve")
        client.post("/purchases", json=purchase(0, "eve", id="order-taken"))
        answer = client.post("/purchases", json=purchase(2, "eve") | change)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


HALF = "\\ud800"
"""Half of a surrogate pair, as JSON: Python reads it, and nothing can write it."""


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        (
            json.dumps(purchase(3, total={"amount": 49.9, "asset": "EUR"})),
            "type_invalid",
            "body.total.amount",
        ),
        (json.dumps(purchase(3, occurred_at="2026-06-15T12:00:00")), "time_naive", "body.occurred_at"),
        (json.dumps(purchase(3, catgory="music")), "field_unknown", "body.catgory"),
        (json.dumps(purchase(3)).replace("ada", HALF), "value_invalid", "body.member"),
        (json.dumps(purchase(3)).replace("occurred_at", HALF), "value_invalid", "body"),
        (json.dumps(purchase(3))[:-1], "syntax", "body"),
        ("[]", "type_invalid", "body"),
        ("", "field_missing", "body"),
    ],
    ids=["float", "naive", "unknown", "half", "half a key", "syntax", "list", "nothing"],
)
def test_what_is_no_purchase_is_refused_with_its_place(service: str, body: str, code: str, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{service}/purchases", content=body, headers=headers)
    assert answer.status_code == 422
    fault = answer.json()
    assert (fault["kind"], fault["code"]) == ("invalid", "invalid")
    assert (code, path) in [(problem["code"], problem["path"]) for problem in fault["problems"]]


def test_a_wrong_parameter_is_refused_with_its_place(service: str) -> None:
    answer = httpx.get(f"{service}/members/ada/statement", params={"limit": 0, "before": "x"})
    assert answer.status_code == 422
    assert [problem["path"] for problem in answer.json()["problems"]] == ["query.before", "query.limit"]


def test_many_clients_at_once_lose_nothing(service: str) -> None:
    async def all_of_them() -> list[int]:
        limits = httpx.Limits(max_connections=CLIENTS)
        async with httpx.AsyncClient(base_url=service, limits=limits, timeout=60) as client:
            await client.put("/members/bob")
            sent = [client.post("/purchases", json=purchase(1_000 + n, "bob")) for n in range(CLIENTS)]
            return [answer.status_code for answer in await asyncio.gather(*sent)]

    assert asyncio.run(all_of_them()) == [200] * CLIENTS
    (cashback,) = httpx.get(f"{service}/members/bob/balance").json()["assets"]
    assert Decimal(cashback["available"]["amount"]) == CLIENTS * Decimal("2.50")


def test_the_api_is_documented(service: str) -> None:
    document = httpx.get(f"{service}/openapi.json").json()
    assert "Fault" in document["components"]["schemas"]
    assert httpx.get(f"{service}/docs").status_code == 200
