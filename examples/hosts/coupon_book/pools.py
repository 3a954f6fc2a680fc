"""Codes for a pool of members. A pool is the list in the request: the service keeps none."""

from __future__ import annotations

import random
from collections.abc import Container, Iterator

from rewards import AsyncEngine, RejectedError
from rewards.models import AssignCoupons, Fault

from .deps import registered
from .errors import refused
from .models import Pool, PoolReport, Share

EACH_MAX = 100
"""How many codes a member is assigned at once."""
OVER = ("coupons_short", "coupon_book_closed", "coupon_book_expired", "coupon_book_paused")
"""What every other member would be refused by, too."""


async def share_out(engine: AsyncEngine, book: str, pool: Pool, key: str) -> PoolReport:
    """Gives codes to the members of a pool. What is refused of one member keeps nothing from the others.

    Every assignment has a key of its own that follows from the request's, so a repetition of the request goes on.
    """
    if len(set(pool.members)) < len(pool.members):
        raise refused(422, "member_duplicate", "a member is in the pool twice")
    is_equal = pool.mode == "equal"
    if is_equal and pool.count > EACH_MAX:
        raise refused(422, "count_invalid", f"expected up to {EACH_MAX} codes for each")
    codes: dict[str, list[str | None]] = {member: [] for member in pool.members}
    faults: dict[str, Fault] = {}
    keys = {member: f"{key}/{number}" for number, member in enumerate(pool.members)}
    left = pool.count * (len(pool.members) if is_equal else 1)
    for member in pool.members if is_equal else _rounds(pool.members, key, faults):
        if left == 0:
            break
        request = AssignCoupons(book=book, member=member, count=pool.count if is_equal else 1)
        try:
            given = await registered(engine, request, f"{keys[member]}.{len(codes[member])}")
        except RejectedError as error:
            if error.code == "coupon_book_unknown":
                raise
            faults[member] = error.fault
            if error.code in OVER:
                break
        else:
            codes[member] += [coupon.code for coupon in given.coupons]
            left -= len(given.coupons)
    shares = [Share(member=member, codes=codes[member], fault=faults.get(member)) for member in codes]
    return PoolReport(book=book, assigned=sum(map(len, codes.values())), short=left, shares=shares)


def _rounds(members: list[str], key: str, refused: Container[str]) -> Iterator[str]:
    """The members in shuffled order, again and again, but those who were refused.

    The order follows from the key, so that a repetition finds the same one.
    """
    order = random.Random(key).sample(members, len(members))
    while left := [member for member in order if member not in refused]:
        yield from left
