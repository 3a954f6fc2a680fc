//! Which offers apply to a basket, one after the other.

use std::cmp::Reverse;

use super::basket::{Basket, Taken};
use super::effect::{Selected, taken};
use crate::cashback::View;
use crate::money::MoneyError;
use crate::program::{
    Combination, CompiledOffer, CompiledOfferEffect, CompiledOffers, RunningBase, Scope, Stacking,
};

/// How many combinations of offers are tried for one purchase: all that there are of twelve offers. Of more, one is looked for
/// that no single change makes better.
pub const COMBINATIONS_MAX: usize = 4_096;

/// An offer that a coupon gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    /// The number of the offer.
    pub offer: u32,
    /// The place of the coupon among those that were given.
    pub coupon: usize,
    /// What is left of what the coupon is worth, in minor units.
    pub worth: i64,
}

/// Why an offer does not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The purchase lies outside its dates.
    Inactive,
    /// Its condition does not hold; the path of the first part that does not, below the condition.
    Unmatched { failed: String },
    /// It is about no line of the purchase.
    NoLines,
    /// Its lines cost too little.
    BelowMinimum { short_by: i64 },
    /// Nothing is left that it could take off, or nothing is granted for it.
    NoEffect,
    /// Others were chosen.
    Outranked { taken: i64 },
    /// It does not go with another one that applies.
    Excluded { by: u32 },
    /// As many offers as may apply do already.
    TooMany,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// The basket after all offers.
    pub basket: Basket,
    /// What applies, in its order, with what it takes off.
    pub applied: Vec<(Candidate, Taken)>,
    /// What does not, in order.
    pub others: Vec<(Candidate, Reason)>,
    /// Whether all combinations were tried that had to be.
    pub is_complete: bool,
}

impl Chosen {
    /// No offer is there.
    pub fn nothing(basket: Basket) -> Self {
        Self {
            basket,
            applied: Vec::new(),
            others: Vec::new(),
            is_complete: true,
        }
    }
}

/// An offer that may apply, with the lines that it is about.
#[derive(Debug)]
struct Eligible<'a> {
    candidate: Candidate,
    offer: &'a CompiledOffer,
    selected: Selected,
}

/// Chooses among candidates, which are in order: by offer, then by coupon.
///
/// # Errors
/// [`MoneyError::Overflow`] when an amount leaves the range of 64-bit minor units.
pub(crate) fn choose(
    offers: &CompiledOffers,
    view: &View<'_>,
    basket: &Basket,
    candidates: &[Candidate],
) -> Result<Chosen, MoneyError> {
    let mut eligible = Vec::with_capacity(candidates.len());
    let mut others = Vec::new();
    for candidate in candidates {
        let Some(offer) = offers.get(candidate.offer) else {
            continue;
        };
        match select(offer, view, basket) {
            Ok(selected) => eligible.push(Eligible {
                candidate: *candidate,
                offer,
                selected,
            }),
            Err(reason) => others.push((*candidate, reason)),
        }
    }
    let chooser = Chooser {
        offers,
        eligible,
        basket,
    };
    let all = vec![true; chooser.eligible.len()];
    let (run, is_complete) = match offers.combination {
        Combination::Ordered => (chooser.run(&all)?, true),
        Combination::Best => chooser.best(all)?,
    };
    let applied = run.applied.into_iter();
    let mut applied: Vec<(Candidate, Taken)> = applied
        .filter_map(|(at, taken)| Some((chooser.eligible.get(at)?.candidate, taken)))
        .collect();
    applied.sort_by_key(|(candidate, _)| *candidate);
    let left_out = run.others.into_iter();
    others.extend(
        left_out.filter_map(|(at, reason)| Some((chooser.eligible.get(at)?.candidate, reason))),
    );
    others.sort_by_key(|(candidate, _)| *candidate);
    Ok(Chosen {
        basket: run.basket,
        applied,
        others,
        is_complete,
    })
}

/// The lines that an offer is about, when it may apply at all.
fn select(offer: &CompiledOffer, view: &View<'_>, basket: &Basket) -> Result<Selected, Reason> {
    if !offer.active.contains(view.facts.purchase.occurred_at) {
        return Err(Reason::Inactive);
    }
    let when = offer.when.as_ref();
    if let Some(failed) = when.and_then(|check| view.first_failure(check)) {
        return Err(Reason::Unmatched { failed });
    }
    let lines = basket.select(view, offer.lines.as_ref());
    if !lines.contains(&true) {
        return Err(Reason::NoLines);
    }
    let within = |test| {
        let own = basket.select(view, test).into_iter().zip(&lines);
        own.map(|(own, all)| own && *all).collect()
    };
    let groups = match &offer.effect {
        CompiledOfferEffect::BuyGet(own) => {
            let groups = [&own.buy, &own.get].into_iter();
            groups.map(|group| within(group.lines.as_ref())).collect()
        }
        CompiledOfferEffect::Bundle { parts, .. } => {
            let parts = parts.iter();
            parts.map(|part| within(part.lines.as_ref())).collect()
        }
        _ => Vec::new(),
    };
    if let Some((amount, RunningBase::Original)) = offer.minimum {
        check_minimum(basket.sum(&lines, RunningBase::Original), amount)?;
    }
    Ok(Selected { lines, groups })
}

