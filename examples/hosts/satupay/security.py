"""Who calls, how often, and what browsers are told.

A browser signs in with the API key and gets a session: a token in a cookie that scripts cannot read and other sites do not send. It is
good for pages alone, never for the JSON, and what changes something is taken only with the header that htmx adds: a form of another site
cannot add it.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections import deque

import jwt
from flask import Flask, Response, abort, current_app, g, request

from .config import Settings
from .errors import refused

OPEN_PATHS = ("/health", "/health/detailed")
PAGES = "/dashboard"
SIGN_IN = f"{PAGES}/sign-in"
COOKIE = "satupay_session"
SESSION_SECONDS = 3_600
CHANGED_BY = "HX-Request"
"""What htmx says with each request. Browsers ask a service before another site may say it, and this one does not allow it."""
ADDRESSES_MAX = 10_000
"""How many addresses are remembered before those are forgotten that have not called for an hour."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
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


def is_api_key(shown: str) -> bool:
    """Whether somebody shows the API key."""
    own = current_app.config["SETTINGS"].satupay_api_key
    return own is not None and hmac.compare_digest(shown.encode(), own.encode())


def session_key() -> str:
    """What sessions are signed with: no key that signs tokens of users, and another one once the API key is."""
    own = current_app.config["SETTINGS"].satupay_api_key or ""
    return hmac.new(own.encode(), b"sessions", "sha256").hexdigest()


def start_session(answer: Response) -> None:
    """Has the browser of staff keep a session."""
    claims = {"aud": PAGES, "exp": int(time.time()) + SESSION_SECONDS}
    token = jwt.encode(claims, session_key(), "HS256")
    answer.set_cookie(
        COOKIE, token, SESSION_SECONDS, path=PAGES, secure=True, httponly=True, samesite="Strict"
    )


def has_session() -> bool:
    """Whether the browser signed in, and not too long ago."""
    shown = request.cookies.get(COOKIE, "")
    try:
        jwt.decode(shown, session_key(), ["HS256"], audience=PAGES, options={"require": ["exp", "aud"]})
    except jwt.InvalidTokenError:
        return False
    # Without an API key nobody can have signed in.
    return current_app.config["SETTINGS"].satupay_api_key is not None


def to_sign_in() -> Response:
    """Has the browser ask for the key: the whole page, also where htmx asked for a part of it."""
    if CHANGED_BY in request.headers:
        return Response(status=401, headers={"HX-Redirect": SIGN_IN})
    return Response(status=303, headers={"Location": SIGN_IN})


def the_caller() -> None:
    """Finds out who calls: staff by the API key or a session, a user by a token; everybody is staff where neither is configured."""
    settings: Settings = current_app.config["SETTINGS"]
    g.user = None
    is_open = request.path in (*OPEN_PATHS, SIGN_IN) or request.endpoint == "static"
    if is_open or not (settings.satupay_api_key or settings.satupay_jwt_secret):
        return
    if is_api_key(request.headers.get("X-API-Key", "")):
        return
    secret = settings.satupay_jwt_secret
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if request.path.startswith(PAGES) and not scheme:
        return None if has_session() else abort(to_sign_in())
    if scheme.lower() != "bearer" or not secret:
        raise refused(401, "credentials_missing", "expected an API key or a bearer token")
    try:
        claims = jwt.decode(token, secret, ["HS256"], options={"require": ["exp", "sub"]})
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
