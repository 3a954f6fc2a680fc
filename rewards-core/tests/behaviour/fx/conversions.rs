//! Conversions quoted, locked and made.

use rewards_core::event::Event;
use rewards_core::fx::FxPrice;
use rewards_core::ledger::Purpose;
use rewards_core::money::DecimalText;
use rewards_core::operations::balances::GetStatement;
use rewards_core::operations::fx::{ConvertedBalance, GetConversion, ListConversions};

use super::{
    code, control, convert, desk, ecb, get_rate, has, lock, mid, quote, rate, subject, told,
    use_quote, world,
};
use crate::words::{money, say};
use crate::world::{World, at, member};

#[test]
fn an_amount_becomes_less_by_markup_and_fee_and_is_rounded_once_for_the_tenant() {
    let mut world = world();
    let dear = FxPrice::BidAsk {
        bid: DecimalText::parse("2.70").unwrap(),
        ask: DecimalText::parse("2.80").unwrap(),
    };
    desk(&mut world, vec![rate("KWD", "EUR", dear)]);
    for (amount, to, expected) in [
        // 100 × 1.1698 ÷ 1.025 = 114.126…; 116.98 in the middle.
        (
            ("100.00", "EUR"),
            "USD",
            "100.00 EUR (100.00) -> 114.12 USD + 2.86",
        ),
        // No decimals: 100 × 184.19 ÷ 1.025 = 17969.756…
        (
            ("100.00", "EUR"),
            "JPY",
            "100.00 EUR (100.00) -> 17969 JPY + 450",
        ),
        // Two decimals of a small unit: 1926083.902…, 1974236.
        (
            ("100.00", "EUR"),
            "IDR",
            "100.00 EUR (100.00) -> 1926083.90 IDR + 48152.10",
        ),
        // Three decimals, at the ask: 100 ÷ 2.80 ÷ 1.025 = 34.8432…; 100 ÷ 2.75 = 36.3636…
        (
            ("100.00", "EUR"),
            "KWD",
            "100.00 EUR (100.00) -> 34.843 KWD + 1.520",
        ),
        // A fee on top of the 10 that are converted: 0.50 and 1 %. 10 ÷ 1.1698 ÷ 1.025 = 8.3399…; 8.5484…
        (
            ("10.00", "USD"),
            "EUR",
            "10.60 USD (10.00) fee 0.60 USD -> 8.33 EUR + 0.21",
        ),
        // A fee out of what arrives, over the euro: 10 × 4.5938 ÷ 1.1698 = 39.2699…
        (
            ("10.00", "USD"),
            "MYR",
            "10.00 USD (10.00) fee 2.00 MYR -> 37.26 MYR + 0.00",
        ),
        (
            ("10.00", "EUR"),
            "MYR",
            "10.00 EUR (10.00) fee 2.00 MYR -> 43.93 MYR + 0.00",
        ),
        (("0.01", "EUR"), "USD", "0.01 EUR (0.01) -> 0.01 USD + 0.00"),
        (
            ("0.01", "EUR"),
            "KWD",
            "0.01 EUR (0.01) -> 0.003 KWD + 0.000",
        ),
        (("0.01", "USD"), "EUR", "conversion_too_small"),
        (("0.40", "EUR"), "MYR", "fee_exceeds_amount"),
        (("0", "EUR"), "USD", "amount_not_positive amount"),
        (("1.00", "GBP"), "USD", "pair_not_allowed"),
        (("1.00", "EUR"), "EUR", "pair_not_allowed"),
        (("92233720368547758.07", "EUR"), "GBP", "done"),
        (("92233720368547758.07", "EUR"), "IDR", "overflow"),
    ] {
        let quoted = world.run(&quote(money(amount.0, amount.1), to));
        let found = match &quoted {
            Ok(quoted) if expected != "done" => told(&quoted.terms),
            _ => code(quoted),
        };
        assert_eq!(found, expected, "{amount:?} to {to}");
    }
    let quoted = world.run(&quote(money("100.00", "EUR"), "USD")).unwrap();
    let rate = quoted.terms.rate;
    assert_eq!(rate.mid.to_string(), "1.1698");
    assert_eq!(rate.for_member.to_string(), "1.14126829268");
    assert_eq!(rate.markup.to_string(), "2.5%");
    assert_eq!((rate.source.as_str(), rate.age_days), ("ecb", 0));
    assert_eq!((quoted.rule.as_str(), quoted.revision), ("travel", 1));
}

