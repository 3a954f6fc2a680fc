//! The narrow waist: everything the engine asks of storage.
//!
//! [`Store`] loads one consistent view and commits decisions. [`Query`] is the read side for pages and sweeps.
//! [`Outbox`] hands events to whoever delivers them. A backend implements all three and decides nothing.
//!
//! # Contract
//! Each line is a test of the public suite in [`crate::contract`], which every backend runs.
//!
//! 1. *Atomic.* After an error or a refusal nothing of a batch is visible; after [`Commit::Applied`] all of it is,
//!    durably.
//! 2. *Order of checks.* Idempotency key, then row versions (members, purchases, programs), then counter bounds, then
//!    balance floors. The first failure wins, the same on every backend.
//! 3. *Idempotency.* One key has one fingerprint and one reply, for ever. Of many racers one is applied and the others
//!    are replayed with identical bytes. The same key with another fingerprint is [`KeyReused`](crate::batch::Refusal).
//! 4. *Versions.* A member row is the lock of everything that belongs to the member; every command on it raises it.
//! 5. *Guards.* Counters and balances take bounded deltas, never versions, so they commute.
//! 6. *Ledger.* The journal is insert-only; balances are a cache written in the same commit and can be refolded.
//! 7. *Outbox.* Events are rows of the same commit, delivered at least once, in order within a stream.
//! 8. *Lost acknowledgement.* Committing a key again after an unknown outcome replays.
//! 9. *Cancellation.* Dropping the future leaves all or nothing.
//! 10. *Group.* Batches of one commit are decided one after another: a later batch may build on an earlier one (the
//!     same member at the next version). A refused batch never takes its neighbours with it, except those that build
//!     on it, which are then stale; so are those that build on a replayed one, whose decision was another's. They are
//!     stale even where the version fits, because somebody else has moved the row by as many steps:
//!     [`AbandonedVersions`](crate::batch::AbandonedVersions) knows them.

use std::fmt::Debug;

use async_trait::async_trait;
use rewards_core::decision::ProgramWrite;
use rewards_core::event::{EventRecord, Stream};
use rewards_core::ids::{MemberId, TenantId};
use rewards_core::ledger::{Account, JournalEntry, JournalHead};
use rewards_core::snapshot::{ReadPlan, Snapshot};
use rewards_core::time::Timestamp;
use uuid::Uuid;

use crate::batch::{Commit, CommitBatch};
use crate::error::StoreError;

/// Loads views and commits decisions. See the [module](self) for the contract.
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// One consistent view of everything the plan names. Rows that do not exist are absent, never an error.
    async fn load(&self, plan: &ReadPlan) -> Result<Snapshot, StoreError>;

    /// Commits the batches in one transaction, each entirely or not at all, and says how each ended, in order.
    async fn commit(&self, batches: &[CommitBatch]) -> Result<Vec<Commit>, StoreError>;
}

/// A place in a sweep over members: where the next page begins.
pub type AfterMember = Option<MemberId>;

/// A member row as a sweep over the books sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberHead {
    /// The member.
    pub member: MemberId,
    /// Where the journal ends.
    pub journal: JournalHead,
    /// Number of the last event.
    pub event_seq: u64,
    /// The tiers the member stands on, as `(program, ladder, tier)`.
    pub tiers: Vec<(String, String, String)>,
}

/// How the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreHealth {
    /// The backend's name: `memory`, `sqlite` or `postgres`.
    pub backend: &'static str,
    /// Version of the schema found.
    pub schema_version: i64,
    /// Events waiting in the outbox.
    pub outbox_waiting: u64,
    /// When the oldest of them was recorded.
    pub outbox_oldest: Option<Timestamp>,
}

/// The read side: programs, pages and sweeps. Pages are bounded and follow the order of keys.
#[async_trait]
pub trait Query: Debug + Send + Sync + 'static {
    /// All revisions of all programs of a tenant.
    async fn programs(&self, tenant: &TenantId) -> Result<Vec<ProgramWrite>, StoreError>;

    /// Members for whom a lot or a tier review is due at or before `now`, after a place in the order of members.
    async fn due_members(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        after: AfterMember,
        limit: u32,
    ) -> Result<Vec<MemberId>, StoreError>;

    /// Members in order of their ids (bytewise), after a place.
    async fn members(
        &self,
        tenant: &TenantId,
        after: AfterMember,
        limit: u32,
    ) -> Result<Vec<MemberHead>, StoreError>;

    /// Journal entries in order of member (bytewise) and number, after a place.
    async fn journal(
        &self,
        tenant: &TenantId,
        after: Option<(MemberId, u64)>,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, StoreError>;

    /// All balances in the order of their holders' texts (bytewise; the system first), purposes and assets, after a place.
    async fn balances(
        &self,
        tenant: &TenantId,
        after: Option<Account>,
        limit: u32,
    ) -> Result<Vec<(Account, i64)>, StoreError>;

    /// The values of all counters of one subject, as `(name, bucket, value)` in that order.
    async fn counters(
        &self,
        tenant: &TenantId,
        subject: &str,
    ) -> Result<Vec<(String, i64, i64)>, StoreError>;

    /// Whether the store answers, its schema version, and what waits in the outbox.
    async fn health(&self) -> Result<StoreHealth, StoreError>;
}

/// Events that someone has claimed, until an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The event.
    pub event: EventRecord,
    /// How often it was claimed before.
    pub attempts: u32,
}

/// Hands events to whoever delivers them, at least once and in order within each stream.
#[async_trait]
pub trait Outbox: Debug + Send + Sync + 'static {
    /// Leases the oldest waiting events to `owner` until `until`.
    ///
    /// While an event of a stream is leased, no later event of that stream is handed out, not even to its holder: the
    /// answer to a claim may be lost, and whoever claims again must not get what comes after. An event whose lease has
    /// run out at `now` is handed out again.
    async fn claim(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimed>, StoreError>;

    /// Removes delivered events. Only events leased to `owner` are removed; returns how many were.
    async fn acknowledge(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, StoreError>;

    /// Gives leased events back before their lease runs out; returns how many were.
    async fn release(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, StoreError>;
}

/// A complete backend.
pub trait Backend: Store + Query + Outbox {}

impl<T: Store + Query + Outbox> Backend for T {}
