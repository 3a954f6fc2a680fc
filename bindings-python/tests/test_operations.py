"""Every operation, for threads and for asyncio, in memory and on a file."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
import rewards
from conftest import NOW, club, confirm, later, purchase, record, ring_key
from rewards import _native, models
from rewards.models import Money
from rewards.operations import OPERATIONS

DEPOSITS = {"providers": [{"id": "card", "keys": ["card-1"]}]}


def paying_club() -> models.Program:
    """The program, which takes deposits and lets rewards pay."""
    return club(deposits=DEPOSITS, redemptions={"order": ["cashback"]})


def key_ring() -> rewards.KeyRing:
    """A key for aliases, one for deposits, one for coupons and one for tokens."""
    deposits, coupons = ring_key("card-1", purpose="deposits"), ring_key("codes-1", purpose="coupons")
    tokens = ring_key("tokens-1", purpose="tokens")
    return rewards.KeyRing([ring_key("first"), deposits, coupons, tokens])


TOTAL = Money.of("2.00", "EUR")
PROMPTPAY = "00020101021129370016A0000006770101110113006681222333353037645802TH63041DCF"


def cautious() -> models.Program:
    """A program that assesses payments."""
    bands = [{"until": 100000, "points": 0}, {"from": 100000, "points": 1}]
    return models.Program.model_validate(
        {
            "id": "cautious",
            "currency": "EUR",
            "zone": "UTC",
            "risk": {
                "keys": ["device"],
                "features": [{"id": "amount", "value": {"amount": {}}}],
                "scorecard": {"rules": [{"id": "large", "feature": "amount", "bands": bands}]},
                "lists": [{"id": "odd", "by": "device", "then": "review"}],
            },
            "qr": {
                "routes": [{"id": "between", "code": "tng", "wallets": ["boost"], "fee": {"fixed": "0.10"}}]
            },
        }
    )


def offline() -> models.Program:
    """A program with offline tokens."""
    return models.Program.model_validate(
        {
            "id": "offline",
            "currency": "EUR",
            "zone": "UTC",
            "redemptions": {"order": ["cashback"]},
            "tokens": {"issuer": "offline"},
        }
    )


def token(name: str) -> models.IssueToken:
    return models.IssueToken(token=name, member="tom", program="offline", amount=Money.of("20.00", "EUR"))


def payment() -> models.PaymentFacts:
    return models.PaymentFacts(
        program="cautious", member="bob", amount=TOTAL, occurred_at=NOW, keys={"device": "d-1"}
    )


def order(redemption: str) -> dict[str, Any]:
    return {"redemption": redemption, "member": "ada", "program": "club", "order": "o1", "total": TOTAL}


# All operations in an order in which each takes effect: method, request, its key, and what of the reply is looked at.
STEPS: list[tuple[str, Any, str | None, dict[str, Any]]] = [
    (
        "publish_program",
        models.PublishProgram(program=paying_club()),
        "club-1",
        {"program": "club", "revision": 1},
    ),
    ("register_member", models.RegisterMember(member="ada"), None, {"member": "ada", "registered_at": NOW}),
    ("register_member", models.RegisterMember(member="bob"), None, {"member": "bob"}),
    ("quote_purchase", models.QuotePurchase(purchase=purchase()), None, {}),
    ("record_purchase", record(1), None, {"purchase": "order-1", "recorded_at": NOW}),
    ("record_purchase", record(2), None, {"purchase": "order-2"}),
    ("confirm_purchase", models.ConfirmPurchase(member="ada", purchase="order-1"), None, {}),
    (
        "refund_purchase",
        models.RefundPurchase(
            refund="refund-1",
            member="ada",
            purchase="order-1",
            what=models.AmountRefundedPart(amount=Money.of("1.00", "EUR")),
        ),
        None,
        {"refund": "refund-1", "state": "confirmed"},
    ),
    ("list_refunds", models.ListRefunds(purchase="order-1"), None, {"next": None}),
    (
        "replace_purchase",
        models.ReplacePurchase(refund="refund-2", replaced="order-2", purchase=purchase(3)),
        None,
        {},
    ),
    ("cancel_purchase", models.CancelPurchase(member="ada", purchase="order-3"), None, {}),
    (
        "grant_reward",
        models.GrantReward(member="ada", amount=Money.of("2.50", "EUR"), reason="sorry"),
        "grant-1",
        {"amount": Money.of("2.50", "EUR")},
    ),
    (
        "deduct_balance",
        models.DeductBalance(
            member="ada", take=Money.of("1.00", "EUR"), reason="spent", source="game", reference="a1"
        ),
        "take-1",
        {"taken": Money.of("1.00", "EUR")},
    ),
    ("list_adjustments", models.ListAdjustments(member="ada"), None, {"next": None}),
    ("get_adjustment", models.GetAdjustment(adjustment="a1"), None, {"kind": "deduct", "source": "game"}),
    ("settle_member", models.SettleMember(member="ada"), "settle-1", {"more": False}),
    (
        "create_coupon_book",
        models.CreateCouponBook(
            book="spring", terms=models.BookTerms(name="Spring", pattern="{RANDOM:8}", transfer="permitted")
        ),
        None,
        {"book": "spring", "state": "active", "created_at": NOW},
    ),
    (
        "update_coupon_book",
        models.UpdateCouponBook(book="spring", owner="Cafe"),
        "spring-1",
        {"book": "spring", "state": "active"},
    ),
    ("list_coupon_books", models.ListCouponBooks(), None, {"next": None}),
    ("get_coupon_book", models.GetCouponBook(book="spring"), None, {}),
    (
        "generate_coupons",
        models.GenerateCoupons(book="spring", batch="b1", count=3),
        None,
        {"generated": 3, "total": 3, "next": None, "codes": []},
    ),
    (
        "get_coupon_batch",
        models.GetCouponBatch(book="spring", batch="b1"),
        None,
        {"wanted": 3, "total": 3, "passed_over": 0, "next": None},
    ),
    (
        "upload_coupons",
        models.UploadCoupons(book="spring", lines=["SAVE-10", " "], plain=True),
        "upload-1",
        {"added": 1, "bad": [models.BadLine(line=2, problem="empty")]},
    ),
    (
        "assign_coupons",
        models.AssignCoupons(book="spring", member="ada", codes=["save-10"]),
        "assign-1",
        {"book": "spring", "member": "ada", "assigned_at": NOW},
    ),
    (
        "check_coupon",
        models.CheckCoupon(member="ada", code="SAVE-10"),
        "check-1",
        {"outcome": "accepted", "state": "assigned", "book_state": "active"},
    ),
    (
        "lock_coupon",
        models.LockCoupon(member="ada", code="SAVE-10", order="o1"),
        "lock-1",
        {"outcome": "accepted", "book": "spring"},
    ),
    (
        "unlock_coupon",
        models.UnlockCoupon(member="ada", code="SAVE-10", order="o1"),
        "unlock-1",
        {"outcome": "accepted"},
    ),
    (
        "distribute_coupons",
        models.DistributeCoupons(book="spring", members=["bob", "nobody"], each=1, partial=True),
        "distribute-1",
        {"assigned": 1, "short": 1},
    ),
    (
        "transfer_coupon",
        models.TransferCoupon(member="ada", to="bob", code="SAVE-10"),
        "transfer-coupon-1",
        {"outcome": "accepted", "to": "bob"},
    ),
    (
        "replace_coupon",
        models.ReplaceCoupon(code="SAVE-10", new_code="SAVE-30", reason="lost"),
        "replace-1",
        {"book": "spring", "member": "bob", "left": 1},
    ),
    ("unassign_coupon", models.UnassignCoupon(code="SAVE-30"), "unassign-1", {"state": "available"}),
    ("void_coupon", models.VoidCoupon(code="SAVE-30", reason="lost"), "void-1", {"state": "voided"}),
    (
        "redeem_coupon",
        models.RedeemCoupon(member="ada", code="NONE"),
        "redeem-1",
        {"outcome": "not_accepted", "coupon": None},
    ),
    ("list_coupons", models.ListCoupons(book="spring", codes=True), None, {"next": None}),
    ("get_coupon", models.GetCoupon(code="SAVE-10"), None, {"state": "voided", "code": "SAVE-10"}),
    (
        "quote_redemption",
        models.QuoteRedemption(member="ada", program="club", total=TOTAL),
        None,
        {"paid": TOTAL, "rest": Money.of("0.00", "EUR")},
    ),
    ("redeem", models.Redeem(**order("r1")), None, {"redemption": "r1", "paid": TOTAL}),
    (
        "cancel_redemption",
        models.CancelRedemption(member="ada", redemption="r1"),
        None,
        {"cancelled": TOTAL, "returned": [TOTAL], "expired": []},
    ),
    ("authorize_redemption", models.AuthorizeRedemption(**order("r2")), None, {"reserved": TOTAL}),
    (
        "capture_redemption",
        models.CaptureRedemption(member="ada", redemption="r2", number=1, amount=Money.of("1.00", "EUR")),
        None,
        {"paid": Money.of("1.00", "EUR"), "reserved": Money.of("1.00", "EUR")},
    ),
    (
        "release_redemption",
        models.ReleaseRedemption(member="ada", redemption="r2"),
        None,
        {"returned": [Money.of("1.00", "EUR")]},
    ),
    ("get_redemption", models.GetRedemption(redemption="r2"), None, {"state": "released", "order": "o1"}),
    ("list_redemptions", models.ListRedemptions(member="ada"), None, {"next": None}),
    (
        "create_shared_wallet",
        models.CreateSharedWallet(wallet="home", members=["bob", "ada"]),
        None,
        {"wallet": "home", "recorded_at": NOW},
    ),
    (
        "update_shared_wallet",
        models.UpdateSharedWallet(wallet="home", members=["ada", "bob"]),
        "home-1",
        {"state": "active", "members": ["ada", "bob"]},
    ),
    ("get_shared_wallet", models.GetSharedWallet(wallet="home"), None, {"wallet": "home"}),
    ("list_shared_wallets", models.ListSharedWallets(member="ada"), None, {"next": None}),
    ("get_balance", models.GetBalance(member="ada"), None, {"at": NOW}),
    ("get_statement", models.GetStatement(member="ada", limit=2), None, {}),
    ("get_tiers", models.GetTiers(member="ada", program="club"), None, {"ladders": []}),
    ("list_programs", models.ListPrograms(), None, {"next": None}),
    (
        "get_program",
        models.GetProgram(program="club"),
        None,
        {"program": paying_club(), "revision": 1, "newest": 1},
    ),
    ("list_purchases", models.ListPurchases(member="ada", limit=3), None, {"next": None}),
    (
        "get_purchase",
        models.GetPurchase(purchase="order-1"),
        None,
        {"state": "confirmed", "recorded_at": NOW},
    ),
    (
        "link_alias",
        models.LinkAlias(member="ada", kind="phone", name="+4930901820"),
        "link-1",
        {"member": "ada", "kind": "phone", "linked_at": NOW},
    ),
    (
        "resolve_alias",
        models.ResolveAlias(kind="phone", name="+4930901820"),
        None,
        {"member": "ada", "status": "active"},
    ),
    (
        "unlink_alias",
        models.UnlinkAlias(kind="phone", name="+4930901820"),
        "unlink-1",
        {"member": "ada", "kind": "phone"},
    ),
    (
        "initiate_deposit",
        models.InitiateDeposit(
            deposit="d1", program="club", member="bob", amount=Money.of("25.00", "EUR"), provider="card"
        ),
        None,
        {"deposit": "d1", "initiated_at": NOW},
    ),
    (
        "confirm_deposit",
        confirm("d1", "card-1"),
        None,
        {"deposit": "d1", "member": "bob", "state": "confirmed", "late": False, "entry": 1},
    ),
    ("get_deposit", models.GetDeposit(deposit="d1"), None, {"state": "confirmed", "settled_at": NOW}),
    ("list_deposits", models.ListDeposits(member="bob"), None, {"next": None}),
    (
        "publish_program",
        models.PublishProgram(
            program=models.Program(
                id="bills",
                currency="EUR",
                zone="UTC",
                redemptions=models.Redemptions(order=["main"]),
                payments=models.Payments(routes=[models.PaymentRoute(id="sepa")]),
            )
        ),
        "bills-1",
        {"program": "bills"},
    ),
    ("quote_payment", models.QuotePayment(program="bills", amount=TOTAL), None, {}),
    (
        "create_payment",
        models.CreatePayment(payment="y1", program="bills", member="bob", amount=TOTAL, route="sepa"),
        None,
        {"payment": "y1", "created_at": NOW},
    ),
    ("hold_payment", models.HoldPayment(payment="y1"), None, {"state": "held", "held_until": later(days=1)}),
    ("submit_payment", models.SubmitPayment(payment="y1"), "submit-1", {"attempt": 1, "key": "y1-1"}),
    (
        "report_payment",
        models.ReportPayment(
            payment="y1", attempt=1, outcome=models.CompletedAttemptOutcome(completed={"reference": "bank-7"})
        ),
        None,
        {"state": "completed", "purchase": None},
    ),
    ("get_payment", models.GetPayment(payment="y1"), None, {"state": "completed", "reference": "bank-7"}),
    ("list_payments", models.ListPayments(member="bob"), None, {"next": None}),
    ("get_stage_statistics", models.GetStageStatistics(program="bills"), None, {"stages": []}),
    ("refund_payment", models.RefundPayment(refund="y1-back", payment="y1"), None, {"state": "refunded"}),
    (
        "create_payment",
        models.CreatePayment(payment="y2", program="bills", member="bob", amount=TOTAL, route="sepa"),
        None,
        {"payment": "y2"},
    ),
    ("cancel_payment", models.CancelPayment(payment="y2"), None, {"state": "cancelled", "returned": []}),
    ("list_expiring", models.ListExpiring(member="ada"), None, {"items": [], "next": None}),
    (
        "update_member",
        models.UpdateMember(member="ada", status="suspended"),
        "suspend-1",
        {"status": "suspended", "forfeited": []},
    ),
    (
        "publish_program",
        models.PublishProgram(
            program=models.Program(
                id="gifts",
                currency="EUR",
                zone="UTC",
                transfers=[models.TransferRule(id="cash", other_side="id")],
            )
        ),
        "gifts-1",
        {"program": "gifts"},
    ),
    ("register_member", models.RegisterMember(member="eve"), None, {"member": "eve"}),
    (
        "grant_reward",
        models.GrantReward(member="bob", amount=Money.of("2.00", "EUR"), reason="sorry"),
        "grant-2",
        {"amount": Money.of("2.00", "EUR")},
    ),
    (
        "transfer_balance",
        models.TransferBalance(
            transfer="t-1",
            program="gifts",
            from_="bob",
            to=models.MemberTransferReceiver(member="eve"),
            amount=Money.of("0.50", "EUR"),
        ),
        None,
        {"to": "eve", "arrived": Money.of("0.50", "EUR"), "recorded_at": NOW},
    ),
    ("list_transfers", models.ListTransfers(member="eve"), None, {"next": None}),
    ("get_transfer", models.GetTransfer(transfer="t-1"), None, {"state": "completed", "to": "eve"}),
    ("publish_program", models.PublishProgram(program=cautious()), "cautious-1", {"program": "cautious"}),
    (
        "add_to_risk_list",
        models.AddToRiskList(program="cautious", list="odd", value="d-1"),
        "list-1",
        {"value": "d-1", "added_at": NOW},
    ),
    ("list_risk_entries", models.ListRiskEntries(program="cautious", list="odd"), None, {"next": None}),
    (
        "snooze_rule",
        models.SnoozeRule(program="cautious", rule="large", key="device", value="d-2", until=later(days=1)),
        "snooze-1",
        {"rule": "large", "until": later(days=1)},
    ),
    ("quote_assessment", models.QuoteAssessment(facts=payment()), None, {"revision": 1, "shadow": None}),
    (
        "assess_payment",
        models.AssessPayment(payment="pay-1", facts=payment()),
        None,
        {"payment": "pay-1", "review_expires_at": later(days=1)},
    ),
    ("list_assessments", models.ListAssessments(member="bob"), None, {"next": None}),
    ("list_reviews", models.ListReviews(program="cautious"), None, {"next": None}),
    ("claim_review", models.ClaimReview(payment="pay-1", owner="jo"), "claim-1", {"owner": "jo"}),
    (
        "decide_review",
        models.DecideReview(payment="pay-1", owner="jo", decision="approve"),
        None,
        {"decision": "approve", "decided_at": NOW},
    ),
    (
        "label_payment",
        models.LabelPayment(payment="pay-1", label="good"),
        "label-1",
        {"before": None, "labelled_at": NOW},
    ),
    (
        "get_assessment",
        models.GetAssessment(payment="pay-1"),
        None,
        {"member": "bob", "keys": {"device": "d-1"}},
    ),
    (
        "build_qr",
        models.BuildQr(
            qr=models.MerchantQr(initiation="static", currency="THB", country="TH"),
            schemes=[models.PromptpayQrScheme(promptpay=models.PromptpayAccount(phone="0066812223333"))],
        ),
        None,
        {"text": PROMPTPAY},
    ),
    ("parse_qr", models.ParseQr(text=PROMPTPAY), None, {"amount": None}),
    (
        "create_qr",
        models.CreateQr(
            qr="q-1",
            program="cautious",
            kind="link",
            content=models.TextQrContent(text="https://example.com"),
            member="bob",
            expiry=models.SecondsQrExpiry(seconds=60),
        ),
        None,
        {"text": "https://example.com", "scans": "once", "expires_at": later(minutes=1)},
    ),
    ("scan_qr", models.ScanQr(qr="q-1", by="bob"), "scan-1", {"scanned": 1, "scanned_at": NOW}),
    ("get_qr", models.GetQr(qr="q-1"), None, {"state": "scanned", "member": "bob"}),
    ("list_qrs", models.ListQrs(member="bob"), None, {"next": None}),
    (
        "create_qr",
        models.CreateQr(
            qr="q-2", program="cautious", kind="tng", content=models.TextQrContent(text="2"), expiry="never"
        ),
        None,
        {"expires_at": None},
    ),
    ("cancel_qr", models.CancelQr(qr="q-2"), "cancel-qr", {"cancelled_at": NOW}),
    (
        "quote_qr_routes",
        models.QuoteQrRoutes(program="cautious", of=models.KindQrSubject(kind="tng"), amount=TOTAL),
        None,
        {"recommended": "boost"},
    ),
    (
        "remove_from_risk_list",
        models.RemoveFromRiskList(program="cautious", list="odd", value="d-1"),
        "list-2",
        {"value": "d-1", "removed_at": NOW},
    ),
    (
        "publish_program",
        models.PublishProgram(
            program=models.Program(
                id="abroad",
                currency="EUR",
                zone="UTC",
                fx=models.FxSection(
                    sources=["desk"], rules=[models.FxRule(id="all", purpose="cashback", markup="2.5%")]
                ),
            )
        ),
        "abroad-1",
        {"program": "abroad"},
    ),
    (
        "import_rates",
        models.ImportRates(
            source="desk",
            content=models.RatesRateContent(
                rates=[
                    models.FxRateLine(
                        day=NOW.date(), base="EUR", quote="USD", price=models.MidFxPrice(mid="1.25")
                    )
                ]
            ),
        ),
        "rates-1",
        {"imported": 1, "unchanged": 0, "corrected": 0, "next": None},
    ),
    ("list_rates", models.ListRates(source="desk", base="EUR", quote="USD"), None, {"next": None}),
    (
        "get_rate",
        models.GetRate(program="abroad", from_="EUR", to="USD"),
        None,
        {"source": "desk", "age_days": 0},
    ),
    (
        "quote_conversion",
        models.QuoteConversion(program="abroad", amount=Money.of("0.41", "EUR"), to="USD"),
        None,
        {"program": "abroad", "rule": "all"},
    ),
    (
        "lock_conversion",
        models.LockConversion(
            quote="q-1", program="abroad", member="bob", amount=Money.of("0.41", "EUR"), to="USD"
        ),
        None,
        {"quote": "q-1", "member": "bob", "locked_at": NOW},
    ),
    (
        "convert_balance",
        models.ConvertBalance(conversion="c-1", member="bob", of=models.QuoteConversionSubject(quote="q-1")),
        None,
        {"quote": "q-1", "recorded_at": NOW},
    ),
    (
        "refund_conversion",
        models.RefundConversion(refund="cr-1", conversion="c-1", member="bob"),
        None,
        {"left": Money.of("0.00", "USD")},
    ),
    ("list_conversions", models.ListConversions(member="bob"), None, {"next": None}),
    ("get_conversion", models.GetConversion(conversion="c-1"), None, {"state": "refunded", "quote": "q-1"}),
    (
        "value_balances",
        models.ValueBalances(program="abroad", balances=[Money.of("1.00", "USD")], currency="EUR"),
        None,
        {"total": Money.of("0.80", "EUR")},
    ),
    (
        "merge_members",
        models.MergeMembers(member="eve", into="bob"),
        None,
        {"into": "bob", "moved": [Money.of("0.50", "EUR")], "merged_at": NOW},
    ),
    ("list_members", models.ListMembers(), None, {"next": None}),
    (
        "erase_member",
        models.EraseMember(member="ada", forfeit=True),
        "erase-1",
        {"purchases": 0, "forfeited": [Money.of("4.45", "EUR")], "next": None},
    ),
    ("publish_program", models.PublishProgram(program=offline()), "offline-1", {"program": "offline"}),
    ("register_member", models.RegisterMember(member="tom"), "tom-1", {"member": "tom"}),
    (
        "grant_reward",
        models.GrantReward(member="tom", amount=Money.of("60.00", "EUR"), reason="a gift"),
        "tom-2",
        {"amount": Money.of("60.00", "EUR")},
    ),
    ("issue_token", token("t-1"), None, {"key": "tokens-1", "settles_until": later(days=1)}),
    ("issue_token", token("t-2"), None, {"key": "tokens-1"}),
    ("issue_token", token("t-3"), None, {"key": "tokens-1"}),
    (
        "redeem_token",
        models.RedeemToken(token="t-1", order="o-1"),
        None,
        {"member": "tom", "paid": Money.of("20.00", "EUR"), "redeemed_at": NOW},
    ),
    ("settle_receipts", models.SettleReceipts(receipts=["RP1:"]), "receipts-1", {"frozen": []}),
    (
        "cancel_token",
        models.CancelToken(member="tom", token="t-2"),
        None,
        {"unspent": Money.of("20.00", "EUR"), "returns_at": NOW},
    ),
    (
        "freeze_tokens",
        models.FreezeTokens(member="tom"),
        "freeze-1",
        {"tokens": [models.FrozenToken(token="t-3", unspent=Money.of("20.00", "EUR"), returns_at=NOW)]},
    ),
    ("get_token", models.GetToken(token="t-3"), None, {"state": "frozen", "receipts": []}),
    ("list_tokens", models.ListTokens(member="tom"), None, {"next": None}),
    ("list_revoked_tokens", models.ListRevokedTokens(issuer="offline"), None, {"next": None}),
    ("get_token_keys", models.GetTokenKeys(), None, {}),
]


def check(name: str, reply: Any, expected: dict[str, Any]) -> None:
    operation = next(operation for operation in OPERATIONS if operation.name == name)
    assert type(reply) is operation.reply
    assert {field: getattr(reply, field) for field in expected} == expected


def options(key: str | None) -> dict[str, Any]:
    return {"now": NOW} if key is None else {"key": key, "now": NOW}


def test_the_steps_cover_the_registry() -> None:
    names = [operation.name for operation in OPERATIONS]
    assert {step[0] for step in STEPS} == set(names)
    assert _native.operations() == [(operation.name, operation.kind == "command") for operation in OPERATIONS]
    for name in names:
        assert inspect.getdoc(getattr(rewards.Engine, name))
        assert inspect.iscoroutinefunction(getattr(rewards.AsyncEngine, name))


def test_every_operation(url: str) -> None:
    with rewards.open(url, seed=7, key_ring=key_ring()) as engine:
        for name, request, key, expected in STEPS:
            reply = getattr(engine, name)(request, **options(key))
            check(name, reply, expected)
            assert type(reply).from_json(reply.to_json()) == reply
        assert engine.verify().is_valid


def test_every_operation_awaited(url: str) -> None:
    async def run() -> None:
        async with rewards.AsyncEngine.open(url, seed=7, key_ring=key_ring()) as engine:
            for name, request, key, expected in STEPS:
                check(name, await getattr(engine, name)(request, **options(key)), expected)
            assert (await engine.verify()).is_valid

    asyncio.run(run())


def test_both_engines_and_both_stores_answer_alike(file_url: str) -> None:
    def replies(url: str) -> list[str]:
        with rewards.open(url, tenant="same", seed=3, key_ring=key_ring()) as engine:
            return [engine.execute(step[1], key=step[2], now=NOW).reply.to_json() for step in STEPS]

    async def awaited() -> list[str]:
        engine = await rewards.AsyncEngine.open("memory:", tenant="same", seed=3, key_ring=key_ring())
        receipts = [await engine.execute(step[1], key=step[2], now=NOW) for step in STEPS]
        await engine.close()
        return [receipt.reply.to_json() for receipt in receipts]

    expected = replies("memory:")
    assert replies(file_url) == expected
    assert asyncio.run(awaited()) == expected


def test_a_receipt_tells_replays(engine: rewards.Engine) -> None:
    first = engine.execute(record(), now=NOW)
    again = engine.execute(record(), now=later(days=3))
    assert (first.replayed, again.replayed) == (False, True)
    assert first.reply == again.reply
    with pytest.raises(rewards.ConflictError) as caught:
        engine.record_purchase(record(amount="81.00"), now=NOW)
    assert caught.value.code == "key_reused"


def test_money_is_exact(engine: rewards.Engine) -> None:
    engine.record_purchase(record(), now=NOW)
    balance = engine.get_balance(models.GetBalance(member="ada"), now=NOW)
    assert [str(line.available) for line in balance.assets] == ["4.00 EUR"]


def test_tenants_know_nothing_of_each_other(file_url: str) -> None:
    with rewards.open(file_url, tenant="one") as one, rewards.open(file_url, tenant="two") as two:
        one.register_member(models.RegisterMember(member="ada"), now=NOW)
        with pytest.raises(rewards.RejectedError) as caught:
            two.get_balance(models.GetBalance(member="ada"), now=NOW)
    assert (one.tenant, caught.value.code) == ("one", "member_unknown")


def test_what_was_written_is_there_when_opened_again(file_url: str) -> None:
    with rewards.open(file_url) as engine:
        engine.register_member(models.RegisterMember(member="ada"), now=NOW)
    with rewards.open(file_url) as engine:
        assert engine.get_balance(models.GetBalance(member="ada"), now=NOW).assets == []


def test_without_a_time_the_clock_decides(engine: rewards.Engine) -> None:
    reply = engine.register_member(models.RegisterMember(member="bob"))
    assert reply.registered_at.utcoffset() is not None
    assert (
        abs((reply.registered_at - reply.registered_at.now(reply.registered_at.tzinfo)).total_seconds()) < 60
    )
