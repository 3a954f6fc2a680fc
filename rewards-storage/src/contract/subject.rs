//! The backend under test, and the few ways in which laws touch it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use rewards_core::decision::ProgramWrite;
use rewards_core::entity::{EntityKey, EntityRow};
use rewards_core::event::EventRecord;
use rewards_core::ids::TenantId;
use rewards_core::ledger::{Account, JournalEntry, Lot, Purpose};
use rewards_core::member::MemberRow;
use rewards_core::money::Asset;
use rewards_core::snapshot::{CounterKey, CounterRange, LotFilter, MemberKey, ReadPlan, Snapshot};
use tokio::sync::Barrier;
use uuid::Uuid;

use super::fixtures::{at, lots, statement};
use crate::batch::{CommandKey, Commit, CommitBatch, Refusal};
use crate::error::StoreError;
use crate::store::{Backend, MemberHead};

/// How often a transient error is answered by trying again, as an engine would.
const ATTEMPTS: u32 = 200;

/// A backend and a tenant that nobody else uses.
#[derive(Debug)]
pub struct Subject {
    backend: Arc<dyn Backend>,
    tenant: TenantId,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

/// Everything of a tenant that can be seen through the read side, the outbox included.
#[derive(Debug, PartialEq, Eq)]
pub struct Visible {
    /// All revisions.
    pub programs: Vec<ProgramWrite>,
    /// All members.
    pub members: Vec<MemberHead>,
    /// All journals.
    pub journal: Vec<JournalEntry>,
    /// All control accounts.
    pub controls: Vec<(Purpose, Asset, i128)>,
    /// All events that wait.
    pub events: Vec<EventRecord>,
    /// The rows of the batches looked for.
    pub rows: Rows,
}

/// The rows that batches name, as far as they exist.
#[derive(Debug, PartialEq, Eq)]
pub struct Rows {
    /// Bodies of stored replies, by key.
    pub replies: BTreeMap<String, String>,
    /// Member rows.
    pub members: BTreeMap<MemberKey, MemberRow>,
    /// Entities.
    pub entities: BTreeMap<EntityKey, EntityRow>,
    /// Bodies of replies that are kept with entities.
    pub receipts: BTreeMap<EntityKey, String>,
    /// Newest revisions.
    pub programs: BTreeMap<String, u32>,
    /// Counters.
    pub counters: BTreeMap<CounterKey, i64>,
    /// Lots.
    pub lots: BTreeMap<(MemberKey, u64), Lot>,
    /// Journal pages.
    pub journal: Vec<JournalEntry>,
}

impl Subject {
    /// A backend and a tenant that is empty in it.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, tenant: TenantId) -> Self {
        Self {
            backend,
            tenant,
            kept: Vec::new(),
        }
    }

    /// The same, keeping something alive for as long: a temporary directory, a container.
    #[must_use]
    pub fn keeping(mut self, kept: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(kept));
        self
    }

    /// The backend.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Another tenant that nobody else uses; its id begins with this one's.
    #[must_use]
    pub fn neighbour(&self) -> TenantId {
        super::fixtures::tenant(&format!("{}-2", self.tenant))
    }

    /// Commits a group. Transient errors are answered by trying again, as an engine would.
    pub async fn commit_group(&self, batches: &[CommitBatch]) -> Vec<Commit> {
        let outcomes = insist(|| self.backend.commit(batches)).await;
        assert_eq!(
            outcomes.len(),
            batches.len(),
            "a commit must end every batch, in order"
        );
        outcomes
    }

    /// Commits one batch.
    pub async fn commit(&self, batch: &CommitBatch) -> Commit {
        let mut outcomes = self.commit_group(std::slice::from_ref(batch)).await;
        outcomes.pop().expect("one batch has one outcome")
    }

    /// Commits one batch that must be applied.
    pub async fn apply(&self, batch: &CommitBatch) {
        let outcome = self.commit(batch).await;
        assert_eq!(outcome, Commit::Applied, "of {:?}", batch.key);
    }

    /// Commits one batch that must be refused for this reason, and looks that nothing of it can be seen.
    pub async fn refuse(&self, batch: &CommitBatch, refusal: Refusal) {
        let before = self.visible(std::slice::from_ref(batch)).await;
        let outcome = self.commit(batch).await;
        assert_eq!(outcome, Commit::Refused(refusal), "of {:?}", batch.key);
        let after = self.visible(std::slice::from_ref(batch)).await;
        assert_eq!(after, before, "a refused batch must leave nothing");
    }

    /// Commits every batch alone and all at once, each on its own task.
    pub async fn race(&self, batches: Vec<CommitBatch>) -> Vec<Commit> {
        let start = Arc::new(Barrier::new(batches.len()));
        let racers: Vec<_> = batches
            .into_iter()
            .map(|batch| {
                let (backend, start) = (Arc::clone(&self.backend), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    insist(|| backend.commit(std::slice::from_ref(&batch))).await
                })
            })
            .collect();
        let mut outcomes = Vec::with_capacity(racers.len());
        for racer in racers {
            outcomes.extend(racer.await.expect("a racer must not panic"));
        }
        outcomes
    }

    /// Loads a view.
    pub async fn load(&self, plan: &ReadPlan) -> Snapshot {
        insist(|| self.backend.load(plan)).await
    }

    /// The value of a counter.
    pub async fn counted(&self, key: &CounterKey) -> i64 {
        let range = CounterRange {
            name: key.name.clone(),
            from: key.bucket,
            until: key.bucket,
        };
        let plan = ReadPlan {
            counters: vec![range.clone()],
            ..ReadPlan::default()
        };
        self.load(&plan).await.count(&range, None)
    }

    /// The control account of which an account is a part: the sum over all holders.
    pub async fn control(&self, account: &Account) -> i128 {
        let (store, tenant) = (&self.backend, &self.tenant);
        let accounts = insist(|| store.control_accounts(tenant)).await;
        let found = accounts
            .into_iter()
            .find(|(purpose, asset, _)| *purpose == account.purpose && *asset == account.asset);
        found.map_or(0, |(_, _, sum)| sum)
    }

    /// The rows the batches name, all in one view.
    pub async fn rows(&self, batches: &[CommitBatch]) -> Rows {
        let mut plan = ReadPlan::default();
        for batch in batches {
            plan.merge(plan_of(batch));
        }
        plan.normalise();
        Rows::of(self.load(&plan).await)
    }

    /// Everything of the tenant that can be seen, and the rows that the batches name. Claims events for no time.
    pub async fn visible(&self, batches: &[CommitBatch]) -> Visible {
        let (store, tenant) = (&self.backend, &self.tenant);
        Visible {
            programs: insist(|| store.programs(tenant, &[])).await,
            members: insist(|| store.members(tenant, None, u32::MAX)).await,
            journal: insist(|| store.journal(tenant, None, u32::MAX)).await,
            controls: insist(|| store.control_accounts(tenant)).await,
            events: self.waiting().await,
            rows: self.rows(batches).await,
        }
    }

    /// The events of the tenant that nobody holds, oldest first; they are claimed for no time.
    pub async fn waiting(&self) -> Vec<EventRecord> {
        let (store, tenant) = (&self.backend, &self.tenant);
        let claimed = insist(|| store.claim(tenant, Uuid::max(), at(0), at(0), u32::MAX)).await;
        claimed.into_iter().map(|claimed| claimed.event).collect()
    }
}

