"""Whole tables: the same numbers as `quote_purchase`, from any library that speaks Arrow, and clear refusals."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pandas
import polars
import pyarrow
import pytest
import rewards
from rewards import CompiledProgram, InvalidError
from rewards.models import Program, PublishProgram, Purchase, QuotePurchase, RegisterMember

NOW = datetime(2026, 6, 15, 12, tzinfo=timezone.utc)
PROGRAM = Program.model_validate(
    {
        "id": "shop",
        "currency": "EUR",
        "zone": "Europe/Berlin",
        "units": [{"asset": "points"}],
        "caps": [
            {"id": "tx", "per": "purchase", "limit": {"amount": {"amount": "3.00"}}},
            {
                "id": "device",
                "per": {"attribute": "device"},
                "limit": {"amount": {"amount": "50"}},
            },
        ],
        "rules": [
            {"id": "base", "effect": {"percent": {"rate": "1.5%"}}},
            {
                "id": "food",
                "when": {"all": [{"category": ["food"]}, {"channel": ["app", "web"]}]},
                "effect": {"percent": {"rate": "5%"}},
                "caps": ["tx"],
            },
            {"id": "keyed", "effect": {"fixed": {"amount": "0.10"}}, "caps": ["device"]},
            {"id": "tagged", "when": {"tag": ["new"]}, "effect": {"fixed": {"amount": "0.25"}}},
            {
                "id": "points",
                "when": {"attribute": {"name": "device", "one_of": ["d1"]}},
                "effect": {"fixed": {"amount": "7", "asset": "points"}},
            },
        ],
    }
)
COMPILED = CompiledProgram(PROGRAM)
Grant = tuple[int, str, str, Decimal, Decimal]


def rows(count: int) -> list[dict[str, Any]]:
    drawn = random.Random(7)
    return [
        {
            "occurred_at": NOW,
            "total": Decimal(drawn.randrange(1, 20_000)) / 100,
            "category": drawn.choice(["food", "music", None]),
            "channel": drawn.choice(["app", "web", "store", None]),
            "tags": drawn.choice([[], ["new"], ["new", "old"]]),
            "attributes.device": drawn.choice(["d1", "d2", None]),
        }
        for _ in range(count)
    ]


SCHEMA = pyarrow.schema(
    {
        "occurred_at": pyarrow.timestamp("us", "UTC"),
        "total": pyarrow.decimal128(12, 2),
        "category": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
        "channel": pyarrow.string(),
        "tags": pyarrow.list_(pyarrow.string()),
        "attributes.device": pyarrow.string(),
    }
)


def table(given: list[dict[str, Any]]) -> pyarrow.Table:
    return pyarrow.Table.from_pylist(given, schema=SCHEMA)


def grants(found: rewards.ArrowTable) -> list[Grant]:
    columns = pyarrow.table(found).to_pydict()
    assert list(columns) == ["row", "rule", "asset", "desired", "granted"]
    return list(zip(*columns.values()))


def quoted(given: list[dict[str, Any]]) -> list[Grant]:
    expected: list[Grant] = []
    with rewards.open("memory:") as engine:
        engine.publish_program(
            PublishProgram(program=PROGRAM, active_from=datetime(2020, 1, 1, tzinfo=timezone.utc)),
            key="p",
        )
        engine.register_member(RegisterMember(member="ada"))
        for number, row in enumerate(given):
            device = row["attributes.device"]
            purchase = Purchase.model_validate(
                {
                    "id": "p",
                    "member": "ada",
                    "program": "shop",
                    "occurred_at": row["occurred_at"],
                    "total": {"amount": row["total"], "asset": "EUR"},
                    "category": row["category"],
                    "channel": row["channel"],
                    "tags": row["tags"],
                    "attributes": {"device": device} if device else {},
                }
            )
            decision = engine.quote_purchase(QuotePurchase(purchase=purchase)).decision
            expected += [
                (number, each.rule, each.desired.asset, each.desired.amount, each.granted.amount)
                for each in decision.grants
            ]
    return expected


def test_a_table_gets_the_numbers_of_quotes() -> None:
    given = rows(300)
    found = grants(COMPILED.evaluate(table(given)))
    assert found == quoted(given)
    assert {rule for _, rule, *_ in found} == {rule.id for rule in PROGRAM.rules}


@pytest.mark.parametrize(
    "convert",
    [
        lambda made: made,
        lambda made: made.combine_chunks().to_batches()[0],
        lambda made: pyarrow.concat_tables([made.slice(0, 10), made.slice(10)]),
        polars.from_arrow,
        lambda made: made.to_pandas(types_mapper=pandas.ArrowDtype),
    ],
    ids=["pyarrow", "batch", "chunks", "polars", "pandas"],
)
def test_any_library_will_do(convert: Callable[[pyarrow.Table], rewards.ArrowTable]) -> None:
    made = table(rows(50))
    assert grants(COMPILED.evaluate(convert(made))) == grants(COMPILED.evaluate(made))


def test_the_grants_go_to_any_library() -> None:
    found = COMPILED.evaluate(table(rows(20)))
    assert polars.DataFrame(found).height == pyarrow.table(found).num_rows > 0


@pytest.mark.parametrize(
    ("column", "kind", "values", "code", "path"),
    [
        ("total", pyarrow.float64(), [49.9, 1.0], "wrong_type", "total"),
        ("total", pyarrow.decimal128(12, 3), [Decimal("1.005")] * 2, "amount_invalid", "total[0]"),
        ("total", pyarrow.int64(), [5, None], "missing_field", "total[1]"),
        ("total", pyarrow.int64(), [5, -5], "amount_not_positive", "total[1]"),
        ("total", pyarrow.string(), ["5.00", "1e999"], "amount_invalid", "total[1]"),
        ("occurred_at", pyarrow.timestamp("us"), [NOW] * 2, "wrong_type", "occurred_at"),
        ("occurred_at", pyarrow.timestamp("ns", "UTC"), [1, 1], "out_of_range", "occurred_at[0]"),
        ("catgory", pyarrow.string(), ["food"] * 2, "unknown_field", "catgory"),
        ("category", pyarrow.int64(), [1, 2], "wrong_type", "category"),
        ("tags", pyarrow.string(), ["new"] * 2, "wrong_type", "tags"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    column: str, kind: pyarrow.DataType, values: list[Any], code: str, path: str
) -> None:
    columns: dict[str, pyarrow.Array] = {
        "occurred_at": pyarrow.array([NOW] * 2, pyarrow.timestamp("us", "UTC")),
        "total": pyarrow.array([5, 6], pyarrow.int64()),
    }
    columns[column] = pyarrow.array(values, kind)
    with pytest.raises(InvalidError) as refused:
        COMPILED.evaluate(pyarrow.table(columns))
    (problem, *_) = refused.value.problems
    assert (problem.code, problem.path) == (code, path)


@pytest.mark.parametrize(
    "name", ["category", "total", "occurred_at", "fee", "tags", "id", "attributes.device"]
)
def test_a_column_that_is_given_twice_is_refused(name: str) -> None:
    kinds = {
        "occurred_at": pyarrow.array([NOW] * 2, pyarrow.timestamp("us", "UTC")),
        "total": pyarrow.array([5, 6], pyarrow.int64()),
        "category": pyarrow.array(["food", "food"]),
        "fee": pyarrow.array([1, 2], pyarrow.int64()),
        "tags": pyarrow.array([["new"], []], pyarrow.list_(pyarrow.string())),
        "id": pyarrow.array(["a", "b"]),
        "attributes.device": pyarrow.array(["d1", "d2"]),
    }
    names = [*kinds, name]
    with pytest.raises(InvalidError) as refused:
        COMPILED.evaluate(pyarrow.table([kinds[each] for each in names], names=names))
    (problem,) = refused.value.problems
    assert (problem.code, problem.path) == ("field_duplicate", name)


@pytest.mark.parametrize("scale", [2, 3, 18, 20, 21, 22, 33, -1])
def test_decimals_of_any_scale_are_amounts_if_their_value_is(scale: int) -> None:
    kind = pyarrow.decimal128(38, scale)
    totals = [Decimal("20"), Decimal("12340")]
    if scale > 0:
        totals[0] = Decimal("12.30")
    made = pyarrow.table(
        {
            "occurred_at": pyarrow.array([NOW] * 2, pyarrow.timestamp("us", "UTC")),
            "total": pyarrow.array(totals, kind),
        }
    )
    plain = made.set_column(1, "total", pyarrow.array(totals, pyarrow.decimal128(12, 2)))
    assert grants(COMPILED.evaluate(made)) == grants(COMPILED.evaluate(plain)) != []


@pytest.mark.parametrize(
    ("total", "scale"),
    [
        ("12.301", 18),
        ("12.301", 22),
        ("12.3000000000000000000001", 22),
        ("0.00000000000000000000000000000000000001", 38),
        ("999999999999999999", 20),
    ],
)
def test_what_is_too_fine_or_too_large_is_refused_at_any_scale(total: str, scale: int) -> None:
    made = pyarrow.table(
        {
            "occurred_at": pyarrow.array([NOW], pyarrow.timestamp("us", "UTC")),
            "total": pyarrow.array([Decimal(total)], pyarrow.decimal128(38, scale)),
        }
    )
    with pytest.raises(InvalidError) as refused:
        COMPILED.evaluate(made)
    (problem,) = refused.value.problems
    assert (problem.code, problem.path) == ("amount_invalid", "total[0]")


def test_zero_is_zero_at_any_scale() -> None:
    made = pyarrow.table(
        {
            "occurred_at": pyarrow.array([NOW], pyarrow.timestamp("us", "UTC")),
            "total": pyarrow.array([5], pyarrow.int64()),
            "fee": pyarrow.array([Decimal(0)], pyarrow.decimal128(38, 38)),
            "tax": pyarrow.array([Decimal(0)], pyarrow.decimal128(5, -20)),
        }
    )
    assert grants(COMPILED.evaluate(made)) == grants(COMPILED.evaluate(made.drop(["fee", "tax"])))


LONG = "x" * 257


@pytest.mark.parametrize(
    "kind",
    [
        pyarrow.string(),
        pyarrow.large_string(),
        pyarrow.dictionary(pyarrow.int8(), pyarrow.string()),
        pyarrow.dictionary(pyarrow.uint32(), pyarrow.large_string()),
    ],
    ids=str,
)
@pytest.mark.parametrize("more", [[], ["tags", "attributes.device"]], ids=["facts", "texts"])
def test_texts_that_no_purchase_may_have_are_refused(kind: pyarrow.DataType, more: list[str]) -> None:
    count = 3_000
    stores = ["s"] * count
    stores[7] = stores[2_500] = LONG
    columns: dict[str, pyarrow.Array] = {
        "occurred_at": pyarrow.array([NOW] * count, pyarrow.timestamp("us", "UTC")),
        "total": pyarrow.array([5, 0] + [5] * (count - 2), pyarrow.int64()),
        "category": pyarrow.array([None] * 7 + ["ä" * 129] + ["ä" * 128] * (count - 8), kind),
        "store": pyarrow.array(stores, kind),
        "tags": pyarrow.array([[]] * (count - 1) + [[LONG]], pyarrow.list_(pyarrow.string())),
        "attributes.device": pyarrow.array([None] * (count - 1) + [LONG], pyarrow.string()),
    }
    kept = [name for name in columns if name not in {"tags", "attributes.device"} or name in more]
    made = pyarrow.table({name: columns[name] for name in kept})
    expected = [
        ("amount_not_positive", "total[1]"),
        ("text_too_long", "category[7]"),
        ("text_too_long", "store[7]"),
        ("text_too_long", "store[2500]"),
    ]
    if more:
        expected += [("text_too_long", "tags[2999]"), ("text_too_long", "attributes[2999]")]
    with pytest.raises(InvalidError) as refused:
        COMPILED.evaluate(made)
    assert [(problem.code, problem.path) for problem in refused.value.problems] == expected
    assert "at most 256 bytes, got 258" in str(refused.value.problems[1])


def test_a_long_text_that_no_row_has_harms_nobody() -> None:
    codes = pyarrow.array([0, None], pyarrow.int32())
    made = pyarrow.table(
        {
            "occurred_at": pyarrow.array([NOW] * 2, pyarrow.timestamp("us", "UTC")),
            "total": pyarrow.array([5, 6], pyarrow.int64()),
            "category": pyarrow.DictionaryArray.from_arrays(codes, ["food", LONG]),
        }
    )
    assert {row for row, *_ in grants(COMPILED.evaluate(made))} == {0, 1}


def test_a_table_needs_times_and_totals() -> None:
    with pytest.raises(InvalidError, match="occurred_at"):
        COMPILED.evaluate(pyarrow.table({"total": [5]}))


def test_a_wrong_program_is_refused_with_all_its_problems() -> None:
    rules = [*PROGRAM.rules, PROGRAM.rules[0]]
    with pytest.raises(InvalidError) as refused:
        CompiledProgram(PROGRAM.model_copy(update={"rules": rules}))
    assert refused.value.problems


def test_an_empty_table_is_granted_nothing() -> None:
    assert grants(COMPILED.evaluate(table([]))) == []
