//! Rates imported and looked up, and balances valued by them.

use rewards_core::fx::FxPrice;
use rewards_core::money::{DecimalText, Money};
use rewards_core::operations::fx::{
    FxRateLine, ImportRates, ListRates, RateContent, ValueBalances,
};

use super::{ECB, PROGRAM, code, desk, ecb, get_rate, import, mid, rate, world};
use crate::words::{money, say, say_all};
use crate::world::World;

fn imported(world: &mut World, request: &ImportRates) -> String {
    match world.run(request) {
        Ok(reply) => {
            let counts = (reply.imported, reply.unchanged, reply.corrected);
            format!("{counts:?} {:?} {}", reply.next, reply.skipped.join(" "))
        }
        refused => code(refused),
    }
}

fn value(balances: &[(&str, &str)], currency: &str, day: Option<&str>) -> ValueBalances {
    let balances = balances.iter().map(|(amount, asset)| money(amount, asset));
    ValueBalances {
        program: "main".parse().unwrap(),
        balances: balances.collect(),
        currency: currency.parse().unwrap(),
        day: day.map(|day| day.parse().unwrap()),
    }
}

#[test]
fn a_rate_is_the_latest_on_the_day_or_before_directly_inverse_or_over_a_pivot() {
    let mut world = world();
    let dear = FxPrice::BidAsk {
        bid: DecimalText::parse("0.35").unwrap(),
        ask: DecimalText::parse("0.37").unwrap(),
    };
    desk(&mut world, vec![rate("KWD", "EUR", dear)]);
    for (from, to, day, expected) in [
        ("EUR", "USD", None, "1.1698 ecb 0 [EUR>USD 1.1698]"),
        ("USD", "EUR", None, "0.854846982390 ecb 0 [EUR<USD 1.1698]"),
        (
            "USD",
            "MYR",
            None,
            "3.92699606770 ecb 0 [EUR<USD 1.1698, EUR>MYR 4.5938]",
        ),
        (
            "MYR",
            "IDR",
            None,
            "4297.60982193 ecb 0 [EUR<MYR 4.5938, EUR>IDR 19742.36]",
        ),
        // On a Sunday, that of Friday; nobody knows a later one.
        (
            "EUR",
            "USD",
            Some("2026-03-01"),
            "1.1805 ecb 2 [EUR>USD 1.1805]",
        ),
        (
            "EUR",
            "USD",
            Some("2026-03-06"),
            "1.1698 ecb 4 [EUR>USD 1.1698]",
        ),
        ("EUR", "USD", Some("2026-03-07"), "rate_stale"),
        // There was no rate of the crown of Iceland for years.
        ("EUR", "ISK", Some("2008-12-10"), "290 ecb 1 [EUR>ISK 290]"),
        ("EUR", "ISK", Some("2009-01-02"), "rate_stale"),
        ("EUR", "USD", Some("2008-11-02"), "rate_missing"),
        ("EUR", "BHD", None, "rate_missing"),
        ("EUR", "EUR", None, "pair_not_allowed"),
        // By bid and ask: in the middle of 0.35 and 0.37.
        ("KWD", "EUR", None, "0.36 desk 0 [KWD>EUR 0.35 to 0.37]"),
        (
            "EUR",
            "KWD",
            None,
            "2.77777777777 desk 0 [KWD<EUR 0.35 to 0.37]",
        ),
    ] {
        let found = get_rate(&mut world, from, to, day);
        let found = found.unwrap_or_else(|refused| refused.code().to_owned());
        let is_same = match expected.split_once(' ') {
            // What is told of a long rate is its first digits.
            Some((number, rest)) => {
                let (own, own_rest) = found.split_once(' ').unwrap_or((&found, ""));
                own_rest == rest && own.starts_with(number.trim_end_matches('0'))
            }
            None => found == expected,
        };
        assert!(
            is_same,
            "{from} to {to} on {day:?}: {found}, expected {expected}"
        );
    }
}

