//! Redeem a token: whoever bears it is paid all of it, once.
//!
//! Each order that is paid is named, so that the same redeeming is told twice and another one is refused.
//!
//! Refusals, in order: unknown token; one that is bound to a device; spent, cancelled, frozen or expired; for another merchant, or
//! another kind of merchant.

use serde::{Deserialize, Serialize};

use super::super::change_builder::ChangeBuilder;
use super::super::redemptions::{PaidPart, capture_held};
use super::super::seen::{see_entities, see_rows};
use super::{held, key, refused, token_of};
use crate::command::{Kind, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::EntityKey;
use crate::event::Event;
use crate::ids::{IdempotencyKey, MemberId, MerchantId, OrderId, Slug, TenantId, TokenId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::tokens::{Token, TokenMode};

/// Redeems a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RedeemToken {
    /// The token.
    pub token: TokenId,
    /// What is paid with it; chosen by whoever takes it, another one for each payment.
    pub order: OrderId,
    /// Who takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub merchant: Option<MerchantId>,
    /// What kind of merchant that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub category: Option<Slug>,
}

/// A token that was redeemed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RedeemedToken {
    /// The token.
    pub token: TokenId,
    /// Whose value it was.
    pub member: MemberId,
    /// What it paid.
    pub paid: Money,
    /// By what, in paying order.
    pub parts: Vec<PaidPart>,
    /// When that was.
    pub redeemed_at: Timestamp,
}

impl Operation for RedeemToken {
    const NAME: &'static str = "redeem_token";
    const KIND: Kind = Kind::Command;
    type Reply = RedeemedToken;
    type Prepared = ();

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let key = format!(
            "{}:{}:{}",
            self.order.as_str().len(),
            self.order,
            self.token
        );
        Some(NaturalKey::Text(IdempotencyKey::new(&key).ok()?))
    }

    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        vec![key(tenant, &self.token)]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan::of_entity::<Token>(&context.tenant, &self.token);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<RedeemedToken>, Undecided> {
        let stored = token_of(snapshot, context, &self.token)?;
        let before = &stored.entity;
        if before.mode() == TokenMode::Bound {
            return Err(Rejection::TokenBound(self.token.clone()).into());
        }
        let token = before.clone().redeem(self.merchant.as_ref(), context.now);
        let token = token.map_err(|state| refused(before, state))?;
        let claims = &before.claims;
        claims.check_merchant(self.merchant.as_ref(), self.category.as_ref())?;
        let member = &claims.member;
        see_rows(snapshot, context, [member])?;
        see_entities(snapshot, [held(&context.tenant, before)])?;
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, member)?;
        let minor = claims.amount.minor();
        let id = &before.redemption;
        let taken = capture_held(&mut builder, snapshot, context, id, Some(minor))?;
        builder.row.profile.tokens.remove(&self.token);
        builder.put(&self.token, stored.expected(), &token)?;
        builder.emit(Event::TokenSpent {
            token: self.token.clone(),
            paid: claims.amount,
            merchant: self.merchant.clone(),
            counter: None,
        });
        let currency = claims.amount.asset();
        let parts = taken.iter().map(|part| PaidPart {
            bucket: part.bucket,
            amount: Money::new(part.amount, part.bucket.asset(currency)),
            value: Money::new(part.value, currency),
        });
        Ok(Decision {
            reply: RedeemedToken {
                token: self.token.clone(),
                member: member.clone(),
                paid: claims.amount,
                parts: parts.collect(),
                redeemed_at: context.now,
            },
            changes: builder.finish()?,
        })
    }
}
