//! What would be decided of a payment, without counting it and without keeping anything.
//!
//! Refusals, in order: as when the payment is [assessed](super::AssessPayment), but for those of its id.

use serde::{Deserialize, Serialize};

use super::{AssessedFacts, PaymentFacts};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::rejection::Rejection;
use crate::risk::RiskOutcome;
use crate::snapshot::{ReadPlan, Snapshot};

/// Asks what would be decided of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QuoteAssessment {
    /// What is said of it.
    pub facts: PaymentFacts,
}

/// What would be decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QuotedAssessment {
    /// The revision that would decide.
    pub revision: u32,
    /// What would count.
    pub outcome: RiskOutcome,
    /// What the shadow scorecard would say, where the program has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub shadow: Option<RiskOutcome>,
}

impl Operation for QuoteAssessment {
    const NAME: &'static str = "quote_assessment";
    const KIND: Kind = Kind::Query;
    type Reply = QuotedAssessment;
    type Prepared = AssessedFacts;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, AssessedFacts), Rejection> {
        self.facts.prepare(context)
    }

    fn decide(
        &self,
        facts: &AssessedFacts,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<QuotedAssessment>, Undecided> {
        let member_since = self.facts.member_since(snapshot, context)?;
        let mut histories = facts.histories(snapshot, context)?;
        let seen = (snapshot, context);
        let outcomes = facts.score(self.facts.amount, member_since, &histories, seen)?;
        // What could not be counted is not quoted either.
        facts.count(self.facts.amount, &mut histories)?;
        Ok(Decision::answer(QuotedAssessment {
            revision: facts.program.number(),
            outcome: outcomes.live,
            shadow: outcomes.shadow,
        }))
    }
}
