//! When a grant becomes available, when it is voided, and when it expires.

use crate::program::{Expiry, Lifecycle, Pending};
use crate::time::{Calendar, TimeError, Timestamp};

/// What the times of a grant are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earned {
    /// When it was earned.
    pub at: Timestamp,
    /// When its member joined.
    pub registered_at: Timestamp,
}

/// The times of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Whether it waits before it is available.
    pub is_pending: bool,
    /// When it becomes available by itself; `None` when it needs a confirmation.
    pub available_at: Option<Timestamp>,
    /// When it is voided unless it was confirmed.
    pub void_at: Option<Timestamp>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
}

impl Schedule {
    /// The times of a grant earned so. Days and months are those of the program's zone.
    ///
    /// A reward never expires before it has become available: it then expires at the end of that very local day.
    ///
    /// # Errors
    /// [`TimeError`] when a time lies outside the supported range.
    pub fn of(
        lifecycle: &Lifecycle,
        calendar: Calendar,
        earned: Earned,
    ) -> Result<Self, TimeError> {
        let earned_at = earned.at;
        let mut schedule = Self {
            is_pending: lifecycle.pending.is_some(),
            available_at: Some(earned_at),
            void_at: None,
            expires_at: None,
        };
        match &lifecycle.pending {
            None => {}
            Some(Pending::Days(days)) => {
                schedule.available_at = Some(calendar.add_days(earned_at, i64::from(*days))?);
            }
            Some(Pending::Until(at)) => {
                schedule.available_at = Some((*at).max(earned_at));
                schedule.is_pending = *at > earned_at;
            }
            Some(Pending::Confirmation { void_after_days }) => {
                schedule.available_at = None;
                schedule.void_at = void_after_days
                    .map(|days| calendar.add_days(earned_at, i64::from(days)))
                    .transpose()?;
            }
        }
        schedule.expires_at = lifecycle
            .expires
            .as_ref()
            .map(|expiry| earned.expires_at(expiry, calendar))
            .transpose()?;
        if let (Some(available), Some(expires)) = (schedule.available_at, schedule.expires_at)
            && expires <= available
        {
            schedule.expires_at =
                Some(calendar.round_up(available, crate::time::CalendarRounding::EndOfDay));
        }
        Ok(schedule)
    }
}

impl Earned {
    /// When something expires that was earned so, were it available at once.
    ///
    /// # Errors
    /// [`TimeError`] when a time lies outside the supported range.
    pub fn expires_at(self, expiry: &Expiry, calendar: Calendar) -> Result<Timestamp, TimeError> {
        let after_days = calendar.add_days(self.at, i64::from(expiry.days.unwrap_or(0)))?;
        let after = calendar.add_months(after_days, i64::from(expiry.months.unwrap_or(0)))?;
        if expiry.anniversary {
            // Of a purchase on an anniversary, the next one is meant: nothing expires as it is earned.
            let later = self.at.checked_add_micros(1)?;
            return calendar.next_anniversary(self.registered_at, after.max(later));
        }
        Ok(calendar.round_up(after, expiry.round))
    }
}
