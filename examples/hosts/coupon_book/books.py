"""Books and their codes: what staff does."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from rewards import models as api

from .auth import the_staff
from .deps import Key, Rewards, Running
from .errors import refused
from .jobs import AT_ONCE_MAX
from .models import BookChange, Job, Lines, NewCodes, Pool, PoolReport
from .pools import share_out

router = APIRouter(prefix="/api/v1/books", tags=["books"], dependencies=[Depends(the_staff)])


@router.post("", status_code=201)
async def create_book(body: api.CreateCouponBook, engine: Rewards) -> api.CreatedCouponBook:
    """Creates a book. Its id is its key: the same book again is answered again."""
    if "/" in body.book:
        raise refused(422, "book_invalid", "a book is part of paths, so its id has no slashes")
    return await engine.create_coupon_book(body)


@router.get("")
async def list_books(
    engine: Rewards, after: str | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 50
) -> api.CouponBookList:
    """A page of the books, newest first."""
    return await engine.list_coupon_books(api.ListCouponBooks(after=after, limit=limit))


@router.get("/{book}")
async def get_book(book: str, engine: Rewards) -> api.CouponBookStatistics:
    """A book with its statistics."""
    return await engine.get_coupon_book(api.GetCouponBook(book=book))


@router.patch("/{book}")
async def change_book(book: str, body: BookChange, engine: Rewards, key: Key) -> api.UpdatedCouponBook:
    """Pauses, resumes, closes or extends a book, or changes what holds for its codes."""
    return await engine.update_coupon_book(api.UpdateCouponBook(book=book, **dict(body)), key=key)


@router.post("/{book}/codes/generate", status_code=201, responses={202: {"model": Job}})
async def generate_codes(
    book: str, body: NewCodes, jobs: Running, response: Response, key: Key
) -> api.GeneratedCoupons | Job:
    """Generates codes: up to 1,000 at once, more of them as a job. The same batch again goes on where it is."""
    batch = api.GenerateCoupons(book=book, batch=body.batch or key, count=body.count, codes=body.codes)
    if batch.count <= AT_ONCE_MAX:
        return await jobs.generate(batch)
    if batch.codes:
        raise refused(422, "codes_not_told", f"codes are told of up to {AT_ONCE_MAX} at a time")
    job = await jobs.start(batch)
    response.status_code = 202
    response.headers["Location"] = quote(f"{router.prefix}/{book}/jobs/{batch.batch}")
    return job


@router.get("/{book}/jobs/{job:path}")
async def get_job(book: str, job: str, jobs: Running) -> Job:
    """How far a job is. One that was interrupted goes on by this."""
    return await jobs.get(book, job)


@router.post("/{book}/codes/upload", status_code=201, responses={409: {"model": api.UploadedCoupons}})
async def upload_codes(
    book: str, body: Lines, engine: Rewards, response: Response, key: Key
) -> api.UploadedCoupons:
    """Adds codes that were made elsewhere, and reports the lines that were not taken; 409 when none was."""
    report = await engine.upload_coupons(api.UploadCoupons(book=book, **dict(body)), key=key)
    response.status_code = 201 if report.added else 409
    return report


@router.post("/{book}/codes/distribute")
async def distribute_codes(book: str, body: Pool, engine: Rewards, key: Key) -> PoolReport:
    """Gives codes to a pool of members, and reports what was short and what was refused."""
    return await share_out(engine, book, body, key)
