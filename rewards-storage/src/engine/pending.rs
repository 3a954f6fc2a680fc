//! A command between acceptance and answer, whatever its operation is.
//!
//! The workers are the same for all operations, so a command waits behind the [`Work`] trait. What needs its types is
//! done where they are known: encoding the reply before the commit, decoding a stored reply in the caller's own task.

use std::sync::Arc;
use std::time::Instant;

use rewards_core::command::Operation;
use rewards_core::context::Context;
use rewards_core::decision::{Changes, Decision};
use rewards_core::ids::{MemberId, ProgramId};
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::snapshot::{ProgramKey, ReadPlan, ReplyKey, Snapshot, StoredReply};
use tokio::sync::oneshot;

use super::Receipt;
use super::catalogue::{Programs, Tenant};
use super::faults::{guarded, internal};
use super::telemetry::{OK, Telemetry, code};

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
    fn member(&self) -> Option<&MemberId>;
    fn reads(&self, context: &Context) -> Result<ReadPlan, Rejection>;
    /// Decides, keeps the typed reply, and returns the changes with the encoded reply.
    fn decide(
        &mut self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<(Changes, Arc<str>), Fault>;
    fn answer(self: Box<Self>, outcome: Outcome);
}

/// A request with its reply, once decided, and its caller.
pub(super) struct Typed<O: Operation> {
    request: O,
    reply: Option<O::Reply>,
    caller: AnswerSender<O::Reply>,
}

impl<O: Operation> Typed<O> {
    pub(super) fn boxed(request: O, caller: AnswerSender<O::Reply>) -> Box<dyn Work> {
        Box::new(Self {
            request,
            reply: None,
            caller,
        })
    }
}

impl<O: Operation> Work for Typed<O> {
    fn operation(&self) -> &'static str {
        O::NAME
    }

    fn member(&self) -> Option<&MemberId> {
        self.request.member()
    }

    fn reads(&self, context: &Context) -> Result<ReadPlan, Rejection> {
        self.request.reads(context)
    }

    fn decide(
        &mut self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<(Changes, Arc<str>), Fault> {
        let Decision { reply, changes } = self.request.decide(snapshot, context)?;
        let body = serde_json::to_string(&reply)
            .map_err(|error| internal(format!("the reply cannot be encoded: {error}")))?;
        self.reply = Some(reply);
        Ok((changes, body.into()))
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
        let mut mentioned = None;
        let planned = guarded(|| {
            reads(context).map_err(|rejection| {
                mentioned = program_of(&rejection).cloned();
                Fault::from(rejection)
            })
        });
        match planned {
            Ok(plan) => Self {
                plan,
                refused: None,
            },
            Err(fault) => Self {
                plan: ReadPlan {
                    programs: mentioned
                        .map(|program| ProgramKey {
                            tenant: context.tenant.clone(),
                            program,
                        })
                        .into_iter()
                        .collect(),
                    ..ReadPlan::default()
                },
                refused: Some(fault),
            },
        }
    }
}

/// A refusal that names a program holds only if the store has no newer revision of it.
fn program_of(rejection: &Rejection) -> Option<&ProgramId> {
    match rejection {
        Rejection::ProgramUnknown(program) | Rejection::ProgramNotActive { program, .. } => {
            Some(program)
        }
        _ => None,
    }
}

/// A command that was accepted and is not answered yet.
pub(super) struct Pending {
    work: Box<dyn Work>,
    pub(super) key: ReplyKey,
    pub(super) fingerprint: [u8; 32],
    pub(super) tenant: Arc<Tenant>,
    context: Context,
    /// What it reads, until that is merged into a batch's plan; planned again for every view.
    reads: Option<Reads>,
    /// The refusal it was planned with, if any.
    pub(super) refused: Option<Fault>,
    accepted: Instant,
    /// How often it was decided and lost a race.
    pub(super) attempts: u32,
    /// Its place in its batch, to keep the order of those that go round again.
    pub(super) place: usize,
    /// Whether it must be decided in a batch of its own.
    pub(super) alone: bool,
}

impl Pending {
    pub(super) fn new(
        work: Box<dyn Work>,
        key: ReplyKey,
        fingerprint: [u8; 32],
        tenant: Arc<Tenant>,
        context: Context,
        accepted: Instant,
    ) -> Self {
        let mut pending = Self {
            work,
            key,
            fingerprint,
            tenant,
            context,
            reads: None,
            refused: None,
            accepted,
            attempts: 0,
            place: 0,
            alone: false,
        };
        // Planned here, in the caller's task, so that the worker finds it done.
        pending.reads = Some(pending.plan());
        pending
    }

    pub(super) fn member(&self) -> Option<&MemberId> {
        self.work.member()
    }

    /// Gives away what it reads, planned with these programs.
    pub(super) fn take_plan(&mut self, programs: &Programs) -> ReadPlan {
        if !Arc::ptr_eq(&self.context.programs, &programs.revisions) {
            self.context.programs = Arc::clone(&programs.revisions);
            self.reads = None;
        }
        let reads = self.reads.take().unwrap_or_else(|| self.plan());
        self.refused = reads.refused;
        reads.plan
    }

    pub(super) fn decide(&mut self, snapshot: &Snapshot) -> Result<(Changes, Arc<str>), Fault> {
        let (work, context) = (&mut self.work, &self.context);
        guarded(|| work.decide(snapshot, context))
    }

    /// What a stored reply means for this command.
    pub(super) fn repeated(&self, stored: &StoredReply) -> Outcome {
        if stored.fingerprint == self.fingerprint {
            Outcome::Replayed(Arc::clone(&stored.body))
        } else {
            Outcome::Failed(self.key_reused())
        }
    }

    pub(super) fn key_reused(&self) -> Fault {
        let key = self.key.key.to_string();
        Rejection::KeyReused { key }.into()
    }

    pub(super) fn answer(self, outcome: Outcome, telemetry: &Telemetry) {
        let (label, replayed) = match &outcome {
            Outcome::Applied => (OK, false),
            Outcome::Replayed(_) => (OK, true),
            Outcome::Failed(fault) => (code(fault), false),
        };
        telemetry.answered(self.work.operation(), label, replayed, self.accepted);
        self.work.answer(outcome);
    }

    fn plan(&self) -> Reads {
        Reads::of(&self.context, |context| self.work.reads(context))
    }
}
