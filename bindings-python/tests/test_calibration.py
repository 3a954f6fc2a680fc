"""Scorecards that are fitted to payments: by a call, and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rewards
from rewards.__main__ import main

PROGRAM = """
id = "cards"
currency = "EUR"
zone = "UTC"
[risk]
features = [{ id = "amount", value = { amount = {} } }]
[risk.scorecard]
rules = [{ id = "large", feature = "amount", bands = [{ until = 10000, points = 0 }, { from = 10000, points = 0 }] }]
"""

PAYMENTS = "occurred_at,amount,bad\n" + "".join(
    f"2026-03-01T12:{number % 60:02}:00Z,{amount},{int(number < bad)}\n"
    for amount, bad in (("10.00", 2), ("200.00", 50))
    for number in range(100)
)


def test_points_are_fitted() -> None:
    fitted = rewards.calibrate(PROGRAM, PAYMENTS, {"rising": ["large"]})
    assert fitted.program.risk is not None
    low, high = fitted.program.risk.scorecard.rules[0].bands
    assert low.points == 0
    assert high.points > 60
    assert "fitted to 200 payments, 52 of them bad" in fitted.report


def test_what_is_wrong_is_told() -> None:
    with pytest.raises(rewards.InvalidError) as caught:
        rewards.calibrate(PROGRAM, "occurred_at,bad\n")
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [("column_missing", "[1]")]
    with pytest.raises(rewards.InvalidError) as caught:
        rewards.calibrate(PROGRAM, PAYMENTS, {"rise": []})
    assert [problem.path for problem in caught.value.problems] == ["options"]


def test_the_command_writes_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program, payments, out = (tmp_path / name for name in ("program.toml", "payments.csv", "fitted.json"))
    program.write_text(PROGRAM, "utf-8")
    payments.write_text(PAYMENTS, "utf-8")
    options = json.dumps({"review_share": 5000, "block_share": 2500})
    assert main(["calibrate", str(program), str(payments), "--options", options, "--out", str(out)]) == 0
    assert "AUC" in capsys.readouterr().out
    assert rewards.validate_program(out.read_text("utf-8")) == []
    assert main(["calibrate", str(program), str(tmp_path / "none.csv")]) == 2
