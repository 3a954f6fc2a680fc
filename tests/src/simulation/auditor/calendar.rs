//! Local days, weeks and the times of rewards, from the zone database alone and not by the engine's calendar.

use chrono::{
    DateTime, Datelike as _, Days, Duration, MappedLocalTime, NaiveDateTime, TimeZone as _,
};
use chrono_tz::Tz;
use rewards_core::time::Timestamp;
use serde_json::Value;

use crate::simulation::Failed;

/// The calendar of a program document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local(Tz);

/// When a reward becomes available, is voided and expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Times {
    pub is_pending: bool,
    pub available_at: Option<Timestamp>,
    pub void_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
}

impl Local {
    /// The calendar of a document.
    pub fn of(document: &Value) -> Result<Self, Failed> {
        let zone = document.get("zone").and_then(Value::as_str);
        let zone: Tz = zone.ok_or("a program without a zone")?.parse()?;
        Ok(Self(zone))
    }

    fn clock(self, at: Timestamp) -> Result<DateTime<Tz>, Failed> {
        let utc =
            DateTime::from_timestamp_micros(at.micros()).ok_or("an instant beyond all time")?;
        Ok(utc.with_timezone(&self.0))
    }

    /// The first instant at which the clock shows this time or a later one.
    fn instant(self, shown: NaiveDateTime) -> Result<Timestamp, Failed> {
        let mut shown = shown;
        loop {
            match self.0.from_local_datetime(&shown) {
                MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => {
                    return Ok(Timestamp::from_micros(at.timestamp_micros())?);
                }
                // The clock jumps over it, to a whole minute.
                MappedLocalTime::None => {
                    let time = shown.time().format("%H:%M").to_string();
                    let minute = NaiveDateTime::parse_from_str(
                        &format!("{} {time}", shown.date()),
                        "%Y-%m-%d %H:%M",
                    )?;
                    shown = minute + Duration::minutes(1);
                }
            }
        }
    }

    /// The same time of the day, some days later.
    pub fn days_later(self, at: Timestamp, days: u64) -> Result<Timestamp, Failed> {
        let shown = self.clock(at)?.naive_local();
        let later = shown.checked_add_days(Days::new(days));
        self.instant(later.ok_or("a day beyond all time")?)
    }

    fn end_of_day(self, at: Timestamp) -> Result<Timestamp, Failed> {
        let day = self.clock(at)?.date_naive();
        let next = day
            .checked_add_days(Days::new(1))
            .ok_or("a day beyond all time")?;
        self.instant(next.and_hms_opt(0, 0, 0).ok_or("no midnight")?)
    }

    /// Number of the local week, which begins on Monday: that of 1970-01-05, the first whole one, is 0.
    pub fn week(self, at: Timestamp) -> Result<i64, Failed> {
        Ok((self.day(at)? - 4).div_euclid(7))
    }

    /// Number of the local day since 1970-01-01.
    pub fn day(self, at: Timestamp) -> Result<i64, Failed> {
        Ok(i64::from(self.clock(at)?.date_naive().num_days_from_ce()) - EPOCH)
    }

    /// Number of the local month since the year 0.
    pub fn month(self, at: Timestamp) -> Result<i64, Failed> {
        let date = self.clock(at)?.date_naive();
        Ok(i64::from(date.year()) * 12 + i64::from(date.month0()))
    }

    /// The times of a reward that was earned at an instant under a lifecycle.
    pub fn times(self, lifecycle: &Value, earned_at: Timestamp) -> Result<Times, Failed> {
        let mut times = Times {
            available_at: Some(earned_at),
            ..Times::default()
        };
        if let Some(pending) = lifecycle.get("pending").filter(|found| !found.is_null()) {
            times.is_pending = true;
            times.available_at = match pending.get("days").and_then(Value::as_u64) {
                Some(days) => Some(self.days_later(earned_at, days)?),
                None => None,
            };
            let after = pending.pointer("/confirmation/void_after_days");
            if let Some(days) = after.and_then(Value::as_u64) {
                times.void_at = Some(self.days_later(earned_at, days)?);
            }
        }
        if let Some(days) = lifecycle.pointer("/expires/days").and_then(Value::as_u64) {
            let mut at = self.days_later(earned_at, days)?;
            if lifecycle.pointer("/expires/round") == Some(&Value::from("end_of_day")) {
                at = self.end_of_day(at)?;
            }
            if let Some(available) = times.available_at.filter(|available| at <= *available) {
                at = self.end_of_day(available)?;
            }
            times.expires_at = Some(at);
        }
        Ok(times)
    }
}

/// The day 1970-01-01, counted from the first day of the first year.
const EPOCH: i64 = 719_163;
