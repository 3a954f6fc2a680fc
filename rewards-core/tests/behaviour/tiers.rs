//! Tiers in operations: moves with purchases, reviews that are late, and cancellations.

use rewards_core::event::Event;
use rewards_core::operations::tiers::GetTiers;

use crate::words::money;
use crate::world::{World, at, member};

fn ladder(rest: &str) -> String {
    format!(
        r#"
        units = [{{ asset = "points" }}]
        [[rules]]
        id = "it"
        effect = {{ per_unit = {{ amount = "1", asset = "points", every = "1" }} }}
        [[ladders]]
        id = "status"
        {rest}
        tiers = [
            {{ id = "low", threshold = "0" }},
            {{ id = "mid", threshold = "100" }},
            {{ id = "high", threshold = "500" }},
        ]
        "#
    )
}

#[test]
fn a_purchase_moves_a_member_up_as_far_as_it_is_enough() {
    for measure in [
        r#"measure = { spend = "gross" }"#,
        r#"measure = { earned = "points" }"#,
        r#"measure = { balance = "points" }"#,
    ] {
        let mut world = World::with(&ladder(measure));
        assert_eq!(world.tiers(), "low");
        world.buy("99");
        assert_eq!(world.tiers(), "low", "{measure}");
        let recorded = world.buy("401");
        let moves: Vec<_> = recorded
            .tier_changes
            .iter()
            .map(|change| format!("{} {}", change.from, change.to))
            .collect();
        assert_eq!(moves, ["low high"], "{measure}");
        assert_eq!(world.tiers(), "high", "{measure}");
    }
}

#[test]
fn a_cancellation_lowers_the_tier_only_by_the_policy_of_the_ladder() {
    for (downgrade, after, a_month_later) in [
        ("never", "high", "high"),
        ("one_step", "mid", "mid"),
        ("to_eligible", "low", "low"),
    ] {
        let rest = format!("measure = {{ spend = \"gross\" }}\ndowngrade = \"{downgrade}\"");
        let mut world = World::with(&ladder(&rest));
        world.buy("600 id=p1");
        world.cancel("p1").unwrap();
        assert_eq!(world.tiers(), after, "{downgrade}");
        world.settle();
        assert_eq!(world.tiers(), after, "{downgrade}");
        if downgrade != "one_step" {
            world.at("2026-04-02").settle();
            assert_eq!(world.tiers(), a_month_later, "{downgrade}");
        }
    }
}

#[test]
fn with_grace_a_cancellation_lowers_the_tier_later() {
    let rest = "measure = { spend = \"gross\" }\ndowngrade = \"to_eligible\"\ngrace_days = 10";
    let mut world = World::with(&ladder(rest));
    world.buy("600 id=p1");
    world.cancel("p1").unwrap();
    world.settle();
    assert_eq!(world.tiers(), "high");
    assert_eq!(world.at("2026-03-11").tiers(), "high");
    assert_eq!(world.at("2026-03-12").tiers(), "low");
}

#[test]
fn a_balance_ladder_follows_what_is_taken() {
    let rest = "measure = { balance = \"points\" }\ndowngrade = \"to_eligible\"";
    let mut world = World::with(&ladder(rest));
    world.buy("600");
    world.take(money("450", "points")).unwrap();
    assert_eq!(world.tiers(), "mid");
    world.settle();
    world.take(money("100", "points")).unwrap();
    world.settle();
    assert_eq!(world.tiers(), "low");
}

#[test]
fn late_reviews_decide_as_of_their_day() {
    // The same purchases, reviewed every day, or only at the end after half a year.
    for window in [
        r#"window = { calendar = "month" }"#,
        r#"window = { calendar = "week" }"#,
        r#"window = { calendar = "quarter" }"#,
        r#"window = { calendar = { days = 10 } }"#,
        r#"window = "anniversary""#,
        r#"window = "lifetime""#,
    ] {
        for grace in [0, 3, 40] {
            let rest = format!(
                "measure = {{ spend = \"gross\" }}\ndowngrade = \"one_step\"\ngrace_days = {grace}\n{window}"
            );
            let (mut daily, mut late) = (World::with(&ladder(&rest)), World::with(&ladder(&rest)));
            for world in [&mut daily, &mut late] {
                world.buy("600");
                world.at("2026-03-20").buy("120");
            }
            for month in 4..=9 {
                for day in 1..=30 {
                    daily.at(&format!("2026-{month:02}-{day:02}")).settle();
                }
            }
            late.at("2026-09-30");
            assert_eq!(late.tiers(), daily.tiers(), "{rest}");
            late.settle();
            let standing = |world: &World| {
                let row = world.members.values().next().unwrap();
                row.profile.tiers.clone()
            };
            assert_eq!(standing(&late), standing(&daily), "{rest}");
        }
    }
}

