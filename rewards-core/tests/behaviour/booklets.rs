//! Coupons that are given together, and coupons that are worth an amount.

use rewards_core::coupons::{
    BookTerms, BookletOrder, BookletTerms, CouponLimits, CouponState, CouponStatistics,
    CouponTransfer,
};
use rewards_core::ids::CouponId;
use rewards_core::operations::coupons::{
    AssignCoupons, CodeOutcome, DistributeCoupons, GetCouponBook, LockCoupon, RedeemCoupon,
    RedeemedCoupon, ReplaceCoupon, TransferCoupon, UnassignCoupon, VoidCoupon,
};
use rewards_core::operations::purchases::{CancelPurchase, RefundPurchase, RefundedPart};
use rewards_core::rejection::Rejection;
use rewards_core::time::Timestamp;

use crate::support::shop::{Shop, line, say};
use crate::words::money;
use crate::world::member;

const OFFERS: &str = r#"
    [offers]
    [[offers.list]]
    id = "o"
    books = ["b"]
    effect = { value = {} }
    [[offers.list]]
    id = "percent"
    books = ["b", "c"]
    effect = { percent = { rate = "10%" } }
"#;

fn booklets(order: BookletOrder, lasts_days: Option<u32>) -> BookTerms {
    BookTerms {
        booklet: Some(BookletTerms {
            coupons: 3,
            order: Some(order),
            lasts_days,
        }),
        transfer: Some(CouponTransfer::Permitted),
        ..BookTerms::new("B")
    }
}

fn worth(amount: &str, limits: Option<CouponLimits>) -> BookTerms {
    BookTerms {
        value: Some(money(amount, "EUR")),
        limits,
        ..BookTerms::new("B")
    }
}

fn shop(terms: BookTerms, codes: u32) -> Shop {
    let mut shop = Shop::with(OFFERS);
    shop.world.register("ann").register("bob").register("cid");
    shop.open("b", terms);
    shop.codes("b", codes);
    shop
}

fn redeem(shop: &mut Shop, who: &str, coupon: &CouponId) -> Result<RedeemedCoupon, Rejection> {
    spend(shop, who, coupon, None)
}

fn spend(
    shop: &mut Shop,
    who: &str,
    coupon: &CouponId,
    amount: Option<&str>,
) -> Result<RedeemedCoupon, Rejection> {
    shop.run(&RedeemCoupon {
        member: member(who),
        code: None,
        coupon: Some(coupon.clone()),
        order: None,
        amount: amount.map(|amount| money(amount, "EUR")),
    })
}

fn code<T>(done: Result<T, Rejection>) -> String {
    done.map_or_else(|no| no.code().to_owned(), |_| "done".to_owned())
}

fn statistics(shop: &mut Shop) -> CouponStatistics {
    let book = "b".parse().unwrap();
    shop.run(&GetCouponBook { book }).unwrap().statistics
}

fn assign(shop: &mut Shop, count: Option<u32>) -> Result<Vec<CouponId>, Rejection> {
    let assign = AssignCoupons {
        book: "b".parse().unwrap(),
        member: member("ann"),
        count,
        codes: Vec::new(),
        by: None,
        reason: None,
    };
    let assigned = shop.run(&assign)?.coupons.into_iter();
    Ok(assigned.map(|one| one.coupon).collect())
}

fn audited(shop: &Shop) {
    assert_eq!(shop.world.audit(&shop.world.tenant), []);
}

#[test]
fn booklets_are_given_whole() {
    for (count, limits, expected) in [
        (None, None, Ok(3)),
        (Some(3), None, Ok(3)),
        (Some(6), None, Ok(6)),
        (Some(1), None, Err("booklet_incomplete")),
        (Some(4), None, Err("booklet_incomplete")),
        (Some(9), None, Err("coupons_short")),
        (Some(6), Some(5), Err("coupon_limit")),
        (None, Some(2), Err("coupon_limit")),
    ] {
        let terms = BookTerms {
            limits: Some(CouponLimits {
                codes_per_member: limits,
                ..CouponLimits::default()
            }),
            ..booklets(BookletOrder::Any, None)
        };
        let mut shop = shop(terms, 8);
        let assigned = assign(&mut shop, count);
        let told = assigned.map(|coupons| coupons.len());
        let told = told.as_ref().map_err(Rejection::code);
        assert_eq!(told.copied(), expected, "{count:?}");
        audited(&shop);
    }
}

