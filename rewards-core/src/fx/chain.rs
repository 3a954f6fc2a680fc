//! From one currency to another: directly, the other way round, or over a pivot.
//!
//! Whatever the direction, the same rates are used: those of the first source, in the program's order, that has fresh ones for
//! the pair in either direction, and else over the first pivot for which it has both. Where a source quotes a pair both ways, the
//! newer one counts, and of two of one day the one whose base comes first in the alphabet. So a table whose two directions do not
//! fit together cannot be used against the house by going there and back.

use serde::{Deserialize, Serialize};

use super::{ExactRatio, FxError, FxPair, FxPrice, FxRate, FxRateKind};
use crate::ids::Slug;
use crate::money::{Currency, DecimalText};
use crate::time::LocalDate;

/// How many digits a rate is told with, where the exact one may have more.
const TOLD_DIGITS: u32 = 12;

/// One step of a chain: the rate as its source has it, and in which direction it was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct FxLeg {
    /// Who says so.
    pub source: Slug,
    /// The day it is of.
    pub day: LocalDate,
    /// What kind of rate it is.
    pub kind: FxRateKind,
    /// Of what one unit is priced.
    pub base: Currency,
    /// What it is priced in.
    pub quote: Currency,
    /// The price.
    pub price: FxPrice,
    /// Whether it led from the quote currency to the base currency.
    pub inverse: bool,
}

impl FxLeg {
    fn of(rate: &FxRate, from: Currency) -> Self {
        Self {
            source: rate.source.clone(),
            day: rate.day,
            kind: rate.kind,
            base: rate.base,
            quote: rate.quote,
            price: rate.price,
            inverse: rate.base != from,
        }
    }

    /// What a member gets in units of the other currency for one unit: on the way to the base currency at the ask.
    fn for_member(&self) -> Result<ExactRatio, FxError> {
        match self.inverse {
            false => self.price.bid(),
            true => Ok(self.price.ask()?.inverse()),
        }
    }

    fn mid(&self) -> Result<ExactRatio, FxError> {
        let mid = self.price.mid()?;
        Ok(if self.inverse { mid.inverse() } else { mid })
    }
}

/// The rates that lead from one currency to another, one or two, and what they are together. In minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FxChain {
    /// What is given.
    pub from: Currency,
    /// What is wanted.
    pub to: Currency,
    /// The steps, in their order.
    pub legs: Vec<FxLeg>,
    /// In the middle between bids and asks.
    pub mid: ExactRatio,
    /// What a member gets, before any markup.
    pub for_member: ExactRatio,
    /// The day of the oldest rate.
    pub day: LocalDate,
}

impl FxChain {
    fn of(from: Currency, to: Currency, legs: Vec<FxLeg>) -> Result<Self, FxError> {
        let scales = scales(from, to)?;
        let (mut mid, mut for_member) = (scales, scales);
        let mut day = LocalDate::MAX;
        for leg in &legs {
            mid = mid.times(leg.mid()?)?;
            for_member = for_member.times(leg.for_member()?)?;
            day = day.min(leg.day);
        }
        Ok(Self {
            from,
            to,
            legs,
            mid,
            for_member,
            day,
        })
    }

    /// How many days old its oldest rate is on a day.
    #[must_use]
    pub fn age(&self, day: LocalDate) -> u32 {
        let days = day.day().saturating_sub(self.day.day());
        u32::try_from(days).unwrap_or(0)
    }

    /// How many units one unit is, in the middle, cut off after so many digits as a rate is told with.
    ///
    /// # Errors
    /// [`FxError::Overflow`].
    pub fn mid_text(&self) -> Result<DecimalText, FxError> {
        self.told(self.mid)
    }

    /// A ratio of minor units as a rate of whole units, cut off.
    pub(super) fn told(&self, minor: ExactRatio) -> Result<DecimalText, FxError> {
        told(minor.times(scales(self.to, self.from)?)?)
    }
}

/// How many minor units of one currency one minor unit of another is when one unit is one unit.
fn scales(from: Currency, to: Currency) -> Result<ExactRatio, FxError> {
    let unit = |currency: Currency| 10_u128.saturating_pow(currency.scale().into());
    ExactRatio::new(unit(to), unit(from))
}

