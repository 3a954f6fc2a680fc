//! Every kind of effect, with its numbers worked out manually.

use crate::words::money;
use crate::world::World;

/// A program, and purchases with what each is granted, one after another.
type Case = (
    &'static str,
    &'static [(&'static str, &'static [&'static str])],
);

fn check(table: &[Case]) {
    for (document, purchases) in table {
        let mut world = World::with(document);
        for (purchase, grants) in *purchases {
            assert_eq!(world.grants(purchase), *grants, "{purchase} by {document}");
        }
    }
}

fn rule(effect: &str) -> String {
    format!("[[rules]]\nid = \"it\"\neffect = {{ {effect} }}\n")
}

#[test]
fn percentages_round_once_as_the_program_says() {
    let rates = [
        // Currency, rounding, rate, total, grant.
        ("EUR", "half_even", "5%", "100.00", "5.00"),
        ("EUR", "half_even", "5%", "10.10", "0.50"),
        ("EUR", "half_up", "5%", "10.10", "0.51"),
        ("EUR", "down", "5%", "10.10", "0.50"),
        ("EUR", "up", "5%", "10.10", "0.51"),
        ("EUR", "toward_program", "5%", "10.19", "0.50"),
        ("EUR", "toward_member", "5%", "10.01", "0.51"),
        ("EUR", "half_even", "5%", "10.30", "0.52"),
        ("EUR", "half_even", "0.5%", "19.99", "0.10"),
        ("EUR", "half_even", "100%", "0.29", "0.29"),
        ("EUR", "half_even", "33.3333%", "3.00", "1.00"),
        ("NGN", "half_even", "5%", "15000.00", "750.00"),
        ("JPY", "half_even", "5%", "150", "8"),
        ("JPY", "half_even", "5%", "130", "6"),
        ("JPY", "down", "1%", "199", "1"),
        ("BHD", "half_even", "5%", "10.010", "0.500"),
        ("BHD", "half_up", "5%", "10.010", "0.501"),
        ("BHD", "half_even", "2.5%", "1.234", "0.031"),
    ];
    for (currency, rounding, rate, total, grant) in rates {
        let document = format!(
            "currency = \"{currency}\"\nrounding = \"{rounding}\"\n{}",
            rule(&format!("percent = {{ rate = \"{rate}\" }}"))
        );
        let mut world = World::with(&document);
        let want = format!("it {grant} {currency}");
        assert_eq!(world.grants(total), [want], "{rate} of {total} {rounding}");
    }
}

#[test]
fn a_thousand_small_grants_sum_exactly() {
    // 5 % of 0.07 is 0.0035: nothing in cents but with rounding up; four tenths of a fils in dinars (0.0035 → 0.004).
    for (currency, rounding, sum) in [
        ("EUR", "half_even", "0.00"),
        ("EUR", "up", "10.00"),
        ("BHD", "half_even", "4.000"),
        ("BHD", "down", "3.000"),
    ] {
        let top = format!("currency = \"{currency}\"\nrounding = \"{rounding}\"\n");
        let mut world = World::with(&format!("{top}{}", rule("percent = { rate = \"5%\" }")));
        for _ in 0..1_000 {
            world.buy("0.07");
        }
        let want = format!("{sum}+{} {currency}", money("0", currency));
        let balance = world.balance();
        let balance = if balance.is_empty() {
            want.clone()
        } else {
            balance
        };
        assert_eq!(balance, want, "{currency} {rounding}");
        if sum == "0.00" {
            assert!(world.lots.is_empty());
        }
    }
}

#[test]
fn a_rule_may_round_in_its_own_way() {
    check(&[(
        r#"
        rounding = "down"
        [[rules]]
        id = "a"
        effect = { percent = { rate = "5%" } }
        [[rules]]
        id = "b"
        rounding = "up"
        effect = { percent = { rate = "5%" } }
        "#,
        &[("10.10", &["a 0.50 EUR", "b 0.51 EUR"])],
    )]);
}

#[test]
fn every_basis_of_a_percentage() {
    let purchase = "100.00 discounts=10.00 fee=3.00 tax=20.00 shipping=7.00";
    for (basis, grant) in [
        ("\"gross\"", "10.00"),
        ("\"net\"", "9.00"),
        ("\"goods\"", "6.00"),
        ("{ without = [] }", "10.00"),
        ("{ without = [\"discounts\"] }", "9.00"),
        ("{ without = [\"fee\"] }", "9.70"),
        ("{ without = [\"tax\"] }", "8.00"),
        ("{ without = [\"shipping\"] }", "9.30"),
        ("{ without = [\"tax\", \"shipping\"] }", "7.30"),
    ] {
        let effect = format!("percent = {{ rate = \"10%\", of = {basis} }}");
        let mut world = World::with(&rule(&effect));
        assert_eq!(
            world.grants(purchase),
            [format!("it {grant} EUR")],
            "{basis}"
        );
    }
    let mut world = World::with(&rule("percent = { rate = \"10%\" }"));
    assert_eq!(world.grants(purchase), ["it 9.00 EUR"], "net by default");
}

