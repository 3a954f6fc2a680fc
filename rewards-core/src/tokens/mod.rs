//! Offline tokens: value that is reserved here, and spent where there is no network.
//!
//! - A token is a CWT (RFC 8392) in COSE_Sign1 (RFC 9052), signed with Ed25519, in one strict form of CBOR and as Base45 text for a
//!   QR code: a [`SignedToken`] that somebody shows, an [`UnsignedToken`] that is issued. Decoding is total, and every reason not to
//!   take one has a code of its own ([`TokenError`]).
//! - Whoever bears a token spends it as a whole, by its id, where there is a network. A token that is *bound* has the public key of
//!   a device in it, and is spent in parts by [proofs](SpendProof) that the device signs: a copy is worth nothing.
//! - A [`TokenVerifier`] says whether a token pays without a network; a [`PreparedVerifier`] takes many, and remembers them in a
//!   [`TokenLog`].
//! - A [`Token`] is what the engine keeps. Its value is reserved by a redemption, so that nothing is promised twice; payments are
//!   taken in later, in any order, as often as they are told.
//!
//! What is not here: how texts become pictures and how devices keep their keys.

mod base45;
pub(crate) mod cbor;
pub(crate) mod claims;
mod error;
mod keys;
mod log;
mod prepared;
mod proof;
mod receipt;
mod section;
pub(crate) mod sign1;
mod spend;
pub(crate) mod text;
mod token;
pub(crate) mod verifier;

pub use base45::{decode as read_base45, encode as write_base45};
pub use claims::{
    SignedToken, TOKEN_CATEGORIES_MAX, TOKEN_SPENDS_MAX, TokenClaims, UnsignedToken, whole_seconds,
};
pub use error::TokenError;
pub use keys::TokenKeys;
pub use log::{MemoryLog, SpentHere, TillMark, TokenLog, TokenMemory, WaitingPayment};
pub use prepared::{NotTaken, PreparedVerifier};
pub use proof::{SpendClaims, SpendProof};
pub use receipt::{TOKEN_RECEIPTS_MAX, TokenReceipt};
pub(crate) use section::whole as whole_units;
pub use section::{
    ACTIVE_TOKENS_DEFAULT, ACTIVE_TOKENS_MAX, CompiledTokens, OnDoubleSpend,
    REVOCATION_MINUTES_DEFAULT, SETTLE_MINUTES_DEFAULT, SETTLE_MINUTES_MAX, TOKEN_AMOUNTS_DEFAULT,
    TOKEN_MINUTES_DEFAULT, TOKEN_MINUTES_MAX, TOKEN_SPENDS_DEFAULT, TokenMode, Tokens,
};
pub use sign1::{
    DIGEST_BYTES, PUBLIC_KEY_BYTES, SIGNATURE_BYTES, TOKEN_BYTES_MAX, TokenSigner, is_public_key,
    read_public_key,
};
pub use spend::TokenSpend;
pub use text::{PROOF_PREFIX, TOKEN_PREFIX};
pub use token::{NewToken, Settled, Token, TokenState, WrongTokenState};
pub use verifier::{
    AcceptedToken, CLOCK_TOLERANCE_SECONDS_DEFAULT, OfflineLimits, ShownToken, TokenPublicKey,
    TokenVerifier,
};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod transitions;
