//! Where a coupon is in its life, and the steps that led there.

use serde::{Deserialize, Serialize};

use crate::ids::{MemberId, OrderId, Slug};
use crate::money::Money;
use crate::time::Timestamp;

/// How many of its last steps a coupon tells.
pub const HISTORY_MAX: usize = 16;

/// Where a coupon is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum CouponState {
    /// Nobody holds it.
    Available,
    /// A member holds it.
    Assigned,
    /// A member holds it, and an order has a lease on it.
    Locked,
    /// It is used up. Final.
    Redeemed,
    /// The time of its book is over.
    Expired,
    /// It was voided. Final.
    Voided,
}

/// What happened to a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum CouponAction {
    /// It was assigned to a member.
    Assigned,
    /// It went back to its book.
    Unassigned,
    /// An order got a lease on it.
    Locked,
    /// The lease was given back.
    Unlocked,
    /// It was redeemed.
    Redeemed,
    /// A use of it was given back, because the purchase it was for is undone.
    Returned,
    /// Some of its value came back, because a part of the purchase it was for is undone.
    ValueReturned,
    /// It was voided.
    Voided,
    /// Its holder gave it to another member.
    Transferred,
    /// It took the place of another code.
    Replaced,
}

/// One step of a coupon's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CouponStep {
    /// What happened.
    pub action: CouponAction,
    /// When.
    pub at: Timestamp,
    /// The member who held it then, or holds it from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// The order that it was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub order: Option<OrderId>,
    /// How much of its value that took or gave back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
    /// Who did it, where that is not the member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub by: Option<Slug>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reason: Option<Slug>,
}

/// When something is done to a coupon, by whom and why.
#[derive(Debug, Clone, Default)]
pub struct Doing<'a> {
    /// Who does it, where that is not the member.
    pub by: Option<&'a Slug>,
    /// Why.
    pub reason: Option<&'a Slug>,
}
