//! A transfer, as the tenant sees it or as one of its sides does.
//!
//! The note is not here: it is on the statements of both members, until they are erased.
//!
//! Refusals: unknown transfer, also when the member that the request names is not a side of it.

use serde::{Deserialize, Serialize};

use super::TransferDetails;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{MemberId, TransferId};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::transfers::TransferEntity;

/// Asks for a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetTransfer {
    /// The transfer.
    pub transfer: TransferId,
    /// Only what this member may see of it, who sent or got it; the whole when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
}

impl Operation for GetTransfer {
    const NAME: &'static str = "get_transfer";
    const KIND: Kind = Kind::Query;
    type Reply = TransferDetails;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan::of_entity::<TransferEntity>(&context.tenant, &self.transfer);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<TransferDetails>, Undecided> {
        let stored = snapshot.get::<TransferEntity>(&context.tenant, &self.transfer)?;
        let member = self.member.as_ref();
        let seen = stored.and_then(|stored| TransferDetails::of(&stored.entity, member));
        let seen = seen.ok_or_else(|| Rejection::TransferUnknown(self.transfer.clone()))?;
        Ok(Decision::answer(seen))
    }
}
