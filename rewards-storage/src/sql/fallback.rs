//! The per-batch fallback of a commit: the batches one by one, in one transaction.
//!
//! A batch is looked at before it is written, so that its refusal can be named in the order of the
//! [contract](crate::store). Where other writers are at work, what was seen may have changed when it is written; then
//! its savepoint is rolled back and the batch is looked at again.

use std::collections::BTreeMap;

use rewards_core::snapshot::{CounterKey, CounterRange, ReadPlan, Snapshot};
use sqlx::SqlStr;

use super::commit::{Means, write};
#[cfg(feature = "postgres")]
use super::dialect::Dialect;
use super::driver::{Held, Purpose, Session};
use super::fault::{Failure, Written};
use super::load;
#[cfg(feature = "postgres")]
use super::rows::{Param, Rows};
#[cfg(feature = "postgres")]
use super::statements::LOCKS;
use super::statements::step;
use super::writes::{Span, Writes};
use crate::batch::{AbandonedVersions, Commit, CommitBatch, Refusal, StaleRow};
use crate::error::StoreError;

/// How often a batch is looked at again after somebody was faster.
const ATTEMPTS: u32 = 5;

static SAVEPOINT: SqlStr = SqlStr::from_static("SAVEPOINT batch");
static RELEASE: SqlStr = SqlStr::from_static("RELEASE SAVEPOINT batch");
static ROLLBACK: SqlStr = SqlStr::from_static("ROLLBACK TO SAVEPOINT batch");

/// Commits the batches one by one, all in one transaction.
pub(super) async fn commit(
    means: Means<'_>,
    held: &mut Held<'_>,
    batches: &[CommitBatch],
) -> Result<Vec<Commit>, Failure> {
    let mut transaction = held.session()?.begin(Purpose::Write).await?;
    let mut session = transaction.session();
    // On SQLite the transaction holds the only lock there is.
    #[cfg(feature = "postgres")]
    if means.dialect == Dialect::Postgres {
        lock_rows(&mut session, means, batches).await?;
    }
    let mut ends = Vec::with_capacity(batches.len());
    let mut abandoned = AbandonedVersions::default();
    for batch in batches {
        let end = commit_one(&mut session, means, batch, &abandoned).await?;
        if end != Commit::Applied {
            abandoned.note(&batch.changes);
        }
        ends.push(end);
    }
    transaction.commit().await?;
    Ok(ends)
}

async fn commit_one(
    session: &mut Session<'_>,
    means: Means<'_>,
    batch: &CommitBatch,
    abandoned: &AbandonedVersions,
) -> Result<Commit, Failure> {
    let plan = plan_of(batch);
    for _ in 0..ATTEMPTS {
        let seen = load::look_up(session, means, &plan).await?;
        let counters = match foresee(batch, &seen, abandoned) {
            Ok(counters) => counters,
            Err(end) => return Ok(end),
        };
        // Writes that do not follow one another are stale, and were found to be.
        let Some(mut writes) = Writes::fold(std::slice::from_ref(batch)) else {
            return Err(refused(String::from("a sum leaves the range of 64 bits")));
        };
        writes.end_counters_at(&counters);
        session.execute(&SAVEPOINT, Vec::new()).await?;
        match write(session, means, writes.rows(means.dialect)?).await? {
            Written::All => {
                session.execute(&RELEASE, Vec::new()).await?;
                return Ok(Commit::Applied);
            }
            Written::Not(Some(step::JOURNAL)) => return Err(exists("journal entry")),
            Written::Not(Some(step::OUTBOX)) => return Err(exists("event")),
            Written::Not(Some(step::NEW_LOTS)) => return Err(exists("lot")),
            Written::Not(Some(step::CHANGED_LOTS)) => {
                return Err(refused(String::from("a lot that changes is not stored")));
            }
            Written::Not(_) => {}
        }
        session.execute(&ROLLBACK, Vec::new()).await?;
        session.execute(&RELEASE, Vec::new()).await?;
    }
    Err(StoreError::Conflict {
        detail: String::from("other writers were faster again and again"),
    }
    .into())
}

fn refused(detail: String) -> Failure {
    StoreError::Refused { detail }.into()
}

/// Its number was given by the row that holds its owner's version, which was right: the books are damaged, or the batch
/// is. The key is not named, because it names a member.
fn exists(what: &str) -> Failure {
    refused(format!("a new {what} has the number of one that is stored"))
}

/// Everything that decides whether a batch can be applied.
fn plan_of(batch: &CommitBatch) -> ReadPlan {
    let changes = &*batch.changes;
    let mut plan = ReadPlan {
        replies: vec![batch.key.clone()],
        members: changes.members.iter().map(|w| w.key.clone()).collect(),
        purchases: changes.purchases.iter().map(|w| w.key.clone()).collect(),
        programs: changes.programs.iter().map(|w| w.key.clone()).collect(),
        counters: (changes.counters.iter())
            .map(|change| CounterRange {
                name: change.key.name.clone(),
                from: change.key.bucket,
                until: change.key.bucket,
            })
            .collect(),
        ..ReadPlan::default()
    };
    for (tenant, account) in changes.balance_deltas().into_keys() {
        let holder = (tenant.clone(), account.holder.clone());
        plan.balances.push(holder);
    }
    plan.normalise();
    plan
}

