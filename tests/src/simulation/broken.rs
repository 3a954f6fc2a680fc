//! Stores that break their contract in one way each: an auditor worth having notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use rewards_core::command::Operation as _;
use rewards_core::coupons::Coupon;
use rewards_core::decision::{Changes, LotWrite};
use rewards_core::entity::{Entity as _, Expected};
use rewards_core::event::Stream;
use rewards_core::ids::{IdempotencyKey, TenantId};
use rewards_core::ledger::Purpose;
use rewards_core::member::MemberRow;
use rewards_core::money::Asset;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::payments::DepositEntity;
use rewards_core::refunds::RefundEntity;
use rewards_core::snapshot::{ReadPlan, Snapshot};
use rewards_core::time::Timestamp;
use rewards_core::transfers::ReceivedTransfer;
use rewards_core::wallet::{Redemption, SharedWallet};
use rewards_storage::batch::{CommandKey, Commit, CommitBatch};
use rewards_storage::error::StoreError;
use rewards_storage::store::{Backend, Claimed, Outbox, Store};
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
    /// It applies a grant twice, with a valid journal.
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
    /// It loses refunds.
    LosesRefund,
    /// It loses what was captured, released and given back of redemptions.
    LosesRedemption,
    /// It loses what receivers are told of transfers.
    LosesTransfer,
    /// It leaves deposits open that ended.
    ReopensDeposit,
    /// It forgets what members owe.
    ForgivesDebt,
    /// It takes events off the outbox that it never handed out.
    SwallowsEvents,
    /// It keeps other names that were to be removed.
    KeepsNames,
    /// It loses what happens to coupons.
    LosesCoupon,
    /// It loses who shares a wallet from some time on.
    LosesWallet,
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
        Self::LosesRefund,
        Self::LosesRedemption,
        Self::LosesTransfer,
        Self::ReopensDeposit,
        Self::ForgivesDebt,
        Self::SwallowsEvents,
        Self::KeepsNames,
        Self::LosesCoupon,
        Self::LosesWallet,
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

    /// Loses the later states of entities of a kind.
    fn lose_steps(&self, changes: &mut Changes, kind: &str) {
        changes.entities.retain(|write| {
            write.key.kind != kind || write.expected == Expected::Absent || !self.strikes()
        });
    }

    /// The batch as this store takes it.
    fn taken(&self, batch: &CommitBatch) -> CommitBatch {
        let mut taken = batch.clone();
        let mut changes = Changes::clone(&batch.changes);
        match self.defect {
            Defect::ForgetsReply if self.strikes() => {
                taken.receipt = None;
                if let CommandKey::Reply(key) = &mut taken.key {
                    let other = IdempotencyKey::new(&format!("lost-{}", key.key));
                    key.key = other.unwrap_or_else(|_| key.key.clone());
                }
            }
            Defect::AltersReply => {
                // The number of a lot granted manually, with another digit in front.
                taken.reply.body = batch.reply.body.replace("\"lot\":", "\"lot\":9").into();
            }
            Defect::AppliesTwice if is_manual_grant(batch) => twice(&mut changes),
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
                .entities
                .retain(|write| write.expected == Expected::Absent || !self.strikes()),
            Defect::LosesRefund => changes
                .entities
                .retain(|write| write.key.kind != RefundEntity::KIND || !self.strikes()),
            Defect::LosesTransfer => changes
                .entities
                .retain(|write| write.key.kind != ReceivedTransfer::KIND || !self.strikes()),
            Defect::LosesRedemption => self.lose_steps(&mut changes, Redemption::KIND),
            Defect::KeepsNames => changes.removals.clear(),
            Defect::LosesCoupon => self.lose_steps(&mut changes, Coupon::KIND),
            // Every time: there are few, and another order of the same members is not looked at.
            Defect::LosesWallet => changes.entities.retain(|write| {
                write.key.kind != SharedWallet::KIND || write.expected == Expected::Absent
            }),
            Defect::ReopensDeposit => self.lose_steps(&mut changes, DepositEntity::KIND),
            Defect::ForgivesDebt => {
                for write in &mut changes.members {
                    forgive(&mut write.row);
                }
            }
            _ => {}
        }
        taken.changes = Arc::new(changes);
        taken
    }
}

fn is_manual_grant(batch: &CommitBatch) -> bool {
    let key = &batch.key;
    matches!(key, CommandKey::Reply(key) if key.operation == GrantReward::NAME)
}

/// Nothing is owed any more, and no entry says so.
fn forgive(row: &mut MemberRow) {
    let owed = row.balances.iter();
    let owed = owed.filter(|(purpose, _, _)| **purpose == Purpose::Debt);
    let owed: Vec<(Asset, i64)> = owed.map(|(_, asset, minor)| (asset, minor)).collect();
    for (asset, minor) in owed {
        // What is owed can be taken off.
        let _ = row.balances.add(&Purpose::Debt, asset, -minor);
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

rewards_storage::forward_query!(impl for Broken, |store| *store.inner.0, query: async { Ok::<(), StoreError>(()) });
rewards_storage::forward_store!(impl for Shared, |store| *store.0);