#[test]
fn a_move_counts_for_purchases_after_its_instant() {
    let mut world = World::with(
        r#"
        [[rules]]
        id = "it"
        effect = { percent = { rate = "1%" } }
        [[ladders]]
        id = "status"
        measure = { spend = "gross" }
        tiers = [
            { id = "low", threshold = "0" },
            { id = "high", threshold = "100", benefits = { multiplier = "3" } },
        ]
        "#,
    );
    assert_eq!(world.grants("100"), ["it 1.00 EUR"]);
    assert_eq!(world.grants("100"), ["it 1.00 EUR"], "at the same instant");
    // A late purchase from before the move is paid by the tier of its time.
    assert_eq!(world.grants("100 at=2026-03-01"), ["it 1.00 EUR"]);
    assert_eq!(world.at("2026-03-03").grants("100"), ["it 3.00 EUR"]);
}

#[test]
fn several_ladders_are_climbed_on_their_own_and_the_higher_benefit_counts() {
    let mut world = World::with(
        r#"
        [[rules]]
        id = "it"
        effect = { percent = { rate = "1%" } }
        [[ladders]]
        id = "spend"
        measure = { spend = "gross" }
        tiers = [
            { id = "low", threshold = "0" },
            { id = "high", threshold = "100", benefits = { multiplier = "2" } },
        ]
        [[ladders]]
        id = "visits"
        measure = "visits"
        tiers = [
            { id = "new", threshold = "0" },
            { id = "known", threshold = "2", benefits = { multiplier = "3" } },
        ]
        "#,
    );
    for (day, tiers, grant) in [
        ("2026-03-03", "high new", "1.00"),
        ("2026-03-04", "high known", "2.00"),
        ("2026-03-05", "high known", "3.00"),
    ] {
        assert_eq!(
            world.at(day).grants("100"),
            [format!("it {grant} EUR")],
            "{day}"
        );
        assert_eq!(world.tiers(), tiers, "{day}");
    }
}

/// The tiers that are stored, and the moves that were told.
fn moves(world: &World) -> (String, Vec<String>) {
    let row = world.members.values().next().unwrap();
    let statuses = row
        .profile
        .tiers
        .values()
        .flat_map(|ladders| ladders.values());
    let tiers: Vec<_> = statuses.map(|status| status.tier.to_string()).collect();
    let told = world.events.values().flatten();
    let told = told.filter_map(|record| match &record.event {
        Event::TierChanged { from, to, .. } => Some(format!("{from} {to}")),
        _ => None,
    });
    (tiers.join(" "), told.collect())
}

/// What is stored and told at once, and not only seen by whoever asks later.
#[test]
fn a_balance_ladder_is_reviewed_when_value_is_given_or_taken_by_hand() {
    let rest = "measure = { balance = \"points\" }\ndowngrade = \"to_eligible\"";
    let mut world = World::with(&ladder(rest));
    // Who stands in no program yet is placed by a purchase, as ever.
    world.give(money("100", "points"), None);
    assert_eq!(moves(&world), (String::new(), vec![]));
    world.buy("20");
    assert_eq!(moves(&world), ("mid".into(), vec!["low mid".into()]));
    world.give(money("400", "points"), None);
    assert_eq!(moves(&world).0, "high");
    world.take(money("500", "points")).unwrap();
    assert_eq!(moves(&world).0, "low");
    assert_eq!(moves(&world).1, ["low mid", "mid high", "high low"]);
    // Value of another kind moves nothing.
    world.give(money("900", "EUR"), None);
    assert_eq!(moves(&world).1.len(), 3);
    assert_eq!(world.settle().tier_changes, 0);
}

#[test]
fn what_has_expired_lifts_nobody_when_value_is_given_or_taken_by_hand() {
    let rest = "measure = { balance = \"points\" }\ndowngrade = \"never\"";
    let mut world = World::with(&ladder(rest));
    world.buy("20");
    world.give(money("70", "points"), Some("2026-03-04"));
    // The 70 have expired, and nobody has settled them.
    world.at("2026-03-05").give(money("60", "points"), None);
    assert_eq!(moves(&world), ("low".into(), vec![]));
    assert_eq!(world.balance(), "80+0 points");
    assert!(
        world.settle().expired.is_empty(),
        "it is settled beforehand"
    );
    world.give(money("19", "points"), Some("2026-03-06"));
    world.at("2026-03-07").take(money("1", "points")).unwrap();
    world.give(money("20", "points"), None);
    assert_eq!(moves(&world), ("low".into(), vec![]));
    world.give(money("1", "points"), None);
    assert_eq!(moves(&world), ("mid".into(), vec!["low mid".into()]));
}

