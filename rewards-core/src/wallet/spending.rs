//! Which buckets pay, and how much each.
//!
//! Buckets pay in the order of the program, each as much as it can. Of a unit, so many pay as are worth no more than what is
//! left to pay, and no more than that value needs. What so many units are worth is rounded down: the program gains.

use thiserror::Error;

use super::Bucket;
use crate::money::{MoneyError, Rounding};
use crate::program::{CompiledBucket, CompiledCeiling, CompiledRedemptions, CompiledUnit};

/// What one bucket pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tender {
    /// The bucket.
    pub bucket: Bucket,
    /// How much of it, in minor units of what is in it.
    pub amount: i64,
    /// What that is worth, in minor units of the program's currency.
    pub value: i64,
}

/// Why buckets do not pay.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpendError {
    /// More than the order, or the share of it that may be paid.
    #[error("more than may be paid")]
    AboveOrder {
        /// What was asked for.
        asked: i64,
        /// The most.
        most: i64,
    },
    /// Less is there than was asked for.
    #[error("too little is there")]
    Insufficient {
        /// What was asked for.
        asked: i64,
        /// What there is.
        available: i64,
    },
    /// Fewer units than pay at all.
    #[error("fewer units than pay at all")]
    BelowFloor {
        /// The unit.
        bucket: Bucket,
        /// The fewest.
        floor: i64,
    },
    /// No multiple of the step.
    #[error("no multiple of the step")]
    NotOfStep {
        /// The unit.
        bucket: Bucket,
        /// The step.
        step: i64,
    },
    /// More than the unit pays of one order.
    #[error("more than the unit pays of one order")]
    AboveCeiling {
        /// The unit.
        bucket: Bucket,
        /// The most: units, or what they are worth for a share.
        most: CompiledCeiling,
    },
    /// Nothing would be paid.
    #[error("nothing would be paid")]
    Nothing,
    /// An amount leaves its range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Chooses what pays `wanted` of an order, or as much as possible when nothing is wanted; `available` says what is there.
///
/// # Errors
/// [`SpendError::AboveOrder`], then [`SpendError::Insufficient`] when less than wanted can be paid, [`SpendError::Nothing`]
/// when nothing can.
pub fn choose(
    terms: &CompiledRedemptions,
    total: i64,
    wanted: Option<i64>,
    available: impl Fn(Bucket) -> i64,
) -> Result<Vec<Tender>, SpendError> {
    let most = terms.most_of(total)?;
    let asked = wanted.unwrap_or(most);
    if asked > most {
        return Err(SpendError::AboveOrder { asked, most });
    }
    let mut left = asked;
    let mut tenders = Vec::new();
    for terms in terms.buckets() {
        let bucket = Bucket::of(terms);
        let there = available(bucket).max(0);
        let (amount, value) = match terms {
            CompiledBucket::Main | CompiledBucket::Cashback => (there.min(left), there.min(left)),
            CompiledBucket::Unit(unit) => most_units(unit, there, left, total)?,
        };
        if value > 0 {
            left = left.saturating_sub(value);
            tenders.push(Tender {
                bucket,
                amount,
                value,
            });
        }
    }
    if wanted.is_some() && left > 0 {
        let available = asked.saturating_sub(left);
        return Err(SpendError::Insufficient { asked, available });
    }
    if tenders.is_empty() {
        return Err(SpendError::Nothing);
    }
    Ok(tenders)
}

