//! One revision of a program: its document, and from when it decides.
//!
//! Refusals, in order: unknown program; unknown revision of it, or none that decides now.

use serde::{Deserialize, Serialize};

use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::ProgramId;
use crate::program::Program;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a revision of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetProgram {
    /// The program.
    pub program: ProgramId,
    /// The revision; the one that decides now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub revision: Option<u32>,
}

/// A revision of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ProgramRevision {
    /// The document.
    pub program: Program,
    /// The revision's number.
    pub revision: u32,
    /// From when it decides.
    pub active_from: Timestamp,
    /// The number of the newest revision of the program.
    pub newest: u32,
}

impl Operation for GetProgram {
    const NAME: &'static str = "get_program";
    const KIND: Kind = Kind::Query;
    type Reply = ProgramRevision;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let revisions = context.revisions(&self.program);
        let revisions = revisions.ok_or_else(|| Rejection::ProgramUnknown(self.program.clone()))?;
        match self.revision {
            Some(revision) if revisions.numbered(revision).is_none() => {
                Err(Rejection::RevisionUnknown {
                    program: self.program.clone(),
                    revision,
                })
            }
            Some(_) => Ok((ReadPlan::default(), ())),
            None => {
                context.program_at(&self.program, context.now)?;
                Ok((ReadPlan::default(), ()))
            }
        }
    }

    fn decide(
        &self,
        (): &(),
        _: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ProgramRevision>, Undecided> {
        let revisions = context.revisions(&self.program);
        let revisions = revisions.ok_or_else(|| Rejection::ProgramUnknown(self.program.clone()))?;
        let found = match self.revision {
            Some(revision) => revisions.numbered(revision),
            None => revisions.at(context.now),
        };
        let found = found.ok_or_else(|| Rejection::ProgramNotActive {
            program: self.program.clone(),
            at: context.now,
        })?;
        Ok(Decision::answer(ProgramRevision {
            program: found.document().clone(),
            revision: found.number(),
            active_from: found.active_from(),
            newest: revisions.newest(),
        }))
    }
}
