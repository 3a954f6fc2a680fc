//! Report a payment: what became of an attempt, as the outside says, however late it says so.
//!
//! Completed, what was held pays, and where the program says so the payment earns what a purchase earns, in the same step. Declined,
//! the program says by the code whether it is of use to try again: the value is held for another attempt, or released. Unknown, it
//! stays held: an unknown outcome is no failure.
//!
//! Refusals, in order: stages that cannot be right; unknown payment; an attempt that there is not; a payment that is not under way; another attempt than the
//! newest; stages that do not run here or not in this order, or at all while the outcome is unknown. What is told of a payment that has ended contradicts it or comes twice: a person has to look at it.

use serde::{Deserialize, Serialize};

use super::super::change_builder::ChangeBuilder;
use super::super::merged::finish;
use super::super::purchases::RecordedPurchase;
use super::super::redemptions::{capture_held, hold_until};
use super::super::seen::see_rows;
use super::earning::{plan_purchase, record};
use super::stages::{StageRuns, count, keep};
use super::{held, key, open_payer, payment_of, refused, release_payment, see_payer, tell, terms};
use crate::command::{Kind, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::{EntityKey, Stored};
use crate::ids::{IdempotencyKey, MemberId, PaymentId, PaymentReference, Slug, TenantId};
use crate::payments::{CompiledPayments, Payment, PaymentFailure, PaymentState};
use crate::pipeline::{StagePoint, StageRun};
use crate::program::CompiledProgram;
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// It is paid.
    Completed {
        /// What the outside calls the payment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<PaymentReference>,
    },
    /// It is not paid, and never will be under this attempt.
    Declined {
        /// Why, by the codes that the program knows.
        code: Slug,
    },
    /// Nobody knows: no answer came, or none that says it.
    Unknown,
}

impl AttemptOutcome {
    fn text(&self) -> &'static str {
        match self {
            Self::Completed { .. } => "completed",
            Self::Declined { .. } => "declined",
            Self::Unknown => "unknown",
        }
    }
}

/// Reports what became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ReportPayment {
    /// The payment.
    pub payment: PaymentId,
    /// The number of the attempt.
    pub attempt: u32,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// What stages said that run when the outcome is known, in the order of the program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub stages: Vec<StageRun>,
}

/// What follows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ReportedPayment {
    /// The payment.
    pub payment: PaymentId,
    /// Where it is now: held means that it can be submitted again.
    pub state: PaymentState,
    /// Why it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub failure: Option<PaymentFailure>,
    /// What the payment earned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub purchase: Option<RecordedPurchase>,
    /// The code of the refusal, where it could not earn anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub not_earned: Option<String>,
}

/// One report on a payment, with what it is decided on.
struct Report<'a> {
    request: &'a ReportPayment,
    stored: &'a Stored<Payment>,
    program: &'a CompiledProgram,
    payments: &'a CompiledPayments,
    snapshot: &'a Snapshot,
    context: &'a Context,
}

