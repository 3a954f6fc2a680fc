//! A page of the rates of a source for a pair, newest day first, with what they were before they were corrected.
//!
//! Refusals: a page size of zero or above the bound, a place in another list.

use serde::{Deserialize, Serialize};

use super::super::pages::EntityList;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::fx::{FxCorrection, FxPair, FxPrice, FxRate, FxRateKind};
use crate::ids::Slug;
use crate::money::Currency;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::{LocalDate, Timestamp};

/// Asks for a page of rates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListRates {
    /// Whose rates.
    pub source: Slug,
    /// Of what one unit is priced.
    pub base: Currency,
    /// What it is priced in.
    pub quote: Currency,
    /// Only those of this day and before; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub until: Option<LocalDate>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many rates, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A rate of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct FxRateDetails {
    /// The day it is of.
    pub day: LocalDate,
    /// What kind of rate it is.
    pub kind: FxRateKind,
    /// The price.
    pub price: FxPrice,
    /// When it was imported, or corrected last.
    pub imported_at: Timestamp,
    /// What it was before, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub corrections: Vec<FxCorrection>,
}

/// A page of rates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct FxRateList {
    /// The rates, newest day first.
    pub rates: Vec<FxRateDetails>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

impl Operation for ListRates {
    const NAME: &'static str = "list_rates";
    const KIND: Kind = Kind::Query;
    type Reply = FxRateList;
    type Prepared = EntityList;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        let pair = FxPair {
            source: self.source.clone(),
            base: self.base,
            quote: self.quote,
        };
        let until = self.until.unwrap_or(LocalDate::MAX);
        let name = format!("rates {}/{}/{} {until}", self.source, self.base, self.quote);
        let (by, after) = (pair.until(until), self.after.as_deref());
        EntityList::named::<FxRate>(context, &name, by, after, self.limit)
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<FxRateList>, Undecided> {
        let (rates, next) = list.read(snapshot, context, |rate: FxRate| FxRateDetails {
            day: rate.day,
            kind: rate.kind,
            price: rate.price,
            imported_at: rate.imported_at,
            corrections: rate.corrections().to_vec(),
        })?;
        Ok(Decision::answer(FxRateList { rates, next }))
    }
}
