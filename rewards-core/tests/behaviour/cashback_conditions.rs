//! Every kind of condition, with purchases that it holds for and purchases that it does not.

use crate::world::World;

/// A condition, purchases that match, and purchases that do not.
type Case = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const LADDERS: &str = r#"
    [[ladders]]
    id = "status"
    measure = { spend = "gross" }
    tiers = [
        { id = "bronze", threshold = "0" },
        { id = "silver", threshold = "100" },
        { id = "gold", threshold = "500" },
    ]
"#;

fn rule(condition: &str) -> String {
    format!(
        "[[rules]]\nid = \"it\"\nwhen = {{ {condition} }}\neffect = {{ fixed = {{ amount = \"1\" }} }}\n"
    )
}

#[test]
fn facts_of_a_purchase() {
    let table: &[Case] = &[
        (
            r#"amount = { at_least = "10" }"#,
            &["10.00", "10.01"],
            &["9.99"],
        ),
        (r#"amount = { below = "10" }"#, &["9.99"], &["10.00", "11"]),
        (
            r#"amount = { at_least = "10", below = "20" }"#,
            &["10.00", "19.99"],
            &["9.99", "20.00"],
        ),
        (
            r#"amount = { of = "gross", at_least = "10" }"#,
            &["10.00 discounts=9.00"],
            &["9.99"],
        ),
        (
            r#"amount = { of = "net", at_least = "10" }"#,
            &["11.00 discounts=1.00 fee=5.00"],
            &["10.99 discounts=1.00"],
        ),
        (
            r#"amount = { of = "goods", at_least = "10" }"#,
            &["14.00 discounts=1.00 fee=1.00 tax=1.00 shipping=1.00"],
            &["13.99 discounts=1.00 fee=1.00 tax=1.00 shipping=1.00"],
        ),
        (
            r#"amount = { of = { without = ["tax", "fee"] }, at_least = "10" }"#,
            &["12.00 fee=1.00 tax=1.00 discounts=5.00 shipping=4.00"],
            &["11.99 fee=1.00 tax=1.00"],
        ),
        (
            r#"category = ["food", "drink"]"#,
            &["9 category=food", "9 category=drink"],
            &["9", "9 category=Food", "9 category=toys", "9 merchant=food"],
        ),
        (
            r#"merchant = ["m1"]"#,
            &["9 merchant=m1"],
            &["9", "9 merchant=m2"],
        ),
        (
            r#"biller = ["gas"]"#,
            &["9 biller=gas"],
            &["9", "9 biller=tel"],
        ),
        (
            r#"bill_type = ["phone"]"#,
            &["9 bill_type=phone"],
            &["9 bill_type=tv"],
        ),
        (
            r#"channel = ["app"]"#,
            &["9 channel=app"],
            &["9", "9 channel=web"],
        ),
        (
            r#"payment_method = ["card"]"#,
            &["9 payment_method=card"],
            &["9 payment_method=cash"],
        ),
        (r#"store = ["s1"]"#, &["9 store=s1"], &["9 store=s2"]),
        (
            r#"country = ["NG", "KE"]"#,
            &["9 country=KE"],
            &["9 country=MY"],
        ),
        (
            r#"tag = ["vip", "new"]"#,
            &["9 tag=new", "9 tag=x tag=vip"],
            &["9", "9 tag=x"],
        ),
        (
            r#"attribute = { name = "device" }"#,
            &["9 @device=d1"],
            &["9", "9 @Device=d1"],
        ),
        (
            r#"attribute = { name = "device", one_of = ["d1", "d2"] }"#,
            &["9 @device=d2"],
            &["9 @device=d3", "9"],
        ),
        (
            r#"attribute = { name = "score", at_least = "1.5", below = "2" }"#,
            &["9 @score=1.5", "9 @score=1.99"],
            &[
                "9 @score=1.49",
                "9 @score=2",
                "9 @score=high",
                "9",
                "9 @score=",
            ],
        ),
        (
            r#"all = [{ category = ["food"] }, { channel = ["app"] }]"#,
            &["9 category=food channel=app"],
            &["9 category=food", "9 channel=app", "9"],
        ),
        (
            r#"any = [{ category = ["food"] }, { channel = ["app"] }]"#,
            &["9 category=food", "9 channel=app"],
            &["9", "9 category=toys channel=web"],
        ),
        (
            r#"none = [{ category = ["food"] }, { channel = ["app"] }]"#,
            &["9", "9 category=toys"],
            &["9 category=food", "9 channel=app category=toys"],
        ),
        (
            r#"all = [{ any = [{ tag = ["a"] }, { tag = ["b"] }] }, { none = [{ tag = ["c"] }] }]"#,
            &["9 tag=a", "9 tag=b"],
            &["9 tag=a tag=c", "9", "9 tag=c"],
        ),
    ];
    check(table, "");
}

#[test]
fn lines_of_a_basket() {
    let table: &[Case] = &[
        (
            r#"line = { sku = ["a", "b"] }"#,
            &["9 line:4.00,sku=x line:5.00,sku=b"],
            &["9", "9 line:4.00,sku=x", "9 line:4.00"],
        ),
        (
            r#"line = { category = ["food"] }"#,
            &["9 line:4.00,category=food"],
            &["9 category=food", "9 line:4.00,category=toys"],
        ),
        (
            r#"line = { except_sku = ["gift"] }"#,
            &["9 line:4.00", "9 line:4.00,sku=gift line:1.00,sku=x"],
            &["9 line:4.00,sku=gift", "9"],
        ),
        (
            r#"line = { except_category = ["tobacco"] }"#,
            &["9 line:4.00,category=food"],
            &["9 line:4.00,category=tobacco"],
        ),
        (
            r#"line = { quantity_at_least = 3 }"#,
            &["9 line:4.00,quantity=3"],
            &["9 line:4.00,quantity=2 line:4.00,quantity=1"],
        ),
        (
            // A line's amount is what it costs before discounts.
            r#"line = { amount_at_least = "4" }"#,
            &["9 line:4.00", "9.00 discounts=8.00 line:4.00 line:5.00"],
            &["9 line:3.99 line:3.99"],
        ),
        (
            r#"line = { attribute = { name = "organic", one_of = ["yes"] } }"#,
            &["9 line:4.00,@organic=yes"],
            &["9 @organic=yes line:4.00", "9 line:4.00,@organic=no"],
        ),
        (
            // One and the same line must pass all tests.
            r#"line = { sku = ["a"], quantity_at_least = 2 }"#,
            &["9 line:4.00,sku=a,quantity=2"],
            &["9 line:4.00,sku=a line:4.00,sku=b,quantity=2"],
        ),
    ];
    check(table, "");
}

#[test]
fn local_time() {
    // 2026-03-02 is a Monday. In Lagos (+01:00) a day starts at 23:00 in UTC.
    let table: &[Case] = &[
        (
            r#"weekday = ["monday", "sunday"]"#,
            &["9 at=2026-03-01T22:59:59Z", "9 at=2026-03-01T23:00:00Z"],
            &["9 at=2026-02-28T22:59:59Z", "9 at=2026-02-24T12:00:00Z"],
        ),
        (
            r#"weekday = ["monday"]"#,
            &["9 at=2026-03-01T23:00:00Z", "9 at=2026-02-23T22:59:59Z"],
            &["9 at=2026-03-01T22:59:59Z", "9 at=2026-02-23T23:00:00Z"],
        ),
        (
            r#"time_of_day = { from = "09:00", until = "17:00" }"#,
            &["9 at=2026-03-02T08:00:00Z", "9 at=2026-02-28T15:59:59Z"],
            &["9 at=2026-03-02T07:59:59Z", "9 at=2026-02-28T16:00:00Z"],
        ),
        (
            r#"time_of_day = { from = "22:00", until = "02:00" }"#,
            &["9 at=2026-03-01T21:00:00Z", "9 at=2026-03-02T00:59:59Z"],
            &["9 at=2026-03-01T20:59:59Z", "9 at=2026-03-02T01:00:00Z"],
        ),
        (
            r#"dates = { from = "2026-02-10", through = "2026-02-11" }"#,
            &["9 at=2026-02-09T23:00:00Z", "9 at=2026-02-11T22:59:59Z"],
            &["9 at=2026-02-09T22:59:59Z", "9 at=2026-02-11T23:00:00Z"],
        ),
        (
            r#"dates = { before = "2026-02-11" }"#,
            &["9 at=2026-02-10T22:59:59Z"],
            &["9 at=2026-02-10T23:00:00Z"],
        ),
    ];
    check(table, "zone = \"Africa/Lagos\"\n");
}

fn check(table: &[Case], top: &str) {
    for (condition, hits, misses) in table {
        let mut world = World::with(&format!("{top}{}", rule(condition)));
        for hit in *hits {
            assert_eq!(world.quoted(hit), ["it 1.00 EUR"], "{condition}: {hit}");
        }
        for miss in *misses {
            assert_eq!(world.quoted(miss).len(), 0, "{condition}: {miss}");
        }
    }
}

#[test]
fn segments_and_attributes_of_the_member() {
    use rewards_core::operations::members::RegisterMember;
    let document = [
        rule(r#"segment = ["student", "staff"]"#),
        rule(r#"attribute = { name = "city", one_of = ["Lagos"] }"#).replace("\"it\"", "\"where\""),
    ]
    .concat();
    let mut world = World::with(&document);
    let mut bob = RegisterMember::new(crate::world::member("bob"));
    bob.segments.insert("staff".to_owned());
    bob.attributes.insert("city".to_owned(), "Lagos".to_owned());
    world.run(&bob).unwrap();
    let table: &[(&str, &[&str])] = &[
        ("9", &[]),
        ("9 member=bob", &["it 1.00 EUR", "where 1.00 EUR"]),
        // What is injected with the purchase goes before what is kept with the member.
        ("9 member=bob @city=Accra", &["it 1.00 EUR"]),
        ("9 @city=Lagos", &["where 1.00 EUR"]),
    ];
    for (purchase, grants) in table {
        assert_eq!(world.quoted(purchase), *grants, "{purchase}");
    }
}

#[test]
fn the_tier_of_the_member() {
    for (condition, by_tier) in [
        (
            r#"tier = { ladder = "status", at_least = "silver" }"#,
            [0, 1, 1],
        ),
        (
            r#"tier = { ladder = "status", at_least = "gold" }"#,
            [0, 0, 1],
        ),
        (
            r#"tier = { ladder = "status", at_least = "bronze" }"#,
            [1, 1, 1],
        ),
        (
            r#"tier = { ladder = "status", one_of = ["bronze", "gold"] }"#,
            [1, 0, 1],
        ),
    ] {
        let mut world = World::with(&format!("{}{LADDERS}", rule(condition)));
        for (rank, granted) in by_tier.into_iter().enumerate() {
            assert_eq!(world.quoted("1").len(), granted, "{condition}: rank {rank}");
            let spend = if rank == 0 { "100.00" } else { "400.00" };
            world.buy(spend);
            world.now = world.now.checked_add_micros(1).unwrap();
        }
    }
}

#[test]
fn what_the_member_did_before() {
    // Each purchase in turn, and whether the rule matches it.
    let table: &[(&str, &[(&str, bool)])] = &[
        (
            "purchase_number = { at_most = 1 }",
            &[("9", true), ("9", false), ("9", false)],
        ),
        (
            "purchase_number = { at_least = 2, at_most = 3 }",
            &[("9", false), ("9", true), ("9", true), ("9", false)],
        ),
        (
            "purchase_number = { every = 3 }",
            &[
                ("9", false),
                ("9", false),
                ("9", true),
                ("9", false),
                ("9", false),
                ("9", true),
            ],
        ),
        (
            "purchase_number = { every = 2, at_least = 3 }",
            &[("9", false), ("9", false), ("9", false), ("9", true)],
        ),
        (
            r#"window_count = { window = "day", at_least = 2 }"#,
            &[
                ("9 at=2026-03-01T22:00:00Z", false),
                ("9 at=2026-03-01T23:00:00Z", false),
                ("9 at=2026-03-02T09:00:00Z", true),
            ],
        ),
        (
            r#"window_count = { window = { days = 3 }, at_most = 2 }"#,
            &[
                ("9 at=2026-02-01T12:00:00Z", true),
                ("9 at=2026-02-02T12:00:00Z", true),
                ("9 at=2026-02-03T12:00:00Z", false),
                ("9 at=2026-02-05T12:00:00Z", true),
                ("9 at=2026-02-07T22:59:59Z", true),
            ],
        ),
        (
            r#"window_sum = { window = "month", of = "gross", at_least = "100" }"#,
            &[
                ("60.00 at=2026-01-31T22:59:59Z", false),
                ("60.00 at=2026-01-31T23:00:00Z", false),
                ("39.99 at=2026-02-10T12:00:00Z", false),
                ("0.01 at=2026-02-11T12:00:00Z", true),
            ],
        ),
        (
            r#"window_sum = { window = "week", below = "100" }"#,
            &[
                ("99.99 at=2026-02-23T12:00:00Z", true),
                ("0.01 at=2026-02-24T12:00:00Z", false),
                ("99.99 at=2026-03-01T23:00:00Z", true),
            ],
        ),
        (
            r#"window_count = { window = "quarter", at_least = 2 }"#,
            &[
                ("9 at=2025-12-31T12:00:00Z", false),
                ("9 at=2026-01-01T12:00:00Z", false),
                ("9 at=2026-03-01T12:00:00Z", true),
            ],
        ),
        (
            r#"window_count = { window = "year", at_least = 2 }"#,
            &[
                ("9 at=2025-12-31T22:59:59Z", false),
                ("9 at=2025-12-31T23:00:00Z", false),
                ("9 at=2026-01-01T12:00:00Z", true),
            ],
        ),
        (
            r#"none = [{ window_count = { window = "lifetime", at_least = 2 } }]"#,
            &[("9", true), ("9", false)],
        ),
    ];
    for (condition, purchases) in table {
        let mut world = World::with(&format!("zone = \"Africa/Lagos\"\n{}", rule(condition)));
        for (at, (purchase, matches)) in purchases.iter().enumerate() {
            let grants = world.grants(purchase);
            assert_eq!(grants.len() == 1, *matches, "{condition}: purchase {at}");
        }
    }
}
