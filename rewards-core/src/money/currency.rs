//! Currencies of ISO 4217 that have a minor unit.
//!
//! The list is the `iso_currency` crate's. Codes without a minor unit (`XXX`, `XAU`, `XDR`, …) are refused: an
//! amount of them cannot be counted in whole minor units.

use std::cmp::Ordering;
use std::fmt;

use super::MoneyError;
use super::text::text_form;

/// A currency with 0, 2, 3 or 4 decimals, written as its ISO 4217 code.
///
/// Ordered by code.
///
/// ```
/// use rewards_core::money::Currency;
///
/// assert_eq!(Currency::parse("EUR")?.scale(), 2);
/// assert_eq!(Currency::parse("JPY")?.scale(), 0);
/// assert_eq!(Currency::from_numeric(458)?.code(), "MYR");
/// assert_eq!(Currency::parse("XAU").unwrap_err().code(), "currency_unknown");
/// assert_eq!(Currency::parse("eur").unwrap_err().code(), "currency_unknown");
/// # Ok::<(), rewards_core::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    iso: iso_currency::Currency,
    // INVARIANT (currency scale): the exponent of `iso`, one of 0, 2, 3, 4.
    scale: u8,
}

impl Currency {
    /// Reads exactly three upper-case letters.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] for any other text and for codes without a minor unit.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let iso = iso_currency::Currency::from_code(text);
        let known = iso.and_then(Self::of);
        known.ok_or_else(|| MoneyError::unknown_currency(text))
    }

    /// The currency of a number of ISO 4217, such as 458 for `MYR`.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] for any other number and for those without a minor unit.
    pub fn from_numeric(number: u16) -> Result<Self, MoneyError> {
        let iso = iso_currency::Currency::from_numeric(number);
        let known = iso.and_then(Self::of);
        known.ok_or_else(|| MoneyError::unknown_currency(&format!("{number:03}")))
    }

    fn of(iso: iso_currency::Currency) -> Option<Self> {
        let scale = match iso.exponent() {
            Some(0) => 0,
            Some(2) => 2,
            Some(3) => 3,
            Some(4) => 4,
            _ => return None,
        };
        Some(Self { iso, scale })
    }

    /// The three-letter code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.iso.code()
    }

    /// The number of ISO 4217, of three digits: 458 for `MYR`.
    #[must_use]
    pub fn numeric(self) -> u16 {
        self.iso.numeric()
    }

    /// How many decimals an amount has: 2 for `EUR`, 0 for `JPY`.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }
}

/// By code, because the order of the crate's list may change with its version and sorted data must not.
impl Ord for Currency {
    fn cmp(&self, other: &Self) -> Ordering {
        self.code().cmp(other.code())
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

text_form! {
    Currency,
    expecting: "an ISO 4217 currency code such as \"EUR\"",
    format: "currency",
    pattern: "^[A-Z]{3}$",
}
