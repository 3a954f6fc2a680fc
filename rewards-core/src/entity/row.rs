//! An entity on its way through the waist: columns that stores look at, and a body that they do not.

use std::sync::Arc;

use smol_str::SmolStr;

use super::{Entity, EntityId, Index};
use crate::ids::TenantId;
use crate::rejection::Rejection;

/// Key of an entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The kind: [`Entity::KIND`].
    pub kind: &'static str,
    /// Its id within tenant and kind.
    pub id: SmolStr,
}

impl EntityKey {
    /// The key of an entity of a kind.
    #[must_use]
    pub fn of<E: Entity>(tenant: &TenantId, id: &E::Id) -> Self {
        Self {
            tenant: tenant.clone(),
            kind: E::KIND,
            id: SmolStr::new(id.text()),
        }
    }
}

/// What a write expects of the row before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expected {
    /// There is none.
    Absent,
    /// It is at this version, the one that the decision saw.
    Version(u64),
}

impl Expected {
    /// The version expected; 0 when there must be no row.
    #[must_use]
    pub fn version(self) -> u64 {
        match self {
            Self::Absent => 0,
            Self::Version(version) => version,
        }
    }
}

/// A stored entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityRow {
    /// From 1; rises by one with every write.
    pub version: u64,
    /// What it can be found by.
    pub index: Index,
    /// The number of its shape and the entity, as a JSON list of two.
    pub body: Arc<str>,
}

/// An entity row as it must be afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityWrite {
    /// The row.
    pub key: EntityKey,
    /// What the decision saw.
    pub expected: Expected,
    /// The row afterwards; its version is the expected one and one more.
    pub row: EntityRow,
}

/// An entity row that is gone afterwards, with everything kept with it.
///
/// Whatever takes its place starts at version 1 again. So an entity that can be removed is changed only together with the row
/// of its owner, whose version tells one life of it from the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityRemoval {
    /// The row.
    pub key: EntityKey,
    /// The version the decision saw.
    pub version: u64,
}

/// An entity with the version at which it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<E> {
    /// The version of its row.
    pub version: u64,
    /// The entity.
    pub entity: E,
}

impl<E> Stored<E> {
    /// What a write that follows expects.
    #[must_use]
    pub fn expected(&self) -> Expected {
        Expected::Version(self.version)
    }
}

impl EntityWrite {
    /// The write of an entity.
    ///
    /// # Errors
    /// [`Rejection::Internal`] when the entity cannot be written as JSON.
    pub fn of<E: Entity>(
        tenant: &TenantId,
        id: &E::Id,
        expected: Expected,
        entity: &E,
    ) -> Result<Self, Rejection> {
        let body = serde_json::to_string(&(E::SHAPE, entity))
            .map_err(|_| Rejection::Internal("an entity cannot be encoded"))?;
        Ok(Self {
            key: EntityKey::of::<E>(tenant, id),
            expected,
            row: EntityRow {
                version: expected.version().saturating_add(1),
                index: entity.index(),
                body: body.into(),
            },
        })
    }
}

impl EntityRow {
    /// Reads the entity.
    ///
    /// # Errors
    /// [`Rejection::ShapeTooNew`] for a body of a newer version of this library, [`Rejection::Corrupt`] for one that is not
    /// readable.
    pub fn read<E: Entity>(&self) -> Result<Stored<E>, Rejection> {
        let corrupt = || Rejection::Corrupt { what: E::KIND };
        let found = shape(&self.body).ok_or_else(corrupt)?;
        let entity = if found == E::SHAPE {
            serde_json::from_str(&self.body)
                .map(|(_, entity): (u16, E)| entity)
                .map_err(|_| corrupt())?
        } else if found > E::SHAPE {
            return Err(Rejection::ShapeTooNew {
                what: E::KIND,
                found,
                known: E::SHAPE,
            });
        } else {
            let older = E::from_older(found, &self.body).ok_or_else(corrupt)?;
            older.map_err(|_| corrupt())?
        };
        Ok(Stored {
            version: self.version,
            entity,
        })
    }
}

/// The number of the shape of a body, without reading the rest.
fn shape(body: &str) -> Option<u16> {
    let (number, _) = body.strip_prefix('[')?.split_once(',')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::member::{Alias, AliasKey};
    use crate::time::Timestamp;

    #[test]
    fn a_body_of_a_later_version_is_told_from_a_broken_one() {
        let used = AliasKey {
            key: "k1".parse().unwrap(),
            used_since: Timestamp::MIN,
        };
        let row = |body: &str| EntityRow {
            version: 1,
            index: used.index(),
            body: body.into(),
        };
        let body = r#"[1,{"key":"k1","used_since":"1970-01-01T00:00:00Z"}]"#;
        let read = row(body).read::<AliasKey>().unwrap();
        assert_eq!((read.version, read.entity), (1, used.clone()));
        for (body, code) in [
            (r#"[2,{"key":"k1","place":"moon"}]"#, "shape_too_new"),
            (r#"[0,{}]"#, "store_corrupt"),
            (r#"[1,{"place":"moon"}]"#, "store_corrupt"),
            ("{}", "store_corrupt"),
        ] {
            let refused = row(body).read::<AliasKey>().unwrap_err();
            assert_eq!(refused.code(), code, "{body}");
        }
        assert!(row(body).read::<Alias>().is_err());
    }
}
