//! When a reward expires, and what its member does to keep it longer.
//!
//! | kind | document | expires |
//! |---|---|---|
//! | rolling | `{ months = 12 }` | so long after it was earned |
//! | end of period | `{ months = 12, round = "end_of_year" }` | at the end of the period in which that lies |
//! | anniversary | `{ months = 12, anniversary = true }` | at the first anniversary of joining that is so long after it |
//! | sliding | `{ months = 12, extended_by = ["purchase"] }` | so long after what its member did last |
//!
//! Sliding goes with each of the others: whatever extends a reward counts as if it had been earned then.

use serde::{Deserialize, Serialize};

use super::CompiledProgram;
use crate::ids::Slug;
use crate::money::Asset;
use crate::time::CalendarRounding;

/// When a reward expires, counted from the purchase in the program's zone. Exactly one of days and months is given; for an
/// anniversary both may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Expiry {
    /// So many local calendar days later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
    /// So many calendar months later; a missing day becomes the last of the month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub months: Option<u16>,
    /// Then on to the end of the day, month, quarter or year it falls in. The member gains.
    #[serde(default)]
    pub round: CalendarRounding,
    /// Then on to the next anniversary of the day on which the member joined; it expires as that day begins. With neither days
    /// nor months that is the first one after the purchase.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anniversary: bool,
    /// What the member does in this program that makes it last longer: at least as long as if it had been earned then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended_by: Vec<ExtendingActivity>,
}

/// Something that a member does, by which what the member has may last longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExtendingActivity {
    /// A purchase of the member is recorded. It counts from when it happened.
    Purchase,
    /// The member pays an order, at once or by a capture.
    Redemption,
    /// The member sends something to another one.
    TransferSent,
    /// The member gets something from another one.
    TransferReceived,
    /// Money that the member paid in is confirmed.
    Deposit,
}

/// A rule whose rewards last longer by what their member does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlidingRule {
    /// The rule.
    pub rule: Slug,
    /// The asset that it grants.
    pub asset: Asset,
    /// The account that pays it, by its name.
    pub funding: Slug,
    /// When what it grants expires.
    pub expiry: Expiry,
}

impl SlidingRule {
    /// Those of a program, in rule order.
    pub(super) fn all_of(program: &CompiledProgram) -> Vec<Self> {
        let rules = program.rules().iter();
        let sliding = rules.filter_map(|rule| {
            let expiry = program.lifecycle(rule).expires.as_ref();
            let expiry = expiry.filter(|expiry| !expiry.extended_by.is_empty())?;
            Some(Self {
                rule: rule.id.clone(),
                asset: rule.asset,
                funding: rule.funding.clone(),
                expiry: expiry.clone(),
            })
        });
        sliding.collect()
    }
}
