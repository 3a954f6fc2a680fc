//! Codes of coupons: derived from a key of the host's key ring, and sealed like those that somebody tells.
//!
//! A code is a pure function of key, tenant, batch and index: HMAC-SHA-256 over them and a block number gives as many bytes as its
//! pattern draws. So it is told again to whoever may know it, and is stored nowhere. Bytes of codes are made under another domain
//! than digests are.

use hmac::Mac;
use rewards_core::coupons::{CodeKeys, CodeSource};
use rewards_core::ids::{KeyId, TenantId};
use rewards_core::rejection::Rejection;
use rewards_core::secret::{KeyPurpose, Secret};
use rewards_core::time::Timestamp;

use super::engine_keys::EngineKeys;
use super::sealing;

/// First part of what codes are derived from; changed when the form of the rest changes.
const DOMAIN: &[u8] = b"rewards/coupon/1";
const PURPOSE: KeyPurpose = KeyPurpose::Coupons;

impl CodeKeys for EngineKeys {
    fn current(&self, now: Timestamp) -> Result<KeyId, Rejection> {
        EngineKeys::current(self, PURPOSE, now)
    }

    fn sealed(
        &self,
        tenant: &TenantId,
        source: &CodeSource,
        index: u32,
        now: Timestamp,
    ) -> Result<Secret, Rejection> {
        let code = self.code(tenant, source, index)?;
        let keys = self.live(PURPOSE, now)?;
        sealing::digests(&keys, tenant, &code).map(Secret::Sealed)
    }

    fn code(
        &self,
        tenant: &TenantId,
        source: &CodeSource,
        index: u32,
    ) -> Result<String, Rejection> {
        let key = self.key(PURPOSE, &source.key)?;
        let parts = [DOMAIN, tenant.as_str().as_bytes(), source.batch.as_bytes()];
        let mut mac = key.mac(&parts)?;
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
