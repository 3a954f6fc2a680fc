//! Conditions over the typed facts of a purchase and its member.

use serde::{Deserialize, Serialize};

use super::{Basis, Since};
use crate::ids::Slug;
use crate::money::DecimalText;
use crate::time::{DateRange, Period, TimeOfDayRange, Weekday};

/// When a rule matches. A list matches when the fact is one of its values; texts are compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// All of them match.
    All(Vec<Condition>),
    /// At least one of them matches.
    Any(Vec<Condition>),
    /// None of them matches.
    None(Vec<Condition>),
    /// An amount of the purchase lies in a range.
    Amount(AmountTest),
    /// The category of the purchase.
    Category(Vec<String>),
    /// The merchant.
    Merchant(Vec<String>),
    /// The biller.
    Biller(Vec<String>),
    /// The kind of bill.
    BillType(Vec<String>),
    /// The channel: in store, online, app …
    Channel(Vec<String>),
    /// How it was paid.
    PaymentMethod(Vec<String>),
    /// The store.
    Store(Vec<String>),
    /// The country.
    Country(Vec<String>),
    /// The purchase carries at least one of the tags.
    Tag(Vec<String>),
    /// The member is in at least one of the segments.
    Segment(Vec<String>),
    /// The member's tier.
    Tier(TierTest),
    /// A line matches. In a rule with scope `line` it selects the lines that are paid; elsewhere one matching line is
    /// enough.
    // Boxed, because it is rare and three times as large as any other.
    Line(Box<LineTest>),
    /// Which purchase of the member it is, counted in the program from 1, this one included. A number stays given: who cancels
    /// the first of two purchases makes the third one next.
    PurchaseNumber(NumberTest),
    /// How many purchases the member made in a window, this one included.
    WindowCount(WindowCount),
    /// How much the member spent in a window, this purchase included.
    WindowSum(WindowSum),
    /// The local weekday.
    Weekday(Vec<Weekday>),
    /// The local time of day.
    TimeOfDay(TimeOfDayRange),
    /// The local date.
    Dates(DateRange),
    /// A fact that the caller injected with the purchase, or that is kept with the member.
    Attribute(AttributeTest),
    /// At least one of these offers applies to the purchase. Only rules ask, as offers are settled before them.
    Offer(Vec<Slug>),
}

impl Condition {
    /// Whether conditions are nested in each other at most so deep, this one included.
    pub(super) fn is_within(&self, depth: usize) -> bool {
        let Some(inner) = depth.checked_sub(1) else {
            return false;
        };
        match self {
            Self::All(parts) | Self::Any(parts) | Self::None(parts) => {
                parts.iter().all(|part| part.is_within(inner))
            }
            _ => true,
        }
    }
}

/// An amount of the purchase lies in a range. At least one bound is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AmountTest {
    /// Which amount.
    #[serde(default)]
    pub of: Basis,
    /// From this amount on, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<DecimalText>,
    /// Below this amount, exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<DecimalText>,
}

/// The member's tier on a ladder. Exactly one of the two tests is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TierTest {
    /// The ladder.
    pub ladder: Slug,
    /// This tier or a higher one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Slug>,
    /// One of these tiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<Slug>,
}

/// A line of the basket. All tests that are given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LineTest {
    /// Its SKU is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sku: Vec<String>,
    /// Its category is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub category: Vec<String>,
    /// Its SKU is none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except_sku: Vec<String>,
    /// Its category is none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except_category: Vec<String>,
    /// An attribute of the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<AttributeTest>,
    /// At least so many pieces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity_at_least: Option<u32>,
    /// Its amount is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_at_least: Option<DecimalText>,
}

/// A number lies in a range, or is a multiple. At least one test is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NumberTest {
    /// From this number on, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u32>,
    /// Up to this number, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,
    /// Every n-th.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u32>,
}

/// The number of purchases in a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WindowCount {
    /// The window.
    pub window: Period,
    /// From this number on, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u32>,
    /// Up to this number, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,
}

/// The sum of purchases in a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WindowSum {
    /// The window.
    pub window: Period,
    /// Which amount of each purchase.
    #[serde(default)]
    pub of: Basis,
    /// From this sum on, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<DecimalText>,
    /// Below this sum, exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<DecimalText>,
    /// Says that what was spent before may be unknown; see [`Since`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
}

/// A custom fact. Without `one_of` and the bounds it is enough that the attribute is present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AttributeTest {
    /// The attribute's name. The purchase is looked at first, then the member.
    pub name: String,
    /// Its text is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
    /// It is a number from this one on, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<DecimalText>,
    /// It is a number below this one, exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<DecimalText>,
}
