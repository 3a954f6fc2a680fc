//! What is committed, and how a commit ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use rewards_core::decision::{Changes, MemberWrite};
use rewards_core::entity::{EntityKey, EntityRemoval, EntityWrite};
use rewards_core::ids::TenantId;
use rewards_core::ledger::Purpose;
use rewards_core::money::Asset;
use rewards_core::snapshot::{CounterKey, MemberKey, ProgramKey, ReplyKey, StoredReply};

/// What makes a command happen once, and where its reply is found again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommandKey {
    /// A key that was given or that the request implies; the reply has a row of its own.
    Reply(ReplyKey),
    /// The entity that the command makes; the reply is kept with it.
    Entity(EntityKey),
    /// None: the versions of the rows it changes are what makes it happen once. Only the engine's own sweeps have none.
    None,
}

/// One command's changes with the key that makes them happen once.
#[derive(Debug, Clone)]
pub struct CommitBatch {
    /// The idempotency key.
    pub key: CommandKey,
    /// The entity, made by this batch, with which the reply is kept as its receipt. A receipt never changes.
    pub receipt: Option<EntityKey>,
    /// Whether it rests on all that stand before it in the same commit, as the commands of an ordered run do: when one of
    /// them is not applied, this one is [stale](StaleRow::Predecessor).
    pub follows: bool,
    /// The reply and fingerprint that a repetition will find.
    pub reply: StoredReply,
    /// What becomes durable. Shared, so that retries and group commits copy nothing.
    pub changes: Arc<Changes>,
}

/// How one batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commit {
    /// It is durable, all of it.
    Applied,
    /// The same command was applied before; this is the reply it got, byte for byte.
    Replayed(StoredReply),
    /// It was not applied, and nothing of it is visible.
    Refused(Refusal),
}

/// Why a batch was not applied. Checked in this order; the first failure wins. Within one kind, rows and counters are
/// checked in the order of the batch's lists and control accounts in their own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The idempotency key is stored with another fingerprint.
    KeyReused,
    /// An entity is there that the decision expected to be absent.
    Exists(EntityKey),
    /// A row is not at the version the decision saw.
    Stale(StaleRow),
    /// A counter would exceed its bound. A counter without a bound has the range of its value as its bound.
    CounterBound {
        /// The counter.
        counter: CounterKey,
        /// The bound it must not exceed.
        bound: i64,
    },
    /// A control account would leave the range of 64-bit minor units.
    Range {
        /// The tenant.
        tenant: TenantId,
        /// What the account is for.
        purpose: Purpose,
        /// The asset it holds.
        asset: Asset,
    },
}

/// The row that was not at the version the decision saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaleRow {
    /// A member.
    Member(MemberKey),
    /// An entity.
    Entity(EntityKey),
    /// A program's newest revision.
    Program(ProgramKey),
    /// No row: one of the batches before it, all of which it [follows](CommitBatch::follows), was not applied.
    Predecessor,
}

/// The steps of rows that the batches of a group wanted to make and did not: they were refused, or replayed.
///
/// A later batch of the group that starts from such a step was decided on what never came to be. The version it expects
/// can be there all the same, when somebody else has moved the row by as many steps; so backends ask here, too.
/// Revisions of programs are not concerned: nothing of a revision but its number is decided from the one before.
#[derive(Debug, Default)]
pub struct AbandonedVersions {
    members: BTreeSet<(MemberKey, u64)>,
    entities: BTreeSet<(EntityKey, u64)>,
    is_any: bool,
}

impl AbandonedVersions {
    /// Takes in the steps of a batch that was not applied.
    pub fn note(&mut self, changes: &Changes) {
        self.is_any = true;
        let members = changes.members.iter();
        self.members
            .extend(members.map(|write| (write.key.clone(), write.row.version)));
        let entities = changes.entities.iter();
        self.entities
            .extend(entities.map(|write| (write.key.clone(), write.row.version)));
    }

    /// Whether a batch follows one that was not applied.
    #[must_use]
    pub fn precedes_batch(&self, batch: &CommitBatch) -> bool {
        batch.follows && self.is_any
    }

    /// Whether the write of a member starts from a step that was not made.
    #[must_use]
    pub fn precedes_member(&self, write: &MemberWrite) -> bool {
        !self.members.is_empty() && self.members.contains(&(write.key.clone(), write.expected))
    }

    /// Whether the removal of an entity starts from a step that was not made.
    #[must_use]
    pub fn precedes_removal(&self, removal: &EntityRemoval) -> bool {
        let step = (removal.key.clone(), removal.version);
        !self.entities.is_empty() && self.entities.contains(&step)
    }

    /// Whether the write of an entity starts from a step that was not made.
    #[must_use]
    pub fn precedes_entity(&self, write: &EntityWrite) -> bool {
        let step = (write.key.clone(), write.expected.version());
        !self.entities.is_empty() && self.entities.contains(&step)
    }
}
