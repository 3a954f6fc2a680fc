//! Purchases as commands: refusals, pinned quotes, replays, cancellations, tenants and time.

use rewards_core::event::Stream;
use rewards_core::ids::TenantId;
use rewards_core::operations::purchases::{CancelPurchase, ConfirmPurchase, RecordPurchase};
use rewards_core::rejection::Rejection;

use crate::words::{money, say_all};
use crate::world::{World, at, member};

const PLAIN: &str = r#"
    [[rules]]
    id = "it"
    effect = { percent = { rate = "5%" } }
"#;

/// Everything that a purchase can use up: caps, a budget, activity_counters, a carried remainder, a tier.
const RICH: &str = r#"
    units = [{ asset = "points" }]
    caps = [
        { id = "day", per = "member", every = "day", limit = { amount = { amount = "5" } } },
        { id = "home", per = { attribute = "home" }, limit = { uses = 2 } },
    ]
    budgets = [{ id = "launch", amount = "8" }]
    [[rules]]
    id = "cash"
    caps = ["day", "home"]
    budgets = ["launch"]
    when = { window_sum = { window = "month", at_least = "10" } }
    effect = { percent = { rate = "4%" } }
    [[rules]]
    id = "points"
    effect = { per_unit = { amount = "1", asset = "points", every = "70", remainder = "carry" } }
    [[ladders]]
    id = "status"
    measure = "visits"
    downgrade = "to_eligible"
    tiers = [{ id = "low", threshold = "0" }, { id = "high", threshold = "2" }]
"#;

#[test]
fn bad_purchases_are_refused_with_code_and_path() {
    let many = |word: &str| format!("9{}", word.repeat(101));
    let long = "x".repeat(257);
    let table: &[(String, &[(&str, &str)])] = &[
        ("0".into(), &[("amount_not_positive", "purchase.total")]),
        ("-1".into(), &[("amount_not_positive", "purchase.total")]),
        (
            "9 asset=USD".into(),
            &[("asset_mismatch", "purchase.total.asset")],
        ),
        (
            "9 asset=points".into(),
            &[("asset_mismatch", "purchase.total.asset")],
        ),
        (
            "9 discounts=-1".into(),
            &[("amount_negative", "purchase.discounts")],
        ),
        ("9 fee=-1".into(), &[("amount_negative", "purchase.fee")]),
        ("9 tax=-1".into(), &[("amount_negative", "purchase.tax")]),
        (
            "9 shipping=-1".into(),
            &[("amount_negative", "purchase.shipping")],
        ),
        (
            "9 discounts=5 tax=4.01".into(),
            &[("parts_exceed_total", "purchase.total")],
        ),
        (
            "9 line:5.00 line:4.01".into(),
            &[("lines_exceed_total", "purchase.lines")],
        ),
        (
            "9 line:1 line:-1".into(),
            &[("amount_negative", "purchase.lines[1].amount")],
        ),
        (
            "9 line:1,quantity=0".into(),
            &[("quantity_invalid", "purchase.lines[0].quantity")],
        ),
        (
            format!("9{}", " line:0.00".repeat(1_001)),
            &[("too_many_lines", "purchase.lines")],
        ),
        (many(" tag=t"), &[("too_many_facts", "purchase.tags")]),
        (
            format!(
                "9 {}",
                (0..101).map(|n| format!("@a{n}=1 ")).collect::<String>()
            ),
            &[("too_many_facts", "purchase.attributes")],
        ),
        (
            format!(
                "9 line:1{}",
                (0..101).map(|n| format!(",@a{n}=1")).collect::<String>()
            ),
            &[("too_many_facts", "purchase.lines[0].attributes")],
        ),
        (
            format!("9 category={long}"),
            &[("text_too_long", "purchase.category")],
        ),
        (
            format!("9 country={long}"),
            &[("text_too_long", "purchase.country")],
        ),
        (
            format!("9 tag={long}"),
            &[("text_too_long", "purchase.tags")],
        ),
        (
            format!("9 @a={long}"),
            &[("text_too_long", "purchase.attributes")],
        ),
        (
            format!("9 @{long}=1"),
            &[("text_too_long", "purchase.attributes")],
        ),
        (
            format!("9 line:1,sku={long}"),
            &[("text_too_long", "purchase.lines")],
        ),
        (
            format!("9 line:1,@a={long}"),
            &[("text_too_long", "purchase.lines")],
        ),
        (
            "9 at=2026-03-02T12:05:00.000001Z".into(),
            &[("time_in_future", "purchase.occurred_at")],
        ),
        // All at once.
        (
            "0 fee=-1 line:-1,quantity=0 at=2027-01-01".into(),
            &[
                ("amount_not_positive", "purchase.total"),
                ("amount_negative", "purchase.fee"),
                ("amount_negative", "purchase.lines[0].amount"),
                ("quantity_invalid", "purchase.lines[0].quantity"),
                ("time_in_future", "purchase.occurred_at"),
            ],
        ),
    ];
    let mut world = World::with(PLAIN);
    for (purchase, expected) in table {
        let short: String = purchase.chars().take(60).collect();
        let Err(Rejection::Invalid(problems)) = world.try_buy(purchase) else {
            panic!("{short} is accepted");
        };
        let found: Vec<_> = problems
            .iter()
            .map(|p| (&*p.code, p.path.as_str()))
            .collect();
        assert_eq!(found, *expected, "{short}");
        let invalid = Rejection::Invalid(problems);
        assert_eq!(invalid.code(), "invalid");
    }
    assert!(world.entities.is_empty() && world.journal.is_empty());
}

