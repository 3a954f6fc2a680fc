//! What must be measured: which counter buckets make up a window, and which windows a review decides.

use super::TierStatus;
use crate::program::{CompiledLadder, Measure, TierWindow};
use crate::time::{Bucket, Calendar, Period, Timestamp, Window};

/// A ladder in the calendar of one member: what the member is measured by, and when it is decided.
#[derive(Debug, Clone, Copy)]
pub struct Qualification<'a> {
    /// The ladder.
    pub ladder: &'a CompiledLadder,
    /// The program's calendar.
    pub calendar: Calendar,
    /// When the member registered: years from registration start on that local day.
    pub registered_at: Timestamp,
}

/// Where a measure is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeasureRange {
    /// The available balance as it was at an instant, with everything done that was due by then.
    Balance {
        /// The instant, inclusive.
        at: Timestamp,
    },
    /// The sum of a counter over buckets.
    Buckets {
        /// The period by which the counter is kept.
        period: Period,
        /// The first bucket.
        from: i64,
        /// The last bucket, inclusive.
        until: i64,
        /// The instant that is decided for, inclusive: what was undone by then does not count.
        at: Timestamp,
    },
}

/// What a member has reached, in minor units of the measure's asset or a number of visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MeasureNow {
    /// In the current window.
    pub current: i64,
    /// In the best of the windows that ended and are not decided yet; `None` when there is none.
    pub ended: Option<i64>,
}

impl MeasureNow {
    /// What counts for keeping a tier: the better of the two.
    #[must_use]
    pub fn qualifying(self) -> i64 {
        self.ended
            .map_or(self.current, |ended| ended.max(self.current))
    }
}

/// How a ladder's measure changes as time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// It starts anew in each window.
    Windows,
    /// The oldest day drops out each day.
    Rolling,
    /// Time alone does not change it.
    Standing,
}

