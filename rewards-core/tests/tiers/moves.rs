//! Moves, as tables. Each step counts an amount (0 only looks) and says the tier and the next review afterwards.

use super::stage::{Member, at, ladder};

type Step = (&'static str, i64, &'static str, &'static str);

struct Case {
    name: &'static str,
    ladder: &'static str,
    zone: &'static str,
    registered: &'static str,
    steps: &'static [Step],
    /// All moves: the instant, the tier after, and the measure.
    moves: &'static [(&'static str, &'static str, i64)],
}

fn check(cases: &[Case]) {
    for case in cases {
        let mut member = Member::new(ladder(case.ladder), case.zone, at(case.registered));
        for (instant, amount, tier, review_at) in case.steps {
            let place = format!("{}, {instant}", case.name);
            if *amount == 0 {
                member.review(at(instant));
            } else {
                member.count(at(instant), *amount);
            }
            assert_eq!(member.tier(), *tier, "{place}");
            let expected = (*review_at != "-").then(|| at(review_at));
            assert_eq!(member.review_at(), expected, "{place}");
        }
        let moves: Vec<_> = member
            .moves
            .iter()
            .map(|step| (step.at, step.to.as_str(), step.measure))
            .collect();
        let expected: Vec<_> = case
            .moves
            .iter()
            .map(|(instant, to, measure)| (at(instant), *to, *measure))
            .collect();
        assert_eq!(moves, expected, "{}", case.name);
        let chained = member.moves.windows(2).all(|pair| {
            pair[0].to == pair[1].from && pair[0].at <= pair[1].at && pair[1].from != pair[1].to
        });
        assert!(chained, "{}", case.name);
    }
}

#[test]
fn up_moves_are_immediate_and_skip_tiers() {
    check(&[
        Case {
            name: "earned ever, kept for ever",
            ladder: r#"measure = { earned = "points" }"#,
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-02", 99, "bronze", "-"),
                ("2026-01-03", 1, "silver", "-"),
                ("2026-01-04", 900, "platinum", "-"),
                ("2026-06-01", -900, "platinum", "-"),
                ("2099-01-01", 0, "platinum", "-"),
            ],
            moves: &[
                ("2026-01-03", "silver", 100),
                ("2026-01-04", "platinum", 1000),
            ],
        },
        Case {
            name: "a month counts by itself",
            ladder: "measure = \"visits\"\nwindow = { calendar = \"month\" }\ndowngrade = \"never\"",
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-31T23:59:59Z", 99, "bronze", "-"),
                ("2026-02-01", 99, "bronze", "-"),
                ("2026-02-02", 1, "silver", "-"),
                ("2030-02-02", 0, "silver", "-"),
            ],
            moves: &[("2026-02-02", "silver", 100)],
        },
        Case {
            name: "thresholds of spend are amounts of money",
            ladder: r#"measure = { spend = "net" }"#,
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-02", 9_999, "bronze", "-"),
                ("2026-01-03", 1, "silver", "-"),
            ],
            moves: &[("2026-01-03", "silver", 10_000)],
        },
    ]);
}

