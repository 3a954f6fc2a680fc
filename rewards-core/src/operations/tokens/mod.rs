//! Offline tokens: issued with value that is reserved, spent without a network, and settled later.
//!
//! The revision of the program that is active when a token is issued says how; what it says is kept with the token.

mod cancel_token;
mod freeze_tokens;
mod get_token;
mod get_token_keys;
mod issue_token;
mod list_revoked_tokens;
mod list_tokens;
mod redeem_token;
mod settle_receipts;

pub use cancel_token::{CancelToken, CancelledToken};
pub use freeze_tokens::{FreezeTokens, FrozenToken, FrozenTokens};
pub use get_token::{GetToken, TokenDetails};
pub use get_token_keys::{GetTokenKeys, TokenKeyList};
pub use issue_token::{IssueToken, IssuedToken};
pub use list_revoked_tokens::{ListRevokedTokens, RevokedToken, RevokedTokenList};
pub use list_tokens::{ListTokens, ListedToken, TokenList};
pub use redeem_token::{RedeemToken, RedeemedToken};
pub use settle_receipts::{
    RECEIPTS_AT_ONCE_MAX, ReceiptOutcome, SettleReceipts, SettledReceipt, SettledReceipts,
};

use super::change_builder::ChangeBuilder;
use super::redemptions::shorten_held;
use crate::command::Undecided;
use crate::context::Context;
use crate::entity::{EntityKey, Stored};
use crate::event::Event;
use crate::ids::{TenantId, TokenId};
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;
use crate::tokens::{Token, TokenError, TokenState, WrongTokenState};
use crate::wallet::{Redemption, RedemptionState};

fn key(tenant: &TenantId, token: &TokenId) -> EntityKey {
    EntityKey::of::<Token>(tenant, token)
}

/// A token that is there.
fn token_of(
    snapshot: &Snapshot,
    context: &Context,
    token: &TokenId,
) -> Result<Stored<Token>, Rejection> {
    let stored = snapshot.get::<Token>(&context.tenant, token)?;
    stored.ok_or_else(|| Rejection::TokenUnknown(token.clone()))
}

/// What holds the value of a token.
fn held(tenant: &TenantId, token: &Token) -> EntityKey {
    EntityKey::of::<Redemption>(tenant, &token.redemption)
}

/// Why a token does not take a step, as a caller is told.
fn refused(token: &Token, WrongTokenState(state): WrongTokenState) -> Rejection {
    let id = token.claims.token.clone();
    match state {
        TokenState::Active => Rejection::Internal("an active token takes no step"),
        TokenState::Expired => TokenError::Expired {
            until: token.claims.expires_at,
        }
        .into(),
        TokenState::Spent => Rejection::TokenSpent(id),
        TokenState::Cancelled => Rejection::TokenCancelled(id),
        TokenState::Frozen => Rejection::TokenFrozen(id),
    }
}

/// Whether what holds the value of a token has ended: an engine whose clock is ahead may have written that down.
fn is_over(builder: &mut ChangeBuilder<'_>, token: &Token) -> Result<bool, Undecided> {
    let redemption = builder.redemption(&token.redemption)?;
    Ok(redemption.state() != RedemptionState::Authorized)
}

/// Writes a token that was taken back: what it has reserved is held as long as it says. Gives until when that is.
fn write_revoked(
    builder: &mut ChangeBuilder<'_>,
    context: &Context,
    before: &Stored<Token>,
    token: &Token,
) -> Result<Timestamp, Undecided> {
    let (id, until) = (&token.claims.token, token.settles_until);
    shorten_held(builder, context, &token.redemption, until)?;
    builder.row.profile.tokens.remove(id);
    builder.put(id, before.expected(), token)?;
    builder.emit(Event::TokenRevoked {
        token: id.clone(),
        is_frozen: token.state(context.now) == TokenState::Frozen,
        reserved_until: until,
    });
    Ok(until)
}
