//! What coupons take off a basket, in minor units.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::check::{Check, CheckCompiler, LineCheck, OfferNumbers};
use super::{
    Bundle, BuyGet, Combination, Each, Offer, OfferEffect, Offers, PercentOff, PieceGroup,
    PiecesOff, Prices, Program, ReturnedBy, RunningBase, Scope, Stacking, StackingGroup, Which,
    WithoutEffect,
};
use crate::ids::{CouponBookId, Slug};
use crate::money::{DecimalText, MoneyError, Ratio, Rounding};
use crate::time::Window;

/// The section `offers`, ready to use.
#[derive(Debug)]
pub struct CompiledOffers {
    /// Whether prices have taxes in them.
    pub prices: Prices,
    /// The most offers that apply to one purchase.
    pub at_most: usize,
    /// Which of the offers that could apply do.
    pub combination: Combination,
    /// What becomes of a coupon whose offers have no effect.
    pub without_effect: WithoutEffect,
    /// What gives a use back to a coupon.
    pub returned_by: ReturnedBy,
    groups: Vec<OfferGroup>,
    list: Vec<CompiledOffer>,
    books: FxHashMap<CouponBookId, OfferNumbers>,
}

/// A stacking group of offers.
#[derive(Debug, Clone, Copy)]
pub struct OfferGroup {
    /// Which of its offers apply.
    pub stacking: Stacking,
    /// Whether the choice is made once or for every line.
    pub scope: Scope,
    /// What percentages are taken of.
    pub base: RunningBase,
}

/// An offer, in minor units.
#[derive(Debug)]
pub struct CompiledOffer {
    /// Its name.
    pub id: Slug,
    /// Its place in the document.
    pub position: usize,
    /// Its stacking group.
    pub stacking_group: usize,
    /// When it is active.
    pub active: Window,
    /// When it applies.
    pub when: Option<Check>,
    /// The lines that it is about.
    pub lines: Option<LineCheck>,
    /// The least that these must cost, and at which prices.
    pub minimum: Option<(i64, RunningBase)>,
    /// What it does.
    pub effect: CompiledOfferEffect,
    /// How what it takes off is rounded.
    pub rounding: Rounding,
    alone: bool,
    always_with: OfferNumbers,
    never_with: OfferNumbers,
}

/// What an offer does, in minor units.
#[derive(Debug)]
pub enum CompiledOfferEffect {
    /// A share of what its lines cost.
    Percent(CompiledPercent),
    /// A fixed amount.
    Fixed(i64, Each),
    /// A price for each piece.
    FixedPrice(i64),
    /// So many pieces for less.
    Pieces(Which, u64, Ratio),
    /// Pieces for less for others.
    BuyGet(Box<CompiledBuyGet>),
    /// Pieces together for a price.
    Bundle {
        /// What is in it.
        parts: Vec<CompiledPieces>,
        /// What it costs.
        price: i64,
        /// How often at most.
        times: u32,
    },
    /// A share of the shipping.
    Shipping(CompiledPercent),
    /// What is left on the coupon.
    Value,
    /// Nothing is taken off.
    Earn,
}

/// Pieces for less for those who buy others.
#[derive(Debug)]
pub struct CompiledBuyGet {
    /// What is bought.
    pub buy: CompiledPieces,
    /// What is got.
    pub get: CompiledPieces,
    /// What is taken off.
    pub rate: Ratio,
    /// How often at most.
    pub times: u64,
}

/// A share, up to an amount.
#[derive(Debug, Clone, Copy)]
pub struct CompiledPercent {
    /// The share.
    pub rate: Ratio,
    /// The most, in minor units.
    pub at_most: i64,
}

impl CompiledPercent {
    /// A share without a most.
    #[must_use]
    pub fn all_of(rate: Ratio) -> Self {
        Self {
            rate,
            at_most: i64::MAX,
        }
    }
}

/// Some pieces of some lines.
#[derive(Debug)]
pub struct CompiledPieces {
    /// The lines, of those that the offer is about.
    pub lines: Option<LineCheck>,
    /// How many.
    pub pieces: u64,
}

