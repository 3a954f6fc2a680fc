"""The engine's own events in Python's `logging`, off until they are asked for.

Records come from the logger `rewards`, a little after the fact and from a thread of their own, so that
logging never holds up a commit. Each has two attributes beside its message: `fields`, a dictionary, and
`target`, the part of the engine that tells.
"""

from __future__ import annotations

import json
import logging
from typing import Union

from . import _native, errors
from .models.scalars import shown

__all__ = ["disable_logging", "enable_logging", "flush_logging"]

_logger = logging.getLogger("rewards")
_logger.addHandler(logging.NullHandler())


def enable_logging(level: Union[int, str] = logging.INFO) -> None:
    """Tell what happens in the engine from this level on; `DEBUG` tells of every command.

    The logger's own level and handlers decide what becomes of it. May be called again with another level.
    """
    number = logging.getLevelName(level) if isinstance(level, str) else level
    if not isinstance(number, int) or not 0 <= number < 255:
        detail = f"expected a level such as 'INFO' or logging.INFO, got `{shown(level)}`"
        raise errors.invalid("value_invalid", "level", detail)
    _native.set_logging(number, _tell)


def disable_logging() -> None:
    """Tell nothing any more."""
    _native.set_logging(logging.CRITICAL, None)


def flush_logging(seconds: float = 1.0) -> bool:
    """Wait until everything told so far has reached the logger; say whether it has."""
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < 2**32:
        raise errors.invalid(
            "value_invalid", "seconds", f"expected a number of seconds, got `{shown(seconds)}`"
        )
    return _native.flush_logging(int(seconds * 1000))


def _tell(level: int, target: str, text: str, fields: str) -> None:
    if _logger.isEnabledFor(level):
        _logger.log(level, text, extra={"fields": json.loads(fields), "target": target})
