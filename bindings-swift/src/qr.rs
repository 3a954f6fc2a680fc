//! QR codes without an engine: whether a signed one is genuine.

use rewards_core::ffi::RewardsError;
use rewards_core::qr::{QrClaims, QrVerifier, ShownQr};
use rewards_core::rejection::Fault;

use crate::guard::guarded_now;

/// What a signed code says that somebody shows, once its signature, its issuer and its times are known to be right. No network is
/// needed.
#[uniffi::export]
pub fn check_qr(verifier: QrVerifier, shown: ShownQr) -> Result<QrClaims, RewardsError> {
    guarded_now(|| verifier.check(&shown).map_err(Fault::from))
}
