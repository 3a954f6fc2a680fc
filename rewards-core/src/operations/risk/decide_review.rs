//! Decide a review: its owner says whether the payment may go on. It is decided once.
//!
//! Refusals, in order: unknown payment, or one that is not reviewed; decided before; expired; claimed by nobody; claimed by somebody
//! else.

use serde::{Deserialize, Serialize};

use super::{refused, review_of};
use crate::command::{Kind, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::ids::{IdempotencyKey, PaymentId, Slug, TenantId};
use crate::rejection::Rejection;
use crate::risk::{ReviewDecision, RiskReview};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Decides a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct DecideReview {
    /// The payment.
    pub payment: PaymentId,
    /// Who decides: whoever has claimed the review.
    pub owner: Slug,
    /// What is decided.
    pub decision: ReviewDecision,
}

/// A review that is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct DecidedReview {
    /// The payment.
    pub payment: PaymentId,
    /// Who decided.
    pub owner: Slug,
    /// What was decided.
    pub decision: ReviewDecision,
    /// When.
    pub decided_at: Timestamp,
}

impl Operation for DecideReview {
    const NAME: &'static str = "decide_review";
    const KIND: Kind = Kind::Command;
    type Reply = DecidedReview;
    type Prepared = ();

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let key = IdempotencyKey::new(self.payment.as_str()).ok()?;
        Some(NaturalKey::Text(key))
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan::of_entity::<RiskReview>(&context.tenant, &self.payment);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<DecidedReview>, Undecided> {
        let stored = review_of(snapshot, context, &self.payment)?;
        let review = stored.entity.clone();
        let decided = review.decide(&self.owner, self.decision, context.now);
        let decided = decided.map_err(|wrong| refused(wrong, &stored.entity))?;
        let mut changes = Changes::default();
        changes.put(&context.tenant, &self.payment, stored.expected(), &decided)?;
        Ok(Decision {
            reply: DecidedReview {
                payment: self.payment.clone(),
                owner: self.owner.clone(),
                decision: self.decision,
                decided_at: context.now,
            },
            changes,
        })
    }
}
