"""Fits the points of a program's scorecard to what payments turned out to be.

The core does it, so every language finds the same points; see the chapter on risky payments of the guide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _native, errors
from .documents import Document, read_program
from .models import Program

__all__ = ["Calibration", "calibrate"]


@dataclass(frozen=True)
class Calibration:
    """What a fit found."""

    program: Program
    """The program with the new points and thresholds of its scorecard."""
    report: str
    """What was done, for people: of each band how many payments it had, how many were bad, and its points before and after."""


def calibrate(document: Document, payments: str, options: Mapping[str, Any] | None = None) -> Calibration:
    """Fit the scorecard of a program to labelled payments.

    ``payments`` is CSV with the columns ``occurred_at``, ``amount`` and ``bad`` (1 or 0), and one for each key that payments have.
    ``options`` are ``from`` and ``until`` (only payments of this time are fitted to), ``label_delay_days``, ``points_to_double``,
    ``rising`` and ``falling`` (rules whose points go one way only), ``review_share`` and ``block_share`` (of 10,000 payments).

    Raises :class:`InvalidError` with all that is wrong with the program, the payments or the options.
    """
    program = read_program(document)
    try:
        fitted, report = _native.calibrate(program.to_json(), payments, json.dumps(dict(options or {})))
    except _native.NativeFault as fault:
        raise errors.from_native(fault) from None
    return Calibration(program=Program.from_json(fitted), report=report)
