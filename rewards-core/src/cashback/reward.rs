//! What a rule would grant, before any cap: one rounding a rule.

use super::{Facts, Standing};
use crate::money::{MoneyError, Ratio, Rounding};
use crate::program::{
    BandMode, BasisMask, CompiledBand, CompiledBandReward, CompiledEffect, CompiledRule, Remainder,
};

/// What earlier rules granted, as far as later ones look at it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Earlier {
    /// Money granted before on the same purchase or line, to be taken off running bases.
    pub taken_off: i64,
    /// What earlier stacking groups granted in the asset of a multiplier.
    pub multiplied: i64,
    /// What the rule has kept for the member.
    pub kept: Kept,
}

/// What a carrying rule keeps for a member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kept {
    /// What did not fill a unit, in minor units of the purchase. Negative after a cancellation of what filled one.
    pub remainder: i64,
    /// What a tier's multiplier left of a minor unit of the rule's asset, in [`CARRIED_PARTS`] of it.
    pub part: i64,
}

/// Into how many parts a minor unit is divided that a carrying rule keeps a part of: multipliers have at most 8 decimals, so
/// every product with one is a whole number of parts.
pub const CARRIED_PARTS: i64 = 100_000_000;

/// What a rule would grant, and what it keeps for the member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Desired {
    /// In minor units of the rule's asset; never negative.
    pub amount: i64,
    /// How what is kept for the member changes.
    pub carried: Kept,
    /// What of the remainder is turned into units, in minor units of the purchase.
    pub used: i64,
}

impl Desired {
    /// An amount, with nothing kept.
    pub fn plain(amount: i64) -> Self {
        Self {
            amount,
            ..Self::default()
        }
    }
}

/// Computes what a rule would grant for a purchase or one of its lines.
///
/// The share, the unit price and the tier multiplier are one exact fraction, and it is rounded once, as the rule says.
/// Percentages, by far the most common, are small enough to be inlined.
#[inline(always)]
pub(super) fn desired(
    rule: &CompiledRule,
    facts: &Facts<'_>,
    standing: &Standing<'_>,
    line: Option<usize>,
    earlier: Earlier,
) -> Result<Desired, MoneyError> {
    let boost = boost(rule, standing);
    let base = |of: BasisMask| base_of(facts, line, earlier, of);
    let CompiledEffect::Percent { rate, of } = &rule.effect else {
        return desired_otherwise(rule, base, earlier, boost);
    };
    let rate = percent_rate(rule, *rate, standing)?;
    let amount = scaled(rule.rounding, base(*of), rate, boost)?;
    Ok(Desired::plain(amount.max(0)))
}

/// What a carrying rule would grant for amounts that count together, with what it has kept.
pub(super) fn desired_together(
    rule: &CompiledRule,
    standing: &Standing<'_>,
    base: i64,
    kept: Kept,
) -> Result<Desired, MoneyError> {
    let boost = boost(rule, standing);
    let base = |_| base;
    let earlier = Earlier {
        kept,
        ..Earlier::default()
    };
    desired_otherwise(rule, base, earlier, boost)
}

/// The amount of the purchase or of one of its lines that a carrying rule pays for.
pub(super) fn carrying_base(
    rule: &CompiledRule,
    facts: &Facts<'_>,
    line: Option<usize>,
    earlier: Earlier,
) -> i64 {
    match &rule.effect {
        CompiledEffect::PerUnit { of, .. } => base_of(facts, line, earlier, *of),
        _ => 0,
    }
}

#[inline]
fn base_of(facts: &Facts<'_>, line: Option<usize>, earlier: Earlier, of: BasisMask) -> i64 {
    let amount = match line {
        None => facts.amount(of),
        Some(line) => facts.line_amount(line, of),
    };
    amount.saturating_sub(earlier.taken_off).max(0)
}

#[inline]
fn boost(rule: &CompiledRule, standing: &Standing<'_>) -> Ratio {
    if rule.tier_benefits {
        standing.boost.multiplier
    } else {
        Ratio::ONE
    }
}

/// The rate of a percentage with what tiers add to it.
#[inline]
pub(super) fn percent_rate(
    rule: &CompiledRule,
    rate: Ratio,
    standing: &Standing<'_>,
) -> Result<Ratio, MoneyError> {
    if rule.tier_benefits && !standing.boost.extra_rate.is_zero() {
        sum(rate, standing.boost.extra_rate)
    } else {
        Ok(rate)
    }
}

fn desired_otherwise(
    rule: &CompiledRule,
    base: impl Fn(BasisMask) -> i64,
    earlier: Earlier,
    boost: Ratio,
) -> Result<Desired, MoneyError> {
    let amount = match &rule.effect {
        CompiledEffect::Percent { rate, of } => scaled(rule.rounding, base(*of), *rate, boost)?,
        CompiledEffect::Fixed { amount, .. } => scaled(rule.rounding, *amount, boost, Ratio::ONE)?,
        CompiledEffect::PerUnit {
            amount,
            every,
            of,
            remainder,
            ..
        } => {
            return per_unit(
                rule.rounding,
                *remainder,
                (*amount, *every),
                base(*of),
                earlier.kept,
                boost,
            );
        }
        CompiledEffect::Bands { mode, of, bands } => {
            banded(rule.rounding, *mode, bands, base(*of), boost)?
        }
        CompiledEffect::Multiplier { extra, .. } => {
            scaled(rule.rounding, earlier.multiplied, *extra, boost)?
        }
    };
    Ok(Desired::plain(amount.max(0)))
}

#[inline]
fn scaled(rounding: Rounding, amount: i64, share: Ratio, boost: Ratio) -> Result<i64, MoneyError> {
    if boost == Ratio::ONE {
        rounding.multiply(amount, share)
    } else {
        rounding.multiply2(amount, share, boost)
    }
}

