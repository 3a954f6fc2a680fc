//! Add a value to a list of a program, until an instant or for ever.
//!
//! A value that is there already gets the new end, and one that was removed is there again.
//!
//! Refusals, in order: unknown program; no revision active now; the program assesses no payments; unknown list; a value that no key
//! can have, an end that is over.

use serde::{Deserialize, Serialize};

use super::super::unless_wrong;
use super::{check_ahead, check_value, list_of};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::Expected;
use crate::ids::{ProgramId, Slug};
use crate::rejection::Rejection;
use crate::risk::{RiskListEntry, RiskListEntryId};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Adds a value to a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AddToRiskList {
    /// The program.
    pub program: ProgramId,
    /// Its list.
    pub list: Slug,
    /// The value of the list's key: the id of a member, a device.
    pub value: String,
    /// From when on it is not on the list any more; it stays for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expires_at: Option<Timestamp>,
}

/// A value that is on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListedRiskEntry {
    /// The list.
    pub list: Slug,
    /// The value.
    pub value: String,
    /// When it was put on the list first.
    pub added_at: Timestamp,
    /// From when on it is not on the list any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expires_at: Option<Timestamp>,
}

impl Operation for AddToRiskList {
    const NAME: &'static str = "add_to_risk_list";
    const KIND: Kind = Kind::Command;
    type Reply = ListedRiskEntry;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        list_of(context, &self.program, &self.list)?;
        let mut problems = Vec::new();
        check_value("value", &self.value, &mut problems);
        if let Some(expires_at) = self.expires_at {
            check_ahead("expires_at", expires_at, context.now, &mut problems);
        }
        unless_wrong(problems)?;
        let id = RiskListEntryId::new(&self.program, &self.list, &self.value);
        let plan = ReadPlan::of_entity::<RiskListEntry>(&context.tenant, &id);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ListedRiskEntry>, Undecided> {
        let id = RiskListEntryId::new(&self.program, &self.list, &self.value);
        let stored = snapshot.get::<RiskListEntry>(&context.tenant, &id)?;
        let (expected, entry) = match stored {
            Some(stored) => (stored.expected(), stored.entity),
            None => {
                let (program, value) = (&self.program, &self.value);
                let entry = RiskListEntry::new(program, &self.list, value, context.now);
                (Expected::Absent, entry)
            }
        };
        let entry = entry.list_until(self.expires_at);
        let mut changes = Changes::default();
        changes.put(&context.tenant, &id, expected, &entry)?;
        Ok(Decision {
            reply: ListedRiskEntry {
                added_at: entry.added_at,
                expires_at: entry.expires_at(),
                list: entry.list,
                value: entry.value,
            },
            changes,
        })
    }
}
