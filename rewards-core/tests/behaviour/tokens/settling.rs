//! Payments with tokens that were made without a network, told in any order.

use proptest::prelude::*;
use proptest::sample::select;
use rewards_core::money::Money;
use rewards_core::operations::tokens::{
    FreezeTokens, ReceiptOutcome, SettleReceipts, SettledReceipt, SettledReceipts,
};
use rewards_core::tokens::{SpendClaims, TokenSigner, TokenState};

use super::*;

fn settle(world: &mut World, receipts: &[String]) -> SettledReceipts {
    world.commands += 1;
    let request = SettleReceipts {
        merchant: None,
        receipts: receipts.to_vec(),
    };
    let key = format!("s{}", world.commands);
    world.run_as(&key, &request).unwrap()
}

fn sign(claims: &SpendClaims) -> String {
    claims.sign(&device()).unwrap()
}

fn say(receipt: &SettledReceipt) -> String {
    let outcome = match receipt.outcome {
        ReceiptOutcome::Settled => "settled",
        ReceiptOutcome::Replayed => "replayed",
        ReceiptOutcome::DoubleSpend => "double",
        ReceiptOutcome::Refused => return receipt.code.clone().unwrap(),
    };
    let minor = |amount: Option<Money>| amount.map_or(0, Money::minor);
    format!(
        "{outcome} {} {}",
        minor(receipt.paid),
        minor(receipt.unpaid)
    )
}

fn said(reply: &SettledReceipts) -> Vec<String> {
    reply.receipts.iter().map(say).collect()
}

#[test]
fn payments_of_a_device_are_paid_in_parts_and_told_again() {
    let mut world = world();
    let token = issued(&mut world, &bound("t1", "50.00"));
    let one = first(&token, "shop", 1_500);
    let two = next(&one, "kiosk", 2_000);
    let three = next(&two, "shop", 1_500);
    let proofs = [&three, &one, &two].map(sign);
    assert_eq!(said(&settle(&mut world, &proofs[..1])), ["settled 1500 0"]);
    assert_eq!(balance(&world), (95_000, 3_500));
    let all = settle(&mut world, &proofs);
    assert_eq!(
        said(&all),
        ["replayed 1500 0", "settled 1500 0", "settled 2000 0"]
    );
    let again = settle(&mut world, &[proofs[1].clone(), proofs[1].clone()]);
    assert_eq!(said(&again), ["replayed 1500 0", "replayed 1500 0"]);
    assert_eq!(balance(&world), (95_000, 0));
    let told = get(&mut world, "t1");
    assert_eq!((told.state, told.paid.minor()), (TokenState::Spent, 5_000));
    assert_eq!(told.receipts.len(), 3);
    assert!(told.double_spends.is_empty());
    world.assert_valid();
}

#[test]
fn a_payment_that_is_told_late_shows_what_was_made_beside_it() {
    let told_of = |world: &World| {
        let events = world.events.values().flatten();
        let doubled = events.filter(|one| matches!(one.event, Event::TokenDoubleSpent { .. }));
        doubled.count()
    };
    for at_once in [false, true] {
        let mut world = world();
        let token = issued(&mut world, &bound("t1", "50.00"));
        let untold = first(&token, "kiosk", 1_000);
        let forked = sign(&next(&untold, "shop", 500));
        let late = sign(&first(&token, "shop", 1_500));
        if at_once {
            let reply = settle(&mut world, &[forked, late.clone()]);
            assert_eq!(said(&reply), ["double 500 0", "settled 1500 0"]);
        } else {
            let reply = settle(&mut world, &[forked]);
            assert_eq!(said(&reply), ["settled 500 0"], "nobody knows better yet");
            assert_eq!(told_of(&world), 0);
            let reply = settle(&mut world, std::slice::from_ref(&late));
            assert_eq!(said(&reply), ["double 1500 0"]);
        }
        assert_eq!(told_of(&world), 1, "at once: {at_once}");
        assert_eq!(said(&settle(&mut world, &[late])), ["replayed 1500 0"]);
        assert_eq!(told_of(&world), 1, "at once: {at_once}");
        let told = get(&mut world, "t1");
        assert_eq!(told.double_spends, [2]);
        world.assert_valid();
    }
}

