//! A book of coupons as it is now, with its statistics.
//!
//! The statistics are counters, so they cost the same however many codes there are; booklets that end by themselves are counted by the
//! hour in which they end. Leases whose time is over and that nobody has
//! touched since are looked at one by one, up to [`OVERDUE_MAX`] of all books; beyond those, codes are still told as locked.
//!
//! Refusals: unknown book.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::book_of;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::coupons::{
    BookCount, BookState, BookTerms, Coupon, CouponBook, CouponStatistics, ended_by,
};
use crate::decision::Decision;
use crate::entity::{By, Cursor, Entity, EntityKey, EntityQuery};
use crate::ids::CouponBookId;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// How many leases whose time is over are looked at, so that their codes are told as what they are.
pub const OVERDUE_MAX: u32 = 10_000;
/// How many of them are looked up at once.
const OVERDUE_PAGE: u32 = 1_000;

/// Asks for a book of coupons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetCouponBook {
    /// The book.
    pub book: CouponBookId,
}

/// A book of coupons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CouponBookDetails {
    /// The book.
    pub book: CouponBookId,
    /// Where it is in its life now.
    pub state: BookState,
    /// What holds for its codes.
    pub terms: BookTerms,
    /// How many codes it has got.
    pub codes: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub closed_at: Option<Timestamp>,
}

impl CouponBookDetails {
    /// A book as it is at an instant.
    pub(super) fn of(book: CouponBook, now: Timestamp) -> Self {
        Self {
            state: book.state(now),
            closed_at: book.closed_at(),
            book: book.book,
            terms: book.terms,
            codes: book.codes,
            created_at: book.created_at,
        }
    }
}

/// A book of coupons and how many of its codes are where in their life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CouponBookStatistics {
    /// The book.
    pub book: CouponBookDetails,
    /// How many codes are where.
    pub statistics: CouponStatistics,
}

impl Operation for GetCouponBook {
    const NAME: &'static str = "get_coupon_book";
    const KIND: Kind = Kind::Query;
    type Reply = CouponBookStatistics;
    type Prepared = EntityQuery;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityQuery), Rejection> {
        let tenant = &context.tenant;
        let counts = BookCount::STATES.into_iter().chain([BookCount::UsesAbove]);
        let leases = EntityQuery {
            tenant: tenant.clone(),
            kind: Coupon::KIND,
            by: By::Due(context.now),
            after: None,
            limit: OVERDUE_PAGE,
        };
        let plan = ReadPlan {
            entity_pages: vec![leases.clone()],
            entities: vec![EntityKey::of::<CouponBook>(tenant, &self.book)],
            counters: counts
                .map(|count| count.range(tenant, &self.book))
                .chain([ended_by(tenant, &self.book, context.now)])
                .collect(),
            ..ReadPlan::default()
        };
        Ok((plan, leases))
    }

    fn decide(
        &self,
        leases: &EntityQuery,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CouponBookStatistics>, Undecided> {
        let tenant = &context.tenant;
        let book = book_of(snapshot, tenant, &self.book)?.entity;
        let count = |of: BookCount| snapshot.count(&of.range(tenant, &self.book), None);
        let most = book.terms.limits().uses_of_book();
        let overdue = self.overdue(leases, snapshot)?;
        let ended = snapshot.count(&ended_by(tenant, &self.book, context.now), None);
        let ended = u64::try_from(ended).unwrap_or_default();
        let is_over = book.is_over(context.now);
        let statistics = CouponStatistics::of(count, most, (overdue, ended), is_over);
        Ok(Decision::answer(CouponBookStatistics {
            book: CouponBookDetails::of(book, context.now),
            statistics,
        }))
    }
}

impl GetCouponBook {
    /// How many leases of the book are over that nobody has written down as such, page by page.
    fn overdue(&self, leases: &EntityQuery, snapshot: &Snapshot) -> Result<u64, Undecided> {
        let (mut query, mut overdue) = (leases.clone(), 0_u64);
        for _ in 0..OVERDUE_MAX.div_euclid(OVERDUE_PAGE) {
            let Some(page) = snapshot.entity_pages.get(&query) else {
                return Err(Undecided::Needs(Box::new(ReadPlan {
                    entity_pages: vec![query],
                    ..ReadPlan::default()
                })));
            };
            let own = |group: &SmolStr| group.as_str() == self.book.as_str();
            let own = page
                .iter()
                .filter(|(_, row)| row.index.group.as_ref().is_some_and(own));
            overdue = overdue.saturating_add(u64::try_from(own.count()).unwrap_or_default());
            match page.last() {
                Some((id, row)) if u32::try_from(page.len()).is_ok_and(|l| l >= OVERDUE_PAGE) => {
                    query.after = Some(Cursor {
                        value: row.index.due_at.map_or(0, Timestamp::micros),
                        id: id.clone(),
                    });
                }
                _ => break,
            }
        }
        Ok(overdue)
    }
}
