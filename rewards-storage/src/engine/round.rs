//! One round of a batch: deciding it against an evolving view, and settling it after the commit.
//!
//! A command sees what the commands before it decided, though none of that is durable yet. So nobody is told anything
//! that rests on an open decision: a refusal that follows one waits for the commit, and is decided again when the
//! commit did not go as decided.
//!
//! A command that cannot be decided on this view goes round again, and with it all that stand behind it in one of its lines. So does
//! one that reads a list of a member's entities of which a command before it has made, changed or removed one: rows move on with the
//! view, and lists stay as they were read.

use std::iter;
use std::mem;
use std::sync::Arc;

use rewards_core::decision::Changes;
use rewards_core::entity::{By, EntityKey, EntityRemoval, Index};
use rewards_core::fingerprint::Fingerprint;
use rewards_core::ids::{MemberId, TenantId};
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::snapshot::{MemberKey, ReadPlan, Snapshot, StoredReply};
use rustc_hash::{FxHashMap, FxHashSet};

use super::answers::Answers;
use super::builder::Events;
use super::faults::is_of_time_to_come;
use super::pending::{Identity, List, Outcome, Pending, Step};
use super::queue::Line;
use super::worker::Shared;
use crate::batch::{CommandKey, Commit, CommitBatch, Refusal};

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
    /// Refusals, and decisions that change nothing, that may rest on the first so many decisions.
    unwritten: Vec<(usize, Pending, Outcome)>,
    /// Commands that need a fresh view.
    deferred: Vec<Pending>,
}

/// What is left of a round after its commit.
pub(super) struct Settled {
    /// Those who go round again.
    pub(super) again: Vec<Pending>,
    /// Those who are answered when what they have published is taken over.
    pub(super) published: Vec<Published>,
}

/// A command that has published programs.
pub(super) struct Published {
    pub(super) pending: Pending,
    pub(super) changes: Arc<Changes>,
}

/// A round while its commands are decided, one after another.
struct Deciding<'s> {
    round: Round,
    shared: &'s Shared,
    answers: &'s Answers<'s>,
    snapshot: Snapshot,
    partial: FxHashSet<MemberKey>,
    /// Keys of decided commands, by their index.
    leaders: FxHashMap<CommandKey, usize>,
    /// Partial members who have been changed.
    moved: FxHashSet<MemberKey>,
    /// Lines of which somebody needs a fresh view.
    held: FxHashSet<Line>,
    changed: ChangedLists,
}

