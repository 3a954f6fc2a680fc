//! A store that fails on purpose: a decorator that injects faults by a seeded plan.
//!
//! [`FaultyStore`] wraps any backend and is one itself. Every fault is one that the [contract](crate::store) allows a
//! real backend: an error before anything happened, a conflict, an error after a commit was applied (the
//! acknowledgement was lost), a group of which only the first batches were committed, latency, a call that stands still
//! for long and then fails, and the errors that trying again does not mend: a refusal, and a row that cannot be read. A
//! caller that is right above this store is right above a network.
//!
//! Which call fails follows from [`FaultPlan::seed`] and the number of the call alone: there is no ambient randomness.
//! Calls that race each other draw in the order in which they arrive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rewards_core::snapshot::{ReadPlan, Snapshot};

use crate::batch::{Commit, CommitBatch};
use crate::error::StoreError;
use crate::store::{Backend, Store};

/// How often each fault strikes, in ‰ of the calls it can strike: 0 never, 1000 and above always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultRates {
    /// A load fails as unavailable.
    pub load_error: u16,
    /// A commit fails as unavailable before anything happened.
    pub commit_error: u16,
    /// A commit fails as a conflict before anything happened.
    pub conflict: u16,
    /// A commit of several batches commits only the first of them, one at least, and fails as unavailable.
    pub torn_group: u16,
    /// A commit is done, and then fails as unavailable.
    pub lost_acknowledgement: u16,
    /// A call of the read side fails as unavailable.
    pub query_error: u16,
    /// A call of the outbox fails as unavailable before anything happened.
    pub outbox_error: u16,
    /// A call of any kind begins late, by [`FaultPlan::latency`].
    pub latency: u16,
    /// A call of any kind stands still for [`FaultPlan::hang`] and then fails as unavailable, before anything happened.
    pub hang: u16,
    /// A call of any kind is refused, before anything happened: the disk is full, or may only be read.
    pub refused: u16,
    /// A load or a call of the read side finds a row that it cannot read.
    pub corrupt: u16,
}

/// What goes wrong, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultPlan {
    /// Where the sequence of draws begins. The same seed and the same calls give the same faults.
    pub seed: u64,
    /// How often each fault strikes.
    pub per_mille: FaultRates,
    /// How late a late call begins, by the timer of the runtime, so that paused time works.
    pub latency: Duration,
    /// For how long a call stands still, by the same timer.
    pub hang: Duration,
}

/// How often each fault has struck, by the fields of [`FaultRates`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultCounts {
    /// Loads that failed.
    pub load_error: u64,
    /// Commits that failed before anything happened.
    pub commit_error: u64,
    /// Commits that failed as a conflict.
    pub conflict: u64,
    /// Groups of which only the first batches were committed.
    pub torn_group: u64,
    /// Commits that were done and then failed.
    pub lost_acknowledgement: u64,
    /// Calls of the read side that failed.
    pub query_error: u64,
    /// Calls of the outbox that failed.
    pub outbox_error: u64,
    /// Calls that began late.
    pub latency: u64,
    /// Calls that stood still and failed.
    pub hang: u64,
    /// Calls that were refused.
    pub refused: u64,
    /// Calls that found a row that they could not read.
    pub corrupt: u64,
}

impl FaultCounts {
    /// All faults together, latency included.
    #[must_use]
    pub fn total(&self) -> u64 {
        [
            self.load_error,
            self.commit_error,
            self.conflict,
            self.torn_group,
            self.lost_acknowledgement,
            self.query_error,
            self.outbox_error,
            self.latency,
            self.hang,
            self.refused,
            self.corrupt,
        ]
        .iter()
        .fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// One kind of fault: its rate, and how often it has struck.
#[derive(Debug)]
struct Fault {
    name: &'static str,
    per_mille: u16,
    struck: AtomicU64,
}

impl Fault {
    fn new(name: &'static str, per_mille: u16) -> Self {
        Self {
            name,
            per_mille,
            struck: AtomicU64::new(0),
        }
    }

    fn count(&self) -> u64 {
        self.struck.load(Ordering::Relaxed)
    }

    fn error(&self) -> StoreError {
        StoreError::Unavailable {
            detail: format!("injected fault: {}", self.name),
        }
    }
}

/// A backend over another one, with faults.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    draws: Draws,
    pause: Duration,
    stand_still: Duration,
    load_error: Fault,
    commit_error: Fault,
    conflict: Fault,
    torn_group: Fault,
    lost_acknowledgement: Fault,
    query_error: Fault,
    outbox_error: Fault,
    latency: Fault,
    hang: Fault,
    refused: Fault,
    corrupt: Fault,
}

impl<S> FaultyStore<S> {
    /// Faults by the plan, over a backend.
    #[must_use]
    pub fn new(inner: S, plan: FaultPlan) -> Self {
        let rates = plan.per_mille;
        Self {
            inner,
            draws: Draws(AtomicU64::new(plan.seed)),
            pause: plan.latency,
            stand_still: plan.hang,
            load_error: Fault::new("load error", rates.load_error),
            commit_error: Fault::new("commit error", rates.commit_error),
            conflict: Fault::new("conflict", rates.conflict),
            torn_group: Fault::new("torn group", rates.torn_group),
            lost_acknowledgement: Fault::new("lost acknowledgement", rates.lost_acknowledgement),
            query_error: Fault::new("query error", rates.query_error),
            outbox_error: Fault::new("outbox error", rates.outbox_error),
            latency: Fault::new("latency", rates.latency),
            hang: Fault::new("hang", rates.hang),
            refused: Fault::new("refused", rates.refused),
            corrupt: Fault::new("corrupt", rates.corrupt),
        }
    }

