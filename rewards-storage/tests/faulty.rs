//! The fault-injecting store: which faults strike, what they leave behind, and that it is a backend itself.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "functions that tests share"
)]

use std::sync::Arc;
use std::time::Duration;

use rewards_core::counter::Subject as Whom;
use rewards_core::snapshot::ReadPlan;
use rewards_storage::batch::{Commit, CommitBatch};
use rewards_storage::contract::fixtures::{Draft, at, counter, tenant};
use rewards_storage::contract::{Subject, plan_of};
use rewards_storage::error::StoreError;
use rewards_storage::faulty::{FaultCounts, FaultPlan, FaultRates, FaultyStore};
use rewards_storage::memory::MemoryStore;
use rewards_storage::store::{Outbox, Query, Store};
use uuid::Uuid;

fn faulty(seed: u64, per_mille: FaultRates) -> FaultyStore<MemoryStore> {
    let plan = FaultPlan {
        seed,
        per_mille,
        latency: Duration::from_micros(50),
        hang: Duration::from_millis(5),
    };
    FaultyStore::new(MemoryStore::new(), plan)
}

async fn subject(per_mille: FaultRates) -> Subject {
    Subject::new(Arc::new(faulty(7, per_mille)), tenant("contract"))
}

rewards_storage::contract_tests!(without_faults, subject(FaultRates::default()));

// Errors before anything happened are transient, so that every law holds for a caller who tries again.
rewards_storage::contract_tests!(
    with_early_faults,
    subject(FaultRates {
        load_error: 100,
        commit_error: 100,
        conflict: 100,
        latency: 100,
        ..FaultRates::default()
    })
);

fn group(count: u32) -> Vec<CommitBatch> {
    (0..count)
        .map(|index| {
            let name = format!("m{index}");
            Draft::new(&tenant("t"), &name).one_of_each(&name).build()
        })
        .collect()
}

/// How many batches of the group are durable: those with a stored reply.
async fn durable(store: &MemoryStore, group: &[CommitBatch]) -> usize {
    let mut plan = ReadPlan::default();
    group.iter().for_each(|batch| plan.merge(plan_of(batch)));
    let view = store.load(&plan).await.unwrap();
    assert_eq!(view.members.len(), view.replies.len(), "half a batch");
    view.replies.len()
}

fn check_unavailable<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    match result {
        Err(StoreError::Unavailable { detail }) => assert!(detail.starts_with("injected fault")),
        other => panic!("expected an injected fault, got {other:?}"),
    }
}

#[tokio::test]
async fn each_fault_strikes_and_is_counted() {
    let group = group(3);
    let none = FaultRates::default();
    let zero = FaultCounts::default();

    let store = faulty(
        1,
        FaultRates {
            load_error: 1_000,
            ..none
        },
    );
    check_unavailable(store.load(&ReadPlan::default()).await.map(drop));
    assert_eq!(
        store.counts(),
        FaultCounts {
            load_error: 1,
            ..zero
        }
    );

    let store = faulty(
        1,
        FaultRates {
            commit_error: 1_000,
            ..none
        },
    );
    check_unavailable(store.commit(&group).await);
    assert_eq!(durable(store.inner(), &group).await, 0);
    assert_eq!(
        store.counts(),
        FaultCounts {
            commit_error: 1,
            ..zero
        }
    );

    let store = faulty(
        1,
        FaultRates {
            conflict: 1_000,
            ..none
        },
    );
    let conflict = store.commit(&group).await;
    assert!(matches!(conflict, Err(StoreError::Conflict { .. })));
    assert_eq!(durable(store.inner(), &group).await, 0);
    assert_eq!(
        store.counts(),
        FaultCounts {
            conflict: 1,
            ..zero
        }
    );

    let store = faulty(
        1,
        FaultRates {
            lost_acknowledgement: 1_000,
            ..none
        },
    );
    check_unavailable(store.commit(&group).await);
    assert_eq!(durable(store.inner(), &group).await, 3);
    let again = store.inner().commit(&group).await.unwrap();
    assert!(
        again
            .iter()
            .all(|outcome| matches!(outcome, Commit::Replayed(_)))
    );
    assert_eq!(
        store.counts(),
        FaultCounts {
            lost_acknowledgement: 1,
            ..zero
        }
    );

    let store = faulty(
        1,
        FaultRates {
            query_error: 1_000,
            ..none
        },
    );
    let t = tenant("t");
    check_unavailable(store.programs(&t, &[]).await);
    check_unavailable(store.due_members(&t, at(0), None, 1).await);
    check_unavailable(store.members(&t, None, 1).await);
    check_unavailable(store.journal(&t, None, 1).await);
    check_unavailable(store.control_accounts(&t).await);
    check_unavailable(store.counters(&t, &Whom::Value("x=y".into())).await);
    check_unavailable(store.entities(&t, "probe", None, 1).await);
    check_unavailable(store.health().await);
    assert_eq!(
        store.counts(),
        FaultCounts {
            query_error: 8,
            ..zero
        }
    );

    let store = faulty(
        1,
        FaultRates {
            outbox_error: 1_000,
            ..none
        },
    );
    check_unavailable(store.claim(&t, Uuid::nil(), at(0), at(1), 1).await);
    check_unavailable(store.acknowledge(&t, Uuid::nil(), &[]).await);
    check_unavailable(store.release(&t, Uuid::nil(), &[]).await);
    assert_eq!(
        store.counts(),
        FaultCounts {
            outbox_error: 3,
            ..zero
        }
    );
    assert_eq!(store.counts().total(), 3);
}

