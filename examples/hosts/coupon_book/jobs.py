"""Batches of codes, those of more than 1,000 in the background.

The engine keeps how far a batch is and tells it, and no step is done twice. So nothing is kept here but which jobs this
process is at: whoever asks for an unfinished job after the service was started again, or on another process, has it go on.
Whoever asks for one that cannot go on is told why.
"""

from __future__ import annotations

import asyncio
import logging

from rewards import AsyncEngine, RewardsError
from rewards.models import CouponBatchDetails, GenerateCoupons, GeneratedCoupons, GetCouponBatch

from .errors import refused
from .models import Job

LOG = logging.getLogger("uvicorn.error")
AT_ONCE_MAX = 1_000
"""How many codes the engine makes in one step; more of them are a job."""


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
        batch = await self._batch(book, name)
        if batch is None or batch.wanted <= AT_ONCE_MAX:
            raise refused(404, "job_unknown", "no job of the book has this name")
        return await self._go_on(GenerateCoupons(book=book, batch=name, count=batch.wanted), batch)

    async def start(self, batch: GenerateCoupons) -> Job:
        """Begins a job, or goes on with it."""
        key = (batch.book, batch.batch)
        if key in self._tasks and batch.count == self._last[key].wanted:
            return _job(self._last[key])
        return await self._go_on(batch, await self._batch(*key))

    async def _go_on(self, batch: GenerateCoupons, known: CouponBatchDetails | None) -> Job:
        """Goes on from where a batch is. One step is done at once, so that what is refused is told."""
        key = (batch.book, batch.batch)
        is_own = known is not None and known.wanted == batch.count
        if known and is_own and known.next is None:
            return _job(known)
        made = await self._step(batch, known.next if known and is_own else None)
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

    async def _batch(self, book: str, name: str) -> CouponBatchDetails | None:
        try:
            return await self._engine.get_coupon_batch(GetCouponBatch(book=book, batch=name))
        except RewardsError as error:
            if error.code != "coupon_batch_unknown":
                raise
            return None


def _job(made: GeneratedCoupons | CouponBatchDetails) -> Job:
    return Job(
        book=made.book,
        job=made.batch,
        state="done" if made.next is None else "running",
        total=made.total,
        wanted=made.wanted,
    )
