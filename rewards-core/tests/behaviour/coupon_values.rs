//! Coupons that are worth an amount, and purchases of which a part is refunded: what they have spent for it comes back.

use rewards_core::coupons::{BookTerms, CouponState};
use rewards_core::event::Event;
use rewards_core::ids::CouponId;
use rewards_core::operations::purchases::{CancelPurchase, RefundPurchase, RefundedPart};
use rewards_core::refunds::{RefundKind, RefundedPieces};

use crate::support::shop::Shop;
use crate::words::money;
use crate::world::member;

const OFFERS: &str = r#"
    [offers]
    [[offers.list]]
    id = "o"
    books = ["b"]
    effect = { value = {} }
"#;

/// A coupon of ann's that is worth 25.00.
fn shop(program: &str) -> (Shop, CouponId) {
    let mut shop = Shop::with(program);
    let terms = BookTerms {
        value: Some(money("25.00", "EUR")),
        ..BookTerms::new("B")
    };
    shop.open("b", terms);
    shop.codes("b", 1);
    let own = shop.draw("b", "ann");
    (shop, own)
}

fn refund(shop: &mut Shop, purchase: &str, what: RefundedPart, kind: Option<RefundKind>) {
    let name = format!("r{}", shop.world.commands);
    let refund = RefundPurchase {
        refund: name.parse().unwrap(),
        member: member("ann"),
        purchase: purchase.parse().unwrap(),
        what,
        kind,
        reason: None,
    };
    shop.run(&refund).unwrap();
    assert_eq!(shop.world.audit(&shop.world.tenant), []);
}

/// What is left of a coupon, how often it is used, and where it is.
fn left(shop: &mut Shop, coupon: &CouponId) -> (String, u32, CouponState) {
    let told = shop.get(coupon);
    (told.value_left.unwrap().to_string(), told.uses, told.state)
}

fn pieces(line: u32, pieces: u32) -> RefundedPart {
    RefundedPart::Lines(vec![RefundedPieces { line, pieces }])
}

fn amount(text: &str) -> RefundedPart {
    RefundedPart::Amount(money(text, "EUR"))
}

#[test]
fn a_part_comes_back_with_a_part() {
    type Step<'a> = (RefundedPart, &'a str);
    let tables: &[(&str, &[Step<'_>], &str)] = &[
        (
            "100 id=x line:60,sku=a,quantity=3 line:40,sku=b",
            &[(pieces(0, 1), "5.00"), (pieces(1, 1), "15.00")],
            "by lines: of 15.00 for three pieces, and of 10.00 for one",
        ),
        (
            "80 id=x",
            &[
                (amount("11.00"), "5.00"),
                (amount("0.01"), "5.00"),
                (amount("0.02"), "5.01"),
            ],
            "without lines by the amount, of 55.00: rounded down in all, and not each time",
        ),
        (
            "20 id=x line:5,sku=a,quantity=2 line:15,sku=b",
            &[(pieces(0, 1), "7.50"), (pieces(1, 1), "22.50")],
            "where it paid everything, by pieces",
        ),
        (
            "100 id=x line:60,sku=a line:40,sku=b",
            &[(amount("37.50"), "12.50"), (pieces(0, 1), "20.00")],
            "an amount comes back of all lines, and a line with what is left of it",
        ),
    ];
    for (basket, steps, why) in tables {
        let (mut shop, own) = shop(OFFERS);
        shop.buy(basket, std::slice::from_ref(&own)).unwrap();
        for (part, expected) in *steps {
            refund(&mut shop, "x", part.clone(), None);
            let told = left(&mut shop, &own);
            let wanted = ((*expected).to_owned(), 1, CouponState::Assigned);
            assert_eq!(told, wanted, "{why}: {part:?}");
        }
        // The rest comes back with the last of it, and the use.
        refund(&mut shop, "x", RefundedPart::All, None);
        let told = left(&mut shop, &own);
        assert_eq!(told, ("25.00".into(), 0, CouponState::Assigned), "{why}");
    }
}

#[test]
fn what_came_back_is_spent_again() {
    let (mut shop, own) = shop(OFFERS);
    let given = std::slice::from_ref(&own);
    shop.buy("50 id=x", given).unwrap();
    assert_eq!(left(&mut shop, &own).2, CouponState::Redeemed);
    refund(&mut shop, "x", amount("10.00"), None);
    shop.buy("100 id=y", given).unwrap();
    assert_eq!(
        left(&mut shop, &own),
        ("0.00".into(), 2, CouponState::Redeemed)
    );
    let cancel = CancelPurchase {
        member: member("ann"),
        purchase: "x".parse().unwrap(),
    };
    shop.run(&cancel).unwrap();
    assert_eq!(
        left(&mut shop, &own),
        ("15.00".into(), 1, CouponState::Assigned),
        "what had not come back before"
    );
    let events = shop.world.events.values().flatten();
    let told: Vec<String> = events
        .filter_map(|told| match &told.event {
            Event::CouponValueReturned { amount, .. } => Some(format!("value {amount}")),
            Event::CouponReturned { amount, .. } => amount.map(|amount| format!("use {amount}")),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["value 10.00", "use 15.00"]);
}

#[test]
fn it_comes_back_where_uses_would() {
    for (policy, kind, expected) in [
        ("", None, "10.00"),
        ("", Some(RefundKind::Chargeback), "0.00"),
        ("returned_by = \"cancellation\"", None, "0.00"),
        ("returned_by = \"never\"", None, "0.00"),
    ] {
        let (mut shop, own) = shop(&OFFERS.replace("[offers]", &format!("[offers]\n{policy}")));
        shop.buy("50 id=x", std::slice::from_ref(&own)).unwrap();
        refund(&mut shop, "x", amount("10.00"), kind);
        assert_eq!(left(&mut shop, &own).0, expected, "{policy} {kind:?}");
        // Of what comes back by another refund it is its own part.
        let before = left(&mut shop, &own).0;
        refund(
            &mut shop,
            "x",
            amount("10.00"),
            Some(RefundKind::Chargeback),
        );
        assert_eq!(left(&mut shop, &own).0, before);
    }
}
