//! The host's keys: what secrets are digested with before anybody sees them, and what others sign with.

use std::collections::BTreeSet;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use rewards_core::ids::KeyId;
use rewards_core::rejection::Rejection;
use rewards_core::secret::KeyPurpose;
use rewards_core::time::Timestamp;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

/// Fewest bytes of a key.
pub const KEY_SECRET_BYTES_MIN: usize = 32;
/// Most bytes of a key.
pub const KEY_SECRET_BYTES_MAX: usize = 1_024;
/// Most keys of one purpose: a secret is digested under each of them.
pub const KEYS_MAX: usize = 16;

/// Why keys make no ring.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// A ring without keys.
    #[error("a key ring needs a key")]
    NoKey,
    /// More keys of one purpose than [`KEYS_MAX`].
    #[error("more than {KEYS_MAX} keys for `{0}`")]
    TooManyKeys(KeyPurpose),
    /// Two keys with one id: a digest would not say which of them it was made with.
    #[error("key id `{0}` is used twice")]
    DuplicateId(KeyId),
    /// Fewer bytes than [`KEY_SECRET_BYTES_MIN`].
    #[error("key `{id}` has {bytes} bytes, fewer than {KEY_SECRET_BYTES_MIN}")]
    TooShort {
        /// The key.
        id: KeyId,
        /// What it has.
        bytes: usize,
    },
    /// More bytes than [`KEY_SECRET_BYTES_MAX`].
    #[error("key `{id}` has {bytes} bytes, more than {KEY_SECRET_BYTES_MAX}")]
    TooLong {
        /// The key.
        id: KeyId,
        /// What it has.
        bytes: usize,
    },
    /// A key that ends before it begins.
    #[error("key `{id}` is never valid: it ends at {valid_until} and begins at {valid_from}")]
    NeverValid {
        /// The key.
        id: KeyId,
        /// When it begins.
        valid_from: Timestamp,
        /// When it ends.
        valid_until: Timestamp,
    },
}

/// One key. Its bytes are never shown, and wiped from memory when it is dropped.
#[derive(Clone)]
pub struct RingKey {
    purpose: KeyPurpose,
    id: KeyId,
    secret: Zeroizing<Vec<u8>>,
    valid_from: Timestamp,
    valid_until: Option<Timestamp>,
}

impl RingKey {
    /// A key for a purpose: its id, which is stored with every digest and must never be used for other bytes, its bytes, which
    /// should be random, and from when until when (exclusive) new digests are made with it, or what is signed with it is good.
    ///
    /// # Errors
    /// [`KeyRingError::TooShort`], [`KeyRingError::TooLong`], [`KeyRingError::NeverValid`].
    pub fn new(
        purpose: KeyPurpose,
        id: KeyId,
        secret: Vec<u8>,
        valid_from: Timestamp,
        valid_until: Option<Timestamp>,
    ) -> Result<Self, KeyRingError> {
        // From here on the bytes are wiped, also when they are refused.
        let secret = Zeroizing::new(secret);
        let bytes = secret.len();
        if bytes < KEY_SECRET_BYTES_MIN {
            return Err(KeyRingError::TooShort { id, bytes });
        }
        if bytes > KEY_SECRET_BYTES_MAX {
            return Err(KeyRingError::TooLong { id, bytes });
        }
        if let Some(valid_until) = valid_until
            && valid_until <= valid_from
        {
            return Err(KeyRingError::NeverValid {
                id,
                valid_from,
                valid_until,
            });
        }
        Ok(Self {
            purpose,
            id,
            secret,
            valid_from,
            valid_until,
        })
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// What it is for.
    #[must_use]
    pub fn purpose(&self) -> KeyPurpose {
        self.purpose
    }

    /// From when until when, exclusive.
    pub(super) fn window(&self) -> (Timestamp, Option<Timestamp>) {
        (self.valid_from, self.valid_until)
    }

    /// What authenticates messages with this key, begun with some parts. Parts that end in a zero byte, which none of them holds,
    /// cannot run into each other.
    ///
    /// # Errors
    /// [`Rejection::Internal`], which no key of a ring ends in.
    pub(super) fn mac(&self, parts: &[&[u8]]) -> Result<Hmac<Sha256>, Rejection> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.secret);
        let mut mac = mac.map_err(|_| Rejection::Internal("a key cannot be used"))?;
        for part in parts {
            mac.update(part);
            mac.update(&[0]);
        }
        Ok(mac)
    }

    fn is_valid_at(&self, now: Timestamp) -> bool {
        self.valid_from <= now && self.valid_until.is_none_or(|until| now < until)
    }
}

impl fmt::Debug for RingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingKey")
            .field("purpose", &self.purpose)
            .field("id", &self.id)
            .field("valid_from", &self.valid_from)
            .field("valid_until", &self.valid_until)
            .finish_non_exhaustive()
    }
}

/// When a secret is sealed.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyTime {
    /// The time of the command: it says which key is current.
    now: Timestamp,
    /// The latest time that anybody may have sealed at: keys that had begun by then are live.
    latest: Timestamp,
}

impl KeyTime {
    /// The time of the command.
    pub(super) fn now(self) -> Timestamp {
        self.now
    }

    /// The time of a command, and what the engine's clock says.
    pub(super) fn new(now: Timestamp, clock: Timestamp) -> Self {
        Self {
            now,
            latest: now.max(clock),
        }
    }
}

/// All keys of a host, for all purposes.
///
/// Of the keys of a purpose that are valid at the time of a command, the one that became valid last is *current*: new digests are
/// made with it. All whose time has begun, by then or by the engine's clock, are *live*: what was digested with them is found, also
/// after their time is over, until they are taken out of the ring. To rotate, add a key that begins later; take the old one out when nothing needs to be found under
/// it any more.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    /// By purpose, newest first.
    keys: Vec<RingKey>,
}

