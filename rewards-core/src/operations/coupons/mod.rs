//! Coupons: books, their codes, and what members and staff do with them.

mod assign_coupons;
mod booklets;
mod check_coupon;
mod claim;
mod create_coupon_book;
mod distribute_coupons;
mod draw;
mod find;
mod generate_coupons;
mod get_coupon;
mod get_coupon_batch;
mod get_coupon_book;
mod given;
mod list_coupon_books;
mod list_coupons;
mod lock_coupon;
mod redeem_coupon;
mod replace_coupon;
mod staff_step;
mod tell;
mod transfer_coupon;
mod unassign_coupon;
mod unlock_coupon;
mod update_coupon_book;
mod upload_coupons;
mod using;
mod void_coupon;
mod window;

pub use assign_coupons::{ASSIGNED_MAX, AssignCoupons, AssignedCoupon, AssignedCoupons};
pub use check_coupon::{CheckCoupon, CheckedCoupon};
pub use claim::{CodeOutcome, WRONG_CODES_MAX};
pub use create_coupon_book::{CreateCouponBook, CreatedCouponBook};
pub use distribute_coupons::{
    CouponShare, DistributeCoupons, DistributedCoupons, POOL_COUPONS_MAX, POOL_MEMBERS_MAX,
    Shortage,
};
pub use draw::CELL_SLOTS;
pub use find::NamedCoupon;
pub use generate_coupons::{GenerateCoupons, GeneratedCoupons};
pub use get_coupon::{CouponDetails, GetCoupon};
pub use get_coupon_batch::{CouponBatchDetails, GetCouponBatch};
pub use get_coupon_book::{CouponBookDetails, CouponBookStatistics, GetCouponBook, OVERDUE_MAX};
pub use given::PURCHASE_COUPONS_MAX;
pub(super) use given::{
    Usable, check_given, find_given, plan_given, redeem_given, return_given, return_values,
};
pub use list_coupon_books::{CouponBookList, ListCouponBooks};
pub use list_coupons::{CouponList, ListCoupons, ListedState};
pub use lock_coupon::{LockCoupon, LockedCoupon};
pub use redeem_coupon::{RedeemCoupon, RedeemedCoupon};
pub use replace_coupon::{ReplaceCoupon, ReplacedCoupon};
pub use transfer_coupon::{TransferCoupon, TransferredCoupon};
pub use unassign_coupon::{UnassignCoupon, UnassignedCoupon};
pub use unlock_coupon::{UnlockCoupon, UnlockedCoupon};
pub use update_coupon_book::{BookStatus, UpdateCouponBook, UpdatedCouponBook};
pub use upload_coupons::{BadLine, KeepLines, LINES_MAX, UploadCoupons, UploadedCoupons};
pub use void_coupon::{VoidCoupon, VoidedCoupon};

use smol_str::format_smolstr;

use super::change_builder::ChangeBuilder;
use super::seen::see_plan;
use crate::command::Undecided;
use crate::context::Context;
use crate::counter::{CounterName, CounterRange, Subject};
use crate::coupons::{BookCount, CODE_USES, Coupon, CouponBook, lasting_until};
use crate::decision::CounterChange;
use crate::entity::{EntityKey, Expected, Stored};
use crate::ids::{CouponBookId, CouponId, TenantId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// The book of a request.
fn book_of(
    snapshot: &Snapshot,
    tenant: &TenantId,
    book: &CouponBookId,
) -> Result<Stored<CouponBook>, Rejection> {
    let found = snapshot.get::<CouponBook>(tenant, book)?;
    found.ok_or_else(|| Rejection::CouponBookUnknown(book.clone()))
}

/// A step of what is counted of a book. What is added to the uses stays within their limit.
fn counted(tenant: &TenantId, book: &CouponBookId, count: BookCount, delta: i64) -> CounterChange {
    CounterChange {
        key: count.key(tenant, book),
        delta,
        bound: (count == BookCount::UsesAbove).then_some(0),
    }
}

/// What is counted of a book when a coupon was counted as something and is what it is now.
fn counted_step(context: &Context, before: BookCount, coupon: &Coupon) -> Vec<CounterChange> {
    let after = coupon.counted_as();
    if before == after {
        return Vec::new();
    }
    let step = |count, delta| counted(&context.tenant, &coupon.book, count, delta);
    let mut steps = vec![step(before, -1), step(after, 1)];
    match (before.is_held(), after.is_held()) {
        (false, true) => steps.extend(lasting(context, coupon, 1)),
        (true, false) => steps.extend(lasting(context, coupon, -1)),
        _ => {}
    }
    steps
}

/// What is counted of coupons that end with the booklet in which they are held, when there are so many more like this one.
fn lasting(context: &Context, coupon: &Coupon, delta: i64) -> Option<CounterChange> {
    coupon.booklet_until().map(|until| CounterChange {
        key: lasting_until(&context.tenant, &coupon.book, until),
        delta,
        bound: None,
    })
}

/// Writes a coupon and what is counted of its book.
fn step(
    builder: &mut ChangeBuilder<'_>,
    context: &Context,
    before: BookCount,
    expected: Expected,
    coupon: &Coupon,
) -> Result<(), Rejection> {
    let counters = counted_step(context, before, coupon);
    builder.changes.counters.extend(counters);
    builder.put(&coupon.coupon, expected, coupon)
}

/// What is left on a coupon of a book whose codes are worth something.
fn value_left(coupon: &Coupon, book: &CouponBook) -> Option<Money> {
    let value = book.terms.value?;
    Some(Money::new(coupon.value_left(value.minor()), value.asset()))
}

/// How often a code was used that anyone may redeem.
fn code_uses(tenant: &TenantId, book: &CouponBookId, coupon: &CouponId) -> CounterRange {
    CounterRange {
        name: CounterName {
            tenant: tenant.clone(),
            subject: Subject::Book(book.clone()),
            name: format_smolstr!("{CODE_USES}{coupon}"),
        },
        from: 0,
        until: 0,
    }
}

/// Asks for coupons that may not be there.
///
/// # Errors
/// As [`see_plan`].
fn see(
    snapshot: &Snapshot,
    context: &Context,
    what: &str,
    entities: Vec<EntityKey>,
) -> Result<(), Undecided> {
    let plan = ReadPlan {
        entities,
        ..ReadPlan::default()
    };
    see_plan(snapshot, context, &format!("coupons {what}"), plan)
}
