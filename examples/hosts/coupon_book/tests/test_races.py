"""What many callers do at the same time."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from conftest import Service

CALLERS = 50


def test_no_code_goes_to_two(service: Service, member: str) -> None:
    book = service.book([uuid4().hex for _ in range(30)])
    calls = [("coupons/assign", {"book": book, "member": f"{member}-{n}"}) for n in range(CALLERS)]
    answers = service.at_once(calls)
    assert Counter(answer.status_code for answer in answers) == {201: 30, 404: 20}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 404} == {"coupons_short"}
    codes = [answer.json()["coupons"][0]["code"] for answer in answers if answer.status_code == 201]
    assert len(set(codes)) == 30
    assert service.statistics(book) | {"free": 0, "assigned": 30} == service.statistics(book)


def test_one_given_code_goes_to_one(service: Service, member: str) -> None:
    code = uuid4().hex
    service.book([code])
    answers = service.at_once((f"coupons/assign/{code}", {"member": f"{member}-{n}"}) for n in range(CALLERS))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 400: 49}


def test_the_limit_of_a_member_holds(service: Service, member: str) -> None:
    book = service.book([uuid4().hex for _ in range(60)], limits={"codes_per_member": 7})
    answers = service.at_once([("coupons/assign", {"book": book, "member": member})] * CALLERS)
    assert Counter(answer.status_code for answer in answers) == {201: 7, 409: 43}
    assert len(service.get(f"users/{member}/coupons")["coupons"]) == 7


def test_one_order_gets_the_lease(service: Service, member: str) -> None:
    code = service.held(member)
    calls = [(f"coupons/lock/{code}", {"member": member, "order": f"o{n}"}) for n in range(CALLERS)]
    assert Counter(answer.status_code for answer in service.at_once(calls)) == {200: 1, 423: 49}


def test_a_code_is_redeemed_once(service: Service, member: str) -> None:
    code = service.held(member)
    answers = service.at_once([(f"coupons/redeem/{code}", {"member": member})] * CALLERS)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 49}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 400} == {"coupon_redeemed"}


def test_a_code_for_everybody_is_used_as_often_as_it_may_be(service: Service, member: str) -> None:
    code = uuid4().hex
    book = service.book([code], redeemed_by="anyone", limits={"uses_per_code": 20, "uses_per_member": 1})
    calls = [(f"coupons/redeem/{code}", {"member": f"{member}-{n}"}) for n in range(CALLERS)]
    assert Counter(answer.status_code for answer in service.at_once(calls)) == {200: 20, 400: 30}
    assert service.statistics(book)["uses"] == 20


def test_two_processes_share_a_store(own: Service, member: str) -> None:
    own.start()
    other = Service(own.work, **own.environment)
    other.start()
    try:
        book = own.book([uuid4().hex for _ in range(30)], pattern="J-{RANDOM:10}")
        calls = [("coupons/assign", {"book": book, "member": f"{member}-{n}"}) for n in range(CALLERS)]
        with ThreadPoolExecutor() as pool:
            answers = pool.map(Service.at_once, (own, other), (calls[:25], calls[25:]))
            assert Counter(a.status_code for half in answers for a in half) == {201: 30, 404: 20}
            jobs = pool.map(Service.at_once, (own, other), [generate(book, 2_500)] * 2)
            assert {a.status_code for half in jobs for a in half} == {202}
        while {s.get(f"books/{book}/jobs/big")["state"] for s in (own, other)} != {"done"}:
            time.sleep(0.05)
        assert own.statistics(book)["generated"] == 2_530
    finally:
        other.stop()


def generate(book: str, count: int) -> list[tuple[str, object]]:
    return [(f"books/{book}/codes/generate", {"count": count, "batch": "big"})] * 5
