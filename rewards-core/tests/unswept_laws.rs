//! What is due has happened, whether somebody has written it down or not: worlds that differ in their sweeps alone show the
//! same tiers and grant the same.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;
use rewards_core::member::MemberStatus;
use rewards_core::operations::members::UpdateMember;
use rewards_core::operations::rewards::DUE_LOTS_MAX;
use rewards_core::operations::tiers::{GetTiers, MemberTiers};

use crate::words::money;
use crate::world::{World, member};

/// Value that waits, matures, is voided and expires, and tiers by a measure that multiply what is earned.
fn document(measure: &str, downgrade: &str, grace: u32, life: &str) -> String {
    limited("", "", measure, downgrade, grace, life)
}

/// The same with limits, and the rule under those that are named.
fn limited(
    limits: &str,
    named: &str,
    measure: &str,
    downgrade: &str,
    grace: u32,
    life: &str,
) -> String {
    format!(
        r#"
        units = [{{ asset = "points" }}]
        lifecycle = {{ {life} }}
        {limits}
        [[rules]]
        id = "it"
        effect = {{ per_unit = {{ amount = "1", asset = "points", every = "1.00", remainder = "drop" }} }}
        {named}
        [[ladders]]
        id = "status"
        measure = {measure}
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

/// A revision of a program: with a ladder of some kind and strictness, or without one.
fn revision() -> impl Strategy<Value = String> {
    let measures = [
        r#"{ balance = "points" }"#,
        "\"visits\"\nwindow = { calendar = \"week\" }",
        "{ earned = \"points\" }\nwindow = { calendar = { days = 6 } }",
        "{ spend = \"gross\" }\nwindow = \"lifetime\"",
    ];
    let lives = [
        "expires = { days = 5 }",
        "pending = { confirmation = { void_after_days = 3 } }",
    ];
    let downgrades = ["never", "one_step", "to_eligible"];
    let parts = (
        proptest::sample::select(measures.to_vec()),
        proptest::sample::select(downgrades.to_vec()),
        0..3_u32,
        proptest::sample::select(lives.to_vec()),
        proptest::sample::select(&["100", "2", "60"][..]),
        0..5_u32,
    );
    parts.prop_map(|(measure, downgrade, grace, life, threshold, absent)| {
        let text = document(measure, downgrade, grace, life);
        let text = text.replace(
            "threshold = \"100\"",
            &format!("threshold = \"{threshold}\""),
        );
        match (absent, text.split_once("[[ladders]]")) {
            (0, Some((without, _))) => without.to_owned(),
            _ => text,
        }
    })
}

/// Two worlds in which the same happens, but only one is swept.
struct Worlds {
    swept: World,
    unswept: World,
    bought: usize,
}

impl Worlds {
    fn of(document: &str) -> Self {
        Self {
            swept: World::with(document),
            unswept: World::with(document),
            bought: 0,
        }
    }

    fn take(&mut self, step: &Step, sweeps: bool) -> Result<(), TestCaseError> {
        if sweeps {
            self.swept.settle();
        }
        let one = take(&mut self.swept, self.bought, step);
        let other = take(&mut self.unswept, self.bought, step);
        prop_assert_eq!(one, other, "{:?}", step);
        if matches!(step, Step::Buy(_) | Step::BuyLate(..)) {
            self.bought += 1;
        }
        let shown = tiers(&mut self.unswept);
        prop_assert_eq!(&tiers(&mut self.swept), &shown, "after {:?}", step);
        prop_assert_eq!(self.swept.balance(), self.unswept.balance());
        Ok(())
    }

    /// When both are swept, nothing is left that differs.
    fn end(mut self) -> Result<(), TestCaseError> {
        self.swept.settle();
        self.unswept.settle();
        prop_assert_eq!(tiers(&mut self.swept), tiers(&mut self.unswept));
        prop_assert_eq!(&self.swept.counters, &self.unswept.counters);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

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
        let mut worlds = Worlds::of(&document("{ balance = \"points\" }", downgrade, grace, life));
        for (step, sweeps) in &steps {
            worlds.take(step, *sweeps)?;
            let shown = tiers(&mut worlds.unswept);
            prop_assert_eq!(tier_of_next(&worlds.unswept), shown.ladders[0].tier.to_string());
        }
        worlds.end()?;
    }

    /// What is voided holds no limit, and was not earned from its instant on. Reviews of windows that are due are made before
    /// a purchase is counted, however late it is told of.
    #[test]
    fn sweeps_make_no_difference_to_limits_and_windows(
        measure in proptest::sample::select(&[
            r#"{ earned = "points" }"#,
            "\"visits\"",
            r#"{ spend = "gross" }"#,
        ][..]),
        window in proptest::sample::select(&[
            r#""lifetime""#,
            r#"{ calendar = "week" }"#,
            r#"{ calendar = "month" }"#,
            "{ calendar = { days = 6 } }",
        ][..]),
        downgrade in proptest::sample::select(&["never", "one_step", "to_eligible"][..]),
        grace in 0..4_u32,
        life in proptest::sample::select(&[
            "pending = { confirmation = { void_after_days = 3 } }, expires = { days = 9 }",
            "pending = { confirmation = { void_after_days = 1 } }",
            "pending = { days = 2 }, expires = { days = 6 }",
        ][..]),
        (limits, limited_by) in proptest::sample::select(&[
            ("", ""),
            (
                r#"caps = [{ id = "all", per = "member", limit = { amount = { amount = "300", asset = "points" } } }]"#,
                "caps",
            ),
            (
                r#"caps = [{ id = "all", per = "member", every = "week", limit = { uses = 2 } }]"#,
                "caps",
            ),
            (
                r#"caps = [{ id = "all", per = "member", every = { days = 5 }, limit = { amount = { amount = "150", asset = "points" } } }]"#,
                "caps",
            ),
            (
                r#"budgets = [{ id = "all", amount = "300", asset = "points", every = "month" }]"#,
                "budgets",
            ),
        ][..]),
        steps in proptest::collection::vec((step(), any::<bool>()), 1..30),
    ) {
        let measure = format!("{measure}\nwindow = {window}");
        let named = match limited_by {
            "" => String::new(),
            _ => format!(r#"{limited_by} = ["all"]"#),
        };
        let mut worlds = Worlds::of(&limited(limits, &named, &measure, downgrade, grace, life));
        for (step, sweeps) in &steps {
            worlds.take(step, *sweeps)?;
            prop_assert_eq!(worlds.swept.quoted("40"), worlds.unswept.quoted("40"), "{:?}", step);
        }
        worlds.end()?;
    }

    /// What is due is decided by the revision of its own instant, and what was decided is not decided again by a later one.
    #[test]
    fn revisions_decide_what_falls_due_while_they_last(
        first in revision(),
        steps in proptest::collection::vec(
            (prop_oneof![6 => step().prop_map(Err), 1 => (revision(), 0..60_i64).prop_map(Ok)], any::<bool>()),
            1..30,
        ),
        closes in any::<bool>(),
    ) {
        let mut worlds = Worlds::of(&first);
        for (step, sweeps) in &steps {
            match step {
                Err(step) => worlds.take(step, *sweeps)?,
                Ok((document, hours)) => {
                    let before = tiers(&mut worlds.unswept);
                    if *sweeps {
                        worlds.swept.settle();
                    }
                    let begins = later(&worlds.swept, *hours);
                    let one = worlds.swept.publish(document, &begins).map_err(|no| no.code());
                    let other = worlds.unswept.publish(document, &begins).map_err(|no| no.code());
                    prop_assert_eq!(one, other);
                    worlds.take(&Step::Wait(1), false)?;
                    let after = tiers(&mut worlds.unswept);
                    for (before, after) in before.ladders.iter().zip(&after.ladders) {
                        prop_assert!(after.history.starts_with(&before.history));
                    }
                }
            }
        }
        if closes {
            worlds.swept.settle();
            for world in [&mut worlds.swept, &mut worlds.unswept] {
                let mut leave = UpdateMember::new(member("ann"));
                (leave.status, leave.forfeit) = (Some(MemberStatus::Closed), true);
                world.run(&leave).unwrap();
            }
            prop_assert_eq!(tiers(&mut worlds.swept), tiers(&mut worlds.unswept));
        }
        worlds.end()?;
    }

    /// `since` and the history are stored facts: they are the same whenever they are asked for, and never of the future.
    #[test]
    fn what_is_shown_of_the_past_stays(
        steps in proptest::collection::vec(step(), 1..30),
    ) {
        let mut world = World::with(&document(
            "{ balance = \"points\" }",
            "to_eligible",
            1,
            "expires = { days = 5 }",
        ));
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

/// What is due is settled so many lots at a time: wherever a call ends, nothing that happened at its last instant is left out.
#[test]
fn a_sweep_in_parts_decides_as_one_look_at_all() {
    let most = usize::try_from(DUE_LOTS_MAX).unwrap();
    // How many lots expire after 10, 20 and 30 days, and how many calls settle them.
    let cases = [
        ([most, 0, 0], 1),
        ([most + 1, 0, 0], 2),
        ([most - 1, 1, 0], 1),
        ([most, 1, 0], 2),
        ([most - 1, 2, 0], 2),
        ([1, most, most], 3),
    ];
    for (lots, calls) in cases {
        let mut world = World::with(&document(
            "{ balance = \"points\" }",
            "to_eligible",
            0,
            "expires = { days = 300 }",
        ));
        world.grants("1 id=p");
        for (count, days) in lots.into_iter().zip([10, 20, 30]) {
            let expires = later(&world, days * 24);
            for _ in 0..count {
                world.give(money("1", "points"), Some(&expires));
            }
        }
        assert_eq!(tiers(&mut world).ladders[0].tier.to_string(), "three");
        world.now = later(&world, 40 * 24).parse().unwrap();
        let seen = tiers(&mut world);
        assert_eq!(seen.ladders[0].tier.to_string(), "one");
        for call in 1..=calls {
            assert_eq!(world.settle().more, call < calls, "{lots:?}: call {call}");
        }
        assert_eq!(tiers(&mut world), seen, "{lots:?}");
        assert!(world.settle().is_nothing(), "{lots:?}");
    }
}
