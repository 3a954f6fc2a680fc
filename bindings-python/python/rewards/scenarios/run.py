"""Running cases through the typed requests and replies, on both stores."""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Union

from .. import _native, errors
from ..engine import Engine
from ..models import CODES, Model
from ..receipt import Receipt
from .document import REQUESTS, Case, File, Outcome, Step, replied
from .layout import canonical, in_lines, in_order
from .report import Failure, ScenarioReport, differences

TENANT = "vectors"
"""The tenant that cases run for."""
SEED = 7
"""The seed that the ids of a case are drawn from."""

_MEMORY = "memory"
_SQLITE = "sqlite"


class ScenarioError(errors.InvalidError):
    """A file is no scenario file, or there is none."""

    def __init__(self, detail: str) -> None:
        """With what is wrong, in words."""
        fault = errors.invalid("scenario_invalid", "path", detail).fault
        super().__init__(fault, CODES[fault.code].http_status, retryable=False)


def run_scenarios(path: Union[str, Path], bless: bool = False) -> ScenarioReport:
    """Run a scenario file, or all of a folder in the order of their names, and compare.

    With `bless`, what was found is written into the files as what is expected, except where the two stores
    disagree. Raises `ScenarioError` for a file that is none.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise errors.wrong_type("path", "a path", path)
    report = ScenarioReport()
    for file in _files(Path(path)):
        _run_file(file, bless, report)
    return report


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.json"))
    if not found:
        raise ScenarioError(f"expected a file or a folder with `.json` files, got `{path}`")
    return found


def _run_file(path: Path, bless: bool, report: ScenarioReport) -> None:
    try:
        text = path.read_text(encoding="utf-8")
        tree = json.loads(text)
        file = File.model_validate(tree)
    except OSError as error:
        raise ScenarioError(f"cannot use `{path}`: {error}") from error
    except ValueError as error:
        raise ScenarioError(f"`{path}` is no scenario file: {error}") from error
    for case, place in zip(file.cases, tree["cases"]):
        memory, sqlite = _run_case(case)
        report.cases += 1
        agreed = canonical(memory) == canonical(sqlite)
        if bless and agreed:
            for step, outcome in zip(place["steps"], memory):
                _expect(step, outcome)
            continue
        stores = [(f"{_MEMORY} and {_SQLITE}", memory)] if agreed else [(_MEMORY, memory), (_SQLITE, sqlite)]
        failures = [failure for name, found in stores for failure in _compare(path, case, name, found)]
        report.failures += failures
        report.failed += bool(failures)
    if bless:
        after = in_lines(tree, 0, 0) + "\n"
        if after != text:
            path.write_text(after, encoding="utf-8")
            report.blessed.append(path)


def _run_case(case: Case) -> tuple[list[Outcome], list[Outcome]]:
    memory = _take_steps(case, "memory:")
    with tempfile.TemporaryDirectory() as folder:
        sqlite = _take_steps(case, f"sqlite:///{Path(folder) / 'books.sqlite'}")
    return memory, sqlite


def _take_steps(case: Case, url: str) -> list[Outcome]:
    # A file plays at the times that it says, whatever the clock says.
    opened = Engine.open(url, tenant=TENANT, seed=SEED, key_ring=case.ring(), now_ahead_max=timedelta.max)
    with opened as engine:
        return [_take(engine, step) for step in case.steps]


def _take(engine: Engine, step: Step) -> Outcome:
    try:
        request: Any = _read(step)
        receipt: Receipt[Any] = engine.execute(request, key=step.key, now=step.now)
    except errors.RewardsError as error:
        return {"fault": json.loads(error.fault.to_json())}
    return replied(json.loads(receipt.reply.to_json()), receipt.replayed)


def _read(step: Step) -> Model:
    """The typed request. What its type cannot hold is refused in the words of the engine."""
    text = json.dumps(step.request)
    try:
        return REQUESTS[step.operation].from_json(text)
    except errors.InvalidError:
        try:
            _native.check(step.operation, text)
        except _native.NativeFault as fault:
            raise errors.from_native(fault) from None
        raise


def _expect(step: dict[str, Any], outcome: Outcome) -> None:
    for name in ("reply", "replayed", "fault"):
        step.pop(name, None)
    for name in ("replayed", "reply", "fault"):
        if name in outcome:
            step[name] = in_order(outcome[name])


def _compare(path: Path, case: Case, stores: str, outcomes: Sequence[Outcome]) -> Iterator[Failure]:
    for number, (step, outcome) in enumerate(zip(case.steps, outcomes), 1):
        expected = step.expected()
        if canonical(expected) != canonical(outcome):
            found = tuple(differences("", expected, outcome))
            yield Failure(path, case.name, number, step.operation, stores, found)
