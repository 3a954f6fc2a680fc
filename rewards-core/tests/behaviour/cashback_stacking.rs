//! Which rules apply when several match, and why the others do not.

use crate::world::World;

const RULES: &str = r#"
    [[rules]]
    id = "a"
    stacking_group = "main"
    effect = { percent = { rate = "2%" } }
    [[rules]]
    id = "b"
    stacking_group = "main"
    priority = 5
    effect = { percent = { rate = "1%" } }
    [[rules]]
    id = "c"
    stacking_group = "main"
    effect = { percent = { rate = "3%" } }
    [[rules]]
    id = "d"
    stacking_group = "main"
    effect = { percent = { rate = "3%" } }
"#;

#[test]
fn a_stacking_group_applies_all_or_one_of_its_rules() {
    let all = ["b 1.00 EUR", "a 2.00 EUR", "c 3.00 EUR", "d 3.00 EUR"];
    for (stacking, grants) in [
        ("all", &all[..]),
        ("first", &["b 1.00 EUR"]),
        // A tie goes to the first in rule order: c and d pay the same.
        ("best", &["c 3.00 EUR"]),
        ("lowest", &["b 1.00 EUR"]),
    ] {
        let stacking_group =
            format!("stacking_groups = [{{ id = \"main\", stacking = \"{stacking}\" }}]\n");
        let mut world = World::with(&format!("{stacking_group}{RULES}"));
        assert_eq!(world.grants("100"), *grants, "{stacking}");
    }
}

#[test]
fn stacking_groups_are_chosen_from_on_their_own_in_document_order() {
    let mut world = World::with(
        r#"
        stacking_groups = [{ id = "second", stacking = "best" }, { id = "first" }]
        [[rules]]
        id = "a"
        stacking_group = "first"
        effect = { fixed = { amount = "1" } }
        [[rules]]
        id = "b"
        stacking_group = "second"
        effect = { fixed = { amount = "2" } }
        [[rules]]
        id = "c"
        effect = { fixed = { amount = "3" } }
        "#,
    );
    // Without a stacking group a rule is in the first one of the document.
    assert_eq!(world.grants("9"), ["c 3.00 EUR", "a 1.00 EUR"]);
}

#[test]
fn the_choice_is_made_for_the_basket_or_for_every_line() {
    let rules = r#"
        [[rules]]
        id = "food"
        scope = "line"
        when = { line = { category = ["food"] } }
        effect = { percent = { rate = "10%" } }
        [[rules]]
        id = "any"
        scope = "line"
        effect = { percent = { rate = "5%" } }
    "#;
    let basket = "130.00 line:30.00,category=food line:100.00,category=toys";
    for (stacking, scope, grants) in [
        // In all, food pays 3.00 and any 6.50; line by line, food is better for the first line.
        ("best", "basket", &["any#0 1.50 EUR", "any#1 5.00 EUR"][..]),
        ("best", "line", &["any#1 5.00 EUR", "food#0 3.00 EUR"]),
        ("lowest", "basket", &["food#0 3.00 EUR"]),
        ("lowest", "line", &["any#0 1.50 EUR", "any#1 5.00 EUR"]),
        ("first", "basket", &["any#0 1.50 EUR", "any#1 5.00 EUR"]),
        ("first", "line", &["any#0 1.50 EUR", "any#1 5.00 EUR"]),
    ] {
        let stacking_group = format!(
            "stacking_groups = [{{ id = \"main\", stacking = \"{stacking}\", scope = \"{scope}\" }}]\n"
        );
        let mut world = World::with(&format!("{stacking_group}{rules}"));
        let mut granted = world.grants(basket);
        granted.sort();
        assert_eq!(granted, grants, "{stacking} by {scope}");
    }
}

#[test]
fn percentages_of_the_original_or_of_what_is_left() {
    let rules = r#"
        [[rules]]
        id = "a"
        effect = { percent = { rate = "10%" } }
        [[rules]]
        id = "b"
        effect = { percent = { rate = "10%" } }
        [[rules]]
        id = "later"
        stacking_group = "next"
        effect = { percent = { rate = "10%" } }
    "#;
    for (first, next, grants) in [
        ("original", "original", ["10.00", "10.00", "10.00"]),
        ("running", "original", ["10.00", "9.00", "10.00"]),
        // 10 % of 100 − 10 − 9, and of 100 − 10 − 10.
        ("running", "running", ["10.00", "9.00", "8.10"]),
        ("original", "running", ["10.00", "10.00", "8.00"]),
    ] {
        let stacking_groups = format!(
            "stacking_groups = [{{ id = \"main\", base = \"{first}\" }}, {{ id = \"next\", base = \"{next}\" }}]\n"
        );
        let mut world = World::with(&format!("{stacking_groups}{rules}"));
        let [a, b, later] = grants;
        let want = [
            format!("a {a} EUR"),
            format!("b {b} EUR"),
            format!("later {later} EUR"),
        ];
        assert_eq!(world.grants("100"), want, "{first}, {next}");
    }
}

