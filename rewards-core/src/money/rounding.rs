//! The only place that divides money.
//!
//! Every division names a [`Rounding`]. Amounts are signed from the member's view: positive means the member gains
//! (cashback), negative means the member gives back (clawback). A mode is described by its direction and by whom
//! it favours, because the same direction favours different sides of a gain and of a loss.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::{MoneyError, Ratio};

/// Where the part below one minor unit goes.
///
/// ```
/// use rewards_core::money::Rounding;
///
/// assert_eq!(Rounding::HalfEven.divide(5, 2)?, 2);
/// assert_eq!(Rounding::HalfUp.divide(5, 2)?, 3);
/// assert_eq!(Rounding::TowardProgram.divide(-5, 2)?, -3);
/// assert_eq!(Rounding::TowardMember.divide(-5, 2)?, -2);
/// # Ok::<(), rewards_core::money::MoneyError>(())
/// ```
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// To the nearest; a half to the even neighbour. Favours nobody over many amounts.
    #[default]
    HalfEven,
    /// To the nearest; a half away from zero. Halves favour the member on gains and the program on losses.
    HalfUp,
    /// Toward zero: cut off. Favours the program on gains and the member on losses.
    Down,
    /// Away from zero. Favours the member on gains and the program on losses.
    Up,
    /// Toward negative infinity (floor). Favours the program on gains and losses.
    TowardProgram,
    /// Toward positive infinity (ceiling). Favours the member on gains and losses.
    TowardMember,
}

impl Rounding {
    /// Every mode, in the order of declaration.
    pub const ALL: [Self; 6] = [
        Self::HalfEven,
        Self::HalfUp,
        Self::Down,
        Self::Up,
        Self::TowardProgram,
        Self::TowardMember,
    ];

    /// `num / den` rounded to a whole number of minor units.
    ///
    /// # Errors
    /// [`MoneyError::ZeroDenominator`] unless `den` is positive, [`MoneyError::Overflow`] when the result does not
    /// fit in 64 bits.
    #[inline]
    pub fn divide(self, num: i128, den: i128) -> Result<i64, MoneyError> {
        // Dividing 64-bit numbers is several times faster than 128-bit ones, and nearly all amounts are small.
        match (i64::try_from(num), i64::try_from(den)) {
            (Ok(num), Ok(den)) => self.divide_narrow(num, den),
            _ => self.divide_wide(num, den),
        }
    }

    /// `minor × ratio`, exact until its one rounding.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when the result does not fit in 64 bits.
    #[inline]
    pub fn multiply(self, minor: i64, ratio: Ratio) -> Result<i64, MoneyError> {
        match minor.checked_mul(ratio.num()) {
            Some(num) => self.divide_narrow(num, ratio.den()),
            // Two 64-bit factors always fit in 128 bits, so nothing saturates.
            None => self.divide_wide(
                i128::from(minor).saturating_mul(i128::from(ratio.num())),
                i128::from(ratio.den()),
            ),
        }
    }

    /// `minor × a × b`, exact until its one rounding: a rate times a factor must not be rounded in between.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when the result does not fit in 64 bits, or the product of the three numerators
    /// does not fit in 128 bits. For any [`Rate`](super::Rate) with any [`Factor`](super::Factor) the second
    /// implies the first.
    #[inline]
    pub fn multiply2(self, minor: i64, a: Ratio, b: Ratio) -> Result<i64, MoneyError> {
        let num = minor
            .checked_mul(a.num())
            .and_then(|num| num.checked_mul(b.num()));
        match (num, a.den().checked_mul(b.den())) {
            (Some(num), Some(den)) => self.divide_narrow(num, den),
            _ => self.multiply2_wide(minor, a, b),
        }
    }

    /// The same as [`Self::multiply2`] for numbers of any size.
    #[cold]
    fn multiply2_wide(self, minor: i64, a: Ratio, b: Ratio) -> Result<i64, MoneyError> {
        // Two 64-bit factors always fit in 128 bits, so only the third can overflow.
        let num = i128::from(a.num())
            .saturating_mul(i128::from(b.num()))
            .checked_mul(i128::from(minor))
            .ok_or(MoneyError::Overflow)?;
        let den = i128::from(a.den()).saturating_mul(i128::from(b.den()));
        self.divide(num, den)
    }

    #[inline]
    fn divide_narrow(self, num: i64, den: i64) -> Result<i64, MoneyError> {
        if den <= 0 {
            return Err(MoneyError::ZeroDenominator);
        }
        let (Some(quotient), Some(rest)) = (num.checked_div(den), num.checked_rem(den)) else {
            return Err(MoneyError::Overflow);
        };
        if rest == 0 {
            return Ok(quotient);
        }
        // The rest is smaller than `den`, so its distance to `den` cannot wrap.
        let below = rest.unsigned_abs();
        let half = below.cmp(&den.unsigned_abs().wrapping_sub(below));
        if self.leaves_zero(num < 0, half, quotient & 1 == 1) {
            quotient
                .checked_add(num.signum())
                .ok_or(MoneyError::Overflow)
        } else {
            Ok(quotient)
        }
    }

    /// The same as [`Self::divide_narrow`] for numbers of any size.
    #[cold]
    fn divide_wide(self, num: i128, den: i128) -> Result<i64, MoneyError> {
        if den <= 0 {
            return Err(MoneyError::ZeroDenominator);
        }
        let (Some(quotient), Some(rest)) = (num.checked_div(den), num.checked_rem(den)) else {
            return Err(MoneyError::Overflow);
        };
        let below = rest.unsigned_abs();
        let half = below.cmp(&den.unsigned_abs().wrapping_sub(below));
        let rounded = if rest != 0 && self.leaves_zero(num < 0, half, quotient & 1 == 1) {
            quotient.checked_add(num.signum())
        } else {
            Some(quotient)
        };
        rounded
            .and_then(|rounded| i64::try_from(rounded).ok())
            .ok_or(MoneyError::Overflow)
    }

    /// Whether a quotient with a rest moves one unit away from zero, given the sign of the exact value, how the
    /// rest compares with one half, and whether the truncated quotient is odd.
    #[inline]
    fn leaves_zero(self, negative: bool, half: Ordering, odd: bool) -> bool {
        match self {
            Self::HalfEven => half.is_gt() || (half.is_eq() && odd),
            Self::HalfUp => half.is_ge(),
            Self::Down => false,
            Self::Up => true,
            Self::TowardProgram => negative,
            Self::TowardMember => !negative,
        }
    }
}
