//! A command between acceptance and answer, whatever its operation is.
//!
//! The workers are the same for all operations, so a command waits behind the [`Work`] trait. What needs its types is
//! done where they are known: encoding the reply before the commit, decoding a stored reply in the caller's own task.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use rewards_core::command::{Operation, ROUNDS_MAX, Undecided, prepare};
use rewards_core::context::Context;
use rewards_core::decision::{Changes, Decision};
use rewards_core::entity::{By, EntityKey};
use rewards_core::fingerprint::Fingerprint;
use rewards_core::ids::{MemberId, TenantId};
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::snapshot::{KeyOrigin, MemberKey, ReadPlan, ReplyKey, Snapshot, StoredReply};
use rustc_hash::FxHashSet;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::Receipt;
use super::catalogue::{Programs, Tenant};
use super::faults::{guarded, internal};
use super::moment::Moment;
use super::ordered::RunToken;
use super::queue::Line;
use super::scheduler::Place;
use super::sealing::Fingerprints;
use super::telemetry::{OK, Telemetry, code};
use crate::batch::CommandKey;

/// How a command ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is durable; the reply is the one it decided.
    Applied,
    /// It was durable before; this is the stored reply.
    Replayed(Arc<str>),
    /// It has no effect.
    Failed(Fault),
}

/// What the caller's task is told.
#[derive(Debug)]
pub(super) enum Answer<R> {
    Applied(R),
    Replayed(Arc<str>),
}

impl<R: serde::de::DeserializeOwned> Answer<R> {
    /// The receipt, with a stored reply decoded.
    pub(super) fn receipt(self) -> Result<Receipt<R>, Fault> {
        match self {
            Self::Applied(reply) => Ok(Receipt {
                reply,
                replayed: false,
            }),
            Self::Replayed(body) => serde_json::from_str(&body)
                .map(|reply| Receipt {
                    reply,
                    replayed: true,
                })
                .map_err(|error| Fault::new("store_corrupt", format!("stored reply: {error}"))),
        }
    }
}

/// Where the caller waits.
pub(super) type AnswerSender<R> = oneshot::Sender<Result<Answer<R>, Fault>>;

/// An operation with its types put away.
pub(super) trait Work: Send {
    fn operation(&self) -> &'static str;
    /// Whether it must be prepared anew when programs have changed.
    fn depends_on_programs(&self) -> bool;
    /// Prepares the request and keeps what was prepared.
    fn prepare(&mut self, context: &Context) -> Result<ReadPlan, Rejection>;
    /// Decides, keeps the typed reply, and returns the changes with the encoded reply.
    fn decide(
        &mut self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<(Changes, Arc<str>), Undecided>;
    /// In what the request, whose fingerprint is the first, differs from the one with the second.
    fn difference(&self, own: &Fingerprint, stored: &Fingerprint) -> Result<String, Rejection>;
    fn answer(self: Box<Self>, outcome: Outcome);
}

/// What came of deciding a command on a view.
pub(super) enum Step {
    Decided(Changes, Arc<str>),
    /// More rows must be seen, or other members waited for: it goes round again.
    Again,
    Refused(Fault),
}

/// A request with its reply, once decided, and its caller.
pub(super) struct Typed<O: Operation> {
    request: O,
    prepared: Option<O::Prepared>,
    reply: Option<O::Reply>,
    caller: AnswerSender<O::Reply>,
}

impl<O: Operation> Typed<O> {
    pub(super) fn boxed(request: O, caller: AnswerSender<O::Reply>) -> Box<dyn Work> {
        Box::new(Self {
            request,
            prepared: None,
            reply: None,
            caller,
        })
    }
}

impl<O: Operation> Work for Typed<O> {
    fn operation(&self) -> &'static str {
        O::NAME
    }

    fn depends_on_programs(&self) -> bool {
        !O::IS_PREPARED_APART
    }

    fn prepare(&mut self, context: &Context) -> Result<ReadPlan, Rejection> {
        let (plan, prepared) = prepare(&self.request, context)?;
        self.prepared = Some(prepared);
        Ok(plan)
    }

