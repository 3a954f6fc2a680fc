//! Caps and budgets: what is clipped, by what, and in which window.

use crate::words::say_all;
use crate::world::World;

/// A program, and purchases with what each is granted, one after another.
type Case = (
    &'static str,
    &'static [(&'static str, &'static [&'static str])],
);

fn check(table: &[Case]) {
    for (document, purchases) in table {
        let mut world = World::with(document);
        world.register("bob");
        for (at, (purchase, grants)) in purchases.iter().enumerate() {
            let granted = world.grants(purchase);
            assert_eq!(granted, *grants, "{at}: {purchase} by {document}");
        }
    }
}

/// A rule of 1 % under a cap of 5.00 in a window, in Lagos.
fn capped(every: &str) -> String {
    format!(
        r#"
        zone = "Africa/Lagos"
        caps = [{{ id = "cap", per = "member", every = {every}, limit = {{ amount = {{ amount = "5" }} }} }}]
        [[rules]]
        id = "it"
        caps = ["cap"]
        effect = {{ percent = {{ rate = "1%" }} }}
        "#
    )
}

#[test]
fn a_cap_clips_and_never_skips() {
    check(&[
        (
            // 1 % up to 500 a purchase and 5,000 a month: the purchase that crosses gets what is left.
            r#"
            currency = "NGN"
            caps = [
                { id = "tx", per = "purchase", limit = { amount = { amount = "500" } } },
                { id = "month", per = "member", every = "month", limit = { amount = { amount = "1200" } } },
            ]
            [[rules]]
            id = "it"
            caps = ["tx", "month"]
            effect = { percent = { rate = "1%" } }
            "#,
            &[
                ("49999", &["it 499.99 NGN"]),
                ("50000", &["it 500.00 NGN"]),
                ("80000", &["it 200.01 NGN of 800.00 by month"]),
                ("80000", &[]),
                ("80000 member=bob", &["it 500.00 NGN of 800.00 by tx"]),
            ],
        ),
        (
            // Two rules of one stacking group: the better one is chosen before caps, and when its cap is used up the other,
            // which would pay, does not step in.
            r#"
            stacking_groups = [{ id = "main", stacking = "best" }]
            caps = [{ id = "cap", per = "member", limit = { amount = { amount = "5" } } }]
            [[rules]]
            id = "default"
            effect = { percent = { rate = "1%" } }
            [[rules]]
            id = "promo"
            caps = ["cap"]
            effect = { percent = { rate = "2%" } }
            "#,
            &[
                ("200", &["promo 4.00 EUR"]),
                ("1000", &["promo 1.00 EUR of 20.00 by cap"]),
                ("1000", &[]),
            ],
        ),
        (
            // Of two caps that clip, the tighter is named.
            r#"
            caps = [
                { id = "loose", per = "purchase", limit = { amount = { amount = "8" } } },
                { id = "tight", per = "purchase", limit = { amount = { amount = "5" } } },
            ]
            [[rules]]
            id = "it"
            caps = ["loose", "tight"]
            effect = { percent = { rate = "10%" } }
            "#,
            &[
                ("100", &["it 5.00 EUR of 10.00 by tight"]),
                ("50", &["it 5.00 EUR"]),
            ],
        ),
        (
            // A cap of nothing.
            r#"
            caps = [{ id = "none", per = "purchase", limit = { amount = { amount = "0" } } }]
            [[rules]]
            id = "it"
            caps = ["none"]
            effect = { percent = { rate = "10%" } }
            "#,
            &[("100", &[])],
        ),
        (
            // Over the lines of a purchase.
            r#"
            caps = [{ id = "tx", per = "purchase", limit = { amount = { amount = "5" } } }]
            [[rules]]
            id = "it"
            scope = "line"
            caps = ["tx"]
            effect = { percent = { rate = "10%" } }
            "#,
            &[(
                "90.00 line:30.00 line:30.00 line:30.00",
                &["it#0 3.00 EUR", "it#1 2.00 EUR of 3.00 by tx"],
            )],
        ),
    ]);
}

