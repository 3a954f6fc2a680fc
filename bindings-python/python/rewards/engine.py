"""Open engines: `Engine` for threads, `AsyncEngine` for asyncio.

Both take request models and return reply models, one method for each operation. The interpreter is free to run
other threads during all work. An engine belongs to the process that opened it: open one in each process, after
a fork.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import sys
import warnings
from collections.abc import Generator, Iterable, MutableMapping
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, Optional, TypeVar, Union
from uuid import UUID
from weakref import WeakKeyDictionary, WeakSet

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from . import _native, errors
from ._native import NativeEngine, NativeFault, NativeOperation
from .keys import KeyRing, RingKey
from .methods import AsyncMethods, Methods
from .models import EventRecord, Model, Stream, Timestamp
from .models.scalars import shown
from .operations import OPERATIONS
from .services import BookHead, BookReport, ClaimedEvent, Health, Liability, Sweep
from .shapes import native

__all__ = ["AsyncEngine", "Engine", "migrate", "open", "open_file"]

_R = TypeVar("_R")
_Key = tuple[str, str, bytes, str, Optional[str]]
"""A key of a ring as it crosses: purpose, id, bytes, and from when until when."""
_Duration = tuple[int, int]
"""A duration as it crosses: seconds and microseconds."""
_Outcome = tuple[Any, bool]
_Place = tuple[str, bool]
"""An address, or the path of a file; and which of them it is."""
_NO_ARGUMENTS = "{}"
_HEALTH = TypeAdapter(Health)
_BOOKS = TypeAdapter(BookReport)
_LIABILITY = TypeAdapter(Liability)
_HEADS = TypeAdapter(list[BookHead])
_PROBLEMS = TypeAdapter(list[str])
_SWEEP = TypeAdapter(Sweep)
_CLAIMED = TypeAdapter(list[ClaimedEvent])
_COUNT = TypeAdapter(int)
_NOTHING = TypeAdapter(None)
_OPERATIONS = {operation.request: native(operation) for operation in OPERATIONS}

_AT_EXIT_MILLISECONDS = 5_000
_open_engines: WeakSet[_Handle]
_inboxes: MutableMapping[asyncio.AbstractEventLoop, _native.Inbox] = WeakKeyDictionary()


class _Handle:
    """What both engines have in common: a native engine that is closed once."""

    def __init__(self, native: NativeEngine, place: _Place, tenant: str) -> None:
        self._native = native
        self._scheme = "sqlite" if place[1] else place[0].partition(":")[0]
        self._tenant = tenant
        self._is_closed = False
        _open_engines.add(self)

    @property
    def tenant(self) -> str:
        """The tenant this engine works for."""
        return self._tenant

    @property
    def is_closed(self) -> bool:
        """Whether the engine was closed; it then refuses every call."""
        return self._is_closed

    def __repr__(self) -> str:
        # An address can hold a password, so only its scheme is shown.
        state = "closed" if self._is_closed else "open"
        return f"<{type(self).__name__} {self._scheme} tenant={self._tenant!r} {state}>"

    def __del__(self) -> None:
        if not getattr(self, "_is_closed", True) and not sys.is_finalizing():
            message = f"unclosed engine {self!r}: use `with`, or call `close()`"
            warnings.warn(message, ResourceWarning, source=self, stacklevel=2)

    def _close_at_exit(self) -> None:
        self._is_closed = True
        with contextlib.suppress(NativeFault):
            self._native.close(_AT_EXIT_MILLISECONDS)


_open_engines = WeakSet()


@atexit.register
def _close_all() -> None:
    for engine in list(_open_engines):
        if not engine.is_closed:
            engine._close_at_exit()  # pyright: ignore[reportPrivateUsage]
    _native.flush_logging(1_000)
    _native.end_visits()


class Engine(_Handle, Methods):
    """An open engine. All threads may use it at the same time.

    >>> import rewards
    >>> with rewards.open("memory:") as engine:
    ...     engine.health().backend
    'memory'
    """

    @classmethod
    def open(
        cls,
        url: str,
        *,
        tenant: str = "default",
        seed: Optional[int] = None,
        key_ring: Optional[KeyRing] = None,
        now_ahead_max: Optional[timedelta] = None,
        clock_jump_max: Optional[timedelta] = None,
        keep_events: bool = True,
        timeout: Optional[float] = None,
        schema: Optional[str] = None,
        migrate: bool = True,
    ) -> Engine:
        """Open the engine at an address.

        Addresses are those of SQLAlchemy: `sqlite:///file.db` is a file in the working directory, and **an absolute path has
        four slashes**, `sqlite:////path/to/file.db`; `open_file` takes a path. A file is made when it is missing. `memory:` is
        gone when the engine is. `postgresql://user@host/database` must be there; tables are made or brought up to date. The
        name of a driver, as in `postgresql+asyncpg://`, is read over. With a `seed`
        the ids that the engine gives are the same in every run, which is for tests. Names told in confidence are
        digested with the keys of the `key_ring`. A call with a `now` more than 5 minutes ahead of the clock is refused as
        `now_ahead`, unless `now_ahead_max` says otherwise; `timedelta.max` allows any. A clock that is further behind what is
        recorded of a member decides nothing for that member (`clock_behind`), and one that is ahead of everything recorded by
        more than `clock_jump_max`, ten years when nothing is said, decides nothing at all (`clock_ahead`). A host that delivers no events
        should not keep them: they wait in the store for ever.

        Another machine is reached encrypted unless the address says otherwise: `?sslmode=verify-full&sslrootcert=ca.pem`
        also finds out who answers. A call that got no answer from the store within `timeout` seconds, 8 when nothing is
        said and 0.1 to 3,600 allowed, ends as `store_unavailable`; whether its command took effect is then told by sending
        it again with its key.

        On a server the tables are in a schema of their own, `rewards` or that of `schema` or of `?schema=`. Where `migrate` is
        false, tables that are missing or of an earlier version are refused as `schema_too_old`; see `rewards.migrate`.
        """
        options = _open_options(
            tenant, seed, key_ring, (now_ahead_max, clock_jump_max), keep_events, timeout, schema, migrate
        )
        return cls._open(_url(url), tenant, options)

    @classmethod
    def open_file(
        cls,
        path: Union[str, os.PathLike[str]],
        *,
        tenant: str = "default",
        seed: Optional[int] = None,
        key_ring: Optional[KeyRing] = None,
        now_ahead_max: Optional[timedelta] = None,
        clock_jump_max: Optional[timedelta] = None,
        keep_events: bool = True,
        timeout: Optional[float] = None,
        migrate: bool = True,
    ) -> Engine:
        """Open the engine on the SQLite file at a path, whatever characters are in it.

        It is made when it is missing; its folder is not. The other arguments are those of `open`.
        """
        options = _open_options(
            tenant, seed, key_ring, (now_ahead_max, clock_jump_max), keep_events, timeout, None, migrate
        )
        return cls._open(_file(path), tenant, options)

    @classmethod
    def _open(cls, place: _Place, tenant: str, options: _OpenOptions) -> Engine:
        try:
            native = NativeEngine.open(place, tenant, options)
        except NativeFault as fault:
            raise errors.from_native(fault) from None
        return cls(native, place, tenant)

    def close(self) -> None:
        """Answer what was accepted, refuse what comes after, and let go of the store."""
        self._is_closed = True
        try:
            self._native.close()
        except NativeFault as fault:
            raise errors.from_native(fault) from None

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def health(self) -> Health:
        """How the engine and its store are."""
        return self._serve("health", _NO_ARGUMENTS, _HEALTH)

    def verify(self) -> BookReport:
        """Hold everything that is stored for the tenant against everything else, in one view."""
        return self._serve("verify", _NO_ARGUMENTS, _BOOKS)

    def liability(self, at: Optional[datetime] = None) -> Liability:
        """Add up what all members have, as it is stored or as it was at an instant, by effective time.

        What is due and not settled yet counts as it is stored: `settle_due` first where that matters. What it is worth in one
        currency, `value_balances` tells.
        """
        return self._serve("liability", _liability_arguments(at), _LIABILITY)

    def book_heads(self, after: Optional[Stream] = None, *, limit: int = 1_000) -> list[BookHead]:
        """Where journals and programs end, in the order of streams, after one: to be kept or signed."""
        return self._serve("book_heads", _heads_arguments(after, limit), _HEADS)

    def check_heads(self, heads: Iterable[BookHead]) -> list[str]:
        """Look for what kept heads stand for; every one that is not in the books any more is a problem."""
        return self._serve("check_heads", _kept_arguments(heads), _PROBLEMS)

    def accept_time(self, at: datetime) -> None:
        """Say that it is so late, by a clock that you trust: what ended as `clock_ahead` can then be sent again.

        It lasts until the engine is closed, and in the store as soon as a command is recorded.
        """
        self._serve("accept_time", _time_arguments(at), _NOTHING)

    def settle_due(self) -> Sweep:
        """Carry out everything that is due by now, for all members. Balances are right without it."""
        return self._serve("settle_due", _NO_ARGUMENTS, _SWEEP)

    def claim_events(self, owner: UUID, *, lease_seconds: int = 60, limit: int = 100) -> list[ClaimedEvent]:
        """Lease the oldest waiting events: deliver them, then acknowledge them."""
        arguments = _claim_arguments(owner, lease_seconds, limit)
        return self._serve("claim_events", arguments, _CLAIMED)

    def acknowledge_events(self, owner: UUID, events: Iterable[EventRecord]) -> int:
        """Remove delivered events that are leased to `owner`; return how many were."""
        return self._serve("acknowledge_events", _held_arguments(owner, events), _COUNT)

    def release_events(self, owner: UUID, events: Iterable[EventRecord]) -> int:
        """Give back leased events that will not be delivered; return how many were."""
        return self._serve("release_events", _held_arguments(owner, events), _COUNT)

    def discard_events(self) -> int:
        """Remove all waiting events undelivered, but those that are leased; return how many were."""
        return self._serve("discard_events", _NO_ARGUMENTS, _COUNT)

    def backup(self, path: Union[str, os.PathLike[str]]) -> None:
        """Write a whole and consistent copy of the store, of all tenants, into a new file, while others work on.

        The copy is one SQLite file: an engine opens it, and so does any other tool. **It is the way to look at the books from
        the process that has an engine on them: nothing else in that process may open the engine's own file.** On PostgreSQL and
        in memory it is refused as `backup_unsupported`, and where a file is as `file_exists`.
        """
        self._serve("backup", _backup_arguments(path), _NOTHING)

    def _serve(self, name: str, arguments: str, reply: TypeAdapter[_R]) -> _R:
        try:
            return reply.validate_json(self._native.serve(name, arguments))
        except NativeFault as fault:
            raise errors.from_native(fault) from None

    def _execute(self, request: Model, key: Optional[str], now: Optional[datetime]) -> _Outcome:
        operation = _operation_of(request)
        try:
            return self._native.execute(operation, request, _key_text(key), _now_text(now))
        except NativeFault as fault:
            raise errors.from_native(fault) from None
        except PydanticSerializationError as error:
            raise _unwritable(error) from None


def open(
    url: str,
    *,
    tenant: str = "default",
    seed: Optional[int] = None,
    key_ring: Optional[KeyRing] = None,
    now_ahead_max: Optional[timedelta] = None,
    clock_jump_max: Optional[timedelta] = None,
    keep_events: bool = True,
    timeout: Optional[float] = None,
    schema: Optional[str] = None,
    migrate: bool = True,
) -> Engine:
    """Open an engine for threads. Same as `Engine.open`."""
    return Engine.open(
        url,
        tenant=tenant,
        seed=seed,
        key_ring=key_ring,
        now_ahead_max=now_ahead_max,
        clock_jump_max=clock_jump_max,
        keep_events=keep_events,
        timeout=timeout,
        schema=schema,
        migrate=migrate,
    )


def open_file(
    path: Union[str, os.PathLike[str]],
    *,
    tenant: str = "default",
    seed: Optional[int] = None,
    key_ring: Optional[KeyRing] = None,
    now_ahead_max: Optional[timedelta] = None,
    clock_jump_max: Optional[timedelta] = None,
    keep_events: bool = True,
    timeout: Optional[float] = None,
    migrate: bool = True,
) -> Engine:
    """Open an engine for threads on the SQLite file at a path. Same as `Engine.open_file`."""
    return Engine.open_file(
        path,
        tenant=tenant,
        seed=seed,
        key_ring=key_ring,
        now_ahead_max=now_ahead_max,
        clock_jump_max=clock_jump_max,
        keep_events=keep_events,
        timeout=timeout,
        migrate=migrate,
    )


def migrate(url: str, *, schema: Optional[str] = None, timeout: Optional[float] = None) -> None:
    """Make the tables of the store at an address, or bring them up to date, and open nothing.

    For whoever may do so, such as a step of a deployment; engines then open with `migrate=False`, by a role that owns nothing.
    """
    try:
        _native.migrate(_text("url", url), _schema(schema), _timeout_milliseconds(timeout))
    except NativeFault as fault:
        raise errors.from_native(fault) from None


class _Opening:
    """An engine that is being opened: await it, or use it with `async with`."""

    def __init__(self, place: _Place, tenant: str, options: _OpenOptions) -> None:
        self._arguments = (place, tenant, options)
        self._engine: Optional[AsyncEngine] = None

    def __await__(self) -> Generator[Any, None, AsyncEngine]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncEngine:
        self._engine = await self._open()
        return self._engine

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self._engine is not None:
            await self._engine.close()

    async def _open(self) -> AsyncEngine:
        place, tenant, options = self._arguments
        loop = asyncio.get_running_loop()
        future: asyncio.Future[NativeEngine] = loop.create_future()
        call = NativeEngine.start_open(_inbox_of(loop), future, place, tenant, options)
        return AsyncEngine(await _outcome(future, call), place, tenant)


class AsyncEngine(_Handle, AsyncMethods):
    """An open engine for asyncio. All event loops and threads may use it at the same time.

    Cancelling an awaited call leaves it entirely done or not accepted at all; asking again with the same key tells
    which.
    """

    @staticmethod
    def open(
        url: str,
        *,
        tenant: str = "default",
        seed: Optional[int] = None,
        key_ring: Optional[KeyRing] = None,
        now_ahead_max: Optional[timedelta] = None,
        clock_jump_max: Optional[timedelta] = None,
        keep_events: bool = True,
        timeout: Optional[float] = None,
        schema: Optional[str] = None,
        migrate: bool = True,
    ) -> _Opening:
        """Open the engine at an address, as `Engine.open` does.

        Both `await AsyncEngine.open(url)` and `async with AsyncEngine.open(url) as engine` work.
        """
        options = _open_options(
            tenant, seed, key_ring, (now_ahead_max, clock_jump_max), keep_events, timeout, schema, migrate
        )
        return _Opening(_url(url), tenant, options)

    @staticmethod
    def open_file(
        path: Union[str, os.PathLike[str]],
        *,
        tenant: str = "default",
        seed: Optional[int] = None,
        key_ring: Optional[KeyRing] = None,
        now_ahead_max: Optional[timedelta] = None,
        clock_jump_max: Optional[timedelta] = None,
        keep_events: bool = True,
        timeout: Optional[float] = None,
        migrate: bool = True,
    ) -> _Opening:
        """Open the engine on the SQLite file at a path, as `Engine.open_file` does; to be used like `open`."""
        options = _open_options(
            tenant, seed, key_ring, (now_ahead_max, clock_jump_max), keep_events, timeout, None, migrate
        )
        return _Opening(_file(path), tenant, options)

    async def close(self) -> None:
        """Answer what was accepted, refuse what comes after, and let go of the store."""
        self._is_closed = True
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        await _outcome(future, self._native.start_close(_inbox_of(loop), future))

    async def __aenter__(self) -> AsyncEngine:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()

    async def health(self) -> Health:
        """How the engine and its store are."""
        return await self._serve("health", _NO_ARGUMENTS, _HEALTH)

    async def verify(self) -> BookReport:
        """Hold everything that is stored for the tenant against everything else, in one view."""
        return await self._serve("verify", _NO_ARGUMENTS, _BOOKS)

    async def liability(self, at: Optional[datetime] = None) -> Liability:
        """Add up what all members have, as it is stored or as it was at an instant, by effective time.

        What is due and not settled yet counts as it is stored: `settle_due` first where that matters. What it is worth in one
        currency, `value_balances` tells.
        """
        return await self._serve("liability", _liability_arguments(at), _LIABILITY)

    async def book_heads(self, after: Optional[Stream] = None, *, limit: int = 1_000) -> list[BookHead]:
        """Where journals and programs end, in the order of streams, after one: to be kept or signed."""
        return await self._serve("book_heads", _heads_arguments(after, limit), _HEADS)

    async def check_heads(self, heads: Iterable[BookHead]) -> list[str]:
        """Look for what kept heads stand for; every one that is not in the books any more is a problem."""
        return await self._serve("check_heads", _kept_arguments(heads), _PROBLEMS)

    async def accept_time(self, at: datetime) -> None:
        """Say that it is so late, by a clock that you trust: what ended as `clock_ahead` can then be sent again.

        It lasts until the engine is closed, and in the store as soon as a command is recorded.
        """
        await self._serve("accept_time", _time_arguments(at), _NOTHING)

    async def settle_due(self) -> Sweep:
        """Carry out everything that is due by now, for all members. Balances are right without it."""
        return await self._serve("settle_due", _NO_ARGUMENTS, _SWEEP)

    async def claim_events(
        self, owner: UUID, *, lease_seconds: int = 60, limit: int = 100
    ) -> list[ClaimedEvent]:
        """Lease the oldest waiting events: deliver them, then acknowledge them."""
        arguments = _claim_arguments(owner, lease_seconds, limit)
        return await self._serve("claim_events", arguments, _CLAIMED)

    async def acknowledge_events(self, owner: UUID, events: Iterable[EventRecord]) -> int:
        """Remove delivered events that are leased to `owner`; return how many were."""
        return await self._serve("acknowledge_events", _held_arguments(owner, events), _COUNT)

    async def release_events(self, owner: UUID, events: Iterable[EventRecord]) -> int:
        """Give back leased events that will not be delivered; return how many were."""
        return await self._serve("release_events", _held_arguments(owner, events), _COUNT)

    async def discard_events(self) -> int:
        """Remove all waiting events undelivered, but those that are leased; return how many were."""
        return await self._serve("discard_events", _NO_ARGUMENTS, _COUNT)

    async def backup(self, path: Union[str, os.PathLike[str]]) -> None:
        """Write a whole and consistent copy of the store, of all tenants, into a new file, while others work on.

        The copy is one SQLite file: an engine opens it, and so does any other tool. **It is the way to look at the books from
        the process that has an engine on them: nothing else in that process may open the engine's own file.** On PostgreSQL and
        in memory it is refused as `backup_unsupported`, and where a file is as `file_exists`.
        """
        await self._serve("backup", _backup_arguments(path), _NOTHING)

    async def _serve(self, name: str, arguments: str, reply: TypeAdapter[_R]) -> _R:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        call = self._native.start_serve(_inbox_of(loop), future, name, arguments)
        answer = await _outcome(future, call)
        return reply.validate_json(answer)

    async def _execute(self, request: Model, key: Optional[str], now: Optional[datetime]) -> _Outcome:
        operation = _operation_of(request)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Outcome] = loop.create_future()
        inbox = _inbox_of(loop)
        try:
            call = self._native.start(inbox, future, operation, request, _key_text(key), _now_text(now))
        except PydanticSerializationError as error:
            raise _unwritable(error) from None
        return await _outcome(future, call)


def _inbox_of(loop: asyncio.AbstractEventLoop) -> _native.Inbox:
    inbox = _inboxes.get(loop)
    if inbox is None:
        inbox = _inboxes.setdefault(loop, _native.Inbox(loop))
    return inbox


async def _outcome(future: asyncio.Future[_R], call: _native.Call) -> _R:
    try:
        return await future
    except asyncio.CancelledError:
        call.cancel()
        raise
    except NativeFault as fault:
        raise errors.from_native(fault) from None


def _url(url: object) -> _Place:
    return _text("url", url), False


def _file(path: object) -> _Place:
    if not isinstance(path, (str, os.PathLike)):
        raise errors.wrong_type("path", "a path", path)
    path = os.fspath(path)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return _text("path", path), True


def _check_open_arguments(tenant: object, seed: object, keep_events: object) -> None:
    _text("tenant", tenant)
    _flag("keep_events", keep_events)
    if seed is None:
        return
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise errors.wrong_type("seed", "a whole number", seed)
    if not 0 <= seed < 2**64:
        raise errors.invalid("value_invalid", "seed", f"expected 0 to 2^64 - 1, got `{shown(seed)}`")


#: Seed, keys of the ring, how far a `now` may be ahead, whether events are kept, how many milliseconds a call waits for the
#: store, and the schema with whether the tables are made, as the native side takes them.
_OpenOptions = tuple[
    Optional[int],
    Optional[list[_Key]],
    tuple[Optional[_Duration], Optional[_Duration]],
    bool,
    Optional[int],
    tuple[Optional[str], bool],
]


def _open_options(
    tenant: str,
    seed: Optional[int],
    key_ring: Optional[KeyRing],
    clocks: tuple[Optional[timedelta], Optional[timedelta]],
    keep_events: bool,
    timeout: Optional[float],
    schema: Optional[str],
    migrate: bool,
) -> _OpenOptions:
    _check_open_arguments(tenant, seed, keep_events)
    ahead = _duration_values("now_ahead_max", clocks[0]), _duration_values("clock_jump_max", clocks[1])
    milliseconds = _timeout_milliseconds(timeout)
    tables = _schema(schema), _flag("migrate", migrate)
    return seed, _key_ring_values(key_ring), ahead, keep_events, milliseconds, tables


def _schema(schema: object) -> Optional[str]:
    return None if schema is None else _text("schema", schema)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise errors.wrong_type(name, "true or false", value)
    return value


def _duration_values(name: str, duration: object) -> Optional[_Duration]:
    """How far a clock or a `now` may lie ahead, in seconds and microseconds; `timedelta.max` is any distance."""
    if duration is None:
        return None
    if not isinstance(duration, timedelta):
        raise errors.wrong_type(name, "a timedelta", duration)
    if duration < timedelta(0):
        raise errors.invalid("value_invalid", name, f"expected zero or more, got `{duration}`")
    return duration.days * 86_400 + duration.seconds, duration.microseconds


def _timeout_milliseconds(timeout: object) -> Optional[int]:
    if timeout is None:
        return None
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool):
        raise errors.wrong_type("timeout", "a number of seconds", timeout)
    # How long it may be is for the engine to say; what is no number of milliseconds does not reach it.
    if not 0 <= timeout < 2**32:
        raise errors.invalid(
            "value_invalid", "timeout", f"expected 0.1 to 3600 seconds, got `{shown(timeout)}`"
        )
    return round(timeout * 1_000)


def _key_ring_values(ring: object) -> Optional[list[_Key]]:
    """The keys as they cross: what they must be is for the engine to say, but for their types."""
    if ring is None:
        return None
    if not isinstance(ring, KeyRing):
        raise errors.wrong_type("key_ring", "a `KeyRing`", ring)
    return [_key_values(f"key_ring[{number}]", key) for number, key in enumerate(ring)]


def _key_values(path: str, key: object) -> _Key:
    if not isinstance(key, RingKey):
        raise errors.wrong_type(path, "a `RingKey`", key)
    secret: object = key.key
    if not isinstance(secret, bytes):
        raise errors.wrong_type(f"{path}.key", "bytes", secret)
    times = (
        _time_text(f"{path}.valid_from", key.valid_from),
        _time_text(f"{path}.valid_until", key.valid_until),
    )
    if times[0] is None:
        raise errors.wrong_type(f"{path}.valid_from", "a datetime", None)
    purpose, id_ = _text(f"{path}.purpose", key.purpose), _text(f"{path}.id", key.id)
    return purpose, id_, secret, times[0], times[1]


def _operation_of(request: Model) -> NativeOperation:
    operation = _OPERATIONS.get(type(request))
    if operation is None:
        raise errors.wrong_type("request", "a request of `rewards.models`", request)
    return operation


def _unwritable(error: PydanticSerializationError) -> errors.InvalidError:
    return errors.invalid("value_invalid", "request", str(error))


def _key_text(key: object) -> Optional[str]:
    return None if key is None else _text("key", key)


def _text(path: str, text: object) -> str:
    if not isinstance(text, str):
        raise errors.wrong_type(path, "text", text)
    # Half of a pair of surrogates is no text anywhere but in Python.
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise errors.invalid("value_invalid", path, f"expected text, got {text!a}")
    return text


def _now_text(now: object) -> Optional[str]:
    return _time_text("now", now)


def _time_text(path: str, time: object) -> Optional[str]:
    if time is None:
        return None
    if not isinstance(time, datetime):
        raise errors.wrong_type(path, "a datetime", time)
    try:
        # A naive datetime names no instant, which is for the engine to say.
        aware = time if time.utcoffset() is None else time.astimezone(timezone.utc)
    except (OverflowError, TypeError, ValueError) as error:
        # Clocks and zones are the host's: what they answer may be no time at all.
        raise errors.invalid("time_out_of_range", path, f"expected a time, got {time!r}: {error}") from None
    return aware.isoformat()


class _ClaimArguments(Model):
    owner: UUID
    lease_seconds: int
    limit: int


class _HeldArguments(Model):
    owner: UUID
    events: list[tuple[Stream, int]]


class _LiabilityArguments(Model):
    at: Optional[Timestamp]


class _TimeArguments(Model):
    at: Timestamp


class _BackupArguments(Model):
    path: str


class _HeadsArguments(Model):
    after: Optional[Stream]
    limit: int


class _KeptArguments(Model):
    heads: list[BookHead]


def _heads_arguments(after: Optional[Stream], limit: int) -> str:
    return _HeadsArguments(after=after, limit=limit).to_json()


def _list_of(kind: type[_R], path: str, values: object) -> list[_R]:
    if not isinstance(values, Iterable):
        raise errors.wrong_type(path, f"values of `{kind.__name__}`", values)
    found = list(values)
    for place, value in enumerate(found):
        if not isinstance(value, kind):
            raise errors.wrong_type(f"{path}[{place}]", f"a `{kind.__name__}`", value)
    return found


def _kept_arguments(heads: Iterable[BookHead]) -> str:
    return _KeptArguments(heads=_list_of(BookHead, "heads", heads)).to_json()


def _time_arguments(at: datetime) -> str:
    return _TimeArguments(at=at).to_json()


def _liability_arguments(at: Optional[datetime]) -> str:
    return _LiabilityArguments(at=at).to_json()


def _backup_arguments(path: object) -> str:
    return _BackupArguments(path=_file(path)[0]).to_json()


def _claim_arguments(owner: UUID, lease_seconds: int, limit: int) -> str:
    return _ClaimArguments(owner=owner, lease_seconds=lease_seconds, limit=limit).to_json()


def _held_arguments(owner: UUID, events: Iterable[EventRecord]) -> str:
    places = [(event.stream, event.seq) for event in _list_of(EventRecord, "events", events)]
    return _HeldArguments(owner=owner, events=places).to_json()
