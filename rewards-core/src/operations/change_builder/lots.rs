//! The lots of a member as the command has left them so far, and whether a view holds all that are open.

use std::collections::BTreeMap;

use super::ChangeBuilder;
use crate::command::Undecided;
use crate::decision::LotWrite;
use crate::ledger::{Consumption, Lot, Purpose};
use crate::money::Asset;
use crate::rejection::Rejection;
use crate::snapshot::{LotFilter, LotQuery, ReadPlan, Snapshot};
use crate::time::Timestamp;

impl ChangeBuilder<'_> {
    /// The lots of a view, as the command has left them so far, and those that it has made.
    pub fn lots(&self, snapshot: &Snapshot) -> Vec<Lot> {
        let lots = snapshot.lots_of(&self.key);
        let lots = lots.map(|lot| self.current(lot));
        let writes = self.changes.lots.iter();
        let made = writes.filter(|write| write.is_new);
        lots.chain(made.map(|write| write.lot.clone())).collect()
    }

    /// Adds a lot that the command makes.
    pub(super) fn add_lot(&mut self, lot: Lot) {
        let place = self.changes.lots.len();
        self.written_lots.insert(lot.number, place);
        self.changes.lots.push(LotWrite {
            member: self.key.clone(),
            is_new: true,
            lot,
        });
    }

    /// A lot as the command has left it so far.
    pub(super) fn current(&self, lot: &Lot) -> Lot {
        let place = self.written_lots.get(&lot.number);
        let write = place.and_then(|place| self.changes.lots.get(*place));
        write.map_or_else(|| lot.clone(), |write| write.lot.clone())
    }

    /// Takes what lots pay out of them, and says when that counts: now, but not before it was earned, whatever the clocks said
    /// then.
    pub fn pay_with(&mut self, paid: &[Consumption]) -> Timestamp {
        let mut at = self.context.now;
        for part in paid {
            at = at.max(part.lot.earned_at);
            self.write_lot(part.lot.clone());
        }
        at
    }

    /// Asks for the open lots of assets as long as a view does not hold all of them. What they hold together follows from the
    /// row, so somebody who has nothing needs no second look.
    ///
    /// # Errors
    /// [`Undecided::Needs`]; [`Rejection::TooMany`] when there are more than one command may touch.
    pub fn see_open_lots(
        &self,
        snapshot: &Snapshot,
        assets: impl IntoIterator<Item = Asset>,
        limit: u32,
    ) -> Result<(), Undecided> {
        let lots = self.lots(snapshot);
        let mut missing = Vec::new();
        for asset in assets {
            match self.open_of(&lots, asset, limit) {
                Open::All(_) => {}
                Open::Cut(_) => {
                    let what = "open lots";
                    return Err(Rejection::TooMany { what, limit }.into());
                }
                Open::Unseen(query) => missing.push(query),
            }
        }
        needs(missing)
    }

    /// The open lots of each asset in paying order, or the first of them when there are more than `limit`. What else a view
    /// happens to hold makes no difference.
    ///
    /// # Errors
    /// [`Undecided::Needs`] them.
    pub fn first_open_lots(
        &self,
        snapshot: &Snapshot,
        assets: impl IntoIterator<Item = Asset>,
        limit: u32,
    ) -> Result<BTreeMap<Asset, Vec<Lot>>, Undecided> {
        let lots = self.lots(snapshot);
        let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
        for asset in assets {
            match self.open_of(&lots, asset, limit) {
                Open::All(open) | Open::Cut(open) => {
                    let mut open: Vec<Lot> = open.into_iter().cloned().collect();
                    open.sort_by_key(Lot::paying_order);
                    open.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                    found.insert(asset, open);
                }
                Open::Unseen(query) => missing.push(query),
            }
        }
        needs(missing)?;
        Ok(found)
    }

    fn open_of<'l>(&self, lots: &'l [Lot], asset: Asset, limit: u32) -> Open<'l> {
        let open = lots.iter();
        let open = open.filter(|lot| lot.asset == asset && lot.state.is_open());
        let open: Vec<&Lot> = open.collect();
        let sum = open.iter();
        let sum = sum.fold(0_i64, |sum, lot| sum.saturating_add(lot.remaining));
        let held = [Purpose::Pending, Purpose::available(asset)];
        let held = held
            .iter()
            .map(|purpose| self.row.balances.get(purpose, asset));
        if sum == held.fold(0, i64::saturating_add) {
            return Open::All(open);
        }
        if !u32::try_from(open.len()).is_ok_and(|count| count < limit) {
            return Open::Cut(open);
        }
        Open::Unseen(LotQuery {
            member: self.key.clone(),
            filter: LotFilter::Open { asset },
            limit,
        })
    }
}

/// How many of the open lots of an asset a view holds.
enum Open<'l> {
    /// All of them.
    All(Vec<&'l Lot>),
    /// As many as were asked for, and there are more.
    Cut(Vec<&'l Lot>),
    /// Too few: this must be asked.
    Unseen(LotQuery),
}

fn needs(lots: Vec<LotQuery>) -> Result<(), Undecided> {
    if lots.is_empty() {
        return Ok(());
    }
    Err(Undecided::Needs(Box::new(ReadPlan {
        lots,
        ..ReadPlan::default()
    })))
}
