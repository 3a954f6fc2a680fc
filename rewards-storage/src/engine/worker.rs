//! One worker: gathers what waits, reads once, decides one after another, commits once, answers.
//!
//! - The batch forms while the previous commit is in flight. There is no timer: a lone command waits for nobody.
//! - All commands of a member go through the same worker, in the order in which they were accepted.
//! - A command that loses a race goes round again with the same time and ids, ahead of those that came later.
//! - A worker ends when the engine is closed or all its handles are dropped, after answering what was accepted.
//!
//! The worker knows neither operations nor the store's dialect; deciding and settling a batch is the [`Round`]'s.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use rewards_core::ids::TenantId;
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::snapshot::{ReadPlan, Snapshot};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::{mpsc, watch};
use tracing::Instrument;

use super::catalogue::{Programs, Tenant};
use super::pending::{Outcome, Pending};
use super::round::{Round, View};
use super::storage::Storage;
use super::telemetry::Telemetry;
use crate::error::StoreError;

/// How often a view is loaded again because another process published programs meanwhile.
pub(super) const VIEWS_MAX: u32 = 8;

/// How many turns a worker leaves to others at most before it gathers its next batch.
const TURNS_MAX: u32 = 32;

/// What all workers of an engine share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) storage: Storage,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) batch_max: usize,
    pub(super) attempts_max: u32,
}

/// Counts a worker as running until it is dropped, however it ends.
pub(super) struct Running(watch::Sender<usize>);

impl Running {
    pub(super) fn new(workers: watch::Sender<usize>) -> Self {
        workers.send_modify(|running| *running = running.saturating_add(1));
        Self(workers)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0
            .send_modify(|running| *running = running.saturating_sub(1));
    }
}

/// The programs a batch is decided with, by tenant.
type BatchPrograms = FxHashMap<TenantId, (Arc<Tenant>, Arc<Programs>)>;

