//! Coupons as requests name them, by code or by id, and what of them is refused.

use super::super::seen::see_entities;
use crate::command::Undecided;
use crate::context::Context;
use crate::coupons::{BookState, Coupon, CouponBook, CouponRefusal, CouponState};
use crate::entity::{EntityKey, Stored};
use crate::ids::{CouponId, TenantId};
use crate::rejection::{Problem, Rejection};
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Where the coupon of a request may be kept.
#[derive(Debug)]
pub struct NamedCoupon(Vec<CouponId>);

impl NamedCoupon {
    /// A coupon by its code or its id; exactly one of them.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with `coupon_ambiguous`.
    pub(super) fn new(code: Option<&Secret>, id: Option<&CouponId>) -> Result<Self, Rejection> {
        match (code, id) {
            (Some(Secret::Clear(_)), None) => Err(Rejection::Internal("a secret was not sealed")),
            (Some(code), None) => Ok(Self(CouponId::candidates(code))),
            (None, Some(id)) => Ok(Self(vec![id.clone()])),
            (Some(_), Some(_)) | (None, None) => {
                let detail = "expected either `code` or `coupon`";
                Err(Problem::new("coupon_ambiguous", "code", detail).into())
            }
        }
    }

    /// The same for whoever looks at nothing else before, with the rows to look for.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(super) fn prepare(
        context: &Context,
        code: Option<&Secret>,
        id: Option<&CouponId>,
    ) -> Result<(ReadPlan, Self), Rejection> {
        let named = Self::new(code, id)?;
        let plan = ReadPlan {
            entities: named.keys(&context.tenant),
            ..ReadPlan::default()
        };
        Ok((plan, named))
    }

    /// The rows to look for.
    pub(super) fn keys(&self, tenant: &TenantId) -> Vec<EntityKey> {
        let ids = self.0.iter();
        ids.map(|id| EntityKey::of::<Coupon>(tenant, id)).collect()
    }

    /// The coupon, wherever it is kept.
    pub(super) fn find(
        &self,
        snapshot: &Snapshot,
        tenant: &TenantId,
    ) -> Result<Option<Stored<Coupon>>, Rejection> {
        for id in &self.0 {
            if let Some(found) = snapshot.get::<Coupon>(tenant, id)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The code of a request that may name a coupon by its id, to be sealed.
pub(super) fn secret_of(code: &mut Option<Secret>) -> Vec<(KeyPurpose, &mut Secret)> {
    let code = code.iter_mut();
    code.map(|code| (KeyPurpose::Coupons, code)).collect()
}

/// The rows that a request with a code or an id is about, as the engine looks them up before anything else.
pub(super) fn keys_of(
    tenant: &TenantId,
    code: Option<&Secret>,
    id: Option<&CouponId>,
) -> Vec<EntityKey> {
    NamedCoupon::new(code, id).map_or_else(|_| Vec::new(), |named| named.keys(tenant))
}

/// The book of a coupon, which a decision may have to ask for.
///
/// # Errors
/// [`Undecided::Needs`] it.
pub(super) fn book_of_coupon(
    snapshot: &Snapshot,
    context: &Context,
    coupon: &Coupon,
) -> Result<CouponBook, Undecided> {
    let key = EntityKey::of::<CouponBook>(&context.tenant, &coupon.book);
    see_entities(snapshot, [key])?;
    Ok(super::book_of(snapshot, &context.tenant, &coupon.book)?.entity)
}

/// Checks that something can be done with the codes of a book.
///
/// # Errors
/// [`Rejection::CouponBookClosed`], [`Rejection::CouponBookPaused`]; before its time [`Rejection::CouponBookScheduled`] when that
/// counts. Its time being over is told of its coupons.
pub(super) fn check_open(book: &CouponBook, now: Timestamp, is_use: bool) -> Result<(), Rejection> {
    match (book.state(now), book.terms.active_from) {
        (BookState::Closed, _) => Err(Rejection::CouponBookClosed(book.book.clone())),
        (BookState::Paused, _) => Err(Rejection::CouponBookPaused(book.book.clone())),
        (BookState::Scheduled, Some(from)) if is_use => Err(Rejection::CouponBookScheduled {
            book: book.book.clone(),
            from,
        }),
        (BookState::Scheduled | BookState::Active | BookState::Expired, _) => Ok(()),
    }
}

/// Why a step of a coupon is refused, as whoever may know it is told.
pub(super) fn refused(refusal: CouponRefusal, now: Timestamp) -> Rejection {
    match refusal {
        CouponRefusal::State(CouponState::Available) => Rejection::CouponNotAssigned,
        CouponRefusal::State(CouponState::Assigned) => Rejection::CouponNotLocked,
        CouponRefusal::State(CouponState::Locked) => Rejection::CouponAssigned,
        CouponRefusal::State(CouponState::Redeemed) => Rejection::CouponRedeemed,
        CouponRefusal::State(CouponState::Expired) => Rejection::CouponExpired,
        CouponRefusal::State(CouponState::Voided) => Rejection::CouponVoided,
        CouponRefusal::Leased { until } => Rejection::CouponLocked {
            until,
            seconds: seconds_until(now, until),
        },
        CouponRefusal::LockRequired => Rejection::CouponLockRequired,
        CouponRefusal::LockForbidden => Rejection::CouponLockForbidden,
        CouponRefusal::Used => Rejection::CouponUsed,
        CouponRefusal::InBooklet => Rejection::CouponInBooklet,
        CouponRefusal::ValueExceeded { left } => Rejection::CouponValueExceeded { left },
    }
}

/// The seconds until an instant, rounded up.
fn seconds_until(now: Timestamp, until: Timestamp) -> i64 {
    let micros = until.micros().saturating_sub(now.micros()).max(0);
    micros.saturating_add(999_999).div_euclid(1_000_000)
}
