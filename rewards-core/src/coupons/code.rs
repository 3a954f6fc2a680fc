//! Codes: how they are spelled, what is kept of them, and where they are derived.
//!
//! A code is a credential, and neither the rules nor a row ever see it, unless its book keeps it plain: of every code there are
//! digests under the keys of the host's key ring, one for each way of [matching](CodeMatching), and a coupon is kept under the one
//! that its book matches by. Whoever looks a code up looks for all of them.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::{CodeMatching, CodePattern};
use crate::ids::{CouponId, KeyId, TenantId};
use crate::rejection::Rejection;
use crate::secret::{KeyedDigest, Secret};
use crate::time::Timestamp;

/// How many hexadecimal digits of a digest tell codes apart.
const DIGEST_DIGITS: usize = 32;
/// How many of them make the place of a code among the others of its book.
const RANK_DIGITS: usize = 15;

impl CodeMatching {
    /// All ways, in the order in which codes are looked for.
    pub const ALL: [Self; 3] = [Self::Exact, Self::AnyCase, Self::LookAlikes];

    fn mark(self) -> char {
        match self {
            Self::Exact => 'e',
            Self::AnyCase => 'c',
            Self::LookAlikes => 'l',
        }
    }
}

/// A code as it is spelled where it matches in a way: what is the same code is the same text.
#[must_use]
pub fn spelled(code: &str, matching: CodeMatching) -> String {
    match matching {
        CodeMatching::Exact => code.to_owned(),
        CodeMatching::AnyCase => code.to_uppercase(),
        CodeMatching::LookAlikes => {
            let upper = code.to_uppercase();
            let counted = upper.chars().filter(|c| !matches!(c, ' ' | '-'));
            let spelled = counted.map(|character| match character {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            });
            spelled.collect()
        }
    }
}

impl CouponId {
    fn of(matching: CodeMatching, KeyedDigest { key, digest }: &KeyedDigest) -> Self {
        let digits = digest.get(..DIGEST_DIGITS).unwrap_or(digest);
        Self::kept(format_smolstr!("{}{digits}:{key}", matching.mark()))
    }

    /// Where a code may be kept that was sealed with one digest a key and way of matching, in the order in which it is looked for.
    #[must_use]
    pub fn candidates(code: &Secret) -> Vec<Self> {
        let ways = CodeMatching::ALL.into_iter();
        ways.flat_map(|matching| Self::candidates_of(code, matching))
            .collect()
    }

    /// Where it may be kept in a book that matches in a way: under the current key first.
    #[must_use]
    pub fn candidates_of(code: &Secret, matching: CodeMatching) -> Vec<Self> {
        let place = CodeMatching::ALL.iter().position(|way| *way == matching);
        let keys = code.digests().chunks(CodeMatching::ALL.len());
        let digests = keys.filter_map(|key| key.get(place?));
        digests.map(|digest| Self::of(matching, digest)).collect()
    }

    /// The place of the coupon among the others of its book. It follows from a digest, so it is random, and nobody who has no key
    /// knows it of a code.
    #[must_use]
    pub fn rank(&self) -> i64 {
        let digits = self.as_str().get(1..=RANK_DIGITS);
        let rank = digits.and_then(|digits| i64::from_str_radix(digits, 16).ok());
        rank.unwrap_or_default()
    }

    /// The key of the digest.
    #[must_use]
    pub fn key(&self) -> Option<KeyId> {
        let (_, key) = self.as_str().split_once(':')?;
        KeyId::new(key).ok()
    }
}

/// How codes of a batch are derived: code and index make a code, whenever that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CodeSource {
    /// The key they are derived with.
    pub key: KeyId,
    /// The batch, with its book.
    pub batch: String,
    /// What they look like.
    pub pattern: String,
    /// Which ways of writing one count as the same.
    pub matching: CodeMatching,
}

impl CodeSource {
    /// What codes look like.
    ///
    /// # Errors
    /// [`Rejection::Corrupt`] for a pattern that was not checked.
    pub fn read_pattern(&self) -> Result<CodePattern, Rejection> {
        let what = "code_source";
        CodePattern::parse(&self.pattern, self.matching).map_err(|_| Rejection::Corrupt { what })
    }
}

/// What an engine makes with the keys of its host, which nobody else has.
pub trait CodeKeys: Debug + Send + Sync {
    /// The key that codes are derived with from now on.
    ///
    /// # Errors
    /// [`Rejection::KeyRingMissing`].
    fn current(&self, now: Timestamp) -> Result<KeyId, Rejection>;

    /// The code of an index, sealed as those are that somebody tells.
    ///
    /// # Errors
    /// [`Rejection::KeyMissing`], [`Rejection::KeyRingMissing`].
    fn sealed(
        &self,
        tenant: &TenantId,
        source: &CodeSource,
        index: u32,
        now: Timestamp,
    ) -> Result<Secret, Rejection>;

    /// The code of an index, for whom it is made.
    ///
    /// # Errors
    /// [`Rejection::KeyMissing`].
    fn code(&self, tenant: &TenantId, source: &CodeSource, index: u32)
    -> Result<String, Rejection>;
}

/// The place of a batch in its tenant: book and batch, told apart by the length of the first.
#[must_use]
pub fn batch_name(book: &str, batch: &str) -> SmolStr {
    format_smolstr!("{}/{book}/{batch}", book.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_code_is_spelled_the_same() {
        use CodeMatching::{AnyCase, Exact, LookAlikes};
        for (one, other, same) in [
            ("SAVE-10", "SAVE-10", [true, true, true]),
            ("SAVE-10", "save-10", [false, true, true]),
            ("SAVE-10", "save lO", [false, false, true]),
            ("SAVE-10", "SAVE-1I", [false, false, false]),
            ("straße", "STRASSE", [false, true, true]),
        ] {
            let is_same = |way| spelled(one, way) == spelled(other, way);
            assert_eq!([Exact, AnyCase, LookAlikes].map(is_same), same, "{other}");
        }
    }

    #[test]
    fn a_coupon_is_found_under_every_key_and_way() {
        let digest = |key: &str, digit: char| KeyedDigest {
            key: key.parse().unwrap(),
            digest: digit.to_string().repeat(64).into(),
        };
        let code = Secret::Sealed(vec![
            digest("new", '1'),
            digest("new", '2'),
            digest("new", '3'),
            digest("old", '4'),
            digest("old", '5'),
            digest("old", '6'),
        ]);
        let ids = CouponId::candidates(&code);
        let starts: Vec<&str> = ids.iter().map(|id| &id.as_str()[..2]).collect();
        assert_eq!(starts, ["e1", "e4", "c2", "c5", "l3", "l6"]);
        assert_eq!(ids[0].as_str(), format!("e{}:new", "1".repeat(32)));
        assert_eq!(ids[0].rank(), 0x111_1111_1111_1111);
        assert_eq!(ids[3].key(), Some("old".parse().unwrap()));
        let own = CouponId::candidates_of(&code, CodeMatching::AnyCase);
        assert_eq!(own, ids[2..4]);
    }
}
