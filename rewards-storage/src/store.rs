//! The narrow waist: everything the engine asks of storage.
//!
//! [`Store`] loads one consistent view and commits decisions. [`Query`] is the read side for pages and sweeps, and opens
//! [one view of all books](BookView) for an audit.
//! [`Outbox`] hands events to whoever delivers them. A backend implements all three and decides nothing.
//!
//! # Contract
//! Each line is a test of the public suite in [`crate::contract`], which every backend runs.
//!
//! 1. *Atomic.* After an error or a refusal nothing of a batch is visible; after [`Commit::Applied`] all of it is,
//!    durably.
//! 2. *Order of checks.* Idempotency key, then batches it must follow, then entities that must be absent, then row versions
//!    (members, entities, programs), then counter bounds, then the ranges of control accounts. The first failure wins, the same on every
//!    backend: [`judge`](crate::judge) is the only place where the order stands.
//! 3. *Idempotency.* One key has one fingerprint and one reply, for ever. Of many racers one is applied and the others
//!    are replayed with identical bytes. The same key with another fingerprint is [`KeyReused`](crate::batch::Refusal). Given
//!    and natural keys never meet. The reply of a command that makes an entity is kept with the entity as its receipt, and
//!    answers a repetition under the entity's own key also when the command had a given key.
//! 4. *Versions.* A member row is the lock of everything that belongs to the member; every command that writes anything of a
//!    member raises its version.
//! 5. *Guards.* Counters take bounded deltas and control accounts deltas, never versions, so they commute.
//! 6. *Ledger.* The journal is insert-only; the balances of members are in their rows and the control accounts of a tenant
//!    beside them: two caches, written in the same commit, that can be refolded and compared.
//! 7. *Outbox.* Events are rows of the same commit, delivered at least once, in the order of their numbers within a stream,
//!    whatever the clocks of the processes say that recorded them.
//! 8. *Lost acknowledgement.* Committing a key again after an unknown outcome replays.
//! 9. *Cancellation.* Dropping the future leaves all or nothing.
//! 10. *Group.* Batches of one commit are decided one after another: a later batch may build on an earlier one (the
//!     same member at the next version). A refused batch never takes its neighbours with it, except those that build
//!     on it, which are then stale; so are those that build on a replayed one, whose decision was another's. They are
//!     stale even where the version fits, because somebody else has moved the row by as many steps:
//!     [`AbandonedVersions`](crate::batch::AbandonedVersions) knows them. A batch of an ordered run
//!     [follows](crate::batch::CommitBatch::follows) all before it in the commit: it is stale when one of them was not
//!     applied, whatever rows it is about.
//! 11. *Books.* An opened [`BookView`] shows one state of the store until it is dropped, whatever is committed meanwhile.

use std::fmt::Debug;
use std::path::Path;

use async_trait::async_trait;
use rewards_core::audit::{CounterPlace, StoredRevision};
use rewards_core::counter::Subject;
use rewards_core::decision::ProgramWrite;
use rewards_core::entity::EntityRow;
use rewards_core::event::{EventRecord, Stream};
use rewards_core::ids::{MemberId, ProgramId, TenantId};
use rewards_core::ledger::{Balances, JournalEntry, JournalHead, Lot, Purpose};
use rewards_core::member::MemberRow;
use rewards_core::money::Asset;
use rewards_core::snapshot::{ReadPlan, Snapshot, StoredReply};
use rewards_core::time::Timestamp;
use smol_str::SmolStr;
use uuid::Uuid;

use crate::batch::{Commit, CommitBatch};
use crate::error::StoreError;

/// Loads views and commits decisions. See the [module](self) for the contract.
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// One consistent view of everything the plan names. Rows that do not exist are absent, never an error.
    async fn load(&self, plan: &ReadPlan) -> Result<Snapshot, StoreError>;

    /// Commits the batches, each entirely or not at all, and says how each ended, in order. They share a transaction where
    /// they can; after an error the first of them may be durable.
    async fn commit(&self, batches: &[CommitBatch]) -> Result<Vec<Commit>, StoreError>;
}

/// A place in a sweep over members: where the next page begins.
pub type AfterMember = Option<MemberId>;

/// A place in a sweep over due members: when the first thing is due for a member, and who that is.
pub type DuePlace = (Timestamp, MemberId);

