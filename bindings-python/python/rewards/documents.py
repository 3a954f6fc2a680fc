"""Program documents as people write them: TOML or JSON text, or what a parser made of it.

The core reads and checks them, so every language tells the same problems, all at once, with paths and suggestions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from importlib.resources import files
from typing import Any, Union

from . import _native, errors
from .models import Program
from .models.scalars import timestamp_text

__all__ = ["program_schema", "read_program", "validate_program"]

Document = Union[str, Mapping[str, Any]]
"""A document: TOML or JSON text, or a mapping such as ``tomllib.loads`` and ``json.loads`` give."""


def read_program(document: Document) -> Program:
    """The program of a document.

    Raises :class:`InvalidError` with all problems of the document: of its shape, and of what it means.
    """
    text = document if isinstance(document, str) else _text(document)
    try:
        return Program.from_json(_native.read_program(text))
    except UnicodeEncodeError as error:
        # Half of a pair of surrogates is no text anywhere but in Python.
        raise errors.invalid("value_invalid", "program", f"expected text: {error}") from None
    except _native.NativeFault as fault:
        raise errors.from_native(fault) from None


def validate_program(document: Document) -> list[errors.Problem]:
    """All that is wrong with a document; nothing when it can be published."""
    try:
        read_program(document)
    except errors.InvalidError as error:
        return error.problems
    return []


def program_schema() -> dict[str, Any]:
    """The JSON Schema of a program document, for editors and other validators.

    It says what a document looks like; what it means is checked by :func:`validate_program`. The file is
    ``rewards/program.schema.json`` in the package.
    """
    schema: dict[str, Any] = json.loads(files("rewards").joinpath("program.schema.json").read_text("utf-8"))
    return schema


def _text(document: Mapping[str, Any]) -> str:
    try:
        return json.dumps(document, default=_written, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise errors.invalid("type_invalid", "program", f"no document can be made of this: {error}") from None


def _written(value: object) -> object:
    """What TOML has and JSON has not: dates and times are the text they are written as."""
    if isinstance(value, datetime):
        return timestamp_text(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"expected text, numbers, lists and mappings, got {type(value).__name__}")
