"""What goes wrong, as exceptions: one class for each kind of fault, one stable code for each reason.

What a caller can do depends on the class alone; programs that must tell reasons apart look at `code`.
The text of `detail` is for people.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Union, get_args

from pydantic import ValidationError
from pydantic_core.core_schema import ErrorType

from . import _native
from .models import CODES, Fault, FaultKind, Problem
from .models.scalars import shown

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

    @classmethod
    def from_errors(cls, errors: Iterable[Mapping[str, Any]]) -> "InvalidError":
        """The exception for what pydantic found, as it lists it: `error.errors()` of its `ValidationError`, and of the
        `RequestValidationError` with which FastAPI refuses a request. Values are not repeated: some are told in confidence,
        and some, such as half of a surrogate pair, cannot be written at all.
        """
        return _invalid([_problem(error) for error in errors])


class RejectedError(RewardsError):
    """The input is fine, the state forbids it."""

    kind = "rejected"


class ConflictError(RewardsError):
    """The key was used for something else, or others won the race."""

    kind = "conflict"


class UnavailableError(RewardsError):
    """The store could not be reached or has no room on its disk, the clock cannot be right, or the engine is closed.

    The outcome of a command may be unknown then: it may be sent again with the same key. By a clock that cannot be right
    (`clock_behind`, `clock_ahead`) nothing was done.
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
    return _invalid([Problem(code=code, path=path, detail=detail)])


def wrong_type(path: str, expected: str, found: object) -> InvalidError:
    """The exception for an argument of another type."""
    kind = type(found).__name__
    return invalid("type_invalid", path, f"expected {expected}, got a value of type `{kind}`")


_PYDANTIC = frozenset(get_args(ErrorType))
"""What pydantic itself finds; all else is found by our own models, under the engine's own codes."""
_MODEL_CODES = {
    "missing": "field_missing",
    "extra_forbidden": "field_unknown",
    "literal_error": "variant_unknown",
    "json_invalid": "syntax",
}
"""What the problems of models are called everywhere else, by what pydantic calls them."""


def invalid_model(error: ValidationError) -> InvalidError:
    """The exception for a model that cannot be made, with all problems."""
    return InvalidError.from_errors(
        error.errors(include_url=False, include_context=False, include_input=False)
    )


def _problem(error: Mapping[str, Any]) -> Problem:
    kind, place = error["type"], error["loc"]
    if kind == "json_invalid":
        # A number is how many characters were read, and no item of a list.
        place = [step for step in place if not isinstance(step, int)]
    return Problem(code=_code(kind), path=shown(_path(place)), detail=shown(error["msg"]))


def _code(kind: str) -> str:
    if kind not in _PYDANTIC:
        return kind
    if kind.endswith(("_type", "_parsing")):
        return "type_invalid"
    return _MODEL_CODES.get(kind, "value_invalid")


def _path(place: Iterable[Union[int, str]]) -> str:
    steps = (step for step in place if isinstance(step, int) or not step.startswith("<"))
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return path[1:] if path.startswith(".") else path


def _invalid(problems: list[Problem]) -> InvalidError:
    first, more = problems[0], len(problems) - 1
    rest = f" (and {more} more problems)" if more else ""
    where = f"{first.path}: " if first.path else ""
    fault = Fault(kind="invalid", code="invalid", detail=f"{where}{first.detail}{rest}", problems=problems)
    return InvalidError(fault, CODES[fault.code].http_status, retryable=False)
