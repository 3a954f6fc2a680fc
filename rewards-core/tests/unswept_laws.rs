//! What is due has happened, whether somebody has written it down or not: worlds that differ in their sweeps alone show the
//! same tiers and grant the same.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use proptest::sample::Index;
use rewards_core::operations::tiers::{GetTiers, MemberTiers};

use crate::words::money;
use crate::world::{World, member};

/// Value that waits, matures, is voided and expires, and tiers by the balance that multiply what is earned.
fn document(downgrade: &str, grace: u32, life: &str) -> String {
    format!(
        r#"
        units = [{{ asset = "points" }}]
        lifecycle = {{ {life} }}
        [[rules]]
        id = "it"
        effect = {{ per_unit = {{ amount = "1", asset = "points", every = "1.00", remainder = "drop" }} }}
        [[ladders]]
        id = "status"
        measure = {{ balance = "points" }}
        downgrade = "{downgrade}"
        grace_days = {grace}
        tiers = [
            {{ id = "one", threshold = "0" }},
            {{ id = "two", threshold = "100", benefits = {{ multiplier = "2" }} }},
            {{ id = "three", threshold = "250", benefits = {{ multiplier = "3" }} }},
        ]
        "#
    )
}

#[derive(Debug, Clone)]
enum Step {
    Buy(i64),
    BuyLate(i64, i64),
    Give(i64, i64),
    Take(i64),
    Cancel(Index),
    Confirm(Index),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..150_i64).prop_map(Step::Buy),
        1 => (1..150_i64, 1..100_i64).prop_map(|(euros, hours)| Step::BuyLate(euros, hours)),
        1 => (1..120_i64, 1..300_i64).prop_map(|(points, hours)| Step::Give(points, hours)),
        1 => (1..120_i64).prop_map(Step::Take),
        1 => any::<Index>().prop_map(Step::Cancel),
        1 => any::<Index>().prop_map(Step::Confirm),
        4 => (1..200_i64).prop_map(Step::Wait),
    ]
}

fn later(world: &World, hours: i64) -> String {
    let micros = hours * 3_600_000_000;
    world.now.checked_add_micros(micros).unwrap().to_string()
}

fn tiers(world: &mut World) -> MemberTiers {
    let get = GetTiers {
        member: member("ann"),
        program: "main".parse().unwrap(),
    };
    world.run(&get).unwrap()
}

/// Takes a step; says what came of it.
fn take(world: &mut World, bought: usize, step: &Step) -> String {
    match step {
        Step::Buy(euros) => format!("{:?}", world.grants(&format!("{euros} id=p{bought}"))),
        Step::BuyLate(euros, hours) => {
            let at = later(world, -hours);
            format!(
                "{:?}",
                world.grants(&format!("{euros} id=p{bought} at={at}"))
            )
        }
        Step::Give(points, hours) => {
            let expires = later(world, *hours);
            world.give(money(&points.to_string(), "points"), Some(&expires));
            String::new()
        }
        Step::Take(points) => {
            let taken = world.take(money(&points.to_string(), "points"));
            format!(
                "{:?}",
                taken.map(|taken| taken.taken).map_err(|no| no.code())
            )
        }
        Step::Cancel(index) => {
            let id = format!("p{}", index.index(bought.max(1)));
            let cancelled = world.cancel(&id);
            // Moves that were due are made by whoever comes first.
            let told = cancelled.map(|told| (told.taken_back, told.shortfall));
            format!("{:?}", told.map_err(|no| no.code()))
        }
        Step::Confirm(index) => {
            let id = format!("p{}", index.index(bought.max(1)));
            let told = world.confirm(&id).map(|told| told.released);
            format!("{:?}", told.map_err(|no| no.code()))
        }
        Step::Wait(hours) => {
            world.now = later(world, *hours).parse().unwrap();
            String::new()
        }
    }
}

/// What a purchase of 100 an instant later would earn: which tier it earns by.
fn tier_of_next(world: &World) -> String {
    let mut next = world.clone();
    next.now = next.now.checked_add_micros(1).unwrap();
    let quoted = next.quoted("100");
    match quoted.first().map(String::as_str) {
        Some("it 100 points") => "one",
        Some("it 200 points") => "two",
        Some("it 300 points") => "three",
        other => return format!("{other:?}"),
    }
    .to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sweeps_make_no_difference(
        downgrade in proptest::sample::select(&["never", "one_step", "to_eligible"][..]),
        grace in 0..3_u32,
        life in proptest::sample::select(&[
            "expires = { days = 5 }",
            "pending = { days = 2 }, expires = { days = 6 }",
            "pending = { confirmation = { void_after_days = 3 } }, expires = { days = 9 }",
        ][..]),
        steps in proptest::collection::vec((step(), any::<bool>()), 1..30),
    ) {
        let document = document(downgrade, grace, life);
        let (mut swept, mut unswept) = (World::with(&document), World::with(&document));
        let mut bought = 0;
        for (step, sweeps) in &steps {
            if *sweeps {
                swept.settle();
            }
            let (one, other) = (take(&mut swept, bought, step), take(&mut unswept, bought, step));
            prop_assert_eq!(one, other, "{:?}", step);
            if matches!(step, Step::Buy(_) | Step::BuyLate(..)) {
                bought += 1;
            }
            let shown = tiers(&mut unswept);
            prop_assert_eq!(&tiers(&mut swept), &shown, "after {:?}", step);
            prop_assert_eq!(swept.balance(), unswept.balance());
            prop_assert_eq!(tier_of_next(&unswept), shown.ladders[0].tier.to_string());
        }
        swept.settle();
        unswept.settle();
        prop_assert_eq!(tiers(&mut swept), tiers(&mut unswept));
    }

    /// `since` and the history are stored facts: they are the same whenever they are asked for, and never of the future.
    #[test]
    fn what_is_shown_of_the_past_stays(
        steps in proptest::collection::vec(step(), 1..30),
    ) {
        let mut world = World::with(&document("to_eligible", 1, "expires = { days = 5 }"));
        let mut bought = 0;
        for step in &steps {
            take(&mut world, bought, step);
            if matches!(step, Step::Buy(_) | Step::BuyLate(..)) {
                bought += 1;
            }
            let now = tiers(&mut world);
            for ladder in &now.ladders {
                prop_assert!(ladder.history.iter().all(|moved| moved.at <= world.now));
                prop_assert_eq!(ladder.history.last().map(|last| last.at), ladder.since);
            }
            let mut after = world.clone();
            after.now = later(&after, 30 * 24).parse().unwrap();
            let then = tiers(&mut after);
            for (early, late) in now.ladders.iter().zip(&then.ladders) {
                prop_assert!(late.history.starts_with(&early.history), "{:?} {:?}", early, late);
            }
        }
    }
}
