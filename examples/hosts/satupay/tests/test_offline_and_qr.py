"""Tokens that are taken offline, and codes that are scanned."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
import rewards
from conftest import Service
from rewards import Engine, KeyRing, RingKey, models, read_program
from satupay.app import TERMS
from satupay.qr import with_wallets
from satupay.rails import way
from satupay.switch import PROGRAM

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
KEYS = [RingKey("tokens", "t", bytes(32), START), RingKey("deposits", "bank-1", bytes(32), START)]


def create(service: Service, amount: str = "50.00") -> str:
    body = {"action": "create", "user_id": "ada", "amount": amount}
    made = service.post("/api/payoffline", body, 201)
    assert made["text"].startswith("RT1:")
    token: str = made["token_id"]
    return token


def test_a_token_reserves_its_value_and_is_redeemed_once(service: Service) -> None:
    service.user()
    token = create(service)
    assert service.balance() == ("950.00", "50.00")
    assert service.post("/api/payoffline", {"action": "validate", "token_id": token})["valid"]

    def redeem(number: int) -> int:
        body = {"action": "redeem", "token_id": token, "merchant_id": f"M{number}"}
        return service.call("POST", "/api/payoffline", body).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(redeem, range(8)))
    assert answers == [200] + [400] * 7
    assert service.balance() == ("950.00", "0.00")
    body = {"action": "redeem", "token_id": token, "merchant_id": "M"}
    service.refuse("/api/payoffline", body, 400, "token_spent")
    service.refuse("/api/payoffline", body | {"token_id": "none"}, 404, "token_unknown")
    cancel = {"action": "cancel", "token_id": token, "user_id": "ada"}
    service.refuse("/api/payoffline", cancel, 400, "token_spent")


def test_limits_of_tokens(service: Service) -> None:
    service.user()
    for amount in ("4.99", "1000.01"):
        body = {"action": "create", "user_id": "ada", "amount": amount}
        service.refuse("/api/payoffline", body, 409, "token_limit")
    tokens = [create(service, "5.00") for _ in range(5)]
    service.refuse(
        "/api/payoffline", {"action": "create", "user_id": "ada", "amount": "5.00"}, 409, "token_limit"
    )
    cancelled = service.post("/api/payoffline", {"action": "cancel", "token_id": tokens[0], "user_id": "ada"})
    assert cancelled["amount"] == "5.00"
    create(service, "5.00")


@pytest.mark.parametrize("kind", ["merchant", "tng", "boost"])
def test_a_code_is_scanned_once(service: Service, kind: str) -> None:
    body = {"type": kind, "merchant_id": "SHOP7", "amount": "12.30"}
    made = service.post("/api/qr/generate", body, 201)
    picture = service.call("GET", f"/api/qr/{made['qr_id']}.svg")
    assert picture.status_code == 200 and picture.text == rewards.qr_svg(made["text"])
    assert made["text"].startswith("000201" if kind == "merchant" else "RQ1:"), "others are signed"
    scanned = service.post("/api/qr/scan", {"qr_id": made["qr_id"]})
    assert (scanned["merchant_id"], scanned["amount"], scanned["type"]) == ("SHOP7", "12.30", kind)
    service.refuse("/api/qr/scan", {"qr_id": made["qr_id"]}, 400, "qr_scanned")
    service.refuse("/api/qr/scan", {"qr_id": "none"}, 404, "qr_unknown")


def test_a_code_is_paid_through_another_wallet(service: Service) -> None:
    service.user()
    made = service.post("/api/qr/generate", {"type": "tng", "merchant_id": "M", "amount": "20.00"}, 201)
    told = service.post("/api/qr/route", {"qr_id": made["qr_id"]})
    assert told["recommended"] == "tng"
    assert told["routes"][1] == {
        "wallet": "boost",
        "fee": "0.10",
        "fee_paid_by": "sender",
        "total": "20.10",
        "arrives": "20.00",
    }
    pay = {"qr_id": made["qr_id"], "wallet": "boost", "user_id": "ada"}
    service.refuse("/api/qr/route", pay, 400, "qr_not_scanned")
    service.post("/api/qr/scan", {"qr_id": made["qr_id"], "user_id": "ada"})
    service.refuse("/api/qr/route", pay | {"wallet": "grabpay"}, 422, "invalid")
    begun = service.post("/api/qr/route", pay, 202)["payment"]
    assert (begun["charged"], begun["fee"], begun["fee_paid_by"]) == ("20.10", "0.10", "sender")
    assert (begun["amount"], begun["arrives"]) == ("20.00", "20.00"), "the merchant gets what the code says"
    assert begun["rail"] == "boost"
    service.ended(begun["txn_id"])
    # The code names the payment, so that it is paid once.
    service.post("/api/qr/route", pay, 202)
    assert service.balance() == ("979.90", "0.00")


def test_the_rail_is_asked_for_what_the_code_says(service: Service) -> None:
    # The sandbox declines what ends in .52: with the fee of the route it would be that.
    service.user()
    made = service.post("/api/qr/generate", {"type": "tng", "merchant_id": "M", "amount": "20.42"}, 201)
    service.post("/api/qr/scan", {"qr_id": made["qr_id"]})
    pay = {"qr_id": made["qr_id"], "wallet": "boost", "user_id": "ada"}
    txn = service.post("/api/qr/route", pay, 202)["payment"]["txn_id"]
    service.until(lambda: service.get(f"/api/status/{txn}")["status"] not in ("pending", "processing"))
    assert service.ended(txn)["charged"] == "20.52"
    refund = service.post("/api/refund", {"txn_id": txn})
    assert (refund["amount"], refund["fee"]) == ("20.42", "0.10")
    assert service.balance() == ("1000.00", "0.00")


@pytest.mark.parametrize("payer", ["sender", "receiver"])
def test_a_payment_comes_to_what_the_route_says(payer: Any) -> None:
    program = read_program(TERMS.read_text())
    assert program.qr
    fee = models.Fee(fixed=Decimal("0.30"), percent="1%", paid_by=payer)
    between = [one.model_copy(update={"fee": one.fee and fee}) for one in program.qr.routes]
    section = program.qr.model_copy(update={"routes": between})
    with Engine.open("memory:", key_ring=KeyRing(KEYS)) as engine:
        own = with_wallets(program.model_copy(update={"qr": section}))
        engine.publish_program(models.PublishProgram(program=own), key="p")
        amount = models.Money.of("20.00", "MYR")
        for kind in ("merchant", "tng", "boost"):
            of = models.KindQrSubject(kind=kind)
            quoted = engine.quote_qr_routes(models.QuoteQrRoutes(program=PROGRAM, of=of, amount=amount))
            for told in quoted.routes:
                ask = models.QuotePayment(program=PROGRAM, amount=amount, route=way(kind, told.wallet))
                terms = engine.quote_payment(ask).routes[0]
                found = (terms.given, terms.arrived, terms.paid_by if terms.fee else None)
                assert found == (told.given, told.arrived, told.paid_by if told.fee.amount else None)


def test_the_demo(service: Service) -> None:
    service.user()
    told = service.post("/api/qr/demo/tng-boost", {"user_id": "ada"}, 202)
    assert told["payment"]["charged"] == "25.10"
    service.ended(told["payment"]["txn_id"])
