//! Submit a payment: it is about to be tried, and from now on its value is held until its outcome is known.
//!
//! The reply names the attempt and a key for the outside. As long as nobody knows what became of an attempt, the same one is told
//! again: asking the outside once more under its key pays once. After a decline there is a new one. A payment that was reviewed
//! goes on once it is approved, and has failed once it is not: what it held is released. One that was assessed only since it is held,
//! and is to be reviewed, waits for that from now on.
//!
//! Stages that run before are handed over when a payment is tried anew; while an attempt is not over, nothing is noted of them.
//!
//! Refusals, in order: stages that cannot be right; unknown payment; one that is not held or under way, or whose time is over; one that
//! was assessed otherwise, or whose review somebody still has to decide; stages that do not run here or not in this order, a critical
//! one that did not run.

use serde::{Deserialize, Serialize};

use super::super::merged::finish;
use super::super::redemptions::hold_until;
use super::hold_payment::Verdict;
use super::stages::{StageRuns, keep};
use super::{held, key, open_payer, payment_of, refused, release_payment, terms};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::{EntityKey, Stored};
use crate::ids::{PaymentId, TenantId};
use crate::payments::{Payment, PaymentFailure, PaymentState, WrongPaymentStep};
use crate::pipeline::{StagePoint, StageRun};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Submits a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SubmitPayment {
    /// The payment.
    pub payment: PaymentId,
    /// What stages said that run before it is tried: every critical one that the program has, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub stages: Vec<StageRun>,
}

/// What is to be tried, or why nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SubmittedPayment {
    /// The payment.
    pub payment: PaymentId,
    /// Under way, of an unknown outcome, to be reviewed, or failed.
    pub state: PaymentState,
    /// The number of the attempt, from 1; 0 when it was never tried.
    pub attempt: u32,
    /// The key under which the outside is asked, the same for the same attempt; absent while nothing is to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub key: Option<String>,
    /// Why it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub failure: Option<PaymentFailure>,
}

impl SubmitPayment {
    fn reply(&self, payment: &Payment, now: Timestamp) -> SubmittedPayment {
        let (state, attempt) = (payment.state(now), payment.attempt());
        let is_tried = matches!(state, PaymentState::Processing | PaymentState::Unknown);
        SubmittedPayment {
            payment: self.payment.clone(),
            state,
            attempt,
            key: is_tried.then(|| format!("{}-{attempt}", self.payment)),
            failure: payment.failure().cloned(),
        }
    }

    fn runs(&self) -> StageRuns<'_> {
        StageRuns {
            payment: &self.payment,
            at: StagePoint::Submit,
            runs: &self.stages,
        }
    }

    /// It goes no further.
    fn end(
        &self,
        stored: &Stored<Payment>,
        blocked: Result<Payment, WrongPaymentStep>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<SubmittedPayment>, Undecided> {
        let before = &stored.entity;
        let ids = context.id_allocator();
        let (mut builder, _) = release_payment(snapshot, context, &ids, before)?;
        let blocked = blocked.map_err(|step| refused(before, 0, step))?;
        keep(&mut builder, stored, &blocked, context)?;
        Ok(Decision {
            reply: self.reply(&blocked, context.now),
            changes: finish(builder, snapshot, context)?,
        })
    }

    /// It goes on, or waits: its value is held until an instant.
    fn hold(
        &self,
        stored: &Stored<Payment>,
        (payment, until): (&Payment, Timestamp),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<SubmittedPayment>, Undecided> {
        let ids = context.id_allocator();
        let mut builder = open_payer(snapshot, context, &ids, payment)?;
        hold_until(&mut builder, context, held(payment)?, until)?;
        keep(&mut builder, stored, payment, context)?;
        Ok(Decision {
            reply: self.reply(payment, context.now),
            changes: builder.finish()?,
        })
    }
}

impl Operation for SubmitPayment {
    const NAME: &'static str = "submit_payment";
    const KIND: Kind = Kind::Command;
    type Reply = SubmittedPayment;
    type Prepared = ();

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
    ) -> Result<Decision<SubmittedPayment>, Undecided> {
        let stored = payment_of(snapshot, context, &self.payment)?;
        let before = &stored.entity;
        let submitted = before.clone().submitted(context.now);
        let submitted = submitted.map_err(|step| refused(before, 0, step))?;
        if submitted == *before {
            return Ok(Decision {
                reply: self.reply(before, context.now),
                changes: Changes::default(),
            });
        }
        let (program, payments) = terms(context, before)?;
        let checked = self.runs().check(program);
        // What stages said is kept where it can be: a host that has run none of them is told all the same.
        let noted = |is_right: bool| match is_right {
            true => self.runs().noted(before.clone(), program, context),
            false => before.clone(),
        };
        // It may have been assessed only since its value is held.
        match Verdict::of(before, payments, snapshot, context)? {
            Verdict::Approved => {}
            Verdict::Blocked => {
                let blocked = noted(checked.is_ok()).blocked(context.now);
                return self.end(&stored, blocked, snapshot, context);
            }
            Verdict::Reviewed(until) => {
                let until = until.saturating_add_minutes(payments.hold_minutes);
                let reviewed = noted(checked.is_ok()).reviewed(until, context.now);
                let reviewed = reviewed.map_err(|step| refused(before, 0, step))?;
                return self.hold(&stored, (&reviewed, until), snapshot, context);
            }
        }
        if let Some(stage) = checked? {
            let stopped = noted(true).stopped(stage, context.now);
            return self.end(&stored, stopped, snapshot, context);
        }
        let submitted = self.runs().noted(submitted, program, context);
        self.hold(&stored, (&submitted, Timestamp::MAX), snapshot, context)
    }
}
