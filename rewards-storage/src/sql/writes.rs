//! The writes of a group of batches, each row once: what the batches do to it one after another, seen from outside.
//!
//! Several writes of one row are folded into one that succeeds exactly when each of them would have:
//!
//! - a versioned row goes from the version that the first write saw to the row of the last, when they form a chain;
//! - a counter moves by the sum, and the tightest of the bounds, carried to the end of the sum, guards it;
//! - a control account moves by the sum.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use rewards_core::counter::Subject;
use rewards_core::decision::{MemberWrite, ProgramWrite};
use rewards_core::entity::{EntityKey, EntityRow, Expected};
use rewards_core::event::{EventRecord, Stream};
use rewards_core::ids::TenantId;
use rewards_core::ledger::{Account, Holder, JournalEntry, Lot, LotNumber, Purpose};
use rewards_core::member::MemberRow;
use rewards_core::money::Asset;
use rewards_core::snapshot::{CounterKey, MemberKey, ProgramKey, ReplyKey, StoredReply};
use rewards_core::time::Timestamp;
use serde::Serialize;

use super::dialect::Dialect;
use super::rows::{Cell, Rows};
use super::statements::{COMMIT, STEPS};
use crate::batch::{CommandKey, CommitBatch};
use crate::error::StoreError;

/// A versioned row's way through a group.
#[derive(Debug)]
struct Chain<'a, R> {
    /// The version that the first write saw.
    previous: u64,
    /// The version after the last write.
    version: u64,
    /// The row after the last write.
    row: &'a R,
}

type Chains<'a, K, R> = BTreeMap<&'a K, Chain<'a, R>>;

/// Adds a write of a versioned row; `None` when it does not follow the write before.
fn follow<'a, K: Ord, R>(
    chains: &mut Chains<'a, K, R>,
    key: &'a K,
    expected: u64,
    version: u64,
    row: &'a R,
) -> Option<()> {
    match chains.entry(key) {
        Entry::Vacant(place) => {
            place.insert(Chain {
                previous: expected,
                version,
                row,
            });
        }
        Entry::Occupied(mut place) => {
            let chain = place.get_mut();
            if chain.version != expected {
                return None;
            }
            (chain.version, chain.row) = (version, row);
        }
    }
    Some(())
}

/// A bounded sum's way through a group, wider than what is stored, so that no sum leaves the range unnoticed.
#[derive(Debug, Default)]
struct Sum {
    total: i128,
    /// The most that there may have been before the group.
    limit: Option<i128>,
}

impl Sum {
    fn add(&mut self, delta: i128) {
        self.total = self.total.saturating_add(delta);
    }

    /// What `bound` after so much of the group means for the value before it.
    fn before(&self, bound: i64) -> i128 {
        i128::from(bound).saturating_sub(self.total)
    }

    fn delta(&self) -> i64 {
        clamp(self.total)
    }

    /// What there must be at most after the group.
    fn guard(&self) -> Option<i64> {
        self.limit
            .map(|limit| clamp(limit.saturating_add(self.total)))
    }
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// The writes of a group; the maps are in the order in which rows are locked.
#[derive(Debug, Default)]
pub(super) struct Writes<'a> {
    replies: BTreeMap<&'a ReplyKey, &'a StoredReply>,
    members: Chains<'a, MemberKey, MemberRow>,
    entities: Chains<'a, EntityKey, EntityRow>,
    /// Entities that are removed, with the version that the removal saw.
    removals: BTreeMap<&'a EntityKey, u64>,
    /// Replies that are kept with the entities that their commands make.
    receipts: BTreeMap<&'a EntityKey, &'a StoredReply>,
    programs: BTreeMap<&'a ProgramKey, Vec<&'a ProgramWrite>>,
    journal: Vec<&'a (TenantId, JournalEntry)>,
    /// The last write of each lot, and whether the first one made it.
    lots: BTreeMap<(&'a MemberKey, LotNumber), (bool, &'a Lot)>,
    events: Vec<&'a (TenantId, EventRecord)>,
    /// The first part of the key puts last what members share.
    counters: BTreeMap<(bool, &'a CounterKey), Sum>,
    controls: BTreeMap<(&'a TenantId, &'a Purpose, Asset), Sum>,
    erased_reasons: BTreeSet<&'a MemberKey>,
}

impl<'a> Writes<'a> {
    /// Folds the batches. `None` when they cannot be written at once: a key is used twice, writes of one row do not
    /// follow one another, a row is removed and written, or a sum leaves its range.
    pub fn fold(batches: impl IntoIterator<Item = &'a CommitBatch>) -> Option<Self> {
        let mut writes = Self::default();
        for batch in batches {
            writes.add_key(batch)?;
            writes.add_rows(batch)?;
            writes.add_sums(batch);
        }
        let sums = writes.counters.values().chain(writes.controls.values());
        let are_in_range = sums.into_iter().all(|sum| i64::try_from(sum.total).is_ok());
        are_in_range.then_some(writes)
    }

