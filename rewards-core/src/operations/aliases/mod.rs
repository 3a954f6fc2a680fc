//! Aliases: link, unlink and resolve other names of a member.

mod link_alias;
mod resolve_alias;
mod unlink_alias;

pub use link_alias::{LinkAlias, LinkedAlias};
pub use resolve_alias::{ResolveAlias, ResolvedAlias};
pub use unlink_alias::{UnlinkAlias, UnlinkedAlias};

use crate::command::Undecided;
use crate::context::Context;
use crate::entity::{By, Entity, EntityKey, EntityQuery, EntityRow, Stored};
use crate::ids::{KeyId, Slug, TenantId};
use crate::member::{Alias, AliasId, AliasKey};
use crate::rejection::{Problem, Rejection};
use crate::secret::Secret;
use crate::snapshot::{ReadPlan, Snapshot};

/// The most keys under which the aliases of a tenant were ever kept.
pub const ALIAS_KEYS_MAX: u32 = 1_000;

/// A name as a request gives it, and where it may be kept.
#[derive(Debug)]
pub struct PreparedAlias {
    candidates: Vec<AliasId>,
    keys: EntityQuery,
}

impl PreparedAlias {
    /// Checks a name and finds out where it may be kept.
    pub(super) fn new(
        context: &Context,
        kind: &Slug,
        name: &Secret,
        is_plain: bool,
    ) -> Result<(ReadPlan, Self), Rejection> {
        if let Secret::Clear(_) = name {
            if !is_plain {
                return Err(Rejection::Internal("a secret was not sealed"));
            }
            name.check()
                .map_err(|error| Problem::new(error.code(), "name", error.to_string()))?;
        }
        let candidates = AliasId::candidates(kind, name);
        let keys = EntityQuery {
            tenant: context.tenant.clone(),
            kind: AliasKey::KIND,
            by: By::Newest,
            after: None,
            limit: ALIAS_KEYS_MAX,
        };
        let plan = ReadPlan {
            entities: keys_of(&context.tenant, &candidates),
            entity_pages: vec![keys.clone()],
            ..ReadPlan::default()
        };
        Ok((plan, Self { candidates, keys }))
    }

    /// The alias, wherever it is kept.
    ///
    /// # Errors
    /// [`Rejection::KeyMissing`] when aliases are kept under a key that the key ring does not have: whether the name is among
    /// them, nobody can say.
    pub(super) fn find(
        &self,
        snapshot: &Snapshot,
        context: &Context,
        name: &Secret,
    ) -> Result<Option<(&AliasId, Stored<Alias>)>, Undecided> {
        for id in &self.candidates {
            if let Some(found) = snapshot.get::<Alias>(&context.tenant, id)? {
                return Ok(Some((id, found)));
            }
        }
        if let Secret::Sealed(digests) = name {
            for used in self.used_keys(snapshot)? {
                if !digests.iter().any(|digest| digest.key == used.key) {
                    require_unused(snapshot, context, &used.key)?;
                }
            }
        }
        Ok(None)
    }

    fn used_keys(&self, snapshot: &Snapshot) -> Result<Vec<AliasKey>, Rejection> {
        let found = snapshot.entity_pages.get(&self.keys).into_iter().flatten();
        let read = |row: &EntityRow| row.read::<AliasKey>().map(|stored| stored.entity);
        found.map(|(_, row)| read(row)).collect()
    }
}

/// A key that was used once and is not in the key ring any more: no alias may be left under it.
fn require_unused(snapshot: &Snapshot, context: &Context, key: &KeyId) -> Result<(), Undecided> {
    let query = EntityQuery {
        tenant: context.tenant.clone(),
        kind: Alias::KIND,
        by: By::Group {
            group: key.as_str().into(),
            state: Alias::LINKED.into(),
            from_rank: 0,
            to_rank: i64::MAX,
        },
        after: None,
        limit: 1,
    };
    match snapshot.entity_pages.get(&query) {
        Some(page) if page.is_empty() => Ok(()),
        Some(_) => Err(Rejection::KeyMissing { key: key.clone() }.into()),
        None => Err(Undecided::Needs(Box::new(ReadPlan {
            entity_pages: vec![query],
            ..ReadPlan::default()
        }))),
    }
}

pub(super) fn keys_of(tenant: &TenantId, candidates: &[AliasId]) -> Vec<EntityKey> {
    let ids = candidates.iter();
    ids.map(|id| EntityKey::of::<Alias>(tenant, id)).collect()
}
