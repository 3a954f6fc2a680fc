"""What hosts do beside operations: health, audit, liability, sweeps, and the delivery of events."""

from typing import Optional

from .models import EventRecord, Fault, MemberId, Model, Money, SettledMember, Stream, Timestamp, UInt64

__all__ = ["AssetLiability", "BookHead", "BookReport", "ClaimedEvent", "Health", "Liability", "Sweep"]


class Health(Model):
    """How the engine and its store are."""

    backend: str
    """`memory`, `sqlite` or `postgres`."""
    schema_version: int
    """Version of the schema found."""
    outbox_waiting: int
    """Events that wait to be delivered, of all tenants; 10,000 when there are as many or more."""
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
    """Members who were looked at."""
    entries: int
    """Journal entries read."""
    accounts: int
    """Control accounts compared."""
    problems: list[str]
    """What was found that cannot be: a stable code, a colon, and words."""
    unlisted: int
    """How many more problems there were than are listed."""

    @property
    def is_valid(self) -> bool:
        """Whether the books are right: nothing was found."""
        return not self.problems


class AssetLiability(Model):
    """What a tenant owes its members in one asset."""

    available: Money
    """What members can use, their own money included."""
    main: Money
    """How much of that is their own money, paid in."""
    pending: Money
    """What is granted but not available yet."""
    reserved: Money
    """What is reserved for something in progress."""
    owed: Money
    """What members owe the tenant, of rewards that were to be taken back and had been spent."""


class Liability(Model):
    """What a tenant owes all its members together."""

    at: Optional[Timestamp]
    """The instant it is for, by effective time; what is stored when absent."""
    members: int
    """How many members there are; by an instant, those of whom there is an entry."""
    assets: list[AssetLiability]
    """One line per asset, in asset order."""


class BookHead(Model):
    """Where a member's journal or a program's list of revisions ended: to be kept or signed, and checked later."""

    stream: Stream
    """Whose: a member's journal, or the revisions of a program."""
    seq: UInt64
    """Number of the last entry or revision."""
    hash: str
    """Hash over it and everything before it, as 64 hexadecimal digits."""


class Sweep(Model):
    """What a sweep over the members for whom something was due carried out."""

    members: int
    """Members for whom something was due."""
    tier_changes: int
    """Tier moves made."""
    settled: list[tuple[MemberId, SettledMember]]
    """What each settled member got and lost, in the order in which they were settled."""
    failed: list[tuple[MemberId, Fault]]
    """Who could not be settled, and why. They are still due."""


class ClaimedEvent(Model):
    """An event that was handed out, until it is acknowledged or its lease runs out."""

    event: EventRecord
    """The event."""
    attempts: int
    """How often it was handed out before."""
