//! A complete backend in memory: for tests, simulations, and hosts that keep their data elsewhere.
//!
//! [`MemoryStore`] obeys the same contract as the SQL backends, line by line: the same order of checks, the same
//! refusals, the same bytewise orders. A group of batches is decided against a staging area and moved into the tables
//! as a whole, so an error in the middle leaves nothing behind. Nothing is durable: the data ends with the value.
//!
//! It decides nothing about rewards, and it never looks at a clock.

mod books;
mod commit;
mod lists;
mod outbox;
mod query;
mod tables;

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rewards_core::snapshot::{ReadPlan, Snapshot};

use crate::batch::{Commit, CommitBatch};
use crate::error::StoreError;
use crate::store::Store;
use commit::Staging;
use tables::Tables;

/// A backend that keeps everything in memory, behind one lock.
///
/// ```
/// use rewards_core::snapshot::ReadPlan;
/// use rewards_storage::{memory::MemoryStore, store::Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), rewards_storage::error::StoreError> {
/// let store = MemoryStore::new();
/// assert!(store.commit(&[]).await?.is_empty());
/// assert!(store.load(&ReadPlan::default()).await?.members.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tables. A panic elsewhere cannot have left them half-written, because groups are staged before they are
    /// moved in; so a poisoned lock is as good as a clean one.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self, plan: &ReadPlan) -> Result<Snapshot, StoreError> {
        Ok(self.tables().snapshot(plan))
    }

    async fn commit(&self, batches: &[CommitBatch]) -> Result<Vec<Commit>, StoreError> {
        let mut tables = self.tables();
        let mut staging = Staging::over(&tables);
        let outcomes = batches
            .iter()
            .map(|batch| staging.commit(batch))
            .collect::<Result<Vec<_>, _>>()?;
        let staged = staging.finish();
        tables.take_in(staged);
        Ok(outcomes)
    }
}
