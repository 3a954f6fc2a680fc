//! What a request says in confidence: a phone number, a code. Neither the rules nor a store ever see it.
//!
//! The engine replaces a [`Secret`] by keyed digests before it does anything else with a request: one digest under every key
//! of the host's key ring that may still be in use, the current one first. Rules compare digests, rows keep them, and a
//! request is told from another by them.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;
use thiserror::Error;

use crate::coded::Coded;
use crate::ids::KeyId;

/// Longest secret in bytes.
pub const SECRET_BYTES_MAX: usize = 255;

/// What a key of the host's key ring is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum KeyPurpose {
    /// Digests of aliases.
    Alias,
    /// What payment providers sign of deposits.
    Deposits,
    /// Codes of coupons: their digests, and those that are derived.
    Coupons,
    /// What offline tokens are signed with.
    Tokens,
}

impl KeyPurpose {
    /// The stable text, as it is written and as digests of different purposes are kept apart.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Alias => "alias",
            Self::Deposits => "deposits",
            Self::Coupons => "coupons",
            Self::Tokens => "tokens",
        }
    }

    /// The purpose that a text names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let known = [Self::Alias, Self::Deposits, Self::Coupons, Self::Tokens];
        known.into_iter().find(|purpose| purpose.text() == text)
    }
}

impl fmt::Display for KeyPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A digest of a secret, and the key it was made with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyedDigest {
    /// The key.
    pub key: KeyId,
    /// The digest in lower-case hexadecimal digits.
    pub digest: SmolStr,
}

/// Why a text cannot be told in confidence. Says nothing of the text but its length.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The text is empty.
    #[error("expected a text that is not empty")]
    Empty,
    /// The text is longer than [`SECRET_BYTES_MAX`].
    #[error("expected at most {SECRET_BYTES_MAX} bytes, got {found}")]
    TooLong {
        /// The length found in bytes.
        found: usize,
    },
    /// The text holds a control character.
    #[error("expected no control characters")]
    Control,
    /// The text holds U+FFFD: two of which somebody's decoder could not read a part may look the same.
    #[error("expected no U+FFFD, which stands for what could not be read")]
    Unreadable,
    /// The text was sealed already.
    #[error("expected the text itself")]
    Sealed,
}

impl SecretError {
    /// The stable code of this error, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty
            | Self::TooLong { .. }
            | Self::Control
            | Self::Unreadable
            | Self::Sealed => "secret_invalid",
        }
    }
}

/// A text that is told in confidence, or what the engine has made of it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The text itself, as a caller gives it.
    Clear(String),
    /// Its digests, the one under the current key first.
    Sealed(Vec<KeyedDigest>),
    /// The text beside its digests, where the caller wants it to be kept. It is written nowhere but where it is kept.
    Kept {
        /// The text.
        text: String,
        /// Its digests, as of one that is sealed.
        digests: Vec<KeyedDigest>,
    },
}

impl Secret {
    /// What is wrong with it, as a caller gives it.
    ///
    /// # Errors
    /// [`SecretError`] when it is empty, too long, holds a control character or U+FFFD, or is sealed.
    pub fn check(&self) -> Result<(), SecretError> {
        match self {
            Self::Clear(text) => check(text),
            Self::Sealed(_) | Self::Kept { .. } => Err(SecretError::Sealed),
        }
    }

    /// Its digests; none as long as it is not sealed.
    #[must_use]
    pub fn digests(&self) -> &[KeyedDigest] {
        match self {
            Self::Clear(_) => &[],
            Self::Sealed(digests) | Self::Kept { digests, .. } => digests,
        }
    }
}

fn check(text: &str) -> Result<(), SecretError> {
    if text.is_empty() {
        Err(SecretError::Empty)
    } else if text.len() > SECRET_BYTES_MAX {
        Err(SecretError::TooLong { found: text.len() })
    } else if text.contains(char::REPLACEMENT_CHARACTER) {
        Err(SecretError::Unreadable)
    } else if text.chars().any(char::is_control) {
        Err(SecretError::Control)
    } else {
        Ok(())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear(_) => f.write_str("Secret(…)"),
            Self::Sealed(digests) | Self::Kept { digests, .. } => {
                f.debug_tuple("Secret").field(digests).finish()
            }
        }
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::Clear(text.to_owned())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Clear(text) => serializer.serialize_str(text),
            Self::Sealed(digests) | Self::Kept { digests, .. } => digests.serialize(serializer),
        }
    }
}

/// Only the text is read: nobody but the engine makes digests.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SecretVisitor)
    }
}

struct SecretVisitor;

impl Visitor<'_> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Secret, E> {
        match check(text) {
            Ok(()) => Ok(Secret::from(text)),
            Err(error) => Err(E::custom(Coded::new(error.code(), error))),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A text that is told in confidence: the engine keeps a digest of it and nothing else.",
            "type": "string",
            "format": "secret",
            "minLength": 1,
            "maxLength": SECRET_BYTES_MAX,
        })
    }
}
