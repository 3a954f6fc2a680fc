//! Offline tokens and proofs, as bytes and as text.

use std::sync::LazyLock;

use rewards_core::time::Timestamp;
use rewards_core::tokens::{
    SignedToken, SpendProof, TOKEN_BYTES_MAX, TokenSigner, read_base45, write_base45,
};

static SIGNER: LazyLock<TokenSigner> = LazyLock::new(|| TokenSigner::from_seed(&[1; 32]));

/// A token as bytes, and as what follows its prefix. What is read is within its bounds and names the instant it ends at; nothing that
/// somebody made up is signed by the key.
///
/// # Panics
/// When that does not hold.
pub fn token(bytes: &[u8]) {
    for read in forms(bytes, "RT1:").map(|bytes| bytes.map(|bytes| SignedToken::from_bytes(&bytes)))
    {
        let Some(Ok(token)) = read else {
            continue;
        };
        assert_eq!(
            token.claims.check(),
            Ok(()),
            "read, and refused to be issued"
        );
        assert!(token.claims.expires_at > Timestamp::MIN);
        let _ = token.verify(&SIGNER.public_key());
    }
}

/// A proof, likewise. What is read can be signed, and then it is good.
///
/// # Panics
/// When that does not hold.
pub fn proof(bytes: &[u8]) {
    for read in forms(bytes, "RP1:").map(|bytes| bytes.map(|bytes| SpendProof::from_bytes(&bytes)))
    {
        let Some(Ok(proof)) = read else {
            continue;
        };
        assert_eq!(
            proof.claims.digest(),
            Ok(proof.digest()),
            "known by something else"
        );
        let signed = proof.claims.sign(&SIGNER);
        let signed = signed.and_then(|text| SpendProof::parse(&text));
        let is_good = signed.is_ok_and(|again| again.verify(&SIGNER.public_key()).is_ok());
        assert!(is_good, "what was read cannot be signed");
    }
}

/// The bytes as they are, and what they are as text.
fn forms(bytes: &[u8], prefix: &str) -> [Option<Vec<u8>>; 2] {
    let text = std::str::from_utf8(bytes).ok();
    let text = text.map(|text| text.trim_end_matches('\n'));
    let rest = text.and_then(|text| text.strip_prefix(prefix));
    let read = rest.and_then(read_base45);
    if let (Some(rest), Some(read)) = (rest, &read) {
        assert_eq!(write_base45(read), rest, "two texts of the same bytes");
    }
    let own = bytes.get(..bytes.len().min(TOKEN_BYTES_MAX.saturating_add(1)));
    [own.map(<[u8]>::to_vec), read]
}
