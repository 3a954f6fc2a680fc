//! The section `fx` of a program document.

use serde::{Deserialize, Serialize};

use crate::fees::Fee;
use crate::ids::Slug;
use crate::ledger::Purpose;
use crate::money::{Currency, Rate};

/// How many days old a rate may be when nothing is said: a long weekend.
pub const FX_AGE_DAYS_DEFAULT: u32 = 4;
/// How many days old a rate may be at most.
pub const FX_AGE_DAYS_MAX: u32 = 366;
/// For how many seconds a quote is locked when nothing is said: half an hour.
pub const FX_QUOTE_SECONDS_DEFAULT: u32 = 1_800;
/// For how many seconds a quote is locked at most: a day.
pub const FX_QUOTE_SECONDS_MAX: u32 = 86_400;
/// The most sources of rates of a program.
pub const FX_SOURCES_MAX: usize = 4;
/// The most pivots of a program.
pub const FX_PIVOTS_MAX: usize = 3;

/// How members convert what they have into another currency. What no rule names cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FxSection {
    /// Whose rates count, up to four: the first source that has fresh ones.
    pub sources: Vec<Slug>,
    /// Over which currencies a pair may be reached that a source does not quote itself, up to three: the first that leads there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pivots: Vec<Currency>,
    /// How many days old a rate may be, 0 to 366; 4 when absent, so that a long weekend has the rates of the day before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_days: Option<u32>,
    /// For how many seconds a quote is locked, 1 to 86,400; 1,800 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote_seconds: Option<u32>,
    /// What may be converted. Each pair of currencies has one rule at most, whatever its account.
    pub rules: Vec<FxRule>,
}

/// Allows pairs of currencies to be converted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FxRule {
    /// The rule's name.
    pub id: Slug,
    /// Which currencies may be given; any when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Currency>,
    /// Which currencies may be had for them; any when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Currency>,
    /// Which account of the member pays; what arrives rests on the same one. `cashback` when absent.
    #[serde(default)]
    pub purpose: FxPurpose,
    /// By how much each unit that a member gets is dearer than by the rate, whatever the direction; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markup: Option<Rate>,
    /// What a conversion costs apart from the rate; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<FxFee>,
    /// When what arrives expires.
    #[serde(default)]
    pub expiry: FxExpiry,
}

/// A fee in a currency that is named: the one that is given or the one that arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FxFee {
    /// Its currency: the only one in the rule's `from`, or the only one in its `to`.
    pub currency: Currency,
    /// How much. In the currency that arrives the receiver pays it, out of what arrives.
    pub charge: Fee,
}

/// Which accounts of a member are converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FxPurpose {
    /// The member's own money.
    Main,
    /// Available cashback.
    #[default]
    Cashback,
}

impl From<FxPurpose> for Purpose {
    fn from(purpose: FxPurpose) -> Self {
        match purpose {
            FxPurpose::Main => Self::Main,
            FxPurpose::Cashback => Self::Cashback,
        }
    }
}

/// When what arrives expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FxExpiry {
    /// With what it was converted from.
    #[default]
    Keep,
    /// Never.
    Never,
}
