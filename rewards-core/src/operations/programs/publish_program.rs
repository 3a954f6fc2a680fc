//! Publish a program: make a numbered revision of a document.
//!
//! A revision never changes. It decides purchases that happen from `active_from` on; of several active revisions the one
//! published last decides.
//!
//! What members did and where they stand is taken over from the revisions before: a document that asks for what was never
//! counted, or leaves out a tier that members may stand on, is refused unless it says so.
//!
//! Refusals, in order: the document is invalid (all problems at once); it does not follow from the revisions before (all
//! problems at once); the first revision of a program would be active
//! only from a time before 1970 or after 2200 (already refused when the request is read); the newest revision moved on.

use serde::{Deserialize, Serialize};

use crate::command::{Kind, Operation, Undecided};
use crate::context::{Context, Revisions};
use crate::decision::{Changes, Decision, ProgramWrite};
use crate::event::{Event, EventRecord, Stream};
use crate::ids::ProgramId;
use crate::program::{CompiledProgram, Predecessor, Program, succession};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ProgramKey, ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Publishes a revision of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PublishProgram {
    /// The document.
    pub program: Program,
    /// From when it decides; from now on when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub active_from: Option<Timestamp>,
}

/// The revision that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PublishedProgram {
    /// The program.
    pub program: ProgramId,
    /// The revision's number, from 1.
    pub revision: u32,
    /// From when it decides.
    pub active_from: Timestamp,
}

/// The compiled document: only one that can be compiled is published.
#[derive(Debug)]
pub struct ValidProgram(CompiledProgram);

/// Problems of the document as problems of the request.
fn below_program(problems: Vec<Problem>) -> Rejection {
    let problems = problems.into_iter();
    Rejection::Invalid(problems.map(|problem| problem.below("program")).collect())
}

impl PublishProgram {
    /// Publishes a document that decides from now on.
    #[must_use]
    pub fn new(program: Program) -> Self {
        Self {
            program,
            active_from: None,
        }
    }

    /// Checks what members did and where they stand under the revisions before.
    fn check_succession(
        &self,
        compiled: &CompiledProgram,
        context: &Context,
    ) -> Result<(), Vec<Problem>> {
        let revisions = context.revisions(&self.program.id);
        let earlier = revisions.into_iter().flat_map(Revisions::iter);
        let earlier: Vec<Predecessor<'_>> = earlier
            .map(|revision| Predecessor {
                document: revision.document(),
                ladders: revision.ladders(),
            })
            .collect();
        let problems = succession(&self.program, compiled.ladders(), &earlier);
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    fn key(&self, context: &Context) -> ProgramKey {
        ProgramKey {
            tenant: context.tenant.clone(),
            program: self.program.id.clone(),
        }
    }
}

impl Operation for PublishProgram {
    const NAME: &'static str = "publish_program";
    const KIND: Kind = Kind::Command;
    type Reply = PublishedProgram;
    type Prepared = ValidProgram;
    // A document of ten thousand rules takes a while.
    const IS_PREPARED_APART: bool = true;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ValidProgram), Rejection> {
        let active_from = self.active_from.unwrap_or(context.now);
        let compiled = CompiledProgram::compile(self.program.clone(), 1, active_from);
        let compiled = compiled.map_err(below_program)?;
        let plan = ReadPlan {
            programs: vec![self.key(context)],
            ..ReadPlan::default()
        };
        Ok((plan, ValidProgram(compiled)))
    }

    fn decide(
        &self,
        ValidProgram(compiled): &ValidProgram,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        let key = self.key(context);
        let newest = snapshot.programs.get(&key).copied().unwrap_or(0);
        let revision = newest.checked_add(1).ok_or(Rejection::Overflow)?;
        let active_from = self.active_from.unwrap_or(context.now);
        self.check_succession(compiled, context)
            .map_err(below_program)?;
        let event = EventRecord {
            id: context.id_allocator().next(),
            stream: Stream::Program(self.program.id.clone()),
            seq: u64::from(revision),
            recorded_at: context.now,
            event: Event::ProgramPublished {
                revision,
                active_from,
            },
        };
        let write = ProgramWrite {
            key,
            revision,
            active_from,
            published_at: context.now,
            document: self.program.clone(),
        };
        let changes = Changes {
            programs: vec![write],
            events: vec![(context.tenant.clone(), event)],
            ..Changes::default()
        };
        let program = self.program.id.clone();
        Ok(Decision {
            reply: PublishedProgram {
                program,
                revision,
                active_from,
            },
            changes,
        })
    }
}
