//! Laws of offers over random programs, baskets and coupons.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

use proptest::prelude::*;
use rewards_core::cashback::{Line, Purchase};
use rewards_core::discounts::BasketDiscount;
use rewards_core::ids::{CouponId, PurchaseId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::purchases::{
    GetPurchase, QuotePurchase, RecordPurchase, RefundPurchase, RefundedPart,
};
use rewards_core::refunds::RefundedPieces;

use crate::support::shop::Shop;
use crate::world::member;

const OFFERS: usize = 5;
const SKUS: [&str; 3] = ["a", "b", "c"];

fn cents(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn euro(minor: i64) -> Money {
    Money::new(minor, Asset::parse("EUR").unwrap())
}

prop_compose! {
    fn basket()(
        lines in prop::collection::vec((0_i64..5_000, 1_u32..5, 0_usize..3, any::<bool>()), 0..6),
        shipping in prop_oneof![Just(0_i64), 1_i64..900],
        fee in prop_oneof![Just(0_i64), 1_i64..500],
        discounts in 0_i64..300,
        taxed in any::<bool>(),
        extra in 1_i64..2_000,
    ) -> Basket {
        Basket { lines, shipping, fee, discounts, taxed, extra }
    }
}

/// What a purchase is made of: lines of amount, pieces, article and whether they tell their tax.
#[derive(Debug, Clone)]
struct Basket {
    lines: Vec<(i64, u32, usize, bool)>,
    shipping: i64,
    fee: i64,
    discounts: i64,
    taxed: bool,
    extra: i64,
}

impl Basket {
    fn purchase(&self, shop: &Shop, id: &str) -> Purchase {
        let goods: i64 = self.lines.iter().map(|line| line.0).sum();
        let goods = goods + if self.lines.is_empty() { self.extra } else { 0 };
        let tax_of = |minor: i64| if self.taxed { minor * 19 / 119 } else { 0 };
        let told = self.lines.iter().filter(|line| line.3);
        let told: i64 = told.map(|line| tax_of(line.0)).sum();
        let tax = told + tax_of(self.shipping);
        let discounts = self.discounts.min(goods / 3);
        // With prices that have taxes in them the total is more than it need be, so that its parts never exceed it.
        let total = goods + self.shipping + self.fee + discounts + tax + 1;
        let text = format!("{} id={id}", cents(total));
        let mut purchase = shop.world.purchase(&text);
        purchase.discounts = (discounts > 0).then(|| euro(discounts));
        purchase.fee = (self.fee > 0).then(|| euro(self.fee));
        purchase.shipping = (self.shipping > 0).then(|| euro(self.shipping));
        purchase.tax = self.taxed.then(|| euro(tax));
        purchase.lines = self
            .lines
            .iter()
            .map(|(minor, pieces, sku, tells)| Line {
                quantity: *pieces,
                sku: Some(SKUS[*sku].to_owned()),
                tax: (*tells && self.taxed).then(|| euro(tax_of(*minor))),
                ..Line::new(euro(*minor))
            })
            .collect();
        purchase
    }
}

fn effect() -> impl Strategy<Value = String> {
    let rate = prop_oneof![Just(100_u32), 1_u32..100];
    let sku = || {
        prop::sample::select(vec![
            "",
            "lines = { sku = [\"a\"] }, ",
            "lines = { except_sku = [\"a\"] }, ",
        ])
    };
    prop_oneof![
        rate.clone().prop_map(|r| format!("percent = {{ rate = \"{r}%\" }}")),
        (rate.clone(), 1_i64..3_000).prop_map(|(r, most)| {
            format!("percent = {{ rate = \"{r}%\", at_most = \"{}\" }}", cents(most))
        }),
        (1_i64..4_000, any::<bool>()).prop_map(|(amount, piece)| {
            let each = if piece { "piece" } else { "purchase" };
            format!("fixed = {{ amount = \"{}\", each = \"{each}\" }}", cents(amount))
        }),
        (0_i64..2_000).prop_map(|price| format!("fixed_price = {{ price = \"{}\" }}", cents(price))),
        (any::<bool>(), 1_u32..4, rate.clone()).prop_map(|(cheap, pieces, r)| {
            let which = if cheap { "cheapest" } else { "dearest" };
            format!("pieces = {{ which = \"{which}\", pieces = {pieces}, rate = \"{r}%\" }}")
        }),
        (sku(), 1_u32..3, sku(), 1_u32..3, rate).prop_map(|(a, x, b, y, r)| {
            format!(
                "buy_get = {{ buy = {{ {a}pieces = {x} }}, get = {{ {b}pieces = {y} }}, rate = \"{r}%\" }}"
            )
        }),
        (sku(), 1_u32..3, sku(), 1_u32..3, 0_i64..3_000).prop_map(|(a, x, b, y, price)| {
            format!(
                "bundle = {{ parts = [{{ {a}pieces = {x} }}, {{ {b}pieces = {y} }}], price = \"{}\" }}",
                cents(price)
            )
        }),
        (1_u32..=100).prop_map(|r| format!("shipping = {{ rate = \"{r}%\" }}")),
    ]
}

fn offer() -> impl Strategy<Value = String> {
    let selector = prop::sample::select(vec!["", "lines = { sku = [\"a\", \"b\"] }\n"]);
    let minimum = prop_oneof![
        3 => Just(String::new()),
        1 => (1_i64..6_000, any::<bool>()).prop_map(|(amount, running)| {
            let of = if running { "running" } else { "original" };
            format!("minimum = {{ amount = \"{}\", of = \"{of}\" }}\n", cents(amount))
        }),
    ];
    let with = prop_oneof![
        4 => Just(String::new()),
        1 => Just("alone = true\n".to_owned()),
        1 => (0..OFFERS).prop_map(|other| format!("never_with = [\"o{other}\"]\n")),
    ];
    (selector, minimum, with, effect()).prop_map(|(selector, minimum, with, effect)| {
        format!("{selector}{minimum}{with}effect = {{ {effect} }}\n")
    })
}

fn stacking() -> impl Strategy<Value = String> {
    let group = (
        prop::sample::select(vec!["all", "first", "best", "lowest"]),
        prop::sample::select(vec!["original", "running"]),
    );
    (group, prop::option::of(1_u32..4)).prop_map(|((stacking, base), most)| {
        let most = most.map_or(String::new(), |most| format!("at_most = {most}\n"));
        format!(
            "{most}stacking_groups = [{{ id = \"default\", stacking = \"{stacking}\", base = \"{base}\" }}]\n"
        )
    })
}

fn program(top: &str, offers: &[String]) -> String {
    let mut text = format!("[offers]\n{top}");
    for (at, offer) in offers.iter().enumerate() {
        text.push_str(&format!(
            "[[offers.list]]\nid = \"o{at}\"\nbooks = [\"o{at}\"]\n{offer}"
        ));
    }
    text
}

fn shop(top: &str, offers: &[String]) -> (Shop, Vec<CouponId>) {
    let mut shop = Shop::with(&program(top, offers));
    let coupons = (0..offers.len()).map(|at| shop.coupon(&format!("o{at}")));
    let coupons = coupons.collect();
    (shop, coupons)
}

fn quote(shop: &mut Shop, purchase: &Purchase, coupons: &[CouponId]) -> BasketDiscount {
    let quote = QuotePurchase {
        purchase: purchase.clone(),
        coupons: coupons.to_vec(),
        explain: false,
    };
    shop.world.run(&quote).unwrap().decision.discount.unwrap()
}

fn sum(amounts: impl IntoIterator<Item = Money>) -> i64 {
    amounts.into_iter().map(|amount| amount.minor()).sum()
}

/// What is taken off and what is left come to what there was, for each line and in all.
fn check_sums(told: &BasketDiscount, purchase: &Purchase, is_with_tax: bool) {
    let minor = |part: Option<Money>| part.map_or(0, |part| part.minor());
    let mut off_lines = vec![0_i64; purchase.lines.len()];
    for own in &told.applied {
        for share in &own.lines {
            assert!(share.amount.is_positive());
            off_lines[share.line as usize] += share.amount.minor();
        }
    }
    for (line, off) in told.lines.iter().zip(&off_lines) {
        assert_eq!(line.before.minor() - off, line.after.minor());
        assert!(!line.after.is_negative());
    }
    let applied = sum(told.applied.iter().map(|own| own.taken_off));
    let (lines, shipping) = (told.taken_off.minor(), told.shipping_off.minor());
    assert_eq!(applied, lines + shipping);
    if !purchase.lines.is_empty() {
        assert_eq!(off_lines.iter().sum::<i64>(), lines);
    }
    let before = purchase.total.minor() - minor(purchase.discounts);
    let tax = if is_with_tax { 0 } else { told.tax_off.minor() };
    assert_eq!(told.to_pay.minor(), before - lines - shipping - tax);
    assert!(!told.to_pay.is_negative());
    assert!(!told.tax_off.is_negative() && told.tax_off.minor() <= minor(purchase.tax));
    assert!(shipping <= minor(purchase.shipping));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_taken_off_and_what_is_left_are_what_there_was(
        offers in prop::collection::vec(offer(), OFFERS),
        (top, is_with_tax) in (stacking(), any::<bool>()),
        basket in basket(),
    ) {
        let prices = if is_with_tax { "with_tax" } else { "without_tax" };
        let (mut shop, coupons) = shop(&format!("prices = \"{prices}\"\n{top}"), &offers);
        let purchase = basket.purchase(&shop, "x");
        let told = quote(&mut shop, &purchase, &coupons);
        check_sums(&told, &purchase, is_with_tax);
        let record = RecordPurchase {
            coupons,
            ..RecordPurchase::new(purchase.clone())
        };
        let recorded = shop.world.run(&record).unwrap();
        prop_assert_eq!(recorded.decision.discount.as_ref(), Some(&told));
        let id: PurchaseId = "x".parse().unwrap();
        let kept = shop.world.run(&GetPurchase::new(id.clone())).unwrap().purchase;
        let now = shop.world.now;
        let problems = kept.problems(kept.total.asset(), now);
        prop_assert!(problems.iter().all(|problem| problem.code == "amount_not_positive"), "{problems:?}");
        // Piece by piece, what comes back is what was paid.
        let mut back = 0;
        for (line, (_, pieces, ..)) in (0_u32..).zip(&basket.lines) {
            for piece in 0..*pieces {
                let refund = RefundPurchase {
                    refund: format!("r{line}-{piece}").parse().unwrap(),
                    member: member("ann"),
                    purchase: id.clone(),
                    what: RefundedPart::Lines(vec![RefundedPieces { line, pieces: 1 }]),
                    kind: None,
                    reason: None,
                };
                back += shop.world.run(&refund).unwrap().amount.minor();
            }
        }
        let lines: i64 = sum(told.lines.iter().map(|line| line.after));
        prop_assert_eq!(back, lines);
        let rest = RefundPurchase {
            refund: "rest".parse().unwrap(),
            member: member("ann"),
            purchase: id,
            what: RefundedPart::All,
            kind: None,
            reason: None,
        };
        // Nothing is left of a purchase of which all came back.
        if let Ok(refunded) = shop.world.run(&rest) {
            back += refunded.amount.minor();
        }
        prop_assert_eq!(back, told.to_pay.minor());
        prop_assert_eq!(shop.world.audit(&shop.world.tenant), []);
    }

    #[test]
    fn the_best_combination_is_the_best_of_all(
        offers in prop::collection::vec(offer(), OFFERS),
        top in stacking(),
        basket in basket(),
    ) {
        let (mut ordered, coupons) = shop(&top, &offers);
        let purchase = basket.purchase(&ordered, "x");
        let taken = |told: &BasketDiscount| told.taken_off.minor() + told.shipping_off.minor();
        let mut most = 0;
        for set in 0..1_usize << OFFERS {
            let chosen: Vec<CouponId> = (0..OFFERS)
                .filter(|at| set >> at & 1 == 1)
                .map(|at| coupons[at].clone())
                .collect();
            if !chosen.is_empty() {
                most = most.max(taken(&quote(&mut ordered, &purchase, &chosen)));
            }
        }
        let (mut best, coupons) = shop(&format!("combination = \"best\"\n{top}"), &offers);
        let found = quote(&mut best, &purchase, &coupons);
        prop_assert_eq!(taken(&found), most);
        prop_assert!(!found.bound_reached);
    }

    /// Bought and got piece by piece, by trying every set of pieces.
    #[test]
    fn the_pieces_that_are_got_are_the_cheapest_that_may_be(
        prices in prop::collection::vec((0_i64..20, 0_usize..3), 1..10),
        (x, y) in (1_usize..3, 1_usize..3),
        (buys, gets) in (1_u8..8, 1_u8..8),
    ) {
        let skus = |bits: u8| {
            let named = (0..3).filter(|at| bits >> at & 1 == 1).map(|at| format!("\"{}\"", SKUS[at]));
            named.collect::<Vec<_>>().join(", ")
        };
        let effect = format!(
            "effect = {{ buy_get = {{ buy = {{ lines = {{ sku = [{}] }}, pieces = {x} }}, get = {{ lines = {{ sku = [{}] }}, pieces = {y} }} }} }}\n",
            skus(buys), skus(gets)
        );
        let (mut shop, coupons) = shop("", &[effect]);
        let lines = prices.iter().map(|(minor, sku)| (*minor, 1, *sku, false));
        let basket = Basket { lines: lines.collect(), shipping: 0, fee: 0, discounts: 0, taxed: false, extra: 1 };
        let purchase = basket.purchase(&shop, "x");
        let told = quote(&mut shop, &purchase, &coupons);
        prop_assert_eq!(told.taken_off.minor(), cheapest(&prices, (x, y), (buys, gets)));
    }
}

/// What the got pieces cost: of the most complete groups that fit, the cheapest set that leaves enough to be bought.
fn cheapest(prices: &[(i64, usize)], (x, y): (usize, usize), (buys, gets): (u8, u8)) -> i64 {
    let is_of = |bits: u8, sku: usize| bits >> sku & 1 == 1;
    let mut best: Option<(usize, i64)> = None;
    for set in 0..1_usize << prices.len() {
        let got = || (0..prices.len()).filter(move |at| set >> at & 1 == 1);
        let (count, cost) = (got().count(), got().map(|at| prices[at].0).sum::<i64>());
        if count % y != 0 || !got().all(|at| is_of(gets, prices[at].1)) {
            continue;
        }
        let times = count / y;
        let left = (0..prices.len()).filter(|at| set >> at & 1 == 0);
        if left.filter(|at| is_of(buys, prices[*at].1)).count() < times * x {
            continue;
        }
        if best.is_none_or(|(most, least)| times > most || times == most && cost < least) {
            best = Some((times, cost));
        }
    }
    best.map_or(0, |(_, cost)| cost)
}
