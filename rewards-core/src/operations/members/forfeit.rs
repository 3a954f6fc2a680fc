//! What a member who leaves still has, given back to the accounts that paid it. The member's own money was paid by none of them:
//! it goes to the account of adjustments, from where the host pays it out or keeps it. What the member owes is written off.
//!
//! Nobody leaves while value of the member's own is reserved: it is promised to somebody else.

use super::super::change_builder::{ChangeBuilder, Totals};
use crate::command::Undecided;
use crate::context::Context;
use crate::event::Event;
use crate::ids::MemberId;
use crate::ledger::{Account, LotState, Purpose, Transfer, TransferKind};
use crate::member::MemberRow;
use crate::money::{Asset, Money};
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;

/// The most open lots of one asset that a member who leaves may have.
pub const FORFEIT_LOTS_MAX: u32 = 10_000;

/// Asks for the open lots of a member as long as a view does not hold all of them.
///
/// # Errors
/// [`Rejection::ReservedLeft`] while value is reserved; [`Undecided::Needs`]; [`Rejection::TooMany`] when there are more than one
/// command may touch.
pub(super) fn see_lots(
    builder: &ChangeBuilder<'_>,
    snapshot: &Snapshot,
    member: &MemberId,
) -> Result<(), Undecided> {
    let row = &builder.row;
    if !row.profile.reserved.is_empty() {
        return Err(Rejection::ReservedLeft(member.clone()).into());
    }
    builder.see_open_lots(snapshot, held(row), FORFEIT_LOTS_MAX)
}

/// Whether value of a purpose rests in lots: the member's own money does not, and what is owed is nothing the member has.
fn rests_in_lots(purpose: &Purpose) -> bool {
    !matches!(purpose, Purpose::Main | Purpose::Debt)
}

/// The assets of which a row shows anything in lots, each once.
fn held(row: &MemberRow) -> Vec<Asset> {
    let balances = row.balances.iter();
    let balances = balances.filter(|(purpose, _, minor)| rests_in_lots(purpose) && *minor != 0);
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
    let lots = builder.lots(snapshot);
    let lots = lots.iter().filter(|lot| lot.state.is_open());
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
    forfeit_main(builder, member, context, is_allowed, &mut forfeited)?;
    let forfeited = forfeited.into_amounts();
    builder.emit_due();
    if !forfeited.is_empty() {
        let amounts = forfeited.clone();
        builder.emit(Event::RewardsForfeited { amounts });
    }
    Ok(forfeited)
}

/// Takes the member's own money, for which no account that paid it is known.
fn forfeit_main(
    builder: &mut ChangeBuilder<'_>,
    member: &MemberId,
    context: &Context,
    is_allowed: bool,
    forfeited: &mut Totals,
) -> Result<(), Rejection> {
    let balances = builder.row.balances.iter();
    let main = balances.filter(|(purpose, _, minor)| **purpose == Purpose::Main && *minor > 0);
    let main: Vec<(Asset, i64)> = main.map(|(_, asset, minor)| (asset, minor)).collect();
    for (asset, minor) in main {
        if !is_allowed {
            return Err(Rejection::BalanceLeft(member.clone()));
        }
        let from = Account::member(member, Purpose::Main, asset);
        let to = Account::system(Purpose::Adjustments, asset);
        builder.post(Transfer::new(
            from,
            to,
            minor,
            TransferKind::Forfeit,
            context.now,
        )?)?;
        forfeited.add(asset, minor);
    }
    Ok(())
}
