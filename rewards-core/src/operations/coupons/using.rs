//! A use of a coupon: made, counted and given back.

use super::super::change_builder::ChangeBuilder;
use super::booklets::check_unlocked;
use super::claim::of_member;
use super::find::refused;
use super::{code_uses, counted, step, value_left};
use crate::command::Undecided;
use crate::context::Context;
use crate::counter::CounterRange;
use crate::coupons::{BookCount, CodeUser, Coupon, CouponBook};
use crate::entity::Stored;
use crate::event::Event;
use crate::ids::{MemberId, OrderId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// The counters of the uses of a coupon: of the member, of its book, and of a code that anyone may redeem.
pub(super) fn uses_of(context: &Context, member: &MemberId, coupon: &Coupon) -> Vec<CounterRange> {
    let tenant = &context.tenant;
    vec![
        of_member(context, member, &coupon.book, "uses"),
        BookCount::UsesAbove.range(tenant, &coupon.book),
        code_uses(tenant, &coupon.book, &coupon.coupon),
    ]
}

/// Checks that a coupon of a book can be used once more by a member who has used some so often, when so many uses above their
/// limit were made of the book.
pub(super) fn check_limits(book: &CouponBook, used: i64, above: i64) -> Result<(), Rejection> {
    check_uses(book, used)?;
    if above >= 0 {
        let (limit, most) = ("uses", book.terms.limits().uses_of_book());
        return Err(Rejection::CouponLimit { limit, most });
    }
    Ok(())
}

/// Checks that a member who has used coupons of a book so often may use one more.
///
/// # Errors
/// [`Rejection::CouponLimit`].
pub(super) fn check_uses(book: &CouponBook, used: i64) -> Result<(), Rejection> {
    match book.terms.limits().uses_per_member {
        Some(most) if used >= i64::from(most) => {
            let limit = "uses_per_member";
            Err(Rejection::CouponLimit { limit, most })
        }
        _ => Ok(()),
    }
}

/// What is known of a coupon after a use of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    /// How often it was used by now.
    pub uses: u32,
    /// What is left of what it is worth.
    pub value_left: Option<Money>,
}

/// What a use of a coupon rests on, and what it changes.
pub(super) struct Using<'a, 'b> {
    pub builder: &'a mut ChangeBuilder<'b>,
    pub snapshot: &'a Snapshot,
    pub context: &'a Context,
    pub book: &'a CouponBook,
    pub member: &'a MemberId,
    pub order: Option<&'a OrderId>,
    /// How much of what the coupon is worth is spent, or comes back.
    pub spent: Option<Money>,
}

impl Using<'_, '_> {
    /// Uses a coupon once; says how often it was used by now.
    ///
    /// # Errors
    /// What a coupon that cannot be redeemed refuses; [`Rejection::CouponLimit`]; what [`check_unlocked`] does.
    pub fn redeem(&mut self, stored: Stored<Coupon>) -> Result<Used, Undecided> {
        let coupon = stored.entity.coupon.clone();
        let used = match self.book.terms.user() {
            CodeUser::Holder => self.use_own(stored)?,
            CodeUser::Anyone => Used {
                uses: self.use_shared(stored)?,
                value_left: None,
            },
        };
        self.count()?;
        let most = self.book.terms.uses_of_code();
        self.builder.emit(Event::CouponRedeemed {
            coupon,
            book: self.book.book.clone(),
            order: self.order.cloned(),
            amount: self.spent,
            used_up: used.uses >= most || used.value_left.is_some_and(|left| left.is_zero()),
        });
        Ok(used)
    }

    /// Uses a coupon of the member's.
    fn use_own(&mut self, stored: Stored<Coupon>) -> Result<Used, Undecided> {
        let (book, now) = (self.book, self.context.now);
        let (expected, before) = (stored.expected(), stored.entity.counted_as());
        let (rule, most) = (book.terms.lock_rule(), book.terms.uses_of_code());
        check_unlocked(self.snapshot, self.context, book, &stored.entity)?;
        let is_over = book.is_over_for(&stored.entity, now);
        let coupon = stored.entity.redeem(self.order, rule, most, now, is_over);
        let coupon = match (self.spent, book.terms.value) {
            (Some(spent), Some(worth)) => coupon.and_then(|own| own.spend(spent, worth.minor())),
            _ => coupon,
        };
        let coupon = coupon.map_err(|refusal| refused(refusal, now))?;
        step(self.builder, self.context, before, expected, &coupon)?;
        Ok(Used {
            uses: coupon.uses,
            value_left: value_left(&coupon, book),
        })
    }

