//! The lengths over which caps, tiers and conditions count.

use serde::{Deserialize, Deserializer, Serialize};

use super::error::TimeError;
use crate::coded::Coded;

/// A length of time, in calendar terms of the program's zone.
///
/// In documents: `"day"`, `"week"`, `"month"`, `"quarter"`, `"year"`, `"lifetime"` or
/// `{ "days": 30 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Period {
    /// One local calendar day.
    Day,
    /// Seven local calendar days from the calendar's week start.
    Week,
    /// One calendar month.
    Month,
    /// Three calendar months from January, April, July or October.
    Quarter,
    /// One calendar year.
    Year,
    /// The last so many local calendar days, today included; 1 to 3,660.
    ///
    /// Documents with a number outside these bounds are refused; a value made otherwise counts as
    /// the nearest bound.
    Days(
        #[serde(deserialize_with = "read_days")]
        #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 3660)))]
        u16,
    ),
    /// All time.
    Lifetime,
}

impl Period {
    /// The most days that [`Period::Days`] can span.
    pub const MAX_DAYS: u16 = 3_660;

    /// The last `count` local calendar days, today included.
    ///
    /// # Errors
    /// [`TimeError::PeriodInvalid`] unless `count` is 1 to 3,660.
    pub fn days(count: u16) -> Result<Self, TimeError> {
        if (1..=Self::MAX_DAYS).contains(&count) {
            Ok(Self::Days(count))
        } else {
            Err(TimeError::PeriodInvalid {
                expected: "1 to 3660 days",
                got: count.to_string(),
            })
        }
    }

    /// The period that counters of this period are kept by: days for a rolling number of days,
    /// itself otherwise.
    #[must_use]
    pub const fn counter_period(self) -> Self {
        match self {
            Self::Days(_) => Self::Day,
            other => other,
        }
    }
}

/// The number of one window among all windows of a period and calendar.
///
/// Stable for ever: day and week numbers count from 1970-01-01, months are `year * 12 + month0`,
/// quarters `year * 4 + quarter0`, years the year itself, a lifetime is 0. Numbers of different
/// periods, zones or week starts are not comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bucket(pub i64);

fn read_days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let count = u16::deserialize(deserializer)?;
    Period::days(count)
        .map(|_| count)
        .map_err(|error| serde::de::Error::custom(Coded::from(error)))
}