impl Report<'_> {
    fn decide(&self) -> Result<Decision<ReportedPayment>, Undecided> {
        let before = self.noted();
        let (attempt, now) = (self.request.attempt, self.context.now);
        let wrong = |step| refused(&self.stored.entity, attempt, step);
        match &self.request.outcome {
            AttemptOutcome::Unknown => self.leave(before.unknown(attempt, now).map_err(wrong)?),
            AttemptOutcome::Completed { reference } => {
                let completed = before.completed(attempt, reference.clone(), now);
                self.complete(completed.map_err(wrong)?)
            }
            AttemptOutcome::Declined { code } => {
                let class = self.payments.class(code);
                let most = self.payments.attempts;
                let until = now.saturating_add_minutes(self.payments.hold_minutes);
                let declined = before.declined(attempt, (code, class), (most, until), now);
                let declined = declined.map_err(wrong)?;
                match declined.state(now) {
                    PaymentState::Failed => self.fail(&declined),
                    _ => self.hold_again(&declined),
                }
            }
        }
    }

    /// The payment with what stages said about it.
    fn noted(&self) -> Payment {
        let before = self.stored.entity.clone();
        self.request
            .runs()
            .noted(before, self.program, self.context)
    }

    fn reply(&self, payment: &Payment) -> ReportedPayment {
        ReportedPayment {
            payment: payment.payment.clone(),
            state: payment.state(self.context.now),
            failure: payment.failure().cloned(),
            purchase: None,
            not_earned: None,
        }
    }

    /// Nothing moves, and nothing changes when it was unknown before.
    fn leave(&self, payment: Payment) -> Result<Decision<ReportedPayment>, Undecided> {
        let before = self.stored.entity.state(self.context.now);
        if payment.state(self.context.now) == before {
            return Ok(Decision {
                reply: self.reply(&payment),
                changes: Changes::default(),
            });
        }
        let ids = self.context.id_allocator();
        let builder = open_payer(self.snapshot, self.context, &ids, &payment)?;
        self.end(builder, &payment)
    }

    /// Its value is held for another attempt, no longer than for the first.
    fn hold_again(&self, payment: &Payment) -> Result<Decision<ReportedPayment>, Undecided> {
        let ids = self.context.id_allocator();
        let mut builder = open_payer(self.snapshot, self.context, &ids, payment)?;
        let until = payment.hold().map_or(self.context.now, |hold| hold.until);
        hold_until(&mut builder, self.context, held(payment)?, until)?;
        self.end(builder, payment)
    }

    fn end(
        &self,
        mut builder: ChangeBuilder<'_>,
        payment: &Payment,
    ) -> Result<Decision<ReportedPayment>, Undecided> {
        keep(&mut builder, self.stored, payment, self.context)?;
        Ok(Decision {
            reply: self.reply(payment),
            changes: builder.finish()?,
        })
    }

    fn fail(&self, payment: &Payment) -> Result<Decision<ReportedPayment>, Undecided> {
        let ids = self.context.id_allocator();
        let (mut builder, _) = release_payment(self.snapshot, self.context, &ids, payment)?;
        keep(&mut builder, self.stored, payment, self.context)?;
        Ok(Decision {
            reply: self.reply(payment),
            changes: finish(builder, self.snapshot, self.context)?,
        })
    }

    /// What was held pays, and the payment earns what it does.
    fn complete(&self, payment: Payment) -> Result<Decision<ReportedPayment>, Undecided> {
        let (snapshot, context) = (self.snapshot, self.context);
        let earner = self.earner(&payment)?;
        let planned = earner.as_ref().map(|member| {
            let planned = plan_purchase(&payment, self.payments, member, context)?;
            Ok::<_, Rejection>((member, planned))
        });
        let planned = planned.transpose()?;
        let purchase = planned.as_ref().and_then(|(member, planned)| {
            let planned = planned.as_ref().ok()?;
            Some((*member, planned.plan.clone()))
        });
        see_payer(snapshot, context, &payment, purchase)?;
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, &payment.member)?;
        capture_held(&mut builder, snapshot, context, held(&payment)?, None)?;
        count(&mut builder, &self.stored.entity, &payment, context);
        tell(&mut builder, &payment, context.now);
        let mut changes: Changes = builder.finish()?;
        let mut reply = self.reply(&payment);
        let mut kept = payment;
        match planned {
            None => {}
            Some((_, Err(code))) => reply.not_earned = Some(code),
            Some((member, Ok(purchase))) => {
                let (all, earned) = record(&purchase, changes, (snapshot, context, &ids))?;
                changes = all;
                match earned {
                    Ok(recorded) => {
                        reply.purchase = Some(recorded);
                        kept = kept.earned_by(member.clone());
                    }
                    Err(code) => reply.not_earned = Some(code),
                }
            }
        }
        let id = &self.request.payment;
        changes.put(&context.tenant, id, self.stored.expected(), &kept)?;
        Ok(Decision { reply, changes })
    }

    /// Who earns what the payment earns, if anything: the payer, or whom the payer was merged into.
    fn earner(&self, payment: &Payment) -> Result<Option<MemberId>, Undecided> {
        if !self.payments.earns {
            return Ok(None);
        }
        see_rows(self.snapshot, self.context, [&payment.member])?;
        let key = self.context.member_key(&payment.member);
        let row = self.snapshot.members.get(&key);
        let into = row.and_then(|row| row.profile.merged_into.clone());
        Ok(Some(into.unwrap_or_else(|| payment.member.clone())))
    }
}

impl ReportPayment {
    /// Stages run when the outcome is known, once an attempt, so that what is kept of them is bounded.
    fn check_known(&self) -> Result<(), Rejection> {
        if self.outcome != AttemptOutcome::Unknown || self.stages.is_empty() {
            return Ok(());
        }
        let detail = "no stage runs while the outcome is unknown";
        Err(Problem::new("stage_unknown", "stages[0].stage", detail).into())
    }

    fn runs(&self) -> StageRuns<'_> {
        StageRuns {
            payment: &self.payment,
            at: StagePoint::Report,
            runs: &self.stages,
        }
    }
}

impl Operation for ReportPayment {
    const NAME: &'static str = "report_payment";
    const KIND: Kind = Kind::Command;
    type Reply = ReportedPayment;
    type Prepared = ();

    /// What stages say can differ whenever they run.
    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let (attempt, outcome) = (self.attempt, self.outcome.text());
        let key = format!("{attempt}:{outcome}:{}", self.payment);
        let key = IdempotencyKey::new(&key).ok()?;
        Some(NaturalKey::Text(key)).filter(|_| self.stages.is_empty())
    }

    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        vec![key(tenant, &self.payment)]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        self.runs().check_alone()?;
        let plan = ReadPlan::of_entity::<Payment>(&context.tenant, &self.payment);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ReportedPayment>, Undecided> {
        let stored = payment_of(snapshot, context, &self.payment)?;
        let waited_for = stored.entity.check_outcome(self.attempt, context.now);
        waited_for.map_err(|step| refused(&stored.entity, self.attempt, step))?;
        let (program, payments) = terms(context, &stored.entity)?;
        self.check_known()?;
        self.runs().check(program)?;
        let report = Report {
            request: self,
            stored: &stored,
            program,
            payments,
            snapshot,
            context,
        };
        report.decide()
    }
}
