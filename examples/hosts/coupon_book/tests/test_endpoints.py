"""Every endpoint, and every status and code that it answers."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest
from conftest import Service


def soon(seconds: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()


def test_a_book_is_created_read_changed_and_closed(service: Service) -> None:
    terms = {"name": "Spring", "owner": "Cafe Nord", "pattern": "S-{RANDOM:8}", "limits": {"codes": 5}}
    body = {"book": f"spring-{uuid4().hex[:8]}", "terms": terms}
    created = service.post("books", body)
    assert created["state"] == "active"
    assert service.post("books", body) == created, "the same book again is answered again"
    service.refuse("books", body | {"terms": {"name": "Autumn"}}, 409, "key_reused")
    path = f"books/{body['book']}"
    assert service.get(path)["book"]["terms"] == terms
    assert body["book"] in [book["book"] for book in service.get("books?limit=100")["books"]]

    def change(**changes: object) -> str:
        answer = service.call("PATCH", path, changes)
        assert answer.status_code == 200, answer.text
        return answer.json()["state"]

    assert change(status="paused") == "paused"
    service.refuse("coupons/assign", {"book": body["book"], "member": "ada"}, 409, "coupon_book_paused")
    assert change(status="active") == "active"
    assert change(active_until="2026-02-01T00:00:00Z") == "expired"
    service.refuse("coupons/assign", {"book": body["book"], "member": "ada"}, 410, "coupon_book_expired")
    assert change(active_until=soon(3_600)) == "active", "extending makes it good again"
    assert change(limits={"codes": 2}, name="Late spring") == "active"
    service.post(f"{path}/codes/generate", {"count": 2})
    service.refuse(path, {"limits": {"codes": 1}}, 409, "limit_below_use", "PATCH")
    service.refuse(f"{path}/codes/generate", {"count": 1}, 409, "coupon_limit")
    assert change(status="closed") == "closed"
    service.refuse("coupons/assign", {"book": body["book"], "member": "ada"}, 410, "coupon_book_closed")
    service.refuse(path, {"status": "active"}, 410, "coupon_book_closed", "PATCH")
    service.refuse(f"{path}/codes/generate", {"count": 1}, 410, "coupon_book_closed")
    service.refuse(f"{path}/codes/upload", {"lines": ["A"]}, 410, "coupon_book_closed")


def test_codes_are_generated_and_told_only_when_asked(service: Service) -> None:
    book = service.book(pattern="S-{RANDOM:8}")
    path, body = f"books/{book}/codes/generate", {"count": 1_000, "batch": "one", "codes": True}
    made = service.post(path, body)
    assert (made["total"], made["wanted"], len(set(made["codes"]))) == (1_000, 1_000, 1_000)
    assert all(code.startswith("S-") and len(code) == 10 for code in made["codes"])
    assert service.post(path, body) == made, "the same batch again is answered again"
    assert "codes" not in service.post(path, {"count": 3})
    assert service.statistics(book)["free"] == 1_003
    keyed = {"headers": {"Idempotency-Key": "batch-by-key"}}
    assert service.post(path, {"count": 2}, **keyed) == service.post(path, {"count": 2}, **keyed)
    assert service.statistics(book)["free"] == 1_005
    service.refuse(path, {"count": 1_001, "codes": True}, 422, "codes_not_told")
    service.refuse(path, {"count": 0}, 422, "invalid")
    service.refuse(path, {"count": 10_000_001}, 422, "invalid")
    service.refuse(f"books/{service.book()}/codes/generate", {"count": 1}, 422, "pattern_missing")
    small = service.book(pattern="S-{NUMERIC:2}")
    service.refuse(f"books/{small}/codes/generate", {"count": 11}, 422, "pattern_too_small")


def test_an_upload_reports_its_bad_lines(service: Service) -> None:
    a, b = (uuid4().hex for _ in range(2))
    book, other = service.book([a]), service.book()
    lines = [b, "", b, "x" * 65, "a\u0007b", a.upper()]
    problems = ["empty", "repeated", "too_long", "unreadable", "exists"]
    path = f"books/{other}/codes/upload"
    report = service.post(path, {"lines": lines, "keep": "all_or_none"}, 409)
    assert (report["added"], [bad["problem"] for bad in report["bad"]]) == (0, problems)
    keyed = {"headers": {"Idempotency-Key": uuid4().hex}}
    report = service.post(path, {"lines": lines}, **keyed)
    assert (report["added"], [bad["line"] for bad in report["bad"]]) == (1, [2, 3, 4, 5, 6])
    assert service.post(path, {"lines": lines}, **keyed) == report
    report = service.post(path, {"lines": lines}, 409)
    assert report["added"] == 0 and report["bad"][0] == {"line": 1, "problem": "exists"}
    service.refuse(path, {"lines": []}, 422, "invalid")
    service.refuse(path, {"lines": ["x"] * 10_001}, 422, "invalid")
    report = service.post(path, {"lines": ["x" * 1_000_000]}, 409)
    assert report["bad"] == [{"line": 1, "problem": "too_long"}]
    service.refuse(path, {"lines": ["x" * 10_000_000]}, 422, "invalid")
    assert service.statistics(other)["generated"] == 1 and service.statistics(book)["generated"] == 1


def test_codes_are_assigned_by_a_draw_or_by_name(service: Service, member: str) -> None:
    codes = [f"{uuid4().hex[:8]}/{n}" for n in range(4)]
    book = service.book(codes, limits={"codes_per_member": 3})
    drawn = service.post("coupons/assign", {"book": book, "member": member, "count": 2})
    told = {coupon["code"] for coupon in drawn["coupons"]}
    assert len(told) == 2 and told < set(codes)
    service.refuse("coupons/assign", {"book": book, "member": member, "count": 2}, 409, "coupon_limit")
    free, other = sorted(set(codes) - told)
    path = f"coupons/assign/{free.replace('/', '%2F')}"
    assert service.post(path, {"member": member})["coupons"][0]["code"] == free
    service.refuse(path, {"member": "someone else"}, 400, "coupon_assigned")
    service.refuse(f"coupons/assign/{other}", {"member": member}, 409, "coupon_limit")
    service.refuse("coupons/assign", {"book": book, "member": "eve", "count": 2}, 404, "coupons_short")
    service.refuse("coupons/assign/nothing", {"member": "eve"}, 404, "coupon_unknown")
    service.refuse("coupons/assign", {"book": "none", "member": "eve"}, 404, "coupon_book_unknown")
    service.refuse("coupons/assign", {"book": book, "member": "eve", "count": 101}, 422, "invalid")
    shared = service.book(redeemed_by="anyone")
    service.refuse("coupons/assign", {"book": shared, "member": "eve"}, 422, "coupon_not_assignable")
    held = service.get(f"users/{member}/coupons")["coupons"]
    assert {coupon["code"] for coupon in held} == told | {free}
    assert {coupon["state"] for coupon in held} == {"assigned"}


def test_who_was_given_nothing_has_no_coupons(service: Service, member: str) -> None:
    assert service.get(f"users/{member}/coupons") == {"coupons": []}
    service.get(f"users/{member}/coupons?limit=0", 422)


def test_ids_may_have_slashes(service: Service, member: str) -> None:
    code = service.held(f"{member}/1")
    service.post(f"coupons/redeem/{code}", {"member": f"{member}/1"}, 200)
    for path in (f"users/{member}/1/coupons", f"users/{member}%2F1/coupons"):
        assert [coupon["code"] for coupon in service.get(path)["coupons"]] == [code]


def test_coupons_of_a_user_come_page_by_page(service: Service, member: str) -> None:
    book = service.book([uuid4().hex for _ in range(3)])
    service.post("coupons/assign", {"book": book, "member": member, "count": 3})
    first = service.get(f"users/{member}/coupons", params={"limit": 2})
    second = service.get(f"users/{member}/coupons", params={"limit": 2, "after": first["next"]})
    assert (len(first["coupons"]), len(second["coupons"]), second.get("next")) == (2, 1, None)


def test_an_assignment_is_made_once_for_its_key(service: Service, member: str) -> None:
    book = service.book([uuid4().hex for _ in range(3)])
    keyed = {"headers": {"Idempotency-Key": uuid4().hex}}
    body = {"book": book, "member": member}
    first = service.post("coupons/assign", body, **keyed)
    assert service.post("coupons/assign", body, **keyed) == first
    assert service.statistics(book)["assigned"] == 1
    answer = service.call("POST", "coupons/assign", body | {"count": 2}, **keyed)
    assert (answer.status_code, answer.json()["code"]) == (409, "key_reused")


def test_a_pool_gets_equal_shares_until_codes_are_short(service: Service, member: str) -> None:
    members = [f"{member}-{n}" for n in range(4)]
    book = service.book([uuid4().hex for _ in range(7)], limits={"codes_per_member": 2})
    service.post("coupons/assign", {"book": book, "member": members[1]})
    body = {"members": members, "mode": "equal", "count": 2}
    keyed = {"headers": {"Idempotency-Key": uuid4().hex}}
    report = service.post(f"books/{book}/codes/distribute", body, 200, **keyed)
    assert (report["assigned"], report["short"]) == (6, 2)
    shares = {share["member"]: share for share in report["shares"]}
    assert sorted(len(share["coupons"]) for share in report["shares"]) == [1, 1, 2, 2]
    assert len(shares[members[1]]["coupons"]) == 1
    assert shares[members[1]]["shortage"] == "member_limit"
    again = service.post(f"books/{book}/codes/distribute", body, 200, **keyed)
    assert again == report, "a repetition gives nothing more"
    report = service.post(f"books/{book}/codes/distribute", body | {"members": ["new"]}, 200)
    assert (report["assigned"], report["short"]) == (0, 2)
    assert report["shares"][0]["shortage"] == "no_free_code"
    assert service.call("PATCH", f"books/{book}", {"status": "closed"}).status_code == 200
    service.refuse(f"books/{book}/codes/distribute", body, 410, "coupon_book_closed")


def test_a_pool_gets_random_shares_round_by_round(service: Service, member: str) -> None:
    members = [f"{member}-{n}" for n in range(3)]
    book = service.book([uuid4().hex for _ in range(20)], limits={"codes_per_member": 3})
    service.post("coupons/assign", {"book": book, "member": members[0], "count": 2})
    body = {"members": members, "mode": "random", "count": 7}
    keyed = {"headers": {"Idempotency-Key": uuid4().hex}}
    report = service.post(f"books/{book}/codes/distribute", body, 200, **keyed)
    assert [len(share["coupons"]) for share in report["shares"]] == [1, 3, 3]
    assert (report["assigned"], report["short"]) == (7, 0)
    assert service.post(f"books/{book}/codes/distribute", body, 200, **keyed)["shares"] == report["shares"]
    report = service.post(f"books/{book}/codes/distribute", body, 200)
    assert (report["assigned"], report["short"]) == (0, 7)
    assert {share["shortage"] for share in report["shares"]} == {"member_limit"}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"members": []}, 422, "invalid"),
        ({"members": ["a", "a"]}, 422, "member_duplicate"),
        ({"mode": "fair"}, 422, "invalid"),
        ({"count": 101}, 422, "count_invalid"),
        ({"count": 1_001, "mode": "random"}, 422, "invalid"),
    ],
)
def test_a_pool_that_cannot_be_is_refused(
    service: Service, change: dict[str, object], status: int, code: str
) -> None:
    pool = {"members": ["a"], "mode": "equal", "count": 1}
    service.refuse(f"books/{service.book()}/codes/distribute", pool | change, status, code)
    service.refuse("books/none/codes/distribute", pool, 404, "coupon_book_unknown")


def test_a_lease_is_its_orders(service: Service, member: str) -> None:
    code = service.held(member)
    body = {"member": member, "order": "o1"}
    lease = service.post(f"coupons/lock/{code}", body, 200)
    assert service.post(f"coupons/lock/{code}", body, 200)["until"] == lease["until"], (
        "re-entry: the same lease"
    )
    other = {"member": member, "order": "o2"}
    for step in ("lock", "unlock", "redeem"):
        refused = service.refuse(f"coupons/{step}/{code}", other, 423, "coupon_locked")
        seconds = int(refused.json()["context"]["seconds"])
        assert 280 <= seconds <= 300 and refused.headers["retry-after"] == str(seconds)
    assert service.get(f"users/{member}/coupons")["coupons"][0]["state"] == "locked"
    service.post(f"coupons/unlock/{code}", body, 200)
    service.refuse(f"coupons/unlock/{code}", body, 400, "coupon_not_locked")
    service.post(f"coupons/lock/{code}", other, 200)
    done = service.post(f"coupons/redeem/{code}", other, 200)
    assert (done["uses"], done["left"]) == (1, 0)
    assert service.get(f"users/{member}/coupons")["coupons"][0]["state"] == "redeemed"


def test_a_lease_without_an_order_is_the_members(service: Service, member: str) -> None:
    code = service.held(member)
    service.post(f"coupons/lock/{code}", {"member": member}, 200)
    service.refuse(f"coupons/lock/{code}", {"member": member, "order": "o1"}, 423, "coupon_locked")
    service.post(f"coupons/redeem/{code}", {"member": member}, 200)


def test_a_lease_ends_by_itself(service: Service, member: str) -> None:
    code = service.held(member)
    service.post(f"coupons/lock/{code}", {"member": member, "order": "o1", "seconds": 4}, 200)
    service.refuse(f"coupons/redeem/{code}", {"member": member, "order": "o2"}, 423, "coupon_locked")
    time.sleep(4.1)
    service.refuse(f"coupons/unlock/{code}", {"member": member, "order": "o1"}, 400, "coupon_not_locked")
    service.post(f"coupons/redeem/{code}", {"member": member, "order": "o2"}, 200)


@pytest.mark.parametrize("seconds", [0, 3_601, 315_360_000, 1.5])
def test_a_lease_is_between_a_second_and_an_hour(service: Service, member: str, seconds: float) -> None:
    code = service.held(member)
    service.refuse(f"coupons/lock/{code}", {"member": member, "seconds": seconds}, 422, "invalid")


def test_a_book_says_whether_its_codes_are_locked(service: Service, member: str) -> None:
    code = service.held(member, lock="required")
    service.refuse(f"coupons/redeem/{code}", {"member": member}, 400, "coupon_lock_required")
    service.post(f"coupons/lock/{code}", {"member": member}, 200)
    service.post(f"coupons/redeem/{code}", {"member": member}, 200)
    code = service.held(member, lock="forbidden")
    service.refuse(f"coupons/lock/{code}", {"member": member}, 400, "coupon_lock_forbidden")
    service.post(f"coupons/redeem/{code}", {"member": member}, 200)


def test_what_is_used_up_or_out_of_time_is_told_to_its_holder(service: Service, member: str) -> None:
    code = service.held(member, limits={"uses_per_code": 2})
    left = [service.post(f"coupons/redeem/{code}", {"member": member}, 200)["left"] for _ in range(2)]
    assert left == [1, 0]
    for step in ("lock", "redeem"):
        service.refuse(f"coupons/{step}/{code}", {"member": member}, 400, "coupon_redeemed")
    code = service.held(member, limits={"uses_per_code": 5, "uses_per_member": 1})
    service.post(f"coupons/redeem/{code}", {"member": member}, 200)
    service.refuse(f"coupons/redeem/{code}", {"member": member}, 400, "coupon_limit")
    code = service.held(member, active_from=soon(3_600))
    service.refuse(f"coupons/redeem/{code}", {"member": member}, 403, "coupon_book_scheduled")
    code = service.held(member)
    service.expire(code)
    for step in ("lock", "redeem"):
        service.refuse(f"coupons/{step}/{code}", {"member": member}, 410, "coupon_expired")


def test_a_redemption_is_made_once_for_its_key(service: Service, member: str) -> None:
    code = service.held(member, limits={"uses_per_code": 3})
    keyed = {"headers": {"Idempotency-Key": uuid4().hex}}
    first = service.post(f"coupons/redeem/{code}", {"member": member}, 200, **keyed)
    assert service.post(f"coupons/redeem/{code}", {"member": member}, 200, **keyed) == first
    assert first["left"] == 2


def test_keys_of_members_are_their_own(service: Service, member: str) -> None:
    keyed = {"headers": {"Idempotency-Key": f"{member}-order"}}
    for who in (member, f"{member}-2"):
        code = service.held(who)
        service.post(f"coupons/redeem/{code}", {"member": who}, 200, **keyed)
    other = service.call("POST", f"coupons/redeem/{service.held(who)}", {"member": who}, **keyed)
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")


def test_a_code_that_is_not_the_callers_has_one_answer(service: Service, member: str) -> None:
    free = uuid4().hex
    service.book([free])
    held, locked, used, expired = (service.held("ada") for _ in range(4))
    service.expire(expired)
    service.post(f"coupons/lock/{locked}", {"member": "ada"}, 200)
    service.post(f"coupons/redeem/{used}", {"member": "ada"}, 200)
    answers = set()
    for number, code in enumerate(("none at all", free, held, locked, used, expired)):
        for step in ("lock", "unlock", "redeem"):
            answer = service.call("POST", f"coupons/{step}/{code}", {"member": f"{member}-{number}"})
            answers.add((answer.status_code, answer.text, tuple(sorted(set(answer.headers) - {"date"}))))
    (answer,) = answers
    assert answer[0] == 404 and '"code_not_accepted"' in answer[1]


def test_guessing_codes_ends_after_ten(service: Service, member: str) -> None:
    code = service.held(member)
    for number in range(10):
        service.refuse(f"coupons/redeem/GUESS-{number}", {"member": member}, 404, "code_not_accepted")
    refused = service.refuse(f"coupons/redeem/{code}", {"member": member}, 429, "too_many_attempts")
    assert 1 <= int(refused.headers["retry-after"]) <= 3_601


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "where"),
    [
        ("POST", "books", {"book": "b", "terms": {"name": ""}}, 422, "invalid", "terms.name"),
        (
            "POST",
            "books",
            {"book": "b", "terms": {"name": "B", "pattern": "{DICE}"}},
            422,
            "invalid",
            "terms.pattern",
        ),
        ("POST", "books", {"terms": {"name": "B"}}, 422, "invalid", "body.book"),
        (
            "POST",
            "books",
            {"book": "b", "terms": {"name": "B", "from": 1}},
            422,
            "invalid",
            "body.terms.from",
        ),
        ("POST", "books", {"book": "a/b", "terms": {"name": "B"}}, 422, "book_invalid", None),
        ("PATCH", "books/none", {"status": "paused"}, 404, "coupon_book_unknown", None),
        ("PATCH", "books/none", {"book": "other"}, 422, "invalid", "body.book"),
        ("GET", "books/none", None, 404, "coupon_book_unknown", None),
        ("GET", "books/none/jobs/none", None, 404, "coupon_book_unknown", None),
        ("POST", "books/none/codes/upload", {"lines": ["A"]}, 404, "coupon_book_unknown", None),
        ("POST", "books/none/codes/generate", {"count": 1}, 404, "coupon_book_unknown", None),
        ("POST", "coupons/redeem/A", {}, 422, "invalid", "body.member"),
        ("POST", "coupons/redeem/" + "A" * 256, {"member": "ada"}, 422, "invalid", "code"),
        ("GET", "nothing", None, 404, "route_unknown", None),
        ("DELETE", "books", None, 405, "route_unknown", None),
    ],
)
def test_bad_calls_are_refused_in_one_form(
    service: Service, method: str, path: str, body: object, status: int, code: str, where: str | None
) -> None:
    fault = service.refuse(path, body, status, code, method).json()
    assert [problem["path"] for problem in fault.get("problems", [])] == ([where] if where else [])


def test_the_service_is_healthy_and_documented(service: Service) -> None:
    assert service.get("/health")["is_open"] is True
    document = service.get("/openapi.json")
    assert "Fault" in document["components"]["schemas"]
    described = document["components"]["schemas"]["UpdateCouponBookBody"]["properties"]
    assert "active_until" in described and "book" not in described
    assert len(document["paths"]) == 13
    assert service.call("GET", "/docs").status_code == 200
