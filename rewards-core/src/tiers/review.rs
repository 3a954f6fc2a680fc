//! Decisions about moves between tiers.

use super::qualification::Pace;
use super::standing::held_rank;
use super::status::HISTORY_MAX;
use super::{MeasureNow, MeasureRange, Qualification, TierMove, TierReason, TierStatus};
use crate::program::Downgrade;
use crate::time::Timestamp;

/// What a review decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// The status afterwards.
    pub status: TierStatus,
    /// The move, if there was one; it is the latest in the status's history as well.
    pub moved: Option<TierMove>,
}

/// What all reviews that were due decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaughtUp {
    /// The status afterwards; nothing is due at the instant any more.
    pub status: TierStatus,
    /// The moves in their order, also those that the status's history no longer remembers.
    pub moves: Vec<TierMove>,
}

impl Qualification<'_> {
    /// Makes one decision: the one that is due at `at`, or one for `at` itself when none is.
    ///
    /// `measure` is what [`measure`](Self::measure) gives for the same status and instant. After it the status may
    /// have a review that is due already, the next of several that were missed. Repeating a decision for one instant
    /// with the same measure changes nothing.
    #[must_use]
    pub fn review(
        &self,
        status: Option<&TierStatus>,
        measure: MeasureNow,
        at: Timestamp,
    ) -> Review {
        let instant = self.instant(status, at);
        let rank = held_rank(self.ladder, status);
        let mut status = status.cloned().unwrap_or_else(|| self.new_member(at));
        let eligible = self.ladder.eligible(measure.current);
        let moved = if eligible > rank {
            status.below_since = None;
            status.review_at = self.first_review(eligible, instant);
            let reason = TierReason::Qualified;
            Some(self.step(&mut status, eligible, reason, measure.current, instant))
        } else if rank == 0 || self.ladder.downgrade() == Downgrade::Never {
            status.below_since = None;
            status.review_at = None;
            None
        } else if self.pace() == Pace::Windows {
            self.decide_window(&mut status, rank, measure, instant)
        } else {
            self.decide_shortfall(&mut status, rank, measure.current, instant)
        };
        Review { status, moved }
    }

    /// Makes all decisions that are due at `at`, each as of its own instant, and then one for `at` itself; `sum`
    /// gives the measure of a range.
    pub fn catch_up(
        &self,
        status: Option<&TierStatus>,
        at: Timestamp,
        mut sum: impl FnMut(&MeasureRange) -> i64,
    ) -> CaughtUp {
        let mut moves = Vec::new();
        let mut step = |status: Option<&TierStatus>| {
            let measure = self.measure(status, at, &mut sum);
            let review = self.review(status, measure, at);
            moves.extend(review.moved);
            review.status
        };
        let is_due = |status: &TierStatus| status.review_at.is_some_and(|due| due <= at);
        let mut status = status.cloned();
        // Each decision moves the next one to a later instant, so this ends.
        while let Some(due) = status.take_if(|status| is_due(status)) {
            status = Some(step(Some(&due)));
        }
        let status = step(status.as_ref());
        CaughtUp { status, moves }
    }

    /// The status of a member who was never reviewed. What is older than the registration is not refused here.
    fn new_member(&self, at: Timestamp) -> TierStatus {
        TierStatus {
            tier: self.ladder.tier(0).id.clone(),
            since: at.min(self.registered_at),
            review_at: None,
            below_since: None,
            history: Vec::new(),
        }
    }

    /// When a tier held from an instant on is reviewed first.
    fn first_review(&self, rank: usize, instant: Timestamp) -> Option<Timestamp> {
        if rank == 0 || self.ladder.downgrade() == Downgrade::Never {
            return None;
        }
        match self.pace() {
            Pace::Windows => self.decided_at(instant),
            Pace::Rolling => self.next_day(instant),
            Pace::Standing => None,
        }
    }

    /// Decides the window whose review is due.
    fn decide_window(
        &self,
        status: &mut TierStatus,
        rank: usize,
        measure: MeasureNow,
        instant: Timestamp,
    ) -> Option<TierMove> {
        status.below_since = None;
        let Some(review_at) = status.review_at else {
            status.review_at = self.first_review(rank, instant);
            return None;
        };
        if instant < review_at {
            return None;
        }
        let qualifying = measure.qualifying();
        let target = self.target(rank, qualifying);
        status.review_at = if target == 0 {
            None
        } else {
            self.decided_at(self.decided_from(review_at))
        };
        let reason = TierReason::FellShort;
        (target < rank).then(|| self.step(status, target, reason, qualifying, instant))
    }

    /// Starts, ends or executes the grace of a measure without windows.
    fn decide_shortfall(
        &self,
        status: &mut TierStatus,
        rank: usize,
        current: i64,
        instant: Timestamp,
    ) -> Option<TierMove> {
        let target = self.target(rank, current);
        if target == rank {
            status.below_since = None;
            status.review_at = self.first_review(rank, instant);
            return None;
        }
        let below_since = *status.below_since.get_or_insert(instant);
        status.review_at = self.grace_end(status, below_since);
        if status.review_at.is_none_or(|end| instant < end) {
            return None;
        }
        let reason = TierReason::FellShort;
        let moved = self.step(status, target, reason, current, instant);
        if self.ladder.eligible(current) < target {
            status.below_since = Some(instant);
            status.review_at = self.grace_end(status, instant);
        } else {
            status.below_since = None;
            status.review_at = self.first_review(target, instant);
        }
        Some(moved)
    }

    /// When a member who falls short since an instant moves down; `None` if that is not a supported instant.
    fn grace_end(&self, status: &TierStatus, below_since: Timestamp) -> Option<Timestamp> {
        let grace = i64::from(self.ladder.grace_days());
        let end = self.calendar.add_days(below_since, grace).ok()?;
        let fell_before = status
            .history
            .last()
            .is_some_and(|last| last.reason == TierReason::FellShort);
        if fell_before && self.ladder.downgrade() == Downgrade::OneStep {
            // Without grace all the steps would otherwise be made at once.
            return self.next_day(status.since).map(|day| end.max(day));
        }
        Some(end)
    }

    /// The rank after a decision: the same, or lower by the ladder's rule.
    fn target(&self, rank: usize, measure: i64) -> usize {
        let eligible = self.ladder.eligible(measure).min(rank);
        match self.ladder.downgrade() {
            Downgrade::Never => rank,
            Downgrade::OneStep => eligible.max(rank.saturating_sub(1)),
            Downgrade::ToEligible => eligible,
        }
    }

    /// Moves to a rank and remembers it.
    fn step(
        &self,
        status: &mut TierStatus,
        rank: usize,
        reason: TierReason,
        measure: i64,
        at: Timestamp,
    ) -> TierMove {
        let to = self.ladder.tier(rank).id.clone();
        let from = std::mem::replace(&mut status.tier, to.clone());
        let moved = TierMove {
            at,
            from,
            to,
            measure,
            reason,
        };
        status.since = at;
        status.history.push(moved.clone());
        let surplus = status.history.len().saturating_sub(HISTORY_MAX);
        status.history.drain(..surplus);
        moved
    }
}
