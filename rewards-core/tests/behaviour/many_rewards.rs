//! Purchases with very many rewards: what happens to one happens to all of them, or is refused.

use rewards_core::cashback::{GRANTS_MAX, LINES_MAX, Line, Purchase};
use rewards_core::operations::purchases::{QuotePurchase, RecordPurchase};
use rewards_core::rejection::Rejection;

use crate::words::{money, say_all};
use crate::world::World;

/// So many rules that pay by line, each a cent that waits for a confirmation.
fn document(rules: usize) -> String {
    let rule = |number: usize| {
        format!(
            r#"
            [[rules]]
            id = "r{number}"
            scope = "line"
            effect = {{ fixed = {{ amount = "0.01" }} }}
            lifecycle = {{ pending = {{ confirmation = {{}} }} }}
            "#
        )
    };
    (0..rules).map(rule).collect()
}

/// As many lines as a purchase may have.
fn purchase(world: &World) -> Purchase {
    let mut purchase = world.purchase("1000 id=p1");
    let line = Line::new(money("1.00", "EUR"));
    purchase.lines = vec![line; LINES_MAX];
    purchase
}

#[test]
fn all_rewards_of_a_purchase_are_confirmed_and_cancelled() {
    let most = usize::try_from(GRANTS_MAX).unwrap() / LINES_MAX;
    let mut world = World::with(&document(most));
    let record = RecordPurchase::new(purchase(&world));
    let recorded = world.run(&record).unwrap();
    assert_eq!(recorded.decision.grants.len(), 10_000);
    assert_eq!(world.balance(), "0.00+100.00 EUR");
    assert_eq!(
        say_all(&world.confirm("p1").unwrap().released),
        "100.00 EUR"
    );
    assert_eq!(world.balance(), "100.00+0.00 EUR");
    assert_eq!(
        say_all(&world.cancel("p1").unwrap().taken_back),
        "100.00 EUR"
    );
    assert_eq!(world.balance(), "0.00+0.00 EUR");
}

#[test]
fn more_rewards_than_one_step_can_touch_are_never_granted() {
    let most = usize::try_from(GRANTS_MAX).unwrap() / LINES_MAX;
    let mut world = World::with(&document(most + 1));
    let purchase = purchase(&world);
    let refused = Rejection::TooMany {
        what: "grants of one purchase",
        limit: GRANTS_MAX,
    };
    let record = RecordPurchase::new(purchase.clone());
    assert_eq!(world.run(&record).unwrap_err(), refused);
    let explain = false;
    let quote = QuotePurchase {
        purchase,
        coupons: Vec::new(),
        explain,
    };
    assert_eq!(world.run(&quote).unwrap_err(), refused);
    assert!(world.lots.is_empty() && world.journal.is_empty());
}