#[test]
fn windows_turn_over_at_local_midnight() {
    // Lagos is an hour ahead of UTC all year.
    let table: &[(&str, &[(&str, &str)])] = &[
        (
            "\"day\"",
            &[
                ("2026-02-09T22:59:59Z", "4"),
                ("2026-02-09T22:59:59Z", "1 of 4"),
                ("2026-02-09T23:00:00Z", "4"),
                ("2026-02-10T22:59:59Z", "1 of 4"),
                ("2026-02-10T23:00:00Z", "4"),
            ],
        ),
        (
            "\"week\"",
            &[
                ("2026-02-08T22:59:59Z", "4"),
                ("2026-02-08T23:00:00Z", "4"),
                ("2026-02-15T22:59:59Z", "1 of 4"),
                ("2026-02-15T23:00:00Z", "4"),
            ],
        ),
        (
            "\"month\"",
            &[
                ("2026-01-31T22:59:59Z", "4"),
                ("2026-01-31T23:00:00Z", "4"),
                ("2026-02-28T22:59:59Z", "1 of 4"),
                ("2026-02-28T23:00:00Z", "4"),
            ],
        ),
        (
            "\"quarter\"",
            &[
                ("2025-12-31T22:59:59Z", "4"),
                ("2025-12-31T23:00:00Z", "4"),
                ("2026-03-01T12:00:00Z", "1 of 4"),
            ],
        ),
        (
            "\"year\"",
            &[
                ("2025-12-31T22:59:59Z", "4"),
                ("2025-12-31T23:00:00Z", "4"),
                ("2026-03-01T12:00:00Z", "1 of 4"),
            ],
        ),
        (
            "{ days = 3 }",
            &[
                ("2026-02-01T12:00:00Z", "4"),
                ("2026-02-03T12:00:00Z", "1 of 4"),
                ("2026-02-03T23:00:00Z", "4"),
                ("2026-02-05T12:00:00Z", "0 of 4"),
                ("2026-02-06T12:00:00Z", "1 of 4"),
            ],
        ),
        (
            "\"lifetime\"",
            &[
                ("2020-02-01T12:00:00Z", "4"),
                ("2025-02-01T12:00:00Z", "1 of 4"),
                ("2026-02-01T12:00:00Z", "0 of 4"),
            ],
        ),
    ];
    for (every, purchases) in table {
        let mut world = World::with(&capped(every));
        for (instant, granted) in *purchases {
            let want = match granted.split_once(" of ") {
                None => vec![format!("it {granted}.00 EUR")],
                Some(("0", _)) => vec![],
                Some((got, of)) => vec![format!("it {got}.00 EUR of {of}.00 by cap")],
            };
            let grants = world.grants(&format!("400 at={instant}"));
            assert_eq!(grants, want, "every {every}: {instant}");
        }
    }
}

#[test]
fn a_rolling_cap_holds_for_every_window_of_its_days() {
    // Three days may hold 5.00. A purchase that is late-arriving lies in windows that end after it as well.
    let mut world = World::with(&capped("{ days = 3 }"));
    assert_eq!(world.grants("400 at=2026-02-05T12:00:00Z"), ["it 4.00 EUR"]);
    for (late, granted) in [
        ("2026-02-03T12:00:00Z", "it 1.00 EUR of 4.00 by cap"),
        ("2026-02-02T12:00:00Z", "it 4.00 EUR"),
        ("2026-02-07T12:00:00Z", "it 1.00 EUR of 4.00 by cap"),
        ("2026-02-08T12:00:00Z", "it 4.00 EUR"),
    ] {
        assert_eq!(world.grants(&format!("400 at={late}")), [granted], "{late}");
    }
}

#[test]
fn caps_per_attribute_of_the_purchase() {
    check(&[(
        r#"
        caps = [{ id = "device", per = { attribute = "device" }, every = "day", limit = { amount = { amount = "5" } } }]
        [[rules]]
        id = "it"
        caps = ["device"]
        effect = { fixed = { amount = "3" } }
        "#,
        &[
            ("9 @device=d1", &["it 3.00 EUR"]),
            ("9 @device=d2", &["it 3.00 EUR"]),
            (
                "9 @device=d1 member=bob",
                &["it 2.00 EUR of 3.00 by device"],
            ),
            ("9 @device=d1", &[]),
            ("9", &[]),
            ("9 @device=D1", &["it 3.00 EUR"]),
        ],
    )]);
}