    /// Uses a code that anyone may redeem; says how often it was used by now, of which nobody can be sure who comes in between.
    ///
    /// Whoever makes the last use writes down that it was the last one. A use that is not the last one as far as is known here may
    /// not become it, so the counter is bounded below it, and whoever runs into that bound decides anew. A use before it that is not
    /// durable may still fail, and then it would not be the last one: it waits for that.
    fn use_shared(&mut self, stored: Stored<Coupon>) -> Result<u32, Undecided> {
        let (book, context) = (self.book, self.context);
        let (now, is_over) = (context.now, book.is_over(context.now));
        let coupon = &stored.entity;
        coupon
            .check_usable(now, is_over)
            .map_err(|refusal| refused(refusal, now))?;
        let uses = code_uses(&context.tenant, &book.book, &coupon.coupon);
        let used = self.snapshot.count(&uses, None);
        let most = i64::from(book.terms.uses_of_code());
        let after = used.saturating_add(1);
        let key = uses.name.at(0);
        if after >= most && self.snapshot.open_counters.contains(&key) {
            return Err(Undecided::Needs(Box::new(ReadPlan {
                counters: vec![uses],
                ..ReadPlan::default()
            })));
        }
        let bound = match after < most {
            true => most.saturating_sub(1),
            false => most,
        };
        self.builder.count(key, 1, Some(bound));
        if after >= most {
            let (expected, before) = (stored.expected(), coupon.counted_as());
            let last = stored.entity.use_up(self.order, now, is_over);
            let last = last.map_err(|refusal| refused(refusal, now))?;
            step(self.builder, context, before, expected, &last)?;
        }
        u32::try_from(after).map_err(|_| Rejection::Overflow.into())
    }

    /// Counts a use of the member and of the book, within their limits.
    fn count(&mut self) -> Result<(), Rejection> {
        let (context, book) = (self.context, self.book);
        let own = of_member(context, self.member, &book.book, "uses");
        let above = BookCount::UsesAbove.range(&context.tenant, &book.book);
        let used = self.snapshot.count(&own, Some(&self.builder.row));
        let above = self
            .snapshot
            .count(&above, None)
            .saturating_add(self.builder.added(&above));
        check_limits(book, used, above)?;
        self.builder.count(own.name.at(0), 1, None);
        self.count_of_book(1);
        Ok(())
    }

    fn count_of_book(&mut self, delta: i64) {
        let (tenant, book) = (&self.context.tenant, &self.book.book);
        let step = counted(tenant, book, BookCount::UsesAbove, delta);
        self.builder.count(step.key, step.delta, step.bound);
    }

    /// Gives a use back that was made for an order, with what it has spent. A coupon that was voided since gets nothing back.
    ///
    /// The coupon is always written, also where its uses are in a counter: whoever makes the last use at the same time has
    /// looked at a coupon that was used more often, and must look again.
    pub fn give_back(&mut self, stored: Stored<Coupon>, order: &OrderId) -> Result<(), Rejection> {
        let (context, book) = (self.context, self.book);
        let (expected, before) = (stored.expected(), stored.entity.counted_as());
        let Some(coupon) = stored
            .entity
            .give_back(Some(order), self.spent, context.now)
        else {
            return Ok(());
        };
        step(self.builder, context, before, expected, &coupon)?;
        if book.terms.user() == CodeUser::Anyone {
            let uses = code_uses(&context.tenant, &book.book, &coupon.coupon);
            self.builder.count(uses.name.at(0), -1, None);
        }
        let own = of_member(context, self.member, &book.book, "uses");
        self.builder.count(own.name.at(0), -1, None);
        self.count_of_book(-1);
        self.builder.emit(Event::CouponReturned {
            coupon: coupon.coupon,
            book: book.book.clone(),
            order: order.clone(),
            amount: self.spent,
        });
        Ok(())
    }
    /// Gives back some of what was spent for an order, which stays a use. A coupon that was voided since gets nothing back.
    pub fn return_value(
        &mut self,
        stored: Stored<Coupon>,
        order: &OrderId,
        amount: Money,
    ) -> Result<(), Rejection> {
        let (context, most) = (self.context, self.book.terms.uses_of_code());
        let (expected, before) = (stored.expected(), stored.entity.counted_as());
        let coupon = stored.entity;
        let Some(coupon) = coupon.return_value(Some(order), amount, most, context.now) else {
            return Ok(());
        };
        step(self.builder, context, before, expected, &coupon)?;
        self.builder.emit(Event::CouponValueReturned {
            coupon: coupon.coupon,
            book: self.book.book.clone(),
            order: order.clone(),
            amount,
        });
        Ok(())
    }
}