/// A page of members for whom something is due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DuePage {
    /// The members, by when the first thing is due for them, then by id (bytewise).
    pub members: Vec<DuePlace>,
    /// Where the next page begins; absent on the last one. A page before the last may be empty.
    pub next: Option<DuePlace>,
}

#[cfg(any(feature = "memory", feature = "sqlite", feature = "postgres"))]
impl DuePage {
    /// A page of at most so many places, each with whether it is the first of its member. All places up to `end` are among
    /// them; all there are when there is no end.
    pub(crate) fn of(
        mut found: Vec<(DuePlace, bool)>,
        end: Option<DuePlace>,
        limit: usize,
    ) -> Self {
        // Of two at one place, the one that is known to be the first counts.
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        found.dedup_by(|later, kept| later.0 == kept.0);
        let mut next = end;
        if let Some(end) = &next {
            found.retain(|(place, _)| place <= end);
        }
        if found.len() > limit {
            found.truncate(limit);
            next = found.last().map(|(place, _)| place.clone());
        }
        let first = found.into_iter().filter(|(_, is_first)| *is_first);
        Self {
            members: first.map(|(place, _)| place).collect(),
            next,
        }
    }
}

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
    /// What the member has.
    pub balances: Balances,
}

/// How many waiting events are counted at most: counting reads them, and nobody needs to know more than that there are many.
pub const OUTBOX_COUNTED_MAX: u32 = 10_000;

/// How the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreHealth {
    /// The backend's name: `memory`, `sqlite` or `postgres`.
    pub backend: &'static str,
    /// Version of the schema found.
    pub schema_version: i64,
    /// Events waiting in the outbox, of all tenants; [`OUTBOX_COUNTED_MAX`] when there are as many or more.
    pub outbox_waiting: u64,
    /// When the oldest event that waits was recorded.
    pub outbox_oldest: Option<Timestamp>,
}

/// The read side: programs, pages and sweeps. Pages are bounded and follow the order of an index.
#[async_trait]
pub trait Query: Debug + Send + Sync + 'static {
    /// The revisions of the programs of a tenant, by program (bytewise) and then by number: all but those that the caller knows,
    /// given by the newest known revision of each program.
    async fn programs(
        &self,
        tenant: &TenantId,
        known: &[(ProgramId, u32)],
    ) -> Result<Vec<ProgramWrite>, StoreError>;

    /// Members for whom a lot or a tier review is due at or before `now`, after a place in the order in which things become
    /// due. A member has one place: that of the first thing. A page costs by its size, however many members there are for whom
    /// nothing is due, and however much is due for one of them.
    async fn due_members(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        after: Option<DuePlace>,
        limit: u32,
    ) -> Result<DuePage, StoreError>;

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

    /// The control accounts of a tenant in the order of purposes and assets as texts (bytewise): the sum of all accounts with
    /// that purpose and asset, whoever holds them. What members have in total is thus one small query.
    async fn control_accounts(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(Purpose, Asset, i128)>, StoreError>;

    /// The values of all counters of one subject that have rows of their own, as `(name, bucket, value)` in that order.
    async fn counters(
        &self,
        tenant: &TenantId,
        subject: &Subject,
    ) -> Result<Vec<(String, i64, i64)>, StoreError>;

    /// Entities of a kind in the order of their ids (bytewise), after an id.
    async fn entities(
        &self,
        tenant: &TenantId,
        kind: &'static str,
        after: Option<SmolStr>,
        limit: u32,
    ) -> Result<Vec<(SmolStr, EntityRow)>, StoreError>;

    /// Whether the store answers, its schema version, and what waits in the outbox. Costs by the number of tenants for whom
    /// events wait, however many those are.
    async fn health(&self) -> Result<StoreHealth, StoreError>;

    /// Writes a whole and consistent copy of everything, of all tenants, into a new file at a path, while others work on; how long
    /// that takes depends on how much there is. Where it ends without success, there is no file.
    ///
    /// # Errors
    /// [`StoreError::FileExists`], [`StoreError::FolderMissing`], [`StoreError::DiskFull`] and [`StoreError::ReadOnly`] about the
    /// new file; [`StoreError::PathInvalid`] for one that is empty, holds a NUL or is not UTF-8;
    /// [`StoreError::BackupUnsupported`] from a store that is no file, as this default answers.
    async fn backup(&self, path: &Path) -> Result<(), StoreError> {
        let _ = path;
        Err(StoreError::BackupUnsupported {
            detail: "it is not kept in a file".to_owned(),
        })
    }

    /// Opens one view of a tenant's books, which stays as it is however long it is read.
    ///
    /// It holds a connection until it is dropped. Where that is the only one, as for SQLite in memory, everybody else waits.
    async fn books<'s>(&'s self, tenant: &TenantId) -> Result<Box<dyn BookView + 's>, StoreError>;
}

