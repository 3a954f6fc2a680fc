//! Coupons that are given away, replaced and distributed by many at once, on every store: one holder, no limit broken, no use twice.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::coupons::{CodeUser, CouponLimits, CouponState, CouponTransfer};
use rewards_core::ids::CouponId;
use rewards_core::operations::coupons::{
    CodeOutcome, DistributeCoupons, GetCoupon, LockCoupon, ReplaceCoupon, TransferCoupon,
    UpdateCouponBook,
};

use super::coupons::{all_at_once, assign, codes_of, open, redeem, spring, statistics, unchanged};
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

/// Pools that share members and codes are given coupons at once, with others who draw: no code twice, no limit broken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pools_are_given_what_is_there() {
    for with in of_every_store("coupons_pooled").await {
        let limits = CouponLimits {
            codes_per_member: Some(4),
            ..CouponLimits::default()
        };
        open(&with, 20, 70, CodeUser::Holder, limits).await;
        let pool = |n: usize| DistributeCoupons {
            book: spring(),
            members: (0..12)
                .map(|k| member(&format!("m{}", (n * 3 + k) % 20)))
                .collect(),
            each: n.is_multiple_of(2).then_some(2),
            total: (!n.is_multiple_of(2)).then_some(17),
            partial: !n.is_multiple_of(3),
            by: None,
            reason: None,
        };
        let (pools, draws) = tokio::join!(
            all_at_once(&with, "pool", (0..8).map(pool)),
            all_at_once(&with, "draw", (0..20).map(|who| assign(who, 1))),
        );
        let (pools, _) = codes_of(pools, &with, &["coupons_short", "coupon_limit"]);
        let (draws, _) = codes_of(draws, &with, &["coupons_short", "coupon_limit"]);
        let mut held: BTreeMap<String, Vec<CouponId>> = BTreeMap::new();
        for pool in pools {
            let given = pool
                .shares
                .iter()
                .map(|share| share.coupons.len())
                .sum::<usize>();
            assert_eq!(given, usize::try_from(pool.assigned).unwrap());
            for share in pool.shares {
                let own = held.entry(share.member.to_string()).or_default();
                own.extend(share.coupons.into_iter().map(|one| one.coupon));
            }
        }
        for drawn in draws {
            let own = held.entry(drawn.member.to_string()).or_default();
            own.extend(drawn.coupons.into_iter().map(|one| one.coupon));
        }
        assert!(held.values().all(|own| own.len() <= 4), "{}", with.name);
        let all: Vec<&CouponId> = held.values().flatten().collect();
        let different: BTreeSet<&CouponId> = all.iter().copied().collect();
        assert_eq!(all.len(), different.len(), "{}: each once", with.name);
        let found = statistics(&with).await;
        assert_eq!(
            found.assigned,
            u64::try_from(all.len()).unwrap(),
            "{}",
            with.name
        );
        with.assert_valid().await;
    }
}

/// The largest pool there may be, of a large book, in one step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_pool_is_given_a_coupon_each() {
    for with in of_every_store("coupons_pool_large").await {
        let limits = CouponLimits::default();
        open(&with, 1_000, 1_000, CodeUser::Holder, limits).await;
        let pool = DistributeCoupons {
            book: spring(),
            members: (0..1_000).map(|n| member(&format!("m{n}"))).collect(),
            each: Some(1),
            total: None,
            partial: false,
            by: None,
            reason: None,
        };
        let given = with.engines[0]
            .execute_with(pool, keyed("pool"))
            .await
            .unwrap();
        assert_eq!(
            (given.reply.assigned, given.reply.short),
            (1_000, 0),
            "{}",
            with.name
        );
        assert!(
            given
                .reply
                .shares
                .iter()
                .all(|share| share.coupons.len() == 1)
        );
        with.assert_valid().await;
    }
}
