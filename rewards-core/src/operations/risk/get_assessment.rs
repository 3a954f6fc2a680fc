//! What was decided of a payment and why, and what became of it since.
//!
//! Refusals: unknown payment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ReviewDetails;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::EntityKey;
use crate::ids::{MemberId, PaymentId, ProgramId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::risk::{Assessment, AssessmentLabel, RiskOutcome, RiskReview};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks what was decided of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetAssessment {
    /// The payment.
    pub payment: PaymentId,
}

/// What was decided of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AssessmentDetails {
    /// The payment.
    pub payment: PaymentId,
    /// The program that decided.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// Who pays, if it is a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// How much.
    pub amount: Money,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The values of the program's keys that it has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub keys: BTreeMap<String, String>,
    /// When it was assessed.
    pub assessed_at: Timestamp,
    /// What counts.
    pub outcome: RiskOutcome,
    /// What the shadow scorecard said, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub shadow: Option<RiskOutcome>,
    /// Its review as it is now, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub review: Option<ReviewDetails>,
    /// What it turned out to be, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub label: Option<AssessmentLabel>,
}

impl Operation for GetAssessment {
    const NAME: &'static str = "get_assessment";
    const KIND: Kind = Kind::Query;
    type Reply = AssessmentDetails;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan {
            entities: vec![
                EntityKey::of::<Assessment>(&context.tenant, &self.payment),
                EntityKey::of::<RiskReview>(&context.tenant, &self.payment),
            ],
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<AssessmentDetails>, Undecided> {
        let stored = snapshot.get::<Assessment>(&context.tenant, &self.payment)?;
        let stored = stored.ok_or_else(|| Rejection::PaymentUnknown(self.payment.clone()))?;
        let review = snapshot.get::<RiskReview>(&context.tenant, &self.payment)?;
        let review = review.map(|review| ReviewDetails::of(&review.entity, context.now));
        let assessment = stored.entity;
        let keys = assessment.keys.iter();
        let keys = keys.map(|(key, value)| (key.to_string(), value.clone()));
        Ok(Decision::answer(AssessmentDetails {
            label: assessment.label(),
            keys: keys.collect(),
            payment: assessment.payment,
            program: assessment.program,
            revision: assessment.revision,
            member: assessment.member,
            amount: assessment.amount,
            occurred_at: assessment.occurred_at,
            assessed_at: assessment.assessed_at,
            outcome: assessment.outcome,
            shadow: assessment.shadow,
            review,
        }))
    }
}
