//! Check a coupon: a member tells a code, and learns what it is good for. Nothing is done with it.
//!
//! It is a command and no query, because a wrong code is [counted](super::WRONG_CODES_MAX): codes cannot be guessed by asking. The id
//! that an accepted code is answered with can be given with purchases and quotes, where no code is told any more.
//!
//! Refusals, in order: neither a code nor an id, or both; unknown member; closed, merged or suspended member; too many wrong codes.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::claim::{CodeOutcome, claim, claim_plan};
use super::find::{NamedCoupon, secret_of};
use super::value_left;
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::coupons::{BookState, CouponState};
use crate::decision::Decision;
use crate::ids::{CouponBookId, CouponId, MemberId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Checks a code for a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CheckCoupon {
    /// Who tells it.
    pub member: MemberId,
    /// The code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub code: Option<Secret>,
    /// The coupon's id, when the code is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub coupon: Option<CouponId>,
}

/// What a coupon is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CheckedCoupon {
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
    /// Where the coupon is in its life now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub state: Option<CouponState>,
    /// Where its book is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub book_state: Option<BookState>,
    /// What is left of what it is worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub value_left: Option<Money>,
    /// The first instant at which it cannot be redeemed any more; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub active_until: Option<Timestamp>,
}

impl Operation for CheckCoupon {
    const NAME: &'static str = "check_coupon";
    const KIND: Kind = Kind::Command;
    type Reply = CheckedCoupon;
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
    ) -> Result<Decision<CheckedCoupon>, Undecided> {
        let ids = context.id_allocator();
        let member = &self.member;
        let (builder, claimed) = claim(named, snapshot, context, &ids, member, |_| Vec::new())?;
        let reply = match claimed {
            None => CheckedCoupon {
                outcome: CodeOutcome::NotAccepted,
                coupon: None,
                book: None,
                state: None,
                book_state: None,
                value_left: None,
                active_until: None,
            },
            Some(claimed) => {
                let (coupon, book, now) = (claimed.stored.entity, claimed.book, context.now);
                CheckedCoupon {
                    outcome: CodeOutcome::Accepted,
                    state: Some(coupon.state(now, book.is_over_for(&coupon, now))),
                    value_left: value_left(&coupon, &book),
                    active_until: book.ends_for(&coupon),
                    coupon: Some(coupon.coupon),
                    book_state: Some(book.state(now)),
                    book: Some(book.book),
                }
            }
        };
        Ok(Decision {
            reply,
            changes: builder.finish()?,
        })
    }
}