#[test]
fn the_edges_of_what_is_allowed() {
    let mut world = World::with(PLAIN);
    for purchase in [
        "0.01".to_owned(),
        "9 discounts=9".to_owned(),
        "9 discounts=5 tax=4".to_owned(),
        "9 line:5.00 line:4.00".to_owned(),
        "9 line:0".to_owned(),
        format!("9{}", " line:0.00".repeat(1_000)),
        format!("9{}", " tag=t".repeat(100)),
        format!("9 category={}", "x".repeat(256)),
        "9 at=2026-03-02T12:05:00Z".to_owned(),
        "9 at=2020-01-01T00:00:00Z".to_owned(),
    ] {
        world.buy(&purchase);
    }
}

#[test]
fn what_is_unknown_is_refused() {
    let mut world = World::with(PLAIN);
    world.buy("9 id=p1");
    world.register("bob");
    for (purchase, code) in [
        ("9 member=eve", "member_unknown"),
        ("9 program=other", "program_unknown"),
        ("9 at=2019-12-31T23:59:59.999999Z", "program_not_active"),
        // The program is looked at before the purchase, the purchase before the member.
        ("0 program=other member=eve", "program_unknown"),
        ("0 member=eve", "invalid"),
    ] {
        assert_eq!(
            world.try_buy(purchase).unwrap_err().code(),
            code,
            "{purchase}"
        );
    }
    for (who, id, code) in [
        ("ann", "p2", "purchase_unknown"),
        ("bob", "p1", "purchase_unknown"),
        ("eve", "p1", "member_unknown"),
    ] {
        let (member, purchase) = (member(who), id.parse().unwrap());
        let confirm = ConfirmPurchase { member, purchase };
        let cancel = CancelPurchase {
            member: confirm.member.clone(),
            purchase: confirm.purchase.clone(),
        };
        assert_eq!(world.run_as("k", &confirm).unwrap_err().code(), code);
        assert_eq!(world.run_as("k", &cancel).unwrap_err().code(), code);
    }
    let twice = rewards_core::operations::members::RegisterMember::new(member("ann"));
    assert_eq!(
        world.run_as("again", &twice).unwrap_err().code(),
        "member_exists"
    );
}

#[test]
fn a_purchase_counts_once() {
    let mut world = World::with(PLAIN);
    let record = RecordPurchase::new(world.purchase("100 id=p1"));
    let first = world.run(&record).unwrap();
    let entries = world.journal.clone();
    // The same again, later: the same reply, and nothing happens.
    assert_eq!(world.at("2026-05-01").run(&record).unwrap(), first);
    assert_eq!(world.journal, entries);
    // The same id with another content.
    let other = RecordPurchase::new(world.purchase("101 id=p1 at=2026-03-02"));
    assert_eq!(world.run(&other).unwrap_err().code(), "key_reused");
    // The same id under another key.
    assert_eq!(
        world.run_as("x", &other).unwrap_err().code(),
        "purchase_exists"
    );
    assert_eq!(world.balance(), "5.00+0.00 EUR");
}

