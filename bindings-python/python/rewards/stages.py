"""Stages of a payment's pipeline, run for hosts in Python: in the order of the program, each within its time.

What they give is handed over with the next command of the payment. Nothing is stored here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from typing import Literal, Optional

from . import models

Facts = Mapping[str, str]
Answer = Optional[Mapping[str, str]]
Point = Literal["hold", "submit", "report"]

_TIMEOUT_MILLIS = 5_000
_VERSION_BYTES = 64
_ANSWER_FIELDS = 16
_ANSWER_BYTES = 256


class StageFailed(Exception):
    """Raised by a stage that has failed, with a code of its own."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Stage:
    """Something of the host's that runs for payments.

    `run` gets what is known of the payment and gives fields that are kept with it, or `None` when it had nothing to do. It raises
    `StageFailed` with a code when it fails; what else it raises is a failure with the code `raised`.
    """

    run: Callable[[Facts], Answer]
    version: str = "1"


@dataclass(frozen=True)
class AsyncStage:
    """The same for asyncio."""

    run: Callable[[Facts], Awaitable[Answer]]
    version: str = "1"


def run_stages(
    pipeline: models.Pipeline,
    at: Point,
    stages: Mapping[str, Stage],
    facts: MutableMapping[str, str],
) -> list[models.StageRun]:
    """Runs the stages of a point until a critical one fails, and adds what they answer to the facts.

    Each runs in a thread. One that takes too long is left behind: a thread cannot be ended from outside.
    """
    runs: list[models.StageRun] = []
    pool = ThreadPoolExecutor(thread_name_prefix="rewards-stage")
    try:
        for stage in _enabled(pipeline, at):
            own = stages.get(stage.id)
            begun = time.monotonic()
            outcome: models.StageOutcome
            answer: Answer = None
            if own is None:
                outcome = _failed("stage_absent")
            else:
                try:
                    answer = pool.submit(own.run, dict(facts)).result(_seconds(stage))
                    outcome = "skipped" if answer is None else "answered"
                except TooLate:
                    outcome = "timed_out"
                except Exception as error:
                    outcome = _of_error(error)
            if _note(runs, facts, stage, (own.version if own else None, outcome, answer), begun):
                break
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return runs


async def run_stages_async(
    pipeline: models.Pipeline,
    at: Point,
    stages: Mapping[str, AsyncStage],
    facts: MutableMapping[str, str],
) -> list[models.StageRun]:
    """The same for asyncio: a stage that takes too long is cancelled."""
    runs: list[models.StageRun] = []
    for stage in _enabled(pipeline, at):
        own = stages.get(stage.id)
        begun = time.monotonic()
        outcome: models.StageOutcome
        answer: Answer = None
        if own is None:
            outcome = _failed("stage_absent")
        else:
            try:
                answer = await asyncio.wait_for(own.run(dict(facts)), _seconds(stage))
                outcome = "skipped" if answer is None else "answered"
            except asyncio.TimeoutError:
                outcome = "timed_out"
            except Exception as error:
                outcome = _of_error(error)
        if _note(runs, facts, stage, (own.version if own else None, outcome, answer), begun):
            break
    return runs


def _enabled(pipeline: models.Pipeline, at: Point) -> Iterable[models.Stage]:
    return (stage for stage in pipeline.stages if stage.enabled is not False and stage.at == at)


def _seconds(stage: models.Stage) -> float:
    return (stage.timeout_millis or _TIMEOUT_MILLIS) / 1_000


def _failed(code: str) -> models.FailedStageOutcome:
    return models.FailedStageOutcome(failed=code)


def _of_error(error: Exception) -> models.StageOutcome:
    return _failed(error.code if isinstance(error, StageFailed) else "raised")


def _note(
    runs: list[models.StageRun],
    facts: MutableMapping[str, str],
    stage: models.Stage,
    ended: tuple[str | None, models.StageOutcome, Answer],
    begun: float,
) -> bool:
    """Notes a run; whether the payment fails with it."""
    version, outcome, answer = ended
    fields = _fields(answer)
    if fields is None:
        outcome, fields = _failed("answer_invalid"), {}
    runs.append(
        models.StageRun(
            stage=stage.id,
            version=_shortened(version or "none"),
            outcome=outcome,
            millis=min(int((time.monotonic() - begun) * 1_000), 2**32 - 1),
            answer=fields,
        )
    )
    facts.update(fields)
    has_failed = outcome == "timed_out" or isinstance(outcome, models.FailedStageOutcome)
    return stage.critical and has_failed


def _fields(answer: object) -> dict[str, str] | None:
    """What a stage answered; nothing when it cannot be kept. A stage is the host's, and its answer can be anything."""
    if answer is None:
        return {}
    if not isinstance(answer, Mapping) or len(answer) > _ANSWER_FIELDS:
        return None
    texts = [text for pair in answer.items() for text in pair]
    is_small = all(isinstance(text, str) and len(text.encode()) <= _ANSWER_BYTES for text in texts)
    return dict(answer) if is_small else None


def _shortened(version: str) -> str:
    return version.encode()[:_VERSION_BYTES].decode(errors="ignore")
