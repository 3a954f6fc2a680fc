"""What crosses without a text in between is what the models' JSON says."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import rewards
from conftest import NOW, club, purchase, record, set_up
from pydantic import TypeAdapter
from rewards import models
from rewards.models import Model, Timestamp
from rewards.operations import OPERATIONS
from rewards.scenarios.document import Case

VECTORS = sorted((Path(__file__).parents[2] / "tests" / "vectors").glob("*.json"))
INSTANT = TypeAdapter(Timestamp)
LINE = models.Line(amount=models.Money.of("10.00", "EUR"))
REQUESTS = {operation.name: operation.request for operation in OPERATIONS}


def replies(path: Path) -> Iterator[Model]:
    """The replies to all requests of a file of vectors that have one."""
    for case in json.loads(path.read_text())["cases"]:
        ring = Case.model_validate(case).ring()
        with rewards.open("memory:", seed=7, key_ring=ring, now_ahead_max=timedelta.max) as engine:
            for step in case["steps"]:
                try:
                    request: Any = REQUESTS[step["operation"]].model_validate(step["request"])
                    now = INSTANT.validate_python(step["now"])
                    yield engine.execute(request, key=step.get("key"), now=now).reply
                except rewards.RewardsError:
                    continue


def check_same(made: Any, read: Any) -> None:
    """Both are the same in everything that pydantic keeps of a model."""
    assert type(made) is type(read)
    if isinstance(made, Model):
        assert made.model_fields_set == read.model_fields_set
        assert (made.__pydantic_extra__, made.__pydantic_private__) == (
            read.__pydantic_extra__,
            read.__pydantic_private__,
        )
        assert list(made.__dict__) == list(read.__dict__)
        made, read = made.__dict__, read.__dict__
    if isinstance(made, dict):
        assert list(made) == list(read)
        made, read = list(made.values()), list(read.values())
    if isinstance(made, list):
        assert len(made) == len(read)
        for one, other in zip(made, read):
            check_same(one, other)
    elif isinstance(made, datetime):
        assert (made.isoformat(), made.tzinfo) == (read.isoformat(), timezone.utc)
    else:
        assert repr(made) == repr(read)


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_reply_is_what_its_json_says(path: Path) -> None:
    count = 0
    for made in replies(path):
        text = made.to_json()
        read = type(made).from_json(text)
        assert made == read
        check_same(made, read)
        assert type(made).model_validate(made.model_dump()) == made
        assert pickle.loads(pickle.dumps(made)) == made
        assert copy.deepcopy(made) == made
        count += 1
    assert count, "no request of the file has a reply"


def test_defaults_are_not_shared() -> None:
    with rewards.open("memory:") as engine:
        set_up(engine)
        recorded = [engine.record_purchase(record(number), now=NOW) for number in range(2)]
    assert recorded[0].tier_changes == []
    assert recorded[0].tier_changes is not recorded[1].tier_changes


class Name(str):
    """Text of a class of its own, which is read from the model's JSON."""


def test_both_ways_of_reading_give_the_same_request() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    changes = {
        "occurred_at": NOW.astimezone(zone) + timedelta(microseconds=1),
        "tags": ["b", "a", "ü"],
        "attributes": {"b": "1", "a": "2"},
        "lines": [models.Line(amount=models.Money(amount=Decimal("1E+1"), asset="EUR"), quantity=2)],
    }
    asked = models.RecordPurchase(purchase=purchase().model_copy(update=changes))
    odd = models.RecordPurchase(purchase=asked.purchase.model_copy(update={"id": Name("order-1")}))
    with rewards.open("memory:") as engine:
        set_up(engine)
        first = engine.execute(asked, now=NOW)
        again = engine.execute(odd, now=NOW)
    # The same key with any other request would be refused.
    assert (first.replayed, again.replayed) == (False, True)
    assert first.reply == again.reply


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize(
    ("update", "code", "path"),
    [
        ({"occurred_at": datetime(2026, 1, 1)}, "time_naive", "purchase.occurred_at"),
        ({"tags": [1]}, "type_invalid", "purchase.tags[0]"),
        ({"total": 12.5}, "type_invalid", "purchase.total"),
        (
            {"lines": [LINE.model_copy(update={"quantity": None})]},
            "type_invalid",
            "purchase.lines[0].quantity",
        ),
        ({"total": models.Money.model_construct(amount="12,30", asset="EUR")}, "value_invalid", "request"),
        ({"id": "\ud800"}, "value_invalid", "request"),
    ],
)
def test_a_value_that_was_not_validated_is_refused(update: dict[str, Any], code: str, path: str) -> None:
    asked = models.QuotePurchase(purchase=purchase().model_copy(update=update))
    with rewards.open("memory:") as engine:
        set_up(engine)
        with pytest.raises(rewards.InvalidError) as caught:
            engine.quote_purchase(asked)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [(code, path)]


@pytest.mark.parametrize("depth", [200, 20_000])
def test_a_tree_that_is_nested_too_deeply_is_refused(depth: int) -> None:
    condition: Any = models.CategoryCondition(category=["a"])
    for _ in range(depth):
        condition = models.AllCondition.model_construct(all=[condition])
    rule = club().rules[0].model_copy(update={"when": condition})
    program = club().model_copy(update={"rules": [rule]})
    with rewards.open("memory:") as engine, pytest.raises(rewards.InvalidError):
        engine.publish_program(models.PublishProgram.model_construct(program=program), key="k")


def test_a_request_that_is_too_long_is_refused() -> None:
    request = models.RegisterMember(member="ada", attributes={"a": "x" * (8 << 20)})
    with rewards.open("memory:") as engine, pytest.raises(rewards.InvalidError) as caught:
        engine.register_member(request)
    assert [problem.code for problem in caught.value.problems] == ["document_too_large"]