#[test]
fn points_are_not_taken_off_a_running_base() {
    let mut world = World::with(
        r#"
        units = [{ asset = "points" }]
        stacking_groups = [{ id = "main", base = "running" }]
        [[rules]]
        id = "a"
        effect = { per_unit = { amount = "1", asset = "points", every = "1" } }
        [[rules]]
        id = "b"
        effect = { percent = { rate = "10%" } }
        "#,
    );
    assert_eq!(world.grants("100"), ["a 100 points", "b 10.00 EUR"]);
}

#[test]
fn of_an_exclusive_tag_the_first_rule_applies() {
    let mut world = World::with(
        r#"
        stacking_groups = [{ id = "first" }, { id = "second" }]
        [[rules]]
        id = "z"
        stacking_group = "first"
        exclusive = ["promo"]
        when = { tag = ["z"] }
        effect = { fixed = { amount = "1" } }
        [[rules]]
        id = "a"
        stacking_group = "second"
        exclusive = ["promo", "card"]
        effect = { fixed = { amount = "2" } }
        [[rules]]
        id = "b"
        stacking_group = "second"
        exclusive = ["card"]
        effect = { fixed = { amount = "3" } }
        [[rules]]
        id = "c"
        stacking_group = "second"
        effect = { fixed = { amount = "4" } }
        "#,
    );
    for (purchase, grants) in [
        ("9", &["a 2.00 EUR", "c 4.00 EUR"][..]),
        ("9 tag=z", &["z 1.00 EUR", "b 3.00 EUR", "c 4.00 EUR"]),
    ] {
        assert_eq!(world.quoted(purchase), *grants, "{purchase}");
    }
    let explained = [
        "z: granted 1.00 of 1.00",
        "a: excluded",
        "b: granted 3.00 of 3.00",
        "c: granted 4.00 of 4.00",
    ];
    assert_eq!(world.explained("9 tag=z"), explained);
}

#[test]
fn every_rule_is_explained_by_the_first_part_that_fails() {
    let mut world = World::with(
        r#"
        stacking_groups = [{ id = "main" }, { id = "one", stacking = "best" }]
        caps = [{ id = "cap", per = "member", limit = { amount = { amount = "5" } } }]
        [[rules]]
        id = "r0"
        when = { all = [{ category = ["food"] }, { channel = ["app"] }, { amount = { at_least = "10" } }] }
        effect = { fixed = { amount = "1" } }
        [[rules]]
        id = "r1"
        when = { all = [{ none = [{ tag = ["a"] }, { tag = ["b"] }] }, { any = [{ tag = ["x"] }, { tag = ["y"] }] }] }
        effect = { fixed = { amount = "1" } }
        [[rules]]
        id = "r2"
        active = { from = "2026-04-01" }
        effect = { fixed = { amount = "1" } }
        [[rules]]
        id = "r3"
        when = { purchase_number = { every = 2 } }
        effect = { fixed = { amount = "1" } }
        [[rules]]
        id = "r4"
        stacking_group = "one"
        effect = { fixed = { amount = "1" } }
        [[rules]]
        id = "r5"
        stacking_group = "one"
        caps = ["cap"]
        effect = { fixed = { amount = "7" } }
        [[rules]]
        id = "r6"
        effect = { percent = { rate = "0.01%" } }
        [[rules]]
        id = "r7"
        scope = "line"
        when = { line = { sku = ["s"] } }
        effect = { fixed = { amount = "1" } }
        "#,
    );
    let first = [
        "r0: unmatched rules[0].when.all[0]",
        "r1: unmatched rules[1].when.all[1].any",
        "r2: inactive",
        "r3: unmatched rules[3].when",
        "r4: outranked 1.00",
        "r5: granted 5.00 of 7.00 by cap",
        "r6: nothing",
        "r7: unmatched rules[7].when",
    ];
    assert_eq!(world.explained("9"), first);
    world.buy("9");
    let table: &[(&str, &[(usize, &str)])] = &[
        ("9 category=food", &[(0, "unmatched rules[0].when.all[1]")]),
        (
            "9 category=food channel=app",
            &[(0, "unmatched rules[0].when.all[2]")],
        ),
        (
            "10 category=food channel=app",
            &[(0, "granted 1.00 of 1.00")],
        ),
        (
            "9 tag=x tag=b",
            &[(1, "unmatched rules[1].when.all[0].none[1]")],
        ),
        ("9 tag=y", &[(1, "granted 1.00 of 1.00")]),
        (
            "9",
            &[
                (3, "granted 1.00 of 1.00"),
                (5, "capped 7.00 by cap"),
                (4, "outranked 1.00"),
            ],
        ),
        ("9 line:5.00,sku=t", &[(7, "unmatched rules[7].when")]),
    ];
    for (purchase, expected) in table {
        let explained = world.explained(purchase);
        for (rule, outcome) in *expected {
            assert_eq!(
                explained[*rule],
                format!("r{rule}: {outcome}"),
                "{purchase}"
            );
        }
    }
    let by_line = world.explained("9 line:4.00,sku=s line:1.00 line:4.00,sku=s");
    assert_eq!(
        by_line[7..],
        ["r7#0: granted 1.00 of 1.00", "r7#2: granted 1.00 of 1.00"]
    );
}