#[test]
fn imports_are_resumed_repeated_refused_and_corrected() {
    let mut world = World::with(PROGRAM);
    let withdrawn = "CYP EEK LTL LVL MTL ROL SIT SKK TRL";
    let all = imported(&mut world, &ecb());
    let rates = world
        .entities
        .keys()
        .filter(|key| key.kind == "fx_rate")
        .count();
    assert_eq!(all, format!("({rates}, 0, 0) None {withdrawn}"));
    let before = world.entities.clone();
    let again = imported(&mut world, &ecb());
    assert_eq!(again, format!("(0, {rates}, 0) None {withdrawn}"));
    assert_eq!(world.entities, before);

    let wrong = import(
        "ecb",
        RateContent::Rates(vec![rate("EUR", "USD", mid("1.1689"))]),
    );
    assert_eq!(imported(&mut world, &wrong), "rate_differs");
    assert_eq!(world.entities, before);
    let correct = ImportRates {
        correct: Some("a typo".to_owned()),
        ..wrong.clone()
    };
    assert_eq!(imported(&mut world, &correct), "(0, 0, 1) None ");
    assert_eq!(imported(&mut world, &wrong), "(0, 1, 0) None ");
    let list = ListRates {
        source: "ecb".parse().unwrap(),
        base: "EUR".parse().unwrap(),
        quote: "USD".parse().unwrap(),
        until: Some("2026-03-02".parse().unwrap()),
        after: None,
        limit: Some(2),
    };
    let page = world.run(&list).unwrap();
    let told: Vec<String> = page
        .rates
        .iter()
        .map(|rate| format!("{} {}", rate.day, rate.price))
        .collect();
    assert_eq!(told, ["2026-03-02 1.1689", "2026-02-27 1.1805"]);
    let corrections = &page.rates[0].corrections;
    assert_eq!(
        (corrections[0].price, &*corrections[0].reason),
        (mid("1.1698"), "a typo")
    );
    let next = ListRates {
        after: page.next,
        ..list
    };
    let page = world.run(&next).unwrap();
    assert_eq!(page.rates[0].day.to_string(), "2026-02-26");
}

#[test]
fn a_file_that_is_long_is_taken_in_parts() {
    let mut world = World::with(PROGRAM);
    let day = |number: i32| rewards_core::time::LocalDate::from_day(10_000 + number).unwrap();
    let lines = (0..10_001).map(|number| FxRateLine {
        day: day(number),
        ..rate("EUR", "USD", mid("1.1"))
    });
    let mut request = import("desk", RateContent::Rates(lines.collect()));
    for expected in [
        "(5000, 0, 0) Some(5000) ",
        "(5000, 0, 0) Some(10000) ",
        "(1, 0, 0) None ",
    ] {
        let reply = imported(&mut world, &request);
        assert_eq!(reply, expected);
        request.after = Some(request.after.unwrap_or_default() + 5_000);
    }
    assert_eq!(imported(&mut world, &request), "number_out_of_range after");
}

