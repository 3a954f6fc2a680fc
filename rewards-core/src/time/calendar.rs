//! Windows, buckets and date arithmetic of one zone and week start.
//!
//! All windows are half-open and built from local days by the rule in [`Zone`]'s module, so
//! windows of a calendar period partition time: each instant lies in exactly one, and each ends
//! where the next starts. Windows are cut to the supported instants, [`Timestamp::MIN`] to
//! [`Timestamp::MAX`]; `MAX` itself is treated as the last instant before it.
//!
//! Month arithmetic keeps the day of the month where the target month has it and takes the
//! month's last day otherwise; anniversaries count from their anchor each time, so a short month
//! does not move the ones after it.

use super::date::{day_in_month, year_month0_day};
use super::error::TimeError;
use super::period::{Bucket, Period};
use super::rounding::CalendarRounding;
use super::timestamp::{MICROS_PER_SECOND, Timestamp};
use super::weekday::WeekStart;
use super::window::Window;
use super::zone::Zone;

/// The most months that an anniversary period can span.
const MAX_ANNIVERSARY_MONTHS: u32 = 1_200;

/// From one yearly anniversary to the next.
const MONTHS_IN_YEAR: u32 = 12;

/// A zone and a week start: all that is needed to cut time into calendar windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Calendar {
    /// Where the local days are.
    pub zone: Zone,
    /// The weekday on which weeks start.
    pub week_start: WeekStart,
}

/// One window of a schedule that counts from an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnniversaryWindow {
    /// How many periods after the anchor's window this is; 0 starts on the anchor's day.
    pub index: i64,
    /// The instants of the window.
    pub window: Window,
}

impl Calendar {
    /// The calendar of a zone with weeks from `week_start`.
    #[must_use]
    pub const fn new(zone: Zone, week_start: WeekStart) -> Self {
        Self { zone, week_start }
    }

    /// The number of the window that contains an instant.
    ///
    /// For [`Period::Days`] this is the number of the local day, the last day of the window.
    #[must_use]
    pub fn bucket(&self, period: Period, at: Timestamp) -> Bucket {
        Bucket(self.bucket_of_day(period, self.zone.local(at.min(Timestamp::LAST)).day))
    }

    /// The window that contains an instant.
    #[must_use]
    pub fn window(&self, period: Period, at: Timestamp) -> Window {
        if period == Period::Lifetime {
            return Window::LIFETIME;
        }
        let (from, to) = self.buckets(period, at);
        let counted = period.counter_period();
        let start = self.zone.day_start(self.first_day(counted, from));
        Window::around(start, self.bucket_end(counted, Bucket(to)))
    }

    /// The first and last counter bucket, both inclusive, that make up the window containing an
    /// instant; the buckets are those of [`Period::counter_period`].
    #[must_use]
    pub fn buckets(&self, period: Period, at: Timestamp) -> (i64, i64) {
        let Bucket(to) = self.bucket(period, at);
        let more = match period {
            Period::Days(count) => i64::from(count.clamp(1, Period::MAX_DAYS)).saturating_sub(1),
            _ => 0,
        };
        (to.saturating_sub(more), to)
    }

    /// The instant at which the window with this number ends; for [`Period::Days`] the window
    /// whose last day has this number.
    #[must_use]
    pub fn bucket_end(&self, period: Period, bucket: Bucket) -> Timestamp {
        if period == Period::Lifetime {
            return Timestamp::MAX;
        }
        self.zone
            .day_start(self.first_day(period, bucket.0.saturating_add(1)))
    }

    /// The first and last local day of the windows `from..=until`, both inclusive, numbered as the windows of
    /// [`Period::Day`] are.
    #[must_use]
    pub fn days(&self, period: Period, from: i64, until: i64) -> (i64, i64) {
        let after = self.first_day(period, until.saturating_add(1));
        let first = i64::from(self.first_day(period, from));
        (first, i64::from(after).saturating_sub(1))
    }

    /// The end of the local period that contains an instant, or the instant itself for
    /// [`CalendarRounding::None`].
    #[must_use]
    pub fn round_up(&self, at: Timestamp, rounding: CalendarRounding) -> Timestamp {
        let period = match rounding {
            CalendarRounding::None => return at,
            CalendarRounding::EndOfHalfYear => return self.half_year_end(at),
            CalendarRounding::EndOfDay => Period::Day,
            CalendarRounding::EndOfWeek => Period::Week,
            CalendarRounding::EndOfMonth => Period::Month,
            CalendarRounding::EndOfQuarter => Period::Quarter,
            CalendarRounding::EndOfYear => Period::Year,
        };
        self.window(period, at).end()
    }

    /// The same time on the local clock `days` calendar days later; negative goes back.
    ///
    /// Zero days are the instant itself, also when the clock shows its time twice.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] when the result leaves the supported range.
    pub fn add_days(&self, at: Timestamp, days: i64) -> Result<Timestamp, TimeError> {
        if days == 0 {
            return Ok(at);
        }
        let (day, _) = self.zone.clock(at);
        i64::from(day)
            .checked_add(days)
            .and_then(|target| i32::try_from(target).ok())
            .and_then(|target| self.same_time_on(at, target))
            .ok_or_else(|| TimeError::OutOfRange {
                input: format!("{at} + {days} days"),
            })
    }