    fn add_key(&mut self, batch: &'a CommitBatch) -> Option<()> {
        if let CommandKey::Reply(key) = &batch.key
            && self.replies.insert(key, &batch.reply).is_some()
        {
            return None;
        }
        if let Some(made) = &batch.receipt
            && self.receipts.insert(made, &batch.reply).is_some()
        {
            return None;
        }
        Some(())
    }

    fn add_rows(&mut self, batch: &'a CommitBatch) -> Option<()> {
        let changes = &*batch.changes;
        for MemberWrite { key, expected, row } in &changes.members {
            follow(&mut self.members, key, *expected, row.version, row)?;
        }
        for write in &changes.entities {
            let (key, row) = (&write.key, &write.row);
            let expected = write.expected.version();
            follow(&mut self.entities, key, expected, row.version, row)?;
        }
        for removal in &changes.removals {
            if self
                .removals
                .insert(&removal.key, removal.version)
                .is_some()
            {
                return None;
            }
        }
        let mut removed = self.removals.keys();
        if removed.any(|key| self.entities.contains_key(key)) {
            return None;
        }
        self.erased_reasons.extend(&changes.erased_reasons);
        for write in &changes.programs {
            let revisions = self.programs.entry(&write.key).or_default();
            let next = revisions.last().map(|last| last.revision.checked_add(1));
            if next.is_some_and(|next| next != Some(write.revision)) {
                return None;
            }
            revisions.push(write);
        }
        self.journal.extend(&changes.journal);
        for write in &changes.lots {
            let key = (&write.member, write.lot.number);
            let lot = self.lots.entry(key).or_insert((write.is_new, &write.lot));
            lot.1 = &write.lot;
        }
        self.events.extend(&changes.events);
        Some(())
    }

    fn add_sums(&mut self, batch: &'a CommitBatch) {
        for change in &batch.changes.counters {
            let is_shared = !matches!(change.key.name.subject, Subject::Member(_));
            let sum = self.counters.entry((is_shared, &change.key)).or_default();
            sum.add(i128::from(change.delta));
            // Only what is added is bounded; releases never are.
            if let Some(bound) = change.bound.filter(|_| change.delta > 0) {
                let limit = sum.before(bound);
                sum.limit = Some(sum.limit.map_or(limit, |known| known.min(limit)));
            }
        }
        for (key, delta) in batch.changes.control_deltas() {
            self.controls.entry(key).or_default().add(delta);
        }
    }

    /// Takes the counters to the values where they are known to end, which is not by the sum of the deltas when a
    /// release went past the end of the range.
    pub fn end_counters_at(&mut self, values: &BTreeMap<&'a CounterKey, (i64, i64)>) {
        for (key, (before, after)) in values {
            let is_shared = !matches!(key.name.subject, Subject::Member(_));
            if let Some(sum) = self.counters.get_mut(&(is_shared, *key)) {
                sum.total = i128::from(*after).saturating_sub(i128::from(*before));
            }
        }
    }
}

/// Whether each batch whose reply is kept with an entity makes that entity. Of such batches, the write of the row alone
/// finds out whether the command was applied before.
pub(super) fn keys_are_guarded(batches: &[CommitBatch]) -> bool {
    let mut made = BTreeSet::new();
    batches.iter().all(|batch| {
        let CommandKey::Entity(key) = &batch.key else {
            return true;
        };
        let mut writes = batch.changes.entities.iter();
        let makes = writes.any(|write| write.key == *key && write.expected == Expected::Absent);
        makes && made.insert(key)
    })
}

/// Whether rows have to be locked before they are written, where writers lock rows.
pub(super) fn are_locked_first(batches: &[CommitBatch]) -> bool {
    let mut changes = batches.iter().map(|batch| &batch.changes);
    changes.any(|changes| !changes.removals.is_empty())
}

/// The writes as rows of the statements of a commit.
impl<'a> Writes<'a> {
    /// One set of rows for each step of [`COMMIT`], in its order. Control accounts are moved in the slot.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when a document cannot be written as JSON, or a receipt belongs to no new entity.
    pub fn rows(&'a self, dialect: Dialect, slot: u32) -> Result<[Rows<'a>; STEPS], StoreError> {
        let mut steps = COMMIT.each_ref().map(|step| Rows::new(dialect, step.rows));
        let [
            members,
            entities,
            new_members,
            new_entities,
            removals,
            replies,
            programs,
            journal,
            new_lots,
            lots,
            outbox,
            counters,
            controls,
            erased_reasons,
            revision_counts,
        ] = &mut steps;
        self.push_members(new_members, members)?;
        self.push_entities(new_entities, entities)?;
        self.push_removals(removals);
        self.push_replies(replies);
        self.push_programs(programs)?;
        self.push_revision_counts(revision_counts);
        self.push_journal(journal);
        self.push_lots(new_lots, lots);
        self.push_events(outbox)?;
        self.push_counters(counters);
        self.push_controls(controls, slot);
        for key in &self.erased_reasons {
            erased_reasons.push([key.tenant.as_str().into(), key.member.as_str().into()]);
        }
        Ok(steps)
    }

