//! The order of checks, once: whether a batch can be applied to what is stored, and if not, why.
//!
//! Pure. A backend hands in what it has found ([`Found`]); the memory store and the per-batch fallback of the SQL stores ask
//! here, so their answers cannot differ.

use std::collections::BTreeMap;

use rewards_core::decision::Changes;
use rewards_core::entity::{EntityKey, Expected};
use rewards_core::ids::TenantId;
use rewards_core::ledger::Purpose;
use rewards_core::money::Asset;
use rewards_core::snapshot::{CounterKey, MemberKey, ProgramKey, StoredReply};

use crate::batch::{AbandonedVersions, CommandKey, Commit, CommitBatch, Refusal, StaleRow};

/// What a backend has found of the rows that a batch names. What is absent is `None`, version 0 or value 0.
pub trait Found {
    /// The reply that was stored for a command.
    fn reply(&self, key: &CommandKey) -> Option<&StoredReply>;
    /// The version of a member's row.
    fn member(&self, key: &MemberKey) -> u64;
    /// The version of an entity.
    fn entity(&self, key: &EntityKey) -> u64;
    /// The number of a program's newest revision.
    fn program(&self, key: &ProgramKey) -> u32;
    /// The value of a counter.
    fn counter(&self, key: &CounterKey) -> i64;
    /// The balance of a control account, as far as this backend can tell that the delta leaves its range.
    fn control(&self, tenant: &TenantId, purpose: &Purpose, asset: Asset) -> i64;
}

/// Where the sums of a batch end when it is applied.
#[derive(Debug, Default)]
pub struct Sums<'b> {
    /// Values of counters: before and after the batch.
    pub counters: BTreeMap<&'b CounterKey, (i64, i64)>,
    /// Balances of control accounts after the batch.
    pub controls: BTreeMap<(&'b TenantId, &'b Purpose, Asset), i64>,
}

/// Whether a batch can be applied: where its sums end, or how it ends without being applied.
///
/// # Errors
/// [`Commit::Replayed`] and [`Commit::Refused`].
pub fn judge<'b>(
    batch: &'b CommitBatch,
    found: &impl Found,
    abandoned: &AbandonedVersions,
) -> Result<Sums<'b>, Commit> {
    if let Some(stored) = found.reply(&batch.key) {
        let is_same = stored.fingerprint == batch.reply.fingerprint;
        return Err(if is_same {
            Commit::Replayed(stored.clone())
        } else {
            Commit::Refused(Refusal::KeyReused)
        });
    }
    if abandoned.precedes_batch(batch) {
        return Err(Commit::Refused(Refusal::Stale(StaleRow::Predecessor)));
    }
    let changes = &*batch.changes;
    check_rows(changes, found, abandoned).map_err(Commit::Refused)?;
    Ok(Sums {
        counters: count(changes, found).map_err(Commit::Refused)?,
        controls: sum(changes, found).map_err(Commit::Refused)?,
    })
}

fn check_rows(
    changes: &Changes,
    found: &impl Found,
    abandoned: &AbandonedVersions,
) -> Result<(), Refusal> {
    for write in &changes.entities {
        if write.expected == Expected::Absent && found.entity(&write.key) != 0 {
            return Err(Refusal::Exists(write.key.clone()));
        }
    }
    let stale = stale_member(changes, found, abandoned)
        .or_else(|| stale_entity(changes, found, abandoned))
        .or_else(|| stale_program(changes, found));
    stale.map_or(Ok(()), |row| Err(Refusal::Stale(row)))
}

/// The versions of rows as the writes of one batch follow one another.
fn follow<'b, K: Ord>(
    versions: &mut BTreeMap<&'b K, u64>,
    key: &'b K,
    stored: impl FnOnce() -> u64,
    expected: u64,
    version: u64,
) -> bool {
    let current = versions.entry(key).or_insert_with(stored);
    let fits = *current == expected;
    *current = version;
    fits
}

fn stale_member(
    changes: &Changes,
    found: &impl Found,
    abandoned: &AbandonedVersions,
) -> Option<StaleRow> {
    let mut versions = BTreeMap::new();
    for write in &changes.members {
        let stored = || found.member(&write.key);
        let (expected, version) = (write.expected, write.row.version);
        if abandoned.precedes_member(write)
            || !follow(&mut versions, &write.key, stored, expected, version)
        {
            return Some(StaleRow::Member(write.key.clone()));
        }
    }
    None
}

fn stale_entity(
    changes: &Changes,
    found: &impl Found,
    abandoned: &AbandonedVersions,
) -> Option<StaleRow> {
    let mut versions = BTreeMap::new();
    for write in &changes.entities {
        let stored = || found.entity(&write.key);
        let (expected, version) = (write.expected.version(), write.row.version);
        if abandoned.precedes_entity(write)
            || !follow(&mut versions, &write.key, stored, expected, version)
        {
            return Some(StaleRow::Entity(write.key.clone()));
        }
    }
    for removal in &changes.removals {
        let stored = || found.entity(&removal.key);
        if abandoned.precedes_removal(removal)
            || !follow(&mut versions, &removal.key, stored, removal.version, 0)
        {
            return Some(StaleRow::Entity(removal.key.clone()));
        }
    }
    None
}

fn stale_program(changes: &Changes, found: &impl Found) -> Option<StaleRow> {
    let mut newest = BTreeMap::new();
    for write in &changes.programs {
        let current = newest
            .entry(&write.key)
            .or_insert_with(|| found.program(&write.key));
        if current.checked_add(1) != Some(write.revision) {
            return Some(StaleRow::Program(write.key.clone()));
        }
        *current = write.revision;
    }
    None
}

/// Counts one change after another. Without a bound the range of the value is the bound; releases are never refused.
fn count<'b>(
    changes: &'b Changes,
    found: &impl Found,
) -> Result<BTreeMap<&'b CounterKey, (i64, i64)>, Refusal> {
    let mut values: BTreeMap<&CounterKey, (i64, i64)> = BTreeMap::new();
    for change in &changes.counters {
        let (_, value) = values.entry(&change.key).or_insert_with(|| {
            let before = found.counter(&change.key);
            (before, before)
        });
        let bound = change.bound.unwrap_or(i64::MAX);
        *value = match value.checked_add(change.delta) {
            Some(sum) if change.delta <= 0 || sum <= bound => sum,
            None if change.delta < 0 => i64::MIN,
            _ => {
                let counter = change.key.clone();
                return Err(Refusal::CounterBound { counter, bound });
            }
        };
    }
    Ok(values)
}

fn sum<'b>(
    changes: &'b Changes,
    found: &impl Found,
) -> Result<BTreeMap<(&'b TenantId, &'b Purpose, Asset), i64>, Refusal> {
    let mut after = BTreeMap::new();
    for ((tenant, purpose, asset), delta) in changes.control_deltas() {
        let sum = i128::from(found.control(tenant, purpose, asset)).saturating_add(delta);
        let value = i64::try_from(sum).map_err(|_| Refusal::Range {
            tenant: tenant.clone(),
            purpose: purpose.clone(),
            asset,
        })?;
        after.insert((tenant, purpose, asset), value);
    }
    Ok(after)
}
