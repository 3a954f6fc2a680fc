//! A key ring as another language or a file gives it: values that nobody has checked, refused with all that is wrong with
//! them and where.

use std::fmt;

use rewards_core::ids::KeyId;
use rewards_core::rejection::Problem;
use rewards_core::secret::KeyPurpose;
use rewards_core::time::Timestamp;
use zeroize::Zeroizing;

use super::key_ring::{KeyRing, KeyRingError, RingKey};

/// One key, not checked yet. Its bytes are never shown.
#[derive(Clone)]
pub struct KeyData {
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Its id.
    pub id: String,
    /// Its bytes.
    pub key: Zeroizing<Vec<u8>>,
    /// From when new digests are made with it.
    pub valid_from: Timestamp,
    /// Until when, exclusive; for good when absent.
    pub valid_until: Option<Timestamp>,
}

impl fmt::Debug for KeyData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyData")
            .field("purpose", &self.purpose)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl KeyRingError {
    /// The stable code of this error, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoKey => "key_ring_empty",
            Self::TooManyKeys(_) => "too_many_keys",
            Self::DuplicateId(_) => "id_duplicate",
            Self::TooShort { .. } | Self::TooLong { .. } => "key_invalid",
            Self::NeverValid { .. } => "range_empty",
        }
    }

    fn at(&self, path: impl Into<String>) -> Problem {
        Problem::new(self.code(), path, self.to_string())
    }
}

impl KeyRing {
    /// A ring of these keys.
    ///
    /// # Errors
    /// All problems of the keys, or else that of the ring, with paths such as `key_ring[1].key`.
    pub fn from_data(keys: Vec<KeyData>) -> Result<Self, Vec<Problem>> {
        let mut checked = Vec::with_capacity(keys.len());
        let mut problems = Vec::new();
        for (index, key) in keys.into_iter().enumerate() {
            match check(key) {
                Ok(key) => checked.push(key),
                Err(problem) => problems.push(problem.below(&format!("key_ring[{index}]"))),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let ids: Vec<KeyId> = checked.iter().map(|key| key.id().clone()).collect();
        Self::new(checked).map_err(|error| {
            let KeyRingError::DuplicateId(twice) = &error else {
                return vec![error.at("key_ring")];
            };
            let index = ids.iter().rposition(|id| id == twice).unwrap_or_default();
            vec![error.at(format!("key_ring[{index}].id"))]
        })
    }
}

fn check(key: KeyData) -> Result<RingKey, Problem> {
    let KeyData {
        purpose,
        id,
        mut key,
        valid_from,
        valid_until,
    } = key;
    let id =
        KeyId::new(&id).map_err(|error| Problem::new(error.code(), "id", error.to_string()))?;
    let bytes = std::mem::take(&mut *key);
    RingKey::new(purpose, id, bytes, valid_from, valid_until).map_err(|error| {
        let field = match error {
            KeyRingError::NeverValid { .. } => "valid_until",
            _ => "key",
        };
        error.at(field)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{KEY_SECRET_BYTES_MIN, KEYS_MAX};

    fn key(id: &str, bytes: usize) -> KeyData {
        KeyData {
            purpose: KeyPurpose::Alias,
            id: id.to_owned(),
            key: Zeroizing::new(vec![7; bytes]),
            valid_from: Timestamp::MIN,
            valid_until: None,
        }
    }

    fn refused(keys: Vec<KeyData>) -> Vec<(String, String)> {
        let problems = KeyRing::from_data(keys).unwrap_err().into_iter();
        problems
            .map(|problem| (problem.code.into_owned(), problem.path))
            .collect()
    }

    #[test]
    fn a_bad_ring_is_refused_with_codes_and_paths() {
        let good = |id: &str| key(id, KEY_SECRET_BYTES_MIN);
        let never = KeyData {
            valid_until: Some(Timestamp::MIN),
            ..good("never")
        };
        let told = |code: &str, path: &str| (code.to_owned(), path.to_owned());
        let keys = vec![
            good("ok"),
            key("short", 31),
            good(""),
            key("long", 1_025),
            never,
        ];
        assert_eq!(
            refused(keys),
            [
                told("key_invalid", "key_ring[1].key"),
                told("id_invalid", "key_ring[2].id"),
                told("key_invalid", "key_ring[3].key"),
                told("range_empty", "key_ring[4].valid_until"),
            ]
        );
        assert_eq!(refused(vec![]), [told("key_ring_empty", "key_ring")]);
        assert_eq!(
            refused(vec![good("a"), good("b"), good("a")]),
            [told("id_duplicate", "key_ring[2].id")]
        );
        let many = (0..=KEYS_MAX).map(|number| good(&number.to_string()));
        assert_eq!(refused(many.collect()), [told("too_many_keys", "key_ring")]);
        assert!(KeyRing::from_data(vec![good("a"), good("b")]).is_ok());
    }
}
