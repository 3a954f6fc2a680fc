//! An adjustment: what was granted or taken manually under an id of the host's.
//!
//! The reason is not here: it is on the statement of the member, until the member is erased.
//!
//! Refusals: unknown adjustment, also when it is not of the member that the request names.

use serde::{Deserialize, Serialize};

use crate::adjustments::{Adjustment, AdjustmentKind};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{AdjustmentId, MemberId, Slug};
use crate::ledger::LotNumber;
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for an adjustment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetAdjustment {
    /// The adjustment: the `reference` that it was made with.
    pub adjustment: AdjustmentId,
    /// Only if it is of this member; whoever it is of when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
}

/// What was granted or taken manually.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AdjustmentDetails {
    /// The adjustment.
    pub adjustment: AdjustmentId,
    /// Whose balance it moved.
    pub member: MemberId,
    /// What it did.
    pub kind: AdjustmentKind,
    /// How much.
    pub amount: Money,
    /// Where it comes from, when that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub source: Option<Slug>,
    /// Numbers of the lots in the member's journal: the one that was made, or those that paid.
    pub lots: Vec<LotNumber>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl From<Adjustment> for AdjustmentDetails {
    fn from(kept: Adjustment) -> Self {
        Self {
            adjustment: kept.adjustment,
            member: kept.member,
            kind: kept.kind,
            amount: kept.amount,
            source: kept.source,
            lots: kept.lots,
            recorded_at: kept.recorded_at,
        }
    }
}

impl Operation for GetAdjustment {
    const NAME: &'static str = "get_adjustment";
    const KIND: Kind = Kind::Query;
    type Reply = AdjustmentDetails;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan::of_entity::<Adjustment>(&context.tenant, &self.adjustment);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<AdjustmentDetails>, Undecided> {
        let stored = snapshot.get::<Adjustment>(&context.tenant, &self.adjustment)?;
        let kept = stored.map(|stored| stored.entity);
        let named = self.member.as_ref();
        let kept = kept.filter(|kept| named.is_none_or(|member| *member == kept.member));
        let kept = kept.ok_or_else(|| Rejection::AdjustmentUnknown(self.adjustment.clone()))?;
        Ok(Decision::answer(kept.into()))
    }
}
