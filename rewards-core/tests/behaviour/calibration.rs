//! Scorecards that are fitted to what payments turned out to be: real ones, and made ones of which the answer is known.

use rewards_core::money::Asset;
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::rejection::Rejection;
use rewards_core::risk::calibrate::{
    CalibrationOptions, LabelledPayment, Measures, Replay, calibrate, calibrate_program,
    read_payments,
};
use rewards_core::risk::{CompiledRisk, Known};
use rewards_core::time::{Timestamp, Zone};

use crate::problems::found;

/// Payments of fifty terminals, April to June 2018, labelled.
const PAYMENTS: &str = include_str!("../data/card_payments.csv");

const CARDS: &str = "
id = 'cards'
currency = 'EUR'
zone = 'UTC'
[risk]
keys = ['customer', 'terminal']
features = [
  { id = 'amount', value = { amount = {} } },
  { id = 'fraud', value = { bad_share = { by = 'terminal', days = 30, delay_days = 7 } } },
  { id = 'fraud-7', value = { bad_share = { by = 'terminal', days = 7, delay_days = 7 } } },
  { id = 'hour', value = { local_hour = {} } },
]
[risk.scorecard]
base = 7
rules = [
  { id = 'amount', feature = 'amount', bands = [
    { until = 5000, points = 0 }, { from = 5000, until = 15000, points = 0 }, { from = 15000, until = 22001, points = 0 },
    { from = 22001, points = 0 },
  ] },
  { id = 'fraud', feature = 'fraud', bands = [
    { until = 1, points = 0 }, { from = 1, until = 300, points = 0 }, { from = 300, until = 1000, points = 0 }, { from = 1000, points = 0 },
  ] },
  { id = 'fraud-7', feature = 'fraud-7', bands = [
    { until = 1, points = 0 }, { from = 1, until = 3000, points = 0 }, { from = 3000, points = 0 },
  ] },
]
combinations = [
  { id = 'at-night', all = [{ feature = 'hour', until = 6 }, { feature = 'amount', from = 15000 }], points = 0 },
]
";

fn program(text: &str) -> Program {
    Program::from_toml(text).unwrap()
}

fn options(text: &str) -> CalibrationOptions {
    serde_json::from_str(text).unwrap()
}

const APRIL_AND_MAY: &str = r#"{ "from": "2018-04-08T00:00:00Z", "until": "2018-06-01T00:00:00Z", "label_delay_days": 7, "rising": ["amount", "fraud", "fraud-7"], "review_share": 800, "block_share": 200 }"#;

