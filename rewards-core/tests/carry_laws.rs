//! What holds for rules per unit that carry remainders: a purchase and its split earn the same over time, and the order of
//! lines means nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use rewards_core::money::{Asset, Money};

use crate::world::World;

const MULTIPLIERS: &[&str] = &["1", "1.5", "1.33333333", "2", "2.75", "1.00000001"];

/// One rule per unit, without minimum, band or cap, and the same tier from the beginning.
fn document(amount: i64, every: i64, multiplier: &str, scope: &str) -> String {
    let amount = Money::new(amount, Asset::parse("stars/1").unwrap());
    let every = cents(every);
    format!(
        r#"
        units = [{{ asset = "stars/1" }}]
        [[rules]]
        id = "it"
        scope = "{scope}"
        effect = {{ per_unit = {{ amount = "{amount}", asset = "stars/1", every = "{every}", remainder = "carry" }} }}
        [[ladders]]
        id = "status"
        measure = "visits"
        tiers = [{{ id = "all", threshold = "0", benefits = {{ multiplier = "{multiplier}" }} }}]
        "#
    )
}

fn cents(minor: i64) -> String {
    Money::new(minor, Asset::parse("EUR").unwrap()).to_string()
}

/// Buys in purchases of several lines; says what `ann` has and what is kept for her.
fn buy(document: &str, purchases: &[&[i64]]) -> (String, Vec<String>) {
    let mut world = World::with(document);
    for lines in purchases {
        let total = lines.iter().sum();
        let lines: Vec<String> = lines
            .iter()
            .map(|line| format!("line:{}", cents(*line)))
            .collect();
        world.buy(&format!("{} {}", cents(total), lines.join(" ")));
    }
    let kept = world.say_counted();
    let kept = kept.into_iter().filter(|line| line.contains("/carry/"));
    (world.balance(), kept.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_purchase_and_its_split_earn_the_same_over_time(
        amount in 1..40_i64,
        every in 1..700_i64,
        multiplier in proptest::sample::select(MULTIPLIERS),
        by_line: bool,
        before in 1..2_000_i64,
        parts in proptest::collection::vec(1..3_000_i64, 1..8),
    ) {
        let document = document(amount, every, multiplier, if by_line { "line" } else { "basket" });
        let whole = [parts.iter().sum::<i64>()];
        let singly: Vec<&[i64]> = std::iter::once(std::slice::from_ref(&before))
            .chain(parts.chunks(1))
            .collect();
        let at_once = buy(&document, &[&[before], &whole]);
        prop_assert_eq!(&buy(&document, &[&[before], &parts]), &at_once, "as lines of one purchase");
        prop_assert_eq!(&buy(&document, &singly), &at_once, "as purchases of their own");
    }

    #[test]
    fn the_order_of_lines_means_nothing(
        every in 1..200_i64,
        multiplier in proptest::sample::select(MULTIPLIERS),
        stacking in proptest::sample::select(&["all", "best", "first", "lowest"][..]),
        group_scope in proptest::sample::select(&["basket", "line"][..]),
        lines in proptest::collection::vec((1..300_i64, proptest::sample::select(&["a", "b"][..])), 1..6)
            .prop_flat_map(|lines| (Just(lines.clone()), Just(lines).prop_shuffle())),
    ) {
        let document = format!(
            r#"
            units = [{{ asset = "points" }}]
            stacking_groups = [{{ id = "lines", stacking = "{stacking}", scope = "{group_scope}" }}]
            [[rules]]
            id = "carries"
            scope = "line"
            effect = {{ per_unit = {{ amount = "1", asset = "points", every = "{}", remainder = "carry" }} }}
            [[rules]]
            id = "other"
            scope = "line"
            when = {{ line = {{ category = ["a"] }} }}
            effect = {{ fixed = {{ amount = "1", asset = "points" }} }}
            [[ladders]]
            id = "status"
            measure = "visits"
            tiers = [{{ id = "all", threshold = "0", benefits = {{ multiplier = "{multiplier}" }} }}]
            "#,
            cents(every),
        );
        let buy = |lines: &[(i64, &str)]| {
            let mut world = World::with(&document);
            for _ in 0..2 {
                let total = cents(lines.iter().map(|(amount, _)| amount).sum());
                let lines = lines.iter().map(|(amount, category)| format!(" line:{},category={category}", cents(*amount)));
                world.buy(&format!("{total}{}", lines.collect::<String>()));
            }
            (world.balance(), world.say_counted())
        };
        prop_assert_eq!(buy(&lines.0), buy(&lines.1));
    }
}
