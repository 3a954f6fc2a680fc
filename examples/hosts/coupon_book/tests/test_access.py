"""Who may call and how often, what the service wants to start, and what it logs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from conftest import Service

SECRET = "a secret of thirty-two bytes or so"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service.on("sqlite", tmp_path_factory.mktemp("guarded"), COUPONS_JWT_SECRET=SECRET)
    service.start()
    yield service
    service.stop()


def bearer(secret: str = SECRET, algorithm: str = "HS256", **claims: object) -> dict[str, Any]:
    claims = {"sub": "ada", "exp": int(time.time()) + 60} | claims
    token = jwt.encode({k: v for k, v in claims.items() if v is not None}, secret, algorithm)
    return {"headers": {"Authorization": f"Bearer {token}"}}


STAFF = bearer(role="staff")
CALLS = [
    ("POST", "books"),
    ("GET", "books"),
    ("GET", "books/b"),
    ("PATCH", "books/b"),
    ("POST", "books/b/codes/generate"),
    ("POST", "books/b/codes/upload"),
    ("POST", "books/b/codes/distribute"),
    ("GET", "books/b/jobs/j"),
    ("POST", "coupons/assign"),
    ("POST", "coupons/assign/A"),
]
MEMBERS = [("POST", "coupons/lock/A"), ("POST", "coupons/unlock/A"), ("POST", "coupons/redeem/A")]


@pytest.mark.parametrize(("method", "path"), [*CALLS, *MEMBERS, ("GET", "users/ada/coupons")])
def test_a_token_is_wanted_wherever_a_secret_is_configured(guarded: Service, method: str, path: str) -> None:
    body = None if method == "GET" else {"member": "ada", "book": "b"}
    bad: list[dict[str, Any]] = [
        {},
        {"headers": {"Authorization": "Bearer nonsense"}},
        bearer(secret="another secret of thirty-two bytes"),
        bearer(exp=int(time.time()) - 1),
        bearer(exp=None),
        bearer(sub=None),
        bearer(secret="", algorithm="none"),
        bearer(secret=SECRET * 2, algorithm="HS512"),
    ]
    for options in bad:
        answer = guarded.call(method, path, body, **options)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), answer.text
        assert answer.json()["code"] == ("token_invalid" if options else "token_missing")


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_what_staff_does_is_forbidden_to_members(guarded: Service, method: str, path: str) -> None:
    answer = guarded.call(method, path, None if method == "GET" else {}, **bearer())
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(("method", "path"), [*MEMBERS, ("GET", "users/bob/coupons")])
def test_nobody_acts_for_somebody_else(guarded: Service, method: str, path: str) -> None:
    answer = guarded.call(method, path, None if method == "GET" else {"member": "bob"}, **bearer())
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_staff_gives_and_members_use(guarded: Service) -> None:
    guarded.post("books", {"book": "b", "terms": {"name": "B"}}, **STAFF)
    guarded.post("books/b/codes/upload", {"lines": ["A", "B"], "plain": True}, **STAFF)
    guarded.post("coupons/assign/A", {"member": "ada"}, **STAFF)
    assert len(guarded.get("users/ada/coupons", **bearer())["coupons"]) == 1
    for step in ("lock", "unlock", "redeem"):
        guarded.post(f"coupons/{step}/A", {"member": "ada"}, 200, **bearer())
    guarded.post("coupons/redeem/A", {"member": "bob"}, 404, **bearer(sub="bob"))
    assert guarded.get("/health")["is_open"] is True


def test_too_many_calls_are_slowed_down(tmp_path: Path) -> None:
    service = Service.on("sqlite", tmp_path, COUPONS_RATE_LIMIT="20")
    service.start()
    try:
        answers = service.at_once([("books", {})] * 50)
        passed = Counter(answer.status_code for answer in answers)[422]
        assert 20 <= passed <= 25, "twenty at once, and one more every three seconds"
        refused = service.call("GET", "books")
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) >= 1
        time.sleep(3.1)
        assert service.call("GET", "books").status_code == 200, "a call every three seconds"
        assert service.get("/health")["is_open"] is True
    finally:
        service.stop()


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"COUPONS_KEY_RING": ""}, "COUPONS_KEY_RING"),
        ({"COUPONS_KEY_RING": "[]"}, "COUPONS_KEY_RING"),
        ({"COUPONS_KEY_RING": '[{"id": "k", "key": "c0ffee"}]'}, "COUPONS_KEY_RING"),
        ({"COUPONS_KEY_RING": "c0ffee"}, "COUPONS_KEY_RING"),
        ({"COUPONS_JWT_SECRET": "short-c0ffee"}, "COUPONS_JWT_SECRET"),
        ({"COUPONS_RATE_LIMIT": "many"}, "COUPONS_RATE_LIMIT"),
        ({"COUPONS_JOB_PAUSE": "-1"}, "COUPONS_JOB_PAUSE"),
    ],
)
def test_the_service_says_why_it_does_not_start(
    tmp_path: Path, environment: dict[str, str], told: str
) -> None:
    service = Service.on("sqlite", tmp_path)
    service.environment |= environment
    assert service.launch().wait(120) == 1
    log = service.log()
    assert f"coupon book: cannot start: {told}" in log and "Traceback" not in log
    assert "c0ffee" not in log, "what is secret is not repeated"


def test_no_code_is_logged(service: Service, member: str) -> None:
    code = service.held(member)
    for step in ("lock", "unlock", "redeem"):
        service.post(f"coupons/{step}/{code}", {"member": member}, 200)
    service.refuse(f"coupons/redeem/{code}", {"member": 7}, 422, "invalid")
    log = service.log()
    assert "/coupons/redeem/… HTTP" in log and code not in log
