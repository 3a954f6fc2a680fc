"""Offline tokens: taken without an engine, spent by a device, and read and written by software of others."""

from __future__ import annotations

from datetime import timedelta

import cbor2
import cwt
import pytest
import rewards
from conftest import NOW, ring_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rewards import models
from rewards.models import Money

PHONE = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def base45(text: str) -> bytes:
    """The bytes of a text, as others read it."""
    found = bytearray()
    for start in range(0, len(text), 3):
        part = text[start : start + 3]
        value = sum(BASE45.index(character) * 45**place for place, character in enumerate(part))
        found += value.to_bytes(len(part) - 1, "big")
    return bytes(found)


def text(content: bytes) -> str:
    """The text of some bytes, as others write it."""
    found = ""
    for start in range(0, len(content), 2):
        part = content[start : start + 2]
        value = int.from_bytes(part, "big")
        for _ in range(len(part) + 1):
            found += BASE45[value % 45]
            value //= 45
    return found


def set_up(engine: rewards.Engine, issuer: str, currency: str) -> None:
    """A program with tokens of an issuer, and a member with 60.00."""
    program = models.Program.model_validate(
        {
            "id": "club",
            "currency": currency,
            "zone": "UTC",
            "redemptions": {"order": ["cashback"]},
            "tokens": {"issuer": issuer, "spend_maximum": "15.00", "refused_categories": ["gambling"]},
        }
    )
    engine.publish_program(models.PublishProgram(program=program), key="program", now=NOW)
    engine.register_member(models.RegisterMember(member="ada"), now=NOW)
    gift = models.GrantReward(member="ada", amount=Money.of("60.00", currency), reason="a gift")
    engine.grant_reward(gift, key="gift", now=NOW)


def issued(engine: rewards.Engine, holder: str | None = None) -> models.IssuedToken:
    set_up(engine, "club", "EUR")
    request = models.IssueToken(
        token="t-1", member="ada", program="club", amount=Money.of("30.00", "EUR"), holder_key=holder
    )
    return engine.issue_token(request, now=NOW)


def verifier(engine: rewards.Engine) -> models.TokenVerifier:
    keys = engine.get_token_keys(models.GetTokenKeys(), now=NOW).keys
    return models.TokenVerifier(issuer="club", keys=keys, merchant="bakery", category="grocery")


def opened() -> rewards.Engine:
    return rewards.open("memory:", key_ring=rewards.KeyRing([ring_key("k1", purpose="tokens")]))


def test_a_till_takes_a_token_and_remembers_it() -> None:
    with opened() as engine:
        token, till = issued(engine), verifier(engine)
        shown = models.ShownToken(token=token.text, amount=Money.of("30.00", "EUR"), now=NOW)
        accepted = rewards.check_token(till, shown)
        assert (accepted.token, accepted.member, accepted.counter) == ("t-1", "ada", 0)
        with pytest.raises(rewards.RejectedError) as seen:
            rewards.check_token(till, shown, accepted.memory)
        assert seen.value.code == "token_seen"
        late = shown.model_copy(update={"now": NOW + timedelta(days=2)})
        with pytest.raises(rewards.RejectedError) as over:
            rewards.check_token(till, late)
        assert over.value.code == "token_expired"
        assert rewards.read_token(token.text) == token.claims


def test_a_device_spends_a_token_and_the_engine_settles_it() -> None:
    with opened() as engine:
        token = issued(engine, PHONE.public_key().public_bytes_raw().hex())
        spend = models.TokenSpend(
            token=token.text, merchant="bakery", amount=Money.of("12.50", "EUR"), reference="till-1", now=NOW
        )
        proof = rewards.spend_proof(spend, PHONE.sign(rewards.spend_message(spend)))
        shown = models.ShownToken(
            token=token.text, proof=proof, amount=spend.amount, reference="till-1", now=NOW
        )
        assert rewards.check_token(verifier(engine), shown).counter == 1
        with pytest.raises(rewards.RejectedError) as stranger:
            rewards.spend_proof(spend, bytes(64))
        assert stranger.value.code == "token_proof_wrong"
        settle = models.SettleReceipts(receipts=[proof, proof])
        told = engine.settle_receipts(settle, key="sync", now=NOW).receipts
        assert [receipt.outcome for receipt in told] == ["settled", "replayed"]
        again = engine.settle_receipts(settle, key="sync again", now=NOW).receipts
        assert [receipt.outcome for receipt in again] == ["replayed", "replayed"]


def test_others_verify_our_tokens() -> None:
    with opened() as engine:
        token = issued(engine, PHONE.public_key().public_bytes_raw().hex())
        (key,) = engine.get_token_keys(models.GetTokenKeys(), now=NOW).keys
    public = cwt.COSEKey.new({1: 1, -1: 6, 3: -8, 2: key.key.encode(), -2: bytes.fromhex(key.public_key)})
    content = base45(token.text.removeprefix("RT1:"))
    payload = cwt.COSE.new().decode(content, public)
    claims = cbor2.loads(payload)
    assert claims[1] == "club"
    assert claims[2] == "ada"
    assert claims[4] - claims[6] == 86_400
    assert claims[7] == b"t-1"
    assert claims[8] == {1: {1: 1, -1: 6, -2: PHONE.public_key().public_bytes_raw()}}
    assert (claims[-70001], claims[-70002]) == ("EUR", 3000)
    assert cbor2.dumps(claims, canonical=True) == payload


def test_we_verify_tokens_of_others() -> None:
    issuer = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
    private = cwt.COSEKey.new(
        {
            1: 1,
            -1: 6,
            3: -8,
            2: b"theirs",
            -2: issuer.public_key().public_bytes_raw(),
            -4: issuer.private_bytes_raw(),
        }
    )
    start = int(NOW.timestamp())
    claims = {
        1: "club",
        2: "ada",
        4: start + 60,
        5: start,
        6: start,
        7: b"t-9",
        -70001: "EUR",
        -70002: 3000,
    }
    coded = cbor2.dumps(claims)
    signed = cwt.COSE.new().encode(coded, private, protected={1: -8, 4: b"theirs"}, unprotected={})
    till = models.TokenVerifier(
        issuer="club",
        keys=[
            models.TokenPublicKey(
                key="theirs", public_key=issuer.public_key().public_bytes_raw().hex(), valid_from=NOW
            )
        ],
        merchant="bakery",
    )
    shown = models.ShownToken(token="RT1:" + text(signed), amount=Money.of("30.00", "EUR"), now=NOW)
    assert rewards.check_token(till, shown).token == "t-9"
    broken = signed[:-1] + bytes([signed[-1] ^ 1])
    shown = shown.model_copy(update={"token": "RT1:" + text(broken)})
    with pytest.raises(rewards.RejectedError) as wrong:
        rewards.check_token(till, shown)
    assert wrong.value.code == "token_signature_wrong"
