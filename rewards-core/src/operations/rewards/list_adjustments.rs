//! A page of adjustments, of one member or of all, newest first: by when they were recorded, and those of one instant by id,
//! from the last in the order of bytes. What was granted or taken without a reference is on statements alone.
//!
//! Refusals, in order: a page size of zero or above the bound, a place in another list; unknown member.

use serde::{Deserialize, Serialize};

use super::super::pages::EntityList;
use super::AdjustmentDetails;
use crate::adjustments::Adjustment;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::MemberId;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Asks for a page of adjustments.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListAdjustments {
    /// Only those of this member; those of all members when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many adjustments, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of adjustments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AdjustmentList {
    /// The adjustments, newest first.
    pub adjustments: Vec<AdjustmentDetails>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

impl Operation for ListAdjustments {
    const NAME: &'static str = "list_adjustments";
    const KIND: Kind = Kind::Query;
    type Reply = AdjustmentList;
    type Prepared = EntityList;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        let (member, after) = (self.member.as_ref(), self.after.as_deref());
        EntityList::newest::<Adjustment>(context, "adjustments", member, after, self.limit)
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<AdjustmentList>, Undecided> {
        let show = |kept: Adjustment| AdjustmentDetails::from(kept);
        let (adjustments, next) = list.read(snapshot, context, show)?;
        Ok(Decision::answer(AdjustmentList { adjustments, next }))
    }
}
