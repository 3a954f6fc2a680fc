//! What coupons take off a basket: the section `offers`.

use serde::{Deserialize, Serialize};

use super::{Condition, LineTest, RunningBase, StackingGroup};
use crate::ids::{CouponBookId, Slug};
use crate::money::{DecimalText, Rate, Rounding};
use crate::time::DateRange;

/// What coupons take off a basket.
///
/// Stacking groups are evaluated in document order; within one, offers come by higher priority, then by id, then in the order in
/// which their coupons were given. Each looks at the prices that those before it left. No price falls below zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Offers {
    /// Whether the prices of lines have their taxes in them. What offers take off is of the same kind.
    #[serde(default)]
    pub prices: Prices,
    /// Stacking groups of offers. Without any, there is one stacking group `default` that stacks all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacking_groups: Vec<StackingGroup>,
    /// The most offers that apply to one purchase; not limited when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,
    /// Which of the offers that could apply do.
    #[serde(default)]
    pub combination: Combination,
    /// What becomes of a coupon whose offers have no effect on the purchase it is given for.
    #[serde(default)]
    pub without_effect: WithoutEffect,
    /// What gives a use back to a coupon.
    #[serde(default)]
    pub returned_by: ReturnedBy,
    /// The offers. Their order in the document means nothing.
    pub list: Vec<Offer>,
}

/// Whether prices have taxes in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Prices {
    /// They have: a lower price has less tax in it, and the total falls by what is taken off.
    #[default]
    WithTax,
    /// They have not, and taxes come on top: the total falls by what is taken off and by its tax.
    WithoutTax,
}

/// Which of the offers that could apply do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Combination {
    /// As they come: one that does not go with an offer before it does not apply.
    #[default]
    Ordered,
    /// Those that together leave the least to pay; of several such combinations the one of fewest coupons, and then the one of
    /// the coupons given first. At most [`COMBINATIONS_MAX`](crate::discounts::COMBINATIONS_MAX) combinations are tried.
    Best,
}

/// What becomes of a coupon whose offers have no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WithoutEffect {
    /// It is not used.
    #[default]
    Keep,
    /// It is used all the same.
    Use,
}

/// What gives a use back to a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReturnedBy {
    /// Cancelling the purchase, and refunding the last of it. A chargeback gives nothing back.
    #[default]
    Refund,
    /// Cancelling the purchase alone.
    Cancellation,
    /// Nothing.
    Never,
}

/// What a coupon of some books takes off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The offer's name; every decision names it.
    pub id: Slug,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The books whose coupons give it.
    pub books: Vec<CouponBookId>,
    /// The stacking group of offers it belongs to; the first one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stacking_group: Option<Slug>,
    /// Its place in its stacking group: higher priority first, then by id.
    #[serde(default)]
    pub priority: i32,
    /// The local dates on which it is active; always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<DateRange>,
    /// When it applies; always when absent. It looks at the purchase before any offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// The lines that it is about; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<LineTest>,
    /// The least that these lines must cost together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Minimum>,
    /// What it does.
    pub effect: OfferEffect,
    /// How what it takes off is rounded; as the program rounds when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
    /// Whether it applies with no other offer but those that it names in `always_with`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// Offers that it goes with although it, or the other one, is `alone`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub always_with: Vec<Slug>,
    /// Offers that it never goes with. With its own name in it, it applies once whatever coupons are given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub never_with: Vec<Slug>,
}

/// The least that lines must cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Minimum {
    /// The amount, inclusive.
    pub amount: DecimalText,
    /// Before any offer, or after those before this one.
    #[serde(default)]
    pub of: RunningBase,
}

/// What an offer does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OfferEffect {
    /// A percentage of what its lines cost.
    Percent(PercentOff),
    /// A fixed amount.
    Fixed(FixedOff),
    /// Each piece costs so much, unless it costs less already.
    FixedPrice(FixedPrice),
    /// The cheapest or the dearest pieces for less.
    Pieces(PiecesOff),
    /// Who buys some pieces gets others for less.
    // Boxed, because it is many times as large as any other.
    BuyGet(Box<BuyGet>),
    /// Some pieces together cost so much, unless they cost less already.
    Bundle(Bundle),
    /// Shipping for less.
    Shipping(PercentOff),
    /// What is left on the coupon, where its book says what one is worth; what is not taken off stays on it. Coupons that are worth an
    /// amount give no other offers.
    Value(CouponValue),
    /// It takes nothing off: rules with the condition `offer` grant something for it.
    Earn(Earn),
}

/// A percentage off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PercentOff {
    /// The percentage, above `0%` and up to `100%`.
    pub rate: Rate,
    /// The most that is taken off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<DecimalText>,
}

/// A fixed amount off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FixedOff {
    /// The amount.
    pub amount: DecimalText,
    /// Whether it is taken off once or off each piece.
    #[serde(default)]
    pub each: Each,
}

/// How often an amount is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Each {
    /// Once, off all lines together: split by what they cost.
    #[default]
    Purchase,
    /// Off each piece.
    Piece,
}

/// A price for each piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FixedPrice {
    /// What a piece costs.
    pub price: DecimalText,
}

/// Single pieces for less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PiecesOff {
    /// Which pieces.
    pub which: Which,
    /// How many.
    pub pieces: u32,
    /// What is taken off each, above `0%` and up to `100%`, which is free.
    #[serde(default = "free")]
    pub rate: Rate,
}

/// Which pieces of several. Of pieces that cost the same, those of the earliest line come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// Those that cost least.
    Cheapest,
    /// Those that cost most.
    Dearest,
}

/// Who buys some pieces gets others for less.
///
/// No piece is both bought and got. As many pieces are got as complete groups are there; they are the cheapest that leave
/// enough to be bought, and of pieces that cost the same those of the earliest line. The program gains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BuyGet {
    /// What is bought.
    pub buy: PieceGroup,
    /// What is got for less.
    pub get: PieceGroup,
    /// What is taken off each piece that is got, above `0%` and up to `100%`, which is free.
    #[serde(default = "free")]
    pub rate: Rate,
    /// How often at most; as often as it fits when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// Some pieces of some lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PieceGroup {
    /// The lines, of those that the offer is about; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<LineTest>,
    /// How many pieces.
    pub pieces: u32,
}

/// Some pieces together for a price.
///
/// Parts are filled in their order, each with the dearest pieces that are left, and of pieces that cost the same with those of
/// the earliest line. The member gains. A bundle that would cost more than its pieces do is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// What is in it.
    pub parts: Vec<PieceGroup>,
    /// What it costs.
    pub price: DecimalText,
    /// How often at most; as often as it fits when absent, but no more than
    /// [`BUNDLES_MAX`](crate::discounts::BUNDLES_MAX) times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// What is left on the coupon is taken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CouponValue {}

/// Nothing is taken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Earn {}

fn free() -> Rate {
    Rate::HUNDRED_PERCENT
}
