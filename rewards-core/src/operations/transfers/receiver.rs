//! Who gets a transfer: a member by id, or by an alias.

use serde::{Deserialize, Serialize};

use super::super::aliases::PreparedAlias;
use super::super::review::Reviewed;
use super::super::seen::{Seen, see_once};
use crate::command::Undecided;
use crate::context::Context;
use crate::ids::{MemberId, Slug};
use crate::rejection::{Problem, Rejection};
use crate::secret::Secret;
use crate::snapshot::{ReadPlan, Snapshot};

/// Who gets a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum TransferReceiver {
    /// The member with this id.
    Member(MemberId),
    /// Whoever has this alias.
    Alias(AliasName),
}

/// Another name of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AliasName {
    /// What kind of name it is.
    pub kind: Slug,
    /// The name, in the form in which it was linked.
    pub name: Secret,
    /// Whether the name is kept as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub plain: bool,
}

impl TransferReceiver {
    /// The rows that say who it is, and the row of a member who is named by id.
    pub(super) fn prepare(
        &self,
        context: &Context,
    ) -> Result<(ReadPlan, Option<PreparedAlias>), Rejection> {
        match self {
            Self::Member(member) => Ok((plan_receiver(context, member, None), None)),
            Self::Alias(alias) => {
                let AliasName { kind, name, plain } = alias;
                let (plan, alias) =
                    PreparedAlias::new(context, kind, name, *plain).map_err(below_alias)?;
                Ok((plan, Some(alias)))
            }
        }
    }

    /// Who it is, with all rows of the member that a transfer must see.
    ///
    /// # Errors
    /// [`Rejection::AliasUnknown`]; [`Undecided::Needs`] the rows of whoever has the alias.
    pub(super) fn find(
        &self,
        prepared: Option<&PreparedAlias>,
        reviewed: Option<Reviewed<'_>>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<MemberId, Undecided> {
        let (alias, prepared) = match (self, prepared) {
            (Self::Member(member), _) => return Ok(member.clone()),
            (Self::Alias(alias), Some(prepared)) => (alias, prepared),
            (Self::Alias(_), None) => {
                return Err(Rejection::Internal("an alias was not prepared").into());
            }
        };
        let found = prepared.find(snapshot, context, &alias.name)?;
        let (_, stored) = found.ok_or_else(|| Rejection::AliasUnknown {
            kind: alias.kind.clone(),
        })?;
        let member = stored.entity.member;
        let plan = plan_receiver(context, &member, reviewed);
        if reviewed.is_none() {
            return match snapshot.members.contains_key(&context.member_key(&member)) {
                true => Ok(member),
                false => Err(Undecided::Needs(Box::new(plan))),
            };
        }
        see_once(snapshot, context, &member, Seen::Receiver, plan)?;
        Ok(member)
    }
}

fn plan_receiver(context: &Context, member: &MemberId, reviewed: Option<Reviewed<'_>>) -> ReadPlan {
    let mut plan = ReadPlan {
        members: vec![context.member_key(member)],
        ..ReadPlan::default()
    };
    if let Some(reviewed) = reviewed {
        reviewed.plan(context, member, context.now, &mut plan);
    }
    plan
}

fn below_alias(rejection: Rejection) -> Rejection {
    match rejection {
        Rejection::Invalid(problems) => {
            let problems = problems.into_iter();
            let below = problems.map(|problem: Problem| problem.below("to.alias"));
            Rejection::Invalid(below.collect())
        }
        other => other,
    }
}