impl CompiledOffers {
    /// The stacking group of an offer.
    #[must_use]
    pub fn group_of(&self, offer: &CompiledOffer) -> OfferGroup {
        let group = self.groups.get(offer.stacking_group).copied();
        group.unwrap_or(OfferGroup {
            stacking: Stacking::default(),
            scope: Scope::default(),
            base: RunningBase::default(),
        })
    }

    /// All offers, by stacking group, then higher priority first, then by id.
    #[must_use]
    pub fn list(&self) -> &[CompiledOffer] {
        &self.list
    }

    /// An offer by its number in that order.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&CompiledOffer> {
        self.list.get(usize::try_from(number).ok()?)
    }

    /// The offers that coupons of a book give, in order.
    #[must_use]
    pub fn of_book(&self, book: &CouponBookId) -> &[u32] {
        self.books.get(book).map_or(&[], |numbers| numbers)
    }

    /// Whether two offers may apply to the same purchase. An offer may be asked for itself, of two coupons.
    #[must_use]
    pub fn go_together(&self, one: u32, other: u32) -> bool {
        let (Some(first), Some(second)) = (self.get(one), self.get(other)) else {
            return false;
        };
        if first.never_with.contains(&other) || second.never_with.contains(&one) {
            return false;
        }
        let is_named = first.always_with.contains(&other) || second.always_with.contains(&one);
        is_named || !(first.alone || second.alone)
    }
}

/// The places of a program's offers in their order: by stacking group, then higher priority first, then by id.
pub(super) fn offer_order(offers: &Offers) -> Vec<(usize, &Offer)> {
    let mut order: Vec<_> = offers.list.iter().enumerate().collect();
    order.sort_by_key(|(position, offer)| {
        let group = group_number(offers, offer);
        (group, Reverse(offer.priority), offer.id.as_str(), *position)
    });
    order
}

fn group_number(offers: &Offers, offer: &Offer) -> usize {
    let wanted = offer.stacking_group.as_ref();
    let found = wanted.and_then(|id| offers.stacking_groups.iter().position(|own| own.id == *id));
    found.unwrap_or_default()
}

/// Compiles the section of a program.
pub(super) struct OfferCompiler<'a, 'c> {
    pub program: &'a Program,
    pub offers: &'a Offers,
    pub checks: CheckCompiler<'c>,
}

impl OfferCompiler<'_, '_> {
    /// Takes a checked section in minor units.
    ///
    /// # Errors
    /// [`MoneyError`] for an amount beyond the range of minor units.
    pub(super) fn compile(mut self) -> Result<CompiledOffers, MoneyError> {
        let mut list = Vec::with_capacity(self.offers.list.len());
        let mut books: FxHashMap<CouponBookId, OfferNumbers> = FxHashMap::default();
        for (number, (position, offer)) in (0..).zip(offer_order(self.offers)) {
            for book in &offer.books {
                books.entry(book.clone()).or_default().push(number);
            }
            list.push(self.offer(offer, position)?);
        }
        let groups = self.offers.stacking_groups.iter();
        let group = |group: &StackingGroup| OfferGroup {
            stacking: group.stacking,
            scope: group.scope,
            base: group.base,
        };
        let at_most = self.offers.at_most.map(usize::try_from);
        Ok(CompiledOffers {
            prices: self.offers.prices,
            at_most: at_most.and_then(Result::ok).unwrap_or(usize::MAX),
            combination: self.offers.combination,
            without_effect: self.offers.without_effect,
            returned_by: self.offers.returned_by,
            groups: groups.map(group).collect(),
            list,
            books,
        })
    }

