//! Clocks that are ahead for a while: what is due, and when value moves, follows each command's own time.

use rewards_core::ledger::TransferKind;

use crate::words::{money, say_all};
use crate::world::{World, at};

const PROGRAM: &str = r#"
    units = [{ asset = "points" }]
    lifecycle = { expires = { days = 30 } }
    [[rules]]
    id = "it"
    effect = { fixed = { amount = "60", asset = "points" } }
    [[rules]]
    id = "waits"
    effect = { fixed = { amount = "5", asset = "points" } }
    lifecycle = { pending = { confirmation = { void_after_days = 10 } }, expires = { days = 90 } }
    [[ladders]]
    id = "status"
    measure = { balance = "points" }
    downgrade = "to_eligible"
    tiers = [{ id = "low", threshold = "0" }, { id = "high", threshold = "100" }]
"#;

/// A world in which a command was recorded a year ahead, and the clock is right again.
fn once_ahead() -> World {
    let mut world = World::with(PROGRAM);
    world.at("2027-03-02").give(money("1", "EUR"), None);
    world.at("2026-03-02").buy("10 id=p1");
    world
}

#[test]
fn a_clock_that_was_ahead_once_makes_nothing_due() {
    let mut world = once_ahead();
    world.at("2026-03-03").buy("10 id=p2");
    assert_eq!(world.tiers(), "high");
    let settled = world.settle();
    assert!(settled.is_nothing(), "{settled:?}");
    world.give(money("7", "points"), None);
    world.take(money("1", "points")).unwrap();
    assert_eq!(world.balance(), "1.00+0.00 EUR 126+10 points");
    assert_eq!(say_all(&world.confirm("p2").unwrap().released), "5 points");
    let cancelled = world.cancel("p1").unwrap();
    assert_eq!(say_all(&cancelled.taken_back), "64 points");
    assert_eq!(say_all(&cancelled.shortfall), "1 points");
    assert_eq!(world.tiers(), "low");
    // Due at their own times.
    let settled = world.at("2026-04-02").settle();
    assert_eq!(say_all(&settled.expired), "60 points");
}

/// What is told of a past instant is what was there by then, as far as each command's own time says.
#[test]
fn value_moves_at_the_time_of_its_command() {
    let mut world = once_ahead();
    world.at("2026-03-04").give(money("7", "points"), None);
    world.at("2026-03-05").take(money("2", "points")).unwrap();
    world.at("2026-03-06").cancel("p1").unwrap();
    world.at("2026-03-20");
    for (day, balance) in [
        ("2026-03-03", "60+5 points"),
        ("2026-03-04", "67+5 points"),
        ("2026-03-05", "65+5 points"),
        ("2026-03-07", "7+0 points"),
    ] {
        assert_eq!(world.balance_at(Some(day)), balance, "{day}");
    }
    // Journals are in order of recording all the same.
    let entries: Vec<_> = world.journal.values().flatten().collect();
    assert!(
        entries
            .iter()
            .all(|entry| entry.recorded_at >= at("2027-03-02"))
    );
}

/// Nothing is taken before it was earned, not even what a clock ahead has dated in the future.
#[test]
fn what_was_earned_ahead_is_not_taken_before() {
    let mut world = once_ahead();
    world.take(money("1", "EUR")).unwrap();
    let taken = world.journal.values().flatten().last().unwrap();
    assert_eq!(taken.transfer.kind, TransferKind::Deduct);
    assert_eq!(taken.transfer.effective_at, at("2027-03-02"));
    assert_eq!(world.balance(), "0.00+0.00 EUR 60+5 points");
}
