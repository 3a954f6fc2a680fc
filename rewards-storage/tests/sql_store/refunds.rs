//! Refunds on every store: several at once of one purchase, the same one many times, beside its cancellation, and beside others
//! that put another purchase in its place.

use std::sync::Arc;

use futures::future::join_all;
use rewards_core::cashback::{Purchase, PurchaseState};
use rewards_core::command::Operation;
use rewards_core::ids::RefundId;
use rewards_core::money::Money;
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::{
    CancelPurchase, GetPurchase, ListRefunds, RecordPurchase, RefundPurchase, RefundedPart,
    ReplacePurchase,
};
use rewards_core::operations::redemptions::Redeem;
use rewards_core::program::Program;
use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine, ManualClock, TenantEngine};
use rewards_storage::store::Backend;

use crate::world::{eur, member, program, stores, tenant};

const PROGRAM: &str = r#"
    id = "club"
    currency = "EUR"
    zone = "UTC"

    [[rules]]
    id = "base"
    effect = { percent = { rate = "5%" } }
    budgets = ["launch"]

    [[budgets]]
    id = "launch"
    amount = "5.00"
"#;

/// Rewards without limits that can be spent, and are owed when they are taken back then.
const SPENDING: &str = r#"
    id = "club"
    currency = "EUR"
    zone = "UTC"
    redemptions = { order = ["cashback"] }
    refunds = { shortfall = "debt" }

    [[rules]]
    id = "base"
    effect = { percent = { rate = "5%" } }
"#;

fn noon() -> Timestamp {
    Timestamp::parse("2026-05-01T12:00:00Z").unwrap()
}

fn money(minor: i64) -> Money {
    Money::new(minor, eur())
}

fn purchase(id: &str, who: &str) -> RecordPurchase {
    RecordPurchase::new(Purchase::new(
        id.parse().unwrap(),
        member(who),
        program("club"),
        noon(),
        money(10_000),
    ))
}

/// A member who bought for 100.00 EUR, for which all of a budget was granted.
async fn shop(store: &Arc<dyn Backend>) -> TenantEngine {
    shop_with(store, PROGRAM).await
}

async fn shop_with(store: &Arc<dyn Backend>, document: &str) -> TenantEngine {
    shop_at(store, document, &Arc::new(ManualClock::new(noon()))).await
}

async fn shop_at(
    store: &Arc<dyn Backend>,
    document: &str,
    clock: &Arc<ManualClock>,
) -> TenantEngine {
    let clock = Arc::clone(clock);
    let engine = Engine::builder(Arc::clone(store)).clock(clock);
    let shop = engine.open().await.unwrap().tenant(tenant());
    let publish = PublishProgram {
        program: Program::from_toml(document).unwrap(),
        active_from: None,
    };
    let options = CommandOptions::keyed("publish".parse().unwrap());
    shop.execute_with(publish, options).await.unwrap();
    for who in ["ann", "bob"] {
        run(&shop, RegisterMember::new(member(who))).await.unwrap();
    }
    run(&shop, purchase("p1", "ann")).await.unwrap();
    shop
}

async fn run<O: Operation>(shop: &TenantEngine, command: O) -> Result<O::Reply, Fault> {
    let receipt = shop
        .execute_with(command, CommandOptions::default())
        .await?;
    Ok(receipt.reply)
}

fn refund(id: &str, what: RefundedPart) -> RefundPurchase {
    RefundPurchase {
        refund: RefundId::new(id).unwrap(),
        member: member("ann"),
        purchase: "p1".parse().unwrap(),
        what,
        kind: None,
        reason: None,
    }
}

fn replace(refund: &str, by: &str) -> ReplacePurchase {
    ReplacePurchase {
        coupons: Vec::new(),
        refund: RefundId::new(refund).unwrap(),
        replaced: "p1".parse().unwrap(),
        reason: None,
        purchase: purchase(by, "ann").purchase,
        pinned: None,
    }
}

async fn available(shop: &TenantEngine) -> i64 {
    let balance = shop.execute(GetBalance::new(member("ann"))).await.unwrap();
    balance.assets[0].available.minor()
}

