//! Instants, zones and calendar windows.
//!
//! A program runs in one IANA zone. An instant is a [`Timestamp`] in UTC; everything calendar
//! (days, weeks, months, date ranges, times of day) is found through a [`Zone`] or a
//! [`Calendar`], by the one rule for clock changes that the [`zone`] module writes down.
//! All windows are half-open.
//!
//! This module never asks what time it is: the current instant is always an argument.
//!
//! ```
//! use rewards_core::time::{Calendar, Period, Timestamp, WeekStart, Zone};
//!
//! let calendar = Calendar::new(Zone::parse("Africa/Lagos")?, WeekStart::default());
//! let month = calendar.window(Period::Month, Timestamp::parse("2026-11-30T23:30:00Z")?);
//! assert_eq!(month.start().to_string(), "2026-11-30T23:00:00Z");
//! assert_eq!(month.end().to_string(), "2026-12-31T23:00:00Z");
//! # Ok::<(), rewards_core::time::TimeError>(())
//! ```

mod calendar;
mod date;
mod error;
mod local_time;
mod period;
mod rounding;
mod text;
mod time_of_day;
mod timestamp;
mod weekday;
mod window;
pub mod zone;
mod zone_table;

pub use calendar::{AnniversaryWindow, Calendar};
pub use date::{DateEnd, DateRange, LocalDate};
pub use error::TimeError;
pub use local_time::LocalTime;
pub use period::{Bucket, Period};
pub use rounding::CalendarRounding;
pub use time_of_day::{TimeOfDay, TimeOfDayRange};
pub use timestamp::Timestamp;
pub(crate) use timestamp::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};
pub use weekday::{WeekStart, Weekday};
pub use window::Window;
pub use zone::{LocalMoment, Zone};
