//! Unlock a coupon: the lease of an order ends before its time, and the coupon is its holder's as before.
//!
//! A wrong code is [counted](super::WRONG_CODES_MAX), and the reply says that it is not accepted.
//!
//! Refusals, in order: neither a code nor an id, or both; unknown member; closed, merged or suspended member; too many wrong codes; a
//! coupon that nobody holds; one that is not locked, or no more; one that another order has locked.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::claim::{CodeOutcome, claim, claim_plan};
use super::find::{NamedCoupon, refused, secret_of};
use super::step;
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{CouponBookId, CouponId, MemberId, OrderId};
use crate::rejection::Rejection;
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};

/// Ends the lease of an order on a coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UnlockCoupon {
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
}

/// The coupon that is not locked any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UnlockedCoupon {
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
}

impl Operation for UnlockCoupon {
    const NAME: &'static str = "unlock_coupon";
    const KIND: Kind = Kind::Command;
    type Reply = UnlockedCoupon;
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
    ) -> Result<Decision<UnlockedCoupon>, Undecided> {
        let ids = context.id_allocator();
        let member = &self.member;
        let (mut builder, claimed) = claim(named, snapshot, context, &ids, member, |_| Vec::new())?;
        let Some(claimed) = claimed else {
            return Ok(Decision {
                reply: UnlockedCoupon {
                    outcome: CodeOutcome::NotAccepted,
                    coupon: None,
                    book: None,
                },
                changes: builder.finish()?,
            });
        };
        let now = context.now;
        let (stored, book) = (claimed.stored, claimed.book);
        let (expected, before) = (stored.expected(), stored.entity.counted_as());
        let is_over = book.is_over_for(&stored.entity, now);
        let unlocked = stored.entity.unlock(&self.order, now, is_over);
        let coupon = unlocked.map_err(|refusal| refused(refusal, now))?;
        step(&mut builder, context, before, expected, &coupon)?;
        builder.emit(Event::CouponUnlocked {
            coupon: coupon.coupon.clone(),
            order: self.order.clone(),
        });
        Ok(Decision {
            reply: UnlockedCoupon {
                outcome: CodeOutcome::Accepted,
                coupon: Some(coupon.coupon),
                book: Some(coupon.book),
            },
            changes: builder.finish()?,
        })
    }
}