    /// The backend below, which never fails on purpose: for auditors.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// How often each fault has struck.
    #[must_use]
    pub fn counts(&self) -> FaultCounts {
        FaultCounts {
            load_error: self.load_error.count(),
            commit_error: self.commit_error.count(),
            conflict: self.conflict.count(),
            torn_group: self.torn_group.count(),
            lost_acknowledgement: self.lost_acknowledgement.count(),
            query_error: self.query_error.count(),
            outbox_error: self.outbox_error.count(),
            latency: self.latency.count(),
            hang: self.hang.count(),
            refused: self.refused.count(),
            corrupt: self.corrupt.count(),
        }
    }

    /// Whether a fault strikes now.
    fn strikes(&self, fault: &Fault) -> bool {
        let strikes = self.draws.below(1_000) < u64::from(fault.per_mille);
        if strikes {
            fault.struck.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(fault = fault.name, "injected");
        }
        strikes
    }

    /// What every call begins with: perhaps a pause, then perhaps a fault.
    async fn enter(&self, fault: &Fault) -> Result<(), StoreError> {
        if self.strikes(&self.latency) {
            tokio::time::sleep(self.pause).await;
        }
        if self.may_strike(&self.hang) {
            tokio::time::sleep(self.stand_still).await;
            return Err(self.hang.error());
        }
        if self.may_strike(&self.refused) {
            return Err(StoreError::Refused {
                detail: "injected fault: refused".to_owned(),
            });
        }
        if self.strikes(fault) {
            return Err(fault.error());
        }
        Ok(())
    }

    /// The same for calls that read rows.
    async fn enter_reading(&self, fault: &Fault) -> Result<(), StoreError> {
        self.enter(fault).await?;
        if self.may_strike(&self.corrupt) {
            return Err(StoreError::Corrupt {
                detail: "injected fault: corrupt".to_owned(),
            });
        }
        Ok(())
    }

    /// Whether a fault strikes that most plans do not have: those draw as if there were none.
    fn may_strike(&self, fault: &Fault) -> bool {
        fault.per_mille > 0 && self.strikes(fault)
    }

    /// How many batches of a group a torn commit lets through: one at least, not all.
    fn torn_at(&self, batches: usize) -> usize {
        let others = u64::try_from(batches.saturating_sub(1)).unwrap_or(u64::MAX);
        let some = self.draws.below(others.max(1)).saturating_add(1);
        usize::try_from(some).unwrap_or(usize::MAX)
    }
}

#[async_trait]
impl<S: Store> Store for FaultyStore<S> {
    async fn load(&self, plan: &ReadPlan) -> Result<Snapshot, StoreError> {
        self.enter_reading(&self.load_error).await?;
        self.inner.load(plan).await
    }

    async fn commit(&self, batches: &[CommitBatch]) -> Result<Vec<Commit>, StoreError> {
        self.enter(&self.commit_error).await?;
        if self.strikes(&self.conflict) {
            return Err(StoreError::Conflict {
                detail: "injected fault: conflict".to_owned(),
            });
        }
        if batches.len() > 1 && self.strikes(&self.torn_group) {
            let (first, _) = batches
                .split_at_checked(self.torn_at(batches.len()))
                .unwrap_or((batches, &[]));
            self.inner.commit(first).await?;
            return Err(self.torn_group.error());
        }
        let outcomes = self.inner.commit(batches).await?;
        if self.strikes(&self.lost_acknowledgement) {
            return Err(self.lost_acknowledgement.error());
        }
        Ok(outcomes)
    }
}

crate::forward_store! {
    impl<S: Backend> for FaultyStore<S>,
    |store| store.inner,
    query: store.enter_reading(&store.query_error),
    outbox: store.enter(&store.outbox_error)
}

/// SplitMix64: a counter whose every value is mixed, so that draws need no lock and none is taken twice.
#[derive(Debug)]
struct Draws(AtomicU64);

impl Draws {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

    fn next(&self) -> u64 {
        let state = self
            .0
            .fetch_add(Self::STEP, Ordering::Relaxed)
            .wrapping_add(Self::STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A draw from `0..bound`; the bias of the remainder is below one in 2⁵⁰ for the bounds used here.
    fn below(&self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_splitmix64() {
        // The published reference sequence for the seed 1234567.
        let draws = Draws(AtomicU64::new(1_234_567));
        let want = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(want.map(|_| draws.next()), want);
    }
}