async fn check(name: &str, shop: &TenantEngine) {
    let report = shop.verify().await.unwrap();
    assert!(report.is_valid(), "{name}: {report:?}");
}

#[tokio::test]
async fn as_much_comes_back_as_there_is_however_many_ask_at_once() {
    for (name, store) in stores("refunds_race").await {
        let shop = shop(&store).await;
        let asked = (0..30).map(|number| {
            let part = RefundedPart::Amount(money(700));
            run(&shop, refund(&format!("r{number}"), part))
        });
        let done = join_all(asked).await;
        let made = done.iter().filter(|one| one.is_ok()).count();
        // Fourteen times 7.00 are 98.00; a fifteenth time is more than is left.
        assert_eq!(made, 14, "{name}");
        let refused = done.iter().filter_map(|one| one.as_ref().err());
        for fault in refused {
            assert_eq!(fault.code, "refund_exceeds", "{name}");
        }
        // 5 % of 2.00, and what was rounded in the member's favour on the way is rounded once.
        assert_eq!(available(&shop).await, 10, "{name}");
        let list = ListRefunds {
            purchase: Some("p1".parse().unwrap()),
            ..ListRefunds::default()
        };
        let refunds = shop.execute(list).await.unwrap().refunds;
        let numbers: Vec<u32> = refunds.iter().map(|refund| refund.number).collect();
        assert_eq!(numbers, (1..=14).collect::<Vec<u32>>(), "{name}");
        // The budget is free by exactly what came back.
        let next = run(&shop, purchase("p2", "bob")).await.unwrap();
        assert_eq!(next.decision.totals, [money(490)], "{name}");
        check(name, &shop).await;
    }
}

#[tokio::test]
async fn one_refund_is_made_once_however_often_it_is_sent() {
    for (name, store) in stores("refunds_again").await {
        let shop = shop(&store).await;
        let part = || RefundedPart::Amount(money(4_000));
        let sent = (0..12).map(|_| run(&shop, refund("r1", part())));
        let replies = join_all(sent).await;
        for reply in &replies {
            assert_eq!(reply.as_ref().ok(), replies[0].as_ref().ok(), "{name}");
        }
        assert_eq!(available(&shop).await, 300, "{name}");
        check(name, &shop).await;
    }
}

#[tokio::test]
async fn beside_a_cancellation_everything_goes_back_once() {
    for (name, store) in stores("refunds_and_cancel").await {
        let shop = shop(&store).await;
        let cancel = CancelPurchase {
            member: member("ann"),
            purchase: "p1".parse().unwrap(),
        };
        let (_, refunded, cancelled) = tokio::join!(
            run(&shop, refund("r1", RefundedPart::Amount(money(5_000)))),
            run(&shop, refund("r2", RefundedPart::All)),
            run(&shop, cancel),
        );
        // Whoever came first ended it.
        assert!(refunded.is_ok() != cancelled.is_ok(), "{name}");
        let get = GetPurchase::new("p1".parse().unwrap());
        let state = shop.execute(get).await.unwrap().state;
        let expected = if refunded.is_ok() {
            PurchaseState::Refunded
        } else {
            PurchaseState::Cancelled
        };
        assert_eq!(state, expected, "{name}");
        assert_eq!(available(&shop).await, 0, "{name}");
        check(name, &shop).await;
    }
}

