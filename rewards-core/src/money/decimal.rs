//! Amounts in documents that do not know their asset yet.

use std::fmt;

use rust_decimal::Decimal;

use super::MoneyError;
use super::amount::PlainDecimal;
use super::text::text_form;

const DIGITS_RULE: &str = "expected a number of at most 28 digits";

/// A decimal number read from text by the grammar of amounts; a JSON or TOML number is refused.
///
/// The value is kept without trailing zeros, so `12.30` and `12.3` are the same. It becomes minor units with
/// [`to_minor`](DecimalText::to_minor) once the asset is known.
///
/// ```
/// use rewards_core::money::DecimalText;
///
/// let amount = DecimalText::parse("12.30")?;
/// assert_eq!(amount.to_string(), "12.3");
/// assert_eq!(amount.to_minor(2)?, 1230);
/// assert_eq!(amount.to_minor(0).unwrap_err().code(), "amount_scale");
/// # Ok::<(), rewards_core::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecimalText(Decimal);

impl DecimalText {
    /// Reads a decimal number.
    ///
    /// # Errors
    /// [`MoneyError::BadAmount`] when the text breaks the grammar or has more than 28 digits.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let plain = PlainDecimal::parse(text)?;
        exact(plain)
            .map(Self)
            .ok_or_else(|| MoneyError::bad_amount(text, DIGITS_RULE))
    }

    /// The value.
    #[must_use]
    pub const fn as_decimal(self) -> Decimal {
        self.0
    }

    /// The amount in minor units of an asset with `scale` decimals.
    ///
    /// # Errors
    /// [`MoneyError::TooManyDecimals`] when the value needs more than `scale` decimals, [`MoneyError::Overflow`]
    /// when it does not fit.
    pub fn to_minor(self, scale: u8) -> Result<i64, MoneyError> {
        let Some(missing) = u32::from(scale).checked_sub(self.0.scale()) else {
            return Err(MoneyError::TooManyDecimals {
                amount: self.to_string(),
                asset_scale: scale,
            });
        };
        if self.0.is_zero() {
            return Ok(0);
        }
        10_i128
            .checked_pow(missing)
            .and_then(|unit| self.0.mantissa().checked_mul(unit))
            .and_then(|minor| i64::try_from(minor).ok())
            .ok_or(MoneyError::Overflow)
    }
}

/// Any decimal is a valid text; trailing zeros and the sign of zero are dropped.
impl From<Decimal> for DecimalText {
    fn from(value: Decimal) -> Self {
        Self(normalize(value))
    }
}

impl fmt::Display for DecimalText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The value without trailing zeros, which do not count toward the digits that a decimal can hold.
fn exact(plain: PlainDecimal<'_>) -> Option<Decimal> {
    let fraction = plain.fraction.trim_end_matches('0');
    let mut digits = plain.whole.bytes().chain(fraction.bytes());
    let mantissa = digits.try_fold(0_i128, |mantissa, digit| {
        let digit = i128::from(digit.wrapping_sub(b'0'));
        mantissa.checked_mul(10)?.checked_add(digit)
    })?;
    let signed = if plain.negative {
        mantissa.checked_neg()?
    } else {
        mantissa
    };
    Decimal::try_from_i128_with_scale(signed, u32::try_from(fraction.len()).ok()?).ok()
}

/// The value without trailing zeros and without a negative zero, so that equal values are written alike.
pub(super) fn normalize(value: Decimal) -> Decimal {
    if value.is_zero() {
        Decimal::ZERO
    } else {
        value.normalize()
    }
}

text_form! {
    DecimalText,
    number,
    expecting: "a decimal number as text, such as \"12.30\", or an integer",
    format: "decimal",
    pattern: crate::money::amount::AMOUNT_PATTERN,
}
