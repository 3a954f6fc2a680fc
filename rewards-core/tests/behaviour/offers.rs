//! What offers take off a basket, in tables worked out manually, and what becomes of their coupons.

use rewards_core::coupons::{CodeUser, CouponLimits, CouponState};
use rewards_core::ids::{CouponId, PurchaseId, RefundId};
use rewards_core::operations::purchases::{
    CancelPurchase, QuotePurchase, RecordPurchase, RefundPurchase, RefundedPart, ReplacePurchase,
};
use rewards_core::refunds::{RefundKind, RefundedPieces};
use rewards_core::rejection::Rejection;

use crate::support::shop::{Shop, say, terms};
use crate::words::money;
use crate::world::member;

/// A section with these offers, each given by coupons of a book of its own name.
fn section(top: &str, offers: &[(&str, &str)]) -> String {
    let mut text = format!("[offers]\n{top}\n");
    for (id, rest) in offers {
        text.push_str(&format!(
            "[[offers.list]]\nid = \"{id}\"\nbooks = [\"{id}\"]\n{rest}\n"
        ));
    }
    text
}

/// Quotes a basket with one coupon of each of these books.
fn quoted(top: &str, offers: &[(&str, &str)], basket: &str, books: &[&str]) -> String {
    let mut shop = Shop::with(&section(top, offers));
    let coupons: Vec<CouponId> = books.iter().map(|book| shop.coupon(book)).collect();
    let told = say(&shop.quote(basket, &coupons));
    let recorded = shop.buy(basket, &coupons).unwrap();
    assert_eq!(say(&recorded.decision.discount.unwrap()), told);
    assert_eq!(shop.world.audit(&shop.world.tenant), []);
    told
}

