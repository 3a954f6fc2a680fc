//! Percentages and multipliers, two types with two texts.
//!
//! A percentage is always written with its sign (`5%`) and a multiplier never is (`1.5`), so that nobody has to
//! guess whether `5` means five percent, five hundred percent or five times.

use std::fmt;

use rust_decimal::Decimal;

use super::decimal::normalize;
use super::text::text_form;
use super::{DecimalText, MoneyError, Ratio};

/// Most decimals of a percentage and of a factor.
const DECIMALS_MAX: u32 = 8;
/// Largest percentage and largest factor.
const VALUE_MAX: Decimal = Decimal::ONE_THOUSAND;

const RATE_SIGN_RULE: &str = "expected a percentage with its sign, such as `5%` for five percent";
const RATE_RULE: &str = "expected a percentage from `0%` to `1000%` with at most 8 decimals";
const FACTOR_PERCENT_RULE: &str =
    "expected a multiplier without a percent sign, such as `1.5` for one and a half times";
const FACTOR_RULE: &str = "expected a multiplier from `0` to `1000` with at most 8 decimals";

/// A percentage from 0% to 1000% with at most 8 decimals, written with its sign: `2.5%`.
///
/// ```
/// use rewards_core::money::Rate;
///
/// let rate = Rate::parse("2.50%")?;
/// assert_eq!(rate.to_string(), "2.5%");
/// assert_eq!(rate.as_fraction().to_string(), "0.025");
/// let refused = Rate::parse("0.05").unwrap_err().to_string();
/// assert!(refused.contains("such as `5%`"));
/// # Ok::<(), rewards_core::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    percent: Decimal,
    // INVARIANT (rate ratio): exactly `percent` / 100, worked out once so that applying a rate is one
    // multiplication.
    ratio: Ratio,
}

impl Rate {
    /// All of something.
    pub const HUNDRED_PERCENT: Self = Self {
        percent: Decimal::ONE_HUNDRED,
        ratio: Ratio::ONE,
    };

    /// Reads a percentage with its sign.
    ///
    /// # Errors
    /// [`MoneyError::BadRate`] when the sign is missing, the number is malformed or it is out of range.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let Some(number) = text.strip_suffix('%') else {
            return Err(MoneyError::bad_rate(text, RATE_SIGN_RULE));
        };
        parse_unsigned(number)
            .and_then(Self::in_range)
            .ok_or_else(|| MoneyError::bad_rate(text, RATE_RULE))
    }

    /// A rate from its percentage: 5 is 5%.
    ///
    /// # Errors
    /// [`MoneyError::BadRate`] when out of range.
    pub fn from_percent(percent: Decimal) -> Result<Self, MoneyError> {
        Self::in_range(percent)
            .ok_or_else(|| MoneyError::bad_rate(&format!("{percent}%"), RATE_RULE))
    }

    /// A rate from the fraction it stands for: 0.05 is 5%.
    ///
    /// # Errors
    /// [`MoneyError::BadRate`] when out of range.
    pub fn from_fraction(fraction: Decimal) -> Result<Self, MoneyError> {
        normalize(fraction)
            .checked_mul(Decimal::ONE_HUNDRED)
            .and_then(Self::in_range)
            .ok_or_else(|| MoneyError::bad_rate(&fraction.to_string(), RATE_RULE))
    }

    /// The percentage: 5 for 5%.
    #[must_use]
    pub const fn as_percent(self) -> Decimal {
        self.percent
    }

    /// The fraction: 0.05 for 5%.
    #[must_use]
    pub fn as_fraction(self) -> Decimal {
        // At most 11 digits and 10 decimals, so the quotient is exact and always exists.
        normalize(
            self.percent
                .checked_div(Decimal::ONE_HUNDRED)
                .unwrap_or_default(),
        )
    }

    /// The exact fraction to multiply an amount with.
    #[must_use]
    #[inline]
    pub const fn ratio(self) -> Ratio {
        self.ratio
    }

    /// Whether this is 0%.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.ratio.is_zero()
    }

    fn in_range(percent: Decimal) -> Option<Self> {
        let percent = in_range(percent)?;
        let ratio = Ratio::from_percent(percent).ok()?;
        Some(Self { percent, ratio })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.percent)
    }
}

/// A plain multiplier from 0 to 1000 with at most 8 decimals: `1.5`.
///
/// ```
/// use rewards_core::money::{Factor, Rounding};
///
/// let double = Factor::parse("2")?;
/// assert_eq!(Rounding::Down.multiply(150, double.ratio())?, 300);
/// assert_eq!(Factor::parse("200%").unwrap_err().code(), "factor_invalid");
/// # Ok::<(), rewards_core::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Factor {
    value: Decimal,
    // INVARIANT (factor ratio): exactly `value`.
    ratio: Ratio,
}

impl Factor {
    /// Reads a multiplier.
    ///
    /// # Errors
    /// [`MoneyError::BadFactor`] when the text has a percent sign, is malformed or is out of range.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        if text.ends_with('%') {
            return Err(MoneyError::bad_factor(text, FACTOR_PERCENT_RULE));
        }
        parse_unsigned(text)
            .and_then(Self::in_range)
            .ok_or_else(|| MoneyError::bad_factor(text, FACTOR_RULE))
    }

    /// A multiplier from its value.
    ///
    /// # Errors
    /// [`MoneyError::BadFactor`] when out of range.
    pub fn from_decimal(value: Decimal) -> Result<Self, MoneyError> {
        Self::in_range(value).ok_or_else(|| MoneyError::bad_factor(&value.to_string(), FACTOR_RULE))
    }

    /// The multiplier that changes nothing.
    #[must_use]
    pub const fn one() -> Self {
        Self {
            value: Decimal::ONE,
            ratio: Ratio::ONE,
        }
    }

    /// The value.
    #[must_use]
    pub const fn as_decimal(self) -> Decimal {
        self.value
    }

    /// The exact fraction to multiply an amount with.
    #[must_use]
    #[inline]
    pub const fn ratio(self) -> Ratio {
        self.ratio
    }

    fn in_range(value: Decimal) -> Option<Self> {
        let value = in_range(value)?;
        let ratio = Ratio::from_decimal(value).ok()?;
        Some(Self { value, ratio })
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// A decimal without a sign, so that not even `-0` is read.
fn parse_unsigned(number: &str) -> Option<Decimal> {
    if number.starts_with('-') {
        return None;
    }
    DecimalText::parse(number).ok().map(DecimalText::as_decimal)
}

fn in_range(value: Decimal) -> Option<Decimal> {
    let value = normalize(value);
    let accepted = !value.is_sign_negative() && value <= VALUE_MAX && value.scale() <= DECIMALS_MAX;
    accepted.then_some(value)
}

text_form! {
    Rate,
    expecting: "a percentage as text with its sign, such as \"5%\"",
    format: "percent",
    pattern: r"^[0-9]+(\.[0-9]+)?%$",
}

text_form! {
    Factor,
    number,
    expecting: "a multiplier as text, such as \"1.5\", or an integer",
    format: "decimal",
    pattern: r"^[0-9]+(\.[0-9]+)?$",
}
