//! A verifier made ready for many tokens: keys are read once, and tokens that were taken back are found at once.

use std::collections::{BTreeMap, BTreeSet};

use super::TokenError;
use super::claims::SignedToken;
use super::log::{TokenLog, TokenMemory};
use super::verifier::{AcceptedToken, Issuer, IssuerKey, ShownToken, TokenVerifier};
use crate::ids::{KeyId, TokenId};

/// What whoever takes tokens knows, made ready. It takes and refuses what [`TokenVerifier::check`] does.
#[derive(Debug, Clone)]
pub struct PreparedVerifier {
    verifier: TokenVerifier,
    lookups: Lookups,
}

#[derive(Debug, Clone)]
struct Lookups {
    /// None where there is a key that cannot be read.
    keys: BTreeMap<KeyId, Option<IssuerKey>>,
    revoked: BTreeSet<TokenId>,
}

impl Issuer for Lookups {
    fn key(&self, id: &KeyId) -> Option<IssuerKey> {
        self.keys.get(id).copied().flatten()
    }

    fn has_revoked(&self, token: &TokenId) -> bool {
        self.revoked.contains(token)
    }
}

/// Why a token that was shown was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken<E> {
    /// It does not pay here.
    Refused(TokenError),
    /// The log cannot be read or written.
    Log(E),
}

impl PreparedVerifier {
    /// Makes a verifier ready.
    #[must_use]
    pub fn new(verifier: TokenVerifier) -> Self {
        let mut keys = BTreeMap::new();
        for key in &verifier.keys {
            let read = || IssuerKey::read(key);
            // Of two keys with one id the first counts.
            keys.entry(key.key.clone()).or_insert_with(read);
        }
        let revoked = verifier.revoked.iter().cloned().collect();
        let lookups = Lookups { keys, revoked };
        Self { verifier, lookups }
    }

    /// Whether a token that is shown pays here. Nothing is kept.
    ///
    /// # Errors
    /// As [`TokenVerifier::check`].
    pub fn check(
        &self,
        shown: &ShownToken,
        memory: &TokenMemory,
    ) -> Result<AcceptedToken, TokenError> {
        let token = SignedToken::parse(&shown.token)?;
        let verifier = &self.verifier;
        verifier.check_token(&self.lookups, token, shown, memory)
    }

    /// Takes a token that is shown, and keeps that in a log.
    ///
    /// # Errors
    /// [`NotTaken::Refused`] as [`check`](Self::check); [`NotTaken::Log`].
    pub async fn take<L: TokenLog>(
        &self,
        shown: &ShownToken,
        log: &mut L,
    ) -> Result<AcceptedToken, NotTaken<L::Error>> {
        // Whose memory to look at is read from the token; a text that is none is refused by the check, whatever is remembered.
        let token = SignedToken::parse(&shown.token).map_err(NotTaken::Refused)?;
        let memory = log.memory(&token.claims.token).await;
        let memory = memory.map_err(NotTaken::Log)?;
        let verifier = &self.verifier;
        match verifier.check_token(&self.lookups, token, shown, &memory) {
            Ok(accepted) => {
                log.record(shown, &accepted).await.map_err(NotTaken::Log)?;
                Ok(accepted)
            }
            Err(error) => {
                log.see(shown.now).await.map_err(NotTaken::Log)?;
                Err(NotTaken::Refused(error))
            }
        }
    }
}
