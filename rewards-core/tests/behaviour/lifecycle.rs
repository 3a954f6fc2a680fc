//! The life of a reward: pending, available, expired; on time or late.

use rewards_core::ledger::TransferKind;

use crate::words::{money, say_all};
use crate::world::{World, at};

fn with_life(zone: &str, life: &str) -> World {
    World::with(&format!(
        r#"
        zone = "{zone}"
        lifecycle = {{ {life} }}
        [[rules]]
        id = "it"
        effect = {{ fixed = {{ amount = "5" }} }}
        "#
    ))
}

#[test]
fn when_a_reward_becomes_available_and_expires() {
    let table: &[(&str, &str, &str, &str, &str)] = &[
        // Zone, life, earned, available (or `-`), expires (or `-`).
        (
            "UTC",
            "",
            "2026-01-31T10:00:00Z",
            "2026-01-31T10:00:00Z",
            "-",
        ),
        (
            "UTC",
            "pending = { days = 14 }",
            "2026-01-31T10:00:00Z",
            "2026-02-14T10:00:00Z",
            "-",
        ),
        // The same local time, although Berlin's clocks went forward on 29 March.
        (
            "Europe/Berlin",
            "pending = { days = 14 }",
            "2026-03-20T11:00:00Z",
            "2026-04-03T10:00:00Z",
            "-",
        ),
        // 02:30 does not exist on 29 March: the clock jumps from 02:00 to 03:00.
        (
            "Europe/Berlin",
            "pending = { days = 1 }",
            "2026-03-28T01:30:00Z",
            "2026-03-29T01:00:00Z",
            "-",
        ),
        (
            "UTC",
            r#"pending = { until = "2026-06-01T00:00:00Z" }"#,
            "2026-01-31T10:00:00Z",
            "2026-06-01T00:00:00Z",
            "-",
        ),
        // An instant that has passed: available at once.
        (
            "UTC",
            r#"pending = { until = "2026-01-01T00:00:00Z" }"#,
            "2026-01-31T10:00:00Z",
            "2026-01-31T10:00:00Z",
            "-",
        ),
        (
            "UTC",
            "pending = { confirmation = {} }",
            "2026-01-31T10:00:00Z",
            "-",
            "-",
        ),
        (
            "UTC",
            "expires = { days = 30 }",
            "2026-01-31T10:00:00Z",
            "2026-01-31T10:00:00Z",
            "2026-03-02T10:00:00Z",
        ),
        // A month from 31 January is the last of February.
        (
            "UTC",
            "expires = { months = 1 }",
            "2026-01-31T10:00:00Z",
            "2026-01-31T10:00:00Z",
            "2026-02-28T10:00:00Z",
        ),
        (
            "UTC",
            "expires = { months = 1 }",
            "2024-01-31T10:00:00Z",
            "2024-01-31T10:00:00Z",
            "2024-02-29T10:00:00Z",
        ),
        (
            "Africa/Lagos",
            r#"expires = { days = 1, round = "end_of_day" }"#,
            "2026-01-31T22:59:59Z",
            "2026-01-31T22:59:59Z",
            "2026-02-01T23:00:00Z",
        ),
        (
            "Africa/Lagos",
            r#"expires = { months = 1, round = "end_of_month" }"#,
            "2026-01-31T23:00:00Z",
            "2026-01-31T23:00:00Z",
            "2026-03-31T23:00:00Z",
        ),
        (
            "Europe/Berlin",
            r#"expires = { months = 12, round = "end_of_quarter" }"#,
            "2025-02-10T10:00:00Z",
            "2025-02-10T10:00:00Z",
            "2026-03-31T22:00:00Z",
        ),
        (
            "UTC",
            r#"expires = { days = 1, round = "end_of_half_year" }"#,
            "2026-02-28T10:00:00Z",
            "2026-02-28T10:00:00Z",
            "2026-07-01T00:00:00Z",
        ),
        (
            "UTC",
            r#"expires = { days = 1, round = "end_of_year" }"#,
            "2025-12-31T10:00:00Z",
            "2025-12-31T10:00:00Z",
            "2027-01-01T00:00:00Z",
        ),
        // 2026-01-31 is a Saturday.
        (
            "UTC",
            r#"expires = { days = 1, round = "end_of_week" }"#,
            "2026-01-31T10:00:00Z",
            "2026-01-31T10:00:00Z",
            "2026-02-02T00:00:00Z",
        ),
        // It never expires before it was available, as it would by the short February: then at the end of that day.
        (
            "Africa/Lagos",
            "pending = { days = 30 }, expires = { months = 1 }",
            "2026-01-30T10:00:00Z",
            "2026-03-01T10:00:00Z",
            "2026-03-01T23:00:00Z",
        ),
    ];
    for (zone, life, earned, available, expires) in table {
        let mut world = with_life(zone, life);
        world.at("2027-01-01");
        let decision = world.quote(&format!("9 at={earned}")).decision;
        let grant = &decision.grants[0];
        let text = |instant: Option<rewards_core::time::Timestamp>| {
            instant.map_or("-".to_owned(), |instant| instant.to_string())
        };
        assert_eq!(
            text(grant.available_at),
            *available,
            "{zone} {life} {earned}"
        );
        assert_eq!(text(grant.expires_at), *expires, "{zone} {life} {earned}");
        assert_eq!(
            grant.pending,
            *available != *earned,
            "{zone} {life} {earned}"
        );
    }
}

