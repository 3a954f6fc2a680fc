//! What a line that comes back takes of a reward for the whole basket.

use rewards_core::operations::purchases::{
    CancelPurchase, RecordPurchase, RefundPurchase, RefundedPart,
};
use rewards_core::refunds::RefundedPieces;

use crate::words::say_all;
use crate::world::{World, member};

/// Lines of 60.00 and 40.00, of which 30.00 were taken off the second.
const BASKET: &str = "100.00 id=x discounts=30.00 line:60.00 line:40.00,discounts=30.00";

fn world(effect: &str) -> World {
    let mut world = World::with(&format!("[[rules]]\nid = \"it\"\neffect = {effect}"));
    let purchase = world.purchase(BASKET);
    let record = RecordPurchase {
        coupons: vec![],
        purchase,
        pinned: None,
    };
    world.run(&record).unwrap();
    world
}

#[test]
fn a_line_takes_back_what_it_earned() {
    for (effect, first, second, why) in [
        (
            r#"{ percent = { rate = "10%" } }"#,
            "6.00 EUR",
            "1.00 EUR",
            "by what was paid, 60.00 and 10.00",
        ),
        (
            r#"{ percent = { rate = "10%", of = "gross" } }"#,
            "6.00 EUR",
            "4.00 EUR",
            "by what the lines cost, for the rule counts that",
        ),
        (
            r#"{ per_unit = { amount = "1", every = "10", of = "goods" } }"#,
            "6.00 EUR",
            "1.00 EUR",
            "by what is left without discounts, tax and shipping",
        ),
        (
            r#"{ fixed = { amount = "14" } }"#,
            "12.00 EUR",
            "2.00 EUR",
            "of nothing that is paid: by what was",
        ),
    ] {
        let mut world = world(effect);
        for (line, taken) in [(1, second), (0, first)] {
            let refund = RefundPurchase {
                refund: format!("r{line}").parse().unwrap(),
                member: member("ann"),
                purchase: "x".parse().unwrap(),
                what: RefundedPart::Lines(vec![RefundedPieces { line, pieces: 1 }]),
                kind: None,
                reason: None,
            };
            let refunded = world.run(&refund).unwrap();
            assert_eq!(say_all(&refunded.taken_back), taken, "line {line}: {why}");
        }
        world.assert_valid();
    }
}

#[test]
fn what_was_free_still_has_a_line() {
    // Nothing was paid for the goods; the shipping earned.
    let mut world = World::with(
        r#"
        [[rules]]
        id = "it"
        effect = { fixed = { amount = "3" } }
        "#,
    );
    let purchase = world.purchase("35.00 id=x discounts=30.00 shipping=5.00 line:10.00 line:20.00");
    let record = RecordPurchase {
        coupons: vec![],
        purchase,
        pinned: None,
    };
    world.run(&record).unwrap();
    let kept = world.kept(&"x".parse().unwrap());
    assert_eq!(kept.allocations[0].lines, [(0, 100), (1, 200)]);
    let cancel = CancelPurchase {
        member: member("ann"),
        purchase: "x".parse().unwrap(),
    };
    world.run(&cancel).unwrap();
    world.assert_valid();
}
