"""A panic anywhere is an internal fault of its own call, never the end of the process.

Runs with a module that was built with the feature `test-hooks`, which no wheel has that is given away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any, Callable

import pytest
import rewards
from rewards import _native
from rewards.models import GetBalance, RegisterMember

set_panic: Callable[[str | None], None] = _native.set_panic  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def calm_afterwards() -> Iterator[None]:
    yield
    set_panic(None)


def check(error: rewards.RewardsError) -> None:
    assert isinstance(error, rewards.InternalError)
    assert (error.code, error.http_status, error.retryable) == ("internal", 500, False)
    assert "same key" in error.detail


def test_a_panic_is_an_internal_error() -> None:
    with rewards.open("memory:") as engine:
        set_panic("register_member")
        with pytest.raises(rewards.InternalError) as caught:
            engine.register_member(RegisterMember(member="ada"))
        check(caught.value)
        # The engine goes on with everything else, and with this, too.
        assert engine.health().is_open
        set_panic(None)
        engine.register_member(RegisterMember(member="ada"))
        assert engine.verify().is_valid


def test_a_panic_is_an_internal_error_when_awaited() -> None:
    async def run() -> None:
        async with rewards.AsyncEngine.open("memory:") as engine:
            await engine.register_member(RegisterMember(member="ada"))
            set_panic("get_balance")
            calls: list[Any] = [engine.get_balance(GetBalance(member="ada")) for _ in range(50)]
            calls += [engine.register_member(RegisterMember(member=f"m-{n}")) for n in range(50)]
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            for outcome in outcomes[:50]:
                assert isinstance(outcome, rewards.InternalError)
                check(outcome)
            assert not any(isinstance(outcome, BaseException) for outcome in outcomes[50:])
            assert (await engine.verify()).is_valid

    asyncio.run(run())


@pytest.mark.parametrize("service", ["health", "verify", "settle_due"])
def test_a_panic_in_a_service_is_an_internal_error(service: str) -> None:
    with rewards.open("memory:") as engine:
        set_panic(service)
        with pytest.raises(rewards.InternalError):
            getattr(engine, service)()


def test_a_panic_is_told(caplog: pytest.LogCaptureFixture) -> None:
    rewards.enable_logging("ERROR")
    try:
        with rewards.open("memory:") as engine:
            set_panic("health")
            with pytest.raises(rewards.InternalError):
                engine.health()
        assert rewards.flush_logging(5)
    finally:
        rewards.disable_logging()
    assert ("rewards", logging.ERROR, "a call panicked") in caplog.record_tuples
