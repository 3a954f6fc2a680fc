//! What offers take off a purchase, as it is told.

use serde::{Deserialize, Serialize};

use crate::cashback::{MemberReason, Missing};
use crate::ids::{CouponBookId, CouponId, Slug};
use crate::money::Money;

/// What offers take off a purchase, and what each coupon that was given comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct BasketDiscount {
    /// The offers that apply, in the order in which they do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub applied: Vec<AppliedOffer>,
    /// The others that the coupons give, each with the reason why it does not apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub others: Vec<OtherOffer>,
    /// The coupons, in the order in which they were given.
    pub coupons: Vec<CouponUse>,
    /// What the lines cost after that, in their order. Empty for a purchase without lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lines: Vec<LinePrice>,
    /// What is taken off the lines.
    pub taken_off: Money,
    /// What is taken off the shipping.
    pub shipping_off: Money,
    /// By how much the taxes are less for it.
    pub tax_off: Money,
    /// What is left to pay: the total less all discounts.
    pub to_pay: Money,
    /// Whether better combinations of offers may be left that were not tried.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub bound_reached: bool,
}

/// An offer that applies to a purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AppliedOffer {
    /// The offer.
    pub offer: Slug,
    /// The coupon that gives it.
    pub coupon: CouponId,
    /// What it takes off, shipping included.
    pub taken_off: Money,
    /// What of that is for which line; the shares of all lines, and what is for the shipping, sum to it exactly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lines: Vec<LineAmount>,
}

/// What is for one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct LineAmount {
    /// The line, counted from 0.
    pub line: u32,
    /// The amount.
    pub amount: Money,
}

/// What a line costs after all offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct LinePrice {
    /// The line, counted from 0.
    pub line: u32,
    /// What it cost before any offer, with the discounts taken off that the host told.
    pub before: Money,
    /// What it costs now.
    pub after: Money,
    /// The tax of that: in it, or on top, as the program says. Absent when nothing is known of taxes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tax: Option<Money>,
}

/// An offer that does not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct OtherOffer {
    /// The offer.
    pub offer: Slug,
    /// The coupon that gives it.
    pub coupon: CouponId,
    /// Why it does not apply.
    pub outcome: OfferVerdict,
}

/// Why an offer does not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OfferVerdict {
    /// The purchase lies outside its dates.
    Inactive,
    /// Its condition does not hold.
    Unmatched {
        /// The path of the first part that does not hold, in the program document.
        failed: String,
    },
    /// It is about no line of the purchase.
    NoLines,
    /// The lines that it is about cost too little.
    BelowMinimum {
        /// By so much.
        short_by: Money,
    },
    /// Nothing is left that it could take off, no complete group of pieces is there, or no rule grants anything for it.
    NoEffect,
    /// Others take off more, or are chosen as the stacking group says.
    Outranked {
        /// What it would have taken off.
        amount: Money,
    },
    /// It does not go with another offer that applies.
    Excluded {
        /// The other one.
        by: Slug,
    },
    /// As many offers as may apply do already.
    TooMany,
}

impl OfferVerdict {
    /// What a member may be told of an offer that does not apply and lacks this.
    #[must_use]
    pub fn member_reason(&self, missing: &[Missing]) -> MemberReason {
        match self {
            Self::Unmatched { .. } | Self::NoLines => MemberReason::of_missing(missing),
            Self::BelowMinimum { .. } => MemberReason::SpendMore,
            Self::Outranked { .. } | Self::Excluded { .. } | Self::TooMany => {
                MemberReason::OtherApplies
            }
            Self::Inactive | Self::NoEffect => MemberReason::NotAvailable,
        }
    }
}

/// Why an offer that a coupon gives does not apply, and what would change that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct OfferExplanation {
    /// The offer.
    pub offer: Slug,
    /// The coupon that gives it.
    pub coupon: CouponId,
    /// Why it does not apply.
    pub outcome: OfferVerdict,
    /// The smallest change after which its condition holds and there is a line that it is about; empty when none is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub missing: Vec<Missing>,
    /// What a member may be told of it.
    pub member_reason: MemberReason,
}

/// What a coupon comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CouponUse {
    /// The coupon.
    pub coupon: CouponId,
    /// Its book; absent when it is not the member's to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub book: Option<CouponBookId>,
    /// What it comes to.
    pub outcome: CouponVerdict,
}

/// What a coupon comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CouponVerdict {
    /// It is used.
    Used,
    /// It has no effect and is kept.
    Kept,
    /// It cannot be redeemed, and recording the purchase with it is refused.
    Refused {
        /// The code of the refusal.
        code: String,
        /// What it says.
        message: String,
    },
}
