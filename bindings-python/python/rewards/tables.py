"""Whole tables of purchases, evaluated without state.

Tables come in and go out through the Arrow PyCapsule interface: pyarrow, polars, pandas and DuckDB all speak it.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from . import errors
from ._native import NativeFault, NativeProgram
from .models import Program

__all__ = ["ArrowTable", "CompiledProgram"]


@runtime_checkable
class ArrowTable(Protocol):
    """A table of any library that speaks Arrow: ``pyarrow.table(it)`` and ``polars.DataFrame(it)`` read it."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The table as an Arrow stream."""


class CompiledProgram:
    """A program, checked and compiled once."""

    def __init__(self, program: Program) -> None:
        """Compiles a program.

        Raises :class:`InvalidError` with all problems of the document.
        """
        if not isinstance(program, Program):
            raise errors.wrong_type("program", "a `Program`", program)
        self._id = program.id
        try:
            self._native = NativeProgram(program.to_json())
        except NativeFault as fault:
            raise errors.from_native(fault) from None

    @property
    def id(self) -> str:
        """The id of the program."""
        return self._id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._id!r}>"

    def evaluate(self, purchases: ArrowTable) -> ArrowTable:
        """What every row of a table of purchases is granted: the grants of ``quote_purchase`` for a member who has just
        registered. Rows know nothing of one another: caps and budgets are unused for each.

        What is wrong with a purchase is wrong with a row, with two exceptions. A row is taken at its own time, so it is never
        refused as ``time_in_future``; and how long rewards live is not looked at, so it is never refused as
        ``time_out_of_range`` for one that would outlive the year 2199.

        ================================================  =============================================================
        column                                            type
        ================================================  =============================================================
        ``occurred_at``                                   timestamps with a zone
        ``total``                                         decimals, whole numbers or decimal texts; never floats
        ``discounts``, ``fee``, ``tax``, ``shipping``     the same; null is zero
        ``category``, ``merchant``, ``biller``,           texts, best as dictionaries: each value is looked up once
        ``bill_type``, ``channel``, ``payment_method``,
        ``store``, ``country``
        ``tags``                                          lists of texts
        ``attributes.NAME``                               texts; null is absent
        ``id``, ``member``, ``program``                   not looked at
        ================================================  =============================================================

        All but the first two may be missing; any other column is refused. Amounts are in the currency of the program.

        Returns one row a grant: ``row`` counted from 0, ``rule``, ``asset``, ``desired`` before caps, and ``granted``,
        in row and rule order. Amounts are decimals at the finest scale of the assets that the program grants.

        Raises :class:`InvalidError` with the problems of the columns, or of the first rows that have any.
        """
        try:
            table: ArrowTable = self._native.evaluate(purchases)
        except NativeFault as fault:
            raise errors.from_native(fault) from None
        return table