#[test]
fn each_receipt_has_an_outcome_of_its_own() {
    let mut world = world();
    let token = issued(&mut world, &bound("t1", "50.00"));
    let mut shop_only = bound("t2", "50.00");
    shop_only.merchant = "shop".parse().ok();
    let other = issued(&mut world, &shop_only);
    issued(&mut world, &bearer("t3", "20.00"));
    let one = first(&token, "shop", 1_000);
    let stranger = TokenSigner::from_seed(&[8; 32]);
    let with = |change: fn(&mut SpendClaims)| {
        let mut claims = one.clone();
        change(&mut claims);
        sign(&claims)
    };
    let receipts = [
        "RP1:".to_owned(),
        with(|one| one.token = "t9".parse().unwrap()),
        one.sign(&stranger).unwrap(),
        with(|one| one.minor = 2_001),
        with(|one| one.counter = 11),
        with(|one| one.previous = [0; 32]),
        with(|one| one.token = "t3".parse().unwrap()),
        sign(&first(&other, "kiosk", 1_000)),
        sign(&one),
        sign(&first(&other, "shop", 1_000)),
    ];
    assert_eq!(
        said(&settle(&mut world, &receipts)),
        [
            "token_malformed",
            "token_unknown",
            "token_proof_wrong",
            "token_over_limit",
            "token_over_limit",
            "token_proof_mismatch",
            "token_proof_wrong",
            "token_audience_wrong",
            "settled 1000 0",
            "settled 1000 0",
        ]
    );
    let only = SettleReceipts {
        merchant: "kiosk".parse().ok(),
        receipts: vec![
            sign(&next(&one, "shop", 1_000)),
            sign(&next(&one, "kiosk", 900)),
        ],
    };
    let reply = world.run_as("k", &only).unwrap();
    assert_eq!(said(&reply), ["token_audience_wrong", "settled 900 0"]);
    for count in [0, 501] {
        let request = SettleReceipts {
            merchant: None,
            receipts: vec![String::new(); count],
        };
        assert_eq!(code(world.run_as("n", &request)), "invalid");
    }
    world.assert_valid();
}

#[test]
fn what_is_spent_twice_is_kept_paid_while_there_is_something_and_freezes_the_member() {
    let mut world = world();
    let token = issued(&mut world, &bound("t1", "30.00"));
    issued(&mut world, &bound("t2", "20.00"));
    issued(&mut world, &bearer("t3", "20.00"));
    let one = first(&token, "shop", 1_800);
    let copy = first(&token, "kiosk", 1_700);
    assert_eq!(said(&settle(&mut world, &[sign(&one)])), ["settled 1800 0"]);
    let reply = settle(&mut world, &[sign(&copy)]);
    assert_eq!(said(&reply), ["double 1200 500"]);
    assert_eq!(reply.frozen.len(), 2, "what was spent as a whole is not");
    let told = get(&mut world, "t1");
    assert_eq!((told.state, told.paid.minor()), (TokenState::Spent, 3_000));
    assert_eq!(
        (told.double_spends, told.overspent),
        (vec![1], Some(money("5.00", "EUR")))
    );
    assert_eq!(told.receipts.len(), 2, "both are evidence");
    assert_eq!(get(&mut world, "t2").state, TokenState::Frozen);
    let until = get(&mut world, "t2").settles_until;
    assert_eq!(until, at("2026-03-10"), "as long as before");
    assert_eq!(code(world.run(&redeem("t3", "o"))), "token_frozen");
    assert_eq!(
        said(&settle(&mut world, &[sign(&copy)])),
        ["replayed 1200 500"]
    );
    world.settle();
    assert_eq!(
        balance(&world),
        (95_000, 2_000),
        "what nobody can tell is back"
    );
    world.at("2026-03-10");
    world.settle();
    assert_eq!(balance(&world), (97_000, 0), "the rest is back");
    world.assert_valid();
}