#[test]
fn each_effect_takes_off_what_it_says() {
    let three = "60 line:10,sku=a line:20,sku=b,quantity=2 line:30,sku=c";
    for (effect, basket, expected) in [
        (
            r#"effect = { percent = { rate = "10%" } }"#,
            three,
            "pay 54.00; o 6.00 = #0 1.00 + #1 2.00 + #2 3.00",
        ),
        // 10 % of 0.99 is 0.099: rounded once, then split by largest remainder.
        (
            r#"effect = { percent = { rate = "10%" } }"#,
            "0.99 line:0.33 line:0.33 line:0.33",
            "pay 0.89; o 0.10 = #0 0.04 + #1 0.03 + #2 0.03",
        ),
        (
            r#"effect = { percent = { rate = "50%", at_most = "10.00" } }"#,
            three,
            "pay 50.00; o 10.00 = #0 1.67 + #1 3.33 + #2 5.00",
        ),
        (
            r#"effect = { percent = { rate = "100%" } }"#,
            three,
            "pay 0.00; o 60.00 = #0 10.00 + #1 20.00 + #2 30.00",
        ),
        (
            r#"lines = { except_sku = ["c"] }
               effect = { percent = { rate = "100%" } }"#,
            three,
            "pay 30.00; o 30.00 = #0 10.00 + #1 20.00",
        ),
        (
            r#"effect = { fixed = { amount = "5.00" } }"#,
            three,
            "pay 55.00; o 5.00 = #0 0.83 + #1 1.67 + #2 2.50",
        ),
        // Never below zero.
        (
            r#"effect = { fixed = { amount = "100.00" } }"#,
            three,
            "pay 0.00; o 60.00 = #0 10.00 + #1 20.00 + #2 30.00",
        ),
        (
            r#"effect = { fixed = { amount = "12.00", each = "piece" } }"#,
            three,
            "pay 18.00; o 42.00 = #0 10.00 + #1 20.00 + #2 12.00",
        ),
        (
            r#"effect = { fixed_price = { price = "9.99" } }"#,
            three,
            "pay 39.96; o 20.04 = #0 0.01 + #1 0.02 + #2 20.01",
        ),
        // Two pieces at 10.00 and one at 10.00: the earliest lines first.
        (
            r#"effect = { pieces = { which = "cheapest", pieces = 2 } }"#,
            three,
            "pay 40.00; o 20.00 = #0 10.00 + #1 10.00",
        ),
        (
            r#"effect = { pieces = { which = "dearest", pieces = 1, rate = "50%" } }"#,
            three,
            "pay 45.00; o 15.00 = #2 15.00",
        ),
        // Three pieces for 10.00 cost 3.34, 3.33 and 3.33.
        (
            r#"effect = { pieces = { which = "cheapest", pieces = 1 } }"#,
            "10 line:10,quantity=3",
            "pay 6.67; o 3.33 = #0 3.33",
        ),
        (
            r#"effect = { buy_get = { buy = { pieces = 2 }, get = { pieces = 1 } } }"#,
            "70 line:10 line:20 line:40",
            "pay 60.00; o 10.00 = #0 10.00",
        ),
        // Seven pieces are two groups of three: the two cheapest are got.
        (
            r#"effect = { buy_get = { buy = { pieces = 2 }, get = { pieces = 1 } } }"#,
            "76 line:4 line:12,quantity=2 line:60,quantity=4",
            "pay 66.00; o 10.00 = #0 4.00 + #1 6.00",
        ),
        (
            r#"effect = { buy_get = { buy = { pieces = 2 }, get = { pieces = 1 }, times = 1 } }"#,
            "76 line:4 line:12,quantity=2 line:60,quantity=4",
            "pay 72.00; o 4.00 = #0 4.00",
        ),
        // Buy a, get b at half price; what is both bought and got is never the same piece.
        (
            r#"effect = { buy_get = { buy = { lines = { sku = ["a"] }, pieces = 1 }, get = { lines = { sku = ["b"] }, pieces = 1 }, rate = "50%" } }"#,
            "50 line:20,sku=a,quantity=2 line:30,sku=b,quantity=3",
            "pay 40.00; o 10.00 = #1 10.00",
        ),
        (
            r#"effect = { buy_get = { buy = { lines = { sku = ["a"] }, pieces = 1 }, get = { pieces = 1 } } }"#,
            "15 line:5,sku=a line:10,sku=b",
            "pay 5.00; o 10.00 = #1 10.00",
        ),
        (
            r#"effect = { bundle = { parts = [{ pieces = 3 }], price = "10.00" } }"#,
            "23 line:8,quantity=2 line:15,quantity=3",
            "pay 18.00; o 5.00 = #1 5.00",
        ),
        // The dearest a and the dearest b together for 10.00, twice.
        (
            r#"effect = { bundle = { parts = [{ lines = { sku = ["a"] }, pieces = 1 }, { lines = { sku = ["b"] }, pieces = 1 }], price = "10.00" } }"#,
            "44 line:16,sku=a,quantity=2 line:12,sku=b,quantity=3 line:16,sku=c",
            "pay 40.00; o 4.00 = #0 2.66 + #1 1.34",
        ),
        (
            r#"effect = { shipping = { rate = "100%" } }"#,
            "64.90 shipping=4.90 line:60",
            "pay 60.00; o 4.90; shipping 4.90",
        ),
        (
            r#"effect = { shipping = { rate = "50%", at_most = "2.00" } }"#,
            "64.90 shipping=4.90 line:60",
            "pay 62.90; o 2.00; shipping 2.00",
        ),
        // A purchase without lines is one price, and what it has is told by the total.
        (
            r#"effect = { percent = { rate = "10%" } }"#,
            "100 discounts=10 fee=5 shipping=5",
            "pay 82.00; o 8.00",
        ),
    ] {
        let found = quoted("", &[("o", effect)], basket, &["o"]);
        assert_eq!(found, expected, "{effect} of {basket}");
    }
}

