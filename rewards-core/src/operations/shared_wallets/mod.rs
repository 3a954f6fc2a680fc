//! Wallets that members share: create, change, list and look at them. What is paid from one is a
//! [redemption](super::redemptions).
//!
//! A member shares one wallet at most. Who pays, and in which order, is in the wallet; which wallet a member shares is in the
//! member's row, so that two commands that give a member a wallet meet there.
//!
//! Somebody who is suspended or has left keeps the place and pays nothing. The place of somebody who is merged into another
//! member is the other one's.

mod create_shared_wallet;
mod get_shared_wallet;
mod list_shared_wallets;
mod update_shared_wallet;

pub use create_shared_wallet::{CreateSharedWallet, CreatedSharedWallet};
pub use get_shared_wallet::{GetSharedWallet, SharedWalletDetails, SharedWalletMember};
pub use list_shared_wallets::{
    ListSharedWallets, ListedSharedWallet, PreparedSharedWallets, SharedWalletList,
};
pub use update_shared_wallet::{UpdateSharedWallet, UpdatedSharedWallet};

use super::change_builder::ChangeBuilder;
use super::presence::check_active;
use super::seen::see_entities;
use crate::command::Undecided;
use crate::context::Context;
use crate::entity::{EntityKey, Stored};
use crate::event::Event;
use crate::ids::{MemberId, SharedWalletId};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::Snapshot;
use crate::wallet::{SHARED_WALLET_MEMBERS_MAX, SharedWallet, SharedWalletState};

/// What is wrong with a list of members, whoever they are.
fn check_members(members: &[MemberId], problems: &mut Vec<Problem>) {
    if members.is_empty() {
        let detail = "expected members in paying order, got none";
        problems.push(Problem::new("members_missing", "members", detail));
    }
    let max = SHARED_WALLET_MEMBERS_MAX;
    if !u32::try_from(members.len()).is_ok_and(|count| count <= max) {
        let detail = format!("at most {max}, got {}", members.len());
        problems.push(Problem::new("too_many_members", "members", detail));
        return;
    }
    for (index, member) in members.iter().enumerate() {
        if members.iter().take(index).any(|other| other == member) {
            let detail = format!("`{member}` is in the list already");
            let path = format!("members[{index}]");
            problems.push(Problem::new("reference_duplicate", path, detail));
        }
    }
}

/// A wallet as it is stored.
///
/// # Errors
/// [`Rejection::SharedWalletUnknown`].
pub(super) fn stored(
    snapshot: &Snapshot,
    context: &Context,
    wallet: &SharedWalletId,
) -> Result<Stored<SharedWallet>, Rejection> {
    let stored = snapshot.get::<SharedWallet>(&context.tenant, wallet)?;
    stored.ok_or_else(|| Rejection::SharedWalletUnknown(wallet.clone()))
}

/// A wallet that becomes known only while something is decided.
///
/// # Errors
/// [`Undecided::Needs`] it.
pub(super) fn see_wallet(
    snapshot: &Snapshot,
    context: &Context,
    wallet: &SharedWalletId,
) -> Result<Stored<SharedWallet>, Undecided> {
    see_entities(
        snapshot,
        [EntityKey::of::<SharedWallet>(&context.tenant, wallet)],
    )?;
    Ok(stored(snapshot, context, wallet)?)
}

/// A wallet from which a member can pay.
///
/// # Errors
/// As [`stored`]; [`Rejection::SharedWalletClosed`]; [`Rejection::MemberNotInWallet`].
pub(super) fn open_for(
    snapshot: &Snapshot,
    context: &Context,
    wallet: &SharedWalletId,
    member: &MemberId,
) -> Result<SharedWallet, Rejection> {
    let found = stored(snapshot, context, wallet)?.entity;
    if found.state() == SharedWalletState::Closed {
        return Err(Rejection::SharedWalletClosed(wallet.clone()));
    }
    if !found.has(member) {
        return Err(Rejection::MemberNotInWallet {
            member: member.clone(),
            wallet: wallet.clone(),
        });
    }
    Ok(found)
}

/// A member shares a wallet from now on.
///
/// # Errors
/// As [`check_active`]; [`Rejection::MemberInWallet`].
pub(super) fn join(
    builder: &mut ChangeBuilder<'_>,
    wallet: &SharedWalletId,
) -> Result<(), Undecided> {
    let member = builder.member().clone();
    let profile = &mut builder.row.profile;
    check_active(profile, &member)?;
    if let Some(wallet) = profile.shared_wallet.clone() {
        return Err(Rejection::MemberInWallet { member, wallet }.into());
    }
    profile.shared_wallet = Some(wallet.clone());
    builder.emit(Event::SharedWalletJoined {
        wallet: wallet.clone(),
    });
    Ok(())
}

/// A member does not share a wallet any more.
pub(super) fn leave(builder: &mut ChangeBuilder<'_>) {
    if let Some(wallet) = builder.row.profile.shared_wallet.take() {
        builder.emit(Event::SharedWalletLeft { wallet });
    }
}
