//! Calendar dates, and date ranges as documents write them.
//!
//! A range says in its field names whether its end counts: `through` is the last date inside,
//! `before` is the first date after. A range with both ends, or with no date inside, is refused.

use std::fmt;

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use super::error::{TimeError, echo};
use super::text::text_form;
use super::timestamp::Timestamp;
use super::window::Window;
use super::zone::Zone;
use crate::coded::Coded;

/// A calendar date without a zone, in text `2026-11-21`.
///
/// Dates run from 1969-12-31 to 2200-01-02, so that every supported instant has a date in every
/// zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalDate(i32);

impl LocalDate {
    /// The first supported date, 1969-12-31.
    pub const MIN: Self = Self(-1);
    /// The last supported date, 2200-01-02.
    pub const MAX: Self = Self(84_007);

    /// The date that many days after 1970-01-01.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] outside the supported dates.
    pub fn from_day(day: i32) -> Result<Self, TimeError> {
        if (Self::MIN.0..=Self::MAX.0).contains(&day) {
            Ok(Self(day))
        } else {
            Err(TimeError::OutOfRange {
                input: format!("day {day}"),
            })
        }
    }

    /// The date with this year, month (1 to 12) and day of the month.
    ///
    /// # Errors
    /// [`TimeError::DateInvalid`] if no such date exists, [`TimeError::OutOfRange`] outside the
    /// supported dates.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Result<Self, TimeError> {
        let text = || format!("{year:04}-{month:02}-{day:02}");
        let date = NaiveDate::from_ymd_opt(year, month, day)
            .ok_or_else(|| TimeError::DateInvalid { input: text() })?;
        Self::from_day(date.to_epoch_days()).map_err(|_| TimeError::OutOfRange { input: text() })
    }

    /// Reads a date in the form `2026-11-21`.
    ///
    /// # Errors
    /// [`TimeError::DateInvalid`] for any other form or a date that does not exist,
    /// [`TimeError::OutOfRange`] outside the supported dates.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let invalid = || TimeError::DateInvalid { input: echo(text) };
        let mut parts = text.splitn(3, '-');
        let year = digits(parts.next(), 4).ok_or_else(invalid)?;
        let month = digits(parts.next(), 2).ok_or_else(invalid)?;
        let day = digits(parts.next(), 2).ok_or_else(invalid)?;
        Self::from_ymd(i32::try_from(year).map_err(|_| invalid())?, month, day)
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn day(self) -> i32 {
        self.0
    }

    /// Year, month (1 to 12) and day of the month (1 to 31).
    #[must_use]
    pub fn ymd(self) -> (i32, u32, u32) {
        let date = naive_date(self.0);
        (date.year(), date.month(), date.day())
    }

    /// The nearest supported date to that many days after 1970-01-01.
    pub(super) fn saturating_from_day(day: i32) -> Self {
        Self(day.clamp(Self::MIN.0, Self::MAX.0))
    }
}

impl fmt::Display for LocalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for LocalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalDate({self})")
    }
}

text_form!(LocalDate, "date", "a calendar date such as 2026-11-21");

/// The end of a date range, with its own date inside or outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DateEnd {
    /// The last date inside the range.
    Through(LocalDate),
    /// The first date after the range.
    Before(LocalDate),
}

impl DateEnd {
    /// The first local day after the range, counted from 1970-01-01.
    #[must_use]
    pub const fn exclusive_day(self) -> i32 {
        match self {
            Self::Through(date) => date.day().saturating_add(1),
            Self::Before(date) => date.day(),
        }
    }
}

/// Whole local days from a date to a date, each end optional.
///
/// In documents: `{ from = "2026-11-01", through = "2026-11-30" }` or
/// `{ from = "2026-11-01", before = "2026-12-01" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "DateRangeText", into = "DateRangeText")]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(with = "DateRangeText")
)]
pub struct DateRange {
    from: Option<LocalDate>,
    end: Option<DateEnd>,
}

impl DateRange {
    /// The range from a first date to an end; without a date it is open on that side.
    ///
    /// # Errors
    /// [`TimeError::RangeEmpty`] if no date lies inside.
    pub fn new(from: Option<LocalDate>, end: Option<DateEnd>) -> Result<Self, TimeError> {
        if let (Some(from), Some(end)) = (from, end)
            && from.day() >= end.exclusive_day()
        {
            return Err(empty(from, end));
        }
        Ok(Self { from, end })
    }