/// Checks amounts that the caller chose, without looking at what is there, and puts them into paying order. Buckets that do not
/// pay are left out: the caller checks for them.
///
/// # Errors
/// For the first bucket in paying order that breaks its terms [`SpendError::BelowFloor`], [`SpendError::NotOfStep`],
/// [`SpendError::AboveCeiling`] or [`SpendError::Nothing`]; then [`SpendError::AboveOrder`].
pub fn check_tenders(
    terms: &CompiledRedemptions,
    total: i64,
    chosen: &[(Bucket, i64)],
) -> Result<Vec<Tender>, SpendError> {
    let most = terms.most_of(total)?;
    let mut tenders = Vec::new();
    let mut asked = 0_i64;
    for terms in terms.buckets() {
        let bucket = Bucket::of(terms);
        let Some((_, amount)) = chosen.iter().find(|(own, _)| *own == bucket) else {
            continue;
        };
        let (amount, value) = (*amount, bucket_value(terms, *amount)?);
        if let CompiledBucket::Unit(unit) = terms {
            check_unit(unit, bucket, amount, value, total)?;
        }
        if value <= 0 {
            return Err(SpendError::Nothing);
        }
        asked = asked.checked_add(value).ok_or(MoneyError::Overflow)?;
        tenders.push(Tender {
            bucket,
            amount,
            value,
        });
    }
    if asked > most {
        return Err(SpendError::AboveOrder { asked, most });
    }
    Ok(tenders)
}

/// What an amount of a bucket is worth in money, in minor units.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn bucket_value(terms: &CompiledBucket, amount: i64) -> Result<i64, MoneyError> {
    match terms {
        CompiledBucket::Main | CompiledBucket::Cashback => Ok(amount),
        CompiledBucket::Unit(unit) => value(unit, amount),
    }
}

fn value(unit: &CompiledUnit, units: i64) -> Result<i64, MoneyError> {
    Rounding::Down.divide(product(units, unit.money), i128::from(unit.units))
}

fn product(one: i64, other: i64) -> i128 {
    // Two 64-bit factors always fit in 128 bits, so nothing saturates.
    i128::from(one).saturating_mul(i128::from(other))
}

fn check_unit(
    unit: &CompiledUnit,
    bucket: Bucket,
    units: i64,
    value: i64,
    total: i64,
) -> Result<(), SpendError> {
    if units < unit.floor {
        let floor = unit.floor;
        return Err(SpendError::BelowFloor { bucket, floor });
    }
    if units.checked_rem(unit.step) != Some(0) {
        let step = unit.step;
        return Err(SpendError::NotOfStep { bucket, step });
    }
    let is_above = match unit.ceiling {
        CompiledCeiling::None => false,
        CompiledCeiling::Units(most) => units > most,
        CompiledCeiling::Share(share) => value > Rounding::Down.multiply(total, share)?,
    };
    if is_above {
        let most = unit.ceiling;
        return Err(SpendError::AboveCeiling { bucket, most });
    }
    Ok(())
}

/// The most units that pay, and what they are worth; nothing when the terms allow none.
fn most_units(
    unit: &CompiledUnit,
    there: i64,
    left: i64,
    total: i64,
) -> Result<(i64, i64), MoneyError> {
    let (most, worth) = match unit.ceiling {
        CompiledCeiling::None => (i64::MAX, left),
        CompiledCeiling::Units(most) => (most, left),
        CompiledCeiling::Share(share) => {
            (i64::MAX, left.min(Rounding::Down.multiply(total, share)?))
        }
    };
    // The most units that are worth no more: n × money < (worth + 1) × units.
    let next = i128::from(worth).saturating_add(1);
    let below = next.saturating_mul(i128::from(unit.units));
    let below = below.saturating_sub(1);
    let by_worth = below.checked_div(i128::from(unit.money));
    let by_worth = i64::try_from(by_worth.unwrap_or_default()).unwrap_or(i64::MAX);
    let units = whole_steps(unit, there.min(most).min(by_worth));
    let worth = value(unit, units)?;
    if worth == 0 {
        return Ok((0, 0));
    }
    // The member keeps what this value does not need.
    let needed = Rounding::Up.divide(product(worth, unit.units), i128::from(unit.money))?;
    let needed = next_step(unit, needed.max(unit.floor));
    let units = if needed > units { 0 } else { needed };
    Ok((units, value(unit, units)?))
}

/// As many units as are in whole steps.
fn whole_steps(unit: &CompiledUnit, units: i64) -> i64 {
    units.saturating_sub(units.checked_rem(unit.step).unwrap_or_default())
}

