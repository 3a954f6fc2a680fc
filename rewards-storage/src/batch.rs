//! What is committed, and how a commit ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use rewards_core::decision::{Changes, MemberWrite, PurchaseWrite};
use rewards_core::ids::TenantId;
use rewards_core::ledger::Account;
use rewards_core::snapshot::{
    CounterKey, MemberKey, ProgramKey, PurchaseKey, ReplyKey, StoredReply,
};

/// One command's changes with the key that makes them happen once.
#[derive(Debug, Clone)]
pub struct CommitBatch {
    /// The idempotency key, scoped by tenant and operation.
    pub key: ReplyKey,
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
/// checked in the order of the batch's lists and balances in the order of their accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The idempotency key is stored with another fingerprint.
    KeyReused,
    /// A row is not at the version the decision saw.
    Stale(StaleRow),
    /// A counter would exceed its bound. A counter without a bound has the range of its value as its bound.
    CounterBound {
        /// The counter.
        counter: CounterKey,
        /// The bound it must not exceed.
        bound: i64,
    },
    /// A balance would fall below the floor of its account, or leave the range of 64-bit minor units.
    Floor {
        /// The tenant.
        tenant: TenantId,
        /// The account.
        account: Account,
    },
}

/// The row that was not at the version the decision saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaleRow {
    /// A member.
    Member(MemberKey),
    /// A purchase.
    Purchase(PurchaseKey),
    /// A program's newest revision.
    Program(ProgramKey),
}

/// The steps of rows that the batches of a group wanted to make and did not: they were refused, or replayed.
///
/// A later batch of the group that starts from such a step was decided on what never came to be. The version it expects
/// can be there all the same, when somebody else has moved the row by as many steps; so backends ask here, too.
/// Revisions of programs are not concerned: nothing of a revision but its number is decided from the one before.
#[derive(Debug, Default)]
pub struct AbandonedVersions {
    members: BTreeSet<(MemberKey, u64)>,
    purchases: BTreeSet<(PurchaseKey, u64)>,
}

impl AbandonedVersions {
    /// Takes in the steps of a batch that was not applied.
    pub fn note(&mut self, changes: &Changes) {
        let members = changes.members.iter();
        self.members
            .extend(members.map(|write| (write.key.clone(), write.row.version)));
        let purchases = changes.purchases.iter();
        self.purchases
            .extend(purchases.map(|write| (write.key.clone(), write.row.version)));
    }

    /// Whether the write of a member starts from a step that was not made.
    #[must_use]
    pub fn precedes_member(&self, write: &MemberWrite) -> bool {
        !self.members.is_empty() && self.members.contains(&(write.key.clone(), write.expected))
    }

    /// Whether the write of a purchase starts from a step that was not made.
    #[must_use]
    pub fn precedes_purchase(&self, write: &PurchaseWrite) -> bool {
        !self.purchases.is_empty()
            && self
                .purchases
                .contains(&(write.key.clone(), write.expected))
    }
}
