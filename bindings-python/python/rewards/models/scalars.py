"""Values that are one piece of text in JSON (amounts, rates, times, dates), and whole numbers.

Amounts are `Decimal` and never `float`, times are aware and never naive. What would have to be
guessed or rounded is refused with an error that says what to write instead; its type is the
engine's own code.
"""

import re
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Annotated, Any, Union

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    Strict,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError
from typing_extensions import LiteralString

_AMOUNT_PATTERN = r"^-?[0-9]+(\.[0-9]+)?$"
_FACTOR_PATTERN = r"^[0-9]+(\.[0-9]+)?$"
_RATE_PATTERN = r"^[0-9]+(\.[0-9]+)?%$"
_AMOUNT_LENGTH_MAX = 64

_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)%")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6}0*)?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def to_decimal(value: Union[Decimal, int, str]) -> Decimal:
    """The exact decimal that is meant.

    Raises `InvalidError` for a float, which may not be exact, and for text that is not digits with an
    optional leading `-` and `.`.
    """
    try:
        return _decimal(value)
    except PydanticCustomError as error:
        # Faults are models, too.
        from ..errors import invalid

        raise invalid(error.type, "amount", error.message()) from None


def amount_text(amount: Decimal) -> str:
    """The amount with the decimals it has, without an exponent: `12.30`."""
    return format(amount, "f")


def timestamp_text(at: datetime) -> str:
    """The instant in UTC with `Z` and no, three or six digits below the second.

    A naive datetime, which no validated model holds, stays without an offset: that is for the engine to refuse.
    """
    if at.utcoffset() is None:
        return at.isoformat()
    if at.microsecond == 0:
        precision = "seconds"
    elif at.microsecond % 1000 == 0:
        precision = "milliseconds"
    else:
        precision = "microseconds"
    return at.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value)
    elif not isinstance(value, str):
        expected = 'an amount as `Decimal`, `int` or text such as "12.30", which are exact'
        raise _refusal("type_invalid", expected, value)
    elif len(value) > _AMOUNT_LENGTH_MAX or not _AMOUNT.fullmatch(value):
        expected = "digits with an optional leading `-` and `.`, such as `12.30`"
        raise _refusal("amount_invalid", expected, value)
    else:
        number = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > _AMOUNT_LENGTH_MAX:
        raise _refusal("amount_invalid", "a finite number of ordinary size", value)
    return number if number else number.copy_abs()


def _factor(value: Any) -> Decimal:
    if isinstance(value, str) and not _AMOUNT.fullmatch(value):
        raise _refusal("factor_invalid", "a multiplier such as `1.5`", value)
    number = _decimal(value)
    if number < 0:
        raise _refusal("factor_invalid", "a multiplier of at least 0", value)
    return number


def _shortest_text(number: Decimal) -> str:
    text = amount_text(number)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rate(value: Any) -> str:
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None or len(value) > _AMOUNT_LENGTH_MAX:
        expected = 'a percentage as text with its sign, such as "5%"'
        raise _refusal("rate_invalid", expected, value)
    return f"{_shortest_text(Decimal(found[1]))}%"


def _time(value: Any) -> Any:
    expected = 'an aware datetime, or text such as "2026-11-21T09:30:00Z"'
    if isinstance(value, datetime):
        if _has_no_offset(value):
            hint = f"{expected}: give it a zone, such as `tzinfo=timezone.utc`"
            raise _refusal("time_naive", hint, value.isoformat())
        return value
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise _refusal("time_invalid", expected, value)
    if found["offset"] is None:
        raise _refusal("time_naive", f"{expected}: give it an offset, such as `Z` for UTC", value)
    return value


def _has_no_offset(value: datetime) -> bool:
    try:
        return value.utcoffset() is None
    except (TypeError, ValueError):
        raise _refusal("time_invalid", "an aware datetime in a zone that tells its offset", value) from None


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(timezone.utc)
    except (OverflowError, TypeError, ValueError):
        # At the edge of what a datetime holds, or in a zone of the host's that tells nothing.
        raise _refusal("time_out_of_range", "an instant from 1970 to 2200", value) from None


def _date(value: Any) -> Any:
    is_date = isinstance(value, date) and not isinstance(value, datetime)
    if not is_date and not (isinstance(value, str) and _DATE.fullmatch(value)):
        raise _refusal("date_invalid", 'a date, or text such as "2026-11-21"', value)
    return value


def shown(value: Any) -> str:
    """A value for people: whatever it is, it is a text that can be written."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:
        # A number of very many digits, or a value of the host's.
        text = type(value).__name__
    return text.encode("utf-8", "backslashreplace").decode()


def _refusal(code: LiteralString, expected: str, value: Any) -> PydanticCustomError:
    text = shown(value)
    got = text if len(text) <= _AMOUNT_LENGTH_MAX else f"{text[:_AMOUNT_LENGTH_MAX]}…"
    return PydanticCustomError(
        code, "expected {expected}; got `{got}`", {"expected": expected, "got": got}
    )


Amount = Annotated[
    Decimal,
    PlainValidator(_decimal),
    PlainSerializer(amount_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "decimal", "pattern": _AMOUNT_PATTERN}),
]
"""An amount of an asset; in JSON text with its decimals, such as `12.30`. Floats are refused."""

DecimalText = Annotated[
    Decimal,
    PlainValidator(_decimal),
    PlainSerializer(_shortest_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "decimal", "pattern": _AMOUNT_PATTERN}),
]
"""An exact number; in JSON text without trailing zeros. Floats are refused."""

Factor = Annotated[
    Decimal,
    PlainValidator(_factor),
    PlainSerializer(_shortest_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "decimal", "pattern": _FACTOR_PATTERN}),
]
"""A multiplier from 0 to 1000 with at most 8 decimals. Floats are refused."""

Rate = Annotated[
    str,
    PlainValidator(_rate),
    WithJsonSchema({"type": "string", "format": "percent", "pattern": _RATE_PATTERN}),
]
"""A percentage from 0% to 1000% with at most 8 decimals, as text with its sign: `"2.5%"`."""

Timestamp = Annotated[
    datetime,
    BeforeValidator(_time),
    AfterValidator(_utc),
    PlainSerializer(timestamp_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant from 1970 to 2200, to the microsecond, kept in UTC. Naive datetimes are refused."""

LocalDate = Annotated[date, BeforeValidator(_date)]
"""A calendar date without a zone."""

TimeOfDay = Annotated[
    str,
    StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|24:00(:00)?)$"),
]
"""A time of day as text: `09:30` or `09:30:15`; `24:00` is the end of the day."""

LocalTime = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?)?$"
    ),
]
"""A date, or a date and a time of day, without an offset, as text: `2026-11-21` or `2026-11-21T09:30`."""

Zone = Annotated[str, StringConstraints(min_length=1)]
"""A time zone by its IANA name, such as `Europe/Berlin`."""

Int32 = Annotated[int, Strict(), Field(ge=-(2**31), lt=2**31)]
Int64 = Annotated[int, Strict(), Field(ge=-(2**63), lt=2**63)]
UInt8 = Annotated[int, Strict(), Field(ge=0, lt=2**8)]
UInt16 = Annotated[int, Strict(), Field(ge=0, lt=2**16)]
UInt32 = Annotated[int, Strict(), Field(ge=0, lt=2**32)]
UInt64 = Annotated[int, Strict(), Field(ge=0, lt=2**64)]
