//! One queue, any free worker: nobody idles while others wait, and what belongs together stays together.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use rewards_storage::engine::CommandOptions;

use super::things::Pair;
use crate::support::{
    Earn, PREPARED, Publish, Scripted, audited, keyed, member, program, start, tenant,
};

#[tokio::test]
async fn nobody_waits_behind_a_busy_worker_while_another_idles() {
    let store = Scripted::new();
    store.shut_gate();
    let engine = store.builder().workers(2).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let earn = |name: u32| Earn::new(member(name), 1);
    let mut tasks = vec![start(&tenant, earn(0), keyed("first")).await];
    store.reached(1).await;
    // Whatever their names, they are taken by the other worker at once; who is in line 0 waits for it.
    tasks.push(start(&tenant, earn(0), keyed("behind")).await);
    tasks.push(start(&tenant, earn(1), keyed(1)).await);
    store.reached(2).await;
    assert_eq!(engine.health().await.unwrap().queued, 1);
    for name in 2..10 {
        tasks.push(start(&tenant, earn(name), keyed(name)).await);
    }
    assert_eq!(store.sizes(), [1, 1], "both are at work");
    store.open_gate();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert!(store.refusals.lock().unwrap().is_empty());
}

#[tokio::test]
async fn free_workers_share_a_backlog() {
    let store = Scripted::new();
    store.shut_gate();
    let engine = store.builder().workers(2).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let requests = (0..64).map(|n| (Earn::new(member(n), 1), keyed(n)));
    let (requests, tenant_of_all) = (requests.collect(), tenant.clone());
    let all = tokio::spawn(async move { tenant_of_all.execute_many(requests).await });
    store.reached(2).await;
    let sizes = store.sizes();
    assert_eq!(sizes.len(), 2);
    assert!(sizes.iter().all(|size| *size >= 16), "{sizes:?}");
    store.open_gate();
    assert!(all.await.unwrap().iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_of_several_members_race_without_a_loss() {
    let store = Scripted::new();
    let engine = store
        .builder()
        .workers(4)
        .batch_max(5)
        .open()
        .await
        .unwrap();
    let tenant = engine.tenant(tenant());
    let callers = (0..600_u32).map(|n| {
        let tenant = tenant.clone();
        let pair = Pair(member(n % 7), member((n * 5 + 1) % 7));
        tokio::spawn(async move { tenant.execute_with(pair, keyed(n)).await })
    });
    let mut last: BTreeMap<u32, u64> = BTreeMap::new();
    for (n, outcome) in (0_u32..).zip(join_all(callers).await) {
        let versions = outcome.unwrap().unwrap().reply;
        for (name, version) in [n % 7, (n * 5 + 1) % 7].into_iter().zip(versions) {
            let newest = last.entry(name).or_default();
            *newest = version.max(*newest);
        }
    }
    let mut sum = 0;
    for n in 0..600_u32 {
        // Both may be the same member, whose row then rises once.
        sum += if n % 7 == (n * 5 + 1) % 7 { 1 } else { 2 };
    }
    assert_eq!(last.values().sum::<u64>(), sum);
    assert!(
        store.refusals.lock().unwrap().is_empty(),
        "within one engine nobody loses a race"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_member_keeps_the_order_across_workers() {
    let store = Scripted::new();
    let engine = store
        .builder()
        .workers(4)
        .batch_max(7)
        .queue_max(50)
        .open()
        .await
        .unwrap();
    let tenant = engine.tenant(tenant());
    let clients = (0..8_u64).map(|client| {
        let tenant = tenant.clone();
        tokio::spawn(async move {
            let requests = (0..200_u64).map(|n| {
                let earn = Earn::new(member(client * 3 + n % 3), 1);
                (earn, keyed(client * 1_000 + n))
            });
            for (n, outcome) in (0_u64..).zip(tenant.execute_many(requests.collect()).await) {
                assert_eq!(outcome.unwrap().reply.seq, n / 3 + 1);
            }
        })
    });
    for client in join_all(clients).await {
        client.unwrap();
    }
    assert!(store.refusals.lock().unwrap().is_empty());
    assert!(audited(&tenant).await.is_valid());
}

#[tokio::test]
async fn commands_without_members_take_part_freely() {
    let store = Scripted::new();
    store.shut_gate();
    let engine = store.builder().workers(2).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let publish = |name: &str| Publish {
        program: program(name),
    };
    let mut tasks = Vec::new();
    for name in ["p", "q"] {
        tasks.push(start(&tenant, publish(name), keyed(name)).await);
    }
    store.reached(2).await;
    store.open_gate();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().reply, 1);
    }
}

#[tokio::test]
async fn a_command_is_prepared_once_for_one_set_of_programs() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    let prepared = || PREPARED.with(std::cell::Cell::get);
    let before = prepared();
    use crate::support::Trouble;
    use rewards_storage::batch::{Refusal, StaleRow};
    let stale = || Trouble::Refuses(0, Refusal::Stale(StaleRow::Predecessor));
    store.next_commits([stale(), stale()]);
    let earn = || Earn::new(member("a"), 1);
    tenant.execute_with(earn(), keyed(1)).await.unwrap();
    assert_eq!((prepared() - before, store.sizes()), (1, vec![1, 1, 1]));
    // While it waits, its programs change.
    store.shut_gate();
    let publish = Publish {
        program: program("p"),
    };
    let published = start(&tenant, publish, keyed(2)).await;
    let earned = start(&tenant, earn(), keyed(2)).await;
    store.open_gate();
    published.await.unwrap().unwrap();
    earned.await.unwrap().unwrap();
    assert_eq!(prepared() - before, 3);
}

/// Panics when it is told of a batch of two: the worker dies of it, in the middle of its work.
#[derive(Debug)]
struct Deadly;

impl HistogramFn for Deadly {
    fn record(&self, value: f64) {
        assert!((value - 2.0).abs() > 0.1, "a batch of two");
    }
}

impl Recorder for Deadly {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        if key.name() == "rewards_batch_size" {
            Histogram::from_arc(Arc::new(Deadly))
        } else {
            Histogram::noop()
        }
    }
}

