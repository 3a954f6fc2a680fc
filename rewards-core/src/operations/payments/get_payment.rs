//! A payment, and where it is in its life now.
//!
//! Refusals: unknown payment, or one of another member than the request names.

use serde::{Deserialize, Serialize};

use super::super::merged::is_of;
use super::{PaymentTerms, payment_of};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::fees::Charge;
use crate::ids::{MemberId, PaymentId, PaymentReference, ProgramId, RefundId, Slug};
use crate::money::Money;
use crate::payments::{Payment, PaymentFailure, PaymentState};
use crate::pipeline::{StagePoint, StageRun};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetPayment {
    /// The payment.
    pub payment: PaymentId,
    /// Only when it is this member's; whoever's it is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PaymentDetails {
    /// The payment.
    pub payment: PaymentId,
    /// The program that decided.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// Who pays.
    pub member: MemberId,
    /// Where it is in its life now.
    pub state: PaymentState,
    /// How much was asked for.
    pub amount: Money,
    /// What it comes to.
    pub terms: PaymentTerms,
    /// Who is paid by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub biller: Option<Slug>,
    /// The merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub merchant: Option<String>,
    /// Its category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub category: Option<String>,
    /// In store, online, app …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub channel: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Until when its value can be held, exclusive, while nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub open_until: Option<Timestamp>,
    /// Until when its value is held, exclusive, while it waits to be submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub held_until: Option<Timestamp>,
    /// How it was tried, the first time first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub attempts: Vec<PaymentTry>,
    /// Why it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub failure: Option<PaymentFailure>,
    /// When it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub completed_at: Option<Timestamp>,
    /// What the outside calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reference: Option<PaymentReference>,
    /// Whether it is a purchase as well, of the same id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub earned: bool,
    /// What stages of the pipeline said about it, in the order in which that was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub stages: Vec<PaymentStage>,
    /// What went back, the first part first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub refunds: Vec<RefundedPaymentPart>,
}

/// One try to carry a payment out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PaymentTry {
    /// When it began.
    pub submitted_at: Timestamp,
    /// With which code it was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub declined: Option<Slug>,
    /// When its outcome was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub told_at: Option<Timestamp>,
}

/// What a stage said about a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PaymentStage {
    /// When it ran.
    pub at: StagePoint,
    /// What it said.
    pub run: StageRun,
}

/// A part of a payment that went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RefundedPaymentPart {
    /// The refund.
    pub refund: RefundId,
    /// How much of what was asked for.
    pub amount: Money,
    /// How much of the payer's fee beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub fee: Option<Money>,
    /// When.
    pub refunded_at: Timestamp,
}

impl PaymentDetails {
    /// A payment as it is at an instant.
    pub(super) fn of(payment: &Payment, now: Timestamp) -> Self {
        let state = payment.state(now);
        let charge = Charge {
            given: payment.given(),
            fee: payment.fee,
            arrived: payment.arrived(),
        };
        let is_waiting = matches!(state, PaymentState::Held | PaymentState::PendingReview);
        let attempts = payment.attempts().iter().map(|one| PaymentTry {
            submitted_at: one.submitted_at,
            declined: one.declined.clone(),
            told_at: one.told_at,
        });
        let refunds = payment.refunds().iter().map(|part| RefundedPaymentPart {
            refund: part.refund.clone(),
            amount: payment.money(part.amount),
            fee: (part.fee > 0).then(|| payment.money(part.fee)),
            refunded_at: part.refunded_at,
        });
        let stages = payment.runs().iter().map(|kept| PaymentStage {
            at: kept.at,
            run: kept.run.clone(),
        });
        let subject = &payment.subject;
        Self {
            payment: payment.payment.clone(),
            program: payment.program.clone(),
            revision: payment.revision,
            member: payment.member.clone(),
            state,
            amount: payment.money(payment.amount),
            terms: PaymentTerms::of(&payment.route, (charge, payment.paid_by), payment.currency),
            biller: subject.biller.clone(),
            merchant: subject.merchant.clone(),
            category: subject.category.clone(),
            channel: subject.channel.clone(),
            created_at: payment.created_at,
            open_until: (state == PaymentState::Created).then_some(payment.open_until),
            held_until: payment.hold().filter(|_| is_waiting).map(|hold| hold.until),
            attempts: attempts.collect(),
            failure: payment.failure().cloned(),
            completed_at: payment.completed_at(),
            reference: payment.reference().cloned(),
            earned: payment.earner().is_some(),
            stages: stages.collect(),
            refunds: refunds.collect(),
        }
    }
}

impl Operation for GetPayment {
    const NAME: &'static str = "get_payment";
    const KIND: Kind = Kind::Query;
    type Reply = PaymentDetails;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let mut plan = ReadPlan::of_entity::<Payment>(&context.tenant, &self.payment);
        let named = self.member.iter();
        plan.members = named.map(|member| context.member_key(member)).collect();
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<PaymentDetails>, Undecided> {
        let payment = payment_of(snapshot, context, &self.payment)?.entity;
        let owner = Some(&payment.member);
        if !is_of(snapshot, context, self.member.as_ref(), owner) {
            return Err(Rejection::PaymentUnknown(self.payment.clone()).into());
        }
        Ok(Decision::answer(PaymentDetails::of(&payment, context.now)))
    }
}
