"""A coupon book service: books, codes, leases and redemptions over HTTP, with the engine inside.

    uvicorn coupon_book.app:app

The environment says where the books are and which keys there are; see `config`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import Response
from rewards import AsyncEngine
from rewards.models import Fault

from . import books, config, coupons, errors, logs
from .config import ConfigError, Settings
from .deps import Rewards
from .jobs import Jobs
from .limits import RateLimit

FILE = Path(__file__).with_name("coupons.db")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens the engine for as long as the service runs. Nobody is told its events, so it keeps none."""
    settings: Settings = app.state.settings
    url, ring = settings.rewards_url, settings.key_ring()
    open_at = partial(AsyncEngine.open, url) if url else partial(AsyncEngine.open_file, FILE)
    logs.install()
    async with open_at(key_ring=ring, keep_events=False) as engine:
        app.state.engine, app.state.jobs = engine, Jobs(engine, settings.coupons_job_pause)
        yield
        await app.state.jobs.close()


async def health(engine: Rewards, response: Response) -> dict[str, object]:
    """How the engine and its store are; 503 when nothing is taken."""
    found = await engine.health()
    response.status_code = 200 if found.is_open else 503
    return found.model_dump(mode="json")


def make_app(settings: Settings) -> FastAPI:
    """The service with these settings."""
    faults = {status: {"model": Fault} for status in (400, 401, 403, 404, 409, 410, 422, 423, 429, 503)}
    app = FastAPI(title="Coupon book", lifespan=lifespan, responses=faults)
    app.state.settings = settings
    app.add_middleware(RateLimit, per_minute=settings.coupons_rate_limit)
    errors.install(app)
    app.include_router(books.router)
    app.include_router(coupons.router)
    app.get("/health", tags=["health"])(health)
    return app


try:
    app = make_app(config.read(os.environ))
except ConfigError as error:
    sys.exit(f"coupon book: {error}")