    fn offer(&mut self, offer: &Offer, position: usize) -> Result<CompiledOffer, MoneyError> {
        let zone = self.program.zone;
        let active = offer.active.map(|range| range.resolve(zone));
        let when = offer.when.as_ref();
        let lines = offer.lines.as_ref();
        let minimum = offer.minimum.as_ref();
        Ok(CompiledOffer {
            id: offer.id.clone(),
            position,
            stacking_group: group_number(self.offers, offer),
            active: active.and_then(Result::ok).unwrap_or(Window::LIFETIME),
            when: when.map(|when| self.checks.compile(when)).transpose()?,
            lines: lines.map(|lines| self.checks.line(lines)).transpose()?,
            minimum: minimum
                .map(|minimum| Ok((self.minor(minimum.amount)?, minimum.of)))
                .transpose()?,
            effect: self.effect(&offer.effect)?,
            rounding: offer.rounding.unwrap_or(self.program.rounding),
            alone: offer.alone,
            always_with: self.numbers(&offer.always_with),
            never_with: self.numbers(&offer.never_with),
        })
    }

    fn numbers(&self, names: &[Slug]) -> OfferNumbers {
        let numbers = names.iter().filter_map(|name| self.checks.offers.get(name));
        numbers.copied().collect()
    }

    fn minor(&self, amount: DecimalText) -> Result<i64, MoneyError> {
        amount.to_minor(self.checks.scale)
    }

    fn effect(&self, effect: &OfferEffect) -> Result<CompiledOfferEffect, MoneyError> {
        Ok(match effect {
            OfferEffect::Percent(percent) => CompiledOfferEffect::Percent(self.percent(percent)?),
            OfferEffect::Fixed(fixed) => {
                CompiledOfferEffect::Fixed(self.minor(fixed.amount)?, fixed.each)
            }
            OfferEffect::FixedPrice(fixed) => {
                CompiledOfferEffect::FixedPrice(self.minor(fixed.price)?)
            }
            OfferEffect::Pieces(PiecesOff {
                which,
                pieces,
                rate,
            }) => CompiledOfferEffect::Pieces(*which, u64::from(*pieces), rate.ratio()),
            OfferEffect::BuyGet(buy_get) => {
                CompiledOfferEffect::BuyGet(Box::new(self.buy_get(buy_get)?))
            }
            OfferEffect::Bundle(Bundle {
                parts,
                price,
                times,
            }) => CompiledOfferEffect::Bundle {
                parts: parts
                    .iter()
                    .map(|part| self.pieces(part))
                    .collect::<Result<_, _>>()?,
                price: self.minor(*price)?,
                times: times.unwrap_or(u32::MAX),
            },
            OfferEffect::Shipping(percent) => CompiledOfferEffect::Shipping(self.percent(percent)?),
            OfferEffect::Value(_) => CompiledOfferEffect::Value,
            OfferEffect::Earn(_) => CompiledOfferEffect::Earn,
        })
    }

    fn buy_get(&self, buy_get: &BuyGet) -> Result<CompiledBuyGet, MoneyError> {
        Ok(CompiledBuyGet {
            buy: self.pieces(&buy_get.buy)?,
            get: self.pieces(&buy_get.get)?,
            rate: buy_get.rate.ratio(),
            times: buy_get.times.map_or(u64::MAX, u64::from),
        })
    }

    fn percent(&self, percent: &PercentOff) -> Result<CompiledPercent, MoneyError> {
        let at_most = percent.at_most.map(|amount| self.minor(amount));
        Ok(CompiledPercent {
            rate: percent.rate.ratio(),
            at_most: at_most.transpose()?.unwrap_or(i64::MAX),
        })
    }

    fn pieces(&self, group: &PieceGroup) -> Result<CompiledPieces, MoneyError> {
        let lines = group.lines.as_ref();
        Ok(CompiledPieces {
            lines: lines.map(|lines| self.checks.line(lines)).transpose()?,
            pieces: u64::from(group.pieces),
        })
    }
}

/// The numbers of the offers that a condition asks for, so that what is granted under it is granted for one of them.
pub(super) fn offers_of(check: &Check, found: &mut SmallVec<[u32; 4]>) {
    match check {
        Check::All(parts) | Check::Any(parts) => {
            parts.iter().for_each(|part| offers_of(part, found));
        }
        Check::Offer(numbers) => found.extend_from_slice(numbers),
        _ => {}
    }
}
