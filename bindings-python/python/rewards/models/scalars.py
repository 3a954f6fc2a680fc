"""Values that are one piece of text in JSON: amounts, rates, times and dates; and whole numbers in their range.

Amounts are `Decimal` and never `float`, times are aware and never naive. What would have to be guessed or rounded is
refused with an error that says what to write instead.
"""

import re
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Annotated, Any, Union

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    Strict,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.functional_validators import AfterValidator
from pydantic_core import PydanticCustomError

_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_FACTOR = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_AMOUNT_LENGTH_MAX = 64
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6}0*)?(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _AMOUNT_LENGTH_MAX else f"{text[:_AMOUNT_LENGTH_MAX]}…"


def to_decimal(value: Union[Decimal, int, str]) -> Decimal:
    """The exact decimal that is meant.

    Raises `TypeError` for a float, which has no exact decimal, and `ValueError` for any other text than digits with
    an optional leading `-` and `.`.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    try:
        return _decimal(value)
    except PydanticCustomError as error:
        raise (ValueError if isinstance(value, str) else TypeError)(error.message()) from None


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise PydanticCustomError(
                "amount_invalid", "an amount is a finite number, got `{got}`", {"got": str(value)}
            )
        return value
    if isinstance(value, str):
        if len(value) > _AMOUNT_LENGTH_MAX or not _AMOUNT.fullmatch(value):
            raise PydanticCustomError(
                "amount_invalid",
                "expected digits with an optional leading `-` and `.`, such as `12.30`, got `{got}`",
                {"got": value[:_AMOUNT_LENGTH_MAX]},
            )
        return Decimal(value)
    raise PydanticCustomError(
        "wrong_type",
        'expected an amount as `Decimal` or as text such as "12.30", got `{got}` ({type}), which may not be exact',
        {"got": _shown(value), "type": type(value).__name__},
    )


def _factor(value: Any) -> Decimal:
    number = _decimal(value)
    if number.is_signed():
        raise PydanticCustomError(
            "factor_invalid", "a multiplier has no sign, got `{got}`", {"got": str(value)}
        )
    return number


def amount_text(amount: Decimal) -> str:
    """The amount with the decimals it has, without an exponent: `12.30`."""
    return format(amount, "f")


def _shortest_text(number: Decimal) -> str:
    text = amount_text(number)
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


Amount = Annotated[
    Decimal,
    PlainValidator(_decimal),
    PlainSerializer(amount_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}),
]
"""An amount of an asset; in JSON text with its decimals, such as `12.30`. Floats are refused."""

DecimalText = Annotated[
    Decimal,
    PlainValidator(_decimal),
    PlainSerializer(_shortest_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}),
]
"""An exact number; in JSON text without trailing zeros. Floats are refused."""

Factor = Annotated[
    Decimal,
    PlainValidator(_factor),
    PlainSerializer(_shortest_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "decimal", "pattern": r"^[0-9]+(\.[0-9]+)?$"}),
]
"""A multiplier from 0 to 1000 with at most 8 decimals. Floats are refused."""


def _rate(value: Any) -> str:
    if not isinstance(value, str) or not value.endswith("%") or not _FACTOR.fullmatch(value[:-1]):
        raise PydanticCustomError(
            "rate_invalid",
            'expected a percentage as text with its sign, such as "5%", got `{got}`',
            {"got": _shown(value)},
        )
    return f"{_shortest_text(Decimal(value[:-1]))}%"


Rate = Annotated[
    str,
    PlainValidator(_rate),
    WithJsonSchema({"type": "string", "format": "percent", "pattern": r"^[0-9]+(\.[0-9]+)?%$"}),
]
"""A percentage from 0% to 1000% with at most 8 decimals, as text with its sign: `"2.5%"`."""


def _time(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise PydanticCustomError(
                "time_naive",
                "the datetime `{got}` names no instant: give it a time zone, such as `tzinfo=timezone.utc`",
                {"got": value.isoformat()},
            )
        return value
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise PydanticCustomError(
            "time_invalid",
            'expected an aware datetime, or text such as "2026-11-21T09:30:00Z" to the microsecond, got `{got}`',
            {"got": _shown(value)},
        )
    if found["offset"] is None:
        raise PydanticCustomError(
            "time_naive",
            "`{got}` names no instant: give it an offset, such as `Z` for UTC",
            {"got": value},
        )
    return value


def _utc(value: datetime) -> datetime:
    return value.astimezone(timezone.utc)


def timestamp_text(at: datetime) -> str:
    """The instant in UTC with `Z` and no, three or six digits below the second."""
    at = at.astimezone(timezone.utc)
    if at.microsecond == 0:
        precision = "seconds"
    elif at.microsecond % 1000 == 0:
        precision = "milliseconds"
    else:
        precision = "microseconds"
    return at.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


Timestamp = Annotated[
    datetime,
    AfterValidator(_utc),
    BeforeValidator(_time),
    PlainSerializer(timestamp_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant from 1970 to 2200, to the microsecond; always aware, kept in UTC. Naive datetimes are refused."""


def _date(value: Any) -> Any:
    if isinstance(value, datetime) or not isinstance(value, (date, str)):
        raise PydanticCustomError(
            "date_invalid",
            'expected a date, or text such as "2026-11-21", got `{got}`',
            {"got": _shown(value)},
        )
    return value


LocalDate = Annotated[date, BeforeValidator(_date)]
"""A calendar date without a zone."""

TimeOfDay = Annotated[
    str,
    StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|24:00(:00)?)$"),
]
"""A time of day as text: `09:30` or `09:30:15`; `24:00` is the end of the day."""

Zone = Annotated[str, StringConstraints(min_length=1)]
"""A time zone by its IANA name, such as `Europe/Berlin`."""

Int32 = Annotated[int, Strict(), Field(ge=-(2**31), lt=2**31)]
Int64 = Annotated[int, Strict(), Field(ge=-(2**63), lt=2**63)]
UInt16 = Annotated[int, Strict(), Field(ge=0, lt=2**16)]
UInt32 = Annotated[int, Strict(), Field(ge=0, lt=2**32)]
UInt64 = Annotated[int, Strict(), Field(ge=0, lt=2**64)]
