//! Closing drains, dropping ends, and a caller who goes away changes nothing.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;

use crate::support::{Earn, Look, Scripted, code, keyed, member, start, tenant};

fn earn() -> Earn {
    Earn::new(member("a"), 1)
}

#[tokio::test]
async fn closing_answers_what_was_accepted_and_takes_nothing_more() {
    let store = Scripted::new();
    store.shut_gate();
    let (engine, tenant) = store.open().await;
    let mut tasks = Vec::new();
    for n in 0..5 {
        tasks.push(start(&tenant, earn(), keyed(n)).await);
    }
    let closers = [engine.clone(), engine.clone()]
        .map(|engine| tokio::spawn(async move { engine.close().await }));
    tokio::task::yield_now().await;
    let late = tenant.execute_with(earn(), keyed("late")).await;
    let fault = late.unwrap_err();
    // Asking the same engine again is no use.
    assert_eq!(
        (&*fault.code, fault.is_retryable()),
        ("engine_closed", false)
    );
    assert!(closers.iter().all(|closer| !closer.is_finished()));
    store.open_gate();
    for closer in closers {
        closer.await.unwrap();
    }
    for (seq, task) in (1..).zip(tasks) {
        assert_eq!(task.await.unwrap().unwrap().reply.seq, seq);
    }
    engine.close().await;
    let look = Look {
        member: member("a"),
        program: None,
    };
    assert_eq!(code(tenant.execute(look).await), "engine_closed");
    assert_eq!(code(tenant.verify().await), "engine_closed");
    assert!(!engine.health().await.unwrap().is_open);
}

#[tokio::test]
async fn closing_reaches_callers_who_are_held_back() {
    let store = Scripted::new();
    store.shut_gate();
    let engine = store.builder().queue_max(1).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let mut tasks = Vec::new();
    for n in 0..4 {
        tasks.push(start(&tenant, earn(), keyed(n)).await);
    }
    let closer = tokio::spawn(async move { engine.close().await });
    store.open_gate();
    closer.await.unwrap();
    let mut applied = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => applied += 1,
            Err(fault) => assert_eq!(fault.code, "engine_closed"),
        }
    }
    // One in flight and one in the queue were accepted; the others may or may not have made it.
    assert!(applied >= 2);
    assert_eq!(store.sizes().iter().sum::<usize>(), applied);
}

#[tokio::test]
async fn dropping_all_handles_ends_the_workers() {
    let store = Scripted::new();
    let (engine, tenant) = store.open().await;
    tenant.execute_with(earn(), keyed(1)).await.unwrap();
    drop(engine);
    tenant.execute_with(earn(), keyed(2)).await.unwrap();
    drop(tenant);
    for _ in 0..100 {
        if Arc::strong_count(&store) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("a worker still holds the store");
}

#[tokio::test]
async fn a_caller_who_goes_away_loses_the_answer_and_not_the_command() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let in_flight = start(&tenant, earn(), keyed("in flight")).await;
    let queued = start(&tenant, earn(), keyed("queued")).await;
    let neighbour = start(&tenant, earn(), keyed("neighbour")).await;
    in_flight.abort();
    queued.abort();
    assert!(in_flight.await.unwrap_err().is_cancelled());
    assert!(queued.await.unwrap_err().is_cancelled());
    store.open_gate();
    assert_eq!(neighbour.await.unwrap().unwrap().reply.seq, 3);
    for (key, seq) in [("in flight", 1), ("queued", 2)] {
        let receipt = tenant.execute_with(earn(), keyed(key)).await.unwrap();
        assert_eq!((receipt.replayed, receipt.reply.seq), (true, seq));
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_while_held_back_was_never_there() {
    let store = Scripted::new();
    store.shut_gate();
    let engine = store.builder().queue_max(1).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let in_flight = start(&tenant, earn(), keyed(1)).await;
    let queued = start(&tenant, earn(), keyed(2)).await;
    let held_back = start(&tenant, earn(), keyed(3)).await;
    held_back.abort();
    assert!(held_back.await.unwrap_err().is_cancelled());
    store.open_gate();
    in_flight.await.unwrap().unwrap();
    queued.await.unwrap().unwrap();
    let receipt = tenant.execute_with(earn(), keyed(3)).await.unwrap();
    assert_eq!((receipt.replayed, receipt.reply.seq), (false, 3));
}

#[test]
fn a_runtime_that_ends_tells_callers_elsewhere() {
    let store = Scripted::new();
    store.shut_gate();
    let host = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let engine = host.block_on(store.builder().open()).unwrap();
    let tenant = engine.tenant(tenant());
    let elsewhere = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    elsewhere.block_on(async {
        let waiting = start(&tenant, earn(), keyed(1)).await;
        store.reached(1).await;
        host.shutdown_background();
        let fault = waiting.await.unwrap().unwrap_err();
        assert_eq!(fault.code, "engine_closed");
        assert!(fault.detail.contains("same key"));
        engine.close().await;
    });
}

#[test]
fn an_engine_needs_a_runtime() {
    let store = Scripted::new();
    let outcome = store.builder().open().now_or_never();
    assert_eq!(code(outcome.unwrap()), "internal");
}

/// Workers that end at the same moment must not leave each other's count behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn closing_ends_however_the_workers_pass_each_other() {
    for round in 0..20_000 {
        let store = Scripted::new();
        let engine = store.builder().workers(4).open().await.unwrap();
        let closed = tokio::time::timeout(Duration::from_secs(20), engine.close()).await;
        assert!(closed.is_ok(), "round {round} never ended");
    }
}
