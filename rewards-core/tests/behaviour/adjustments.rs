//! Granted and taken manually under an id of the host's: once, whatever the key, and found again.

use rewards_core::adjustments::AdjustmentKind;
use rewards_core::event::Event;
use rewards_core::operations::balances::GetStatement;
use rewards_core::operations::members::EraseMember;
use rewards_core::operations::rewards::{
    AdjustmentDetails, DeductBalance, GetAdjustment, GrantReward, ListAdjustments,
};
use rewards_core::rejection::Rejection;

use crate::words::{money, say};
use crate::world::{World, at, member};

fn world() -> World {
    let mut world = World::with("units = [{ asset = \"points\" }]");
    world.register("bob");
    world
}

fn grant(reference: &str, who: &str, euros: &str) -> GrantReward {
    GrantReward {
        member: member(who),
        amount: money(euros, "EUR"),
        reason: "a broken cup".to_owned(),
        expires_at: None,
        source: Some("service_recovery".parse().unwrap()),
        reference: Some(reference.parse().unwrap()),
    }
}

fn deduct(reference: &str, who: &str, euros: &str) -> DeductBalance {
    DeductBalance {
        member: member(who),
        take: money(euros, "EUR"),
        reason: "typing error".to_owned(),
        source: None,
        reference: Some(reference.parse().unwrap()),
    }
}

fn get(
    world: &mut World,
    reference: &str,
    who: Option<&str>,
) -> Result<AdjustmentDetails, Rejection> {
    world.run(&GetAdjustment {
        adjustment: reference.parse().unwrap(),
        member: who.map(member),
    })
}

/// All pages of one item each.
fn listed(world: &mut World, who: Option<&str>) -> Vec<String> {
    let mut list = ListAdjustments {
        member: who.map(member),
        limit: Some(1),
        after: None,
    };
    let mut found = Vec::new();
    loop {
        let page = world.run(&list).unwrap();
        found.extend(
            page.adjustments
                .iter()
                .map(|one| one.adjustment.to_string()),
        );
        list.after = page.next;
        if list.after.is_none() {
            return found;
        }
    }
}

#[test]
fn an_adjustment_is_kept_and_found() {
    let mut world = world();
    world.at("2026-03-02");
    world.run(&grant("a1", "ann", "5.00")).unwrap();
    world.run(&grant("a2", "ann", "1.00")).unwrap();
    world.run(&grant("a3", "bob", "1.00")).unwrap();
    world.at("2026-03-03");
    world.run(&deduct("a4", "ann", "5.50")).unwrap();
    // Without an id nothing is kept.
    world.give(money("1", "EUR"), None);
    let found = get(&mut world, "a1", None).unwrap();
    assert_eq!(
        (found.kind, say(&found.amount).as_str()),
        (AdjustmentKind::Grant, "5.00 EUR")
    );
    assert_eq!((found.lots, found.recorded_at), (vec![1], at("2026-03-02")));
    assert_eq!(found.source.unwrap().as_str(), "service_recovery");
    let found = get(&mut world, "a4", Some("ann")).unwrap();
    assert_eq!(
        (found.kind, say(&found.amount).as_str()),
        (AdjustmentKind::Deduct, "5.50 EUR")
    );
    assert_eq!((found.lots, found.source), (vec![1, 2], None));
    for (reference, who) in [("a4", Some("bob")), ("a9", None)] {
        let refused = get(&mut world, reference, who).unwrap_err();
        assert_eq!(refused.code(), "adjustment_unknown");
    }
    assert_eq!(listed(&mut world, None), ["a4", "a3", "a2", "a1"]);
    assert_eq!(listed(&mut world, Some("ann")), ["a4", "a2", "a1"]);
    let events = world.events.values().flatten().map(|record| &record.event);
    let named = events.filter_map(|event| match event {
        Event::RewardGranted {
            source, adjustment, ..
        }
        | Event::BalanceDeducted {
            source, adjustment, ..
        } => {
            let source = source.as_ref().map(ToString::to_string);
            Some((adjustment.as_ref()?.to_string(), source))
        }
        _ => None,
    });
    let mut named: Vec<_> = named.collect();
    named.sort();
    let recovery = Some("service_recovery".to_owned());
    let want = [
        ("a1", recovery.clone()),
        ("a2", recovery.clone()),
        ("a3", recovery),
        ("a4", None),
    ];
    assert_eq!(named, want.map(|(id, source)| (id.to_owned(), source)));
}

