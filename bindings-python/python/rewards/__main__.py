"""`python -m rewards`: what is done with programs on the command line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .calibration import calibrate
from .errors import RewardsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when it was done, 2 when a file or an option is wrong."""
    parser = argparse.ArgumentParser(prog="python -m rewards", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fit = commands.add_parser("calibrate", help="fit the points of a scorecard to labelled payments")
    fit.add_argument("program", type=Path, help="the program, TOML or JSON")
    fit.add_argument(
        "payments", type=Path, help="CSV: occurred_at, amount, bad (1 or 0), and a column for each key"
    )
    fit.add_argument(
        "--options", type=json.loads, default={}, help="as JSON, such as '{\"label_delay_days\": 7}'"
    )
    fit.add_argument("--out", type=Path, help="where the program with its new scorecard is written, as JSON")
    asked = parser.parse_args(arguments)
    try:
        fitted = calibrate(asked.program.read_text("utf-8"), asked.payments.read_text("utf-8"), asked.options)
    except (OSError, RewardsError) as error:
        print(error, file=sys.stderr)
        return 2
    print(fitted.report, end="")
    if asked.out is not None:
        asked.out.write_text(fitted.program.to_json(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
