//! Moving an instant to the end of its calendar period, as expiry rules do.

use serde::{Deserialize, Serialize};

/// The local period to whose end an instant is moved; `none` leaves it where it is.
///
/// Rounding is up, in favour of the member: what expires on 3 March with `end_of_month` is good
/// through 31 March. An instant at the very start of a period moves to the end of that period.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum CalendarRounding {
    /// Keep the exact instant.
    #[default]
    None,
    /// The end of the local day.
    EndOfDay,
    /// The end of the local week, by the calendar's week start.
    EndOfWeek,
    /// The end of the month.
    EndOfMonth,
    /// The end of the quarter.
    EndOfQuarter,
    /// The end of June or December.
    EndOfHalfYear,
    /// The end of the year.
    EndOfYear,
}
