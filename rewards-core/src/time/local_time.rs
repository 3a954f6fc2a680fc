//! A time on a local clock, whose zone is said elsewhere.

use std::fmt;

use super::date::LocalDate;
use super::error::TimeError;
use super::text::text_form;
use super::time_of_day::TimeOfDay;
use super::timestamp::Timestamp;
use super::zone::Zone;

/// A date, or a date and a time of day, on a local clock, in text `2026-11-21`, `2026-11-21T09:30` or `2026-11-21T09:30:15`.
///
/// ```
/// use rewards_core::time::{LocalTime, Zone};
///
/// let berlin = Zone::parse("Europe/Berlin")?;
/// let opens = LocalTime::parse("2026-06-01T09:30")?;
/// assert_eq!(opens.instant(berlin).to_string(), "2026-06-01T07:30:00Z");
/// # Ok::<(), rewards_core::time::TimeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocalTime {
    date: LocalDate,
    time: Option<TimeOfDay>,
}

impl LocalTime {
    /// Reads a date, or a date and a time of day, without an offset.
    ///
    /// # Errors
    /// As [`LocalDate::parse`] and [`TimeOfDay::parse`].
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let (date, time) = match text.split_once('T') {
            None => (text, None),
            Some((date, time)) => (date, Some(TimeOfDay::parse(time)?)),
        };
        let date = LocalDate::parse(date)?;
        Ok(Self { date, time })
    }

    /// Whether it is a date alone.
    #[must_use]
    pub fn is_date(self) -> bool {
        self.time.is_none()
    }

    /// The instant that it means in a zone, by the [rule for clock changes](super::zone); of a date alone its first one.
    #[must_use]
    pub fn instant(self, zone: Zone) -> Timestamp {
        let seconds = self.time.map_or(0, TimeOfDay::seconds);
        zone.instant(self.date.day(), seconds)
    }

    /// The first instant after its date in a zone.
    #[must_use]
    pub fn date_end(self, zone: Zone) -> Timestamp {
        zone.day_start(self.date.day().saturating_add(1))
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date)?;
        match self.time {
            None => Ok(()),
            Some(time) => write!(f, "T{time}"),
        }
    }
}

impl fmt::Debug for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalTime({self})")
    }
}

text_form!(
    LocalTime,
    "local-time",
    "a date, or a date and a time of day, without an offset, such as 2026-11-21 or 2026-11-21T09:30"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_time_is_written_as_it_is_read() {
        for text in ["2026-11-21", "2026-11-21T09:30", "2026-11-21T09:30:15"] {
            assert_eq!(LocalTime::parse(text).unwrap().to_string(), text);
        }
        for (text, code) in [
            ("2026-11-21T09:30Z", "time_of_day_invalid"),
            ("2026-11-21T09:30+01:00", "time_of_day_invalid"),
            ("2026-11-21T24:00", "time_of_day_invalid"),
            ("2026-11-21T", "time_of_day_invalid"),
            ("2026-02-30T09:30", "date_invalid"),
            ("09:30", "date_invalid"),
            ("", "date_invalid"),
        ] {
            assert_eq!(LocalTime::parse(text).unwrap_err().code(), code, "{text}");
        }
    }

    #[test]
    fn clock_changes_follow_the_rule_of_zones() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        for (text, instant, date_end) in [
            // The clock jumps over 02:30, and shows it twice in autumn.
            (
                "2026-03-29T02:30",
                "2026-03-29T01:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                "2026-10-25T02:30",
                "2026-10-25T00:30:00Z",
                "2026-10-25T23:00:00Z",
            ),
            ("2026-06-01", "2026-05-31T22:00:00Z", "2026-06-01T22:00:00Z"),
        ] {
            let time = LocalTime::parse(text).unwrap();
            assert_eq!(time.instant(berlin).to_string(), instant, "{text}");
            assert_eq!(time.date_end(berlin).to_string(), date_end, "{text}");
        }
    }
}
