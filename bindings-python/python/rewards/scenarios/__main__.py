"""`python -m rewards.scenarios`: runs scenarios and says how many cases ran."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from . import ScenarioError, __doc__, run_scenarios


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
