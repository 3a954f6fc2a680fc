//! Laws of the smallest change that would qualify, over random programs, members and purchases.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

use proptest::prelude::*;
use rewards_core::cashback::{Line, MemberReason, Missing, Purchase, SmallestChange, Verdict};
use rewards_core::ids::{CouponId, Slug};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::purchases::{QuotePurchase, QuotedPurchase, RecordPurchase};

use crate::support::shop::Shop;
use crate::world::World;

const SKUS: [&str; 3] = ["a", "b", "c"];

fn cents(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn euro(minor: i64) -> Money {
    Money::new(minor, Asset::parse("EUR").unwrap())
}

fn bounds(open: &'static str, close: &'static str) -> impl Strategy<Value = String> {
    let bound = || (1_i64..60).prop_map(|units| cents(units * 50));
    prop_oneof![
        6 => bound().prop_map(move |least| format!("{open} = \"{least}\"")),
        1 => bound().prop_map(move |below| format!("{close} = \"{below}\"")),
        2 => (1_i64..40, 1_i64..40).prop_map(move |(from, width)| format!(
            "{open} = \"{}\", {close} = \"{}\"", cents(from * 50), cents((from + width) * 50)
        )),
    ]
}

fn line_test() -> impl Strategy<Value = String> {
    let selector = prop::sample::select(vec![
        "sku = [\"a\"], ",
        "sku = [\"b\", \"c\"], except_sku = [\"b\"], ",
        "category = [\"books\"], ",
        "except_sku = [\"a\"], ",
        "sku = [\"a\"], attribute = { name = \"size\", at_least = \"2\" }, ",
    ]);
    let pieces = prop_oneof![
        Just(String::new()),
        (1_u32..4).prop_map(|n| format!("quantity_at_least = {n}, "))
    ];
    let amount = prop_oneof![
        Just(String::new()),
        (1_i64..40).prop_map(|n| format!("amount_at_least = \"{}\", ", cents(n * 50)))
    ];
    (selector, pieces, amount).prop_map(|(selector, pieces, amount)| {
        format!("{{ line = {{ {selector}{pieces}{amount}}} }}").replace(", }", " }")
    })
}

/// A condition that is looked at by rules; those that count are left out of what offers ask, to keep the two alike.
fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => bounds("at_least", "below").prop_map(|own| format!("{{ amount = {{ {own} }} }}")),
        2 => bounds("at_least", "below").prop_map(|own| format!("{{ amount = {{ of = \"net\", {own} }} }}")),
        6 => line_test(),
        2 => bounds("at_least", "below")
            .prop_map(|own| format!("{{ window_sum = {{ window = \"month\", {own} }} }}")),
        2 => (1_u32..5, prop_oneof![Just("month"), Just("lifetime")])
            .prop_map(|(n, window)| format!("{{ window_count = {{ window = \"{window}\", at_least = {n} }} }}")),
        1 => (1_u32..4, 0_u32..3).prop_map(|(n, more)| {
            format!("{{ window_count = {{ window = \"day\", at_least = {n}, at_most = {} }} }}", n + more)
        }),
        1 => (1_u32..5).prop_map(|n| format!("{{ purchase_number = {{ at_least = {n} }} }}")),
        1 => (2_u32..4).prop_map(|n| format!("{{ purchase_number = {{ every = {n} }} }}")),
        1 => Just("{ category = [\"food\"] }".to_owned()),
        1 => Just("{ segment = [\"vip\"] }".to_owned()),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    leaf().prop_recursive(2, 8, 3, |inner| {
        let parts = prop::collection::vec(inner, 1..4);
        (
            prop::sample::select(vec!["all", "all", "any", "none"]),
            parts,
        )
            .prop_map(|(name, parts)| format!("{{ {name} = [{}] }}", parts.join(", ")))
    })
}

prop_compose! {
    fn purchase()(
        lines in prop::collection::vec((0_i64..1_500, 1_u32..4, 0_usize..3, any::<bool>()), 0..4),
        extra in 1_i64..1_000,
        discounts in 0_i64..200,
        is_food in any::<bool>(),
    ) -> Bought {
        Bought { lines, extra, discounts, is_food }
    }
}

#[derive(Debug, Clone)]
struct Bought {
    lines: Vec<(i64, u32, usize, bool)>,
    extra: i64,
    discounts: i64,
    is_food: bool,
}

