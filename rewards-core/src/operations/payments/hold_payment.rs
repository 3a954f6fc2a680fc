//! Hold the value of a payment: what the payer gives is reserved, and nothing else can spend it.
//!
//! Where the payment was assessed, that counts: one that is blocked has failed, and one that is to be reviewed is held until somebody
//! has decided. What is held and not submitted is over by time; what is submitted is held until its outcome is known.
//!
//! Refusals, in order: stages that cannot be right; unknown payment; one that is not just created; stages that do not run here or not
//! in this order, a critical one that did not run; a payment that was not assessed where the program wants it, one that
//! was assessed otherwise; tenders that are not worth what the payer gives; then as for any authorization.

use serde::{Deserialize, Serialize};

use super::super::redemptions::{ChosenTender, HeldFor, HeldValue, PaidPart};
use super::super::seen::{Seen, see_once};
use super::stages::{StageRuns, keep};
use super::{held, key, open_payer, payment_of, refused, terms};
use crate::command::{Kind, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{EntityKey, Stored};
use crate::ids::{IdempotencyKey, PaymentId, RedemptionId, TenantId};
use crate::payments::{
    CompiledPayments, Payment, PaymentFailure, PaymentHold, PaymentState, WrongPaymentStep,
};
use crate::pipeline::{StagePoint, StageRun};
use crate::rejection::Rejection;
use crate::risk::{Assessment, ReviewDecision, RiskDecision, RiskReview};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Holds the value of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct HoldPayment {
    /// The payment.
    pub payment: PaymentId,
    /// What pays; in the order of the program when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tenders: Vec<ChosenTender>,
    /// What stages said that run before: every critical one that the program has, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub stages: Vec<StageRun>,
}

/// What became of the payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct HeldPayment {
    /// The payment.
    pub payment: PaymentId,
    /// Held, to be reviewed, or failed.
    pub state: PaymentState,
    /// What is held of what, in paying order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub parts: Vec<PaidPart>,
    /// Until when it is held, exclusive, unless the payment is submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub held_until: Option<Timestamp>,
    /// Why it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub failure: Option<PaymentFailure>,
}

/// What was found about a payment when it was assessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may go on.
    Approved,
    /// Somebody has to look at it until an instant.
    Reviewed(Timestamp),
    /// It may not.
    Blocked,
}

impl Verdict {
    /// The rows that say it.
    pub fn plan(context: &Context, payment: &PaymentId, plan: &mut ReadPlan) {
        let tenant = &context.tenant;
        plan.entities
            .push(EntityKey::of::<Assessment>(tenant, payment));
        plan.entities
            .push(EntityKey::of::<RiskReview>(tenant, payment));
    }

    /// What holds of a payment now.
    ///
    /// # Errors
    /// [`Rejection::PaymentNotAssessed`], [`Rejection::AssessmentMismatch`].
    pub fn of(
        payment: &Payment,
        payments: &CompiledPayments,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Self, Rejection> {
        let id = &payment.payment;
        let Some(assessed) = snapshot.get::<Assessment>(&context.tenant, id)? else {
            return match payments.assessed {
                true => Err(Rejection::PaymentNotAssessed(id.clone())),
                false => Ok(Self::Approved),
            };
        };
        check_same(payment, &assessed.entity)?;
        match assessed.entity.outcome.decision {
            RiskDecision::Approve => Ok(Self::Approved),
            RiskDecision::Block => Ok(Self::Blocked),
            RiskDecision::Review => {
                let review = snapshot.get::<RiskReview>(&context.tenant, id)?;
                let review = review.ok_or(Rejection::Corrupt {
                    what: "risk_review",
                })?;
                Ok(match review.entity.decision(context.now) {
                    None => Self::Reviewed(review.entity.expires_at),
                    Some(ReviewDecision::Approve) => Self::Approved,
                    Some(ReviewDecision::Block) => Self::Blocked,
                })
            }
        }
    }
}

/// Checks that what was assessed is what is paid: nobody has a small payment assessed and makes a large one.
fn check_same(payment: &Payment, assessed: &Assessment) -> Result<(), Rejection> {
    let differs = if assessed.member.as_ref() != Some(&payment.member) {
        "member"
    } else if assessed.program != payment.program {
        "program"
    } else if assessed.amount != payment.money(payment.amount) {
        "amount"
    } else {
        return Ok(());
    };
    Err(Rejection::AssessmentMismatch {
        payment: payment.payment.clone(),
        differs,
    })
}

impl HoldPayment {
    fn runs(&self) -> StageRuns<'_> {
        StageRuns {
            payment: &self.payment,
            at: StagePoint::Hold,
            runs: &self.stages,
        }
    }

