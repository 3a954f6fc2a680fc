"""Runs an example of the core: what it prints is what Python's files are generated from and compared with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

WORKSPACE = Path(__file__).parent.parent.parent


def printed_by(example: str, given: str = "") -> str:
    """What an example prints for an input.

    Cargo builds it, unless the environment variable REWARDS_EXAMPLES names the folder it was built into.
    """
    built = os.environ.get("REWARDS_EXAMPLES")
    if built:
        command = [str(Path(built) / example)]
    else:
        command = ["cargo", "run", "--quiet", "--locked", "-p", "rewards-core", "--features", "schema"]
        command += ["--example", example]
    printed = subprocess.run(
        command, cwd=WORKSPACE, check=True, capture_output=True, input=given, encoding="utf-8"
    )
    return printed.stdout
