//! What expires soon, lot by lot: of one member and of all, swept or not.

use rewards_core::operations::balances::{LISTED_DAYS_MAX, ListExpiring};
use rewards_core::rejection::Rejection;

use crate::words::money;
use crate::world::{World, member};

fn of(who: &str) -> ListExpiring {
    ListExpiring::of(member(who))
}

fn all() -> ListExpiring {
    ListExpiring::default()
}

/// All pages, item by item.
fn listed(world: &mut World, mut list: ListExpiring) -> Vec<String> {
    let mut items = Vec::new();
    loop {
        let page = world.run(&list).unwrap();
        items.extend(page.items.iter().map(|item| {
            let day = item.expires_at.to_string();
            format!(
                "{} {} {}#{} {}",
                day.get(5..10).unwrap(),
                item.member,
                item.amount,
                item.lot,
                item.amount.asset()
            )
        }));
        list.after = page.next;
        if list.after.is_none() {
            return items;
        }
    }
}

fn in_pages(list: ListExpiring) -> ListExpiring {
    ListExpiring {
        limit: Some(1),
        ..list
    }
}

const LIFE: &str = r#"
    units = [{ asset = "points" }]
    lifecycle = { pending = { days = 3 }, expires = { days = 10 } }
    [[rules]]
    id = "it"
    effect = { fixed = { amount = "5" } }
"#;

#[test]
fn lots_are_listed_in_the_order_of_their_expiry() {
    let mut world = World::with(LIFE);
    world.register("bob");
    world.at("2026-03-02");
    world.give(money("1", "EUR"), Some("2026-03-20"));
    world.give(money("2", "points"), Some("2026-03-10"));
    world.give(money("3", "EUR"), Some("2026-04-01"));
    world.give(money("4", "EUR"), None);
    world.give(money("5", "EUR"), Some("2026-04-02"));
    let want = [
        "03-10 ann 2#2 points",
        "03-20 ann 1.00#1 EUR",
        "04-01 ann 3.00#3 EUR",
    ];
    for list in [of("ann"), all(), in_pages(of("ann")), in_pages(all())] {
        assert_eq!(listed(&mut world, list), want);
    }
    assert!(listed(&mut world, of("bob")).is_empty());
    let days = |days| ListExpiring {
        days: Some(days),
        ..all()
    };
    assert_eq!(listed(&mut world, days(8)), want[..1]);
    assert!(listed(&mut world, days(7)).is_empty());
    // Paid by the lot that expires first.
    world.take(money("0.40", "EUR")).unwrap();
    assert_eq!(listed(&mut world, all())[1], "03-20 ann 0.60#1 EUR");
    // What has expired by now is over, swept or not, from the very instant on.
    world.at("2026-03-20");
    assert_eq!(listed(&mut world, of("ann")).len(), 2);
    assert_eq!(listed(&mut world, of("ann")), listed(&mut world, all()));
}

#[test]
fn what_has_matured_is_listed_before_a_sweep_has_passed() {
    let mut world = World::with(LIFE);
    world.at("2026-03-02");
    world.buy("10");
    let want = ["03-12 ann 5.00#1 EUR"];
    for (day, want) in [
        // Still pending.
        ("2026-03-04", &[][..]),
        ("2026-03-05", &want[..]),
        ("2026-03-11", &want[..]),
        ("2026-03-12", &[][..]),
    ] {
        world.at(day);
        for list in [of("ann"), all(), in_pages(all())] {
            assert_eq!(listed(&mut world, list), want, "{day}");
        }
    }
    world.at("2026-03-06");
    world.settle();
    assert_eq!(listed(&mut world, all()), want);
    assert_eq!(listed(&mut world, of("ann")), want);
}

#[test]
fn several_members_are_listed_together() {
    let mut world = World::with(LIFE);
    world.at("2026-03-02");
    world.give(money("1", "EUR"), Some("2026-03-20"));
    world.give(money("2", "EUR"), Some("2026-03-20"));
    for (who, amount, day) in [("abe", "3", "2026-03-20"), ("zoe", "4", "2026-03-19")] {
        world.register(who);
        let grant = rewards_core::operations::rewards::GrantReward {
            source: None,
            reference: None,
            member: member(who),
            amount: money(amount, "EUR"),
            reason: "why not".to_owned(),
            expires_at: Some(crate::world::at(day)),
        };
        world.run_as(who, &grant).unwrap();
    }
    let want = [
        "03-19 zoe 4.00#1 EUR",
        "03-20 abe 3.00#1 EUR",
        "03-20 ann 1.00#1 EUR",
        "03-20 ann 2.00#2 EUR",
    ];
    assert_eq!(listed(&mut world, all()), want);
    assert_eq!(listed(&mut world, in_pages(all())), want);
    assert_eq!(listed(&mut world, in_pages(of("ann"))), want[2..]);
}

#[test]
fn bad_questions_are_refused() {
    let mut world = World::with(LIFE);
    let next = |world: &mut World| {
        world.give(money("1", "EUR"), Some("2026-03-20"));
        world.give(money("1", "EUR"), Some("2026-03-20"));
        world.run(&in_pages(all())).unwrap().next
    };
    let after = next(&mut world);
    assert!(after.is_some());
    for (list, want) in [
        (
            ListExpiring {
                days: Some(0),
                ..all()
            },
            "number_out_of_range days",
        ),
        (
            ListExpiring {
                days: Some(LISTED_DAYS_MAX + 1),
                ..all()
            },
            "number_out_of_range days",
        ),
        (
            ListExpiring {
                limit: Some(0),
                ..all()
            },
            "limit_invalid limit",
        ),
        (ListExpiring { after, ..of("ann") }, "cursor_invalid after"),
        (of("bob"), "member_unknown"),
    ] {
        let found = match world.run(&list) {
            Err(Rejection::Invalid(problems)) => {
                format!("{} {}", problems[0].code, problems[0].path)
            }
            Err(rejection) => rejection.code().to_owned(),
            Ok(list) => format!("{list:?}"),
        };
        assert_eq!(found, want);
    }
}
