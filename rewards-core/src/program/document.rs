//! The document itself, as a program manager writes it.

use serde::{Deserialize, Serialize};

use super::{
    Budget, Cap, Condition, Deposits, Effect, Expiry, Ladder, Offers, Redemptions, Refunds,
};
use crate::fx::FxSection;
use crate::ids::{ProgramId, Slug};
use crate::money::{Asset, Currency, Rounding};
use crate::payments::Payments;
use crate::pipeline::Pipeline;
use crate::qr::QrSection;
use crate::risk::Risk;
use crate::time::{DateRange, Timestamp, WeekStart, Zone};
use crate::tokens::Tokens;
use crate::transfers::TransferRule;

/// A reward program: currency, zone, rounding, rules, limits, ladders and the life of its rewards.
///
/// A document is a value. Publishing it makes a numbered revision that never changes; a change is a new revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The program's id, the same in all its revisions.
    pub id: ProgramId,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The currency of purchases and of money rewards.
    pub currency: Currency,
    /// The time zone of days, weeks and months, weekdays and times of day.
    pub zone: Zone,
    /// The first day of a week.
    #[serde(default)]
    pub week_start: WeekStart,
    /// How a reward is rounded to the minor unit, unless its rule says otherwise.
    #[serde(default)]
    pub rounding: Rounding,
    /// Reward units other than money, such as points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<UnitDefinition>,
    /// Stacking groups in the order in which they are evaluated. Without any, there is one stacking group `default` that stacks all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacking_groups: Vec<StackingGroup>,
    /// The earn rules. Their order in the document means nothing: see [`Rule::priority`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Limits that clip what rules grant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<Cap>,
    /// Limits on what the whole program spends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
    /// Tier ladders; each is climbed on its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ladders: Vec<Ladder>,
    /// The life of rewards, unless their rule says otherwise.
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// What refunds take back: the proportional part, as far as it is there, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunds: Option<Refunds>,
    /// How members pay money in; nobody can when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposits: Option<Deposits>,
    /// What members may send to each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transfers: Vec<TransferRule>,
    /// How members pay orders with what they have; nothing can be paid when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redemptions: Option<Redemptions>,
    /// What coupons take off a basket; they take nothing off when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offers: Option<Offers>,
    /// How members convert what they have into other currencies; nothing can be converted when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fx: Option<FxSection>,
    /// How payments are assessed; none is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// How codes are given out, and through which wallets they are paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qr: Option<QrSection>,
    /// How members pay others; nobody can when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payments: Option<Payments>,
    /// What runs around the steps of a payment; nothing does when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<Pipeline>,
    /// What offline tokens are; there are none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
}

/// A reward unit of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UnitDefinition {
    /// The unit with its scale: `points` has no decimals, `stars/2` has two.
    pub asset: Asset,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A stacking group. Stacking groups are evaluated in document order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StackingGroup {
    /// The stacking group's name.
    pub id: Slug,
    /// Which of its matching rules apply.
    #[serde(default)]
    pub stacking: Stacking,
    /// Whether the choice is made once per purchase or for every line.
    #[serde(default)]
    pub scope: Scope,
    /// What a percentage in this stacking group is taken of.
    #[serde(default)]
    pub base: RunningBase,
}

/// Which matching rules of a stacking group apply. The choice is made before caps: a cap clips the chosen rule, it never hands
/// the purchase to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stacking {
    /// All of them.
    #[default]
    All,
    /// The first in rule order: higher priority first, then by id.
    First,
    /// The one that pays the member most; a tie goes to the first in rule order.
    Best,
    /// The one that pays the member least; a tie goes to the first in rule order.
    Lowest,
}

/// Whether something is looked at for the whole basket or line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Once, for the whole purchase.
    #[default]
    Basket,
    /// For every line on its own.
    Line,
}

/// What a percentage is taken of when several rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunningBase {
    /// The amount as it was, whatever was granted before.
    #[default]
    Original,
    /// The amount less the money that rules before this one granted on the same purchase (or line).
    Running,
}

/// One earn rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The rule's name; every decision names it.
    pub id: Slug,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The stacking group it belongs to; the first stacking group when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stacking_group: Option<Slug>,
    /// Rule order within a stacking group: higher priority first, then by id. This is the written tie-break everywhere.
    #[serde(default)]
    pub priority: i32,
    /// The local dates on which the rule is active; always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<DateRange>,
    /// When it matches; always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// Whether it pays once for the basket or for every line that matches.
    #[serde(default)]
    pub scope: Scope,
    /// What it grants.
    pub effect: Effect,
    /// How its grant is rounded; the program's rounding when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
    /// The system account that pays; `rewards` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funded_by: Option<Slug>,
    /// Tags of which at most one rule applies to a purchase: the first in stacking group and rule order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclusive: Vec<Slug>,
    /// Names of the caps that clip it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<Slug>,
    /// Names of the budgets it draws on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Slug>,
    /// Whether tier benefits raise it. By default they raise percentages, amounts per unit and bands, and leave fixed
    /// amounts and multipliers alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_benefits: Option<bool>,
    /// The life of its rewards; the program's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
}

/// Which amount of a purchase is meant. Every threshold and every percentage names one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The total as paid, before anything is taken off.
    Gross,
    /// The total less discounts.
    #[default]
    Net,
    /// The total less discounts, fee, tax and shipping: the price of the goods.
    Goods,
    /// The total less the parts named.
    Without(Vec<Part>),
}

/// A part of a purchase's total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Discounts given before the reward.
    Discounts,
    /// Fees charged to the payer.
    Fee,
    /// Taxes.
    Tax,
    /// Shipping.
    Shipping,
}

/// The life of a reward: pending, then available, then expired.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Lifecycle {
    /// How long it is pending; available at once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// When it expires; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expiry>,
}

impl Lifecycle {
    /// Whether a reward is voided by time alone, because no confirmation came.
    #[must_use]
    pub fn voids(&self) -> bool {
        match &self.pending {
            Some(Pending::Confirmation { void_after_days }) => void_after_days.is_some(),
            Some(Pending::Days(_) | Pending::Until(_)) | None => false,
        }
    }
}

/// Until when a reward is pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Pending {
    /// For so many local calendar days after the purchase, at the same local time.
    Days(u16),
    /// Until an instant.
    Until(Timestamp),
    /// Until the purchase is confirmed; voided when that has not happened after so many days.
    #[serde(rename = "confirmation")]
    Confirmation {
        /// Days after which it is voided; it waits for ever when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        void_after_days: Option<u16>,
    },
}