#[test]
fn fixed_amounts_in_money_and_units() {
    check(&[
        (
            r#"
            [[units]]
            asset = "stars/2"
            [[rules]]
            id = "money"
            effect = { fixed = { amount = "2.50" } }
            [[rules]]
            id = "stars"
            effect = { fixed = { amount = "0.25", asset = "stars/2" } }
            "#,
            &[
                ("0.01", &["money 2.50 EUR", "stars 0.25 stars/2"]),
                ("999", &["money 2.50 EUR", "stars 0.25 stars/2"]),
            ],
        ),
        (
            r#"
            [[rules]]
            id = "piece"
            scope = "line"
            when = { line = { category = ["book"] } }
            effect = { fixed = { amount = "1.00" } }
            "#,
            &[(
                "30.00 line:10.00,category=book line:10.00,category=pen line:10.00,category=book",
                &["piece#0 1.00 EUR", "piece#2 1.00 EUR"],
            )],
        ),
    ]);
}

#[test]
fn amounts_per_unit_and_their_remainders() {
    check(&[
        (
            // One point per 100: 250 are two and a half, and a half goes to the even neighbour.
            r#"
            [[units]]
            asset = "points"
            [[rules]]
            id = "it"
            effect = { per_unit = { amount = "1", asset = "points", every = "100" } }
            "#,
            &[
                ("49.99", &[]),
                ("50.00", &[]),
                ("50.01", &["it 1 points"]),
                ("250.00", &["it 2 points"]),
                ("350.00", &["it 4 points"]),
            ],
        ),
        (
            r#"
            [[units]]
            asset = "points"
            [[rules]]
            id = "it"
            effect = { per_unit = { amount = "3", asset = "points", every = "100", remainder = "drop" } }
            "#,
            &[
                ("99.99", &[]),
                ("100.00", &["it 3 points"]),
                ("299.99", &["it 6 points"]),
            ],
        ),
        (
            // Orders of 60: the second completes a unit, 20 are left, then 80, then 140.
            r#"
            [[units]]
            asset = "points"
            [[rules]]
            id = "it"
            effect = { per_unit = { amount = "1", asset = "points", every = "100", remainder = "carry" } }
            "#,
            &[
                ("60", &[]),
                ("60", &["it 1 points"]),
                ("60", &[]),
                ("60", &["it 1 points"]),
                ("60", &["it 1 points"]),
                ("99.99", &[]),
                ("0.01", &["it 1 points"]),
                ("1000", &["it 10 points"]),
            ],
        ),
        (
            // One cent per 1.00, in money.
            r#"
            [[rules]]
            id = "it"
            effect = { per_unit = { amount = "0.01", every = "1.00", remainder = "drop" } }
            "#,
            &[
                ("1.99", &["it 0.01 EUR"]),
                ("0.99", &[]),
                ("10", &["it 0.10 EUR"]),
            ],
        ),
        (
            // 0.5 stars per 3.00, exact until its one rounding: 10.00 / 3.00 × 0.50 = 1.666….
            r#"
            [[units]]
            asset = "stars/2"
            [[rules]]
            id = "it"
            effect = { per_unit = { amount = "0.50", asset = "stars/2", every = "3.00" } }
            "#,
            &[("10.00", &["it 1.67 stars/2"])],
        ),
    ]);
}

#[test]
fn carried_remainders_belong_to_one_member_and_never_count_twice() {
    let document = r#"
        [[units]]
        asset = "points"
        [[rules]]
        id = "it"
        effect = { per_unit = { amount = "1", asset = "points", every = "100", remainder = "carry" } }
    "#;
    let mut world = World::with(document);
    world.register("bob");
    assert_eq!(world.grants("60").len(), 0);
    assert_eq!(world.grants("60 member=bob").len(), 0);
    assert_eq!(world.grants("40"), ["it 1 points"]);
    assert_eq!(world.grants("39.99 member=bob").len(), 0);
    assert_eq!(
        world.say_counted(),
        ["m:bob main/carry/it/points.by.10000.EUR/lifetime@0 = 9999"]
    );

    // Five times 60: 60, 20 (a point), 80, 40 (a point), 0 (a point).
    let mut world = World::with(document);
    for id in 1..=5 {
        world.buy(&format!("60 id=p{id}"));
    }
    assert_eq!(world.say_counted(), [""; 0]);
    // The 1st and 3rd only added to the remainder. Without them two of the three points are paid in advance.
    world.cancel("p1").unwrap();
    world.cancel("p3").unwrap();
    assert_eq!(
        world.say_counted(),
        ["m:ann main/carry/it/points.by.10000.EUR/lifetime@0 = -12000"]
    );
    assert_eq!(world.grants("219.99").len(), 0);
    assert_eq!(world.grants("0.01"), ["it 1 points"]);
}

