//! Events on their way out.

use rewards_core::event::Stream;
use rewards_storage::sql::SqlStore;
use rewards_storage::store::{Outbox, Query};
use uuid::Uuid;

use crate::world::{apply, at, backends, draft, member, tenant};

const ANN: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);

async fn claim(store: &SqlStore, owner: Uuid, now: i64, until: i64, limit: u32) -> Vec<String> {
    let claimed = store
        .claim(&tenant(), owner, at(now), at(until), limit)
        .await
        .unwrap();
    claimed
        .iter()
        .map(|claimed| {
            let event = &claimed.event;
            format!("{}{}+{}", event.stream.text(), event.seq, claimed.attempts)
        })
        .collect()
}

fn events(ids: &[(&str, u64)]) -> Vec<(Stream, u64)> {
    ids.iter()
        .map(|(id, seq)| (Stream::Member(member(id)), *seq))
        .collect()
}

#[tokio::test]
async fn events_are_leased_in_order() {
    for backend in backends("outbox").await {
        let store = &backend.store;
        assert!(claim(store, ANN, 0, 10, 5).await.is_empty());
        let drafted = draft("1")
            .event("x", 1, at(1))
            .event("y", 1, at(2))
            .event("x", 2, at(3))
            .event("y", 2, at(3))
            .event("x", 3, at(3));
        apply(store, drafted).await;
        let health = store.health().await.unwrap();
        assert_eq!(health.backend, backend.name);
        assert_eq!(
            (health.outbox_waiting, health.outbox_oldest),
            (5, Some(at(1)))
        );

        assert_eq!(claim(store, ANN, 10, 20, 1).await, ["m:x1+0"]);
        // No later event of a stream that is leased, whoever asks.
        assert_eq!(
            claim(store, BOB, 10, 20, 9).await,
            ["m:y1+0", "m:y2+0"],
            "{}",
            backend.name
        );
        assert!(claim(store, ANN, 11, 20, 9).await.is_empty());

        // Only the owner removes or releases.
        let acknowledge = |owner, which: &[(&str, u64)]| {
            let which = events(which);
            async move { store.acknowledge(&tenant(), owner, &which).await.unwrap() }
        };
        assert_eq!(acknowledge(BOB, &[("x", 1), ("y", 1), ("y", 9)]).await, 1);
        assert_eq!(acknowledge(BOB, &[("y", 1)]).await, 0);
        assert_eq!(acknowledge(ANN, &[]).await, 0);
        let tenant = tenant();
        assert_eq!(
            store
                .release(&tenant, BOB, &events(&[("x", 1), ("x", 2)]))
                .await
                .unwrap(),
            0
        );
        assert_eq!(
            store
                .release(&tenant, ANN, &events(&[("x", 1), ("x", 2)]))
                .await
                .unwrap(),
            1
        );
        assert_eq!(
            claim(store, ANN, 13, 30, 2).await,
            ["m:x1+1", "m:x2+0"],
            "{}",
            backend.name
        );
        assert!(claim(store, BOB, 13, 20, 9).await.is_empty());

        // A lease that has run out is no lease; the last instant of a lease is before its end.
        assert!(claim(store, BOB, 19, 40, 9).await.is_empty());
        assert_eq!(claim(store, BOB, 20, 40, 9).await, ["m:y2+1"]);
        assert_eq!(acknowledge(ANN, &[("x", 1)]).await, 1);
        assert_eq!(
            claim(store, BOB, 30, 40, 9).await,
            ["m:x2+1", "m:x3+0"],
            "{}",
            backend.name
        );
        assert_eq!(acknowledge(BOB, &[("x", 2), ("x", 3), ("y", 2)]).await, 3);
        let health = store.health().await.unwrap();
        assert_eq!((health.outbox_waiting, health.outbox_oldest), (0, None));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_relays_keep_streams_in_order() {
    for backend in backends("relays").await {
        let stores = [backend.store.clone(), backend.reopened().await];
        let mut drafted = draft("1");
        for seq in 1..=20 {
            for id in ["x", "y", "z"] {
                drafted = drafted.event(id, seq, at(i64::try_from(seq).unwrap()));
            }
        }
        apply(&backend.store, drafted).await;
        let delivered = std::sync::Arc::new(tokio::sync::Mutex::new(Vec::new()));
        let relays = (0..4_u32).map(|relay| {
            let store = stores[usize::try_from(relay % 2).unwrap()].clone();
            let delivered = std::sync::Arc::clone(&delivered);
            tokio::spawn(async move {
                let owner = Uuid::from_u128(u128::from(relay) + 1);
                let mut idle = 0;
                while idle < 20 {
                    let claimed = match store
                        .claim(&tenant(), owner, at(100), at(200), 2 + relay)
                        .await
                    {
                        Err(error) if error.is_transient() => continue,
                        claimed => claimed.unwrap(),
                    };
                    idle = if claimed.is_empty() { idle + 1 } else { 0 };
                    tokio::task::yield_now().await;
                    let done: Vec<_> = claimed
                        .iter()
                        .map(|c| (c.event.stream.clone(), c.event.seq))
                        .collect();
                    delivered.lock().await.extend(done.iter().cloned());
                    let removed = store.acknowledge(&tenant(), owner, &done).await.unwrap();
                    assert_eq!(removed, u64::try_from(done.len()).unwrap());
                }
            })
        });
        for relay in relays.collect::<Vec<_>>() {
            relay.await.unwrap();
        }
        let delivered = delivered.lock().await;
        assert_eq!(delivered.len(), 60, "{}", backend.name);
        for id in ["x", "y", "z"] {
            let stream = Stream::Member(member(id));
            let seqs: Vec<u64> = delivered
                .iter()
                .filter(|(s, _)| *s == stream)
                .map(|(_, seq)| *seq)
                .collect();
            assert_eq!(seqs, (1..=20).collect::<Vec<_>>(), "{}", backend.name);
        }
    }
}
