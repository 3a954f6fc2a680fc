"""The native half of `rewards`. Use the module `rewards` instead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import final

from .tables import ArrowTable

class NativeFault(Exception):
    args: tuple[str, int, bool]

@final
class Inbox:
    def __new__(cls, event_loop: asyncio.AbstractEventLoop) -> Inbox: ...

@final
class Call:
    def cancel(self) -> None: ...

@final
class NativeEngine:
    @staticmethod
    def open(url: str, tenant: str, seed: int | None, /) -> NativeEngine: ...
    @staticmethod
    def start_open(
        inbox: Inbox,
        future: asyncio.Future[NativeEngine],
        url: str,
        tenant: str,
        seed: int | None,
        /,
    ) -> Call: ...
    def execute(self, name: str, request: str, key: str | None, now: str | None, /) -> tuple[bytes, bool]: ...
    def start(
        self,
        inbox: Inbox,
        future: asyncio.Future[tuple[bytes, bool]],
        name: str,
        request: str,
        key: str | None,
        now: str | None,
        /,
    ) -> Call: ...
    def close(self, milliseconds: int | None = None, /) -> None: ...
    def start_close(self, inbox: Inbox, future: asyncio.Future[None], /) -> Call: ...

@final
class NativeProgram:
    def __new__(cls, document: str, /) -> NativeProgram: ...
    def evaluate(self, purchases: object, /) -> ArrowTable: ...

def check(operation: str, request: str, /) -> None: ...
def operations() -> list[tuple[str, bool]]: ...
def set_logging(level: int, sink: Callable[[int, str, str, str], None] | None, /) -> None: ...
def flush_logging(milliseconds: int, /) -> bool: ...
