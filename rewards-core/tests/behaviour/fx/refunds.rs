//! Conversions refunded, of rewards, and of members who were merged.

use rewards_core::ledger::Purpose;
use rewards_core::member::MemberStatus;
use rewards_core::money::Money;
use rewards_core::operations::fx::{RefundConversion, RefundedConversion};
use rewards_core::operations::members::{MergeMembers, UpdateMember};
use rewards_core::rejection::Rejection;

use super::{code, control, convert, desk, has, lock, mid, rate, subject, told, use_quote, world};
use crate::words::{money, say, say_all};
use crate::world::{World, at, member};

fn refund(id: &str, conversion: &str, amount: Option<Money>) -> RefundConversion {
    RefundConversion {
        refund: id.parse().unwrap(),
        conversion: conversion.parse().unwrap(),
        member: member("ann"),
        amount,
    }
}

fn refunded(world: &mut World, request: RefundConversion) -> Result<String, Rejection> {
    let RefundedConversion { refund, left, .. } = world.run(&request)?;
    let gain = refund
        .gain
        .map_or_else(|| "unknown".to_owned(), |gain| gain.to_string());
    Ok(format!(
        "{} for {} + {} gain {gain} left {left}",
        say(&refund.returned),
        say(&refund.restored),
        refund.spread
    ))
}

fn merge(world: &mut World) {
    let merge = MergeMembers {
        member: member("bob"),
        into: member("ann"),
        tiers: None,
    };
    world.run(&merge).unwrap();
}

#[test]
fn a_refund_goes_by_the_rate_of_the_conversion_in_full_and_in_parts() {
    let mut world = world();
    for id in ["c1", "c2"] {
        world
            .run(&convert(id, money("100.00", "EUR"), "USD"))
            .unwrap();
    }
    // In full: everything is as it was.
    let full = refunded(&mut world, refund("r1", "c1", None)).unwrap();
    assert_eq!(full, "114.12 USD for 100.00 EUR + 2.86 gain 0.00 left 0.00");
    assert_eq!(control(&world, Purpose::Position, "EUR"), 10_000);
    assert_eq!(control(&world, Purpose::Spread, "USD"), 286);
    // In three parts, at another rate by then: 33.33 ÷ 114.12 of 100 is 29.206…, and of 2.86 0.835…
    desk(&mut world, vec![rate("EUR", "USD", mid("1.25"))]);
    let parts = [
        (
            "r2",
            Some("33.33"),
            "33.33 USD for 29.20 EUR + 0.83 gain -2.34 left 80.79",
        ),
        (
            "r3",
            Some("0.01"),
            "0.01 USD for 0.01 EUR + 0.00 gain 0.00 left 80.78",
        ),
        (
            "r4",
            None,
            "80.78 USD for 70.79 EUR + 2.03 gain -5.67 left 0.00",
        ),
    ];
    for (id, amount, expected) in parts {
        let amount = amount.map(|amount| money(amount, "USD"));
        let found = refunded(&mut world, refund(id, "c2", amount)).unwrap();
        assert_eq!(found, expected, "{id}");
    }
    for (purpose, asset) in [
        (Purpose::Position, "EUR"),
        (Purpose::Position, "USD"),
        (Purpose::Spread, "USD"),
    ] {
        assert_eq!(control(&world, purpose, asset), 0);
    }
    assert_eq!(has(&world, "ann", Purpose::Main, "EUR"), 100_000);
    world.assert_valid();
    // Where there is no rate any more, there is nothing to compare with.
    world
        .run(&convert("c3", money("100.00", "EUR"), "JPY"))
        .unwrap();
    world.at("2026-05-01");
    let late = refunded(&mut world, refund("r5", "c3", Some(money("1000", "JPY")))).unwrap();
    assert_eq!(late, "1000 JPY for 5.56 EUR + 25 gain unknown left 16969");
    for (request, expected) in [
        (refund("r1", "c1", None), "done"),
        (refund("r1", "c3", None), "key_reused"),
        (refund("r6", "c1", None), "conversion_refunded"),
        (refund("r6", "c9", None), "conversion_unknown"),
        (
            refund("r6", "c3", Some(money("16970", "JPY"))),
            "refund_exceeds",
        ),
        (
            refund("r6", "c3", Some(money("1.00", "EUR"))),
            "asset_mismatch amount.asset",
        ),
        (
            refund("r6", "c3", Some(money("0", "JPY"))),
            "amount_not_positive amount",
        ),
    ] {
        assert_eq!(code(world.run(&request)), expected, "{request:?}");
    }
    let again = world.run_as("key", &refund("r5", "c3", None));
    assert_eq!(code(again), "refund_exists");
    world
        .run(&convert("c4", money("1.00", "EUR"), "USD"))
        .unwrap_err();
    world.assert_valid();
}

