//! Payments that earn: completed they are purchases, refunded they are undone.

use rewards_core::cashback::Purchase;
use rewards_core::ids::PurchaseId;
use rewards_core::operations::members::{MergeMembers, MergedTiers};
use rewards_core::operations::purchases::{CancelPurchase, GetPurchase, RecordPurchase};
use rewards_core::payments::PaymentState;

use super::{completed, create, declined, hold, refund, report, submit, under_way};
use crate::words::{grant, money};
use crate::world::{World, at, member};

/// The same program, with what bills of electricity earn.
fn world() -> World {
    let program = super::PROGRAM.replace("attempts = 2", "attempts = 2\nearns = true");
    let rule = r#"
        [[rules]]
        id = "bills"
        when = { bill_type = ["electricity"] }
        effect = { percent = { rate = "5%" } }
    "#;
    let mut world = World::with(&format!("{program}{rule}"));
    world.give_main("ann", 100_000);
    world
}

/// A bill that is under way.
fn bill(world: &mut World, payment: &str, amount: &str) {
    let mut create = create(payment, amount);
    create.biller = "tnb".parse().ok();
    create.merchant = Some("Tenaga".to_owned());
    world.run(&create).unwrap();
    world.run(&hold(payment)).unwrap();
    world.run(&submit(payment)).unwrap();
}

fn get(world: &mut World, payment: &str) -> Purchase {
    let get = GetPurchase {
        explain: false,
        purchase: payment.parse().unwrap(),
    };
    world.run(&get).unwrap().purchase
}

#[test]
fn what_is_created_by_a_clock_that_is_behind_earns_all_the_same() {
    let mut world = world();
    let now = world.now;
    world.at("2026-03-05");
    let purchase = Purchase::new(
        "s1".parse().unwrap(),
        member("ann"),
        "main".parse().unwrap(),
        world.now,
        money("1.00", "EUR"),
    );
    world.run(&RecordPurchase::new(purchase)).unwrap();
    world.now = now;
    bill(&mut world, "p1", "50.00");
    let paid = world.run(&report("p1", 1, completed())).unwrap();
    assert_eq!(paid.not_earned, None);
    let kept = get(&mut world, "p1");
    assert_eq!(kept.occurred_at, now, "by the clock of the command");
}

#[test]
fn what_is_completed_earns_in_the_same_step() {
    let mut world = world();
    bill(&mut world, "p1", "50.00");
    assert_eq!(world.balance(), "949.90+0.00 EUR", "nothing yet");
    world.at("2026-03-05");
    let paid = world.run(&report("p1", 1, completed())).unwrap();
    let purchase = paid.purchase.unwrap();
    let granted: Vec<String> = purchase.decision.grants.iter().map(grant).collect();
    assert_eq!(granted.len(), 1, "{granted:?}");
    assert!(granted[0].contains("2.50"), "{granted:?}");
    let kept = get(&mut world, "p1");
    assert_eq!(kept.occurred_at, at("2026-03-02"), "when it was created");
    assert_eq!(kept.total, money("50.00", "EUR"), "without the fee");
    assert_eq!(kept.biller.as_deref(), Some("tnb"));
    assert_eq!(kept.bill_type.as_deref(), Some("electricity"));
    assert_eq!(kept.payment_method.as_deref(), Some("duitnow"));
    assert_eq!(kept.merchant.as_deref(), Some("Tenaga"));
    assert!(super::get(&mut world, "p1").earned);
    world.assert_valid();
}

#[test]
fn what_fails_earns_nothing() {
    let mut world = world();
    bill(&mut world, "p1", "50.00");
    let failed = world.run(&report("p1", 1, declined("stolen"))).unwrap();
    assert_eq!((failed.purchase, failed.not_earned), (None, None));
    let get = GetPurchase {
        explain: false,
        purchase: "p1".parse().unwrap(),
    };
    assert_eq!(world.run(&get).unwrap_err().code(), "purchase_unknown");
    world.assert_valid();
}

