//! Codes of coupons: derived from a key of the host's key ring, and sealed like those that somebody tells.
//!
//! A code is a pure function of key, tenant, batch and index: HMAC-SHA-256 over them and a block number gives as many bytes as its
//! pattern draws. So it is told again to whoever may know it, and is stored nowhere. Bytes of codes are made under another domain
//! than digests are.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use rewards_core::coupons::{CodeKeys, CodeSource};
use rewards_core::ids::{KeyId, TenantId};
use rewards_core::rejection::Rejection;
use rewards_core::secret::{KeyPurpose, Secret};
use rewards_core::time::Timestamp;
use sha2::Sha256;

use super::clock::Clock;
use super::key_ring::{KeyRing, KeyTime, RingKey};
use super::sealing;

/// First part of what codes are derived from; changed when the form of the rest changes.
const DOMAIN: &[u8] = b"rewards/coupon/1";

/// What an engine makes of codes.
#[derive(Debug)]
pub(super) struct RingCodes {
    pub(super) ring: Arc<KeyRing>,
    pub(super) clock: Arc<dyn Clock>,
}

impl RingCodes {
    fn live(&self, now: Timestamp) -> Result<Vec<&RingKey>, Rejection> {
        let purpose = KeyPurpose::Coupons;
        let at = KeyTime::new(now, self.clock.now());
        match self.ring.live(purpose, at) {
            keys if keys.is_empty() => Err(Rejection::KeyRingMissing { purpose }),
            keys => Ok(keys),
        }
    }
}

impl CodeKeys for RingCodes {
    fn current(&self, now: Timestamp) -> Result<KeyId, Rejection> {
        let live = self.live(now)?;
        let current = live.first().map(|key| key.id().clone());
        current.ok_or(Rejection::Internal("no key is current"))
    }

    fn sealed(
        &self,
        tenant: &TenantId,
        source: &CodeSource,
        index: u32,
        now: Timestamp,
    ) -> Result<Secret, Rejection> {
        let code = self.code(tenant, source, index)?;
        let keys = self.live(now)?;
        sealing::digests(&keys, tenant, &code).map(Secret::Sealed)
    }

    fn code(
        &self,
        tenant: &TenantId,
        source: &CodeSource,
        index: u32,
    ) -> Result<String, Rejection> {
        let key = self.ring.key(KeyPurpose::Coupons, &source.key);
        let key = key.ok_or_else(|| Rejection::KeyMissing {
            key: source.key.clone(),
        })?;
        let mac = Hmac::<Sha256>::new_from_slice(key.secret());
        let mut mac = mac.map_err(|_| Rejection::Internal("a key cannot be used"))?;
        // Parts that end in a zero byte, which none of them holds, cannot run into each other.
        for part in [DOMAIN, tenant.as_str().as_bytes(), source.batch.as_bytes()] {
            mac.update(part);
            mac.update(&[0]);
        }
        mac.update(&index.to_be_bytes());
        let (mut number, mut block) = (0_u32, Vec::new());
        let bytes = || loop {
            if let Some(byte) = block.pop() {
                return byte;
            }
            let mut next = mac.clone();
            next.update(&number.to_be_bytes());
            number = number.wrapping_add(1);
            block = next.finalize().into_bytes().to_vec();
        };
        Ok(source.read_pattern()?.code(bytes))
    }
}