    /// The first date inside, if the range has a start.
    #[must_use]
    pub const fn from(&self) -> Option<LocalDate> {
        self.from
    }

    /// The end, if the range has one.
    #[must_use]
    pub const fn end(&self) -> Option<DateEnd> {
        self.end
    }

    /// Whether a local day, counted from 1970-01-01, lies inside.
    #[must_use]
    pub fn contains_day(&self, day: i32) -> bool {
        self.from.is_none_or(|from| from.day() <= day)
            && self.end.is_none_or(|end| day < end.exclusive_day())
    }

    /// The instants that the range covers in a zone.
    ///
    /// # Errors
    /// [`TimeError::RangeEmpty`] if the zone skipped every day of the range, or if the range lies
    /// wholly outside the supported instants.
    pub fn resolve(&self, zone: Zone) -> Result<Window, TimeError> {
        let start = self
            .from
            .map_or(Timestamp::MIN, |from| zone.day_start(from.day()));
        let end = self
            .end
            .map_or(Timestamp::MAX, |end| zone.day_start(end.exclusive_day()));
        Window::new(start, end)
    }
}

/// Whole local days from a date to a date, each end optional.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename = "DateRange")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct DateRangeText {
    /// The first date inside; without it the range has no start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<LocalDate>,
    /// The last date inside. Not together with `before`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    through: Option<LocalDate>,
    /// The first date after the range. Not together with `through`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<LocalDate>,
}

impl TryFrom<DateRangeText> for DateRange {
    type Error = Coded;

    fn try_from(text: DateRangeText) -> Result<Self, Coded> {
        let end = match (text.through, text.before) {
            (Some(through), Some(before)) => {
                return Err(TimeError::RangeEndsTwice {
                    through: through.to_string(),
                    before: before.to_string(),
                }
                .into());
            }
            (Some(through), None) => Some(DateEnd::Through(through)),
            (None, before) => before.map(DateEnd::Before),
        };
        Ok(Self::new(text.from, end)?)
    }
}

impl From<DateRange> for DateRangeText {
    fn from(range: DateRange) -> Self {
        let (through, before) = match range.end {
            Some(DateEnd::Through(date)) => (Some(date), None),
            Some(DateEnd::Before(date)) => (None, Some(date)),
            None => (None, None),
        };
        Self {
            from: range.from,
            through,
            before,
        }
    }
}

/// Year, month from 0 to 11, and day of the month of a day counted from 1970-01-01.
pub(super) fn year_month0_day(day: i32) -> (i64, i64, u32) {
    let date = naive_date(day);
    (i64::from(date.year()), i64::from(date.month0()), date.day())
}

/// The day on which `day_of_month` falls in a month counted as `year * 12 + month0`, or the last
/// day of that month if it is shorter. Months far outside the supported years give the nearest
/// month near them.
pub(super) fn day_in_month(month_index: i64, day_of_month: u32) -> i32 {
    let index = month_index.clamp(1_968 * 12, 2_202 * 12);
    let year = i32::try_from(index.div_euclid(12)).unwrap_or(0);
    let month = u32::try_from(index.rem_euclid(12))
        .unwrap_or(0)
        .saturating_add(1);
    // A month has 28 days at least, so one of the four tries exists.
    (0..4)
        .find_map(|less| NaiveDate::from_ymd_opt(year, month, day_of_month.saturating_sub(less)))
        .unwrap_or_default()
        .to_epoch_days()
}

/// Days far outside the supported dates give the nearest end of the `chrono` calendar.
fn naive_date(day: i32) -> NaiveDate {
    let nearest = if day < 0 {
        NaiveDate::MIN
    } else {
        NaiveDate::MAX
    };
    NaiveDate::from_epoch_days(day).unwrap_or(nearest)
}

/// A number written with exactly `width` ASCII digits.
fn digits(part: Option<&str>, width: usize) -> Option<u32> {
    part.filter(|text| text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
}

fn empty(from: LocalDate, end: DateEnd) -> TimeError {
    let until = match end {
        DateEnd::Through(date) => format!("through {date}"),
        DateEnd::Before(date) => format!("before {date}"),
    };
    TimeError::RangeEmpty {
        from: from.to_string(),
        until,
    }
}
