//! Sweeps have no keys and leave no replies: what they do is done once because the rows say what is still due.

use std::collections::BTreeSet;
use std::sync::Arc;

use rewards_core::ledger::Lot;
use rewards_core::operations::rewards::DUE_LOTS_MAX;
use rewards_core::time::Timestamp;
use rewards_storage::batch::CommandKey;
use rewards_storage::contract::fixtures::{Draft, lot};
use rewards_storage::engine::{CommandOptions, Engine, ManualClock, STORE_TRIES_MAX, TenantEngine};
use rewards_storage::store::Store;

use crate::support::{Earn, Scripted, Trouble, audited, code, keyed, member, tenant, unavailable};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Members whose value expires tomorrow, on the day after.
async fn tomorrow(store: &Arc<Scripted>, members: u32) -> (Engine, TenantEngine) {
    let clock = Arc::new(ManualClock::new(at("2026-05-01T10:00:00Z")));
    let builder = store.builder().clock(clock.clone()).workers(2);
    let engine = builder.open().await.unwrap();
    let tenant = engine.tenant(tenant());
    for name in 0..members {
        let earn = Earn::new(member(name), 5).until(at("2026-05-02T10:00:00Z"));
        tenant.execute_with(earn, keyed(name)).await.unwrap();
    }
    clock.set(at("2026-05-03T10:00:00Z"));
    store.committed.lock().unwrap().clear();
    (engine, tenant)
}

#[tokio::test]
async fn a_sweep_leaves_no_replies_and_a_second_one_writes_nothing() {
    let store = Scripted::new();
    let (_engine, tenant) = tomorrow(&store, 40).await;
    let sweep = tenant.settle_due().await.unwrap();
    assert_eq!((sweep.members, sweep.settled.len()), (40, 40));
    assert!(
        sweep
            .settled
            .iter()
            .all(|(_, settled)| settled.expired[0].minor() == 5)
    );
    let keys = store.committed.lock().unwrap().concat();
    assert_eq!(keys, vec![CommandKey::None; 40]);
    let commits = store.sizes().len();
    let again = tenant.settle_due().await.unwrap();
    assert_eq!((again.members, store.sizes().len()), (0, commits));
    assert!(audited(&tenant).await.is_valid());
}

#[tokio::test]
async fn a_sweep_that_loses_an_acknowledgement_does_nothing_twice() {
    let store = Scripted::new();
    let (_engine, tenant) = tomorrow(&store, 3).await;
    store.next_commits([Trouble::LosesAnswer]);
    let sweep = tenant.settle_due().await.unwrap();
    assert_eq!(sweep.members, 3);
    let report = audited(&tenant).await;
    assert!(report.is_valid(), "{report:?}");
    assert_eq!(report.entries, 6, "three grants, and each has expired once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_engines_that_sweep_at_once_do_nothing_twice() {
    let store = Scripted::new();
    let (_one, one) = tomorrow(&store, 200).await;
    let clock = Arc::new(ManualClock::new(at("2026-05-03T10:00:00Z")));
    let two = store.builder().clock(clock).open().await.unwrap();
    let two = two.tenant(tenant());
    let (a, b) = tokio::join!(one.settle_due(), two.settle_due());
    let expired = |sweep: rewards_storage::engine::Sweep| {
        let settled = sweep.settled.into_iter();
        settled
            .filter(|(_, settled)| !settled.expired.is_empty())
            .count()
    };
    assert_eq!(expired(a.unwrap()) + expired(b.unwrap()), 200);
    let report = audited(&one).await;
    assert!(report.is_valid(), "{report:?}");
    assert_eq!(report.entries, 400);
}

#[tokio::test]
async fn a_member_who_cannot_be_read_stops_no_sweep() {
    let store = Scripted::new();
    let (_engine, tenant) = tomorrow(&store, 40).await;
    *store.unreadable.lock().unwrap() = Some(member(0));
    for (members, settled) in [(40, 39), (1, 0)] {
        let sweep = tenant.settle_due().await.unwrap();
        assert_eq!((sweep.members, sweep.settled.len()), (members, settled));
        let failed: Vec<_> = sweep
            .failed
            .iter()
            .map(|(m, fault)| (m, &*fault.code))
            .collect();
        assert_eq!(failed, [(&member(0), "store_corrupt")]);
    }
    *store.unreadable.lock().unwrap() = None;
    let sweep = tenant.settle_due().await.unwrap();
    assert_eq!((sweep.settled.len(), sweep.failed.len()), (1, 0));
    assert_eq!(audited(&tenant).await.problems, []);
}

#[tokio::test]
async fn a_member_whose_command_is_refused_stops_no_sweep() {
    let store = Scripted::new();
    let (_engine, tenant) = tomorrow(&store, 3).await;
    // Something is due for somebody who is not there.
    let due = Lot {
        expires_at: Some(at("2026-05-02T09:00:00Z")),
        ..lot(1)
    };
    let ghost = Draft::new(tenant.tenant(), "ghost").new_lot(" ghost", due);
    store.commit(&[ghost.build()]).await.unwrap();
    let sweep = tenant.settle_due().await.unwrap();
    assert_eq!((sweep.members, sweep.settled.len()), (4, 3));
    let failed: Vec<_> = sweep
        .failed
        .iter()
        .map(|(m, fault)| (m, &*fault.code))
        .collect();
    assert_eq!(failed, [(&member(" ghost"), "member_unknown")]);
}

#[tokio::test]
async fn a_sweep_of_a_store_that_is_away_ends() {
    let store = Scripted::new();
    let (_engine, tenant) = tomorrow(&store, 3).await;
    let away = (0..STORE_TRIES_MAX).map(|_| Trouble::Fails(unavailable));
    store.next_commits(away);
    assert_eq!(code(tenant.settle_due().await), "store_unavailable");
    let sweep = tenant.settle_due().await.unwrap();
    assert_eq!((sweep.members, sweep.settled.len()), (3, 3));
}

#[tokio::test]
async fn members_of_many_pages_are_settled_once() {
    let store = Scripted::new();
    let (_engine, tenant) = tomorrow(&store, 1_500).await;
    let sweep = tenant.settle_due().await.unwrap();
    let settled: BTreeSet<_> = sweep.settled.iter().map(|(member, _)| member).collect();
    assert_eq!(
        (sweep.members, sweep.settled.len(), settled.len()),
        (1_500, 1_500, 1_500)
    );
    assert_eq!(tenant.settle_due().await.unwrap().members, 0);
}

/// What is due for a member who needs a second call lies behind what is due for others, who are being settled meanwhile.
#[tokio::test]
async fn a_member_who_comes_again_is_counted_once() {
    let store = Scripted::new();
    let (_engine, tenant) = tomorrow(&store, 1_100).await;
    let grants = (1..=DUE_LOTS_MAX + 50).map(|number| {
        let is_early = number <= DUE_LOTS_MAX;
        let due = if is_early { "09" } else { "11" };
        let earn = Earn::new(member("rich"), 1).until(at(&format!("2026-05-02T{due}:00:00Z")));
        let key = CommandOptions {
            now: Some(at("2026-05-01T10:00:00Z")),
            ..keyed(format!("rich {number}"))
        };
        (earn, key)
    });
    for granted in tenant.execute_many(grants.collect()).await {
        granted.unwrap();
    }
    let sweep = tenant.settle_due().await.unwrap();
    let rich = member("rich");
    let calls = sweep.settled.iter().filter(|(member, _)| *member == rich);
    assert_eq!((sweep.members, calls.count()), (1_101, 2));
    assert_eq!(tenant.settle_due().await.unwrap().members, 0);
}
