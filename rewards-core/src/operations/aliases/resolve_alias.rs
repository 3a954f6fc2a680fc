//! Resolve an alias: whose it is.
//!
//! Refusals, in order: a name that is empty, too long or holds control characters; a key that aliases are kept under is not in
//! the key ring; unknown alias.

use serde::{Deserialize, Serialize};

use super::PreparedAlias;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{MemberId, Slug};
use crate::member::MemberStatus;
use crate::rejection::Rejection;
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks whose alias it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ResolveAlias {
    /// What kind of name it is.
    pub kind: Slug,
    /// The name, in the form in which it was linked.
    pub name: Secret,
    /// Whether the name is kept as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub plain: bool,
}

/// Whose alias it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ResolvedAlias {
    /// The member.
    pub member: MemberId,
    /// Whether the member takes part.
    pub status: MemberStatus,
    /// When the alias was linked.
    pub linked_at: Timestamp,
}

impl Operation for ResolveAlias {
    const NAME: &'static str = "resolve_alias";
    const KIND: Kind = Kind::Query;
    type Reply = ResolvedAlias;
    type Prepared = PreparedAlias;

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
    ) -> Result<Decision<ResolvedAlias>, Undecided> {
        let found = prepared.find(snapshot, context, &self.name)?;
        let (_, alias) = found.ok_or_else(|| Rejection::AliasUnknown {
            kind: self.kind.clone(),
        })?;
        let member = alias.entity.member;
        let key = context.member_key(&member);
        let Some(row) = snapshot.members.get(&key) else {
            return Err(Undecided::Needs(Box::new(ReadPlan {
                members: vec![key],
                ..ReadPlan::default()
            })));
        };
        Ok(Decision::answer(ResolvedAlias {
            status: row.profile.status,
            linked_at: alias.entity.linked_at,
            member,
        }))
    }
}
