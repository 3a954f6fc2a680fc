"""Input that must not get in: refused by the models, or by the engine in its own words."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, Callable
from uuid import uuid4

import pytest
import rewards
from conftest import NOW, club, purchase, record
from rewards.models import (
    GetBalance,
    GrantReward,
    Money,
    PublishProgram,
    Purchase,
    RecordPurchase,
    RegisterMember,
)

NAIVE = datetime(2026, 1, 1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Money(amount=1.5, asset="EUR"), "Decimal"),  # type: ignore[arg-type]
        (lambda: Money.from_json('{"amount": 1.5, "asset": "EUR"}'), "Decimal"),
        (lambda: Money(amount=Decimal("NaN"), asset="EUR"), "finite"),
        (lambda: GetBalance(member="ada", at=NAIVE), "aware"),
        (
            lambda: GetBalance.from_json('{"member": "ada", "at": "2026-01-01T00:00:00"}'),
            "offset|zone|timezone|aware",
        ),
        (lambda: GetBalance(member=7), "string"),  # type: ignore[arg-type]
        (lambda: GetBalance(member="ada", mebmer="ada"), "mebmer"),  # type: ignore[call-arg]
        (lambda: RecordPurchase.from_json('{"purchase": {}, "pined": ""}'), "pined"),
        (lambda: RecordPurchase(), "purchase"),  # type: ignore[call-arg]
        (lambda: club(rules=[{"id": "x", "effect": {"percnt": {"rate": "5%"}}}]), "percent"),
    ],
)
def test_models_refuse(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(rewards.InvalidError) as caught:
        make()
    told = " ".join(f"{problem.path} {problem.detail}" for problem in caught.value.problems)
    assert re.search(words, told), told


def test_a_float_for_money_is_refused_where_it_is_easiest_to_write() -> None:
    with pytest.raises(rewards.InvalidError, match="Decimal"):
        Money.of(1.5, "EUR")  # type: ignore[arg-type]


def problems(error: rewards.RewardsError) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in error.problems]


def test_a_wrong_scale_is_refused(engine: rewards.Engine) -> None:
    with pytest.raises(rewards.InvalidError) as caught:
        engine.record_purchase(record(amount="80.005"), now=NOW)
    assert [path for _, path in problems(caught.value)] == ["purchase.total"]
    assert "80.005" in caught.value.detail


def test_a_wrong_program_is_refused_with_all_its_problems(engine: rewards.Engine) -> None:
    rule = {"id": "x", "effect": {"percent": {"rate": "5%"}}, "caps": ["nope"]}
    with pytest.raises(rewards.InvalidError) as caught:
        engine.publish_program(
            PublishProgram(program=club(zone="Europe/Nowhere", rules=[rule])), key="club-2", now=NOW
        )
    assert caught.value.problems
    assert caught.value.http_status == 422


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"now": NAIVE}, [("time_naive", "now")]),
        ({"now": "2026-01-01T00:00:00Z"}, [("type_invalid", "now")]),
        ({"now": datetime(1950, 1, 1, tzinfo=timezone.utc)}, [("time_out_of_range", "now")]),
        ({"key": ""}, [("id_invalid", "key")]),
        ({"key": 7}, [("type_invalid", "key")]),
        ({"key": "x" * 1000}, [("id_invalid", "key")]),
    ],
)
def test_wrong_options_are_refused(
    engine: rewards.Engine, options: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    with pytest.raises(rewards.InvalidError) as caught:
        engine.execute(record(), **options)
    assert problems(caught.value) == expected


def test_any_zone_is_the_same_instant(engine: rewards.Engine) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert engine.record_purchase(record(), now=elsewhere).recorded_at == NOW


@pytest.mark.parametrize("request_", [None, {}, "{}", purchase()])
def test_only_requests_are_executed(engine: rewards.Engine, request_: Any) -> None:
    with pytest.raises(rewards.InvalidError) as caught:
        engine.execute(request_)
    assert problems(caught.value) == [("type_invalid", "request")]

    async def awaited() -> None:
        async with rewards.AsyncEngine.open("memory:") as other:
            await other.execute(request_)

    with pytest.raises(rewards.InvalidError):
        asyncio.run(awaited())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"url": 7}, [("type_invalid", "url")]),
        ({"tenant": None}, [("type_invalid", "tenant")]),
        ({"tenant": ""}, [("id_invalid", "tenant")]),
        ({"seed": -1}, [("value_invalid", "seed")]),
        ({"seed": 2**64}, [("value_invalid", "seed")]),
        ({"seed": 1.0}, [("type_invalid", "seed")]),
        ({"seed": True}, [("type_invalid", "seed")]),
        ({"now_ahead_max": 300}, [("type_invalid", "now_ahead_max")]),
        ({"now_ahead_max": timedelta(microseconds=-1)}, [("value_invalid", "now_ahead_max")]),
        ({"clock_jump_max": 300}, [("type_invalid", "clock_jump_max")]),
        ({"clock_jump_max": timedelta(microseconds=-1)}, [("value_invalid", "clock_jump_max")]),
        ({"timeout": "1"}, [("type_invalid", "timeout")]),
        ({"timeout": True}, [("type_invalid", "timeout")]),
        ({"timeout": 0}, [("value_invalid", "timeout")]),
        ({"timeout": -1}, [("value_invalid", "timeout")]),
        ({"timeout": 0.09}, [("value_invalid", "timeout")]),
        ({"timeout": 3_601}, [("value_invalid", "timeout")]),
        ({"timeout": float("nan")}, [("value_invalid", "timeout")]),
        ({"timeout": float("inf")}, [("value_invalid", "timeout")]),
    ],
)
def test_wrong_arguments_do_not_open(options: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    with pytest.raises(rewards.InvalidError) as caught:
        rewards.open(**{"url": "memory:", **options})
    assert problems(caught.value) == expected


def test_a_time_ahead_of_the_clock_is_refused_unless_the_engine_allows_it(engine: rewards.Engine) -> None:
    soon, later = (datetime.now(timezone.utc) + timedelta(minutes=minutes) for minutes in (4, 10))
    bob, carol = RegisterMember(member="bob-1"), RegisterMember(member="carol-1")
    for request in (bob, GetBalance(member="ada")):
        with pytest.raises(rewards.InvalidError) as caught:
            engine.execute(request, now=later)
        assert problems(caught.value) == [("now_ahead", "now")]
    assert engine.register_member(bob, now=soon).registered_at == soon
    with rewards.open("memory:", now_ahead_max=timedelta(hours=1)) as other:
        assert other.register_member(carol, now=later).registered_at == later
        with pytest.raises(rewards.InvalidError):
            other.register_member(bob, now=later + timedelta(hours=1))

    async def awaited() -> None:
        async with rewards.AsyncEngine.open("memory:", now_ahead_max=timedelta.max) as any_time:
            far = datetime(2199, 1, 1, tzinfo=timezone.utc)
            assert (await any_time.register_member(carol, now=far)).registered_at == far

    asyncio.run(awaited())


def test_a_command_without_any_key_is_refused(engine: rewards.Engine) -> None:
    grant = GrantReward(member="ada", amount=Money.of("1.00", "EUR"), reason="why not")
    with pytest.raises(rewards.InvalidError) as caught:
        engine.grant_reward(grant, now=NOW)
    assert problems(caught.value) == [("key_required", "key")]


def test_text_that_is_no_text_is_refused(engine: rewards.Engine) -> None:
    halved = purchase().model_copy(update={"merchant": "\ud800"})
    with pytest.raises(rewards.InvalidError) as caught:
        engine.record_purchase(RecordPurchase.model_construct(purchase=halved), now=NOW)
    assert problems(caught.value) == [("value_invalid", "request")]
    with pytest.raises(rewards.InvalidError) as caught:
        engine.record_purchase(record(), key="\ud800", now=NOW)
    assert problems(caught.value) == [("value_invalid", "key")]


HALF = "\ud800"
EDGE = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))


class _OddZone(tzinfo):
    """What a host may hand in as a zone."""

    def utcoffset(self, _: datetime | None) -> timedelta:
        raise ValueError("no idea")

    def dst(self, _: datetime | None) -> None:
        return None

    def tzname(self, _: datetime | None) -> None:
        return None


def _purchase(**given: Any) -> Purchase:
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    fields = {"id": "p", "member": "ada", "program": "club", "occurred_at": at, "total": Money.of("1", "EUR")}
    return Purchase(**{**fields, **given})


@pytest.mark.parametrize(
    "call",
    [
        lambda engine: RegisterMember(member=HALF),
        lambda engine: RegisterMember.from_json(f'{{"member":"{HALF}"}}'),
        lambda engine: engine.register_member(RegisterMember(member="ada"), key=HALF),
        lambda engine: engine.register_member(RegisterMember.model_construct(member=HALF)),
        lambda engine: engine.register_member(RegisterMember(member="ada"), now=EDGE),
        lambda engine: engine.register_member(
            RegisterMember(member="ada"), now=datetime(2026, 1, 1, tzinfo=_OddZone())
        ),
        lambda engine: engine.register_member(
            RegisterMember(member="ada"), now=datetime.min.replace(tzinfo=timezone.utc)
        ),
        lambda engine: rewards.open("memory:", tenant=HALF),
        lambda engine: rewards.open(HALF),
        lambda engine: rewards.read_program(HALF),
        lambda engine: rewards.read_program({HALF: 1}),
        lambda engine: rewards.run_scenarios("/there/is/none"),
        lambda engine: rewards.enable_logging("LOUD"),
        lambda engine: Money.of("x", "EUR"),
        lambda engine: Money.of(HALF, "EUR"),
        lambda engine: Money.of(10**5000, "EUR"),
        lambda engine: Money(amount=HALF, asset="EUR"),
        lambda engine: _purchase(occurred_at=HALF),
        lambda engine: _purchase(occurred_at=EDGE),
        lambda engine: _purchase(occurred_at="9999-12-31T23:59:59-05:00"),
        lambda engine: _purchase(occurred_at="0001-01-01T00:00:00+05:00"),
        lambda engine: _purchase(occurred_at=datetime(2026, 1, 1, tzinfo=_OddZone())),
        lambda engine: _purchase(attributes={f"a{HALF}": "b"}),
        lambda engine: RegisterMember(member="ada", attributes={f"a{HALF}": "b"}),
        lambda engine: engine.register_member(RegisterMember(member="ada", attributes={"a": HALF})),
        lambda engine: engine.register_member(RegisterMember(member="ada", segments={HALF})),
        lambda engine: engine.accept_time(EDGE),
        lambda engine: engine.accept_time(HALF),
        lambda engine: Money.of(1.5, "EUR"),
        lambda engine: rewards.open("memory:", seed=10**5000),
        lambda engine: rewards.open("memory:", timeout=10**5000),
        lambda engine: rewards.enable_logging(10**5000),
        lambda engine: rewards.enable_logging(HALF),
        lambda engine: rewards.flush_logging("x"),
        lambda engine: engine.acknowledge_events(uuid4(), None),
        lambda engine: engine.release_events(uuid4(), ["x"]),
        lambda engine: engine.check_heads(None),
        lambda engine: rewards.CompiledProgram("x"),
        lambda engine: rewards.KeyRing(None),
        lambda engine: rewards.run_scenarios(5),
        lambda engine: Money.of("1", "EURO!"),
    ],
)
def test_whatever_a_host_hands_in_ends_in_the_typed_error(
    engine: rewards.Engine, call: Callable[[rewards.Engine], Any]
) -> None:
    with pytest.raises(rewards.InvalidError) as caught:
        call(engine)
    assert caught.value.problems
    assert "defect" not in caught.value.detail
    # It can be written, whatever it quotes.
    assert str(caught.value).encode()
