//! Pages of lists: how many items, and where the next page begins.

use crate::context::Context;
use crate::entity::Cursor;
use crate::rejection::{Problem, Rejection};

/// Items of a page when nothing is said.
pub const PAGE_ITEMS_DEFAULT: u32 = 50;
/// The most items of a page.
pub const PAGE_ITEMS_MAX: u32 = 1_000;

/// One page of a list, as a request asks for it.
#[derive(Debug)]
pub struct Page {
    list: String,
    limit: u32,
    /// The place after which the page begins.
    pub(super) after: Option<Cursor>,
}

impl Page {
    /// Reads what a request says of a page of a list of the tenant.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with `limit_invalid` and `cursor_invalid`.
    pub(super) fn new(
        context: &Context,
        list: &str,
        after: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Self, Rejection> {
        let list = format!("{}/{list}", context.tenant);
        let mut problems = Vec::new();
        let limit = limit.unwrap_or(PAGE_ITEMS_DEFAULT);
        if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
            let detail = format!("expected 1 to {PAGE_ITEMS_MAX}, got {limit}");
            problems.push(Problem::new("limit_invalid", "limit", detail));
        }
        let after = match after.map(|text| Cursor::from_text(text, &list)).transpose() {
            Ok(after) => after,
            Err(error) => {
                let detail = format!("{error} of the same list");
                problems.push(Problem::new("cursor_invalid", "after", detail));
                None
            }
        };
        if !problems.is_empty() {
            return Err(Rejection::Invalid(problems));
        }
        Ok(Self { list, limit, after })
    }

    /// How many rows are read: one more than the page shows whether there is another page.
    pub(super) fn rows(&self) -> u32 {
        self.limit.saturating_add(1)
    }

    /// Cuts off what is beyond the page, and says where the next page begins, if there is one.
    pub(super) fn cut<T>(
        &self,
        mut rows: Vec<T>,
        place: impl FnOnce(&T) -> Cursor,
    ) -> (Vec<T>, Option<String>) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let is_last = rows.len() <= limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| !is_last).map(place);
        let next = next.map(|place| place.to_text(&self.list));
        (rows, next)
    }
}
