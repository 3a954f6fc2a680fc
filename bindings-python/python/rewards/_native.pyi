"""The native half of `rewards`. Use the module `rewards` instead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, final

from .models import Model
from .tables import ArrowTable

_Key = tuple[str, str, bytes, str, str | None]
"""A key of a ring: purpose, id, bytes, and from when until when."""

_Place = tuple[str, bool]
"""An address, or the path of a file; and which of them it is."""

_OpenOptions = tuple[
    int | None,
    list[_Key] | None,
    tuple[tuple[int, int] | None, tuple[int, int] | None],
    bool,
    int | None,
    tuple[str | None, bool],
]
"""Seed, key ring, how far `now` and the clock may lie ahead (seconds, microseconds), whether events are kept, timeout in milliseconds, schema
and whether the tables are made."""

class NativeFault(Exception):
    args: tuple[str, int, bool]

@final
class Inbox:
    def __new__(cls, event_loop: asyncio.AbstractEventLoop) -> Inbox: ...

@final
class Call:
    def cancel(self) -> None: ...

@final
class Shape:
    @staticmethod
    def scalar(name: str, /) -> Shape: ...
    @staticmethod
    def list_of(item: Shape, /) -> Shape: ...
    @staticmethod
    def set_of(item: Shape, /) -> Shape: ...
    @staticmethod
    def dict_of(value: Shape, /) -> Shape: ...
    @staticmethod
    def model(model: type[Model], fields: list[tuple[str, str, Shape, list[Any]]], /) -> Shape: ...
    @staticmethod
    def document(model: type[Model], /) -> Shape: ...
    @staticmethod
    def choice(members: list[Shape], /) -> Shape: ...

def read_program(text: str, /) -> str: ...
def calibrate(program: str, payments: str, options: str, /) -> tuple[str, str]: ...
def check_qr(verifier: str, shown: str, /) -> str: ...
def qr_svg(text: str, correction: str, /) -> str: ...
def qr_png(text: str, correction: str, module_pixels: int, /) -> bytes: ...
def check_token(verifier: str, shown: str, memory: str, /) -> str: ...
def read_token(text: str, /) -> str: ...
def spend_message(spend: str, /) -> bytes: ...
def spend_proof(spend: str, signature: bytes, /) -> str: ...

@final
class NativeOperation:
    def __new__(cls, name: str, reply: Shape, /) -> NativeOperation: ...

@final
class NativeEngine:
    @staticmethod
    def open(
        place: _Place,
        tenant: str,
        options: _OpenOptions,
        /,
    ) -> NativeEngine: ...
    @staticmethod
    def start_open(
        inbox: Inbox,
        future: asyncio.Future[NativeEngine],
        place: _Place,
        tenant: str,
        options: _OpenOptions,
        /,
    ) -> Call: ...
    def execute(
        self, operation: NativeOperation, request: Model, key: str | None, now: str | None, /
    ) -> tuple[Any, bool]: ...
    def start(
        self,
        inbox: Inbox,
        future: asyncio.Future[tuple[Any, bool]],
        operation: NativeOperation,
        request: Model,
        key: str | None,
        now: str | None,
        /,
    ) -> Call: ...
    def serve(self, name: str, arguments: str, /) -> bytes: ...
    def start_serve(
        self, inbox: Inbox, future: asyncio.Future[bytes], name: str, arguments: str, /
    ) -> Call: ...
    def close(self, milliseconds: int | None = None, /) -> None: ...
    def start_close(self, inbox: Inbox, future: asyncio.Future[None], /) -> Call: ...

@final
class NativeProgram:
    def __new__(cls, document: str, /) -> NativeProgram: ...
    def evaluate(self, purchases: object, /) -> ArrowTable: ...

def check(operation: str, request: str, /) -> None: ...
def migrate(url: str, schema: str | None, milliseconds: int | None, /) -> None: ...
def operations() -> list[tuple[str, bool]]: ...
def set_logging(level: int, sink: Callable[[int, str, str, str], None] | None, /) -> None: ...
def flush_logging(milliseconds: int, /) -> bool: ...
def end_visits() -> None: ...
