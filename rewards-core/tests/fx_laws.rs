//! Laws of foreign exchange: whoever goes there and back never has more, whatever the pair, the amount, the markup, the prices and
//! the chain; nothing is lost on the way; and a refund in parts comes to what the whole would have.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

use proptest::prelude::*;
use rewards_core::fx::{
    CompiledFx, ConversionTerms, Converted, FxChain, FxPair, FxPrice, FxRate, FxRateKind, FxRatios,
    FxSection,
};
use rewards_core::ledger::Purpose;
use rewards_core::money::{Currency, DecimalText, Money, Rate};
use rewards_core::operations::fx::{
    ConversionSubject, ConvertBalance, FxRateLine, ImportRates, RateContent, RefundConversion,
};
use rewards_core::time::{LocalDate, Timestamp};
use rust_decimal::Decimal;

use crate::world::{World, member};

/// Currencies of 0, 2, 3 and 4 decimals, and those of a wallet.
const CURRENCIES: [&str; 12] = [
    "EUR", "USD", "MYR", "SGD", "GBP", "THB", "IDR", "JPY", "KWD", "BHD", "CLF", "KRW",
];

fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

fn day() -> LocalDate {
    LocalDate::parse("2026-03-02").unwrap()
}

/// From 0.000001 to 99999999, with as many digits as there may be of it.
fn any_number() -> impl Strategy<Value = Decimal> {
    (1..100_000_000_i64, 0..7_u32).prop_map(|(digits, scale)| Decimal::new(digits, scale))
}

fn any_price() -> impl Strategy<Value = FxPrice> {
    let both = (any_number(), 0..1_000_i64).prop_map(|(bid, room)| {
        let ask = bid * (Decimal::ONE + Decimal::new(room, 3));
        FxPrice::BidAsk {
            bid: bid.into(),
            ask: DecimalText::from(ask.round_dp(6).max(bid)),
        }
    });
    prop_oneof![any_number().prop_map(|mid| FxPrice::Mid(mid.into())), both]
}

fn any_markup() -> impl Strategy<Value = Rate> {
    let percent = prop_oneof![Just(0_i64), 1..10_000_i64, 10_000..=100_000_i64];
    percent.prop_map(|hundredths| Rate::from_percent(Decimal::new(hundredths, 2)).unwrap())
}

/// A table of rates: of each pair, in either direction, a price or none.
type Table = Vec<(Currency, Currency, FxPrice)>;

fn any_table() -> impl Strategy<Value = Table> {
    let one = (0..12_usize, 0..12_usize, any_price());
    prop::collection::vec(one, 1..40).prop_map(|rates| {
        let rates = rates.into_iter().filter(|(base, quote, _)| base != quote);
        let code = |index: usize| currency(CURRENCIES[index]);
        rates
            .map(|(base, quote, price)| (code(base), code(quote), price))
            .collect()
    })
}

fn section() -> CompiledFx {
    let text = "sources = ['desk']\npivots = ['EUR', 'USD', 'MYR']\nrules = [{ id = 'all' }]";
    CompiledFx::compile(&toml::from_str::<FxSection>(text).unwrap()).unwrap()
}

