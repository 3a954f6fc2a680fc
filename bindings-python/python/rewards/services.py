"""What hosts do beside operations: health, audit, sweeps, and the delivery of events."""

from typing import Optional

from .models import EventRecord, MemberId, Model, SettledMember, Timestamp

__all__ = ["BookReport", "ClaimedEvent", "Health", "Sweep"]


class Health(Model):
    """How the engine and its store are."""

    backend: str
    """`memory`, `sqlite` or `postgres`."""
    schema_version: int
    """Version of the schema found."""
    outbox_waiting: int
    """Events that wait to be delivered, of all tenants; a million when there are as many or more."""
    outbox_oldest: Optional[Timestamp]
    """When the oldest of them was recorded."""
    outbox_lag_seconds: int
    """For how many seconds it has waited; 0 when none waits."""
    queued: int
    """Commands that were accepted and that nobody has taken up yet."""
    workers: int
    """Workers at work; fewer than are wanted when some have died of a defect. They are not replaced: open the engine anew."""
    workers_wanted: int
    """Workers that the engine was opened with."""
    is_open: bool
    """Whether commands are accepted."""


class BookReport(Model):
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
    def is_valid(self) -> bool:
        """Whether the books are right: nothing was found."""
        return not self.problems


class Sweep(Model):
    """What a sweep over the members for whom something was due carried out."""

    members: int
    """Members for whom something was due."""
    tier_changes: int
    """Tier moves made."""
    settled: list[tuple[MemberId, SettledMember]]
    """What each settled member got and lost, in the order of members."""


class ClaimedEvent(Model):
    """An event that was handed out, until it is acknowledged or its lease runs out."""

    event: EventRecord
    """The event."""
    attempts: int
    """How often it was handed out before."""
