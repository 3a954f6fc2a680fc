//! What the core may not fetch: the time, fresh ids and the compiled programs.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::coupons::CodeKeys;
use crate::ids::{IdAllocator, IdSeed, MemberId, ProgramId, TenantId};
use crate::program::{CompiledProgram, Measure};
use crate::rejection::Rejection;
use crate::secret::KeyPurpose;
use crate::snapshot::MemberKey;
use crate::time::Timestamp;
use crate::tokens::TokenKeys;

/// The revisions of one program, by number.
#[derive(Debug, Clone, Default)]
pub struct Revisions {
    by_number: Vec<Arc<CompiledProgram>>,
    eras: Vec<Era>,
    voids: bool,
    slides: bool,
    measures_balance: bool,
    measures_earned: bool,
}

impl Revisions {
    /// The revisions, sorted by number.
    #[must_use]
    pub fn new(mut revisions: Vec<Arc<CompiledProgram>>) -> Self {
        revisions.sort_by_key(|revision| revision.number());
        let measures = |is_it: fn(&Measure) -> bool| {
            let mut ladders = revisions.iter().flat_map(|revision| revision.ladders());
            ladders.any(|ladder| is_it(ladder.measure()))
        };
        let mut revisions = Self {
            eras: Vec::new(),
            voids: revisions.iter().any(|revision| revision.voids()),
            slides: revisions
                .iter()
                .any(|revision| !revision.sliding_rules().is_empty()),
            measures_balance: measures(|measure| matches!(measure, Measure::Balance(_))),
            measures_earned: measures(|measure| matches!(measure, Measure::Earned(_))),
            by_number: revisions,
        };
        revisions.eras = revisions.find_eras();
        revisions
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

    /// For how long each of them decides, in the order of time.
    #[must_use]
    pub fn eras(&self) -> &[Era] {
        &self.eras
    }

    fn find_eras(&self) -> Vec<Era> {
        let mut begins: Vec<Timestamp> = self.iter().map(|one| one.active_from()).collect();
        begins.sort_unstable();
        begins.dedup();
        let mut eras: Vec<Era> = Vec::new();
        for from in begins {
            let Some(program) = self.at(from) else {
                continue;
            };
            if let Some(last) = eras.last_mut() {
                // A revision that was to begin, but another one was published since that began before it and goes on.
                if last.program.number() == program.number() {
                    continue;
                }
                last.until = Some(from);
            }
            eras.push(Era {
                program: Arc::clone(program),
                from,
                until: None,
            });
        }
        eras
    }

    /// Whether rewards of one of them are voided by time alone, as when no confirmation comes.
    #[must_use]
    pub fn voids(&self) -> bool {
        self.voids
    }

    /// Whether rewards of one of them last longer by what their member does.
    #[must_use]
    pub fn slides(&self) -> bool {
        self.slides
    }

    /// Whether one of them has a ladder that is climbed by a balance.
    #[must_use]
    pub fn measures_balance(&self) -> bool {
        self.measures_balance
    }

    /// Whether one of them has a ladder that is climbed by what was earned.
    #[must_use]
    pub fn measures_earned(&self) -> bool {
        self.measures_earned
    }

    /// A revision by its number.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Option<&Arc<CompiledProgram>> {
        self.by_number
            .iter()
            .find(|revision| revision.number() == number)
    }
}

/// A time for which one revision decides.
#[derive(Debug, Clone)]
pub struct Era {
    /// The revision.
    pub program: Arc<CompiledProgram>,
    /// Since when, inclusive.
    pub from: Timestamp,
    /// Until when, exclusive; `None` when no other revision follows.
    pub until: Option<Timestamp>,
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
    /// What makes codes and signs tokens; nothing where there are no keys.
    pub keys: Option<Arc<dyn HostKeys>>,
}

/// What an engine makes with the keys of its host.
pub trait HostKeys: CodeKeys + TokenKeys {}

impl<K: CodeKeys + TokenKeys> HostKeys for K {}

impl Context {
    /// The ids of one decision, from the first on: each time it is decided it gets the same.
    #[must_use]
    pub fn id_allocator(&self) -> IdAllocator {
        IdAllocator::new(self.ids)
    }

    /// What makes codes.
    ///
    /// # Errors
    /// [`Rejection::KeyRingMissing`].
    pub fn code_keys(&self) -> Result<&dyn CodeKeys, Rejection> {
        Ok(self.host_keys(KeyPurpose::Coupons)?)
    }

    /// What signs tokens.
    ///
    /// # Errors
    /// [`Rejection::KeyRingMissing`].
    pub fn token_keys(&self) -> Result<&dyn TokenKeys, Rejection> {
        Ok(self.host_keys(KeyPurpose::Tokens)?)
    }

    fn host_keys(&self, purpose: KeyPurpose) -> Result<&dyn HostKeys, Rejection> {
        self.keys
            .as_deref()
            .ok_or(Rejection::KeyRingMissing { purpose })
    }

    /// Whether rewards of one of the tenant's programs are voided by time alone.
    #[must_use]
    pub fn voids(&self) -> bool {
        self.programs.values().any(Revisions::voids)
    }

    /// Whether rewards of one of the tenant's programs last longer by what their member does.
    #[must_use]
    pub fn slides(&self) -> bool {
        self.programs.values().any(Revisions::slides)
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