#[test]
fn a_rule_may_have_a_life_of_its_own() {
    let mut world = World::with(
        r#"
        lifecycle = { pending = { days = 10 } }
        [[rules]]
        id = "a"
        effect = { fixed = { amount = "5" } }
        [[rules]]
        id = "b"
        lifecycle = {}
        effect = { fixed = { amount = "1" } }
        "#,
    );
    world.buy("9");
    assert_eq!(world.balance(), "1.00+5.00 EUR");
}

#[test]
fn the_balance_is_right_although_nothing_was_settled() {
    let mut world = with_life("UTC", "pending = { days = 10 }, expires = { days = 20 }");
    world.buy("9");
    for (instant, balance) in [
        ("2026-03-12T11:59:59Z", "0.00+5.00 EUR"),
        ("2026-03-12T12:00:00Z", "5.00+0.00 EUR"),
        ("2026-03-22T11:59:59Z", "5.00+0.00 EUR"),
        ("2026-03-22T12:00:00Z", "0.00+0.00 EUR"),
    ] {
        assert_eq!(world.at(instant).balance(), balance, "{instant}");
    }
    // Long afterwards the past is right as well, before and after the run that is late.
    world.at("2026-06-01");
    for _ in 0..2 {
        for (instant, balance) in [
            ("2026-03-01T00:00:00Z", ""),
            ("2026-03-02T12:00:00Z", "0.00+5.00 EUR"),
            ("2026-03-12T11:59:59Z", "0.00+5.00 EUR"),
            ("2026-03-12T12:00:00Z", "5.00+0.00 EUR"),
            ("2026-03-22T11:59:59Z", "5.00+0.00 EUR"),
            ("2026-03-22T12:00:00Z", "0.00+0.00 EUR"),
        ] {
            assert_eq!(world.balance_at(Some(instant)), balance, "{instant}");
        }
        world.settle();
    }
}

#[test]
fn expiring_soon_is_said_with_the_first_date() {
    use rewards_core::operations::balances::GetBalance;
    let mut world = with_life("UTC", "expires = { days = 40 }");
    world.buy("9");
    world.at("2026-03-10").buy("9");
    let mut expiring = |days: Option<u16>| {
        let balance = GetBalance {
            member: crate::world::member("ann"),
            at: None,
            expiring_days: days,
        };
        let reply = world.run(&balance).unwrap();
        let sums = &reply.assets[0];
        (sums.expiring.unwrap().to_string(), sums.expires_first_at)
    };
    let first = Some(at("2026-04-11"));
    assert_eq!(expiring(None), ("0.00".to_owned(), None));
    assert_eq!(expiring(Some(32)), ("5.00".to_owned(), first));
    assert_eq!(expiring(Some(40)), ("10.00".to_owned(), first));
}

