//! One worker: takes a batch, reads once, decides one after another, commits once, answers.
//!
//! - The batch forms while other commits are in flight. There is no timer: a lone command waits for nobody.
//! - Workers are all alike: a free one takes, in the order of acceptance, what nobody else works on. So the commands of a
//!   member follow one another, and nobody waits behind a busy worker while another idles.
//! - A command that loses a race goes round again with the same time and ids, ahead of those that came later.
//! - A worker ends when the engine is closed or all its handles are dropped, after answering what was accepted.
//!
//! The worker knows neither operations nor the store's dialect; deciding and settling a batch is the [`Round`]'s.

use std::mem;
use std::sync::Arc;

use rewards_core::ids::TenantId;
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::snapshot::{MemberKey, ReadPlan, Snapshot};
use rustc_hash::{FxHashMap, FxHashSet};
use tracing::Instrument;

use super::answers::Answers;
use super::catalogue::{Programs, Tenant};
use super::pending::{Outcome, Pending};
use super::queue::{Queue, Running};
use super::round::{Round, View};
use super::storage::Storage;
use super::telemetry::Telemetry;
use crate::batch::CommandKey;
use crate::error::StoreError;

/// How often a view is loaded again because another process published programs meanwhile.
pub(super) const VIEWS_MAX: u32 = 8;

/// What all workers of an engine share, beside its queue.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) storage: Storage,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) attempts_max: u32,
}

/// The programs a batch is decided with, by tenant.
type BatchPrograms = FxHashMap<TenantId, (Arc<Tenant>, Arc<Programs>)>;

/// One worker.
pub(super) struct Worker {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    _running: Running,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, queue: Arc<Queue>) -> Self {
        let running = Running::new(&queue);
        Self {
            shared,
            queue,
            _running: running,
        }
    }

    /// Works until the engine is closed and everything accepted is answered.
    pub(super) async fn run(self) {
        while let Some((lease, batch)) = self.queue.next().await {
            let waiting = self.queue.waiting();
            self.shared.telemetry.gathered(batch.len(), waiting);
            let span = tracing::debug_span!("rewards.batch", commands = batch.len());
            let answers = Answers::new(&self.shared.telemetry);
            let again = self.process(batch, &answers).instrument(span).await;
            for (pending, fault) in lease.release(again, answers.into_halts()) {
                pending.answer(Outcome::Failed(fault), &self.shared.telemetry);
            }
            self.queue.listen().await;
        }
    }

    /// Answers a batch; returns those who go round again.
    async fn process(&self, batch: Vec<Pending>, answers: &Answers<'_>) -> Vec<Pending> {
        let run = batch.first().and_then(|first| first.run.as_ref());
        if let Some(fault) = run.and_then(|run| run.stopped().cloned()) {
            answer_all(batch, &fault, answers);
            return Vec::new();
        }
        let view = match self.view(batch, answers).await {
            Ok(view) => view,
            Err(again) => return again,
        };
        let round = Round::decide(view, &self.shared, answers);
        if round.commits().is_empty() {
            return round.settle(vec![], &self.shared, answers).await;
        }
        match self.shared.storage.commit(round.commits()).await {
            Ok(outcomes) => round.settle(outcomes, &self.shared, answers).await,
            Err(error) => {
                let (failed, mut again) = round.into_failed();
                again.extend(failed_together(failed, error, answers));
                again
            }
        }
    }

    /// Loads the rows of the whole batch, with the programs to decide by. When that fails, those for whom it fails are
    /// answered; the others go round again.
    async fn view(
        &self,
        mut batch: Vec<Pending>,
        answers: &Answers<'_>,
    ) -> Result<View, Vec<Pending>> {
        for _ in 0..VIEWS_MAX {
            let programs = self.programs(&mut batch, answers).await;
            if batch.is_empty() {
                return Err(batch);
            }
            let (plan, common) = plan(&mut batch, &programs);
            let snapshot = match self.shared.storage.load(&plan).await {
                Ok(snapshot) => snapshot,
                Err(error) => return Err(failed_together(batch, error, answers)),
            };
            let behind = behind(&programs, &snapshot);
            if behind.is_empty() {
                return Ok(View::new(batch, common, &plan, snapshot));
            }
            for (tenant, programs) in behind {
                self.shared.telemetry.retried("programs");
                let reloaded = tenant.reload(&self.shared.storage, Some(programs)).await;
                if let Err(fault) = reloaded {
                    answer_tenant(&mut batch, tenant.id(), &fault, answers);
                }
            }
        }
        let attempts = VIEWS_MAX;
        answer_all(batch, &Rejection::Contention { attempts }.into(), answers);
        Err(Vec::new())
    }

    /// The programs of every tenant in the batch; tenants whose programs cannot be read are answered and removed.
    async fn programs(&self, batch: &mut Vec<Pending>, answers: &Answers<'_>) -> BatchPrograms {
        let mut tenants: FxHashMap<&TenantId, &Arc<Tenant>> = FxHashMap::default();
        for pending in &*batch {
            tenants.insert(pending.tenant.id(), &pending.tenant);
        }
        let tenants: Vec<Arc<Tenant>> = tenants.into_values().cloned().collect();
        let mut programs = BatchPrograms::default();
        let mut failed: Vec<(TenantId, Fault)> = Vec::new();
        for tenant in tenants {
            match tenant.programs(&self.shared.storage).await {
                Ok(current) => {
                    programs.insert(tenant.id().clone(), (tenant, current));
                }
                Err(fault) => failed.push((tenant.id().clone(), fault)),
            }
        }
        for (tenant, fault) in &failed {
            answer_tenant(batch, tenant, fault, answers);
        }
        programs
    }
}

