//! Times of day on a local clock, and ranges of them.
//!
//! A range is half-open and may wrap midnight: `22:00` to `02:00` holds in the late evening and
//! the early morning. `24:00` is the end of the day and therefore only an end; a range that ends
//! where it starts is refused, the whole day is `00:00` to `24:00`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::error::{TimeError, echo};
use super::text::text_form;
use crate::coded::Coded;

const SECONDS_PER_HOUR: u32 = 3_600;
const SECONDS_PER_MINUTE: u32 = 60;

/// A time on a local clock in whole seconds, in text `09:30` or `09:30:15`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay(u32);

impl TimeOfDay {
    /// The first second of a day, `00:00`.
    pub const MIDNIGHT: Self = Self(0);
    /// The end of a day, `24:00`; only the end of a [`TimeOfDayRange`] may be this.
    pub const DAY_END: Self = Self(24 * SECONDS_PER_HOUR);

    /// Reads `HH:MM` or `HH:MM:SS`, from `00:00` to `23:59:59`.
    ///
    /// # Errors
    /// [`TimeError::TimeOfDayInvalid`] for anything else, `24:00` included.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        read(text).ok_or_else(|| TimeError::TimeOfDayInvalid { input: echo(text) })
    }

    /// Reads a time of day that may be the end of a day, `24:00`.
    ///
    /// # Errors
    /// [`TimeError::TimeOfDayInvalid`] for anything else that [`parse`](Self::parse) refuses.
    pub fn parse_end(text: &str) -> Result<Self, TimeError> {
        if matches!(text, "24:00" | "24:00:00") {
            Ok(Self::DAY_END)
        } else {
            Self::parse(text)
        }
    }

    /// Seconds on the clock since midnight.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hour = self.0 / SECONDS_PER_HOUR;
        let minute = self.0 / SECONDS_PER_MINUTE % 60;
        let second = self.0 % SECONDS_PER_MINUTE;
        write!(f, "{hour:02}:{minute:02}")?;
        if second == 0 {
            Ok(())
        } else {
            write!(f, ":{second:02}")
        }
    }
}

impl fmt::Debug for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeOfDay({self})")
    }
}

text_form!(
    TimeOfDay,
    "time-of-day",
    "a time of day such as 09:30 or 09:30:15"
);

/// Times of day from `from` up to but not including `until`; wraps midnight if `until` is the
/// earlier of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "TimeOfDayRangeText")]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(with = "TimeOfDayRangeText")
)]
pub struct TimeOfDayRange {
    from: TimeOfDay,
    until: TimeOfDay,
}

impl TimeOfDayRange {
    /// The range from `from` up to but not including `until`.
    ///
    /// # Errors
    /// [`TimeError::RangeEmpty`] if both are the same, [`TimeError::TimeOfDayInvalid`] if `from`
    /// is the end of a day.
    pub fn new(from: TimeOfDay, until: TimeOfDay) -> Result<Self, TimeError> {
        if from == TimeOfDay::DAY_END {
            return Err(TimeError::TimeOfDayInvalid {
                input: from.to_string(),
            });
        }
        if from == until {
            return Err(TimeError::RangeEmpty {
                from: from.to_string(),
                until: until.to_string(),
            });
        }
        Ok(Self { from, until })
    }

    /// The first time inside.
    #[must_use]
    pub const fn from(&self) -> TimeOfDay {
        self.from
    }

    /// The first time after.
    #[must_use]
    pub const fn until(&self) -> TimeOfDay {
        self.until
    }

    /// Whether a clock that shows this many seconds since midnight is inside.
    #[must_use]
    pub fn contains(&self, seconds: u32) -> bool {
        let (from, until) = (self.from.0, self.until.0);
        if from < until {
            from <= seconds && seconds < until
        } else {
            from <= seconds || seconds < until
        }
    }
}

/// Times of day from `from` up to but not including `until`; wraps midnight if `until` is the
/// earlier of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "TimeOfDayRange")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct TimeOfDayRangeText {
    /// The first time inside.
    from: TimeOfDay,
    /// The first time after; may be `24:00`.
    #[serde(deserialize_with = "read_end")]
    until: TimeOfDay,
}

impl TryFrom<TimeOfDayRangeText> for TimeOfDayRange {
    type Error = Coded;

    fn try_from(text: TimeOfDayRangeText) -> Result<Self, Coded> {
        Ok(Self::new(text.from, text.until)?)
    }
}

fn read_end<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeOfDay, D::Error> {
    let text = String::deserialize(deserializer)?;
    TimeOfDay::parse_end(&text).map_err(|error| serde::de::Error::custom(Coded::from(error)))
}

fn read(text: &str) -> Option<TimeOfDay> {
    let mut parts = text.split(':');
    let hour = two_digits(parts.next()?, 23)?;
    let minute = two_digits(parts.next()?, 59)?;
    let second = parts.next().map_or(Some(0), |part| two_digits(part, 59))?;
    if parts.next().is_some() {
        return None;
    }
    let minutes = hour.checked_mul(60)?.checked_add(minute)?;
    minutes
        .checked_mul(SECONDS_PER_MINUTE)?
        .checked_add(second)
        .map(TimeOfDay)
}

fn two_digits(part: &str, most: u32) -> Option<u32> {
    if part.len() != 2 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    part.parse().ok().filter(|number| *number <= most)
}
