//! Names of things: the caller's opaque texts, and the ids the engine makes itself.
//!
//! - [`TenantId`], [`MemberId`], [`PurchaseId`], [`ProgramId`] and [`IdempotencyKey`] are the caller's opaque text.
//!   They are bounded and printable and are **normalised nowhere**: `A-1` and `a-1` are two members.
//! - [`Slug`] names a part of a program document (a rule, a cap, a tier).
//! - [`IdSeed`] makes UUIDv7 ids from a timestamp and random bits that are passed in, so that a retried command
//!   gets the same ids again.
//!
//! This module never looks at a clock and never draws a random number.

use std::cell::Cell;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;
use thiserror::Error;
use uuid::Uuid;

use crate::coded::Coded;
use crate::time::Timestamp;

/// Longest opaque id in bytes.
pub const ID_BYTES_MAX: usize = 128;
/// Longest idempotency key in bytes.
pub const KEY_BYTES_MAX: usize = 255;
/// Longest id of a coupon in bytes: a digest, and the id of the key it was made with.
pub const COUPON_ID_BYTES_MAX: usize = ID_BYTES_MAX + 34;
/// Longest id of what an offline token names, in bytes: each of them is in a QR code.
pub const TOKEN_ID_BYTES_MAX: usize = 64;
/// Longest name of a part of a program document in bytes.
pub const SLUG_BYTES_MAX: usize = 64;
/// What an opaque id looks like, for JSON Schema. Characters of zero width, those that change the direction of writing and
/// U+FFFD are refused as well; not every regular expression can say so. Classes by name are not known to Python.
#[cfg(feature = "schema")]
const ID_PATTERN: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdError {
    /// The text is empty.
    #[error("an id must not be empty")]
    Empty,
    /// The text is longer than its bound.
    #[error("an id has at most {max} bytes, got {found}")]
    TooLong {
        /// The bound in bytes.
        max: usize,
        /// The length found in bytes.
        found: usize,
    },
    /// The text holds a character that nobody sees or that reorders what is around it: a control character (a tab, a line
    /// break, NUL …), a line separator, a character of zero width, or one that changes the direction of writing.
    #[error("an id must be printable, found a control or invisible character at byte {at}")]
    NotPrintable {
        /// Byte offset of the first offending character.
        at: usize,
    },
    /// The text holds U+FFFD: two of which somebody's decoder could not read a part would be one. Swift puts it in the place of
    /// each half of a surrogate pair.
    #[error(
        "an id must be readable, found U+FFFD at byte {at}, which stands for what could not be read"
    )]
    Unreadable {
        /// Byte offset of the first.
        at: usize,
    },
    /// A slug holds something other than lower-case letters, digits, `-`, `_` and `.`.
    #[error(
        "`{text}` is not a name: expected lower-case letters, digits, `-`, `_` or `.`, starting with a letter or digit"
    )]
    NotSlug {
        /// The text as given.
        text: String,
    },
}

impl IdError {
    /// The stable code of this error, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty
            | Self::TooLong { .. }
            | Self::NotPrintable { .. }
            | Self::Unreadable { .. } => "id_invalid",
            Self::NotSlug { .. } => "slug_invalid",
        }
    }
}

impl From<IdError> for Coded {
    fn from(error: IdError) -> Self {
        Self::new(error.code(), error)
    }
}

fn check_printable(text: &str, max: usize) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > max {
        return Err(IdError::TooLong {
            max,
            found: text.len(),
        });
    }
    let is_refused = |c: char| c == char::REPLACEMENT_CHARACTER || is_hidden(c);
    match text.char_indices().find(|(_, c)| is_refused(*c)) {
        Some((at, char::REPLACEMENT_CHARACTER)) => Err(IdError::Unreadable { at }),
        Some((at, _)) => Err(IdError::NotPrintable { at }),
        None => Ok(()),
    }
}

/// Whether a character is a control character, of zero width, or changes the direction of writing: two ids that differ in
/// such a character alone look the same to everybody who reads them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

fn check_slug(text: &str, max: usize) -> Result<(), IdError> {
    // Nearly every name is one, and then a single look at its bytes is enough.
    if is_slug(text.as_bytes()) && text.len() <= max {
        return Ok(());
    }
    check_printable(text, max)?;
    Err(IdError::NotSlug {
        text: text.to_owned(),
    })
}

