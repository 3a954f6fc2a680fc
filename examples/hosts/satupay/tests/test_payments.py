"""Payments: from the quote to the refund, with every outcome that a rail can have."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from conftest import Service


def test_a_payment_is_held_and_paid(service: Service) -> None:
    service.user()
    begun = service.pay("10.00", rail="paynow")
    assert begun["status"] in ("pending", "processing", "completed")
    assert (begun["fee"], begun["charged"]) == ("0.05", "10.05")
    found = service.ended(begun["txn_id"])
    assert found["reference"] == f"paynow-{begun['txn_id']}-1"
    assert found["risk_score"] is not None
    assert service.balance() == ("989.95", "0.00")


def test_the_same_key_pays_once(service: Service) -> None:
    service.user()
    key = {"Idempotency-Key": "order-1"}
    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(lambda _: service.pay("10.00", headers=key)["txn_id"], range(8)))
    assert len(set(begun)) == 1
    service.ended(begun[0])
    assert service.balance() == ("990.00", "0.00")


def test_no_more_is_spent_than_there_is(service: Service) -> None:
    service.user(amount="100.00")

    def pay(_: int) -> int:
        body = {
            "amount": "30.00",
            "currency": "MYR",
            "payment_method": "qr",
            "merchant_id": "M",
            "user_id": "ada",
        }
        return service.call("POST", "/api/pay", body).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(pay, range(8)))
    assert answers == [202] * 3 + [402] * 5
    service.until(lambda: service.balance() == ("10.00", "0.00"))


@pytest.mark.parametrize(
    ("amount", "status", "attempts", "left"),
    [("5.51", "failed", 3, "1000.00"), ("5.52", "failed", 1, "1000.00"), ("5.53", "completed", 1, "994.47")],
)
def test_every_outcome_of_a_rail(
    service: Service, amount: str, status: str, attempts: int, left: str
) -> None:
    service.user()
    txn = service.pay(amount)["txn_id"]
    found = service.ended(txn, status)
    assert found["attempts"] == attempts
    assert service.balance() == (left, "0.00")


def test_a_killed_service_goes_on_and_pays_once(bare: Callable[..., Service]) -> None:
    service = bare(SATUPAY_RAIL_LATENCY="1")
    service.user()
    txn = service.pay("10.00")["txn_id"]
    service.until(lambda: service.get(f"/api/status/{txn}")["status"] == "processing")
    assert service.balance() == ("990.00", "10.00")
    service.kill()
    service.start()
    found = service.ended(txn)
    assert (found["attempts"], found["reference"]) == (1, f"duitnow-{txn}-1")
    assert service.balance() == ("990.00", "0.00")


def test_a_slow_rail_is_no_failure(bare: Callable[..., Service]) -> None:
    service = bare(SATUPAY_RAIL_LATENCY="1", SATUPAY_RAIL_TIMEOUT="0.5")
    service.user()
    txn = service.pay("10.00", rail="boost")["txn_id"]
    service.until(lambda: not service.get(f"/api/status/{txn}")["outcome_known"])
    assert service.balance() == ("990.00", "10.00"), "it is held as long as nobody knows"


def test_a_price_in_another_currency(service: Service) -> None:
    service.user()
    body = {
        "amount": "10.00",
        "currency": "USD",
        "payment_method": "online",
        "merchant_id": "M",
        "user_id": "ada",
    }
    service.refuse("/api/pay", body, 422, "rate_missing")
    service.rates()
    begun = service.pay("10.00", currency="USD")
    # 10 / (0.21 / 1.025) is 48.8095…: the least that becomes ten dollars.
    assert Decimal("48.80") < Decimal(begun["amount"]) <= Decimal("48.82")
    assert begun["original"] == "10.00 USD"
    service.ended(begun["txn_id"])


def test_refunds_add_up_and_no_more(service: Service) -> None:
    service.user()
    txn = service.pay("10.00", rail="paynow")["txn_id"]
    service.refuse("/api/refund", {"txn_id": "none"}, 404, "payment_unknown")
    service.ended(txn)
    part = service.post("/api/refund", {"txn_id": txn, "amount": "4.00"})
    assert (part["type"], part["status"], part["left"]) == ("partial", "partially_refunded", "6.00")
    service.refuse("/api/refund", {"txn_id": txn, "amount": "6.01"}, 422, "refund_above_payment")
    rest = service.post("/api/refund", {"txn_id": txn})
    assert (rest["type"], rest["amount"], rest["fee"]) == ("full", "6.00", "0.03")
    assert service.balance() == ("1000.00", "0.00")
    service.refuse("/api/refund", {"txn_id": txn}, 409, "payment_state_wrong")


def test_what_is_risky_is_reviewed(service: Service) -> None:
    service.user(amount="80000.00")
    # Many payments first, and a large one, so that another one comes at the end of a busy hour.
    service.pay("25000.00")
    for _ in range(9):
        service.pay("0.10")
    big = service.pay("49000.00")
    assert big["status"] == "pending_review", big
    review = f"/api/payments/{big['txn_id']}/review"
    assert service.post(review, {"reviewer": "ruth", "decision": "approve"})
    service.ended(big["txn_id"])
    service.refuse(review, {"reviewer": "rolf", "decision": "block"}, 409, "review_decided")


def test_bad_requests_are_told_where(service: Service) -> None:
    service.user()
    body = {
        "amount": "10.00",
        "currency": "MYR",
        "payment_method": "online",
        "merchant_id": "M",
        "user_id": "ada",
    }
    for change in [
        {"amount": "0"},
        {"amount": "1.001"},
        {"amount": "NaN"},
        {"currency": "ringgit"},
        {"payment_method": "cash"},
        {"rail": "pigeon"},
        {"merchant_id": ""},
        {"more": 1},
    ]:
        answer = service.call("POST", "/api/pay", body | change)
        assert answer.status_code == 422, (change, answer.text)
        assert answer.json()["problems"][0]["path"].split(".")[0] == next(iter(change))
    service.refuse("/api/pay", body | {"user_id": "nobody"}, 404, "member_unknown")
    assert service.call("POST", "/api/pay", content=b"{").status_code == 422
    assert service.call("GET", "/api/none").status_code == 404


def test_whoever_is_rejected_pays_nothing(service: Service) -> None:
    service.user()
    service.post("/api/users/ada/kyc", {"status": "rejected"})
    body = {
        "amount": "10.00",
        "currency": "MYR",
        "payment_method": "online",
        "merchant_id": "M",
        "user_id": "ada",
    }
    service.refuse("/api/pay", body, 409, "member_suspended")
    service.post("/api/users/ada/kyc", {"status": "verified"})
    service.ended(service.pay("10.00")["txn_id"])


def test_wallets_are_linked_once(service: Service) -> None:
    service.user()
    service.user("bob", None)
    service.post("/api/users/ada/wallets", {"wallet": "tng", "account": "0123"}, 201)
    service.refuse("/api/users/bob/wallets", {"wallet": "tng", "account": "0123"}, 409, "alias_exists")
