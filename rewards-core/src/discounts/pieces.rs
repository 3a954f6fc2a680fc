//! Single pieces: which are picked, and what they cost.
//!
//! The pieces of a line cost what is left of it, split as evenly as minor units allow: those that cost one unit more are counted as
//! a kind of their own. So a line of a million pieces is two kinds, and picking is arithmetic.

use std::cmp::Reverse;

use super::basket::{Basket, Taken};
use crate::money::{MoneyError, allocate};
use crate::program::Which;

/// The most bundles that one offer makes of one purchase.
pub const BUNDLES_MAX: u32 = 100;

/// Pieces of one line that cost the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    line: usize,
    price: i64,
    pieces: u64,
}

/// The pieces of the chosen lines, the cheapest or the dearest first; of those that cost the same, those of the earliest line.
fn kinds(basket: &Basket, chosen: &[bool], which: Which) -> Vec<Kind> {
    let lines = basket.lines.iter().enumerate().zip(chosen);
    let lines = lines.filter(|(_, is_chosen)| **is_chosen);
    let mut kinds = Vec::new();
    for ((line, price), _) in lines {
        let (each, more) = split(price.left, price.pieces);
        let rest = price.pieces.saturating_sub(more);
        for (price, pieces) in [(each.saturating_add(1), more), (each, rest)] {
            if pieces > 0 {
                kinds.push(Kind {
                    line,
                    price,
                    pieces,
                });
            }
        }
    }
    match which {
        Which::Cheapest => kinds.sort_by_key(|kind| (kind.price, kind.line)),
        Which::Dearest => kinds.sort_by_key(|kind| (Reverse(kind.price), kind.line)),
    }
    kinds
}

/// What a piece costs, and how many cost one minor unit more.
fn split(left: i64, pieces: u64) -> (i64, u64) {
    let left = left.max(0).unsigned_abs();
    let each = left.checked_div(pieces).unwrap_or_default();
    let more = left.checked_rem(pieces).unwrap_or_default();
    (i64::try_from(each).unwrap_or(i64::MAX), more)
}

/// So many pieces of a kind. They are never more than the line has, so what they cost is no more than the line does.
fn cost(price: i64, pieces: u64) -> i64 {
    i64::try_from(pieces).map_or(i64::MAX, |pieces| price.saturating_mul(pieces))
}

fn add(costs: &mut [i64], line: usize, minor: i64) {
    if let Some(cost) = costs.get_mut(line) {
        *cost = cost.saturating_add(minor);
    }
}

/// What the cheapest or the dearest pieces of the chosen lines cost, line by line.
pub(super) fn pick(basket: &Basket, chosen: &[bool], which: Which, most: u64) -> Vec<i64> {
    let mut costs = vec![0; basket.lines.len()];
    let mut left = most;
    for kind in kinds(basket, chosen, which) {
        let picked = kind.pieces.min(left);
        left = left.saturating_sub(picked);
        add(&mut costs, kind.line, cost(kind.price, picked));
    }
    costs
}

/// Lines with how many of their pieces make one group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group<'a> {
    pub chosen: &'a [bool],
    pub pieces: u64,
}

/// What the pieces cost that are got by those who buy others, line by line. No piece is both.
pub(super) fn got(basket: &Basket, buy: Group<'_>, get: Group<'_>, most: u64) -> Vec<i64> {
    let (mut bought_only, mut got_only, mut both) = (0_u128, 0_u128, 0_u128);
    let lines = basket.lines.iter().zip(buy.chosen.iter().zip(get.chosen));
    for (line, (is_bought, is_got)) in lines {
        let sum = match (is_bought, is_got) {
            (true, true) => &mut both,
            (true, false) => &mut bought_only,
            (false, true) => &mut got_only,
            (false, false) => continue,
        };
        *sum = sum.saturating_add(u128::from(line.pieces));
    }
    let (buys, gets) = (u128::from(buy.pieces), u128::from(get.pieces));
    let groups = |pieces: u128, each: u128| pieces.checked_div(each).unwrap_or_default();
    let all = bought_only.saturating_add(got_only).saturating_add(both);
    let times = groups(bought_only.saturating_add(both), buys)
        .min(groups(got_only.saturating_add(both), gets))
        .min(groups(all, buys.saturating_add(gets)))
        .min(u128::from(most));
    // Of the pieces that could be either, so many have to be bought.
    let held = times.saturating_mul(buys).saturating_sub(bought_only);
    let mut free_both = both.saturating_sub(held);
    let mut left = times.saturating_mul(gets);
    let mut costs = vec![0; basket.lines.len()];
    for kind in kinds(basket, get.chosen, Which::Cheapest) {
        let is_both = buy.chosen.get(kind.line).copied().unwrap_or_default();
        let mut picked = u128::from(kind.pieces).min(left);
        if is_both {
            picked = picked.min(free_both);
            free_both = free_both.saturating_sub(picked);
        }
        left = left.saturating_sub(picked);
        let picked = u64::try_from(picked).unwrap_or(u64::MAX);
        add(&mut costs, kind.line, cost(kind.price, picked));
    }
    costs
}

/// What bundles take off: each what its pieces cost above its price, split over their lines by that.
///
/// # Errors
/// [`MoneyError`] as splitting does.
pub(super) fn bundles(
    basket: &Basket,
    parts: &[Group<'_>],
    price: i64,
    times: u32,
) -> Result<Taken, MoneyError> {
    let mut lists: Vec<(Vec<Kind>, u64)> = Vec::with_capacity(parts.len());
    for part in parts {
        lists.push((kinds(basket, part.chosen, Which::Dearest), part.pieces));
    }
    let mut used = vec![[0_u64; 2]; basket.lines.len()];
    let mut taken = vec![0_i64; basket.lines.len()];
    for _ in 0..times.min(BUNDLES_MAX) {
        let Some(costs) = fill(&lists, &mut used, basket) else {
            break;
        };
        let cost = costs.iter().copied().fold(0, i64::saturating_add);
        let off = cost.saturating_sub(price);
        // Those that follow cost no more.
        if off <= 0 {
            break;
        }
        let weights: Vec<u64> = costs.iter().map(|cost| cost.unsigned_abs()).collect();
        for (line, share) in allocate(off, &weights)?.into_iter().enumerate() {
            add(&mut taken, line, share);
        }
    }
    Ok(Taken::off_lines(taken))
}

/// Fills one bundle with the dearest pieces that are left; says what they cost, line by line.
fn fill(lists: &[(Vec<Kind>, u64)], used: &mut [[u64; 2]], basket: &Basket) -> Option<Vec<i64>> {
    let mut costs = vec![0; basket.lines.len()];
    for (kinds, wanted) in lists {
        let mut left = *wanted;
        for kind in kinds {
            let price = basket.lines.get(kind.line)?;
            // Of the two kinds of a line, the dearer one comes first.
            let is_dearer = kind.price > split(price.left, price.pieces).0;
            let used = used.get_mut(kind.line)?.get_mut(usize::from(!is_dearer))?;
            let picked = kind.pieces.saturating_sub(*used).min(left);
            *used = used.saturating_add(picked);
            left = left.saturating_sub(picked);
            add(&mut costs, kind.line, cost(kind.price, picked));
            if left == 0 {
                break;
            }
        }
        if left > 0 {
            return None;
        }
    }
    Some(costs)
}