#[test]
fn caps_that_count_uses() {
    check(&[
        (
            r#"
            caps = [{ id = "twice", per = "member", every = "month", limit = { uses = 2 } }]
            [[rules]]
            id = "it"
            caps = ["twice"]
            when = { amount = { at_least = "5" } }
            effect = { fixed = { amount = "3" } }
            "#,
            &[
                ("9", &["it 3.00 EUR"]),
                ("1", &[]),
                ("9", &["it 3.00 EUR"]),
                ("9", &[]),
                ("9 member=bob", &["it 3.00 EUR"]),
                ("9 at=2026-02-28T12:00:00Z", &["it 3.00 EUR"]),
            ],
        ),
        (
            // The lines of one purchase are one use, and rules that share the cap use it once together.
            r#"
            caps = [{ id = "once", per = "member", limit = { uses = 1 } }]
            [[rules]]
            id = "a"
            scope = "line"
            caps = ["once"]
            effect = { fixed = { amount = "1" } }
            [[rules]]
            id = "b"
            caps = ["once"]
            effect = { fixed = { amount = "2" } }
            "#,
            &[
                (
                    "9 line:4.00 line:5.00",
                    &["a#0 1.00 EUR", "a#1 1.00 EUR", "b 2.00 EUR"],
                ),
                ("9 line:4.00", &[]),
            ],
        ),
    ]);
}

#[test]
fn rules_share_a_cap_in_rule_order() {
    check(&[(
        r#"
        caps = [{ id = "all", per = "member", every = "day", limit = { amount = { amount = "5" } } }]
        [[rules]]
        id = "a"
        caps = ["all"]
        effect = { fixed = { amount = "2" } }
        [[rules]]
        id = "b"
        priority = 1
        caps = ["all"]
        effect = { fixed = { amount = "4" } }
        [[rules]]
        id = "c"
        effect = { fixed = { amount = "1" } }
        "#,
        &[
            (
                "9",
                &["b 4.00 EUR", "a 1.00 EUR of 2.00 by all", "c 1.00 EUR"],
            ),
            ("9", &["c 1.00 EUR"]),
        ],
    )]);
}

#[test]
fn budgets_are_shared_by_all_members_and_granted_to_the_last_cent() {
    check(&[
        (
            r#"
            budgets = [{ id = "launch", amount = "10" }]
            [[rules]]
            id = "it"
            budgets = ["launch"]
            effect = { fixed = { amount = "4" } }
            "#,
            &[
                ("9", &["it 4.00 EUR"]),
                ("9 member=bob", &["it 4.00 EUR"]),
                ("9 member=bob", &["it 2.00 EUR of 4.00 by launch"]),
                ("9", &[]),
            ],
        ),
        (
            r#"
            units = [{ asset = "points" }]
            budgets = [{ id = "daily", amount = "100", asset = "points", every = "day" }]
            caps = [{ id = "tx", per = "purchase", limit = { amount = { amount = "70", asset = "points" } } }]
            [[rules]]
            id = "it"
            budgets = ["daily"]
            caps = ["tx"]
            effect = { per_unit = { amount = "1", asset = "points", every = "1" } }
            "#,
            &[
                ("80 at=2026-03-01T12:00:00Z", &["it 70 points of 80 by tx"]),
                (
                    "80 at=2026-03-01T23:59:59Z",
                    &["it 30 points of 80 by daily"],
                ),
                ("80 at=2026-03-02T00:00:00Z", &["it 70 points of 80 by tx"]),
            ],
        ),
    ]);
}

#[test]
fn a_rolling_cap_grants_what_the_other_days_of_its_windows_have_left() {
    let mut world = World::with(
        r#"
        caps = [{ id = "c", per = "member", every = { days = 7 }, limit = { amount = { amount = "10" } } }]
        [[rules]]
        id = "it"
        caps = ["c"]
        effect = { fixed = { amount = "4" } }
        "#,
    );
    world.buy("9 at=2026-03-01T12:00:00Z");
    world.buy("9 at=2026-03-02T11:00:00Z");
    let left = world.quote("9 at=2026-03-02T12:00:00Z").decision.totals;
    assert_eq!(say_all(&left), "2.00 EUR");
    let counted = world.say_counted();
    assert!(
        counted.iter().any(|text| text.ends_with("= 400")),
        "{counted:?}"
    );
}

#[test]
fn limits_survive_a_new_revision() {
    let document = |rate: &str| {
        format!(
            r#"
            caps = [{{ id = "cap", per = "member", limit = {{ amount = {{ amount = "5" }} }} }}]
            [[rules]]
            id = "it"
            caps = ["cap"]
            effect = {{ percent = {{ rate = "{rate}" }} }}
            "#
        )
    };
    let mut world = World::with(&document("1%"));
    assert_eq!(world.grants("400"), ["it 4.00 EUR"]);
    world.publish(&document("2%"), "2026-03-02").unwrap();
    assert_eq!(world.grants("400"), ["it 1.00 EUR of 8.00 by cap"]);
    // A purchase from before the revision is decided by the one of its time.
    assert_eq!(world.quote("1 at=2026-03-01").decision.revision, 1);
}
