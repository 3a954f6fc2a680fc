"""An embeddable reward engine: cashback, points and tiers; exact, deterministic, one atomic commit per decision.

>>> import rewards
>>> with rewards.open("memory:") as engine:
...     member = engine.register_member(rewards.models.RegisterMember(member="ada"))
...     member.member
'ada'

* :func:`open` and :class:`Engine` for threads, :class:`AsyncEngine` for asyncio;
* :mod:`rewards.models` for requests, replies and programs;
* :class:`CompiledProgram` for whole tables of purchases, in and out through Arrow;
* :class:`RewardsError` and its subclasses for what goes wrong;
* :func:`run_scenarios` to test a program with files of requests and expected replies;
* :func:`enable_logging` to see what happens.
"""

from rewards import models
from rewards.engine import AsyncEngine, Engine, open
from rewards.errors import (
    ConflictError,
    InternalError,
    InvalidError,
    Problem,
    RejectedError,
    RewardsError,
    UnavailableError,
)
from rewards.logs import disable_logging, enable_logging, flush_logging
from rewards.operations import Receipt
from rewards.services import BookReport, ClaimedEvent, Event, Health, Stream, Sweep
from rewards.tables import ArrowTable, CompiledProgram

__all__ = [
    "ArrowTable",
    "AsyncEngine",
    "BookReport",
    "ClaimedEvent",
    "CompiledProgram",
    "ConflictError",
    "Engine",
    "Event",
    "Health",
    "InternalError",
    "InvalidError",
    "Problem",
    "Receipt",
    "RejectedError",
    "RewardsError",
    "ScenarioReport",
    "Stream",
    "Sweep",
    "UnavailableError",
    "disable_logging",
    "enable_logging",
    "flush_logging",
    "models",
    "open",
    "run_scenarios",
]
