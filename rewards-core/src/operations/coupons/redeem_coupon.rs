//! Redeem a coupon: a member uses it once.
//!
//! Only its holder does, and while an order has a lease on it only for that order; the lease ends. Codes that anyone may redeem are
//! nobody's: how often each was used is in a bounded counter, so that many members use one at the same time and it is used exactly so
//! often as it may be. A wrong code is [counted](super::WRONG_CODES_MAX), and the reply says that it is not accepted.
//!
//! Refusals, in order: neither a code nor an id, or both; unknown member; closed, merged or suspended member; too many wrong codes;
//! closed or paused book, or one whose time has not come; expired, used up or voided coupon; one that another order has locked, or
//! that must be locked first; more uses than the member, or the book, may have.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::claim::{Claimed, CodeOutcome, check_use, claim, claim_plan, of_member};
use super::find::{NamedCoupon, refused, secret_of};
use super::{code_uses, counted, step};
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::coupons::{BookCount, CodeUser, Coupon, CouponBook};
use crate::decision::Decision;
use crate::entity::Stored;
use crate::event::Event;
use crate::ids::{CouponBookId, CouponId, MemberId, OrderId};
use crate::rejection::Rejection;
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Redeems a coupon once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RedeemCoupon {
    /// Who redeems it.
    pub member: MemberId,
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub code: Option<Secret>,
    /// Its id, when the code is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub coupon: Option<CouponId>,
    /// The order that it is redeemed for; the one that has the lease, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub order: Option<OrderId>,
}

/// The coupon that was redeemed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RedeemedCoupon {
    /// Whether the code was accepted. When it was not, nothing else is told.
    pub outcome: CodeOutcome,
    /// The coupon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub coupon: Option<CouponId>,
    /// Its book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub book: Option<CouponBookId>,
    /// How often it was redeemed by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub uses: Option<u32>,
    /// How often it can still be redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub left: Option<u32>,
    /// When it was redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub redeemed_at: Option<Timestamp>,
}

impl RedeemedCoupon {
    fn not_accepted() -> Self {
        Self {
            outcome: CodeOutcome::NotAccepted,
            coupon: None,
            book: None,
            uses: None,
            left: None,
            redeemed_at: None,
        }
    }
}

/// What a redemption of a coupon rests on, and what it changes.
struct Redeeming<'a, 'b> {
    builder: &'a mut ChangeBuilder<'b>,
    snapshot: &'a Snapshot,
    context: &'a Context,
    book: &'a CouponBook,
}

impl RedeemCoupon {
    /// Uses a coupon of the member's; says how often it was used by now.
    fn use_own(
        &self,
        with: &mut Redeeming<'_, '_>,
        stored: Stored<Coupon>,
    ) -> Result<u32, Undecided> {
        let (book, now) = (with.book, with.context.now);
        let (expected, before) = (stored.expected(), stored.entity.counted_as());
        let (rule, most) = (book.terms.lock_rule(), book.terms.limits().uses_of_code());
        let is_over = book.is_over(now);
        let coupon = stored
            .entity
            .redeem(self.order.as_ref(), rule, most, now, is_over);
        let coupon = coupon.map_err(|refusal| refused(refusal, now))?;
        step(with.builder, with.context, before, expected, &coupon)?;
        Ok(coupon.uses)
    }

    /// Uses a code that anyone may redeem; says how often it was used by now, of which nobody can be sure who comes in between.
    ///
    /// Whoever makes the last use writes down that it was the last one. A use that is not the last one as far as is known here may
    /// not become it, so the counter is bounded below it, and whoever runs into that bound decides anew.
    fn use_shared(
        &self,
        with: &mut Redeeming<'_, '_>,
        stored: Stored<Coupon>,
    ) -> Result<u32, Undecided> {
        let (book, context) = (with.book, with.context);
        let (now, is_over) = (context.now, book.is_over(context.now));
        let coupon = &stored.entity;
        coupon
            .check_usable(now, is_over)
            .map_err(|refusal| refused(refusal, now))?;
        let uses = code_uses(&context.tenant, &book.book, &coupon.coupon);
        let used = with.snapshot.count(&uses, None);
        let most = i64::from(book.terms.limits().uses_of_code());
        let after = used.saturating_add(1);
        let bound = match after < most {
            true => most.saturating_sub(1),
            false => most,
        };
        with.builder.count(uses.name.at(0), 1, Some(bound));
        if after >= most {
            let (expected, before) = (stored.expected(), coupon.counted_as());
            let last = stored.entity.use_up(self.order.as_ref(), now, is_over);
            let last = last.map_err(|refusal| refused(refusal, now))?;
            step(with.builder, context, before, expected, &last)?;
        }
        u32::try_from(after).map_err(|_| Rejection::Overflow.into())
    }
}

