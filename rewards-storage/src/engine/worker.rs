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
use rewards_core::snapshot::{ReadPlan, Snapshot};
use rustc_hash::FxHashMap;
use tracing::Instrument;

use super::answers::Answers;
use super::builder::Events;
use super::catalogue::{Programs, Tenant};
use super::moment::{self, ClockLimits, KnownTime};
use super::pending::{Outcome, Pending};
use super::queue::{Lease, Queue, Running};
use super::round::{Published, Round, Settled, View};
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
    pub(super) events: Events,
    pub(super) limits: ClockLimits,
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
        while let Some((mut lease, batch)) = self.queue.next().await {
            let waiting = self.queue.waiting();
            self.shared.telemetry.gathered(batch.len(), waiting);
            let span = tracing::debug_span!("rewards.batch", commands = batch.len());
            let answers = Answers::new(&self.shared.telemetry);
            let again = self.process(&mut lease, batch, &answers);
            let again = again.instrument(span).await;
            end(lease, again, answers);
            self.queue.listen().await;
        }
    }

    /// Answers a batch; returns those who go round again.
    async fn process(
        &self,
        lease: &mut Lease,
        batch: Vec<Pending>,
        answers: &Answers<'_>,
    ) -> Vec<Pending> {
        let run = batch.first().and_then(|first| first.run.as_ref());
        if let Some(fault) = run.and_then(|run| run.stopped().cloned()) {
            answer_all(batch, &fault, answers);
            return Vec::new();
        }
        let view = match self.view(lease, batch, answers).await {
            Ok(view) => view,
            Err(again) => return again,
        };
        let round = Round::decide(view, &self.shared, answers);
        if round.commits().is_empty() {
            return round.settle(vec![], &self.shared, answers).again;
        }
        match self.shared.storage.commit(round.commits()).await {
            Ok(outcomes) => {
                let Settled { again, published } = round.settle(outcomes, &self.shared, answers);
                self.take_over(lease, published);
                again
            }
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
        lease: &mut Lease,
        mut batch: Vec<Pending>,
        answers: &Answers<'_>,
    ) -> Result<View, Vec<Pending>> {
        let programs = self.programs(lease, &mut batch);
        if batch.is_empty() {
            return Err(batch);
        }
        let plan = plan(&mut batch, &programs);
        let asked = self.asked(&batch, &programs);
        let note = |tenant: &TenantId, at| {
            if let Some((tenant, _)) = programs.get(tenant) {
                tenant.known_time.note(at);
            }
        };
        let loaded = moment::view(&self.shared.storage, &plan, &asked, note).await;
        let snapshot = match loaded {
            Ok(snapshot) => snapshot,
            Err(error) => return Err(failed_together(batch, error, answers)),
        };
        for (tenant, seen) in behind(&programs, &snapshot) {
            self.shared.telemetry.retried("programs");
            self.park(lease, &mut batch, tenant, Some(seen));
        }
        if batch.is_empty() {
            return Err(batch);
        }
        Ok(View::new(batch, &plan, snapshot))
    }

    /// The tenants of whom the last known time is to be looked up before a clock is trusted.
    fn asked<'p>(
        &self,
        batch: &[Pending],
        programs: &'p BatchPrograms,
    ) -> Vec<(&'p TenantId, &'p KnownTime)> {
        let limits = &self.shared.limits;
        let asks = |(id, (tenant, _)): (&'p TenantId, &'p (Arc<Tenant>, _))| {
            let known = &tenant.known_time;
            let mut own = batch.iter().filter(|one| one.tenant.id() == id);
            own.any(|one| limits.asks(one.moment, known))
                .then_some((id, known))
        };
        programs.iter().filter_map(asks).collect()
    }

    /// The programs of every tenant in the batch. The commands of tenants whose programs are not loaded wait until they are.
    fn programs(&self, lease: &mut Lease, batch: &mut Vec<Pending>) -> BatchPrograms {
        let mut tenants: FxHashMap<&TenantId, &Arc<Tenant>> = FxHashMap::default();
        for pending in &*batch {
            tenants.insert(pending.tenant.id(), &pending.tenant);
        }
        let tenants: Vec<Arc<Tenant>> = tenants.into_values().cloned().collect();
        let mut programs = BatchPrograms::default();
        for tenant in tenants {
            match tenant.current() {
                Some(current) => {
                    programs.insert(tenant.id().clone(), (tenant, current));
                }
                None => self.park(lease, batch, &tenant, None),
            }
        }
        programs
    }

    /// Takes the commands of a tenant out of the batch until its programs are newer than those seen. Loading and compiling them
    /// takes long, and the other tenants do not wait for it.
    fn park(
        &self,
        lease: &mut Lease,
        batch: &mut Vec<Pending>,
        tenant: &Arc<Tenant>,
        seen: Option<&Arc<Programs>>,
    ) {
        let (parked, rest) = mem::take(batch)
            .into_iter()
            .partition::<Vec<_>, _>(|pending| pending.tenant.id() == tenant.id());
        *batch = rest;
        let lease = lease.park(&parked);
        let (shared, tenant) = (Arc::clone(&self.shared), Arc::clone(tenant));
        let seen = seen.cloned();
        let work = async move {
            let loaded = tenant.reload(&shared.storage, seen.as_ref()).await;
            let answers = Answers::new(&shared.telemetry);
            let again = match loaded {
                Ok(_) => unless_parked_too_often(parked, &answers),
                Err(fault) => {
                    answer_all(parked, &fault, &answers);
                    Vec::new()
                }
            };
            end(lease, again, answers);
        };
        tokio::spawn(work.in_current_span());
    }

    /// Takes over what was just published, and answers only then, so that whoever hears of it can use it at once. Nobody else
    /// waits for that.
    fn take_over(&self, lease: &mut Lease, published: Vec<Published>) {
        if published.is_empty() {
            return;
        }
        // The workers do not end before everybody is answered.
        let lease = lease.park(&[]);
        let shared = Arc::clone(&self.shared);
        let work = async move {
            for Published { pending, changes } in published {
                pending.tenant.absorb(&changes.programs).await;
                pending.answer(Outcome::Applied, &shared.telemetry);
            }
            end(lease, Vec::new(), Answers::new(&shared.telemetry));
        };
        tokio::spawn(work.in_current_span());
    }
}

