//! Link an alias to a member: from now on the member can be found by it.
//!
//! A keyed digest of the name is kept, unless the request says `plain`. Linked again to the same member it stays as it is, but
//! moves under the current key of the key ring.
//!
//! Refusals, in order: a name that is empty, too long or holds control characters; a key that aliases are kept under is not in
//! the key ring; unknown member; closed or merged member; the alias is another member's; too many aliases of the member.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::presence::check_present;
use super::PreparedAlias;
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{By, Entity, EntityQuery, Expected};
use crate::event::Event;
use crate::ids::{KeyId, MemberId, Slug};
use crate::member::{ALIASES_MAX, Alias, AliasKey};
use crate::rejection::Rejection;
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Links an alias to a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct LinkAlias {
    /// The member.
    pub member: MemberId,
    /// What kind of name it is: `phone`, `email`, `card` …
    pub kind: Slug,
    /// The name, in the one form in which the host always gives it.
    pub name: Secret,
    /// Whether the name is kept as it is instead of as a keyed digest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub plain: bool,
}

/// The alias that was linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct LinkedAlias {
    /// The member.
    pub member: MemberId,
    /// What kind of name it is.
    pub kind: Slug,
    /// When it was linked.
    pub linked_at: Timestamp,
}

/// What the command looks at.
#[derive(Debug)]
pub struct PreparedLink {
    alias: PreparedAlias,
    own: EntityQuery,
}

impl Operation for LinkAlias {
    const NAME: &'static str = "link_alias";
    const KIND: Kind = Kind::Command;
    type Reply = LinkedAlias;
    type Prepared = PreparedLink;

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        match self.plain {
            true => Vec::new(),
            false => vec![(KeyPurpose::Alias, &mut self.name)],
        }
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedLink), Rejection> {
        let (mut plan, alias) = PreparedAlias::new(context, &self.kind, &self.name, self.plain)?;
        let own = EntityQuery {
            tenant: context.tenant.clone(),
            kind: Alias::KIND,
            by: By::Owner(self.member.clone()),
            after: None,
            limit: ALIASES_MAX,
        };
        plan.members.push(context.member_key(&self.member));
        plan.entity_pages.push(own.clone());
        Ok((plan, PreparedLink { alias, own }))
    }

    fn decide(
        &self,
        prepared: &PreparedLink,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<LinkedAlias>, Undecided> {
        let found = prepared.alias.find(snapshot, context, &self.name)?;
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, &self.member)?;
        check_present(&builder.row.profile, &self.member)?;
        let own = snapshot.entity_pages.get(&prepared.own).map_or(0, Vec::len);
        let current = prepared.alias.candidates.first();
        let current = current.ok_or(Rejection::Internal("a name without a place"))?;
        let mut linked_at = builder.recorded_at;
        match found {
            Some((_, alias)) if alias.entity.member != self.member => {
                return Err(Rejection::AliasExists {
                    kind: self.kind.clone(),
                }
                .into());
            }
            Some((id, alias)) => {
                linked_at = alias.entity.linked_at;
                if id != current {
                    builder.remove::<Alias>(id, alias.version);
                    self.put(&mut builder, current, linked_at)?;
                }
            }
            None if u32::try_from(own).is_ok_and(|own| own >= ALIASES_MAX) => {
                let (what, limit) = ("aliases", ALIASES_MAX);
                return Err(Rejection::TooMany { what, limit }.into());
            }
            None => {
                self.put(&mut builder, current, linked_at)?;
                builder.emit(Event::AliasLinked {
                    kind: self.kind.clone(),
                });
            }
        }
        self.use_key(&mut builder, &prepared.alias, snapshot)?;
        Ok(Decision {
            reply: LinkedAlias {
                member: self.member.clone(),
                kind: self.kind.clone(),
                linked_at,
            },
            changes: builder.finish()?,
        })
    }
}

impl LinkAlias {
    /// The key that the name is kept under from now on.
    fn key(&self) -> Option<&KeyId> {
        self.name.digests().first().map(|digest| &digest.key)
    }

    fn put(
        &self,
        builder: &mut ChangeBuilder<'_>,
        id: &<Alias as Entity>::Id,
        linked_at: Timestamp,
    ) -> Result<(), Rejection> {
        let alias = Alias {
            member: self.member.clone(),
            kind: self.kind.clone(),
            key: self.key().cloned(),
            linked_at,
        };
        builder.put(id, Expected::Absent, &alias)
    }

    /// Remembers that aliases are kept under the current key.
    fn use_key(
        &self,
        builder: &mut ChangeBuilder<'_>,
        prepared: &PreparedAlias,
        snapshot: &Snapshot,
    ) -> Result<(), Rejection> {
        let Some(key) = self.key() else {
            return Ok(());
        };
        let used = prepared.used_keys(snapshot)?;
        if used.iter().any(|known| known.key == *key) {
            return Ok(());
        }
        let used = AliasKey {
            key: key.clone(),
            used_since: builder.recorded_at,
        };
        builder.put(key, Expected::Absent, &used)
    }
}
