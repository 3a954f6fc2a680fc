//! A page of tokens, of one member or of all, newest first: by when they were recorded, and those recorded at one instant by id, from
//! the last in the order of bytes.
//!
//! Refusals, in order: a page size of zero or above the bound, a place in another list; unknown member.

use serde::{Deserialize, Serialize};

use super::super::pages::EntityList;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{DeviceId, MemberId, TokenId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::tokens::{Token, TokenState};

/// Asks for a page of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListTokens {
    /// Only those of this member; those of all members when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many tokens, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A token in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListedToken {
    /// The token.
    pub token: TokenId,
    /// Whose value it is.
    pub member: MemberId,
    /// Where it is in its life, at the time of the query.
    pub state: TokenState,
    /// What it is worth.
    pub amount: Money,
    /// What is reserved of it.
    pub reserved: Money,
    /// What was paid with it.
    pub paid: Money,
    /// Whether its device has spent something twice.
    pub is_double_spent: bool,
    /// The device that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub device: Option<DeviceId>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// A page of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TokenList {
    /// The tokens, newest first: by when they were recorded, then by id.
    pub tokens: Vec<ListedToken>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

impl Operation for ListTokens {
    const NAME: &'static str = "list_tokens";
    const KIND: Kind = Kind::Query;
    type Reply = TokenList;
    type Prepared = EntityList;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        let (member, after) = (self.member.as_ref(), self.after.as_deref());
        EntityList::newest::<Token>(context, "tokens", member, after, self.limit)
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<TokenList>, Undecided> {
        let (tokens, next) = list.read(snapshot, context, |token: Token| ListedToken {
            state: token.state(context.now),
            reserved: token.reserved(context.now),
            paid: token.paid(),
            is_double_spent: token.is_double_spent(),
            amount: token.claims.amount,
            expires_at: token.claims.expires_at,
            recorded_at: token.recorded_at,
            token: token.claims.token,
            member: token.claims.member,
            device: token.claims.device,
        })?;
        Ok(Decision::answer(TokenList { tokens, next }))
    }
}