#[test]
fn a_pool_is_dealt_whole_booklets() {
    for (each, total, partial, expected) in [
        (Some(3), None, false, Ok(vec![3, 3])),
        (None, Some(6), false, Ok(vec![3, 3])),
        (Some(6), None, true, Ok(vec![3, 3])),
        (Some(2), None, true, Err("booklet_incomplete")),
        (None, Some(4), true, Err("booklet_incomplete")),
        (Some(6), None, false, Err("coupons_short")),
    ] {
        let mut shop = shop(booklets(BookletOrder::Any, Some(7)), 8);
        let shared = shop.run(&DistributeCoupons {
            book: "b".parse().unwrap(),
            members: vec![member("ann"), member("bob")],
            each,
            total,
            partial,
            by: None,
            reason: None,
        });
        let told = shared.map(|told| {
            let shares = told.shares.iter();
            shares.map(|share| share.coupons.len()).collect::<Vec<_>>()
        });
        let told = told.as_ref().map_err(Rejection::code);
        assert_eq!(told.cloned(), expected, "{each:?} {total:?}");
        audited(&shop);
    }
}

#[test]
fn one_comes_after_the_other() {
    let mut shop = shop(booklets(BookletOrder::InSequence, None), 7);
    let own = assign(&mut shop, None).unwrap();
    let lock = |shop: &mut Shop, coupon: &CouponId| {
        code(shop.run(&LockCoupon {
            member: member("ann"),
            code: None,
            coupon: Some(coupon.clone()),
            order: "o1".parse().unwrap(),
            seconds: None,
        }))
    };
    let refused = redeem(&mut shop, "ann", &own[1]).unwrap_err();
    let after = own[0].clone();
    assert_eq!(refused, Rejection::CouponNotUnlocked { after });
    assert_eq!(lock(&mut shop, &own[2]), "coupon_not_unlocked");
    // With a purchase, too: all but the first are refused.
    assert_eq!(code(shop.buy("100 id=p", &own)), "coupon_not_unlocked");
    assert_eq!(code(redeem(&mut shop, "ann", &own[0])), "done");
    assert_eq!(lock(&mut shop, &own[1]), "done");
    assert_eq!(
        code(redeem(&mut shop, "ann", &own[2])),
        "coupon_not_unlocked"
    );
    // One that is voided is passed over, and one that is replaced is what has replaced it.
    let replace = ReplaceCoupon {
        coupon: Some(own[1].clone()),
        new_code: Some(line("another")),
        ..ReplaceCoupon::default()
    };
    let replaced = shop.run(&replace).unwrap().replacement.coupon;
    let refused = redeem(&mut shop, "ann", &own[2]).unwrap_err();
    let after = replaced.clone();
    assert_eq!(refused, Rejection::CouponNotUnlocked { after });
    let void = VoidCoupon {
        coupon: Some(replaced),
        ..VoidCoupon::default()
    };
    shop.run(&void).unwrap();
    assert_eq!(code(redeem(&mut shop, "ann", &own[2])), "done");
    audited(&shop);
}

#[test]
fn a_booklet_ends_for_all_of_its_coupons_at_once() {
    let mut shop = shop(booklets(BookletOrder::Any, Some(2)), 6);
    shop.world.at("2026-03-02T13:20:00Z");
    let own = assign(&mut shop, None).unwrap();
    let until = Timestamp::parse("2026-03-04T14:00:00Z").unwrap();
    assert_eq!(shop.get(&own[2]).expires_at, Some(until));
    redeem(&mut shop, "ann", &own[0]).unwrap();
    shop.world.at("2026-03-04T13:59:59Z");
    // A lease does not outlive it.
    let lock = LockCoupon {
        member: member("ann"),
        code: None,
        coupon: Some(own[1].clone()),
        order: "o1".parse().unwrap(),
        seconds: Some(3_600),
    };
    assert_eq!(shop.run(&lock).unwrap().until, Some(until));
    let before = statistics(&mut shop);
    assert_eq!((before.assigned, before.locked, before.expired), (1, 1, 0));
    shop.world.at("2026-03-04T14:00:00Z");
    for coupon in &own[1..] {
        assert_eq!(shop.get(coupon).state, CouponState::Expired);
        assert_eq!(code(redeem(&mut shop, "ann", coupon)), "coupon_expired");
    }
    let after = statistics(&mut shop);
    let found = (after.assigned, after.locked, after.expired, after.redeemed);
    assert_eq!(found, (0, 0, 2, 1));
    assert_eq!((after.free, after.generated), (3, 6));
    audited(&shop);
    // What is voided is not expired any more.
    let void = VoidCoupon {
        coupon: Some(own[1].clone()),
        ..VoidCoupon::default()
    };
    shop.run(&void).unwrap();
    assert_eq!(statistics(&mut shop).expired, 1);
    audited(&shop);
}

