//! How orders are paid, in minor units.

use super::{Ceiling, Program, Redemptions, ReturnedLate, SpendBucket, UnitTerms};
use crate::money::{Asset, MoneyError, Ratio, Rounding};

/// How members pay orders with what they have, ready to use.
#[derive(Debug, Clone)]
pub struct CompiledRedemptions {
    buckets: Vec<CompiledBucket>,
    max_share: Option<Ratio>,
    expires_after_minutes: u32,
    returned_late: ReturnedLate,
}

/// A bucket that pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompiledBucket {
    /// The member's own money.
    Main,
    /// Cashback in the program's currency.
    Cashback,
    /// A unit of the program.
    Unit(CompiledUnit),
}

/// What a unit is worth and how much of it may pay, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompiledUnit {
    /// The unit.
    pub asset: Asset,
    /// So many units …
    pub units: i64,
    /// … are worth so much money.
    pub money: i64,
    /// The fewest that pay.
    pub floor: i64,
    /// The most that pay.
    pub ceiling: CompiledCeiling,
    /// Only multiples of so many pay.
    pub step: i64,
}

/// The most that a unit pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompiledCeiling {
    /// As much as there is.
    None,
    /// So many units.
    Units(i64),
    /// A share of the order.
    Share(Ratio),
}

impl CompiledRedemptions {
    /// Takes a checked section in minor units.
    ///
    /// # Errors
    /// [`MoneyError`] for an amount beyond the range of minor units.
    pub(super) fn compile(section: &Redemptions, program: &Program) -> Result<Self, MoneyError> {
        let money = Asset::from(program.currency).scale();
        let buckets = section.order.iter().map(|bucket| match bucket {
            SpendBucket::Main => Ok(CompiledBucket::Main),
            SpendBucket::Cashback => Ok(CompiledBucket::Cashback),
            SpendBucket::Unit(terms) => unit(terms, money).map(CompiledBucket::Unit),
        });
        Ok(Self {
            buckets: buckets.collect::<Result<_, _>>()?,
            max_share: section.max_share.map(|rate| rate.ratio()),
            expires_after_minutes: section.expires_after_minutes,
            returned_late: section.returned_late,
        })
    }

    /// The buckets, in paying order.
    #[must_use]
    pub fn buckets(&self) -> &[CompiledBucket] {
        &self.buckets
    }

    /// The most that may be paid of an order, in minor units: rounded down, so the program gains.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] cannot be, as no share is above the whole.
    pub fn most_of(&self, total: i64) -> Result<i64, MoneyError> {
        match self.max_share {
            None => Ok(total),
            Some(share) => Rounding::Down.multiply(total, share),
        }
    }

    /// For how long an authorization reserves value, in minutes.
    #[must_use]
    pub fn expires_after_minutes(&self) -> u32 {
        self.expires_after_minutes
    }

    /// What happens to value that comes back after its lot has expired.
    #[must_use]
    pub fn returned_late(&self) -> ReturnedLate {
        self.returned_late
    }
}

fn unit(terms: &UnitTerms, money: u8) -> Result<CompiledUnit, MoneyError> {
    let scale = terms.asset.scale();
    let floor = terms.floor.map(|floor| floor.to_minor(scale));
    let step = terms.step.map(|step| step.to_minor(scale));
    Ok(CompiledUnit {
        asset: terms.asset,
        units: terms.value.units.to_minor(scale)?,
        money: terms.value.money.to_minor(money)?,
        floor: floor.transpose()?.unwrap_or(1),
        ceiling: match &terms.ceiling {
            None => CompiledCeiling::None,
            Some(Ceiling::Units(units)) => CompiledCeiling::Units(units.to_minor(scale)?),
            Some(Ceiling::Share(share)) => CompiledCeiling::Share(share.ratio()),
        },
        step: step.transpose()?.unwrap_or(1),
    })
}
