//! The backend, with patience: transient errors are tried again after a short, growing pause.
//!
//! Trying again is safe for everything that goes through here. Reads change nothing; a commit carries its idempotency
//! keys, so one whose acknowledgement was lost replays. A panic of a backend counts as a permanent error.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rewards_core::snapshot::{ReadPlan, Snapshot};

use super::faults::panic_text;
use super::telemetry::Telemetry;
use crate::batch::{Commit, CommitBatch};
use crate::error::StoreError;
use crate::store::Backend;

/// How often one call is tried while the store is unavailable, the first time included.
pub const STORE_TRIES_MAX: u32 = 6;
/// The pause before the second try; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// A backend that is asked again when it is unavailable for a moment.
#[derive(Debug)]
pub(super) struct Storage {
    backend: Arc<dyn Backend>,
    telemetry: Arc<Telemetry>,
}

impl Storage {
    pub(super) fn new(backend: Arc<dyn Backend>, telemetry: Arc<Telemetry>) -> Self {
        Self { backend, telemetry }
    }

    pub(super) async fn load(&self, plan: &ReadPlan) -> Result<Snapshot, StoreError> {
        self.ask(|backend| backend.load(plan)).await
    }

    pub(super) async fn commit(&self, batches: &[CommitBatch]) -> Result<Vec<Commit>, StoreError> {
        let outcomes = self.ask(|backend| backend.commit(batches)).await?;
        if outcomes.len() == batches.len() {
            Ok(outcomes)
        } else {
            let detail = format!(
                "the store answered {} of {} batches",
                outcomes.len(),
                batches.len()
            );
            Err(StoreError::Refused { detail })
        }
    }

    /// Asks until there is an answer, a permanent error, or no more patience.
    pub(super) async fn ask<'a, T>(
        &'a self,
        work: impl Fn(&'a dyn Backend) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..STORE_TRIES_MAX {
            match self.once(&work).await {
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, "the store is unavailable, trying again");
                    self.telemetry.retried("store");
                }
                outcome => return outcome,
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
        self.once(&work).await
    }

    async fn once<'a, T>(
        &'a self,
        work: &impl Fn(&'a dyn Backend) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        // The future is dropped after a panic, and the backend keeps its own state consistent by contract.
        AssertUnwindSafe(async { work(&*self.backend).await })
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| {
                let detail = format!("the backend panicked: {}", panic_text(&*panic));
                Err(StoreError::Refused { detail })
            })
    }
}