    fn decide(
        &mut self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<(Changes, Arc<str>), Undecided> {
        let prepared = self.prepared.as_ref();
        let prepared = prepared.ok_or(Rejection::Internal("a command was not prepared"))?;
        let Decision { reply, changes } = self.request.decide(prepared, snapshot, context)?;
        let body = serde_json::to_string(&reply)
            .map_err(|_| Rejection::Internal("a reply cannot be encoded"))?;
        self.reply = Some(reply);
        Ok((changes, body.into()))
    }

    fn difference(&self, own: &Fingerprint, stored: &Fingerprint) -> Result<String, Rejection> {
        own.difference(&self.request, stored)
    }

    fn answer(self: Box<Self>, outcome: Outcome) {
        let answer = match outcome {
            Outcome::Applied => self
                .reply
                .map(Answer::Applied)
                .ok_or_else(|| internal("a command was applied without a decision")),
            Outcome::Replayed(body) => Ok(Answer::Replayed(body)),
            Outcome::Failed(fault) => Err(fault),
        };
        // A caller who has gone finds the reply under the same key.
        let _ = self.caller.send(answer);
    }
}

/// The rows a command must see, or the fault to answer with unless its key is known.
///
/// The idempotency key is looked up before any refusal: a repeated command gets its reply even when the same request
/// would be refused today.
#[derive(Debug)]
pub(super) struct Reads {
    pub(super) plan: ReadPlan,
    pub(super) refused: Option<Fault>,
}

impl Reads {
    pub(super) fn of(
        context: &Context,
        reads: impl FnOnce(&Context) -> Result<ReadPlan, Rejection>,
    ) -> Self {
        match guarded(|| reads(context).map_err(Fault::from)) {
            Ok(plan) => Self {
                plan,
                refused: None,
            },
            Err(fault) => Self {
                plan: ReadPlan::default(),
                refused: Some(fault),
            },
        }
    }
}

/// What makes a command happen once, and how it is told from another.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) key: CommandKey,
    /// The entity with which the reply is kept.
    pub(super) receipt: Option<EntityKey>,
    pub(super) fingerprints: Fingerprints,
}

/// When a command is decided, and with what.
#[derive(Debug)]
pub(super) struct Timed {
    pub(super) context: Context,
    /// Of which the context has the time.
    pub(super) moment: Moment,
}

/// Whom a command is about.
#[derive(Debug, Default)]
pub(super) struct Concerns {
    /// The members whose rows it changes, as far as they are known before it is decided.
    pub(super) members: SmallVec<[MemberKey; 2]>,
    /// Entities whose owners are among them.
    pub(super) owned_by: Vec<EntityKey>,
}

/// All entities of a kind that a member of a tenant owns.
pub(super) type List<'p> = (&'p TenantId, &'static str, &'p MemberId);

/// A command that was accepted and is not answered yet.
pub(super) struct Pending {
    work: Box<dyn Work>,
    pub(super) identity: Identity,
    owned_by: Vec<EntityKey>,
    pub(super) tenant: Arc<Tenant>,
    context: Context,
    /// When it is decided, and by whose word.
    pub(super) moment: Moment,
    /// What it reads, as it was prepared with the programs of its context.
    reads: Reads,
    /// What it turned out to need beside that, and how often it did.
    needs: Option<ReadPlan>,
    rounds: u32,
    accepted: Instant,
    /// How often it had to wait for newer programs.
    pub(super) parked: u32,
    /// Whether it waits for members that it did not name.
    was_scheduled_anew: bool,
    /// How often it was decided and lost a race.
    pub(super) attempts: u32,
    /// Whether a store's word that its key was used for something else has been looked into.
    pub(super) looked_again: bool,
    /// Where it queues.
    pub(super) place: Place<Line>,
    /// Whether it takes up one of the queue's places.
    pub(super) holds_place: bool,
    /// The ordered run it belongs to.
    pub(super) run: Option<RunToken>,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("operation", &self.work.operation())
            .finish_non_exhaustive()
    }
}

