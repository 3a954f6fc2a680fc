//! Coupons: drawn, given back, and counted.

use rewards_core::coupons::{BookTerms, CodeUser, CouponLimits};
use rewards_core::ids::{CouponBookId, CouponId};
use rewards_core::operations::coupons::{GetCouponBook, RedeemCoupon, UnassignCoupon};

use crate::support::shop::{Shop, sealed, terms};
use crate::world::member;

/// A shop whose book `b` has so many codes.
fn with(codes: u32, terms: BookTerms) -> Shop {
    let mut shop = Shop::with("rules = []");
    shop.open("b", terms);
    shop.codes("b", codes);
    shop
}

fn give_back(shop: &mut Shop, coupon: &CouponId) {
    let back = UnassignCoupon {
        coupon: Some(coupon.clone()),
        ..UnassignCoupon::default()
    };
    shop.run(&back).unwrap();
}

fn book() -> CouponBookId {
    "b".parse().unwrap()
}

#[test]
fn many_are_drawn_at_once_and_all_are_different() {
    let mut shop = with(90, terms(None));
    let mut drawn = shop.draw_many("b", "ann", 60);
    drawn.extend(shop.draw_many("b", "ann", 30));
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn.len(), 90);
    let get = GetCouponBook { book: book() };
    let found = shop.run(&get).unwrap().statistics;
    assert_eq!((found.free, found.assigned), (0, 90));
    give_back(&mut shop, &drawn[7]);
    assert_eq!(shop.draw_many("b", "ann", 1), drawn[7..8]);
    assert_eq!(shop.world.audit(&shop.world.tenant), []);
}

#[test]
fn what_codes_for_anyone_were_used_is_held_against_their_book() {
    let limits = CouponLimits {
        uses_per_code: Some(3),
        ..CouponLimits::default()
    };
    let mut terms = terms(Some(limits));
    terms.redeemed_by = Some(CodeUser::Anyone);
    let mut shop = with(2, terms);
    for code in ["code 0", "code 1", "code 1", "code 1"] {
        let redeem = RedeemCoupon {
            member: member("ann"),
            code: Some(sealed(code)),
            coupon: None,
            order: None,
            amount: None,
        };
        shop.run(&redeem).unwrap();
    }
    let world = &mut shop.world;
    assert_eq!(world.audit(&world.tenant.clone()), []);
    for part in ["coupons/code/", "coupons/uses_above"] {
        let mut counters = world.counters.iter_mut();
        let counter = counters.find(|(key, _)| key.name.name.starts_with(part));
        *counter.unwrap().1 += 1;
        let found = world.audit(&world.tenant.clone());
        let codes: Vec<_> = found.iter().map(|problem| problem.code()).collect();
        assert_eq!(codes, ["counter_mismatch"], "{part}");
        let mut counters = world.counters.iter_mut();
        let counter = counters.find(|(key, _)| key.name.name.starts_with(part));
        *counter.unwrap().1 -= 1;
    }
}