/// Lists of which something has changed; what was removed unseen may have been in any of its kind.
type ChangedLists = FxHashSet<(TenantId, &'static str, Option<MemberId>)>;

/// Whether a list is one of those that have changed.
fn is_in(changed: &ChangedLists, (tenant, kind, owner): List<'_>) -> bool {
    let contains = |owner: Option<&MemberId>| {
        let list = (tenant.clone(), kind, owner.cloned());
        changed.contains(&list)
    };
    contains(Some(owner)) || contains(None)
}

impl Deciding<'_> {
    fn next(&mut self, mut pending: Pending, is_last: bool) {
        if let Some(stored) = pending.stored(&self.snapshot) {
            let outcome = pending.repeated(stored);
            return self.answer(pending, outcome);
        }
        if let Some(leader) = self.leaders.get(&pending.identity.key) {
            self.round.followers.push((*leader, pending));
            return;
        }
        if self.is_held(&pending) || self.reads_changed_list(&pending) {
            return self.defer(pending);
        }
        if let Some(fault) = self.mistimed(&pending) {
            return self.unwritten(pending, Outcome::Failed(fault));
        }
        if let Some(fault) = pending.refused() {
            let fault = fault.clone();
            return self.answer(pending, Outcome::Failed(fault));
        }
        match pending.decide(&self.snapshot) {
            Step::Decided(changes, body) => self.decided(pending, changes, body, is_last),
            Step::Again if pending.attempts >= self.shared.attempts_max => {
                self.hold(&pending);
                give_up(pending, self.answers);
            }
            Step::Again => self.defer(pending),
            Step::Refused(fault) => self.unwritten(pending, Outcome::Failed(fault)),
        }
    }

    /// The fault of a command whose clock cannot be right. What is wrong with it whatever the clock says is told first.
    fn mistimed(&self, pending: &Pending) -> Option<Fault> {
        // The caller's word is held against nothing.
        pending.moment.clock?;
        let known = pending.tenant.known_time.latest();
        let to_come = pending.refused().map(is_of_time_to_come);
        let told = match to_come {
            Some(false) => return None,
            Some(true) => known,
            None => None,
        };
        let rows = pending
            .members()
            .filter_map(|member| self.snapshot.members.get(member));
        let recorded = rows.map(|row| row.recorded_at).chain(told).max();
        self.shared.limits.mistimed(pending.moment, recorded, known)
    }

    fn decided(&mut self, pending: Pending, mut changes: Changes, body: Arc<str>, is_last: bool) {
        if self.shared.events == Events::Dropped {
            changes.events.clear();
        }
        let key = &pending.identity.key;
        if *key == CommandKey::None && changes.is_empty() {
            return self.unwritten(pending, Outcome::Applied);
        }
        let receipt = receipt_of(&pending, &changes).cloned();
        for write in &changes.members {
            pending.tenant.known_time.note(write.row.recorded_at);
        }
        if !is_last {
            let adds_to_page = pending.run.is_some() && self.adds_to_page(&changes);
            self.note_lists(&changes);
            self.apply(&changes);
            let index = self.round.decided.len();
            if *key != CommandKey::None {
                self.leaders.insert(key.clone(), index);
            }
            // Who repeats it without the key finds it by what it makes.
            if let Some(made) = &receipt {
                let made = CommandKey::Entity(made.clone());
                self.leaders.insert(made, index);
            }
            let partial = partial_members(&pending, &self.partial);
            self.moved.extend(partial.cloned());
            // What follows in an ordered run is decided by what was just published, and sees what was just added to a list.
            if adds_to_page || pending.run.is_some() && !changes.programs.is_empty() {
                self.hold(&pending);
            }
        }
        self.round.commits.push(CommitBatch {
            key: key.clone(),
            receipt,
            follows: pending.run.is_some(),
            reply: StoredReply {
                fingerprint: pending.identity.fingerprints.current().clone(),
                body,
            },
            changes: Arc::new(changes),
        });
        self.round.decided.push(pending);
    }

    /// Whether a change adds something to a list by group that the view has: a rate, or a code that is free again. What is taken out of
    /// one shows in the entity itself.
    fn adds_to_page(&self, changes: &Changes) -> bool {
        let pages = &self.snapshot.entity_pages;
        changes.entities.iter().any(|write| {
            let before = self.snapshot.entities.get(&write.key);
            let is_in = |index: &Index, by: &By| match by {
                By::Group { group, state, .. } => {
                    index.group.as_ref() == Some(group) && index.state == *state
                }
                _ => false,
            };
            pages.keys().any(|query| {
                query.kind == write.key.kind
                    && query.tenant == write.key.tenant
                    && is_in(&write.row.index, &query.by)
                    && !before.is_some_and(|before| is_in(&before.index, &query.by))
            })
        })
    }

    /// Notes the lists that are not any more as they were read.
    fn note_lists(&mut self, changes: &Changes) {
        if self.snapshot.entity_pages.is_empty() {
            return;
        }
        let known = |key: &EntityKey| {
            let row = self.snapshot.entities.get(key);
            row.map(|row| row.index.owner.clone())
        };
        for write in &changes.entities {
            let (now, before) = (write.row.index.owner.clone(), known(&write.key).flatten());
            for owner in [now, before].into_iter().flatten() {
                let (tenant, kind) = (write.key.tenant.clone(), write.key.kind);
                self.changed.insert((tenant, kind, Some(owner)));
            }
        }
        for EntityRemoval { key, .. } in &changes.removals {
            let list = match known(key) {
                Some(Some(owner)) => Some(owner),
                Some(None) => continue,
                None => None,
            };
            self.changed.insert((key.tenant.clone(), key.kind, list));
        }
        // Whoever turns out to need one of them only now asks for it, too.
        let changed = &self.changed;
        let pages = &mut self.snapshot.entity_pages;
        pages.retain(|query, _| match &query.by {
            By::Owner(owner) => !is_in(changed, (&query.tenant, query.kind, owner)),
            By::Newest | By::Group { .. } | By::Due(_) => true,
        });
    }

    /// Whether a list that it reads has changed since.
    fn reads_changed_list(&self, pending: &Pending) -> bool {
        !self.changed.is_empty() && pending.lists().any(|list| is_in(&self.changed, list))
    }

    /// Moves the view on, with the rows of members, too, of whom no other command in the batch has asked for any: one that turns
    /// out to need them finds them here, and they have to agree with the entities beside them.
    fn apply(&mut self, changes: &Changes) {
        // Named one by one, so that a new kind of change is not forgotten here.
        let Changes {
            members,
            entities,
            removals,
            programs,
            journal,
            lots,
            counters,
            erased_reasons: _,
            events: _,
        } = changes;
        let snapshot = &mut self.snapshot;
        for write in members {
            let row = write.row.clone();
            snapshot.members.insert(write.key.clone(), row);
        }
        for write in lots {
            let key = (write.member.clone(), write.lot.number);
            snapshot.lots.insert(key, write.lot.clone());
        }
        for write in entities {
            let row = write.row.clone();
            snapshot.entities.insert(write.key.clone(), row);
        }
        for removal in removals {
            snapshot.entities.remove(&removal.key);
            snapshot.receipts.remove(&removal.key);
        }
        for write in programs {
            snapshot.programs.insert(write.key.clone(), write.revision);
        }
        snapshot.note_entries(journal);
        for change in counters {
            let value = snapshot.counters.entry(change.key.clone()).or_default();
            *value = value.saturating_add(change.delta);
            if change.bound.is_some() {
                snapshot.open_counters.insert(change.key.clone());
            }
        }
    }

    /// Whether somebody before it in one of its lines needs a fresh view, or it does because somebody has changed a member
    /// of whom not everything was read.
    fn is_held(&self, pending: &Pending) -> bool {
        let mut lines = pending.place.lines().iter();
        (!self.held.is_empty() && lines.any(|line| self.held.contains(line)))
            || partial_members(pending, &self.partial).any(|member| self.moved.contains(member))
    }

    fn hold(&mut self, pending: &Pending) {
        self.held.extend(pending.place.lines().iter().cloned());
    }

    fn defer(&mut self, pending: Pending) {
        self.hold(&pending);
        self.round.deferred.push(pending);
    }

    fn unwritten(&mut self, pending: Pending, outcome: Outcome) {
        if self.round.decided.is_empty() {
            self.answer(pending, outcome);
        } else {
            let rests_on = self.round.decided.len();
            self.round.unwritten.push((rests_on, pending, outcome));
        }
    }

    fn answer(&self, pending: Pending, outcome: Outcome) {
        self.answers.give(pending, outcome);
    }
}

