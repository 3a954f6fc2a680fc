//! A batch: codes of a book that are derived together, some of them at a time.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{CodeSource, batch_name};
use crate::entity::{Entity, EntityId, Index};
use crate::ids::{CouponBatchId, CouponBookId};
use crate::time::Timestamp;

/// The most codes of a batch.
pub const BATCH_CODES_MAX: u32 = 10_000_000;
/// The most codes that one command derives; a larger batch goes on with the next one.
pub const CODES_AT_ONCE_MAX: u32 = 1_000;

/// What tells batches of a tenant apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchKey(SmolStr);

impl BatchKey {
    /// The key of a batch of a book.
    #[must_use]
    pub fn new(book: &CouponBookId, batch: &CouponBatchId) -> Self {
        Self(batch_name(book.as_str(), batch.as_str()))
    }
}

impl EntityId for BatchKey {
    fn text(&self) -> &str {
        &self.0
    }
}

/// Codes of a book that are derived together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CouponBatch {
    /// The book.
    pub book: CouponBookId,
    /// Its id within the book.
    pub batch: CouponBatchId,
    /// How its codes are derived.
    pub source: CodeSource,
    /// How many codes it shall have.
    pub wanted: u32,
    /// How many it has.
    pub made: u32,
    /// The first index that was not tried. One whose code is that of another coupon is passed over.
    pub next: u32,
    /// When it was begun.
    pub begun_at: Timestamp,
}

impl CouponBatch {
    /// How many indices are tried next.
    #[must_use]
    pub fn next_count(&self) -> u32 {
        self.wanted.saturating_sub(self.made).min(CODES_AT_ONCE_MAX)
    }

    /// Whether it has all of its codes.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.made >= self.wanted
    }

    /// How many indices were passed over, because their codes are those of other coupons.
    #[must_use]
    pub fn passed_over(&self) -> u32 {
        self.next.saturating_sub(self.made)
    }

    /// It shall have one code more.
    #[must_use]
    pub fn longer(mut self) -> Self {
        self.wanted = self.wanted.saturating_add(1);
        self
    }

    /// It goes on: so many indices were tried, and so many codes made.
    #[must_use]
    pub fn advance(mut self, tried: u32, made: u32) -> Self {
        self.next = self.next.saturating_add(tried);
        self.made = self.made.saturating_add(made);
        self
    }
}

impl Entity for CouponBatch {
    const KIND: &'static str = "coupon_batch";
    const SHAPE: u16 = 1;
    type Id = BatchKey;

    fn index(&self) -> Index {
        let state = if self.is_done() { "done" } else { "open" };
        Index {
            group: Some(SmolStr::new(self.book.as_str())),
            rank: Some(self.begun_at.micros()),
            ..Index::new(state, self.begun_at)
        }
    }

    fn is_named(&self, id: &str) -> bool {
        BatchKey::new(&self.book, &self.batch).0 == id
    }
}
