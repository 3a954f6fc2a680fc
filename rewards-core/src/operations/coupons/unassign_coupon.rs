//! Unassign a coupon: it goes back from its holder to its book, and may be drawn again.
//!
//! One that was redeemed before stays with its holder. The holder may be assigned one more afterwards.
//!
//! Refusals, in order: neither a code nor an id, or both; unknown coupon; a coupon that nobody holds, that is locked, used up, voided
//! or expired; one that was redeemed before; one of a booklet.

use serde::{Deserialize, Serialize};

use super::claim::of_member;
use super::find::{NamedCoupon, keys_of, secret_of};
use super::staff_step::StaffStep;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::coupons::{CouponState, Doing};
use crate::decision::Decision;
use crate::entity::EntityKey;
use crate::event::Event;
use crate::ids::{CouponBookId, CouponId, Slug, TenantId};
use crate::rejection::Rejection;
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Unassigns a coupon, by its code or its id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UnassignCoupon {
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub code: Option<Secret>,
    /// Its id, when the code is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub coupon: Option<CouponId>,
    /// Who does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub by: Option<Slug>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reason: Option<Slug>,
}

/// The coupon that went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UnassignedCoupon {
    /// The coupon.
    pub coupon: CouponId,
    /// Its book.
    pub book: CouponBookId,
    /// Where it is in its life.
    pub state: CouponState,
    /// When that was done.
    pub at: Timestamp,
}

impl Operation for UnassignCoupon {
    const NAME: &'static str = "unassign_coupon";
    const KIND: Kind = Kind::Command;
    type Reply = UnassignedCoupon;
    type Prepared = NamedCoupon;

    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        keys_of(tenant, self.code.as_ref(), self.coupon.as_ref())
    }

    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        secret_of(&mut self.code)
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, NamedCoupon), Rejection> {
        NamedCoupon::prepare(context, self.code.as_ref(), self.coupon.as_ref())
    }

    fn decide(
        &self,
        named: &NamedCoupon,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<UnassignedCoupon>, Undecided> {
        let doing = Doing {
            by: self.by.as_ref(),
            reason: self.reason.as_ref(),
        };
        let staff = StaffStep {
            snapshot,
            context,
            named,
        };
        let (coupon, changes) = staff.take(
            |coupon, book, now| {
                let is_over = book.is_over_for(&coupon, now);
                coupon.unassign(now, is_over, &doing)
            },
            |builder, coupon, holder| {
                builder.emit(Event::CouponUnassigned {
                    coupon: coupon.coupon.clone(),
                    book: coupon.book.clone(),
                    by: self.by.clone(),
                    reason: self.reason.clone(),
                });
                let held = of_member(context, holder, &coupon.book, "codes");
                builder.count(held.name.at(0), -1, None);
            },
        )?;
        Ok(Decision {
            reply: UnassignedCoupon {
                state: coupon.state(context.now, false),
                book: coupon.book,
                coupon: coupon.coupon,
                at: context.now,
            },
            changes,
        })
    }
}
