//! Caps and budgets.

use serde::{Deserialize, Serialize};

use crate::ids::Slug;
use crate::money::{Asset, DecimalText};
use crate::time::Period;

/// A limit that clips what rules grant. Rules that name the same cap share it.
///
/// A cap clips: what does not fit is not granted, and no other rule steps in. Who of several gets the last of one that members
/// share is decided as for a [budget](Budget).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// The cap's name.
    pub id: Slug,
    /// Whose use counts together.
    pub per: CapPer,
    /// The window in which use counts together; for ever when absent. Not allowed per purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Period>,
    /// How much is allowed.
    pub limit: Limit,
}

/// Whose use of a cap counts together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CapPer {
    /// One purchase.
    Purchase,
    /// One member.
    Member,
    /// One value of an attribute of the purchase that the caller chose, such as a device or a household. A purchase
    /// without the attribute gets nothing from rules under the cap.
    Attribute(String),
}

/// How much a cap allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Limit {
    /// So much value.
    Amount {
        /// The amount.
        amount: DecimalText,
        /// Its asset; the program's currency when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asset: Option<Asset>,
    },
    /// So many purchases that were granted something.
    Uses(u32),
}

/// A limit on what the whole program grants, shared by all members.
///
/// Who of several members gets the last of it is decided by the order in which their purchases are committed, not by when they
/// happened: the first takes what it wants, the one that reaches the limit is clipped to what is left, later ones get
/// nothing. Purchases recorded at the same time by several callers are in no order; where one is needed, hand them in as one
/// ordered run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The budget's name.
    pub id: Slug,
    /// The amount.
    pub amount: DecimalText,
    /// Its asset; the program's currency when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<Asset>,
    /// The window it is for; the whole life of the program when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Period>,
}
