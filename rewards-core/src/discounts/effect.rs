//! What one offer takes off a basket as it is.

use super::basket::{Basket, Taken};
use super::pieces::{Group, bundles, got, pick};
use crate::money::{MoneyError, Ratio, Rounding, allocate};
use crate::program::{CompiledOffer, CompiledOfferEffect, CompiledPercent, Each, RunningBase};

/// The lines that an offer is about, and those of each of its groups of pieces.
#[derive(Debug, Clone, Default)]
pub(super) struct Selected {
    pub lines: Vec<bool>,
    /// Of a bundle its parts; of buying and getting both.
    pub groups: Vec<Vec<bool>>,
}

impl Selected {
    /// The groups with how many pieces make each.
    fn groups(&self, pieces: &[u64]) -> Vec<Group<'_>> {
        let groups = self.groups.iter().zip(pieces);
        let groups = groups.map(|(chosen, pieces)| Group {
            chosen,
            pieces: *pieces,
        });
        groups.collect()
    }
}

/// What an offer takes off, given by a coupon that is worth so much.
///
/// # Errors
/// [`MoneyError::Overflow`] when an amount leaves the range of 64-bit minor units.
pub(super) fn taken(
    offer: &CompiledOffer,
    selected: &Selected,
    basket: &Basket,
    base: RunningBase,
    worth: i64,
) -> Result<Taken, MoneyError> {
    let lines = &selected.lines;
    match &offer.effect {
        CompiledOfferEffect::Percent(percent) => {
            let bases = bases(basket, lines, base);
            share_off(&bases, *percent, offer.rounding, basket)
        }
        CompiledOfferEffect::Fixed(amount, Each::Purchase) => {
            once_off(*amount, lines, offer.rounding, basket)
        }
        CompiledOfferEffect::Value => once_off(worth, lines, offer.rounding, basket),
        CompiledOfferEffect::Fixed(amount, Each::Piece) => {
            Ok(by_piece(basket, lines, |pieces, left| {
                amount.saturating_mul(pieces).min(left)
            }))
        }
        CompiledOfferEffect::FixedPrice(price) => Ok(by_piece(basket, lines, |pieces, left| {
            left.saturating_sub(price.saturating_mul(pieces)).max(0)
        })),
        CompiledOfferEffect::Pieces(which, pieces, rate) => {
            let costs = pick(basket, lines, *which, *pieces);
            share_off(
                &costs,
                CompiledPercent::all_of(*rate),
                offer.rounding,
                basket,
            )
        }
        CompiledOfferEffect::BuyGet(own) => {
            let groups = selected.groups(&[own.buy.pieces, own.get.pieces]);
            let [buy, get] = groups.as_slice() else {
                return Ok(Taken::default());
            };
            let costs = got(basket, *buy, *get, own.times);
            share_off(
                &costs,
                CompiledPercent::all_of(own.rate),
                offer.rounding,
                basket,
            )
        }
        CompiledOfferEffect::Bundle {
            parts,
            price,
            times,
        } => {
            let pieces: Vec<u64> = parts.iter().map(|part| part.pieces).collect();
            bundles(basket, &selected.groups(&pieces), *price, *times)
        }
        CompiledOfferEffect::Shipping(percent) => {
            let whole = basket.shipping.of(base);
            let wanted = offer.rounding.multiply(whole, percent.rate)?;
            let wanted = wanted.clamp(0, percent.at_most);
            Ok(Taken::off_shipping(wanted.min(basket.shipping.left)))
        }
        CompiledOfferEffect::Earn => Ok(Taken::default()),
    }
}

/// An amount off all chosen lines together, as far as they cost so much.
fn once_off(
    amount: i64,
    lines: &[bool],
    rounding: Rounding,
    basket: &Basket,
) -> Result<Taken, MoneyError> {
    let bases = bases(basket, lines, RunningBase::Running);
    let all = CompiledPercent {
        rate: Ratio::ONE,
        at_most: amount,
    };
    share_off(&bases, all, rounding, basket)
}

/// What the chosen lines cost, and zero for the others.
fn bases(basket: &Basket, chosen: &[bool], base: RunningBase) -> Vec<i64> {
    let lines = basket.lines.iter().zip(chosen);
    let lines = lines.map(|(line, is_chosen)| if *is_chosen { line.of(base) } else { 0 });
    lines.collect()
}

/// A share of some costs, split over their lines by them: largest remainder first, ties to the earliest line. What a line has not
/// left is not taken off another one; the program gains.
fn share_off(
    costs: &[i64],
    percent: CompiledPercent,
    rounding: Rounding,
    basket: &Basket,
) -> Result<Taken, MoneyError> {
    let whole = costs.iter().copied().fold(0, i64::saturating_add);
    if whole <= 0 {
        return Ok(Taken::default());
    }
    let wanted = rounding.multiply(whole, percent.rate)?;
    let wanted = wanted.clamp(0, percent.at_most.min(whole));
    let weights: Vec<u64> = costs
        .iter()
        .map(|cost| cost.max(&0).unsigned_abs())
        .collect();
    let shares = allocate(wanted, &weights)?.into_iter().zip(&basket.lines);
    let shares = shares.map(|(share, line)| share.min(line.left));
    Ok(Taken::off_lines(shares.collect()))
}

/// Something off each of the chosen lines, by their pieces and by what is left of them.
fn by_piece(basket: &Basket, chosen: &[bool], off: impl Fn(i64, i64) -> i64) -> Taken {
    let lines = basket.lines.iter().zip(chosen);
    let lines = lines.map(|(line, is_chosen)| {
        let pieces = i64::try_from(line.pieces).unwrap_or(i64::MAX);
        if *is_chosen {
            off(pieces, line.left)
        } else {
            0
        }
    });
    Taken::off_lines(lines.collect())
}
