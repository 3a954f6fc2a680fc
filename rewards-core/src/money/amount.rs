//! The one grammar of amounts: an optional `-`, digits, and optionally a `.` with more digits.
//!
//! Refused are blanks, `+`, exponents, `NaN`, infinities, digit separators, a missing whole part (`.5`), a missing
//! fraction (`5.`), text longer than [`AMOUNT_BYTES_MAX`], and more decimals than the asset has, even if they are
//! zeros: `1.000` for a currency with two decimals is more likely a mistake of a thousand than one euro.

use std::fmt;

use super::MoneyError;

/// Longest accepted amount text.
pub const AMOUNT_BYTES_MAX: usize = 64;

const GRAMMAR: &str = "expected digits with an optional leading `-` and `.`, such as `12.30`";
const LENGTH: &str = "expected at most 64 bytes";

/// JSON Schema pattern of an amount that may be negative.
#[cfg(feature = "schema")]
pub(super) const AMOUNT_PATTERN: &str = r"^-?[0-9]+(\.[0-9]+)?$";

/// Reads an amount as minor units of an asset with `scale` decimals. Fewer decimals are filled up with zeros.
///
/// # Errors
/// [`MoneyError::BadAmount`] when the text breaks the grammar, [`MoneyError::TooManyDecimals`] when it has more
/// than `scale` decimals, [`MoneyError::Overflow`] when the amount does not fit.
///
/// ```
/// use rewards_core::money::parse_minor;
///
/// assert_eq!(parse_minor("19.99", 2)?, 1999);
/// assert_eq!(parse_minor("-5", 2)?, -500);
/// assert_eq!(parse_minor("19.990", 2).unwrap_err().code(), "amount_scale");
/// assert_eq!(parse_minor("1e999", 2).unwrap_err().code(), "amount_invalid");
/// # Ok::<(), rewards_core::money::MoneyError>(())
/// ```
pub fn parse_minor(text: &str, scale: u8) -> Result<i64, MoneyError> {
    let plain = PlainDecimal::parse(text)?;
    let Some(missing) = usize::from(scale).checked_sub(plain.fraction.len()) else {
        return Err(MoneyError::TooManyDecimals {
            amount: text.to_owned(),
            asset_scale: scale,
        });
    };
    let written = plain.whole.bytes().chain(plain.fraction.bytes());
    let digits = written.chain(std::iter::repeat_n(b'0', missing));
    // The sum runs below zero, because the smallest amount has no positive counterpart.
    let mut negated: i64 = 0;
    for digit in digits {
        negated = negated
            .checked_mul(10)
            .and_then(|shifted| shifted.checked_sub(i64::from(digit.wrapping_sub(b'0'))))
            .ok_or(MoneyError::Overflow)?;
    }
    if plain.negative {
        Ok(negated)
    } else {
        negated.checked_neg().ok_or(MoneyError::Overflow)
    }
}

/// Writes minor units as text with exactly `scale` decimals: `1230` with two decimals is `12.30`.
///
/// This is the canonical text: [`parse_minor`] reads it back to the same amount.
///
/// ```
/// use rewards_core::money::format_minor;
///
/// assert_eq!(format_minor(-5, 2), "-0.05");
/// assert_eq!(format_minor(1230, 0), "1230");
/// ```
#[must_use]
pub fn format_minor(minor: i64, scale: u8) -> String {
    MinorText { minor, scale }.to_string()
}

/// Minor units that display as amount text, without an allocation of their own.
pub(super) struct MinorText {
    pub(super) minor: i64,
    pub(super) scale: u8,
}

impl fmt::Display for MinorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.minor.unsigned_abs();
        let sign = if self.minor < 0 { "-" } else { "" };
        if self.scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        // Where a whole unit exceeds 64 bits, every amount is below one unit.
        let unit = 10_u64.checked_pow(u32::from(self.scale));
        let split =
            unit.and_then(|unit| Some((digits.checked_div(unit)?, digits.checked_rem(unit)?)));
        let (whole, fraction) = split.unwrap_or((0, digits));
        write!(
            f,
            "{sign}{whole}.{fraction:0width$}",
            width = usize::from(self.scale)
        )
    }
}

/// A text that keeps the grammar, cut into its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainDecimal<'a> {
    pub(super) negative: bool,
    /// One or more ASCII digits.
    pub(super) whole: &'a str,
    /// ASCII digits; empty when there is no `.`.
    pub(super) fraction: &'a str,
}

impl<'a> PlainDecimal<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, MoneyError> {
        if text.len() > AMOUNT_BYTES_MAX {
            return Err(MoneyError::bad_amount(text, LENGTH));
        }
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match unsigned.split_once('.') {
            None => (unsigned, None),
            Some((whole, fraction)) => (whole, Some(fraction)),
        };
        if !is_digits(whole) || fraction.is_some_and(|fraction| !is_digits(fraction)) {
            return Err(MoneyError::bad_amount(text, GRAMMAR));
        }
        Ok(Self {
            negative,
            whole,
            fraction: fraction.unwrap_or_default(),
        })
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
