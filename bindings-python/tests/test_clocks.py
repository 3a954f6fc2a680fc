"""Clocks that cannot be right: nothing is decided by them, and the way out is said."""

import asyncio
from datetime import datetime, timedelta, timezone

import pytest
import rewards
from conftest import NOW, record, set_up
from rewards.models import GetBalance, GrantReward, Money, SettleMember


def grant(expires_at: datetime) -> GrantReward:
    return GrantReward(member="ada", amount=Money.of("5.00", "EUR"), reason="welcome", expires_at=expires_at)


def told(error: rewards.RewardsError) -> tuple[str, str, int, bool]:
    return error.kind, error.code, error.http_status, error.retryable


def test_a_clock_that_jumped_ahead_does_nothing_until_its_time_is_accepted(file_url: str) -> None:
    """What is recorded is old, so by it this machine's clock has jumped."""
    with rewards.open(file_url, clock_jump_max=timedelta(days=1)) as engine:
        set_up(engine)
        engine.record_purchase(record(), now=NOW)
        engine.grant_reward(grant(NOW + timedelta(days=1)), key="welcome", now=NOW)
    with rewards.open(file_url, clock_jump_max=timedelta(days=1)) as engine:
        for call in (engine.settle_due, lambda: engine.settle_member(SettleMember(member="ada"), key="s")):
            with pytest.raises(rewards.UnavailableError) as caught:
                call()
            assert told(caught.value) == ("unavailable", "clock_ahead", 503, True)
        assert set(caught.value.context) == {"clock", "known", "seconds"}
        balance = engine.get_balance(GetBalance(member="ada"))
        assert (balance.at, str(balance.assets[0].available)) == (NOW, "9.00 EUR")
        with pytest.raises(rewards.InvalidError):
            engine.accept_time(datetime.now())
        engine.accept_time(datetime.now(timezone.utc))
        assert [member for member, _ in engine.settle_due().settled] == ["ada"]
        assert str(engine.get_balance(GetBalance(member="ada")).assets[0].available) == "4.00 EUR"

    async def awaited() -> None:
        async with rewards.AsyncEngine.open(file_url, clock_jump_max=timedelta(microseconds=1)) as other:
            with pytest.raises(rewards.UnavailableError) as caught:
                await other.settle_member(SettleMember(member="ada"), key="t")
            assert caught.value.code == "clock_ahead"
            await other.accept_time(datetime.now(timezone.utc) + timedelta(hours=1))
            await other.settle_member(SettleMember(member="ada"), key="t")

    asyncio.run(awaited())


def test_a_clock_that_is_behind_is_told_and_not_the_request_blamed(file_url: str) -> None:
    ahead = datetime.now(timezone.utc) + timedelta(hours=1)
    with rewards.open(file_url, now_ahead_max=timedelta(hours=2)) as engine:
        set_up(engine)
        engine.grant_reward(grant(ahead + timedelta(days=1)), key="welcome", now=ahead)
    order = record()
    order = order.model_copy(update={"purchase": order.purchase.model_copy(update={"occurred_at": ahead})})
    with rewards.open(file_url) as engine:
        for now in (None, ahead):
            with pytest.raises(rewards.UnavailableError) as caught:
                engine.record_purchase(order, now=now)
            assert told(caught.value) == ("unavailable", "clock_behind", 503, True)
            assert 3_500 < int(caught.value.context["seconds"]) <= 3_600
            assert caught.value.problems == []
        # The caller's word goes, and an engine whose clocks may differ by more.
        engine.record_purchase(record(), now=NOW)
    with rewards.open(file_url, now_ahead_max=timedelta(hours=2)) as engine:
        engine.settle_member(SettleMember(member="ada"), key="s")