#[test]
fn settling_late_gives_the_same_books_as_on_time() {
    let life = "pending = { days = 3 }, expires = { days = 10 }";
    let (mut daily, mut late) = (with_life("UTC", life), with_life("UTC", life));
    for day in 1..=28 {
        let today = format!("2026-03-{day:02}");
        for world in [&mut daily, &mut late] {
            world.at(&today);
            if day % 5 == 0 {
                world.buy("9");
            }
        }
        daily.settle();
        assert_eq!(daily.balance(), late.balance(), "{today}");
    }
    late.settle();
    let books = |world: &World| {
        let entries = world.journal.values().flatten();
        let mut moved: Vec<_> = entries
            .map(|entry| {
                let moved = &entry.transfer;
                let (from, to) = (moved.from().to_string(), moved.to().to_string());
                (moved.effective_at, moved.kind, from, to, moved.minor())
            })
            .collect();
        moved.sort();
        moved
    };
    assert_eq!(books(&daily), books(&late));
    assert_eq!(daily.balances(), late.balances());
    assert_eq!(daily.controls, late.controls);
}

#[test]
fn a_settlement_says_what_happened_and_happens_once() {
    let mut world = with_life("UTC", "pending = { days = 3 }, expires = { days = 10 }");
    world.buy("9");
    world.at("2026-03-06");
    let settled = world.settle();
    assert_eq!(say_all(&settled.matured), "5.00 EUR");
    assert_eq!(say_all(&settled.expired), "");
    let settled = world.settle();
    assert_eq!((settled.matured.len(), settled.more), (0, false));
    let settled = world.at("2026-04-06").settle();
    assert_eq!(say_all(&settled.expired), "5.00 EUR");
    let mut world = with_life(
        "UTC",
        "pending = { confirmation = { void_after_days = 7 } }",
    );
    world.buy("9");
    let settled = world.at("2026-03-08").settle();
    assert_eq!(say_all(&settled.voided), "");
    let settled = world.at("2026-03-09").settle();
    assert_eq!(say_all(&settled.voided), "5.00 EUR");
    assert_eq!(world.balance(), "0.00+0.00 EUR");
}

#[test]
fn a_run_settles_a_bounded_number_of_lots() {
    use rewards_core::operations::rewards::SettleMember;
    let mut world = with_life("UTC", "expires = { days = 1 }");
    let lines: String = (0..600).map(|_| " line:0.01").collect();
    world.publish("[[rules]]\nid = \"it\"\nscope = \"line\"\nlifecycle = { expires = { days = 1 } }\neffect = { fixed = { amount = \"0.01\" } }\n", "2026-03-01").unwrap();
    for _ in 0..2 {
        world.buy(&format!("9{lines}"));
    }
    world.at("2026-03-04");
    let settle = SettleMember {
        member: crate::world::member("ann"),
    };
    // Decided from a view that holds no more than was asked for.
    let context = world.context();
    use rewards_core::command::Operation;
    let (plan, prepared) = settle.prepare(&context).unwrap();
    let asked = world.load(plan);
    let reply = settle.decide(&prepared, &asked, &context).unwrap().reply;
    assert_eq!(
        (say_all(&reply.expired), reply.more),
        ("10.00 EUR".to_owned(), true)
    );
    assert_eq!(world.balance(), "0.00+0.00 EUR");
}

#[test]
fn confirmation_makes_pending_rewards_available() {
    let life = "pending = { confirmation = { void_after_days = 30 } }, expires = { days = 60 }";
    let mut world = with_life("UTC", life);
    world.buy("9 id=p1");
    assert_eq!(world.balance(), "0.00+5.00 EUR");
    let confirmed = world.at("2026-03-05").confirm("p1").unwrap();
    assert_eq!(say_all(&confirmed.released), "5.00 EUR");
    assert_eq!(world.balance(), "5.00+0.00 EUR");
    assert_eq!(
        world.balance_at(Some("2026-03-05T11:59:59Z")),
        "0.00+5.00 EUR"
    );
    // Confirmed, it is not voided any more.
    assert_eq!(world.at("2026-04-20").balance(), "5.00+0.00 EUR");
    assert_eq!(world.at("2026-05-01").balance(), "0.00+0.00 EUR");
}

#[test]
fn confirmation_ends_waiting_for_a_date() {
    let mut world = with_life("UTC", "pending = { days = 30 }");
    world.buy("9 id=p1");
    let confirmed = world.at("2026-03-05").confirm("p1").unwrap();
    assert_eq!(say_all(&confirmed.released), "5.00 EUR");
    let settled = world.at("2026-06-01").settle();
    assert_eq!(settled.matured.len(), 0);
    assert_eq!(world.balance(), "5.00+0.00 EUR");
}

