"""What a stage of a payment's pipeline costs beside recording a purchase, one caller on a SQLite file with full durability.

    python bindings-python/benches/stages.py

A stage in Python, run by `run_stages` with its time limit, and by itself; in turn with recording. Goal: at most 10 % of recording.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path

import rewards
from rewards.models import Money, Pipeline, Program, PublishProgram, Purchase, RecordPurchase, RegisterMember

ROUNDS = 5
TIMES = 300
GOAL = 0.10
NOW = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)


def check(facts: Mapping[str, str]) -> Mapping[str, str]:
    """Answers one field, as a stage does that has looked something up."""
    return {"known": str(len(facts))}


def micros(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e6


def record(engine: rewards.Engine, number: int) -> None:
    purchase = Purchase(
        id=f"purchase-{number}", member="ada", program="p", occurred_at=NOW, total=Money.of("10.00", "EUR")
    )
    engine.record_purchase(RecordPurchase(purchase=purchase), now=NOW)


def main() -> None:
    program = Program.model_validate(
        {
            "id": "p",
            "currency": "EUR",
            "zone": "UTC",
            "rules": [{"id": "it", "effect": {"percent": {"rate": "5%"}}}],
        }
    )
    pipeline = Pipeline.model_validate({"stages": [{"id": "check", "at": "hold", "critical": True}]})
    stages = {"check": rewards.Stage(check)}
    times: dict[str, list[float]] = {"record a purchase": [], "run a stage": [], "the function alone": []}
    with tempfile.TemporaryDirectory() as folder, rewards.open_file(Path(folder) / "books.db") as engine:
        engine.publish_program(PublishProgram(program=program), key="program", now=NOW)
        engine.register_member(RegisterMember(member="ada"), now=NOW)
        for round_ in range(ROUNDS):
            found: dict[str, list[float]] = {name: [] for name in times}
            for number in range(round_ * TIMES, (round_ + 1) * TIMES):
                found["record a purchase"].append(micros(lambda number=number: record(engine, number)))
                found["run a stage"].append(
                    micros(lambda: rewards.run_stages(pipeline, "hold", stages, {"account": "12345"}))
                )
                found["the function alone"].append(micros(lambda: check({"account": "12345"})))
            for name, values in found.items():
                times[name].append(statistics.median(values))
    print(f"{'one caller, SQLite file':<28} {'median µs':>10} {'min':>8} {'max':>8}")
    for name, values in times.items():
        print(f"{name:<28} {statistics.median(values):>10.1f} {min(values):>8.1f} {max(values):>8.1f}")
    share = statistics.median(times["run a stage"]) / statistics.median(times["record a purchase"])
    print(f"a stage / recording a purchase: {share:.3f}, goal: at most {GOAL}")


if __name__ == "__main__":
    main()
