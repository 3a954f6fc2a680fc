"""Who calls, how often, and what browsers are told."""

from __future__ import annotations

import hmac
import threading
import time
from collections import deque

import jwt
from flask import Flask, Response, current_app, g, request

from .config import Settings
from .errors import refused

OPEN_PATHS = ("/health", "/health/detailed")
ADDRESSES_MAX = 10_000
"""How many addresses are remembered before those are forgotten that have not called for an hour."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
}


class Calls:
    """When each address called during the last hour."""

    def __init__(self, per_minute: int, per_hour: int) -> None:
        self._bounds = [(60.0, per_minute), (3_600.0, per_hour)]
        self._calls: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def take(self, address: str) -> bool:
        """Whether an address may call now."""
        now = time.monotonic()
        with self._lock:
            if len(self._calls) >= ADDRESSES_MAX:
                self._calls = {a: kept for a, kept in self._calls.items() if kept and now - kept[-1] < 3_600}
            calls = self._calls.setdefault(address, deque())
            while calls and now - calls[0] >= 3_600:
                calls.popleft()
            for seconds, most in self._bounds:
                if most and sum(now - call < seconds for call in calls) >= most:
                    return False
            calls.append(now)
            return True


def the_caller() -> None:
    """Finds out who calls: staff by the API key, a user by a token; everybody is staff where neither is configured."""
    settings: Settings = current_app.config["SETTINGS"]
    g.user = None
    if request.path in OPEN_PATHS or not (settings.satupay_api_key or settings.satupay_jwt_secret):
        return
    shown = request.headers.get("X-API-Key", "")
    own = settings.satupay_api_key
    if own and hmac.compare_digest(shown.encode(), own.encode()):
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not settings.satupay_jwt_secret:
        raise refused(401, "credentials_missing", "expected an API key or a bearer token")
    try:
        claims = jwt.decode(
            token, settings.satupay_jwt_secret, ["HS256"], options={"require": ["exp", "sub"]}
        )
    except jwt.InvalidTokenError:
        raise refused(401, "token_invalid", "the token is not valid, or no more") from None
    g.user = claims["sub"]


def check_staff() -> None:
    """Refuses users."""
    if g.user is not None:
        raise refused(403, "forbidden", "only staff may do this")


def check_acts_for(user: str) -> None:
    """Refuses whoever is neither the user nor staff."""
    if g.user not in (None, user):
        raise refused(403, "forbidden", "the token is that of another user")


def install(app: Flask, settings: Settings) -> None:
    """Bounds calls, asks who calls, and adds headers to every answer."""
    calls = Calls(settings.satupay_per_minute, settings.satupay_per_hour)

    @app.before_request
    def bound() -> None:
        if request.path not in OPEN_PATHS and not calls.take(request.remote_addr or ""):
            raise refused(429, "rate_limited", "too many calls: slow down")
        the_caller()

    @app.after_request
    def protect(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response