impl Round {
    /// Decides one command after another; answers those whose answer rests on durable data alone.
    pub(super) fn decide<'s>(view: View, shared: &'s Shared, answers: &'s Answers<'s>) -> Self {
        let last = view.batch.len().saturating_sub(1);
        let mut deciding = Deciding {
            round: Self::default(),
            shared,
            answers,
            snapshot: view.snapshot,
            partial: view.partial,
            leaders: FxHashMap::default(),
            moved: FxHashSet::default(),
            held: FxHashSet::default(),
            changed: FxHashSet::default(),
        };
        for (index, pending) in view.batch.into_iter().enumerate() {
            deciding.next(pending, index == last);
        }
        deciding.round
    }

    /// What is to be committed.
    pub(super) fn commits(&self) -> &[CommitBatch] {
        &self.commits
    }

    /// Answers everyone according to how the commit went, but those who have published programs.
    pub(super) fn settle(
        mut self,
        outcomes: Vec<Commit>,
        shared: &Shared,
        answers: &Answers<'_>,
    ) -> Settled {
        let mut again = mem::take(&mut self.deferred);
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
                Some(outcome) => answers.give(pending, outcome),
                None => again.push(pending),
            }
        }
        for (rests_on, pending, outcome) in self.unwritten {
            if rests_on <= as_decided {
                answers.give(pending, outcome);
            } else {
                // Not an attempt of its own: one of those before it has spent one.
                again.push(pending);
            }
        }
        let mut published = Vec::new();
        let decided = iter::zip(self.decided, self.commits);
        for (index, ((pending, commit), outcome)) in iter::zip(decided, outcomes).enumerate() {
            let changes = commit.changes;
            if outcome == Commit::Applied && !changes.programs.is_empty() {
                published.push(Published { pending, changes });
                continue;
            }
            // All that follows in an ordered run is refused with the first of them, whose attempt it is.
            let is_behind = pending.run.is_some() && index > as_decided;
            again.extend(settle_one(pending, outcome, is_behind, shared, answers));
        }
        Settled { again, published }
    }

    /// The commit failed: those whose fate hung on it, and those who go round again regardless.
    pub(super) fn into_failed(self) -> (Vec<Pending>, Vec<Pending>) {
        let followers = self.followers.into_iter().map(|(_, pending)| pending);
        let unwritten = self.unwritten.into_iter().map(|(_, pending, _)| pending);
        let failed = self.decided.into_iter().chain(followers).chain(unwritten);
        (failed.collect(), self.deferred)
    }
}