impl Pending {
    /// Prepares a command.
    ///
    /// It is done here, before the command is accepted, so that the worker finds it done.
    pub(super) fn new(
        mut work: Box<dyn Work>,
        identity: Identity,
        tenant: Arc<Tenant>,
        Timed { context, moment }: Timed,
        concerns: Concerns,
        run: Option<RunToken>,
    ) -> Self {
        let reads = Reads::of(&context, |context| work.prepare(context));
        let line = run.as_ref().map(|run| Line::Run(run.number()));
        let members = concerns.members.into_iter().map(Line::Member);
        Self {
            place: Place::new(line, members),
            work,
            identity,
            owned_by: concerns.owned_by,
            tenant,
            context,
            moment,
            reads,
            needs: None,
            rounds: 0,
            accepted: Instant::now(),
            parked: 0,
            was_scheduled_anew: false,
            attempts: 0,
            looked_again: false,
            holds_place: false,
            run,
        }
    }

    /// What it reads, prepared with these programs.
    pub(super) fn plan(&mut self, programs: &Programs) -> ReadPlan {
        if !Arc::ptr_eq(&self.context.programs, &programs.revisions) {
            let Self { work, context, .. } = self;
            context.programs = Arc::clone(&programs.revisions);
            if work.depends_on_programs() {
                self.reads = Reads::of(context, |context| work.prepare(context));
                // What else was needed followed from the programs before, and is asked for anew.
                self.needs = None;
                self.rounds = 0;
            }
        }
        let mut plan = self.reads.plan.clone();
        plan.entities.extend_from_slice(&self.owned_by);
        if self.reads.refused.is_some() {
            // By their rows it is found out whether it is the clock that is wrong.
            plan.members.extend(self.members().cloned());
        }
        if let Some(needs) = &self.needs {
            plan.merge(needs.clone());
        }
        plan
    }

    /// The members it waits for.
    pub(super) fn members(&self) -> impl Iterator<Item = &MemberKey> {
        let lines = self.place.lines().iter();
        lines.filter_map(|line| match line {
            Line::Member(member) => Some(member),
            Line::Run(_) => None,
        })
    }

