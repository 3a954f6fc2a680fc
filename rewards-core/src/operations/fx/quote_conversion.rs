//! Quote a conversion: what an amount would become now. Nothing is held, and nothing is written.
//!
//! Refusals, in order: an amount that is not positive; unknown program, none that is active; the program converts nothing; no
//! rule allows the pair; no rate, a rate that is too old; nothing would be left, or nothing after the fee.

use serde::{Deserialize, Serialize};

use super::PreparedConversion;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::fx::ConversionTerms;
use crate::ids::{ProgramId, Slug};
use crate::money::{Currency, Money};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Asks what an amount would become in another currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QuoteConversion {
    /// The program whose rules allow it: its revision that is active now.
    pub program: ProgramId,
    /// How much; positive. Whether a fee is added or taken out, the program says.
    pub amount: Money,
    /// Into what.
    pub to: Currency,
}

/// What an amount would become now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QuotedConversion {
    /// The program.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// The rule that allows it.
    pub rule: Slug,
    /// What becomes of the amount.
    pub terms: ConversionTerms,
}

impl Operation for QuoteConversion {
    const NAME: &'static str = "quote_conversion";
    const KIND: Kind = Kind::Query;
    type Reply = QuotedConversion;
    type Prepared = PreparedConversion;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedConversion), Rejection> {
        PreparedConversion::prepare(context, &self.program, (self.amount, self.to))
    }

    fn decide(
        &self,
        prepared: &PreparedConversion,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<QuotedConversion>, Undecided> {
        let terms = prepared.terms(snapshot, context)?;
        let allowed_by = prepared.allowed_by();
        Ok(Decision::answer(QuotedConversion {
            program: allowed_by.program,
            revision: allowed_by.revision,
            rule: allowed_by.rule,
            terms,
        }))
    }
}