#[test]
fn a_conversion_is_two_transfers_over_the_position_and_the_spread_is_kept() {
    let mut world = world();
    let made = world
        .run(&convert("c1", money("100.00", "EUR"), "USD"))
        .unwrap();
    assert_eq!(
        told(&made.terms),
        "100.00 EUR (100.00) -> 114.12 USD + 2.86"
    );
    assert!(made.lots.is_empty());
    assert_eq!(has(&world, "ann", Purpose::Main, "EUR"), 90_000);
    assert_eq!(has(&world, "ann", Purpose::Main, "USD"), 11_412);
    assert_eq!(control(&world, Purpose::Position, "EUR"), 10_000);
    assert_eq!(control(&world, Purpose::Position, "USD"), -11_698);
    assert_eq!(control(&world, Purpose::Spread, "USD"), 286);

    // With a fee on top in the currency that is given.
    let made = world
        .run(&convert("c2", money("100.00", "USD"), "EUR"))
        .unwrap();
    assert_eq!(
        told(&made.terms),
        "101.50 USD (100.00) fee 1.50 USD -> 83.39 EUR + 2.09"
    );
    assert_eq!(has(&world, "ann", Purpose::Main, "USD"), 1_262);
    assert_eq!(control(&world, Purpose::Fees, "USD"), 150);
    assert_eq!(control(&world, Purpose::Position, "EUR"), 10_000 - 8_548);
    // With a fee out of what arrives.
    let made = world
        .run(&convert("c3", money("10.00", "EUR"), "MYR"))
        .unwrap();
    assert_eq!(
        told(&made.terms),
        "10.00 EUR (10.00) fee 2.00 MYR -> 43.93 MYR + 0.00"
    );
    assert_eq!(control(&world, Purpose::Fees, "MYR"), 200);
    assert_eq!(control(&world, Purpose::Position, "MYR"), -4_593);

    let lines = world.run(&GetStatement::new(member("ann"))).unwrap().lines;
    let kinds = lines.iter().rev().skip(1).take(3);
    let kinds = kinds.map(|line| {
        format!(
            "{} {}>{} {}",
            line.kind.text(),
            line.from,
            line.to,
            say(&line.amount)
        )
    });
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [
            "convert_out ann/main/EUR>position/EUR 100.00 EUR",
            "convert_spread position/USD>spread/USD 2.86 USD",
            "convert_in position/USD>ann/main/USD 114.12 USD",
        ]
    );
    assert!(lines[0].reason.as_deref() == Some("c3"));
    world.assert_valid();

    let listed = world.run(&ListConversions::default()).unwrap().conversions;
    let ids: Vec<&str> = listed.iter().map(|one| one.conversion.as_str()).collect();
    assert_eq!(ids, ["c3", "c2", "c1"]);
    let get = GetConversion {
        conversion: "c2".parse().unwrap(),
        member: Some(member("ann")),
    };
    let found = world.run(&get).unwrap();
    assert_eq!(
        (&found, say(&found.left).as_str()),
        (&listed[1], "83.39 EUR")
    );
}

#[test]
fn what_cannot_be_converted_moves_nothing() {
    let mut world = world();
    world.register("bob");
    let ten = || money("10.00", "EUR");
    world.run(&convert("c1", ten(), "USD")).unwrap();
    let again = world.run(&convert("c1", ten(), "USD"));
    assert_eq!(code(again), "done", "replayed");
    assert_eq!(has(&world, "ann", Purpose::Main, "EUR"), 99_000);
    for (request, expected) in [
        (convert("c1", money("11.00", "EUR"), "USD"), "key_reused"),
        (
            convert("c2", money("990.01", "EUR"), "USD"),
            "insufficient_balance",
        ),
        (
            convert("c3", money("1.00", "GBP"), "EUR"),
            "insufficient_balance",
        ),
        (use_quote("c4", "ann", "nope"), "fx_quote_unknown"),
        (
            subject("c5", "eve", convert("c5", ten(), "USD").of),
            "member_unknown",
        ),
    ] {
        assert_eq!(code(world.run(&request)), expected, "{request:?}");
    }
    let key = world.run_as("another", &convert("c1", ten(), "USD"));
    assert_eq!(code(key), "conversion_exists");
    world.at("2026-03-11");
    let stale = world.run(&convert("c6", ten(), "USD"));
    assert_eq!(code(stale), "rate_stale");
    assert_eq!(has(&world, "ann", Purpose::Main, "EUR"), 99_000);
    let mut other = World::with("name = 'nothing'");
    let none = other.run(&quote(ten(), "USD"));
    assert_eq!(code(none), "fx_not_offered");
    other.run(&ecb()).unwrap();
    assert_eq!(
        code(get_rate(&mut other, "EUR", "USD", None)),
        "fx_not_offered"
    );
}

