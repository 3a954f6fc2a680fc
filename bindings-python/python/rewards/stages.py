"""Stages of a payment's pipeline, run for hosts in Python: in the order of the program, each within its time.

What they give is handed over with the next command of the payment. Nothing is stored here.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Literal, Optional

from . import models
from .errors import InvalidError

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

    Each runs in a thread of its own. One that takes too long is left behind, as a thread cannot be ended from outside: it holds no
    other stage up, nor the end of the process.
    """
    runs: list[models.StageRun] = []
    for stage in _enabled(pipeline, at):
        own = stages.get(stage.id)
        begun = time.monotonic()
        outcome: models.StageOutcome
        answer: Answer
        if own is None:
            outcome, answer = _failed("stage_absent"), None
        else:
            outcome, answer = _ended(_Thread(own.run, dict(facts)), _seconds(stage))
        if _note(runs, facts, stage, (own.version if own else None, outcome, answer), begun):
            break
    return runs


@dataclass
class _Thread:
    """A stage that runs in a thread."""

    run: Callable[[Facts], Answer]
    facts: Facts
    answer: Answer = None
    error: Optional[BaseException] = None
    done: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        try:
            self.answer = self.run(self.facts)
        # Whatever it raises ends nothing but the stage.
        except BaseException as error:
            self.error = error
        self.done.set()


def _ended(thread: _Thread, seconds: float) -> tuple[models.StageOutcome, Answer]:
    threading.Thread(target=thread.work, name="rewards-stage", daemon=True).start()
    if not thread.done.wait(seconds):
        return "timed_out", None
    if thread.error is not None:
        return _of_error(thread.error), None
    return ("skipped" if thread.answer is None else "answered"), thread.answer


async def run_stages_async(
    pipeline: models.Pipeline,
    at: Point,
    stages: Mapping[str, AsyncStage],
    facts: MutableMapping[str, str],
) -> list[models.StageRun]:
    """The same for asyncio: a stage that takes too long is cancelled, and not waited for."""
    runs: list[models.StageRun] = []
    for stage in _enabled(pipeline, at):
        own = stages.get(stage.id)
        begun = time.monotonic()
        outcome: models.StageOutcome
        answer: Answer
        if own is None:
            outcome, answer = _failed("stage_absent"), None
        else:
            task = asyncio.ensure_future(_answer(own, dict(facts)))
            outcome, answer = await _ended_async(task, _seconds(stage))
        if _note(runs, facts, stage, (own.version if own else None, outcome, answer), begun):
            break
    return runs


async def _answer(stage: AsyncStage, facts: Facts) -> Answer:
    return await stage.run(facts)


async def _ended_async(task: asyncio.Task[Answer], seconds: float) -> tuple[models.StageOutcome, Answer]:
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        task.add_done_callback(_forget)
        return "timed_out", None
    if task.cancelled():
        return _failed("raised"), None
    error = task.exception()
    if error is not None:
        return _of_error(error), None
    answer = task.result()
    return ("skipped" if answer is None else "answered"), answer


def _forget(task: asyncio.Task[Answer]) -> None:
    """What a stage that is left behind raises concerns nobody."""
    if not task.cancelled():
        task.exception()


def _enabled(pipeline: models.Pipeline, at: Point) -> Iterable[models.Stage]:
    return (stage for stage in pipeline.stages if stage.enabled is not False and stage.at == at)


def _seconds(stage: models.Stage) -> float:
    return (stage.timeout_millis or _TIMEOUT_MILLIS) / 1_000


def _failed(code: str) -> models.FailedStageOutcome:
    return models.FailedStageOutcome(failed=code)


def _of_error(error: BaseException) -> models.StageOutcome:
    if not isinstance(error, StageFailed):
        return _failed("raised")
    try:
        return _failed(error.code)
    except InvalidError:
        return _failed("code_invalid")


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
    return dict(answer) if all(map(_is_kept, texts)) else None


def _is_kept(text: object) -> bool:
    if not isinstance(text, str):
        return False
    try:
        return len(text.encode()) <= _ANSWER_BYTES
    # Half of a character is no text.
    except UnicodeEncodeError:
        return False


def _shortened(version: str) -> str:
    text = version.encode(errors="ignore")[:_VERSION_BYTES].decode(errors="ignore")
    return text or "none"
