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
pub struct CaughtUp<S = TierStatus> {
    /// The status afterwards; nothing is due at the instant any more.
    pub status: S,
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

    /// Makes all decisions that are due at `at`, each as of its own instant, and then one for `at` itself, as when
    /// something is counted; `sum` gives the measure of a range.
    pub fn catch_up(
        &self,
        status: Option<&TierStatus>,
        at: Timestamp,
        mut sum: impl FnMut(&MeasureRange) -> i64,
    ) -> CaughtUp {
        let due = self.catch_up_due(status, at, &[], &mut sum);
        let mut moves = due.moves;
        let measure = self.measure(due.status.as_ref(), at, &mut sum);
        let review = self.review(due.status.as_ref(), measure, at);
        moves.extend(review.moved);
        CaughtUp {
            status: review.status,
            moves,
        }
    }

    /// Makes all decisions that are due at `at` by time alone, each as of its own instant: those of windows and graces, and
    /// one at every instant of `changes`, at which value matured, expired or was voided. Nothing is decided
    /// for `at` itself, so it does not matter how often this is asked; a member without status stays without.
    ///
    /// `changes` are in order; `sum` gives the measure of a range.
    pub fn catch_up_due(
        &self,
        status: Option<&TierStatus>,
        at: Timestamp,
        changes: &[Timestamp],
        mut sum: impl FnMut(&MeasureRange) -> i64,
    ) -> CaughtUp<Option<TierStatus>> {
        let mut moves = Vec::new();
        let Some(mut status) = status.cloned() else {
            return CaughtUp {
                status: None,
                moves,
            };
        };
        let mut changes = changes.iter().copied().peekable();
        // Each decision moves the next one to a later instant, and changes are looked at once, so this ends.
        loop {
            let review_at = status.review_at.filter(|due| *due <= at);
            let change = changes.peek().copied().filter(|change| *change <= at);
            let next = match (review_at, change) {
                (None, None) => break,
                (Some(one), None) | (None, Some(one)) => one,
                (Some(one), Some(other)) => one.min(other),
            };
            changes.next_if_eq(&next);
            let measure = self.measure(Some(&status), next, &mut sum);
            let review = self.review(Some(&status), measure, next);
            moves.extend(review.moved);
            status = review.status;
        }
        CaughtUp {
            status: Some(status),
            moves,
        }
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
