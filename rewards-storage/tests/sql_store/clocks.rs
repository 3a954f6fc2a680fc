//! Clocks that cannot be right, on every store: nothing is decided by them, and nothing is refused for ever because of them.

use std::sync::Arc;
use std::time::Duration;

use rewards_core::cashback::Purchase;
use rewards_core::money::Money;
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::{QuotePurchase, RecordPurchase};
use rewards_core::operations::rewards::{GrantReward, SettleMember};
use rewards_core::program::Program;
use rewards_core::rejection::{Fault, FaultKind};
use rewards_core::time::Timestamp;
use rewards_storage::engine::{
    CLOCK_JUMP_MAX, CommandOptions, Engine, ManualClock, NOW_AHEAD_MAX, TenantEngine,
};
#[cfg(feature = "memory")]
use rewards_storage::memory::MemoryStore;
use rewards_storage::store::Backend;

use crate::world::{backends, eur, member, program, purchase, tenant};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const PROGRAM: &str = r#"
    id = "club"
    currency = "EUR"
    zone = "UTC"
    lifecycle = { pending = { days = 14 }, expires = { days = 30 } }
    rules = [{ id = "everything", effect = { percent = { rate = "10%" } } }]
"#;

fn noon() -> Timestamp {
    Timestamp::parse("2026-05-01T12:00:00Z").unwrap()
}

fn later(from: Timestamp, by: Duration) -> Timestamp {
    from.checked_add_micros(by.as_micros().try_into().unwrap())
        .unwrap()
}

fn earlier(from: Timestamp, by: Duration) -> Timestamp {
    let micros = i64::try_from(by.as_micros()).unwrap();
    from.checked_add_micros(-micros).unwrap()
}

/// Every store, empty.
async fn stores(test: &str) -> Vec<(&'static str, Arc<dyn Backend>)> {
    let mut stores: Vec<(_, Arc<dyn Backend>)> = Vec::new();
    #[cfg(feature = "memory")]
    stores.push(("memory", Arc::new(MemoryStore::new())));
    for backend in backends(test).await {
        // The files go with the backend.
        let backend = Box::leak(Box::new(backend));
        stores.push((backend.name, Arc::new(backend.store.clone())));
    }
    stores
}

/// An engine whose clock stands at an instant, and the host's hand on it.
struct Host {
    engine: Engine,
    shop: TenantEngine,
    clock: Arc<ManualClock>,
}

async fn host(store: &Arc<dyn Backend>, at: Timestamp, jump: Option<Duration>) -> Host {
    let clock = Arc::new(ManualClock::new(at));
    let mut builder = Engine::builder(Arc::clone(store)).clock(clock.clone());
    if let Some(jump) = jump {
        builder = builder.clock_jump_max(jump);
    }
    let engine = builder.open().await.unwrap();
    Host {
        shop: engine.tenant(tenant()),
        engine,
        clock,
    }
}

fn order(number: u32, at: Timestamp) -> RecordPurchase {
    RecordPurchase::new(bought(number, at))
}

fn bought(number: u32, at: Timestamp) -> Purchase {
    Purchase::new(
        purchase(&format!("order-{number}")),
        member("ann"),
        program("club"),
        at,
        Money::new(10_000, eur()),
    )
}

fn keyed(key: &str, now: Option<Timestamp>) -> CommandOptions {
    CommandOptions {
        now,
        ..CommandOptions::keyed(key.parse().unwrap())
    }
}

fn settle() -> SettleMember {
    SettleMember {
        member: member("ann"),
    }
}

fn grant() -> GrantReward {
    GrantReward {
        source: None,
        reference: None,
        member: member("ann"),
        amount: Money::new(500, eur()),
        reason: "welcome".to_owned(),
        expires_at: Some(later(noon(), 20 * DAY)),
    }
}

