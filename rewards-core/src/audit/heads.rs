//! Heads of books: what a host keeps, or signs, to find out later whether history was written anew.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{AuditProblem, StoredRevision};
use crate::event::Stream;
use crate::ids::TenantId;
use crate::ledger::ChainHash;

/// Where a member's journal or a program's list of revisions ended at some moment.
///
/// The hash covers everything up to the number. Books in which the same number has the same hash, and which an audit finds
/// valid, have the same history up to there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookHead {
    /// Whose: a member's journal, or the revisions of a program.
    pub stream: Stream,
    /// Number of the last entry or revision.
    pub seq: u64,
    /// Hash over it and everything before it.
    pub hash: ChainHash,
}

impl BookHead {
    /// What is wrong when the books have this hash under the number of the head; absent when they have no such number.
    #[must_use]
    pub fn check(&self, found: Option<ChainHash>) -> Option<AuditProblem> {
        (found != Some(self.hash)).then(|| AuditProblem::Rewritten {
            stream: self.stream.clone(),
            seq: self.seq,
        })
    }
}

/// First byte of what is hashed of a revision; raised when the encoding changes.
const ENCODING: u8 = 1;

/// The hash of a revision after the one before it. Every field is hashed with its length, so no two different revisions have
/// the same encoding.
#[must_use]
pub fn revision_hash(tenant: &TenantId, stored: &StoredRevision, previous: ChainHash) -> ChainHash {
    let mut digest = Sha256::new();
    digest.update([ENCODING]);
    digest.update(previous.0);
    let fields: [&[u8]; 6] = [
        tenant.as_str().as_bytes(),
        stored.program.as_str().as_bytes(),
        &stored.revision.to_le_bytes(),
        &stored.active_from.micros().to_le_bytes(),
        &stored.published_at.micros().to_le_bytes(),
        stored.body.as_bytes(),
    ];
    for field in fields {
        let length = u64::try_from(field.len()).unwrap_or(u64::MAX);
        digest.update(length.to_le_bytes());
        digest.update(field);
    }
    ChainHash(digest.finalize().into())
}
