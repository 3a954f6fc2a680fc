"""A rewards service: quote, purchase, balance and statement over HTTP, with the engine inside.

    uvicorn app:app

The books are in `rewards.db` beside this file, or where `REWARDS_URL` says.
Requests, replies and faults are the engine's own models, so the OpenAPI pages under `/docs` tell all there is to know.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response

from rewards import AsyncEngine, InvalidError, RewardsError, read_program
from rewards.models import (
    Balance,
    Fault,
    GetBalance,
    GetStatement,
    PublishProgram,
    Purchase,
    QuotedPurchase,
    QuotePurchase,
    RecordedPurchase,
    RecordPurchase,
    RegisteredMember,
    RegisterMember,
    Statement,
)

PROGRAM = Path(__file__).with_name("program.toml")
ACTIVE_FROM = datetime(2026, 1, 1, tzinfo=timezone.utc)
FILE = Path(__file__).with_name("rewards.db")
URL = os.environ.get("REWARDS_URL")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens the engine for as long as the service runs, and publishes the program once."""
    program = read_program(PROGRAM.read_text())
    async with AsyncEngine.open(URL) if URL else AsyncEngine.open_file(FILE) as engine:
        publish = PublishProgram(program=program, active_from=ACTIVE_FROM)
        await engine.publish_program(publish, key=f"{program.id}-1")
        app.state.engine = engine
        yield


app = FastAPI(
    title="Rewards",
    lifespan=lifespan,
    responses={status: {"model": Fault} for status in (402, 404, 409, 422, 503)},
)


async def the_engine(request: Request) -> AsyncEngine:
    # Not `def`, which FastAPI would call on another thread.
    engine: AsyncEngine = request.app.state.engine
    return engine


Rewards = Annotated[AsyncEngine, Depends(the_engine)]
Key = Annotated[str | None, Header(alias="Idempotency-Key")]


@app.exception_handler(RewardsError)
async def refuse(_: Request, error: RewardsError) -> Response:
    """A fault is answered as it is, with the status that the engine gives it."""
    headers = {"Retry-After": "1"} if error.retryable else None
    return Response(error.fault.to_json(), error.http_status, headers, media_type="application/json")


@app.exception_handler(RequestValidationError)
async def refuse_request(request: Request, error: RequestValidationError) -> Response:
    """What FastAPI finds is told like everything else. Its own answer repeats what was sent, and fails where that cannot be written."""
    return await refuse(request, InvalidError.from_errors(error.errors()))


@app.put("/members/{member}")
async def register(member: str, engine: Rewards, key: Key = None) -> RegisteredMember:
    return await engine.register_member(RegisterMember(member=member), key=key)


@app.post("/quotes")
async def quote(purchase: Purchase, engine: Rewards, explain: bool = False) -> QuotedPurchase:
    return await engine.quote_purchase(QuotePurchase(purchase=purchase, explain=explain))


@app.post("/purchases")
async def record(purchase: Purchase, engine: Rewards, key: Key = None) -> RecordedPurchase:
    """The purchase's id is its key: sent again, it is answered again and counted once."""
    return await engine.record_purchase(RecordPurchase(purchase=purchase), key=key)


@app.get("/members/{member}/balance")
async def balance(member: str, engine: Rewards) -> Balance:
    return await engine.get_balance(GetBalance(member=member))


@app.get("/members/{member}/statement")
async def statement(
    member: str,
    engine: Rewards,
    before: int | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> Statement:
    return await engine.get_statement(GetStatement(member=member, before=before, limit=limit))


@app.get("/health")
async def health(engine: Rewards) -> dict[str, object]:
    return (await engine.health()).model_dump(mode="json")
