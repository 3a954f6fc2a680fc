//! What scoring a payment costs, beside a hand-written loop over the same counters, and how well a fitted scorecard tells frauds apart.
//!
//! `cargo bench -p rewards-tests --bench risk` measures scoring with feature updates in memory, in interleaved rounds on one core, prints
//! one table and writes `target/bench/risk.json`.
//!
//! `cargo bench -p rewards-tests --bench risk -- payments.csv` also fits `cards.toml` to April and May of a file of labelled payments (the
//! columns of `rewards_core::risk::calibrate::read_payments`, with the keys `customer` and `terminal`), labels a week late, and writes the
//! scores of 8 to 30 June to `target/bench/risk-scores.csv`. `peers.py` holds them beside the models of scikit-learn.
#![allow(
    missing_docs,
    reason = "a program of its own, with the docs a reader of its code needs"
)]

mod by_hand;

use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rewards_core::program::Program;
use rewards_core::risk::calibrate::{
    CalibrationOptions, LabelledPayment, Replay, calibrate_program, read_payments,
};
use rewards_core::risk::{CompiledRisk, Known};
use rewards_core::time::{Timestamp, Zone};
use serde_json::json;

use self::by_hand::ByHand;

const CARDS: &str = include_str!("cards.toml");
const PAYMENTS: usize = 100_000;
const CUSTOMERS: u64 = 2_000;
const TERMINALS: u64 = 4_000;
const ROUNDS: usize = 9;
/// At least this share of the speed of the hand-written loop.
const GOAL: f64 = 0.6;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let program = Program::from_toml(CARDS).map_err(|problems| format!("{problems:?}"))?;
    speed(&program)?;
    match std::env::args()
        .skip(1)
        .find(|argument| argument.ends_with(".csv"))
    {
        Some(path) => quality(&program, Path::new(&path)),
        None => Ok(()),
    }
}

/// Payments of two months, one every few seconds, the same in each run.
fn payments() -> Outcome<Vec<LabelledPayment>> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut seconds = 1_522_540_800_u64;
    let mut payments = Vec::with_capacity(PAYMENTS);
    for _ in 0..PAYMENTS {
        seconds += next(100);
        let at = Timestamp::from_micros(i64::try_from(seconds * 1_000_000)?)?;
        let amount = i64::try_from(100 + next(30_000))?;
        let (customer, terminal) = (next(CUSTOMERS).to_string(), next(TERMINALS).to_string());
        let keys = [
            ("customer", customer.as_str()),
            ("terminal", terminal.as_str()),
        ];
        payments.push(LabelledPayment::new(at, amount, &keys, next(100) == 0));
    }
    Ok(payments)
}

fn speed(program: &Program) -> Outcome {
    let payments = payments()?;
    let risk = CompiledRisk::of(program.risk.as_ref().ok_or("no risk")?);
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let mut sum = 0_i64;
        for seen in Replay::new(&risk, Zone::UTC, 7, &payments) {
            let seen = seen.map_err(|error| format!("{error:?}"))?;
            sum += risk.live().points(&seen.values);
        }
        ours.push(begun.elapsed().as_secs_f64());
        black_box(sum);
        let begun = Instant::now();
        let mut hand = ByHand::new(&risk);
        let mut sum = 0_i64;
        for payment in &payments {
            sum += hand.score(payment);
        }
        by_hand.push(begun.elapsed().as_secs_f64());
        black_box(sum);
    }
    agree(&risk, &payments)?;
    let mut rates = [ours, by_hand].map(|mut times| {
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
        PAYMENTS as f64 / median
    });
    let [ours, by_hand] = &mut rates;
    let ratio = *ours / *by_hand;
    println!(
        "{:<44} {:>14}",
        "scoring with feature updates, one core", "payments/s"
    );
    println!("{:<44} {ours:>14.0}", "the engine's scorecard");
    println!(
        "{:<44} {by_hand:>14.0}",
        "a hand-written loop over the same counters"
    );
    println!("ratio {ratio:.2}, goal: at least {GOAL}");
    let report =
        json!({ "goal": GOAL, "ratio": ratio, "ours_per_s": *ours, "by_hand_per_s": *by_hand });
    std::fs::write(folder()?.join("risk.json"), format!("{report:#}\n"))?;
    Ok(())
}

/// Both see the same features, or the comparison says nothing.
fn agree(risk: &CompiledRisk, payments: &[LabelledPayment]) -> Outcome {
    let mut hand = ByHand::new(risk);
    let seen = Replay::new(risk, Zone::UTC, 7, payments);
    for (seen, payment) in seen.zip(payments) {
        let ours: Vec<Option<i64>> = seen
            .map_err(|error| format!("{error:?}"))?
            .values
            .into_iter()
            .map(|known| match known {
                Known::Value(value) => Some(value),
                Known::Nothing | Known::Unknown => None,
            })
            .collect();
        let found = hand.features(payment);
        if ours != found {
            return Err(format!("{}: {ours:?}, by hand {found:?}", payment.occurred_at).into());
        }
        hand.count(payment);
    }
    Ok(())
}

fn quality(program: &Program, path: &Path) -> Outcome {
    let text = std::fs::read_to_string(path)?;
    let options = CalibrationOptions {
        from: Some(Timestamp::parse("2018-04-08T00:00:00Z")?),
        until: Some(Timestamp::parse("2018-06-01T00:00:00Z")?),
        label_delay_days: 7,
        ..CalibrationOptions::default()
    };
    let (fitted, found) = calibrate_program(program, &text, &options)?;
    println!("\n{}", found.report());
    let section = fitted.risk.as_ref().ok_or("no risk")?;
    let payments = read_payments(&text, section, fitted.currency.into());
    let mut payments = payments.map_err(|problems| format!("{problems:?}"))?;
    payments.sort_by_key(|payment| payment.occurred_at);
    let risk = CompiledRisk::of(section);
    let first = Timestamp::parse("2018-06-08T00:00:00Z")?;
    let mut scores = "occurred_at,customer,bad,score\n".to_owned();
    for (seen, payment) in Replay::new(&risk, Zone::UTC, 7, &payments).zip(&payments) {
        let seen = seen.map_err(|error| format!("{error:?}"))?;
        if seen.occurred_at >= first {
            let who = payment.keys.get("customer").map_or("", String::as_str);
            let score = risk.live().points(&seen.values);
            let bad = u8::from(seen.is_bad);
            writeln!(scores, "{},{who},{bad},{score}", seen.occurred_at)?;
        }
    }
    std::fs::write(folder()?.join("risk-scores.csv"), scores)?;
    Ok(())
}

fn folder() -> Outcome<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