#[test]
fn carried_remainders_per_line_are_spent_once() {
    let mut world = World::with(
        r#"
        [[units]]
        asset = "points"
        [[rules]]
        id = "it"
        scope = "line"
        effect = { per_unit = { amount = "1", asset = "points", every = "100", remainder = "carry" } }
        "#,
    );
    assert_eq!(world.grants("90 line:90.00").len(), 0);
    // 90 + 20 is a unit, 10 + 20 is none.
    assert_eq!(world.grants("40 line:20.00 line:20.00"), ["it#0 1 points"]);
    assert_eq!(
        world.say_counted(),
        ["m:ann main/carry/it/points.by.10000.EUR/lifetime@0 = 3000"]
    );
}

#[test]
fn a_remainder_overdrawn_by_cancellations_is_paid_back_first() {
    let mut world = World::with(
        r#"
        [[units]]
        asset = "points"
        [[rules]]
        id = "it"
        effect = { per_unit = { amount = "1", asset = "points", every = "100", remainder = "carry" } }
        "#,
    );
    // 90 and 60 by turns: +90 → 90, −40 → 50, +90−100 → 40 …; cancel those that only added.
    let mut added = Vec::new();
    for number in 0..6 {
        let id = format!("p{number}");
        let amount = if number % 2 == 0 { "90" } else { "15" };
        if world.grants(&format!("{amount} id={id}")).is_empty() {
            added.push(id);
        }
    }
    for id in &added {
        world.cancel(id).unwrap();
    }
    let kept = world.counted().values().sum::<i64>();
    // Whatever is bought in all: points paid are never more than one per 100 of it, once the overdraft is paid back.
    assert!(kept <= -10_000, "{kept}");
    let owed = u32::try_from(-kept / 100).unwrap();
    assert_eq!(world.grants("50").len(), 0);
    assert_eq!(world.grants(&format!("{}.99", owed - 50 + 99)).len(), 0);
    assert_eq!(world.grants("0.01"), ["it 1 points"]);
}

#[test]
fn bands_by_slab_and_by_part() {
    check(&[
        (
            r#"
            [[rules]]
            id = "it"
            [rules.effect.bands]
            mode = "slab"
            bands = [
                { from = "10", reward = { rate = "1%" } },
                { from = "100", reward = { rate = "2%" } },
                { from = "1000", reward = { fixed = "50" } },
            ]
            "#,
            &[
                ("9.99", &[]),
                ("10.00", &["it 0.10 EUR"]),
                ("99.99", &["it 1.00 EUR"]),
                ("100.00", &["it 2.00 EUR"]),
                ("999.99", &["it 20.00 EUR"]),
                ("1000.00", &["it 50.00 EUR"]),
                ("99999", &["it 50.00 EUR"]),
            ],
        ),
        (
            r#"
            [[rules]]
            id = "it"
            [rules.effect.bands]
            mode = "marginal"
            bands = [
                { from = "0", reward = { rate = "1%" } },
                { from = "100", reward = { rate = "2%" } },
                { from = "1000", reward = { rate = "5%" } },
            ]
            "#,
            &[
                // 1 % of 99.99; of 100 + 2 % of 100; of 100 + 2 % of 900 + 5 % of 1,000.
                ("99.99", &["it 1.00 EUR"]),
                ("200", &["it 3.00 EUR"]),
                ("2000", &["it 69.00 EUR"]),
            ],
        ),
        (
            // 0.005 + 0.005 is one cent: the parts are summed exactly and rounded once.
            r#"
            rounding = "down"
            [[rules]]
            id = "it"
            [rules.effect.bands]
            mode = "marginal"
            of = "gross"
            bands = [{ from = "0", reward = { rate = "1%" } }, { from = "0.50", reward = { rate = "1%" } }]
            "#,
            &[("1.00 discounts=0.90", &["it 0.01 EUR"])],
        ),
    ]);
}