#[test]
fn members_who_were_merged_are_one_person_with_one_set_of_tokens() {
    // What is spent twice under either id freezes what is left under both.
    for (spent, left) in [("t1", "t2"), ("t2", "t1")] {
        let mut world = world();
        let ann = issued(&mut world, &bound("t1", "20.00"));
        world.register("bob");
        world.give_main("bob", 100_000);
        let of_bob = |token| IssueToken {
            member: member("bob"),
            ..bound(token, "20.00")
        };
        let bob = issued(&mut world, &of_bob("t2"));
        world.run(&of_bob("t3")).unwrap();
        let merge = MergeMembers {
            member: member("ann"),
            into: member("bob"),
            tiers: None,
        };
        world.run_as("m", &merge).unwrap();
        assert_eq!(
            code(world.run(&of_bob("t4"))),
            "token_limit",
            "three are active"
        );
        let token = if spent == "t1" { &ann } else { &bob };
        let receipts =
            [("shop", 1_500), ("kiosk", 1_200)].map(|(at, minor)| sign(&first(token, at, minor)));
        let settled = settle(&mut world, &receipts);
        let frozen: Vec<&str> = settled.frozen.iter().map(|id| id.as_str()).collect();
        assert_eq!(frozen, [left, "t3"], "{spent}");
        assert_eq!(get(&mut world, left).state, TokenState::Frozen);
        world.run(&of_bob("t4")).unwrap();
        world.at("2026-03-10");
        world.settle();
        world.assert_valid();
    }
}

#[test]
fn a_program_may_only_record_what_is_spent_twice() {
    let program = PROGRAM.replace("active = 3", "double_spends = \"record\"");
    let mut world = World::with(&program);
    world.give_main("ann", 10_000);
    let token = issued(&mut world, &bound("t1", "50.00"));
    let one = first(&token, "shop", 1_000);
    // It goes on from a payment that nobody was told of: there is another first one.
    let loose = SpendClaims {
        previous: [9; 32],
        ..next(&one, "shop", 1_000)
    };
    let reply = settle(&mut world, &[sign(&loose), sign(&one)]);
    assert_eq!(said(&reply), ["double 1000 0", "settled 1000 0"]);
    assert!(reply.frozen.is_empty());
    let told = get(&mut world, "t1");
    assert_eq!(
        (told.state, told.double_spends),
        (TokenState::Active, vec![2])
    );
    world.assert_valid();
}

#[test]
fn late_payments_are_taken_in_until_the_program_says() {
    let mut world = world();
    let token = issued(&mut world, &bound("t1", "50.00"));
    let one = first(&token, "shop", 1_000);
    let two = next(&one, "shop", 1_000);
    world.at("2026-03-09");
    assert_eq!(get(&mut world, "t1").state, TokenState::Expired);
    assert_eq!(said(&settle(&mut world, &[sign(&one)])), ["settled 1000 0"]);
    world.at("2026-03-10");
    assert_eq!(said(&settle(&mut world, &[sign(&two)])), ["token_expired"]);
    world.settle();
    assert_eq!(balance(&world), (99_000, 0));
    // Merchants who have not heard of a lost device are paid as long as the program says.
    let token = issued(&mut world, &bound("t2", "50.00"));
    let one = first(&token, "shop", 1_000);
    let freeze = FreezeTokens {
        member: member("ann"),
        device: None,
    };
    world.run_as("f", &freeze).unwrap();
    assert_eq!(said(&settle(&mut world, &[sign(&one)])), ["settled 1000 0"]);
    assert_eq!(get(&mut world, "t2").state, TokenState::Frozen);
    world.at("2026-03-11");
    let two = next(&one, "shop", 1_000);
    assert_eq!(said(&settle(&mut world, &[sign(&two)])), ["token_expired"]);
    world.assert_valid();
}