impl Qualification<'_> {
    /// Where the measure of the window that contains an instant is found.
    ///
    /// Years from registration have no counters of their own and are summed by days, up to the day of the instant.
    #[must_use]
    pub fn current(&self, at: Timestamp) -> MeasureRange {
        if matches!(self.ladder.measure(), Measure::Balance(_)) {
            return MeasureRange::Balance { at };
        }
        match self.ladder.window() {
            TierWindow::Calendar(period) => {
                let (from, until) = self.calendar.buckets(period, at);
                MeasureRange::Buckets {
                    period: period.counter_period(),
                    from,
                    until,
                    at,
                }
            }
            TierWindow::Anniversary => MeasureRange::Buckets {
                period: Period::Day,
                from: self.day(self.window(at).start()),
                until: self.day(at),
                at,
            },
            TierWindow::Lifetime => MeasureRange::Buckets {
                period: Period::Lifetime,
                from: 0,
                until: 0,
                at,
            },
        }
    }

    /// Where the measures of the windows are found that the review at `review_at` decides, as far as they ended at or
    /// before `at`, the latest first.
    ///
    /// These are the windows that ended `grace_days` or less before the review's day, and the one that ended last
    /// before them. With a grace shorter than a window that is one: the window just ended. Empty for ladders without
    /// windows.
    #[must_use]
    pub fn ended(&self, review_at: Timestamp, at: Timestamp) -> Vec<MeasureRange> {
        let mut ranges = Vec::new();
        if self.pace() != Pace::Windows {
            return ranges;
        }
        let decided = self.window(self.decided_from(review_at)).start();
        let mut later = self.window(review_at).start();
        while later >= decided {
            let Ok(last) = later.checked_add_micros(-1) else {
                break;
            };
            if later <= at {
                ranges.push(self.current(last).decided_for(at));
            }
            later = self.window(last).start();
        }
        ranges
    }

    /// Where everything is found that [`catch_up`](Self::catch_up) and [`measure`](Self::measure) can ask for: what
    /// to read before deciding.
    #[must_use]
    pub fn reads(&self, status: Option<&TierStatus>, at: Timestamp) -> MeasureRange {
        let first = self.instant(status, at);
        let latest = status.map_or(at, |status| at.max(status.since));
        let ended = status
            .and_then(|status| status.review_at)
            .and_then(|review_at| self.ended(review_at, latest).last().copied());
        let all = self.current(first).and(self.current(latest));
        ended.map_or(all, |ended| all.and(ended))
    }

    /// What the member has reached at the instant that a review at `at` decides for; `sum` gives the measure of a
    /// range.
    pub fn measure(
        &self,
        status: Option<&TierStatus>,
        at: Timestamp,
        mut sum: impl FnMut(&MeasureRange) -> i64,
    ) -> MeasureNow {
        let instant = self.instant(status, at);
        let ended = status
            .and_then(|status| status.review_at)
            .map(|review_at| self.ended(review_at, instant))
            .unwrap_or_default();
        MeasureNow {
            current: sum(&self.current(instant)),
            ended: ended.iter().map(&mut sum).max(),
        }
    }

    /// The instant that a review at `at` decides for: that of the review that is due, if one is, and never before the
    /// latest move.
    #[must_use]
    pub fn instant(&self, status: Option<&TierStatus>, at: Timestamp) -> Timestamp {
        status.map_or(at, |status| {
            status
                .review_at
                .map_or(at, |review_at| at.min(review_at))
                .max(status.since)
        })
    }

    pub(super) fn pace(&self) -> Pace {
        match (self.ladder.measure(), self.ladder.window()) {
            (Measure::Balance(_), _)
            | (_, TierWindow::Lifetime | TierWindow::Calendar(Period::Lifetime)) => Pace::Standing,
            (_, TierWindow::Calendar(Period::Days(_))) => Pace::Rolling,
            (_, TierWindow::Calendar(_) | TierWindow::Anniversary) => Pace::Windows,
        }
    }

    /// When the window that contains an instant is decided: the start of the local day `grace_days` after its end.
    /// `None` if that is not a supported instant.
    pub(super) fn decided_at(&self, at: Timestamp) -> Option<Timestamp> {
        let end = self.window(at).end();
        // Days are counted, not hours: the end may lie after a gap in the clock, and the review starts a day as well.
        let day = self.day(end).saturating_add(self.grace());
        Some(self.day_start(day)).filter(|start| end < Timestamp::MAX && *start < Timestamp::MAX)
    }

    /// An instant in the window after the one that the review at `review_at` decides.
    pub(super) fn decided_from(&self, review_at: Timestamp) -> Timestamp {
        self.day_start(self.day(review_at).saturating_sub(self.grace()))
    }

    /// The start of the next local day; `None` if that is not a supported instant.
    pub(super) fn next_day(&self, at: Timestamp) -> Option<Timestamp> {
        Some(self.day_start(self.day(at).saturating_add(1))).filter(|start| *start < Timestamp::MAX)
    }

    /// The window that contains an instant.
    fn window(&self, at: Timestamp) -> Window {
        match self.ladder.window() {
            TierWindow::Calendar(period) => self.calendar.window(period, at),
            // Twelve months are always accepted, so there is no other case to tell.
            TierWindow::Anniversary => self
                .calendar
                .anniversary(self.registered_at, 12, at)
                .map_or(Window::LIFETIME, |year| year.window),
            TierWindow::Lifetime => Window::LIFETIME,
        }
    }

    fn grace(&self) -> i64 {
        i64::from(self.ladder.grace_days())
    }

    fn day(&self, at: Timestamp) -> i64 {
        self.calendar.bucket(Period::Day, at).0
    }

    fn day_start(&self, day: i64) -> Timestamp {
        self.calendar
            .bucket_end(Period::Day, Bucket(day.saturating_sub(1)))
    }
}

impl MeasureRange {
    /// The smallest range that covers both; ranges of one ladder are of one kind and period.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::Buckets {
                    period,
                    from,
                    until,
                    at,
                },
                Self::Buckets {
                    from: other_from,
                    until: other_until,
                    at: other_at,
                    ..
                },
            ) => Self::Buckets {
                period,
                from: from.min(other_from),
                until: until.max(other_until),
                at: at.max(other_at),
            },
            _ => self,
        }
    }

    /// The same for another instant.
    fn decided_for(self, instant: Timestamp) -> Self {
        match self {
            Self::Balance { .. } => Self::Balance { at: instant },
            Self::Buckets {
                period,
                from,
                until,
                ..
            } => Self::Buckets {
                period,
                from,
                until,
                at: instant,
            },
        }
    }
}
