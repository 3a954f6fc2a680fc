//! Unlink an alias: nobody is found by it any more, and it may be linked to another member.
//!
//! The member need not be known: whoever has found a phone can have its number unlinked.
//!
//! Refusals, in order: a name that is empty, too long or holds control characters; a key that aliases are kept under is not in
//! the key ring; unknown alias, also when it is not the member's that the request names.

use serde::{Deserialize, Serialize};

use super::super::change_builder::ChangeBuilder;
use super::{PreparedAlias, keys_of};
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::EntityKey;
use crate::event::Event;
use crate::ids::{MemberId, Slug, TenantId};
use crate::member::{Alias, AliasId};
use crate::rejection::Rejection;
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};

/// Unlinks an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UnlinkAlias {
    /// What kind of name it is.
    pub kind: Slug,
    /// The name, in the form in which it was linked.
    pub name: Secret,
    /// Whether the name is kept as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub plain: bool,
    /// Only when it is this member's; whoever's it is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
}

/// Whose alias it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UnlinkedAlias {
    /// The member.
    pub member: MemberId,
    /// What kind of name it was.
    pub kind: Slug,
}

impl Operation for UnlinkAlias {
    const NAME: &'static str = "unlink_alias";
    const KIND: Kind = Kind::Command;
    type Reply = UnlinkedAlias;
    type Prepared = PreparedAlias;

    fn members(&self) -> Members<'_> {
        self.member.iter().collect()
    }

    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        keys_of(tenant, &AliasId::candidates(&self.kind, &self.name))
    }

    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        match self.plain {
            true => Vec::new(),
            false => vec![(KeyPurpose::Alias, &mut self.name)],
        }
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedAlias), Rejection> {
        PreparedAlias::new(context, &self.kind, &self.name, self.plain)
    }

    fn decide(
        &self,
        prepared: &PreparedAlias,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<UnlinkedAlias>, Undecided> {
        let unknown = || Rejection::AliasUnknown {
            kind: self.kind.clone(),
        };
        let found = prepared.find(snapshot, context, &self.name)?;
        let (id, alias) = found.ok_or_else(unknown)?;
        let member = &alias.entity.member;
        if self.member.as_ref().is_some_and(|named| named != member) {
            return Err(unknown().into());
        }
        let row = context.member_key(member);
        if !snapshot.members.contains_key(&row) {
            return Err(Undecided::Needs(Box::new(ReadPlan {
                members: vec![row],
                ..ReadPlan::default()
            })));
        }
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, member)?;
        builder.remove::<Alias>(id, alias.version);
        builder.emit(Event::AliasUnlinked {
            kind: self.kind.clone(),
        });
        Ok(Decision {
            reply: UnlinkedAlias {
                member: member.clone(),
                kind: self.kind.clone(),
            },
            changes: builder.finish()?,
        })
    }
}
