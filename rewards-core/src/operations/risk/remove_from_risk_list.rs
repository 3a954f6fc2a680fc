//! Remove a value from a list of a program.
//!
//! Refusals, in order: unknown program; no revision active now; the program assesses no payments; unknown list; a value that is not
//! on it, or was removed before.

use serde::{Deserialize, Serialize};

use super::list_of;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::ids::{ProgramId, Slug};
use crate::rejection::Rejection;
use crate::risk::{RiskListEntry, RiskListEntryId};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Removes a value from a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RemoveFromRiskList {
    /// The program.
    pub program: ProgramId,
    /// Its list.
    pub list: Slug,
    /// The value.
    pub value: String,
}

/// A value that is not on a list any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RemovedRiskEntry {
    /// The list.
    pub list: Slug,
    /// The value.
    pub value: String,
    /// When it was removed.
    pub removed_at: Timestamp,
}

impl Operation for RemoveFromRiskList {
    const NAME: &'static str = "remove_from_risk_list";
    const KIND: Kind = Kind::Command;
    type Reply = RemovedRiskEntry;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        list_of(context, &self.program, &self.list)?;
        let id = RiskListEntryId::new(&self.program, &self.list, &self.value);
        let plan = ReadPlan::of_entity::<RiskListEntry>(&context.tenant, &id);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<RemovedRiskEntry>, Undecided> {
        let id = RiskListEntryId::new(&self.program, &self.list, &self.value);
        let unknown = || Rejection::RiskEntryUnknown {
            list: self.list.clone(),
        };
        let stored = snapshot.get::<RiskListEntry>(&context.tenant, &id)?;
        let stored = stored.ok_or_else(unknown)?;
        let expected = stored.expected();
        let entry = stored.entity.remove(context.now).map_err(|_| unknown())?;
        let mut changes = Changes::default();
        changes.put(&context.tenant, &id, expected, &entry)?;
        Ok(Decision {
            reply: RemovedRiskEntry {
                list: entry.list,
                value: entry.value,
                removed_at: context.now,
            },
            changes,
        })
    }
}
