//! Why a purchase is granted what it is: asked before with a quote, and afterwards of the purchase that was recorded.

use std::collections::BTreeSet;

use rewards_core::cashback::{Explanation, Verdict};
use rewards_core::member::MemberStatus;
use rewards_core::operations::members::{EraseMember, UpdateMember};
use rewards_core::operations::purchases::GetPurchase;

use crate::words::money;
use crate::world::{World, member};

/// Rules that look at everything there is to look at of a member.
const PROGRAM: &str = r#"
    units = [{ asset = "points" }]
    caps = [{ id = "day", per = "member", every = "day", limit = { amount = { amount = "6" } } }]
    [[stacking_groups]]
    id = "base"
    [[stacking_groups]]
    id = "extra"
    stacking = "best"
    [[rules]]
    id = "base"
    stacking_group = "base"
    effect = { percent = { rate = "5%" } }
    caps = ["day"]
    [[rules]]
    id = "vip"
    stacking_group = "extra"
    when = { segment = ["vip"] }
    effect = { fixed = { amount = "2" } }
    [[rules]]
    id = "third"
    stacking_group = "extra"
    when = { purchase_number = { every = 3 } }
    effect = { fixed = { amount = "3" } }
    [[rules]]
    id = "gold"
    stacking_group = "extra"
    when = { tier = { ladder = "status", at_least = "gold" } }
    effect = { fixed = { amount = "1" } }
    [[rules]]
    id = "carries"
    stacking_group = "base"
    effect = { per_unit = { amount = "1", asset = "points", every = "30", remainder = "carry" } }
    [[ladders]]
    id = "status"
    measure = "visits"
    tiers = [
        { id = "basic", threshold = "0" },
        { id = "gold", threshold = "2", benefits = { multiplier = "1.5" } },
    ]
"#;

fn explained(world: &mut World, id: &str) -> Option<Vec<Explanation>> {
    let get = GetPurchase {
        explain: true,
        ..GetPurchase::new(id.parse().unwrap())
    };
    world.run(&get).unwrap().explanation
}

fn update(world: &mut World, change: impl FnOnce(&mut UpdateMember)) {
    let mut update = UpdateMember::new(member("ann"));
    change(&mut update);
    let key = format!("update-{}", world.commands);
    world.run_as(&key, &update).unwrap();
}

/// Whatever happens later, a purchase is explained as the quote before it was.
#[test]
fn a_recorded_purchase_is_explained_as_it_was_decided() {
    let mut world = World::with(PROGRAM);
    let mut told = Vec::new();
    for number in 0..5 {
        if number == 3 {
            let vip = BTreeSet::from(["vip".to_owned(), "unnamed".to_owned()]);
            update(&mut world, |update| update.segments = Some(vip));
        }
        let text = format!("80 id=p{number}");
        told.push((format!("p{number}"), world.quote(&text).explanation));
        world.buy(&text);
    }
    world.at("2026-03-09");
    update(&mut world, |update| update.segments = Some(BTreeSet::new()));
    world.cancel("p1").unwrap();
    let later = "[[rules]]\nid = \"it\"\neffect = { fixed = { amount = \"9\" } }";
    world.publish(later, "2026-03-08").unwrap();
    for (id, quoted) in told {
        assert_eq!(explained(&mut world, &id), quoted, "{id}");
    }
    let plain = world.run(&GetPurchase::new("p0".parse().unwrap())).unwrap();
    assert_eq!(plain.explanation, None, "not asked for");
    let body = &world.entities.values().next_back().unwrap().body;
    assert!(body.contains("vip") && !body.contains("unnamed"), "{body}");
}

/// A quote answers for now: what is recorded makes a difference by what it used, and not by its id.
#[test]
fn quoting_a_recorded_purchase_answers_as_if_it_were_not_recorded_yet() {
    let mut world = World::with(PROGRAM);
    assert_eq!(
        world.grants("80 id=p1"),
        ["base 4.00 EUR", "carries 2 points"]
    );
    let (again, other) = (world.quoted("80 id=p1"), world.quoted("80 id=p2"));
    assert_eq!(again, other);
    assert_eq!(again, ["base 2.00 EUR of 4.00 by day", "carries 3 points"]);
    let why = explained(&mut world, "p1").unwrap();
    assert!(
        matches!(&why[0].outcome, Verdict::Granted { granted, .. } if *granted == money("4.00", "EUR"))
    );
    assert_eq!(world.buy("80 id=p1").decision.grants.len(), 2, "replayed");
}

/// Nothing is granted to a member who is not active, and no rule is said to have granted anything.
#[test]
fn what_a_suspended_member_does_not_get_is_withheld() {
    let mut world = World::with(PROGRAM);
    update(&mut world, |update| {
        update.status = Some(MemberStatus::Suspended)
    });
    let why = world.explained("200 id=p1");
    let expected = [
        "base: withheld 6.00 EUR",
        "vip: unmatched rules[1].when",
        "third: unmatched rules[2].when",
        "gold: unmatched rules[3].when",
        "carries: withheld 6 points",
    ];
    assert_eq!(why, expected);
    let quote = world.quote("200 id=p1");
    assert_eq!(quote.decision.withheld, Some(MemberStatus::Suspended));
    assert!(world.grants("200 id=p1").is_empty());
    update(&mut world, |update| {
        update.status = Some(MemberStatus::Active)
    });
    assert_eq!(explained(&mut world, "p1"), quote.explanation);
}

/// What was seen of a member is erased with the member, and what was recorded before it was kept has none.
#[test]
fn what_was_seen_of_a_member_is_erased() {
    let mut world = World::with(PROGRAM);
    world.buy("80 id=p1 category=books");
    let row = world.entities.values_mut().next().unwrap();
    let start = row.body.find(",\"seen\":").unwrap();
    let before = format!("{}}}]", &row.body[..start]);
    let after = std::mem::replace(&mut row.body, before.into());
    assert_eq!(explained(&mut world, "p1"), None);
    world.entities.values_mut().next().unwrap().body = after;
    assert!(explained(&mut world, "p1").is_some());
    let erase = EraseMember {
        member: member("ann"),
        forfeit: true,
        after: None,
    };
    world.run_as("erase", &erase).unwrap();
    assert_eq!(explained(&mut world, "p1"), None);
}
