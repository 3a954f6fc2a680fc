//! Tables of local days, windows, month arithmetic, anniversaries and rounding.
#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap fails the test, as it should"
)]

use rewards_core::time::{
    Bucket, Calendar, CalendarRounding, LocalDate, Period, Timestamp, WeekStart, Weekday, Window,
    Zone,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn day(text: &str) -> i32 {
    LocalDate::parse(text).unwrap().day()
}

fn calendar(name: &str) -> Calendar {
    Calendar::new(zone(name), WeekStart::default())
}

fn ends(window: Window) -> (String, String) {
    (window.start().to_string(), window.end().to_string())
}

#[test]
fn days_start_where_the_rule_says() {
    for (name, date, start) in [
        ("UTC", "2026-11-21", "2026-11-21T00:00:00Z"),
        ("Africa/Lagos", "2026-11-21", "2026-11-20T23:00:00Z"),
        // Midnight does not exist: the day starts after the gap.
        ("America/Sao_Paulo", "2017-10-15", "2017-10-15T03:00:00Z"),
        ("Asia/Beirut", "2021-03-28", "2021-03-27T22:00:00Z"),
        // The whole day does not exist: it is empty, where the next day starts.
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z"),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "2012-01-01", "2011-12-31T10:00:00Z"),
        // The clock goes back from 24:00 to 23:00: the day before lasts 25 hours.
        ("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z"),
        // Midnight comes twice: the day starts at the first.
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"),
        ("America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z"),
        ("Antarctica/Casey", "2010-03-05", "2010-03-04T13:00:00Z"),
    ] {
        let number = day(date);
        assert_eq!(
            zone(name).day_start(number).to_string(),
            start,
            "{name} {date}"
        );
    }
}

#[test]
fn a_day_that_has_started_stays_started() {
    // At 00:01 the clock went back to 23:01 of the day before.
    let moment = zone("America/St_Johns").local(at("2010-11-07T02:45:00Z"));
    assert_eq!(moment.date().to_string(), "2010-11-07");
    assert_eq!(moment.seconds, 23 * 3_600 + 15 * 60);
    assert_eq!(moment.weekday, Weekday::Sunday);
}

#[test]
fn local_times_in_gaps_and_overlaps() {
    for (name, date, seconds, expected) in [
        ("Europe/Berlin", "2026-03-29", 9_000, "2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "2026-03-29", 7_200, "2026-03-29T01:00:00Z"),
        (
            "Europe/Berlin",
            "2026-03-29",
            10_800,
            "2026-03-29T01:00:00Z",
        ),
        ("Europe/Berlin", "2026-10-25", 9_000, "2026-10-25T00:30:00Z"),
        (
            "Australia/Lord_Howe",
            "2026-10-04",
            8_100,
            "2026-10-03T15:30:00Z",
        ),
        ("Pacific/Apia", "2011-12-30", 43_200, "2011-12-30T10:00:00Z"),
        ("UTC", "2026-01-01", 86_400, "2026-01-02T00:00:00Z"),
        ("UTC", "1969-12-31", 0, "1970-01-01T00:00:00Z"),
    ] {
        assert_eq!(
            zone(name).instant(day(date), seconds).to_string(),
            expected,
            "{name} {date}"
        );
    }
    assert_eq!(Zone::UTC.instant(i32::MAX, u32::MAX), Timestamp::MAX);
    assert_eq!(Zone::UTC.instant(i32::MIN, 0), Timestamp::MIN);
}

#[test]
fn windows_of_every_period() {
    let lagos = calendar("Africa/Lagos");
    let sunday = Calendar::new(zone("America/New_York"), WeekStart(Weekday::Sunday));
    for (calendar, period, given, start, end, bucket) in [
        (
            lagos,
            Period::Day,
            "2026-11-21T23:00:00Z",
            "2026-11-21T23:00:00Z",
            "2026-11-22T23:00:00Z",
            20_779,
        ),
        (
            lagos,
            Period::Week,
            "2026-11-22T22:59:59Z",
            "2026-11-15T23:00:00Z",
            "2026-11-22T23:00:00Z",
            2_967,
        ),
        (
            lagos,
            Period::Month,
            "2028-02-29T12:00:00Z",
            "2028-01-31T23:00:00Z",
            "2028-02-29T23:00:00Z",
            2_028 * 12 + 1,
        ),
        (
            lagos,
            Period::Quarter,
            "2026-12-31T22:59:59Z",
            "2026-09-30T23:00:00Z",
            "2026-12-31T23:00:00Z",
            2_026 * 4 + 3,
        ),
        (
            lagos,
            Period::Year,
            "2026-12-31T23:00:00Z",
            "2026-12-31T23:00:00Z",
            "2027-12-31T23:00:00Z",
            2_027,
        ),
        (
            lagos,
            Period::Days(30),
            "2026-03-02T12:00:00Z",
            "2026-01-31T23:00:00Z",
            "2026-03-02T23:00:00Z",
            20_514,
        ),
        (
            lagos,
            Period::Days(1),
            "2026-03-02T12:00:00Z",
            "2026-03-01T23:00:00Z",
            "2026-03-02T23:00:00Z",
            20_514,
        ),
        // A week that gains the hour of the change.
        (
            sunday,
            Period::Week,
            "2026-11-01T12:00:00Z",
            "2026-11-01T04:00:00Z",
            "2026-11-08T05:00:00Z",
            2_965,
        ),
        (
            sunday,
            Period::Day,
            "2026-11-01T12:00:00Z",
            "2026-11-01T04:00:00Z",
            "2026-11-02T05:00:00Z",
            20_758,
        ),
        (
            lagos,
            Period::Lifetime,
            "2026-11-21T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "2200-01-01T00:00:00Z",
            0,
        ),
        // Cut at the ends of the supported instants.
        (
            lagos,
            Period::Year,
            "1970-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "1970-12-31T23:00:00Z",
            1_970,
        ),
        (
            sunday,
            Period::Year,
            "1970-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "1970-01-01T05:00:00Z",
            1_969,
        ),
        (
            lagos,
            Period::Days(3_660),
            "1970-01-02T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "1970-01-02T23:00:00Z",
            1,
        ),
        (
            lagos,
            Period::Month,
            "2199-12-31T23:30:00Z",
            "2199-12-31T23:00:00Z",
            "2200-01-01T00:00:00Z",
            2_200 * 12,
        ),
        (
            lagos,
            Period::Month,
            "2200-01-01T00:00:00Z",
            "2199-12-31T23:00:00Z",
            "2200-01-01T00:00:00Z",
            2_200 * 12,
        ),
    ] {
        let given = at(given);
        let window = calendar.window(period, given);
        assert_eq!(
            ends(window),
            (start.to_owned(), end.to_owned()),
            "{period:?} {given}"
        );
        assert_eq!(
            calendar.bucket(period, given),
            Bucket(bucket),
            "{period:?} {given}"
        );
        assert_eq!(
            calendar.bucket_end(period, Bucket(bucket)),
            window.end(),
            "{period:?}"
        );
    }
    assert_eq!(
        lagos.buckets(Period::Days(30), at("2026-03-02T12:00:00Z")),
        (20_485, 20_514)
    );
    assert_eq!(
        lagos.buckets(Period::Month, at("2026-03-02T12:00:00Z")),
        (24_314, 24_314)
    );
    for bucket in [i64::MIN, i64::MAX] {
        for period in [
            Period::Day,
            Period::Week,
            Period::Month,
            Period::Year,
            Period::Days(9),
        ] {
            let expected = if bucket < 0 {
                Timestamp::MIN
            } else {
                Timestamp::MAX
            };
            assert_eq!(
                lagos.bucket_end(period, Bucket(bucket)),
                expected,
                "{period:?} {bucket}"
            );
        }
    }
}

#[test]
fn weeks_start_on_any_weekday() {
    let noon = at("2026-11-21T12:00:00Z"); // a Saturday
    for (start, expected) in [
        (Weekday::Monday, "2026-11-16T00:00:00Z"),
        (Weekday::Tuesday, "2026-11-17T00:00:00Z"),
        (Weekday::Wednesday, "2026-11-18T00:00:00Z"),
        (Weekday::Thursday, "2026-11-19T00:00:00Z"),
        (Weekday::Friday, "2026-11-20T00:00:00Z"),
        (Weekday::Saturday, "2026-11-21T00:00:00Z"),
        (Weekday::Sunday, "2026-11-15T00:00:00Z"),
    ] {
        let window = Calendar::new(Zone::UTC, WeekStart(start)).window(Period::Week, noon);
        assert_eq!(window.start().to_string(), expected, "{start:?}");
        assert_eq!(Zone::UTC.local(window.start()).weekday, start);
    }
}

#[test]
fn month_arithmetic_keeps_month_ends() {
    let utc = calendar("UTC");
    for (from, months, expected) in [
        ("2026-01-31T10:00:00Z", 1, "2026-02-28T10:00:00Z"),
        ("2028-01-31T10:00:00Z", 1, "2028-02-29T10:00:00Z"),
        ("2026-01-31T10:00:00Z", 2, "2026-03-31T10:00:00Z"),
        ("2028-02-29T10:00:00Z", 12, "2029-02-28T10:00:00Z"),
        ("2028-02-29T10:00:00Z", 48, "2032-02-29T10:00:00Z"),
        (
            "2026-03-31T10:00:00.000001Z",
            -1,
            "2026-02-28T10:00:00.000001Z",
        ),
        ("2026-01-15T10:00:00Z", -13, "2024-12-15T10:00:00Z"),
    ] {
        assert_eq!(
            utc.add_months(at(from), months).unwrap().to_string(),
            expected,
            "{from}"
        );
    }
    let berlin = calendar("Europe/Berlin");
    for (from, days, expected) in [
        // The same clock time, whatever the elapsed time.
        ("2026-03-28T11:00:00Z", 1, "2026-03-29T10:00:00Z"),
        ("2026-10-24T10:00:00Z", 1, "2026-10-25T11:00:00Z"),
        // Into the gap, into the overlap, and no days at the overlap's second hour.
        ("2026-03-28T01:30:00.5Z", 1, "2026-03-29T01:00:00Z"),
        ("2026-10-24T00:30:00Z", 1, "2026-10-25T00:30:00Z"),
        ("2026-10-25T01:30:00Z", 0, "2026-10-25T01:30:00Z"),
        ("2026-10-26T01:30:00Z", -1, "2026-10-25T00:30:00Z"),
    ] {
        assert_eq!(
            berlin.add_days(at(from), days).unwrap().to_string(),
            expected,
            "{from}"
        );
    }
    for amount in [i64::MIN, -40_000_000, 40_000_000, i64::MAX] {
        let from = at("2026-01-01T00:00:00Z");
        assert_eq!(
            utc.add_days(from, amount).unwrap_err().code(),
            "time_out_of_range"
        );
        assert_eq!(
            utc.add_months(from, amount).unwrap_err().code(),
            "time_out_of_range"
        );
    }
    assert_eq!(
        utc.add_days(at("2199-12-31T00:00:00Z"), 1).unwrap(),
        Timestamp::MAX
    );
    assert!(utc.add_days(at("2199-12-31T00:00:00.000001Z"), 1).is_err());
}

#[test]
fn anniversaries_count_from_their_anchor() {
    let utc = calendar("UTC");
    for (anchor, months, now, index, start, end) in [
        (
            "2026-01-31T15:00:00Z",
            1,
            "2026-01-31T15:00:00Z",
            0,
            "2026-01-31",
            "2026-02-28",
        ),
        (
            "2026-01-31T15:00:00Z",
            1,
            "2026-02-28T00:00:00Z",
            1,
            "2026-02-28",
            "2026-03-31",
        ),
        (
            "2026-01-31T15:00:00Z",
            1,
            "2026-03-30T23:59:59Z",
            1,
            "2026-02-28",
            "2026-03-31",
        ),
        (
            "2026-01-31T15:00:00Z",
            1,
            "2026-03-31T00:00:00Z",
            2,
            "2026-03-31",
            "2026-04-30",
        ),
        (
            "2028-02-29T00:00:00Z",
            12,
            "2029-02-27T00:00:00Z",
            0,
            "2028-02-29",
            "2029-02-28",
        ),
        (
            "2028-02-29T00:00:00Z",
            12,
            "2029-02-28T00:00:00Z",
            1,
            "2029-02-28",
            "2030-02-28",
        ),
        (
            "2028-02-29T00:00:00Z",
            12,
            "2032-03-01T00:00:00Z",
            4,
            "2032-02-29",
            "2033-02-28",
        ),
        (
            "2026-05-10T00:00:00Z",
            12,
            "2026-05-09T23:59:59Z",
            -1,
            "2025-05-10",
            "2026-05-10",
        ),
        (
            "2026-05-10T00:00:00Z",
            3,
            "2025-01-01T00:00:00Z",
            -6,
            "2024-11-10",
            "2025-02-10",
        ),
        (
            "2026-05-10T00:00:00Z",
            1_200,
            "2199-12-31T00:00:00Z",
            1,
            "2126-05-10",
            "2200-01-01",
        ),
    ] {
        let found = utc.anniversary(at(anchor), months, at(now)).unwrap();
        let expected = (format!("{start}T00:00:00Z"), format!("{end}T00:00:00Z"));
        assert_eq!(
            (found.index, ends(found.window)),
            (index, expected),
            "{anchor} {now}"
        );
    }
    for months in [0, 1_201, u32::MAX] {
        let error = utc
            .anniversary(Timestamp::MIN, months, Timestamp::MIN)
            .unwrap_err();
        assert_eq!(error.code(), "period_invalid");
    }
}

#[test]
fn rounding_moves_to_the_end_of_the_local_period() {
    let lagos = calendar("Africa/Lagos");
    for (rounding, expected) in [
        (CalendarRounding::None, "2026-03-03T10:00:00.000001Z"),
        (CalendarRounding::EndOfDay, "2026-03-03T23:00:00Z"),
        (CalendarRounding::EndOfWeek, "2026-03-08T23:00:00Z"),
        (CalendarRounding::EndOfMonth, "2026-03-31T23:00:00Z"),
        (CalendarRounding::EndOfQuarter, "2026-03-31T23:00:00Z"),
        (CalendarRounding::EndOfHalfYear, "2026-06-30T23:00:00Z"),
        (CalendarRounding::EndOfYear, "2026-12-31T23:00:00Z"),
    ] {
        let rounded = lagos.round_up(at("2026-03-03T10:00:00.000001Z"), rounding);
        assert_eq!(rounded.to_string(), expected, "{rounding:?}");
        assert_eq!(
            lagos.round_up(Timestamp::MAX, rounding),
            Timestamp::MAX,
            "{rounding:?}"
        );
    }
    let july = at("2026-06-30T23:00:00Z");
    let rounded = lagos.round_up(july, CalendarRounding::EndOfHalfYear);
    assert_eq!(rounded.to_string(), "2026-12-31T23:00:00Z");
}
