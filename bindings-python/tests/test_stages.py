"""Stages of payments: whatever one does, the others run, and a payment fails with a critical one alone."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
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
    "shouts",
    "hangs",
    "clings",
    "babbles",
    "half",
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
    "shouts": {"failed": "code_invalid"},
    "hangs": "timed_out",
    "clings": "timed_out",
    "babbles": {"failed": "answer_invalid"},
    "half": {"failed": "answer_invalid"},
    "odd": {"failed": "answer_invalid"},
    "absent": {"failed": "stage_absent"},
    "last": "answered",
}


def pipeline(critical: str = "") -> models.Pipeline:
    """Each of the stages, 40 milliseconds at most; one is off, and one runs at another point."""
    stages = [models.Stage(id=name, critical=name == critical, timeout_millis=40) for name in NAMES]
    off = models.Stage(id="off", enabled=False, critical=True)
    later = models.Stage(id="later", at="report")
    return models.Pipeline(stages=[off, *stages, later])


class Gone(BaseException):
    """What ends more than the stage that raises it."""


def answer(name: str, facts: Facts) -> Any:
    if name == "fails":
        raise StageFailed("no-luck")
    if name == "raises":
        raise ZeroDivisionError
    if name == "exits":
        raise Gone
    if name == "shouts":
        raise StageFailed("NO LUCK")
    answers = {"skips": None, "babbles": {"a": "b" * 1_000}, "half": {"a": "\ud800"}, "odd": 7}
    return answers.get(name, {name: str(len(facts))})


def sync_stage(name: str) -> Stage:
    def run(facts: Facts) -> Any:
        if name in ("hangs", "clings"):
            time.sleep(0.2)
        return answer(name, facts)

    return Stage(run, version=name * 30)


def async_stage(name: str) -> AsyncStage:
    async def run(facts: Facts) -> Any:
        if name == "hangs":
            await asyncio.sleep(10)
        if name == "clings":
            # It does not let itself be cancelled.
            for _ in range(20):
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
    assert next(run.millis for run in runs if run.stage == "hangs") >= 40


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
@pytest.mark.parametrize("critical", ["fails", "raises", "hangs", "odd", "absent"])
def test_nothing_runs_after_a_critical_stage_that_failed(kind: str, critical: str) -> None:
    runs = run(kind, pipeline(critical), {})
    assert runs[-1].stage == critical
    assert len(runs) == NAMES.index(critical) + 1


def test_what_ran_is_kept_with_the_payment() -> None:
    pipeline = models.Pipeline(stages=[models.Stage(id="fx", critical=True), models.Stage(id="mood")])
    program = club(
        redemptions={"order": ["cashback"]},
        payments={"routes": [{"id": "sepa"}]},
        pipeline=pipeline,
    )
    stages = {"fx": Stage(lambda facts: {"rate": "1.08"}, version="2.1"), "mood": sync_stage("fails")}
    runs = run_stages(pipeline, "hold", stages, {})
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
        assert [(one.stage, one.answered, one.failed) for one in statistics] == [("fx", 1, 0), ("mood", 0, 1)]


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
    ended = subprocess.run(
        [sys.executable, "-c", MANY_HANG], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.split() == ["answered", "41"]