#[test]
fn what_has_no_effect_says_why_and_keeps_its_coupon() {
    let percent = r#"effect = { percent = { rate = "10%" } }"#;
    for (top, offer, basket, expected) in [
        (
            "",
            format!("{percent}\nactive = {{ from = \"2027-01-01\" }}"),
            "10 line:10",
            "pay 10.00; o: inactive; coupon 0 kept",
        ),
        (
            "",
            format!(
                "{percent}\nwhen = {{ all = [{{ channel = [\"app\"] }}, {{ store = [\"x\"] }}] }}"
            ),
            "10 channel=app line:10",
            "pay 10.00; o: unmatched offers.list[0].when.all[1]; coupon 0 kept",
        ),
        (
            "",
            format!("{percent}\nlines = {{ sku = [\"z\"] }}"),
            "10 line:10,sku=a",
            "pay 10.00; o: no lines; coupon 0 kept",
        ),
        // A purchase without lines has no line with a name.
        (
            "",
            format!("{percent}\nlines = {{ sku = [\"z\"] }}"),
            "10",
            "pay 10.00; o: no lines; coupon 0 kept",
        ),
        (
            "",
            format!("{percent}\nminimum = {{ amount = \"17.50\" }}"),
            "10 line:10",
            "pay 10.00; o: short by 7.50; coupon 0 kept",
        ),
        // A line worth nothing.
        (
            "",
            percent.to_owned(),
            "5 shipping=5 line:0",
            "pay 5.00; o: no effect; coupon 0 kept",
        ),
        (
            "",
            r#"effect = { shipping = { rate = "100%" } }"#.to_owned(),
            "10 line:10",
            "pay 10.00; o: no effect; coupon 0 kept",
        ),
        (
            "",
            r#"effect = { buy_get = { buy = { pieces = 2 }, get = { pieces = 1 } } }"#.to_owned(),
            "10 line:10,quantity=2",
            "pay 10.00; o: no effect; coupon 0 kept",
        ),
        // No rule grants anything for it.
        (
            "",
            "effect = { earn = {} }".to_owned(),
            "10 line:10",
            "pay 10.00; o: no effect; coupon 0 kept",
        ),
        (
            "without_effect = \"use\"",
            "effect = { earn = {} }".to_owned(),
            "10 line:10",
            "pay 10.00; o: no effect",
        ),
    ] {
        let found = quoted(top, &[("o", &offer)], basket, &["o"]);
        assert_eq!(found, expected, "{offer} of {basket}");
    }
    assert_eq!(
        quoted("", &[("o", percent)], "10 line:10", &["other"]),
        "pay 10.00; coupon 0 kept"
    );
}