fn check_minimum(sum: i64, amount: i64) -> Result<(), Reason> {
    match amount.saturating_sub(sum) {
        short_by if short_by > 0 => Err(Reason::BelowMinimum { short_by }),
        _ => Ok(()),
    }
}

/// What came of some of the eligible offers, by their places.
#[derive(Debug, Clone)]
struct Run {
    basket: Basket,
    applied: Vec<(usize, Taken)>,
    others: Vec<(usize, Reason)>,
}

struct Chooser<'a> {
    offers: &'a CompiledOffers,
    eligible: Vec<Eligible<'a>>,
    basket: &'a Basket,
}

impl Chooser<'_> {
    /// Goes through the stacking groups with those of the eligible offers that are let in.
    fn run(&self, is_in: &[bool]) -> Result<Run, MoneyError> {
        let mut run = Run {
            basket: self.basket.clone(),
            applied: Vec::new(),
            others: Vec::new(),
        };
        let places: Vec<usize> = (0..self.eligible.len())
            .filter(|at| is_in.get(*at) == Some(&true))
            .collect();
        let group_of = |at: &usize| self.eligible.get(*at).map(|own| own.offer.stacking_group);
        for group in places.chunk_by(|one, other| group_of(one) == group_of(other)) {
            let Some(first) = group.first().and_then(|at| self.eligible.get(*at)) else {
                continue;
            };
            let terms = self.offers.group_of(first.offer);
            if terms.stacking == Stacking::All {
                for at in group {
                    let attempt = self.attempt(&run, *at, terms.base)?;
                    self.enter(&mut run, *at, attempt);
                }
            } else {
                let mut attempts = Vec::with_capacity(group.len());
                for at in group {
                    match self.attempt(&run, *at, terms.base)? {
                        Ok(taken) => attempts.push((*at, taken)),
                        Err(reason) => run.others.push((*at, reason)),
                    }
                }
                match terms.scope {
                    Scope::Basket => self.contest(&mut run, attempts, terms.stacking),
                    Scope::Line => self.contest_lines(&mut run, attempts, terms.stacking),
                }
            }
        }
        Ok(run)
    }

    /// What an offer takes off the basket as it is now, or why it does not apply.
    fn attempt(
        &self,
        run: &Run,
        at: usize,
        base: RunningBase,
    ) -> Result<Result<Taken, Reason>, MoneyError> {
        let Some(own) = self.eligible.get(at) else {
            return Ok(Err(Reason::NoEffect));
        };
        if let Some(reason) = self.shut_out(run, own.candidate) {
            return Ok(Err(reason));
        }
        if let Some((amount, RunningBase::Running)) = own.offer.minimum {
            let sum = run.basket.sum(&own.selected.lines, RunningBase::Running);
            if let Err(reason) = check_minimum(sum, amount) {
                return Ok(Err(reason));
            }
        }
        let worth = own.candidate.worth;
        let taken = taken(own.offer, &own.selected, &run.basket, base, worth)?;
        let is_earn = matches!(own.offer.effect, CompiledOfferEffect::Earn);
        if taken.is_nothing() && !is_earn {
            return Ok(Err(Reason::NoEffect));
        }
        Ok(Ok(taken))
    }

    /// Why an offer cannot apply beside those that do.
    fn shut_out(&self, run: &Run, candidate: Candidate) -> Option<Reason> {
        let others = run.applied.iter();
        let mut others = others.filter_map(|(at, _)| self.eligible.get(*at));
        let by = others.find(|other| {
            let other = other.candidate.offer;
            !self.offers.go_together(other, candidate.offer)
        });
        if let Some(by) = by {
            let by = by.candidate.offer;
            return Some(Reason::Excluded { by });
        }
        (run.applied.len() >= self.offers.at_most).then_some(Reason::TooMany)
    }

    fn enter(&self, run: &mut Run, at: usize, attempt: Result<Taken, Reason>) {
        match attempt {
            Ok(taken) => {
                run.basket.take(&taken);
                run.applied.push((at, taken));
            }
            Err(reason) => run.others.push((at, reason)),
        }
    }

    /// One offer of a stacking group applies; of several that are as good, the first.
    fn contest(&self, run: &mut Run, attempts: Vec<(usize, Taken)>, stacking: Stacking) {
        let totals = attempts.iter().map(|(_, taken)| taken.total());
        let winner = winner(totals.enumerate(), stacking);
        for (place, (at, taken)) in attempts.into_iter().enumerate() {
            let attempt = match winner == Some(place) {
                true => Ok(taken),
                false => Err(Reason::Outranked {
                    taken: taken.total(),
                }),
            };
            self.enter(run, at, attempt);
        }
    }

    /// For each line one offer of a stacking group applies, with its share of that line alone.
    fn contest_lines(&self, run: &mut Run, attempts: Vec<(usize, Taken)>, stacking: Stacking) {
        let lines = run.basket.lines.len();
        let share = |taken: &Taken, line: usize| taken.lines.get(line).copied().unwrap_or(0);
        let winners: Vec<Option<usize>> = (0..lines)
            .map(|line| {
                let shares = attempts.iter().map(|(_, taken)| share(taken, line));
                let shares = shares.enumerate().filter(|(_, minor)| *minor > 0);
                winner(shares, stacking)
            })
            .collect();
        for (place, (at, taken)) in attempts.into_iter().enumerate() {
            let won = winners.iter().enumerate().map(|(line, winner)| {
                if *winner == Some(place) {
                    share(&taken, line)
                } else {
                    0
                }
            });
            let won = Taken::off_lines(won.collect());
            let attempt = if won.is_nothing() {
                let taken = taken.total();
                Err(Reason::Outranked { taken })
            } else {
                let own = self.eligible.get(at).map(|own| own.candidate);
                let shut_out = own.and_then(|own| self.shut_out(run, own));
                shut_out.map_or(Ok(won), Err)
            };
            self.enter(run, at, attempt);
        }
    }

    /// The combination that leaves the least to pay, and whether all were tried.
    fn best(&self, all: Vec<bool>) -> Result<(Run, bool), MoneyError> {
        let count = self.eligible.len();
        let combinations = u32::try_from(count)
            .ok()
            .and_then(|count| 1_usize.checked_shl(count))
            .filter(|combinations| *combinations <= COMBINATIONS_MAX);
        let mut search = Search {
            chooser: self,
            best: self.run(&all)?,
            is_in: all,
            left: COMBINATIONS_MAX.saturating_sub(1),
        };
        match combinations {
            Some(combinations) => search.try_all(combinations, count)?,
            None => search.climb(count)?,
        }
        let Search {
            mut best, is_in, ..
        } = search;
        for at in (0..count).filter(|at| is_in.get(*at) == Some(&false)) {
            let alone: Vec<bool> = (0..count).map(|other| other == at).collect();
            let taken = self.run(&alone)?.basket.taken();
            best.others.push((at, Reason::Outranked { taken }));
        }
        Ok((best, combinations.is_some()))
    }

    /// How good a run is; the least is the best.
    fn rank(&self, run: &Run) -> (Reverse<i64>, Reverse<usize>, usize, Vec<usize>) {
        let own = run.applied.iter();
        let own = own.filter_map(|(at, _)| self.eligible.get(*at));
        let earns = |own: &&Eligible<'_>| matches!(own.offer.effect, CompiledOfferEffect::Earn);
        let earning = own.clone().filter(earns).count();
        let mut coupons: Vec<usize> = own.map(|own| own.candidate.coupon).collect();
        coupons.sort_unstable();
        coupons.dedup();
        let taken = run.basket.taken();
        (Reverse(taken), Reverse(earning), coupons.len(), coupons)
    }
}

