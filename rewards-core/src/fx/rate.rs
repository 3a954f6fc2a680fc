//! A rate as it is kept: of a source, for a pair and a day.
//!
//! | from | method | to |
//! |---|---|---|
//! | – | [`FxRate::new`] | kept |
//! | kept | [`FxRate::correct`] | kept, with what it was before beside it |
//!
//! Rates of a pair lie in one group, the newest first, so that the latest on or before a day is one look-up.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::{FxPrice, FxRateKind};
use crate::entity::{By, Entity, EntityId, Index};
use crate::ids::Slug;
use crate::money::Currency;
use crate::time::{LocalDate, Timestamp};

/// How often one rate can be corrected.
pub const CORRECTIONS_MAX: u32 = 16;

/// The one state of a rate.
const KEPT: &str = "kept";

/// What tells rates apart: source, pair and day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FxRateId(SmolStr);

impl EntityId for FxRateId {
    fn text(&self) -> &str {
        &self.0
    }
}

/// A pair of currencies as a source quotes it: so many units of the quote currency for one of the base currency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FxPair {
    /// Who says so.
    pub source: Slug,
    /// Of what one unit is priced.
    pub base: Currency,
    /// What it is priced in.
    pub quote: Currency,
}

impl FxPair {
    /// The id of its rate of a day.
    #[must_use]
    pub fn on(&self, day: LocalDate) -> FxRateId {
        FxRateId(format_smolstr!("{}/{day}", self.group()))
    }

    /// Its rates on a day and before, the newest first.
    #[must_use]
    pub fn until(&self, day: LocalDate) -> By {
        By::Group {
            group: self.group(),
            state: SmolStr::new_static(KEPT),
            from_rank: rank(day),
            to_rank: i64::MAX,
        }
    }

    fn group(&self) -> SmolStr {
        format_smolstr!("{self}")
    }
}

impl fmt::Display for FxPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.source, self.base, self.quote)
    }
}

/// What a rate was before it was corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct FxCorrection {
    /// The price it had.
    pub price: FxPrice,
    /// The kind it had.
    pub kind: FxRateKind,
    /// Since when it had been there.
    pub imported_at: Timestamp,
    /// Why it was corrected.
    pub reason: String,
}

/// A rate of a source for a pair and a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FxRate {
    /// Who says so.
    pub source: Slug,
    /// Of what one unit is priced.
    pub base: Currency,
    /// What it is priced in.
    pub quote: Currency,
    /// The day it is of, as its source names it.
    pub day: LocalDate,
    /// What kind of rate it is.
    pub kind: FxRateKind,
    /// The price.
    pub price: FxPrice,
    /// When it was imported, or corrected last.
    pub imported_at: Timestamp,
    /// When it came to be.
    first_at: Timestamp,
    /// What it was before, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    corrections: Vec<FxCorrection>,
}

/// A rate was corrected as often as one can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CorrectedTooOften;

impl FxRate {
    /// A rate that is new.
    #[must_use]
    pub fn new(
        pair: &FxPair,
        day: LocalDate,
        (kind, price): (FxRateKind, FxPrice),
        imported_at: Timestamp,
    ) -> Self {
        Self {
            source: pair.source.clone(),
            base: pair.base,
            quote: pair.quote,
            day,
            kind,
            price,
            imported_at,
            first_at: imported_at,
            corrections: Vec::new(),
        }
    }

    /// Its pair.
    #[must_use]
    pub fn pair(&self) -> FxPair {
        FxPair {
            source: self.source.clone(),
            base: self.base,
            quote: self.quote,
        }
    }

    /// What it was before, the oldest first.
    #[must_use]
    pub fn corrections(&self) -> &[FxCorrection] {
        &self.corrections
    }

    /// Whether somebody who says so much says the same.
    #[must_use]
    pub fn says(&self, kind: FxRateKind, price: FxPrice) -> bool {
        (self.kind, self.price) == (kind, price)
    }

    /// It was wrong, and what it was is kept.
    ///
    /// # Errors
    /// [`CorrectedTooOften`] when there is no room for that.
    pub fn correct(
        mut self,
        (kind, price): (FxRateKind, FxPrice),
        reason: &str,
        at: Timestamp,
    ) -> Result<Self, CorrectedTooOften> {
        let made = u32::try_from(self.corrections.len()).unwrap_or(u32::MAX);
        if made >= CORRECTIONS_MAX {
            return Err(CorrectedTooOften);
        }
        self.corrections.push(FxCorrection {
            price: self.price,
            kind: self.kind,
            imported_at: self.imported_at,
            reason: reason.to_owned(),
        });
        (self.kind, self.price, self.imported_at) = (kind, price, at);
        Ok(self)
    }
}

impl Entity for FxRate {
    const KIND: &'static str = "fx_rate";
    const SHAPE: u16 = 1;
    type Id = FxRateId;

    fn index(&self) -> Index {
        Index {
            group: Some(self.pair().group()),
            rank: Some(rank(self.day)),
            ..Index::new(KEPT, self.first_at)
        }
    }

    fn is_named(&self, id: &str) -> bool {
        self.pair().on(self.day).text() == id
    }
}

/// Groups are read by rising rank, so that the newest day has the smallest one.
fn rank(day: LocalDate) -> i64 {
    i64::from(day.day()).saturating_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::DecimalText;

    #[test]
    fn a_correction_keeps_what_was_there() {
        let pair = FxPair {
            source: "ecb".parse().unwrap(),
            base: "EUR".parse().unwrap(),
            quote: "USD".parse().unwrap(),
        };
        let day = LocalDate::parse("2026-10-30").unwrap();
        let price = |text| FxPrice::Mid(DecimalText::parse(text).unwrap());
        let (reference, market) = (FxRateKind::Reference, FxRateKind::Market);
        let at = |seconds| Timestamp::from_micros(seconds * 1_000_000).unwrap();
        let mut rate = FxRate::new(&pair, day, (reference, price("1.1172")), at(1));
        assert!(rate.is_named("ecb/EUR/USD/2026-10-30"));
        let index = rate.index();
        assert_eq!(index.group.as_deref(), Some("ecb/EUR/USD"));
        assert_eq!(index.rank, Some(-i64::from(day.day())));
        assert!(rate.says(reference, price("1.11720")));
        assert!(!rate.says(market, price("1.1172")));
        for made in 0..CORRECTIONS_MAX {
            let seconds = i64::from(made) + 2;
            rate = rate
                .correct((market, price("1.2")), "typo", at(seconds))
                .unwrap();
        }
        assert_eq!(rate.corrections()[0].price, price("1.1172"));
        assert_eq!(rate.corrections()[1].imported_at, at(2));
        assert_eq!(rate.index(), index, "its place does not change");
        let text = serde_json::to_string(&rate).unwrap();
        assert_eq!(serde_json::from_str::<FxRate>(&text).unwrap(), rate);
        assert_eq!(
            rate.correct((market, price("1.3")), "typo", at(99)),
            Err(CorrectedTooOften)
        );
    }
}
