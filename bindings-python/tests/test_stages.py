"""Stages of payments: whatever one does, the others run, and a payment fails with a critical one alone."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import rewards
from conftest import NOW, club
from rewards import models
from rewards.models import Money
from rewards.stages import AsyncStage, Facts, Stage, StageFailed, run_stages, run_stages_async

NAMES = [
    "first",
    "skips",
    "fails",
    "raises",
    "exits",
    "quits",
    "interrupts",
    "cancels",
    "shouts",
    "hides",
    "hangs",
    "clings",
    "babbles",
    "half",
    "nul",
    "nul-name",
    "breaks",
    "endless",
    "odd",
    "absent",
    "last",
]
TOLD = {
    "first": "answered",
    "skips": "skipped",
    "fails": {"failed": "no-luck"},
    "raises": {"failed": "raised"},
    "exits": {"failed": "raised"},
    "quits": {"failed": "raised"},
    "interrupts": {"failed": "raised"},
    "cancels": {"failed": "raised"},
    "shouts": {"failed": "code_invalid"},
    "hides": {"failed": "code_invalid"},
    "hangs": "timed_out",
    "clings": "timed_out",
    "babbles": {"failed": "answer_invalid"},
    "half": {"failed": "answer_invalid"},
    "nul": {"failed": "answer_invalid"},
    "nul-name": {"failed": "answer_invalid"},
    "breaks": {"failed": "answer_invalid"},
    "endless": {"failed": "answer_invalid"},
    "odd": {"failed": "answer_invalid"},
    "absent": {"failed": "stage_absent"},
    "last": "answered",
}

if sys.version_info < (3, 11):
    # There `asyncio.run` leaves interrupts as they are, and one that a stage raises is taken for one of the process.
    NAMES.remove("interrupts")
    del TOLD["interrupts"]


def pipeline(critical: str = "") -> models.Pipeline:
    """Each of the stages, 100 milliseconds at most; one is off, and one runs at another point."""
    stages = [models.Stage(id=name, critical=name == critical, timeout_millis=100) for name in NAMES]
    off = models.Stage(id="off", enabled=False, critical=True)
    later = models.Stage(id="later", at="report")
    return models.Pipeline(stages=[off, *stages, later])


class Gone(BaseException):
    """What ends more than the stage that raises it."""


class Hidden(StageFailed):
    """A failure that does not tell its code."""

    def __init__(self) -> None:
        Exception.__init__(self)

    def __getattribute__(self, name: str) -> Any:
        raise Gone


class Lazy(Mapping[str, str]):
    """An answer that is read when it is looked at: so many names, and one more that ends whoever reads it."""

    def __init__(self, names: Iterator[str]) -> None:
        self.names = names

    def __getitem__(self, name: str) -> str:
        return name

    def __iter__(self) -> Iterator[str]:
        yield from self.names
        raise Gone

    def __len__(self) -> int:
        return 1


RAISED = {
    "fails": StageFailed("no-luck"),
    "raises": ZeroDivisionError(),
    "exits": Gone(),
    "quits": SystemExit(3),
    "interrupts": KeyboardInterrupt(),
    "cancels": asyncio.CancelledError(),
    "shouts": StageFailed("NO LUCK"),
    "hides": Hidden(),
}
ANSWERS: dict[str, Callable[[], Any]] = {
    "skips": lambda: None,
    "babbles": lambda: {"a": "b" * 1_000},
    "half": lambda: {"a": "\ud800"},
    "nul": lambda: {"a": "b\0"},
    "nul-name": lambda: {"a\0": "b"},
    "breaks": lambda: Lazy(iter("ab")),
    "endless": lambda: Lazy(map(str, itertools.count())),
    "odd": lambda: 7,
}


def answer(name: str, facts: Facts) -> Any:
    if name in RAISED:
        raise RAISED[name]
    return ANSWERS.get(name, lambda: {name: str(len(facts))})()


def sync_stage(name: str) -> Stage:
    def run(facts: Facts) -> Any:
        if name in ("hangs", "clings"):
            time.sleep(0.4)
        return answer(name, facts)

    return Stage(run, version=name * 30)


def async_stage(name: str) -> AsyncStage:
    async def run(facts: Facts) -> Any:
        if name == "hangs":
            await asyncio.sleep(10)
        if name == "clings":
            # It does not let itself be cancelled.
            for _ in range(40):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.01)
        return answer(name, facts)

    return AsyncStage(run, version=name * 30)


def run(kind: str, pipeline: models.Pipeline, facts: dict[str, str]) -> list[models.StageRun]:
    names = [name for name in NAMES if name != "absent"]
    if kind == "threads":
        return run_stages(pipeline, "hold", {name: sync_stage(name) for name in names}, facts)
    stages = {name: async_stage(name) for name in names}
    return asyncio.run(run_stages_async(pipeline, "hold", stages, facts))


def told(run: models.StageRun) -> Any:
    return run.model_dump(mode="json")["outcome"]


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
def test_no_stage_harms_another(kind: str) -> None:
    facts = {"amount": "5.00"}
    runs = run(kind, pipeline(), facts)
    assert {run.stage: told(run) for run in runs} == TOLD
    assert [run.stage for run in runs] == NAMES
    assert facts["last"] == "2", "what the first one answered is seen"
    assert all(len(run.version) <= 64 for run in runs)
    assert next(run.millis for run in runs if run.stage == "hangs") >= 90


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
@pytest.mark.parametrize("critical", ["fails", "raises", "hangs", "odd", "absent"])
def test_nothing_runs_after_a_critical_stage_that_failed(kind: str, critical: str) -> None:
    runs = run(kind, pipeline(critical), {})
    assert runs[-1].stage == critical
    assert len(runs) == NAMES.index(critical) + 1


def test_what_ran_is_kept_with_the_payment() -> None:
    stages = [models.Stage(id="fx", critical=True), models.Stage(id="mood"), models.Stage(id="nul")]
    pipeline = models.Pipeline(stages=stages)
    program = club(
        redemptions={"order": ["cashback"]},
        payments={"routes": [{"id": "sepa"}]},
        pipeline=pipeline,
    )
    own = {
        "fx": Stage(lambda facts: {"rate": "1.08"}, version="2.1"),
        "mood": sync_stage("fails"),
        "nul": Stage(lambda facts: {"sms": "sent\0"}, version="1\0\ud800"),
    }
    runs = run_stages(pipeline, "hold", own, {})
    with rewards.open("memory:") as engine:
        engine.publish_program(models.PublishProgram(program=program), key="p", now=NOW)
        engine.register_member(models.RegisterMember(member="ada"), now=NOW)
        gift = models.GrantReward(member="ada", amount=Money.of("9.00", "EUR"), reason="a gift")
        engine.grant_reward(gift, key="g", now=NOW)
        amount = Money.of("5.00", "EUR")
        create = models.CreatePayment(payment="y1", program="club", member="ada", amount=amount, route="sepa")
        engine.create_payment(create, now=NOW)
        with pytest.raises(rewards.RejectedError, match="stage_missing"):
            engine.hold_payment(models.HoldPayment(payment="y1"), now=NOW)
        engine.hold_payment(models.HoldPayment(payment="y1", stages=runs), key="hold-1", now=NOW)
        kept = engine.get_payment(models.GetPayment(payment="y1"), now=NOW)
        assert [stage.run for stage in kept.stages] == runs
        asked = models.GetStageStatistics(program="club")
        statistics = engine.get_stage_statistics(asked, now=NOW).stages
        assert [(one.stage, one.answered, one.failed) for one in statistics] == [
            ("fx", 1, 0),
            ("mood", 0, 1),
            ("nul", 0, 1),
        ]


VERSIONS: list[tuple[Any, str]] = [
    ("2.1", "2.1"),
    ("a\0b\ud800c", "abc"),
    ("\0", "none"),
    ("\0" * 64 + "x", "x"),
    ("é" * 33, "é" * 32),
    ("", "none"),
    (2, "none"),
]


@pytest.mark.parametrize(("version", "kept"), VERSIONS)
def test_a_version_is_kept_as_far_as_it_can_be(version: Any, kept: str) -> None:
    assert run_one(lambda facts: None, version=version).version == kept


def run_one(work: Callable[[Facts], Any], *, millis: int = 5_000, version: Any = "1") -> models.StageRun:
    pipeline = models.Pipeline(stages=[models.Stage(id="one", timeout_millis=millis)])
    (run,) = run_stages(pipeline, "hold", {"one": Stage(work, version=version)}, {})
    return run


def test_an_answer_that_cannot_be_read_in_time_is_left_behind() -> None:
    def names() -> Iterator[str]:
        time.sleep(0.5)
        yield "a"

    begun = time.monotonic()
    assert run_one(lambda facts: Lazy(names()), millis=20).outcome == "timed_out"
    assert time.monotonic() - begun < 0.4


def test_a_cancelled_run_is_cancelled_and_so_is_its_stage() -> None:
    ended: list[str] = []

    async def hangs(facts: Facts) -> Any:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("stage")

    async def cancel() -> None:
        pipeline = models.Pipeline(stages=[models.Stage(id="one", timeout_millis=60_000)])
        running = asyncio.ensure_future(run_stages_async(pipeline, "hold", {"one": AsyncStage(hangs)}, {}))
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await asyncio.sleep(0)

    asyncio.run(cancel())
    assert ended == ["stage"]


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "rewards-stage"]


def test_threads_are_used_again_but_none_that_was_left_behind() -> None:
    seen: list[threading.Thread] = []
    let_go = threading.Event()

    def note(facts: Facts) -> None:
        seen.append(threading.current_thread())

    def hangs(facts: Facts) -> None:
        note(facts)
        let_go.wait(60)

    run_one(note)
    run_one(note)
    assert seen[0] is seen[1]
    assert run_one(hangs, millis=20).outcome == "timed_out"
    begun = time.monotonic()
    runs = [run_one(note) for _ in range(20)]
    assert time.monotonic() - begun < 5, "a stage that hangs slows none after it"
    assert all(run.outcome == "skipped" for run in runs)
    left = seen[2]
    assert left not in seen[3:]
    let_go.set()
    left.join(5)
    assert not left.is_alive()
    run_one(note)
    assert seen[-1] is not left


def test_many_callers_run_at_once_and_few_threads_stay() -> None:
    many = 24
    together = threading.Barrier(many)

    def meets(facts: Facts) -> dict[str, str]:
        together.wait(30)
        return {"thread": str(threading.get_ident())}

    for _ in range(3):
        with ThreadPoolExecutor(many) as callers:
            runs = list(callers.map(lambda _: run_one(meets, millis=60_000), range(many)))
        assert [run.outcome for run in runs] == ["answered"] * many
        assert len({run.answer["thread"] for run in runs}) == many, "no two share a thread"
    until = time.monotonic() + 10
    while len(threads()) > 8 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(threads()) <= 8
    assert all(thread.daemon for thread in threads())


def test_what_a_stage_sets_for_itself_is_not_seen_by_the_next() -> None:
    mood = contextvars.ContextVar("mood", default="calm")

    def reads(facts: Facts) -> dict[str, str]:
        found = mood.get()
        mood.set("angry")
        return {"mood": found}

    assert [run_one(reads).answer["mood"] for _ in range(2)] == ["calm", "calm"]


def test_a_stage_without_a_thread_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    def occupies(facts: Facts) -> dict[str, str]:
        """Holds an idle thread, and asks for the next one, until there is none."""
        return {"innermost": innermost(run_one(occupies))}

    def innermost(run: models.StageRun) -> str:
        return run.answer.get("innermost", str(told(run)))

    assert innermost(run_one(occupies)) == "{'failed': 'not_started'}"


RUNS_ONE = """
import asyncio, os, signal, sys, threading, time
from rewards import models
from rewards.stages import AsyncStage, Stage, run_stages, run_stages_async
PIPELINE = models.Pipeline(stages=[models.Stage(id="one", timeout_millis=30_000)])
def run(work):
    return run_stages(PIPELINE, "hold", {"one": Stage(work)}, {})[0].outcome
