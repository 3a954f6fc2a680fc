//! Coupons on every store, used by many at once: no code twice, no limit broken, and what is counted is what is there.

use std::collections::BTreeMap;

use rewards_core::command::Operation;
use rewards_core::coupons::{BookTerms, CodeUser, CouponLimits, CouponStatistics};
use rewards_core::ids::{CouponBookId, CouponId, OrderId};
use rewards_core::operations::coupons::{
    AssignCoupons, CodeOutcome, CreateCouponBook, GenerateCoupons, GetCouponBook, LockCoupon,
    RedeemCoupon, UnassignCoupon, UnlockCoupon, UpdateCouponBook, VoidCoupon,
};
use rewards_core::operations::members::RegisterMember;
use rewards_core::rejection::Fault;

use super::engines::{Engines, keyed, of_every_store};
use crate::world::member;

pub(super) fn spring() -> CouponBookId {
    "spring".parse().unwrap()
}

/// A book with so many codes, and so many members. Gives the codes.
pub(super) async fn open(
    with: &Engines,
    members: usize,
    codes: u32,
    user: CodeUser,
    limits: CouponLimits,
) -> Vec<String> {
    let [one, _] = &with.engines;
    for n in 0..members {
        let register = RegisterMember::new(member(&format!("m{n}")));
        one.execute(register).await.unwrap();
    }
    let terms = BookTerms {
        pattern: Some("{RANDOM:10}".to_owned()),
        redeemed_by: Some(user),
        limits: Some(limits),
        ..BookTerms::new("Spring")
    };
    let book = spring();
    let create = CreateCouponBook {
        book: book.clone(),
        terms,
    };
    one.execute(create).await.unwrap();
    let generate = GenerateCoupons {
        book,
        batch: "b1".parse().unwrap(),
        count: codes,
        after: None,
        codes: true,
    };
    one.execute(generate).await.unwrap().codes
}

pub(super) async fn statistics(with: &Engines) -> CouponStatistics {
    let [_, two] = &with.engines;
    let get = GetCouponBook { book: spring() };
    two.execute(get).await.unwrap().statistics
}

/// Executes everything at once, in turns through both engines, each under a key of its own.
pub(super) async fn all_at_once<O: Operation>(
    with: &Engines,
    what: &str,
    all: impl IntoIterator<Item = O>,
) -> Vec<Result<O::Reply, Fault>> {
    let all = all.into_iter().enumerate();
    let all = all.map(|(n, operation)| (operation, keyed(&format!("{what}-{n}"))));
    with.all_at_once_with(all).await
}

pub(super) fn assign(who: usize, count: u32) -> AssignCoupons {
    AssignCoupons {
        book: spring(),
        member: member(&format!("m{who}")),
        count: Some(count),
        codes: Vec::new(),
        by: None,
        reason: None,
    }
}

pub(super) fn redeem(who: usize, code: &str) -> RedeemCoupon {
    RedeemCoupon {
        member: member(&format!("m{who}")),
        code: Some(code.into()),
        coupon: None,
        order: None,
        amount: None,
    }
}

