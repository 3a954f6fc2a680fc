//! A group that is judged before it is written: one look at everything that its batches expect, then the writes of those
//! that can be applied, all in one transaction.
//!
//! Rows that are there are locked before they are looked at, so nobody else moves them before they are written. What is not
//! there cannot be locked, and counters are not: they commute, and their bounds are checked again when they are written. So
//! the writes can still find that somebody else was faster.

use super::commit::{Means, write};
#[cfg(feature = "postgres")]
use super::dialect::Dialect;
use super::driver::{Held, Purpose};
use super::fault::{Failure, Written};
use super::look::{Verdict, View};
use super::statements::step;
use super::writes::Writes;
use crate::batch::{AbandonedVersions, Commit, CommitBatch};
use crate::error::StoreError;

/// How an attempt to commit a group ended.
pub(super) enum Attempt {
    /// It is durable, but for the batches that were refused.
    Done(Vec<Commit>),
    /// Nothing was written: somebody else was faster.
    Lost,
    /// Nothing was written: the batches that can be applied cannot be written at once.
    Inseparable,
}

/// Commits what can be applied of a group, after others of the same commit that left versions behind.
pub(super) async fn commit(
    means: Means<'_>,
    held: &mut Held<'_>,
    batches: &[CommitBatch],
    slot: u32,
    abandoned: &mut AbandonedVersions,
) -> Result<Attempt, Failure> {
    let mut transaction = held.session()?.begin(Purpose::Write).await?;
    let mut session = transaction.session();
    let mut view = View::of(batches);
    // On SQLite the transaction holds the only lock there is.
    #[cfg(feature = "postgres")]
    if means.dialect == Dialect::Postgres {
        view.lock(&mut session, means).await?;
    }
    view.fill(&mut session, means, slot).await?;
    let verdict = Verdict::on(batches, &mut view, abandoned);
    if verdict.applied.is_empty() {
        transaction.rollback().await?;
        return Ok(Attempt::Done(verdict.ends));
    }
    let Some(mut writes) = Writes::fold(verdict.applied.iter().copied()) else {
        transaction.rollback().await?;
        return Ok(Attempt::Inseparable);
    };
    writes.end_counters_at(&verdict.counters);
    let written = write(&mut session, means, writes.rows(means.dialect, slot)?).await?;
    match written {
        Written::All => {
            transaction.commit().await?;
            Ok(Attempt::Done(verdict.ends))
        }
        Written::Not(place) => {
            transaction.rollback().await?;
            require_possible(place)?;
            Ok(Attempt::Lost)
        }
    }
}

/// What depends on nothing but the version of its owner's row, which was right, is never lost to somebody else: the books
/// are damaged, or the batch is. The key is not named, because it names a member.
fn require_possible(refused: Option<usize>) -> Result<(), Failure> {
    let exists = |what: &str| format!("a new {what} has the number of one that is stored");
    let detail = match refused {
        Some(step::JOURNAL) => exists("journal entry"),
        Some(step::OUTBOX) => exists("event"),
        Some(step::NEW_LOTS) => exists("lot"),
        Some(step::CHANGED_LOTS) => String::from("a lot that changes is not stored"),
        _ => return Ok(()),
    };
    Err(StoreError::Refused { detail }.into())
}
