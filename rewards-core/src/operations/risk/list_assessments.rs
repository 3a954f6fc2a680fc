//! A page of assessments, of one member or of all, newest first: by when they were made, and those of one instant by payment,
//! from the last in the order of bytes.
//!
//! Refusals, in order: a page size of zero or above the bound, a place in another list; unknown member.

use serde::{Deserialize, Serialize};

use super::super::pages::EntityList;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{MemberId, PaymentId, ProgramId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::risk::{Assessment, PaymentLabel, RiskDecision};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a page of assessments.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListAssessments {
    /// Only those of this member; those of all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many assessments, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// An assessment without its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AssessmentSummary {
    /// The payment.
    pub payment: PaymentId,
    /// The program that decided.
    pub program: ProgramId,
    /// Who pays, if it is a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// How much.
    pub amount: Money,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was assessed.
    pub assessed_at: Timestamp,
    /// What was decided.
    pub decision: RiskDecision,
    /// The payment's score.
    pub score: i32,
    /// What the shadow scorecard would have decided, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub shadow: Option<RiskDecision>,
    /// What it turned out to be, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub label: Option<PaymentLabel>,
}

impl From<Assessment> for AssessmentSummary {
    fn from(assessment: Assessment) -> Self {
        Self {
            label: assessment.label().map(|told| told.label),
            payment: assessment.payment,
            program: assessment.program,
            member: assessment.member,
            amount: assessment.amount,
            occurred_at: assessment.occurred_at,
            assessed_at: assessment.assessed_at,
            decision: assessment.outcome.decision,
            score: assessment.outcome.score,
            shadow: assessment.shadow.map(|shadow| shadow.decision),
        }
    }
}

/// A page of assessments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AssessmentList {
    /// The assessments, newest first.
    pub assessments: Vec<AssessmentSummary>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

impl Operation for ListAssessments {
    const NAME: &'static str = "list_assessments";
    const KIND: Kind = Kind::Query;
    type Reply = AssessmentList;
    type Prepared = EntityList;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        let (member, after) = (self.member.as_ref(), self.after.as_deref());
        EntityList::newest::<Assessment>(context, "assessments", member, after, self.limit)
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<AssessmentList>, Undecided> {
        let (assessments, next) = list.read(snapshot, context, |assessment: Assessment| {
            AssessmentSummary::from(assessment)
        })?;
        Ok(Decision::answer(AssessmentList { assessments, next }))
    }
}