#[test]
fn what_is_left_of_a_booklet_goes_on_together() {
    let mut shop = shop(booklets(BookletOrder::Any, Some(9)), 3);
    let own = assign(&mut shop, None).unwrap();
    redeem(&mut shop, "ann", &own[1]).unwrap();
    let transfer = TransferCoupon {
        member: member("ann"),
        to: member("bob"),
        code: None,
        coupon: Some(own[2].clone()),
    };
    let sent = shop.run(&transfer).unwrap();
    assert_eq!(
        (sent.outcome, sent.with),
        (CodeOutcome::Accepted, vec![own[0].clone()])
    );
    let holders = own.iter().map(|coupon| shop.get(coupon).member.unwrap());
    let holders: Vec<_> = holders.collect();
    assert_eq!(holders, ["bob", "ann", "bob"].map(member));
    let unassign = UnassignCoupon {
        coupon: Some(own[0].clone()),
        ..UnassignCoupon::default()
    };
    assert_eq!(code(shop.run(&unassign)), "coupon_in_booklet");
    audited(&shop);
}

#[test]
fn an_amount_is_redeemed_in_parts() {
    let mut shop = shop(worth("25.00", None), 1);
    let own = shop.draw("b", "ann");
    let told = |done: RedeemedCoupon| {
        let left = done.value_left.unwrap().to_string();
        (done.amount.unwrap().to_string(), left, done.left)
    };
    let wanted = |amount: &str, left: &str| (amount.to_owned(), left.to_owned(), None);
    let first = spend(&mut shop, "ann", &own, Some("7.50")).unwrap();
    assert_eq!(told(first), wanted("7.50", "17.50"));
    let refused = spend(&mut shop, "ann", &own, Some("17.51")).unwrap_err();
    let left = money("17.50", "EUR");
    assert_eq!(refused, Rejection::CouponValueExceeded { left });
    assert_eq!(code(spend(&mut shop, "ann", &own, Some("0"))), "invalid");
    let rest = redeem(&mut shop, "ann", &own).unwrap();
    assert_eq!(told(rest), wanted("17.50", "0.00"));
    assert_eq!(shop.get(&own).state, CouponState::Redeemed);
    assert_eq!(code(redeem(&mut shop, "ann", &own)), "coupon_redeemed");
    let steps = shop.get(&own).history.into_iter();
    let amounts: Vec<_> = steps.filter_map(|step| step.amount).collect();
    assert_eq!(amounts, ["7.50", "17.50"].map(|text| money(text, "EUR")));
    shop.open("plain", BookTerms::new("P"));
    shop.codes("plain", 1);
    let plain = shop.draw("plain", "ann");
    let refused = spend(&mut shop, "ann", &plain, Some("1.00"));
    assert_eq!(code(refused), "coupon_without_value");
    audited(&shop);
}

#[test]
fn uses_of_an_amount_may_be_limited_as_well() {
    let limits = CouponLimits {
        uses_per_code: Some(2),
        ..CouponLimits::default()
    };
    let mut shop = shop(worth("25.00", Some(limits)), 1);
    let own = shop.draw("b", "ann");
    let left = |done: RedeemedCoupon| done.left;
    assert_eq!(
        spend(&mut shop, "ann", &own, Some("1.00")).map(left),
        Ok(Some(1))
    );
    assert_eq!(
        spend(&mut shop, "ann", &own, Some("1.00")).map(left),
        Ok(Some(0))
    );
    assert_eq!(code(redeem(&mut shop, "ann", &own)), "coupon_redeemed");
}

