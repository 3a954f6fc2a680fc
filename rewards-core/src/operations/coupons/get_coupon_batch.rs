//! A batch of codes and how far it is: what [`GenerateCoupons`](super::GenerateCoupons) has made of it.
//!
//! It is told of a closed book, too: what was made stays made.
//!
//! Refusals, in order: unknown book; unknown batch.

use serde::{Deserialize, Serialize};

use super::book_of;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::coupons::{BatchKey, CouponBatch, CouponBook};
use crate::decision::Decision;
use crate::entity::EntityKey;
use crate::ids::{CouponBatchId, CouponBookId};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a batch of codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetCouponBatch {
    /// The book.
    pub book: CouponBookId,
    /// The batch.
    pub batch: CouponBatchId,
}

/// A batch of codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CouponBatchDetails {
    /// The book.
    pub book: CouponBookId,
    /// The batch.
    pub batch: CouponBatchId,
    /// How many codes it shall have.
    pub wanted: u32,
    /// How many it has.
    pub total: u32,
    /// How many indices were passed over because their codes are those of other coupons.
    pub passed_over: u32,
    /// Where it goes on: give it as `after`. Absent when it has all of its codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<u32>,
    /// When it was begun.
    pub begun_at: Timestamp,
}

impl Operation for GetCouponBatch {
    const NAME: &'static str = "get_coupon_batch";
    const KIND: Kind = Kind::Query;
    type Reply = CouponBatchDetails;
    type Prepared = BatchKey;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, BatchKey), Rejection> {
        let (tenant, key) = (&context.tenant, BatchKey::new(&self.book, &self.batch));
        let plan = ReadPlan {
            entities: vec![
                EntityKey::of::<CouponBook>(tenant, &self.book),
                EntityKey::of::<CouponBatch>(tenant, &key),
            ],
            ..ReadPlan::default()
        };
        Ok((plan, key))
    }

    fn decide(
        &self,
        key: &BatchKey,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CouponBatchDetails>, Undecided> {
        let tenant = &context.tenant;
        book_of(snapshot, tenant, &self.book)?;
        let found = snapshot.get::<CouponBatch>(tenant, key)?;
        let batch = found.ok_or_else(|| Rejection::CouponBatchUnknown(self.batch.clone()))?;
        let batch = batch.entity;
        Ok(Decision::answer(CouponBatchDetails {
            wanted: batch.wanted,
            total: batch.made,
            passed_over: batch.passed_over(),
            next: (!batch.is_done()).then_some(batch.next),
            begun_at: batch.begun_at,
            book: batch.book,
            batch: batch.batch,
        }))
    }
}
