//! What members may pay orders with: the buckets of value, in paying order, and what a unit is worth.

use serde::{Deserialize, Serialize};

use crate::money::{Asset, DecimalText, Rate};

/// For how long value stays reserved when a program says nothing: seven days.
pub const EXPIRES_AFTER_MINUTES_DEFAULT: u32 = 10_080;
/// The longest that value stays reserved: 366 days.
pub const EXPIRES_AFTER_MINUTES_MAX: u32 = 527_040;
/// The longest grace of value that comes back late, in days.
pub const RETURNED_GRACE_DAYS_MAX: u16 = 3_660;

/// How members pay orders with what they have.
///
/// Discounts reduce the total of an order first; what is paid here is a means of payment. It changes nothing of what rules
/// grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Redemptions {
    /// The buckets, in the order in which they pay; each at most once.
    pub order: Vec<SpendBucket>,
    /// The most of an order that may be paid, above `0%` and up to `100%`; rounded down, so the program gains. All of it when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_share: Option<Rate>,
    /// For how long an authorization reserves value, from 1 to 527,040 minutes (366 days).
    #[serde(default = "expires_after_minutes")]
    pub expires_after_minutes: u32,
    /// What happens to value that comes back after its lot has expired.
    #[serde(default)]
    pub returned_late: ReturnedLate,
}

fn expires_after_minutes() -> u32 {
    EXPIRES_AFTER_MINUTES_DEFAULT
}

/// Value of one kind that can pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SpendBucket {
    /// The member's own money, in the program's currency. It rests in no lots and never expires.
    Main,
    /// Cashback in the program's currency.
    Cashback,
    /// A unit of the program, such as points.
    Unit(UnitTerms),
}

/// What a unit is worth, and how much of it may pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UnitTerms {
    /// The unit, one of the program's.
    pub asset: Asset,
    /// What it is worth.
    pub value: UnitValue,
    /// The fewest units that pay at all; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<DecimalText>,
    /// The most that this unit pays of one order; as much as there is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Ceiling>,
    /// Only multiples of so many units pay; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<DecimalText>,
}

/// An exact rate: so many units are worth so much. What so many units are worth is rounded down to the minor unit, so the
/// program gains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UnitValue {
    /// So many units …
    pub units: DecimalText,
    /// … are worth so much, in the program's currency.
    pub money: DecimalText,
}

/// The most that a unit pays of one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ceiling {
    /// So many units.
    Units(DecimalText),
    /// A share of the order, above `0%` and up to `100%`; rounded down, so the program gains.
    Share(Rate),
}

/// What happens to value that comes back, from an authorization or a cancelled redemption, after its lot has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReturnedLate {
    /// It expires at once. The program gains.
    #[default]
    Expire,
    /// It lives on for so many days from the moment at which it comes back. The member gains.
    GraceDays(u16),
}
