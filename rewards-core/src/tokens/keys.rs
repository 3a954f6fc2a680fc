//! What signs tokens, which nobody but an engine has.

use std::fmt::Debug;

use super::{SIGNATURE_BYTES, TokenPublicKey};
use crate::ids::{KeyId, TenantId};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// What an engine signs tokens with: keys of its host. Each tenant has its own, made from these, so that no token of one is good
/// with another.
pub trait TokenKeys: Debug + Send + Sync {
    /// The key that tokens are signed with from now on.
    ///
    /// # Errors
    /// [`Rejection::KeyRingMissing`].
    fn token_key(&self, now: Timestamp) -> Result<KeyId, Rejection>;

    /// The signature of a message under a key.
    ///
    /// # Errors
    /// [`Rejection::KeyMissing`].
    fn sign_token(
        &self,
        tenant: &TenantId,
        key: &KeyId,
        message: &[u8],
    ) -> Result<[u8; SIGNATURE_BYTES], Rejection>;

    /// The keys that tokens are verified with, those of later times included, the newest first.
    ///
    /// # Errors
    /// [`Rejection::Internal`].
    fn token_public_keys(&self, tenant: &TenantId) -> Result<Vec<TokenPublicKey>, Rejection>;
}
