//! What somebody else signed: a message of a payment provider. The rules see it only after the engine has found it genuine.
//!
//! The engine [verifies](crate::command::Operation::signed) a signature before it does anything else with a request, and puts
//! the key that it was found good under in its place. So the bytes of keys never reach the rules, and a rule that looks for
//! that key cannot be given a message that nobody signed.
//!
//! What is signed is `<timestamp>.<message>`: the time in seconds since 1970 as decimal digits, a point, and the bytes of the
//! message, exactly as they came. The signature is HMAC-SHA-256 under the key.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use crate::coded::Coded;
use crate::ids::KeyId;
use crate::secret::KeyPurpose;
use crate::time::{TimeError, Timestamp};

/// Hexadecimal digits of a signature.
pub const SIGNATURE_DIGITS: usize = 64;
/// The longest message that somebody signed, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 65_536;

/// A signature as a caller gives it, or what the engine has made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// What the caller gave, which says nothing yet.
    Claimed(String),
    /// It was found good under this key.
    Verified(KeyId),
}

impl Signature {
    /// The bytes of a signature as a caller gives it.
    ///
    /// # Errors
    /// [`SignatureError`] when it is not as many hexadecimal digits, or is not as a caller gives it.
    pub fn claimed(&self) -> Result<[u8; 32], SignatureError> {
        let mut bytes = [0; 32];
        match self {
            Self::Claimed(digits) => {
                hex::decode_to_slice(digits, &mut bytes).map_err(|_| SignatureError)?;
                Ok(bytes)
            }
            Self::Verified(_) => Err(SignatureError),
        }
    }

    /// The key that it was found good under.
    #[must_use]
    pub fn verified(&self) -> Option<&KeyId> {
        match self {
            Self::Claimed(_) => None,
            Self::Verified(key) => Some(key),
        }
    }
}

/// A text that is no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {SIGNATURE_DIGITS} hexadecimal digits")]
pub struct SignatureError;

impl SignatureError {
    /// The stable code of this error, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "value_invalid"
    }
}

/// The parts of a request that belong to a signature.
#[derive(Debug)]
pub struct Signed<'a> {
    /// What kind of key it was made with.
    pub purpose: KeyPurpose,
    /// What was signed, together with the time.
    pub message: &'a str,
    /// When it was signed, in seconds since 1970-01-01 UTC.
    pub timestamp: &'a mut i64,
    /// The key, where the signer names it.
    pub key: &'a mut Option<KeyId>,
    /// The signature.
    pub signature: &'a mut Signature,
}

impl Signed<'_> {
    /// Drops everything but the message: what is signed again, later or under another key, says the same as before.
    pub fn forget(self) {
        *self.timestamp = 0;
        *self.key = None;
        *self.signature = Signature::Claimed(String::new());
    }
}

/// The instant that a number of seconds since 1970 names.
///
/// # Errors
/// [`TimeError::OutOfRange`].
pub fn instant_of(seconds: i64) -> Result<Timestamp, TimeError> {
    let micros = seconds.checked_mul(1_000_000);
    micros.map_or_else(
        || {
            let input = seconds.to_string();
            Err(TimeError::OutOfRange { input })
        },
        Timestamp::from_micros,
    )
}

/// What a message is known by: SHA-256 in lower-case hexadecimal digits.
#[must_use]
pub fn digest_of(message: &str) -> SmolStr {
    SmolStr::from(hex::encode(Sha256::digest(message)))
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claimed(digits) => f.write_str(digits),
            Self::Verified(_) => Ok(()),
        }
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Only what a caller gives is read: nobody but the engine finds a signature good.
impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SignatureVisitor)
    }
}

struct SignatureVisitor;

impl Visitor<'_> for SignatureVisitor {
    type Value = Signature;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Signature, E> {
        let signature = Signature::Claimed(text.to_owned());
        match signature.claimed() {
            Ok(_) => Ok(signature),
            Err(error) => Err(E::custom(Coded::new(error.code(), error))),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Signature {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Signature".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A signature: HMAC-SHA-256 in hexadecimal digits.",
            "type": "string",
            "format": "signature",
            "minLength": SIGNATURE_DIGITS,
            "maxLength": SIGNATURE_DIGITS,
            "pattern": "^[0-9a-fA-F]+$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hexadecimal_digits_are_read() {
        let read = |text: &str| serde_json::from_value::<Signature>(text.into());
        let digits = "0aF9".repeat(16);
        let signature = read(&digits).unwrap();
        assert_eq!(signature.claimed().unwrap()[..2], [0x0a, 0xf9]);
        for wrong in ["", "0a", &"0g".repeat(32), &"0a".repeat(33)] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let verified = Signature::Verified("k1".parse().unwrap());
        assert_eq!(verified.claimed(), Err(SignatureError));
        assert_eq!(serde_json::to_string(&verified).unwrap(), "\"\"");
    }

    #[test]
    fn seconds_name_an_instant_or_none() {
        let hour = Timestamp::from_micros(3_600_000_000).unwrap();
        assert_eq!(instant_of(3_600), Ok(hour));
        for seconds in [-1, 7_258_118_401, i64::MAX, i64::MIN] {
            assert!(instant_of(seconds).is_err(), "{seconds}");
        }
    }
}
