//! The app's keys: what names told in confidence are digested with.

use std::fmt;

use rewards_core::rejection::{Fault, Rejection};
use rewards_core::secret::KeyPurpose;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{KeyData, KeyRing};

/// A key that names told in confidence are digested with, such as those of aliases.
///
/// New digests are made with the key that became valid last; what was digested with another key of the ring is still found.
/// To rotate, add a key that begins later, and leave the old one in the ring until nothing is kept under it.
///
/// Its bytes are left out wherever it is shown as text.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct RingKey {
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Its id, which is stored with every digest and must never be used for other bytes.
    pub id: String,
    /// Its bytes, 32 to 1,024 of them, which should be random.
    pub key: Vec<u8>,
    /// From when new digests are made with it.
    pub valid_from: Timestamp,
    /// Until when, exclusive; for good when absent.
    #[uniffi(default)]
    pub valid_until: Option<Timestamp>,
}

impl fmt::Debug for RingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingKey")
            .field("purpose", &self.purpose)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for RingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key `{}` for {}", self.id, self.purpose)
    }
}

/// The ring of these keys, or all that is wrong with them.
pub(crate) fn ring(keys: Vec<RingKey>) -> Result<KeyRing, Fault> {
    let keys = keys.into_iter().map(|key| KeyData {
        purpose: key.purpose,
        id: key.id,
        key: key.key.into(),
        valid_from: key.valid_from,
        valid_until: key.valid_until,
    });
    KeyRing::from_data(keys.collect()).map_err(|problems| Rejection::Invalid(problems).into())
}