/// The least number of units in whole steps that is no less.
fn next_step(unit: &CompiledUnit, units: i64) -> i64 {
    let whole = whole_steps(unit, units);
    if whole == units {
        whole
    } else {
        whole.saturating_add(unit.step)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::{Asset, Rate};

    fn unit(
        units: i64,
        money: i64,
        floor: i64,
        ceiling: CompiledCeiling,
        step: i64,
    ) -> CompiledUnit {
        CompiledUnit {
            asset: Asset::parse("points").unwrap(),
            units,
            money,
            floor,
            ceiling,
            step,
        }
    }

    #[test]
    fn units_pay_as_far_as_their_terms_allow() {
        use CompiledCeiling::{None, Share, Units};
        let half = Share(Rate::parse("50%").unwrap().ratio());
        // Units, what they are worth, floor, ceiling, step; units there, left to pay; units that pay and their worth.
        for (terms, there, left, expected) in [
            ((100, 100, 1, None, 1), 250, 1_000, (250, 250)),
            ((100, 100, 1, None, 1), 250, 120, (120, 120)),
            ((3, 1, 1, None, 1), 100, 1_000, (99, 33)),
            ((3, 1, 1, None, 2), 100, 1_000, (100, 33)),
            ((3, 1, 1, None, 1), 2, 1_000, (0, 0)),
            ((1, 250, 1, None, 1), 10, 1_000, (4, 1_000)),
            ((1, 250, 1, None, 1), 10, 1_249, (4, 1_000)),
            ((100, 100, 200, None, 1), 199, 1_000, (0, 0)),
            ((100, 100, 200, None, 1), 200, 1_000, (200, 200)),
            ((100, 100, 200, None, 150), 299, 1_000, (0, 0)),
            ((100, 100, 200, None, 150), 320, 1_000, (300, 300)),
            ((100, 100, 1, Units(80), 50), 320, 1_000, (50, 50)),
            ((100, 100, 1, half, 1), 320, 200, (100, 100)),
            ((100, 100, 201, half, 1), 320, 200, (0, 0)),
        ] {
            let (units, money, floor, ceiling, step) = terms;
            let unit = unit(units, money, floor, ceiling, step);
            let found = most_units(&unit, there, left, 200).unwrap();
            assert_eq!(found, expected, "{unit:?} {there} {left}");
        }
    }

    #[test]
    fn extremes_are_refused_or_cut_and_never_wrong() {
        let unit = unit(1, i64::MAX, 1, CompiledCeiling::None, 1);
        assert_eq!(most_units(&unit, i64::MAX, i64::MAX, 1).unwrap().0, 1);
        assert!(value(&unit, 2).is_err());
        let tiny = CompiledUnit {
            units: i64::MAX,
            money: 1,
            ..unit
        };
        assert_eq!(most_units(&tiny, i64::MAX, i64::MAX, 1), Ok((i64::MAX, 1)));
    }

    proptest! {
        /// What pays is the most valuable number that the terms allow, and of those the least.
        #[test]
        fn no_other_number_of_units_is_better(
            (units, money) in (1_i64..40, 1_i64..40),
            floor in 1_i64..30,
            step in 1_i64..9,
            ceiling in prop_oneof![Just(CompiledCeiling::None), (1_i64..90).prop_map(CompiledCeiling::Units)],
            there in 0_i64..120,
            left in 0_i64..150,
        ) {
            let unit = unit(units, money, floor, ceiling, step);
            let most = match ceiling {
                CompiledCeiling::Units(most) => most.min(there),
                _ => there,
            };
            let mut best = (0, 0);
            for n in floor..=most {
                let worth = value(&unit, n).unwrap();
                if n % step == 0 && worth <= left && worth > best.1 {
                    best = (n, worth);
                }
            }
            prop_assert_eq!(most_units(&unit, there, left, 0).unwrap(), best);
        }
    }
}
