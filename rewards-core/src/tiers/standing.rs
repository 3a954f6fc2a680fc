//! Reading a status: the tier that counts at an instant, and how far it is to the next one.

use super::{MeasureNow, TierStatus};
use crate::program::{CompiledLadder, CompiledTier, Downgrade};
use crate::time::Timestamp;

/// How far a member is from the next tier, and from losing the present one.
///
/// Amounts are minor units of the measure's asset, or a number of visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The tier held.
    pub tier: &'a CompiledTier,
    /// The tier above; `None` at the top.
    pub next: Option<&'a CompiledTier>,
    /// What was reached in the current window.
    pub measure: i64,
    /// What is missing to the tier above, never negative; `None` at the top.
    pub missing: Option<i64>,
    /// What is missing to keep the tier at its next review: 0 when that is safe, `None` when the tier cannot be lost.
    pub to_keep: Option<i64>,
    /// When the tier can be lost at the earliest, as far as known; `None` when nothing is due.
    pub review_at: Option<Timestamp>,
}

/// The rank that counts for earning at an instant.
///
/// A move counts for purchases strictly after it. So purchases of one instant all use the tier held before that
/// instant, in whatever order they are decided, and a purchase never boosts itself. An earlier instant uses the tier
/// of its time, as far back as the history reaches; before the oldest move remembered it is the tier held before that
/// move. A member without status has the lowest tier, and so has one whose tier this revision of the ladder lacks.
#[must_use]
pub fn tier_at(ladder: &CompiledLadder, status: Option<&TierStatus>, at: Timestamp) -> usize {
    let Some(status) = status else { return 0 };
    let moves = &status.history;
    let tier = if status.since < at {
        Some(&status.tier)
    } else if let Some(last_before) = moves.iter().rev().find(|step| step.at < at) {
        Some(&last_before.to)
    } else {
        moves.first().map(|oldest| &oldest.from)
    };
    tier.and_then(|tier| ladder.rank_of(tier)).unwrap_or(0)
}

/// How far the member is, by the measures that [`Qualification::measure`](super::Qualification::measure) gives.
///
/// The status must have no review overdue; see [`Qualification::catch_up`](super::Qualification::catch_up).
#[must_use]
pub fn progress<'a>(
    ladder: &'a CompiledLadder,
    status: Option<&TierStatus>,
    measure: MeasureNow,
) -> Progress<'a> {
    let rank = held_rank(ladder, status);
    let tier = ladder.tier(rank);
    let next = ladder.above(rank);
    let losable = rank > 0 && ladder.downgrade() != Downgrade::Never;
    Progress {
        tier,
        next,
        measure: measure.current,
        missing: next.map(|next| shortfall(next.threshold, measure.current)),
        to_keep: losable.then(|| shortfall(tier.threshold, measure.qualifying())),
        review_at: status.and_then(|status| status.review_at),
    }
}

/// The rank held now, after all moves.
pub(super) fn held_rank(ladder: &CompiledLadder, status: Option<&TierStatus>) -> usize {
    status
        .and_then(|status| ladder.rank_of(&status.tier))
        .unwrap_or(0)
}

fn shortfall(threshold: i64, reached: i64) -> i64 {
    threshold.saturating_sub(reached).max(0)
}
