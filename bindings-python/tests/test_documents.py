"""Program documents: read and checked by the core, and described by a schema that other tools understand."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import rewards
import tomllib
from rewards.models import Program

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(
    [
        *ROOT.glob("examples/programs/*.toml"),
        ROOT / "examples" / "fastapi_quickstart" / "program.toml",
        ROOT / "bindings-swift" / "example" / "wallet.toml",
    ]
)
BAD_PROGRAMS = json.loads((ROOT / "tests" / "vectors" / "bad-programs.json").read_text())["cases"]

HEAD = 'id = "club"\ncurrency = "EUR"\nzone = "UTC"\n'
RULE = HEAD + '[[rules]]\nid = "a"\n'


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_read_as_text_and_as_what_a_parser_made_of_it(path: Path) -> None:
    text = path.read_text()
    program = rewards.read_program(text)
    assert rewards.read_program(tomllib.loads(text)) == program
    assert rewards.read_program(program.to_json()) == program
    assert Program.from_json(program.model_dump_json()) == program
    assert rewards.validate_program(text) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_editors_find_the_schema_of_an_example(path: Path) -> None:
    found = re.match(r"#:schema (\S+)\n", path.read_text())
    assert found is not None
    assert json.loads((path.parent / found[1]).read_text()) == rewards.program_schema()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_other_validators_take_the_schema(path: Path) -> None:
    schema = rewards.program_schema()
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    document = json.loads(rewards.read_program(path.read_text()).to_json())
    validator(schema).validate(document)
    for field, wrong in [("currency", "euro"), ("zone", 5), ("id", "a\nb"), ("budget", [])]:
        with pytest.raises(jsonschema.ValidationError):
            validator(schema).validate({**document, field: wrong})


@pytest.mark.parametrize("case", BAD_PROGRAMS, ids=lambda case: case["name"])
def test_all_problems_are_those_of_the_engine(case: dict[str, Any]) -> None:
    checked = 0
    for step in case["steps"]:
        if step["operation"] != "publish_program":
            continue
        program = step["request"]["program"]
        told = step.get("fault", {}).get("problems", [])
        # What depends on earlier revisions only the engine can know.
        if "fault" in step and step["fault"]["code"] != "invalid":
            continue
        wanted = [{**problem, "path": problem["path"].removeprefix("program.")} for problem in told]
        wanted = [problem for problem in wanted if problem["path"] != "active_from"]
        found = [problem.model_dump() for problem in rewards.validate_program(program)]
        if found or wanted:
            assert found == wanted
            checked += 1
    assert checked


def test_all_problems_come_at_once_with_suggestions() -> None:
    text = RULE + 'efect.percent.rate = "5%"\n[[rules]]\nid = 5\neffect.percent.rate = 0.05\n'
    with pytest.raises(rewards.InvalidError) as caught:
        rewards.read_program(text)
    problems = {problem.path: problem for problem in caught.value.problems}
    # The field that was meant is not missing beside that.
    assert set(problems) == {"rules[0].efect", "rules[1].id", "rules[1].effect.percent.rate"}
    assert "did you mean `effect`" in problems["rules[0].efect"].detail
    assert rewards.validate_program(text) == caught.value.problems


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("5", None),
        ('"5.00"', None),
        ("5.0", "type_invalid"),
        ("5.25", "type_invalid"),
        ("9223372036854775807", "amount_overflow"),
    ],
)
def test_integers_are_exact_and_floats_are_refused(amount: str, code: str | None) -> None:
    text = RULE + f"effect.fixed.amount = {amount}\n"
    for document in (text, tomllib.loads(text)):
        found = rewards.validate_program(document)
        assert [problem.code for problem in found] == ([code] if code else []), found


@pytest.mark.parametrize(
    "value",
    [{1}, b"x", object(), float("nan"), complex(1), "\ud800"],
    ids=lambda value: type(value).__name__,
)
def test_what_no_document_can_hold_is_a_fault(value: object) -> None:
    with pytest.raises(rewards.InvalidError) as caught:
        rewards.read_program({"id": value})
    assert caught.value.problems[0].code in ("type_invalid", "value_invalid")
    assert caught.value.problems[0].path == "program"


def test_dates_and_times_are_the_text_they_are_written_as() -> None:
    text = RULE + 'effect.percent.rate = "5%"\nactive = { from = 2026-01-01, before = 2026-02-01 }\n'
    text += "lifecycle.pending.until = 2026-03-01T00:00:00Z\n"
    program = rewards.read_program(tomllib.loads(text))
    assert program == rewards.read_program(text)
    moment = datetime(2026, 3, 1, tzinfo=timezone.utc)
    assert moment.isoformat().replace("+00:00", "Z") in program.to_json()
