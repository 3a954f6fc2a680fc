"""P7: a typed quote beside zen-engine's best Python form, and whole tables beside a polars join.

    python bindings-python/benches/quote.py        # needs polars, pyarrow and zen-engine

All sides know the same rules, one rate for each category and merchant. Sides take turns; each figure is the median of the
rounds.

One at a time, zen only finds the rate. What writing the request and reading the reply as JSON would cost, which a typed quote
does not do, is told beside it, and what making the request costs. Of tables, each side is given the same two million purchases on one thread and answers
with a table of grants, in which purchases that meet no rule have no row:

- columnar: everything that a quote does — it checks every purchase, stacks, caps, rounds half to even as the program says —
  and tells row, rule, asset, what was desired and what was granted.
- polars join: a join by category and merchant, and the rate of the total rounded half up in whole cents; tells row, rule and
  what was granted. Its texts are categoricals, made before the clock starts.
- polars keyed: the same, with the codes of category and merchant made one number manually, which is what it joins by. It
  is the fastest program that was found for these very rules: two facts, one rule each, no conditions.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from decimal import Decimal

os.environ["POLARS_MAX_THREADS"] = "1"  # A core is a core: polars looks when it is imported.

import polars
import pyarrow
import pyarrow.compute
import rewards
import zen
from rewards.models import (
    Money,
    Program,
    PublishProgram,
    Purchase,
    QuotedPurchase,
    QuotePurchase,
    RegisterMember,
)

SIZES = (10, 100, 1_000, 10_000)
ROWS = 2_000_000
ROUNDS = 7
CALLS = 400
CATEGORIES = 40
NOW = datetime(2026, 6, 15, 12, tzinfo=timezone.utc)
Rule = tuple[str, str, int]


def rules(size: int) -> list[Rule]:
    """Category, merchant, and the rate in tenths of a percent."""
    return [(f"category-{n % CATEGORIES}", f"merchant-{n // CATEGORIES:05}", n % 90 + 5) for n in range(size)]


def program(size: int) -> Program:
    return Program.model_validate(
        {
            "id": "bench",
            "currency": "EUR",
            "zone": "Europe/Berlin",
            "rules": [
                {
                    "id": f"r{number}",
                    "when": {"all": [{"category": [category]}, {"merchant": [merchant]}]},
                    "effect": {"percent": {"rate": f"{rate / 10}%"}},
                }
                for number, (category, merchant, rate) in enumerate(rules(size))
            ],
        }
    )


def table(size: int) -> pyarrow.Table:
    """Purchases with texts as dictionaries, as a warehouse keeps them; one in ten meets no rule."""
    drawn = random.Random(7)
    known = rules(size)
    categories = [*sorted({category for category, _, _ in known}), "category-none"]
    merchants = sorted({merchant for _, merchant, _ in known})
    place = {text: at for at, text in enumerate(categories)}, {text: at for at, text in enumerate(merchants)}
    picks = drawn.choices(known, k=ROWS)
    misses = [drawn.random() < 0.1 for _ in range(ROWS)]
    codes = [place[0]["category-none" if miss else pick[0]] for pick, miss in zip(picks, misses)]
    words = pyarrow.DictionaryArray.from_arrays
    cents = pyarrow.array([drawn.randrange(100, 50_000) for _ in range(ROWS)], pyarrow.decimal128(18, 0))
    return pyarrow.table(
        {
            "occurred_at": pyarrow.array([NOW] * ROWS, pyarrow.timestamp("us", "UTC")),
            "total": pyarrow.compute.divide(cents, pyarrow.scalar(Decimal(100))).cast(
                pyarrow.decimal128(18, 2)
            ),
            "category": words(pyarrow.array(codes, pyarrow.int32()), categories),
            "merchant": words(
                pyarrow.array([place[1][pick[1]] for pick in picks], pyarrow.int32()), merchants
            ),
        }
    )


def zen_decision(size: int) -> str:
    columns = ("category", "merchant")
    rows = [
        {"_id": f"row-{n}", "category": f'"{category}"', "merchant": f'"{merchant}"', "rate": str(rate)}
        for n, (category, merchant, rate) in enumerate(rules(size))
    ]
    content = {
        "hitPolicy": "first",
        "inputs": [{"id": name, "name": name, "field": name} for name in columns],
        "outputs": [{"id": "rate", "name": "rate", "field": "rate"}],
        "rules": rows,
    }
    nodes = [("in", "inputNode", {}), ("table", "decisionTableNode", content), ("out", "outputNode", {})]
    return json.dumps(
        {
            "nodes": [{"id": n, "name": n, "type": kind, "content": body} for n, kind, body in nodes],
            "edges": [
                {"id": "edge-1", "sourceId": "in", "targetId": "table"},
                {"id": "edge-2", "sourceId": "table", "targetId": "out"},
            ],
        }
    )


def each(call: Callable[[int], object]) -> float:
    """Median microseconds of a call."""
    times = []
    for number in range(CALLS):
        started = time.perf_counter_ns()
        call(number)
        times.append(time.perf_counter_ns() - started)
    return statistics.median(times) / 1_000


def calls(size: int) -> Iterator[tuple[str, Callable[[], float]]]:
    engine = rewards.open("memory:")
    engine.publish_program(
        PublishProgram(program=program(size), active_from=datetime(2020, 1, 1, tzinfo=timezone.utc)),
        key="bench",
    )
    engine.register_member(RegisterMember(member="ada"))
    drawn = random.Random(7)
    picks = [drawn.choice(rules(size)) for _ in range(CALLS)]

    def purchase(number: int) -> Purchase:
        category, merchant, _ = picks[number]
        return Purchase(
            id="p",
            member="ada",
            program="bench",
            occurred_at=NOW,
            total=Money(amount=Decimal("49.90"), asset="EUR"),
            category=category,
            merchant=merchant,
        )

    requests = [QuotePurchase(purchase=purchase(number)) for number in range(CALLS)]
    replies = [engine.quote_purchase(request).to_json() for request in requests[:1]]
    content = zen.ZenDecisionContent(zen_decision(size))
    peer = zen.ZenEngine({"loader": lambda _: content})
    inputs = [{"category": category, "merchant": merchant} for category, merchant, _ in picks]
    yield "typed quote", lambda: each(lambda n: engine.quote_purchase(requests[n]))
    yield (
        "JSON of its models",
        lambda: each(lambda n: (requests[n].to_json(), QuotedPurchase.from_json(replies[0]))),
    )
    yield "making the request", lambda: each(lambda n: QuotePurchase(purchase=purchase(n)))
    yield "zen-engine", lambda: each(lambda n: peer.evaluate("bench", inputs[n]))


def tables(size: int) -> Iterator[tuple[str, Callable[[], float]]]:
    purchases = table(size)
    compiled = rewards.CompiledProgram(program(size))
    words = polars.col("category", "merchant").cast(polars.Categorical)
    frame = polars.from_arrow(purchases).with_columns(words)
    known = polars.DataFrame(rules(size), ["category", "merchant", "rate"], orient="row")
    names = polars.Series([f"r{number}" for number in range(size)])
    known = known.with_columns(words, rule=names.cast(polars.Categorical))
    codes = polars.col("category").to_physical().cast(polars.UInt64), polars.col("merchant").to_physical()
    key = codes[0] * 2**32 + codes[1]

    def granted(joined: polars.LazyFrame) -> polars.DataFrame:
        cents = (polars.col("total") * 100).cast(polars.Int64) * polars.col("rate")
        found = joined.select("row", "rule", granted=(cents + 500) // 1_000)
        return found.filter(polars.col("granted") > 0).collect()

    def by_texts() -> polars.DataFrame:
        numbered = frame.lazy().with_row_index("row")
        return granted(numbered.join(known.lazy(), on=["category", "merchant"]))

    def by_key() -> polars.DataFrame:
        numbered = frame.lazy().with_row_index("row").select("row", "total", key=key)
        return granted(numbered.join(known.lazy().select("rule", "rate", key=key), on="key"))

    def millions(call: Callable[[], object]) -> float:
        started = time.perf_counter()
        call()
        return ROWS / (time.perf_counter() - started) / 1e6

    yield "columnar", lambda: millions(lambda: compiled.evaluate(purchases))
    yield "polars join", lambda: millions(by_texts)
    yield "polars keyed", lambda: millions(by_key)


def spread(figures: list[float]) -> str:
    """The median, and the least and the most."""
    return f"{statistics.median(figures):.2f} ({min(figures):.2f} to {max(figures):.2f})"


def main() -> None:
    for title, unit, sides in (("one at a time", "µs", calls), ("tables", "M rows/s", tables)):
        print(f"{title}, {unit}")
        for size in SIZES:
            found: dict[str, list[float]] = defaultdict(list)
            measured = list(sides(size))
            for _ in range(ROUNDS):
                for name, measure in measured:
                    found[name].append(measure())
            print(
                f"{size:6} rules  "
                + "  ".join(f"{name} {spread(figures)}" for name, figures in found.items())
            )


if __name__ == "__main__":
    main()
