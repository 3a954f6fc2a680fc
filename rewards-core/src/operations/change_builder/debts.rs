//! What members owe: rewards that were to be taken back and had been spent.
//!
//! A debt is an account of its own, so that no balance of a member is ever negative. It says how much of an asset the member owes,
//! and its other side is what the tenant may claim. Whatever becomes available to the member pays it first, and goes to the
//! account of what was recovered: not to whoever paid the reward, because limits stay used by what was spent, and a debt of
//! many parts has no order in which the parts are paid.

use super::{ChangeBuilder, Totals};
use crate::command::Undecided;
use crate::event::Event;
use crate::ids::PurchaseId;
use crate::ledger::{Account, Lot, LotState, Purpose, Transfer, TransferKind, consume};
use crate::member::MemberRow;
use crate::money::{Asset, Money};
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

/// The most open lots of an asset that may pay for a shortfall at once.
pub const PAYING_LOTS_MAX: u32 = 10_000;

impl ChangeBuilder<'_> {
    /// The member owes what could not be taken back of the rewards of a purchase, or what somebody owed who was merged into the
    /// member. What is available of other rewards pays for it now, soonest expiry first; the rewards of the purchase itself are
    /// left alone, as later refunds take them back. Gives what the member owes more than before.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the open lots of the assets; [`Rejection::TooMany`].
    pub fn owe(
        &mut self,
        snapshot: &Snapshot,
        shortfall: &Totals,
        purchase: Option<&PurchaseId>,
    ) -> Result<Vec<Money>, Undecided> {
        let paid = self.pay_at_once(snapshot, shortfall, purchase)?;
        let mut owed = Totals::default();
        for (asset, minor) in shortfall.iter() {
            let left = minor.saturating_sub(paid.of(asset));
            if left > 0 {
                let from = Account::system(Purpose::Receivable, asset);
                let to = Account::member(&self.key.member, Purpose::Debt, asset);
                let now = self.context.now;
                let transfer = Transfer::new(from, to, left, TransferKind::Owe, now)?;
                self.post(transfer.for_purchase(purchase.cloned()))?;
                owed.add(asset, left);
            }
        }
        let owed = owed.into_amounts();
        if !owed.is_empty() {
            let amounts = owed.clone();
            self.emit(Event::DebtIncurred { amounts });
        }
        Ok(owed)
    }

    /// Pays a shortfall with what is available of other rewards, after what is due for them, and says how much that was.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the open lots of the assets; [`Rejection::TooMany`].
    pub fn pay_at_once(
        &mut self,
        snapshot: &Snapshot,
        shortfall: &Totals,
        purchase: Option<&PurchaseId>,
    ) -> Result<Totals, Undecided> {
        let short = shortfall.iter().filter(|(_, minor)| *minor > 0);
        let assets = short.clone().map(|(asset, _)| asset);
        self.see_open_lots(snapshot, assets, PAYING_LOTS_MAX)?;
        let mut paid = Totals::default();
        for (asset, minor) in short {
            paid.add(asset, self.pay_asset(snapshot, asset, minor, purchase)?);
        }
        Ok(paid)
    }

    fn pay_asset(
        &mut self,
        snapshot: &Snapshot,
        asset: Asset,
        minor: i64,
        purchase: Option<&PurchaseId>,
    ) -> Result<i64, Undecided> {
        let now = self.context.now;
        let mut paying = Vec::new();
        for lot in self.lots(snapshot) {
            let is_other = purchase.is_none() || lot.purchase.as_ref() != purchase;
            if is_other && lot.asset == asset && lot.state.is_open() {
                paying.push(self.settle(&lot, now)?);
            }
        }
        let available = paying.iter().filter(|lot| lot.state == LotState::Available);
        let available = available.fold(0_i64, |sum, lot| sum.saturating_add(lot.remaining));
        let paid = available.min(minor);
        if paid <= 0 {
            return Ok(0);
        }
        let parts = consume(&paying, asset, paid).map_err(Rejection::from)?;
        let at = self.pay_with(&parts);
        self.recover(asset, paid, at)?;
        Ok(paid)
    }

    /// What a member's lot that has just become available pays of a debt. Gives the lot as it is then.
    pub(super) fn pay_debt(&mut self, lot: Lot, at: Timestamp) -> Result<Lot, Rejection> {
        let asset = lot.asset;
        let debt = self.row.balances.get(&Purpose::Debt, asset);
        let paid = debt.min(lot.remaining);
        if paid <= 0 || lot.state != LotState::Available {
            return Ok(lot);
        }
        self.recover(asset, paid, at)?;
        let from = Account::member(&self.key.member, Purpose::Debt, asset);
        let to = Account::system(Purpose::Receivable, asset);
        self.post(Transfer::new(from, to, paid, TransferKind::Repay, at)?)?;
        self.emit(Event::DebtRepaid {
            amount: Money::new(paid, asset),
        });
        Ok(lot.paid(paid))
    }

    /// Available value goes to the account of what was recovered.
    fn recover(&mut self, asset: Asset, minor: i64, at: Timestamp) -> Result<(), Rejection> {
        let from = Account::member(&self.key.member, Purpose::available(asset), asset);
        let to = Account::system(Purpose::Recovered, asset);
        self.post(Transfer::new(from, to, minor, TransferKind::Repay, at)?)?;
        Ok(())
    }

    /// Whether the member owes anything.
    pub fn owes(&self) -> bool {
        owes(&self.row)
    }

    /// What the member owes.
    pub fn debts(&self) -> Totals {
        let mut debts = Totals::default();
        let balances = self.row.balances.iter();
        for (_, asset, minor) in balances.filter(|(purpose, ..)| **purpose == Purpose::Debt) {
            debts.add(asset, minor);
        }
        debts
    }

    /// What a member who leaves owes is written off.
    ///
    /// # Errors
    /// [`Rejection::Overflow`].
    pub fn write_off(&mut self) -> Result<(), Rejection> {
        for (asset, minor) in self.debts().iter() {
            self.settle_debt(asset, minor, TransferKind::WriteOff)?;
        }
        Ok(())
    }

    /// The member does not owe so much of an asset any more.
    ///
    /// # Errors
    /// As [`post`](Self::post).
    pub fn settle_debt(
        &mut self,
        asset: Asset,
        minor: i64,
        kind: TransferKind,
    ) -> Result<(), Rejection> {
        if minor <= 0 {
            return Ok(());
        }
        let from = Account::member(&self.key.member, Purpose::Debt, asset);
        let to = Account::system(Purpose::Receivable, asset);
        self.post(Transfer::new(from, to, minor, kind, self.context.now)?)?;
        Ok(())
    }
}

/// Whether a member owes anything.
pub(super) fn owes(row: &MemberRow) -> bool {
    let mut balances = row.balances.iter();
    balances.any(|(purpose, _, minor)| *purpose == Purpose::Debt && minor > 0)
}
