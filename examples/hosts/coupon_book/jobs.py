"""Batches of codes, those of more than 1,000 in the background.

The engine keeps how far a batch is, and no step is done twice. So nothing is kept here but which jobs this process is at:
whoever asks for an unfinished job after the service was started again, or on another process, has it go on. Whoever asks
for one that cannot go on is told why.
"""

from __future__ import annotations

import asyncio
import logging

from rewards import AsyncEngine, RewardsError
from rewards.models import GenerateCoupons, GeneratedCoupons

from .errors import refused
from .models import Job

LOG = logging.getLogger("uvicorn.error")
AT_ONCE_MAX = 1_000
"""How many codes the engine makes in one step; more of them are a job."""
NOWHERE = 2**32 - 1
"""A place where no batch is, by which the engine tells where it is instead."""


class Jobs:
    """The jobs that this process is at."""

    def __init__(self, engine: AsyncEngine, pause: float) -> None:
        self._engine = engine
        self._pause = pause
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._last: dict[tuple[str, str], GeneratedCoupons] = {}

    async def generate(self, batch: GenerateCoupons) -> GeneratedCoupons:
        """Generates a small batch at once, which takes more steps where codes are those of other coupons."""
        made = await self._step(batch, None)
        codes = made.codes
        while made.next is not None:
            made = await self._step(batch, made.next)
            codes = codes + made.codes
        whole = {"generated": made.total, "from_": 0, "passed_over": [], "codes": codes}
        return made.model_copy(update=whole)

    async def get(self, book: str, name: str) -> Job:
        """How far a job is; it goes on where it was interrupted."""
        if made := self._last.get((book, name)):
            return _job(made)
        batch = GenerateCoupons(book=book, batch=name, count=1)
        count = await self._found(batch, "count")
        if count <= AT_ONCE_MAX:
            raise refused(404, "job_unknown", "no job of the book has this name")
        return await self.start(batch.model_copy(update={"count": count}))

    async def start(self, batch: GenerateCoupons) -> Job:
        """Begins a job, or goes on with it. One step is done at once, so that what is refused is told."""
        key = (batch.book, batch.batch)
        place = await self._found(batch, "after")
        # Below both, every thousandth place is where a step began. That step was done, and is told again.
        last = max(0, min(place, batch.count) - 1) // AT_ONCE_MAX * AT_ONCE_MAX
        made = await self._step(batch, last or None)
        if made.next is not None and key not in self._tasks:
            self._last[key] = made
            self._tasks[key] = asyncio.create_task(self._run(key, batch))
        return _job(self._last.get(key, made))

    async def close(self) -> None:
        """Leaves the jobs where they are."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, key: tuple[str, str], batch: GenerateCoupons) -> None:
        try:
            while (after := self._last[key].next) is not None:
                await asyncio.sleep(self._pause)
                self._last[key] = await self._step(batch, after)
        except RewardsError as error:
            LOG.warning("job `%s` of book `%s` stopped: %s", batch.batch, batch.book, error.code)
        finally:
            del self._tasks[key], self._last[key]

    async def _step(self, batch: GenerateCoupons, after: int | None) -> GeneratedCoupons:
        return await self._engine.generate_coupons(batch.model_copy(update={"after": after}))

    async def _found(self, batch: GenerateCoupons, what: str) -> int:
        """The count or the place of a batch, which the engine tells when it refuses to go on from nowhere; 0 for none."""
        try:
            await self._step(batch, NOWHERE)
        except RewardsError as error:
            if error.code == "coupon_batch_mismatch":
                return int(error.context["found"]) if error.context["differs"] == what else 0
            raise
        raise RuntimeError("a batch went on from nowhere")


def _job(made: GeneratedCoupons) -> Job:
    return Job(
        book=made.book,
        job=made.batch,
        state="done" if made.next is None else "running",
        total=made.total,
        wanted=made.wanted,
    )
