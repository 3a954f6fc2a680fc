"""Who calls: tokens of the algorithm HS256, where a secret is configured."""

from __future__ import annotations

from typing import Annotated

import jwt
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from .errors import refused

ROLE = "staff"
"""What the claim `role` says of whoever may do everything."""
Token = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


async def the_caller(request: Request, token: Token) -> str | None:
    """The member who calls, by the claim `sub`; none for staff, who everybody is where no secret is configured."""
    secret: str | None = request.app.state.settings.coupons_jwt_secret
    if secret is None:
        return None
    if token is None:
        raise refused(401, "token_missing", "expected a bearer token")
    try:
        claims = jwt.decode(token.credentials, secret, ["HS256"], options={"require": ["exp", "sub"]})
    except jwt.InvalidTokenError:
        raise refused(401, "token_invalid", "the token is not valid, or no more") from None
    member: str = claims["sub"]
    return None if claims.get("role") == ROLE else member


Caller = Annotated[str | None, Depends(the_caller)]


async def the_staff(caller: Caller) -> None:
    """Refuses whoever is not staff."""
    if caller is not None:
        raise refused(403, "forbidden", f"only the role `{ROLE}` may do this")


def check_acts_for(caller: str | None, member: str) -> None:
    """Refuses whoever is neither the member nor staff."""
    if caller not in (None, member):
        raise refused(403, "forbidden", "the token is that of another member")
