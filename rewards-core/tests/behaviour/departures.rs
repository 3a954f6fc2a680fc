//! What becomes of purchases, value and tiers of a member who has left.

use rewards_core::member::MemberStatus;
use rewards_core::operations::members::UpdateMember;

use crate::words::{money, say_all};
use crate::world::{World, member};

const PROGRAM: &str = r#"
    budgets = [{ id = "launch", amount = "8" }]
    [[rules]]
    id = "it"
    effect = { fixed = { amount = "5" } }
    budgets = ["launch"]
    [[rules]]
    id = "waits"
    effect = { fixed = { amount = "2" } }
    lifecycle = { pending = { confirmation = {} } }
    [[ladders]]
    id = "status"
    measure = { spend = "gross" }
    window = { calendar = "month" }
    downgrade = "to_eligible"
    tiers = [{ id = "low", threshold = "0" }, { id = "high", threshold = "100" }]
"#;

fn close(world: &mut World) {
    let mut update = UpdateMember::new(member("ann"));
    update.status = Some(MemberStatus::Closed);
    update.forfeit = true;
    let closed = world.run_as("close", &update).unwrap();
    assert_eq!(say_all(&closed.forfeited), "6.00 EUR");
}

/// What was forfeited is back in the budget at once; what was spent stays used.
#[test]
fn a_purchase_of_a_member_who_has_left_can_be_cancelled() {
    let mut world = World::with(PROGRAM);
    world.register("bob");
    world.buy("100 id=p1");
    world.take(money("1", "EUR")).unwrap();
    assert_eq!(
        world.quoted("9 id=p2 member=bob")[0],
        "it 3.00 EUR of 5.00 by launch"
    );
    close(&mut world);
    assert_eq!(world.quoted("9 id=p2 member=bob")[0], "it 5.00 EUR");
    let cancelled = world.cancel("p1").unwrap();
    assert_eq!(say_all(&cancelled.taken_back), "");
    // What was spent before; what was forfeited went back to whoever paid it.
    assert_eq!(say_all(&cancelled.shortfall), "1.00 EUR");
    assert_eq!(world.quoted("9 id=p2 member=bob")[0], "it 5.00 EUR");
    assert_eq!(
        world.cancel("p1").map_err(|no| no.code()).unwrap(),
        cancelled,
        "replayed"
    );
}

#[test]
fn nothing_becomes_available_to_a_member_who_has_left() {
    let mut world = World::with(PROGRAM);
    world.buy("100 id=p1");
    world.take(money("1", "EUR")).unwrap();
    close(&mut world);
    assert_eq!(world.confirm("p1").unwrap_err().code(), "member_closed");
    assert_eq!(world.confirm("p9").unwrap_err().code(), "member_closed");
    assert_eq!(world.try_buy("9").unwrap_err().code(), "member_closed");
    assert_eq!(world.balance(), "0.00+0.00 EUR");
}

/// Sweeps do not even look.
#[test]
fn nothing_is_due_for_a_member_who_has_left() {
    let mut world = World::with(PROGRAM);
    world.buy("100 id=p1");
    world.take(money("1", "EUR")).unwrap();
    assert_eq!(world.tiers(), "high");
    assert!(world.members.values().next().unwrap().due_at.is_some());
    close(&mut world);
    let row = world.members.values().next().unwrap().clone();
    assert_eq!(row.due_at, None);
    assert!(world.at("2026-12-01").settle().is_nothing());
    assert_eq!(
        *world.members.values().next().unwrap(),
        row,
        "nothing is written"
    );
    assert_eq!(world.tiers(), "high", "as when the member left");
    world.cancel("p1").unwrap();
    assert_eq!(world.tiers(), "high");
}
