//! The journal of a member: every transfer in order, each entry hashed over the one before.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Transfer;
use crate::ids::{MemberId, TenantId};
use crate::time::Timestamp;

/// SHA-256 of a journal entry and of all entries before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ChainHash(pub [u8; 32]);

impl std::fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChainHash({})", hex::encode(self.0))
    }
}

impl Serialize for ChainHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for ChainHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.as_bytes(), &mut bytes).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

/// Where a member's journal ends: the next entry continues from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalHead {
    /// Number of the last entry; 0 when there is none.
    pub seq: u64,
    /// Hash of the last entry; all zero when there is none.
    pub hash: ChainHash,
}

/// One entry of a member's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Whose journal it is.
    pub member: MemberId,
    /// Position in that journal, from 1 without gaps.
    pub seq: u64,
    /// The engine's id of the entry.
    pub id: Uuid,
    /// What moved.
    pub transfer: Transfer,
    /// When it was recorded; never earlier than the entry before.
    pub recorded_at: Timestamp,
    /// Hash over the entry and the hash of the entry before.
    pub hash: ChainHash,
}

impl JournalHead {
    /// Appends a transfer and moves the head to it.
    #[must_use]
    pub fn append(
        &mut self,
        tenant: &TenantId,
        member: &MemberId,
        id: Uuid,
        transfer: Transfer,
        recorded_at: Timestamp,
    ) -> JournalEntry {
        let seq = self.seq.saturating_add(1);
        let mut entry = JournalEntry {
            member: member.clone(),
            seq,
            id,
            transfer,
            recorded_at,
            hash: self.hash,
        };
        entry.hash = entry.chain(tenant, self.hash);
        *self = Self {
            seq,
            hash: entry.hash,
        };
        entry
    }
}

impl JournalEntry {
    /// First byte of what is hashed; raised when the encoding changes.
    const ENCODING: u8 = 1;

    /// The hash this entry must have after `previous`.
    ///
    /// Every field is hashed with its length, so no two different entries have the same encoding. The words of a person who
    /// gave a reason are not hashed: they may be personal, and must be erasable.
    #[must_use]
    pub fn chain(&self, tenant: &TenantId, previous: ChainHash) -> ChainHash {
        let mut encoded = Vec::with_capacity(256);
        encoded.push(Self::ENCODING);
        encoded.extend_from_slice(&previous.0);
        let transfer = &self.transfer;
        let mut field = |bytes: &[u8]| {
            encoded
                .extend_from_slice(&(u64::try_from(bytes.len()).unwrap_or(u64::MAX)).to_le_bytes());
            encoded.extend_from_slice(bytes);
        };
        field(tenant.as_str().as_bytes());
        field(self.member.as_str().as_bytes());
        field(&self.seq.to_le_bytes());
        field(self.id.as_bytes());
        field(transfer.from().to_string().as_bytes());
        field(transfer.to().to_string().as_bytes());
        field(&transfer.minor().to_le_bytes());
        field(transfer.kind.text().as_bytes());
        field(&transfer.effective_at.micros().to_le_bytes());
        field(&self.recorded_at.micros().to_le_bytes());
        field(
            transfer
                .purchase
                .as_ref()
                .map_or(&[][..], |purchase| purchase.as_str().as_bytes()),
        );
        if let Some(origin) = &transfer.origin {
            field(origin.program.as_str().as_bytes());
            field(&origin.revision.to_le_bytes());
            field(origin.rule.as_str().as_bytes());
        }
        ChainHash(Sha256::digest(&encoded).into())
    }
}