    fn push_removals(&'a self, rows: &mut Rows<'a>) {
        for (key, version) in &self.removals {
            rows.push([
                key.tenant.as_str().into(),
                key.kind.into(),
                key.id.as_str().into(),
                (*version).into(),
            ]);
        }
    }

    fn push_replies(&'a self, rows: &mut Rows<'a>) {
        for (key, reply) in &self.replies {
            rows.push([
                key.tenant.as_str().into(),
                key.operation.into(),
                key.origin.text().into(),
                key.key.as_str().into(),
                reply.fingerprint.as_bytes().into(),
                (&*reply.body).into(),
            ]);
        }
    }

    fn push_members(
        &'a self,
        inserted: &mut Rows<'a>,
        updated: &mut Rows<'a>,
    ) -> Result<(), StoreError> {
        for (key, chain) in &self.members {
            let row = chain.row;
            let cells = [
                key.tenant.as_str().into(),
                key.member.as_str().into(),
                chain.version.into(),
                row.journal.seq.into(),
                row.journal.hash.0.as_slice().into(),
                row.event_seq.into(),
                row.recorded_at.into(),
                row.profile.registered_at.into(),
                row.due_at.into(),
                json(&(&row.balances, &row.counters, &row.history, &row.profile))?,
            ];
            if chain.previous == 0 {
                inserted.push(cells);
            } else {
                updated.push(cells.into_iter().chain([chain.previous.into()]));
            }
        }
        Ok(())
    }

    fn push_entities(
        &'a self,
        inserted: &mut Rows<'a>,
        updated: &mut Rows<'a>,
    ) -> Result<(), StoreError> {
        for (key, chain) in &self.entities {
            let (row, index) = (chain.row, &chain.row.index);
            let cells: [Cell<'a>; 12] = [
                key.tenant.as_str().into(),
                key.kind.into(),
                key.id.as_str().into(),
                chain.version.into(),
                index.owner.as_ref().map(|owner| owner.as_str()).into(),
                index.group.as_deref().into(),
                index.state.as_str().into(),
                index.rank.into(),
                index.at.into(),
                index.due_at.into(),
                (&*row.body).into(),
                chain.previous.into(),
            ];
            if chain.previous == 0 {
                let receipt = self.receipts.get(key);
                let fingerprint = receipt.map(|reply| reply.fingerprint.as_bytes());
                let reply = receipt.map(|reply| &*reply.body);
                inserted.push(cells.into_iter().chain([fingerprint.into(), reply.into()]));
            } else {
                updated.push(cells);
            }
        }
        let is_new = |key: &&EntityKey| self.entities.get(key).is_some_and(|c| c.previous == 0);
        if self.receipts.keys().all(is_new) {
            Ok(())
        } else {
            Err(StoreError::Refused {
                detail: String::from("a reply is to be kept with an entity that is not new"),
            })
        }
    }

    fn push_programs(&'a self, rows: &mut Rows<'a>) -> Result<(), StoreError> {
        for (key, revisions) in &self.programs {
            let first = revisions.first().map_or(0, |write| write.revision);
            for write in revisions {
                rows.push([
                    key.tenant.as_str().into(),
                    key.program.as_str().into(),
                    write.revision.into(),
                    i64::from(first).saturating_sub(1).into(),
                    write.active_from.into(),
                    write.published_at.into(),
                    json(&write.document)?,
                ]);
            }
        }
        Ok(())
    }