/// One worker and its queue.
pub(super) struct Worker {
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Pending>,
    stop: watch::Receiver<bool>,
    closing: bool,
    /// Those that go round again, before anything from the queue.
    again: VecDeque<Pending>,
    _running: Running,
}

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        queue: mpsc::Receiver<Pending>,
        stop: watch::Receiver<bool>,
        running: Running,
    ) -> Self {
        Self {
            shared,
            queue,
            stop,
            closing: false,
            again: VecDeque::new(),
            _running: running,
        }
    }

    /// Works until the engine is closed and everything accepted is answered.
    pub(super) async fn run(mut self) {
        while let Some(batch) = self.gather().await {
            self.shared
                .telemetry
                .gathered(batch.len(), self.queue.len());
            let span = tracing::debug_span!("rewards.batch", commands = batch.len());
            self.process(batch).instrument(span).await;
            self.listen().await;
        }
    }

    /// Lets those who were just answered speak before the next batch is gathered.
    ///
    /// Without this a full house falls apart into a large and a tiny batch in turn, each paying for a whole commit.
    /// There is no waiting in it: it ends as soon as nobody has come since the last turn.
    async fn listen(&mut self) {
        for _ in 0..TURNS_MAX {
            let before = self.queue.len();
            tokio::task::yield_now().await;
            if self.queue.len() == before {
                return;
            }
        }
    }

    /// The next batch: whatever waits, but at least one command; `None` when there will be no more.
    async fn gather(&mut self) -> Option<Vec<Pending>> {
        let max = self.shared.batch_max;
        let mut batch = Vec::new();
        while batch.len() < max
            && let Some(pending) = self.again.pop_front()
        {
            if pending.alone && !batch.is_empty() {
                self.again.push_front(pending);
                return Some(batch);
            }
            let alone = pending.alone;
            batch.push(pending);
            if alone {
                return Some(batch);
            }
        }
        while batch.len() < max
            && !batch.is_empty()
            && let Ok(pending) = self.queue.try_recv()
        {
            batch.push(pending);
        }
        if !batch.is_empty() {
            return Some(batch);
        }
        loop {
            tokio::select! {
                biased;
                // A change and a vanished engine mean the same. The queue still hands out what it holds.
                _ = self.stop.changed(), if !self.closing => {
                    self.closing = true;
                    self.queue.close();
                }
                received = self.queue.recv_many(&mut batch, max) => {
                    return (received > 0).then_some(batch);
                }
            }
        }
    }

    async fn process(&mut self, mut batch: Vec<Pending>) {
        for (place, pending) in batch.iter_mut().enumerate() {
            pending.place = place;
        }
        let Some(view) = self.view(batch).await else {
            return;
        };
        let round = Round::decide(view, &self.shared.telemetry);
        let again = if round.commits().is_empty() {
            round.settle(vec![], &self.shared).await
        } else {
            match self.shared.storage.commit(round.commits()).await {
                Ok(outcomes) => round.settle(outcomes, &self.shared).await,
                Err(error) => {
                    let (failed, deferred) = round.into_failed();
                    self.failed(failed, error);
                    deferred
                }
            }
        };
        self.go_round(again);
    }

    /// Loads the rows of the whole batch, with the programs to decide by; answers those for whom that fails.
    async fn view(&mut self, mut batch: Vec<Pending>) -> Option<View> {
        for _ in 0..VIEWS_MAX {
            let programs = self.programs(&mut batch).await;
            if batch.is_empty() {
                return None;
            }
            let plan = plan(&mut batch, &programs);
            let snapshot = match self.shared.storage.load(&plan).await {
                Ok(snapshot) => snapshot,
                Err(error) => {
                    self.failed(batch, error);
                    return None;
                }
            };
            let behind = behind(&programs, &snapshot);
            if behind.is_empty() {
                return Some(View::new(batch, &plan, snapshot));
            }
            for (tenant, programs) in behind.into_values() {
                self.shared.telemetry.retried("programs");
                let reloaded = tenant.reload(&self.shared.storage, Some(programs)).await;
                if let Err(fault) = reloaded {
                    self.answer_tenant(&mut batch, tenant.id(), &fault);
                }
            }
        }
        let attempts = VIEWS_MAX;
        self.answer_all(batch, &Rejection::Contention { attempts }.into());
        None
    }

    /// The programs of every tenant in the batch; tenants whose programs cannot be read are answered and removed.
    async fn programs(&mut self, batch: &mut Vec<Pending>) -> BatchPrograms {
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
            self.answer_tenant(batch, tenant, fault);
        }
        programs
    }

    /// The store could not do its work for these commands.
    ///
    /// What cannot be read or written may belong to one of them only, so each gets a second chance by itself.
    fn failed(&mut self, mut batch: Vec<Pending>, error: StoreError) {
        let is_of_one = matches!(
            error,
            StoreError::Corrupt { .. } | StoreError::Refused { .. }
        );
        if is_of_one && batch.len() > 1 {
            for pending in &mut batch {
                pending.alone = true;
            }
            self.go_round(batch);
            return;
        }
        let fault = Fault::from(error);
        // The code alone: the details of unreadable data may name a member.
        tracing::error!(code = %fault.code, commands = batch.len(), "commands failed");
        self.answer_all(batch, &fault);
    }

    fn go_round(&mut self, mut batch: Vec<Pending>) {
        batch.sort_by_key(|pending| pending.place);
        for pending in batch.into_iter().rev() {
            self.again.push_front(pending);
        }
    }

    fn answer_tenant(&self, batch: &mut Vec<Pending>, tenant: &TenantId, fault: &Fault) {
        let (failed, rest) = mem::take(batch)
            .into_iter()
            .partition(|pending| pending.tenant.id() == tenant);
        *batch = rest;
        self.answer_all(failed, fault);
    }

    fn answer_all(&self, batch: Vec<Pending>, fault: &Fault) {
        for pending in batch {
            pending.answer(Outcome::Failed(fault.clone()), &self.shared.telemetry);
        }
    }
}

/// One plan for the whole batch: what each command reads, its stored reply, and the heads of the programs it depends on.
///
/// A command that names no program may depend on any of its tenant's, through the member's record.
fn plan(batch: &mut [Pending], programs: &BatchPrograms) -> ReadPlan {
    let mut plan = ReadPlan::default();
    let mut unnamed: FxHashSet<&TenantId> = FxHashSet::default();
    for pending in batch {
        plan.replies.push(pending.key.clone());
        if let Some((tenant, (_, programs))) = programs.get_key_value(pending.tenant.id()) {
            let own = pending.take_plan(programs);
            if own.programs.is_empty() && unnamed.insert(tenant) {
                plan.programs.extend_from_slice(&programs.heads);
            }
            plan.merge(own);
        }
    }
    plan.normalise();
    plan
}

/// The tenants of whose programs the store has newer revisions.
fn behind<'a>(
    programs: &'a BatchPrograms,
    snapshot: &Snapshot,
) -> FxHashMap<&'a TenantId, (&'a Arc<Tenant>, &'a Arc<Programs>)> {
    snapshot
        .programs
        .iter()
        .filter_map(|(key, head)| {
            let (id, (tenant, programs)) = programs.get_key_value(&key.tenant)?;
            (programs.newest(&key.program) < *head).then_some((id, (tenant, programs)))
        })
        .collect()
}