#[test]
fn a_purchase_takes_what_is_left_and_gives_it_back() {
    let mut shop = shop(worth("25.00", None), 1);
    let own = shop.draw("b", "ann");
    let given = [own.clone()];
    let basket = "20 id=p1 line:5,sku=a line:15,sku=b";
    assert_eq!(
        say(&shop.quote(basket, &given)),
        "pay 0.00; o 20.00 = #0 5.00 + #1 15.00"
    );
    shop.buy(basket, &given).unwrap();
    assert_eq!(shop.get(&own).value_left, Some(money("5.00", "EUR")));
    let told = say(&shop.quote("20 id=p2", &given));
    assert_eq!(told, "pay 15.00; o 5.00");
    shop.buy("20 id=p2", &given).unwrap();
    assert_eq!(shop.get(&own).state, CouponState::Redeemed);
    assert_eq!(code(shop.buy("20 id=p3", &given)), "coupon_redeemed");
    let cancel = CancelPurchase {
        member: member("ann"),
        purchase: "p1".parse().unwrap(),
    };
    shop.run(&cancel).unwrap();
    let back = shop.get(&own);
    assert_eq!((back.state, back.uses), (CouponState::Assigned, 1));
    assert_eq!(back.value_left, Some(money("20.00", "EUR")));
    let refund = RefundPurchase {
        refund: "r".parse().unwrap(),
        member: member("ann"),
        purchase: "p2".parse().unwrap(),
        what: RefundedPart::All,
        kind: None,
        reason: None,
    };
    shop.run(&refund).unwrap();
    let back = shop.get(&own);
    assert_eq!(
        (back.uses, back.value_left),
        (0, Some(money("25.00", "EUR")))
    );
    audited(&shop);
}

#[test]
fn what_a_coupon_is_worth_is_taken_off_by_no_other_offer() {
    // Of the book `c` the offer takes ten percent. What its coupons are worth is in another currency, or nothing takes it off.
    for (book, value, expected) in [
        ("c", None, "pay 90.00; percent 10.00"),
        ("c", Some(("5.00", "EUR")), "pay 100.00"),
        ("b", Some(("5.00", "USD")), "pay 100.00"),
        ("b", Some(("5.00", "EUR")), "pay 95.00; o 5.00"),
    ] {
        let mut shop = Shop::with(OFFERS);
        shop.world.register("ann");
        let terms = BookTerms {
            value: value.map(|(amount, asset)| money(amount, asset)),
            ..BookTerms::new("B")
        };
        shop.open(book, terms);
        shop.codes(book, 1);
        let own = shop.draw(book, "ann");
        let told = say(&shop.quote("100", &[own]));
        assert!(told.starts_with(expected), "{book}: {told}");
    }
}

#[test]
fn a_replacement_has_what_is_left() {
    let mut shop = shop(worth("25.00", None), 1);
    let own = shop.draw("b", "ann");
    spend(&mut shop, "ann", &own, Some("20.00")).unwrap();
    let replace = ReplaceCoupon {
        coupon: Some(own),
        new_code: Some(line("another")),
        ..ReplaceCoupon::default()
    };
    let new = shop.run(&replace).unwrap().replacement.coupon;
    assert_eq!(shop.get(&new).value_left, Some(money("5.00", "EUR")));
    audited(&shop);
}

#[test]
fn terms_that_no_book_can_have_are_refused() {
    use rewards_core::coupons::CodeUser;
    let booklet = |coupons, lasts_days| {
        Some(BookletTerms {
            coupons,
            order: None,
            lasts_days,
        })
    };
    let named = || BookTerms::new("B");
    for (terms, code, path) in [
        (
            BookTerms {
                booklet: booklet(1, None),
                ..named()
            },
            "count_invalid",
            "booklet.coupons",
        ),
        (
            BookTerms {
                booklet: booklet(51, None),
                ..named()
            },
            "count_invalid",
            "booklet.coupons",
        ),
        (
            BookTerms {
                booklet: booklet(2, Some(0)),
                ..named()
            },
            "period_invalid",
            "booklet.lasts_days",
        ),
        (
            BookTerms {
                booklet: booklet(2, Some(3_661)),
                ..named()
            },
            "period_invalid",
            "booklet.lasts_days",
        ),
        (
            BookTerms {
                redeemed_by: Some(CodeUser::Anyone),
                booklet: booklet(2, None),
                ..named()
            },
            "booklet_impossible",
            "booklet",
        ),
        (
            BookTerms {
                redeemed_by: Some(CodeUser::Anyone),
                ..worth("1", None)
            },
            "value_impossible",
            "value",
        ),
        (worth("0", None), "amount_not_positive", "value"),
    ] {
        let problems = terms.problems();
        let found: Vec<_> = problems
            .iter()
            .map(|one| (one.code.as_ref(), one.path.as_str()))
            .collect();
        assert_eq!(found, [(code, path)]);
    }
}