#[test]
fn a_quote_is_used_once_by_its_member_in_its_time_whatever_the_rates_are_by_then() {
    let mut world = world();
    world.register("bob");
    let hundred = || money("100.00", "EUR");
    let locked = world.run(&lock("q1", "ann", hundred(), "USD")).unwrap();
    assert_eq!(locked.expires_at, at("2026-03-02T12:10:00Z"));
    assert_eq!(say(&locked.terms.arrived), "114.12 USD");
    for id in ["q2", "q3"] {
        world.run(&lock(id, "ann", hundred(), "USD")).unwrap();
    }
    let other = world.run(&lock("q1", "ann", hundred(), "JPY"));
    assert_eq!(code(other), "key_reused");
    let exists = world.run_as("key", &lock("q1", "ann", hundred(), "USD"));
    assert_eq!(code(exists), "fx_quote_exists");
    // By now it would be less.
    desk(&mut world, vec![rate("EUR", "USD", mid("1.0"))]);
    world.at("2026-03-02T12:09:59.999999Z");
    assert_eq!(
        code(world.run(&use_quote("c0", "bob", "q1"))),
        "fx_quote_unknown"
    );
    let made = world.run(&use_quote("c1", "ann", "q1")).unwrap();
    assert_eq!(made.terms, locked.terms);
    assert_eq!(made.quote, Some("q1".parse().unwrap()));
    assert_eq!(has(&world, "ann", Purpose::Main, "USD"), 11_412);
    assert_eq!(
        code(world.run(&use_quote("c2", "ann", "q1"))),
        "fx_quote_used"
    );
    world.at("2026-03-02T12:10:00Z");
    assert_eq!(
        code(world.run(&use_quote("c3", "ann", "q2"))),
        "fx_quote_expired"
    );
    assert_eq!(
        code(world.run(&use_quote("c4", "ann", "q1"))),
        "fx_quote_used"
    );
    assert_eq!(
        code(world.run(&use_quote("c1", "ann", "q1"))),
        "done",
        "replayed"
    );
    assert_eq!(control(&world, Purpose::Position, "EUR"), 10_000);
    world.assert_valid();
    let stream = world.events.values().flatten();
    let told = stream.filter(|record| {
        matches!(
            &record.event,
            Event::ConversionQuoted { .. } | Event::BalanceConverted { .. }
        )
    });
    assert_eq!(told.count(), 4);
}

#[test]
fn of_two_directions_of_a_table_both_use_one() {
    // The first system's table: there and back by it would be more than before.
    let mut world =
        World::with("[fx]\nsources = ['desk']\n[[fx.rules]]\nid = 'all'\npurpose = 'main'\n");
    desk(
        &mut world,
        vec![
            rate("USD", "EUR", mid("4.80")),
            rate("EUR", "USD", mid("0.21")),
        ],
    );
    world.give_main("ann", 100_000);
    let there: ConvertedBalance = world
        .run(&convert("c1", money("1000.00", "EUR"), "USD"))
        .unwrap();
    assert_eq!(
        told(&there.terms),
        "1000.00 EUR (1000.00) -> 210.00 USD + 0.00"
    );
    let back = world
        .run(&convert("c2", there.terms.arrived, "EUR"))
        .unwrap();
    assert_eq!(
        told(&back.terms),
        "210.00 USD (210.00) -> 1000.00 EUR + 0.00"
    );
}

#[test]
fn no_quote_ends_before_it_begins() {
    let mut world = world();
    let now = world.now;
    world.now = now.checked_add_days(1).unwrap();
    world.give(money("1.00", "EUR"), None);
    // This clock is behind that of who wrote last.
    world.now = now;
    let locked = world
        .run(&lock("q1", "ann", money("100.00", "EUR"), "USD"))
        .unwrap();
    assert!(locked.expires_at > locked.locked_at, "{locked:?}");
}