fn is_slug(text: &[u8]) -> bool {
    let starts = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let allowed = |b: u8| starts(b) || matches!(b, b'-' | b'_' | b'.');
    text.first().is_some_and(|first| starts(*first)) && text.iter().all(|b| allowed(*b))
}

/// Reads an id straight from the text, without a copy in between.
struct IdVisitor<T>(fn(&str) -> Result<T, IdError>);

impl<T> Visitor<'_> for IdVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(|error| E::custom(Coded::from(error)))
    }
}

macro_rules! text_id {
    ($(#[doc = $doc:literal])* $name:ident, $max:expr, $check:path, $format:literal, $pattern:expr) => {
        $(#[doc = $doc])*
        ///
        /// Cloning is cheap: a short text lies in the id itself, and a long one is shared.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(SmolStr);

        impl $name {
            /// Checks the text and takes it as it is.
            ///
            /// # Errors
            /// [`IdError`] when the text is empty, too long, not printable or not readable.
            pub fn new(text: &str) -> Result<Self, IdError> {
                $check(text, $max)?;
                Ok(Self(SmolStr::new(text)))
            }

            /// The text, exactly as the caller gave it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.as_str())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(IdVisitor(Self::new))
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": concat!($($doc),*).trim(),
                    "type": "string",
                    "format": $format,
                    "minLength": 1,
                    "maxLength": $max,
                    "pattern": $pattern,
                })
            }
        }
    };
}

text_id!(
    /// The tenant: the first part of every key and of every hash.
    TenantId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A member of a program, named by the host.
    MemberId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A purchase, named by the host; unique in its tenant.
    PurchaseId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A refund of a purchase, named by the host; unique in its tenant.
    RefundId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A deposit, named by the host; unique in its tenant.
    DepositId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// What a payment provider calls a payment.
    PaymentReference, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A payment, named by the host; unique in its tenant.
    PaymentId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A transfer between members, named by the host; unique in its tenant.
    TransferId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// Something granted or taken manually, named by the host; unique in its tenant.
    AdjustmentId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A conversion from one currency to another; unique in its tenant.
    ConversionId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A locked quote of a conversion; unique in its tenant.
    FxQuoteId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A code that is given out, named by the host; unique in its tenant.
    QrId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A redemption, named by the host; unique in its tenant.
    RedemptionId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// An order that is paid, named by the host. The engine keeps nothing of it but this name.
    OrderId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// An offline token, named by the host; unique in its tenant.
    TokenId, TOKEN_ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A merchant who takes offline tokens, named by the host.
    MerchantId, TOKEN_ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A device that holds offline tokens, named by the host.
    DeviceId, TOKEN_ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A wallet that members share, named by the host; unique in its tenant.
    SharedWalletId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A book of coupons, named by the host; unique in its tenant.
    CouponBookId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A batch of the codes of a book, named by the host; unique in its book.
    CouponBatchId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A coupon: a digest of its code. It is made by the engine and says nothing of the code to whoever has no key.
    CouponId, COUPON_ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// A program, named by the host; its revisions are numbered by the engine.
    ProgramId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// The caller's key of one command: the same key never has a second effect.
    IdempotencyKey, KEY_BYTES_MAX, check_printable, "idempotency-key", ID_PATTERN
);
text_id!(
    /// A key of the host's key ring, named by the host.
    KeyId, ID_BYTES_MAX, check_printable, "id", ID_PATTERN
);
text_id!(
    /// The name of a part of a program document: a rule, stacking group, cap, budget, ladder or tier.
    Slug, SLUG_BYTES_MAX, check_slug, "slug", "^[a-z0-9][a-z0-9_.-]*$"
);

impl MemberId {
    /// Somebody of whom nothing is kept yet.
    #[must_use]
    pub(crate) fn new_member() -> Self {
        Self(SmolStr::new_static("new-member"))
    }
}

impl CouponId {
    /// The id of a coupon that is kept.
    #[must_use]
    pub(crate) fn kept(id: SmolStr) -> Self {
        Self(id)
    }
}

impl crate::entity::EntityId for DepositId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl crate::entity::EntityId for PaymentId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl crate::entity::EntityId for CouponBookId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl crate::entity::EntityId for PurchaseId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl crate::entity::EntityId for RedemptionId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl crate::entity::EntityId for TokenId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl crate::entity::EntityId for SharedWalletId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl PurchaseId {
    /// A row of a table: a purchase that is not told from others by its id.
    #[must_use]
    pub(crate) fn row() -> Self {
        Self(SmolStr::new_static("row"))
    }
}

