//! The backend, with patience, and with an end to it: transient errors are tried again after a short, growing pause, until
//! an answer has taken too long.
//!
//! Trying again is safe for everything that goes through here. Reads change nothing; a commit carries its idempotency
//! keys, so one whose acknowledgement was lost replays. A panic of a backend counts as a permanent error.
//!
//! A store that gave no answer is not asked for a moment. Otherwise those who queued behind the call that got none would
//! each wait as long as it did, one after another.

use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rewards_core::rejection::Problem;
use rewards_core::snapshot::{ReadPlan, Snapshot};
use tokio::time::{Instant, timeout};

use super::faults::panic_text;
use super::telemetry::Telemetry;
use crate::batch::{Commit, CommitBatch};
use crate::error::StoreError;
use crate::store::{Backend, Query, StoreHealth};

/// How often one call is tried while the store is unavailable, the first time included.
pub const STORE_TRIES_MAX: u32 = 6;
/// The pause before the second try; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// How long to wait for an answer by default, all tries together: an unknown outcome is told within 10 seconds.
pub const STORE_PATIENCE: Duration = Duration::from_secs(8);
/// The patience that users may choose, in milliseconds: a busy machine does not answer in less, and more is as good as none.
const USERS_PATIENCE: RangeInclusive<u64> = 100..=3_600_000;
/// For how long a store that gave no answer is not asked.
const SILENCE: Duration = Duration::from_secs(1);
/// How long to wait for an answer about the store's health: it is told within a second.
const HEALTH_LIMIT: Duration = Duration::from_millis(900);

/// The patience of an engine whose user said how many milliseconds to wait; [`STORE_PATIENCE`] where nothing was said.
///
/// Every binding reads it here, so that the same is allowed in every language.
///
/// ```
/// use std::time::Duration;
/// use rewards_storage::engine::{STORE_PATIENCE, read_patience};
///
/// assert_eq!(read_patience("timeout", None), Ok(STORE_PATIENCE));
/// assert_eq!(read_patience("timeout", Some(100)), Ok(Duration::from_millis(100)));
/// assert_eq!(read_patience("timeout", Some(99)).map_err(|problem| problem.path), Err("timeout".into()));
/// assert!(read_patience("timeout", Some(3_600_001)).is_err());
/// ```
///
/// # Errors
/// `value_invalid` at `path` for less than 100 milliseconds and for more than an hour.
pub fn read_patience(path: &str, milliseconds: Option<u64>) -> Result<Duration, Problem> {
    match milliseconds {
        None => Ok(STORE_PATIENCE),
        Some(chosen) if USERS_PATIENCE.contains(&chosen) => Ok(Duration::from_millis(chosen)),
        Some(chosen) => {
            let (least, most) = (USERS_PATIENCE.start(), USERS_PATIENCE.end());
            let detail = format!("expected {least} to {most} milliseconds, got {chosen}");
            Err(Problem::new("value_invalid", path, detail))
        }
    }
}

/// A backend that is asked again when it is unavailable for a moment.
#[derive(Debug)]
pub(super) struct Storage {
    backend: Arc<dyn Backend>,
    telemetry: Arc<Telemetry>,
    /// How long to wait for an answer, all tries together.
    patience: Duration,
    /// When a call was last given up.
    silent_since: Mutex<Option<Instant>>,
}

impl Storage {
    pub(super) fn new(
        backend: Arc<dyn Backend>,
        telemetry: Arc<Telemetry>,
        patience: Duration,
    ) -> Self {
        Self {
            backend,
            telemetry,
            patience,
            silent_since: Mutex::default(),
        }
    }

    /// How the store is; asked once, and not for long.
    pub(super) async fn health(&self) -> Result<StoreHealth, StoreError> {
        let limit = HEALTH_LIMIT.min(self.patience);
        let health = timeout(limit, self.once(&Query::health)).await;
        health.unwrap_or_else(|_| Err(no_answer(limit)))
    }

    /// Has the store copy itself; asked once, for as long as it takes.
    pub(super) async fn backup(&self, path: &Path) -> Result<(), StoreError> {
        self.once(&|backend| backend.backup(path)).await
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
        if self.is_silent() {
            return Err(no_answer(self.patience));
        }
        let mut last = None;
        let answer = timeout(self.patience, self.insist(work, &mut last)).await;
        answer.unwrap_or_else(|_| match last {
            // It is there and says what is in the way: somebody else holds what is to be written.
            Some(conflict @ StoreError::Conflict { .. }) => Err(conflict),
            _ => {
                tracing::warn!("the store gives no answer");
                *self.silent_since() = Some(Instant::now());
                Err(no_answer(self.patience))
            }
        })
    }

    fn is_silent(&self) -> bool {
        self.silent_since()
            .is_some_and(|since| since.elapsed() < SILENCE)
    }

    fn silent_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.silent_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks again and again, and keeps what the store said last.
    async fn insist<'a, T>(
        &'a self,
        work: impl Fn(&'a dyn Backend) -> BoxFuture<'a, Result<T, StoreError>>,
        last: &mut Option<StoreError>,
    ) -> Result<T, StoreError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..STORE_TRIES_MAX {
            match self.once(&work).await {
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, "the store is unavailable, trying again");
                    self.telemetry.retried("store");
                    *last = Some(error);
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

fn no_answer(limit: Duration) -> StoreError {
    StoreError::Unavailable {
        detail: format!("the store gave no answer within {} ms", limit.as_millis()),
    }
}
