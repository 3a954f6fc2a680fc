//! A backend that follows a script, and the engine on top of it.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rewards_core::audit::{AuditProblem, CounterPlace, StoredRevision};
use rewards_core::command::Operation;
use rewards_core::counter::Subject;
use rewards_core::decision::ProgramWrite;
use rewards_core::entity::EntityRow;
use rewards_core::event::Stream;
use rewards_core::ids::{MemberId, ProgramId, TenantId};
use rewards_core::ledger::{JournalEntry, Purpose};
use rewards_core::money::Asset;
use rewards_core::rejection::Fault;
use rewards_core::snapshot::{ReadPlan, Snapshot, StoredReply};
use rewards_core::time::Timestamp;
use rewards_storage::batch::{CommandKey, Commit, CommitBatch, Refusal, StaleRow};
use rewards_storage::engine::{
    BookReport, CommandOptions, Engine, EngineBuilder, Receipt, TenantEngine,
};
use rewards_storage::error::StoreError;
use rewards_storage::memory::MemoryStore;
use rewards_storage::store::{
    AfterMember, BookView, Claimed, DuePage, DuePlace, MemberHead, Outbox, OwnedPlace, Query,
    ReplyPlace, Store, StoreHealth, StoredEvent, StoredLot, StoredMember,
};
use smol_str::SmolStr;
use tokio::sync::watch;
use tokio::sync::{Notify, Semaphore};
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

pub fn held() -> StoreError {
    StoreError::Conflict {
        detail: "another process".to_owned(),
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
    /// Why batches were refused by the store itself.
    pub refusals: Mutex<Vec<Refusal>>,
    /// Keys of all batches that were committed, in order, commit by commit.
    pub committed: Mutex<Vec<Vec<CommandKey>>>,
    /// How many revisions were read, reading by reading.
    pub programs: Mutex<Vec<usize>>,
    /// How many views were loaded.
    pub views: Mutex<usize>,
    /// What every balance is off by, for an audit.
    pub skew: AtomicI64,
    /// A member whose row is left out, for an audit.
    pub hidden: Mutex<Option<MemberId>>,
    /// A member whose rows cannot be read.
    pub unreadable: Mutex<Option<MemberId>>,
    /// What becomes of the pages of sweeps.
    pub dues: Mutex<VecDeque<Trouble>>,
    /// The view that is held up once, by its number.
    held_view: AtomicUsize,
    /// Somebody waits for the view that is held up.
    held: Notify,
    /// It is held up no longer.
    freed: Notify,
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
            refusals: Mutex::default(),
            committed: Mutex::default(),
            programs: Mutex::default(),
            views: Mutex::default(),
            skew: AtomicI64::new(0),
            hidden: Mutex::default(),
            unreadable: Mutex::default(),
            dues: Mutex::default(),
            held_view: AtomicUsize::new(0),
            held: Notify::new(),
            freed: Notify::new(),
        })
    }

    /// Holds up the view that is loaded after so many others from now on.
    pub fn hold_view(&self, after: usize) {
        let number = self.views() + after + 1;
        self.held_view.store(number, Ordering::SeqCst);
    }

    /// Waits until somebody waits for that view.
    pub async fn is_held(&self) {
        self.held.notified().await;
    }

    /// Lets that view be loaded.
    pub fn free_view(&self) {
        self.freed.notify_one();
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
        let number = {
            let mut views = self.views.lock().unwrap();
            *views += 1;
            *views
        };
        if self.held_view.load(Ordering::SeqCst) == number {
            self.held.notify_one();
            self.freed.notified().await;
        }
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
            Trouble::Fine => self.apply(batches).await,
            Trouble::Fails(error) => Err(error()),
            Trouble::Panics => panic!("commit"),
            Trouble::LosesAnswer => {
                self.apply(batches).await?;
                Err(unavailable())
            }
            // As a store does that finds out: what builds on the refused batch is stale.
            Trouble::Refuses(at, refusal) => {
                let mut rest = batches.to_vec();
                rest.remove(at);
                if batches[at].follows {
                    rest.truncate(at);
                }
                let mut outcomes = self.apply(&rest).await?;
                outcomes.insert(at, Commit::Refused(refusal));
                let behind = Commit::Refused(Refusal::Stale(StaleRow::Predecessor));
                outcomes.resize(batches.len(), behind);
                Ok(outcomes)
            }
        }
    }
}

impl Scripted {
    async fn apply(&self, batches: &[CommitBatch]) -> Result<Vec<Commit>, StoreError> {
        let outcomes = self.inner.commit(batches).await?;
        let mut keys = Vec::new();
        for (batch, outcome) in batches.iter().zip(&outcomes) {
            match outcome {
                Commit::Applied => keys.push(batch.key.clone()),
                Commit::Replayed(_) => {}
                Commit::Refused(refusal) => self.refusals.lock().unwrap().push(refusal.clone()),
            }
        }
        self.committed.lock().unwrap().push(keys);
        Ok(outcomes)
    }
}

#[async_trait]
impl Query for Scripted {
    async fn programs(
        &self,
        tenant: &TenantId,
        known: &[(ProgramId, u32)],
    ) -> Result<Vec<ProgramWrite>, StoreError> {
        let found = self.inner.programs(tenant, known).await?;
        self.programs.lock().unwrap().push(found.len());
        Ok(found)
    }

    async fn due_members(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        after: Option<DuePlace>,
        limit: u32,
    ) -> Result<DuePage, StoreError> {
        if let Some(Trouble::Fails(error)) = self.dues.lock().unwrap().pop_front() {
            return Err(error());
        }
        self.inner.due_members(tenant, now, after, limit).await
    }

