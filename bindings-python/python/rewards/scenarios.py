"""Scenarios: requests and the whole replies that are expected, as JSON files. The test format of programs.

``python -m rewards.scenarios PATH`` runs a file, or all ``.json`` files of a folder; ``--bless`` writes what was
found as what is expected. Every case runs twice, in memory and on a SQLite file of its own, through the typed
requests and replies of this package. The last line says how many cases ran.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, model_validator

from rewards import _native, errors
from rewards.engine import Engine
from rewards.operations import REPLIES

__all__ = ["Difference", "Failure", "ScenarioError", "ScenarioReport", "run_scenarios"]

TENANT = "vectors"
"""The tenant that cases run for."""
SEED = 7
"""The seed that the ids of a case are drawn from."""

_MEMORY = "memory"
_SQLITE = "sqlite"
_COLUMNS = 120
_EXCERPT = 400
_SHOWN = 20
_REQUESTS: dict[str, type[BaseModel]] = {name: cls for cls, (name, _) in REPLIES.items()}
_Json = Any
_Outcome = dict[str, _Json]


class ScenarioError(ValueError):
    """A file is no scenario file, or there is none."""


@dataclass(frozen=True)
class Difference:
    """A place at which something else was found than expected."""

    path: str
    """Where, such as ``reply.decision.totals[0].amount``."""
    expected: Optional[str]
    """What was expected, in canonical form; nothing at all when absent."""
    found: Optional[str]
    """What was found, in the same form."""

    def __str__(self) -> str:
        expected, found = (
            "nothing" if text is None else text for text in (self.expected, self.found)
        )
        return f"  {self.path}\n    expected {expected}\n    found    {found}"


@dataclass(frozen=True)
class Failure:
    """A step that was not as expected."""

    file: Path
    """The file."""
    case: str
    """The case."""
    step: int
    """Which step of the case, from 1."""
    operation: str
    """The operation of the step."""
    stores: str
    """On which stores."""
    differences: tuple[Difference, ...]
    """What is different; everything, where the step expects nothing yet."""

    def __str__(self) -> str:
        head = f"{self.file}: case `{self.case}`, step {self.step} ({self.operation}), on {self.stores}:"
        lines = [head, *map(str, self.differences[:_SHOWN])]
        if len(self.differences) > _SHOWN:
            lines.append(f"  and {len(self.differences) - _SHOWN} more differences")
        return "\n".join(lines) + "\n"


@dataclass
class ScenarioReport:
    """What running scenarios found. Its text says everything that went wrong and, last, how many cases ran."""

    cases: int = 0
    """How many cases ran, each counted once, although it runs on two stores."""
    failed: int = 0
    """How many cases were not as expected."""
    failures: list[Failure] = field(default_factory=list[Failure])
    """Every step that was not as expected."""
    blessed: list[Path] = field(default_factory=list[Path])
    """The files that were written again."""

    @property
    def is_success(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures

    def __str__(self) -> str:
        lines = [str(failure) for failure in self.failures]
        lines += [f"written: {path}" for path in self.blessed]
        if self.failed:
            lines.append(f"failed: {self.failed} cases")
        lines.append(f"vectors: {self.cases} cases")
        return "\n".join(lines)


def run_scenarios(path: Union[str, Path], bless: bool = False) -> ScenarioReport:
    """Run a scenario file, or all of a folder in the order of their names, and compare.

    With ``bless``, what was found is written into the files as what is expected, except where the two stores
    disagree. Raises :class:`ScenarioError` for a file that is none.
    """
    report = ScenarioReport()
    for file in _files(Path(path)):
        _run_file(file, bless, report)
    return report


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str
    now: AwareDatetime
    key: Optional[str] = None
    request: _Json
    reply: _Json = None
    replayed: bool = False
    fault: _Json = None

    @model_validator(mode="after")
    def _check(self) -> _Step:
        if self.operation not in _REQUESTS:
            raise ValueError(f"no operation has the name `{self.operation}`")
        if self.reply is not None and self.fault is not None:
            raise ValueError("expected one of `reply` and `fault`, got both")
        if self.replayed and self.fault is not None:
            raise ValueError("a fault is never replayed")
        return self

    def expected(self) -> _Outcome:
        if self.reply is not None:
            return _replied(self.reply, self.replayed)
        return {} if self.fault is None else {"fault": self.fault}


class _Case(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    about: Optional[str] = None
    steps: list[_Step]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    cases: list[_Case]

    @model_validator(mode="after")
    def _check(self) -> _File:
        names = [case.name for case in self.cases]
        if not names or len(set(names)) < len(names):
            raise ValueError("expected at least one case, each with a name of its own")
        if not all(case.steps for case in self.cases):
            raise ValueError("expected at least one step in each case")
        return self


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
        file = _File.model_validate(tree)
    except OSError as error:
        raise ScenarioError(f"cannot use `{path}`: {error}") from error
    except ValueError as error:
        raise ScenarioError(f"`{path}` is no scenario file: {error}") from error
    for case, place in zip(file.cases, tree["cases"]):
        memory, sqlite = _run_case(case)
        report.cases += 1
        agreed = _canonical(memory) == _canonical(sqlite)
        if bless and agreed:
            for step, outcome in zip(place["steps"], memory):
                _expect(step, outcome)
            continue
        stores = (
            [(f"{_MEMORY} and {_SQLITE}", memory)]
            if agreed
            else [(_MEMORY, memory), (_SQLITE, sqlite)]
        )
        failures = [
            failure for name, found in stores for failure in _compare(path, case, name, found)
        ]
        report.failures += failures
        report.failed += bool(failures)
    if bless:
        after = _in_lines(tree, 0, 0) + "\n"
        if after != text:
            path.write_text(after, encoding="utf-8")
            report.blessed.append(path)


def _run_case(case: _Case) -> tuple[list[_Outcome], list[_Outcome]]:
    memory = _take_steps(case, "memory:")
    with tempfile.TemporaryDirectory() as folder:
        sqlite = _take_steps(case, f"sqlite://{Path(folder) / 'books.sqlite'}")
    return memory, sqlite


def _take_steps(case: _Case, url: str) -> list[_Outcome]:
    with Engine.open(url, tenant=TENANT, seed=SEED) as engine:
        return [_take(engine, step) for step in case.steps]


def _take(engine: Engine, step: _Step) -> _Outcome:
    try:
        request = _read(step)
        receipt = engine.execute(request, key=step.key, now=step.now)  # type: ignore[call-overload]  # pyright: ignore
    except errors.RewardsError as error:
        return {"fault": error.to_dict()}
    return _replied(json.loads(receipt.reply.to_json()), receipt.replayed)


def _read(step: _Step) -> BaseModel:
    """The typed request. What its type cannot hold is refused in the words of the engine."""
    text = json.dumps(step.request)
    try:
        return _REQUESTS[step.operation].model_validate_json(text)
    except ValidationError:
        try:
            _native.check(step.operation, text)
        except _native.NativeFault as fault:
            raise errors.from_native(fault) from None
        raise


def _replied(reply: _Json, replayed: bool) -> _Outcome:
    return {"reply": reply, "replayed": True} if replayed else {"reply": reply}


def _expect(step: dict[str, _Json], outcome: _Outcome) -> None:
    for name in ("reply", "replayed", "fault"):
        step.pop(name, None)
    for name in ("replayed", "reply", "fault"):
        if name in outcome:
            step[name] = outcome[name]


def _compare(
    path: Path, case: _Case, stores: str, outcomes: Sequence[_Outcome]
) -> Iterator[Failure]:
    for number, (step, outcome) in enumerate(zip(case.steps, outcomes), 1):
        expected = step.expected()
        if _canonical(expected) != _canonical(outcome):
            differences = tuple(_differences("", expected, outcome))
            yield Failure(path, case.name, number, step.operation, stores, differences)


_NOTHING = object()


def _differences(path: str, expected: _Json, found: _Json) -> Iterator[Difference]:
    """Every place at which the two differ, as deep inside them as possible."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in [*expected, *(name for name in found if name not in expected)]:
            inner = f"{path}.{name}" if path else name
            yield from _differences(inner, expected.get(name, _NOTHING), found.get(name, _NOTHING))
    elif isinstance(expected, list) and isinstance(found, list):
        for number in range(max(len(expected), len(found))):
            ours, theirs = (
                items[number] if number < len(items) else _NOTHING for items in (expected, found)
            )
            yield from _differences(f"{path}[{number}]", ours, theirs)
    elif _canonical_or_none(expected) != _canonical_or_none(found):
        yield Difference(path, _excerpt(expected), _excerpt(found))


