//! What is due for a member by an instant: which lots, and what it does to the measures of ladders on the way.
//!
//! Whoever asks where a member stands looks at what is when everything that is due has happened, whether a sweep has passed or
//! not: at balances, at what was earned, and at what is used of limits. What is due is decided by the command's own time,
//! never by that of an earlier command.

use super::history::Span;
use crate::context::{Context, Revisions};
use crate::ids::ProgramId;
use crate::ledger::{Balances, Lot, LotMove, Purpose};
use crate::money::{Asset, Money};
use crate::program::{CompiledLadder, Measure};
use crate::rejection::Rejection;
use crate::snapshot::{LotFilter, LotQuery, MemberKey, Snapshot};
use crate::time::Timestamp;

/// The most lots of a member that may be due when a command or a query measures a balance. Beyond them `settle_member` comes
/// first.
pub const DUE_LOTS_SEEN_MAX: u32 = 10_000;

/// The lots that [`due_lots`] must see.
pub(super) fn due_query(member: &MemberKey, at: Timestamp) -> LotQuery {
    LotQuery {
        member: member.clone(),
        filter: LotFilter::Due { at },
        limit: DUE_LOTS_SEEN_MAX,
    }
}

/// The lots of a member for which something is due by an instant.
///
/// # Errors
/// [`Rejection::TooMany`] when there may be more than were read: a part of what is due is no measure.
pub(super) fn due_lots<'s>(
    snapshot: &'s Snapshot,
    member: &MemberKey,
    at: Timestamp,
) -> Result<Vec<&'s Lot>, Rejection> {
    let lots = snapshot.lots_of(member);
    let due: Vec<&Lot> = lots
        .filter(|lot| lot.due_at().is_some_and(|due| due <= at))
        .collect();
    if u32::try_from(due.len()).is_ok_and(|count| count < DUE_LOTS_SEEN_MAX) {
        Ok(due)
    } else {
        Err(Rejection::TooMany {
            what: "due lots",
            limit: DUE_LOTS_SEEN_MAX,
        })
    }
}

/// Whether what is due for lots moves somebody on a ladder of this measure: a balance changes when value matures or expires,
/// and what is voided was not earned.
pub(super) fn follows_lots(ladder: &CompiledLadder, context: &Context) -> bool {
    match ladder.measure() {
        Measure::Balance(_) => true,
        Measure::Earned(_) => context.voids(),
        Measure::Spend(_) | Measure::Visits => false,
    }
}

/// Whether what is due for lots moves somebody on a ladder that a revision of the program has or had.
pub(super) fn has_ladder_by_lots(revisions: &Revisions, context: &Context) -> bool {
    revisions.measures_balance() || revisions.measures_earned() && context.voids()
}

/// The same for any program of the tenant.
pub(super) fn any_ladder_by_lots(context: &Context) -> bool {
    let mut programs = context.programs.values();
    programs.any(|revisions| has_ladder_by_lots(revisions, context))
}

/// How what ladders measure changes by what was due for lots.
#[derive(Debug, Default)]
pub(super) struct DueChanges {
    balances: Vec<(Timestamp, Asset, i64)>,
    unearned: Vec<Unearned>,
}

/// Something that a program granted for a purchase, and that was voided.
#[derive(Debug)]
pub(super) struct Unearned {
    /// When it was voided.
    pub at: Timestamp,
    /// The program of the purchase.
    pub program: ProgramId,
    /// The day on which it had been counted as earned.
    pub day: i64,
    /// The asset.
    pub asset: Asset,
    /// How much, in minor units.
    pub minor: i64,
}

impl DueChanges {
    /// Adds what a change of a lot does to an available balance.
    pub fn add(&mut self, step: &LotMove) {
        let available = Purpose::available(step.lot.asset);
        let delta = match (step.from == available, step.to == available) {
            (true, false) => step.amount.saturating_neg(),
            (false, true) => step.amount,
            _ => return,
        };
        let change = (step.effective_at, step.lot.asset, delta);
        self.balances.push(change);
    }

    /// Adds what of an available balance paid what was owed.
    pub fn pay(&mut self, at: Timestamp, asset: Asset, minor: i64) {
        if minor > 0 {
            self.balances.push((at, asset, minor.saturating_neg()));
        }
    }

    /// Adds what came back to an available balance.
    pub fn returned(&mut self, at: Timestamp, amount: Money) {
        let change = (at, amount.asset(), amount.minor());
        self.balances.push(change);
    }

    /// Adds what is not earned any more.
    pub fn unearn(&mut self, unearned: Unearned) {
        self.unearned.push(unearned);
    }

    /// When anything changes first.
    pub fn first(&self) -> Option<Timestamp> {
        let balances = self.balances.iter().map(|(at, ..)| *at);
        balances.chain(self.unearned.iter().map(|one| one.at)).min()
    }

    /// When the measure of a ladder changes, in order, each instant once.
    pub fn instants(&self, program: &ProgramId, measure: &Measure) -> Vec<Timestamp> {
        let mut instants: Vec<Timestamp> = match measure {
            Measure::Balance(asset) => {
                let own = self.balances.iter().filter(|(_, of, _)| of == asset);
                own.map(|(at, ..)| *at).collect()
            }
            Measure::Earned(asset) => {
                let own = self.unearned.iter();
                let own = own.filter(|one| one.asset == *asset && one.program == *program);
                own.map(|one| one.at).collect()
            }
            Measure::Spend(_) | Measure::Visits => Vec::new(),
        };
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    /// The available balance of an asset at an instant, from the balances before all changes.
    pub fn balance(&self, before: &Balances, asset: Asset, at: Timestamp) -> i64 {
        let before = before.get(&Purpose::available(asset), asset);
        let own = self.balances.iter();
        let own = own.filter(|(when, of, _)| *of == asset && *when <= at);
        own.fold(before, |sum, (.., delta)| sum.saturating_add(*delta))
    }

    /// How much of what was earned in a program over some days was voided by an instant.
    pub fn unearned(&self, program: &ProgramId, asset: Asset, span: Span, at: Timestamp) -> i64 {
        let own = self.unearned.iter();
        let own = own.filter(|one| one.asset == asset && one.program == *program && one.at <= at);
        let own = own.filter(|one| span.contains(one.day));
        own.fold(0, |sum, one| sum.saturating_add(one.minor))
    }
}
