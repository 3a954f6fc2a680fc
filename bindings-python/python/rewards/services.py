"""What hosts do beside operations: health, audit, sweeps, and the delivery of events."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Optional
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from rewards.models import SettledMember

__all__ = ["BookReport", "ClaimedEvent", "Event", "Health", "Stream", "Sweep"]


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Health(_Report):
    """How the engine and its store are."""

    backend: str
    """``memory``, ``sqlite`` or ``postgres``."""
    schema_version: int
    """Version of the schema found."""
    outbox_waiting: int
    """Events that wait to be delivered."""
    outbox_oldest: Optional[datetime]
    """When the oldest of them was recorded."""
    outbox_lag_seconds: int
    """For how many seconds it has waited; 0 when none waits."""
    queued: int
    """Commands that were accepted and that nobody has taken up yet."""
    is_open: bool
    """Whether commands are accepted."""


class BookReport(_Report):
    """What an audit of the tenant's books found."""

    members: int
    """Members whose journals were read."""
    entries: int
    """Journal entries read."""
    accounts: int
    """Balances compared."""
    problems: list[str]
    """Everything found that cannot be, in words."""
    moved: bool
    """Whether commands moved the books while they were read; problems may then come from that alone."""

    @property
    def is_sound(self) -> bool:
        """Whether the books are right: nothing was found."""
        return not self.problems


class Sweep(_Report):
    """What a sweep over the members for whom something was due carried out."""

    members: int
    """Members for whom something was due."""
    tier_changes: int
    """Tier moves made."""
    settled: list[tuple[str, SettledMember]]
    """What each settled member got and lost, in the order of members."""


class Stream(_Report):
    """What an event belongs to: a member or a program. One of the two is given."""

    member: Optional[str] = None
    """The member to whom it happened."""
    program: Optional[str] = None
    """The program that has a new revision."""


class Event(_Report):
    """An event with its place in its stream."""

    id: UUID
    """The same on every delivery."""
    stream: Stream
    """What it belongs to; events of one stream are delivered in order."""
    seq: int
    """Its number in the stream, from 1 without gaps."""
    recorded_at: datetime
    """When it was recorded; never earlier than the event before."""
    event: dict[str, dict[str, Any]]
    """What happened: the name of the event, and what is told with it."""


class ClaimedEvent(_Report):
    """An event that was handed out, until it is acknowledged or its lease runs out."""

    event: Event
    """The event."""
    attempts: int
    """How often it was handed out before."""
