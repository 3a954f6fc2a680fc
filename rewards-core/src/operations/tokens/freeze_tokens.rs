//! Freeze the tokens of a member, or those that are for one device: it was lost.
//!
//! None of them is spent any more where that is known. As with one that is [cancelled](super::CancelToken), what is reserved pays
//! merchants who have not heard of it, as long as the program says; then what is left is the member's again, and new tokens can be
//! issued of it. Where the member has more, new ones can be issued at once.
//!
//! What was issued to somebody who was merged with the member is the member's. Tokens that have ended are left as they are.
//! Refusals: unknown member.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::merged::same_person;
use super::super::seen::{for_each, see_entities};
use super::super::together::open_all_as_is;
use super::{held, is_over, key, token_of, write_revoked};
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::Stored;
use crate::ids::{DeviceId, MemberId, TokenId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::tokens::Token;

/// Freezes tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct FreezeTokens {
    /// Whose tokens they are.
    pub member: MemberId,
    /// Only those that are for this device; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub device: Option<DeviceId>,
}

/// A token that was frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct FrozenToken {
    /// The token.
    pub token: TokenId,
    /// What it had reserved and nothing has paid yet.
    pub unspent: Money,
    /// From when on what is left of that is the member's again.
    pub returns_at: Timestamp,
}

/// What was frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct FrozenTokens {
    /// Each of them, by id.
    pub tokens: Vec<FrozenToken>,
}

/// The tokens that a member can spend now, with what holds their value in the view.
///
/// # Errors
/// [`Undecided::Needs`] them.
pub(super) fn open_tokens(
    builder: &ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Vec<Stored<Token>>, Undecided> {
    let open = builder.row.profile.tokens.iter();
    let open = open.filter(|(_, open)| open.expires_at > context.now);
    let open: Vec<&TokenId> = open.map(|(id, _)| id).collect();
    let keys = open.iter().map(|id| key(&context.tenant, id));
    see_entities(snapshot, keys)?;
    for_each(open, |id| {
        let stored = token_of(snapshot, context, id)?;
        see_entities(snapshot, [held(&context.tenant, &stored.entity)])?;
        Ok(stored)
    })
}

impl Operation for FreezeTokens {
    const NAME: &'static str = "freeze_tokens";
    const KIND: Kind = Kind::Command;
    type Reply = FrozenTokens;
    type Prepared = ();

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan {
            members: vec![context.member_key(&self.member)],
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<FrozenTokens>, Undecided> {
        let key = context.member_key(&self.member);
        if !snapshot.members.contains_key(&key) {
            return Err(Rejection::MemberUnknown(self.member.clone()).into());
        }
        let members = same_person(snapshot, context, &self.member)?;
        let ids = context.id_allocator();
        let builders = open_all_as_is(snapshot, context, &ids, &members)?;
        let made = for_each(builders, |builder| self.freeze(builder, snapshot, context))?;
        let (mut tokens, mut changes) = (Vec::new(), Changes::default());
        for (frozen, own) in made {
            tokens.extend(frozen);
            changes.merge(own);
        }
        tokens.sort_by(|one, other| one.token.cmp(&other.token));
        Ok(Decision {
            reply: FrozenTokens { tokens },
            changes,
        })
    }
}

impl FreezeTokens {
    /// Freezes the tokens of one member.
    fn freeze(
        &self,
        mut builder: ChangeBuilder<'_>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<(Vec<FrozenToken>, Changes), Undecided> {
        let mut tokens = Vec::new();
        for stored in open_tokens(&builder, snapshot, context)? {
            let before = &stored.entity;
            let device = before.claims.device.as_ref();
            if self.device.is_some() && device != self.device.as_ref() {
                continue;
            }
            let Ok(token) = before.clone().freeze(context.now) else {
                continue;
            };
            if is_over(&mut builder, before)? {
                continue;
            }
            tokens.push(FrozenToken {
                token: before.claims.token.clone(),
                unspent: before.reserved(context.now),
                returns_at: write_revoked(&mut builder, context, &stored, &token)?,
            });
        }
        Ok((tokens, builder.finish()?))
    }
}