#[test]
fn what_cannot_be_imported_writes_nothing() {
    let mut world = World::with(PROGRAM);
    let none = world.entities.clone();
    let cut = |at: usize| RateContent::EcbCsv(ECB[..at].to_owned());
    let lines = |lines: Vec<FxRateLine>| RateContent::Rates(lines);
    let future = FxRateLine {
        day: "2026-03-04".parse().unwrap(),
        ..rate("EUR", "USD", mid("1.1"))
    };
    let crossed = FxPrice::BidAsk {
        bid: DecimalText::parse("1.2").unwrap(),
        ask: DecimalText::parse("1.1").unwrap(),
    };
    for (content, expected) in [
        (cut(7_000), "csv_cut content.ecb_csv["),
        (cut(100), "csv_cut"),
        (
            RateContent::EcbCsv(String::new()),
            "csv_header_invalid content.ecb_csv[1][1]",
        ),
        (
            RateContent::EcbCsv("Date,USD,\n2026-03-02,0,\n2026-02-27,-1.2,\n".to_owned()),
            "rate_not_positive content.ecb_csv[2][2], rate_not_positive content.ecb_csv[3][2]",
        ),
        (lines(Vec::new()), "rates_empty content.rates"),
        (
            lines(vec![rate("EUR", "USD", mid("0"))]),
            "rate_not_positive content.rates[0].price",
        ),
        (
            lines(vec![rate("EUR", "USD", crossed)]),
            "fx_rate_invalid content.rates[0].price",
        ),
        (lines(vec![future]), "date_in_future content.rates[0].day"),
        (
            lines(vec![rate("EUR", "EUR", mid("1"))]),
            "pair_invalid content.rates[0].quote",
        ),
        (
            lines(vec![
                rate("EUR", "USD", mid("1")),
                rate("EUR", "USD", mid("2")),
            ]),
            "rate_duplicate content.rates[1]",
        ),
    ] {
        let found = code(world.run(&import("ecb", content)));
        assert!(found.contains(expected), "{found}, expected {expected}");
        assert_eq!(world.entities, none);
    }
    let silent = ImportRates {
        correct: Some("  ".to_owned()),
        ..ecb()
    };
    assert_eq!(code(world.run(&silent)), "text_invalid correct");
    let wordy = ImportRates {
        correct: Some("x".repeat(501)),
        ..ecb()
    };
    assert_eq!(code(world.run(&wordy)), "text_too_long correct");
    assert_eq!(world.entities, none);
}

#[test]
fn a_rate_is_corrected_so_often_and_no_more() {
    let mut world = World::with(PROGRAM);
    for number in 0..=17 {
        let price = mid(&format!("1.{}", number + 10));
        let request = ImportRates {
            correct: Some("again".to_owned()),
            ..import("desk", RateContent::Rates(vec![rate("EUR", "USD", price)]))
        };
        let expected = if number <= 16 { "done" } else { "too_many" };
        assert_eq!(code(world.run(&request)), expected, "{number}");
    }
}

#[test]
fn balances_are_valued_in_any_currency_on_a_day() {
    let mut world = world();
    let owed = [
        ("100.00", "EUR"),
        ("100.00", "USD"),
        ("1", "JPY"),
        ("500", "points"),
        ("0", "GBP"),
    ];
    // 100 + 85.4846… + 0.0054… + 0, each rounded up.
    let valued = world.run(&value(&owed, "EUR", None)).unwrap();
    assert_eq!(say(&valued.total), "185.50 EUR");
    let values: Vec<Money> = valued.valued.iter().map(|one| one.value).collect();
    assert_eq!(say_all(&values), "100.00 EUR 85.49 EUR 0.01 EUR 0.00 EUR");
    assert_eq!(say_all(&valued.unvalued), "500 points");
    assert!(valued.valued[0].chain.is_empty() && valued.valued[1].chain[0].inverse);
    // On a Saturday, by the rates of Friday: 118.05 + 100.00.
    let day = Some("2026-02-28");
    let valued = world.run(&value(&owed[..2], "USD", day)).unwrap();
    assert_eq!(say(&valued.total), "218.05 USD");
    for (balances, currency, day, expected) in [
        (&[("1.000", "KWD")][..], "EUR", None, "rate_missing"),
        (
            &[("1.00", "USD")][..],
            "EUR",
            Some("2008-01-01"),
            "rate_missing",
        ),
        (
            &[("1.00", "USD")][..],
            "EUR",
            Some("2009-03-01"),
            "rate_stale",
        ),
        (
            &[("-1.00", "USD")][..],
            "EUR",
            None,
            "amount_negative balances[0]",
        ),
        (
            &[("92233720368547758.07", "EUR"), ("0.01", "EUR")][..],
            "EUR",
            None,
            "overflow",
        ),
    ] {
        let request = value(balances, currency, day);
        assert_eq!(code(world.run(&request)), expected, "{request:?}");
    }
    let many = ValueBalances {
        balances: vec![money("1.00", "EUR"); 201],
        ..value(&[], "EUR", None)
    };
    assert_eq!(code(world.run(&many)), "count_invalid balances");
    assert_eq!(
        say(&world.run(&value(&[], "EUR", None)).unwrap().total),
        "0.00 EUR"
    );
}
