//! What is due for a member by an instant: read, carried out, and what it does to balances on the way.
//!
//! Whoever measures a balance looks at it as it is when everything that is due has happened, whether a sweep has passed or
//! not. What is due is decided by the command's own time, never by that of an earlier command.

use crate::ledger::{Balances, Lot, Purpose, settle};
use crate::money::Asset;
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

/// How the available balances of a member change by what is due, in order of time.
#[derive(Debug, Default)]
pub(super) struct DueChanges(Vec<(Timestamp, Asset, i64)>);

impl DueChanges {
    /// What the lots do to balances up to an instant.
    pub fn of(lots: &[&Lot], until: Timestamp) -> Self {
        let mut changes = Vec::new();
        for step in lots.iter().flat_map(|lot| settle(lot, until)) {
            let available = Purpose::available(step.lot.asset);
            let delta = match (step.from == available, step.to == available) {
                (true, false) => step.amount.saturating_neg(),
                (false, true) => step.amount,
                _ => continue,
            };
            changes.push((step.effective_at, step.lot.asset, delta));
        }
        changes.sort_unstable();
        Self(changes)
    }

    /// When the balance of an asset changes, in order, each instant once.
    pub fn instants(&self, asset: Asset) -> Vec<Timestamp> {
        let own = self.0.iter().filter(|(_, of, _)| *of == asset);
        let mut instants: Vec<Timestamp> = own.map(|(at, ..)| *at).collect();
        instants.dedup();
        instants
    }

    /// The available balance of an asset at an instant, from the balances as they are stored.
    pub fn balance(&self, stored: &Balances, asset: Asset, at: Timestamp) -> i64 {
        let before = stored.get(&Purpose::available(asset), asset);
        let own = self.0.iter().filter(|(_, of, _)| *of == asset);
        let own = own.take_while(|(when, ..)| *when <= at);
        own.fold(before, |sum, (.., delta)| sum.saturating_add(*delta))
    }
}
