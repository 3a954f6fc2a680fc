//! What signs offline tokens: keys of the host's key ring, one of its own for each tenant.
//!
//! The private key of a tenant is a pure function of a key of the ring and the tenant: HMAC-SHA-256 over them is its seed. So no token
//! of one tenant is good with another, and nothing but the ring has to be kept. Seeds are made under another domain than codes and
//! digests are.

use hmac::Mac;
use rewards_core::ids::{KeyId, TenantId};
use rewards_core::rejection::Rejection;
use rewards_core::secret::KeyPurpose;
use rewards_core::time::Timestamp;
use rewards_core::tokens::{SIGNATURE_BYTES, TokenKeys, TokenPublicKey, TokenSigner};
use zeroize::Zeroizing;

use super::engine_keys::EngineKeys;
use super::key_ring::RingKey;

/// First part of what seeds are made from; changed when the form of the rest changes.
const DOMAIN: &[u8] = b"rewards/token/1";
const PURPOSE: KeyPurpose = KeyPurpose::Tokens;

fn signer(key: &RingKey, tenant: &TenantId) -> Result<TokenSigner, Rejection> {
    let mac = key.mac(&[DOMAIN, tenant.as_str().as_bytes()])?;
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
    Ok(TokenSigner::from_seed(&seed))
}

impl TokenKeys for EngineKeys {
    fn token_key(&self, now: Timestamp) -> Result<KeyId, Rejection> {
        self.current(PURPOSE, now)
    }

    fn sign_token(
        &self,
        tenant: &TenantId,
        key: &KeyId,
        message: &[u8],
    ) -> Result<[u8; SIGNATURE_BYTES], Rejection> {
        Ok(signer(self.key(PURPOSE, key)?, tenant)?.sign(message))
    }

    fn token_public_keys(&self, tenant: &TenantId) -> Result<Vec<TokenPublicKey>, Rejection> {
        let own = self.ring.of(PURPOSE);
        let told = own.map(|key| {
            let (valid_from, valid_until) = key.window();
            Ok(TokenPublicKey {
                key: key.id().clone(),
                public_key: hex::encode(signer(key, tenant)?.public_key()),
                valid_from,
                valid_until,
            })
        });
        let keys: Vec<TokenPublicKey> = told.collect::<Result<_, Rejection>>()?;
        if keys.is_empty() {
            return Err(Rejection::KeyRingMissing { purpose: PURPOSE });
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::clock::SystemClock;
    use super::super::key_ring::KeyRing;
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn keys() -> EngineKeys {
        let key = |id: &str, byte: u8, from: i64, until: Option<i64>| {
            let until = until.map(at);
            let secret = vec![byte; 32];
            RingKey::new(PURPOSE, id.parse().unwrap(), secret, at(from), until).unwrap()
        };
        let keys = vec![key("a", 1, 0, Some(100)), key("b", 2, 50, None)];
        EngineKeys {
            ring: Arc::new(KeyRing::new(keys).unwrap()),
            clock: Arc::new(SystemClock),
        }
    }

    #[test]
    fn tenants_have_keys_of_their_own_that_rotate() {
        let keys = keys();
        let (one, other): (TenantId, TenantId) = ("one".parse().unwrap(), "other".parse().unwrap());
        let told = keys.token_public_keys(&one).unwrap();
        let ids: Vec<&str> = told.iter().map(|key| key.key.as_str()).collect();
        assert_eq!(ids, ["b", "a"]);
        assert_eq!(told[1].valid_until, Some(at(100)));
        assert_ne!(told, keys.token_public_keys(&other).unwrap());
        assert_eq!(keys.token_key(at(49)).unwrap().as_str(), "a");
        assert_eq!(keys.token_key(at(50)).unwrap().as_str(), "b");
        let key: KeyId = "a".parse().unwrap();
        let signed = keys.sign_token(&one, &key, b"m").unwrap();
        assert_eq!(signed, keys.sign_token(&one, &key, b"m").unwrap());
        assert_ne!(signed, keys.sign_token(&other, &key, b"m").unwrap());
        let unknown: KeyId = "z".parse().unwrap();
        let refused = keys.sign_token(&one, &unknown, b"m").unwrap_err();
        assert_eq!(refused.code(), "key_missing");
    }
}
