//! A backend that follows a script, and the engine on top of it.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rewards_core::command::Operation;
use rewards_core::decision::ProgramWrite;
use rewards_core::event::Stream;
use rewards_core::ids::{MemberId, TenantId};
use rewards_core::ledger::{Account, JournalEntry};
use rewards_core::rejection::Fault;
use rewards_core::snapshot::{ReadPlan, Snapshot};
use rewards_core::time::Timestamp;
use rewards_storage::batch::{Commit, CommitBatch, Refusal};
use rewards_storage::engine::{CommandOptions, Engine, EngineBuilder, Receipt, TenantEngine};
use rewards_storage::error::StoreError;
use rewards_storage::memory::MemoryStore;
use rewards_storage::store::{AfterMember, Claimed, MemberHead, Outbox, Query, Store, StoreHealth};
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

pub use crate::operations::*;

/// What happens to one call of the store.
#[derive(Debug)]
pub enum Trouble {
    /// It works.
    Fine,
    /// It fails and nothing is written.
    Fails(fn() -> StoreError),
    /// It is written, and the acknowledgement is lost.
    LosesAnswer,
    /// It panics.
    Panics,
    /// One batch is refused, the others go through.
    Refuses(usize, Refusal),
}

pub fn unavailable() -> StoreError {
    StoreError::Unavailable {
        detail: "away".to_owned(),
    }
}

pub fn refused() -> StoreError {
    StoreError::Refused {
        detail: "read-only".to_owned(),
    }
}

pub fn corrupt() -> StoreError {
    StoreError::Corrupt {
        detail: "row".to_owned(),
    }
}

/// A store in memory with a gate before every commit and a script of troubles.
#[derive(Debug)]
pub struct Scripted {
    inner: MemoryStore,
    gated: AtomicBool,
    gate: Semaphore,
    /// Rises with every commit that has reached the gate.
    reached: watch::Sender<usize>,
    pub loads: Mutex<VecDeque<Trouble>>,
    pub commits: Mutex<VecDeque<Trouble>>,
    /// Sizes of all commits.
    pub sizes: Mutex<Vec<usize>>,
    /// How many views were loaded.
    pub views: Mutex<usize>,
    /// What every balance is off by.
    pub skew: AtomicI64,
    /// A member whose row is left out of sweeps.
    pub hidden: Mutex<Option<MemberId>>,
    /// A member whose rows cannot be read.
    pub unreadable: Mutex<Option<MemberId>>,
}

impl Scripted {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryStore::new(),
            gated: AtomicBool::new(false),
            gate: Semaphore::new(0),
            reached: watch::Sender::new(0),
            loads: Mutex::default(),
            commits: Mutex::default(),
            sizes: Mutex::default(),
            views: Mutex::default(),
            skew: AtomicI64::new(0),
            hidden: Mutex::default(),
            unreadable: Mutex::default(),
        })
    }

    pub fn shut_gate(&self) {
        self.gated.store(true, Ordering::SeqCst);
    }

    pub fn open_gate(&self) {
        self.gated.store(false, Ordering::SeqCst);
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// Waits until so many commits have reached the gate since the beginning.
    pub async fn reached(&self, commits: usize) {
        let mut reached = self.reached.subscribe();
        reached.wait_for(|found| *found >= commits).await.unwrap();
    }

    pub fn sizes(&self) -> Vec<usize> {
        self.sizes.lock().unwrap().clone()
    }

    pub fn views(&self) -> usize {
        *self.views.lock().unwrap()
    }

    pub fn next_commits(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.commits.lock().unwrap().extend(troubles);
    }

    pub fn next_loads(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.loads.lock().unwrap().extend(troubles);
    }

    pub fn builder(self: &Arc<Self>) -> EngineBuilder {
        Engine::builder(self.clone()).workers(1)
    }

    pub async fn open(self: &Arc<Self>) -> (Engine, TenantEngine) {
        let engine = self.builder().open().await.unwrap();
        let tenant = engine.tenant(tenant());
        (engine, tenant)
    }
}

