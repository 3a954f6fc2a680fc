//! Booklets and values on every store, used by many at once: one after the other stays so, and no cent of a value is spent twice.

use rewards_core::coupons::{BookTerms, BookletOrder, BookletTerms, CouponTransfer};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::coupons::{
    AssignedCoupon, CreateCouponBook, GenerateCoupons, GetCoupon, RedeemCoupon, TransferCoupon,
};
use rewards_core::operations::members::RegisterMember;

use super::coupons::{all_at_once, assign, codes_of, redeem, spring, statistics};
use super::engines::{Engines, keyed, of_every_store};
use crate::world::member;

fn eur(minor: i64) -> Money {
    Money::new(minor, Asset::parse("EUR").unwrap())
}

/// A book with these terms and so many codes, and three members. Gives what the first of them was assigned.
async fn open(with: &Engines, terms: BookTerms, codes: u32) -> Vec<AssignedCoupon> {
    let [one, _] = &with.engines;
    for n in 0..3 {
        let register = RegisterMember::new(member(&format!("m{n}")));
        one.execute(register).await.unwrap();
    }
    let terms = BookTerms {
        pattern: Some("{RANDOM:10}".to_owned()),
        ..terms
    };
    let book = spring();
    let create = CreateCouponBook { book, terms };
    one.execute(create).await.unwrap();
    let generate = GenerateCoupons {
        book: spring(),
        batch: "b1".parse().unwrap(),
        count: codes,
        after: None,
        codes: false,
    };
    one.execute(generate).await.unwrap();
    let assigned = one.execute_with(assign(0, codes), keyed("assign")).await;
    assigned.unwrap().reply.coupons
}

fn code(coupon: &AssignedCoupon) -> &str {
    coupon.code.as_deref().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_cent_of_a_value_is_spent_twice() {
    for with in of_every_store("booklets_value").await {
        let terms = BookTerms {
            value: Some(eur(2_500)),
            ..BookTerms::new("Gift")
        };
        let own = open(&with, terms, 1).await;
        let attempts = (0..24).map(|_| RedeemCoupon {
            amount: Some(eur(300)),
            ..redeem(0, code(&own[0]))
        });
        let ended = all_at_once(&with, "spend", attempts).await;
        let (done, refused) = codes_of(ended, &with, &["coupon_value_exceeded"]);
        assert_eq!((done.len(), refused), (8, 16), "{}", with.name);
        let get = GetCoupon {
            coupon: Some(own[0].coupon.clone()),
            ..GetCoupon::default()
        };
        let left = with.engines[1].execute(get).await.unwrap();
        assert_eq!(
            (left.uses, left.value_left),
            (8, Some(eur(100))),
            "{}",
            with.name
        );
        with.assert_valid().await;
    }
}

fn booklet() -> BookTerms {
    BookTerms {
        booklet: Some(BookletTerms {
            coupons: 5,
            order: Some(BookletOrder::InSequence),
            lasts_days: Some(30),
        }),
        transfer: Some(CouponTransfer::Permitted),
        ..BookTerms::new("Breakfasts")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_too_early_waits_for_the_one_before() {
    for with in of_every_store("booklets_order").await {
        let own = open(&with, booklet(), 5).await;
        let mut redeemed = 0;
        // The last ones come first each time, so that all rounds are needed at most.
        for round in 0..5 {
            let attempts = own.iter().rev().map(|coupon| redeem(0, code(coupon)));
            let ended = all_at_once(&with, &format!("round {round}"), attempts).await;
            let expected = ["coupon_not_unlocked", "coupon_redeemed"];
            let (done, _) = codes_of(ended, &with, &expected);
            assert!(!done.is_empty() || redeemed == 5, "{}: {round}", with.name);
            redeemed += done.len();
        }
        assert_eq!(redeemed, 5, "{}", with.name);
        with.assert_valid().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booklet_that_several_want_goes_to_one_of_them_whole() {
    for with in of_every_store("booklets_transfer").await {
        let own = open(&with, booklet(), 5).await;
        let sent = own.iter().zip([1, 2].into_iter().cycle());
        let sent = sent.map(|(coupon, to)| TransferCoupon {
            member: member("m0"),
            to: member(&format!("m{to}")),
            code: None,
            coupon: Some(coupon.coupon.clone()),
        });
        let ended = all_at_once(&with, "send", sent).await;
        // The others are not the sender's any more: that is one answer for all codes that are not.
        let ended = ended.into_iter().map(Result::unwrap);
        let sent = ended.filter(|sent| sent.to.is_some());
        let sent: Vec<_> = sent.map(|sent| sent.with.len()).collect();
        assert_eq!(sent, [4], "{}", with.name);
        let found = statistics(&with).await;
        assert_eq!((found.assigned, found.generated), (5, 5), "{}", with.name);
        with.assert_valid().await;
    }
}