/// The store could not do its work for these commands. Returns those who are tried once more.
///
/// What cannot be read or written may belong to one of them only, so each gets a second chance by itself.
fn failed_together(
    mut batch: Vec<Pending>,
    error: StoreError,
    answers: &Answers<'_>,
) -> Vec<Pending> {
    let is_of_one = matches!(
        error,
        StoreError::Corrupt { .. } | StoreError::Refused { .. }
    );
    if is_of_one && batch.len() > 1 {
        for pending in &mut batch {
            pending.place.alone = true;
        }
        return batch;
    }
    let fault = Fault::from(error);
    // The code alone: the details of unreadable data may name a member.
    tracing::error!(code = %fault.code, commands = batch.len(), "commands failed");
    answer_all(batch, &fault, answers);
    Vec::new()
}

fn answer_tenant(
    batch: &mut Vec<Pending>,
    tenant: &TenantId,
    fault: &Fault,
    answers: &Answers<'_>,
) {
    let (failed, rest) = mem::take(batch)
        .into_iter()
        .partition(|pending| pending.tenant.id() == tenant);
    *batch = rest;
    answer_all(failed, fault, answers);
}

fn answer_all(batch: Vec<Pending>, fault: &Fault, answers: &Answers<'_>) {
    for pending in batch {
        answers.give(pending, Outcome::Failed(fault.clone()));
    }
}

/// One plan for the whole batch: what each command reads, its stored reply, and how many revisions its tenant has. With it the
/// members whom several of the commands read.
fn plan(batch: &mut [Pending], programs: &BatchPrograms) -> (ReadPlan, FxHashSet<MemberKey>) {
    let mut plan = ReadPlan {
        revision_counts: programs.keys().cloned().collect(),
        ..ReadPlan::default()
    };
    let mut own_plans = Vec::with_capacity(batch.len());
    for pending in batch {
        match &pending.identity.key {
            CommandKey::Reply(key) => plan.replies.push(key.clone()),
            CommandKey::Entity(key) => plan.receipts.push(key.clone()),
            CommandKey::None => {}
        }
        if let Some((_, programs)) = programs.get(pending.tenant.id()) {
            own_plans.push(pending.plan(programs));
        }
    }
    let common = common(&own_plans);
    own_plans.into_iter().for_each(|own| plan.merge(own));
    plan.normalise();
    (plan, common)
}

/// The members who are read by more than one of the plans.
fn common(plans: &[ReadPlan]) -> FxHashSet<MemberKey> {
    let mut first: FxHashMap<&MemberKey, usize> = FxHashMap::default();
    let mut common = FxHashSet::default();
    for (index, plan) in plans.iter().enumerate() {
        let lots = plan.lots.iter().map(|query| &query.member);
        for member in plan.members.iter().chain(lots) {
            if *first.entry(member).or_insert(index) != index {
                common.insert(member.clone());
            }
        }
    }
    common
}

/// The tenants of whose programs the store has newer revisions.
fn behind<'a>(
    programs: &'a BatchPrograms,
    snapshot: &Snapshot,
) -> Vec<(&'a Arc<Tenant>, &'a Arc<Programs>)> {
    programs
        .iter()
        .filter(|(id, (_, programs))| programs.are_behind(id, snapshot))
        .map(|(_, (tenant, programs))| (tenant, programs))
        .collect()
}
