//! The clock-change rule at every offset transition of every zone.
//!
//! How: transitions are found from UTC offsets alone, by stepping through time and bisecting
//! where the offset changed. Around each one, local times and windows are compared with what the
//! rule says in terms of those two offsets, never with the code under test.
#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap fails the test, as it should"
)]

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};
use rewards_core::time::{Bucket, Calendar, Period, Timestamp, WeekStart, Weekday, Zone};

/// Well before the required 2000, to see the odd changes of the last century as well.
const FIRST_YEAR: i32 = 1972;
const LAST_YEAR: i32 = 2040;
const STEP: i64 = 12 * 3_600;
const DAY: i64 = 86_400;
const PERIODS: [Period; 5] = [
    Period::Day,
    Period::Week,
    Period::Month,
    Period::Quarter,
    Period::Year,
];

/// A change of a zone's offset.
#[derive(Debug, Clone, Copy)]
pub struct Transition {
    /// The first second with the new offset.
    pub at: i64,
    before: i64,
    pub after: i64,
}

/// Local minus UTC time at a second, in seconds.
pub fn offset(zone: Tz, second: i64) -> i64 {
    let utc = DateTime::from_timestamp(second, 0).unwrap().naive_utc();
    i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc())
}

fn year_start(year: i32) -> i64 {
    chrono::NaiveDate::from_ymd_opt(year, 1, 1)
        .unwrap()
        .and_hms_opt(0, 0, 0)
        .unwrap()
        .and_utc()
        .timestamp()
}

/// When the offset of a zone changed between two seconds, found from the offsets alone.
pub fn transitions(zone: Tz, from: i64, until: i64) -> Vec<Transition> {
    let mut found = Vec::new();
    let mut low = from;
    let mut before = offset(zone, low);
    while low < until {
        let high = low + STEP;
        let after = offset(zone, high);
        if after != before {
            let (mut old, mut new) = (low, high);
            while new - old > 1 {
                let middle = i64::midpoint(old, new);
                if offset(zone, middle) == before {
                    old = middle
                } else {
                    new = middle
                }
            }
            assert_eq!(
                offset(zone, new),
                after,
                "{zone}: two transitions within {STEP} s"
            );
            found.push(Transition {
                at: new,
                before,
                after,
            });
        }
        (low, before) = (high, after);
    }
    found
}

fn ts(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000).unwrap()
}

fn seconds(at: Timestamp) -> i64 {
    assert_eq!(at.micros() % 1_000_000, 0, "{at}");
    at.micros() / 1_000_000
}

/// The instant of a local time given in seconds.
fn instant(zone: Zone, local: i64) -> i64 {
    let day = i32::try_from(local.div_euclid(DAY)).unwrap();
    let time = u32::try_from(local.rem_euclid(DAY)).unwrap();
    seconds(zone.instant(day, time))
}

fn check_gap_and_overlap(zone: Zone, t: Transition) {
    let Transition { at, before, after } = t;
    let low = at + before.min(after);
    let high = at + before.max(after);
    for local in [low, low + 1, i64::midpoint(low, high), high - 1] {
        // In a gap the first instant after it, in an overlap the earlier of the two instants.
        let expected = if after > before { at } else { local - before };
        assert_eq!(instant(zone, local), expected, "{zone} {t:?} local {local}");
    }
    assert_eq!(
        instant(zone, low - 1),
        low - 1 - before,
        "{zone} {t:?} just before"
    );
    assert_eq!(instant(zone, high), high - after, "{zone} {t:?} just after");
}