#[test]
fn windows_are_decided_after_their_grace() {
    let month = "measure = { earned = \"points\" }\nwindow = { calendar = \"month\" }\ngrace_days = 5\ndowngrade = ";
    let one_step: &'static str = format!("{month}\"one_step\"").leak();
    let to_eligible: &'static str = format!("{month}\"to_eligible\"").leak();
    check(&[
        Case {
            name: "kept by its own window, lost after the following one",
            ladder: to_eligible,
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-10", 600, "gold", "2026-02-06"),
                ("2026-02-05T23:59:59Z", 0, "gold", "2026-02-06"),
                ("2026-02-06", 0, "gold", "2026-03-06"),
                ("2026-02-20", 120, "gold", "2026-03-06"),
                ("2026-03-05T23:59:59Z", 0, "gold", "2026-03-06"),
                ("2026-03-06", 0, "silver", "2026-04-06"),
                ("2026-04-06", 0, "bronze", "-"),
            ],
            moves: &[
                ("2026-01-10", "gold", 600),
                ("2026-03-06", "silver", 120),
                ("2026-04-06", "bronze", 0),
            ],
        },
        Case {
            name: "reached again in the grace",
            ladder: to_eligible,
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-10", 600, "gold", "2026-02-06"),
                ("2026-03-05", 500, "gold", "2026-03-06"),
                ("2026-03-06", 0, "gold", "2026-04-06"),
                ("2026-04-06", 0, "gold", "2026-05-06"),
                ("2026-05-06", 0, "bronze", "-"),
            ],
            moves: &[("2026-01-10", "gold", 600), ("2026-05-06", "bronze", 0)],
        },
        Case {
            name: "two windows do not add up",
            ladder: to_eligible,
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-10", 600, "gold", "2026-02-06"),
                ("2026-02-10", 499, "gold", "2026-03-06"),
                ("2026-03-02", 499, "gold", "2026-03-06"),
                ("2026-03-06", 0, "silver", "2026-04-06"),
            ],
            moves: &[("2026-01-10", "gold", 600), ("2026-03-06", "silver", 499)],
        },
        Case {
            name: "one step each window, however late the review",
            ladder: one_step,
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-10", 1000, "platinum", "2026-02-06"),
                ("2027-01-01", 0, "bronze", "-"),
            ],
            moves: &[
                ("2026-01-10", "platinum", 1000),
                ("2026-03-06", "gold", 0),
                ("2026-04-06", "silver", 0),
                ("2026-05-06", "bronze", 0),
            ],
        },
        Case {
            name: "a late purchase finds the reviews made first",
            ladder: one_step,
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-10", 1000, "platinum", "2026-02-06"),
                ("2026-04-20", 500, "gold", "2026-05-06"),
            ],
            moves: &[
                ("2026-01-10", "platinum", 1000),
                ("2026-03-06", "gold", 0),
                ("2026-04-06", "silver", 0),
                ("2026-04-20", "gold", 500),
            ],
        },
        Case {
            name: "a move up starts a new term",
            ladder: one_step,
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-10", 100, "silver", "2026-02-06"),
                ("2026-02-03", 500, "gold", "2026-03-06"),
                ("2026-04-05", 0, "gold", "2026-04-06"),
                ("2026-04-06", 0, "silver", "2026-05-06"),
            ],
            moves: &[
                ("2026-01-10", "silver", 100),
                ("2026-02-03", "gold", 500),
                ("2026-04-06", "silver", 0),
            ],
        },
    ]);
}

#[test]
fn reviews_start_local_days() {
    check(&[
        Case {
            name: "a month that ends in winter and is decided in summer",
            ladder: "measure = \"visits\"\nwindow = { calendar = \"month\" }\ngrace_days = 29\ndowngrade = \"to_eligible\"",
            zone: "Europe/Berlin",
            registered: "2026-01-01",
            steps: &[
                // Still January in UTC, already February in Berlin.
                (
                    "2026-01-31T23:00:00Z",
                    100,
                    "silver",
                    "2026-03-29T22:00:00Z",
                ),
            ],
            moves: &[("2026-01-31T23:00:00Z", "silver", 100)],
        },
        Case {
            name: "a window that ends where midnight does not exist",
            ladder: "measure = \"visits\"\nwindow = \"anniversary\"\ngrace_days = 1\ndowngrade = \"to_eligible\"",
            zone: "America/Sao_Paulo",
            // The clock went from 00:00 to 01:00 on 4 November 2018.
            registered: "2017-11-04T12:00:00Z",
            steps: &[
                (
                    "2018-11-04T02:59:59Z",
                    100,
                    "silver",
                    "2018-11-05T02:00:00Z",
                ),
                ("2018-11-04T03:00:00Z", 1, "silver", "2018-11-05T02:00:00Z"),
                ("2018-11-05T02:00:00Z", 0, "silver", "2019-11-05T03:00:00Z"),
            ],
            moves: &[("2018-11-04T02:59:59Z", "silver", 100)],
        },
        Case {
            name: "grace counts days on the clock",
            ladder: "measure = { balance = \"points\" }\ngrace_days = 1\ndowngrade = \"to_eligible\"",
            zone: "Europe/Berlin",
            registered: "2026-01-01",
            steps: &[
                ("2026-03-01", 100, "silver", "-"),
                // Noon before and after the night of 23 hours.
                ("2026-03-28T11:00:00Z", -1, "silver", "2026-03-29T10:00:00Z"),
                ("2026-03-29T09:59:59Z", 0, "silver", "2026-03-29T10:00:00Z"),
                ("2026-03-29T10:00:00Z", 0, "bronze", "-"),
            ],
            moves: &[
                ("2026-03-01", "silver", 100),
                ("2026-03-29T10:00:00Z", "bronze", 99),
            ],
        },
    ]);
}

#[test]
fn years_from_registration_follow_their_day() {
    check(&[Case {
        name: "registered on a leap day",
        ladder: "measure = \"visits\"\nwindow = \"anniversary\"\ngrace_days = 10\ndowngrade = \"one_step\"",
        zone: "UTC",
        registered: "2024-02-29T15:00:00Z",
        steps: &[
            ("2025-02-27T23:00:00Z", 500, "gold", "2025-03-10"),
            // The second year starts on the last day of February.
            ("2025-02-28", 100, "gold", "2025-03-10"),
            ("2025-03-10", 0, "gold", "2026-03-10"),
            ("2026-03-10", 0, "silver", "2027-03-10"),
            ("2028-02-28T23:59:59Z", 150, "silver", "2028-03-10"),
            // The fifth year starts on the leap day again.
            ("2028-02-29", 99, "silver", "2028-03-10"),
            ("2029-03-09", 0, "silver", "2029-03-10"),
            ("2029-03-10", 0, "bronze", "-"),
        ],
        moves: &[
            ("2025-02-27T23:00:00Z", "gold", 500),
            ("2026-03-10", "silver", 100),
            ("2027-03-10", "bronze", 0),
            ("2028-02-28T23:59:59Z", "silver", 150),
            ("2029-03-10", "bronze", 99),
        ],
    }]);
}

