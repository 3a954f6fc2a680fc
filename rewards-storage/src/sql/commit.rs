//! Commits: a group of batches in one transaction.
//!
//! The fast path writes the whole group at once, each table with one statement, and checks that every statement
//! affected as many rows as it was given. It knows only whether all batches can be applied. When they cannot, nothing
//! is written, and the [per-batch fallback](super::fallback) takes them one by one.

use super::dialect::Dialect;
use super::driver::{Driver, Held, Purpose, Session};
use super::fallback;
use super::fault::{self, Failure, Written};
use super::rows::{Param, Rows};
use super::statements::{STEPS, Statements};
use super::writes::Writes;
use crate::batch::{Commit, CommitBatch};

/// What loads and commits need to know of their store.
#[derive(Clone, Copy)]
pub(super) struct Means<'s> {
    pub driver: &'s Driver,
    pub dialect: Dialect,
    pub statements: &'s Statements,
}

/// Commits the batches and says how each ended, in order.
pub(super) async fn commit(
    means: Means<'_>,
    batches: &[CommitBatch],
) -> Result<Vec<Commit>, Failure> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let folded = Writes::fold(batches);
    let steps = match &folded {
        Some(writes) => Some(writes.rows(means.dialect)?),
        None => None,
    };
    let mut held = means.driver.writer().await?;
    if let Some(steps) = steps
        && write_group(means, &mut held, steps).await? == Written::All
    {
        held.release();
        return Ok(batches.iter().map(|_| Commit::Applied).collect());
    }
    tracing::debug!("the group cannot be written at once");
    metrics::counter!("rewards_store_fallback_commits_total", "backend" => means.dialect.name())
        .increment(1);
    let ends = fallback::commit(means, &mut held, batches).await?;
    held.release();
    Ok(ends)
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
            Ok(affected) if affected == Ok(expected) => {}
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
    let mut chosen = 0_usize;
    let mut params = Vec::with_capacity(STEPS * 2);
    let mut counts = Vec::with_capacity(STEPS);
    for (place, rows) in steps.into_iter().enumerate() {
        if !rows.is_empty() {
            chosen |= 1 << place;
            counts.push(Param::Int(i64::try_from(rows.len()).ok()));
            params.push(Param::Rows(rows));
        }
    }
    params.append(&mut counts);
    let assemble = || super::statements::chain(means.dialect, chosen);
    let sql = means.statements.chains.get(chosen, assemble);
    let fetched = session.fetch(&sql, params).await;
    fetched.map(|_| Written::All).or_else(fault::written)
}
