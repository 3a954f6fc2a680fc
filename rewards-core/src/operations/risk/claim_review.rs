//! Claim a review: somebody looks at a payment, and nobody else does from then on.
//!
//! Whoever claims it again keeps it.
//!
//! Refusals, in order: unknown payment, or one that is not reviewed; decided before; expired; claimed by somebody else.

use serde::{Deserialize, Serialize};

use super::{refused, review_of};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::ids::{PaymentId, Slug};
use crate::rejection::Rejection;
use crate::risk::RiskReview;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Claims a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ClaimReview {
    /// The payment.
    pub payment: PaymentId,
    /// Who looks at it, in the host's words.
    pub owner: Slug,
}

/// A review that somebody looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ClaimedReview {
    /// The payment.
    pub payment: PaymentId,
    /// Who looks at it.
    pub owner: Slug,
    /// Until when it can be decided.
    pub expires_at: Timestamp,
}

impl Operation for ClaimReview {
    const NAME: &'static str = "claim_review";
    const KIND: Kind = Kind::Command;
    type Reply = ClaimedReview;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan::of_entity::<RiskReview>(&context.tenant, &self.payment);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ClaimedReview>, Undecided> {
        let stored = review_of(snapshot, context, &self.payment)?;
        let claimed = stored.entity.clone().claim(&self.owner, context.now);
        let claimed = claimed.map_err(|wrong| refused(wrong, &stored.entity))?;
        let mut changes = Changes::default();
        changes.put(&context.tenant, &self.payment, stored.expected(), &claimed)?;
        Ok(Decision {
            reply: ClaimedReview {
                payment: self.payment.clone(),
                owner: self.owner.clone(),
                expires_at: claimed.expires_at,
            },
            changes,
        })
    }
}