/// What everybody sees of all tokens in the end.
fn state(world: &mut World, tokens: &[IssuedToken]) -> Vec<String> {
    let mut seen = Vec::new();
    for token in tokens {
        let told = get(world, token.claims.token.as_str());
        let is_over = told.overspent.is_some();
        seen.push(format!(
            "{} {:?} paid {} reserved {} over {:?} twice {:?}",
            told.claims.token,
            told.state,
            told.paid,
            told.reserved,
            told.overspent,
            told.double_spends
        ));
        for receipt in told.receipts {
            // Which of several is not paid, when there is too little for all of them, is decided by who comes first.
            let paid = (!is_over).then_some(receipt.paid);
            seen.push(format!("{} {} {paid:?}", receipt.counter, receipt.digest));
        }
    }
    seen
}

/// Payments of three tokens: chains, some of which fork, in the order in which they were made.
fn payments(tokens: &[IssuedToken], steps: &[(usize, bool, i64)]) -> Vec<String> {
    let mut chains: Vec<Vec<SpendClaims>> = vec![Vec::new(); tokens.len()];
    let mut proofs = Vec::new();
    for (token, forks, minor) in steps {
        let chain = &mut chains[*token];
        let merchant = format!("shop-{}", proofs.len());
        let kept = chain.len().saturating_sub(usize::from(*forks));
        let claims = match kept.checked_sub(1) {
            Some(last) => next(&chain[last], &merchant, *minor),
            None => first(&tokens[*token], &merchant, *minor),
        };
        proofs.push(sign(&claims));
        if !forks {
            chain.push(claims);
        }
    }
    proofs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_same_receipts_end_in_the_same_state(
        steps in prop::collection::vec((0..3_usize, prop::bool::weighted(0.15), 50..900_i64), 1..20),
        order in Just((0..40_usize).collect::<Vec<_>>()).prop_shuffle(),
        sizes in prop::collection::vec(1..6_usize, 40),
        pause in 0..24_i64,
        policy in select(&["record", "freeze"][..]),
    ) {
        let program = PROGRAM.replace("active = 3", &format!("double_spends = \"{policy}\""));
        let program = program.replace("active_per_device = 2", "active_per_device = 3");
        let mut world = World::with(&program);
        world.give_main("ann", 100_000);
        let tokens: Vec<IssuedToken> = ["t1", "t2", "t3"]
            .map(|id| issued(&mut world, &bound(id, "30.00")))
            .into();
        let proofs = payments(&tokens, &steps);
        let mut plain = world.clone();
        settle(&mut plain, &proofs);
        // In another order, in batches with a while between them, and each of them twice.
        let mut mixed = world.clone();
        let places = order.iter().map(|place| place % (2 * proofs.len()) / 2);
        let mut told: Vec<String> = places.map(|place| proofs[place].clone()).collect();
        told.extend(proofs.iter().rev().cloned());
        let mut left = &told[..];
        for size in sizes.iter().cycle() {
            let (batch, rest) = left.split_at((*size).min(left.len()));
            if batch.is_empty() {
                break;
            }
            settle(&mut mixed, batch);
            mixed.now = mixed.now.checked_add_micros(pause * 60_000_000).unwrap();
            left = rest;
        }
        plain.now = mixed.now;
        prop_assert_eq!(state(&mut plain, &tokens), state(&mut mixed, &tokens));
        prop_assert_eq!(balance(&plain), balance(&mixed));
        for world in [&mut plain, &mut mixed] {
            let paid: i64 = ["t1", "t2", "t3"].iter().map(|id| get(world, id).paid.minor()).sum();
            let (main, reserved) = balance(world);
            prop_assert_eq!(main + reserved + paid, 100_000, "nothing is lost or made");
            world.assert_valid();
        }
    }
}