/// Where the counters of a batch go when it is applied to what is stored, or how it ends without being applied.
fn foresee<'b>(
    batch: &'b CommitBatch,
    seen: &Snapshot,
    abandoned: &AbandonedVersions,
) -> Result<BTreeMap<&'b CounterKey, Span>, Commit> {
    if let Some(reply) = seen.replies.get(&batch.key) {
        let is_same = reply.fingerprint == batch.reply.fingerprint;
        return Err(if is_same {
            Commit::Replayed(reply.clone())
        } else {
            Commit::Refused(Refusal::KeyReused)
        });
    }
    if let Some(row) = find_stale(batch, seen, abandoned) {
        return Err(Commit::Refused(Refusal::Stale(row)));
    }
    let counters = count(batch, seen).map_err(Commit::Refused)?;
    match find_overdrawn(batch, seen) {
        Some(refusal) => Err(Commit::Refused(refusal)),
        None => Ok(counters),
    }
}

fn find_stale(
    batch: &CommitBatch,
    seen: &Snapshot,
    abandoned: &AbandonedVersions,
) -> Option<StaleRow> {
    let changes = &*batch.changes;
    let mut versions = BTreeMap::new();
    for write in &changes.members {
        let stored = seen.members.get(&write.key).map_or(0, |row| row.version);
        let current = versions.entry(&write.key).or_insert(stored);
        if abandoned.precedes_member(write) || *current != write.expected {
            return Some(StaleRow::Member(write.key.clone()));
        }
        *current = write.row.version;
    }
    let mut versions = BTreeMap::new();
    for write in &changes.purchases {
        let stored = seen.purchases.get(&write.key).map_or(0, |row| row.version);
        let current = versions.entry(&write.key).or_insert(stored);
        if abandoned.precedes_purchase(write) || *current != write.expected {
            return Some(StaleRow::Purchase(write.key.clone()));
        }
        *current = write.row.version;
    }
    let mut versions = BTreeMap::new();
    for write in &changes.programs {
        let stored = seen.programs.get(&write.key).copied().unwrap_or_default();
        let current = versions.entry(&write.key).or_insert(stored);
        if current.checked_add(1) != Some(write.revision) {
            return Some(StaleRow::Program(write.key.clone()));
        }
        *current = write.revision;
    }
    None
}

/// Counts one change after another. Without a bound the range of the value is the bound; a release ends with it.
fn count<'b>(
    batch: &'b CommitBatch,
    seen: &Snapshot,
) -> Result<BTreeMap<&'b CounterKey, Span>, Refusal> {
    let mut values: BTreeMap<&CounterKey, Span> = BTreeMap::new();
    for change in &batch.changes.counters {
        let before = seen.counters.get(&change.key).copied().unwrap_or_default();
        let value = values.entry(&change.key).or_insert(Span {
            before,
            after: before,
        });
        let bound = change.bound.unwrap_or(i64::MAX);
        value.after = match value.after.checked_add(change.delta) {
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

/// The first account that would fall below its floor, or leave the range of minor units.
fn find_overdrawn(batch: &CommitBatch, seen: &Snapshot) -> Option<Refusal> {
    for ((tenant, account), delta) in batch.changes.balance_deltas() {
        let after = i128::from(seen.balance(tenant, account)).saturating_add(delta);
        let floor = account.floor().filter(|_| delta < 0).unwrap_or(i64::MIN);
        if i64::try_from(after).map_or(true, |after| after < floor) {
            return Some(Refusal::Floor {
                tenant: tenant.clone(),
                account: account.clone(),
            });
        }
    }
    None
}

/// Locks the rows that the group will write in the order in which every writer locks them: taken batch by batch, they
/// would be locked in another one, and two writers could wait for each other.
#[cfg(feature = "postgres")]
async fn lock_rows(
    session: &mut Session<'_>,
    means: Means<'_>,
    batches: &[CommitBatch],
) -> Result<(), Failure> {
    let mut plan = ReadPlan::default();
    for batch in batches {
        plan.merge(plan_of(batch));
    }
    plan.normalise();
    let mut locks = LOCKS
        .each_ref()
        .map(|lock| Rows::new(means.dialect, lock.rows));
    let [members, purchases, counters] = &mut locks;
    for key in &plan.members {
        members.push([key.tenant.as_str().into(), key.member.as_str().into()]);
    }
    for key in &plan.purchases {
        purchases.push([key.tenant.as_str().into(), key.purchase.as_str().into()]);
    }
    for range in &plan.counters {
        counters.push([
            range.name.tenant.as_str().into(),
            (&*range.name.subject).into(),
            (&*range.name.name).into(),
            range.from.into(),
        ]);
    }
    for (sql, rows) in means.statements.locks.iter().zip(locks) {
        if !rows.is_empty() {
            session.fetch(sql, vec![Param::Rows(rows)]).await?;
        }
    }
    Ok(())
}
