//! What conditions look at: a purchase and its member, prepared once.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::Purchase;
use crate::money::Money;
use crate::program::{BasisMask, Boost, CompiledProgram, FactSymbols, OfferNumbers, Part};
use crate::time::LocalMoment;

/// Values by number, usually few: a list is faster than a map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values(SmallVec<[(u32, i64); 4]>);

impl Values {
    /// Sets the value of a number that has none yet.
    pub fn set(&mut self, number: u32, value: i64) {
        self.0.push((number, value));
    }

    /// Adds to the value of a number.
    #[inline]
    pub fn add(&mut self, number: u32, delta: i64) {
        match self.0.iter_mut().find(|(known, _)| *known == number) {
            Some((_, value)) => *value = value.saturating_add(delta),
            None => self.0.push((number, delta)),
        }
    }

    /// The value of a number, if it has one.
    #[must_use]
    #[inline]
    pub fn get(&self, number: u32) -> Option<i64> {
        // Where every number has a value, each is at its own place.
        let own = usize::try_from(number).ok().and_then(|at| self.0.get(at));
        if let Some((known, value)) = own
            && *known == number
        {
            return Some(*value);
        }
        self.0
            .iter()
            .find(|(known, _)| *known == number)
            .map(|(_, value)| *value)
    }

    /// All numbers with their values.
    pub fn iter(&self) -> impl Iterator<Item = (u32, i64)> + '_ {
        self.0.iter().copied()
    }
}

/// Where a member stands when a purchase is evaluated.
#[derive(Debug, Clone)]
pub struct Standing<'a> {
    /// The segments the member is in.
    pub segments: &'a BTreeSet<String>,
    /// The facts kept about the member.
    pub attributes: &'a BTreeMap<String, String>,
    /// The member's rank on each ladder, the lowest tier being 0; missing ranks are 0.
    pub ranks: SmallVec<[usize; 2]>,
    /// What the member's tiers give.
    pub boost: Boost,
    /// What is used of each cap and budget that a rule of the purchase may meet. A cap without a value has no key to
    /// be counted by, and its rules grant nothing.
    pub used: Values,
    /// What each activity_counter counts in the window of the condition that asks, without this purchase.
    pub activity_counters: Values,
    /// The remainder that each carrying rule has kept, by rule number, in minor units of the purchase.
    pub carried: Values,
    /// The part of a minor unit of its asset that each carrying rule has kept, by rule number, in
    /// [`CARRIED_PARTS`](super::CARRIED_PARTS) of it.
    pub carried_parts: Values,
    /// The numbers of the offers that apply to the purchase.
    pub offers: OfferNumbers,
}

const PARTS: [Part; 4] = [Part::Discounts, Part::Fee, Part::Tax, Part::Shipping];

/// What was paid, and the parts of it that rules may take off, in minor units.
#[derive(Debug, Clone, Copy)]
pub struct Amounts {
    gross: i64,
    /// In the order of [`PARTS`].
    parts: [i64; PARTS.len()],
    /// Which of them are there at all: usually none.
    given: BasisMask,
}

impl Amounts {
    /// A total, and of it discounts, fee, tax and shipping.
    #[must_use]
    #[inline]
    pub fn new(gross: i64, parts: [i64; 4]) -> Self {
        let given = PARTS.iter().zip(&parts).filter(|(_, amount)| **amount != 0);
        Self {
            gross,
            parts,
            given: given.fold(BasisMask::default(), |mask, (part, _)| mask.with(*part)),
        }
    }

    /// The total without what a basis takes off.
    #[must_use]
    #[inline]
    pub fn of(&self, basis: BasisMask) -> i64 {
        if !basis.meets(self.given) {
            return self.gross;
        }
        let parts = PARTS.iter().zip(&self.parts);
        parts.fold(self.gross, |left, (part, amount)| {
            if basis.takes_off(*part) {
                left.saturating_sub(*amount)
            } else {
                left
            }
        })
    }

    /// Whether the amounts of a purchase may be these: a positive total, and parts of it that are not negative and do not
    /// exceed it. What is wrong with others, [`Purchase::problems`] tells.
    #[must_use]
    #[inline]
    pub fn are_valid(&self) -> bool {
        if self.given == BasisMask::default() {
            return self.gross > 0;
        }
        let parts = self.parts.iter().map(|part| i128::from(*part));
        let sum = parts.clone().fold(0_i128, i128::saturating_add);
        self.gross > 0 && parts.min() >= Some(0) && sum <= i128::from(self.gross)
    }
}

/// A purchase, prepared for evaluation.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The purchase.
    pub purchase: &'a Purchase,
    /// The symbols of its facts.
    pub symbols: FactSymbols,
    pub(super) amounts: Amounts,
    local: OnceCell<LocalMoment>,
    line_discounts: OnceCell<Vec<i64>>,
}

impl<'a> Facts<'a> {
    /// Prepares a purchase that has no [problems](Purchase::problems).
    #[must_use]
    #[inline]
    pub fn new(program: &CompiledProgram, purchase: &'a Purchase) -> Self {
        Self::with_symbols(purchase, program.fact_symbols(|fact| purchase.fact(fact)))
    }

    /// Prepares a purchase whose facts are symbols already.
    #[must_use]
    #[inline]
    pub fn with_symbols(purchase: &'a Purchase, symbols: FactSymbols) -> Self {
        let minor = |part: &Option<Money>| part.as_ref().map_or(0, |amount| amount.minor());
        let parts = [
            minor(&purchase.discounts),
            minor(&purchase.fee),
            minor(&purchase.tax),
            minor(&purchase.shipping),
        ];
        Self {
            purchase,
            symbols,
            amounts: Amounts::new(purchase.total.minor(), parts),
            local: OnceCell::new(),
            line_discounts: OnceCell::new(),
        }
    }

    /// The local date, time and weekday of the purchase.
    #[inline]
    pub fn local(&self, program: &CompiledProgram) -> LocalMoment {
        *self
            .local
            .get_or_init(|| program.calendar().zone.local(self.purchase.occurred_at))
    }

    /// An amount of the purchase in minor units.
    #[must_use]
    #[inline]
    pub fn amount(&self, basis: BasisMask) -> i64 {
        self.amounts.of(basis)
    }

    /// An amount of one line in minor units. Discounts of the basket are split over the lines by largest remainder,
    /// so that the lines' shares sum to the discount exactly; fees, tax and shipping do not belong to lines.
    #[must_use]
    pub fn line_amount(&self, line: usize, basis: BasisMask) -> i64 {
        let gross = self
            .purchase
            .lines
            .get(line)
            .map_or(0, |line| line.amount.minor());
        if !basis.takes_off(Part::Discounts) || self.purchase.discounts.is_none() {
            return gross;
        }
        let shares = self
            .line_discounts
            .get_or_init(|| self.purchase.discount_shares());
        gross
            .saturating_sub(shares.get(line).copied().unwrap_or(0))
            .max(0)
    }
}
