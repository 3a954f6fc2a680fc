//! Coupons that are given away and replaced by many at once, on every store: one holder, no limit broken, no use twice.

use std::collections::BTreeSet;

use rewards_core::coupons::{CodeUser, CouponLimits, CouponState, CouponTransfer};
use rewards_core::operations::coupons::{
    CodeOutcome, GetCoupon, LockCoupon, ReplaceCoupon, TransferCoupon, UpdateCouponBook,
};

use super::coupons::{all_at_once, assign, codes_of, open, redeem, statistics, unchanged};
use super::engines::{Engines, keyed, of_every_store};
use crate::world::member;

/// A book whose coupons may be given away, with so many codes, one for each of the first members.
async fn gifts(with: &Engines, members: usize, held: usize, limits: CouponLimits) -> Vec<String> {
    let codes = u32::try_from(held).unwrap();
    open(with, members, codes, CodeUser::Holder, limits).await;
    let [one, _] = &with.engines;
    let permit = UpdateCouponBook {
        transfer: Some(CouponTransfer::Permitted),
        ..unchanged()
    };
    one.execute_with(permit, keyed("permit")).await.unwrap();
    let mut codes = Vec::new();
    for who in 0..held {
        let key = keyed(&format!("first-{who}"));
        let drawn = one.execute_with(assign(who, 1), key).await.unwrap();
        codes.push(drawn.reply.coupons[0].code.clone().unwrap());
    }
    codes
}

fn give(from: usize, to: usize, code: &str) -> TransferCoupon {
    TransferCoupon {
        member: member(&format!("m{from}")),
        to: member(&format!("m{to}")),
        code: Some(code.into()),
        coupon: None,
    }
}

fn accepted(outcomes: impl IntoIterator<Item = CodeOutcome>) -> usize {
    let outcomes = outcomes.into_iter();
    outcomes.filter(|one| *one == CodeOutcome::Accepted).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coupon_is_given_to_one_member() {
    for with in of_every_store("coupons_given").await {
        let codes = gifts(&with, 9, 1, CouponLimits::default()).await;
        let ended = all_at_once(&with, "give", (1..9).map(|to| give(0, to, &codes[0]))).await;
        let (done, _) = codes_of(ended, &with, &[]);
        let accepted: Vec<_> = done
            .into_iter()
            .filter(|reply| reply.outcome == CodeOutcome::Accepted)
            .collect();
        assert_eq!(accepted.len(), 1, "{}", with.name);
        let get = GetCoupon {
            code: Some(codes[0].as_str().into()),
            ..GetCoupon::default()
        };
        let found = with.engines[1].execute(get).await.unwrap();
        assert_eq!(found.member, accepted[0].to, "{}", with.name);
        with.assert_valid().await;
    }
}

/// Everybody gives to the same member, who may have three; and two members swap theirs again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_a_receiver_holds() {
    for with in of_every_store("coupons_received").await {
        let limits = CouponLimits {
            codes_per_member: Some(3),
            ..CouponLimits::default()
        };
        let codes = gifts(&with, 13, 12, limits).await;
        let ended = all_at_once(&with, "give", (0..12).map(|who| give(who, 12, &codes[who]))).await;
        let (done, refused) = codes_of(ended, &with, &["coupon_limit"]);
        let done = accepted(done.into_iter().map(|reply| reply.outcome));
        assert_eq!((done, refused), (3, 9), "{}", with.name);
        let swaps = (0..10).flat_map(|_| [give(0, 1, &codes[0]), give(1, 0, &codes[1])]);
        let ended = all_at_once(&with, "swap", swaps).await;
        codes_of(ended, &with, &["too_many_attempts"]);
        let found = statistics(&with).await;
        assert_eq!((found.assigned, found.generated), (12, 12), "{}", with.name);
        with.assert_valid().await;
    }
}

/// A coupon is redeemed, locked, given away and replaced at once: it is used at most so often as it may be under all of its codes
/// together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coupon_that_is_replaced_keeps_its_uses() {
    for with in of_every_store("coupons_replaced").await {
        let limits = CouponLimits {
            uses_per_code: Some(5),
            ..CouponLimits::default()
        };
        let codes = gifts(&with, 4, 1, limits).await;
        let code = codes[0].as_str();
        let replace = |_| ReplaceCoupon {
            code: Some(code.into()),
            ..ReplaceCoupon::default()
        };
        let lock = LockCoupon {
            member: member("m0"),
            code: Some(code.into()),
            coupon: None,
            order: "o1".parse().unwrap(),
            seconds: Some(1),
        };
        let (used, replaced, ..) = tokio::join!(
            all_at_once(&with, "use", (0..9).map(|_| redeem(0, code))),
            all_at_once(&with, "replace", (0..6).map(replace)),
            all_at_once(&with, "give", (1..4).map(|to| give(0, to, code))),
            all_at_once(&with, "lock", [lock]),
        );
        let used = used.into_iter().filter_map(Result::ok);
        let used = accepted(used.map(|reply| reply.outcome));
        let replaced: Vec<_> = replaced.into_iter().filter_map(Result::ok).collect();
        let others: BTreeSet<_> = replaced.iter().map(|one| &one.replacement.coupon).collect();
        assert!(replaced.len() <= 1, "{}: {others:?}", with.name);
        let found = statistics(&with).await;
        assert_eq!(found.uses, u64::try_from(used).unwrap(), "{}", with.name);
        if let [one] = replaced.as_slice() {
            let get = GetCoupon {
                coupon: Some(one.replacement.coupon.clone()),
                ..GetCoupon::default()
            };
            let other = with.engines[1].execute(get).await.unwrap();
            assert_eq!((other.uses, one.left), (5 - one.left, 5 - other.uses));
            assert_eq!(other.uses, u32::try_from(used).unwrap(), "{}", with.name);
            assert_eq!(other.state, CouponState::Assigned, "{}", with.name);
            assert_eq!((found.voided, found.generated), (1, 2), "{}", with.name);
        }
        with.assert_valid().await;
    }
}
