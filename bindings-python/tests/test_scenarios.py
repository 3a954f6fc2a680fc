"""Scenario files: the ones all languages share, and what is said about files that do not hold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rewards
from rewards.scenarios import ScenarioError

VECTORS = Path(__file__).parents[2] / "tests" / "vectors"


def write(path: Path, *steps: dict[str, Any]) -> Path:
    file = path / "mine.json"
    file.write_text(json.dumps({"about": "mine", "cases": [{"name": "one", "steps": steps}]}))
    return file


def register(member: Any = "ada", **expected: Any) -> dict[str, Any]:
    return {
        "operation": "register_member",
        "now": "2026-01-01T00:00:00Z",
        "request": {"member": member},
        **expected,
    }


def test_the_shared_vectors_hold() -> None:
    report = rewards.run_scenarios(VECTORS)
    assert report.is_success, str(report)
    assert report.cases >= 120


def test_a_difference_is_told_at_its_place(tmp_path: Path) -> None:
    file = write(tmp_path, register(reply={"member": "bob", "registered_at": "2026-01-01T00:00:00Z"}))
    report = rewards.run_scenarios(file)
    assert (report.cases, report.failed, report.is_success) == (1, 1, False)
    assert str(report) == (
        f"{file}: case `one`, step 1 (register_member), on memory and sqlite:\n"
        '  reply.member\n    expected "bob"\n    found    "ada"\n\n'
        "failed: 1 cases\nvectors: 1 cases"
    )


class _Place:
    """A path as other libraries have it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


def test_whatever_names_a_path_names_a_file(tmp_path: Path) -> None:
    file = write(tmp_path, register(reply={"member": "ada", "registered_at": "2026-01-01T00:00:00Z"}))
    for place in (file, str(file), _Place(file)):
        assert rewards.run_scenarios(place).cases == 1  # type: ignore[arg-type]


def test_blessing_writes_what_was_found(tmp_path: Path) -> None:
    file = write(tmp_path, register(), register(), register("ada", key="other"), register(7))
    assert not rewards.run_scenarios(file).is_success
    report = rewards.run_scenarios(file, bless=True)
    assert report.blessed == [file]
    steps = json.loads(file.read_text())["cases"][0]["steps"]
    assert [sorted(set(step) & {"reply", "replayed", "fault"}) for step in steps] == [
        ["reply"],
        ["replayed", "reply"],
        ["fault"],
        ["fault"],
    ]
    assert [step["fault"]["code"] for step in steps[2:]] == ["member_exists", "invalid"]
    assert rewards.run_scenarios(tmp_path).is_success
    assert rewards.run_scenarios(file, bless=True).blessed == []


@pytest.mark.parametrize(
    "step",
    [
        {**register(), "operation": "regster_member"},
        {**register(), "now": "2026-01-01T00:00:00"},
        {**register(), "extra": 1},
        register(reply={}, fault={}),
        register(replayed=True, fault={}),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, step: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError, match="is no scenario file"):
        rewards.run_scenarios(write(tmp_path, step))


def test_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="expected a file or a folder"):
        rewards.run_scenarios(tmp_path)
    with pytest.raises(ScenarioError, match="cannot use"):
        rewards.run_scenarios(tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("name", "status", "words"), [("ada", 0, "vectors: 1 cases"), ("bob", 1, "failed: 1 cases")]
)
def test_the_command_line(tmp_path: Path, name: str, status: int, words: str) -> None:
    file = write(tmp_path, register(reply={"member": name, "registered_at": "2026-01-01T00:00:00Z"}))
    command = [sys.executable, "-W", "error", "-m", "rewards.scenarios", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, words in done.stdout) == (status, True), done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "vectors: 1 cases"
