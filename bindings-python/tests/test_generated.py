"""What is generated from the core is what the core says now."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODEGEN = Path(__file__).parents[1] / "codegen"


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schema of the core, printed by the core; or a file that somebody has just printed."""
    given = os.environ.get("REWARDS_SCHEMA")
    if given:
        return Path(given)
    path = tmp_path_factory.mktemp("schema") / "schemas.json"
    code = "import models; print(models.schema_of_core())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CODEGEN, capture_output=True, text=True, check=True
    )
    path.write_text(done.stdout, encoding="utf-8")
    return path


@pytest.mark.parametrize("script", ["models.py", "methods.py"])
def test_nothing_has_drifted(schema: Path, script: str) -> None:
    command = [sys.executable, str(CODEGEN / script), "--check", "--schema", str(schema)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
