//! What signs tokens in tests: one key, and none for codes.

use rewards_core::coupons::{CodeKeys, CodeSource};
use rewards_core::ids::{KeyId, TenantId};
use rewards_core::rejection::Rejection;
use rewards_core::secret::{KeyPurpose, Secret};
use rewards_core::time::Timestamp;
use rewards_core::tokens::{SIGNATURE_BYTES, TokenKeys, TokenPublicKey, TokenSigner};

#[derive(Debug, Clone, Copy)]
pub struct TestKeys;

const NO_CODES: Rejection = Rejection::KeyRingMissing {
    purpose: KeyPurpose::Coupons,
};

pub fn issuer() -> TokenSigner {
    TokenSigner::from_seed(&[1; 32])
}

impl CodeKeys for TestKeys {
    fn current(&self, _: Timestamp) -> Result<KeyId, Rejection> {
        Err(NO_CODES)
    }

    fn sealed(
        &self,
        _: &TenantId,
        _: &CodeSource,
        _: u32,
        _: Timestamp,
    ) -> Result<Secret, Rejection> {
        Err(NO_CODES)
    }

    fn code(&self, _: &TenantId, _: &CodeSource, _: u32) -> Result<String, Rejection> {
        Err(NO_CODES)
    }
}

impl TokenKeys for TestKeys {
    fn token_key(&self, _: Timestamp) -> Result<KeyId, Rejection> {
        Ok("k1".parse().unwrap())
    }

    fn sign_token(
        &self,
        _: &TenantId,
        _: &KeyId,
        message: &[u8],
    ) -> Result<[u8; SIGNATURE_BYTES], Rejection> {
        Ok(issuer().sign(message))
    }

    fn token_public_keys(&self, _: &TenantId) -> Result<Vec<TokenPublicKey>, Rejection> {
        Ok(vec![TokenPublicKey {
            key: "k1".parse().unwrap(),
            public_key: hex::encode(issuer().public_key()),
            valid_from: Timestamp::MIN,
            valid_until: None,
        }])
    }
}