#[async_trait]
impl Store for Scripted {
    async fn load(&self, plan: &ReadPlan) -> Result<Snapshot, StoreError> {
        *self.views.lock().unwrap() += 1;
        let trouble = self.loads.lock().unwrap().pop_front();
        match trouble {
            Some(Trouble::Fails(error)) => return Err(error()),
            Some(Trouble::Panics) => panic!("load"),
            _ => {}
        }
        let unreadable = self.unreadable.lock().unwrap().clone();
        if plan
            .members
            .iter()
            .any(|key| Some(&key.member) == unreadable.as_ref())
        {
            return Err(corrupt());
        }
        self.inner.load(plan).await
    }

    async fn commit(&self, batches: &[CommitBatch]) -> Result<Vec<Commit>, StoreError> {
        self.sizes.lock().unwrap().push(batches.len());
        self.reached.send_modify(|reached| *reached += 1);
        if self.gated.load(Ordering::SeqCst) {
            self.gate.acquire().await.unwrap().forget();
        }
        let trouble = self.commits.lock().unwrap().pop_front();
        match trouble.unwrap_or(Trouble::Fine) {
            Trouble::Fine => self.inner.commit(batches).await,
            Trouble::Fails(error) => Err(error()),
            Trouble::Panics => panic!("commit"),
            Trouble::LosesAnswer => {
                self.inner.commit(batches).await?;
                Err(unavailable())
            }
            Trouble::Refuses(at, refusal) => {
                let mut rest = batches.to_vec();
                rest.remove(at);
                let mut outcomes = self.inner.commit(&rest).await?;
                outcomes.insert(at, Commit::Refused(refusal));
                Ok(outcomes)
            }
        }
    }
}

#[async_trait]
impl Query for Scripted {
    async fn programs(&self, tenant: &TenantId) -> Result<Vec<ProgramWrite>, StoreError> {
        self.inner.programs(tenant).await
    }

    async fn due_members(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        after: AfterMember,
        limit: u32,
    ) -> Result<Vec<MemberId>, StoreError> {
        self.inner.due_members(tenant, now, after, limit).await
    }

    async fn members(
        &self,
        tenant: &TenantId,
        after: AfterMember,
        limit: u32,
    ) -> Result<Vec<MemberHead>, StoreError> {
        // Small pages, so that paging itself is exercised.
        let mut page = self.inner.members(tenant, after, limit.min(2)).await?;
        let hidden = self.hidden.lock().unwrap().clone();
        page.retain(|head| Some(&head.member) != hidden.as_ref());
        Ok(page)
    }

    async fn journal(
        &self,
        tenant: &TenantId,
        after: Option<(MemberId, u64)>,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        self.inner.journal(tenant, after, limit.min(2)).await
    }

    async fn balances(
        &self,
        tenant: &TenantId,
        after: Option<Account>,
        limit: u32,
    ) -> Result<Vec<(Account, i64)>, StoreError> {
        let skew = self.skew.load(Ordering::SeqCst);
        let page = self.inner.balances(tenant, after, limit.min(2)).await?;
        Ok(page
            .into_iter()
            .map(|(account, balance)| (account, balance + skew))
            .collect())
    }

    async fn counters(
        &self,
        tenant: &TenantId,
        subject: &str,
    ) -> Result<Vec<(String, i64, i64)>, StoreError> {
        self.inner.counters(tenant, subject).await
    }

    async fn health(&self) -> Result<StoreHealth, StoreError> {
        self.inner.health().await
    }
}

#[async_trait]
impl Outbox for Scripted {
    async fn claim(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.inner.claim(tenant, owner, now, until, limit).await
    }

    async fn acknowledge(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, StoreError> {
        self.inner.acknowledge(tenant, owner, events).await
    }

    async fn release(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, StoreError> {
        self.inner.release(tenant, owner, events).await
    }
}

/// Starts a command in a task of its own and lets it reach its worker.
pub async fn start<O: Operation>(
    engine: &TenantEngine,
    request: O,
    options: CommandOptions,
) -> JoinHandle<Result<Receipt<O::Reply>, Fault>> {
    let engine = engine.clone();
    let task = tokio::spawn(async move { engine.execute_with(request, options).await });
    // On one thread, a few turns are enough for everyone to get as far as they can.
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
    task
}

/// The code of a fault, for short assertions.
pub fn code<T: Debug>(outcome: Result<T, Fault>) -> String {
    outcome.unwrap_err().code.into_owned()
}
