//! IANA time zones: from instants to local days and back.
//!
//! # The rule for clock changes
//!
//! Let the local clock of a zone show `clock(t)` at instant `t`. A local time `L` means **the
//! first instant at which the clock shows `L` or later**. Three things follow:
//!
//! - *Gap.* A local time that the clock jumps over means the first instant after the gap.
//! - *Overlap.* A local time that the clock shows twice means the earlier instant.
//! - *Days.* Local day `d` starts at the first instant at which the clock shows midnight of `d`
//!   or later, and ends where day `d + 1` starts. So days partition time, a day may last other
//!   than 24 hours, a day that starts in a gap starts after the gap, and a day that the zone
//!   skipped as a whole is empty.
//!
//! A day that has started stays started: where the clock is put back across midnight, as from
//! 00:01 to 23:01, the repeated minutes show the clock of the day before but belong to the new
//! day. Only in such minutes do [`LocalMoment::day`] and the date on the clock differ.
//!
//! Zone rules come from the IANA database compiled into the program (see `zone_table.rs`); nothing is read
//! from the system. Daylight saving time is known up to the year 2099, later instants use the zone's last known offset.

use std::fmt;

use super::date::LocalDate;
use super::error::{TimeError, echo};
use super::text::text_form;
use super::timestamp::{MICROS_PER_DAY, MICROS_PER_SECOND, Timestamp};
use super::weekday::Weekday;
use super::zone_table::{self, ZoneNumber};

/// Seconds in a day of 24 hours.
pub(super) const SECONDS_PER_DAY: i64 = 86_400;

/// No zone put its clock back across midnight by more than this since 1970, in seconds. The
/// longest such step is three hours (Antarctica/Casey, 2010); the transition tests hold the bound.
const LONGEST_STEP_OVER_MIDNIGHT: i64 = 4 * 3_600;

/// An IANA time zone such as `Africa/Lagos`.
///
/// ```
/// use rewards_core::time::{Timestamp, Zone};
///
/// let zone = Zone::parse("Europe/Berlin")?;
/// // 02:30 does not exist on this day; it means the first instant after the gap.
/// let day = zone.local(Timestamp::parse("2026-03-29T00:30:00Z")?).day;
/// let at = zone.instant(day, 2 * 3_600 + 1_800);
/// assert_eq!(at.to_string(), "2026-03-29T01:00:00Z");
/// # Ok::<(), rewards_core::time::TimeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zone(ZoneNumber);

/// What the calendar and the clock of a zone show at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocalMoment {
    /// The local calendar day, counted from 1970-01-01.
    pub day: i32,
    /// The local time of day on the clock, in whole seconds from 0 to 86,399.
    pub seconds: u32,
    /// The weekday of `day`.
    pub weekday: Weekday,
}

