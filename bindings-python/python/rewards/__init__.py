"""An embeddable reward engine: cashback, points and tiers; exact, deterministic, one atomic commit per decision.

>>> import rewards
>>> with rewards.open("memory:") as engine:
...     member = engine.register_member(rewards.models.RegisterMember(member="ada"))
...     member.member
'ada'

* `open`, `open_file` and `Engine` for threads, `AsyncEngine` for asyncio;
* `rewards.models` for requests, replies and programs;
* `read_program` and `validate_program` for documents in TOML and JSON;
* `CompiledProgram` for whole tables of purchases, in and out through Arrow;
* `KeyRing` for names told in confidence, such as phone numbers;
* `RewardsError` and its subclasses for what goes wrong;
* `calibrate` to fit the points of a scorecard to labelled payments, also as `python -m rewards calibrate`;
* `Till` to take offline tokens without an engine and remember them in a file, `check_token` for a memory of your own, and
  `spend_message` and `spend_proof` to spend them;
* `check_qr` to read signed QR codes without an engine, `qr_svg` and `qr_png` to draw any;
* `run_stages` to run what is the host's around the steps of a payment;
* `run_scenarios` to test a program with files of requests and expected replies;
* `enable_logging` to see what happens.
"""

from . import models
from .calibration import Calibration, calibrate
from .documents import program_schema, read_program, validate_program
from .engine import AsyncEngine, Engine, migrate, open, open_file
from .errors import (
    ConflictError,
    InternalError,
    InvalidError,
    Problem,
    RejectedError,
    RewardsError,
    UnavailableError,
)
from .keys import KeyRing, RingKey
from .logs import disable_logging, enable_logging, flush_logging
from .qr import check_qr, qr_png, qr_svg
from .receipt import Receipt
from .scenarios import ScenarioReport, run_scenarios
from .services import AssetLiability, BookHead, BookReport, ClaimedEvent, Health, Liability, Sweep
from .stages import AsyncStage, Stage, StageFailed, run_stages, run_stages_async
from .tables import ArrowTable, CompiledProgram
from .till import Till
from .tokens import check_token, read_token, spend_message, spend_proof

__all__ = [
    "ArrowTable",
    "AssetLiability",
    "AsyncEngine",
    "AsyncStage",
    "BookHead",
    "BookReport",
    "Calibration",
    "ClaimedEvent",
    "CompiledProgram",
    "ConflictError",
    "Engine",
    "Health",
    "InternalError",
    "InvalidError",
    "KeyRing",
    "Liability",
    "Problem",
    "Receipt",
    "RejectedError",
    "RewardsError",
    "RingKey",
    "ScenarioReport",
    "Stage",
    "StageFailed",
    "Sweep",
    "Till",
    "UnavailableError",
    "calibrate",
    "check_qr",
    "check_token",
    "disable_logging",
    "enable_logging",
    "flush_logging",
    "migrate",
    "models",
    "open",
    "open_file",
    "program_schema",
    "qr_png",
    "qr_svg",
    "read_program",
    "read_token",
    "run_scenarios",
    "run_stages",
    "run_stages_async",
    "spend_message",
    "spend_proof",
    "validate_program",
]