#[test]
fn a_fee_stays_paid_when_a_conversion_is_refunded() {
    let mut world = world();
    world
        .run(&convert("c1", money("100.00", "EUR"), "MYR"))
        .unwrap();
    // 459.38 were had and 2.00 of them were the fee: what arrived goes back as 457.38 ÷ 459.38 of 100.00.
    let back = refunded(&mut world, refund("r1", "c1", None)).unwrap();
    assert_eq!(back, "457.38 MYR for 99.56 EUR + 0.00 gain 0.03 left 0.00");
    assert_eq!(has(&world, "ann", Purpose::Main, "EUR"), 99_956);
    assert_eq!(control(&world, Purpose::Position, "EUR"), 44);
    assert_eq!(control(&world, Purpose::Position, "MYR"), -200);
    // A cent of a rupiah is less than one of a euro.
    world
        .run(&convert("c2", money("10.00", "EUR"), "IDR"))
        .unwrap();
    let small = refund("r2", "c2", Some(money("0.01", "IDR")));
    assert_eq!(code(world.run(&small)), "conversion_too_small");
    world.assert_valid();
}

#[test]
fn rewards_keep_their_expiry_and_who_paid_them() {
    let mut world = world();
    world.give(money("30.00", "EUR"), Some("2026-04-01"));
    world.give(money("70.00", "EUR"), Some("2026-05-01"));
    // 50.00 × 0.8739 = 43.695: 30 and 20 paid.
    let made = world
        .run(&convert("c1", money("50.00", "EUR"), "GBP"))
        .unwrap();
    assert_eq!(told(&made.terms), "50.00 EUR (50.00) -> 43.69 GBP + 0.00");
    let paid: Vec<Money> = made.lots.values().copied().collect();
    assert_eq!(say_all(&paid), "30.00 EUR 20.00 EUR");
    let pounds: Vec<_> = world
        .lots_of(&world.member_key("ann"))
        .filter(|lot| lot.asset.code() == "GBP")
        .map(|lot| (lot.remaining, lot.expires_at, lot.source.text()))
        .collect();
    let source = || "adjustments".to_owned();
    assert_eq!(
        pounds,
        [
            (2_621, Some(at("2026-04-01")), source()),
            (1_748, Some(at("2026-05-01")), source()),
        ]
    );
    world.assert_valid();
    // What expired is not there to be given back.
    world.at("2026-04-02");
    let short = refunded(&mut world, refund("r1", "c1", None));
    assert_eq!(code(short), "insufficient_balance");
    let part = refunded(&mut world, refund("r2", "c1", Some(money("17.48", "GBP")))).unwrap();
    assert_eq!(
        part,
        "17.48 GBP for 20.00 EUR + 0.00 gain unknown left 26.21"
    );
    world.assert_valid();
}

#[test]
fn members_who_left_or_were_merged() {
    let mut world = world();
    world.register("bob");
    world.give_main("bob", 50_000);
    let of = |id: &str| subject(id, "bob", convert(id, money("100.00", "EUR"), "USD").of);
    world.run(&of("c1")).unwrap();
    world
        .run(&lock("q1", "bob", money("100.00", "EUR"), "USD"))
        .unwrap();
    let suspend = UpdateMember {
        status: Some(MemberStatus::Suspended),
        ..UpdateMember::new(member("ann"))
    };
    world.run_as("suspend", &suspend).unwrap();
    assert_eq!(
        code(world.run(&convert("c2", money("1.00", "EUR"), "USD"))),
        "member_suspended"
    );
    let activate = UpdateMember {
        status: Some(MemberStatus::Active),
        ..suspend
    };
    world.run_as("activate", &activate).unwrap();
    merge(&mut world);
    assert_eq!(code(world.run(&of("c3"))), "member_merged");
    // What was bob's is ann's by now.
    assert_eq!(code(world.run(&use_quote("c4", "ann", "q1"))), "done");
    let back = refunded(&mut world, refund("r1", "c1", None)).unwrap();
    assert_eq!(back, "114.12 USD for 100.00 EUR + 2.86 gain 0.00 left 0.00");
    world.assert_valid();
}