/// A ratio as a decimal number, cut off.
fn told(ratio: ExactRatio) -> Result<DecimalText, FxError> {
    let whole = ratio.floor(1)?;
    let digits = whole
        .checked_ilog10()
        .map_or(0, |log| log.saturating_add(1));
    // Of a rate below one, what is told begins behind its zeros.
    let zeros = match whole {
        0 => ratio
            .inverse()
            .floor(1)
            .ok()
            .and_then(i64::checked_ilog10)
            .unwrap_or(0),
        _ => 0,
    };
    let decimals = TOLD_DIGITS
        .saturating_sub(digits)
        .saturating_add(zeros)
        .min(24);
    let ten = ExactRatio::new(10, 1)?;
    let (mut shifted, mut scale) = (ratio, 0_u32);
    while scale < decimals {
        // A ratio of very large parts is told with fewer digits.
        let Ok(next) = shifted.times(ten) else { break };
        (shifted, scale) = (next, scale.saturating_add(1));
    }
    let mantissa = shifted.floor(1)?;
    let value = rust_decimal::Decimal::try_from_i128_with_scale(mantissa.into(), scale);
    value.map(DecimalText::from).map_err(|_| FxError::Overflow)
}

/// Which rates lead from one currency to another on a day.
#[derive(Debug, Clone, Copy)]
pub struct FxLookup<'a> {
    /// Whose rates, the first one first.
    pub sources: &'a [Slug],
    /// Over which currencies, the first one first.
    pub pivots: &'a [Currency],
    /// How many days old a rate may be.
    pub age_max: u32,
    /// What is given.
    pub from: Currency,
    /// What is wanted.
    pub to: Currency,
    /// The day; later rates do not count.
    pub day: LocalDate,
}

impl FxLookup<'_> {
    /// Every pair that may be looked at, in both directions.
    #[must_use]
    pub fn pairs(&self) -> Vec<FxPair> {
        let mut pairs = Vec::new();
        for source in self.sources {
            pairs.extend(both(source, self.from, self.to));
            for pivot in self.over() {
                pairs.extend(both(source, self.from, pivot));
                pairs.extend(both(source, pivot, self.to));
            }
        }
        pairs
    }

    /// The chain, by what is the latest rate of each pair on the day or before.
    ///
    /// # Errors
    /// [`FxError::Missing`]; [`FxError::Stale`] with the newest that there is; [`FxError::Overflow`].
    pub fn resolve(
        &self,
        mut find: impl FnMut(&FxPair) -> Option<FxRate>,
    ) -> Result<FxChain, FxError> {
        let mut newest: Option<FxChain> = None;
        for source in self.sources {
            let direct = self.step(source, self.from, self.to, &mut find);
            let mut chains = direct.into_iter().map(|leg| vec![leg]).collect::<Vec<_>>();
            for pivot in self.over() {
                let first = self.step(source, self.from, pivot, &mut find);
                let second = self.step(source, pivot, self.to, &mut find);
                chains.extend(first.zip(second).map(|(first, second)| vec![first, second]));
            }
            for legs in chains {
                let chain = FxChain::of(self.from, self.to, legs)?;
                if chain.age(self.day) <= self.age_max {
                    return Ok(chain);
                }
                if newest.as_ref().is_none_or(|newest| newest.day < chain.day) {
                    newest = Some(chain);
                }
            }
        }
        let (from, to, day) = (self.from, self.to, self.day);
        Err(match newest {
            None => FxError::Missing { from, to, day },
            Some(chain) => FxError::Stale {
                from,
                to,
                day: chain.day,
                age: chain.age(day),
                limit: self.age_max,
            },
        })
    }

    fn over(&self) -> impl Iterator<Item = Currency> + '_ {
        let is_between = |pivot: &Currency| *pivot != self.from && *pivot != self.to;
        self.pivots.iter().copied().filter(is_between)
    }

    fn step(
        &self,
        source: &Slug,
        from: Currency,
        to: Currency,
        find: &mut impl FnMut(&FxPair) -> Option<FxRate>,
    ) -> Option<FxLeg> {
        let found = both(source, from, to)
            .into_iter()
            .filter_map(|pair| find(&pair));
        let found = found.filter(|rate| rate.day <= self.day);
        // Of the same day, what is not the greatest is what comes first in the alphabet.
        let rate = found.max_by_key(|rate| (rate.day, std::cmp::Reverse(rate.base)))?;
        Some(FxLeg::of(&rate, from))
    }
}

fn both(source: &Slug, one: Currency, other: Currency) -> [FxPair; 2] {
    [(one, other), (other, one)].map(|(base, quote)| FxPair {
        source: source.clone(),
        base,
        quote,
    })
}
