"""AsyncEngine with 256 tasks, each waiting for its own durable receipt. The Rust engine is measured in the same run.

    cargo run -p rewards-tests --bin with_postgres -- python bindings-python/benches/async_engine.py COMMAND

COMMAND is the Rust side: it takes a URL, a number of callers and of seconds, and prints purchases per second
(`tests/src/bin/record_rate`).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from decimal import Decimal

from rewards import AsyncEngine
from rewards.models import Money, Purchase, RecordPurchase
from shop import prepare

TASKS = 256
MEMBERS = 10_000
SECONDS = 4
ROUNDS = 5
NOW = datetime(2026, 6, 15, 12, tzinfo=timezone.utc)
numbers = itertools.count(int(time.time()) * 1_000_000)


async def measure(engine: AsyncEngine) -> float:
    """Purchases per second."""
    deadline = time.perf_counter() + SECONDS

    async def send() -> int:
        recorded = 0
        while time.perf_counter() < deadline:
            number = next(numbers)
            purchase = Purchase(
                id=f"python-{number}",
                member=f"m{number * 7919 % MEMBERS}",
                program="shop",
                occurred_at=NOW,
                total=Money(amount=Decimal(number % 9_000 + 1_000) / 100, asset="EUR"),
                category="music",
                channel="online",
            )
            await engine.record_purchase(RecordPurchase(purchase=purchase))
            recorded += 1
        return recorded

    started = time.perf_counter()
    recorded = sum(await asyncio.gather(*(send() for _ in range(TASKS))))
    return recorded / (time.perf_counter() - started)


def rust(command: str, url: str) -> float:
    arguments = [command, url, str(TASKS), str(SECONDS)]
    return float(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)


async def main() -> None:
    command = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        databases = {
            "sqlite": f"sqlite:///{folder}/bench.db",
            "postgresql": os.environ["DATABASE_URL"],
        }
        for name, url in databases.items():
            python, native = [], []
            for _ in range(ROUNDS):
                async with AsyncEngine.open(url) as engine:
                    await prepare(engine, MEMBERS)
                    python.append(await measure(engine))
                native.append(rust(command, url))
            rates = statistics.median(python), statistics.median(native)
            print(
                f"{name}: Python {rates[0]:.0f} of {rates[1]:.0f} a second, {rates[0] / rates[1]:.2f} (wanted 0.70)"
            )


if __name__ == "__main__":
    asyncio.run(main())
