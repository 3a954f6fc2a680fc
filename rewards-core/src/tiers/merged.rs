//! Where a member stands on a ladder after somebody else was merged into the member.

use super::status::HISTORY_MAX;
use super::{TierMove, TierReason, TierStatus};
use crate::program::CompiledLadder;
use crate::time::Timestamp;

impl TierStatus {
    /// Where a member stands on a ladder who takes over what another one stands on, if that is higher. `own` is where the member
    /// stands; the lowest tier when absent.
    ///
    /// The tier is kept as long as the other one would have kept it: until the next review of the other. What the other one
    /// bought or earned is not measured again by that review.
    #[must_use]
    pub fn taken_over(
        own: Option<&Self>,
        other: &Self,
        ladder: &CompiledLadder,
        now: Timestamp,
    ) -> Option<(Self, TierMove)> {
        let lowest = &ladder.tier(0).id;
        let from = own.map_or(lowest, |own| &own.tier);
        // A tier that the ladder does not have any more is below all others.
        if ladder.rank_of(&other.tier) <= ladder.rank_of(from) {
            return None;
        }
        let mut history = own.map(|own| own.history.clone()).unwrap_or_default();
        let latest = history.last().map_or(now, |latest| latest.at.max(now));
        let moved = TierMove {
            at: latest,
            from: from.clone(),
            to: other.tier.clone(),
            measure: other.history.last().map_or(0, |latest| latest.measure),
            reason: TierReason::Merged,
        };
        history.push(moved.clone());
        let surplus = history.len().saturating_sub(HISTORY_MAX);
        history.drain(..surplus);
        let status = Self {
            tier: other.tier.clone(),
            since: latest,
            review_at: other.review_at,
            below_since: other.below_since,
            history,
        };
        Some((status, moved))
    }
}
