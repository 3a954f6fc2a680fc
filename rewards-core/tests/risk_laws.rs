//! Laws of risk: what is kept of payments is what a list of all of them would say, in whatever order they came, and a scorecard
//! reaches what it can reach and nothing else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rewards_core::ids::Slug;
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::risk::{
    FeatureValue, History, Known, Moment, Reach, RiskHistory, RiskWindow, Scored,
};
use rewards_core::time::{Timestamp, Zone};

const SECOND: i64 = 1_000_000;

#[derive(Debug, Clone)]
struct Paid {
    at: Timestamp,
    amount: i64,
    device: String,
}

/// Payments of some days, many of them close to each other.
fn any_payments() -> impl Strategy<Value = Vec<Paid>> {
    let at = prop_oneof![
        0..3_600_i64,
        0..200_000_i64,
        0..12_000_000_i64,
        (0..200_i64).prop_map(|minutes| minutes * 60),
    ];
    let paid = (at, 1..1_000_i64, 0..90_u32).prop_map(|(seconds, amount, device)| Paid {
        at: Timestamp::from_micros((1_772_000_000 - seconds) * SECOND).unwrap(),
        amount,
        device: format!("d{device}"),
    });
    vec(paid, 1..160)
}

fn any_window() -> impl Strategy<Value = RiskWindow> {
    prop_oneof![
        (1..=120_u16).prop_map(RiskWindow::Minutes),
        (1..=72_u16).prop_map(RiskWindow::Hours),
        (1..=90_u16).prop_map(RiskWindow::Days),
    ]
}

fn zone() -> Zone {
    Zone::parse("Asia/Kuala_Lumpur").unwrap()
}

fn slug(name: &str) -> Slug {
    name.parse().unwrap()
}

fn kept<'a>(payments: impl Iterator<Item = &'a Paid>) -> RiskHistory {
    let program = "main".parse().unwrap();
    let mut history = RiskHistory::new(&program, &slug("member"), "ann", Timestamp::MIN);
    let device = slug("device");
    for paid in payments {
        let moment = Moment::new(paid.at, zone());
        let others = [(&device, paid.device.as_str())];
        history
            .add(&moment, paid.amount, others.into_iter())
            .unwrap();
    }
    history
}

/// The number of the unit of a window that an instant is in.
fn unit(window: RiskWindow, at: Timestamp) -> (i64, i64) {
    match window {
        RiskWindow::Minutes(length) => (at.micros() / SECOND / 60, length.into()),
        RiskWindow::Hours(length) => (at.micros() / SECOND / 3_600, length.into()),
        // Kuala Lumpur is eight hours ahead, all year.
        RiskWindow::Days(length) => ((at.micros() / SECOND + 8 * 3_600) / 86_400, length.into()),
    }
}

proptest! {
    #[test]
    fn what_is_kept_is_what_a_list_would_say(payments in any_payments(), window in any_window()) {
        let history = kept(payments.iter());
        let latest = payments.iter().map(|paid| paid.at).max().unwrap();
        let (last, length) = unit(window, latest);
        let is_in = |paid: &&Paid| unit(window, paid.at).0 > last - length;
        let seen: Vec<&Paid> = payments.iter().filter(is_in).collect();
        let moment = Moment::new(latest, zone());
        let found = history.within(window, &moment).unwrap();
        prop_assert_eq!(usize::try_from(found.count).unwrap(), seen.len());
        prop_assert_eq!(found.sum, seen.iter().map(|paid| paid.amount).sum::<i64>());
        prop_assert_eq!(found.most, seen.iter().map(|paid| paid.amount).max().unwrap());
        let devices: BTreeSet<&str> = seen.iter().map(|paid| paid.device.as_str()).collect();
        let distinct = history.distinct(&slug("device"), window, &moment);
        prop_assert_eq!(usize::try_from(distinct).unwrap(), devices.len().min(65));
        prop_assert_eq!(history.last(&moment), Ok(Some(latest)));
    }

    #[test]
    fn the_order_of_payments_makes_no_difference(
        (payments, shuffled) in any_payments().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let history = kept(payments.iter());
        prop_assert_eq!(&kept(shuffled.iter()), &history);
        let text = serde_json::to_string(&history).unwrap();
        prop_assert_eq!(serde_json::from_str::<RiskHistory>(&text).unwrap(), history);
        prop_assert!(text.len() < 30_000, "{} bytes", text.len());
    }

    #[test]
    fn labels_of_a_day_are_counted_once(payments in any_payments(), bad in vec(any::<bool>(), 160)) {
        let mut history = kept(payments.iter());
        let latest = Moment::new(payments.iter().map(|paid| paid.at).max().unwrap(), zone());
        let mut want = 0;
        for (paid, is_bad) in payments.iter().zip(bad) {
            let day = Moment::new(paid.at, zone()).day;
            if is_bad {
                history.label(day, true);
                want += u32::from(day > latest.day - 90);
            } else {
                // What was bad and is not after all.
                history.label(day, true);
                history.label(day, false);
            }
        }
        prop_assert_eq!(history.labelled(90, 0, &latest).unwrap().bad, want);
    }

    #[test]
    fn a_scorecard_reaches_what_it_can_reach(card in any_card()) {
        let (document, features) = card;
        let program = Program::from_toml(&document).unwrap();
        let program = CompiledProgram::compile(program, 1, Timestamp::MIN);
        let program = program.map_err(|problems| format!("{problems:?}\n{document}")).unwrap();
        let card = program.risk().unwrap().live();
        let mut want = BTreeSet::new();
        for hour in 0..24 {
            for weekday in 1..=7 {
                for mean in [Known::Nothing].into_iter().chain((0..20).map(Known::Value)) {
                    let values = [Known::Value(hour), Known::Value(weekday), mean];
                    want.insert(card.points(&values));
                }
            }
        }
        prop_assert_eq!(card.reach(&features), Reach::Exactly(want));
    }
}

