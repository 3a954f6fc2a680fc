//! The section `transfers` of a program document.

use serde::{Deserialize, Serialize};

use crate::fees::Fee;
use crate::ids::Slug;
use crate::ledger::Purpose;
use crate::money::{Asset, DecimalText};
use crate::program::Expiry;

/// Allows members to send an asset to each other. What no rule names cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TransferRule {
    /// The rule's name.
    pub id: Slug,
    /// What may be sent; the program's currency when absent. Each asset has one rule at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<Asset>,
    /// Which account of the sender pays; the receiver gets it on the same one. `cashback` for the currency and `points` for units
    /// when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<TransferPurpose>,
    /// The least that one transfer may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<DecimalText>,
    /// The most that one transfer may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<DecimalText>,
    /// The most that a member may send on one local day; nothing can be sent when it is zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<DecimalText>,
    /// The most that a member may send in one calendar month; nothing can be sent when it is zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_month: Option<DecimalText>,
    /// What it costs; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Fee>,
    /// When what arrives expires.
    #[serde(default)]
    pub expiry: TransferExpiry,
    /// What each member is shown of the other one.
    #[serde(default)]
    pub other_side: OtherSide,
}

/// Which accounts of members a transfer moves value between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TransferPurpose {
    /// Members' own money.
    Main,
    /// Available cashback.
    Cashback,
    /// Available units.
    Points,
}

impl From<TransferPurpose> for Purpose {
    fn from(purpose: TransferPurpose) -> Self {
        match purpose {
            TransferPurpose::Main => Self::Main,
            TransferPurpose::Cashback => Self::Cashback,
            TransferPurpose::Points => Self::Points,
        }
    }
}

/// When what arrives expires.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum TransferExpiry {
    /// When it would have expired for the sender.
    #[default]
    Keep,
    /// So long after the transfer.
    Renew(Expiry),
    /// Never.
    Never,
}

/// What a member is shown of the other side of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OtherSide {
    /// The id of the other member.
    Id,
    /// Nothing.
    #[default]
    Nothing,
}