impl Redeeming<'_, '_> {
    /// Counts a use of the member and of the book, within their limits.
    fn count(&mut self, member: &MemberId) -> Result<(), Rejection> {
        let (context, book) = (self.context, self.book);
        let limits = book.terms.limits();
        let own = of_member(context, member, &book.book, "uses");
        let above = BookCount::UsesAbove.range(&context.tenant, &book.book);
        let used = self.snapshot.count(&own, Some(&self.builder.row));
        if let Some(most) = limits.uses_per_member
            && used >= i64::from(most)
        {
            let limit = "uses_per_member";
            return Err(Rejection::CouponLimit { limit, most });
        }
        if self.snapshot.count(&above, None) >= 0 {
            let (limit, most) = ("uses", limits.uses_of_book());
            return Err(Rejection::CouponLimit { limit, most });
        }
        self.builder.count(own.name.at(0), 1, None);
        let step = counted(&context.tenant, &book.book, BookCount::UsesAbove, 1);
        self.builder.count(step.key, step.delta, step.bound);
        Ok(())
    }
}

impl Operation for RedeemCoupon {
    const NAME: &'static str = "redeem_coupon";
    const KIND: Kind = Kind::Command;
    type Reply = RedeemedCoupon;
    type Prepared = NamedCoupon;

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        secret_of(&mut self.code)
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, NamedCoupon), Rejection> {
        let named = NamedCoupon::new(self.code.as_ref(), self.coupon.as_ref())?;
        Ok((claim_plan(context, &named, &self.member), named))
    }

    fn decide(
        &self,
        named: &NamedCoupon,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<RedeemedCoupon>, Undecided> {
        let ids = context.id_allocator();
        let counters = |coupon: &Coupon| {
            let tenant = &context.tenant;
            vec![
                of_member(context, &self.member, &coupon.book, "uses"),
                BookCount::UsesAbove.range(tenant, &coupon.book),
                code_uses(tenant, &coupon.book, &coupon.coupon),
            ]
        };
        let claimed = claim(named, snapshot, context, &ids, &self.member, counters)?;
        let (mut builder, claimed) = claimed;
        let Some(claimed) = claimed else {
            return Ok(Decision {
                reply: RedeemedCoupon::not_accepted(),
                changes: builder.finish()?,
            });
        };
        check_use(&claimed, context.now)?;
        let Claimed { stored, book } = claimed;
        let coupon = stored.entity.coupon.clone();
        let mut with = Redeeming {
            builder: &mut builder,
            snapshot,
            context,
            book: &book,
        };
        let uses = match book.terms.user() {
            CodeUser::Holder => self.use_own(&mut with, stored)?,
            CodeUser::Anyone => self.use_shared(&mut with, stored)?,
        };
        with.count(&self.member)?;
        let left = book.terms.limits().uses_of_code().saturating_sub(uses);
        builder.emit(Event::CouponRedeemed {
            coupon: coupon.clone(),
            book: book.book.clone(),
            order: self.order.clone(),
            used_up: left == 0,
        });
        Ok(Decision {
            reply: RedeemedCoupon {
                outcome: CodeOutcome::Accepted,
                coupon: Some(coupon),
                book: Some(book.book),
                uses: Some(uses),
                left: Some(left),
                redeemed_at: Some(context.now),
            },
            changes: builder.finish()?,
        })
    }
}
