"""Codes for a pool of members. A pool is the list in the request: the service keeps none."""

from __future__ import annotations

import asyncio

from rewards import AsyncEngine
from rewards.models import DistributeCoupons, DistributedCoupons, RegisterMember

from .errors import refused
from .models import Pool, PoolReport

AT_ONCE_MAX = 1_000
"""How many codes the engine distributes at once."""
EACH_MAX = 100
"""How many codes a member is given for each."""


async def share_out(engine: AsyncEngine, book: str, pool: Pool, key: str) -> PoolReport:
    """Gives codes to the members of a pool. What is refused of one member keeps nothing from the others.

    More codes than the engine distributes at once are given to some members after the others; every such step has a key of
    its own that follows from the request's, so a repetition of the request is answered again, and goes on where it was.
    """
    if len(set(pool.members)) < len(pool.members):
        raise refused(422, "member_duplicate", "a member is in the pool twice")
    is_equal = pool.mode == "equal"
    if is_equal and pool.count > EACH_MAX:
        raise refused(422, "count_invalid", f"expected up to {EACH_MAX} codes for each")
    await asyncio.gather(*(engine.register_member(RegisterMember(member=m)) for m in pool.members))
    at_once = AT_ONCE_MAX // pool.count if is_equal else len(pool.members)
    reports: list[DistributedCoupons] = []
    for first in range(0, len(pool.members), at_once):
        request = DistributeCoupons(
            book=book,
            members=pool.members[first : first + at_once],
            each=pool.count if is_equal else None,
            total=None if is_equal else pool.count,
            partial=True,
        )
        reports.append(await engine.distribute_coupons(request, key=f"{key}/{first}"))
    return PoolReport(
        book=book,
        assigned=sum(report.assigned for report in reports),
        short=sum(report.short for report in reports),
        shares=[share for report in reports for share in report.shares],
    )