/// Everything that a batch writes, as a plan.
#[must_use]
pub fn plan_of(batch: &CommitBatch) -> ReadPlan {
    let changes = &batch.changes;
    let mut plan = ReadPlan {
        members: changes.members.iter().map(|w| w.key.clone()).collect(),
        entities: changes.entities.iter().map(|w| w.key.clone()).collect(),
        receipts: changes.entities.iter().map(|w| w.key.clone()).collect(),
        programs: changes.programs.iter().map(|w| w.key.clone()).collect(),
        ..ReadPlan::default()
    };
    match &batch.key {
        CommandKey::Reply(key) => plan.replies.push(key.clone()),
        CommandKey::Entity(key) => plan.receipts.push(key.clone()),
        CommandKey::None => {}
    }
    for change in &changes.counters {
        plan.counters.push(CounterRange {
            name: change.key.name.clone(),
            from: change.key.bucket,
            until: change.key.bucket,
        });
    }
    for (tenant, entry) in &changes.journal {
        plan.statements
            .push(statement(tenant, entry.member.as_str()));
    }
    for write in &changes.lots {
        let filter = LotFilter::Open {
            asset: write.lot.asset,
        };
        let (tenant, member) = (&write.member.tenant, write.member.member.as_str());
        plan.lots.push(lots(tenant, member, filter));
    }
    plan
}

impl Rows {
    fn of(view: Snapshot) -> Self {
        let replies = view.replies.into_iter();
        let programs = view.programs.into_iter();
        let receipts = view.receipts.into_iter();
        Self {
            replies: replies
                .map(|(key, reply)| (format!("{key:?}"), reply.body.to_string()))
                .collect(),
            members: view.members.into_iter().collect(),
            entities: view.entities.into_iter().collect(),
            receipts: receipts
                .map(|(key, reply)| (key, reply.body.to_string()))
                .collect(),
            programs: programs
                .map(|(key, version)| (key.program.to_string(), version))
                .collect(),
            counters: view.counters,
            lots: view.lots,
            journal: view.statements.into_values().flatten().collect(),
        }
    }

    /// Whether none of the rows exists.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty()
            && self.members.is_empty()
            && self.entities.is_empty()
            && self.receipts.is_empty()
            && self.programs.is_empty()
            && self.counters.is_empty()
            && self.lots.is_empty()
            && self.journal.is_empty()
    }
}

/// Tries again while the error is transient; any other error ends the law.
pub(super) async fn insist<T, F>(attempt: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Ok(value) => return value,
            Err(error) if error.is_transient() => tokio::task::yield_now().await,
            Err(error) => panic!("the backend failed: {error}"),
        }
    }
    match attempt().await {
        Ok(value) => value,
        Err(error) => panic!("the backend kept failing, {ATTEMPTS} times: {error}"),
    }
}