#[test]
fn points_follow_from_real_payments() {
    let cards = program(CARDS);
    let (fitted, found) = calibrate_program(&cards, PAYMENTS, &options(APRIL_AND_MAY)).unwrap();
    assert!(found.before.auc == 0.5 && found.before.ks == 0.0);
    assert!(
        found.after.auc > 0.87 && found.after.ks > 0.75,
        "{}",
        found.report()
    );
    // All that is fitted is counted: in each rule each payment once.
    for rule in &found.rules {
        let all: u64 = rule.bands.iter().map(|band| band.payments).sum();
        let bad: u64 = rule.bands.iter().map(|band| band.bad).sum();
        assert_eq!((all, bad), (found.payments, found.bad), "{}", rule.rule);
    }
    let card = &fitted.risk.as_ref().unwrap().scorecard;
    assert_eq!(card.base, 0);
    for rule in &card.rules {
        let points: Vec<i32> = rule.bands.iter().map(|band| band.points).collect();
        assert!(points.is_sorted(), "{}: {points:?}", rule.id);
        assert_eq!(
            points.iter().chain([&rule.none]).min(),
            Some(&0),
            "{}",
            rule.id
        );
    }
    assert!(card.rules[1].bands[3].points > 30, "{}", found.report());
    // What was fitted can be published: both thresholds can fire.
    assert!(card.review_at.unwrap() < card.block_at.unwrap());
    assert!(CompiledProgram::compile(fitted.clone(), 1, Timestamp::MIN).is_ok());
    let report = found.report();
    for line in ["fraud-7", "  holds", "AUC  0.5000 before", "review_at "] {
        assert!(report.contains(line), "{line}\n{report}");
    }
    // The same again is the same.
    let (again, twice) = calibrate_program(&cards, PAYMENTS, &options(APRIL_AND_MAY)).unwrap();
    assert_eq!((again, twice), (fitted.clone(), found));
    // It holds on payments that it was not fitted to.
    let june = options(r#"{ "from": "2018-06-08T00:00:00Z", "label_delay_days": 7 }"#);
    let (_, june) = calibrate_program(&fitted, PAYMENTS, &june).unwrap();
    assert!(june.before.auc > 0.8, "{}", june.report());
}

/// Payments of which nothing is known but the amount, so many in a thousand of which are bad.
fn made(shares: &[(i64, u32)]) -> Vec<LabelledPayment> {
    let payments = shares.iter().flat_map(|(amount, bad)| {
        (0..1_000).map(move |number| {
            // All at noon.
            let seconds = (i64::from(number) + 1) * 86_400 - 43_200;
            let at = Timestamp::from_micros(seconds * 1_000_000).unwrap();
            LabelledPayment::new(at, *amount, &[], number < *bad)
        })
    });
    payments.collect()
}

#[test]
fn the_log_odds_of_bands_are_what_they_are() {
    let cards = program(CARDS);
    let risk = cards.risk.as_ref().unwrap();
    // Odds of 10 to 990, 20 to 980, 40 to 960 and 500 to 500; twenty points double them. Whole points, drawn a little to zero.
    let payments = made(&[(1_000, 10), (10_000, 20), (20_000, 40), (30_000, 500)]);
    let fitted = calibrate(risk, Zone::UTC, &payments, &options("{}")).unwrap();
    let points: Vec<i32> = fitted.scorecard.rules[0]
        .bands
        .iter()
        .map(|band| band.points)
        .collect();
    let odds = |bad: f64| (bad / (1_000.0 - bad)).log2() * 20.0;
    for (points, bad) in points.iter().zip([10.0, 20.0, 40.0, 500.0]) {
        let exact = odds(bad) - odds(10.0);
        assert!(
            (f64::from(*points) - exact).abs() < 12.0,
            "{points} for {exact}"
        );
    }
    // None of them was at night.
    assert_eq!(fitted.scorecard.combinations[0].points, 0);
    // Where the shares fall and points must rise, neighbours are worth the same.
    let payments = made(&[(1_000, 10), (10_000, 40), (20_000, 20), (30_000, 500)]);
    for (asked, is_pooled) in [("{}", false), (r#"{ "rising": ["amount"] }"#, true)] {
        let fitted = calibrate(risk, Zone::UTC, &payments, &options(asked)).unwrap();
        let bands = &fitted.scorecard.rules[0].bands;
        assert_eq!(bands[1].points == bands[2].points, is_pooled, "{asked}");
    }
    let falling = options(r#"{ "falling": ["amount"] }"#);
    let fitted = calibrate(risk, Zone::UTC, &payments, &falling).unwrap();
    let bands = &fitted.scorecard.rules[0].bands;
    assert!(
        bands.iter().all(|band| band.points == 0),
        "{}",
        fitted.report()
    );
}

#[test]
fn measures_are_those_of_all_pairs() {
    let scored = [
        (9, true),
        (5, true),
        (5, false),
        (5, false),
        (2, true),
        (1, false),
    ];
    let measures = Measures::of(scored.to_vec());
    let mut pairs = 0.0;
    for (bad, _) in scored.iter().filter(|one| one.1) {
        for (good, _) in scored.iter().filter(|one| !one.1) {
            pairs += f64::from(u8::from(bad > good)) + f64::from(u8::from(bad == good)) / 2.0;
        }
    }
    assert!((measures.auc - pairs / 9.0).abs() < 1e-12, "{measures:?}");
    assert!((measures.ks - 1.0 / 3.0).abs() < 1e-12, "{measures:?}");
}

#[test]
fn a_replay_knows_no_label_too_early() {
    let cards = program(CARDS);
    let risk = CompiledRisk::of(cards.risk.as_ref().unwrap());
    let at = |day: i64| Timestamp::from_micros(day * 86_400_000_000 + 1).unwrap();
    let paid = |day, is_bad| LabelledPayment::new(at(day), 100, &[("terminal", "t")], is_bad);
    let payments = [
        paid(0, true),
        paid(6, false),
        paid(7, false),
        paid(8, false),
    ];
    // A week after the payment its label is known, and its day is in the window; with ten days of delay, not yet.
    for (delay, want) in [
        (
            7,
            [
                Known::Nothing,
                Known::Nothing,
                Known::Value(10_000),
                Known::Value(10_000),
            ],
        ),
        (
            8,
            [
                Known::Nothing,
                Known::Nothing,
                Known::Value(0),
                Known::Value(10_000),
            ],
        ),
        (
            10,
            [
                Known::Nothing,
                Known::Nothing,
                Known::Value(0),
                Known::Value(0),
            ],
        ),
    ] {
        let seen = Replay::new(&risk, Zone::UTC, delay, &payments);
        let fraud: Vec<Known> = seen.map(|seen| seen.unwrap().values[1]).collect();
        assert_eq!(fraud, want, "{delay}");
    }
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let cards = program(CARDS);
    let risk = cards.risk.as_ref().unwrap();
    let euro = Asset::parse("EUR").unwrap();
    for (text, want) in [
        (
            "occurred_at,amount,bad,terminal\n2018-04-01T00:00:00Z,1.00,1,7\n\n",
            vec![],
        ),
        (
            "occurred_at,bad,terminal\n",
            vec![("column_missing", "[1]")],
        ),
        // A key that features look at; nobody looks at customers.
        ("occurred_at,amount,bad\n", vec![("column_missing", "[1]")]),
        (
            "occurred_at,amount,bad,terminal,car\n",
            vec![("reference_unknown", "[1]")],
        ),
        (
            "occurred_at,amount,bad,terminal\n2018-04-01,1.00,1,\n2018-04-01T00:00:00Z,1.005,1,\n2018-04-01T00:00:00Z,-1,1,\n\
             2018-04-01T00:00:00Z,1,yes,\n2018-04-01T00:00:00Z,1,1\n",
            vec![
                ("time_invalid", "[2]"),
                ("amount_scale", "[3]"),
                ("amount_negative", "[4]"),
                ("label_invalid", "[5]"),
                ("cells_mismatch", "[6]"),
            ],
        ),
    ] {
        let problems = read_payments(text, risk, euro).err().unwrap_or_default();
        assert_eq!(found(&problems), want, "{text}");
    }
    let one = "occurred_at,amount,bad,terminal\n2018-04-01T00:00:00Z,1.00,1,\n";
    let two = "occurred_at,amount,bad,terminal\n2018-04-01T00:00:00Z,1.00,1,\n2018-04-01T00:00:00Z,1.00,0,\n";
    for (text, asked, code, path) in [
        (one, "{}", "history_one_sided", ""),
        (
            two,
            r#"{ "rising": ["none"] }"#,
            "reference_unknown",
            "rising",
        ),
        (
            two,
            r#"{ "rising": ["amount"], "falling": ["amount"] }"#,
            "reference_unknown",
            "rising",
        ),
        (
            two,
            r#"{ "points_to_double": 0 }"#,
            "number_out_of_range",
            "points_to_double",
        ),
        (
            two,
            r#"{ "review_share": 1, "block_share": 2 }"#,
            "number_out_of_range",
            "block_share",
        ),
    ] {
        let Err(Rejection::Invalid(problems)) = calibrate_program(&cards, text, &options(asked))
        else {
            panic!("{asked}");
        };
        assert_eq!(found(&problems), [(code, path)], "{asked}");
    }
    let plain = program("id = 'plain'\ncurrency = 'EUR'\nzone = 'UTC'\n");
    let none = calibrate_program(&plain, two, &options("{}")).unwrap_err();
    assert_eq!(none.code(), "risk_not_offered");
}