#[test]
fn a_pinned_quote_holds_or_the_purchase_is_refused() {
    let mut world = World::with(RICH);
    let purchase = world.purchase("100 id=p1 @home=h1");
    let digest = world.quote("100 id=p1 @home=h1").decision.digest;
    let pinned = RecordPurchase {
        coupons: Vec::new(),
        purchase: purchase.clone(),
        pinned: Some(digest.clone()),
    };
    world.clone().run(&pinned).unwrap();

    // Someone else takes the budget.
    let mut changed = world.clone();
    changed.register("bob");
    for _ in 0..2 {
        changed.buy("100 member=bob @home=h2");
    }
    let Err(Rejection::QuoteChanged { expected, found }) = changed.run(&pinned) else {
        panic!("a changed quote is accepted");
    };
    assert_eq!(expected, digest);
    let now = changed.quote("100 id=p1 @home=h1").decision;
    assert_eq!(found, now.digest);
    assert!(!changed.entities.keys().any(|key| key.id == "p1"));
    let pinned_anew = RecordPurchase {
        coupons: Vec::new(),
        purchase: purchase.clone(),
        pinned: Some(found),
    };
    assert_eq!(changed.run(&pinned_anew).unwrap().decision, now);

    // A digest is for this very purchase and this revision.
    for other in [
        "100.01 id=p1 @home=h1",
        "100 id=p2 @home=h1",
        "100 id=p1 @home=h2",
    ] {
        let record = RecordPurchase {
            coupons: Vec::new(),
            purchase: world.purchase(other),
            pinned: Some(digest.clone()),
        };
        assert_eq!(
            world.run(&record).unwrap_err().code(),
            "quote_changed",
            "{other}"
        );
    }
    world.publish(RICH, "2026-03-01").unwrap();
    assert_eq!(world.run(&pinned).unwrap_err().code(), "quote_changed");
}

#[test]
fn cancelling_releases_exactly_what_was_used() {
    let mut world = World::with(RICH);
    world.buy("60 id=p1 @home=h1");
    let (counted, balance) = (world.say_counted(), world.balance());
    assert_eq!(
        world.grants("100 id=p2 @home=h1"),
        ["cash 2.60 EUR of 4.00 by day", "points 2 points"]
    );
    let cancelled = world.cancel("p2").unwrap();
    assert_eq!(say_all(&cancelled.taken_back), "2.60 EUR 2 points");
    assert_eq!(say_all(&cancelled.shortfall), "");
    assert_eq!(world.say_counted(), counted);
    assert_eq!(world.balance(), balance.replace("EUR", "EUR 0+0 points"));
    // The cap has room again, and so has the number of uses.
    assert_eq!(
        world.grants("100 id=p3 @home=h1"),
        ["cash 2.60 EUR of 4.00 by day", "points 2 points"]
    );
}

#[test]
fn cancelling_takes_back_pending_available_and_what_is_left() {
    let table: &[(&str, &str, &str, &str, &str)] = &[
        // Life, when it is cancelled, spent before, taken back, shortfall.
        ("", "2026-03-02", "", "5.00 EUR", ""),
        ("", "2026-03-02", "2.00", "3.00 EUR", "2.00 EUR"),
        ("", "2026-03-02", "5.00", "", "5.00 EUR"),
        ("pending = { days = 10 }", "2026-03-05", "", "5.00 EUR", ""),
        ("pending = { days = 10 }", "2026-03-15", "", "5.00 EUR", ""),
        ("expires = { days = 10 }", "2026-03-15", "", "", "5.00 EUR"),
        (
            "expires = { days = 10 }",
            "2026-03-05",
            "1.00",
            "4.00 EUR",
            "1.00 EUR",
        ),
        (
            "pending = { confirmation = { void_after_days = 5 } }",
            "2026-03-05",
            "",
            "5.00 EUR",
            "",
        ),
    ];
    for (life, when, spent, taken_back, shortfall) in table {
        let mut world = World::with(&format!("lifecycle = {{ {life} }}\n{PLAIN}"));
        world.buy("100 id=p1");
        if !spent.is_empty() {
            world.take(money(spent, "EUR")).unwrap();
        }
        let cancelled = world.at(when).cancel("p1").unwrap();
        assert_eq!(
            say_all(&cancelled.taken_back),
            *taken_back,
            "{life} {when} {spent}"
        );
        assert_eq!(
            say_all(&cancelled.shortfall),
            *shortfall,
            "{life} {when} {spent}"
        );
        assert_eq!(world.balance(), "0.00+0.00 EUR");
        assert_eq!(world.say_counted(), [""; 0]);
        world.at("2027-01-01").settle();
        assert_eq!(world.balance(), "0.00+0.00 EUR");
    }
}

