//! One round of a batch: deciding it against an evolving view, and settling it after the commit.
//!
//! A command sees what the commands before it decided, though none of that is durable yet. So nobody is told anything
//! that rests on an open decision: a refusal that follows one waits for the commit, and is decided again when the
//! commit did not go as decided.

use std::iter;
use std::mem;
use std::sync::Arc;

use rewards_core::decision::Changes;
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::snapshot::{MemberKey, ReadPlan, ReplyKey, Snapshot, StoredReply};
use rustc_hash::{FxHashMap, FxHashSet};

use super::catalogue::Tenant;
use super::pending::{Outcome, Pending};
use super::telemetry::Telemetry;
use super::worker::Shared;
use crate::batch::{Commit, CommitBatch, Refusal};

/// A batch with the rows it is decided on.
pub(super) struct View {
    batch: Vec<Pending>,
    snapshot: Snapshot,
    /// Members of whom there may be more lots than were read.
    partial: FxHashSet<MemberKey>,
}

impl View {
    pub(super) fn new(batch: Vec<Pending>, plan: &ReadPlan, snapshot: Snapshot) -> Self {
        let partial = partial(plan, &snapshot);
        Self {
            batch,
            snapshot,
            partial,
        }
    }
}

/// A batch after its decisions and before its commit.
#[derive(Default)]
pub(super) struct Round {
    /// What is to be committed, in the order in which it was decided.
    commits: Vec<CommitBatch>,
    /// Whose it is.
    decided: Vec<Pending>,
    /// Commands with the key of a decided one, by its index.
    followers: Vec<(usize, Pending)>,
    /// Refusals that may rest on the first so many decisions.
    refused: Vec<(usize, Pending, Fault)>,
    /// Commands that need a fresh view.
    deferred: Vec<Pending>,
}

impl Round {
    /// Decides one command after another; answers those whose answer rests on durable data alone.
    pub(super) fn decide(view: View, telemetry: &Telemetry) -> Self {
        let View {
            batch,
            mut snapshot,
            partial,
        } = view;
        let mut round = Self::default();
        let mut leaders: FxHashMap<ReplyKey, usize> = FxHashMap::default();
        let mut moved: FxHashSet<MemberKey> = FxHashSet::default();
        let last = batch.len().saturating_sub(1);
        for (index, mut pending) in batch.into_iter().enumerate() {
            if let Some(stored) = snapshot.replies.get(&pending.key) {
                let outcome = pending.repeated(stored);
                pending.answer(outcome, telemetry);
                continue;
            }
            if let Some(leader) = leaders.get(&pending.key) {
                round.followers.push((*leader, pending));
                continue;
            }
            if let Some(fault) = pending.refused.take() {
                pending.answer(Outcome::Failed(fault), telemetry);
                continue;
            }
            let member = partial_member(&pending, &partial);
            if member.as_ref().is_some_and(|member| moved.contains(member)) {
                round.deferred.push(pending);
                continue;
            }
            match pending.decide(&snapshot) {
                Ok((changes, body)) => {
                    if index < last {
                        snapshot.apply(&changes);
                        leaders.insert(pending.key.clone(), round.decided.len());
                        moved.extend(member);
                    }
                    round.commits.push(CommitBatch {
                        key: pending.key.clone(),
                        reply: StoredReply {
                            fingerprint: pending.fingerprint,
                            body,
                        },
                        changes: Arc::new(changes),
                    });
                    round.decided.push(pending);
                }
                Err(fault) if round.decided.is_empty() => {
                    pending.answer(Outcome::Failed(fault), telemetry);
                }
                Err(fault) => round.refused.push((round.decided.len(), pending, fault)),
            }
        }
        round
    }

    /// What is to be committed.
    pub(super) fn commits(&self) -> &[CommitBatch] {
        &self.commits
    }