/// Bands of a feature with edges within its range.
fn any_bands(least: i64, most: i64) -> impl Strategy<Value = String> {
    let edges = prop::collection::btree_set(least + 1..=most, 0..4);
    (edges, vec(-9..9_i32, 5)).prop_map(|(edges, points)| {
        let mut bands = String::new();
        let mut from = String::new();
        let mut points = points.into_iter();
        for edge in edges {
            let worth = points.next().unwrap_or_default();
            bands.push_str(&format!("{{ {from}until = {edge}, points = {worth} }}, "));
            from = format!("from = {edge}, ");
        }
        let worth = points.next().unwrap_or_default();
        format!("{bands}{{ {from}points = {worth} }}")
    })
}

fn any_card() -> impl Strategy<Value = (String, Vec<FeatureValue>)> {
    let tests = vec(
        (select(vec!["hour", "day", "mean"]), 0..8_i64, 1..9_i64),
        1..4,
    );
    let combinations = vec((tests, -9..9_i32), 0..3);
    let bands = (
        any_bands(0, 23),
        any_bands(1, 7),
        any_bands(0, 11),
        any_bands(0, 11),
    );
    (bands, combinations, -5..5_i32, -9..9_i32).prop_map(|(bands, combinations, base, none)| {
        let within = RiskWindow::Days(3);
        let mean = FeatureValue::Mean(History { by: slug("member"), within });
        let features = vec![FeatureValue::LocalHour {}, FeatureValue::Weekday {}, mean];
        let together = combinations.iter().enumerate().map(|(index, (tests, points))| {
            let all = tests.iter().map(|(feature, from, length)| {
                format!("{{ feature = '{feature}', from = {from}, until = {} }}", from + length)
            });
            let all = all.collect::<Vec<_>>().join(", ");
            format!("{{ id = 'c{index}', all = [{all}], points = {points} }}")
        });
        let together = together.collect::<Vec<_>>().join(", ");
        let (hour, day, mean, more) = bands;
        let document = format!(
            "id = 'main'\ncurrency = 'EUR'\nzone = 'UTC'\n[risk]\nfeatures = [\n\
             {{ id = 'hour', value = {{ local_hour = {{}} }} }},\n{{ id = 'day', value = {{ weekday = {{}} }} }},\n\
             {{ id = 'mean', value = {{ mean = {{ by = 'member', within = {{ days = 3 }} }} }} }},\n]\n\
             [risk.scorecard]\nbase = {base}\ncombinations = [{together}]\nrules = [\n\
             {{ id = 'h', feature = 'hour', bands = [{hour}] }},\n{{ id = 'd', feature = 'day', bands = [{day}] }},\n\
             {{ id = 'm', feature = 'mean', none = {none}, bands = [{mean}] }},\n\
             {{ id = 'n', feature = 'mean', bands = [{more}] }},\n]\n"
        );
        (document, features)
    })
}

#[test]
fn sums_beyond_their_range_are_told() {
    let program = "main".parse().unwrap();
    let mut history = RiskHistory::new(&program, &slug("device"), "d", Timestamp::MIN);
    let day = 86_400 * SECOND;
    let moment = |days: i64| Moment::new(Timestamp::from_micros(days * day).unwrap(), Zone::UTC);
    history
        .add(&moment(10), i64::MAX, std::iter::empty())
        .unwrap();
    assert!(
        history
            .clone()
            .add(&moment(10), 1, std::iter::empty())
            .is_err()
    );
    history.add(&moment(11), 1, std::iter::empty()).unwrap();
    assert_eq!(
        history
            .within(RiskWindow::Days(1), &moment(11))
            .unwrap()
            .sum,
        1
    );
    assert!(history.within(RiskWindow::Days(2), &moment(11)).is_err());
}

/// Of a payment that comes before all instants that are kept, nobody knows how long ago the last one was.
#[test]
fn what_was_forgotten_is_unknown() {
    let mut risk = RiskHistory::new(
        &"main".parse().unwrap(),
        &slug("member"),
        "ann",
        Timestamp::MIN,
    );
    let moment = |minutes: i64| {
        Moment::new(
            Timestamp::from_micros(minutes * 60 * SECOND).unwrap(),
            Zone::UTC,
        )
    };
    let text = "id = 'main'\ncurrency = 'EUR'\nzone = 'UTC'\n[risk]\n\
         features = [{ id = 'it', value = { since_last = { by = 'member' } } }]\n\
         [risk.scorecard]\nrules = [{ id = 'r', feature = 'it', bands = [{ points = 1 }] }]\n";
    let program = Program::from_toml(text).unwrap();
    let program = CompiledProgram::compile(program, 1, Timestamp::MIN).unwrap();
    let compiled = program.risk().unwrap();
    let since = |risk: &RiskHistory, minutes| {
        let scored = Scored {
            moment: moment(minutes),
            amount: 1,
            member_since: None,
            histories: vec![Some(risk)],
        };
        compiled.values(&scored).unwrap()[0]
    };
    assert_eq!(since(&risk, 5), Known::Nothing);
    for minute in 100..115 {
        risk.add(&moment(minute), 1, std::iter::empty()).unwrap();
    }
    assert_eq!(since(&risk, 5), Known::Nothing);
    assert_eq!(since(&risk, 120), Known::Value(6));
    assert_eq!(since(&risk, 103), Known::Value(0));
    risk.add(&moment(115), 1, std::iter::empty()).unwrap();
    assert_eq!(since(&risk, 5), Known::Unknown);
    assert_eq!(since(&risk, 100), Known::Value(0));
}