/// A member's row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMember {
    /// The member.
    pub member: MemberId,
    /// The row.
    pub row: MemberRow,
    /// The instant by which lists of members are ordered.
    pub at: Timestamp,
}

/// A lot as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLot {
    /// Whose it is.
    pub member: MemberId,
    /// The lot.
    pub lot: Lot,
    /// The instant by which sweeps find it.
    pub due_at: Option<Timestamp>,
}

/// An event that waits, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// The event.
    pub event: EventRecord,
    /// How often it was handed out.
    pub attempts: u32,
}

/// Where a page of purchases by owner begins: behind an owner, an instant and an id.
pub type OwnedPlace = (MemberId, Timestamp, SmolStr);

/// One state of a tenant's books, page by page: everything that an audit holds against each other.
///
/// Texts are compared bytewise. Behind the last row pages are empty.
#[async_trait]
pub trait BookView: Debug + Send {
    /// Members, by id.
    async fn members(
        &mut self,
        after: AfterMember,
        limit: u32,
    ) -> Result<Vec<StoredMember>, StoreError>;

    /// Journal entries, by member and number.
    async fn journal(
        &mut self,
        after: Option<(MemberId, u64)>,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, StoreError>;

    /// Lots, by member and number.
    async fn lots(
        &mut self,
        after: Option<(MemberId, u64)>,
        limit: u32,
    ) -> Result<Vec<StoredLot>, StoreError>;

    /// Entities of a kind that have an owner, by owner, `at` and id.
    async fn owned(
        &mut self,
        kind: &'static str,
        after: Option<OwnedPlace>,
        limit: u32,
    ) -> Result<Vec<(SmolStr, EntityRow)>, StoreError>;

    /// Entities of a kind, by id.
    async fn entities(
        &mut self,
        kind: &'static str,
        after: Option<SmolStr>,
        limit: u32,
    ) -> Result<Vec<(SmolStr, EntityRow)>, StoreError>;

    /// Counters that have rows of their own, by subject as text, name and bucket.
    async fn counters(
        &mut self,
        after: Option<CounterPlace>,
        limit: u32,
    ) -> Result<Vec<(CounterPlace, i64)>, StoreError>;

    /// The control accounts, as [`Query::control_accounts`] gives them.
    async fn control_accounts(&mut self) -> Result<Vec<(Purpose, Asset, i128)>, StoreError>;

    /// Events that wait, by stream as text, and number.
    async fn events(
        &mut self,
        after: Option<(Stream, u64)>,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError>;

    /// Revisions of programs, by program and number.
    async fn revisions(
        &mut self,
        after: Option<(ProgramId, u32)>,
        limit: u32,
    ) -> Result<Vec<StoredRevision>, StoreError>;

    /// Stored replies of an operation, by the texts of their origin and key.
    async fn replies(
        &mut self,
        operation: &'static str,
        after: Option<ReplyPlace>,
        limit: u32,
    ) -> Result<Vec<(ReplyPlace, StoredReply)>, StoreError>;

    /// Everything that a plan names, as [`Store::load`] gives it.
    async fn load(&mut self, plan: &ReadPlan) -> Result<Snapshot, StoreError>;

    /// The rows that were left out of pages because they cannot be read: which, and why. A page of which no row can be read
    /// fails instead, as nobody could say where it ends.
    fn unreadable(&mut self) -> Vec<String>;
}

/// Where a page of replies begins: behind the texts of an origin and a key.
pub type ReplyPlace = (SmolStr, SmolStr);

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
    /// The events of a stream are handed out in the order of their numbers. One that was recorded by a clock that is behind is
    /// as old as the event before it in its stream.
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