    /// Answers everyone according to how the commit went; returns those who go round again.
    pub(super) async fn settle(mut self, outcomes: Vec<Commit>, shared: &Shared) -> Vec<Pending> {
        let telemetry = &shared.telemetry;
        let mut again = mem::take(&mut self.deferred);
        for (tenant, changes) in self.published(&outcomes) {
            tenant.absorb(&changes.programs).await;
        }
        let as_decided = outcomes
            .iter()
            .take_while(|outcome| matches!(outcome, Commit::Applied))
            .count();
        for (leader, pending) in self.followers {
            let stored = match outcomes.get(leader) {
                Some(Commit::Applied) => self.commits.get(leader).map(|commit| &commit.reply),
                Some(Commit::Replayed(stored)) => Some(stored),
                Some(Commit::Refused(_)) | None => None,
            };
            match stored.map(|stored| pending.repeated(stored)) {
                Some(outcome) => pending.answer(outcome, telemetry),
                None => again.push(pending),
            }
        }
        for (rests_on, pending, fault) in self.refused {
            if rests_on <= as_decided {
                pending.answer(Outcome::Failed(fault), telemetry);
            } else {
                // Not an attempt of its own: one of those before it has spent one.
                again.push(pending);
            }
        }
        for (pending, outcome) in iter::zip(self.decided, outcomes) {
            let answer = match outcome {
                Commit::Applied => Outcome::Applied,
                Commit::Replayed(stored) => pending.repeated(&stored),
                Commit::Refused(Refusal::KeyReused) => Outcome::Failed(pending.key_reused()),
                // Nothing but its range bounds an account without a floor, and trying again would not help.
                Commit::Refused(Refusal::Floor { account, .. }) if account.floor().is_none() => {
                    Outcome::Failed(Rejection::Overflow.into())
                }
                Commit::Refused(refusal) => {
                    telemetry.retried(reason(&refusal));
                    again.extend(once_more(pending, shared));
                    continue;
                }
            };
            pending.answer(answer, telemetry);
        }
        again
    }

    /// The commit failed: those whose fate hung on it, and those who go round again regardless.
    pub(super) fn into_failed(self) -> (Vec<Pending>, Vec<Pending>) {
        let followers = self.followers.into_iter().map(|(_, pending)| pending);
        let refused = self.refused.into_iter().map(|(_, pending, _)| pending);
        let failed = self.decided.into_iter().chain(followers).chain(refused);
        (failed.collect(), self.deferred)
    }

    /// The programs published just now. They are taken over before anyone hears of them, so that whoever does can use
    /// them at once.
    fn published(&self, outcomes: &[Commit]) -> Vec<(Arc<Tenant>, Arc<Changes>)> {
        let decided = self.commits.iter().zip(&self.decided).zip(outcomes);
        decided
            .filter(|((commit, _), outcome)| {
                matches!(outcome, Commit::Applied) && !commit.changes.programs.is_empty()
            })
            .map(|((commit, pending), _)| {
                (Arc::clone(&pending.tenant), Arc::clone(&commit.changes))
            })
            .collect()
    }
}

/// A command that lost a race goes round again, unless it has lost too often.
fn once_more(mut pending: Pending, shared: &Shared) -> Option<Pending> {
    pending.attempts = pending.attempts.saturating_add(1);
    if pending.attempts < shared.attempts_max {
        return Some(pending);
    }
    let attempts = pending.attempts;
    let fault = Rejection::Contention { attempts }.into();
    pending.answer(Outcome::Failed(fault), &shared.telemetry);
    None
}

fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::KeyReused => "key",
        Refusal::Stale(_) => "stale",
        Refusal::CounterBound { .. } | Refusal::Floor { .. } => "guard",
    }
}

/// Members of whom as many lots were found as were asked for, so that the store may hold more.
///
/// Such a view does not evolve like the store: a lot that one command uses up is not replaced by the next one in line.
/// Only one change of such a member is decided on one view.
fn partial(plan: &ReadPlan, snapshot: &Snapshot) -> FxHashSet<MemberKey> {
    let is_full = |limit: u32, found: usize| u32::try_from(found).is_ok_and(|found| found >= limit);
    let smallest = plan.lots.iter().map(|query| query.limit).min();
    if !smallest.is_some_and(|limit| is_full(limit, snapshot.lots.len())) {
        return FxHashSet::default();
    }
    let queries = plan.lots.iter();
    queries
        .filter(|query| is_full(query.limit, snapshot.lots_of(&query.member).count()))
        .map(|query| query.member.clone())
        .collect()
}

fn partial_member(pending: &Pending, partial: &FxHashSet<MemberKey>) -> Option<MemberKey> {
    if partial.is_empty() {
        return None;
    }
    let key = MemberKey {
        tenant: pending.tenant.id().clone(),
        member: pending.member()?.clone(),
    };
    partial.contains(&key).then_some(key)
}
