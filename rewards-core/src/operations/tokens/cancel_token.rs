//! Cancel a token: what was not spent is the member's again.
//!
//! Of one that whoever bears it redeems that is so at once. One that is bound to a device may have been spent where nobody has heard
//! of this: until they have, as long as the program says, what it has reserved pays merchants who took it.
//!
//! Refusals, in order: unknown member; unknown token, or one of somebody else; spent, cancelled, frozen or expired.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::merged::{decide_for, merged_owner};
use super::super::seen::see_entities;
use super::{held, key, refused, token_of, write_revoked};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{IdempotencyKey, MemberId, TenantId, TokenId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::tokens::Token;

/// Cancels a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CancelToken {
    /// Whose token it is.
    pub member: MemberId,
    /// The token.
    pub token: TokenId,
}

/// A token that was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CancelledToken {
    /// The token.
    pub token: TokenId,
    /// What it had reserved and nothing has paid yet.
    pub unspent: Money,
    /// From when on what is left of that is the member's again.
    pub returns_at: Timestamp,
}

impl Operation for CancelToken {
    const NAME: &'static str = "cancel_token";
    const KIND: Kind = Kind::Command;
    type Reply = CancelledToken;
    type Prepared = ();

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let key = IdempotencyKey::new(self.token.as_str()).ok()?;
        Some(NaturalKey::Text(key))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan {
            members: vec![context.member_key(&self.member)],
            entities: vec![key(&context.tenant, &self.token)],
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CancelledToken>, Undecided> {
        let owner = |token: Token| token.claims.member;
        let owner = merged_owner(snapshot, context, &self.member, &self.token, owner)?;
        if let Some(owner) = owner {
            let own = |member| Self {
                member,
                ..self.clone()
            };
            return decide_for(owner, own, snapshot, context);
        }
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, &self.member)?;
        let stored = token_of(snapshot, context, &self.token)?;
        let before = &stored.entity;
        if before.claims.member != self.member {
            return Err(Rejection::TokenUnknown(self.token.clone()).into());
        }
        let token = before.clone().cancel(context.now);
        let token = token.map_err(|state| refused(before, state))?;
        see_entities(snapshot, [held(&context.tenant, before)])?;
        let returns_at = write_revoked(&mut builder, context, &stored, &token)?;
        Ok(Decision {
            reply: CancelledToken {
                token: self.token.clone(),
                unspent: before.reserved(context.now),
                returns_at,
            },
            changes: builder.finish()?,
        })
    }
}
