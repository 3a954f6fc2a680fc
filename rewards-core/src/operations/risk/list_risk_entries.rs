//! A page of the values on a list of a program, those first that were added first. What expired is among them, and told as such.
//!
//! Refusals, in order: unknown program; no revision active now; the program assesses no payments; unknown list; a page size of zero
//! or above the bound, a place in another list.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::super::pages::EntityList;
use super::list_of;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::By;
use crate::ids::{ProgramId, Slug};
use crate::rejection::Rejection;
use crate::risk::{EntryState, RiskListEntry};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a page of the values on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListRiskEntries {
    /// The program.
    pub program: ProgramId,
    /// Its list.
    pub list: Slug,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many values, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A value on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RiskListEntryDetails {
    /// The list.
    pub list: Slug,
    /// The value.
    pub value: String,
    /// Where it is in its life now.
    pub state: EntryState,
    /// When it was put on the list first.
    pub added_at: Timestamp,
    /// From when on it is not on the list any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expires_at: Option<Timestamp>,
}

impl RiskListEntryDetails {
    /// An entry as it is at an instant.
    pub(super) fn of(entry: &RiskListEntry, now: Timestamp) -> Self {
        Self {
            list: entry.list.clone(),
            value: entry.value.clone(),
            state: entry.state(now),
            added_at: entry.added_at,
            expires_at: entry.expires_at(),
        }
    }
}

/// A page of the values on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RiskEntryList {
    /// The values, those first that were added first.
    pub entries: Vec<RiskListEntryDetails>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

impl Operation for ListRiskEntries {
    const NAME: &'static str = "list_risk_entries";
    const KIND: Kind = Kind::Query;
    type Reply = RiskEntryList;
    type Prepared = EntityList;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        list_of(context, &self.program, &self.list)?;
        let name = format!("entries of {} of {}", self.list, self.program);
        let by = By::Group {
            group: RiskListEntry::group(&self.program, &self.list),
            state: SmolStr::new_static("listed"),
            from_rank: 0,
            to_rank: i64::MAX,
        };
        EntityList::named::<RiskListEntry>(context, &name, by, self.after.as_deref(), self.limit)
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<RiskEntryList>, Undecided> {
        let (entries, next) = list.read(snapshot, context, |entry: RiskListEntry| {
            RiskListEntryDetails::of(&entry, context.now)
        })?;
        Ok(Decision::answer(RiskEntryList { entries, next }))
    }
}
