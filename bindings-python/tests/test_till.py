"""A till: what it has taken survives a restart, cannot be taken back unseen, and is paid once it is told to an engine."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import rewards
from conftest import NOW
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rewards import models
from rewards.models import Money
from test_tokens import PHONE, issued, opened, set_up, verifier


def spent(token: models.IssuedToken, amount: str, previous: str | None = None) -> models.ShownToken:
    """What the phone shows to pay with its token."""
    spend = models.TokenSpend(
        token=token.text, previous=previous, merchant="bakery", amount=Money.of(amount, "EUR"), now=NOW
    )
    proof = rewards.spend_proof(spend, PHONE.sign(rewards.spend_message(spend)))
    return models.ShownToken(token=token.text, proof=proof, amount=spend.amount, now=NOW)


def test_what_a_till_takes_is_remembered_told_and_paid(tmp_path: Path) -> None:
    file = tmp_path / "till.db"
    with opened() as engine:
        token = issued(engine, PHONE.public_key().public_bytes_raw().hex())
        known = verifier(engine)
        first = spent(token, "12.50")
        with rewards.Till(file, known) as till:
            assert till.mark().number == 0
            assert till.take(first).counter == 1
            mark = till.mark()
        with rewards.Till(str(file), known, mark=mark) as till:
            with pytest.raises(rewards.RejectedError) as seen:
                till.take(first)
            assert seen.value.code == "token_seen"
            till.take(spent(token, "7.50", first.proof))
            (payment,) = till.waiting(1)
            assert (payment.amount, payment.proof) == (Money.of("12.50", "EUR"), first.proof)
            waiting = till.waiting()
            settle = models.SettleReceipts(receipts=[one.proof for one in waiting if one.proof])
            told = engine.settle_receipts(settle, key="sync", now=NOW).receipts
            assert [receipt.outcome for receipt in told] == ["settled", "settled"]
            till.synced([one.digest for one in waiting], NOW + timedelta(minutes=1))
            assert till.waiting() == []
            revoked = known.model_copy(update={"revoked": ["t-1"]})
            till.know(revoked)
            later = spent(token, "1.00", waiting[1].proof).model_copy(
                update={"now": NOW + timedelta(minutes=2)}
            )
            with pytest.raises(rewards.RejectedError) as taken_back:
                till.take(later)
            assert taken_back.value.code == "token_revoked"
        with pytest.raises(rewards.InternalError) as closed:
            till.take(later)
        assert closed.value.code == "store_refused"


def test_the_flow_of_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chapter = Path(__file__).parents[2] / "docs" / "guide" / "src" / "tokens.md"
    (code,) = re.findall(r"```python\n(.*?)```", chapter.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    with opened() as engine:
        set_up(engine, "satupay", "MYR")
        names = {
            "Ed25519PrivateKey": Ed25519PrivateKey,
            "datetime": datetime,
            "engine": engine,
            "models": models,
            "rewards": rewards,
            "timezone": timezone,
        }
        exec(code, names)
        told, till = names["told"], names["till"]
        assert isinstance(told, models.SettledReceipts)
        assert isinstance(till, rewards.Till)
        assert [(one.outcome, one.paid) for one in told.receipts] == [("settled", Money.of("12.30", "MYR"))]
        assert till.waiting() == []
        till.close()


def test_an_earlier_file_is_found_by_its_mark(tmp_path: Path) -> None:
    file, copy = tmp_path / "till.db", tmp_path / "copy.db"
    with opened() as engine:
        token = issued(engine, PHONE.public_key().public_bytes_raw().hex())
        known = verifier(engine)
    first = spent(token, "1.00")
    with rewards.Till(file, known) as till:
        till.take(first)
        with pytest.raises(rewards.UnavailableError) as held:
            rewards.Till(file, known)
        assert held.value.code == "store_unavailable"
    shutil.copy(file, copy)
    with rewards.Till(file, known) as till:
        till.take(spent(token, "2.00", first.proof))
        mark = till.mark()
    shutil.copy(copy, file)
    with pytest.raises(rewards.RejectedError) as rolled_back:
        rewards.Till(file, known, mark=mark)
    assert rolled_back.value.code == "token_log_rolled_back"
    assert rolled_back.value.context == {"expected": "2"}


def test_threads_take_a_payment_once(tmp_path: Path) -> None:
    with opened() as engine:
        token = issued(engine, PHONE.public_key().public_bytes_raw().hex())
        known = verifier(engine)
    shown = spent(token, "1.00")

    def take(till: rewards.Till) -> str:
        try:
            till.take(shown)
        except rewards.RejectedError as refused:
            return refused.code
        return "taken"

    with rewards.Till(tmp_path / "till.db", known) as till, ThreadPoolExecutor(8) as threads:
        codes = list(threads.map(take, [till] * 24))
    assert sorted(codes) == ["taken", *["token_seen"] * 23]


def test_what_is_no_till_is_refused(tmp_path: Path) -> None:
    known = models.TokenVerifier(issuer="club", keys=[], merchant="bakery")
    (tmp_path / "text.db").write_text("no database, and long enough to be read as one", "utf-8")
    for place, code in [("missing/till.db", "folder_missing"), ("text.db", "store_corrupt")]:
        with pytest.raises(rewards.RewardsError) as refused:
            rewards.Till(tmp_path / place, known)
        assert refused.value.code == code