    /// The same time on the local clock `months` calendar months later; negative goes back.
    ///
    /// The day of the month stays, or is the last one of a shorter month: 31 January and one
    /// month is 28 or 29 February.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] when the result leaves the supported range.
    pub fn add_months(&self, at: Timestamp, months: i64) -> Result<Timestamp, TimeError> {
        if months == 0 {
            return Ok(at);
        }
        let (day, _) = self.zone.clock(at);
        let (year, month0, day_of_month) = year_month0_day(day);
        let target = month_index(year, month0).saturating_add(months);
        self.same_time_on(at, day_in_month(target, day_of_month))
            .ok_or_else(|| TimeError::OutOfRange {
                input: format!("{at} + {months} months"),
            })
    }

    /// The window that contains `now` among windows of `months` months that start on the local
    /// day of `anchor`.
    ///
    /// Windows start at the start of a local day. The k-th starts on the anchor's day of the
    /// month, k times `months` later, or on the last day of a shorter month. Before the anchor
    /// the index is negative.
    ///
    /// # Errors
    /// [`TimeError::PeriodInvalid`] unless `months` is 1 to 1,200.
    pub fn anniversary(
        &self,
        anchor: Timestamp,
        months: u32,
        now: Timestamp,
    ) -> Result<AnniversaryWindow, TimeError> {
        if !(1..=MAX_ANNIVERSARY_MONTHS).contains(&months) {
            return Err(TimeError::PeriodInvalid {
                expected: "1 to 1200 months",
                got: months.to_string(),
            });
        }
        let step = i64::from(months);
        let (year, month0, day_of_month) =
            year_month0_day(self.zone.local(anchor.min(Timestamp::LAST)).day);
        let anchor_month = month_index(year, month0);
        let start_day = |index: i64| {
            let month = anchor_month.saturating_add(index.saturating_mul(step));
            day_in_month(month, day_of_month)
        };

        let today = self.zone.local(now.min(Timestamp::LAST)).day;
        let (year, month0, _) = year_month0_day(today);
        let month = month_index(year, month0);
        // The start of this index is in the current month or before it, the next one is in a
        // later month; so the index is right, or one too high within the start's own month.
        let mut index = month.saturating_sub(anchor_month).div_euclid(step);
        if start_day(index) > today {
            index = index.saturating_sub(1);
        }
        let start = self.zone.day_start(start_day(index));
        let end = self.zone.day_start(start_day(index.saturating_add(1)));
        Ok(AnniversaryWindow {
            index,
            window: Window::around(start, end),
        })
    }

    /// The first yearly anniversary of `anchor` at or after an instant: the start of a local day, and never the anchor's own.
    ///
    /// # Errors
    /// As [`anniversary`](Self::anniversary).
    pub fn next_anniversary(
        &self,
        anchor: Timestamp,
        from: Timestamp,
    ) -> Result<Timestamp, TimeError> {
        let from = from.max(anchor);
        let year = self.anniversary(anchor, MONTHS_IN_YEAR, from)?;
        if year.index > 0 && year.window.start() == from {
            return Ok(from);
        }
        Ok(year.window.end())
    }

    fn bucket_of_day(&self, period: Period, day: i32) -> i64 {
        match period {
            Period::Day | Period::Days(_) => i64::from(day),
            Period::Week => {
                i64::from(day.saturating_sub(self.week_start.0.first_day())).div_euclid(7)
            }
            Period::Month | Period::Quarter | Period::Year => {
                let (year, month0, _) = year_month0_day(day);
                month_index(year, month0).div_euclid(months_in(period))
            }
            Period::Lifetime => 0,
        }
    }

    /// The first local day of the window with this number.
    fn first_day(&self, period: Period, bucket: i64) -> i32 {
        match period {
            Period::Day | Period::Days(_) => saturate(bucket),
            Period::Week => saturate(
                bucket
                    .saturating_mul(7)
                    .saturating_add(i64::from(self.week_start.0.first_day())),
            ),
            Period::Month | Period::Quarter | Period::Year => {
                day_in_month(bucket.saturating_mul(months_in(period)), 1)
            }
            Period::Lifetime => 0,
        }
    }

    fn half_year_end(&self, at: Timestamp) -> Timestamp {
        let (year, month0, _) = year_month0_day(self.zone.local(at.min(Timestamp::LAST)).day);
        let half = month_index(year, month0).div_euclid(6);
        self.zone
            .day_start(day_in_month(half.saturating_add(1).saturating_mul(6), 1))
    }

    /// The instant on another local day at which the clock shows the time it shows at `at`, or
    /// nothing if that is not a supported instant.
    fn same_time_on(&self, at: Timestamp, day: i32) -> Option<Timestamp> {
        let (_, seconds) = self.zone.clock(at);
        let time = i64::from(seconds)
            .saturating_mul(MICROS_PER_SECOND)
            .saturating_add(at.micros() % MICROS_PER_SECOND);
        Timestamp::from_micros(self.zone.micros_at(day, time)).ok()
    }
}

/// The number of a month among all months.
fn month_index(year: i64, month0: i64) -> i64 {
    year.saturating_mul(12).saturating_add(month0)
}

/// Months in one window of a period that is made of months.
const fn months_in(period: Period) -> i64 {
    match period {
        Period::Quarter => 3,
        Period::Year => 12,
        _ => 1,
    }
}

fn saturate(day: i64) -> i32 {
    i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX })
}