#[test]
fn a_late_confirmation_gives_a_day_to_use_it() {
    // It would have expired on the 12th; it is confirmed on the 20th, and lasts to the end of that day in Lagos.
    let life = "pending = { confirmation = {} }, expires = { days = 10 }";
    let mut world = with_life("Africa/Lagos", life);
    world.buy("9 id=p1");
    world.at("2026-03-20").confirm("p1").unwrap();
    for (instant, balance) in [
        ("2026-03-20T12:00:00Z", "5.00+0.00 EUR"),
        ("2026-03-20T22:59:59Z", "5.00+0.00 EUR"),
        ("2026-03-20T23:00:00Z", "0.00+0.00 EUR"),
    ] {
        assert_eq!(world.at(instant).balance(), balance, "{instant}");
    }
    world.at("2026-04-01").settle();
    for day in ["2026-03-11", "2026-03-15", "2026-03-19"] {
        assert_eq!(world.balance_at(Some(day)), "0.00+5.00 EUR", "{day}");
    }
}

#[test]
fn confirming_what_was_given_up_releases_nothing() {
    let life = "pending = { confirmation = { void_after_days = 7 } }";
    for settled_before in [false, true] {
        let mut world = with_life("UTC", life);
        world.buy("9 id=p1");
        world.at("2026-03-20");
        if settled_before {
            world.settle();
        }
        let confirmed = world.confirm("p1").unwrap();
        assert_eq!(say_all(&confirmed.released), "");
        assert_eq!(world.balance(), "0.00+0.00 EUR");
        let ann = world.member_key("ann");
        let last = world.entries_of(&ann).last().unwrap();
        assert_eq!(last.transfer.kind, TransferKind::Void);
        assert_eq!(last.transfer.effective_at, at("2026-03-09"));
    }
}

#[test]
fn corrections_take_what_expires_soonest() {
    let mut world = with_life("UTC", "");
    let never = world.give(money("10.00", "EUR"), None);
    let late = world.give(money("10.00", "EUR"), Some("2026-05-01"));
    let soon = world.give(money("10.00", "EUR"), Some("2026-04-01"));
    let paid = |world: &mut World, amount: &str| {
        let adjusted = world.take(money(amount, "EUR")).unwrap();
        let lots = adjusted.lots.into_iter();
        lots.map(|(lot, part)| (lot, part.to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(paid(&mut world, "4.00"), [(soon, "4.00".to_owned())]);
    let both = [(late, "1.00".to_owned()), (soon, "6.00".to_owned())];
    assert_eq!(paid(&mut world, "7.00"), both);
    // What has expired in the meantime pays nothing, although no run has come by.
    world.at("2026-05-02");
    assert_eq!(paid(&mut world, "3.00"), [(never, "3.00".to_owned())]);
    assert_eq!(world.balance(), "7.00+0.00 EUR");
    let refused = world.take(money("7.01", "EUR")).unwrap_err();
    assert_eq!(refused.code(), "insufficient_balance");
    assert_eq!(
        refused.to_string(),
        "insufficient balance: 7.01 EUR needed, 7.00 EUR available"
    );
    let refused = world.take(money("1.00", "USD")).unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("take.asset: unknown asset `USD`")
    );
    assert_eq!(world.balance(), "7.00+0.00 EUR");
}

#[test]
fn pending_rewards_pay_for_nothing_until_they_are_due() {
    let mut world = with_life("UTC", "pending = { days = 10 }");
    world.buy("9");
    assert_eq!(
        world.take(money("1.00", "EUR")).unwrap_err().code(),
        "insufficient_balance"
    );
    world.at("2026-03-12");
    world.take(money("1.00", "EUR")).unwrap();
    assert_eq!(world.balance(), "4.00+0.00 EUR");
}

#[test]
fn times_beyond_the_supported_years_are_refused_as_times() {
    for life in [
        "expires = { months = 1200 }",
        "pending = { days = 40000 }",
        "pending = { confirmation = { void_after_days = 40000 } }",
    ] {
        let mut world = with_life("UTC", life);
        world.at("2100-06-30T12:00:00Z");
        let error = world.try_buy("9").unwrap_err();
        assert_eq!(error.code(), "time_out_of_range", "{life}");
        assert_eq!(
            error.to_string(),
            "rule `it` sets a time outside of 1970-01-01 to 2200-01-01 UTC",
            "{life}"
        );
        assert_eq!(world.lots.len() + world.entities.len(), 0, "{life}");
    }
}
