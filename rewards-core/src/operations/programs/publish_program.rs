//! Publish a program: make a numbered revision of a document.
//!
//! A revision never changes. It decides purchases that happen from `active_from` on; of several active revisions the one
//! published last decides.
//!
//! Refusals, in order: the document is invalid (all problems at once); the first revision of a program would be active
//! only from a time before 1970 or after 2200 (already refused when the request is read); the newest revision moved on.

use serde::{Deserialize, Serialize};

use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision, ProgramWrite};
use crate::event::{Event, EventRecord, Stream};
use crate::ids::ProgramId;
use crate::program::{CompiledProgram, Program};
use crate::rejection::Rejection;
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

/// That the document was compiled: only such a one is published.
#[derive(Debug)]
pub struct ValidProgram(());

impl PublishProgram {
    /// Publishes a document that decides from now on.
    #[must_use]
    pub fn new(program: Program) -> Self {
        Self {
            program,
            active_from: None,
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
        CompiledProgram::compile(self.program.clone(), 1, active_from).map_err(|problems| {
            let problems = problems.into_iter();
            Rejection::Invalid(problems.map(|problem| problem.below("program")).collect())
        })?;
        let plan = ReadPlan {
            programs: vec![self.key(context)],
            ..ReadPlan::default()
        };
        Ok((plan, ValidProgram(())))
    }

    fn decide(
        &self,
        ValidProgram(()): &ValidProgram,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        let key = self.key(context);
        let newest = snapshot.programs.get(&key).copied().unwrap_or(0);
        let revision = newest.checked_add(1).ok_or(Rejection::Overflow)?;
        let active_from = self.active_from.unwrap_or(context.now);
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
