//! The keys that everybody in a simulation knows, what providers sign with them, and what the engine makes of secrets: worked out
//! again here, so that the auditor can tell two requests apart as the engine does.

use hmac::{Hmac, KeyInit, Mac};
use rewards_core::command::{Operation, fingerprint};
use rewards_core::coupons::{CodeMatching, spelled};
use rewards_core::fingerprint::Fingerprint;
use rewards_core::ids::{CouponId, KeyId, TenantId};
use rewards_core::secret::{KeyPurpose, KeyedDigest, Secret};
use rewards_core::signature::Signature;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{KeyRing, RingKey};
use sha2::Sha256;

use super::Failed;
use super::programs::PROVIDER_KEYS;

/// The key of aliases, and that of codes.
const SECRET_KEYS: [(KeyPurpose, &str); 2] = [
    (KeyPurpose::Alias, "alias-1"),
    (KeyPurpose::Coupons, "codes-1"),
];

/// The keys that every engine of a simulation knows.
///
/// # Errors
/// When a key cannot be one, which is a mistake here.
pub fn key_ring() -> Result<KeyRing, Failed> {
    let providers = PROVIDER_KEYS.map(|id| (KeyPurpose::Deposits, id));
    let keys = providers.into_iter().chain(SECRET_KEYS);
    let keys = keys.chain([(KeyPurpose::Tokens, "tokens-1")]);
    let keys = keys.map(|(purpose, id)| {
        let from = Timestamp::MIN;
        let bytes = bytes_of(id);
        Ok(RingKey::new(purpose, KeyId::new(id)?, bytes, from, None)?)
    });
    Ok(KeyRing::new(keys.collect::<Result<_, Failed>>()?)?)
}

/// The bytes of a key.
fn bytes_of(key: &str) -> Vec<u8> {
    key.bytes().cycle().take(32).collect()
}

fn mac_of(key: &str, parts: &[&[u8]]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&bytes_of(key)).ok()?;
    for part in parts {
        mac.update(part);
    }
    let digits = mac.finalize().into_bytes().into_iter();
    Some(digits.map(|byte| format!("{byte:02x}")).collect())
}

/// Signs what a provider says, with the key that it names.
pub(super) fn sign<O: Operation>(request: &mut O, at: Timestamp) {
    let Some(signed) = request.signed() else {
        return;
    };
    let seconds = at.micros().div_euclid(1_000_000);
    let key = signed.key.as_ref().map_or("", KeyId::as_str);
    let said = format!("{seconds}.{}", signed.message);
    if let Some(signature) = mac_of(key, &[said.as_bytes()]) {
        *signed.timestamp = seconds;
        *signed.signature = Signature::Claimed(signature);
    }
}

/// What tells a request apart from others, with its secrets as digests and nobody's signature.
pub(super) fn fingerprint_of<O: Operation>(
    request: &O,
    tenant: &TenantId,
) -> Result<Fingerprint, Failed> {
    let mut request = request.clone();
    if let Some(signed) = request.signed() {
        signed.forget();
    }
    for (purpose, secret) in request.secrets() {
        if let Secret::Clear(text) = secret {
            *secret = Secret::Sealed(digests(purpose, tenant, text)?);
        }
    }
    Ok(fingerprint(&request)?)
}

fn digests(purpose: KeyPurpose, tenant: &TenantId, text: &str) -> Result<Vec<KeyedDigest>, Failed> {
    let own = SECRET_KEYS.iter().find(|(of, _)| *of == purpose);
    let (_, key) = own.ok_or("a secret without a key")?;
    let spellings = match purpose {
        KeyPurpose::Coupons => CodeMatching::ALL
            .into_iter()
            .map(|matching| spelled(text, matching))
            .collect(),
        KeyPurpose::Alias | KeyPurpose::Deposits | KeyPurpose::Tokens => vec![text.to_owned()],
    };
    let digests = spellings.into_iter().map(|text| {
        let said = format!("rewards/secret/1\0{purpose}\0{tenant}\0{text}");
        let digest = mac_of(key, &[said.as_bytes()]).ok_or("a key that is none")?;
        let (key, digest) = (KeyId::new(key)?, digest.into());
        Ok(KeyedDigest { key, digest })
    });
    digests.collect()
}

/// The coupon of a code, in a book where codes match in a way.
pub(super) fn coupon_of(
    tenant: &TenantId,
    code: &str,
    matching: CodeMatching,
) -> Result<CouponId, Failed> {
    let sealed = Secret::Sealed(digests(KeyPurpose::Coupons, tenant, code)?);
    let ids = CouponId::candidates_of(&sealed, matching);
    Ok(ids.into_iter().next().ok_or("a code of no coupon")?)
}
