//! A page of the books of coupons, newest first: by when they were created, and those of one instant by id, from the last in the
//! order of bytes.
//!
//! Refusals: a page size of zero or above the bound, a place in another list.

use serde::{Deserialize, Serialize};

use super::super::pages::EntityList;
use super::CouponBookDetails;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::coupons::CouponBook;
use crate::decision::Decision;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Asks for a page of books of coupons.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListCouponBooks {
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many books, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of books of coupons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CouponBookList {
    /// The books, newest first.
    pub books: Vec<CouponBookDetails>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

impl Operation for ListCouponBooks {
    const NAME: &'static str = "list_coupon_books";
    const KIND: Kind = Kind::Query;
    type Reply = CouponBookList;
    type Prepared = EntityList;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        let after = self.after.as_deref();
        EntityList::newest::<CouponBook>(context, "coupon books", None, after, self.limit)
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CouponBookList>, Undecided> {
        let (books, next) = list.read(snapshot, context, |book: CouponBook| {
            CouponBookDetails::of(book, context.now)
        })?;
        Ok(Decision::answer(CouponBookList { books, next }))
    }
}
