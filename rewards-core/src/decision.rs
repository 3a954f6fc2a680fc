//! What follows from a command: a reply, and the changes that make it true, as one value.

use std::collections::BTreeMap;

use crate::counter::CounterKey;
use crate::entity::{Entity, EntityKey, EntityRemoval, EntityWrite, Expected};
use crate::event::EventRecord;
use crate::ids::TenantId;
use crate::ledger::{JournalEntry, Lot, Purpose};
use crate::member::MemberRow;
use crate::money::Asset;
use crate::program::Program;
use crate::rejection::Rejection;
use crate::snapshot::{MemberKey, ProgramKey};
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

/// A bounded delta on a counter that has a row of its own. Deltas commute, so shared counters never serialise members.
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
    /// Entities.
    pub entities: Vec<EntityWrite>,
    /// Entities that are gone afterwards.
    pub removals: Vec<EntityRemoval>,
    /// New program revisions.
    pub programs: Vec<ProgramWrite>,
    /// Journal entries, each a balanced transfer, with the member they belong to.
    pub journal: Vec<(TenantId, JournalEntry)>,
    /// Lots.
    pub lots: Vec<LotWrite>,
    /// Counter deltas.
    pub counters: Vec<CounterChange>,
    /// Members in whose journals the reasons that people gave are dropped. Nothing else of an entry ever changes.
    pub erased_reasons: Vec<MemberKey>,
    /// Events for the outbox.
    pub events: Vec<(TenantId, EventRecord)>,
}

impl Changes {
    /// Whether there is nothing to make durable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
            && self.entities.is_empty()
            && self.removals.is_empty()
            && self.programs.is_empty()
            && self.journal.is_empty()
            && self.lots.is_empty()
            && self.counters.is_empty()
            && self.erased_reasons.is_empty()
            && self.events.is_empty()
    }

    /// Writes an entity.
    ///
    /// # Errors
    /// [`Rejection::Internal`] when the entity cannot be written as JSON.
    pub fn put<E: Entity>(
        &mut self,
        tenant: &TenantId,
        id: &E::Id,
        expected: Expected,
        entity: &E,
    ) -> Result<(), Rejection> {
        self.entities
            .push(EntityWrite::of(tenant, id, expected, entity)?);
        Ok(())
    }

    /// Removes an entity.
    pub fn remove<E: Entity>(&mut self, tenant: &TenantId, id: &E::Id, version: u64) {
        let key = EntityKey::of::<E>(tenant, id);
        self.removals.push(EntityRemoval { key, version });
    }

    /// Adds the changes of another part of the same command, such as those of a second member. They follow these.
    pub fn merge(&mut self, other: Self) {
        self.members.extend(other.members);
        self.entities.extend(other.entities);
        self.removals.extend(other.removals);
        self.programs.extend(other.programs);
        self.journal.extend(other.journal);
        self.lots.extend(other.lots);
        self.counters.extend(other.counters);
        self.erased_reasons.extend(other.erased_reasons);
        self.events.extend(other.events);
    }

    /// What the journal entries do to each control account, in minor units, in account order. Sums to zero per asset.
    ///
    /// A control account is the sum of all accounts of a tenant with one purpose and asset, whoever holds them. Sums of many
    /// entries may exceed what it can hold; a store refuses such a batch.
    #[must_use]
    pub fn control_deltas(&self) -> BTreeMap<(&TenantId, &Purpose, Asset), i128> {
        let mut deltas: BTreeMap<(&TenantId, &Purpose, Asset), i128> = BTreeMap::new();
        for (tenant, entry) in &self.journal {
            let transfer = &entry.transfer;
            let amount = i128::from(transfer.minor());
            let sides = [
                (&transfer.from().purpose, amount.saturating_neg()),
                (&transfer.to().purpose, amount),
            ];
            for (purpose, delta) in sides {
                let value = deltas
                    .entry((tenant, purpose, transfer.asset()))
                    .or_default();
                *value = value.saturating_add(delta);
            }
        }
        deltas
    }
}
