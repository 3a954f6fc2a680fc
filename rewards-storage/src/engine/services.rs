//! What hosts do beside operations: deliver events and look at the health. They [audit](super::BookReport) the books, too.

use rewards_core::event::Stream;
use rewards_core::rejection::{Fault, Problem};
use uuid::Uuid;

use super::{Engine, TenantEngine};
use crate::store::{Claimed, Query, StoreHealth};

/// How the engine and its store are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How the store is.
    pub store: StoreHealth,
    /// For how many seconds the oldest waiting event has waited; 0 when none waits.
    pub outbox_lag_seconds: u64,
    /// Commands that were accepted and that no worker has taken up yet.
    pub queued: usize,
    /// Workers at work; fewer than the engine was opened with when some have died.
    pub workers: usize,
    /// Whether commands are accepted.
    pub is_open: bool,
}

impl Engine {
    /// How the engine and its store are. Works on a closed engine, too.
    ///
    /// # Errors
    /// A fault of the store when it cannot be reached.
    pub async fn health(&self) -> Result<Health, Fault> {
        let store = self.inner.shared.storage.ask(Query::health).await?;
        let now = self.inner.clock.now().micros();
        let lag = store
            .outbox_oldest
            .map_or(0, |oldest| now.saturating_sub(oldest.micros()));
        Ok(Health {
            store,
            outbox_lag_seconds: u64::try_from(lag / 1_000_000).unwrap_or_default(),
            queued: self.inner.queue.waiting(),
            workers: self.inner.queue.workers(),
            is_open: self.inner.check_open().is_ok(),
        })
    }
}

impl TenantEngine {
    /// Leases the oldest waiting events to `owner` for so many seconds, at most `limit` of them.
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
}