impl Slug {
    /// The name `rewards`: the system account that pays rules which name none.
    #[must_use]
    pub fn rewards() -> Self {
        Self(SmolStr::new_static("rewards"))
    }
}

/// What a command's ids are made from: its time and 74 random bits, both passed in.
///
/// The n-th id of a command is a pure function of the seed, so a retry makes the same ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdSeed {
    millis: u64,
    random: u128,
}

impl IdSeed {
    const RANDOM_BITS: u32 = 74;
    const RANDOM_MASK: u128 = (1 << Self::RANDOM_BITS) - 1;
    /// Spreads consecutive ids over the random part; odd, so that the first 2⁷⁴ ids differ.
    const STEP: u128 = 0x2_5E37_79B9_7F4A_7C15;

    /// A seed from the command's time and random bits (the low 74 are used).
    #[must_use]
    pub fn new(now: Timestamp, random: u128) -> Self {
        let millis = u64::try_from(now.micros().div_euclid(1_000)).unwrap_or_default();
        Self {
            millis,
            random: random & Self::RANDOM_MASK,
        }
    }

    /// The n-th UUIDv7 (RFC 9562) of this seed.
    #[must_use]
    pub fn nth(&self, n: u32) -> Uuid {
        let tail = self
            .random
            .wrapping_add(Self::STEP.wrapping_mul(u128::from(n)))
            & Self::RANDOM_MASK;
        let rand_a = (tail >> 62) & 0xFFF;
        let rand_b = tail & ((1 << 62) - 1);
        let value = (u128::from(self.millis) & 0xFFFF_FFFF_FFFF) << 80
            | 0x7 << 76
            | rand_a << 64
            | 0b10 << 62
            | rand_b;
        Uuid::from_u128(value)
    }
}

/// Gives out the ids of one decision, one after another, to whichever of its parts asks: no two of them are equal.
#[derive(Debug)]
pub struct IdAllocator {
    seed: IdSeed,
    used: Cell<u32>,
}

impl IdAllocator {
    /// The ids of a seed, from the first on.
    #[must_use]
    pub fn new(seed: IdSeed) -> Self {
        Self {
            seed,
            used: Cell::new(0),
        }
    }

    /// The next id.
    #[must_use]
    pub fn next(&self) -> Uuid {
        let number = self.used.get();
        self.used.set(number.saturating_add(1));
        self.seed.nth(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_ids_are_bounded_and_printable() {
        let long = "x".repeat(ID_BYTES_MAX + 1);
        for (text, want) in [
            ("", Err(IdError::Empty)),
            ("a\nb", Err(IdError::NotPrintable { at: 1 })),
            ("\0", Err(IdError::NotPrintable { at: 0 })),
            ("ann\u{200b}", Err(IdError::NotPrintable { at: 3 })),
            ("\u{202e}nna", Err(IdError::NotPrintable { at: 0 })),
            ("a\u{feff}b", Err(IdError::NotPrintable { at: 1 })),
            ("a\u{2028}b", Err(IdError::NotPrintable { at: 1 })),
            ("a\u{fffd}b", Err(IdError::Unreadable { at: 1 })),
            (
                long.as_str(),
                Err(IdError::TooLong {
                    max: ID_BYTES_MAX,
                    found: ID_BYTES_MAX + 1,
                }),
            ),
            (" Änne 1 ", Ok(" Änne 1 ")),
        ] {
            assert_eq!(
                MemberId::new(text).as_ref().map(MemberId::as_str),
                want.as_ref().map(|s| *s),
                "{text:?}"
            );
        }
    }

    #[test]
    fn slugs_are_lower_case_names() {
        for good in ["base", "gold-2026", "a.b_c", "0"] {
            assert!(Slug::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Base", "-a", "a b", "ä", "a/b"] {
            assert!(Slug::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn seeded_ids_are_version_7_distinct_and_repeatable() {
        let now = Timestamp::parse("2026-01-02T03:04:05Z").unwrap();
        let seed = IdSeed::new(now, u128::MAX);
        let ids: std::collections::BTreeSet<_> = (0..10_000).map(|n| seed.nth(n)).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert_eq!(seed.nth(3), IdSeed::new(now, u128::MAX).nth(3));
        assert_eq!(
            u128::from_be_bytes(*seed.nth(0).as_bytes()) >> 80,
            u128::try_from(now.micros() / 1000).unwrap()
        );
    }
}
