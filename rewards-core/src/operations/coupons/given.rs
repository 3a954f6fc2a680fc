//! Coupons that are given with a purchase: found, redeemed with it, and given back when it is undone.
//!
//! They are named by their ids, which nobody can guess, so no attempt is counted. One that is not the member's is unknown, whoever
//! holds it.

use std::collections::BTreeMap;

use super::super::change_builder::ChangeBuilder;
use super::super::presence::check_active;
use super::super::seen::see_plan;
use super::booklets::check_unlocked;
use super::claim::{is_holder, of_member};
use super::find::{check_open, refused};
use super::using::{Using, check_limits, uses_of};
use super::{book_of, value_left};
use crate::command::Undecided;
use crate::context::Context;
use crate::coupons::{BookCount, CodeUser, Coupon, CouponBook};
use crate::entity::{EntityKey, Stored};
use crate::ids::{CouponBookId, CouponId, MemberId, OrderId, PurchaseId};
use crate::member::MemberProfile;
use crate::money::{Asset, Money};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};

/// The most coupons that are given with one purchase.
pub const PURCHASE_COUPONS_MAX: usize = 50;

/// A coupon that may be redeemed with a purchase.
#[derive(Debug, Clone)]
pub(in crate::operations) struct Usable {
    pub stored: Stored<Coupon>,
    pub book: CouponBook,
}

impl Usable {
    /// What is left of what it is worth, in minor units of an asset; none when it is worth nothing in that.
    pub fn worth(&self, asset: Asset) -> Option<i64> {
        let left = value_left(&self.stored.entity, &self.book);
        left.filter(|left| left.asset() == asset).map(Money::minor)
    }
}

/// Checks the list of coupons of a request.
pub(in crate::operations) fn check_given(coupons: &[CouponId]) -> Vec<Problem> {
    if coupons.len() > PURCHASE_COUPONS_MAX {
        let detail = format!(
            "at most {PURCHASE_COUPONS_MAX} coupons, got {}",
            coupons.len()
        );
        return vec![Problem::new("too_many_coupons", "coupons", detail)];
    }
    let repeated = coupons.iter().enumerate().filter(|(at, coupon)| {
        let mut earlier = coupons.iter().take(*at);
        earlier.any(|other| other == *coupon)
    });
    repeated
        .map(|(at, coupon)| {
            let detail = format!("coupon `{coupon}` is in the list already");
            Problem::new("coupon_duplicate", format!("coupons[{at}]"), detail)
        })
        .collect()
}

/// The rows of coupons.
pub(in crate::operations) fn plan_given(
    context: &Context,
    coupons: &[CouponId],
    plan: &mut ReadPlan,
) {
    let keys = coupons.iter();
    let keys = keys.map(|coupon| EntityKey::of::<Coupon>(&context.tenant, coupon));
    plan.entities.extend(keys);
}

/// The coupons of a member, each as it can be redeemed for a purchase now, or why it cannot.
///
/// # Errors
/// [`Undecided::Needs`] their books and what is counted of them.
pub(in crate::operations) fn find_given(
    snapshot: &Snapshot,
    context: &Context,
    profile: &MemberProfile,
    (member, purchase): (&MemberId, &PurchaseId),
    coupons: &[CouponId],
) -> Result<Vec<Result<Usable, Rejection>>, Undecided> {
    see_books(snapshot, context, member, coupons)?;
    let order = order_of(purchase)?;
    let mut earlier: BTreeMap<CouponBookId, i64> = BTreeMap::new();
    let mut found = Vec::with_capacity(coupons.len());
    for id in coupons {
        let usable = find_one(snapshot, context, profile, member, id).and_then(|usable| {
            let before = earlier.entry(usable.book.book.clone()).or_default();
            check_usable(snapshot, context, member, (&usable, &order), *before)?;
            *before = before.saturating_add(1);
            Ok(usable)
        });
        found.push(match usable {
            Ok(usable) => unlocked(snapshot, context, usable)?,
            Err(refused) => Err(refused),
        });
    }
    Ok(found)
}

/// A coupon that comes next in its booklet, or why it does not.
fn unlocked(
    snapshot: &Snapshot,
    context: &Context,
    usable: Usable,
) -> Result<Result<Usable, Rejection>, Undecided> {
    match check_unlocked(snapshot, context, &usable.book, &usable.stored.entity) {
        Ok(()) => Ok(Ok(usable)),
        Err(Undecided::Rejected(refused)) => Ok(Err(refused)),
        Err(needs) => Err(needs),
    }
}

/// Asks for the books of coupons, and for what is counted of their uses.
fn see_books(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    coupons: &[CouponId],
) -> Result<(), Undecided> {
    let mut plan = ReadPlan::default();
    // Only of those that are there: a command before this one in its batch may bring others, of other books.
    let mut ids: Vec<&str> = Vec::with_capacity(coupons.len());
    for id in coupons {
        if let Some(stored) = snapshot.get::<Coupon>(&context.tenant, id)? {
            let book = &stored.entity.book;
            plan.entities
                .push(EntityKey::of::<CouponBook>(&context.tenant, book));
            plan.counters
                .extend(uses_of(context, member, &stored.entity));
            ids.push(id.as_str());
        }
    }
    if plan.entities.is_empty() {
        return Ok(());
    }
    let what = format!("given {member} {}", ids.join(" "));
    see_plan(snapshot, context, &what, plan)
}