impl Bought {
    fn purchase(&self, world: &World) -> Purchase {
        let goods: i64 = self.lines.iter().map(|line| line.0).sum();
        let total = goods + self.extra;
        let mut purchase = world.purchase(&format!("{} id=x", cents(total)));
        purchase.discounts = Some(euro(self.discounts.min(total)));
        purchase.category = self.is_food.then(|| "food".to_owned());
        let lines = self.lines.iter().map(|(minor, pieces, sku, is_book)| Line {
            quantity: *pieces,
            sku: Some(SKUS[*sku].to_owned()),
            category: is_book.then(|| "books".to_owned()),
            ..Line::new(euro(*minor))
        });
        purchase.lines = lines.collect();
        purchase
    }
}

/// Whether this may be published: no condition contradicts another one.
fn is_valid(program: &str) -> bool {
    let mut world = World::empty();
    world.publish(program, "2020-01-01T00:00:00Z").is_ok()
}

fn quote(world: &mut World, purchase: &Purchase, coupons: &[CouponId]) -> QuotedPurchase {
    let quote = QuotePurchase {
        purchase: purchase.clone(),
        coupons: coupons.to_vec(),
        explain: true,
    };
    world.run(&quote).unwrap()
}

/// A purchase after a change, and how many purchases are made before it. Everything is told in the change.
fn changed(purchase: &Purchase, changes: &[SmallestChange]) -> (Purchase, u32) {
    let (mut changed, mut before) = (purchase.clone(), 0);
    for change in changes {
        let raise = match change {
            SmallestChange::AddLine { line } => {
                changed.lines.push(line.clone());
                line.amount
            }
            SmallestChange::RaiseLine {
                line,
                pieces,
                amount,
            } => {
                let line = &mut changed.lines[*line as usize];
                line.quantity += pieces.unwrap_or(0);
                let amount = amount.unwrap_or(euro(0));
                line.amount = line.amount.checked_add(amount).unwrap();
                amount
            }
            SmallestChange::RaiseTotal { amount } | SmallestChange::SpendInWindow { amount } => {
                *amount
            }
            SmallestChange::MorePurchases { count } => {
                before += count;
                euro(0)
            }
        };
        changed.total = changed.total.checked_add(raise).unwrap();
    }
    changed.lines.retain(|line| line.quantity > 0);
    (changed, before)
}

/// The change with one minor unit, piece or purchase less, in each way that there is.
fn less(changes: &[SmallestChange]) -> Vec<Vec<SmallestChange>> {
    let cent = euro(1);
    let mut all = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        let mut put = |own: SmallestChange| {
            let mut less = changes.to_vec();
            less[at] = own;
            all.push(less);
        };
        match change.clone() {
            SmallestChange::AddLine { mut line } => {
                if line.amount.is_positive() {
                    let mut line = line.clone();
                    line.amount = line.amount.checked_sub(cent).unwrap();
                    put(SmallestChange::AddLine { line });
                }
                line.quantity -= 1;
                if line.quantity == 0 {
                    line.amount = euro(0);
                }
                put(SmallestChange::AddLine { line });
            }
            SmallestChange::RaiseLine {
                line,
                pieces,
                amount,
            } => {
                if let Some(amount) = amount {
                    let amount = Some(amount.checked_sub(cent).unwrap());
                    put(SmallestChange::RaiseLine {
                        line,
                        pieces,
                        amount,
                    });
                }
                if let Some(pieces) = pieces {
                    let pieces = Some(pieces - 1);
                    put(SmallestChange::RaiseLine {
                        line,
                        pieces,
                        amount,
                    });
                }
            }
            SmallestChange::RaiseTotal { amount } => {
                let amount = amount.checked_sub(cent).unwrap();
                put(SmallestChange::RaiseTotal { amount });
            }
            SmallestChange::SpendInWindow { amount } => {
                let amount = amount.checked_sub(cent).unwrap();
                put(SmallestChange::SpendInWindow { amount });
            }
            SmallestChange::MorePurchases { count } => {
                put(SmallestChange::MorePurchases { count: count - 1 });
            }
        }
    }
    all
}

fn changes(missing: &[Missing]) -> Vec<SmallestChange> {
    missing
        .iter()
        .map(|missing| missing.change.clone())
        .collect()
}

/// Quotes a purchase after a change.
fn after(
    world: &World,
    purchase: &Purchase,
    change: &[SmallestChange],
    coupons: &[CouponId],
) -> QuotedPurchase {
    let mut world = world.clone();
    let (changed, before) = changed(purchase, change);
    for number in 0..before {
        let other = world.purchase(&format!("0.01 id=before{number}"));
        world.run(&RecordPurchase::new(other)).unwrap();
    }
    quote(&mut world, &changed, coupons)
}

