"""The service as its clients see it: a real server, real HTTP, real storage."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

HOSTS = Path(__file__).resolve().parents[2]
POSTGRES = os.environ.get("DATABASE_URL")
STORES = ["sqlite", *(["postgres"] if POSTGRES else [])]
KEY = "01" * 32
RING = json.dumps([{"id": "codes-1", "key": KEY, "valid_from": "2026-01-01T00:00:00Z"}])


def pytest_report_header() -> str:
    return f"stores: {', '.join(STORES)}" + ("" if POSTGRES else "; not PostgreSQL: DATABASE_URL is not set")


class Service:
    """A server on a port of its own, which can be stopped, killed and started again on the same store."""

    def __init__(self, work: Path, **environment: str) -> None:
        self.work = work
        self.environment = {"COUPONS_KEY_RING": RING, "COUPONS_RATE_LIMIT": "0"} | environment
        self.base = ""
        self.client = httpx.Client(timeout=60)
        self.book_of: dict[str, str] = {}
        self.server: subprocess.Popen[bytes] | None = None

    @classmethod
    def on(cls, store: str, work: Path, **environment: str) -> Service:
        """The service on a new and empty store."""
        url = "sqlite:///coupons.db"
        if store == "postgres":
            assert POSTGRES
            url = f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}schema=coupons_{uuid4().hex[:12]}"
        return cls(work, REWARDS_URL=url, **environment)

    def launch(self) -> subprocess.Popen[bytes]:
        """The process of the server, which may not have started yet."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("COUPONS_", "REWARDS_"))
        }
        with (self.work / "log").open("ab") as log:
            return subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "uvicorn",
                    "coupon_book.app:app",
                    "--app-dir",
                    str(HOSTS),
                    "--port",
                    str(port),
                ],
                cwd=self.work,
                env=kept | self.environment,
                stdout=log,
                stderr=log,
            )

    def start(self) -> None:
        self.server = self.launch()
        for _ in range(400):
            assert self.server.poll() is None, self.log()
            try:
                self.client.get(f"{self.base}/health").raise_for_status()
                return
            # It is not up yet, or its store is not.
            except httpx.HTTPError:
                time.sleep(0.05)
        raise AssertionError("the service does not answer")

    def stop(self) -> None:
        assert self.server
        self.server.terminate()
        # uvicorn shuts down, and then lets the signal have its way.
        assert self.server.wait(20) in (0, -signal.SIGTERM), self.log()

    def kill(self) -> None:
        assert self.server
        self.server.kill()
        self.server.wait(20)

    def log(self) -> str:
        return (self.work / "log").read_text(errors="replace")

    def call(self, method: str, path: str, body: object = None, **options: Any) -> httpx.Response:
        if body is not None:
            options["json"] = body
        base = self.base if path.startswith("/") else f"{self.base}/api/v1/"
        return self.client.request(method, base + path, **options)

    def get(self, path: str, status: int = 200, **options: Any) -> Any:
        answer = self.call("GET", path, **options)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: object, status: int = 201, **options: Any) -> Any:
        answer = self.call("POST", path, body, **options)
        assert answer.status_code == status, answer.text
        return answer.json()

    def refuse(self, path: str, body: object, status: int, code: str, method: str = "POST") -> httpx.Response:
        """What the call is refused with."""
        answer = self.call(method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        return answer

    def at_once(self, calls: Iterable[tuple[str, object]]) -> list[httpx.Response]:
        """The answers to calls that are all made at the same time."""

        async def all_of_them() -> list[httpx.Response]:
            limits = httpx.Limits(max_connections=100)
            async with httpx.AsyncClient(
                base_url=f"{self.base}/api/v1/", limits=limits, timeout=60
            ) as client:
                return await asyncio.gather(*(client.post(path, json=body) for path, body in calls))

        return asyncio.run(all_of_them())

    def book(self, codes: Iterable[str] = (), **terms: object) -> str:
        """A new book with these codes."""
        book = f"book-{uuid4().hex[:8]}"
        self.post("books", {"book": book, "terms": {"name": "Spring"} | terms})
        if lines := list(codes):
            report = self.post(f"books/{book}/codes/upload", {"lines": lines, "plain": True})
            assert (report["added"], report["bad"]) == (len(lines), [])
        return book

    def held(self, member: str, **terms: object) -> str:
        """A new code that a member holds."""
        code = f"CODE-{uuid4().hex[:10].upper()}"
        self.book_of[code] = self.book([code], **terms)
        self.post(f"coupons/assign/{code}", {"member": member})
        return code

    def expire(self, code: str) -> None:
        """Lets the time of a code's book be over."""
        answer = self.call("PATCH", f"books/{self.book_of[code]}", {"active_until": "2026-02-01T00:00:00Z"})
        assert answer.json()["state"] == "expired", answer.text

    def statistics(self, book: str) -> dict[str, int]:
        return self.get(f"books/{book}")["statistics"]


@pytest.fixture(scope="session", params=STORES)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service.on(request.param, tmp_path_factory.mktemp("service"))
    service.start()
    yield service
    service.stop()


@pytest.fixture(params=STORES)
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A service of a test's own, not started yet."""
    service = Service.on(request.param, tmp_path)
    yield service
    if service.server and service.server.poll() is None:
        service.stop()


@pytest.fixture
def member() -> str:
    return f"member-{uuid4().hex[:8]}"