    async fn members(
        &self,
        tenant: &TenantId,
        after: AfterMember,
        limit: u32,
    ) -> Result<Vec<MemberHead>, StoreError> {
        self.inner.members(tenant, after, limit).await
    }

    async fn journal(
        &self,
        tenant: &TenantId,
        after: Option<(MemberId, u64)>,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        self.inner.journal(tenant, after, limit).await
    }

    async fn control_accounts(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(Purpose, Asset, i128)>, StoreError> {
        self.inner.control_accounts(tenant).await
    }

    async fn counters(
        &self,
        tenant: &TenantId,
        subject: &Subject,
    ) -> Result<Vec<(String, i64, i64)>, StoreError> {
        self.inner.counters(tenant, subject).await
    }

    async fn entities(
        &self,
        tenant: &TenantId,
        kind: &'static str,
        after: Option<SmolStr>,
        limit: u32,
    ) -> Result<Vec<(SmolStr, EntityRow)>, StoreError> {
        self.inner.entities(tenant, kind, after, limit).await
    }

    async fn health(&self) -> Result<StoreHealth, StoreError> {
        self.inner.health().await
    }

    async fn books<'s>(&'s self, tenant: &TenantId) -> Result<Box<dyn BookView + 's>, StoreError> {
        let skew = self.skew.load(Ordering::SeqCst);
        let hidden = self.hidden.lock().unwrap().clone();
        let inner = self.inner.books(tenant).await?;
        Ok(Box::new(ScriptedBooks {
            inner,
            skew,
            hidden,
        }))
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

/// Small pages, so that paging itself is exercised.
const PAGE_MAX: u32 = 2;

/// The books of a store in memory, in small pages and with what the script says is wrong.
#[derive(Debug)]
struct ScriptedBooks<'s> {
    inner: Box<dyn BookView + 's>,
    skew: i64,
    hidden: Option<MemberId>,
}

#[async_trait]
impl BookView for ScriptedBooks<'_> {
    async fn members(
        &mut self,
        after: AfterMember,
        limit: u32,
    ) -> Result<Vec<StoredMember>, StoreError> {
        let mut page = self.inner.members(after, limit.min(PAGE_MAX)).await?;
        for stored in &mut page {
            let balances = &mut stored.row.balances;
            let accounts: Vec<_> = balances.iter().map(|(p, a, _)| (p.clone(), a)).collect();
            for (purpose, asset) in accounts {
                balances.add(&purpose, asset, self.skew).unwrap();
            }
        }
        page.retain(|stored| Some(&stored.member) != self.hidden.as_ref());
        Ok(page)
    }

    async fn journal(
        &mut self,
        after: Option<(MemberId, u64)>,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        self.inner.journal(after, limit.min(PAGE_MAX)).await
    }

    async fn lots(
        &mut self,
        after: Option<(MemberId, u64)>,
        limit: u32,
    ) -> Result<Vec<StoredLot>, StoreError> {
        self.inner.lots(after, limit.min(PAGE_MAX)).await
    }

    async fn owned(
        &mut self,
        kind: &'static str,
        after: Option<OwnedPlace>,
        limit: u32,
    ) -> Result<Vec<(SmolStr, EntityRow)>, StoreError> {
        self.inner.owned(kind, after, limit.min(PAGE_MAX)).await
    }

    async fn entities(
        &mut self,
        kind: &'static str,
        after: Option<SmolStr>,
        limit: u32,
    ) -> Result<Vec<(SmolStr, EntityRow)>, StoreError> {
        self.inner.entities(kind, after, limit.min(PAGE_MAX)).await
    }

    async fn counters(
        &mut self,
        after: Option<CounterPlace>,
        limit: u32,
    ) -> Result<Vec<(CounterPlace, i64)>, StoreError> {
        self.inner.counters(after, limit.min(PAGE_MAX)).await
    }

    async fn control_accounts(&mut self) -> Result<Vec<(Purpose, Asset, i128)>, StoreError> {
        let mut accounts = self.inner.control_accounts().await?;
        for (_, _, balance) in &mut accounts {
            *balance += i128::from(self.skew);
        }
        Ok(accounts)
    }

    async fn events(
        &mut self,
        after: Option<(Stream, u64)>,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        self.inner.events(after, limit.min(PAGE_MAX)).await
    }

    async fn revisions(
        &mut self,
        after: Option<(ProgramId, u32)>,
        limit: u32,
    ) -> Result<Vec<StoredRevision>, StoreError> {
        self.inner.revisions(after, limit.min(PAGE_MAX)).await
    }

    async fn replies(
        &mut self,
        operation: &'static str,
        after: Option<ReplyPlace>,
        limit: u32,
    ) -> Result<Vec<(ReplyPlace, StoredReply)>, StoreError> {
        let limit = limit.min(PAGE_MAX);
        self.inner.replies(operation, after, limit).await
    }

    async fn load(&mut self, plan: &ReadPlan) -> Result<Snapshot, StoreError> {
        self.inner.load(plan).await
    }

    fn unreadable(&mut self) -> Vec<String> {
        self.inner.unreadable()
    }
}

/// What an audit finds but for the one counter that the operations of these tests move without a purchase.
pub async fn audited(tenant: &TenantEngine) -> BookReport {
    let mut report = tenant.verify().await.unwrap();
    let is_budget = |problem: &AuditProblem| matches!(problem, AuditProblem::CounterMismatch { name, .. } if name == "budget");
    report.problems.retain(|problem| !is_budget(problem));
    report
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
