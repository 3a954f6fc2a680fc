"""Coupons: assigned by staff, and locked, unlocked and redeemed by whoever holds them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from rewards import AsyncEngine, RewardsError
from rewards import models as api

from .auth import Caller, check_acts_for, the_staff
from .deps import Key, Rewards, registered
from .errors import refused
from .models import AssignCode, Claim, Lock

# Codes that were made elsewhere, and ids of users, may have slashes, so they are `path`.
router = APIRouter(prefix="/api/v1", tags=["coupons"])
STAFF = [Depends(the_staff)]


@router.post("/coupons/assign", status_code=201, dependencies=STAFF)
async def assign(body: api.AssignCoupons, engine: Rewards, key: Key) -> api.AssignedCoupons:
    """Draws codes for a member, or assigns given ones: all of them or none."""
    return await registered(engine, body, key)


@router.post("/coupons/assign/{code:path}", status_code=201, dependencies=STAFF)
async def assign_code(code: str, body: AssignCode, engine: Rewards, key: Key) -> api.AssignedCoupons:
    """Assigns a given code to a member."""
    book = (await engine.get_coupon(api.GetCoupon(code=code))).book
    request = api.AssignCoupons(book=book, codes=[code], **dict(body))
    return await registered(engine, request, key)


@router.get("/users/{member:path}/coupons")
async def list_coupons(
    member: str,
    engine: Rewards,
    caller: Caller,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> api.CouponList:
    """A page of the coupons that a member holds or used, newest first. Who was never given any has none."""
    check_acts_for(caller, member)
    try:
        return await engine.list_coupons(api.ListCoupons(member=member, after=after, limit=limit))
    except RewardsError as error:
        if error.code != "member_unknown":
            raise
        return api.CouponList(coupons=[])


@router.post("/coupons/lock/{code:path}")
async def lock(code: str, body: Lock, engine: Rewards, caller: Caller, key: Key) -> api.LockedCoupon:
    """Locks a code for an order. The same order again has the lease that it has."""
    request = api.LockCoupon(member=body.member, code=code, order=order_of(body), seconds=body.seconds)
    return await claim(engine, caller, request, key)


@router.post("/coupons/unlock/{code:path}")
async def unlock(code: str, body: Claim, engine: Rewards, caller: Caller, key: Key) -> api.UnlockedCoupon:
    """Ends the lease of an order before its time."""
    request = api.UnlockCoupon(member=body.member, code=code, order=order_of(body))
    return await claim(engine, caller, request, key)


@router.post("/coupons/redeem/{code:path}")
async def redeem(code: str, body: Claim, engine: Rewards, caller: Caller, key: Key) -> api.RedeemedCoupon:
    """Redeems a code once, for good."""
    request = api.RedeemCoupon(member=body.member, code=code, order=order_of(body))
    return await claim(engine, caller, request, key)


def order_of(body: Claim) -> str:
    """Whose lease it is. A member who names no order has one, too."""
    return body.order or body.member


async def claim(engine: AsyncEngine, caller: str | None, request: Any, key: str) -> Any:
    """What a member does with a code. One that is not the member's has one refusal, whatever the reason.

    The key is the member's own, so that nobody can use up another member's.
    """
    check_acts_for(caller, request.member)
    reply = await registered(engine, request, f"{request.member}/{key}")
    if reply.outcome == "not_accepted":
        raise refused(404, "code_not_accepted", "the code is not accepted")
    return reply
