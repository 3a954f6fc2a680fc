//! The writes of a group of batches, each row once: what the batches do to it one after another, seen from outside.
//!
//! Several writes of one row are folded into one that succeeds exactly when each of them would have:
//!
//! - a versioned row goes from the version that the first write saw to the row of the last, when they form a chain;
//! - a counter moves by the sum, and the tightest of the bounds, carried to the end of the sum, guards it;
//! - a balance likewise, with its floor.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rewards_core::decision::{MemberWrite, ProgramWrite, PurchaseWrite};
use rewards_core::event::EventRecord;
use rewards_core::ids::TenantId;
use rewards_core::ledger::{Account, Holder, JournalEntry, Lot, LotNumber};
use rewards_core::records::{MemberRow, PurchaseRow};
use rewards_core::snapshot::{CounterKey, MemberKey, ProgramKey, PurchaseKey};
use rewards_core::time::Timestamp;
use serde::Serialize;

use super::dialect::Dialect;
use super::rows::{Cell, Rows};
use super::statements::{COMMIT, STEPS};
use crate::batch::CommitBatch;
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

impl<R> Chain<'_, R> {
    /// Adds the row to those that are inserted, or with the version that it had to those that are updated.
    fn push<'a, const N: usize>(
        &self,
        cells: [Cell<'a>; N],
        inserted: &mut Rows<'a>,
        updated: &mut Rows<'a>,
    ) {
        if self.previous == 0 {
            inserted.push(cells);
        } else {
            updated.push(cells.into_iter().chain([self.previous.into()]));
        }
    }
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
    /// The most, or for balances the least, that there may have been before the group.
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

    /// What there must be at most, or at least, after the group.
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
    replies: Vec<(&'a CommitBatch, Option<Timestamp>)>,
    members: Chains<'a, MemberKey, MemberRow>,
    purchases: Chains<'a, PurchaseKey, PurchaseRow>,
    programs: BTreeMap<&'a ProgramKey, Vec<&'a ProgramWrite>>,
    journal: Vec<&'a (TenantId, JournalEntry)>,
    /// The last write of each lot, and whether the first one made it.
    lots: BTreeMap<(&'a MemberKey, LotNumber), (bool, &'a Lot)>,
    events: Vec<&'a (TenantId, EventRecord)>,
    /// The first part of the key puts last what members share.
    counters: BTreeMap<(bool, &'a CounterKey), Sum>,
    balances: BTreeMap<(&'a TenantId, &'a Account), Sum>,
}

impl<'a> Writes<'a> {
    /// Folds the batches. `None` when they cannot be written at once: a key is used twice, writes of one row do not
    /// follow one another, or a sum leaves its range.
    pub fn fold(batches: &'a [CommitBatch]) -> Option<Self> {
        let mut writes = Self::default();
        for batch in batches {
            writes.add_rows(batch)?;
            writes.add_sums(batch);
        }
        writes.replies.sort_unstable_by_key(|(batch, _)| &batch.key);
        let sums = writes.counters.values().chain(writes.balances.values());
        if sums
            .into_iter()
            .any(|sum| i64::try_from(sum.total).is_err())
        {
            return None;
        }
        let are_distinct = writes.replies.is_sorted_by(|(a, _), (b, _)| a.key < b.key);
        are_distinct.then_some(writes)
    }

    fn add_rows(&mut self, batch: &'a CommitBatch) -> Option<()> {
        let changes = &*batch.changes;
        let recorded_at = (changes.members.iter().map(|write| write.row.recorded_at))
            .chain(changes.programs.iter().map(|write| write.published_at))
            .max();
        self.replies.push((batch, recorded_at));
        for MemberWrite { key, expected, row } in &changes.members {
            follow(&mut self.members, key, *expected, row.version, row)?;
        }
        for PurchaseWrite { key, expected, row } in &changes.purchases {
            follow(&mut self.purchases, key, *expected, row.version, row)?;
        }
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
            let key = (!change.key.name.is_of_member(), &change.key);
            let sum = self.counters.entry(key).or_default();
            sum.add(i128::from(change.delta));
            // Only what is added is bounded; releases never are.
            if let Some(bound) = change.bound.filter(|_| change.delta > 0) {
                let limit = sum.before(bound);
                sum.limit = Some(sum.limit.map_or(limit, |known| known.min(limit)));
            }
        }
        for ((tenant, account), delta) in batch.changes.balance_deltas() {
            let sum = self.balances.entry((tenant, account)).or_default();
            sum.add(delta);
            // Only what is taken can fall below a floor.
            if let Some(floor) = account.floor().filter(|_| delta < 0) {
                let limit = sum.before(floor);
                sum.limit = Some(sum.limit.map_or(limit, |known| known.max(limit)));
            }
        }
    }

    /// Takes the counters to the values where they are known to end, which is not by the sum of the deltas when a
    /// release went past the end of the range.
    pub fn end_counters_at(&mut self, values: &BTreeMap<&'a CounterKey, Span>) {
        for (key, span) in values {
            if let Some(sum) = self.counters.get_mut(&(!key.name.is_of_member(), *key)) {
                sum.total = i128::from(span.after).saturating_sub(i128::from(span.before));
            }
        }
    }
}