fn sum(a: Ratio, b: Ratio) -> Result<Ratio, MoneyError> {
    let cross = |x: i64, y: i64| i128::from(x).saturating_mul(i128::from(y));
    let num = cross(a.num(), b.den()).saturating_add(cross(b.num(), a.den()));
    let den = cross(a.den(), b.den());
    let narrow = |wide: i128| i64::try_from(wide).map_err(|_| MoneyError::Overflow);
    Ratio::new(narrow(num)?, narrow(den)?)
}

fn per_unit(
    rounding: Rounding,
    remainder: Remainder,
    (amount, every): (i64, i64),
    base: i64,
    kept: Kept,
    boost: Ratio,
) -> Result<Desired, MoneyError> {
    match remainder {
        Remainder::Proportional => {
            let granted = scaled(rounding, base, Ratio::new(amount, every)?, boost)?;
            Ok(Desired::plain(granted.max(0)))
        }
        Remainder::Drop => {
            // Down is exact here: the rest is dropped by the program's choice.
            let units = Rounding::Down.divide(i128::from(base), i128::from(every))?;
            let granted = units.checked_mul(amount).ok_or(MoneyError::Overflow)?;
            let granted = scaled(rounding, granted, boost, Ratio::ONE)?;
            Ok(Desired::plain(granted.max(0)))
        }
        Remainder::Carry => carrying((amount, every), base, kept, boost),
    }
}

/// Nothing is rounded: what does not fill a unit is kept for the member, and so is what does not fill a minor unit. What
/// cancellations left overdrawn is not a unit to take back; it is paid back by what is bought next.
fn carrying(
    (amount, every): (i64, i64),
    base: i64,
    kept: Kept,
    boost: Ratio,
) -> Result<Desired, MoneyError> {
    let overflow = || MoneyError::Overflow;
    let whole = base.checked_add(kept.remainder).ok_or_else(overflow)?;
    let units = Rounding::Down.divide(i128::from(whole.max(0)), i128::from(every))?;
    let used = units.checked_mul(every).ok_or_else(overflow)?;
    let granted = units.checked_mul(amount).ok_or_else(overflow)?;
    let remainder = whole.saturating_sub(used).saturating_sub(kept.remainder);
    if boost == Ratio::ONE && kept.part == 0 {
        let part = 0;
        return Ok(Desired {
            amount: granted,
            carried: Kept { remainder, part },
            used,
        });
    }
    let parts = i128::from(CARRIED_PARTS);
    let exact = i128::from(granted)
        .checked_mul(i128::from(boost.num()))
        .and_then(|exact| exact.checked_mul(parts))
        .and_then(|exact| exact.checked_div(i128::from(boost.den())))
        .and_then(|exact| exact.checked_add(i128::from(kept.part)))
        .ok_or_else(overflow)?;
    let amount = Rounding::Down.divide(exact.max(0), parts)?;
    let left = exact.saturating_sub(i128::from(amount).saturating_mul(parts));
    let part = left.saturating_sub(i128::from(kept.part));
    let part = i64::try_from(part).map_err(|_| overflow())?;
    Ok(Desired {
        amount,
        carried: Kept { remainder, part },
        used,
    })
}

fn banded(
    rounding: Rounding,
    mode: BandMode,
    bands: &[CompiledBand],
    base: i64,
    boost: Ratio,
) -> Result<i64, MoneyError> {
    match mode {
        BandMode::Slab => match bands
            .iter()
            .rev()
            .find(|band| band.from <= base)
            .map(|b| b.reward)
        {
            None => Ok(0),
            Some(CompiledBandReward::Rate(rate)) => scaled(rounding, base, rate, boost),
            Some(CompiledBandReward::Fixed(amount)) => scaled(rounding, amount, boost, Ratio::ONE),
        },
        BandMode::Marginal => marginal(rounding, bands, base, boost),
    }
}

/// Sums the exact shares of all bands over one common denominator and rounds the sum once.
fn marginal(
    rounding: Rounding,
    bands: &[CompiledBand],
    base: i64,
    boost: Ratio,
) -> Result<i64, MoneyError> {
    let overflow = || MoneyError::Overflow;
    let mut num = 0_i128;
    let mut den = 1_i128;
    let ends = bands.iter().skip(1).map(|band| band.from).chain([i64::MAX]);
    for (band, end) in bands.iter().zip(ends) {
        let part = i128::from(base.min(end).saturating_sub(band.from).max(0));
        let CompiledBandReward::Rate(rate) = band.reward else {
            continue;
        };
        let share = part
            .checked_mul(i128::from(rate.num()))
            .ok_or_else(overflow)?;
        let rate_den = i128::from(rate.den());
        let (left, right) = (num.checked_mul(rate_den), share.checked_mul(den));
        num = left
            .zip(right)
            .and_then(|(a, b)| a.checked_add(b))
            .ok_or_else(overflow)?;
        den = den.checked_mul(rate_den).ok_or_else(overflow)?;
        let shared = gcd(num, den);
        num = num.checked_div(shared).ok_or_else(overflow)?;
        den = den.checked_div(shared).ok_or_else(overflow)?;
    }
    let num = num
        .checked_mul(i128::from(boost.num()))
        .ok_or_else(overflow)?;
    let den = den
        .checked_mul(i128::from(boost.den()))
        .ok_or_else(overflow)?;
    rounding.divide(num, den)
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.saturating_abs(), b.saturating_abs());
    while b != 0 {
        (a, b) = (b, a.checked_rem(b).unwrap_or(0));
    }
    a.max(1)
}