#[test]
fn one_id_is_one_adjustment_under_whatever_key() {
    let mut world = world();
    let first = world.run(&grant("a1", "ann", "5.00")).unwrap();
    for key in ["k1", "k2", "k1"] {
        assert_eq!(
            world.run_as(key, &grant("a1", "ann", "5.00")).unwrap(),
            first
        );
    }
    assert_eq!(world.run(&grant("a1", "ann", "5.00")).unwrap(), first);
    let refused = |result: Result<_, Rejection>| match result {
        Err(Rejection::KeyReused {
            key,
            origin,
            differs,
        }) => format!("{key} {origin}: {differs}"),
        Err(other) => other.code().to_owned(),
        Ok(()) => "done".to_owned(),
    };
    for key in [None, Some("k3")] {
        let mut run = |grant: GrantReward| {
            let result = match key {
                None => world.run(&grant),
                Some(key) => world.run_as(key, &grant),
            };
            refused(result.map(|_| ()))
        };
        assert_eq!(run(grant("a1", "ann", "6.00")), "a1 implied: amount.amount");
        assert_eq!(run(grant("a1", "bob", "5.00")), "a1 implied: member");
        // Of nobody, too: what it is used for is known before anything else.
        assert_eq!(run(grant("a1", "nobody", "5.00")), "a1 implied: member");
        let taken = match key {
            None => world.run(&deduct("a1", "ann", "5.00")),
            Some(key) => world.run_as(key, &deduct("a1", "ann", "5.00")),
        };
        assert!(
            matches!(taken, Err(Rejection::KeyReused { .. })),
            "{taken:?}"
        );
    }
    assert_eq!(world.balance(), "5.00+0.00 EUR");
    // A refused command uses up nothing.
    let much = world.run(&deduct("a2", "ann", "9.00")).unwrap_err();
    assert_eq!(much.code(), "insufficient_balance");
    world.run(&deduct("a2", "ann", "5.00")).unwrap();
    assert_eq!(listed(&mut world, None), ["a2", "a1"]);
}

#[test]
fn an_erased_member_leaves_ids_and_amounts() {
    let mut world = world();
    world.run(&grant("a1", "ann", "5.00")).unwrap();
    let before = get(&mut world, "a1", None).unwrap();
    let erase = EraseMember {
        member: member("ann"),
        forfeit: true,
        after: None,
    };
    world.run_as("erase", &erase).unwrap();
    assert_eq!(get(&mut world, "a1", None).unwrap(), before);
    let statement = world.run(&GetStatement::new(member("ann"))).unwrap();
    let reasons = statement.lines.iter().filter(|line| line.reason.is_some());
    assert_eq!(reasons.count(), 0);
}

#[test]
fn without_an_id_requests_and_events_are_what_they_were() {
    let plain = GrantReward {
        source: None,
        reference: None,
        ..grant("a1", "ann", "5.00")
    };
    let want =
        r#"{"member":"ann","amount":{"amount":"5.00","asset":"EUR"},"reason":"a broken cup"}"#;
    assert_eq!(serde_json::to_string(&plain).unwrap(), want);
    let event = Event::RewardGranted {
        amount: money("5.00", "EUR"),
        source: None,
        adjustment: None,
    };
    let want = r#"{"reward_granted":{"amount":{"amount":"5.00","asset":"EUR"}}}"#;
    assert_eq!(serde_json::to_string(&event).unwrap(), want);
}
