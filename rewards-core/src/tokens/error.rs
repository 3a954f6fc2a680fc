//! Why a token or a proof is not taken.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::ids::{KeyId, TokenId};
use crate::time::Timestamp;

/// Why a token or a spend proof is not taken. What somebody does about it differs, so each has a code of its own.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is no token, or not the one form that a token has.
    #[error("it is not one: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// It was signed by another algorithm than Ed25519.
    #[error("it was signed by another algorithm than Ed25519")]
    AlgorithmWrong,
    /// It says that whoever reads it must know a header, and this library knows none such.
    #[error("it has a header that must be known, and is not")]
    HeaderCritical,
    /// Nobody has the key that it names.
    #[error("key `{key}` is not known")]
    KeyUnknown {
        /// The key.
        key: KeyId,
    },
    /// The key that it names was not to be used at the time it says.
    #[error("key `{key}` was not to be used when it was issued")]
    KeyNotValid {
        /// The key.
        key: KeyId,
    },
    /// The signature is not that of the key.
    #[error("its signature is wrong")]
    SignatureWrong,
    /// The proof is not signed by whoever holds the token.
    #[error("its proof is not signed by whoever holds it")]
    ProofWrong,
    /// It can only be spent with a proof, and there is none.
    #[error("it needs a proof of whoever holds it")]
    ProofMissing,
    /// The proof does not say what is being paid.
    #[error("its proof is for another {what}")]
    ProofMismatch {
        /// What is different.
        what: &'static str,
    },
    /// It is from somebody else.
    #[error("it was issued by somebody else")]
    IssuerWrong,
    /// Its time has not begun.
    #[error("it is good from {from} on")]
    NotYetValid {
        /// When it begins.
        from: Timestamp,
    },
    /// Its time is over.
    #[error("it was good until {until}")]
    Expired {
        /// When it ended.
        until: Timestamp,
    },
    /// It is for another merchant.
    #[error("it is for another merchant")]
    AudienceWrong,
    /// It does not pay what this kind of merchant sells.
    #[error("it does not pay at merchants of this kind")]
    CategoryRefused,
    /// It is for another device.
    #[error("it is for another device")]
    DeviceWrong,
    /// More is asked for than it, or whoever takes it, allows.
    #[error("more than {limit} allows")]
    OverLimit {
        /// Which limit.
        limit: &'static str,
    },
    /// It, or this part of it, was spent here before.
    #[error("it was spent here before")]
    Seen {
        /// The token.
        token: TokenId,
    },
    /// Whoever issued it has taken it back.
    #[error("it was revoked")]
    Revoked {
        /// The token.
        token: TokenId,
    },
    /// The clock says less than it said before.
    #[error("the clock was {seen} before")]
    ClockRolledBack {
        /// The latest it has said.
        seen: Timestamp,
    },
    /// What is remembered here is less than it was before.
    #[error(
        "payment {expected} was remembered here before and is not: what is remembered ends at {found}"
    )]
    LogRolledBack {
        /// The number of a payment that was remembered before.
        expected: u64,
        /// The number of the last one that is.
        found: u64,
    },
    /// Nothing was told to the engine for too long.
    #[error("what was taken must be told to the engine first, the last time was {last}")]
    SyncOverdue {
        /// When it was told last.
        last: Timestamp,
    },
}

impl TokenError {
    /// It has not the one form that a token has.
    #[must_use]
    pub(crate) const fn malformed(what: &'static str) -> Self {
        Self::Malformed { what }
    }

    /// The first of these that does not hold.
    pub(crate) fn unless_all<const N: usize>(
        checks: [(bool, &'static str); N],
    ) -> Result<(), Self> {
        let wrong = checks.into_iter().find(|(holds, _)| !holds);
        wrong.map_or(Ok(()), |(_, what)| Err(Self::malformed(what)))
    }

    /// The values involved, by name.
    #[must_use]
    pub fn context(&self) -> BTreeMap<String, String> {
        let named: (&str, String) = match self {
            Self::Malformed { what } | Self::ProofMismatch { what } => ("what", (*what).to_owned()),
            Self::KeyUnknown { key } | Self::KeyNotValid { key } => ("key", key.to_string()),
            Self::NotYetValid { from } => ("from", from.to_string()),
            Self::Expired { until } => ("until", until.to_string()),
            Self::OverLimit { limit } => ("limit", (*limit).to_owned()),
            Self::Seen { token } | Self::Revoked { token } => ("token", token.to_string()),
            Self::ClockRolledBack { seen } => ("seen", seen.to_string()),
            Self::LogRolledBack { expected, .. } => ("expected", expected.to_string()),
            Self::SyncOverdue { last } => ("last", last.to_string()),
            Self::AlgorithmWrong
            | Self::HeaderCritical
            | Self::SignatureWrong
            | Self::ProofWrong
            | Self::ProofMissing
            | Self::IssuerWrong
            | Self::AudienceWrong
            | Self::CategoryRefused
            | Self::DeviceWrong => return BTreeMap::new(),
        };
        BTreeMap::from([(named.0.to_owned(), named.1)])
    }

    /// The stable code of this error, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "token_malformed",
            Self::AlgorithmWrong => "token_algorithm_wrong",
            Self::HeaderCritical => "token_header_critical",
            Self::KeyUnknown { .. } => "token_key_unknown",
            Self::KeyNotValid { .. } => "token_key_not_valid",
            Self::SignatureWrong => "token_signature_wrong",
            Self::ProofWrong => "token_proof_wrong",
            Self::ProofMissing => "token_proof_missing",
            Self::ProofMismatch { .. } => "token_proof_mismatch",
            Self::IssuerWrong => "token_issuer_wrong",
            Self::NotYetValid { .. } => "token_not_yet_valid",
            Self::Expired { .. } => "token_expired",
            Self::AudienceWrong => "token_audience_wrong",
            Self::CategoryRefused => "token_category_refused",
            Self::DeviceWrong => "token_device_wrong",
            Self::OverLimit { .. } => "token_over_limit",
            Self::Seen { .. } => "token_seen",
            Self::Revoked { .. } => "token_revoked",
            Self::ClockRolledBack { .. } => "clock_rolled_back",
            Self::LogRolledBack { .. } => "token_log_rolled_back",
            Self::SyncOverdue { .. } => "token_sync_overdue",
        }
    }
}