#[test]
fn offers_stack_as_the_program_says() {
    let group = |stacking: &str, more: &str| {
        format!("stacking_groups = [{{ id = \"g\", stacking = \"{stacking}\"{more} }}]")
    };
    let ten = r#"effect = { percent = { rate = "10%" } }"#;
    let half = r#"effect = { percent = { rate = "50%" } }"#;
    let five = r#"effect = { fixed = { amount = "5.00" } }"#;
    let on_a = r#"lines = { sku = ["a"] }
        effect = { percent = { rate = "30%" } }"#;
    let ab = "40 line:10,sku=a line:30,sku=b";
    for (top, a, b, basket, expected) in [
        // Each percentage of the price before any offer; by priority, then by id.
        (
            String::new(),
            ten.to_owned(),
            half.to_owned(),
            "100 line:100",
            "pay 40.00; a 10.00 = #0 10.00; b 50.00 = #0 50.00",
        ),
        (
            group("all", ", base = \"running\""),
            ten.to_owned(),
            half.to_owned(),
            "100 line:100",
            "pay 45.00; a 10.00 = #0 10.00; b 45.00 = #0 45.00",
        ),
        (
            group("first", ""),
            ten.to_owned(),
            half.to_owned(),
            "100 line:100",
            "pay 90.00; a 10.00 = #0 10.00; b: outranked 50.00; coupon 1 kept",
        ),
        (
            group("first", ""),
            ten.to_owned(),
            format!("{half}\npriority = 1"),
            "100 line:100",
            "pay 50.00; b 50.00 = #0 50.00; a: outranked 10.00; coupon 0 kept",
        ),
        (
            group("best", ""),
            ten.to_owned(),
            half.to_owned(),
            "100 line:100",
            "pay 50.00; b 50.00 = #0 50.00; a: outranked 10.00; coupon 0 kept",
        ),
        (
            group("lowest", ""),
            ten.to_owned(),
            half.to_owned(),
            "100 line:100",
            "pay 90.00; a 10.00 = #0 10.00; b: outranked 50.00; coupon 1 kept",
        ),
        // Line by line: 30 % of a is more than 10 % of it, and 10 % is all that b gets.
        (
            group("best", ", scope = \"line\""),
            on_a.to_owned(),
            ten.to_owned(),
            ab,
            "pay 34.00; a 3.00 = #0 3.00; b 3.00 = #1 3.00",
        ),
        // Two halves of the same price leave nothing, and a third would take nothing off.
        (
            String::new(),
            half.to_owned(),
            r#"effect = { percent = { rate = "80%" } }"#.to_owned(),
            "100 line:100",
            "pay 0.00; a 50.00 = #0 50.00; b 50.00 = #0 50.00",
        ),
        (
            String::new(),
            r#"effect = { percent = { rate = "100%" } }"#.to_owned(),
            five.to_owned(),
            "100 line:100",
            "pay 0.00; a 100.00 = #0 100.00; b: no effect; coupon 1 kept",
        ),
        (
            String::new(),
            ten.to_owned(),
            format!("{five}\nnever_with = [\"a\"]"),
            "100 line:100",
            "pay 90.00; a 10.00 = #0 10.00; b: excluded by a; coupon 1 kept",
        ),
        (
            String::new(),
            format!("{ten}\nalone = true"),
            five.to_owned(),
            "100 line:100",
            "pay 90.00; a 10.00 = #0 10.00; b: excluded by a; coupon 1 kept",
        ),
        (
            String::new(),
            format!("{ten}\nalone = true"),
            format!("{five}\nalways_with = [\"a\"]"),
            "100 line:100",
            "pay 85.00; a 10.00 = #0 10.00; b 5.00 = #0 5.00",
        ),
        (
            "at_most = 1".to_owned(),
            ten.to_owned(),
            five.to_owned(),
            "100 line:100",
            "pay 90.00; a 10.00 = #0 10.00; b: too many; coupon 1 kept",
        ),
        // The minimum looks at what is left after the offers before it, if it says so.
        (
            String::new(),
            half.to_owned(),
            format!("{five}\nminimum = {{ amount = \"60.00\", of = \"running\" }}"),
            "100 line:100",
            "pay 50.00; a 50.00 = #0 50.00; b: short by 10.00; coupon 1 kept",
        ),
        (
            String::new(),
            half.to_owned(),
            format!("{five}\nminimum = {{ amount = \"60.00\" }}"),
            "100 line:100",
            "pay 45.00; a 50.00 = #0 50.00; b 5.00 = #0 5.00",
        ),
        // As they come, a shuts b out, which takes off more. The best combination is b.
        (
            "combination = \"best\"".to_owned(),
            format!("{five}\nnever_with = [\"b\"]"),
            half.to_owned(),
            "100 line:100",
            "pay 50.00; b 50.00 = #0 50.00; a: outranked 5.00; coupon 0 kept",
        ),
        // Of combinations that leave the same to pay, the one of fewest coupons.
        (
            "combination = \"best\"".to_owned(),
            five.to_owned(),
            r#"effect = { percent = { rate = "100%" } }"#.to_owned(),
            "100 line:100",
            "pay 0.00; b 100.00 = #0 100.00; a: outranked 5.00; coupon 0 kept",
        ),
    ] {
        let found = quoted(&top, &[("a", &a), ("b", &b)], basket, &["a", "b"]);
        assert_eq!(found, expected, "{top} {a} {b}");
    }
    let once = format!("{ten}\nnever_with = [\"a\"]");
    assert_eq!(
        quoted("", &[("a", &once)], "100 line:100", &["a", "a"]),
        "pay 90.00; a 10.00 = #0 10.00; a: excluded by a; coupon 1 kept"
    );
    assert_eq!(
        quoted("", &[("a", ten)], "100 line:100", &["a", "a"]),
        "pay 80.00; a 10.00 = #0 10.00; a 10.00 = #0 10.00"
    );
}

