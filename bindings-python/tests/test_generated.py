"""What is generated from the core is what the core says now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from core_examples import printed_by

CODEGEN = Path(__file__).parents[1] / "codegen"


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schema of the core, printed by the core."""
    path = tmp_path_factory.mktemp("schema") / "schemas.json"
    path.write_text(printed_by("schemas"), encoding="utf-8")
    return path


@pytest.mark.parametrize("script", ["models.py", "methods.py"])
def test_nothing_has_drifted(schema: Path, script: str) -> None:
    command = [sys.executable, str(CODEGEN / script), "--check", "--schema", str(schema)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
