//! What the coupons given with a purchase take off it, the same for a quote and for the record.

use std::collections::BTreeMap;

use super::super::coupons::{Usable, find_given};
use super::PurchaseContext;
use crate::cashback::{
    Facts, Grant, Missing, Part, Purchase, SpentValue, Standing, View, smallest_change,
};
use crate::command::Undecided;
use crate::discounts::{
    AppliedOffer, Basket, BasketDiscount, Candidate, Chosen, CouponUse, CouponVerdict, LineAmount,
    OfferExplanation, OfferVerdict, OtherOffer, Reason, Repriced, Taken, choose, reprice,
};
use crate::ids::CouponId;
use crate::member::MemberProfile;
use crate::money::{Asset, Money};
use crate::program::{
    Check, CompiledOfferEffect, CompiledOffers, CompiledProgram, OfferNumbers, Prices, ReturnedBy,
    Scope, WithoutEffect,
};
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;

/// A purchase with what its coupons take off it.
#[derive(Debug)]
pub(super) struct Priced<'a> {
    program: &'a CompiledProgram,
    coupons: &'a [CouponId],
    found: Vec<Result<Usable, Rejection>>,
    chosen: Chosen,
    repriced: Repriced,
}

/// Prices a purchase of a member who stands so.
///
/// # Errors
/// [`Undecided::Needs`] the books of the coupons; [`Rejection::Overflow`].
pub(super) fn price<'a>(
    purchase: &PurchaseContext<'a>,
    snapshot: &Snapshot,
    profile: &MemberProfile,
    standing: &Standing<'_>,
) -> Result<Option<Priced<'a>>, Undecided> {
    if purchase.coupons.is_empty() {
        return Ok(None);
    }
    let (program, told) = (purchase.program, purchase.purchase);
    let whose = (&told.member, &told.id);
    let found = find_given(snapshot, purchase.context, profile, whose, purchase.coupons)?;
    let view = View {
        program,
        facts: &purchase.facts,
        standing,
        line: None,
    };
    let prices = program
        .offers()
        .map_or(Prices::default(), |offers| offers.prices);
    let basket = Basket::of(told, prices);
    let overflow = |_| Rejection::Overflow;
    let chosen = match program.offers() {
        Some(offers) => {
            let candidates = candidates(offers, &found, told.total.asset());
            choose(offers, &view, &basket, &candidates).map_err(overflow)?
        }
        None => Chosen::nothing(basket),
    };
    let rounding = program.document().rounding;
    let repriced = reprice(told, &chosen.basket, prices, rounding).map_err(overflow)?;
    Ok(Some(Priced {
        program,
        coupons: purchase.coupons,
        found,
        chosen,
        repriced,
    }))
}

/// The offers that coupons give which can be redeemed, in order.
fn candidates(
    offers: &CompiledOffers,
    found: &[Result<Usable, Rejection>],
    asset: Asset,
) -> Vec<Candidate> {
    let usable = found.iter().enumerate();
    let usable = usable.filter_map(|(coupon, found)| Some((coupon, found.as_ref().ok()?)));
    let candidates = usable.flat_map(|(coupon, usable)| {
        let numbers = offers.of_book(&usable.book.book).iter();
        let has_value = usable.book.terms.value.is_some();
        let worth = usable.worth(asset);
        // What a coupon is worth is taken off by offers that do so, and by none else.
        let own = numbers.filter(move |offer| takes_value(offers, **offer) == has_value);
        own.map(move |offer| Candidate {
            offer: *offer,
            coupon,
            worth: worth.unwrap_or_default(),
        })
    });
    let mut candidates: Vec<Candidate> = candidates.collect();
    candidates.sort_unstable();
    candidates
}

/// Whether an offer takes off what is left on its coupon.
fn takes_value(offers: &CompiledOffers, offer: u32) -> bool {
    let effect = offers.get(offer).map(|offer| &offer.effect);
    matches!(effect, Some(CompiledOfferEffect::Value))
}

impl<'a> Priced<'a> {
    /// The purchase with what is taken off it.
    pub fn purchase(&self) -> &Purchase {
        &self.repriced.purchase
    }

    /// The numbers of the offers that apply, each once.
    pub fn numbers(&self) -> OfferNumbers {
        let applied = self.chosen.applied.iter();
        let mut numbers: OfferNumbers = applied.map(|(own, _)| own.offer).collect();
        numbers.dedup();
        numbers
    }