    fn push_revision_counts(&'a self, rows: &mut Rows<'a>) {
        let mut added: BTreeMap<&TenantId, usize> = BTreeMap::new();
        for (key, revisions) in &self.programs {
            let count = added.entry(&key.tenant).or_default();
            *count = count.saturating_add(revisions.len());
        }
        for (tenant, count) in added {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            rows.push([tenant.as_str().into(), count.into()]);
        }
    }

    fn push_journal(&'a self, rows: &mut Rows<'a>) {
        for (tenant, entry) in &self.journal {
            let transfer = &entry.transfer;
            let origin = transfer.origin.as_ref();
            // The statement that erases reasons may not see what is written beside it.
            let is_erased = |key: &&MemberKey| key.tenant == *tenant && key.member == entry.member;
            let reason = match self.erased_reasons.iter().any(is_erased) {
                true => None,
                false => transfer.reason.as_deref(),
            };
            // The member's own side is not written out.
            let holder = |account: &'a Account| match &account.holder {
                Holder::Member(member) if *member == entry.member => None,
                Holder::Member(member) => Some(member.as_str()),
                Holder::System => Some(""),
            };
            rows.push([
                tenant.as_str().into(),
                entry.member.as_str().into(),
                entry.seq.into(),
                entry.id.as_bytes().as_slice().into(),
                holder(transfer.from()).into(),
                transfer.from().purpose.to_string().into(),
                holder(transfer.to()).into(),
                transfer.to().purpose.to_string().into(),
                transfer.asset().to_string().into(),
                transfer.minor().into(),
                transfer.kind.text().into(),
                transfer.effective_at.into(),
                entry.recorded_at.into(),
                transfer.purchase.as_ref().map(|id| id.as_str()).into(),
                origin.map(|origin| origin.program.as_str()).into(),
                origin.map(|origin| origin.revision).into(),
                origin.map(|origin| origin.rule.as_str()).into(),
                reason.into(),
                entry.hash.0.as_slice().into(),
            ]);
        }
    }

    fn push_lots(&'a self, inserted: &mut Rows<'a>, updated: &mut Rows<'a>) {
        for ((key, number), (is_new, lot)) in &self.lots {
            let changing = [
                key.tenant.as_str().into(),
                key.member.as_str().into(),
                (*number).into(),
                lot.remaining.into(),
                lot.state.text().into(),
                lot.available_at.into(),
                lot.void_at.into(),
                lot.expires_at.into(),
                lot.due_at().into(),
            ];
            if *is_new {
                inserted.push(changing.into_iter().chain([
                    lot.asset.to_string().into(),
                    lot.source.to_string().into(),
                    lot.amount.into(),
                    lot.earned_at.into(),
                    lot.purchase.as_ref().map(|id| id.as_str()).into(),
                    lot.rule.as_ref().map(|id| id.as_str()).into(),
                ]));
            } else {
                updated.push(changing);
            }
        }
    }

    fn push_events(&'a self, rows: &mut Rows<'a>) -> Result<(), StoreError> {
        let mut latest: BTreeMap<(&TenantId, &Stream), Timestamp> = BTreeMap::new();
        for (tenant, record) in &self.events {
            let at = latest.entry((tenant, &record.stream));
            let at = at.or_insert(record.recorded_at);
            *at = record.recorded_at.max(*at);
            rows.push([
                tenant.as_str().into(),
                record.recorded_at.into(),
                record.stream.text().into(),
                record.seq.into(),
                record.id.as_bytes().as_slice().into(),
                json(&record.event)?,
                (*at).into(),
            ]);
        }
        Ok(())
    }

    fn push_counters(&'a self, rows: &mut Rows<'a>) {
        for ((_, key), sum) in &self.counters {
            rows.push([
                key.name.tenant.as_str().into(),
                key.name.subject.text().to_string().into(),
                key.name.name.as_str().into(),
                key.bucket.into(),
                sum.delta().into(),
                sum.guard().into(),
            ]);
        }
    }

    fn push_controls(&'a self, rows: &mut Rows<'a>, slot: u32) {
        for ((tenant, purpose, asset), sum) in &self.controls {
            rows.push([
                tenant.as_str().into(),
                purpose.text().into(),
                asset.to_string().into(),
                slot.into(),
                sum.delta().into(),
            ]);
        }
    }
}

fn json<'a>(document: &impl Serialize) -> Result<Cell<'a>, StoreError> {
    match serde_json::to_string(document) {
        Ok(text) => Ok(text.into()),
        Err(error) => Err(StoreError::Refused {
            detail: format!("a document cannot be written as JSON: {error}"),
        }),
    }
}