#[test]
fn what_was_given_up_before_is_neither_taken_back_nor_short() {
    let life = "lifecycle = { pending = { confirmation = { void_after_days = 5 } } }\n";
    for settled_before in [true, false] {
        let mut world = World::with(&format!("{life}{PLAIN}"));
        world.buy("100 id=p1");
        world.at("2026-03-20");
        if settled_before {
            world.settle();
        }
        let cancelled = world.cancel("p1").unwrap();
        assert_eq!(say_all(&cancelled.taken_back), "");
        assert_eq!(say_all(&cancelled.shortfall), "");
    }
}

#[test]
fn a_cancellation_never_takes_from_other_purchases() {
    let mut world = World::with(PLAIN);
    world.buy("100 id=p1");
    world.buy("100 id=p2");
    // Lots without expiry pay in the order of their age.
    world.take(money("6.00", "EUR")).unwrap();
    let cancelled = world.cancel("p1").unwrap();
    assert_eq!(say_all(&cancelled.shortfall), "5.00 EUR");
    assert_eq!(world.balance(), "4.00+0.00 EUR");
}

#[test]
fn states_of_a_purchase() {
    let mut world = World::with(PLAIN);
    world.buy("100 id=p1");
    let first = world.confirm("p1").unwrap();
    assert_eq!(world.confirm("p1").unwrap(), first, "a replay");
    let again = ConfirmPurchase {
        member: member("ann"),
        purchase: "p1".parse().unwrap(),
    };
    assert_eq!(
        world.run_as("k", &again).unwrap_err().code(),
        "purchase_confirmed"
    );
    // A confirmed purchase can still be cancelled.
    let first = world.cancel("p1").unwrap();
    assert_eq!(world.cancel("p1").unwrap(), first, "a replay");
    let twice = CancelPurchase {
        member: member("ann"),
        purchase: "p1".parse().unwrap(),
    };
    assert_eq!(
        world.run_as("k", &twice).unwrap_err().code(),
        "purchase_cancelled"
    );
    assert_eq!(
        world.run_as("l", &again).unwrap_err().code(),
        "purchase_cancelled"
    );
    // Its id is not free again.
    let record = RecordPurchase::new(world.purchase("100 id=p1"));
    assert_eq!(
        world.run_as("m", &record).unwrap_err().code(),
        "purchase_exists"
    );
}

#[test]
fn late_purchases_count_where_they_belong() {
    let mut world = World::with(
        r#"
        caps = [{ id = "month", per = "member", every = "month", limit = { amount = { amount = "5" } } }]
        lifecycle = { pending = { days = 14 }, expires = { days = 60 } }
        [[rules]]
        id = "it"
        caps = ["month"]
        effect = { percent = { rate = "4%" } }
        "#,
    );
    assert_eq!(world.grants("100"), ["it 4.00 EUR"]);
    assert_eq!(world.grants("100 at=2026-02-27"), ["it 4.00 EUR"]);
    assert_eq!(
        world.grants("100 at=2026-02-01"),
        ["it 1.00 EUR of 4.00 by month"]
    );
    // One is pending, one has matured in the meantime although nothing was settled, one has expired long ago.
    world.buy("100 at=2025-06-01");
    assert_eq!(world.balance(), "1.00+8.00 EUR");
    world.settle();
    assert_eq!(world.balance(), "1.00+8.00 EUR");
    assert_eq!(world.balance_at(Some("2025-07-01")), "4.00+0.00 EUR");
}

#[test]
fn the_books_never_run_backwards() {
    let mut world = World::with(PLAIN);
    world.buy("100");
    // The clock of another machine is behind.
    let recorded = world.at("2026-03-02T11:59:58Z").buy("100");
    assert_eq!(recorded.recorded_at, at("2026-03-02"));
}

