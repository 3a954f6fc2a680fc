//! Coupons that are worth an amount: what they have spent comes back with the parts of purchases that are refunded, and no more than
//! that with the rest.

use std::collections::BTreeMap;

use rewards_core::coupons::BookCount;
use rewards_core::event::Event;
use rewards_core::ids::{CouponId, PurchaseId};
use rewards_core::refunds::RefundKind;

use super::everything::Told;
use super::offers::gives_back;
use super::refunds::share;
use super::story::{Bought, Story};
use super::{Check, Findings};
use crate::simulation::Failed;
use crate::simulation::books::Books;

/// What came back of what a coupon has spent with a purchase, in minor units.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Back {
    /// With refunds of parts.
    in_part: i64,
    /// With the use itself.
    with_use: Option<i64>,
}

pub(super) fn check(
    books: &Books,
    story: &Story<'_>,
    told: &Told<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let told = told_back(told);
    let refunded = refunded(story);
    for (id, bought) in &story.purchases {
        let Some(stored) = books.purchases.get(id.as_str()) else {
            continue;
        };
        for spent in &stored.entity.coupon_values {
            let coupon = &spent.0;
            let kept = books.coupons.get(coupon.as_str());
            // Nothing comes back to one that was voided.
            if kept.is_none_or(|kept| kept.counted_as() == BookCount::Voided) {
                continue;
            }
            let back = told.get(&(coupon.to_string(), id.to_string()));
            let back = back.copied().unwrap_or_default();
            let name = format!("what came back to {coupon} in parts of {id}");
            findings.same(Check::Discount, name, spent.1 - spent.left(), back.in_part);
            let is_right = match back.with_use {
                Some(rest) => rest + back.in_part == spent.1,
                None => back.in_part <= spent.1,
            };
            if !is_right {
                let detail = format!("{coupon} spent {spent:?} with {id}, and got back {back:?}");
                findings.add(Check::Discount, detail);
            }
            if bought.order.lines.is_empty() {
                let refunds = refunded.get(id).map_or(&[][..], Vec::as_slice);
                let expected = in_parts(story, bought, coupon, refunds)?;
                let name = format!("what refunds of {id} give back to {coupon}");
                findings.same(Check::Discount, name, expected, i128::from(back.in_part));
            }
        }
    }
    Ok(())
}

/// What was told of values, by coupon and order.
fn told_back(told: &Told<'_>) -> BTreeMap<(String, String), Back> {
    let mut found: BTreeMap<(String, String), Back> = BTreeMap::new();
    for event in told.values().flatten() {
        match event {
            Event::CouponValueReturned {
                coupon,
                order,
                amount,
                ..
            } => {
                let place = (coupon.to_string(), order.to_string());
                found.entry(place).or_default().in_part += amount.minor();
            }
            Event::CouponReturned {
                coupon,
                order,
                amount: Some(amount),
                ..
            } => {
                let place = (coupon.to_string(), order.to_string());
                let back = found.entry(place).or_default();
                *back.with_use.get_or_insert_default() += amount.minor();
            }
            _ => {}
        }
    }
    found
}

/// The refunds of each purchase in their order: of which kind, and how much came back.
fn refunded(story: &Story<'_>) -> BTreeMap<PurchaseId, Vec<(RefundKind, i64)>> {
    let mut found: BTreeMap<PurchaseId, Vec<(RefundKind, i64)>> = BTreeMap::new();
    for record in story.members.values().flatten() {
        if let Event::PurchaseRefunded {
            purchase,
            kind,
            amount,
            ..
        } = &record.event
        {
            let refunds = found.entry(purchase.clone()).or_default();
            refunds.push((*kind, amount.minor()));
        }
    }
    found
}

/// What refunds of parts of a purchase without lines give back to a coupon: as much of what it has spent as of what was paid, rounded
/// down in all.
fn in_parts(
    story: &Story<'_>,
    bought: &Bought<'_>,
    coupon: &CouponId,
    refunds: &[(RefundKind, i64)],
) -> Result<i128, Failed> {
    if !gives_back(story.document(bought)?, false) {
        return Ok(0);
    }
    let discount = bought.reply.decision.discount.iter();
    let applied = discount.flat_map(|discount| &discount.applied);
    let own = applied.filter(|applied| applied.coupon == *coupon);
    let spent: i64 = own.map(|applied| applied.taken_off.minor()).sum();
    let total = bought.paid();
    let (mut before, mut back) = (0_i64, 0_i128);
    for (kind, amount) in refunds {
        let after = before + amount;
        let is_whole = after >= total;
        if *kind == RefundKind::Refund && !is_whole {
            back += share(spent, after, total, false) - share(spent, before, total, false);
        }
        before = after;
    }
    Ok(back)
}
