//! Redemptions on every store: races for one balance, and authorizations whose time is over, swept or not.

use std::sync::Arc;

use futures::future::join_all;
use rewards_core::command::Operation;
use rewards_core::ids::{OrderId, RedemptionId};
use rewards_core::money::Money;
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::redemptions::{
    AuthorizeRedemption, CancelRedemption, CaptureRedemption, GetRedemption, Redeem,
    ReleaseRedemption,
};
use rewards_core::operations::rewards::GrantReward;
use rewards_core::program::Program;
use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;
use rewards_core::wallet::RedemptionState;
use rewards_storage::engine::{CommandOptions, Engine, ManualClock, TenantEngine};
use rewards_storage::store::Backend;

use crate::world::{eur, member, program, stores, tenant};

const PROGRAM: &str = r#"
    id = "club"
    currency = "EUR"
    zone = "UTC"
    redemptions = { order = ["cashback"], expires_after_minutes = 60 }
"#;

fn noon() -> Timestamp {
    Timestamp::parse("2026-05-01T12:00:00Z").unwrap()
}

fn id(text: &str) -> RedemptionId {
    RedemptionId::new(text).unwrap()
}

fn money(minor: i64) -> Money {
    Money::new(minor, eur())
}

/// A member with 10.00 EUR in two lots, one of which expires in a month.
async fn shop(store: &Arc<dyn Backend>, clock: &Arc<ManualClock>) -> TenantEngine {
    let engine = Engine::builder(Arc::clone(store)).clock(clock.clone());
    let shop = engine.open().await.unwrap().tenant(tenant());
    let publish = PublishProgram {
        program: Program::from_toml(PROGRAM).unwrap(),
        active_from: None,
    };
    run(&shop, "publish", publish).await.unwrap();
    let register = RegisterMember::new(member("ann"));
    run(&shop, "register", register).await.unwrap();
    for (minor, days) in [(600, None), (400, Some(30))] {
        let grant = GrantReward {
            source: None,
            reference: None,
            member: member("ann"),
            amount: money(minor),
            reason: "a gift".to_owned(),
            expires_at: days.map(|days| noon().checked_add_days(days).unwrap()),
        };
        let key = format!("grant-{minor}");
        run(&shop, &key, grant).await.unwrap();
    }
    shop
}

async fn run<O: Operation>(shop: &TenantEngine, key: &str, command: O) -> Result<O::Reply, Fault> {
    let options = CommandOptions::keyed(key.parse().unwrap());
    let receipt = shop.execute_with(command, options).await?;
    Ok(receipt.reply)
}

fn redeem(name: &str, total: i64) -> Redeem {
    Redeem {
        redemption: id(name),
        member: member("ann"),
        program: program("club"),
        order: OrderId::new(name).unwrap(),
        total: money(total),
        amount: Some(money(total)),
        tenders: Vec::new(),
        wallet: None,
    }
}

fn authorize(name: &str, total: i64) -> AuthorizeRedemption {
    AuthorizeRedemption {
        redemption: id(name),
        member: member("ann"),
        program: program("club"),
        order: OrderId::new(name).unwrap(),
        total: money(total),
        amount: Some(money(total)),
        tenders: Vec::new(),
        wallet: None,
    }
}

fn capture(name: &str, number: u32, minor: i64) -> CaptureRedemption {
    CaptureRedemption {
        member: member("ann"),
        redemption: id(name),
        number,
        amount: Some(money(minor)),
    }
}

async fn available(shop: &TenantEngine) -> (i64, i64) {
    let balance = shop.execute(GetBalance::new(member("ann"))).await.unwrap();
    let own = &balance.assets[0];
    let reserved = own.reserved.map_or(0, Money::minor);
    (own.available.minor(), reserved)
}

async fn check(name: &str, shop: &TenantEngine) {
    let report = shop.verify().await.unwrap();
    assert!(report.is_valid(), "{name}: {report:?}");
}

#[tokio::test]
async fn of_two_who_spend_everything_one_wins() {
    for (name, store) in stores("redemption_race").await {
        let clock = Arc::new(ManualClock::new(noon()));
        let shop = shop(&store, &clock).await;
        let one = run(&shop, "one", redeem("one", 1_000));
        let two = run(&shop, "two", redeem("two", 1_000));
        let (one, two) = futures::join!(one, two);
        let won = [one.is_ok(), two.is_ok()];
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{name}");
        let lost = one.err().or(two.err()).unwrap();
        assert_eq!(lost.code, "insufficient_balance", "{name}");
        assert_eq!(available(&shop).await, (0, 0), "{name}");
        check(name, &shop).await;
    }
}

#[tokio::test]
async fn captures_and_releases_at_once_take_no_cent_twice() {
    for (name, store) in stores("redemption_captures").await {
        let clock = Arc::new(ManualClock::new(noon()));
        let shop = shop(&store, &clock).await;
        run(&shop, "a", authorize("a", 500)).await.unwrap();
        assert_eq!(available(&shop).await, (500, 500), "{name}");
        let captures = (1..=8).map(|number| {
            let shop = shop.clone();
            let key = format!("capture-{number}");
            async move { run(&shop, &key, capture("a", number, 100)).await }
        });
        let release = ReleaseRedemption {
            member: member("ann"),
            redemption: id("a"),
        };
        let (captured, released) =
            futures::join!(join_all(captures), run(&shop, "release", release));
        let captured = captured.iter().filter(|capture| capture.is_ok()).count();
        let captured = i64::try_from(captured).unwrap() * 100;
        let back = released.map_or(0, |released| {
            released.returned.iter().map(|money| money.minor()).sum()
        });
        assert_eq!(captured + back, 500, "{name}");
        assert_eq!(available(&shop).await, (500 + back, 0), "{name}");
        check(name, &shop).await;
        if captured > 0 {
            let cancel = CancelRedemption {
                member: member("ann"),
                redemption: id("a"),
                number: None,
                amount: None,
            };
            run(&shop, "cancel", cancel).await.unwrap();
        }
        assert_eq!(available(&shop).await, (1_000, 0), "{name}");
        check(name, &shop).await;
    }
}

#[tokio::test]
async fn time_is_over_with_and_without_a_sweep() {
    for (name, store) in stores("redemption_over").await {
        let clock = Arc::new(ManualClock::new(noon()));
        let shop = shop(&store, &clock).await;
        // All of the first lot and a part of the second: one is closed in the store, the other is not.
        run(&shop, "a", authorize("a", 500)).await.unwrap();
        run(&shop, "capture", capture("a", 1, 50)).await.unwrap();
        clock.advance_seconds(3_600).unwrap();
        assert_eq!(available(&shop).await, (950, 0), "{name}");
        let get = GetRedemption {
            redemption: id("a"),
        };
        let found = shop.execute(get).await.unwrap();
        assert_eq!(found.state, RedemptionState::Expired, "{name}");
        check(name, &shop).await;
        let refused = run(&shop, "late", capture("a", 2, 100)).await;
        assert_eq!(refused.unwrap_err().code, "redemption_expired", "{name}");
        run(&shop, "r", redeem("r", 100)).await.unwrap();
        check(name, &shop).await;
        run(&shop, "b", authorize("b", 850)).await.unwrap();
        clock.advance_seconds(3_600).unwrap();
        let swept = shop.settle_due().await.unwrap();
        assert_eq!(swept.members, 1, "{name}");
        assert_eq!(available(&shop).await, (850, 0), "{name}");
        let again = shop.settle_due().await.unwrap();
        assert_eq!(again.members, 0, "{name}");
        check(name, &shop).await;
    }
}