fn is_matched(quoted: &QuotedPurchase, rule: &Slug) -> bool {
    let explained = quoted.explanation.iter().flatten();
    let mut own = explained.filter(|explained| explained.rule == *rule);
    own.any(|explained| {
        !matches!(
            explained.outcome,
            Verdict::Unmatched { .. } | Verdict::Inactive
        )
    })
}

fn is_eligible(quoted: &QuotedPurchase, offer: &Slug) -> bool {
    use rewards_core::discounts::OfferVerdict::{NoLines, Unmatched};
    let mut others = quoted.offers.iter();
    !others.any(|own| own.offer == *offer && matches!(own.outcome, Unmatched { .. } | NoLines))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A purchase that is changed as told matches; with a little less of any part of the change it does not.
    #[test]
    fn a_change_that_is_told_is_enough_and_no_more_than_that(
        rules in prop::collection::vec((condition(), any::<bool>()), 1..5),
        earlier in prop::collection::vec(1_i64..1_000, 0..3),
        bought in purchase(),
    ) {
        let mut text = String::new();
        for (at, (when, by_line)) in rules.iter().enumerate() {
            let scope = if *by_line { "line" } else { "basket" };
            let rule = format!(
                "[[rules]]\nid = \"r{at}\"\nscope = \"{scope}\"\nwhen = {when}\neffect = {{ fixed = {{ amount = \"1\" }} }}\n"
            );
            if is_valid(&rule) {
                text.push_str(&rule);
            }
        }
        prop_assume!(!text.is_empty());
        let mut world = World::with(&text);
        for (at, minor) in earlier.iter().enumerate() {
            world.buy(&format!("{} id=earlier{at}", cents(*minor)));
        }
        let purchase = bought.purchase(&world);
        let quoted = quote(&mut world, &purchase, &[]);
        for explained in quoted.explanation.iter().flatten() {
            let is_unmatched = matches!(explained.outcome, Verdict::Unmatched { .. });
            prop_assert!(is_unmatched || explained.missing.is_empty());
            let is_told = explained.member_reason.is_some_and(|reason| reason != MemberReason::NotAvailable);
            prop_assert_eq!(is_told, !explained.missing.is_empty());
            if explained.missing.is_empty() {
                continue;
            }
            let told = changes(&explained.missing);
            let enough = after(&world, &purchase, &told, &[]);
            prop_assert!(is_matched(&enough, &explained.rule), "{told:?}\n{text}");
            // What is spent by purchases before is spent in a window as well.
            let mut more = told.iter();
            let is_mixed = more.any(|own| matches!(own, SmallestChange::MorePurchases { .. })) && text.contains("window_sum");
            for less in less(&told).into_iter().filter(|_| !is_mixed) {
                let quoted = after(&world, &purchase, &less, &[]);
                prop_assert!(!is_matched(&quoted, &explained.rule), "{told:?} {less:?}\n{text}");
            }
        }
    }

    /// The same of offers: their condition holds and a line is there that they are about.
    #[test]
    fn a_change_that_is_told_of_an_offer_is_enough_and_no_more_than_that(
        (when, lines) in (condition(), line_test()),
        bought in purchase(),
    ) {
        let lines = lines.strip_prefix("{ line = ").unwrap().strip_suffix(" }").unwrap();
        let text = format!(
            "[offers]\n[[offers.list]]\nid = \"o\"\nbooks = [\"o\"]\nwhen = {when}\nlines = {lines}\neffect = {{ percent = {{ rate = \"10%\" }} }}\n"
        );
        prop_assume!(is_valid(&text));
        let mut shop = Shop::with(&text);
        let coupons = [shop.coupon("o")];
        let mut world = shop.world;
        let purchase = bought.purchase(&world);
        let quoted = quote(&mut world, &purchase, &coupons);
        let plain = QuotePurchase { purchase: purchase.clone(), coupons: coupons.to_vec(), explain: false };
        let plain = world.run(&plain).unwrap();
        prop_assert_eq!(&plain.decision, &quoted.decision);
        prop_assert!(plain.explanation.is_none() && plain.offers.is_empty());
        for explained in quoted.offers.iter().filter(|own| !own.missing.is_empty()) {
            let told = changes(&explained.missing);
            let enough = after(&world, &purchase, &told, &coupons);
            prop_assert!(is_eligible(&enough, &explained.offer), "{told:?} {when} {lines}");
            let mut more = told.iter();
            let is_mixed = more.any(|own| matches!(own, SmallestChange::MorePurchases { .. })) && when.contains("window_sum");
            for less in less(&told).into_iter().filter(|_| !is_mixed) {
                let quoted = after(&world, &purchase, &less, &coupons);
                prop_assert!(!is_eligible(&quoted, &explained.offer), "{told:?} {less:?} {when} {lines}");
            }
        }
    }
}