/// A counter before and after a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub before: i64,
    pub after: i64,
}

/// The writes as rows of the statements of a commit.
impl<'a> Writes<'a> {
    /// One set of rows for each step of [`COMMIT`], in its order.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when a document cannot be written as JSON.
    pub fn rows(&'a self, dialect: Dialect) -> Result<[Rows<'a>; STEPS], StoreError> {
        let mut steps = COMMIT.each_ref().map(|step| Rows::new(dialect, step.rows));
        let [
            replies,
            new_members,
            members,
            new_purchases,
            purchases,
            programs,
            journal,
            new_lots,
            lots,
            outbox,
            balances,
            counters,
            own_balances,
        ] = &mut steps;
        self.push_replies(replies);
        self.push_members(new_members, members)?;
        self.push_purchases(new_purchases, purchases)?;
        self.push_programs(programs)?;
        self.push_journal(journal);
        self.push_lots(new_lots, lots);
        self.push_events(outbox)?;
        self.push_balances(balances, own_balances);
        self.push_counters(counters);
        Ok(steps)
    }

    fn push_replies(&'a self, rows: &mut Rows<'a>) {
        for (batch, recorded_at) in &self.replies {
            rows.push([
                batch.key.tenant.as_str().into(),
                batch.key.operation.into(),
                batch.key.key.as_str().into(),
                batch.reply.fingerprint.as_slice().into(),
                (&*batch.reply.body).into(),
                (*recorded_at).into(),
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
                row.due_at.into(),
                json(&row.record)?,
            ];
            chain.push(cells, inserted, updated);
        }
        Ok(())
    }

    fn push_purchases(
        &'a self,
        inserted: &mut Rows<'a>,
        updated: &mut Rows<'a>,
    ) -> Result<(), StoreError> {
        for (key, chain) in &self.purchases {
            let row = chain.row;
            let cells = [
                key.tenant.as_str().into(),
                key.purchase.as_str().into(),
                chain.version.into(),
                row.member.as_str().into(),
                row.occurred_at.into(),
                row.record.grants.map(|(first, _)| first).into(),
                row.record.grants.map(|(_, last)| last).into(),
                json(&row.record)?,
            ];
            chain.push(cells, inserted, updated);
        }
        Ok(())
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

    fn push_journal(&'a self, rows: &mut Rows<'a>) {
        for (tenant, entry) in &self.journal {
            let transfer = &entry.transfer;
            let origin = transfer.origin.as_ref();
            rows.push([
                tenant.as_str().into(),
                entry.member.as_str().into(),
                entry.seq.into(),
                entry.id.as_bytes().as_slice().into(),
                transfer.from().holder_text().into(),
                transfer.from().purpose.to_string().into(),
                transfer.to().holder_text().into(),
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
                transfer.reason.as_deref().into(),
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
        for (tenant, record) in &self.events {
            rows.push([
                tenant.as_str().into(),
                record.recorded_at.into(),
                record.stream.text().into(),
                record.seq.into(),
                record.id.as_bytes().as_slice().into(),
                json(&record.event)?,
            ]);
        }
        Ok(())
    }

    fn push_counters(&'a self, rows: &mut Rows<'a>) {
        for ((_, key), sum) in &self.counters {
            rows.push([
                key.name.tenant.as_str().into(),
                (&*key.name.subject).into(),
                (&*key.name.name).into(),
                key.bucket.into(),
                sum.delta().into(),
                sum.guard().into(),
            ]);
        }
    }

    fn push_balances(&'a self, of_members: &mut Rows<'a>, own: &mut Rows<'a>) {
        for ((tenant, account), sum) in &self.balances {
            let rows = match account.holder {
                Holder::Member(_) => &mut *of_members,
                Holder::System => &mut *own,
            };
            rows.push([
                tenant.as_str().into(),
                account.holder_text().into(),
                account.purpose.to_string().into(),
                account.asset.to_string().into(),
                sum.delta().into(),
                sum.guard().into(),
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
