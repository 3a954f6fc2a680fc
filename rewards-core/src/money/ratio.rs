//! Exact fractions.

use std::cmp::Ordering;
use std::num::NonZero;

use rust_decimal::Decimal;

use super::MoneyError;

/// An exact fraction in lowest terms with a positive denominator.
///
/// Two ratios are equal exactly when their values are. A ratio says how an amount is multiplied; what happens to
/// the part below one minor unit is decided by [`Rounding`](super::Rounding).
///
/// ```
/// use rewards_core::money::Ratio;
///
/// let ratio = Ratio::new(10, 200)?;
/// assert_eq!((ratio.num(), ratio.den()), (1, 20));
/// assert!(Ratio::new(1, 0).is_err());
/// # Ok::<(), rewards_core::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    // INVARIANT (lowest terms): the greatest common divisor of `num` and `den` is one, and `den` is positive.
    num: i64,
    den: NonZero<i64>,
}

impl Ratio {
    /// Nothing.
    pub const ZERO: Self = Self {
        num: 0,
        den: NonZero::<i64>::MIN.saturating_pow(0),
    };

    /// The whole.
    pub const ONE: Self = Self {
        num: 1,
        den: NonZero::<i64>::MIN.saturating_pow(0),
    };

    /// The fraction `num / den`, reduced to lowest terms.
    ///
    /// # Errors
    /// [`MoneyError::ZeroDenominator`] unless `den` is positive.
    pub fn new(num: i64, den: i64) -> Result<Self, MoneyError> {
        if den <= 0 {
            return Err(MoneyError::ZeroDenominator);
        }
        // A divisor of `den` is at most `den`, so it fits; a divisor that divides both leaves no remainder.
        let divisor = i64::try_from(greatest_common_divisor(
            num.unsigned_abs(),
            den.unsigned_abs(),
        ))
        .map_err(|_| MoneyError::Overflow)?;
        let num = num.checked_div(divisor).ok_or(MoneyError::Overflow)?;
        let den = den.checked_div(divisor).and_then(NonZero::new);
        Ok(Self {
            num,
            den: den.ok_or(MoneyError::ZeroDenominator)?,
        })
    }

    /// The numerator in lowest terms; it carries the sign.
    #[must_use]
    #[inline]
    pub const fn num(self) -> i64 {
        self.num
    }

    /// The denominator in lowest terms, always positive.
    #[must_use]
    #[inline]
    pub const fn den(self) -> i64 {
        self.den.get()
    }

    /// Whether the value is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.num == 0
    }

    /// The exact value of a decimal.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when digits or decimals do not fit in 64 bits.
    pub fn from_decimal(value: Decimal) -> Result<Self, MoneyError> {
        Self::shifted(value, 0)
    }

    /// The exact value of a percentage.
    ///
    /// # Errors
    /// As [`Self::from_decimal`].
    pub(super) fn from_percent(percent: Decimal) -> Result<Self, MoneyError> {
        Self::shifted(percent, 2)
    }

    /// The exact value of a decimal whose point is so many places further to the left.
    fn shifted(value: Decimal, places: u32) -> Result<Self, MoneyError> {
        let value = value.normalize();
        let num = i64::try_from(value.mantissa()).map_err(|_| MoneyError::Overflow)?;
        let den = value.scale().checked_add(places);
        let den = den.and_then(|places| 10_i64.checked_pow(places));
        Self::new(num, den.ok_or(MoneyError::Overflow)?)
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        // Two 64-bit factors always fit in 128 bits, so nothing saturates.
        let left = i128::from(self.num).saturating_mul(i128::from(other.den()));
        let right = i128::from(other.num).saturating_mul(i128::from(self.den()));
        left.cmp(&right)
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Euclid's algorithm; `den` must not be zero, or the result may be.
fn greatest_common_divisor(num: u64, den: u64) -> u64 {
    let (mut larger, mut smaller) = (den, num);
    while let Some(rest) = larger.checked_rem(smaller) {
        (larger, smaller) = (smaller, rest);
    }
    larger
}
