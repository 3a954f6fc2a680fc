"""Bodies of requests, and the answers that the engine has none for. All others are the engine's own models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, create_model
from rewards import models as api
from rewards.models.base import Maybe

Count = Annotated[int, Field(strict=True, ge=1)]


def _without(request: type[api.Model], *names: str) -> type[api.Model]:
    """The body of a request of the engine, whose path says the rest."""
    left = {name: field for name, field in request.model_fields.items() if name not in names}
    fields = {name: (field.annotation, field) for name, field in left.items()}
    return create_model(f"{request.__name__}Body", __base__=api.Model, __doc__=request.__doc__, **fields)


BookChange = _without(api.UpdateCouponBook, "book")
Lines = _without(api.UploadCoupons, "book")
AssignCode = _without(api.AssignCoupons, "book", "count", "codes")


class NewCodes(api.Model):
    """Codes to be generated."""

    count: Count
    """How many; above 1,000 they are a job."""
    batch: Maybe[api.CouponBatchId] = None
    """What the batch, and its job, is called; the idempotency key, or a new name, when absent."""
    codes: StrictBool = False
    """Whether the answer has the codes. That of a job has none."""


class Job(api.Model):
    """A batch of more than 1,000 codes that is generated in the background."""

    book: api.CouponBookId
    job: api.CouponBatchId
    state: Literal["running", "done"]
    total: int
    """How many codes it has by now."""
    wanted: int


class Pool(api.Model):
    """Members who are given codes of a book."""

    members: Annotated[list[api.MemberId], Field(min_length=1, max_length=1_000)]
    mode: Literal["equal", "random"]
    """`equal`: so many for each. `random`: so many in all, one by one in rounds, in shuffled order."""
    count: Annotated[Count, Field(le=1_000)]
    """How many for each, up to 100, or in all."""


class PoolReport(api.Model):
    """What came of giving codes to a pool, and how many fewer than were asked for."""

    book: api.CouponBookId
    assigned: int
    short: int
    shares: list[api.CouponShare]


class Claim(api.Model):
    """A member who says that a code is the member's own."""

    member: api.MemberId
    order: Maybe[api.OrderId] = None
    """Whose lease it is: the member's own when absent."""


class Lock(Claim):
    """A member who wants a lease on a code."""

    seconds: Maybe[int] = None
    """For how long, 1 to 3,600; as the book says when absent."""
