//! Offline tokens without an engine: what a till and a wallet do where there is no network.

use rewards_core::ffi::RewardsError;
use rewards_core::rejection::Fault;
use rewards_core::tokens::{
    AcceptedToken, ShownToken, SignedToken, TokenClaims, TokenMemory, TokenSpend, TokenVerifier,
};

use crate::guard::guarded_now;

/// Whether a token that is shown pays here, as far as that is known and remembered. Keep the `memory` of what comes back before anything
/// is handed over.
#[uniffi::export]
pub fn check_token(
    verifier: TokenVerifier,
    shown: ShownToken,
    memory: TokenMemory,
) -> Result<AcceptedToken, RewardsError> {
    guarded_now(|| verifier.check(&shown, &memory).map_err(Fault::from))
}

/// What a token says. Its signature is not verified: this is for the wallet that was given it.
#[uniffi::export]
pub fn read_token(text: String) -> Result<TokenClaims, RewardsError> {
    guarded_now(|| {
        let token = SignedToken::parse(&text).map_err(Fault::from)?;
        Ok(token.claims)
    })
}

/// What the key of a device signs to spend a token, with Ed25519.
#[uniffi::export]
pub fn spend_message(spend: TokenSpend) -> Result<Vec<u8>, RewardsError> {
    guarded_now(|| spend.message().map_err(Fault::from))
}

/// The proof of a payment with its signature, as text for a QR code.
#[uniffi::export]
pub fn spend_proof(spend: TokenSpend, signature: Vec<u8>) -> Result<String, RewardsError> {
    guarded_now(|| spend.proof(&signature).map_err(Fault::from))
}
