"""Scenarios: requests and the whole replies that are expected, as JSON files. The test format of programs.

`python -m rewards.scenarios PATH` runs a file, or all `.json` files of a folder; `--bless` writes what was
found as what is expected. Every case runs twice, in memory and on a SQLite file of its own, through the typed
requests and replies of this package. The last line says how many cases ran.
"""

from .report import Difference, Failure, ScenarioReport
from .run import ScenarioError, run_scenarios

__all__ = ["Difference", "Failure", "ScenarioError", "ScenarioReport", "run_scenarios"]