#[test]
fn multipliers_over_stacking_groups() {
    let stacking_groups = r#"
        [[units]]
        asset = "points"
        [[stacking_groups]]
        id = "base"
        [[stacking_groups]]
        id = "extra"
        [[stacking_groups]]
        id = "boost"
        [[rules]]
        id = "cash"
        stacking_group = "base"
        effect = { percent = { rate = "1%" } }
        [[rules]]
        id = "points"
        stacking_group = "base"
        effect = { per_unit = { amount = "1", asset = "points", every = "1" } }
        [[rules]]
        id = "bonus"
        stacking_group = "extra"
        effect = { percent = { rate = "2%" } }
        [[rules]]
        id = "times"
        stacking_group = "boost"
    "#;
    for (effect, grant) in [
        // 1.00 from base and 2.00 from extra; points count on their own.
        (r#"{ factor = "2" }"#, "times 3.00 EUR"),
        (
            r#"{ factor = "2", stacking_group = "base" }"#,
            "times 1.00 EUR",
        ),
        (
            r#"{ factor = "1.5", stacking_group = "extra" }"#,
            "times 1.00 EUR",
        ),
        (r#"{ factor = "3", asset = "points" }"#, "times 200 points"),
        (r#"{ factor = "1.255" }"#, "times 0.76 EUR"),
        (
            r#"{ factor = "2", asset = "points", stacking_group = "extra" }"#,
            "",
        ),
        (r#"{ factor = "1" }"#, ""),
    ] {
        let document = format!("{stacking_groups}effect = {{ multiplier = {effect} }}\n");
        let grants = World::with(&document).grants("100");
        let first = ["cash 1.00 EUR", "points 100 points", "bonus 2.00 EUR"];
        assert_eq!(grants[..3], first);
        assert_eq!(grants[3..].join(""), grant, "{effect}");
    }
}

#[test]
fn rules_are_active_on_local_dates() {
    check(&[(
        r#"
        zone = "Africa/Lagos"
        [[rules]]
        id = "it"
        active = { from = "2026-02-10", through = "2026-02-11" }
        effect = { fixed = { amount = "1" } }
        "#,
        &[
            ("9 at=2026-02-09T22:59:59Z", &[]),
            ("9 at=2026-02-09T23:00:00Z", &["it 1.00 EUR"]),
            ("9 at=2026-02-11T22:59:59Z", &["it 1.00 EUR"]),
            ("9 at=2026-02-11T23:00:00Z", &[]),
        ],
    )]);
}

#[test]
fn line_grants_share_out_discounts_exactly() {
    // 10.00 off 30 / 20 / 50 is 3.00 / 2.00 / 5.00: 10 % of 27, 18 and 45.
    check(&[(
        r#"
        [[rules]]
        id = "it"
        scope = "line"
        effect = { percent = { rate = "10%" } }
        "#,
        &[
            (
                "100.00 discounts=10.00 line:30.00 line:20.00 line:50.00",
                &["it#0 2.70 EUR", "it#1 1.80 EUR", "it#2 4.50 EUR"],
            ),
            ("100.00", &[]),
        ],
    )]);
}

#[test]
fn the_account_that_pays_is_named() {
    let mut world = World::with(
        r#"
        [[rules]]
        id = "own"
        effect = { fixed = { amount = "1" } }
        [[rules]]
        id = "partner"
        funded_by = "acme-bank"
        effect = { fixed = { amount = "2" } }
        "#,
    );
    world.buy("9 id=p1");
    let paid = |world: &World| {
        let system = world.controls.iter();
        let system = system.filter(|((_, purpose, _), _)| purpose.text().starts_with("funding:"));
        let said = system.map(|((_, purpose, asset), minor)| format!("{purpose}/{asset} {minor}"));
        said.collect::<Vec<_>>()
    };
    assert_eq!(
        paid(&world),
        ["funding:acme-bank/EUR -200", "funding:rewards/EUR -100"]
    );
    world.cancel("p1").unwrap();
    assert_eq!(
        paid(&world),
        ["funding:acme-bank/EUR 0", "funding:rewards/EUR 0"]
    );
}

#[test]
fn amounts_beyond_the_range_are_refused() {
    let mut world = World::with(&rule("percent = { rate = \"1000%\" }"));
    let error = world.try_buy("92233720368547758.07").unwrap_err();
    assert_eq!(error.code(), "overflow");
    assert_eq!(world.lots.len() + world.entities.len(), 0);
}

#[test]
fn the_proposals_of_one_purchase_are_bounded() {
    let lines = " line:1.00".repeat(1_000);
    for (rules, code) in [(20, None), (21, Some("too_many"))] {
        let rules: String = (0..rules)
            .map(|n| {
                format!(
                    "[[rules]]\nid = \"r{n}\"\nscope = \"line\"\nstacking_group = \"one\"\neffect = {{ percent = {{ rate = \"1%\" }} }}\n"
                )
            })
            .collect();
        let groups =
            "stacking_groups = [{ id = \"one\", stacking = \"best\", scope = \"line\" }]\n";
        let mut world = World::with(&format!("{groups}{rules}"));
        let refused = world.try_buy(&format!("1000.00 id=p1{lines}")).err();
        assert_eq!(refused.map(|rejection| rejection.code()), code);
    }
}