def _canonical_or_none(value: object) -> Optional[str]:
    return None if value is _NOTHING else _canonical(value)


def _excerpt(value: object) -> Optional[str]:
    text = _canonical_or_none(value)
    return text if text is None or len(text) <= _EXCERPT else text[:_EXCERPT] + "…"


def _canonical(value: object) -> str:
    """The form in which answers are compared: fields in the order of their names, no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _in_lines(value: _Json, indent: int, column: int) -> str:
    """The layout of blessed files: a list or object in one line as long as it fits."""
    line = _in_one_line(value)
    if column + len(line) < _COLUMNS or not isinstance(value, (dict, list)):
        return line
    blank = " " * (indent + 2)
    if isinstance(value, dict):
        names = [f"{_in_one_line(name)}: " for name in value]
        values, (start, end) = list(value.values()), "{}"
    else:
        names, values, (start, end) = [""] * len(value), value, "[]"
    parts = [
        f"{blank}{name}{_in_lines(item, indent + 2, indent + 2 + len(name))}"
        for name, item in zip(names, values)
    ]
    return f"{start}\n" + ",\n".join(parts) + f"\n{' ' * indent}{end}"


def _in_one_line(value: _Json) -> str:
    if isinstance(value, dict):
        fields = ", ".join(f"{_in_one_line(name)}: {_in_one_line(v)}" for name, v in value.items())
        return f"{{ {fields} }}" if fields else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_in_one_line, value))}]"
    return json.dumps(value, ensure_ascii=False)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run scenarios from the command line; 0 when everything was as expected, 1 when not, 2 for a wrong file."""
    parser = argparse.ArgumentParser(prog="python -m rewards.scenarios", description=__doc__)
    parser.add_argument("path", type=Path, help="a scenario file or a folder of them")
    parser.add_argument("--bless", action="store_true", help="write what was found as expected")
    asked = parser.parse_args(arguments)
    try:
        report = run_scenarios(asked.path, bless=asked.bless)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return 2
    print(report)
    return 0 if report.is_success else 1


if __name__ == "__main__":
    sys.exit(main())
