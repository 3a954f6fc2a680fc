//! A member tells a code, and says that it is the member's own.
//!
//! A wrong code costs an attempt: the command is applied, its reply says that the code is not accepted and nothing else, and the true
//! reason is in the event. Whether there is no such code, nobody holds it or somebody else does is one answer. So many attempts in one
//! hour, and no other is looked at before the next.

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::super::change_builder::ChangeBuilder;
use super::super::presence::check_active;
use super::super::seen::see_plan;
use super::find::{NamedCoupon, book_of_coupon, check_open};
use crate::command::Undecided;
use crate::context::Context;
use crate::counter::{CounterName, CounterRange};
use crate::coupons::{CodeUser, Coupon, CouponBook};
use crate::entity::{EntityKey, Stored};
use crate::event::{CodeRefusal, Event};
use crate::ids::{CouponBookId, CouponId, IdAllocator, MemberId};
use crate::member::{MemberProfile, MemberRow};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::{MICROS_PER_HOUR, Timestamp};

/// How many codes of one member are not accepted in an hour, before none is looked at any more.
pub const WRONG_CODES_MAX: u32 = 10;

/// Whether a code was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum CodeOutcome {
    /// It is the member's, and it was done.
    Accepted,
    /// It is no code of the member's. Nothing was done but to count the attempt.
    NotAccepted,
}

/// A coupon that a member may use.
#[derive(Debug)]
pub(super) struct Claimed {
    pub stored: Stored<Coupon>,
    pub book: CouponBook,
}

/// The rows that a claim must see.
pub(super) fn claim_plan(context: &Context, named: &NamedCoupon, member: &MemberId) -> ReadPlan {
    ReadPlan {
        members: vec![context.member_key(member)],
        entities: named.keys(&context.tenant),
        counters: vec![attempts(context, member)],
        ..ReadPlan::default()
    }
}

/// Opens the changes of a member who takes part, and gives the coupon when the member may use it; else the attempt is counted,
/// and there is none. Counters that are to be seen beside it are asked for with its book.
///
/// # Errors
/// As [`ChangeBuilder::open_as_is`] and [`check_active`]; [`Rejection::TooManyAttempts`]; what a book that is not open refuses;
/// [`Undecided::Needs`] the book.
pub(super) fn claim<'a>(
    named: &NamedCoupon,
    snapshot: &'a Snapshot,
    context: &'a Context,
    ids: &'a IdAllocator,
    member: &MemberId,
    counters: impl FnOnce(&Coupon) -> Vec<CounterRange>,
) -> Result<(ChangeBuilder<'a>, Option<Claimed>), Undecided> {
    let mut builder = ChangeBuilder::open_as_is(snapshot, context, ids, member)?;
    check_active(&builder.row.profile, member)?;
    let range = attempts(context, member);
    let tried = snapshot.count(&range, Some(&builder.row));
    if tried >= i64::from(WRONG_CODES_MAX) {
        let next = range.from.saturating_add(1).saturating_mul(MICROS_PER_HOUR);
        let until = Timestamp::from_micros(next).unwrap_or(Timestamp::MAX);
        return Err(Rejection::TooManyAttempts { until }.into());
    }
    let Some(stored) = named.find(snapshot, &context.tenant)? else {
        refuse(&mut builder, &range, CodeRefusal::Unknown, None);
        return Ok((builder, None));
    };
    let coupon = &stored.entity;
    let counters = counters(coupon);
    if !counters.is_empty() {
        let plan = ReadPlan {
            entities: vec![EntityKey::of::<CouponBook>(&context.tenant, &coupon.book)],
            counters,
            ..ReadPlan::default()
        };
        let what = format!("claim {} {member}", coupon.coupon);
        see_plan(snapshot, context, &what, plan)?;
    }
    let book = book_of_coupon(snapshot, context, coupon)?;
    if book.terms.user() == CodeUser::Holder && !is_holder(&builder.row.profile, coupon, member) {
        let reason = match coupon.holder {
            None => CodeRefusal::NotAssigned,
            Some(_) => CodeRefusal::OfAnother,
        };
        let coupon = coupon.coupon.clone();
        refuse(&mut builder, &range, reason, Some(coupon));
        return Ok((builder, None));
    }
    Ok((builder, Some(Claimed { stored, book })))
}

/// Checks that the codes of a book can be used now.
pub(super) fn check_use(claimed: &Claimed, now: Timestamp) -> Result<(), Rejection> {
    check_open(&claimed.book, now, true)
}

/// Whether a coupon is a member's, or was that of somebody who was merged into the member.
pub(super) fn is_holder(profile: &MemberProfile, coupon: &Coupon, member: &MemberId) -> bool {
    let holder = coupon.holder.as_ref();
    holder.is_some_and(|holder| profile.stands_for(member, holder))
}

fn refuse(
    builder: &mut ChangeBuilder<'_>,
    range: &CounterRange,
    reason: CodeRefusal,
    coupon: Option<CouponId>,
) {
    builder.count(range.name.at(range.from), 1, None);
    builder.emit(Event::CodeNotAccepted { reason, coupon });
}

/// The wrong codes of a member in this hour.
fn attempts(context: &Context, member: &MemberId) -> CounterRange {
    let hour = context.now.micros().div_euclid(MICROS_PER_HOUR);
    CounterRange {
        name: CounterName::of_member(&context.tenant, member, "coupons/wrong"),
        from: hour,
        until: hour,
    }
}

/// How many codes of a book a member was assigned, or how often the member redeemed them.
pub(super) fn of_member(
    context: &Context,
    member: &MemberId,
    book: &CouponBookId,
    what: &str,
) -> CounterRange {
    let name: SmolStr = format_smolstr!("coupons/{what}/{book}");
    CounterRange {
        name: CounterName::of_member(&context.tenant, member, &name),
        from: 0,
        until: 0,
    }
}

/// How many codes more of a book a member may have.
pub(super) fn codes_room(
    row: &MemberRow,
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    book: &CouponBook,
) -> u32 {
    let Some(most) = book.terms.limits().codes_per_member else {
        return u32::MAX;
    };
    let range = of_member(context, member, &book.book, "codes");
    let held = snapshot.count(&range, Some(row));
    u32::try_from(i64::from(most).saturating_sub(held)).unwrap_or_default()
}

/// Checks that a member may have so many codes more.
///
/// # Errors
/// [`Rejection::CouponLimit`].
pub(super) fn check_codes(room: u32, asked: u32, book: &CouponBook) -> Result<(), Rejection> {
    match book.terms.limits().codes_per_member {
        Some(most) if asked > room => {
            let limit = "codes_per_member";
            Err(Rejection::CouponLimit { limit, most })
        }
        _ => Ok(()),
    }
}
