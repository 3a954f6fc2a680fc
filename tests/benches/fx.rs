//! What converting costs in the core: beside a look-up in a table and one multiplication and division of 128 bits.
//!
//! `cargo bench -p rewards-tests --bench fx` converts the same amounts of all pairs of 32 currencies over the euro, in interleaved
//! rounds, and prints one table with the ratios. The core works out what the member gets and what the tenant keeps.
#![allow(
    missing_docs,
    reason = "a program of its own, with the docs a reader of its code needs"
)]

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use rewards_core::fx::{CompiledFx, FxPair, FxPrice, FxRate, FxRateKind, FxRatios, FxSection};
use rewards_core::money::{Currency, DecimalText, Rate};
use rewards_core::time::{LocalDate, Timestamp};

/// The published rates of one day.
const SHEET: &str = "USD 1.1698,JPY 184.19,CZK 24.274,DKK 7.4712,GBP 0.8739,HUF 381.7,PLN 4.244,RON 5.0976,SEK 10.708,\
    CHF 0.9117,ISK 143.9,NOK 11.191,TRY 51.4229,AUD 1.6579,BRL 6.0908,CAD 1.5991,CNY 8.0512,HKD 9.1509,IDR 19742.36,\
    ILS 3.6066,INR 107.317,KRW 1710.38,MXN 20.2947,MYR 4.5938,NZD 1.9709,PHP 68.135,SGD 1.49,THB 36.86,ZAR 18.9055";
/// The most that converting may cost of a look-up, a multiplication and a division.
const GOAL: f64 = 4.0;
const ROUNDS: usize = 15;
const PASSES: usize = 400;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;
type Pair = (Currency, Currency);

fn main() -> Outcome {
    let tables = Tables::read()?;
    let amounts: Vec<i64> = (0..64).map(|number| 199 + number * 7_919).collect();
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        let [bare, core] = &mut times;
        bare.push(time(|| tables.bare(&amounts))?);
        core.push(time(|| tables.core(&amounts))?);
    }
    println!(
        "{:<52} {:>11} {:>7}",
        "convert one amount", "median ns", "ratio"
    );
    let count = tables.pairs.len() * PASSES;
    let mut base = f64::NAN;
    let names = [
        "a look-up, a multiplication and a division",
        "the core: what is had, and the spread",
    ];
    for (name, times) in names.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
        let nanos = median / u32::try_from(count).map(f64::from)?;
        if base.is_nan() {
            base = nanos;
        }
        println!("{name:<52} {nanos:>11.1} {:>7.2}", nanos / base);
        if nanos / base > GOAL {
            return Err(format!("{name}: more than {GOAL} times as much").into());
        }
    }
    Ok(())
}

fn time(run: impl FnOnce() -> Outcome<i64>) -> Outcome<f64> {
    let start = Instant::now();
    black_box(run()?);
    Ok(start.elapsed().as_secs_f64() * 1e9)
}

/// The same pairs for both sides.
struct Tables {
    pairs: Vec<Pair>,
    bare: HashMap<Pair, (i128, i128)>,
    core: HashMap<Pair, FxRatios>,
}

impl Tables {
    fn read() -> Outcome<Self> {
        let euro = Currency::parse("EUR")?;
        let mut prices = HashMap::new();
        for line in SHEET.split(',') {
            let (code, price) = line.trim().split_once(' ').ok_or("a code and a price")?;
            let price = FxPrice::Mid(DecimalText::parse(price)?);
            prices.insert(Currency::parse(code)?, price);
        }
        let section: FxSection =
            serde_json::from_str(r#"{"sources":["ecb"],"pivots":["EUR"],"rules":[{"id":"all"}]}"#)?;
        let section = CompiledFx::compile(&section)?;
        let day = LocalDate::parse("2026-03-02")?;
        let find = |pair: &FxPair| {
            let price = prices.get(&pair.quote).filter(|_| pair.base == euro)?;
            let said = (FxRateKind::Reference, *price);
            Some(FxRate::new(pair, day, said, Timestamp::MIN))
        };
        let markup = Rate::parse("2.5%")?;
        let currencies: Vec<Currency> = prices.keys().copied().chain([euro]).collect();
        let mut tables = Self {
            pairs: Vec::new(),
            bare: HashMap::new(),
            core: HashMap::new(),
        };
        for from in &currencies {
            for to in currencies.iter().filter(|to| *to != from) {
                let chain = section.lookup(*from, *to, day).resolve(find)?;
                let ratio = chain.mid;
                let parts = (i128::try_from(ratio.num())?, i128::try_from(ratio.den())?);
                tables.pairs.push((*from, *to));
                tables.bare.insert((*from, *to), parts);
                let ratios = FxRatios::new(&chain, markup)?;
                tables.core.insert((*from, *to), ratios);
            }
        }
        Ok(tables)
    }

    fn bare(&self, amounts: &[i64]) -> Outcome<i64> {
        let mut sum = 0_i64;
        for pass in 0..PASSES {
            let amount = amounts.get(pass % amounts.len()).ok_or("an amount")?;
            for pair in &self.pairs {
                let (num, den) = self.bare.get(black_box(pair)).ok_or("a pair")?;
                let got = i128::from(*amount) * num / den;
                sum = sum.wrapping_add(i64::try_from(got)?);
            }
        }
        Ok(sum)
    }

    fn core(&self, amounts: &[i64]) -> Outcome<i64> {
        let mut sum = 0_i64;
        for pass in 0..PASSES {
            let amount = amounts.get(pass % amounts.len()).ok_or("an amount")?;
            for pair in &self.pairs {
                let ratios = self.core.get(black_box(pair)).ok_or("a pair")?;
                let converted = ratios.convert(*amount)?;
                sum = sum.wrapping_add(converted.got ^ converted.spread);
            }
        }
        Ok(sum)
    }
}
