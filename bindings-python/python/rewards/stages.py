"""Stages of a payment's pipeline, run for hosts in Python: in the order of the program, each within its time.

What they give is handed over with the next command of the payment. Nothing is stored here.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Literal, Optional

from . import models

Facts = Mapping[str, str]
Answer = Optional[Mapping[str, str]]
Point = Literal["hold", "submit", "report"]

_TIMEOUT_MILLIS = 5_000
_VERSION_BYTES = 64
_ANSWER_FIELDS = 16
_ANSWER_BYTES = 256
_IDLE_THREADS = 8

_Ended = tuple[models.StageOutcome, dict[str, str]]
"""How a stage ended, and what of its answer is kept."""


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

    Each has a thread to itself, which a later one may use again. A stage that takes too long is left behind with its thread, as a
    thread cannot be ended from outside: it holds no other stage up, nor the end of the process.
    """
    runs: list[models.StageRun] = []
    for stage in _enabled(pipeline, at):
        own = stages.get(stage.id)
        begun = time.monotonic()
        ended = _failed("stage_absent") if own is None else _in_thread(own, dict(facts), _seconds(stage))
        if _note(runs, facts, stage, (_version(own), ended), begun):
            break
    return runs


class _Worker:
    """A thread that runs one stage after another, each for whoever has taken it."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[Optional[tuple[Stage, Facts, SimpleQueue[_Ended]]]] = SimpleQueue()
        threading.Thread(target=self.work, name="rewards-stage", daemon=True).start()

    def work(self) -> None:
        while (job := self.jobs.get()) is not None:
            stage, facts, ended = job
            # What a stage sets for its thread, such as how decimals are rounded, is gone with it.
            ended.put(Context().run(_run, stage, facts))
            # Nothing of a stage is kept while the thread is idle.
            del job, stage, facts, ended

    def end(self) -> None:
        """Ends the thread, once it has run what it runs."""
        self.jobs.put(None)


_idle: deque[_Worker] = deque()
"""Threads that nobody has. All that is done with it is atomic, so there is no lock that a fork could leave locked."""

if hasattr(os, "register_at_fork"):
    # A child has none of the threads of its parent.
    os.register_at_fork(after_in_child=_idle.clear)


def _in_thread(stage: Stage, facts: Facts, seconds: float) -> _Ended:
    try:
        worker = _taken()
    # So many were left behind that there can be no more.
    except RuntimeError:
        return _failed("not_started")
    ended: SimpleQueue[_Ended] = SimpleQueue()
    worker.jobs.put((stage, facts, ended))
    try:
        found = ended.get(timeout=seconds)
    except Empty:
        worker.end()
        return "timed_out", {}
    except BaseException:
        # Somebody interrupts the process while it waits here.
        worker.end()
        raise
    _give_back(worker)
    return found


def _taken() -> _Worker:
    try:
        return _idle.pop()
    except IndexError:
        return _Worker()


def _give_back(worker: _Worker) -> None:
    _idle.append(worker)
    if len(_idle) > _IDLE_THREADS:
        # Others may take them all meanwhile.
        with suppress(IndexError):
            _idle.popleft().end()


def _run(stage: Stage, facts: Facts) -> _Ended:
    try:
        return _of_answer(stage.run(facts))
    # Whatever it raises ends nothing but the stage.
    except BaseException as error:
        return _of_error(error)


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
        ended = _failed("stage_absent") if own is None else await _in_task(own, dict(facts), _seconds(stage))
        if _note(runs, facts, stage, (_version(own), ended), begun):
            break
    return runs


async def _in_task(stage: AsyncStage, facts: Facts, seconds: float) -> _Ended:
    task = asyncio.ensure_future(_run_async(stage, facts))
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        return "timed_out", {}
    # Somebody else can have cancelled it before it began.
    return _failed("raised") if task.cancelled() else task.result()


async def _run_async(stage: AsyncStage, facts: Facts) -> _Ended:
    """As `_run`. A task that ended with what a stage raises, such as `SystemExit`, would end the event loop with it."""
    try:
        return _of_answer(await stage.run(facts))
    except KeyboardInterrupt as error:
        if _interrupts_raise_here():
            raise
        return _of_error(error)
    except BaseException as error:
        return _of_error(error)


def _interrupts_raise_here() -> bool:
    """Whether somebody who interrupts the process raises in what just runs; where `asyncio.run` cancels instead, nobody does."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _enabled(pipeline: models.Pipeline, at: Point) -> Iterable[models.Stage]:
    return (stage for stage in pipeline.stages if stage.enabled is not False and stage.at == at)


def _seconds(stage: models.Stage) -> float:
    return (stage.timeout_millis or _TIMEOUT_MILLIS) / 1_000


def _failed(code: str) -> _Ended:
    return models.FailedStageOutcome(failed=code), {}


def _of_error(error: BaseException) -> _Ended:
    if not isinstance(error, StageFailed):
        return _failed("raised")
    try:
        return _failed(error.code)
    # The code is the stage's, and can be anything.
    except BaseException:
        return _failed("code_invalid")


def _of_answer(answer: object) -> _Ended:
    if answer is None:
        return "skipped", {}
    try:
        return "answered", _fields(answer)
    # So can be what it answers, which may be read only now.
    except BaseException:
        return _failed("answer_invalid")


def _fields(answer: object) -> dict[str, str]:
    """What a stage answered; raises when it cannot be kept."""
    if not isinstance(answer, Mapping):
        raise TypeError
    pairs = list(islice(answer.items(), _ANSWER_FIELDS + 1))
    if len(pairs) > _ANSWER_FIELDS:
        raise ValueError
    return {_kept(name): _kept(value) for name, value in pairs}


def _kept(text: str) -> str:
    """A text that can be kept: in UTF-8, which half of a character has no form in, not too long, and without NUL."""
    data = str.encode(text)
    if len(data) > _ANSWER_BYTES or b"\0" in data:
        raise ValueError
    return data.decode()


def _version(stage: Stage | AsyncStage | None) -> str:
    """As much of a version as can be kept."""
    if stage is None:
        return "none"
    try:
        data = str.encode(stage.version, errors="ignore")
    # It is the host's, and can be anything.
    except Exception:
        return "none"
    return data.replace(b"\0", b"")[:_VERSION_BYTES].decode(errors="ignore") or "none"


def _note(
    runs: list[models.StageRun],
    facts: MutableMapping[str, str],
    stage: models.Stage,
    ended: tuple[str, _Ended],
    begun: float,
) -> bool:
    """Notes a run; whether the payment fails with it."""
    version, (outcome, answer) = ended
    runs.append(
        models.StageRun(
            stage=stage.id,
            version=version,
            outcome=outcome,
            millis=min(int((time.monotonic() - begun) * 1_000), 2**32 - 1),
            answer=answer,
        )
    )
    facts.update(answer)
    has_failed = outcome == "timed_out" or isinstance(outcome, models.FailedStageOutcome)
    return stage.critical and has_failed
