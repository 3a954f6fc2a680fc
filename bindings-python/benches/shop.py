"""The books that benchmarks start from: the program of the FastAPI example, and members `m0`, `m1` and so on.

    python bindings-python/benches/shop.py URL MEMBERS

It may run again on the same books, which then stay as they are.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timezone
from pathlib import Path

import tomllib
from rewards import AsyncEngine
from rewards.models import Program, PublishProgram, RegisterMember

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_quickstart"
ACTIVE_FROM = datetime(2026, 1, 1, tzinfo=timezone.utc)


async def prepare(engine: AsyncEngine, members: int) -> None:
    """Publishes the program and registers the members."""
    program = Program.model_validate(tomllib.loads((EXAMPLE / "program.toml").read_text()))
    await engine.publish_program(
        PublishProgram(program=program, active_from=ACTIVE_FROM), key=f"{program.id}-1"
    )
    for start in range(0, members, 1_000):
        numbers = range(start, min(start + 1_000, members))
        requests = (RegisterMember(member=f"m{number}") for number in numbers)
        await asyncio.gather(*(engine.register_member(request) for request in requests))


async def main(url: str, members: int) -> None:
    async with AsyncEngine.open(url) as engine:
        await prepare(engine, members)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
