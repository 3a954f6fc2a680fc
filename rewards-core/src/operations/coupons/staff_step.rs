//! A step of a coupon that is taken for its holder, if it has one, by somebody else.

use super::super::change_builder::ChangeBuilder;
use super::super::seen::see_rows;
use super::find::{NamedCoupon, book_of_coupon, refused};
use super::{counted_step, step};
use crate::command::Undecided;
use crate::context::Context;
use crate::coupons::{Coupon, CouponBook, CouponRefusal};
use crate::decision::Changes;
use crate::entity::{Expected, Stored};
use crate::ids::MemberId;
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

/// What becomes of a coupon, and what its holder is told and loses of what is counted.
pub(super) struct StaffStep<'a> {
    pub snapshot: &'a Snapshot,
    pub context: &'a Context,
    pub named: &'a NamedCoupon,
}

impl StaffStep<'_> {
    /// Takes a step with a coupon. Its holder's row is changed with it, by `tell`.
    ///
    /// # Errors
    /// [`Rejection::CouponUnknown`]; what the step refuses; [`Undecided::Needs`] the book and the holder.
    pub fn take(
        &self,
        take: impl FnOnce(Coupon, &CouponBook, Timestamp) -> Result<Coupon, CouponRefusal>,
        tell: impl FnOnce(&mut ChangeBuilder<'_>, &Coupon, &MemberId),
    ) -> Result<(Coupon, Changes), Undecided> {
        let Self {
            snapshot, context, ..
        } = self;
        let found = self.named.find(snapshot, &context.tenant)?;
        let Stored { version, entity } = found.ok_or(Rejection::CouponUnknown)?;
        let expected = Expected::Version(version);
        let book = book_of_coupon(snapshot, context, &entity)?;
        let (before, holder) = (entity.counted_as(), entity.holder.clone());
        let now = context.now;
        let coupon = take(entity, &book, now).map_err(|refusal| refused(refusal, now))?;
        let Some(holder) = holder else {
            let mut changes = Changes {
                counters: counted_step(context, before, &coupon),
                ..Changes::default()
            };
            changes.put(&context.tenant, &coupon.coupon, expected, &coupon)?;
            return Ok((coupon, changes));
        };
        see_rows(snapshot, context, [&holder])?;
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, &holder)?;
        step(&mut builder, context, before, expected, &coupon)?;
        tell(&mut builder, &coupon, &holder);
        Ok((coupon, builder.finish()?))
    }
}
