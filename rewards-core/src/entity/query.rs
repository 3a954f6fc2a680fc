//! Pages of entities, and the places where they go on.

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;
use thiserror::Error;

use super::EntityRow;
use crate::ids::{MemberId, TenantId};
use crate::time::Timestamp;

/// Which entities of a kind, and in which order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// All of the tenant, newest first: by [`at`](super::Index::at), then by id, both falling.
    Newest,
    /// Those of a member, newest first.
    Owner(MemberId),
    /// Those of a group in a state, by rank and id.
    Group {
        /// The group.
        group: SmolStr,
        /// The state.
        state: SmolStr,
        /// Only from this rank on.
        from_rank: i64,
        /// Only up to this rank, which is one of them.
        to_rank: i64,
    },
    /// Those for which something is due at or before an instant, earliest first, then by id.
    Due(Timestamp),
}

/// A bounded selection of entities of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityQuery {
    /// The tenant.
    pub tenant: TenantId,
    /// The kind.
    pub kind: &'static str,
    /// Which, and in which order.
    pub by: By,
    /// Only what comes after this place.
    pub after: Option<Cursor>,
    /// How many at most.
    pub limit: u32,
}

/// The entities of a page, in its order, by their ids.
pub type EntityPage = Vec<(SmolStr, EntityRow)>;

/// A place in an ordered list: what it is ordered by, then an id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// Microseconds for lists by time, the rank for lists by rank.
    pub value: i64,
    /// The id.
    pub id: SmolStr,
}

/// Why a text is not a place in a list.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected the `next` of the page before")]
pub struct CursorError;

impl Cursor {
    /// The place as an opaque text, good for one list of one tenant only.
    ///
    /// `list` says which: whoever gives the text back for another list is refused, instead of being shown a page that means
    /// nothing.
    #[must_use]
    pub fn to_text(&self, list: &str) -> String {
        let place = format!("{}:{}", self.value, self.id);
        format!("{:08x}{}", mark(list), hex::encode(place))
    }

    /// Reads a place in a list back.
    ///
    /// # Errors
    /// [`CursorError`] when the text was not made for this list.
    pub fn from_text(text: &str, list: &str) -> Result<Self, CursorError> {
        let (found, place) = text.split_at_checked(8).ok_or(CursorError)?;
        if found != format!("{:08x}", mark(list)) {
            return Err(CursorError);
        }
        let place = hex::decode(place).map_err(|_| CursorError)?;
        let place = String::from_utf8(place).map_err(|_| CursorError)?;
        place.parse()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.value, self.id)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (value, id) = text.split_once(':').ok_or(CursorError)?;
        Ok(Self {
            value: value.parse().map_err(|_| CursorError)?,
            id: SmolStr::new(id),
        })
    }
}

/// FNV-1a over the name of a list: it tells lists apart, it keeps nothing secret.
fn mark(list: &str) -> u32 {
    list.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_good_for_its_own_list_only() {
        let place = Cursor {
            value: -7,
            id: "a:ä".into(),
        };
        let text = place.to_text("shop/purchases");
        assert_eq!(Cursor::from_text(&text, "shop/purchases"), Ok(place));
        for (text, list) in [
            (text.as_str(), "shop/members"),
            (&text[..9], "shop/purchases"),
            ("", "shop/purchases"),
            ("zzzzzzzz", "shop/purchases"),
            ("ääääää", "shop/purchases"),
        ] {
            assert_eq!(Cursor::from_text(text, list), Err(CursorError), "{text}");
        }
    }
}
