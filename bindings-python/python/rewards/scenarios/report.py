"""What running scenarios found, and where answers differ."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from .layout import canonical

_EXCERPT = 400
_SHOWN = 20
_NOTHING = object()


@dataclass(frozen=True)
class Difference:
    """A place at which something else was found than expected."""

    path: str
    """Where, such as `reply.decision.totals[0].amount`."""
    expected: Optional[str]
    """What was expected, in canonical form; nothing at all when absent."""
    found: Optional[str]
    """What was found, in the same form."""

    def __str__(self) -> str:
        expected, found = ("nothing" if text is None else text for text in (self.expected, self.found))
        return f"  {self.path}\n    expected {expected}\n    found    {found}"


@dataclass(frozen=True)
class Failure:
    """A step that was not as expected."""

    file: Path
    """The file."""
    case: str
    """The case."""
    step: int
    """Which step of the case, from 1."""
    operation: str
    """The operation of the step."""
    stores: str
    """On which stores."""
    differences: tuple[Difference, ...]
    """What is different; everything, where the step expects nothing yet."""

    def __str__(self) -> str:
        head = f"{self.file}: case `{self.case}`, step {self.step} ({self.operation}), on {self.stores}:"
        lines = [head, *map(str, self.differences[:_SHOWN])]
        if len(self.differences) > _SHOWN:
            lines.append(f"  and {len(self.differences) - _SHOWN} more differences")
        return "\n".join(lines) + "\n"


@dataclass
class ScenarioReport:
    """What running scenarios found. Its text ends with how many cases ran."""

    cases: int = 0
    """How many cases ran, each counted once, although it runs on two stores."""
    failed: int = 0
    """How many cases were not as expected."""
    failures: list[Failure] = field(default_factory=list[Failure])
    """Every step that was not as expected."""
    blessed: list[Path] = field(default_factory=list[Path])
    """The files that were written again."""

    @property
    def is_success(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures

    def __str__(self) -> str:
        lines = [str(failure) for failure in self.failures]
        lines += [f"written: {path}" for path in self.blessed]
        if self.failed:
            lines.append(f"failed: {self.failed} cases")
        lines.append(f"vectors: {self.cases} cases")
        return "\n".join(lines)


def differences(path: str, expected: Any, found: Any) -> Iterator[Difference]:
    """Every place at which the two differ, as deep inside them as possible."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in [*expected, *(name for name in found if name not in expected)]:
            inner = f"{path}.{name}" if path else name
            yield from differences(inner, expected.get(name, _NOTHING), found.get(name, _NOTHING))
    elif isinstance(expected, list) and isinstance(found, list):
        for number in range(max(len(expected), len(found))):
            ours, theirs = (items[number] if number < len(items) else _NOTHING for items in (expected, found))
            yield from differences(f"{path}[{number}]", ours, theirs)
    elif canonical_or_none(expected) != canonical_or_none(found):
        yield Difference(path, _excerpt(expected), _excerpt(found))


def canonical_or_none(value: object) -> Optional[str]:
    return None if value is _NOTHING else canonical(value)


def _excerpt(value: object) -> Optional[str]:
    text = canonical_or_none(value)
    return text if text is None or len(text) <= _EXCERPT else text[:_EXCERPT] + "…"
