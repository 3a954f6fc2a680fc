//! What can be wrong with a time, a zone, a date or a period.

use crate::coded::Coded;

/// The longest piece of refused input that an error repeats, in characters.
const ECHO_LIMIT: usize = 48;

/// A refused time, zone, date, range or period.
///
/// Every variant has a stable [`code`](TimeError::code). Input repeated in a message is cut to a
/// bounded length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// The text is not an RFC 3339 timestamp.
    #[error("expected an RFC 3339 timestamp such as `2026-11-21T09:30:00Z`, got `{input}`")]
    Invalid {
        /// The refused text.
        input: String,
    },
    /// The timestamp has digits below the microsecond.
    #[error("expected at most microseconds, got the finer timestamp `{input}`")]
    TooPrecise {
        /// The refused text.
        input: String,
    },
    /// The timestamp has no UTC offset, so it names no instant.
    #[error("expected a timestamp with an offset such as `Z` or `+01:00`, got `{input}`")]
    Naive {
        /// The refused text.
        input: String,
    },
    /// The instant or date lies outside the supported years.
    #[error("expected a time from 1970-01-01 to 2200-01-01 UTC, got `{input}`")]
    OutOfRange {
        /// The refused value, or the calculation that left the range.
        input: String,
    },
    /// No IANA time zone has this name.
    #[error("unknown time zone `{name}`{}", suggest(.nearest.as_deref()))]
    ZoneUnknown {
        /// The refused name.
        name: String,
        /// The nearest known name, if one is near.
        nearest: Option<String>,
    },
    /// The text is not a calendar date.
    #[error("expected a date such as `2026-11-21`, got `{input}`")]
    DateInvalid {
        /// The refused text.
        input: String,
    },
    /// A range ends before or where it starts.
    #[error("expected a range that ends after it starts, got `{from}` to `{until}`")]
    RangeEmpty {
        /// The first point in the range.
        from: String,
        /// Where the range ends.
        until: String,
    },
    /// A date range gives an inclusive and an exclusive end.
    #[error("expected `through` or `before`, got both `{through}` and `{before}`")]
    RangeEndsTwice {
        /// The inclusive last date.
        through: String,
        /// The exclusive end date.
        before: String,
    },
    /// The text is not a time of day, or `24:00` stands where a day cannot end.
    #[error("expected a time of day such as `09:30` or `09:30:15`, got `{input}`")]
    TimeOfDayInvalid {
        /// The refused text.
        input: String,
    },
    /// A period has a length that is not supported.
    #[error("expected {expected}, got `{got}`")]
    PeriodInvalid {
        /// The lengths that are supported.
        expected: &'static str,
        /// The refused length.
        got: String,
    },
}

impl TimeError {
    /// Every code that [`code`](Self::code) can return.
    pub const CODES: [&'static str; 9] = [
        "time_invalid",
        "time_naive",
        "time_out_of_range",
        "zone_unknown",
        "date_invalid",
        "range_empty",
        "range_ends_twice",
        "time_of_day_invalid",
        "period_invalid",
    ];

    /// The stable code of this error, for programs to match on.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } | Self::TooPrecise { .. } => "time_invalid",
            Self::Naive { .. } => "time_naive",
            Self::OutOfRange { .. } => "time_out_of_range",
            Self::ZoneUnknown { .. } => "zone_unknown",
            Self::DateInvalid { .. } => "date_invalid",
            Self::RangeEmpty { .. } => "range_empty",
            Self::RangeEndsTwice { .. } => "range_ends_twice",
            Self::TimeOfDayInvalid { .. } => "time_of_day_invalid",
            Self::PeriodInvalid { .. } => "period_invalid",
        }
    }
}

impl From<TimeError> for Coded {
    fn from(error: TimeError) -> Self {
        Self::new(error.code(), error)
    }
}

/// Cuts refused input to a length that is safe to repeat in a message.
pub(super) fn echo(input: &str) -> String {
    input.chars().take(ECHO_LIMIT).collect()
}

fn suggest(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean `{name}`"))
}
