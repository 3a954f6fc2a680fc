//! Tables of the text forms: timestamps, zones, dates, times of day, periods, windows.
#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap fails the test, as it should"
)]

use rewards_core::time::{
    DateRange, Period, TimeError, TimeOfDay, TimeOfDayRange, Timestamp, WeekStart, Window, Zone,
};
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn ends(window: Window) -> (String, String) {
    (window.start().to_string(), window.end().to_string())
}

#[test]
fn timestamp_text_is_utc_with_the_fewest_exact_digits() {
    for (given, expected) in [
        ("2026-11-21T09:30:00Z", "2026-11-21T09:30:00Z"),
        ("2026-11-21T09:30:00.000Z", "2026-11-21T09:30:00Z"),
        ("2026-11-21T09:30:00.5Z", "2026-11-21T09:30:00.500Z"),
        ("2026-11-21T09:30:00.000001Z", "2026-11-21T09:30:00.000001Z"),
        (
            "2026-11-21T09:30:00.123456000Z",
            "2026-11-21T09:30:00.123456Z",
        ),
        ("2026-11-21T09:30:00+05:45", "2026-11-21T03:45:00Z"),
        ("2026-11-21T23:30:00-01:00", "2026-11-22T00:30:00Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("2199-12-31T23:59:59.999999Z", "2199-12-31T23:59:59.999999Z"),
        ("2200-01-01T00:00:00Z", "2200-01-01T00:00:00Z"),
    ] {
        let parsed = at(given);
        assert_eq!(parsed.to_string(), expected, "{given}");
        assert_eq!(serde_json::to_value(parsed).unwrap(), json!(expected));
        assert_eq!(
            serde_json::from_value::<Timestamp>(json!(given)).unwrap(),
            parsed
        );
        assert_eq!(Timestamp::try_from(parsed.to_datetime()).unwrap(), parsed);
    }
}

#[test]
fn bad_timestamps_are_refused_by_their_own_code() {
    let long = "9".repeat(10_000);
    for (given, code) in [
        ("", "time_invalid"),
        ("now", "time_invalid"),
        ("2026-11-21", "time_invalid"),
        ("2026-02-30T00:00:00Z", "time_invalid"),
        ("2026-11-21T24:00:00Z", "time_invalid"),
        ("2026-11-21T09:30:00.1234567Z", "time_invalid"),
        ("2026-11-21T09:30:00.0000000000001Z", "time_invalid"),
        ("2016-12-31T23:59:60Z", "time_invalid"),
        (long.as_str(), "time_invalid"),
        ("2026-11-21T09:30:00", "time_naive"),
        ("2026-11-21 09:30:00.25", "time_naive"),
        ("1969-12-31T23:59:59Z", "time_out_of_range"),
        ("1970-01-01T00:00:00+01:00", "time_out_of_range"),
        ("2200-01-01T00:00:00.000001Z", "time_out_of_range"),
        ("9999-12-31T23:59:59Z", "time_out_of_range"),
    ] {
        let error = Timestamp::parse(given).unwrap_err();
        assert_eq!(error.code(), code, "{given}");
        assert!(error.to_string().len() < 200, "{error}");
        assert!(serde_json::from_value::<Timestamp>(json!(given)).is_err());
    }
    for micros in [i64::MIN, -1, Timestamp::MAX.micros() + 1, i64::MAX] {
        assert_eq!(
            Timestamp::from_micros(micros).unwrap_err().code(),
            "time_out_of_range"
        );
    }
    for datetime in [
        chrono::DateTime::from_timestamp(0, 1).unwrap(),
        chrono::DateTime::from_timestamp(59, 1_500_000_000).unwrap(),
        chrono::DateTime::from_timestamp(-1, 0).unwrap(),
    ] {
        assert!(Timestamp::try_from(datetime).is_err(), "{datetime}");
    }
    assert!(Timestamp::MAX.checked_add_micros(1).is_err());
    assert!(Timestamp::MIN.checked_add_days(-1).is_err());
    assert!(Timestamp::MIN.checked_add_days(i64::MAX).is_err());
    assert!(Timestamp::MAX.checked_add_micros(i64::MAX).is_err());
}

#[test]
fn unknown_zones_suggest_the_nearest_name() {
    for (given, nearest) in [
        ("Afrika/Lagos", Some("Africa/Lagos")),
        ("europe/berlin", Some("Europe/Berlin")),
        ("Lagos", Some("Africa/Lagos")),
        ("America/NewYork", Some("America/New_York")),
        ("Middle-earth", None),
        ("", None),
    ] {
        let expected = TimeError::ZoneUnknown {
            name: given.to_owned(),
            nearest: nearest.map(str::to_owned),
        };
        let error = Zone::parse(given).unwrap_err();
        assert_eq!(error.code(), "zone_unknown", "{given}");
        assert_eq!(error, expected);
    }
    assert_eq!(
        serde_json::to_value(zone("Africa/Lagos")).unwrap(),
        json!("Africa/Lagos")
    );
    assert_eq!(
        serde_json::from_value::<Zone>(json!("UTC")).unwrap(),
        Zone::UTC
    );
}

#[test]
fn date_ranges_say_whether_their_end_counts() {
    for (given, start, end) in [
        (
            json!({"from": "2026-11-01", "through": "2026-11-30"}),
            "2026-10-31T23:00:00Z",
            "2026-11-30T23:00:00Z",
        ),
        (
            json!({"from": "2026-11-01", "before": "2026-11-30"}),
            "2026-10-31T23:00:00Z",
            "2026-11-29T23:00:00Z",
        ),
        (
            json!({"from": "2026-11-01", "through": "2026-11-01"}),
            "2026-10-31T23:00:00Z",
            "2026-11-01T23:00:00Z",
        ),
        (
            json!({"from": "2026-11-01"}),
            "2026-10-31T23:00:00Z",
            "2200-01-01T00:00:00Z",
        ),
        (
            json!({"before": "2026-11-01"}),
            "1970-01-01T00:00:00Z",
            "2026-10-31T23:00:00Z",
        ),
        (json!({}), "1970-01-01T00:00:00Z", "2200-01-01T00:00:00Z"),
    ] {
        let range: DateRange = serde_json::from_value(given.clone()).unwrap();
        let window = range.resolve(zone("Africa/Lagos")).unwrap();
        assert_eq!(ends(window), (start.to_owned(), end.to_owned()), "{given}");
        assert_eq!(serde_json::to_value(range).unwrap(), given);
        for instant in [
            "2026-10-31T23:00:00Z",
            "2026-11-29T23:00:00Z",
            "2026-11-30T23:00:00Z",
        ] {
            let number = zone("Africa/Lagos").local(at(instant)).day;
            assert_eq!(
                range.contains_day(number),
                window.contains(at(instant)),
                "{given}"
            );
        }
    }
    for (given, message) in [
        (
            json!({"through": "2026-11-30", "before": "2026-12-01"}),
            "got both `2026-11-30`",
        ),
        (
            json!({"from": "2026-11-02", "through": "2026-11-01"}),
            "got `2026-11-02` to `through",
        ),
        (
            json!({"from": "2026-11-01", "before": "2026-11-01"}),
            "ends after it starts",
        ),
        (json!({"from": "2026-11-31"}), "expected a date"),
        (json!({"from": "2026-1-1"}), "expected a date"),
        (json!({"from": "+026-11-01"}), "expected a date"),
        (json!({"from": "2026-11-01T00:00:00Z"}), "expected a date"),
        (json!({"from": "1969-12-30"}), "1970-01-01"),
        (json!({"to": "2026-11-01"}), "unknown field `to`"),
    ] {
        let error = serde_json::from_value::<DateRange>(given.clone())
            .unwrap_err()
            .to_string();
        assert!(error.contains(message), "{given}: {error}");
    }
    let skipped: DateRange =
        serde_json::from_value(json!({"from": "2011-12-30", "through": "2011-12-30"})).unwrap();
    assert_eq!(
        skipped.resolve(zone("Pacific/Apia")).unwrap_err().code(),
        "range_empty"
    );
}

#[test]
fn times_of_day_wrap_midnight() {
    for (from, until, inside, outside) in [
        (
            "09:00",
            "17:30",
            vec!["09:00", "17:29:59"],
            vec!["08:59:59", "17:30"],
        ),
        (
            "22:00",
            "02:00",
            vec!["22:00", "23:59:59", "00:00", "01:59:59"],
            vec!["02:00", "21:59:59"],
        ),
        (
            "22:00",
            "24:00",
            vec!["22:00", "23:59:59"],
            vec!["00:00", "21:59:59"],
        ),
        (
            "22:00",
            "00:00",
            vec!["22:00", "23:59:59"],
            vec!["00:00", "21:59:59"],
        ),
        ("00:00", "24:00", vec!["00:00", "23:59:59"], vec![]),
    ] {
        let given = json!({"from": from, "until": until});
        let range: TimeOfDayRange = serde_json::from_value(given.clone()).unwrap();
        assert_eq!(serde_json::to_value(range).unwrap(), given);
        for (times, expected) in [(inside, true), (outside, false)] {
            for time in times {
                let seconds = TimeOfDay::parse(time).unwrap().seconds();
                assert_eq!(range.contains(seconds), expected, "{time} in {given}");
            }
        }
    }
    for (from, until) in [
        ("09:00", "09:00"),
        ("24:00", "09:00"),
        ("9:00", "10:00"),
        ("09:00", "24:01"),
    ] {
        let given = json!({"from": from, "until": until});
        assert!(
            serde_json::from_value::<TimeOfDayRange>(given.clone()).is_err(),
            "{given}"
        );
    }
    for text in [
        "",
        "9",
        "09",
        "9:00",
        "09:60",
        "24:00",
        "09:00:60",
        "09:00:00:00",
        "+9:00",
    ] {
        assert_eq!(
            TimeOfDay::parse(text).unwrap_err().code(),
            "time_of_day_invalid",
            "{text}"
        );
    }
    assert_eq!(TimeOfDay::parse("09:30:00").unwrap().to_string(), "09:30");
    assert_eq!(
        TimeOfDay::parse("09:30:05").unwrap().to_string(),
        "09:30:05"
    );
}

#[test]
fn periods_and_windows_in_documents() {
    for (period, text) in [
        (Period::Day, json!("day")),
        (Period::Week, json!("week")),
        (Period::Month, json!("month")),
        (Period::Quarter, json!("quarter")),
        (Period::Year, json!("year")),
        (Period::Lifetime, json!("lifetime")),
        (Period::Days(30), json!({"days": 30})),
        (Period::Days(3_660), json!({"days": 3660})),
    ] {
        assert_eq!(serde_json::to_value(period).unwrap(), text);
        assert_eq!(serde_json::from_value::<Period>(text).unwrap(), period);
    }
    let bad: [Value; 6] = [
        json!("decade"),
        json!({"days": 0}),
        json!({"days": 3661}),
        json!({"days": -1}),
        json!({"days": 1.5}),
        json!({"days": 70_000}),
    ];
    for text in bad {
        assert!(
            serde_json::from_value::<Period>(text.clone()).is_err(),
            "{text}"
        );
    }
    assert_eq!(Period::days(0).unwrap_err().code(), "period_invalid");
    assert_eq!(
        serde_json::to_value(WeekStart::default()).unwrap(),
        json!("monday")
    );

    let window = json!({"start": "2026-11-21T00:00:00Z", "end": "2200-01-01T00:00:00Z"});
    let read: Window = serde_json::from_value(window.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), window);
    let empty = json!({"start": "2026-11-21T00:00:00Z", "end": "2026-11-21T00:00:00Z"});
    assert!(serde_json::from_value::<Window>(empty).is_err());
}

#[cfg(feature = "schema")]
#[test]
fn schemas_name_the_text_formats() {
    for (schema, format) in [
        (schemars::schema_for!(Timestamp), "date-time"),
        (schemars::schema_for!(rewards_core::time::LocalDate), "date"),
        (schemars::schema_for!(Zone), "iana-time-zone"),
        (schemars::schema_for!(TimeOfDay), "time-of-day"),
    ] {
        assert_eq!(schema.get("type"), Some(&json!("string")));
        assert_eq!(schema.get("format"), Some(&json!(format)));
    }
    for (schema, field) in [
        (schemars::schema_for!(DateRange), "through"),
        (schemars::schema_for!(TimeOfDayRange), "until"),
        (schemars::schema_for!(Window), "end"),
    ] {
        assert!(
            schema.pointer(&format!("/properties/{field}")).is_some(),
            "{schema:?}"
        );
        assert_eq!(schema.get("additionalProperties"), Some(&json!(false)));
    }
    let days = "/oneOf/5/properties/days/maximum";
    let period = schemars::schema_for!(Period);
    assert_eq!(period.pointer(days), Some(&json!(3_660)), "{period:?}");
}