fn chain(table: &Table, from: Currency, to: Currency) -> Option<FxChain> {
    let section = section();
    let lookup = section.lookup(from, to, day());
    let find = |pair: &FxPair| {
        let found = table
            .iter()
            .find(|(base, quote, _)| (*base, *quote) == (pair.base, pair.quote));
        let at = Timestamp::MIN;
        found.map(|(.., price)| FxRate::new(pair, day(), (FxRateKind::Market, *price), at))
    };
    lookup.resolve(find).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn there_and_back_never_gains(
        table in any_table(),
        (from, to) in (0..12_usize, 0..12_usize),
        amount in prop_oneof![0..1_000_i64, 0..10_000_000_000_i64, any::<i64>().prop_map(|minor| minor.saturating_abs())],
        (there, back) in (any_markup(), any_markup()),
    ) {
        let (from, to) = (currency(CURRENCIES[from]), currency(CURRENCIES[to]));
        prop_assume!(from != to);
        let (Some(way), Some(return_way)) = (chain(&table, from, to), chain(&table, to, from)) else {
            // What leads there leads back.
            prop_assert_eq!(chain(&table, from, to).is_some(), chain(&table, to, from).is_some());
            return Ok(());
        };
        prop_assert_eq!(way.legs.len(), return_way.legs.len());
        prop_assert_eq!(way.mid, return_way.mid.inverse());
        let (way, return_way) = (FxRatios::new(&way, there), FxRatios::new(&return_way, back));
        // Numbers beyond all range are refused as such, and never wrong.
        let (Ok(way), Ok(return_way)) = (way, return_way) else { return Ok(()) };
        let Ok(Converted { got, spread }) = way.convert(amount) else { return Ok(()) };
        prop_assert!(got >= 0 && spread >= 0);
        let Ok(returned) = return_way.convert(got) else { return Ok(()) };
        prop_assert!(returned.got <= amount, "{} of {amount}", returned.got);
    }

    #[test]
    fn every_published_cross_goes_round_without_a_gain(
        steps in prop::collection::vec(0..CROSSES.len(), 1..6),
        amount in 0..1_000_000_000_000_i64,
    ) {
        // All chains of one sheet go over the euro, so that no round trip of any length gains.
        let table: Table = CROSSES
            .iter()
            .map(|(code, price)| {
                let price = DecimalText::parse(price).unwrap();
                (currency("EUR"), currency(code), FxPrice::Mid(price))
            })
            .collect();
        let start = currency("EUR");
        let (mut held, mut minor) = (start, amount);
        let ways = steps.into_iter().map(|step| currency(CROSSES[step].0)).chain([start]);
        for next in ways.filter(|next| *next != start || amount > 0) {
            if next == held {
                continue;
            }
            let chain = chain(&table, held, next).unwrap();
            let none = Rate::from_percent(Decimal::ZERO).unwrap();
            minor = FxRatios::new(&chain, none).unwrap().convert(minor).unwrap().got;
            held = next;
        }
        prop_assert!(minor <= amount);
    }
}

/// Rates of one sheet, of 0, 2 and 3 decimals.
const CROSSES: [(&str, &str); 8] = [
    ("USD", "1.1698"),
    ("JPY", "184.19"),
    ("IDR", "19742.36"),
    ("MYR", "4.5938"),
    ("SGD", "1.49"),
    ("THB", "36.86"),
    ("GBP", "0.8739"),
    ("KWD", "0.3588"),
];

const PROGRAM: &str = "
    [fx]
    sources = ['desk']
    pivots = ['EUR']
    [[fx.rules]]
    id = 'out'
    from = ['EUR']
    purpose = 'main'
    markup = '1.25%'
    fee = { currency = 'EUR', charge = { percent = '0.5%', rounding = 'up' } }
    [[fx.rules]]
    id = 'in'
    to = ['EUR']
    from = ['USD', 'JPY', 'KWD']
    purpose = 'main'
    markup = '0.75%'
    fee = { currency = 'EUR', charge = { fixed = '0.01', paid_by = 'receiver' } }
";

fn control(world: &World, purpose: Purpose, asset: Currency) -> i128 {
    let key = (world.tenant.clone(), purpose, asset.into());
    world.controls.get(&key).copied().unwrap_or_default()
}

fn has(world: &World, asset: Currency) -> i64 {
    let balances = &world.members[&world.member_key("ann")].balances;
    balances.get(&Purpose::Main, asset.into())
}