#[tokio::test]
async fn one_of_many_takes_the_place_of_a_purchase() {
    for (name, store) in stores("replace_race").await {
        let shop = shop(&store).await;
        // Four would take its place, and each is sent three times.
        let asked = (0..12).map(|number| {
            let by = number % 4;
            run(&shop, replace(&format!("r{by}"), &format!("n{by}")))
        });
        let done = join_all(asked).await;
        let mut made: Vec<String> = Vec::new();
        for one in &done {
            match one {
                Ok(reply) => made.push(reply.recorded.purchase.to_string()),
                Err(fault) => assert_eq!(fault.code, "purchase_refunded", "{name}"),
            }
        }
        assert_eq!(made.len(), 3, "{name}: one, however often it was sent");
        made.dedup();
        let [by] = made.as_slice() else {
            panic!("{name}: {made:?}");
        };
        let shown = |id: &str| shop.execute(GetPurchase::new(id.parse().unwrap()));
        let (old, new) = (shown("p1").await.unwrap(), shown(by).await.unwrap());
        assert_eq!(old.replaced_by.as_ref(), Some(&new.purchase.id), "{name}");
        assert_eq!(new.replaces.as_ref(), Some(&old.purchase.id), "{name}");
        // The budget was free again for the one that came.
        assert_eq!(new.decision.totals, [money(500)], "{name}");
        assert_eq!(available(&shop).await, 500, "{name}");
        check(name, &shop).await;
    }
}

#[tokio::test]
async fn beside_a_refund_a_purchase_comes_back_once() {
    for (name, store) in stores("replace_and_refund").await {
        let shop = shop(&store).await;
        let (part, all, replaced, other) = tokio::join!(
            run(&shop, refund("r1", RefundedPart::Amount(money(5_000)))),
            run(&shop, refund("r2", RefundedPart::All)),
            run(&shop, replace("r3", "p2")),
            run(&shop, purchase("p3", "bob")),
        );
        assert!(all.is_ok() != replaced.is_ok(), "{name}");
        let codes = [part.err(), all.err(), replaced.err()];
        for fault in codes.iter().flatten() {
            assert_eq!(fault.code, "purchase_refunded", "{name}");
        }
        // Whoever shares the budget never gets more than it has.
        let mine = available(&shop).await;
        let others = other.unwrap().decision.totals;
        let others = others.first().map_or(0, |total| total.minor());
        assert!(mine + others <= 500, "{name}: {mine} and {others}");
        check(name, &shop).await;
    }
}

#[tokio::test]
async fn beside_spending_the_same_is_left_whoever_comes_first() {
    for (name, store) in stores("replace_and_redeem").await {
        let shop = shop_with(&store, SPENDING).await;
        let redeem = |id: &str| Redeem {
            redemption: id.parse().unwrap(),
            member: member("ann"),
            program: program("club"),
            order: "order".parse().unwrap(),
            total: money(150),
            amount: Some(money(150)),
            tenders: Vec::new(),
            wallet: None,
        };
        let (one, replaced, other) = tokio::join!(
            run(&shop, redeem("x1")),
            run(&shop, replace("r1", "p2")),
            run(&shop, redeem("x2")),
        );
        let (_, replaced, _) = (one.unwrap(), replaced.unwrap(), other.unwrap());
        // What was spent before is owed, and paid by the new rewards at once.
        let short = replaced.refunded.shortfall;
        assert_eq!(short, replaced.refunded.owed, "{name}");
        assert_eq!(available(&shop).await, 200, "{name}");
        let balance = shop.execute(GetBalance::new(member("ann"))).await.unwrap();
        assert_eq!(balance.assets[0].owed, None, "{name}");
        check(name, &shop).await;
    }
}

#[tokio::test]
async fn what_has_expired_is_not_owed_by_the_next_refund_of_a_batch() {
    let document = SPENDING.replace(
        "effect = { percent = { rate = \"5%\" } }",
        "effect = { percent = { rate = \"5%\" } }\nlifecycle = { expires = { days = 10 } }",
    );
    for (name, store) in stores("refunds_of_expired").await {
        let clock = Arc::new(ManualClock::new(noon()));
        let shop = shop_at(&store, &document, &clock).await;
        // Nobody has swept since the rewards expired: the first refund writes that down, and the second is decided beside it.
        clock.set(noon().checked_add_days(20).unwrap());
        let tenth = refund("r1", RefundedPart::Amount(money(1_000)));
        let both = [tenth, refund("r2", RefundedPart::All)];
        let both = both.map(|request| (request, CommandOptions::default()));
        for refunded in shop.execute_ordered(both).await {
            let reply = refunded.unwrap().reply;
            assert_eq!(reply.owed, [], "{name}: {reply:?}");
        }
        check(name, &shop).await;
    }
}