def run_async(work):
    return run_stages_async(PIPELINE, "hold", {"one": AsyncStage(work)}, {})
def interrupt_soon():
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
async def sleeps(facts):
    await asyncio.sleep(20)
async def blocks(facts):
    time.sleep(20)
signal.signal(signal.SIGINT, signal.default_int_handler)
"""

FORKS = """
first = run(lambda facts: None)
child = os.fork()
second = run(lambda facts: None)
if child == 0:
    os._exit(0 if second == "skipped" else 1)
print(first, second, os.waitpid(child, 0)[1])
"""

INTERRUPTED = {
    "threads": "run(lambda facts: time.sleep(20))",
    "asyncio": "asyncio.run(run_async(sleeps))",
    "a loop": "asyncio.new_event_loop().run_until_complete(run_async(sleeps))",
    "a loop that is held up": "asyncio.new_event_loop().run_until_complete(run_async(blocks))",
}


def python(program: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return ended.stdout.strip()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_child_has_threads_of_its_own() -> None:
    assert python(RUNS_ONE + FORKS) == "skipped skipped 0"


@pytest.mark.skipif(sys.platform == "win32", reason="no signal is sent so")
@pytest.mark.parametrize("kind", INTERRUPTED)
def test_whoever_interrupts_is_heard(kind: str) -> None:
    program = f"""
begun = time.monotonic()
interrupt_soon()
try:
    {INTERRUPTED[kind]}
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - begun < 15)
"""
    assert python(RUNS_ONE + program) == "interrupted True"


MANY_HANG = """
import time
from rewards import models
from rewards.stages import Stage, run_stages
names = [f"hangs-{number}" for number in range(40)]
stages = [models.Stage(id=name, timeout_millis=5) for name in names]
stages.append(models.Stage(id="last", critical=True, timeout_millis=2_000))
own = {name: Stage(lambda facts: time.sleep(600)) for name in names}
own["last"] = Stage(lambda facts: {"last": "ran"})
runs = run_stages(models.Pipeline(stages=stages), "hold", own, {})
print(runs[-1].outcome, len(runs))
"""


def test_stages_that_never_end_hold_nothing_up() -> None:
    """Neither the stages after them, nor the end of the process."""
    assert python(MANY_HANG) == "answered 41"
