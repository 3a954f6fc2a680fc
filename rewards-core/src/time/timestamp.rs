//! An instant in UTC, to the microsecond.
//!
//! The rules owned here: the supported range, the precision, and the one text form that an
//! instant has at every boundary. A text without an offset is refused, because it names no
//! instant; digits below the microsecond are refused, because keeping the rest would be a silent
//! rounding; a leap second is refused, because the scale has none.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

use super::error::{TimeError, echo};
use super::text::text_form;

/// Microseconds in one second.
pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds of a minute.
pub(crate) const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
/// Microseconds of an hour.
pub(crate) const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
/// Microseconds in a day of 24 hours.
pub(crate) const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// No valid timestamp text is longer than this, in bytes.
const TEXT_LIMIT: usize = 64;

/// An instant: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Values run from [`Timestamp::MIN`] up to [`Timestamp::MAX`]. `MAX` itself is the end mark of
/// windows that never close: it is accepted wherever a timestamp is read, so that an end survives
/// storing, but no window contains it.
///
/// The text form is RFC 3339 in UTC with `Z` and no, three or six digits below the second,
/// whichever is the shortest exact one.
///
/// ```
/// use rewards_core::time::Timestamp;
///
/// let at = Timestamp::parse("2026-11-21T10:30:00.250+01:00")?;
/// assert_eq!(at.to_string(), "2026-11-21T09:30:00.250Z");
/// assert!(Timestamp::parse("2026-11-21T09:30:00").is_err());
/// # Ok::<(), rewards_core::time::TimeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first supported instant, 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(0);
    /// The exclusive end of the supported instants, 2200-01-01T00:00:00Z.
    pub const MAX: Self = Self(7_258_118_400 * MICROS_PER_SECOND);
    /// The last instant that a window can contain, one microsecond before [`Self::MAX`].
    pub(super) const LAST: Self = Self(7_258_118_400 * MICROS_PER_SECOND - 1);

    /// The instant that many microseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] before [`Self::MIN`] or after [`Self::MAX`].
    pub fn from_micros(micros: i64) -> Result<Self, TimeError> {
        if (Self::MIN.0..=Self::MAX.0).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(TimeError::OutOfRange {
                input: format!("{micros} µs"),
            })
        }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// How long it is since another instant, in microseconds; less than zero for one that comes later.
    #[must_use]
    pub const fn micros_since(self, other: Self) -> i64 {
        self.micros().saturating_sub(other.micros())
    }

    /// Reads an RFC 3339 timestamp with an offset.
    ///
    /// # Errors
    /// [`TimeError::Naive`] without an offset, [`TimeError::TooPrecise`] with digits other than
    /// zero below the microsecond, [`TimeError::OutOfRange`] outside the supported years, and
    /// [`TimeError::Invalid`] for anything else that is not a timestamp, a leap second included.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if text.len() > TEXT_LIMIT {
            return Err(TimeError::Invalid { input: echo(text) });
        }
        let Ok(parsed) = DateTime::parse_from_rfc3339(text) else {
            return Err(explain_refusal(text));
        };
        // The parser drops digits below the nanosecond, so the text itself is inspected.
        if has_digits_below_micros(text) {
            return Err(TimeError::TooPrecise { input: echo(text) });
        }
        if is_leap_second(&parsed.to_utc()) {
            return Err(TimeError::Invalid { input: echo(text) });
        }
        Self::from_micros(parsed.timestamp_micros())
            .map_err(|_| TimeError::OutOfRange { input: echo(text) })
    }

    /// The same instant as a `chrono` value.
    #[must_use]
    pub fn to_datetime(self) -> DateTime<Utc> {
        // Every value in the supported range has a date, so the default is never taken.
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// The instant `days` times 24 hours later; negative goes back.
    ///
    /// This is elapsed time. For calendar days in a zone see
    /// [`Calendar::add_days`](super::Calendar::add_days).
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] when the result leaves the supported range.
    pub fn checked_add_days(self, days: i64) -> Result<Self, TimeError> {
        days.checked_mul(MICROS_PER_DAY)
            .and_then(|micros| self.0.checked_add(micros))
            .and_then(|micros| Self::from_micros(micros).ok())
            .ok_or_else(|| TimeError::OutOfRange {
                input: format!("{self} + {days} days"),
            })
    }

    /// The instant `micros` microseconds later; negative goes back.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] when the result leaves the supported range.
    pub fn checked_add_micros(self, micros: i64) -> Result<Self, TimeError> {
        self.0
            .checked_add(micros)
            .and_then(|sum| Self::from_micros(sum).ok())
            .ok_or_else(|| TimeError::OutOfRange {
                input: format!("{self} + {micros} µs"),
            })
    }

    /// The instant so many minutes later; the end of time when that is beyond it.
    #[must_use]
    pub(crate) fn saturating_add_minutes(self, minutes: u32) -> Self {
        let micros = i64::from(minutes).saturating_mul(MICROS_PER_MINUTE);
        self.checked_add_micros(micros).unwrap_or(Self::MAX)
    }

    /// The nearest supported instant to that many microseconds since the epoch.
    pub(super) fn saturating_from_micros(micros: i64) -> Self {
        Self(micros.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Whole seconds since the epoch, the part below dropped.
    pub(super) const fn seconds(self) -> i64 {
        self.0 / MICROS_PER_SECOND
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            &self
                .to_datetime()
                .to_rfc3339_opts(SecondsFormat::AutoSi, true),
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl TryFrom<DateTime<Utc>> for Timestamp {
    type Error = TimeError;

    fn try_from(value: DateTime<Utc>) -> Result<Self, TimeError> {
        if is_leap_second(&value) {
            return Err(TimeError::Invalid {
                input: value.to_rfc3339(),
            });
        }
        if !value.timestamp_subsec_nanos().is_multiple_of(1_000) {
            return Err(TimeError::TooPrecise {
                input: value.to_rfc3339(),
            });
        }
        Self::from_micros(value.timestamp_micros()).map_err(|_| TimeError::OutOfRange {
            input: value.to_rfc3339(),
        })
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(value: Timestamp) -> Self {
        value.to_datetime()
    }
}

text_form!(
    Timestamp,
    "date-time",
    "an RFC 3339 timestamp with an offset"
);

/// `chrono` keeps a leap second as a sub-second part of one second or more.
fn is_leap_second(value: &DateTime<Utc>) -> bool {
    value.timestamp_subsec_nanos() >= 1_000_000_000
}

fn has_digits_below_micros(text: &str) -> bool {
    text.split_once('.').is_some_and(|(_, fraction)| {
        fraction
            .bytes()
            .take_while(u8::is_ascii_digit)
            .skip(6)
            .any(|digit| digit != b'0')
    })
}

/// Tells a timestamp that only lacks its offset from text that is no timestamp at all.
fn explain_refusal(text: &str) -> TimeError {
    let input = echo(text);
    if DateTime::parse_from_rfc3339(&format!("{text}Z")).is_ok() {
        TimeError::Naive { input }
    } else {
        TimeError::Invalid { input }
    }
}