#[test]
fn tier_benefits_raise_what_they_should() {
    let ladder = |benefits: &str| {
        format!(
            r#"
            units = [{{ asset = "points" }}]
            caps = [
                {{ id = "tx", per = "purchase", limit = {{ amount = {{ amount = "4.01" }} }} }},
                {{ id = "shared", per = {{ attribute = "home" }}, limit = {{ amount = {{ amount = "4.01" }} }} }},
            ]
            stacking_groups = [{{ id = "main" }}, {{ id = "times" }}]
            [[ladders]]
            id = "status"
            measure = "visits"
            tiers = [{{ id = "low", threshold = "0" }}, {{ id = "high", threshold = "1", benefits = {{ {benefits} }} }}]
            [[rules]]
            id = "a-percent"
            effect = {{ percent = {{ rate = "1%" }} }}
            [[rules]]
            id = "b-fixed"
            effect = {{ fixed = {{ amount = "1" }} }}
            [[rules]]
            id = "c-unit"
            effect = {{ per_unit = {{ amount = "1", asset = "points", every = "3", remainder = "drop" }} }}
            [[rules]]
            id = "d-band"
            effect = {{ bands = {{ mode = "slab", bands = [{{ from = "0", reward = {{ fixed = "2" }} }}] }} }}
            [[rules]]
            id = "e-plain"
            tier_benefits = false
            effect = {{ percent = {{ rate = "1%" }} }}
            [[rules]]
            id = "f-raised"
            tier_benefits = true
            effect = {{ fixed = {{ amount = "1" }} }}
            [[rules]]
            id = "g-capped"
            caps = ["tx"]
            effect = {{ fixed = {{ amount = "9" }} }}
            [[rules]]
            id = "h-shared"
            caps = ["shared"]
            effect = {{ fixed = {{ amount = "9" }} }}
            "#
        )
    };
    // Of 100.00: 1.00, 1.00, 33 points, 2.00, 1.00, 1.00, 4.01 of 9.00 twice.
    let low = ["1.00", "1.00", "33", "2.00", "1.00", "1.00", "4.01", "4.01"];
    for (benefits, high) in [
        (
            // 33 points whole units first, then 1.5 times: 49.5, half to the even neighbour.
            r#"multiplier = "1.5""#,
            ["1.50", "1.00", "50", "3.00", "1.00", "1.50", "4.01", "4.01"],
        ),
        (
            r#"extra_rate = "0.25%""#,
            ["1.25", "1.00", "33", "2.00", "1.00", "1.00", "4.01", "4.01"],
        ),
        (
            // (1 % + 1 %) × 2.
            r#"extra_rate = "1%", multiplier = "2""#,
            ["4.00", "1.00", "66", "4.00", "1.00", "2.00", "4.01", "4.01"],
        ),
        (
            // 4.01 × 1.5 = 6.015: what is below a cent is the program's. Shared caps are raised for nobody.
            r#"cap_multiplier = "1.5""#,
            ["1.00", "1.00", "33", "2.00", "1.00", "1.00", "6.01", "4.01"],
        ),
    ] {
        let mut world = World::with(&ladder(benefits));
        for want in [low, high] {
            let recorded = world.buy(&format!("100 @home=h{}", world.commands));
            let grants = recorded.decision.grants.iter();
            let granted: Vec<String> = grants.map(|grant| grant.granted.to_string()).collect();
            assert_eq!(granted, want, "{benefits}");
            world.now = world.now.checked_add_micros(1).unwrap();
        }
    }
}
