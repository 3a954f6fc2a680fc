"""What goes wrong, as exceptions: one class for each kind of fault, one stable code for each reason.

What a caller can do depends on the class alone; programs that must tell reasons apart look at ``code``.
The text of ``detail`` is for people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from rewards import _native

__all__ = [
    "ConflictError",
    "InternalError",
    "InvalidError",
    "Problem",
    "RejectedError",
    "RewardsError",
    "UnavailableError",
]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input, and where."""

    code: str
    """Stable code of the problem."""
    path: str
    """Where it is, such as ``rules[3].effect.percent.rate``; empty for the whole input."""
    detail: str
    """What is wrong, in words."""


class RewardsError(Exception):
    """A call had no effect. Every exception of this package is one of its subclasses."""

    kind: ClassVar[str] = ""
    """What the caller can do about it, in the words of the engine."""
    code: str
    """Stable code."""
    detail: str
    """What is wrong, in words. For people; programs look at the code."""
    context: Mapping[str, str]
    """The values involved, by name."""
    problems: tuple[Problem, ...]
    """For invalid input: all problems found."""
    retryable: bool
    """Whether the same command with the same key may succeed later, unchanged."""
    http_status: int
    """The HTTP status that a host should answer with."""

    def __init__(self, fault: Mapping[str, Any], http_status: int, retryable: bool) -> None:
        super().__init__(fault, http_status, retryable)
        self.code = fault["code"]
        self.detail = fault["detail"]
        self.context = dict(fault.get("context", {}))
        self.problems = tuple(Problem(**problem) for problem in fault.get("problems", ()))
        self.http_status = http_status
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"

    def to_dict(self) -> dict[str, Any]:
        """The fault as every host sees it: ready to be the body of an HTTP response."""
        fault: dict[str, Any] = {"kind": self.kind, "code": self.code, "detail": self.detail}
        if self.context:
            fault["context"] = dict(self.context)
        if self.problems:
            fault["problems"] = [asdict(problem) for problem in self.problems]
        return fault


class InvalidError(RewardsError, ValueError):
    """The input is wrong; the same input will always be."""

    kind = "invalid"


class RejectedError(RewardsError):
    """The input is fine, the state forbids it."""

    kind = "rejected"


class ConflictError(RewardsError):
    """The key was used for something else, or others won the race."""

    kind = "conflict"


class UnavailableError(RewardsError):
    """The store could not be reached, or the engine is closed.

    The outcome of a command is unknown then: it may be sent again with the same key.
    """

    kind = "unavailable"


class InternalError(RewardsError):
    """A defect of the engine, broken data, or a store that refuses to work."""

    kind = "internal"


_CLASSES: dict[str, type[RewardsError]] = {
    cls.kind: cls
    for cls in (InvalidError, RejectedError, ConflictError, UnavailableError, InternalError)
}
_STATUS = {code: status for code, _, status in _native.fault_codes()}


def from_native(native: _native.NativeFault) -> RewardsError:
    """The exception of a fault of the native module."""
    text, http_status, retryable = native.args
    fault = json.loads(text)
    return _CLASSES.get(fault["kind"], InternalError)(fault, http_status, retryable)


def invalid(code: str, path: str, detail: str) -> InvalidError:
    """The exception for one wrong argument."""
    problem = {"code": code, "path": path, "detail": detail}
    fault = {
        "kind": InvalidError.kind,
        "code": "invalid",
        "detail": f"{path}: {detail}",
        "problems": [problem],
    }
    return InvalidError(fault, _STATUS["invalid"], False)