/// A member who has bought something, of which nothing is due yet, and has something else that expires.
async fn set_up(host: &Host) {
    let publish = PublishProgram {
        program: Program::from_toml(PROGRAM).unwrap(),
        active_from: Some(earlier(noon(), 400 * DAY)),
    };
    let shop = &host.shop;
    let first = shop.execute_with(publish, keyed("first", None));
    first.await.unwrap();
    let joined = RegisterMember::new(member("ann"));
    shop.execute(joined).await.unwrap();
    shop.execute(order(1, noon())).await.unwrap();
    let granted = shop.execute_with(grant(), keyed("welcome", None));
    granted.await.unwrap();
}

/// What the member has and what waits, in cents.
async fn balance(host: &Host) -> (Timestamp, i64, i64) {
    let balance = host.shop.execute(GetBalance::new(member("ann"))).await;
    let balance = balance.unwrap();
    let money = &balance.assets[0];
    (balance.at, money.available.minor(), money.pending.minor())
}

fn check(fault: &Fault, code: &str, seconds: Duration) {
    assert_eq!((&*fault.code, fault.kind), (code, FaultKind::Unavailable));
    assert!(fault.is_retryable());
    assert_eq!(fault.http_status(), 503);
    assert_eq!(fault.context["seconds"], seconds.as_secs().to_string());
    assert!(fault.problems.is_empty(), "{fault:?}");
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_does_nothing_until_the_host_accepts_it() {
    let jump = 90 * DAY;
    for (name, store) in stores("clock_jumps").await {
        set_up(&host(&store, noon(), Some(jump)).await).await;
        // Another run: what is known comes from the store.
        let found = later(noon(), jump + DAY);
        let host = host(&store, found, Some(jump)).await;
        assert_eq!(balance(&host).await, (noon(), 500, 1_000), "{name}");
        let by = jump + DAY;
        let fault = host.shop.settle_due().await.unwrap_err();
        check(&fault, "clock_ahead", by);
        for now in [None, Some(found), Some(later(found, NOW_AHEAD_MAX))] {
            let past = now.filter(|now| *now > found);
            let by = by + past.map_or(Duration::ZERO, |_| NOW_AHEAD_MAX);
            let settled = host.shop.execute_with(settle(), keyed("s", now)).await;
            check(&settled.unwrap_err(), "clock_ahead", by);
            let recorded = host.shop.execute_with(order(2, found), keyed("o", now));
            check(&recorded.await.unwrap_err(), "clock_ahead", by);
            let joined = RegisterMember::new(member("bob"));
            let joined = host.shop.execute_with(joined, keyed("j", now)).await;
            check(&joined.unwrap_err(), "clock_ahead", by);
        }
        let quoted = QuotePurchase {
            coupons: Vec::new(),
            purchase: bought(2, found),
            explain: false,
        };
        let quoted = host.shop.execute(quoted).await.unwrap_err();
        check(&quoted, "clock_ahead", by);
        // What was done is told, whatever the clock says.
        let again = host
            .shop
            .execute_with(order(1, noon()), CommandOptions::default());
        assert!(again.await.unwrap().replayed);
        assert_eq!(balance(&host).await, (noon(), 500, 1_000), "{name}");
        // The caller's word goes.
        let trusted = keyed("trusted", Some(later(noon(), DAY)));
        host.shop.execute_with(settle(), trusted).await.unwrap();
        assert_eq!(balance(&host).await.1, 500, "{name}");
        // So does what the host accepts, and all that was due is then carried out.
        host.engine.accept_time(found).unwrap();
        let sweep = host.shop.settle_due().await.unwrap();
        assert_eq!(sweep.failed, []);
        assert_eq!(balance(&host).await, (found, 0, 0), "{name}");
        let later_on = later(found, jump);
        host.clock.set(later_on);
        host.shop.execute(order(2, later_on)).await.unwrap();
    }
}

/// Nothing is recorded yet, but the host knows the time.
#[tokio::test]
async fn the_first_records_are_held_against_what_the_host_accepts() {
    for (name, store) in stores("clock_first").await {
        let found = later(noon(), 2 * DAY);
        let host = host(&store, found, Some(DAY)).await;
        host.engine.accept_time(noon()).unwrap();
        let joined = RegisterMember::new(member("bob"));
        let refused = host.shop.execute(joined.clone()).await;
        check(&refused.unwrap_err(), "clock_ahead", 2 * DAY);
        host.clock.set(later(noon(), DAY));
        host.shop.execute(joined).await.unwrap();
        host.engine.close().await;
        let closed = host.engine.accept_time(found).unwrap_err();
        assert_eq!(closed.code, "engine_closed", "{name}");
    }
}

/// An engine that has found nothing and accepted a time looks again before it takes its clock for wrong.
#[tokio::test]
async fn what_others_record_after_a_time_was_accepted_counts() {
    for (name, store) in stores("clock_others").await {
        let one = host(&store, noon(), Some(DAY)).await;
        one.engine.accept_time(noon()).unwrap();
        let nobody = one.shop.execute_with(settle(), keyed("s", None)).await;
        assert_eq!(nobody.unwrap_err().code, "member_unknown", "{name}");
        let soon = later(noon(), 2 * DAY);
        let two = host(&store, soon, Some(DAY)).await;
        let joined = RegisterMember::new(member("bob"));
        two.shop.execute(joined).await.unwrap();
        one.clock.set(soon);
        let joined = RegisterMember::new(member("eve"));
        one.shop.execute(joined).await.unwrap();
    }
}

#[tokio::test]
async fn a_jump_that_is_allowed_is_none() {
    for (name, store) in stores("clock_jump_allowed").await {
        for (jump, at) in [
            (None, noon()),
            (Some(Duration::MAX), later(noon(), CLOCK_JUMP_MAX)),
        ] {
            let opened = host(&store, at, jump).await;
            if jump.is_none() {
                set_up(&opened).await;
            }
            let allowed = jump.map_or(CLOCK_JUMP_MAX, |_| CLOCK_JUMP_MAX + DAY);
            opened.clock.set(later(at, allowed));
            let settled = opened.shop.settle_due().await.unwrap();
            assert_eq!(settled.failed, [], "{name}");
        }
    }
}

/// Members who were away for long are no jump: somebody else was here.
#[tokio::test]
async fn what_is_known_of_anybody_counts() {
    for (name, store) in stores("clock_known").await {
        let opened = host(&store, noon(), Some(DAY)).await;
        set_up(&opened).await;
        let joined = RegisterMember::new(member("bob"));
        let soon = later(noon(), DAY);
        opened.clock.set(soon);
        opened.shop.execute(joined).await.unwrap();
        let other = host(&store, later(soon, DAY), Some(DAY)).await;
        let recorded = other.shop.execute(order(2, soon)).await;
        assert!(recorded.is_ok(), "{name}: {recorded:?}");
        // An engine that has long heard nothing looks before it refuses.
        opened.clock.set(later(soon, 2 * DAY));
        let settled = opened.shop.execute_with(settle(), keyed("t", None)).await;
        assert!(settled.is_ok(), "{name}: {settled:?}");
    }
}

#[tokio::test]
async fn a_clock_that_is_behind_is_told_and_never_the_request_blamed() {
    let micro = Duration::from_micros(1);
    for (name, store) in stores("clock_behind").await {
        set_up(&host(&store, noon(), None).await).await;
        let by = NOW_AHEAD_MAX + micro;
        let behind = host(&store, earlier(noon(), by), None).await;
        let shop = &behind.shop;
        let settled = shop.execute_with(settle(), keyed("s", None)).await;
        check(&settled.unwrap_err(), "clock_behind", by);
        // What happens now seems to come; what the host knows to be now seems to be ahead.
        let recorded = shop.execute(order(2, later(noon(), DAY))).await;
        check(&recorded.unwrap_err(), "clock_behind", by);
        let quoted = QuotePurchase {
            coupons: Vec::new(),
            purchase: bought(2, later(noon(), DAY)),
            explain: false,
        };
        let quoted = shop.execute(quoted).await;
        check(&quoted.unwrap_err(), "clock_behind", by);
        let recorded = shop.execute_with(order(2, noon()), keyed("o", Some(noon())));
        check(&recorded.await.unwrap_err(), "clock_behind", by);
        let asked = CommandOptions {
            key: None,
            now: Some(noon()),
        };
        let asked = shop.execute_with(GetBalance::new(member("ann")), asked);
        check(&asked.await.unwrap_err(), "clock_behind", by);
        let joined = RegisterMember {
            registered_at: Some(noon()),
            ..RegisterMember::new(member("bob"))
        };
        check(&shop.execute(joined).await.unwrap_err(), "clock_behind", by);
        // What is wrong whatever the clock says, and what was done, is told as ever.
        let mut wrong = order(3, noon());
        wrong.purchase.category = Some("x".repeat(10_000));
        let wrong = shop.execute(wrong).await.unwrap_err();
        assert_eq!(wrong.code, "invalid", "{name}");
        let again = shop.execute_with(order(1, noon()), CommandOptions::default());
        assert!(again.await.unwrap().replayed);
        assert_eq!(balance(&behind).await.1, 500, "{name}");
        // A clock may differ a little, a member who is not ahead is served, and a caller's earlier time is taken.
        shop.execute(RegisterMember::new(member("eve")))
            .await
            .unwrap();
        let past = keyed("past", Some(earlier(noon(), DAY)));
        shop.execute_with(settle(), past).await.unwrap();
        behind.clock.set(earlier(noon(), NOW_AHEAD_MAX));
        shop.execute_with(settle(), keyed("s", None)).await.unwrap();
    }
}

/// Where nothing tells that the clock is wrong, a time to come is the caller's fault.
#[tokio::test]
async fn a_time_to_come_is_invalid_when_the_clock_may_be_right() {
    for (name, store) in stores("clock_right").await {
        let opened = host(&store, noon(), None).await;
        set_up(&opened).await;
        let to_come = later(noon(), DAY);
        let recorded = opened.shop.execute(order(2, to_come)).await.unwrap_err();
        assert_eq!(recorded.problems[0].code, "time_in_future", "{name}");
        let recorded = opened
            .shop
            .execute_with(order(2, noon()), keyed("o", Some(to_come)));
        assert_eq!(
            recorded.await.unwrap_err().problems[0].code,
            "now_ahead",
            "{name}"
        );
    }
}

/// Who plays any time needs no clock: runs over years stand still for decades.
#[tokio::test]
async fn times_that_are_played_jump_as_they_like() {
    for (name, store) in stores("clock_played").await {
        let clock = Arc::new(ManualClock::new(noon()));
        let builder = Engine::builder(Arc::clone(&store)).clock(clock.clone());
        let engine = builder.now_ahead_max(Duration::MAX).open().await.unwrap();
        let played = Host {
            shop: engine.tenant(tenant()),
            engine,
            clock,
        };
        set_up(&played).await;
        let mut run = played.shop.ordered_run();
        for (number, years) in [(2, 30), (3, 10), (4, 90)] {
            let at = later(noon(), 365 * years * DAY);
            let options = CommandOptions {
                key: None,
                now: Some(at),
            };
            let recorded = run.push(order(number, at), options).await.receipt().await;
            assert!(recorded.is_ok(), "{name}: {recorded:?}");
            run.settle_due(Some(at)).await.unwrap();
        }
        played.clock.set(earlier(noon(), 365 * DAY));
        let settled = played.shop.execute_with(settle(), keyed("s", None)).await;
        assert!(settled.is_ok(), "{name}: {settled:?}");
    }
}
