//! Tokens and proofs as text: a prefix that says which, in which version, and Base45. All of it is in the alphanumeric mode of QR
//! codes, where a character takes five and a half bits.

use super::TokenError;
use super::base45;
use super::sign1::TOKEN_BYTES_MAX;

/// What a token begins with: the kind and the version of its form.
pub const TOKEN_PREFIX: &str = "RT1:";
/// What a proof begins with.
pub const PROOF_PREFIX: &str = "RP1:";
/// What a [code that is signed](crate::qr::SignedQr) begins with.
pub const QR_PREFIX: &str = "RQ1:";

/// Bytes as text.
pub(crate) fn write(prefix: &str, bytes: &[u8]) -> String {
    format!("{prefix}{}", base45::encode(bytes))
}

/// The bytes of a text.
pub(crate) fn read(prefix: &str, text: &str) -> Result<Vec<u8>, TokenError> {
    let wrong = || TokenError::malformed("it does not begin as expected");
    let rest = text.strip_prefix(prefix).ok_or_else(wrong)?;
    // Looked at before anything is made of it: what somebody shows may be of any length.
    if rest.len() > TOKEN_BYTES_MAX.saturating_mul(2) {
        return Err(TokenError::malformed("it is too long"));
    }
    base45::decode(rest).ok_or_else(|| TokenError::malformed("it is not Base45"))
}