impl LocalMoment {
    /// The calendar date of `day`.
    #[must_use]
    pub fn date(self) -> LocalDate {
        LocalDate::saturating_from_day(self.day)
    }
}

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(zone_table::UTC);

    /// The zone with this IANA name, in the database's spelling.
    ///
    /// # Errors
    /// [`TimeError::ZoneUnknown`], with the nearest known name if one is near.
    pub fn parse(name: &str) -> Result<Self, TimeError> {
        zone_table::find(name).map(Self).ok_or_else(|| {
            let name = echo(name);
            let nearest = nearest_name(&name);
            TimeError::ZoneUnknown { name, nearest }
        })
    }

    /// The IANA name of the zone.
    #[must_use]
    pub fn name(self) -> &'static str {
        zone_table::name(self.0)
    }

    /// The local day and the time on the clock at an instant.
    #[must_use]
    pub fn local(self, at: Timestamp) -> LocalMoment {
        let (clock_day, seconds) = self.clock(at);
        let day = if self.next_day_has_started(at, clock_day, seconds) {
            clock_day.saturating_add(1)
        } else {
            clock_day
        };
        LocalMoment {
            day,
            seconds,
            weekday: Weekday::of_day(day),
        }
    }

    /// The instant that a local time means, by the rule in the module documentation.
    ///
    /// `seconds` counts clock time from midnight; 86,400 or more reaches into the next days. A
    /// result outside the supported range is its nearest end.
    #[must_use]
    pub fn instant(self, day: i32, seconds: u32) -> Timestamp {
        let time = i64::from(seconds).saturating_mul(MICROS_PER_SECOND);
        Timestamp::saturating_from_micros(self.micros_at(day, time))
    }

    /// The first instant of a local calendar day, also when midnight or the day does not exist.
    #[must_use]
    pub fn day_start(self, day: i32) -> Timestamp {
        self.instant(day, 0)
    }

    /// The instant that a local day and a time of day in microseconds mean, in microseconds since
    /// the epoch. Far outside the supported instants only its direction is right.
    pub(super) fn micros_at(self, day: i32, time: i64) -> i64 {
        let local = i64::from(day)
            .saturating_mul(MICROS_PER_DAY)
            .saturating_add(time);
        // Two days to spare on each side keep every local time of a supported instant.
        let spare = 2 * MICROS_PER_DAY;
        let local = local.clamp(
            Timestamp::MIN.micros().saturating_sub(spare),
            Timestamp::MAX.micros().saturating_add(spare),
        );
        self.first_showing(local)
    }

    /// The date and time of day on the clock, whatever day the instant belongs to.
    pub(super) fn clock(self, at: Timestamp) -> (i32, u32) {
        let seconds = at.seconds();
        let local = seconds.saturating_add(self.offset_at(seconds));
        let day = i32::try_from(local.div_euclid(SECONDS_PER_DAY)).unwrap_or(i32::MAX);
        let time = u32::try_from(local.rem_euclid(SECONDS_PER_DAY)).unwrap_or(0);
        (day, time)
    }

    /// Whether the clock was put back across midnight so lately that it still shows the old day.
    fn next_day_has_started(self, at: Timestamp, clock_day: i32, seconds: u32) -> bool {
        // Only the hours before midnight can be shown a second time after midnight, and only if
        // the clock was ahead a short while ago; both tests are cheap and almost always settle it.
        if i64::from(seconds) < SECONDS_PER_DAY.saturating_sub(LONGEST_STEP_OVER_MIDNIGHT) {
            return false;
        }
        let now = at.seconds();
        if self.offset_at(now.saturating_sub(LONGEST_STEP_OVER_MIDNIGHT)) <= self.offset_at(now) {
            return false;
        }
        self.day_start(clock_day.saturating_add(1)) <= at
    }

    /// The first instant, in microseconds, at which the clock shows `local` or later.
    fn first_showing(self, local: i64) -> i64 {
        // Offsets are less than a day, so a day earlier the clock is behind, and a day later it is not.
        let earliest = local
            .div_euclid(MICROS_PER_SECOND)
            .saturating_sub(SECONDS_PER_DAY);
        let mut spans = zone_table::spans_from(self.0, earliest).peekable();
        let mut first = local;
        while let Some((start, offset)) = spans.next() {
            let shown = local.saturating_sub(offset.saturating_mul(MICROS_PER_SECOND));
            // A local time that the clock has jumped over means the instant after the jump.
            first = shown.max(start.saturating_mul(MICROS_PER_SECOND));
            let end = spans
                .peek()
                .map(|(end, _)| end.saturating_mul(MICROS_PER_SECOND));
            if end.is_none_or(|end| first < end) {
                break;
            }
        }
        first
    }

    /// Local minus UTC time at a second since the epoch, in seconds.
    fn offset_at(self, seconds: i64) -> i64 {
        zone_table::offset_at(self.0, seconds)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

text_form!(Zone, "iana-time-zone", "the name of an IANA time zone");

/// The known name with the fewest edits to `name`, if those are few for its length. The part after
/// the last slash is compared as well, so that `Lagos` finds `Africa/Lagos`.
fn nearest_name(name: &str) -> Option<String> {
    let wanted = name.to_lowercase();
    let limit = wanted.chars().count() / 3;
    zone_table::names()
        .map(|name| {
            let known = name.to_lowercase();
            let place = known.rsplit('/').next().unwrap_or(&known);
            let edits = strsim::damerau_levenshtein(&wanted, &known)
                .min(strsim::damerau_levenshtein(&wanted, place));
            (edits, name)
        })
        .min()
        .filter(|(edits, _)| *edits <= limit)
        .map(|(_, nearest)| nearest.to_owned())
}