#[test]
fn taxes_follow_prices_to_the_cent() {
    let ten = r#"effect = { percent = { rate = "10%" } }"#;
    let all = r#"effect = { percent = { rate = "100%" } }"#;
    let free_shipping = r#"effect = { shipping = { rate = "100%" } }"#;
    let with = "prices = \"with_tax\"";
    let without = "prices = \"without_tax\"";
    for (top, offer, basket, expected) in [
        // 119.00 with 19.00 in it: 107.10 has 17.10 in it.
        (
            with,
            ten,
            "119 tax=19 line:119",
            "pay 107.10; o 11.90 = #0 11.90; tax 1.90",
        ),
        (
            without,
            ten,
            "119 tax=19 line:100",
            "pay 107.10; o 10.00 = #0 10.00; tax 1.90",
        ),
        (
            with,
            all,
            "119 tax=19 line:119",
            "pay 0.00; o 119.00 = #0 119.00; tax 19.00",
        ),
        (
            without,
            all,
            "119 tax=19 line:100",
            "pay 0.00; o 100.00 = #0 100.00; tax 19.00",
        ),
        // Taxes of lines at 19 % and 7 %; the rest of the tax is that of the shipping, which stays.
        (
            without,
            ten,
            "231.95 tax=26.95 shipping=5 line:100,tax=19 line:100,tax=7",
            "pay 209.35; o 20.00 = #0 10.00 + #1 10.00; tax 2.60",
        ),
        (
            without,
            free_shipping,
            "231.95 tax=26.95 shipping=5 line:100,tax=19 line:100,tax=7",
            "pay 226.00; o 5.00; shipping 5.00; tax 0.95",
        ),
        // A tax that no line tells is split by what lines cost, and each part is rounded once, half to even.
        (
            without,
            r#"lines = { sku = ["a"] }
               effect = { percent = { rate = "50%" } }"#,
            "3.63 tax=0.33 line:1.10,sku=a line:2.20,sku=b",
            "pay 3.03; o 0.55 = #0 0.55; tax 0.05",
        ),
    ] {
        let found = quoted(top, &[("o", offer)], basket, &["o"]);
        assert_eq!(found, expected, "{top} {offer} of {basket}");
    }
}

const POINTS: &str = r#"
units = [{ asset = "points" }]
[[rules]]
id = "base"
effect = { percent = { rate = "10%", of = "goods" } }
[[rules]]
id = "lines"
scope = "line"
when = { line = { sku = ["a"] } }
effect = { percent = { rate = "1%" } }
[[rules]]
id = "welcome"
when = { offer = ["welcome"] }
effect = { fixed = { amount = "100", asset = "points" } }
[[rules]]
id = "plain"
when = { none = [{ offer = ["ten", "welcome"] }] }
effect = { fixed = { amount = "7", asset = "points" } }
[offers]
[[offers.list]]
id = "ten"
books = ["ten"]
lines = { sku = ["a"] }
effect = { percent = { rate = "10%" } }
[[offers.list]]
id = "welcome"
books = ["welcome"]
effect = { earn = {} }
"#;

