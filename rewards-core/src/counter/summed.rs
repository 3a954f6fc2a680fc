//! What is summed of every member's purchases in every program, from the first purchase on, whether a rule asks for it or not.
//!
//! It is all that a rule or ladder of any later revision can ask of the past, so that none of them starts to count late. What
//! is asked for is put together from it: what was spent by a basis is the gross less the parts that the basis takes off, and
//! a window is the sum of its days.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::money::Asset;

/// One thing that is summed by local day and for ever. Amounts are minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Summed {
    /// Purchases that were not cancelled.
    Visits,
    /// Totals as paid.
    Gross(Asset),
    /// Discounts given before the reward.
    Discounts(Asset),
    /// Fees charged to the payer.
    Fee(Asset),
    /// Taxes.
    Tax(Asset),
    /// Shipping.
    Shipping(Asset),
    /// What was earned, spent or not.
    Earned(Asset),
}

impl Summed {
    fn parts(self) -> (&'static str, Option<Asset>) {
        match self {
            Self::Visits => ("visits", None),
            Self::Gross(asset) => ("gross", Some(asset)),
            Self::Discounts(asset) => ("discounts", Some(asset)),
            Self::Fee(asset) => ("fee", Some(asset)),
            Self::Tax(asset) => ("tax", Some(asset)),
            Self::Shipping(asset) => ("shipping", Some(asset)),
            Self::Earned(asset) => ("earned", Some(asset)),
        }
    }

    /// Reads the stable text back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some((kind, asset)) = text.split_once('.') else {
            return (text == "visits").then_some(Self::Visits);
        };
        let asset = Asset::parse(asset).ok()?;
        let all = [
            Self::Gross(asset),
            Self::Discounts(asset),
            Self::Fee(asset),
            Self::Tax(asset),
            Self::Shipping(asset),
            Self::Earned(asset),
        ];
        all.into_iter().find(|summed| summed.parts().0 == kind)
    }
}

/// The stable text, as stored, such as `gross.EUR`.
impl fmt::Display for Summed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (kind, None) => f.write_str(kind),
            (kind, Some(asset)) => write!(f, "{kind}.{asset}"),
        }
    }
}

impl Serialize for Summed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Summed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("nothing is summed as `{text}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_back() {
        for text in [
            "visits",
            "gross.EUR",
            "discounts.EUR",
            "fee.EUR",
            "tax.JPY",
            "shipping.EUR",
            "earned.points",
            "earned.stars/2",
        ] {
            assert_eq!(Summed::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "visit",
            "visits.EUR",
            "gross",
            "gross.",
            "net.EUR",
            "gross.eur/9",
        ] {
            assert_eq!(Summed::parse(text), None, "{text}");
        }
    }
}
