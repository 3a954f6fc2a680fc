//! A page of the tokens of an issuer that pay nothing any more although tills may still take them: spent, cancelled or frozen, and
//! their time is not over or has been for less than an hour. Whoever takes tokens without a network keeps this list. Those that end first come first, and those that end together by id.
//!
//! Refusals: a page size of zero or above the bound, a place in another list.

use serde::{Deserialize, Serialize};

use super::super::pages::EntityList;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::By;
use crate::ids::{Slug, TokenId};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::tokens::{Token, TokenState};

/// Asks for a page of tokens that pay nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListRevokedTokens {
    /// Who issued them.
    pub issuer: Slug,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many tokens, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A token that pays nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RevokedToken {
    /// The token.
    pub token: TokenId,
    /// Why it pays nothing.
    pub state: TokenState,
    /// When it ends: as long after that as a till takes it, it is of use on its list.
    pub expires_at: Timestamp,
}

/// A page of tokens that pay nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RevokedTokenList {
    /// The tokens, by when they end and by id.
    pub tokens: Vec<RevokedToken>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

/// For how long a token is listed after its end: an hour, which is more than the tolerance of any till by default.
const LISTED_AFTER_MICROS: i64 = 3_600_000_000;

impl Operation for ListRevokedTokens {
    const NAME: &'static str = "list_revoked_tokens";
    const KIND: Kind = Kind::Query;
    type Reply = RevokedTokenList;
    type Prepared = EntityList;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        let (group, state) = Token::ended_of(&self.issuer);
        let name = format!("revoked tokens of {}", self.issuer);
        let by = By::Group {
            group: group.into(),
            state: state.into(),
            // Tills take a token a little longer, and their clocks differ.
            from_rank: context.now.micros().saturating_sub(LISTED_AFTER_MICROS),
            to_rank: i64::MAX,
        };
        EntityList::named::<Token>(context, &name, by, self.after.as_deref(), self.limit)
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<RevokedTokenList>, Undecided> {
        let (tokens, next) = list.read(snapshot, context, |token: Token| RevokedToken {
            state: token.state(context.now),
            expires_at: token.claims.expires_at,
            token: token.claims.token,
        })?;
        Ok(Decision::answer(RevokedTokenList { tokens, next }))
    }
}