/// A search for the best combination, and the best that was found.
struct Search<'a> {
    chooser: &'a Chooser<'a>,
    best: Run,
    is_in: Vec<bool>,
    /// How many more are tried.
    left: usize,
}

impl Search<'_> {
    fn try_all(&mut self, combinations: usize, count: usize) -> Result<(), MoneyError> {
        for number in 0..combinations {
            let bit = |at: usize| {
                let at = u32::try_from(at).ok();
                at.and_then(|at| number.checked_shr(at)).unwrap_or(0) & 1 == 1
            };
            self.try_one((0..count).map(bit).collect())?;
        }
        Ok(())
    }

    /// Changes one or two of the offers that are let in for as long as that makes it better.
    fn climb(&mut self, count: usize) -> Result<(), MoneyError> {
        let mut is_better = true;
        while is_better && self.left > 0 {
            is_better = false;
            for one in 0..count {
                for other in one..count {
                    let is_changed = |at: usize| at == one || at == other;
                    let changed = self.is_in.iter().enumerate();
                    let changed = changed.map(|(at, own)| *own != is_changed(at)).collect();
                    is_better |= self.try_one(changed)?;
                }
            }
        }
        Ok(())
    }

    /// Whether a combination is better than the best so far. When as many were tried as may be, none is.
    fn try_one(&mut self, is_in: Vec<bool>) -> Result<bool, MoneyError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(false);
        };
        self.left = left;
        let run = self.chooser.run(&is_in)?;
        let is_better = self.chooser.rank(&run) < self.chooser.rank(&self.best);
        if is_better {
            self.best = run;
            self.is_in = is_in;
        }
        Ok(is_better)
    }
}

/// The place that wins among amounts; of equal ones the first.
fn winner(amounts: impl Iterator<Item = (usize, i64)>, stacking: Stacking) -> Option<usize> {
    let mut best: Option<(usize, i64)> = None;
    for (place, amount) in amounts {
        let leads = best.is_none_or(|(_, leader)| match stacking {
            Stacking::All | Stacking::First => false,
            Stacking::Best => amount > leader,
            Stacking::Lowest => amount < leader,
        });
        if leads {
            best = Some((place, amount));
        }
    }
    best.map(|(place, _)| place)
}
