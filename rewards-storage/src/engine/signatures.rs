//! What somebody else signed is verified before anything else is done with a request: the rules see a message only with the
//! key that it was found good under, and nobody can put that key there but this.
//!
//! A key verifies what was signed while it was valid, by the time in the signature, which is signed, too. So keys are rotated
//! without a gap: what was signed under the old one shortly before is still good shortly after.

use hmac::Mac;
use rewards_core::command::Operation;
use rewards_core::ids::KeyId;
use rewards_core::rejection::{Fault, Problem, Rejection};
use rewards_core::signature::{Signature, Signed, instant_of};
use rewards_core::texts::check_texts;

use super::key_ring::{KeyRing, KeyTime};

/// Verifies a request, if anything of it is signed, and says whether it is.
///
/// # Errors
/// `invalid` for what can be no signature and no time, `key_ring_missing` without a key for it, `signature_key_unknown` for a key
/// that the ring does not have, `signature_invalid` for everything that is not genuine.
pub(super) fn verify<O: Operation>(
    request: &mut O,
    ring: &KeyRing,
    at: &impl std::ops::Deref<Target = KeyTime>,
) -> Result<bool, Fault> {
    if request.signed().is_none() {
        return Ok(false);
    }
    // What no store can hold is refused as such, as everywhere.
    check_texts(request)?;
    let Some(signed) = request.signed() else {
        return Ok(false);
    };
    let key = good_key(&signed, ring, at)?;
    *signed.signature = Signature::Verified(key);
    Ok(true)
}

/// The same request without what a signature adds to what it says: signed again, it is the same request.
pub(super) fn forgotten<O: Operation>(request: &O) -> O {
    let mut plain = request.clone();
    if let Some(signed) = plain.signed() {
        signed.forget();
    }
    plain
}

fn good_key(
    signed: &Signed<'_>,
    ring: &KeyRing,
    at: &impl std::ops::Deref<Target = KeyTime>,
) -> Result<KeyId, Fault> {
    let (claimed, signed_at) = match (signed.signature.claimed(), instant_of(*signed.timestamp)) {
        (Ok(claimed), Ok(signed_at)) => (claimed, signed_at),
        (claimed, signed_at) => {
            let claimed = claimed.err();
            let claimed =
                claimed.map(|error| Problem::new(error.code(), "signature", error.to_string()));
            let signed_at = signed_at.err();
            let signed_at =
                signed_at.map(|error| Problem::new(error.code(), "timestamp", error.to_string()));
            let problems = claimed.into_iter().chain(signed_at);
            return Err(Rejection::Invalid(problems.collect()).into());
        }
    };
    let (purpose, named) = (signed.purpose, signed.key.as_ref());
    let mut found = None;
    for key in ring.valid(purpose, named, signed_at) {
        let mut mac = key.mac(&[])?;
        mac.update(signed.timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(signed.message.as_bytes());
        // Compared in constant time, or somebody could find a signature byte by byte.
        if mac.verify_slice(&claimed).is_ok() {
            found = Some(key.id().clone());
        }
    }
    if let Some(found) = found {
        return Ok(found);
    }
    let now = at.now();
    let has = |id| {
        [now, signed_at]
            .iter()
            .any(|at| ring.valid(purpose, id, *at).next().is_some())
    };
    if !has(None) {
        return Err(Rejection::KeyRingMissing { purpose }.into());
    }
    Err(match named {
        Some(key) if !has(named) => Rejection::SignatureKeyUnknown(key.clone()),
        _ => Rejection::SignatureInvalid,
    }
    .into())
}