#[test]
fn money_moves_whether_or_not_it_earns() {
    let mut world = world();
    bill(&mut world, "p1", "50.00");
    // Somebody recorded a purchase of this name.
    world.buy("9.00 id=p1");
    let paid = world.run(&report("p1", 1, completed())).unwrap();
    assert_eq!(paid.state, PaymentState::Completed);
    assert_eq!(paid.purchase, None);
    assert_eq!(paid.not_earned.as_deref(), Some("purchase_exists"));
    // And a refund of the payment is none of that purchase.
    let back = world.run(&refund("r1", "p1", None)).unwrap();
    assert_eq!((back.purchase, back.not_taken_back), (None, None));
    world.assert_valid();
}

#[test]
fn a_refund_takes_back_what_was_earned() {
    let mut world = world();
    bill(&mut world, "p1", "50.00");
    world.run(&report("p1", 1, completed())).unwrap();
    let first = world.run(&refund("r1", "p1", Some("20.00"))).unwrap();
    let undone = first.purchase.unwrap();
    assert_eq!(undone.taken_back, [money("1.00", "EUR")]);
    let rest = world.run(&refund("r2", "p1", None)).unwrap();
    assert_eq!(rest.purchase.unwrap().taken_back, [money("1.50", "EUR")]);
    assert_eq!(world.balance(), "1000.00+0.00 EUR");
    world.assert_valid();
}

#[test]
fn what_cannot_be_taken_back_is_told() {
    let mut world = world();
    bill(&mut world, "p1", "50.00");
    world.run(&report("p1", 1, completed())).unwrap();
    let purchase: PurchaseId = "p1".parse().unwrap();
    let cancel = CancelPurchase {
        member: member("ann"),
        purchase,
    };
    world.run(&cancel).unwrap();
    let back = world.run(&refund("r1", "p1", None)).unwrap();
    assert_eq!(back.purchase, None);
    assert_eq!(back.not_taken_back.as_deref(), Some("purchase_cancelled"));
    assert_eq!(back.returned, [money("50.10", "EUR")]);
    world.assert_valid();
}

#[test]
fn a_payer_who_was_merged_earns_for_the_other_member() {
    for fails in [false, true] {
        let mut world = world();
        world.register("bob");
        bill(&mut world, "p1", "50.00");
        let merge = MergeMembers {
            member: member("ann"),
            into: member("bob"),
            tiers: Some(MergedTiers::Own),
        };
        world.run_as("m", &merge).unwrap();
        if fails {
            world.run(&report("p1", 1, declined("stolen"))).unwrap();
            assert_eq!(super::balance_of(&world, "bob"), (100_000, 0));
        } else {
            let paid = world.run(&report("p1", 1, completed())).unwrap();
            assert_eq!(paid.not_earned, None);
            let purchase = get(&mut world, "p1");
            assert_eq!(purchase.member, member("bob"));
            let back = world.run(&refund("r1", "p1", None)).unwrap();
            assert_eq!(
                back.purchase.unwrap().taken_back,
                [money("2.50", "EUR")],
                "{:?}",
                back.not_taken_back
            );
            assert_eq!(super::balance_of(&world, "bob"), (100_000, 0));
        }
        assert_eq!(super::balance_of(&world, "ann"), (0, 0));
        world.assert_valid();
    }
}

#[test]
fn what_a_refund_cannot_take_back_in_full_follows_the_policy_of_refunds() {
    let mut world = world();
    bill(&mut world, "p1", "50.00");
    world.run(&report("p1", 1, completed())).unwrap();
    // The reward pays another payment.
    under_way(&mut world, "p2", "500.00");
    world.run(&report("p2", 1, completed())).unwrap();
    under_way(&mut world, "p3", "452.40");
    world.run(&report("p3", 1, completed())).unwrap();
    let before = world.balance();
    let back = world.run(&refund("r1", "p1", None)).unwrap();
    assert!(!back.purchase.unwrap().shortfall.is_empty(), "{before}");
    world.assert_valid();
}
