//! The per-batch fallback of a commit: the batches one by one, each judged and written as a [group](super::group) of its own.
//!
//! It is for groups that others were faster with again and again, and for those whose writes cannot be made at once. Each
//! batch has a transaction of its own: together in one they would lock rows batch by batch and not in the order of all
//! writers, and two writers could wait for each other. When the answer to one is an error, those before it are durable; they
//! are replayed when the group is sent again.

use std::slice;

use super::commit::Means;
use super::driver::Held;
use super::fault::Failure;
use super::group::{self, Attempt};
use crate::batch::{AbandonedVersions, Commit, CommitBatch};
use crate::error::StoreError;

/// How often a batch is looked at again after somebody was faster.
const ATTEMPTS: u32 = 5;

/// Commits the batches one by one.
pub(super) async fn commit(
    means: Means<'_>,
    held: &mut Held<'_>,
    batches: &[CommitBatch],
    slot: u32,
) -> Result<Vec<Commit>, Failure> {
    let mut ends = Vec::with_capacity(batches.len());
    let mut abandoned = AbandonedVersions::default();
    for batch in batches {
        ends.extend(commit_one(means, held, batch, slot, &mut abandoned).await?);
    }
    Ok(ends)
}

async fn commit_one(
    means: Means<'_>,
    held: &mut Held<'_>,
    batch: &CommitBatch,
    slot: u32,
    abandoned: &mut AbandonedVersions,
) -> Result<Vec<Commit>, Failure> {
    for _ in 0..ATTEMPTS {
        match group::commit(means, held, slice::from_ref(batch), slot, abandoned).await? {
            Attempt::Done(ends) => return Ok(ends),
            Attempt::Lost => {}
            // Writes that do not follow one another are stale, and were found to be.
            Attempt::Inseparable => {
                let detail = String::from("a sum leaves the range of 64 bits");
                return Err(StoreError::Refused { detail }.into());
            }
        }
    }
    Err(StoreError::Conflict {
        detail: String::from("other writers were faster again and again"),
    }
    .into())
}