/// What a recorded purchase was granted, in words.
fn granted(shop: &mut Shop, basket: &str, coupons: &[CouponId]) -> String {
    let recorded = shop.buy(basket, coupons).unwrap();
    let grants = recorded.decision.grants.iter();
    grants
        .map(crate::words::grant)
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn rules_look_at_what_is_left_to_pay() {
    let mut shop = Shop::with(POINTS);
    let (ten, welcome) = (shop.coupon("ten"), shop.coupon("welcome"));
    let basket = "100 line:50,sku=a line:50,sku=b";
    assert_eq!(
        granted(&mut shop, basket, &[]),
        "base 10.00 EUR; lines#0 0.50 EUR; plain 7 points"
    );
    // 10 % off line 0 alone: its share is exact, so 1 % is of 45.00.
    assert_eq!(
        granted(&mut shop, basket, std::slice::from_ref(&ten)),
        "base 9.50 EUR; lines#0 0.45 EUR"
    );
    assert_eq!(
        granted(&mut shop, basket, std::slice::from_ref(&welcome)),
        "base 10.00 EUR; lines#0 0.50 EUR; welcome 100 points"
    );
    assert_eq!(shop.get(&ten).state, CouponState::Redeemed);
    assert_eq!(shop.get(&welcome).state, CouponState::Redeemed);
    assert_eq!(shop.world.audit(&shop.world.tenant), []);
}

fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn refund(purchase: &str, refund: &str, what: RefundedPart) -> RefundPurchase {
    RefundPurchase {
        refund: id::<RefundId>(refund),
        member: member("ann"),
        purchase: id::<PurchaseId>(purchase),
        what,
        kind: None,
        reason: None,
    }
}

#[test]
fn a_line_comes_back_for_what_was_paid_for_it() {
    let mut shop = Shop::with(POINTS);
    let ten = shop.coupon("ten");
    let basket = "100 id=x line:50,sku=a,quantity=2 line:50,sku=b";
    shop.buy(basket, std::slice::from_ref(&ten)).unwrap();
    let piece = |line| RefundedPart::Lines(vec![RefundedPieces { line, pieces: 1 }]);
    for (at, line, amount, state) in [
        (0, 0, "22.50", CouponState::Redeemed),
        (1, 1, "50.00", CouponState::Redeemed),
        // With the last piece the coupon comes back.
        (2, 0, "22.50", CouponState::Assigned),
    ] {
        let refund = refund("x", &format!("r{at}"), piece(line));
        let refunded = shop.world.run(&refund).unwrap();
        assert_eq!(refunded.amount, money(amount, "EUR"), "refund {at}");
        assert_eq!(shop.get(&ten).state, state, "refund {at}");
    }
    assert_eq!(shop.get(&ten).uses, 0);
    let again = "100 id=y line:50,sku=a line:50,sku=b";
    let discount = shop.buy(again, &[ten]).unwrap().decision.discount;
    assert_eq!(say(&discount.unwrap()), "pay 95.00; ten 5.00 = #0 5.00");
    assert_eq!(shop.world.audit(&shop.world.tenant), []);
}

#[test]
fn coupons_come_back_as_the_program_says() {
    let cancel = |shop: &mut Shop| {
        let cancel = CancelPurchase {
            member: member("ann"),
            purchase: id("x"),
        };
        shop.world.run(&cancel).map(|_| ())
    };
    let refund_as = |shop: &mut Shop, kind| {
        let refund = RefundPurchase {
            kind,
            ..refund("x", "r", RefundedPart::All)
        };
        shop.world.run(&refund).map(|_| ())
    };
    type Undo<'a> = &'a dyn Fn(&mut Shop) -> Result<(), Rejection>;
    let refunded: Undo<'_> = &|shop| refund_as(shop, None);
    let charged_back: Undo<'_> = &|shop| refund_as(shop, Some(RefundKind::Chargeback));
    for (policy, cancelled, refunded_state, charged) in [
        ("", true, true, false),
        ("returned_by = \"refund\"", true, true, false),
        ("returned_by = \"cancellation\"", true, false, false),
        ("returned_by = \"never\"", false, false, false),
    ] {
        for (undo, comes_back) in [
            (&cancel as Undo<'_>, cancelled),
            (refunded, refunded_state),
            (charged_back, charged),
        ] {
            for user in [CodeUser::Holder, CodeUser::Anyone] {
                let offers = [("o", r#"effect = { percent = { rate = "10%" } }"#)];
                let mut shop = Shop::with(&section(policy, &offers));
                let mut terms = terms(Some(CouponLimits {
                    uses_per_member: Some(1),
                    uses: Some(1),
                    ..CouponLimits::default()
                }));
                terms.redeemed_by = Some(user);
                shop.open("o", terms);
                shop.codes("o", 1);
                let coupon = match user {
                    CodeUser::Holder => shop.draw("o", "ann"),
                    CodeUser::Anyone => shop.free("o"),
                };
                shop.buy("10 id=x line:10", std::slice::from_ref(&coupon))
                    .unwrap();
                assert_eq!(shop.get(&coupon).state, CouponState::Redeemed);
                undo(&mut shop).unwrap();
                let state = match (comes_back, user) {
                    (false, _) => CouponState::Redeemed,
                    (true, CodeUser::Holder) => CouponState::Assigned,
                    (true, CodeUser::Anyone) => CouponState::Available,
                };
                let context = format!("{policy} {user:?} {comes_back}");
                assert_eq!(shop.get(&coupon).state, state, "{context}");
                // The limits of the book and of the member are free again as well.
                let again = shop.buy("10 id=y line:10", &[coupon]);
                assert_eq!(again.is_ok(), comes_back, "{context}: {again:?}");
                assert_eq!(shop.world.audit(&shop.world.tenant), [], "{context}");
            }
        }
    }
}

#[test]
fn a_replacement_uses_the_coupon_again() {
    let offers = [("o", r#"effect = { percent = { rate = "10%" } }"#)];
    let mut shop = Shop::with(&section("", &offers));
    let coupon = shop.coupon("o");
    shop.buy("10 id=x line:10", std::slice::from_ref(&coupon))
        .unwrap();
    let replace = ReplacePurchase {
        refund: id("r"),
        replaced: id("x"),
        reason: None,
        purchase: shop.world.purchase("20 id=y line:20"),
        coupons: vec![coupon.clone()],
        pinned: None,
    };
    let replaced = shop.world.run(&replace).unwrap();
    let discount = replaced.recorded.decision.discount.unwrap();
    assert_eq!(say(&discount), "pay 18.00; o 2.00 = #0 2.00");
    let found = shop.get(&coupon);
    assert_eq!((found.state, found.uses), (CouponState::Redeemed, 1));
    assert_eq!(shop.world.audit(&shop.world.tenant), []);
}

#[test]
fn a_coupon_that_cannot_be_redeemed_refuses_the_purchase() {
    let offers = [("o", r#"effect = { percent = { rate = "10%" } }"#)];
    let mut shop = Shop::with(&section("", &offers));
    shop.world.register("bob");
    let (mine, used) = (shop.coupon("o"), shop.coupon("o"));
    shop.buy("10 line:10", std::slice::from_ref(&used)).unwrap();
    shop.codes("o", 1);
    let of_bob = shop.draw("o", "bob");
    for (coupon, code) in [(used, "coupon_redeemed"), (of_bob, "coupon_unknown")] {
        let coupons = [mine.clone(), coupon];
        let told = say(&shop.quote("10 line:10", &coupons));
        let expected = format!("pay 9.00; o 1.00 = #0 1.00; coupon 1 {code}");
        assert_eq!(told, expected);
        let refused = shop.buy("10 line:10", &coupons).unwrap_err();
        assert_eq!(refused.code(), code);
        assert_eq!(shop.get(&mine).state, CouponState::Assigned);
    }
    let twice = [mine.clone(), mine.clone()];
    let refused = shop.buy("10 line:10", &twice).unwrap_err().to_string();
    assert!(refused.contains("coupons[1]"), "{refused}");
    let quote = QuotePurchase {
        purchase: shop.world.purchase("10 line:10"),
        coupons: vec![mine],
        explain: false,
    };
    let refused = quote.quote_new_member(&shop.world.context()).unwrap_err();
    let Rejection::Invalid(problems) = refused else {
        panic!("{refused}");
    };
    assert_eq!(problems[0].code, "coupons_need_store");
}

#[test]
fn a_pinned_quote_holds_its_price() {
    let offers = [("o", r#"effect = { percent = { rate = "10%" } }"#)];
    let mut shop = Shop::with(&section("", &offers));
    let coupon = shop.coupon("o");
    let purchase = shop.world.purchase("10 id=x line:10");
    let quote = QuotePurchase {
        purchase: purchase.clone(),
        coupons: vec![coupon.clone()],
        explain: false,
    };
    let pinned = Some(shop.world.run(&quote).unwrap().decision.digest);
    let without = RecordPurchase {
        purchase: purchase.clone(),
        coupons: Vec::new(),
        pinned: pinned.clone(),
    };
    let refused = shop.world.run(&without).unwrap_err();
    assert_eq!(refused.code(), "quote_changed");
    let with = RecordPurchase {
        purchase,
        coupons: vec![coupon],
        pinned,
    };
    shop.world.run(&with).unwrap();
}
