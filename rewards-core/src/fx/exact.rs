//! Exact ratios of 128 bits: a whole chain of rates is one of them, and an amount is rounded once, at its end.

use super::{FxError, RateProblem};

/// The largest numerator and denominator. What is left below it is room to carry in a division of more than 128 bits.
const PART_MAX: u128 = 1 << 126;

/// An exact positive ratio in lowest terms.
///
/// ```
/// use rewards_core::fx::ExactRatio;
///
/// let there = ExactRatio::new(10_956, 10_000)?;
/// assert_eq!(there.floor(1_000)?, 1_095);
/// assert_eq!(there.inverse().floor(1_095)?, 999);
/// assert_eq!(there.times(there.inverse())?, ExactRatio::ONE);
/// # Ok::<(), rewards_core::fx::FxError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExactRatio {
    // INVARIANT (lowest terms): both are positive, at most `PART_MAX`, and their greatest common divisor is one.
    num: u128,
    den: u128,
}

impl ExactRatio {
    /// The ratio that changes nothing.
    pub const ONE: Self = Self { num: 1, den: 1 };

    /// The ratio `num / den`, reduced to lowest terms.
    ///
    /// # Errors
    /// [`FxError::Rate`] when a part is zero; [`FxError::Overflow`] when one stays too large.
    pub fn new(num: u128, den: u128) -> Result<Self, FxError> {
        if num == 0 || den == 0 {
            return Err(FxError::Rate(RateProblem::NotPositive));
        }
        let divisor = common_divisor(num, den);
        let parts = (num.checked_div(divisor), den.checked_div(divisor));
        match parts {
            (Some(num), Some(den)) if num <= PART_MAX && den <= PART_MAX => Ok(Self { num, den }),
            _ => Err(FxError::Overflow),
        }
    }

    /// The numerator in lowest terms.
    #[must_use]
    pub const fn num(self) -> u128 {
        self.num
    }

    /// The denominator in lowest terms.
    #[must_use]
    pub const fn den(self) -> u128 {
        self.den
    }

    /// The ratio of the other direction.
    #[must_use]
    pub const fn inverse(self) -> Self {
        Self {
            num: self.den,
            den: self.num,
        }
    }

    /// The exact product.
    ///
    /// # Errors
    /// [`FxError::Overflow`] when a part of it is too large.
    pub fn times(self, other: Self) -> Result<Self, FxError> {
        // Reduced crosswise before they are multiplied: the product is in lowest terms, and stays as small as it can.
        let left = Self::new(self.num, other.den)?;
        let right = Self::new(other.num, self.den)?;
        let num = left.num.checked_mul(right.num);
        let den = left.den.checked_mul(right.den);
        match (num, den) {
            (Some(num), Some(den)) => Self::new(num, den),
            _ => Err(FxError::Overflow),
        }
    }

    /// `amount × self` without what is below one: whoever gets it never gets more than the exact value.
    ///
    /// # Errors
    /// [`FxError::Overflow`] when the amount is negative or the result does not fit in 64 bits.
    #[inline]
    pub fn floor(self, amount: i64) -> Result<i64, FxError> {
        let amount = u64::try_from(amount).map_err(|_| FxError::Overflow)?;
        let quotient = match u128::from(amount).checked_mul(self.num) {
            Some(product) => divide(product, self.den),
            None => divide_wide(amount, self.num, self.den),
        };
        quotient
            .and_then(|quotient| i64::try_from(quotient).ok())
            .ok_or(FxError::Overflow)
    }

    /// The smallest amount that is worth at least `amount × self`.
    ///
    /// # Errors
    /// As [`floor`](Self::floor).
    pub fn ceiling(self, amount: i64) -> Result<i64, FxError> {
        let least = self.floor(amount)?;
        let unsigned = |minor: i64| u64::try_from(minor).map_err(|_| FxError::Overflow);
        // `least × den` against `amount × num`, as far as the difference of less than `den` goes: modulo 2^128 is enough.
        let exact = u128::from(unsigned(amount)?).wrapping_mul(self.num);
        let reached = u128::from(unsigned(least)?).wrapping_mul(self.den);
        if exact == reached {
            return Ok(least);
        }
        least.checked_add(1).ok_or(FxError::Overflow)
    }
}