    /// Drops the offers that take nothing off and for which no rule granted anything. Says whether there were any.
    pub fn drop_idle(&mut self, grants: &[Grant]) -> bool {
        let program = self.program;
        let is_granted = |offer: u32| {
            let mut rules = grants.iter().filter_map(|grant| program.rule(grant.rule));
            rules.any(|rule| rule.offers.contains(&offer))
        };
        let earns = |offer: u32| {
            let offer = program.offers().and_then(|offers| offers.get(offer));
            offer.is_some_and(|offer| matches!(offer.effect, CompiledOfferEffect::Earn))
        };
        let applied = std::mem::take(&mut self.chosen.applied).into_iter();
        let (kept, idle): (Vec<_>, Vec<_>) =
            applied.partition(|(own, _)| !earns(own.offer) || is_granted(own.offer));
        self.chosen.applied = kept;
        let dropped = !idle.is_empty();
        let idle = idle.into_iter().map(|(own, _)| (own, Reason::NoEffect));
        self.chosen.others.extend(idle);
        self.chosen.others.sort_by_key(|(own, _)| *own);
        dropped
    }

    /// Checks that every coupon can be redeemed.
    ///
    /// # Errors
    /// What the first one that cannot is refused for.
    pub fn check_accepted(&self) -> Result<(), Rejection> {
        let mut refused = self.found.iter().filter_map(|found| found.as_ref().err());
        refused
            .next()
            .map_or(Ok(()), |refused| Err(refused.clone()))
    }

    /// The coupons that are used: whose offers have an effect, or all of them where the program says so. One that is worth an amount
    /// is used by what is taken off for it, and tells how much that is.
    pub fn used(&self) -> impl Iterator<Item = (&Usable, Option<SpentValue>)> {
        let offers = self.program.offers();
        let uses_all = offers.is_some_and(|offers| offers.without_effect == WithoutEffect::Use);
        let found = self.found.iter().enumerate();
        found.filter_map(move |(at, found)| {
            let usable = found.as_ref().ok()?;
            let mut own = self.chosen.applied.iter();
            let has_effect = own.any(|(own, _)| own.coupon == at);
            match usable.book.terms.value {
                Some(_) => has_effect.then(|| (usable, Some(self.spent(at, usable)))),
                None => (uses_all || has_effect).then_some((usable, None)),
            }
        })
    }

    /// What is taken off for a coupon that is worth an amount, with what of it is for which line.
    fn spent(&self, coupon: usize, usable: &Usable) -> SpentValue {
        let applied = self.chosen.applied.iter();
        let own = applied.filter(|(own, _)| own.coupon == coupon);
        let (mut minor, mut lines) = (0_i64, BTreeMap::<u32, i64>::new());
        for (_, taken) in own {
            minor = minor.saturating_add(taken.total());
            let own = (0..).zip(&taken.lines);
            let own = own.filter(|(_, minor)| **minor != 0 && self.chosen.basket.has_lines);
            for (line, minor) in own {
                let sum = lines.entry(line).or_default();
                *sum = sum.saturating_add(*minor);
            }
        }
        let coupon = usable.stored.entity.coupon.clone();
        SpentValue::new(coupon, minor, lines.into_iter().collect())
    }

    /// What is taken off, as it is told.
    pub fn told(&self) -> BasketDiscount {
        let purchase = &self.repriced.purchase;
        let money = |minor: i64| Money::new(minor, purchase.total.asset());
        let basket = &self.chosen.basket;
        let discounts = purchase.discounts.map_or(0, Money::minor);
        let applied = self.chosen.applied.iter();
        let others = self.chosen.others.iter();
        BasketDiscount {
            applied: applied
                .filter_map(|(own, taken)| self.applied(*own, taken))
                .collect(),
            others: others
                .filter_map(|(own, reason)| self.other(*own, reason))
                .collect(),
            coupons: self.uses(),
            lines: self.repriced.lines.clone(),
            taken_off: money(basket.off_lines()),
            shipping_off: money(basket.shipping.off()),
            tax_off: money(self.repriced.tax_off),
            to_pay: money(purchase.total.minor().saturating_sub(discounts)),
            bound_reached: !self.chosen.is_complete,
        }
    }

