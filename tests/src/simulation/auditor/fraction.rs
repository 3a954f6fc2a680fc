//! Exact fractions.

use crate::simulation::Failed;

/// A fraction; the denominator is positive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fraction(i128, i128);

impl Fraction {
    pub const ONE: Self = Self(1, 1);

    /// A whole number.
    pub fn whole(number: i128) -> Self {
        Self(number, 1)
    }

    /// Reads `12.5`, and `12.5%` as a hundredth of it.
    pub fn parse(text: &str) -> Result<Self, Failed> {
        let (number, mut den) = match text.strip_suffix('%') {
            Some(number) => (number, 100),
            None => (text, 1),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        for _ in part.chars() {
            den *= 10;
        }
        Ok(Self(format!("{whole}{part}").parse()?, den))
    }

    pub fn times(self, other: Self) -> Self {
        Self(self.0 * other.0, self.1 * other.1)
    }

    /// Divided by another one, which is positive.
    pub fn over(self, other: Self) -> Self {
        Self(self.0 * other.1, self.1 * other.0)
    }

    pub fn plus(self, other: Self) -> Self {
        Self(self.0 * other.1 + other.0 * self.1, self.1 * other.1)
    }

    /// To the nearest whole number, a half to the even neighbour.
    pub fn half_even(self) -> i128 {
        let (whole, rest) = (self.0.div_euclid(self.1), self.0.rem_euclid(self.1));
        match (2 * rest).cmp(&self.1) {
            std::cmp::Ordering::Less => whole,
            std::cmp::Ordering::Greater => whole + 1,
            std::cmp::Ordering::Equal => whole + whole.rem_euclid(2),
        }
    }

    pub fn up(self) -> i128 {
        -(-self.0).div_euclid(self.1)
    }

    pub fn down(self) -> i128 {
        self.0.div_euclid(self.1)
    }
}
