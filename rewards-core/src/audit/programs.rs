//! Revisions of programs: gapless, readable, compiling, and what was published.

use std::collections::BTreeMap;

use super::heads::revision_hash;
use super::{AuditProblem, BookAudit};
use crate::command::fingerprint;
use crate::fingerprint::Fingerprint;
use crate::ids::{ProgramId, TenantId};
use crate::ledger::JournalHead;
use crate::operations::programs::{PublishProgram, PublishedProgram};
use crate::program::{CompiledProgram, Program};
use crate::time::Timestamp;

/// A revision as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRevision {
    /// The program.
    pub program: ProgramId,
    /// The number of the revision.
    pub revision: u32,
    /// From when it decides.
    pub active_from: Timestamp,
    /// When it was published.
    pub published_at: Timestamp,
    /// The document as JSON, as stored.
    pub body: String,
}

/// Holds stored revisions against each other and against the commands that published them.
#[derive(Debug, Default)]
pub struct ProgramAudit {
    published: BTreeMap<(ProgramId, u32), Fingerprint>,
    heads: BTreeMap<ProgramId, JournalHead>,
}

impl ProgramAudit {
    /// Takes the stored reply of a command that published, with the fingerprint of its request. Comes before the revisions.
    pub fn published(&mut self, fingerprint: Fingerprint, reply: &str) {
        // A reply that cannot be read names no revision, and says nothing of one.
        if let Ok(reply) = serde_json::from_str::<PublishedProgram>(reply) {
            let place = (reply.program, reply.revision);
            self.published.insert(place, fingerprint);
        }
    }

    /// Takes the next revision, in the order of programs and numbers.
    pub fn revision(&mut self, books: &mut BookAudit, stored: &StoredRevision) {
        let mut faults = Vec::new();
        if !self.chain(books.tenant(), stored) {
            faults.push("revision");
        }
        match serde_json::from_str::<Program>(&stored.body) {
            Ok(document) => faults.extend(self.document(books, stored, document)),
            Err(_) => faults.push("unreadable"),
        }
        for what in faults {
            books.note(AuditProblem::ProgramMismatch {
                program: stored.program.clone(),
                revision: stored.revision,
                what,
            });
        }
    }

    /// Moves the head of a program on to its next revision; says whether its number is the next one.
    pub fn chain(&mut self, tenant: &TenantId, stored: &StoredRevision) -> bool {
        let head = self.heads.entry(stored.program.clone()).or_default();
        let seq = u64::from(stored.revision);
        let follows = seq == head.seq.saturating_add(1);
        let hash = revision_hash(tenant, stored, head.hash);
        *head = JournalHead { seq, hash };
        follows
    }

    fn document(
        &self,
        books: &mut BookAudit,
        stored: &StoredRevision,
        document: Program,
    ) -> Option<&'static str> {
        if document.id != stored.program {
            return Some("id");
        }
        let compiled =
            CompiledProgram::compile(document.clone(), stored.revision, stored.active_from);
        match compiled {
            Ok(compiled) => books.program(compiled),
            Err(_) => return Some("compile"),
        }
        let place = (stored.program.clone(), stored.revision);
        let published = self.published.get(&place)?;
        let is_it = |active_from| {
            let program = document.clone();
            let request = PublishProgram {
                program,
                active_from,
            };
            fingerprint(&request).is_ok_and(|found| found == *published)
        };
        // A command that names no instant begins at once: when it was published.
        let is_right = is_it(Some(stored.active_from))
            || stored.active_from == stored.published_at && is_it(None);
        (!is_right).then_some("digest")
    }

    /// Where each program ends: the number of its newest revision, and the hash over all of them.
    #[must_use]
    pub fn into_heads(self) -> BTreeMap<ProgramId, JournalHead> {
        self.heads
    }
}