fn convert(world: &mut World, id: &str, amount: Money, to: Currency) -> Option<ConversionTerms> {
    let request = ConvertBalance {
        conversion: id.parse().unwrap(),
        member: member("ann"),
        of: ConversionSubject::Amount {
            program: "main".parse().unwrap(),
            amount,
            to,
        },
    };
    match world.run(&request) {
        Ok(made) => Some(made.terms),
        Err(refused) => {
            let codes = [
                "insufficient_balance",
                "conversion_too_small",
                "fee_exceeds_amount",
            ];
            assert!(codes.contains(&refused.code()), "{refused}");
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_converted_and_refunded_is_in_the_books_and_never_more_than_before(
        prices in prop::collection::vec(any_price(), 3),
        amounts in prop::collection::vec((1..60_000_i64, 0..3_usize), 1..4),
        parts in prop::collection::vec(1..100_i64, 0..4),
    ) {
        let mut world = World::with(PROGRAM);
        let codes = ["USD", "JPY", "KWD"].map(currency);
        let euro = currency("EUR");
        let lines = codes.iter().zip(prices).map(|(quote, price)| FxRateLine {
            day: day(),
            base: euro,
            quote: *quote,
            price,
        });
        let import = ImportRates {
            source: "desk".parse().unwrap(),
            kind: Some(FxRateKind::Market),
            content: RateContent::Rates(lines.collect()),
            after: None,
            correct: None,
        };
        world.run(&import).unwrap();
        world.give_main("ann", 100_000);
        for (number, (minor, to)) in amounts.into_iter().enumerate() {
            let to = codes[to];
            let (start, position) = (has(&world, euro), control(&world, Purpose::Position, to));
            let amount = Money::new(minor, euro.into());
            let Some(terms) = convert(&mut world, &format!("c{number}"), amount, to) else {
                continue;
            };
            let fee = terms.fee.map_or(0, Money::minor);
            prop_assert_eq!(terms.given.minor(), terms.converted.minor() + fee);
            prop_assert_eq!(has(&world, euro), start - terms.given.minor());
            // Refunded in parts, and what is left as a whole.
            let whole = terms.arrived.minor();
            let (mut restored, mut back) = (0_i64, 0_i64);
            let ways = parts.iter().map(|part| Some((whole * part / 400).max(1)));
            for (place, part) in ways.chain([None]).enumerate() {
                let request = RefundConversion {
                    refund: format!("r{number}-{place}").parse().unwrap(),
                    conversion: format!("c{number}").parse().unwrap(),
                    member: member("ann"),
                    amount: part.map(|minor| Money::new(minor, to.into())),
                };
                match world.run(&request) {
                    Ok(made) => {
                        restored += made.refund.restored.minor();
                        back += made.refund.returned.minor();
                    }
                    Err(refused) => {
                        let codes = ["conversion_too_small", "refund_exceeds", "conversion_refunded"];
                        prop_assert!(codes.contains(&refused.code()), "{}", refused);
                    }
                }
                prop_assert!(restored <= terms.converted.minor());
            }
            if back == whole {
                prop_assert_eq!(restored, terms.converted.minor(), "parts are the whole");
                prop_assert_eq!(control(&world, Purpose::Position, to), position);
            }
            prop_assert!(has(&world, euro) <= start);
            // Once more, and back by a conversion of its own.
            let amount = Money::new(minor, euro.into());
            let before = has(&world, euro);
            if let Some(terms) = convert(&mut world, &format!("d{number}"), amount, to) {
                convert(&mut world, &format!("e{number}"), terms.arrived, euro);
            }
            prop_assert!(has(&world, euro) <= before);
        }
        world.assert_valid();
        for asset in codes.into_iter().chain([euro]) {
            let held = has(&world, asset);
            let own = [Purpose::Position, Purpose::Spread, Purpose::Fees, Purpose::Adjustments];
            let sum: i128 = own.into_iter().map(|purpose| control(&world, purpose, asset)).sum();
            prop_assert_eq!(sum + i128::from(held), 0, "{}", asset);
            prop_assert!(control(&world, Purpose::Spread, asset) >= 0);
        }
    }
}
