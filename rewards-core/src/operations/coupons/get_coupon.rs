//! A coupon and where it is in its life now, by its code or its id, with its last steps.
//!
//! For staff: it tells whoever asks, the code as well where that is asked for and can be derived. A member's own coupons are in
//! [`ListCoupons`](super::ListCoupons).
//!
//! Refusals, in order: neither a code nor an id, or both; unknown coupon; a key that is gone.

use serde::{Deserialize, Serialize};

use super::find::{NamedCoupon, book_of_coupon, secret_of};
use super::tell::{sources, tell};
use super::value_left;
use crate::command::{Kind, Operation, Undecided};
use crate::context::{Context, HostKeys};
use crate::coupons::{
    BookletPlace, CodeKeys, CodeSource, Coupon, CouponBook, CouponState, CouponStep,
};
use crate::decision::Decision;
use crate::ids::{CouponBatchId, CouponBookId, CouponId, MemberId, OrderId, TenantId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a coupon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetCoupon {
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub code: Option<Secret>,
    /// Its id, when the code is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub coupon: Option<CouponId>,
    /// Whether the reply has its code, where that was generated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub codes: bool,
}

/// A coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CouponDetails {
    /// The coupon.
    pub coupon: CouponId,
    /// Its book.
    pub book: CouponBookId,
    /// Where it is in its life now.
    pub state: CouponState,
    /// The code itself: where it is kept plain, and where it was generated and codes were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub code: Option<String>,
    /// The batch it was generated in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub batch: Option<CouponBatchId>,
    /// How its code is derived, when codes were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub source: Option<CodeSource>,
    /// The index in its batch, when codes were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub index: Option<u32>,
    /// The coupon that it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub replaces: Option<CouponId>,
    /// The coupon by which it is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub replaced_by: Option<CouponId>,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// How often its holders redeemed it.
    pub uses: u32,
    /// What is left of what it is worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub value_left: Option<Money>,
    /// The booklet that it was given with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub booklet: Option<BookletPlace>,
    /// The order that has a lease on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub order: Option<OrderId>,
    /// The first instant at which the lease is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub locked_until: Option<Timestamp>,
    /// The first instant at which it cannot be redeemed any more; absent when neither its book nor a booklet
    /// ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expires_at: Option<Timestamp>,
    /// When it came into its book.
    pub added_at: Timestamp,
    /// Its last steps, oldest first, up to 16.
    pub history: Vec<CouponStep>,
}

impl CouponDetails {
    /// A coupon of a book as it is at an instant.
    pub(super) fn of(coupon: Coupon, book: &CouponBook, now: Timestamp) -> Self {
        let state = coupon.state(now, book.is_over_for(&coupon, now));
        let lease = coupon.lease(now).filter(|_| state == CouponState::Locked);
        Self {
            state,
            order: lease.map(|lease| lease.order.clone()),
            locked_until: lease.map(|lease| lease.until),
            expires_at: book.ends_for(&coupon),
            value_left: value_left(&coupon, book),
            booklet: coupon.booklet.as_deref().cloned(),
            history: coupon.history().to_vec(),
            replaces: coupon.replaces().cloned(),
            replaced_by: coupon.replaced_by().cloned(),
            coupon: coupon.coupon,
            book: coupon.book,
            code: coupon.code,
            batch: coupon.derived.map(|(batch, _)| batch),
            source: None,
            index: None,
            member: coupon.holder,
            uses: coupon.uses,
            added_at: coupon.added_at,
        }
    }

    /// The same coupons with how their codes are derived.
    ///
    /// # Errors
    /// [`Undecided::Needs`] their batches.
    pub(super) fn with_sources(
        coupons: &[Coupon],
        details: &mut [Self],
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<(), Undecided> {
        let sources = sources(coupons, snapshot, context)?;
        for ((details, coupon), source) in details.iter_mut().zip(coupons).zip(sources) {
            details.source = source;
            details.index = coupon.derived.as_ref().map(|(_, index)| *index);
        }
        Ok(())
    }

    /// Puts the code into the reply.
    ///
    /// # Errors
    /// As [`tell`].
    pub(super) fn reveal(
        &mut self,
        tenant: &TenantId,
        keys: &dyn CodeKeys,
    ) -> Result<(), Rejection> {
        let source = self.source.as_ref();
        tell(&mut self.code, source, self.index, tenant, keys)
    }
}

impl Operation for GetCoupon {
    const NAME: &'static str = "get_coupon";
    const KIND: Kind = Kind::Query;
    type Reply = CouponDetails;
    type Prepared = NamedCoupon;

    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        secret_of(&mut self.code)
    }

    fn reveal(
        reply: &mut CouponDetails,
        tenant: &TenantId,
        keys: &dyn HostKeys,
    ) -> Result<(), Rejection> {
        reply.reveal(tenant, keys)
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, NamedCoupon), Rejection> {
        NamedCoupon::prepare(context, self.code.as_ref(), self.coupon.as_ref())
    }

    fn decide(
        &self,
        named: &NamedCoupon,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CouponDetails>, Undecided> {
        let found = named.find(snapshot, &context.tenant)?;
        let coupon = found.ok_or(Rejection::CouponUnknown)?.entity;
        let book = book_of_coupon(snapshot, context, &coupon)?;
        let mut details = CouponDetails::of(coupon.clone(), &book, context.now);
        if self.codes {
            let details = std::slice::from_mut(&mut details);
            CouponDetails::with_sources(&[coupon], details, snapshot, context)?;
        }
        Ok(Decision::answer(details))
    }
}
