//! Commits: a group of batches in one transaction.
//!
//! - The *fast path* writes the whole group at once, each table with one statement, and checks that every statement
//!   affected as many rows as it was given. It knows only whether all batches can be applied.
//! - When they cannot, nothing is written, and the [group is judged](super::group): what it expects is locked and looked up
//!   in one set, the batches that cannot be applied are left out, and the others are written at once. A lost race costs its
//!   own command and what builds on it. Where races are frequent, groups are judged at once.
//! - When somebody else is faster between the look and the writes, the group is judged again, a few times; at last the
//!   [per-batch fallback](super::fallback) takes the batches one by one.
//!
//! All of them lock rows in one order, so no two writers ever wait for each other: see [`COMMIT`](super::statements::COMMIT).

use std::sync::atomic::{AtomicU32, Ordering};

use super::dialect::Dialect;
use super::driver::{Driver, Held, Purpose, Session};
use super::fault::{self, Failure, Written};
use super::group::{self, Attempt};
use super::rows::{Param, Rows};
use super::statements::{STEPS, Statements, step};
use super::writes::{Writes, are_locked_first, keys_are_guarded};
use super::{fallback, slots::Slots};
use crate::batch::{AbandonedVersions, Commit, CommitBatch};

/// How often a group is judged before its batches are taken one by one.
const ATTEMPTS: u32 = 4;

/// What loads and commits need to know of their store.
#[derive(Clone, Copy)]
pub(super) struct Means<'s> {
    pub driver: &'s Driver,
    pub dialect: Dialect,
    pub statements: &'s Statements,
    pub slots: &'s Slots,
    pub races: &'s Races,
}

/// Whether others write the same rows at the moment, so that the fast path is not worth trying.
#[derive(Debug, Default)]
pub(super) struct Races(AtomicU32);

impl Races {
    /// How many groups without a refusal it takes until the fast path is tried again.
    const MEMORY: u32 = 4;

    fn are_likely(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    fn note(&self, has_lost: bool) {
        if has_lost {
            self.0.store(Self::MEMORY, Ordering::Relaxed);
        } else {
            let less = |left: u32| Some(left.saturating_sub(1));
            // The closure always has a value, so this cannot fail.
            let _ = self
                .0
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }
}

/// Commits the batches and says how each ended, in order.
pub(super) async fn commit(
    means: Means<'_>,
    batches: &[CommitBatch],
) -> Result<Vec<Commit>, Failure> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let slot = means.slots.lease();
    let slot = slot.number();
    let is_judged = means.races.are_likely()
        || !keys_are_guarded(batches)
        || means.dialect.locks_rows() && are_locked_first(batches);
    let folded = if is_judged {
        None
    } else {
        Writes::fold(batches)
    };
    let steps = match &folded {
        Some(writes) => Some(writes.rows(means.dialect, slot)?),
        None => None,
    };
    let mut held = means.driver.writer().await?;
    let ends = commit_on(means, &mut held, batches, steps, slot).await;
    held.end(ends)
}

async fn commit_on(
    means: Means<'_>,
    held: &mut Held<'_>,
    batches: &[CommitBatch],
    steps: Option<[Rows<'_>; STEPS]>,
    slot: u32,
) -> Result<Vec<Commit>, Failure> {
    if let Some(steps) = steps
        && write_group(means, held, steps).await? == Written::All
    {
        return Ok(batches.iter().map(|_| Commit::Applied).collect());
    }
    metrics::counter!("rewards_store_judged_commits_total", "backend" => means.dialect.name())
        .increment(1);
    for _ in 0..ATTEMPTS {
        let mut abandoned = AbandonedVersions::default();
        match group::commit(means, held, batches, slot, &mut abandoned).await? {
            Attempt::Done(ends) => {
                let is_lost = ends.iter().any(|end| *end != Commit::Applied);
                means.races.note(is_lost);
                return Ok(ends);
            }
            Attempt::Lost => means.races.note(true),
            Attempt::Inseparable => break,
        }
    }
    tracing::debug!("the group cannot be written at once");
    metrics::counter!("rewards_store_fallback_commits_total", "backend" => means.dialect.name())
        .increment(1);
    fallback::commit(means, held, batches, slot).await
}

/// Writes a group in a transaction of its own: all of it or nothing.
async fn write_group(
    means: Means<'_>,
    held: &mut Held<'_>,
    steps: [Rows<'_>; STEPS],
) -> Result<Written, Failure> {
    // One statement is a transaction of its own.
    #[cfg(feature = "postgres")]
    if means.dialect == Dialect::Postgres {
        return Ok(write(&mut held.session()?, means, steps).await?);
    }
    let mut transaction = held.session()?.begin(Purpose::Write).await?;
    let written = write(&mut transaction.session(), means, steps).await?;
    match written {
        Written::All => transaction.commit().await?,
        Written::Not(_) => transaction.rollback().await?,
    }
    Ok(written)
}

/// Makes the writes. Those that were made before one that was not must be rolled back.
pub(super) async fn write(
    session: &mut Session<'_>,
    means: Means<'_>,
    steps: [Rows<'_>; STEPS],
) -> sqlx::Result<Written> {
    match session {
        #[cfg(feature = "postgres")]
        Session::Postgres(_) => write_chain(session, means, steps).await,
        #[cfg(feature = "sqlite")]
        Session::Sqlite(_) => write_steps(session, means, steps).await,
    }
}

#[cfg(feature = "sqlite")]
async fn write_steps(
    session: &mut Session<'_>,
    means: Means<'_>,
    steps: [Rows<'_>; STEPS],
) -> sqlx::Result<Written> {
    for (place, (sql, rows)) in means.statements.steps.iter().zip(steps).enumerate() {
        if rows.is_empty() {
            continue;
        }
        let expected = rows.len();
        let affected = session.execute(sql, vec![Param::Rows(rows)]).await;
        match affected.map(usize::try_from) {
            Ok(affected) if affected == Ok(expected) || place == step::ERASED_REASONS => {}
            Ok(_) => return Ok(Written::Not(Some(place))),
            // The database says that a write was refused, and here is known which.
            Err(error) => return fault::written(error).map(|_| Written::Not(Some(place))),
        }
    }
    Ok(Written::All)
}

#[cfg(feature = "postgres")]
async fn write_chain(
    session: &mut Session<'_>,
    means: Means<'_>,
    steps: [Rows<'_>; STEPS],
) -> sqlx::Result<Written> {
    let mut chosen = 0_u32;
    let mut params = Vec::with_capacity(STEPS * 2);
    let mut counts = Vec::with_capacity(STEPS);
    for (place, rows) in steps.into_iter().enumerate() {
        if !rows.is_empty() {
            chosen |= 1 << place;
            if place != step::ERASED_REASONS {
                counts.push(Param::Int(i64::try_from(rows.len()).ok()));
            }
            params.push(Param::Rows(rows));
        }
    }
    params.append(&mut counts);
    let assemble = || super::statements::chain(means.dialect, chosen);
    let sql = means.statements.chains.get(chosen, assemble);
    let fetched = session.fetch(&sql, params).await;
    fetched.map(|_| Written::All).or_else(fault::written)
}