/// Dividing 64-bit numbers is several times faster than 128-bit ones, and nearly all amounts are small.
#[inline]
fn divide(num: u128, den: u128) -> Option<u128> {
    match (u64::try_from(num), u64::try_from(den)) {
        (Ok(num), Ok(den)) => num.checked_div(den).map(u128::from),
        _ => num.checked_div(den),
    }
}

/// `amount × num / den` where the product has more than 128 bits.
#[cold]
fn divide_wide(amount: u64, num: u128, den: u128) -> Option<u128> {
    let whole = num.checked_div(den)?.checked_mul(u128::from(amount))?;
    let part = num.checked_rem(den)?;
    let (mut quotient, mut rest) = (0_u128, 0_u128);
    for bit in (0..u64::BITS).rev() {
        quotient = quotient.checked_mul(2)?;
        // Both are below `den`, so that the sum is below three times `PART_MAX`.
        rest = rest.checked_mul(2)?;
        if amount >> bit & 1 == 1 {
            rest = rest.checked_add(part)?;
        }
        while let Some(less) = rest.checked_sub(den) {
            rest = less;
            quotient = quotient.checked_add(1)?;
        }
    }
    whole.checked_add(quotient)
}

/// Euclid's algorithm, for two numbers of which none is zero.
fn common_divisor(one: u128, other: u128) -> u128 {
    let (mut larger, mut smaller) = (one, other);
    while let Some(rest) = larger.checked_rem(smaller) {
        (larger, smaller) = (smaller, rest);
    }
    larger
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_fit_is_told() {
        assert_eq!(
            ExactRatio::new(0, 1),
            Err(FxError::Rate(RateProblem::NotPositive))
        );
        assert_eq!(
            ExactRatio::new(1, 0),
            Err(FxError::Rate(RateProblem::NotPositive))
        );
        assert_eq!(ExactRatio::new(u128::MAX, 2), Err(FxError::Overflow));
        assert_eq!(
            ExactRatio::new(u128::MAX, u128::MAX),
            Ok(ExactRatio::ONE),
            "reduced first"
        );
        let large = ExactRatio::new(PART_MAX, 1).unwrap();
        assert_eq!(large.times(large), Err(FxError::Overflow));
        assert_eq!(large.times(large.inverse()), Ok(ExactRatio::ONE));
        assert_eq!(large.floor(i64::MAX), Err(FxError::Overflow));
        assert_eq!(large.floor(0), Ok(0));
        assert_eq!(large.inverse().floor(i64::MAX), Ok(0));
        assert_eq!(large.inverse().ceiling(i64::MAX), Ok(1));
        assert_eq!(ExactRatio::ONE.floor(-1), Err(FxError::Overflow));
        assert_eq!(ExactRatio::ONE.floor(i64::MAX), Ok(i64::MAX));
    }

    proptest! {
        #[test]
        fn the_wide_division_is_the_narrow_one(amount: u64, num in 1..=u128::from(u64::MAX), den in 1..=PART_MAX) {
            let product = u128::from(amount) * num;
            prop_assert_eq!(divide_wide(amount, num, den), Some(product / den));
        }

        #[test]
        fn a_floor_is_the_largest_that_is_not_more(amount in 0..i64::MAX, num in 1..=u64::MAX, den in 1..=u64::MAX) {
            let ratio = ExactRatio::new(num.into(), den.into()).unwrap();
            let exact = u128::from(amount.unsigned_abs()) * u128::from(num);
            let expected = i64::try_from(exact / u128::from(den)).ok();
            prop_assert_eq!(ratio.floor(amount).ok(), expected);
            let above = i64::try_from(exact.div_ceil(u128::from(den))).ok();
            prop_assert_eq!(ratio.ceiling(amount).ok(), above);
        }

        #[test]
        fn there_and_back_is_never_more(amount in 0..i64::MAX, num in 1..=PART_MAX, den in 1..=PART_MAX) {
            let ratio = ExactRatio::new(num, den).unwrap();
            if let Ok(there) = ratio.floor(amount) {
                let back = ratio.inverse().floor(there).unwrap();
                prop_assert!(back <= amount);
            }
        }
    }
}
