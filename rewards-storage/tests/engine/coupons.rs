//! A code that anyone may redeem, when those who use it together do not all come through.

use std::sync::Arc;

use rewards_core::coupons::{BookTerms, CodeUser, CouponLimits};
use rewards_core::ids::{CouponBookId, KeyId};
use rewards_core::operations::coupons::{
    CreateCouponBook, GenerateCoupons, GetCouponBook, RedeemCoupon,
};
use rewards_core::operations::members::RegisterMember;
use rewards_core::secret::KeyPurpose;
use rewards_core::snapshot::MemberKey;
use rewards_core::time::Timestamp;
use rewards_storage::batch::{Refusal, StaleRow};
use rewards_storage::engine::{Engine, KeyRing, RingKey, TenantEngine};
use smol_str::SmolStr;

use crate::support::{Scripted, Trouble, code, keyed, member, start, tenant};

const USES: u32 = 3;

fn book() -> CouponBookId {
    "spring".parse().unwrap()
}

fn redeem(who: &str, code: &str) -> RedeemCoupon {
    RedeemCoupon {
        member: member(who),
        code: Some(code.into()),
        coupon: None,
        order: None,
        amount: None,
    }
}

/// A code that may be used [`USES`] times by anyone, and was once.
async fn used_once(store: &Arc<Scripted>) -> (Engine, TenantEngine, SmolStr) {
    let secret = RingKey::new(
        KeyPurpose::Coupons,
        KeyId::new("codes").unwrap(),
        vec![7; 32],
        Timestamp::MIN,
        None,
    );
    let ring = KeyRing::new(vec![secret.unwrap()]).unwrap();
    let engine = store.builder().key_ring(ring).open().await.unwrap();
    let shop = engine.tenant(tenant());
    for name in ["a", "b", "c", "d", "x"] {
        let register = RegisterMember::new(member(name));
        shop.execute_with(register, keyed(name)).await.unwrap();
    }
    let limits = CouponLimits {
        uses_per_code: Some(USES),
        ..CouponLimits::default()
    };
    let create = CreateCouponBook {
        book: book(),
        terms: BookTerms {
            pattern: Some("{RANDOM:10}".to_owned()),
            redeemed_by: Some(CodeUser::Anyone),
            limits: Some(limits),
            ..BookTerms::new("Spring")
        },
    };
    shop.execute_with(create, keyed("book")).await.unwrap();
    let generate = GenerateCoupons {
        book: book(),
        batch: "b1".parse().unwrap(),
        count: 1,
        after: None,
        codes: true,
    };
    let made = shop.execute_with(generate, keyed("b1")).await.unwrap();
    let code = SmolStr::new(&made.reply.codes[0]);
    let used = shop.execute_with(redeem("a", &code), keyed("use-a"));
    used.await.unwrap();
    (engine, shop, code)
}

/// Who takes the last use says so in the coupon. A use before it in its batch that does not come through must not make it the last.
#[tokio::test]
async fn the_last_use_is_the_last_one_that_came_through() {
    let store = Scripted::new();
    let (_engine, shop, shared) = used_once(&store).await;
    let commits = store.sizes().len();
    store.shut_gate();
    let register = RegisterMember::new(member("y"));
    let first = start(&shop, register, keyed("y")).await;
    store.reached(commits + 1).await;
    let mut uses = Vec::new();
    for name in ["b", "c"] {
        let key = keyed(format!("use-{name}"));
        uses.push(start(&shop, redeem(name, &shared), key).await);
    }
    let stale = Refusal::Stale(StaleRow::Member(MemberKey {
        tenant: tenant(),
        member: member("b"),
    }));
    store.next_commits([Trouble::Fine, Trouble::Refuses(0, stale)]);
    store.open_gate();
    first.await.unwrap().unwrap();
    for used in uses {
        used.await.unwrap().unwrap();
    }
    let fourth = shop.execute_with(redeem("d", &shared), keyed("use-d"));
    assert_eq!(code(fourth.await), "coupon_redeemed");
    let get = GetCouponBook { book: book() };
    let found = shop.execute(get).await.unwrap().statistics;
    assert_eq!((found.uses, found.redeemed), (u64::from(USES), 1));
}