#[test]
fn revisions_decide_from_their_time_on() {
    let rate = |rate: &str| PLAIN.replace("5%", rate);
    let mut world = World::with(&rate("1%"));
    assert_eq!(world.publish(&rate("2%"), "2026-03-10").unwrap(), 2);
    assert_eq!(world.publish(&rate("3%"), "2026-03-05").unwrap(), 3);
    for (today, grant, version) in [
        ("2026-03-05T11:59:59Z", "1.00", 1),
        ("2026-03-05T12:00:00Z", "3.00", 3),
        // Of several active revisions the one published last decides.
        ("2026-03-11T12:00:00Z", "3.00", 3),
    ] {
        let decision = world.at(today).quote("100").decision;
        assert_eq!(
            (say_all(&decision.totals), decision.revision),
            (format!("{grant} EUR"), version)
        );
    }
}

#[test]
fn tenants_see_nothing_of_one_another() {
    let mut world = World::with(RICH);
    world.buy("100 id=p1 @home=h1");
    let acme = world.tenant.clone();
    world.tenant = TenantId::new("other").unwrap();
    assert_eq!(
        world.try_buy("100 id=p1 @home=h1").unwrap_err().code(),
        "program_unknown"
    );
    world.publish(RICH, "2020-01-01").unwrap();
    assert_eq!(
        world.try_buy("100 id=p1 @home=h1").unwrap_err().code(),
        "member_unknown"
    );
    world.register("ann");
    assert_eq!(world.balance(), "");
    assert_eq!(world.cancel("p1").unwrap_err().code(), "purchase_unknown");
    // The same ids: budgets, caps, remainders and tiers start anew.
    assert_eq!(
        world.grants("100 id=p1 @home=h1"),
        ["cash 4.00 EUR", "points 1 points"]
    );
    let mine = world.balance();
    world.cancel("p1").unwrap();
    world.tenant = acme;
    assert_eq!(world.balance(), mine);
    let (own, others): (Vec<_>, Vec<_>) = world
        .journal
        .iter()
        .partition(|(key, _)| key.tenant == world.tenant);
    assert_eq!(own[0].1[0].transfer, others[0].1[0].transfer);
    assert_ne!(own[0].1[0].hash, others[0].1[0].hash);
}

#[test]
fn events_tell_what_happened_without_gaps() {
    let mut world = World::with(RICH);
    world.buy("100 id=p1 @home=h1");
    world.buy("100 id=p2");
    world.confirm("p1").unwrap();
    world.cancel("p2").unwrap();
    world.give(money("1.00", "EUR"), Some("2026-03-03"));
    world.take(money("0.50", "EUR")).unwrap();
    world.at("2026-03-04").settle();
    let ann = Stream::Member(member("ann"));
    let events = &world.events[&(world.tenant.clone(), ann)];
    let names: Vec<String> = events
        .iter()
        .map(|record| {
            let event = serde_json::to_value(&record.event).unwrap();
            event.as_object().unwrap().keys().next().unwrap().clone()
        })
        .collect();
    let expected = [
        "member_registered",
        "purchase_recorded",
        "purchase_recorded",
        "tier_changed",
        "purchase_confirmed",
        "purchase_cancelled",
        "tier_changed",
        "reward_granted",
        "balance_deducted",
        "rewards_expired",
    ];
    assert_eq!(names, expected);
}

/// A body of a newer version of the library is refused, and left as it is.
#[test]
fn a_purchase_of_a_newer_shape_is_told_and_not_lost() {
    use rewards_core::operations::purchases::GetPurchase;
    let mut world = World::with("[[rules]]\nid = \"it\"\neffect = { fixed = { amount = \"1\" } }");
    world.buy("9 id=p1");
    let row = world.entities.values_mut().next().unwrap();
    let kept = row.body.clone();
    let newer = kept.replacen("[2,", "[3,", 1);
    assert_ne!(*newer, *kept);
    for (body, code) in [
        (newer.as_str(), "shape_too_new"),
        ("[1,{}]", "store_corrupt"),
        ("[0,{}]", "store_corrupt"),
        ("{}", "store_corrupt"),
        ("", "store_corrupt"),
    ] {
        world.entities.values_mut().next().unwrap().body = body.into();
        let get = GetPurchase::new("p1".parse().unwrap());
        assert_eq!(world.run(&get).unwrap_err().code(), code, "{body}");
        assert_eq!(world.cancel("p1").unwrap_err().code(), code, "{body}");
        assert_eq!(&*world.entities.values().next().unwrap().body, body);
    }
    world.entities.values_mut().next().unwrap().body = kept;
}
