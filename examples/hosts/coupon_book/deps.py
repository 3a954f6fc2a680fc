"""What routes work with: the engine, the jobs, the idempotency key. And members, registered by what they do first."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, Header, Request
from rewards import AsyncEngine, RewardsError
from rewards.models import RegisterMember

from .jobs import Jobs


async def the_engine(request: Request) -> AsyncEngine:
    """The engine, open as long as the service runs. Not `def`, which FastAPI would call on another thread."""
    return request.app.state.engine


async def the_jobs(request: Request) -> Jobs:
    """The jobs of this process."""
    return request.app.state.jobs


async def the_key(given: Annotated[str | None, Header(alias="Idempotency-Key")] = None) -> str:
    """The idempotency key of the request; a new one, by which every call is another one, when there is none."""
    return uuid4().hex if given is None else given


Rewards = Annotated[AsyncEngine, Depends(the_engine)]
Running = Annotated[Jobs, Depends(the_jobs)]
Key = Annotated[str, Depends(the_key)]


async def registered(engine: AsyncEngine, request: Any, key: str) -> Any:
    """Executes a request for its member, and once more when the member had to be registered before."""
    try:
        return (await engine.execute(request, key=key)).reply
    except RewardsError as error:
        if error.code != "member_unknown":
            raise
    await engine.register_member(RegisterMember(member=request.member))
    return (await engine.execute(request, key=key)).reply