/// Ends a lease: those who come back wait again, and commands that may be sent again are answered with those behind them.
fn end(lease: Lease, again: Vec<Pending>, answers: Answers<'_>) {
    let (telemetry, halts) = answers.into_halts();
    let held_back = lease.release(again, &halts);
    for halt in halts {
        halt.answer(telemetry);
    }
    for (pending, fault) in held_back {
        pending.answer(Outcome::Failed(fault), telemetry);
    }
}

/// Those who wait again after they were parked. A store whose programs are never complete must not keep them for ever.
fn unless_parked_too_often(parked: Vec<Pending>, answers: &Answers<'_>) -> Vec<Pending> {
    let mut again = Vec::with_capacity(parked.len());
    for mut pending in parked {
        pending.parked = pending.parked.saturating_add(1);
        if pending.parked < VIEWS_MAX {
            again.push(pending);
        } else {
            let attempts = VIEWS_MAX;
            answers.give(
                pending,
                Outcome::Failed(Rejection::Contention { attempts }.into()),
            );
        }
    }
    again
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

fn answer_all(batch: Vec<Pending>, fault: &Fault, answers: &Answers<'_>) {
    for pending in batch {
        answers.give(pending, Outcome::Failed(fault.clone()));
    }
}

/// One plan for the whole batch: what each command reads, its stored reply, and how many revisions its tenant has.
fn plan(batch: &mut [Pending], programs: &BatchPrograms) -> ReadPlan {
    let mut plan = ReadPlan {
        revision_counts: programs.keys().cloned().collect(),
        ..ReadPlan::default()
    };
    for pending in batch {
        match &pending.identity.key {
            CommandKey::Reply(key) => plan.replies.push(key.clone()),
            CommandKey::Entity(key) => plan.receipts.push(key.clone()),
            CommandKey::None => {}
        }
        if let Some((_, programs)) = programs.get(pending.tenant.id()) {
            plan.merge(pending.plan(programs));
        }
    }
    plan.normalise();
    plan
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