impl KeyRing {
    /// A ring of these keys, in any order.
    ///
    /// # Errors
    /// [`KeyRingError::NoKey`], [`KeyRingError::DuplicateId`], [`KeyRingError::TooManyKeys`].
    pub fn new(mut keys: Vec<RingKey>) -> Result<Self, KeyRingError> {
        if keys.is_empty() {
            return Err(KeyRingError::NoKey);
        }
        let mut ids = BTreeSet::new();
        for key in &keys {
            if !ids.insert(&key.id) {
                return Err(KeyRingError::DuplicateId(key.id.clone()));
            }
            let same = keys.iter().filter(|other| other.purpose == key.purpose);
            if same.count() > KEYS_MAX {
                return Err(KeyRingError::TooManyKeys(key.purpose));
            }
        }
        // The id settles which of two keys of one instant is newer, whatever order the host gives them in.
        keys.sort_by(|a, b| {
            let order = |key: &RingKey| (key.purpose, std::cmp::Reverse(key.valid_from));
            order(a).cmp(&order(b)).then_with(|| a.id.cmp(&b.id))
        });
        Ok(Self { keys })
    }

    /// The keys of a purpose that are valid at an instant, or the one of them with this id.
    pub(super) fn valid<'r>(
        &'r self,
        purpose: KeyPurpose,
        id: Option<&'r KeyId>,
        at: Timestamp,
    ) -> impl Iterator<Item = &'r RingKey> {
        let own = self.of(purpose);
        own.filter(move |key| id.is_none_or(|id| *id == key.id) && key.is_valid_at(at))
    }

    /// The keys of a purpose, whatever their time, the newest first.
    pub(super) fn of(&self, purpose: KeyPurpose) -> impl Iterator<Item = &RingKey> {
        self.keys.iter().filter(move |key| key.purpose == purpose)
    }

    /// The key of a purpose with this id, whatever its time.
    pub(super) fn key(&self, purpose: KeyPurpose, id: &KeyId) -> Option<&RingKey> {
        self.of(purpose).find(|key| key.id == *id)
    }

    /// The live keys of a purpose, the current one first; none when there is no current one.
    pub(super) fn live(&self, purpose: KeyPurpose, at: KeyTime) -> Vec<&RingKey> {
        let own = self.of(purpose);
        let mut live: Vec<&RingKey> = own.filter(|key| key.valid_from <= at.latest).collect();
        match live.iter().position(|key| key.is_valid_at(at.now)) {
            Some(current) => {
                if let Some(until_current) = live.get_mut(..=current) {
                    until_current.rotate_right(1);
                }
                live
            }
            None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn key(id: &str, from: i64, until: Option<i64>) -> RingKey {
        let id = KeyId::new(id).unwrap();
        let secret = vec![7; KEY_SECRET_BYTES_MIN];
        RingKey::new(KeyPurpose::Alias, id, secret, at(from), until.map(at)).unwrap()
    }

    #[test]
    fn bad_keys_and_rings_are_refused() {
        let new = |bytes, until| {
            let id = KeyId::new("k").unwrap();
            RingKey::new(KeyPurpose::Alias, id, vec![0; bytes], at(5), until).map(|_| ())
        };
        let id = || KeyId::new("k").unwrap();
        assert_eq!(
            new(31, None),
            Err(KeyRingError::TooShort {
                id: id(),
                bytes: 31
            })
        );
        let bytes = KEY_SECRET_BYTES_MAX + 1;
        assert_eq!(
            new(bytes, None),
            Err(KeyRingError::TooLong { id: id(), bytes })
        );
        let never = Err(KeyRingError::NeverValid {
            id: id(),
            valid_from: at(5),
            valid_until: at(5),
        });
        assert_eq!(new(32, Some(at(5))), never);
        assert_eq!(new(KEY_SECRET_BYTES_MAX, Some(at(6))), Ok(()));

        let ring = |keys| KeyRing::new(keys).map(|_| ());
        assert_eq!(ring(vec![]), Err(KeyRingError::NoKey));
        let twice = vec![key("k", 0, None), key("k", 1, None)];
        assert_eq!(ring(twice), Err(KeyRingError::DuplicateId(id())));
        let many = (0..=KEYS_MAX).map(|n| key(&format!("k{n}"), 0, None));
        let too_many = Err(KeyRingError::TooManyKeys(KeyPurpose::Alias));
        assert_eq!(ring(many.collect()), too_many);
    }

    #[test]
    fn the_newest_valid_key_is_current_and_all_begun_ones_are_live() {
        let keys = vec![
            key("old", 0, Some(10)),
            key("short", 20, Some(30)),
            key("long", 15, None),
            key("later", 40, None),
        ];
        let ring = KeyRing::new(keys).unwrap();
        let live = |now| {
            let live = KeyTime::new(at(now), at(now));
            let live = ring.live(KeyPurpose::Alias, live).into_iter();
            live.map(|key| key.id().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(live(0), ["old"]);
        assert!(live(12).is_empty(), "nothing is current");
        assert_eq!(live(15), ["long", "old"]);
        assert_eq!(live(20), ["short", "long", "old"]);
        assert_eq!(live(30), ["long", "short", "old"]);
        assert_eq!(live(40), ["later", "short", "long", "old"]);
    }

    #[test]
    fn the_bytes_of_a_key_are_never_shown() {
        let ring = KeyRing::new(vec![key("k", 0, None)]).unwrap();
        let shown = format!("{ring:?} {:?}", key("k", 0, None));
        assert!(
            shown.contains("\"k\"") && !shown.contains("7, 7"),
            "{shown}"
        );
    }
}
