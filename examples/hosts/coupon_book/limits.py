"""How often one address may call: a bucket of tokens for each, filled again at a steady pace."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import answer, refused

ADDRESSES_MAX = 10_000
"""How many addresses are remembered before those whose buckets are full again are forgotten."""


class RateLimit:
    """Lets one address call so often in a minute, all at once or one by one. Health is never refused."""

    def __init__(self, app: ASGIApp, per_minute: int) -> None:
        self._app = app
        self._most = per_minute
        self._left: dict[str, tuple[float, float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 429, or lets the call pass."""
        is_counted = scope["type"] == "http" and self._most > 0 and scope["path"] != "/health"
        if is_counted and not self._take((scope.get("client") or ("",))[0]):
            error = refused(429, "rate_limited", f"more than {self._most} calls a minute: slow down")
            return await answer(error)(scope, receive, send)
        await self._app(scope, receive, send)

    def _take(self, address: str) -> bool:
        """Takes a token, if there is one."""
        now = time.monotonic()
        if len(self._left) >= ADDRESSES_MAX:
            self._left = {a: kept for a, kept in self._left.items() if self._filled(kept, now) < self._most}
        tokens = self._filled(self._left.get(address, (self._most, now)), now)
        self._left[address] = (tokens - (tokens >= 1), now)
        return tokens >= 1

    def _filled(self, left: tuple[float, float], now: float) -> float:
        tokens, at = left
        return min(self._most, tokens + (now - at) * self._most / 60)