    /// The lists of members' entities that it reads.
    pub(super) fn lists(&self) -> impl Iterator<Item = List<'_>> {
        let needs = self.needs.iter();
        let pages = needs.flat_map(|needs| &needs.entity_pages);
        let pages = self.reads.plan.entity_pages.iter().chain(pages);
        pages.filter_map(|query| match &query.by {
            By::Owner(owner) => Some((&query.tenant, query.kind, owner)),
            By::Newest | By::Group { .. } | By::Due(_) => None,
        })
    }

    /// The refusal it was prepared with, if any.
    pub(super) fn refused(&self) -> Option<&Fault> {
        self.reads.refused.as_ref()
    }

    /// Decides. What it turns out to need beside the view is in its next plan, and the members it turns out to change are
    /// waited for next time.
    pub(super) fn decide(&mut self, snapshot: &Snapshot) -> Step {
        let (work, context) = (&mut self.work, &self.context);
        let decided = guarded(|| match work.decide(snapshot, context) {
            Ok(decided) => Ok(Ok(decided)),
            Err(Undecided::Rejected(rejection)) => Err(rejection.into()),
            Err(Undecided::Needs(plan)) => Ok(Err(plan)),
        });
        match decided {
            Ok(Ok((changes, body))) => {
                if self.is_scheduled_for(&changes) {
                    return Step::Decided(changes, body);
                }
                self.schedule_anew(snapshot, &changes);
                // Whose row a command changes beside those it names shows only here; that again another one's shows is a race.
                if self.was_scheduled_anew {
                    self.attempts = self.attempts.saturating_add(1);
                }
                self.was_scheduled_anew = true;
                Step::Again
            }
            Ok(Err(more)) => self.needs_more(*more, snapshot),
            Err(fault) => Step::Refused(fault),
        }
    }

    /// The reply that was stored for it, if a view holds one.
    pub(super) fn stored<'s>(&self, snapshot: &'s Snapshot) -> Option<&'s StoredReply> {
        match &self.identity.key {
            CommandKey::Reply(key) => snapshot.replies.get(key),
            CommandKey::Entity(key) => snapshot.receipts.get(key),
            CommandKey::None => None,
        }
    }

    /// What a stored reply means for this command.
    pub(super) fn repeated(&self, stored: &StoredReply) -> Outcome {
        if self.identity.fingerprints.contains(&stored.fingerprint) {
            Outcome::Replayed(Arc::clone(&stored.body))
        } else {
            Outcome::Failed(self.key_reused(&stored.fingerprint))
        }
    }

    /// The fault of a key under which the request with a fingerprint was applied.
    pub(super) fn key_reused(&self, stored: &Fingerprint) -> Fault {
        let (key, origin) = match &self.identity.key {
            CommandKey::Reply(ReplyKey { key, origin, .. }) => (key.to_string(), *origin),
            CommandKey::Entity(key) => (key.id.to_string(), KeyOrigin::Natural),
            CommandKey::None => (String::new(), KeyOrigin::Natural),
        };
        let own = self.identity.fingerprints.current();
        let reused = self.work.difference(own, stored).map(|differs| {
            let origin = origin.word();
            Rejection::KeyReused {
                key,
                origin,
                differs,
            }
        });
        reused.unwrap_or_else(|rejection| rejection).into()
    }

    /// Has its run take note of a fault before it is answered, so that nothing of the run goes on meanwhile.
    pub(super) fn stop_run(&mut self, fault: &Fault) {
        if let Some(run) = &mut self.run {
            run.answered(&Outcome::Failed(fault.clone()));
        }
    }

    pub(super) fn answer(mut self, outcome: Outcome, telemetry: &Telemetry) {
        let (label, replayed) = match &outcome {
            Outcome::Applied => (OK, false),
            Outcome::Replayed(_) => (OK, true),
            Outcome::Failed(fault) => (code(fault), false),
        };
        telemetry.answered(self.work.operation(), label, replayed, self.accepted);
        if let Some(run) = &mut self.run {
            run.answered(&outcome);
        }
        self.work.answer(outcome);
    }

    fn needs_more(&mut self, more: ReadPlan, snapshot: &Snapshot) -> Step {
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds >= ROUNDS_MAX {
            let endless = Rejection::Internal("a decision wants more rows again and again");
            return Step::Refused(endless.into());
        }
        match &mut self.needs {
            Some(needs) => needs.merge(more),
            None => self.needs = Some(more),
        }
        // An entity that has changed hands makes a decision ask for its new owner: wait for that member, too.
        self.join_owners(snapshot);
        Step::Again
    }

    /// Whether a decision changes the rows of none but those members who were waited for.
    fn is_scheduled_for(&self, changes: &Changes) -> bool {
        let lines = self.place.lines().iter();
        let mut members = lines.filter_map(|line| match line {
            Line::Member(member) => Some(member),
            Line::Run(_) => None,
        });
        match changes.members.as_slice() {
            [only] => members.any(|member| *member == only.key),
            writes => {
                let members: FxHashSet<&MemberKey> = members.collect();
                writes.iter().all(|write| members.contains(&write.key))
            }
        }
    }

    /// Waits for those members, too, from now on whose rows it turned out to change, and who own what it is about by now.
    fn schedule_anew(&mut self, snapshot: &Snapshot, changes: &Changes) {
        self.join_owners(snapshot);
        let written = changes.members.iter().map(|write| write.key.clone());
        self.place.join_all(written.map(Line::Member));
    }

    fn join_owners(&mut self, snapshot: &Snapshot) {
        let entities = self.owned_by.iter().map(|key| snapshot.entities.get(key));
        let owners = entities.filter_map(|entity| entity?.index.owner.as_ref());
        let owners = owners.map(|owner| Line::Member(self.context.member_key(owner)));
        self.place.join_all(owners);
    }
}