/// Answers a decided command according to how its commit went, or gives it back to go round again.
fn settle_one(
    mut pending: Pending,
    outcome: Commit,
    is_behind: bool,
    shared: &Shared,
    answers: &Answers<'_>,
) -> Option<Pending> {
    let answer = match outcome {
        Commit::Applied => Outcome::Applied,
        Commit::Replayed(stored) => pending.repeated(&stored),
        // Another process may have sealed the same request under another key just now: the look-up of the next round knows
        // all of its fingerprints, which the store does not, and in what the requests differ.
        Commit::Refused(Refusal::KeyReused) if !pending.looked_again => {
            pending.looked_again = true;
            return Some(pending);
        }
        // The reply has been looked for once more, and is gone: in what the requests differ cannot be told.
        Commit::Refused(Refusal::KeyReused) => {
            Outcome::Failed(pending.key_reused(&Fingerprint::from([0; 32])))
        }
        // Nothing but its range bounds a control account, and trying again would not help.
        Commit::Refused(Refusal::Range { .. }) => Outcome::Failed(Rejection::Overflow.into()),
        Commit::Refused(_) if is_behind => return Some(pending),
        Commit::Refused(refusal) => {
            shared.telemetry.retried(reason(&refusal));
            pending.attempts = pending.attempts.saturating_add(1);
            if pending.attempts < shared.attempts_max {
                return Some(pending);
            }
            give_up(pending, answers);
            return None;
        }
    };
    answers.give(pending, answer);
    None
}

/// A command has lost too often.
fn give_up(pending: Pending, answers: &Answers<'_>) {
    let attempts = pending.attempts;
    let fault: Fault = Rejection::Contention { attempts }.into();
    answers.give(pending, Outcome::Failed(fault));
}

fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::KeyReused => "key",
        Refusal::Exists(_) | Refusal::Stale(_) => "stale",
        Refusal::CounterBound { .. } | Refusal::Range { .. } => "guard",
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

/// The entity that keeps the reply of a command, which its changes make. Under a key of the caller's a command may have been
/// made before under another one, and then makes nothing: its reply is kept under its own key alone.
fn receipt_of<'p>(pending: &'p Pending, changes: &Changes) -> Option<&'p EntityKey> {
    let Identity { key, receipt, .. } = &pending.identity;
    receipt.as_ref().filter(|made| {
        let mut writes = changes.entities.iter();
        !matches!(key, CommandKey::Reply(_)) || writes.any(|write| write.key == **made)
    })
}

/// Those of a command's members of whom not everything was read.
fn partial_members<'p>(
    pending: &'p Pending,
    partial: &FxHashSet<MemberKey>,
) -> impl Iterator<Item = &'p MemberKey> {
    let members = pending.members();
    members.filter(|member| partial.contains(member))
}
