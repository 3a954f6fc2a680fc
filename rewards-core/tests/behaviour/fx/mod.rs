//! Foreign exchange: what its tests share.

mod conversions;
mod rates;
mod refunds;

use rewards_core::fx::{ConversionTerms, FxPrice};
use rewards_core::ledger::Purpose;
use rewards_core::money::{DecimalText, Money};
use rewards_core::operations::fx::{
    ConversionSubject, ConvertBalance, FxRateLine, GetRate, ImportRates, LockConversion,
    QuoteConversion, RateContent,
};
use rewards_core::rejection::Rejection;

use crate::words::say;
use crate::world::{World, member};

/// Two stretches of the published history: the turn of the year 2009, when ISK had no rates and SKK gave way to the euro, and the
/// first weeks of 2026.
pub const ECB: &str = include_str!("../../data/ecb_reference_rates.csv");

const PROGRAM: &str = r#"
    [fx]
    sources = ["desk", "ecb"]
    pivots = ["EUR", "USD"]
    quote_seconds = 600
    [[fx.rules]]
    id = "travel"
    from = ["EUR"]
    to = ["USD", "JPY", "IDR", "KWD"]
    purpose = "main"
    markup = "2.5%"
    [[fx.rules]]
    id = "home"
    from = ["USD"]
    to = ["EUR"]
    purpose = "main"
    markup = "2.5%"
    fee = { currency = "USD", charge = { fixed = "0.50", percent = "1%" } }
    [[fx.rules]]
    id = "east"
    from = ["USD", "EUR"]
    to = ["MYR"]
    purpose = "main"
    fee = { currency = "MYR", charge = { fixed = "2.00", paid_by = "receiver" } }
    [[fx.rules]]
    id = "gifts"
    from = ["EUR"]
    to = ["GBP", "THB"]
    [[fx.rules]]
    id = "gifts-back"
    from = ["GBP"]
    to = ["EUR"]
    expiry = "never"
"#;

/// A program that converts, with the rates of the central bank.
fn world() -> World {
    let mut world = World::with(PROGRAM);
    world.run(&ecb()).unwrap();
    world.give_main("ann", 100_000);
    world
}

fn ecb() -> ImportRates {
    import("ecb", RateContent::EcbCsv(ECB.to_owned()))
}

fn import(source: &str, content: RateContent) -> ImportRates {
    ImportRates {
        source: source.parse().unwrap(),
        kind: None,
        content,
        after: None,
        correct: None,
    }
}

fn mid(text: &str) -> FxPrice {
    FxPrice::Mid(DecimalText::parse(text).unwrap())
}

/// A rate of today.
fn rate(base: &str, quote: &str, price: FxPrice) -> FxRateLine {
    FxRateLine {
        day: "2026-03-02".parse().unwrap(),
        base: base.parse().unwrap(),
        quote: quote.parse().unwrap(),
        price,
    }
}

fn desk(world: &mut World, rates: Vec<FxRateLine>) {
    let import = import("desk", RateContent::Rates(rates));
    world.run(&import).unwrap();
}

fn quote(amount: Money, to: &str) -> QuoteConversion {
    QuoteConversion {
        program: "main".parse().unwrap(),
        amount,
        to: to.parse().unwrap(),
    }
}

fn lock(id: &str, who: &str, amount: Money, to: &str) -> LockConversion {
    LockConversion {
        quote: id.parse().unwrap(),
        program: "main".parse().unwrap(),
        member: member(who),
        amount,
        to: to.parse().unwrap(),
    }
}

fn convert(id: &str, amount: Money, to: &str) -> ConvertBalance {
    let of = ConversionSubject::Amount {
        program: "main".parse().unwrap(),
        amount,
        to: to.parse().unwrap(),
    };
    subject(id, "ann", of)
}

fn use_quote(id: &str, who: &str, quote: &str) -> ConvertBalance {
    subject(id, who, ConversionSubject::Quote(quote.parse().unwrap()))
}

fn subject(id: &str, who: &str, of: ConversionSubject) -> ConvertBalance {
    ConvertBalance {
        conversion: id.parse().unwrap(),
        member: member(who),
        of,
    }
}

fn get_rate(
    world: &mut World,
    from: &str,
    to: &str,
    day: Option<&str>,
) -> Result<String, Rejection> {
    let get = GetRate {
        program: "main".parse().unwrap(),
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        day: day.map(|day| day.parse().unwrap()),
    };
    let found = world.run(&get)?;
    let legs = found.chain.iter().map(|leg| {
        let way = if leg.inverse { "<" } else { ">" };
        format!("{}{way}{} {}", leg.base, leg.quote, leg.price)
    });
    let legs: Vec<String> = legs.collect();
    let (source, age) = (found.source, found.age_days);
    Ok(format!(
        "{} {source} {age} [{}]",
        found.mid,
        legs.join(", ")
    ))
}

fn told(terms: &ConversionTerms) -> String {
    let fee = terms
        .fee
        .map_or_else(String::new, |fee| format!(" fee {}", say(&fee)));
    let (given, converted) = (say(&terms.given), terms.converted);
    let (arrived, spread) = (say(&terms.arrived), terms.spread);
    format!("{given} ({converted}){fee} -> {arrived} + {spread}")
}

fn code<T>(result: Result<T, Rejection>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(Rejection::Invalid(problems)) => {
            let problems = problems.iter();
            let told = problems.map(|problem| format!("{} {}", problem.code, problem.path));
            told.collect::<Vec<_>>().join(", ")
        }
        Err(rejection) => rejection.code().to_owned(),
    }
}

/// What the tenant has on an account, in minor units.
fn control(world: &World, purpose: Purpose, asset: &str) -> i128 {
    let key = (world.tenant.clone(), purpose, asset.parse().unwrap());
    world.controls.get(&key).copied().unwrap_or_default()
}

/// What a member has in a currency, in minor units.
fn has(world: &World, who: &str, purpose: Purpose, asset: &str) -> i64 {
    let row = world.members.get(&world.member_key(who)).unwrap();
    row.balances.get(&purpose, asset.parse().unwrap())
}
