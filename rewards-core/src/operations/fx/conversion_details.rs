//! A conversion as callers are shown it.

use serde::{Deserialize, Serialize};

use crate::fx::{Conversion, ConversionRefund, ConversionState, ConversionTerms};
use crate::ids::{ConversionId, FxQuoteId, MemberId, ProgramId, Slug};
use crate::money::Money;
use crate::time::Timestamp;

/// A conversion, with what of it went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ConversionDetails {
    /// The conversion.
    pub conversion: ConversionId,
    /// Whose value it is.
    pub member: MemberId,
    /// The program that allowed it.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// The rule.
    pub rule: Slug,
    /// Where it is in its life.
    pub state: ConversionState,
    /// What became of the amount.
    pub terms: ConversionTerms,
    /// How much of what had arrived has not gone back.
    pub left: Money,
    /// The locked quote that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub quote: Option<FxQuoteId>,
    /// What went back, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub refunds: Vec<ConversionRefund>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl From<Conversion> for ConversionDetails {
    fn from(kept: Conversion) -> Self {
        Self {
            state: kept.state(),
            left: Money::new(kept.left(), kept.terms.arrived.asset()),
            refunds: kept.refunds().to_vec(),
            conversion: kept.conversion,
            member: kept.member,
            program: kept.allowed_by.program,
            revision: kept.allowed_by.revision,
            rule: kept.allowed_by.rule,
            terms: kept.terms,
            quote: kept.quote,
            recorded_at: kept.recorded_at,
        }
    }
}