    fn applied(&self, own: Candidate, taken: &Taken) -> Option<AppliedOffer> {
        let asset = self.repriced.purchase.total.asset();
        let shares = (0..).zip(&taken.lines);
        let shares = shares.filter(|(_, minor)| **minor != 0 && self.chosen.basket.has_lines);
        let lines = shares.map(|(line, minor)| LineAmount {
            line,
            amount: Money::new(*minor, asset),
        });
        Some(AppliedOffer {
            offer: self.program.offers()?.get(own.offer)?.id.clone(),
            coupon: self.coupons.get(own.coupon)?.clone(),
            taken_off: Money::new(taken.total(), asset),
            lines: lines.collect(),
        })
    }

    fn other(&self, own: Candidate, reason: &Reason) -> Option<OtherOffer> {
        let offers = self.program.offers()?;
        let offer = offers.get(own.offer)?;
        let money = |minor: &i64| Money::new(*minor, self.repriced.purchase.total.asset());
        let outcome = match reason {
            Reason::Inactive => OfferVerdict::Inactive,
            Reason::Unmatched { failed } => OfferVerdict::Unmatched {
                failed: format!("offers.list[{}].when{failed}", offer.position),
            },
            Reason::NoLines => OfferVerdict::NoLines,
            Reason::BelowMinimum { short_by } => OfferVerdict::BelowMinimum {
                short_by: money(short_by),
            },
            Reason::NoEffect => OfferVerdict::NoEffect,
            Reason::Outranked { taken } => OfferVerdict::Outranked {
                amount: money(taken),
            },
            Reason::Excluded { by } => OfferVerdict::Excluded {
                by: offers.get(*by)?.id.clone(),
            },
            Reason::TooMany => OfferVerdict::TooMany,
        };
        Some(OtherOffer {
            offer: offer.id.clone(),
            coupon: self.coupons.get(own.coupon)?.clone(),
            outcome,
        })
    }

    /// Why the offers do not apply that do not, and what would change that. These are the facts of the purchase before any
    /// offer.
    pub fn explain(&self, facts: &Facts<'_>, standing: &Standing<'_>) -> Vec<OfferExplanation> {
        let view = View {
            program: self.program,
            facts,
            standing,
            line: None,
        };
        let others = self.chosen.others.iter();
        let explained = others.filter_map(|(own, reason)| {
            let other = self.other(*own, reason)?;
            let missing = match reason {
                Reason::Unmatched { .. } | Reason::NoLines => self.missing(&view, own.offer),
                _ => Vec::new(),
            };
            Some(OfferExplanation {
                member_reason: other.outcome.member_reason(&missing),
                offer: other.offer,
                coupon: other.coupon,
                outcome: other.outcome,
                missing,
            })
        });
        explained.collect()
    }

    /// The smallest change after which the condition of an offer holds and there is a line that it is about.
    fn missing(&self, view: &View<'_>, offer: u32) -> Vec<Missing> {
        let offers = self.program.offers();
        let Some(offer) = offers.and_then(|offers| offers.get(offer)) else {
            return Vec::new();
        };
        let part = |name: &str, check| Part {
            path: format!("offers.list[{}].{name}", offer.position),
            check,
        };
        let lines = offer.lines.clone();
        let lines = lines.map(|lines| Check::Line(Box::new(lines)));
        let when = offer.when.iter().map(|check| part("when", check));
        let lines = lines.iter().map(|check| part("lines", check));
        let conditions: Vec<Part<'_>> = when.chain(lines).collect();
        smallest_change(view, Scope::Basket, &conditions)
    }

    fn uses(&self) -> Vec<CouponUse> {
        let used = self.used().map(|(own, _)| &own.stored.entity.coupon);
        let used: Vec<&CouponId> = used.collect();
        let found = self.coupons.iter().zip(&self.found);
        let uses = found.map(|(coupon, found)| CouponUse {
            coupon: coupon.clone(),
            book: found.as_ref().ok().map(|usable| usable.book.book.clone()),
            outcome: match found {
                Ok(_) if used.contains(&coupon) => CouponVerdict::Used,
                Ok(_) => CouponVerdict::Kept,
                Err(refused) => CouponVerdict::Refused {
                    code: refused.code().to_owned(),
                    message: refused.to_string(),
                },
            },
        });
        uses.collect()
    }
}

/// Whether coupons get their uses back when a purchase that this revision decided is cancelled, or else refunded as a whole.
pub(super) fn are_returned(program: &CompiledProgram, is_cancelled: bool) -> bool {
    let returned_by = program.offers().map(|offers| offers.returned_by);
    match returned_by.unwrap_or_default() {
        ReturnedBy::Refund => true,
        ReturnedBy::Cancellation => is_cancelled,
        ReturnedBy::Never => false,
    }
}