/// Days around `second` partition time, and the clock agrees with the offset.
fn check_days(zone: Zone, tz: Tz, second: i64) {
    let at = ts(second);
    let moment = zone.local(at);
    let clock = second + offset(tz, second);
    assert_eq!(
        i64::from(moment.seconds),
        clock.rem_euclid(DAY),
        "{zone} {at}"
    );
    let ahead = i64::from(moment.day) - clock.div_euclid(DAY);
    assert!(
        ahead == 0 || ahead == 1,
        "{zone} {at}: day is {ahead} ahead of the clock"
    );
    assert_eq!(moment.weekday, Weekday::of_day(moment.day));

    assert!(zone.day_start(moment.day) <= at, "{zone} {at}");
    assert!(at < zone.day_start(moment.day + 1), "{zone} {at}");
    for day in moment.day - 2..=moment.day + 2 {
        let (start, next) = (zone.day_start(day), zone.day_start(day + 1));
        assert!(start <= next, "{zone} day {day}");
        if start < next {
            assert_eq!(zone.local(start).day, day, "{zone} {start}");
            let last = Timestamp::from_micros(next.micros() - 1).unwrap();
            assert_eq!(zone.local(last).day, day, "{zone} {last}");
        }
    }
}

/// Windows contain the instant, abut, and are named by their buckets.
fn check_windows(calendar: &Calendar, second: i64) {
    let at = ts(second);
    for period in PERIODS {
        let context = || format!("{} {period:?} {at}", calendar.zone);
        let window = calendar.window(period, at);
        let bucket = calendar.bucket(period, at);
        assert!(window.contains(at), "{}", context());
        assert_eq!(
            calendar.bucket_end(period, bucket),
            window.end(),
            "{}",
            context()
        );
        assert_eq!(
            calendar.window(period, window.end()).start(),
            window.end(),
            "{}",
            context()
        );

        let last = Timestamp::from_micros(window.end().micros() - 1).unwrap();
        let previous = Timestamp::from_micros(window.start().micros() - 1).unwrap();
        assert_eq!(
            calendar.bucket(period, window.start()),
            bucket,
            "{}",
            context()
        );
        assert_eq!(calendar.bucket(period, last), bucket, "{}", context());
        assert!(
            calendar.bucket(period, window.end()) > bucket,
            "{}",
            context()
        );
        assert!(calendar.bucket(period, previous) < bucket, "{}", context());
        // Only a skipped day can leave a number out.
        if period != Period::Day {
            let Bucket(number) = bucket;
            assert_eq!(
                calendar.bucket(period, window.end()),
                Bucket(number + 1),
                "{}",
                context()
            );
        }
    }
}

fn check_zone(tz: Tz) -> usize {
    let zone = Zone::parse(tz.name()).unwrap();
    let mut checked = 0;
    let found = transitions(tz, year_start(FIRST_YEAR), year_start(LAST_YEAR + 1));
    for (t, week_start) in found.into_iter().zip(Weekday::ALL.into_iter().cycle()) {
        // The bound that the code relies on to find days that start before the clock is put back.
        let over_midnight =
            (t.at + t.before - 1).div_euclid(DAY) > (t.at + t.after).div_euclid(DAY);
        assert!(
            !over_midnight || t.before - t.after <= 4 * 3_600,
            "{tz} {t:?}"
        );
        check_gap_and_overlap(zone, t);
        let shift = (t.after - t.before).abs();
        for distance in [0, 1, 60, shift - 1, shift, shift + 1, 6 * 3_600, DAY] {
            check_days(zone, tz, t.at - distance);
            check_days(zone, tz, t.at + distance);
        }
        let calendar = Calendar::new(zone, WeekStart(week_start));
        for second in [t.at - 1, t.at, t.at + shift] {
            check_windows(&calendar, second);
        }
        checked += 1;
    }
    checked
}

/// Zones are shared out among a few tests, so that they run side by side.
fn check_share(share: usize) {
    let checked: usize = TZ_VARIANTS
        .iter()
        .skip(share)
        .step_by(4)
        .map(|zone| check_zone(*zone))
        .sum();
    assert!(checked > 2_000, "only {checked} transitions found");
}

#[test]
fn rule_holds_at_transitions_of_the_first_share_of_zones() {
    check_share(0);
}

#[test]
fn rule_holds_at_transitions_of_the_second_share_of_zones() {
    check_share(1);
}

#[test]
fn rule_holds_at_transitions_of_the_third_share_of_zones() {
    check_share(2);
}

#[test]
fn rule_holds_at_transitions_of_the_fourth_share_of_zones() {
    check_share(3);
}
