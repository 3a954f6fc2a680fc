//! What members bought and earned: known to every later revision, wherever its days are.

use rewards_core::entity::Entity as _;
use rewards_core::member::{DAYS_IN_ROW_MAX, HistoryPage};

use crate::words::money;
use crate::world::{World, at};

const PLAIN: &str = r#"
    units = [{ asset = "points" }]
    [[rules]]
    id = "it"
    effect = { per_unit = { amount = "1", asset = "points", every = "1" } }
"#;

/// Buys for 2.00 every third day, from the first day of 2026 on.
fn regular(many: i64) -> World {
    let mut world = World::with(PLAIN);
    for number in 0..many {
        world.now = at("2026-01-01").checked_add_days(number * 3).unwrap();
        world.buy(&format!("2 id=p{number}"));
    }
    world.now = at("2026-01-01").checked_add_days(many * 3).unwrap();
    world
}

/// A revision that grants a point for every window in which exactly so many purchases were made, this one included.
fn counting(windows: &[(&str, u32)]) -> String {
    let rules = windows.iter().enumerate().map(|(number, (window, count))| {
        format!(
            r#"
            [[rules]]
            id = "r{number}"
            when = {{ window_count = {{ window = {window}, at_least = {count}, at_most = {count} }} }}
            effect = {{ fixed = {{ amount = "1", asset = "points" }} }}
            "#
        )
    });
    let rules: String = rules.collect();
    format!("units = [{{ asset = \"points\" }}]\n{rules}")
}

fn pages(world: &World) -> usize {
    let keys = world.entities.keys();
    keys.filter(|key| key.kind == HistoryPage::KIND).count()
}

#[test]
fn windows_know_the_days_that_have_left_the_row() {
    let mut world = regular(100);
    let row = world.members.values().next().unwrap();
    let history = row.history.values().next().unwrap();
    assert!(history.recent().len() <= DAYS_IN_ROW_MAX);
    assert_eq!(pages(&world), 2, "of 256 days each");
    // It is 28 October, the 300th day after the first.
    let windows = [
        ("{ days = 1 }", 1),
        ("{ days = 90 }", 30),
        ("{ days = 300 }", 100),
        ("{ days = 3660 }", 101),
        ("\"month\"", 10),
        ("\"quarter\"", 10),
        ("\"year\"", 101),
        ("\"lifetime\"", 101),
    ];
    world.publish(&counting(&windows), "2026-10-28").unwrap();
    assert_eq!(world.quoted("1").len(), windows.len());
    // What is undone is undone on its day, long after that day has left the row.
    for purchase in ["p0", "p1", "p68"] {
        world.cancel(purchase).unwrap();
    }
    let windows = [
        ("{ days = 90 }", 30),
        ("{ days = 97 }", 32),
        ("{ days = 300 }", 98),
        ("{ days = 3660 }", 98),
        ("\"year\"", 98),
        ("\"lifetime\"", 98),
    ];
    world.publish(&counting(&windows), "2026-10-28").unwrap();
    assert_eq!(world.quoted("1").len(), windows.len());
}

#[test]
fn a_ladder_that_comes_later_knows_what_was_spent_and_earned() {
    let ladder = |measure: &str, window: &str, threshold: i64| {
        format!(
            r#"{PLAIN}
            [[ladders]]
            id = "status"
            measure = {measure}
            window = {window}
            downgrade = "to_eligible"
            tiers = [{{ id = "low", threshold = "0" }}, {{ id = "high", threshold = "{threshold}" }}]
            "#
        )
    };
    let bought = regular(100);
    for (measure, window, reached) in [
        (r#"{ spend = "net" }"#, r#""lifetime""#, 200),
        (
            r#"{ spend = "net" }"#,
            r#"{ calendar = { days = 301 } }"#,
            200,
        ),
        (r#"{ spend = "net" }"#, r#"{ calendar = "quarter" }"#, 18),
        (r#"{ spend = "net" }"#, r#""anniversary""#, 200),
        (r#"{ earned = "points" }"#, r#"{ calendar = "year" }"#, 200),
        (r#""visits""#, r#"{ calendar = "year" }"#, 100),
    ] {
        for (threshold, tier) in [(reached, "high"), (reached + 1, "low")] {
            let mut world = bought.clone();
            let document = ladder(measure, window, threshold);
            world.publish(&document, "2026-10-28").unwrap();
            assert_eq!(world.tiers(), tier, "{measure} {window} {threshold}");
        }
    }
}

#[test]
fn what_was_spent_counts_by_every_basis() {
    let parts = "discounts=3 fee=1 tax=4 shipping=2";
    for (basis, sum) in [
        (r#""gross""#, 50),
        (r#""net""#, 47),
        (r#""goods""#, 40),
        (r#"{ without = ["tax"] }"#, 46),
        (r#"{ without = ["fee", "shipping"] }"#, 47),
    ] {
        for (at_least, grants) in [(sum + 1, 1), (sum + 2, 0)] {
            let mut world = World::with(PLAIN);
            world.buy(&format!("50 {parts}"));
            let document = format!(
                r#"
                [[rules]]
                id = "it"
                when = {{ window_sum = {{ window = "year", of = {basis}, at_least = "{at_least}" }} }}
                effect = {{ fixed = {{ amount = "1" }} }}
                "#
            );
            world.now = at("2026-03-02");
            world.publish(&document, "2026-03-02").unwrap();
            assert_eq!(world.quoted("1").len(), grants, "{basis} {at_least}");
        }
    }
}

#[test]
fn a_reward_that_was_voided_was_not_earned() {
    let document = format!(
        "lifecycle = {{ pending = {{ confirmation = {{ void_after_days = 3 }} }} }}\n{PLAIN}"
    );
    let mut world = World::with(&document);
    world.buy("5 id=p1");
    world.buy("7 id=p2");
    world.confirm("p2").unwrap();
    let earned = |world: &World| {
        let sums = world.summed().into_iter();
        let earned = sums.filter(|((.., summed), _)| summed.to_string() == "earned.points");
        earned.map(|(_, sum)| sum).sum::<i64>()
    };
    assert_eq!(earned(&world), 12);
    world.now = world.now.checked_add_days(4).unwrap();
    world.settle();
    assert_eq!(earned(&world), 7);
    // Spent or not, what a cancelled purchase earned was not earned; what was voided before is not taken off twice.
    world.take(money("7", "points")).unwrap();
    for purchase in ["p1", "p2"] {
        world.cancel(purchase).unwrap();
    }
    assert_eq!(earned(&world), 0);
    assert!(world.summed().is_empty());
}