#[test]
fn a_worker_that_dies_strands_nobody() {
    metrics::with_local_recorder(&Deadly, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let store = Scripted::new();
            let engine = store.builder().workers(2).open().await.unwrap();
            let tenant = engine.tenant(tenant());
            let health = engine.health().await.unwrap();
            assert_eq!((health.workers, health.workers_wanted), (2, 2));
            let earn = |name| (Earn::new(member(name), 1), keyed(name));
            for outcome in tenant.execute_many(vec![earn("a"), earn("b")]).await {
                let fault = outcome.unwrap_err();
                assert_eq!(fault.code, "engine_closed");
                assert!(fault.detail.contains("same key"));
            }
            let health = engine.health().await.unwrap();
            assert_eq!((health.workers, health.workers_wanted), (1, 2));
            assert!(health.is_open);
            // The one that is left serves the members of the dead one.
            for name in ["a", "b"] {
                let (request, options) = earn(name);
                tenant.execute_with(request, options).await.unwrap();
            }
            // When the last one dies, whoever waits is told, and so is whoever comes.
            for outcome in tenant.execute_many(vec![earn("c"), earn("d")]).await {
                assert_eq!(outcome.unwrap_err().code, "engine_closed");
            }
            let health = engine.health().await.unwrap();
            assert_eq!((health.workers, health.workers_wanted), (0, 2));
            assert!(!health.is_open);
            let options = CommandOptions::default();
            let late = tenant.execute_with(Earn::new(member("e"), 1), options);
            assert_eq!(late.await.unwrap_err().code, "engine_closed");
            engine.close().await;
        });
    });
}
