"""A till that takes offline tokens where there is no network, and remembers them in a SQLite file."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from os import PathLike, fspath
from types import TracebackType
from typing import Optional, TypeVar, Union

from . import _native, errors
from .models import AcceptedToken, Model, ShownToken, TillMark, Timestamp, TokenVerifier, WaitingPayment

__all__ = ["Till"]

_Answer = TypeVar("_Answer")


class _Synced(Model):
    told: list[str]
    at: Timestamp


class Till:
    """A till. Its methods may be called from any thread; what was taken is remembered when it is told, whatever happens then.

    One till at a time has the file: another one waits for two seconds, and is refused as ``store_unavailable``.

    A file that is put back as it was earlier would let tokens be spent here again. With the :meth:`mark` of the till, kept where
    the file is not, such a file is refused as ``token_log_rolled_back``.
    """

    def __init__(
        self,
        path: Union[str, PathLike[str]],
        verifier: TokenVerifier,
        *,
        mark: Optional[TillMark] = None,
    ) -> None:
        place, known = fspath(path), verifier.to_json()
        kept = mark.to_json() if mark is not None else None
        self._native = _told(lambda: _native.NativeTill.open(place, known, kept))

    def know(self, verifier: TokenVerifier) -> None:
        """What is known of who issues tokens and which are taken, from now on: new keys, tokens that were revoked."""
        known = verifier.to_json()
        _told(lambda: self._native.know(known))

    def take(self, shown: ShownToken) -> AcceptedToken:
        """Takes a token that is shown. What comes back is remembered already.

        Raises :class:`RejectedError` with a code of its own for each reason.
        """
        asked = shown.to_json()
        return AcceptedToken.from_json(_told(lambda: self._native.take(asked)))

    def waiting(self, most: int = 500) -> list[WaitingPayment]:
        """So many payments at most that are not told to an engine yet, the oldest first.

        Those with a ``proof`` are for ``settle_receipts``, those without for ``redeem_token``.
        """
        payments = json.loads(_told(lambda: self._native.waiting(most)))
        return [WaitingPayment.model_validate(payment) for payment in payments]

    def synced(self, told: list[str], at: datetime) -> None:
        """Payments were told to an engine, which are known by their digests."""
        synced = _Synced(told=told, at=at).to_json()
        _told(lambda: self._native.synced(synced))

    def mark(self) -> TillMark:
        """How far the till has come: what is to be kept elsewhere, and given when it is opened again."""
        return TillMark.from_json(_told(self._native.mark))

    def close(self) -> None:
        """Closes the file, for another till to open it. May be called more than once; all else is refused afterwards."""
        _told(self._native.close)

    def __enter__(self) -> Till:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()


def _told(call: Callable[[], _Answer]) -> _Answer:
    """What a call answers, or the error of its fault."""
    try:
        return call()
    except _native.NativeFault as fault:
        raise errors.from_native(fault) from None
