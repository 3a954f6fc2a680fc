//! The section `risk` of a program document.

use serde::{Deserialize, Serialize};

use crate::ids::Slug;

/// Which of two payments is riskier: what is looked at, how many points that is worth, and from how many points on a payment is
/// reviewed or blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// What payments have in common besides their member, such as `device`, `merchant` and `terminal`: payments are counted by
    /// each of them. `member` is always there and is not named here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Slug>,
    /// What is looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Feature>,
    /// What decides.
    pub scorecard: Scorecard,
    /// What is scored beside it and decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Scorecard>,
    /// Lists of members, devices and other keys that decide before any score does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<RiskList>,
    /// What becomes of a payment of which a feature cannot be known, unless the rule says otherwise.
    #[serde(default)]
    pub unknown: OnUnknown,
    /// What becomes of reviews that nobody decides.
    #[serde(default)]
    pub reviews: Reviews,
}

/// Something that is looked at: a whole number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The feature's name.
    pub id: Slug,
    /// What it is.
    pub value: FeatureValue,
}

/// What a feature is. Payments before the one that is assessed are looked at, and those that happened later never.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum FeatureValue {
    /// The amount of the payment, in minor units.
    Amount {},
    /// The hour on the clock of the program's zone, 0 to 23.
    LocalHour {},
    /// The local weekday, from 1 for Monday to 7 for Sunday.
    Weekday {},
    /// For how many whole days the member has been registered.
    MemberAge {},
    /// How many payments there were.
    Count(History),
    /// The sum of their amounts, in minor units.
    Sum(History),
    /// Their mean amount, in minor units, rounded down. There is none without a payment.
    Mean(History),
    /// The largest of their amounts, in minor units. There is none without a payment.
    Maximum(History),
    /// The amount in percent of the mean, rounded down: 100 is the mean itself. There is none without a mean above zero.
    AmountToMean(History),
    /// How many different values of another key they had, exactly up to 64 and 65 for more.
    Distinct(Distinct),
    /// How many whole minutes ago the last one was. There is none before the first payment.
    SinceLast(SinceLast),
    /// How many of them were labelled as bad by now.
    Bad(Labelled),
    /// How many of 10,000 of them were labelled as bad by now. There is none without a payment.
    BadShare(Labelled),
}

/// Payments with the same value of a key within a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct History {
    /// The key, `member` or one of `keys`.
    pub by: Slug,
    /// How far back.
    pub within: RiskWindow,
}

/// Different values of one key among payments with the same value of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Distinct {
    /// The key whose values are counted.
    pub of: Slug,
    /// The key by which payments belong together.
    pub by: Slug,
    /// How far back.
    pub within: RiskWindow,
}

/// The last payment with the same value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SinceLast {
    /// The key.
    pub by: Slug,
}

/// Payments that somebody labelled, within a window that ends some days ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Labelled {
    /// The key.
    pub by: Slug,
    /// How many days the window is long, 1 to 90.
    pub days: u16,
    /// How many days before the payment's own day the window ends, 0 to 30: labels take so long to arrive.
    #[serde(default)]
    pub delay_days: u16,
}

/// A length of time, counted in whole minutes, hours or local days: the one that a payment is in, and those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RiskWindow {
    /// So many minutes, 1 to 120.
    Minutes(u16),
    /// So many hours, 1 to 72.
    Hours(u16),
    /// So many local days, 1 to 90.
    Days(u16),
}

/// Points for what features are, and what follows from their sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Scorecard {
    /// Points that every payment has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub base: i32,
    /// Points by single features.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RiskRule>,
    /// Points for features that are something together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub combinations: Vec<RiskCombination>,
    /// From this score on a payment is reviewed; none is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_at: Option<i32>,
    /// From this score on a payment is blocked; none is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_at: Option<i32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(points: &i32) -> bool {
    *points == 0
}

/// Points by one feature. Its bands leave no gap and overlap nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RiskRule {
    /// The rule's name; assessments name it.
    pub id: Slug,
    /// The feature.
    pub feature: Slug,
    /// Points by the feature's value, from the lowest band to the highest. The first has no lower edge and the last no upper one.
    pub bands: Vec<RiskBand>,
    /// Points where there is nothing to look at, such as the mean of no payments.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub none: i32,
    /// What becomes of a payment of which the feature cannot be known; as the section says when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<OnUnknown>,
}

/// Values of a feature that are worth the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RiskBand {
    /// From this value on; from the lowest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Below this value; to the highest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// How many points.
    pub points: i32,
}

/// Points for several features that are something together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RiskCombination {
    /// The combination's name; assessments name it.
    pub id: Slug,
    /// What all must hold.
    pub all: Vec<FeatureTest>,
    /// How many points.
    pub points: i32,
    /// What becomes of a payment of which one of the features cannot be known; as the section says when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<OnUnknown>,
}

/// Whether a feature is in a range. What is not there is in none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FeatureTest {
    /// The feature.
    pub feature: Slug,
    /// From this value on; from the lowest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Below this value; to the highest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// A list of values of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RiskList {
    /// The list's name.
    pub id: Slug,
    /// The key, `member` or one of `keys`.
    pub by: Slug,
    /// What becomes of a payment that has a value on the list.
    pub then: ListAction,
}

/// What a list decides. Of several lists, one that allows comes first, then one that blocks, then one that asks for a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum ListAction {
    /// The payment is approved, whatever its score.
    Allow,
    /// The payment is blocked, whatever its score.
    Block,
    /// The payment is reviewed, unless it is blocked by its score.
    Review,
}

/// What becomes of a payment of which something cannot be known.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Nothing: what is not known is worth no points. The check fails open.
    #[default]
    Nothing,
    /// It is reviewed, unless it is blocked anyway.
    Review,
    /// It is blocked. The check fails closed.
    Block,
}

/// How long reviews are waited for, and what holds afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reviews {
    /// After how many minutes a review expires, 1 to 43,200; 1,440, a day, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after_minutes: Option<u32>,
    /// What holds of the payment then.
    #[serde(default)]
    pub then: ReviewDecision,
}

/// What a review decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum ReviewDecision {
    /// The payment may go on.
    Approve,
    /// The payment must not go on.
    #[default]
    Block,
}
