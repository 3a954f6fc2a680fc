//! Purchases with coupons on every store, recorded and cancelled by many at once: a code is used by exactly as many purchases as it
//! may be, whatever is given back meanwhile.

use rewards_core::cashback::Purchase;
use rewards_core::coupons::{BookTerms, CodeUser, CouponLimits, CouponState};
use rewards_core::ids::{CouponId, ProgramId, PurchaseId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::coupons::{
    AssignCoupons, CreateCouponBook, GenerateCoupons, GetCoupon, GetCouponBook, ListCoupons,
};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::{CancelPurchase, RecordPurchase};
use rewards_core::program::Program;
use rewards_core::time::Timestamp;

use super::engines::{Engines, keyed, of_every_store};
use crate::world::{at, member};

const PROGRAM: &str = r#"
id = "shop"
currency = "EUR"
zone = "UTC"
rules = [{ id = "back", effect = { percent = { rate = "5%", of = "goods" } } }]
offers = { list = [{ id = "ten", books = ["ten"], effect = { percent = { rate = "10%" } } }] }
"#;
const MEMBERS: usize = 6;

/// A shop with one code, which is the first member's or anyone's, and may be used so often.
async fn open(with: &Engines, user: CodeUser, uses: u32) -> CouponId {
    let [one, _] = &with.engines;
    let publish = PublishProgram {
        program: Program::from_toml(PROGRAM).unwrap(),
        active_from: Some(Timestamp::MIN),
    };
    one.execute_with(publish, keyed("publish")).await.unwrap();
    for n in 0..MEMBERS {
        let register = RegisterMember::new(member(&format!("m{n}")));
        one.execute(register).await.unwrap();
    }
    let book = "ten".parse().unwrap();
    let terms = BookTerms {
        pattern: Some("{RANDOM:10}".to_owned()),
        redeemed_by: Some(user),
        limits: Some(CouponLimits {
            uses_per_code: Some(uses),
            ..CouponLimits::default()
        }),
        ..BookTerms::new("Ten")
    };
    let create = CreateCouponBook { book, terms };
    let book = create.book.clone();
    one.execute(create).await.unwrap();
    let generate = GenerateCoupons {
        book: book.clone(),
        batch: "b1".parse().unwrap(),
        count: 1,
        after: None,
        codes: false,
    };
    one.execute(generate).await.unwrap();
    if user == CodeUser::Holder {
        let assign = AssignCoupons {
            book,
            member: member("m0"),
            count: Some(1),
            codes: Vec::new(),
            by: None,
            reason: None,
        };
        let drawn = one.execute_with(assign, keyed("draw")).await.unwrap().reply;
        return drawn.coupons[0].coupon.clone();
    }
    let list = ListCoupons {
        book: Some(book),
        ..ListCoupons::default()
    };
    one.execute(list).await.unwrap().coupons[0].coupon.clone()
}

/// The purchase with this number, of the first members in turns.
fn purchase(number: usize, members: usize) -> Purchase {
    let id: PurchaseId = format!("p{number}").parse().unwrap();
    let who = member(&format!("m{}", number % members));
    let total = Money::new(1_000, Asset::parse("EUR").unwrap());
    let shop: ProgramId = "shop".parse().unwrap();
    Purchase::new(id, who, shop, at(0), total)
}

fn record(purchase: &Purchase, coupon: &CouponId) -> RecordPurchase {
    RecordPurchase {
        coupons: vec![coupon.clone()],
        ..RecordPurchase::new(purchase.clone())
    }
}

fn cancel(purchase: &Purchase) -> CancelPurchase {
    CancelPurchase {
        member: purchase.member.clone(),
        purchase: purchase.id.clone(),
    }
}

/// Records purchases and cancels some of them meanwhile, then looks at what is left of the code.
async fn sell(with: &Engines, user: CodeUser, uses: u32) {
    let coupon = open(with, user, uses).await;
    let members = match user {
        CodeUser::Holder => 1,
        CodeUser::Anyone => MEMBERS,
    };
    let purchases: Vec<Purchase> = (0..40).map(|number| purchase(number, members)).collect();
    let records = purchases.iter().map(|own| record(own, &coupon));
    let cancels = purchases.iter().step_by(3).map(cancel);
    let (recorded, cancelled) = tokio::join!(with.all_at_once(records), with.all_at_once(cancels));
    let done = recorded.iter().filter(|ended| ended.is_ok()).count();
    for refused in recorded.iter().filter_map(|ended| ended.as_ref().err()) {
        assert_eq!(refused.code, "coupon_redeemed", "{}", with.name);
    }
    let before = cancelled.iter().filter(|ended| ended.is_ok()).count();
    check(with, &coupon, done - before, uses, user).await;
    // Once more, now that all are there; those that are cancelled already are answered again.
    let again = with.all_at_once(purchases.iter().map(cancel)).await;
    let back = again.iter().filter(|ended| ended.is_ok()).count();
    assert_eq!(back, done, "{}", with.name);
    check(with, &coupon, 0, uses, user).await;
    let more: Vec<Purchase> = (40..80).map(|number| purchase(number, members)).collect();
    let more = with
        .all_at_once(more.iter().map(|own| record(own, &coupon)))
        .await;
    let recorded = more.iter().filter(|ended| ended.is_ok()).count();
    assert_eq!(u32::try_from(recorded).unwrap(), uses, "{}", with.name);
    check(with, &coupon, recorded, uses, user).await;
    with.assert_valid().await;
}

/// The code is used by so many purchases: so say its book, its state and, where it has a holder, the coupon.
async fn check(with: &Engines, coupon: &CouponId, used: usize, most: u32, user: CodeUser) {
    let [_, two] = &with.engines;
    let get = GetCouponBook {
        book: "ten".parse().unwrap(),
    };
    let found = two.execute(get).await.unwrap().statistics;
    let used = u32::try_from(used).unwrap();
    assert_eq!(found.uses, u64::from(used), "{}", with.name);
    let get = GetCoupon {
        coupon: Some(coupon.clone()),
        ..GetCoupon::default()
    };
    let coupon = two.execute(get).await.unwrap();
    let state = match (used >= most, user) {
        (true, _) => CouponState::Redeemed,
        (false, CodeUser::Holder) => CouponState::Assigned,
        (false, CodeUser::Anyone) => CouponState::Available,
    };
    assert_eq!(coupon.state, state, "{}: {used} of {most}", with.name);
    if user == CodeUser::Holder {
        assert_eq!(coupon.uses, used, "{}", with.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_for_anyone_is_used_by_as_many_purchases_as_it_may_be() {
    for with in of_every_store("offers_anyone").await {
        sell(&with, CodeUser::Anyone, 15).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_coupon_of_a_holder_is_used_by_as_many_purchases_as_it_may_be() {
    for with in of_every_store("offers_holder").await {
        sell(&with, CodeUser::Holder, 5).await;
    }
}
