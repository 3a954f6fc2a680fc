//! What hosts do beside operations: deliver events and look at the health. They [audit](super::BookReport) the books, too.

use std::path::Path;

use rewards_core::event::Stream;
use rewards_core::rejection::{Fault, Problem};
use uuid::Uuid;

use super::{Engine, TenantEngine};
use crate::store::{Claimed, StoreHealth};

/// How many events are leased at once, at most.
pub const CLAIMED_AT_ONCE_MAX: u32 = 1_000;

/// For how many seconds events are leased that are discarded.
const DISCARD_LEASE_SECONDS: u32 = 60;

/// How the engine and its store are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How the store is.
    pub store: StoreHealth,
    /// For how many seconds the oldest waiting event has waited; 0 when none waits.
    pub outbox_lag_seconds: u64,
    /// Commands that were accepted and that no worker has taken up yet.
    pub queued: usize,
    /// Workers at work; fewer than [`workers_wanted`](Self::workers_wanted) when some have died.
    ///
    /// What a command or a backend does wrong, panics included, is told to the caller and kills nobody, so a worker dies of a
    /// defect of the engine or of the host's recorder of metrics alone. It is not replaced: nobody knows what the defect has
    /// left behind, and an engine that raises its dead hides that it loses a batch with each of them. The others serve the
    /// members it has served; with the last one the engine closes, and the host opens it anew.
    pub workers: usize,
    /// Workers that the engine was opened with.
    pub workers_wanted: usize,
    /// Whether commands are accepted.
    pub is_open: bool,
}

impl Engine {
    /// How the engine and its store are, within a second. Works on a closed engine, too.
    ///
    /// # Errors
    /// A fault of the store when it cannot be reached, `store_unavailable` when it gives no answer; `engine_closed` when the
    /// store was closed with the engine.
    pub async fn health(&self) -> Result<Health, Fault> {
        let asked = self.inner.shared.storage.health().await;
        // That a closed store gives no answer is no news, and asking again is no use.
        let store = match self.inner.check_open() {
            Ok(()) => asked?,
            Err(closed) => asked.map_err(|_| closed)?,
        };
        let now = self.inner.clock.now().micros();
        let lag = store
            .outbox_oldest
            .map_or(0, |oldest| now.saturating_sub(oldest.micros()));
        Ok(Health {
            store,
            outbox_lag_seconds: u64::try_from(lag / 1_000_000).unwrap_or_default(),
            queued: self.inner.queue.waiting(),
            workers: self.inner.queue.workers(),
            workers_wanted: self.inner.workers,
            is_open: self.inner.check_open().is_ok(),
        })
    }
}

impl Engine {
    /// Writes a whole and consistent copy of the store, with the books of all tenants, into a new file at a path. Commands and
    /// queries go on meanwhile; what was answered before the call is in the copy.
    ///
    /// The copy is one SQLite file, as good as the store itself: an engine opens it, and so does any other tool that reads SQLite.
    /// It is the way to look at the books from the process that has an engine on them, because **no other SQLite library of
    /// that process may open the engine's own file**.
    ///
    /// # Errors
    /// `file_exists`, `folder_missing`, `disk_full` and `store_read_only` about the new file; `backup_unsupported` on PostgreSQL,
    /// which has `pg_dump`, and in memory; another fault of the store; `engine_closed`. `invalid` with the problem `url_invalid` at
    /// `path`, for a path that is empty, holds a NUL or is not UTF-8.
    pub async fn backup(&self, path: impl AsRef<Path>) -> Result<(), Fault> {
        self.inner.check_open()?;
        Ok(self.inner.shared.storage.backup(path.as_ref()).await?)
    }
}

impl TenantEngine {
    /// Leases the oldest waiting events to `owner` for so many seconds, at most `limit` of them and [`CLAIMED_AT_ONCE_MAX`].
    ///
    /// An event is handed out until it is acknowledged: deliver it, then call [`Self::acknowledge_events`].
    ///
    /// # Errors
    /// `invalid` for a lease that ends beyond the supported time; a fault of the store; `engine_closed`.
    pub async fn claim_events(
        &self,
        owner: Uuid,
        lease_seconds: u32,
        limit: u32,
    ) -> Result<Vec<Claimed>, Fault> {
        self.inner.check_open()?;
        let now = self.inner.clock.now();
        let lease = i64::from(lease_seconds).saturating_mul(1_000_000);
        let until = now
            .checked_add_micros(lease)
            .map_err(|error| Problem::new("out_of_range", "lease_seconds", error.to_string()))?;
        let limit = limit.min(CLAIMED_AT_ONCE_MAX);
        let storage = &self.inner.shared.storage;
        let claimed = storage.ask(|store| store.claim(self.tenant(), owner, now, until, limit));
        Ok(claimed.await?)
    }

    /// Removes delivered events that are leased to `owner`; returns how many were.
    ///
    /// # Errors
    /// A fault of the store; `engine_closed`.
    pub async fn acknowledge_events(
        &self,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, Fault> {
        self.inner.check_open()?;
        let storage = &self.inner.shared.storage;
        let removed = storage.ask(|store| store.acknowledge(self.tenant(), owner, events));
        Ok(removed.await?)
    }

    /// Gives back events that `owner` has leased and will not deliver; returns how many were.
    ///
    /// # Errors
    /// A fault of the store; `engine_closed`.
    pub async fn release_events(
        &self,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, Fault> {
        self.inner.check_open()?;
        let storage = &self.inner.shared.storage;
        let released = storage.ask(|store| store.release(self.tenant(), owner, events));
        Ok(released.await?)
    }

    /// Removes all waiting events undelivered, but those that somebody has leased; returns how many. For a host that has kept
    /// events and delivers none.
    ///
    /// # Errors
    /// A fault of the store, when some may be removed already; `engine_closed`.
    pub async fn discard_events(&self) -> Result<u64, Fault> {
        let owner = Uuid::from_u128(self.inner.random.next());
        let mut discarded = 0_u64;
        loop {
            let claimed = self.claim_events(owner, DISCARD_LEASE_SECONDS, CLAIMED_AT_ONCE_MAX);
            let claimed = claimed.await?.into_iter();
            let events: Vec<_> = claimed.map(|c| (c.event.stream, c.event.seq)).collect();
            if events.is_empty() {
                return Ok(discarded);
            }
            let removed = self.acknowledge_events(owner, &events).await?;
            discarded = discarded.saturating_add(removed);
        }
    }
}
