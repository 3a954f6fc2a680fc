//! What members pay together from a wallet that they share, seen and changed as one redemption.
//!
//! Whoever paid a part of it may name it, and whoever shares the wallet now or did when it was closed. To anybody else it is unknown,
//! and so are the parts of it to everybody: nobody can take a step for one payer alone.

use super::super::change_builder::Returned;
use super::super::merged::Seen;
use super::super::review::Reviewed;
use super::super::shared_wallets::stored;
use super::super::together::{for_each, see_all};
use super::ReturnedShare;
use crate::command::Undecided;
use crate::context::Context;
use crate::decision::Changes;
use crate::entity::{Entity, EntityKey};
use crate::ids::{MemberId, RedemptionId};
use crate::member::MemberStatus;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::wallet::{Redemption, ShareStep, SharedPayment, SharedRedemption, SharedWallet};

/// The redemptions of all payers, when the one that a request names is paid from a shared wallet.
///
/// # Errors
/// [`Rejection::RedemptionUnknown`] for what one of several payers pays; [`Undecided::Needs`] those of the others.
pub(super) fn shared(
    snapshot: &Snapshot,
    context: &Context,
    id: &RedemptionId,
) -> Result<Option<SharedRedemption>, Undecided> {
    let found = snapshot.get::<Redemption>(&context.tenant, id)?;
    let found = found.map(|stored| stored.entity);
    let Some((first, tie)) = found.and_then(|first| Some((first.clone(), first.shared?))) else {
        return Ok(None);
    };
    if tie.redemption != *id {
        return Err(Rejection::RedemptionUnknown(id.clone()).into());
    }
    let others = tie.payers.iter().skip(1);
    let others = for_each(others, |payer| {
        let key = EntityKey::of::<Redemption>(&context.tenant, &payer.1);
        if !snapshot.entities.contains_key(&key) {
            return Err(Undecided::Needs(Box::new(ReadPlan {
                entities: vec![key],
                ..ReadPlan::default()
            })));
        }
        let found = snapshot.get::<Redemption>(&context.tenant, &payer.1)?;
        found.map(|stored| stored.entity).ok_or_else(corrupt)
    })?;
    let together = SharedRedemption::new(first, others);
    Ok(Some(together.ok_or_else(corrupt)?))
}

fn corrupt() -> Undecided {
    Undecided::Rejected(Rejection::Corrupt {
        what: Redemption::KIND,
    })
}

/// The same for a member who acts on it, with the rows of all payers in the view.
///
/// # Errors
/// As [`shared`]; [`Rejection::MemberUnknown`]; [`Rejection::MemberClosed`]; [`Rejection::RedemptionUnknown`] for somebody who has
/// no part in it; [`Undecided::Needs`] the rows.
pub(super) fn shared_for(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    id: &RedemptionId,
) -> Result<Option<SharedRedemption>, Undecided> {
    let row = snapshot.members.get(&context.member_key(member));
    let Some(row) = row else {
        return Err(Rejection::MemberUnknown(member.clone()).into());
    };
    let Some(together) = shared(snapshot, context, id)? else {
        return Ok(None);
    };
    if row.profile.status == MemberStatus::Closed {
        return Err(Rejection::MemberClosed(member.clone()).into());
    }
    let is_payer = |payer: &MemberId| payer == member || row.profile.merged.contains(payer);
    let payers: Vec<&MemberId> = together.shares().map(|share| &share.member).collect();
    let has_paid = payers.iter().any(|payer| is_payer(payer));
    if !has_paid && !shares_wallet(snapshot, context, member, &together)? {
        return Err(Rejection::RedemptionUnknown(id.clone()).into());
    }
    see_all(snapshot, context, payers, Seen::Sharer, |payer, plan| {
        Reviewed::Balances.plan(context, payer, context.now, plan);
    })?;
    Ok(Some(together))
}

fn shares_wallet(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    together: &SharedRedemption,
) -> Result<bool, Undecided> {
    let first = together.shares().next();
    let Some(SharedPayment { wallet, .. }) = first.and_then(|first| first.shared.as_ref()) else {
        return Ok(false);
    };
    let key = EntityKey::of::<SharedWallet>(&context.tenant, wallet);
    if !snapshot.entities.contains_key(&key) {
        return Err(Undecided::Needs(Box::new(ReadPlan {
            entities: vec![key],
            ..ReadPlan::default()
        })));
    }
    Ok(stored(snapshot, context, wallet)?.entity.has(member))
}

/// Takes the step of each payer, on what those before have left, in one commit: what goes back to one who was merged into another
/// payer changes the other one's row once more.
///
/// # Errors
/// What a step refuses; [`Undecided::Needs`] what is missing for any of them.
pub(super) fn each_share<T>(
    snapshot: &Snapshot,
    shares: &[ShareStep],
    step: impl Fn(&Snapshot, &ShareStep) -> Result<(T, Changes), Undecided>,
) -> Result<(Vec<T>, Changes), Undecided> {
    // What all of them need is asked for at once.
    for_each(shares, |share| step(snapshot, share))?;
    let (mut view, mut changes) = (snapshot.clone(), Changes::default());
    let mut told = Vec::with_capacity(shares.len());
    for share in shares {
        let (one, made) = step(&view, share)?;
        view.apply(&made);
        changes = changes.then(made)?;
        told.push(one);
    }
    Ok((told, changes))
}

/// What went back to one of the payers, as a caller is told.
pub(super) fn returned_share(member: &MemberId, returned: &Returned) -> ReturnedShare {
    ReturnedShare {
        member: member.clone(),
        returned: returned.back.amounts(),
        expired: returned.expired.amounts(),
        taken_back: returned.taken.amounts(),
    }
}