#[test]
fn rolling_days_and_balances_fall_after_their_grace() {
    let rolling = "measure = { earned = \"points\" }\nwindow = { calendar = { days = 30 } }\n";
    let rolling_grace: &'static str =
        format!("{rolling}downgrade = \"to_eligible\"\ngrace_days = 3").leak();
    let rolling_steps: &'static str = format!("{rolling}downgrade = \"one_step\"").leak();
    check(&[
        Case {
            name: "the day drops out",
            ladder: rolling_grace,
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-10T12:00:00Z", 600, "gold", "2026-01-11"),
                ("2026-02-08T23:00:00Z", 0, "gold", "2026-02-09"),
                ("2026-02-09", 0, "gold", "2026-02-12"),
                ("2026-02-12", 0, "bronze", "-"),
            ],
            moves: &[
                ("2026-01-10T12:00:00Z", "gold", 600),
                ("2026-02-12", "bronze", 0),
            ],
        },
        Case {
            name: "recovered in the grace",
            ladder: rolling_grace,
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-10T12:00:00Z", 600, "gold", "2026-01-11"),
                ("2026-02-11T18:00:00Z", 500, "gold", "2026-02-12"),
                ("2026-03-15", 0, "gold", "2026-03-16"),
                ("2026-03-16", 0, "bronze", "-"),
            ],
            moves: &[
                ("2026-01-10T12:00:00Z", "gold", 600),
                ("2026-03-16", "bronze", 0),
            ],
        },
        Case {
            name: "one step a day without grace, however late the review",
            ladder: rolling_steps,
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-10T12:00:00Z", 1000, "platinum", "2026-01-11"),
                ("2026-06-01", 0, "bronze", "-"),
            ],
            moves: &[
                ("2026-01-10T12:00:00Z", "platinum", 1000),
                ("2026-02-09", "gold", 0),
                ("2026-02-10", "silver", 0),
                ("2026-02-11", "bronze", 0),
            ],
        },
        Case {
            name: "a balance falls when it is spent, recovers, and falls again",
            ladder: "measure = { balance = \"points\" }\ndowngrade = \"to_eligible\"\ngrace_days = 7",
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-10", 600, "gold", "-"),
                ("2026-02-01", -200, "gold", "2026-02-08"),
                ("2026-02-03", -50, "gold", "2026-02-08"),
                ("2026-02-07", 150, "gold", "-"),
                ("2026-03-01", -450, "gold", "2026-03-08"),
                ("2026-04-01", 1, "bronze", "-"),
            ],
            moves: &[("2026-01-10", "gold", 600), ("2026-03-08", "bronze", 50)],
        },
        Case {
            name: "a lifetime falls only when purchases are cancelled",
            ladder: "measure = \"visits\"\ndowngrade = \"one_step\"\ngrace_days = 2",
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-10", 1000, "platinum", "-"),
                ("2036-01-10", 0, "platinum", "-"),
                ("2036-01-11", -950, "platinum", "2036-01-13"),
                ("2036-01-14", 0, "gold", "2036-01-15"),
                ("2036-01-18", 0, "bronze", "-"),
            ],
            moves: &[
                ("2026-01-10", "platinum", 1000),
                ("2036-01-13", "gold", 50),
                ("2036-01-15", "silver", 50),
                ("2036-01-17", "bronze", 50),
            ],
        },
        Case {
            name: "without grace a fall is immediate, and one step a day",
            ladder: "measure = { balance = \"points\" }\ndowngrade = \"one_step\"",
            zone: "UTC",
            registered: "2026-01-01",
            steps: &[
                ("2026-01-10T09:00:00Z", 600, "gold", "-"),
                ("2026-01-10T10:00:00Z", -600, "silver", "2026-01-11"),
                ("2026-01-10T11:00:00Z", 0, "silver", "2026-01-11"),
                ("2026-01-11", 0, "bronze", "-"),
            ],
            moves: &[
                ("2026-01-10T09:00:00Z", "gold", 600),
                ("2026-01-10T10:00:00Z", "silver", 0),
                ("2026-01-11", "bronze", 0),
            ],
        },
    ]);
}
