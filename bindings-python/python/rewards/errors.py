"""What goes wrong, as exceptions: one class for each kind of fault, one stable code for each reason.

What a caller can do depends on the class alone; programs that must tell reasons apart look at `code`.
The text of `detail` is for people.
"""

from collections.abc import Mapping
from typing import ClassVar

from . import _native
from .models import CODES, Fault, FaultKind, Problem

__all__ = [
    "ConflictError",
    "InternalError",
    "InvalidError",
    "Problem",
    "RejectedError",
    "RewardsError",
    "UnavailableError",
]


class RewardsError(Exception):
    """A call had no effect. Every exception of this package is one of its subclasses."""

    kind: ClassVar[FaultKind]
    """What the caller can do about it, in the words of the engine."""
    code: str
    """Stable code."""
    detail: str
    """What is wrong, in words. For people; programs look at the code."""
    context: Mapping[str, str]
    """The values involved, by name."""
    problems: list[Problem]
    """For invalid input: all problems found."""
    retryable: bool
    """Whether the same command with the same key may succeed later, unchanged, when the same engine is asked again."""
    http_status: int
    """The HTTP status that a host should answer with."""

    fault: Fault
    """All of it as a model: ready to be the body of an HTTP response."""

    def __init__(self, fault: Fault, http_status: int, retryable: bool) -> None:
        super().__init__(fault, http_status, retryable)
        self.fault = fault
        self.code = fault.code
        self.detail = fault.detail
        self.context = fault.context
        self.problems = fault.problems
        self.http_status = http_status
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


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
    """The store could not be reached or has no room on its disk, or the engine is closed.

    The outcome of a command is unknown then: it may be sent again with the same key.
    """

    kind = "unavailable"


class InternalError(RewardsError):
    """A defect of the engine, broken data, or a store that refuses to work."""

    kind = "internal"


_CLASSES: dict[str, type[RewardsError]] = {
    cls.kind: cls for cls in (InvalidError, RejectedError, ConflictError, UnavailableError, InternalError)
}


def from_native(native: _native.NativeFault) -> RewardsError:
    """The exception of a fault of the native module."""
    text, http_status, retryable = native.args
    fault = Fault.from_json(text)
    return _CLASSES[fault.kind](fault, http_status, retryable)


def invalid(code: str, path: str, detail: str) -> InvalidError:
    """The exception for one wrong argument."""
    problem = Problem(code=code, path=path, detail=detail)
    fault = Fault(kind="invalid", code="invalid", detail=f"{path}: {detail}", problems=[problem])
    return InvalidError(fault, CODES[fault.code].http_status, retryable=False)
