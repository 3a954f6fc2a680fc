"""How much of the engine's throughput is left in Python: `AsyncEngine` beside the engine itself, in turns.

Needs a module that was built with the feature `test-hooks`. Usage: `throughput.py [URL...]`; `sqlite` stands for a
fresh file beside this one's working directory. The rounds alternate, so that a busy machine slows both.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from datetime import datetime, timezone

import rewards
from rewards import _native
from rewards.models import Money, Program, PublishProgram, Purchase, RecordPurchase, RegisterMember

TASKS = 256
ROUNDS = 7
PURCHASES = 4_000
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
CLUB = {
    "id": "club",
    "currency": "EUR",
    "zone": "Europe/Berlin",
    "rules": [{"id": "everything", "effect": {"percent": {"rate": "5%"}}}],
}


def record(name: str, number: int) -> RecordPurchase:
    """A purchase of one of as many members as there are tasks."""
    total = Money.of("80.00", "EUR")
    member = f"member-{number % TASKS}"
    order = Purchase(id=f"{name}-{number}", member=member, program="club", occurred_at=NOW, total=total)
    return RecordPurchase(purchase=order)


async def measure(url: str) -> None:
    """Prints one line for a store."""
    async with rewards.AsyncEngine.open(url) as engine:
        await engine.publish_program(
            PublishProgram(program=Program.model_validate(CLUB)), key="club", now=NOW
        )
        members = (RegisterMember(member=f"member-{number}") for number in range(TASKS))
        await asyncio.gather(*(engine.register_member(member, now=NOW) for member in members))
        plain, python = [], []
        for turn in range(ROUNDS):
            requests = [record(f"plain-{turn}", number).to_json() for number in range(PURCHASES)]
            plain.append(PURCHASES / _native.record_all(engine._native, requests, TASKS))
            python.append(PURCHASES / await record_in_tasks(engine, f"python-{turn}"))
    shares = [ours / theirs for ours, theirs in zip(python, plain)]
    print(
        f"{url.partition(':')[0]:>10}: engine {statistics.median(plain):8,.0f}/s"
        f"   AsyncEngine {statistics.median(python):8,.0f}/s"
        f"   share {statistics.median(shares):4.0%} (from {min(shares):.0%} to {max(shares):.0%})"
    )


async def record_in_tasks(engine: rewards.AsyncEngine, name: str) -> float:
    """How many seconds the typed engine takes, with everything that Python does for it."""
    numbers = iter(range(PURCHASES))

    async def work() -> None:
        for number in numbers:
            await engine.record_purchase(record(name, number))

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(TASKS)))
    return time.perf_counter() - started


def main(urls: list[str]) -> None:
    """Measures each store in turn."""
    for url in urls or ["memory:", "sqlite"]:
        with tempfile.TemporaryDirectory(dir=".") as folder:
            asyncio.run(measure(f"sqlite://{folder}/books.db" if url == "sqlite" else url))


if __name__ == "__main__":
    main(sys.argv[1:])