#[tokio::test]
async fn torn_groups_commit_a_true_prefix() {
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let group = group(4);
        let rates = FaultRates {
            torn_group: 1_000,
            ..FaultRates::default()
        };
        let store = faulty(seed, rates);
        check_unavailable(store.commit(&group).await);
        let some = durable(store.inner(), &group).await;
        assert_eq!(
            durable(store.inner(), &group[..some]).await,
            some,
            "a prefix"
        );
        lengths.insert(some);
        let again = store.inner().commit(&group).await.unwrap();
        let replayed = again.iter().filter(|o| matches!(o, Commit::Replayed(_)));
        assert_eq!(replayed.count(), some, "the rest is applied on retry");
    }
    assert_eq!(lengths, [1, 2, 3].into());
    // A lone batch cannot be torn.
    let rates = FaultRates {
        torn_group: 1_000,
        ..FaultRates::default()
    };
    assert_eq!(
        faulty(1, rates).commit(&group(1)).await.unwrap(),
        [Commit::Applied]
    );
}

#[tokio::test(start_paused = true)]
async fn latency_follows_the_timer() {
    let plan = FaultPlan {
        seed: 1,
        per_mille: FaultRates {
            latency: 1_000,
            ..FaultRates::default()
        },
        latency: Duration::from_secs(3_600),
        hang: Duration::ZERO,
    };
    let store = FaultyStore::new(MemoryStore::new(), plan);
    let start = tokio::time::Instant::now();
    store.load(&ReadPlan::default()).await.unwrap();
    store.commit(&group(2)).await.unwrap();
    store.health().await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(3 * 3_600));
    assert_eq!(store.counts().latency, 3);
}

/// Which of many commits fail, and how.
async fn history(seed: u64) -> (Vec<String>, FaultCounts) {
    let rates = FaultRates {
        commit_error: 100,
        conflict: 100,
        torn_group: 100,
        lost_acknowledgement: 100,
        ..FaultRates::default()
    };
    let store = faulty(seed, rates);
    let mut history = Vec::new();
    for _ in 0..1_000 {
        let ended = store.commit(&group(2)).await;
        history.push(ended.map_or_else(|error| error.to_string(), |_| String::new()));
    }
    (history, store.counts())
}

#[tokio::test]
async fn the_seed_decides_and_rates_hold() {
    let (first, counts) = history(42).await;
    assert_eq!((first.clone(), counts), history(42).await, "the same again");
    assert_ne!(first, history(43).await.0, "another seed, another history");
    for count in [counts.commit_error, counts.conflict, counts.torn_group] {
        assert!((60..=140).contains(&count), "about one in ten: {counts:?}");
    }
    let failed = first.iter().filter(|ended| !ended.is_empty()).count();
    assert_eq!(u64::try_from(failed).unwrap(), counts.total());
}

/// Whatever strikes, a caller who sends a group again until it is told the outcome gets one effect a key.
#[tokio::test]
async fn retrying_through_every_fault_has_one_effect() {
    let t = tenant("t");
    let total = counter(&t, "total").at(0);
    let rates = FaultRates {
        load_error: 300,
        commit_error: 200,
        conflict: 200,
        torn_group: 300,
        lost_acknowledgement: 300,
        ..FaultRates::default()
    };
    let store = Arc::new(faulty(5, rates));
    let subject = Subject::new(Arc::clone(&store) as Arc<_>, t.clone());
    for round in 0..100 {
        let batch = |index: u32| {
            let draft = Draft::new(&t, &format!("{round}-{index}"));
            draft.count(&total, 1, None).build()
        };
        let outcomes = subject
            .commit_group(&(0..5).map(batch).collect::<Vec<_>>())
            .await;
        let refused = outcomes.iter().any(|o| matches!(o, Commit::Refused(_)));
        assert!(!refused, "{outcomes:?}");
    }
    assert_eq!(subject.counted(&total).await, 500);
    let counts = store.counts();
    assert!(
        counts.torn_group > 0 && counts.lost_acknowledgement > 0,
        "{counts:?}"
    );
}

/// What does not pass by itself: a call that stands still and fails, a refusal, a row that cannot be read.
#[tokio::test(start_paused = true)]
async fn faults_that_last_strike_before_anything_happened() {
    let group = group(2);
    let none = FaultRates::default();
    let store = faulty(
        3,
        FaultRates {
            hang: 1_000,
            ..none
        },
    );
    let started = tokio::time::Instant::now();
    check_unavailable(store.commit(&group).await);
    assert_eq!(started.elapsed(), Duration::from_millis(5));
    assert_eq!(
        (store.counts().hang, durable(store.inner(), &group).await),
        (1, 0)
    );

    let store = faulty(
        3,
        FaultRates {
            refused: 1_000,
            ..none
        },
    );
    let refused = store.commit(&group).await;
    assert!(
        matches!(refused, Err(StoreError::Refused { .. })),
        "{refused:?}"
    );
    let claimed = store
        .claim(&tenant("t"), Uuid::nil(), at(0), at(1), 1)
        .await;
    assert!(
        matches!(claimed, Err(StoreError::Refused { .. })),
        "{claimed:?}"
    );
    assert_eq!(
        (store.counts().refused, durable(store.inner(), &group).await),
        (2, 0)
    );

    let store = faulty(
        3,
        FaultRates {
            corrupt: 1_000,
            ..none
        },
    );
    let loaded = store.load(&ReadPlan::default()).await.map(drop);
    assert!(
        matches!(loaded, Err(StoreError::Corrupt { .. })),
        "{loaded:?}"
    );
    let listed = store.members(&tenant("t"), None, 1).await;
    assert!(
        matches!(listed, Err(StoreError::Corrupt { .. })),
        "{listed:?}"
    );
    // A commit reads nothing that could be corrupt.
    assert!(store.commit(&group).await.is_ok());
    assert_eq!(store.counts().corrupt, 2);
}
