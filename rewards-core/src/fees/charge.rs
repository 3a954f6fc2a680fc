//! What a fee comes to.

use thiserror::Error;

use super::{Fee, FeePayer};
use crate::money::{MoneyError, Ratio, Rounding};

/// Why a fee cannot be charged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FeeError {
    /// The receiver pays, and the fee would take all that arrives.
    #[error("the fee of {fee} leaves nothing of {amount} (minor units)")]
    NothingLeft {
        /// The fee, in minor units.
        fee: i64,
        /// What it is taken of, in minor units.
        amount: i64,
    },
    /// A sum left the range of 64-bit minor units.
    #[error("an amount exceeds the range of 64-bit minor units")]
    Overflow,
}

impl From<MoneyError> for FeeError {
    fn from(_: MoneyError) -> Self {
        Self::Overflow
    }
}

/// A fee in minor units of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledFee {
    fixed: i64,
    percent: Option<Ratio>,
    minimum: i64,
    maximum: i64,
    rounding: Rounding,
    paid_by: FeePayer,
}

/// What becomes of an amount under a fee, in minor units. What is given is what arrives and the fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// What the sender gives.
    pub given: i64,
    /// The fee.
    pub fee: i64,
    /// What arrives.
    pub arrived: i64,
}

impl Charge {
    /// Of an amount that costs nothing to move.
    #[must_use]
    pub fn free(amount: i64) -> Self {
        Self {
            given: amount,
            fee: 0,
            arrived: amount,
        }
    }
}

impl CompiledFee {
    /// A fee on an asset with so many decimals.
    ///
    /// # Errors
    /// [`MoneyError`] when an amount does not fit the asset.
    pub fn compile(fee: &Fee, scale: u8) -> Result<Self, MoneyError> {
        let minor = |amount: Option<crate::money::DecimalText>, absent: i64| {
            amount.map_or(Ok(absent), |amount| amount.to_minor(scale))
        };
        Ok(Self {
            fixed: minor(fee.fixed, 0)?,
            percent: fee.percent.map(|rate| rate.ratio()),
            minimum: minor(fee.minimum, 0)?,
            maximum: minor(fee.maximum, i64::MAX)?,
            rounding: fee.rounding,
            paid_by: fee.paid_by,
        })
    }

    /// Who pays it.
    #[must_use]
    pub fn paid_by(&self) -> FeePayer {
        self.paid_by
    }

    /// What becomes of a positive amount under this fee.
    ///
    /// # Errors
    /// [`FeeError::NothingLeft`] when the receiver pays and would get nothing, [`FeeError::Overflow`].
    pub fn charge(&self, amount: i64) -> Result<Charge, FeeError> {
        let fee = self.of(amount)?;
        match self.paid_by {
            FeePayer::Sender => Ok(Charge {
                given: amount.checked_add(fee).ok_or(FeeError::Overflow)?,
                fee,
                arrived: amount,
            }),
            FeePayer::Receiver => {
                let arrived = amount.checked_sub(fee).filter(|arrived| *arrived > 0);
                Ok(Charge {
                    given: amount,
                    fee,
                    arrived: arrived.ok_or(FeeError::NothingLeft { fee, amount })?,
                })
            }
        }
    }

    /// The fee on an amount.
    fn of(&self, amount: i64) -> Result<i64, FeeError> {
        let share = match self.percent {
            None => 0,
            // Whoever pays is a member, and modes are named from the member's view: it is a loss.
            Some(ratio) => {
                let loss = self.rounding.multiply(amount.saturating_neg(), ratio)?;
                loss.saturating_neg()
            }
        };
        let fee = self.fixed.checked_add(share).ok_or(FeeError::Overflow)?;
        Ok(fee.max(self.minimum).min(self.maximum))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fee(text: &str) -> CompiledFee {
        CompiledFee::compile(&toml::from_str(text).unwrap(), 2).unwrap()
    }

    #[test]
    fn what_a_fee_comes_to() {
        // The fee, the amount, then given, fee and arrived.
        let table = [
            ("fixed = '0.50'", 10_000, (10_050, 50, 10_000)),
            ("percent = '2%'", 10_000, (10_200, 200, 10_000)),
            (
                "fixed = '0.50'\npercent = '2%'",
                10_000,
                (10_250, 250, 10_000),
            ),
            (
                "percent = '2%'\nminimum = '1.00'",
                1_000,
                (1_100, 100, 1_000),
            ),
            (
                "percent = '2%'\nmaximum = '1.00'",
                10_000,
                (10_100, 100, 10_000),
            ),
            ("fixed = '0.30'\nmaximum = '0'", 10_000, (10_000, 0, 10_000)),
            (
                "percent = '2%'\npaid_by = 'receiver'",
                10_000,
                (10_000, 200, 9_800),
            ),
            ("fixed = '1.00'\npaid_by = 'receiver'", 101, (101, 100, 1)),
            // 2.5% of 1.00 is 2.5 cents.
            ("percent = '2.5%'", 100, (102, 2, 100)),
            ("percent = '2.5%'\nrounding = 'half_up'", 100, (103, 3, 100)),
            ("percent = '2.5%'\nrounding = 'down'", 100, (102, 2, 100)),
            ("percent = '2.5%'\nrounding = 'up'", 100, (103, 3, 100)),
            (
                "percent = '2.5%'\nrounding = 'toward_member'",
                100,
                (102, 2, 100),
            ),
            (
                "percent = '2.5%'\nrounding = 'toward_program'",
                100,
                (103, 3, 100),
            ),
        ];
        for (text, amount, (given, fee_of, arrived)) in table {
            let expected = Charge {
                given,
                fee: fee_of,
                arrived,
            };
            assert_eq!(fee(text).charge(amount), Ok(expected), "{text} of {amount}");
        }
    }

    #[test]
    fn what_cannot_be_charged() {
        let table = [
            (
                "fixed = '1.00'\npaid_by = 'receiver'",
                100,
                FeeError::NothingLeft {
                    fee: 100,
                    amount: 100,
                },
            ),
            ("fixed = '1.00'", i64::MAX, FeeError::Overflow),
            ("percent = '1000%'", i64::MAX, FeeError::Overflow),
        ];
        for (text, amount, error) in table {
            assert_eq!(fee(text).charge(amount), Err(error), "{text} of {amount}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_the_bounds_hold(
            fixed in 0..10_000_i64,
            percent in 0..2_000_u32,
            minimum in 0..500_i64,
            room in 0..10_000_i64,
            amount in 1..1_000_000_000_i64,
            mode in 0..Rounding::ALL.len(),
            from_receiver: bool,
        ) {
            let maximum = minimum + room;
            let rate = crate::money::Rate::parse(&format!("{}.{:02}%", percent / 100, percent % 100)).unwrap();
            let fee = CompiledFee {
                fixed,
                percent: Some(rate.ratio()),
                minimum,
                maximum,
                rounding: Rounding::ALL[mode],
                paid_by: if from_receiver { FeePayer::Receiver } else { FeePayer::Sender },
            };
            match fee.charge(amount) {
                Ok(charge) => {
                    prop_assert_eq!(charge.given, charge.arrived + charge.fee);
                    prop_assert!((minimum..=maximum).contains(&charge.fee));
                    prop_assert!(charge.arrived > 0);
                    let own = if from_receiver { charge.given } else { charge.arrived };
                    prop_assert_eq!(own, amount);
                }
                Err(error) => {
                    let is_all = matches!(error, FeeError::NothingLeft { fee, .. } if fee >= amount);
                    prop_assert!(is_all && from_receiver);
                }
            }
        }
    }
}
