//! What follows from a command: a reply, and the changes that make it true, as one value.

use std::collections::BTreeMap;

use crate::event::EventRecord;
use crate::ids::TenantId;
use crate::ledger::{Account, JournalEntry, Lot};
use crate::program::Program;
use crate::records::{MemberRow, PurchaseRow};
use crate::snapshot::{CounterKey, MemberKey, ProgramKey, PurchaseKey};
use crate::time::Timestamp;

/// A reply and the changes that make it true. Nothing has happened until a store has committed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<R> {
    /// What the caller is told.
    pub reply: R,
    /// What must become durable, in one step.
    pub changes: Changes,
}

impl<R> Decision<R> {
    /// A decision that changes nothing: the answer to a query.
    #[must_use]
    pub fn answer(reply: R) -> Self {
        Self {
            reply,
            changes: Changes::default(),
        }
    }
}

/// A member row as it must be afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberWrite {
    /// The row.
    pub key: MemberKey,
    /// The version the decision saw; 0 when there was no row.
    pub expected: u64,
    /// The row afterwards; its version is `expected + 1`.
    pub row: MemberRow,
}

/// A purchase row as it must be afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseWrite {
    /// The row.
    pub key: PurchaseKey,
    /// The version the decision saw; 0 when there was no row.
    pub expected: u64,
    /// The row afterwards; its version is `expected + 1`.
    pub row: PurchaseRow,
}

/// A new revision of a program. Revisions are never changed afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramWrite {
    /// The program.
    pub key: ProgramKey,
    /// Its new revision number: one more than the newest, from 1.
    pub revision: u32,
    /// From when purchases are decided by it.
    pub active_from: Timestamp,
    /// When it was published.
    pub published_at: Timestamp,
    /// The document.
    pub document: Program,
}

/// A lot as it must be afterwards. Lots move only under their member's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotWrite {
    /// The member.
    pub member: MemberKey,
    /// Whether the lot is new.
    pub is_new: bool,
    /// The lot afterwards.
    pub lot: Lot,
}

/// A bounded delta on a counter. Deltas commute, so shared counters never serialise members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterChange {
    /// The counter.
    pub key: CounterKey,
    /// What is added; negative when something is released.
    pub delta: i64,
    /// The value the counter must not exceed afterwards. Releases are never refused.
    pub bound: Option<i64>,
}

/// Everything a decision makes durable, all or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Member rows.
    pub members: Vec<MemberWrite>,
    /// Purchase rows.
    pub purchases: Vec<PurchaseWrite>,
    /// New program revisions.
    pub programs: Vec<ProgramWrite>,
    /// Journal entries, each a balanced transfer, with the member they belong to.
    pub journal: Vec<(TenantId, JournalEntry)>,
    /// Lots.
    pub lots: Vec<LotWrite>,
    /// Counter deltas.
    pub counters: Vec<CounterChange>,
    /// Events for the outbox.
    pub events: Vec<(TenantId, EventRecord)>,
}

impl Changes {
    /// Whether there is nothing to make durable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
            && self.purchases.is_empty()
            && self.programs.is_empty()
            && self.journal.is_empty()
            && self.lots.is_empty()
            && self.counters.is_empty()
            && self.events.is_empty()
    }

    /// What the journal entries do to each balance, in minor units, in account order. Sums to zero per asset.
    ///
    /// Sums of many entries may exceed what a balance can hold; a store refuses such a batch.
    #[must_use]
    pub fn balance_deltas(&self) -> BTreeMap<(&TenantId, &Account), i128> {
        let mut deltas: BTreeMap<(&TenantId, &Account), i128> = BTreeMap::new();
        for (tenant, entry) in &self.journal {
            let amount = i128::from(entry.transfer.minor());
            let sides = [
                (entry.transfer.from(), amount.saturating_neg()),
                (entry.transfer.to(), amount),
            ];
            for (account, delta) in sides {
                let value = deltas.entry((tenant, account)).or_default();
                *value = value.saturating_add(delta);
            }
        }
        deltas
    }
}
