//! Aliases: other names of a member, such as a phone number, an e-mail address or a card.
//!
//! An alias belongs to one member and is unique in its tenant and kind. Of the name itself a keyed digest is kept, or the
//! plain text where the host chooses so; it is normalised nowhere, so the host gives it in one form. An alias is linked until it
//! is removed; it has no other state.

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use crate::entity::{Entity, EntityId, Index};
use crate::ids::{KeyId, MemberId, Slug};
use crate::secret::{KeyedDigest, Secret};
use crate::time::Timestamp;

/// The most aliases of one member.
pub const ALIASES_MAX: u32 = 100;

/// What tells aliases apart: the kind, and the name or its digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AliasId(SmolStr);

impl AliasId {
    /// The id of an alias that is kept.
    pub(crate) fn kept(id: SmolStr) -> Self {
        Self(id)
    }

    /// The ids under which a name may be kept, the one that it is kept under from now on first: one for each key that may still
    /// be in use, or the plain text.
    #[must_use]
    pub fn candidates(kind: &Slug, name: &Secret) -> Vec<Self> {
        match name {
            Secret::Clear(text) => vec![Self(format_smolstr!("{kind}={text}"))],
            Secret::Sealed(digests) | Secret::Kept { digests, .. } => {
                let digests = digests.iter();
                let ids = digests.map(|KeyedDigest { key, digest }| {
                    Self(format_smolstr!("{kind}:{digest}:{key}"))
                });
                ids.collect()
            }
        }
    }
}

impl EntityId for AliasId {
    fn text(&self) -> &str {
        &self.0
    }
}

/// Another name of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// Whose it is.
    pub member: MemberId,
    /// What kind of name it is.
    pub kind: Slug,
    /// The key of the digest; none for a name that is kept as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// When it was linked.
    pub linked_at: Timestamp,
}

impl Alias {
    /// The one state of an alias.
    pub const LINKED: &'static str = "linked";
}

impl Entity for Alias {
    const KIND: &'static str = "alias";
    const SHAPE: u16 = 1;
    type Id = AliasId;

    fn index(&self) -> Index {
        Index {
            group: self.key.as_ref().map(|key| SmolStr::new(key.as_str())),
            rank: self.key.as_ref().map(|_| 0),
            ..Index::new(Self::LINKED, self.linked_at).owned_by(&self.member)
        }
    }

    /// The name is in the id alone, so what can be told are its kind and its key.
    fn is_named(&self, id: &str) -> bool {
        let name = id.strip_prefix(self.kind.as_str());
        name.is_some_and(|name| match &self.key {
            None => name.starts_with('='),
            Some(key) => {
                let sealed = name.strip_suffix(key.as_str());
                sealed.is_some_and(|sealed| sealed.starts_with(':') && sealed.ends_with(':'))
            }
        })
    }
}

/// A key under which aliases are or were kept. As long as any are, a key ring without it could only give wrong answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AliasKey {
    /// The key.
    pub key: KeyId,
    /// When the first alias was linked under it.
    pub used_since: Timestamp,
}

impl EntityId for KeyId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl Entity for AliasKey {
    const KIND: &'static str = "alias_key";
    const SHAPE: u16 = 1;
    type Id = KeyId;

    fn index(&self) -> Index {
        Index::new("used", self.used_since)
    }

    fn is_named(&self, id: &str) -> bool {
        self.key.as_str() == id
    }
}