    /// The payment goes no further.
    fn end(
        &self,
        stored: &Stored<Payment>,
        blocked: Result<Payment, WrongPaymentStep>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<HeldPayment>, Undecided> {
        let before = &stored.entity;
        let ids = context.id_allocator();
        let mut builder = open_payer(snapshot, context, &ids, before)?;
        let blocked = blocked.map_err(|step| refused(before, 0, step))?;
        let state = keep(&mut builder, stored, &blocked, context)?;
        Ok(Decision {
            reply: HeldPayment {
                payment: self.payment.clone(),
                state,
                parts: Vec::new(),
                held_until: None,
                failure: blocked.failure().cloned(),
            },
            changes: builder.finish()?,
        })
    }

    /// Its value is held until an instant.
    fn hold(
        &self,
        (stored, noted): (&Stored<Payment>, Payment),
        (is_reviewed, until): (bool, Timestamp),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<HeldPayment>, Undecided> {
        let before = &stored.entity;
        let value = HeldValue {
            held_for: HeldFor::Payment(&self.payment),
            member: &before.member,
            program: &before.program,
            amount: before.money(before.given()),
            tenders: &self.tenders,
        };
        let (plan, prepared) = value.prepare(context)?;
        see_once(snapshot, context, &before.member, Seen::Owner, plan)?;
        let ids = context.id_allocator();
        let redemption = RedemptionId::new(&ids.next().to_string());
        let redemption = redemption.map_err(|_| Rejection::Internal("an id is not one"))?;
        let hold = PaymentHold { redemption, until };
        let payment = noted.held(hold, is_reviewed, context.now);
        let payment = payment.map_err(|step| refused(before, 0, step))?;
        let (parts, changes) = value.reserve(
            &prepared,
            (snapshot, context, &ids),
            (held(&payment)?, until),
            |_| Ok(()),
            |builder| {
                keep(builder, stored, &payment, context)?;
                Ok(())
            },
        )?;
        Ok(Decision {
            reply: HeldPayment {
                payment: self.payment.clone(),
                state: payment.state(context.now),
                parts,
                held_until: Some(until),
                failure: None,
            },
            changes,
        })
    }
}

impl Operation for HoldPayment {
    const NAME: &'static str = "hold_payment";
    const KIND: Kind = Kind::Command;
    type Reply = HeldPayment;
    type Prepared = ();

    /// What stages say can differ whenever they run.
    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let key = IdempotencyKey::new(self.payment.as_str()).ok()?;
        Some(NaturalKey::Text(key)).filter(|_| self.stages.is_empty())
    }

    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        vec![key(tenant, &self.payment)]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        self.runs().check_alone()?;
        let mut plan = ReadPlan::of_entity::<Payment>(&context.tenant, &self.payment);
        Verdict::plan(context, &self.payment, &mut plan);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<HeldPayment>, Undecided> {
        let stored = payment_of(snapshot, context, &self.payment)?;
        let before = &stored.entity;
        let created = before.check_created(context.now);
        created.map_err(|step| refused(before, 0, step))?;
        let (program, payments) = terms(context, before)?;
        let stopped = self.runs().check(program)?;
        let noted = self.runs().noted(before.clone(), program, context);
        if let Some(stage) = stopped {
            let stopped = noted.stopped(stage, context.now);
            return self.end(&stored, stopped, snapshot, context);
        }
        let (is_reviewed, from) = match Verdict::of(before, payments, snapshot, context)? {
            Verdict::Blocked => {
                return self.end(&stored, noted.blocked(context.now), snapshot, context);
            }
            Verdict::Approved => (false, context.now),
            Verdict::Reviewed(until) => (true, until),
        };
        let until = from.saturating_add_minutes(payments.hold_minutes);
        self.hold((&stored, noted), (is_reviewed, until), snapshot, context)
    }
}
