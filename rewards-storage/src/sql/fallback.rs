//! The per-batch fallback of a commit: the batches one by one, in one transaction.
//!
//! It is for groups that others were faster with again and again, and for those whose sums leave their range on the way. A
//! batch is judged before it is written, as a [group](super::group) is; when what was seen has changed until it is written,
//! its savepoint is rolled back and the batch is looked at again.

use sqlx::SqlStr;

use super::commit::{Means, write};
#[cfg(feature = "postgres")]
use super::dialect::Dialect;
use super::driver::{Held, Purpose, Session};
use super::fault::{Failure, Written};
use super::group::require_possible;
use super::look::{Verdict, View};
use super::writes::Writes;
use crate::batch::{AbandonedVersions, Commit, CommitBatch};
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
    slot: u32,
) -> Result<Vec<Commit>, Failure> {
    let mut transaction = held.session()?.begin(Purpose::Write).await?;
    let mut session = transaction.session();
    // On SQLite the transaction holds the only lock there is. Elsewhere rows are locked in the order of all writers: taken
    // batch by batch, they would be locked in another one, and two writers could wait for each other.
    #[cfg(feature = "postgres")]
    if means.dialect == Dialect::Postgres {
        View::of(batches).lock(&mut session, means, true).await?;
    }
    let mut ends = Vec::with_capacity(batches.len());
    let mut abandoned = AbandonedVersions::default();
    for batch in batches {
        ends.push(commit_one(&mut session, means, batch, slot, &mut abandoned).await?);
    }
    transaction.commit().await?;
    Ok(ends)
}

async fn commit_one(
    session: &mut Session<'_>,
    means: Means<'_>,
    batch: &CommitBatch,
    slot: u32,
    abandoned: &mut AbandonedVersions,
) -> Result<Commit, Failure> {
    for _ in 0..ATTEMPTS {
        let mut view = View::of([batch]);
        view.fill(session, means, slot).await?;
        let verdict = Verdict::on([batch], &mut view, abandoned);
        if let Some(end) = verdict.ends.into_iter().find(|end| *end != Commit::Applied) {
            return Ok(end);
        }
        // Writes that do not follow one another are stale, and were found to be.
        let Some(mut writes) = Writes::fold([batch]) else {
            let detail = String::from("a sum leaves the range of 64 bits");
            return Err(StoreError::Refused { detail }.into());
        };
        writes.end_counters_at(&verdict.counters);
        session.execute(&SAVEPOINT, Vec::new()).await?;
        match write(session, means, writes.rows(means.dialect, slot)?).await? {
            Written::All => {
                session.execute(&RELEASE, Vec::new()).await?;
                return Ok(Commit::Applied);
            }
            Written::Not(place) => require_possible(place)?,
        }
        session.execute(&ROLLBACK, Vec::new()).await?;
        session.execute(&RELEASE, Vec::new()).await?;
    }
    Err(StoreError::Conflict {
        detail: String::from("other writers were faster again and again"),
    }
    .into())
}
