//! What the core may not fetch: the time, fresh ids and the compiled programs.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::{IdAllocator, IdSeed, MemberId, ProgramId, TenantId};
use crate::program::CompiledProgram;
use crate::rejection::Rejection;
use crate::snapshot::MemberKey;
use crate::time::Timestamp;

/// The revisions of one program, by number.
#[derive(Debug, Clone, Default)]
pub struct Revisions {
    by_number: Vec<Arc<CompiledProgram>>,
    voids: bool,
}

impl Revisions {
    /// The revisions, sorted by number.
    #[must_use]
    pub fn new(mut revisions: Vec<Arc<CompiledProgram>>) -> Self {
        revisions.sort_by_key(|revision| revision.number());
        Self {
            voids: revisions.iter().any(|revision| revision.voids()),
            by_number: revisions,
        }
    }

    /// The newest revision number; 0 when there is none.
    #[must_use]
    pub fn newest(&self) -> u32 {
        let newest = self.by_number.last();
        newest.map_or(0, |revision| revision.number())
    }

    /// The revision that decides what happens at an instant: of those active by then, the one published last.
    #[must_use]
    pub fn at(&self, instant: Timestamp) -> Option<&Arc<CompiledProgram>> {
        self.by_number
            .iter()
            .rev()
            .find(|revision| revision.active_from() <= instant)
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<CompiledProgram>> {
        self.by_number.iter()
    }

    /// Whether rewards of one of them are voided by time alone, as when no confirmation comes.
    #[must_use]
    pub fn voids(&self) -> bool {
        self.voids
    }

    /// A revision by its number.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Option<&Arc<CompiledProgram>> {
        self.by_number
            .iter()
            .find(|revision| revision.number() == number)
    }
}

/// What a command is decided with, fixed once before its first attempt: a retry gets the same time and ids.
#[derive(Debug, Clone)]
pub struct Context {
    /// Whose command it is.
    pub tenant: TenantId,
    /// When it is decided.
    pub now: Timestamp,
    /// What its ids are made from.
    pub ids: IdSeed,
    /// The tenant's programs.
    pub programs: Arc<BTreeMap<ProgramId, Revisions>>,
}

impl Context {
    /// The ids of one decision, from the first on: each time it is decided it gets the same.
    #[must_use]
    pub fn id_allocator(&self) -> IdAllocator {
        IdAllocator::new(self.ids)
    }

    /// Whether rewards of one of the tenant's programs are voided by time alone.
    #[must_use]
    pub fn voids(&self) -> bool {
        self.programs.values().any(Revisions::voids)
    }

    /// Key of a member's row.
    #[must_use]
    pub fn member_key(&self, member: &MemberId) -> MemberKey {
        MemberKey {
            tenant: self.tenant.clone(),
            member: member.clone(),
        }
    }

    /// The revision of a program that decides what happens at an instant.
    ///
    /// # Errors
    /// [`Rejection::ProgramUnknown`], [`Rejection::ProgramNotActive`].
    pub fn program_at(
        &self,
        program: &ProgramId,
        at: Timestamp,
    ) -> Result<&Arc<CompiledProgram>, Rejection> {
        let revisions = self.revisions(program);
        let revisions = revisions.ok_or_else(|| Rejection::ProgramUnknown(program.clone()))?;
        revisions.at(at).ok_or_else(|| Rejection::ProgramNotActive {
            program: program.clone(),
            at,
        })
    }

    /// The revisions of a program, if there are any.
    #[must_use]
    pub fn revisions(&self, program: &ProgramId) -> Option<&Revisions> {
        self.programs
            .get(program)
            .filter(|revisions| revisions.newest() > 0)
    }
}
