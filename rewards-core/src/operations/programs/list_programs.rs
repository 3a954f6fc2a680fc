//! A page of the programs of a tenant, newest first: by when their newest revision begins to decide, then by id.
//!
//! Refusals: a page size of zero or above the bound, a place in another list.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::super::pages::Page;
use crate::command::{Kind, Operation, Undecided};
use crate::context::{Context, Revisions};
use crate::decision::Decision;
use crate::entity::Cursor;
use crate::ids::ProgramId;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a page of the programs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListPrograms {
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many programs, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of the programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ProgramList {
    /// The programs, newest first: by when their newest revision begins to decide, which may be in the future, then by id.
    pub programs: Vec<ListedProgram>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

/// A program in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListedProgram {
    /// The program.
    pub program: ProgramId,
    /// Its name for people, in the newest revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub name: Option<String>,
    /// Its newest revision.
    pub newest: u32,
    /// From when the newest revision decides.
    pub active_from: Timestamp,
    /// The revision that decides now; absent while none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub current: Option<u32>,
}

impl Operation for ListPrograms {
    const NAME: &'static str = "list_programs";
    const KIND: Kind = Kind::Query;
    type Reply = ProgramList;
    type Prepared = Page;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, Page), Rejection> {
        let page = Page::new(context, "programs", self.after.as_deref(), self.limit)?;
        Ok((ReadPlan::default(), page))
    }

    fn decide(
        &self,
        page: &Page,
        _: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ProgramList>, Undecided> {
        let programs = context.programs.iter();
        let mut found: Vec<ListedProgram> = programs
            .filter_map(|(program, revisions)| listed(program, revisions, context.now))
            .collect();
        found.sort_by_key(|program| Reverse(place(program)));
        if let Some(after) = &page.after {
            found.retain(|program| place(program) < *after);
        }
        let (programs, next) = page.cut(found, place);
        Ok(Decision::answer(ProgramList { programs, next }))
    }
}

fn place(program: &ListedProgram) -> Cursor {
    Cursor {
        value: program.active_from.micros(),
        id: SmolStr::new(program.program.as_str()),
    }
}

fn listed(program: &ProgramId, revisions: &Revisions, now: Timestamp) -> Option<ListedProgram> {
    let newest = revisions.numbered(revisions.newest())?;
    Some(ListedProgram {
        program: program.clone(),
        name: newest.document().name.clone(),
        newest: newest.number(),
        active_from: newest.active_from(),
        current: revisions.at(now).map(|current| current.number()),
    })
}
