//! Lock a coupon: its holder gets a lease on it for an order, until a time.
//!
//! While the lease lasts, nobody redeems the coupon but that order. The same order that locks it again has the lease that it has,
//! which lasts no longer by that. A lease ends with the booklet of its coupon at the latest. A wrong code is [counted](super::WRONG_CODES_MAX), and the reply says that it is not accepted.
//!
//! Refusals, in order: neither a code nor an id, or both; a lease of no time, or longer than an hour; unknown member; closed, merged
//! or suspended member; too many wrong codes; closed or paused book, or one whose time has not come; a book that has no locks;
//! one of a booklet that others come before; expired, used up or voided coupon; one that another order has locked.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::unless_wrong;
use super::booklets::check_unlocked;
use super::claim::{CodeOutcome, check_use, claim, claim_plan};
use super::find::{NamedCoupon, refused, secret_of};
use super::step;
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::coupons::{Lease, check_lease};
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{CouponBookId, CouponId, MemberId, OrderId};
use crate::rejection::Rejection;
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::{TimeError, Timestamp};

/// Locks a coupon for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct LockCoupon {
    /// Who holds it.
    pub member: MemberId,
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub code: Option<Secret>,
    /// Its id, when the code is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub coupon: Option<CouponId>,
    /// Whose lease it is.
    pub order: OrderId,
    /// How long the lease lasts, from 1 to 3,600; as its book says when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub seconds: Option<u32>,
}

/// A lease on a coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct LockedCoupon {
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
    /// The first instant at which the lease is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub until: Option<Timestamp>,
}

impl Operation for LockCoupon {
    const NAME: &'static str = "lock_coupon";
    const KIND: Kind = Kind::Command;
    type Reply = LockedCoupon;
    type Prepared = NamedCoupon;

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        secret_of(&mut self.code)
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, NamedCoupon), Rejection> {
        let named = NamedCoupon::new(self.code.as_ref(), self.coupon.as_ref())?;
        let mut problems = Vec::new();
        check_lease("seconds", self.seconds, &mut problems);
        unless_wrong(problems)?;
        Ok((claim_plan(context, &named, &self.member), named))
    }

    fn decide(
        &self,
        named: &NamedCoupon,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<LockedCoupon>, Undecided> {
        let ids = context.id_allocator();
        let member = &self.member;
        let (mut builder, claimed) = claim(named, snapshot, context, &ids, member, |_| Vec::new())?;
        let Some(claimed) = claimed else {
            return Ok(Decision {
                reply: LockedCoupon {
                    outcome: CodeOutcome::NotAccepted,
                    coupon: None,
                    book: None,
                    until: None,
                },
                changes: builder.finish()?,
            });
        };
        let now = context.now;
        check_use(&claimed, now)?;
        let (stored, book) = (claimed.stored, claimed.book);
        check_unlocked(snapshot, context, &book, &stored.entity)?;
        let seconds = self.seconds.unwrap_or(book.terms.lease());
        let lease = Lease {
            order: self.order.clone(),
            until: end_of(now, seconds)?
                .min(stored.entity.booklet_until().unwrap_or(Timestamp::MAX)),
        };
        let (expected, before) = (stored.expected(), stored.entity.clone());
        let is_over = book.is_over_for(&before, now);
        let locked = stored
            .entity
            .lock(lease, book.terms.lock_rule(), now, is_over);
        let coupon = locked.map_err(|refusal| refused(refusal, now))?;
        let until = coupon.lease(now).map(|lease| lease.until);
        if coupon != before {
            step(
                &mut builder,
                context,
                before.counted_as(),
                expected,
                &coupon,
            )?;
            builder.emit(Event::CouponLocked {
                coupon: coupon.coupon.clone(),
                order: self.order.clone(),
                until: until.ok_or(Rejection::Internal("a lock without a lease"))?,
            });
        }
        Ok(Decision {
            reply: LockedCoupon {
                outcome: CodeOutcome::Accepted,
                coupon: Some(coupon.coupon),
                book: Some(coupon.book),
                until,
            },
            changes: builder.finish()?,
        })
    }
}

/// When a lease ends.
fn end_of(now: Timestamp, seconds: u32) -> Result<Timestamp, Rejection> {
    let micros = i64::from(seconds).saturating_mul(1_000_000);
    now.checked_add_micros(micros)
        .map_err(|_: TimeError| Rejection::Overflow)
}
