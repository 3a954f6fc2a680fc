//! Tier ladders, as documents.

use serde::{Deserialize, Serialize};

use super::{Basis, Since};
use crate::ids::Slug;
use crate::money::{Asset, DecimalText, Factor, Rate};
use crate::time::Period;

/// A tier ladder: what is measured, in which window, and the tiers from the lowest up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// The ladder's name.
    pub id: Slug,
    /// What qualifies.
    pub measure: Measure,
    /// The window in which it is measured. A balance has no window: it is measured as it is.
    #[serde(default)]
    pub window: TierWindow,
    /// The tiers, from the lowest up. The first one has the threshold 0: everybody starts there.
    pub tiers: Vec<Tier>,
    /// What happens to a member who falls short at the end of a window.
    #[serde(default)]
    pub downgrade: Downgrade,
    /// So many local calendar days pass before a member who falls short moves down.
    #[serde(default)]
    pub grace_days: u16,
    /// Says that what was spent before may be unknown; see [`Since`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
}

/// What qualifies for a tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The available balance of an asset.
    Balance(Asset),
    /// What was earned of an asset in the window, spent or not.
    Earned(Asset),
    /// What was spent on purchases in the window.
    Spend(Basis),
    /// The number of purchases in the window.
    Visits,
}

/// The window in which a ladder measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TierWindow {
    /// A calendar period, or so many rolling days.
    Calendar(Period),
    /// A year from the member's registration, and every year again.
    Anniversary,
    /// Ever since the member's registration.
    #[default]
    Lifetime,
}

/// One tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The tier's name.
    pub id: Slug,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Tiers of earlier revisions whose place it takes: who stands on one of them stands on this one. A tier that members may
    /// stand on cannot be left out otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<Slug>,
    /// What must be reached: an amount in the measure's asset, or a count for visits.
    pub threshold: DecimalText,
    /// What the tier gives when earning.
    #[serde(default, skip_serializing_if = "Benefits::is_none")]
    pub benefits: Benefits,
}

/// What a tier gives when earning. Where several ladders give the same benefit, the highest counts; they do not add up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Benefits {
    /// Multiplies what a rule grants; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiplier: Option<Factor>,
    /// Is added to the rate of percentages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_rate: Option<Rate>,
    /// Multiplies the caps per purchase and per member; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_multiplier: Option<Factor>,
}

impl Benefits {
    /// Whether the tier gives nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What happens to a member who falls short at the end of a window and its grace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Downgrade {
    /// Nothing: a tier is kept for ever.
    #[default]
    Never,
    /// One tier down.
    OneStep,
    /// Down to the tier the member qualifies for.
    ToEligible,
}
