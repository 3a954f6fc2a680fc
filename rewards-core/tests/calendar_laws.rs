//! Laws of timestamps, dates, windows, buckets and rounding, over all zones.
#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap fails the test, as it should"
)]

use proptest::prelude::*;
use rewards_core::time::{
    Bucket, Calendar, CalendarRounding, LocalDate, Period, TimeOfDay, Timestamp, WeekStart,
    Weekday, Zone,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn timestamps() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.micros()..Timestamp::MAX.micros())
        .prop_map(|micros| Timestamp::from_micros(micros).unwrap())
}

fn calendars() -> impl Strategy<Value = Calendar> {
    let zones = proptest::sample::select(&chrono_tz::TZ_VARIANTS[..]);
    let starts = proptest::sample::select(&Weekday::ALL[..]);
    (zones, starts).prop_map(|(tz, start)| Calendar::new(zone(tz.name()), WeekStart(start)))
}

fn periods() -> impl Strategy<Value = Period> {
    prop_oneof![
        Just(Period::Day),
        Just(Period::Week),
        Just(Period::Month),
        Just(Period::Quarter),
        Just(Period::Year),
        Just(Period::Lifetime),
        (1..=Period::MAX_DAYS).prop_map(Period::Days),
    ]
}

proptest! {
    #[test]
    fn timestamp_text_round_trips(instant in timestamps()) {
        let text = instant.to_string();
        prop_assert!(text.ends_with('Z'));
        prop_assert_eq!(at(&text), instant);
        prop_assert_eq!(Timestamp::from_micros(instant.micros()).unwrap(), instant);
    }

    #[test]
    fn date_text_round_trips(number in LocalDate::MIN.day()..=LocalDate::MAX.day()) {
        let date = LocalDate::from_day(number).unwrap();
        let (year, month, day) = date.ymd();
        prop_assert_eq!(LocalDate::parse(&date.to_string()).unwrap(), date);
        prop_assert_eq!(LocalDate::from_ymd(year, month, day).unwrap(), date);
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,80}") {
        let _ = Timestamp::parse(&text);
        let _ = LocalDate::parse(&text);
        let _ = TimeOfDay::parse_end(&text);
        let _ = Zone::parse(&text);
    }

    #[test]
    fn windows_contain_their_instant_and_end_with_their_bucket(
        calendar in calendars(), period in periods(), instant in timestamps(),
    ) {
        let window = calendar.window(period, instant);
        prop_assert!(window.contains(instant));
        prop_assert_eq!(calendar.bucket_end(period, calendar.bucket(period, instant)), window.end());
        let (from, to) = calendar.buckets(period, instant);
        let counted = period.counter_period();
        prop_assert_eq!(Bucket(to), calendar.bucket(counted, instant));
        if period != Period::Lifetime {
            prop_assert_eq!(calendar.bucket_end(counted, Bucket(from - 1)), window.start());
        }
    }

    #[test]
    fn buckets_are_equal_exactly_when_windows_are(
        calendar in calendars(), period in periods(), instant in timestamps(),
        distance in -40 * 86_400_000_000_i64..40 * 86_400_000_000,
    ) {
        let Ok(other) = instant.checked_add_micros(distance) else { return Ok(()) };
        prop_assume!(other < Timestamp::MAX);
        let same_bucket = calendar.bucket(period, instant) == calendar.bucket(period, other);
        // Rolling windows near the first instant share their cut start, never their end.
        let same_window = calendar.window(period, instant) == calendar.window(period, other);
        prop_assert_eq!(same_bucket, same_window);
        let earlier_first = instant <= other;
        let (a, b) = (calendar.bucket(period, instant), calendar.bucket(period, other));
        prop_assert!(a == b || earlier_first == (a < b));
    }

    #[test]
    fn anniversary_windows_contain_now_and_abut(
        calendar in calendars(), anchor in timestamps(), now in timestamps(), months in 1_u32..=120,
    ) {
        let found = calendar.anniversary(anchor, months, now).unwrap();
        prop_assert!(found.window.contains(now));
        if found.window.end() < Timestamp::MAX {
            let next = calendar.anniversary(anchor, months, found.window.end()).unwrap();
            prop_assert_eq!(next.index, found.index + 1);
            prop_assert_eq!(next.window.start(), found.window.end());
        }
    }

    /// The next anniversary is the end of the year of the joining in which an instant lies, or the instant itself where it
    /// begins one: there is none in between, and the joining is none.
    #[test]
    fn the_next_anniversary_is_the_first_one(
        calendar in calendars(), anchor in timestamps(), from in timestamps(),
    ) {
        let next = calendar.next_anniversary(anchor, from).unwrap();
        prop_assert!(next >= from && next > anchor || next == Timestamp::MAX);
        let year = |at| calendar.anniversary(anchor, 12, at).unwrap();
        if next < Timestamp::MAX {
            prop_assert_eq!(year(next).window.start(), next);
            prop_assert!(year(next).index >= 1);
            prop_assert_eq!(calendar.next_anniversary(anchor, next), Ok(next));
        }
        let before = next.checked_add_micros(-1).unwrap();
        prop_assert_eq!(calendar.next_anniversary(anchor, before), Ok(next));
        prop_assert!(next == from || from < anchor || year(before).window.contains(from));
    }

    #[test]
    fn rounding_up_never_moves_back_and_settles_one_step_before_its_end(
        calendar in calendars(), instant in timestamps(),
    ) {
        for rounding in [
            CalendarRounding::EndOfDay, CalendarRounding::EndOfWeek, CalendarRounding::EndOfMonth,
            CalendarRounding::EndOfQuarter, CalendarRounding::EndOfHalfYear,
            CalendarRounding::EndOfYear,
        ] {
            let end = calendar.round_up(instant, rounding);
            prop_assert!(end > instant);
            let last = end.checked_add_micros(-1).unwrap();
            prop_assert_eq!(calendar.round_up(last, rounding), end);
        }
    }

    #[test]
    fn later_local_times_are_never_earlier_instants(
        calendar in calendars(), number in 0..84_000_i32, seconds in 0..86_400_u32, more in 0..200_000_u32,
    ) {
        let zone = calendar.zone;
        prop_assert!(zone.instant(number, seconds) <= zone.instant(number, seconds + more));
    }
}
