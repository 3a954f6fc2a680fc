//! An amount of one asset.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::amount::MinorText;
use super::text::deserialize_number;
use super::{Asset, MoneyError, parse_minor};
use crate::coded::Coded;

/// A signed whole number of minor units of one asset.
///
/// Arithmetic is checked and never mixes assets. As data it is `{"amount": "12.30", "asset": "EUR"}`; an amount
/// that is a number instead of text is refused.
///
/// ```
/// use rewards_core::money::{Asset, Money};
///
/// let euro = Asset::parse("EUR")?;
/// let price = Money::parse("12.30", euro)?;
/// assert_eq!(price.minor(), 1230);
/// assert_eq!(price.checked_add(Money::new(5, euro))?.to_string(), "12.35");
///
/// let points = Money::new(10, Asset::parse("points")?);
/// assert_eq!(price.checked_add(points).unwrap_err().code(), "asset_mismatch");
/// # Ok::<(), rewards_core::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "MoneyData", into = "MoneyData")]
pub struct Money {
    minor: i64,
    asset: Asset,
}

impl Money {
    /// `minor` minor units of `asset`.
    #[must_use]
    pub const fn new(minor: i64, asset: Asset) -> Self {
        Self { minor, asset }
    }

    /// Nothing of `asset`.
    #[must_use]
    pub const fn zero(asset: Asset) -> Self {
        Self::new(0, asset)
    }

    /// Reads amount text such as `12.30`, with at most the decimals of `asset`.
    ///
    /// # Errors
    /// As [`parse_minor`].
    pub fn parse(text: &str, asset: Asset) -> Result<Self, MoneyError> {
        parse_minor(text, asset.scale()).map(|minor| Self::new(minor, asset))
    }

    /// The minor units.
    #[must_use]
    #[inline]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The asset.
    #[must_use]
    #[inline]
    pub const fn asset(self) -> Asset {
        self.asset
    }

    /// Whether the amount is above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// Whether the amount is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }

    /// Whether the amount is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::AssetMismatch`] and [`MoneyError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_asset(other)?;
        self.with_minor(self.minor.checked_add(other.minor))
    }

    /// The difference.
    ///
    /// # Errors
    /// [`MoneyError::AssetMismatch`] and [`MoneyError::Overflow`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_asset(other)?;
        self.with_minor(self.minor.checked_sub(other.minor))
    }

    /// The amount with its sign turned.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] for the smallest amount, which has no positive counterpart.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        self.with_minor(self.minor.checked_neg())
    }

    /// The sum of amounts that must all be of `asset`; zero when there are none.
    ///
    /// # Errors
    /// [`MoneyError::AssetMismatch`] and [`MoneyError::Overflow`].
    pub fn checked_sum(
        amounts: impl IntoIterator<Item = Self>,
        asset: Asset,
    ) -> Result<Self, MoneyError> {
        amounts
            .into_iter()
            .try_fold(Self::zero(asset), Self::checked_add)
    }

    fn same_asset(self, other: Self) -> Result<(), MoneyError> {
        if self.asset == other.asset {
            return Ok(());
        }
        Err(MoneyError::AssetMismatch {
            left: self.asset,
            right: other.asset,
        })
    }

    fn with_minor(self, minor: Option<i64>) -> Result<Self, MoneyError> {
        minor
            .map(|minor| Self::new(minor, self.asset))
            .ok_or(MoneyError::Overflow)
    }
}

/// The amount alone, with all decimals of the asset: `12.30`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = MinorText {
            minor: self.minor,
            scale: self.asset.scale(),
        };
        text.fmt(f)
    }
}

// The amount stays text until the asset, which may come second, is known.
/// An amount of one asset.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Money"))]
#[serde(deny_unknown_fields)]
struct MoneyData {
    /// How much, with at most the decimals of the asset.
    #[serde(deserialize_with = "amount_text")]
    #[cfg_attr(
        feature = "schema",
        schemars(extend(
            "type" = ["string", "integer"],
            "format" = "decimal",
            "pattern" = super::amount::AMOUNT_PATTERN
        ))
    )]
    amount: String,
    /// What it is an amount of.
    asset: Asset,
}

impl TryFrom<MoneyData> for Money {
    type Error = Coded;

    fn try_from(data: MoneyData) -> Result<Self, Coded> {
        Ok(Self::parse(&data.amount, data.asset)?)
    }
}

impl From<Money> for MoneyData {
    fn from(money: Money) -> Self {
        Self {
            amount: money.to_string(),
            asset: money.asset,
        }
    }
}

fn amount_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let expecting = "an amount as decimal text, such as \"12.30\", or an integer";
    deserialize_number(deserializer, expecting, |text| Ok(text.to_owned()))
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        MoneyData::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        MoneyData::json_schema(generator)
    }
}