/// A move is dated by the command's own time, as the entry is that brought it about, whatever an earlier clock said.
#[test]
fn a_move_by_hand_is_not_older_than_its_entry() {
    let rest = "measure = { balance = \"points\" }\ndowngrade = \"to_eligible\"";
    let mut world = World::with(&ladder(rest));
    world.buy("20");
    world.at("2026-03-08").give(money("1", "points"), None);
    world.at("2026-03-05").give(money("500", "points"), None);
    world.at("2026-03-10").give(money("1", "points"), None);
    world.at("2026-03-06").take(money("500", "points")).unwrap();
    assert_eq!(moves(&world).1, ["low high", "high low"]);
    let row = world.members.values().next().unwrap();
    let statuses = row.profile.tiers.values().flat_map(|l| l.values());
    let moved: Vec<_> = statuses.flat_map(|status| &status.history).collect();
    let moved: Vec<_> = moved.iter().map(|step| step.at).collect();
    // The last one took a point that a clock ahead had dated on the 8th.
    assert_eq!(moved, [at("2026-03-05"), at("2026-03-08")]);
    let entries = world.journal.values().flatten();
    let moves = entries.filter(|entry| entry.transfer.minor() == 500);
    let entered: Vec<_> = moves.map(|entry| entry.transfer.effective_at).collect();
    assert_eq!(entered, moved);
    let last = world.journal.values().flatten().last().unwrap();
    assert_eq!(last.recorded_at, at("2026-03-10"));
}

/// Value manually moves one balance: what other ladders measure is the same as before, so they are not looked at for it. What
/// was due on them by time is made all the same, as of its own instant.
#[test]
fn value_by_hand_reviews_the_ladders_by_that_balance_and_what_is_due() {
    let both = r#"measure = { balance = "points" }
        tiers = [{ id = "few", threshold = "0" }, { id = "many", threshold = "120" }]
        [[ladders]]
        id = "trade"
        measure = { spend = "gross" }
        window = { calendar = "week" }
        downgrade = "to_eligible""#;
    let mut world = World::with(&ladder(both));
    world.buy("100");
    assert_eq!(moves(&world).0, "few mid");
    let mut swept = world.clone();
    assert_eq!(swept.at("2026-03-20").settle().tier_changes, 1);
    assert_eq!(moves(&swept).0, "few low");
    for world in [&mut swept, &mut world] {
        world.at("2026-03-20").give(money("50", "points"), None);
        assert_eq!(moves(world).0, "many low");
        assert_eq!(world.settle().tier_changes, 0);
    }
    assert_eq!(moves(&swept), moves(&world));
}

/// A move at the end of a window belongs to the local day that begins then, and counts on all of it but its first instant.
#[test]
fn a_move_at_midnight_counts_on_the_day_that_begins() {
    let mut world = World::with(
        r#"
        zone = "Europe/Berlin"
        [[rules]]
        id = "it"
        effect = { percent = { rate = "1%" } }
        [[ladders]]
        id = "status"
        measure = { spend = "gross" }
        window = { calendar = "month" }
        downgrade = "to_eligible"
        tiers = [
            { id = "low", threshold = "0" },
            { id = "high", threshold = "100", benefits = { multiplier = "3" } },
        ]
        "#,
    );
    world.buy("200");
    // Midnight of 1 May in Berlin: April is over, and nothing was bought in it.
    for (at, grant) in [
        ("2026-04-30T21:59:59.999999Z", "it 3.00 EUR"),
        ("2026-04-30T22:00:00Z", "it 3.00 EUR"),
        ("2026-04-30T22:00:00.000001Z", "it 1.00 EUR"),
    ] {
        let quoted = world.at("2026-05-02").quoted(&format!("100 at={at}"));
        assert_eq!(quoted, [grant], "{at}");
    }
    let tiers = GetTiers {
        member: member("ann"),
        program: "main".parse().unwrap(),
    };
    for day in ["2026-05-02", "2026-05-20"] {
        let standing = world.at(day).run(&tiers).unwrap().ladders.remove(0);
        let since = standing.since.map(|since| since.to_string());
        assert_eq!(since.as_deref(), Some("2026-04-30T22:00:00Z"), "{day}");
    }
}

/// Points of one program, and a ladder of another one that is climbed by them.
#[test]
fn a_purchase_moves_the_ladders_of_other_programs_by_its_balance() {
    let ladders = "measure = { balance = \"points\" }\ndowngrade = \"to_eligible\"";
    let mut world = World::with(&ladder(ladders));
    let other = format!("id = \"other\"\n{}", ladder("measure = \"visits\""));
    world.publish(&other, "2020-01-01").unwrap();
    world.buy("50");
    world.buy("60 program=other");
    assert_eq!(moves(&world).1, ["low mid"]);
    assert_eq!(world.tiers(), "mid");
}

/// A move of a purchase that is dated a little ahead is shown when it counts.
#[test]
fn a_move_that_lies_ahead_is_not_shown_before_it_counts() {
    let mut world = World::with(&ladder("measure = { spend = \"gross\" }"));
    world.buy("100 at=2026-03-02T12:03:00Z");
    assert_eq!(moves(&world).0, "mid");
    for (now, tier) in [
        ("2026-03-02T12:00:00Z", "low"),
        ("2026-03-02T12:02:59Z", "low"),
        ("2026-03-02T12:03:00Z", "mid"),
    ] {
        assert_eq!(world.at(now).tiers(), tier, "{now}");
    }
}