fn find_one(
    snapshot: &Snapshot,
    context: &Context,
    profile: &MemberProfile,
    member: &MemberId,
    id: &CouponId,
) -> Result<Usable, Rejection> {
    check_active(profile, member)?;
    let stored = snapshot.get::<Coupon>(&context.tenant, id)?;
    let stored = stored.ok_or(Rejection::CouponUnknown)?;
    let book = book_of(snapshot, &context.tenant, &stored.entity.book)?.entity;
    if book.terms.user() == CodeUser::Holder && !is_holder(profile, &stored.entity, member) {
        return Err(Rejection::CouponUnknown);
    }
    Ok(Usable { stored, book })
}

/// Checks that a coupon can be redeemed when so many of its book are before it.
fn check_usable(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    (usable, order): (&Usable, &OrderId),
    before: i64,
) -> Result<(), Rejection> {
    let (book, now) = (&usable.book, context.now);
    check_open(book, now, true)?;
    let coupon = usable.stored.entity.clone();
    let is_over = book.is_over_for(&coupon, now);
    let checked = match book.terms.user() {
        CodeUser::Anyone => coupon.check_usable(now, is_over),
        CodeUser::Holder => {
            let (rule, most) = (book.terms.lock_rule(), book.terms.uses_of_code());
            let redeemed = coupon.redeem(Some(order), rule, most, now, is_over);
            redeemed.map(|_| ())
        }
    };
    checked.map_err(|refusal| refused(refusal, now))?;
    let row = snapshot.members.get(&context.member_key(member));
    let own = of_member(context, member, &book.book, "uses");
    let used = snapshot.count(&own, row).saturating_add(before);
    let above = BookCount::UsesAbove.range(&context.tenant, &book.book);
    let above = snapshot.count(&above, None).saturating_add(before);
    check_limits(book, used, above)
}

/// Redeems coupons that were [found](find_given) for a purchase, each with how much of what it is worth is spent.
pub(in crate::operations) fn redeem_given(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    (member, purchase): (&MemberId, &PurchaseId),
    used: impl IntoIterator<Item = (Usable, Option<Money>)>,
) -> Result<(), Undecided> {
    let order = order_of(purchase)?;
    for (Usable { stored, book }, spent) in used {
        let mut using = Using {
            builder,
            snapshot,
            context,
            book: &book,
            member,
            order: Some(&order),
            spent,
        };
        using.redeem(stored)?;
    }
    Ok(())
}

/// Gives the uses of coupons back that were redeemed for a purchase of a member, with what each has spent of what it is worth. A
/// coupon that is not there any more gets nothing back.
///
/// # Errors
/// [`Undecided::Needs`] the coupons and their books.
pub(in crate::operations) fn return_given(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    whose: (&MemberId, &PurchaseId),
    coupons: &[CouponId],
    spent_of: impl Fn(&CouponId) -> Option<Money>,
) -> Result<(), Undecided> {
    let order = order_of(whose.1)?;
    let give_back = |using: &mut Using<'_, '_>, stored: Stored<Coupon>| {
        using.spent = spent_of(&stored.entity.coupon);
        using.give_back(stored, &order)
    };
    each_given(builder, snapshot, context, whose, coupons, give_back)
}

/// Gives coupons back what was spent of what they are worth for a part of a purchase that is undone. Their uses stay made.
///
/// # Errors
/// [`Undecided::Needs`] the coupons and their books.
pub(in crate::operations) fn return_values(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    whose: (&MemberId, &PurchaseId),
    values: &[(CouponId, Money)],
) -> Result<(), Undecided> {
    let order = order_of(whose.1)?;
    let coupons: Vec<CouponId> = values.iter().map(|(coupon, _)| coupon.clone()).collect();
    let give_back = |using: &mut Using<'_, '_>, stored: Stored<Coupon>| {
        let mut values = values.iter();
        let value = values.find(|(coupon, _)| *coupon == stored.entity.coupon);
        value.map_or(Ok(()), |(_, value)| {
            using.return_value(stored, &order, *value)
        })
    };
    each_given(builder, snapshot, context, whose, &coupons, give_back)
}

/// Does something with each coupon of a purchase that is still there.
fn each_given(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    (member, purchase): (&MemberId, &PurchaseId),
    coupons: &[CouponId],
    with: impl Fn(&mut Using<'_, '_>, Stored<Coupon>) -> Result<(), Rejection>,
) -> Result<(), Undecided> {
    if coupons.is_empty() {
        return Ok(());
    }
    let mut plan = ReadPlan::default();
    plan_given(context, coupons, &mut plan);
    let what = format!("returned {purchase}");
    see_plan(snapshot, context, &what, plan)?;
    see_books(snapshot, context, member, coupons)?;
    for id in coupons {
        let Some(stored) = snapshot.get::<Coupon>(&context.tenant, id)? else {
            continue;
        };
        let book = book_of(snapshot, &context.tenant, &stored.entity.book)?.entity;
        let mut using = Using {
            builder,
            snapshot,
            context,
            book: &book,
            member,
            order: None,
            spent: None,
        };
        with(&mut using, stored)?;
    }
    Ok(())
}

/// A purchase as the order that its coupons are redeemed for, and locked by.
fn order_of(purchase: &PurchaseId) -> Result<OrderId, Rejection> {
    OrderId::new(purchase.as_str()).map_err(|_| Rejection::Internal("a purchase is no order"))
}
