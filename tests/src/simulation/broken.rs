//! Stores that break their contract in one way each: an auditor worth having notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use rewards_core::decision::{Changes, LotWrite, ProgramWrite};
use rewards_core::event::Stream;
use rewards_core::ids::{IdempotencyKey, MemberId, TenantId};
use rewards_core::ledger::{Account, JournalEntry};
use rewards_core::snapshot::{ReadPlan, Snapshot};
use rewards_core::time::Timestamp;
use rewards_storage::batch::{Commit, CommitBatch};
use rewards_storage::error::StoreError;
use rewards_storage::store::{
    AfterMember, Backend, Claimed, MemberHead, Outbox, Query, Store, StoreHealth,
};
use uuid::Uuid;

/// A backend that others hold, too.
#[derive(Debug, Clone)]
pub struct Shared(pub Arc<dyn Backend>);

/// What a broken store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// It keeps a reply under another key, so that a repetition happens again.
    ForgetsReply,
    /// It keeps another reply than the one it was given.
    AltersReply,
    /// It applies a grant twice, with a sound journal.
    AppliesTwice,
    /// It loses a member's event.
    LosesEvent,
    /// It loses a journal entry.
    LosesEntry,
    /// It loses what happens to a lot.
    LosesLot,
    /// It does not count what was used of caps and budgets.
    LosesCounts,
    /// It counts, but lets everything through.
    IgnoresBounds,
    /// It writes a group's member rows and loses the rest of some batch.
    TearsBatch,
    /// It loses a purchase's new state.
    LosesPurchase,
    /// It hands out events in the wrong order.
    ShufflesEvents,
    /// It takes events off the outbox that it never handed out.
    SwallowsEvents,
}

impl Defect {
    /// Every defect.
    pub const ALL: &'static [Self] = &[
        Self::ForgetsReply,
        Self::AltersReply,
        Self::AppliesTwice,
        Self::LosesEvent,
        Self::LosesEntry,
        Self::LosesLot,
        Self::LosesCounts,
        Self::IgnoresBounds,
        Self::TearsBatch,
        Self::LosesPurchase,
        Self::ShufflesEvents,
        Self::SwallowsEvents,
    ];
}

/// A store with a defect that strikes every few batches.
#[derive(Debug)]
pub struct Broken {
    inner: Shared,
    defect: Defect,
    seen: AtomicU64,
}

impl Broken {
    /// Every how many occasions the defect strikes.
    const EVERY: u64 = 5;

    /// A broken store on top of a good one.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>, defect: Defect) -> Self {
        Self {
            inner: Shared(inner),
            defect,
            seen: AtomicU64::new(0),
        }
    }

    /// Whether the defect strikes at this occasion.
    fn strikes(&self) -> bool {
        let seen = self.seen.fetch_add(1, Ordering::Relaxed);
        seen.is_multiple_of(Self::EVERY)
    }

    /// The batch as this store takes it.
    fn taken(&self, batch: &CommitBatch) -> CommitBatch {
        let mut taken = batch.clone();
        let mut changes = Changes::clone(&batch.changes);
        match self.defect {
            Defect::ForgetsReply if self.strikes() => {
                let other = IdempotencyKey::new(&format!("lost-{}", batch.key.key));
                taken.key.key = other.unwrap_or_else(|_| batch.key.key.clone());
            }
            Defect::AltersReply => {
                // The number of a lot granted manually, with another digit in front.
                taken.reply.body = batch.reply.body.replace("\"lot\":", "\"lot\":9").into();
            }
            Defect::AppliesTwice if batch.key.operation == "grant_reward" => twice(&mut changes),
            Defect::LosesEvent if self.strikes() => drop(changes.events.pop()),
            Defect::LosesEntry if !changes.journal.is_empty() && self.strikes() => {
                changes.journal.pop();
            }
            Defect::LosesLot => changes.lots.retain(|lot| lot.is_new || !self.strikes()),
            Defect::LosesCounts => changes.counters.retain(|change| change.bound.is_none()),
            Defect::IgnoresBounds => {
                for change in &mut changes.counters {
                    change.bound = None;
                }
            }
            Defect::TearsBatch if self.strikes() => {
                changes = Changes {
                    members: changes.members,
                    ..Changes::default()
                };
            }
            Defect::LosesPurchase => changes
                .purchases
                .retain(|write| write.expected == 0 || !self.strikes()),
            _ => {}
        }
        taken.changes = Arc::new(changes);
        taken
    }
}

