//! The keys of the host as an engine uses them: its clock says, too, which of them live.

use std::sync::Arc;

use rewards_core::ids::KeyId;
use rewards_core::rejection::Rejection;
use rewards_core::secret::KeyPurpose;
use rewards_core::time::Timestamp;

use super::clock::Clock;
use super::key_ring::{KeyRing, KeyTime, RingKey};

/// What an engine makes with the keys of its host: codes of coupons, and signatures of tokens.
#[derive(Debug)]
pub(super) struct EngineKeys {
    pub(super) ring: Arc<KeyRing>,
    pub(super) clock: Arc<dyn Clock>,
}

impl EngineKeys {
    /// The live keys of a purpose, the current one first.
    ///
    /// # Errors
    /// [`Rejection::KeyRingMissing`] when none is current.
    pub(super) fn live(
        &self,
        purpose: KeyPurpose,
        now: Timestamp,
    ) -> Result<Vec<&RingKey>, Rejection> {
        let at = KeyTime::new(now, self.clock.now());
        match self.ring.live(purpose, at) {
            keys if keys.is_empty() => Err(Rejection::KeyRingMissing { purpose }),
            keys => Ok(keys),
        }
    }

    /// The key of a purpose that new things are made with.
    ///
    /// # Errors
    /// As [`live`](Self::live).
    pub(super) fn current(&self, purpose: KeyPurpose, now: Timestamp) -> Result<KeyId, Rejection> {
        let live = self.live(purpose, now)?;
        let current = live.first().map(|key| key.id().clone());
        current.ok_or(Rejection::Internal("no key is current"))
    }

    /// The key of a purpose with this id, whatever its time.
    ///
    /// # Errors
    /// [`Rejection::KeyMissing`].
    pub(super) fn key(&self, purpose: KeyPurpose, id: &KeyId) -> Result<&RingKey, Rejection> {
        let key = self.ring.key(purpose, id);
        key.ok_or_else(|| Rejection::KeyMissing { key: id.clone() })
    }
}
