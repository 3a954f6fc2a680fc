//! What a member gives of an account: own money, or what open lots pay.

use super::change_builder::ChangeBuilder;
use super::review::due_for_review;
use super::rewards::{settle_open, too_little};
use crate::command::Undecided;
use crate::context::Context;
use crate::ids::MemberId;
use crate::ledger::{Consumption, LedgerError, Lot, Purpose, consume};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

/// What is given, by whom and of which account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Giving<'a> {
    pub member: &'a MemberId,
    pub purpose: &'a Purpose,
    pub given: Money,
    /// The most lots that may pay, with what they are called when there are more.
    pub lots_max: (&'static str, u32),
    pub snapshot: &'a Snapshot,
    pub context: &'a Context,
}

/// What was taken from the member.
#[derive(Debug)]
pub(super) struct Taken {
    /// Which lots paid; none for money of the member's own.
    pub paid: Vec<Consumption>,
    /// When it counts.
    pub at: Timestamp,
}

impl Giving<'_> {
    /// Carries out what is due for the member, and takes what is given.
    ///
    /// # Errors
    /// [`Rejection::Insufficient`], [`Rejection::TooMany`]; [`Undecided::Needs`] lots.
    pub fn take(&self, builder: &mut ChangeBuilder<'_>) -> Result<Taken, Undecided> {
        let (now, asset, given) = (self.context.now, self.given.asset(), self.given.minor());
        if *self.purpose == Purpose::Main {
            let available = builder.row.balances.get(self.purpose, asset);
            if available < given {
                let needed = given;
                let error = LedgerError::Insufficient { needed, available };
                return Err(too_little(error, asset, 0).into());
            }
            let paid = Vec::new();
            return Ok(Taken { paid, at: now });
        }
        let due = due_for_review(self.snapshot, self.context, self.member, now)?;
        let is_other = |lot: &&Lot| lot.asset != asset;
        builder.settle_all(due.into_iter().filter(is_other), now)?;
        let lots = settle_open(builder, self.snapshot, asset, now)?;
        let paid = consume(&lots, asset, given);
        let paid = paid.map_err(|error| too_little(error, asset, lots.len()))?;
        let (what, limit) = self.lots_max;
        if !u32::try_from(paid.len()).is_ok_and(|count| count <= limit) {
            return Err(Rejection::TooMany { what, limit }.into());
        }
        let at = builder.pay_with(&paid);
        Ok(Taken { paid, at })
    }
}
