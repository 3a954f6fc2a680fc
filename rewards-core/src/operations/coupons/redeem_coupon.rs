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

use super::super::amounts::check_positive;
use super::super::unless_wrong;
use super::claim::{Claimed, CodeOutcome, check_use, claim, claim_plan};
use super::find::{NamedCoupon, secret_of};
use super::using::{Using, uses_of};
use super::value_left;
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::coupons::{Coupon, CouponBook};
use crate::decision::Decision;
use crate::ids::{CouponBookId, CouponId, MemberId, OrderId};
use crate::money::Money;
use crate::rejection::{Problem, Rejection};
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
    /// How much of what the coupon is worth is redeemed; all that is left of it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
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
    /// How much of what it is worth was redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
    /// What is left of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub value_left: Option<Money>,
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
            amount: None,
            value_left: None,
            redeemed_at: None,
        }
    }
}

impl RedeemCoupon {
    /// How much of what the coupon is worth is redeemed.
    fn spent(&self, coupon: &Coupon, book: &CouponBook) -> Result<Option<Money>, Rejection> {
        match (value_left(coupon, book), self.amount) {
            (Some(left), Some(amount)) if amount.asset() != left.asset() => {
                let detail = format!("expected an amount in {}, got `{amount}`", left.asset());
                Err(Problem::new("asset_mismatch", "amount", detail).into())
            }
            (Some(left), amount) => Ok(Some(amount.unwrap_or(left))),
            (None, Some(_)) => Err(Rejection::CouponWithoutValue),
            (None, None) => Ok(None),
        }
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
        let mut problems = Vec::new();
        if let Some(amount) = self.amount {
            check_positive("amount", amount, &mut problems);
        }
        unless_wrong(problems)?;
        Ok((claim_plan(context, &named, &self.member), named))
    }

    fn decide(
        &self,
        named: &NamedCoupon,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<RedeemedCoupon>, Undecided> {
        let ids = context.id_allocator();
        let counters = |coupon: &Coupon| uses_of(context, &self.member, coupon);
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
        let spent = self.spent(&stored.entity, &book)?;
        let mut using = Using {
            builder: &mut builder,
            snapshot,
            context,
            book: &book,
            member: &self.member,
            order: self.order.as_ref(),
            spent,
        };
        let used = using.redeem(stored)?;
        let most = Some(book.terms.uses_of_code()).filter(|most| *most < u32::MAX);
        let left = most.map(|most| most.saturating_sub(used.uses));
        Ok(Decision {
            reply: RedeemedCoupon {
                outcome: CodeOutcome::Accepted,
                coupon: Some(coupon),
                book: Some(book.book),
                uses: Some(used.uses),
                left,
                amount: spent,
                value_left: used.value_left,
                redeemed_at: Some(context.now),
            },
            changes: builder.finish()?,
        })
    }
}
