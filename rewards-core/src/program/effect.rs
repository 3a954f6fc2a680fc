//! What a rule grants.

use serde::{Deserialize, Serialize};

use super::Basis;
use crate::ids::Slug;
use crate::money::{Asset, DecimalText, Factor, Rate};

/// What a rule grants. Where an asset is not named, it is the program's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A percentage of an amount, in the program's currency.
    Percent(PercentReward),
    /// A fixed amount.
    Fixed(FixedReward),
    /// So much for every so much of an amount: one point per 1.00.
    PerUnit(PerUnitReward),
    /// A reward that depends on the band an amount falls in.
    Bands(Bands),
    /// A multiple of what stacking groups before this one granted.
    Multiplier(Multiplier),
}

/// A percentage of an amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PercentReward {
    /// The percentage, such as `5%`.
    pub rate: Rate,
    /// Of which amount.
    #[serde(default)]
    pub of: Basis,
}

/// A fixed amount, once per purchase (or per matching line).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FixedReward {
    /// The amount.
    pub amount: DecimalText,
    /// Its asset; the program's currency when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<Asset>,
}

/// So much for every so much of an amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PerUnitReward {
    /// The reward for each unit.
    pub amount: DecimalText,
    /// Its asset; the program's currency when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<Asset>,
    /// The size of a unit in the program's currency.
    pub every: DecimalText,
    /// Of which amount.
    #[serde(default)]
    pub of: Basis,
    /// What happens to a part of a unit.
    #[serde(default)]
    pub remainder: Remainder,
}

/// What happens to the part of an amount that does not fill a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Remainder {
    /// It earns its proportion, rounded as the rule says.
    #[default]
    Proportional,
    /// It earns nothing: only whole units count. The program gains.
    Drop,
    /// It is kept for the member and counts with the next purchase, and so is the part of a minor unit that a tier's
    /// multiplier leaves. So what is bought at once and the same in several purchases earn the same over time, as long as the
    /// tier is the same and nothing else decides: no condition on the amount, no cap, no other rule that takes a line. Of
    /// lines that another rule of the stacking group takes nothing is kept.
    Carry,
}

/// A reward that depends on the band an amount falls in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Bands {
    /// Whether the band decides for the whole amount or each band for its own part.
    pub mode: BandMode,
    /// Of which amount.
    #[serde(default)]
    pub of: Basis,
    /// The bands, from the lowest on; below the first nothing is granted.
    pub bands: Vec<Band>,
}

/// How bands apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BandMode {
    /// The band that the whole amount falls in applies to the whole amount.
    Slab,
    /// Each band applies to the part of the amount that lies in it; rates only.
    Marginal,
}

/// One band.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// From this amount on (inclusive), in the program's currency, up to the next band.
    pub from: DecimalText,
    /// What it grants.
    pub reward: BandReward,
}

/// What a band grants, in the program's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BandReward {
    /// A percentage of the amount.
    Rate(Rate),
    /// A fixed amount; slab bands only.
    Fixed(DecimalText),
}

/// Multiplies what stacking groups before this one granted in an asset, by adding `(factor − 1) ×` it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Multiplier {
    /// The factor, at least 1: `2` doubles.
    pub factor: Factor,
    /// Which asset; the program's currency when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<Asset>,
    /// Only what this stacking group granted; all stacking groups before this one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stacking_group: Option<Slug>,
}
