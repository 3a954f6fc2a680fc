//! Coupons that are given together, and which of them come before others.

use super::super::seen::{for_each, see_entities};
use crate::command::Undecided;
use crate::context::Context;
use crate::coupons::{BookletOrder, BookletPlace, Coupon, CouponBook, CouponState};
use crate::entity::{EntityKey, Stored};
use crate::ids::CouponId;
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

/// Checks that so many coupons of a book are whole booklets.
///
/// # Errors
/// [`Rejection::BookletIncomplete`].
pub(super) fn check_whole(book: &CouponBook, asked: u32) -> Result<(), Rejection> {
    match book.terms.given_together() {
        coupons if asked.checked_rem(coupons) == Some(0) => Ok(()),
        coupons => Err(Rejection::BookletIncomplete { coupons }),
    }
}

/// Of so many coupons those that are whole booklets.
pub(super) fn whole(book: &CouponBook, count: u32) -> u32 {
    let left = count.checked_rem(book.terms.given_together());
    count.saturating_sub(left.unwrap_or_default())
}

/// The places of coupons that are given at an instant, in their order: none where a book has no booklets.
pub(super) fn places<'c>(
    book: &CouponBook,
    given: impl Iterator<Item = &'c CouponId>,
    at: Timestamp,
) -> Vec<Option<BookletPlace>> {
    let ids: Vec<CouponId> = given.cloned().collect();
    let terms = book.terms.booklet.clone();
    let size = usize::try_from(book.terms.given_together()).unwrap_or(usize::MAX);
    let mut places = Vec::with_capacity(ids.len());
    for booklet in ids.chunks(size.max(1)) {
        for (_, place) in booklet.iter().zip(0..) {
            places.push(terms.as_ref().map(|terms| BookletPlace {
                coupons: booklet.to_vec(),
                place,
                until: terms.until(at),
            }));
        }
    }
    places
}

/// Checks that the coupons of a booklet that come before this one are used up or voided, where they have an order.
///
/// # Errors
/// [`Rejection::CouponNotUnlocked`]; [`Undecided::Needs`] those coupons.
pub(super) fn check_unlocked(
    snapshot: &Snapshot,
    context: &Context,
    book: &CouponBook,
    coupon: &Coupon,
) -> Result<(), Undecided> {
    let order = book.terms.booklet.as_ref().map(|booklet| booklet.order());
    let place = coupon.booklet.as_ref();
    let Some(place) = place.filter(|_| order == Some(BookletOrder::InSequence)) else {
        return Ok(());
    };
    for before in place.before() {
        let before = newest(snapshot, context, before)?.entity;
        match before.state(context.now, false) {
            // It was unlocked itself.
            CouponState::Redeemed => return Ok(()),
            CouponState::Voided => {}
            _ => {
                let after = before.coupon;
                return Err(Rejection::CouponNotUnlocked { after }.into());
            }
        }
    }
    Ok(())
}

/// The other coupons of the same booklet that the same member holds, and that are not used up.
///
/// # Errors
/// [`Undecided::Needs`] them.
pub(super) fn held_with(
    snapshot: &Snapshot,
    context: &Context,
    coupon: &Coupon,
) -> Result<Vec<Stored<Coupon>>, Undecided> {
    let Some(place) = &coupon.booklet else {
        return Ok(Vec::new());
    };
    let others = for_each(place.others(), |other| newest(snapshot, context, other))?;
    let is_held = |other: &Coupon| other.counted_as().is_held() && other.holder == coupon.holder;
    let held = others.into_iter().filter(|other| is_held(&other.entity));
    Ok(held.collect())
}

/// A coupon of a booklet, or what has replaced it.
///
/// # Errors
/// [`Undecided::Needs`] it.
pub(super) fn newest(
    snapshot: &Snapshot,
    context: &Context,
    coupon: &CouponId,
) -> Result<Stored<Coupon>, Undecided> {
    let mut id = coupon.clone();
    loop {
        let key = EntityKey::of::<Coupon>(&context.tenant, &id);
        see_entities(snapshot, [key])?;
        let found = snapshot.get::<Coupon>(&context.tenant, &id)?;
        let stored = found.ok_or(Rejection::CouponUnknown)?;
        match stored.entity.replaced_by() {
            Some(next) => id = next.clone(),
            None => return Ok(stored),
        }
    }
}
