//! A token: what it says, where it is in its life now, and the payments with it.
//!
//! Refusals: unknown token.

use serde::{Deserialize, Serialize};

use super::token_of;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{KeyId, MerchantId, ProgramId, RedemptionId, TokenId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::tokens::{Token, TokenClaims, TokenReceipt, TokenState};

/// Asks for a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetToken {
    /// The token.
    pub token: TokenId,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TokenDetails {
    /// What it says.
    pub claims: TokenClaims,
    /// The key it is signed with.
    pub key: KeyId,
    /// Where it is in its life.
    pub state: TokenState,
    /// The program it was issued under.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// What holds its value.
    pub redemption: RedemptionId,
    /// What is reserved of it.
    pub reserved: Money,
    /// What was paid with it.
    pub paid: Money,
    /// What more its device has signed than it is worth; absent when that is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub overspent: Option<Money>,
    /// Until when payments are taken in, exclusive.
    pub settles_until: Timestamp,
    /// When it was spent as a whole, cancelled or frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub ended_at: Option<Timestamp>,
    /// Who redeemed it, if a merchant was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub redeemed_by: Option<MerchantId>,
    /// The payments with it, by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub receipts: Vec<TokenReceipt>,
    /// The numbers of payments that its device has made twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub double_spends: Vec<u32>,
}

impl TokenDetails {
    fn of(token: &Token, now: Timestamp) -> Self {
        Self {
            claims: token.claims.clone(),
            key: token.key.clone(),
            state: token.state(now),
            program: token.program.clone(),
            revision: token.revision,
            redemption: token.redemption.clone(),
            reserved: token.reserved(now),
            paid: token.paid(),
            overspent: Some(token.overspent()).filter(|over| over.is_positive()),
            settles_until: token.settles_until,
            ended_at: token.ended_at,
            redeemed_by: token.redeemed_by.clone(),
            receipts: token.receipts().to_vec(),
            double_spends: token.double_spends(),
        }
    }
}

impl Operation for GetToken {
    const NAME: &'static str = "get_token";
    const KIND: Kind = Kind::Query;
    type Reply = TokenDetails;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan::of_entity::<Token>(&context.tenant, &self.token);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<TokenDetails>, Undecided> {
        let stored = token_of(snapshot, context, &self.token)?;
        Ok(Decision::answer(TokenDetails::of(
            &stored.entity,
            context.now,
        )))
    }
}
