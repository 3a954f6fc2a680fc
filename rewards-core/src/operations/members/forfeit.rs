//! What a member who leaves still has, given back to the accounts that paid it. What the member owes is written off.

use super::super::change_builder::{ChangeBuilder, Totals};
use crate::command::Undecided;
use crate::context::Context;
use crate::event::Event;
use crate::ids::MemberId;
use crate::ledger::{LotState, Purpose, TransferKind};
use crate::member::MemberRow;
use crate::money::{Asset, Money};
use crate::rejection::Rejection;
use crate::snapshot::{LotFilter, LotQuery, ReadPlan, Snapshot};

/// The most open lots of one asset that a member who leaves may have.
pub const FORFEIT_LOTS_MAX: u32 = 10_000;

/// Asks for the open lots of a member as long as a view does not hold all of them. Which there are follows from the row, so
/// somebody who has nothing needs no second look.
///
/// # Errors
/// [`Undecided::Needs`]; [`Rejection::TooMany`] when there are more than one command may touch.
pub(super) fn see_lots(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    row: &MemberRow,
) -> Result<(), Undecided> {
    let key = context.member_key(member);
    let mut missing = Vec::new();
    for asset in held(row) {
        let open = snapshot
            .lots_of(&key)
            .filter(|lot| lot.asset == asset && lot.state.is_open());
        let (count, sum) = open.fold((0_u32, 0_i64), |(count, sum), lot| {
            (count.saturating_add(1), sum.saturating_add(lot.remaining))
        });
        let balances = row.balances.iter();
        let balances = balances.filter(|(purpose, a, _)| *a == asset && is_held(purpose));
        let balance = balances.fold(0_i64, |all, (_, _, minor)| all.saturating_add(minor));
        if sum == balance {
            continue;
        }
        if count >= FORFEIT_LOTS_MAX {
            return Err(too_many().into());
        }
        missing.push(LotQuery {
            member: key.clone(),
            filter: LotFilter::Open { asset },
            limit: FORFEIT_LOTS_MAX,
        });
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Undecided::Needs(Box::new(ReadPlan {
        lots: missing,
        ..ReadPlan::default()
    })))
}

fn too_many() -> Rejection {
    Rejection::TooMany {
        what: "open lots",
        limit: FORFEIT_LOTS_MAX,
    }
}

/// Whether a balance is the member's own: what is owed is not.
fn is_held(purpose: &Purpose) -> bool {
    *purpose != Purpose::Debt
}

/// The assets of which a row shows anything, each once.
fn held(row: &MemberRow) -> Vec<Asset> {
    let balances = row.balances.iter();
    let balances = balances.filter(|(purpose, _, minor)| *minor != 0 && is_held(purpose));
    let mut assets: Vec<Asset> = balances.map(|(_, asset, _)| asset).collect();
    assets.sort_unstable();
    assets.dedup();
    assets
}

/// Gives back what is left after everything that is due has happened, which releases the limits it held.
///
/// # Errors
/// [`Rejection::BalanceLeft`] when something is left and must not be forfeited; [`Undecided::Needs`] the purchases of what
/// goes back.
pub(super) fn forfeit(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    is_allowed: bool,
) -> Result<Vec<Money>, Undecided> {
    let mut forfeited = Totals::default();
    let key = context.member_key(member);
    let lots = snapshot.lots_of(&key).filter(|lot| lot.state.is_open());
    if is_allowed {
        builder.see_purchases(lots.clone())?;
    }
    let now = context.now;
    for lot in builder.settle_all(lots, now)? {
        let mut step = match lot.state {
            LotState::Pending => lot.void(now),
            LotState::Available if lot.remaining > 0 => lot.claw_back(now),
            _ => continue,
        };
        if !is_allowed {
            return Err(Rejection::BalanceLeft(member.clone()).into());
        }
        forfeited.add(lot.asset, step.amount);
        step.kind = TransferKind::Forfeit;
        builder.move_lot(step)?;
    }
    if !held(&builder.row).is_empty() {
        return Err(Rejection::Internal("a member has more than the lots hold").into());
    }
    builder.write_off()?;
    let forfeited = forfeited.into_amounts();
    builder.emit_due();
    if !forfeited.is_empty() {
        let amounts = forfeited.clone();
        builder.emit(Event::RewardsForfeited { amounts });
    }
    Ok(forfeited)
}