/// A member's entry, lot and event once more, in a journal that is chained as it should be.
fn twice(changes: &mut Changes) {
    let (Some(write), Some((tenant, entry))) =
        (changes.members.first_mut(), changes.journal.last().cloned())
    else {
        return;
    };
    let again = write.row.journal.append(
        &tenant,
        &entry.member,
        Uuid::from_u128(entry.id.as_u128() ^ 1),
        entry.transfer.clone(),
        entry.recorded_at,
    );
    let lots = changes.lots.iter().filter(|lot| lot.is_new).cloned();
    let lots: Vec<LotWrite> = lots
        .map(|mut lot| {
            lot.lot.number = again.seq;
            lot
        })
        .collect();
    changes.lots.extend(lots);
    changes.journal.push((tenant, again));
}

#[async_trait]
impl Store for Broken {
    async fn load(&self, plan: &ReadPlan) -> Result<Snapshot, StoreError> {
        self.inner.0.load(plan).await
    }

    async fn commit(&self, batches: &[CommitBatch]) -> Result<Vec<Commit>, StoreError> {
        let taken: Vec<CommitBatch> = batches.iter().map(|batch| self.taken(batch)).collect();
        self.inner.0.commit(&taken).await
    }
}

#[async_trait]
impl Outbox for Broken {
    async fn claim(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimed>, StoreError> {
        let outbox = &self.inner.0;
        let mut claimed = outbox.claim(tenant, owner, now, until, limit).await?;
        match self.defect {
            Defect::ShufflesEvents => claimed.reverse(),
            Defect::SwallowsEvents if claimed.len() > 1 && self.strikes() => {
                if let Some(lost) = claimed.pop() {
                    let place = (lost.event.stream, lost.event.seq);
                    outbox.acknowledge(tenant, owner, &[place]).await?;
                }
            }
            _ => {}
        }
        Ok(claimed)
    }

    async fn acknowledge(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, StoreError> {
        self.inner.0.acknowledge(tenant, owner, events).await
    }

    async fn release(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, StoreError> {
        self.inner.0.release(tenant, owner, events).await
    }
}

#[async_trait]
impl Store for Shared {
    async fn load(&self, plan: &ReadPlan) -> Result<Snapshot, StoreError> {
        self.0.load(plan).await
    }

    async fn commit(&self, batches: &[CommitBatch]) -> Result<Vec<Commit>, StoreError> {
        self.0.commit(batches).await
    }
}

#[async_trait]
impl Outbox for Shared {
    async fn claim(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.0.claim(tenant, owner, now, until, limit).await
    }

    async fn acknowledge(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, StoreError> {
        self.0.acknowledge(tenant, owner, events).await
    }

    async fn release(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, StoreError> {
        self.0.release(tenant, owner, events).await
    }
}

macro_rules! query_through {
    ($type:ty, $store:ident => $inner:expr) => {
        #[async_trait]
        impl Query for $type {
            async fn programs(&self, tenant: &TenantId) -> Result<Vec<ProgramWrite>, StoreError> {
                let $store = self;
                $inner.programs(tenant).await
            }

            async fn due_members(
                &self,
                tenant: &TenantId,
                now: Timestamp,
                after: AfterMember,
                limit: u32,
            ) -> Result<Vec<MemberId>, StoreError> {
                let $store = self;
                $inner.due_members(tenant, now, after, limit).await
            }

            async fn members(
                &self,
                tenant: &TenantId,
                after: AfterMember,
                limit: u32,
            ) -> Result<Vec<MemberHead>, StoreError> {
                let $store = self;
                $inner.members(tenant, after, limit).await
            }

            async fn journal(
                &self,
                tenant: &TenantId,
                after: Option<(MemberId, u64)>,
                limit: u32,
            ) -> Result<Vec<JournalEntry>, StoreError> {
                let $store = self;
                $inner.journal(tenant, after, limit).await
            }

            async fn balances(
                &self,
                tenant: &TenantId,
                after: Option<Account>,
                limit: u32,
            ) -> Result<Vec<(Account, i64)>, StoreError> {
                let $store = self;
                $inner.balances(tenant, after, limit).await
            }

            async fn counters(
                &self,
                tenant: &TenantId,
                subject: &str,
            ) -> Result<Vec<(String, i64, i64)>, StoreError> {
                let $store = self;
                $inner.counters(tenant, subject).await
            }

            async fn health(&self) -> Result<StoreHealth, StoreError> {
                let $store = self;
                $inner.health().await
            }
        }
    };
}

query_through!(Broken, store => store.inner.0);
query_through!(Shared, store => store.0);
