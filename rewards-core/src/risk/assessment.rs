//! What was decided of a payment, why, and what it turned out to be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{RiskDecision, RiskOutcome};
use crate::entity::{Entity, Index};
use crate::ids::{MemberId, PaymentId, ProgramId, Slug};
use crate::money::Money;
use crate::time::Timestamp;

/// What a payment turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum PaymentLabel {
    /// It was what it seemed to be.
    Good,
    /// It was not: a fraud.
    Bad,
}

/// A label, and since when it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AssessmentLabel {
    /// What the payment turned out to be.
    pub label: PaymentLabel,
    /// When that was told.
    pub labelled_at: Timestamp,
}

/// What was decided of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// The payment.
    pub payment: PaymentId,
    /// The program that decided.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// Who pays, if it is a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberId>,
    /// How much.
    pub amount: Money,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The local day on which it was counted.
    pub day: i64,
    /// The values of the program's keys that it has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<Slug, String>,
    /// When it was assessed.
    pub assessed_at: Timestamp,
    /// What counts.
    pub outcome: RiskOutcome,
    /// What the shadow scorecard said, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<RiskOutcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<AssessmentLabel>,
}

/// What is known of a payment when it is assessed.
#[derive(Debug, Clone)]
pub struct NewAssessment<'a> {
    /// The payment.
    pub payment: &'a PaymentId,
    /// The program, and the number of its revision.
    pub program: (&'a ProgramId, u32),
    /// Who pays.
    pub member: Option<&'a MemberId>,
    /// How much.
    pub amount: Money,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The local day on which it is counted.
    pub day: i64,
    /// The values of the program's keys.
    pub keys: BTreeMap<Slug, String>,
    /// When it is assessed.
    pub assessed_at: Timestamp,
    /// What counts.
    pub outcome: RiskOutcome,
    /// What the shadow scorecard says.
    pub shadow: Option<RiskOutcome>,
}

impl Assessment {
    /// An assessment made now. Nobody knows yet what the payment turns out to be.
    #[must_use]
    pub fn new(told: NewAssessment<'_>) -> Self {
        Self {
            payment: told.payment.clone(),
            program: told.program.0.clone(),
            revision: told.program.1,
            member: told.member.cloned(),
            amount: told.amount,
            occurred_at: told.occurred_at,
            day: told.day,
            keys: told.keys,
            assessed_at: told.assessed_at,
            outcome: told.outcome,
            shadow: told.shadow,
            label: None,
        }
    }

    /// What it turned out to be, if that is known.
    #[must_use]
    pub fn label(&self) -> Option<AssessmentLabel> {
        self.label
    }

    /// Whether it turned out to be bad, as far as is known.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        self.label
            .is_some_and(|told| told.label == PaymentLabel::Bad)
    }

    /// It is labelled, or labelled otherwise than before.
    #[must_use]
    pub fn labelled(mut self, label: PaymentLabel, labelled_at: Timestamp) -> Self {
        self.label = Some(AssessmentLabel { label, labelled_at });
        self
    }
}

impl Entity for Assessment {
    const KIND: &'static str = "risk_assessment";
    const SHAPE: u16 = 1;
    type Id = PaymentId;

    fn index(&self) -> Index {
        let state = match self.outcome.decision {
            RiskDecision::Approve => "approve",
            RiskDecision::Review => "review",
            RiskDecision::Block => "block",
        };
        let index = Index::new(state, self.assessed_at);
        match &self.member {
            Some(member) => index.owned_by(member),
            None => index,
        }
    }

    fn is_named(&self, id: &str) -> bool {
        self.payment.as_str() == id
    }
}