pub(super) fn codes_of<T>(
    ended: Vec<Result<T, Fault>>,
    with: &Engines,
    codes: &[&str],
) -> (Vec<T>, usize) {
    let mut done = Vec::new();
    let mut refused = 0;
    for one in ended {
        match one {
            Ok(reply) => done.push(reply),
            Err(fault) => {
                assert!(codes.contains(&&*fault.code), "{}: {fault:?}", with.name);
                refused += 1;
            }
        }
    }
    (done, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_for_anyone_is_used_exactly_so_often() {
    for with in of_every_store("coupons_anyone").await {
        let limits = CouponLimits {
            uses_per_code: Some(40),
            uses_per_member: Some(5),
            ..CouponLimits::default()
        };
        let codes = open(&with, 20, 1, CodeUser::Anyone, limits).await;
        let attempts = (0..120).map(|n| redeem(n % 20, &codes[0]));
        let ended = all_at_once(&with, "use", attempts).await;
        let expected = ["coupon_redeemed", "coupon_limit"];
        let (done, refused) = codes_of(ended, &with, &expected);
        assert_eq!((done.len(), refused), (40, 80), "{}", with.name);
        let found = statistics(&with).await;
        assert_eq!((found.uses, found.redeemed, found.generated), (40, 1, 1));
        with.assert_valid().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_coupon_of_a_holder_is_used_exactly_so_often() {
    for with in of_every_store("coupons_holder").await {
        let limits = CouponLimits {
            uses_per_code: Some(7),
            ..CouponLimits::default()
        };
        let codes = open(&with, 1, 1, CodeUser::Holder, limits).await;
        with.engines[0]
            .execute_with(assign(0, 1), keyed("a"))
            .await
            .unwrap();
        let attempts = (0..30).map(|_| redeem(0, &codes[0]));
        let ended = all_at_once(&with, "use", attempts).await;
        let (done, _) = codes_of(ended, &with, &["coupon_redeemed"]);
        let mut uses: Vec<_> = done.into_iter().filter_map(|reply| reply.uses).collect();
        uses.sort_unstable();
        assert_eq!(uses, [1, 2, 3, 4, 5, 6, 7], "{}", with.name);
        with.assert_valid().await;
    }
}

/// More callers than codes, and each member asks more often than may be: no code goes twice, none is left, no limit is broken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn free_codes_are_drawn_once() {
    for with in of_every_store("coupons_drawn").await {
        let limits = CouponLimits {
            codes_per_member: Some(3),
            ..CouponLimits::default()
        };
        let codes = open(&with, 30, 60, CodeUser::Holder, limits).await;
        let ended = all_at_once(&with, "draw", (0..120).map(|n| assign(n % 30, 1))).await;
        let (done, _) = codes_of(ended, &with, &["coupons_short", "coupon_limit"]);
        let mut held: BTreeMap<_, u32> = BTreeMap::new();
        let mut drawn = Vec::new();
        for reply in done {
            *held.entry(reply.member).or_default() += 1;
            drawn.extend(reply.coupons.into_iter().filter_map(|coupon| coupon.code));
        }
        drawn.sort_unstable();
        let mut codes = codes;
        codes.sort_unstable();
        assert_eq!(drawn, codes, "{}: each of them once", with.name);
        assert!(held.values().all(|held| *held <= 3), "{}", with.name);
        let found = statistics(&with).await;
        assert_eq!((found.free, found.assigned), (0, 60), "{}", with.name);
        with.assert_valid().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_order_gets_the_lease() {
    for with in of_every_store("coupons_locked").await {
        let codes = open(&with, 1, 1, CodeUser::Holder, CouponLimits::default()).await;
        with.engines[0]
            .execute_with(assign(0, 1), keyed("a"))
            .await
            .unwrap();
        let lock = |n: usize| LockCoupon {
            member: member("m0"),
            code: Some(codes[0].as_str().into()),
            coupon: None,
            order: format!("o{n}").parse().unwrap(),
            seconds: None,
        };
        let ended = all_at_once(&with, "lock", (0..8).map(lock)).await;
        let (done, refused) = codes_of(ended, &with, &["coupon_locked"]);
        assert_eq!((done.len(), refused), (1, 7), "{}", with.name);
        assert_eq!(done[0].outcome, CodeOutcome::Accepted);
        with.assert_valid().await;
    }
}

/// Everything at once: what is counted of the book is what its coupons are, and what was redeemed stays within the limit that is
/// lowered meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_counted_is_what_is_there() {
    for with in of_every_store("coupons_mixed").await {
        let limits = CouponLimits {
            uses: Some(25),
            uses_per_code: Some(2),
            ..CouponLimits::default()
        };
        open(&with, 12, 50, CodeUser::Holder, limits).await;
        let ended = all_at_once(&with, "draw", (0..12).map(|n| assign(n, 3))).await;
        let (done, _) = codes_of(ended, &with, &[]);
        let own: Vec<(usize, CouponId)> = done
            .iter()
            .flat_map(|reply| {
                let number = reply.member.as_str()[1..].parse().unwrap();
                reply
                    .coupons
                    .iter()
                    .map(move |own| (number, own.coupon.clone()))
            })
            .collect();
        let order: OrderId = "o1".parse().unwrap();
        let uses = own
            .iter()
            .cycle()
            .take(60)
            .map(|(who, coupon)| RedeemCoupon {
                code: None,
                coupon: Some(coupon.clone()),
                ..redeem(*who, "x")
            });
        let locks = own.iter().step_by(2).map(|(who, coupon)| LockCoupon {
            member: member(&format!("m{who}")),
            code: None,
            coupon: Some(coupon.clone()),
            order: order.clone(),
            seconds: Some(9),
        });
        let unlocks = own.iter().step_by(4).map(|(who, coupon)| UnlockCoupon {
            member: member(&format!("m{who}")),
            code: None,
            coupon: Some(coupon.clone()),
            order: order.clone(),
        });
        let back = own.iter().step_by(3).map(|(_, coupon)| UnassignCoupon {
            coupon: Some(coupon.clone()),
            ..UnassignCoupon::default()
        });
        let voids = own.iter().step_by(7).map(|(_, coupon)| VoidCoupon {
            coupon: Some(coupon.clone()),
            ..VoidCoupon::default()
        });
        let lower = (20..25).map(|uses| UpdateCouponBook {
            limits: Some(CouponLimits {
                uses: Some(uses),
                ..CouponLimits::default()
            }),
            ..unchanged()
        });
        let (used, ..) = tokio::join!(
            all_at_once(&with, "use", uses),
            all_at_once(&with, "lock", locks),
            all_at_once(&with, "unlock", unlocks),
            all_at_once(&with, "back", back),
            all_at_once(&with, "void", voids),
            all_at_once(&with, "lower", lower),
            all_at_once(&with, "more", (0..12).map(|n| assign(n, 2))),
        );
        let used = used.into_iter().filter_map(Result::ok);
        let used = used
            .filter(|reply| reply.outcome == CodeOutcome::Accepted)
            .count();
        let found = statistics(&with).await;
        assert_eq!(found.uses, u64::try_from(used).unwrap(), "{}", with.name);
        assert!(found.uses <= 25, "{}: {found:?}", with.name);
        assert_eq!(found.generated, 50, "{}: {found:?}", with.name);
        with.assert_valid().await;
    }
}

pub(super) fn unchanged() -> UpdateCouponBook {
    UpdateCouponBook {
        book: spring(),
        status: None,
        name: None,
        owner: None,
        active_from: None,
        active_until: None,
        local: None,
        pattern: None,
        lock: None,
        lease_seconds: None,
        transfer: None,
        limits: None,
    }
}
