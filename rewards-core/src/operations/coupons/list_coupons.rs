//! A page of coupons: those of a member, newest first by when they came into their books; or those of a book, in the order of their
//! places in the book, which is random and stays.
//!
//! Coupons of a book in a state are listed by the state that was last written: one whose lease is over is listed among the locked
//! ones until somebody does something with it, and told as assigned. **The pages of all states have each coupon exactly once**, whatever
//! happens to coupons between one page and the next, but for those that come into the book meanwhile: with their codes they are
//! the export of a book.
//!
//! Refusals, in order: neither a member nor a book, or both; a page size of zero or above the bound, a place in another list; unknown
//! member; unknown book; a key that is gone.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::super::pages::EntityList;
use super::super::seen::see_entities;
use super::find::book_of_coupon;
use super::{CouponDetails, book_of};
use crate::command::{Kind, Operation, Undecided};
use crate::context::{Context, HostKeys};
use crate::coupons::{BookCount, Coupon, CouponBook};
use crate::decision::Decision;
use crate::entity::{By, EntityKey};
use crate::ids::{CouponBookId, MemberId, TenantId};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};

/// The state of the coupons of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum ListedState {
    /// Nobody holds them.
    #[default]
    Available,
    /// Members hold them.
    Assigned,
    /// Orders got leases on them.
    Locked,
    /// They are used up.
    Redeemed,
    /// They were voided.
    Voided,
    /// All of them, wherever they are in their life.
    Any,
}

impl ListedState {
    /// The states of these coupons, as they are indexed.
    fn states(self) -> Vec<&'static str> {
        let count = match self {
            Self::Available => BookCount::Available,
            Self::Assigned => BookCount::Assigned,
            Self::Locked => BookCount::Locked,
            Self::Redeemed => BookCount::Redeemed,
            Self::Voided => BookCount::Voided,
            Self::Any => return BookCount::STATES.map(BookCount::state).to_vec(),
        };
        vec![count.state()]
    }
}

/// Asks for a page of coupons.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListCoupons {
    /// Those of this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Those of this book, when no member is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub book: Option<CouponBookId>,
    /// Those of the book in this state; the available ones when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub state: Option<ListedState>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many coupons, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
    /// Whether the page has the codes that were generated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub codes: bool,
}

/// A page of coupons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CouponList {
    /// The coupons.
    pub coupons: Vec<CouponDetails>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

impl Operation for ListCoupons {
    const NAME: &'static str = "list_coupons";
    const KIND: Kind = Kind::Query;
    type Reply = CouponList;
    type Prepared = EntityList;

    fn reveal(
        reply: &mut CouponList,
        tenant: &TenantId,
        keys: &dyn HostKeys,
    ) -> Result<(), Rejection> {
        let mut coupons = reply.coupons.iter_mut();
        coupons.try_for_each(|coupon| coupon.reveal(tenant, keys))
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        let after = self.after.as_deref();
        match (&self.member, &self.book) {
            (Some(member), None) if self.state.is_none() => {
                EntityList::newest::<Coupon>(context, "coupons", Some(member), after, self.limit)
            }
            (None, Some(book)) => {
                let states = self.state.unwrap_or_default().states();
                let name = format!("{} coupons of {book}", states.join(" "));
                let lists = states.into_iter().map(|state| By::Group {
                    group: SmolStr::new(book.as_str()),
                    state: SmolStr::new_static(state),
                    from_rank: 0,
                    to_rank: i64::MAX,
                });
                let list = EntityList::together::<Coupon>(
                    context,
                    &name,
                    lists.collect(),
                    after,
                    self.limit,
                );
                let (mut plan, list) = list?;
                let key = EntityKey::of::<CouponBook>(&context.tenant, book);
                plan.entities.push(key);
                Ok((plan, list))
            }
            _ => {
                let detail = "expected either `member` alone, or `book` with or without `state`";
                Err(Problem::new("list_ambiguous", "member", detail).into())
            }
        }
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CouponList>, Undecided> {
        if let Some(book) = &self.book {
            book_of(snapshot, &context.tenant, book)?;
        }
        let (coupons, next) = list.read(snapshot, context, |coupon: Coupon| coupon)?;
        let keys = coupons.iter().map(|coupon| &coupon.book);
        let keys = keys.map(|book| EntityKey::of::<CouponBook>(&context.tenant, book));
        see_entities(snapshot, keys)?;
        let details = coupons.iter().map(|coupon| {
            let book = book_of_coupon(snapshot, context, coupon)?;
            Ok(CouponDetails::of(coupon.clone(), &book, context.now))
        });
        let mut details = details.collect::<Result<Vec<_>, Undecided>>()?;
        if self.codes {
            CouponDetails::with_sources(&coupons, &mut details, snapshot, context)?;
        }
        Ok(Decision::answer(CouponList {
            coupons: details,
            next,
        }))
    }
}
