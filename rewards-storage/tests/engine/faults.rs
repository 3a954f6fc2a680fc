//! Trouble below and inside: what is tried again, who is told, and who is spared.

use std::time::Duration;

use rewards_core::rejection::{Fault, FaultKind};
use rewards_core::snapshot::MemberKey;
use rewards_storage::batch::{Refusal, StaleRow};
use rewards_storage::engine::{Receipt, STORE_TRIES_MAX};
use tokio::task::JoinHandle;

use crate::support::{
    Earn, Look, Mode, Scripted, Trouble, audited, code, corrupt, held, keyed, member, refused,
    start, tenant, unavailable,
};

fn earn(name: &str) -> Earn {
    Earn::new(member(name), 1)
}

#[tokio::test]
async fn a_store_that_is_away_for_a_moment_is_asked_again() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    store.next_loads([Trouble::Fails(unavailable), Trouble::Fails(unavailable)]);
    store.next_commits([Trouble::Fails(unavailable)]);
    let receipt = tenant.execute_with(earn("a"), keyed(1)).await.unwrap();
    assert_eq!((receipt.reply.seq, receipt.replayed), (1, false));
    assert_eq!((store.views(), store.sizes()), (3, vec![1, 1]));
}

#[tokio::test]
async fn a_lost_acknowledgement_replays() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let first = start(&tenant, earn("x"), keyed("x")).await;
    let a = start(&tenant, earn("a"), keyed("a")).await;
    let b = start(&tenant, earn("a"), keyed("b")).await;
    store.next_commits([Trouble::Fine, Trouble::LosesAnswer]);
    store.open_gate();
    first.await.unwrap().unwrap();
    assert_eq!(a.await.unwrap().unwrap().reply.seq, 1);
    assert_eq!(b.await.unwrap().unwrap().reply.seq, 2);
    let report = audited(&tenant).await;
    assert_eq!((report.is_valid(), report.entries), (true, 3));
}

#[tokio::test]
async fn a_store_that_stays_away_is_reported_to_all_and_the_engine_lives_on() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let first = start(&tenant, earn("x"), keyed("x")).await;
    let a = start(&tenant, earn("a"), keyed("a")).await;
    let b = start(&tenant, earn("b"), keyed("b")).await;
    store.next_commits([Trouble::Fine]);
    store.next_commits((0..STORE_TRIES_MAX).map(|_| Trouble::Fails(unavailable)));
    store.open_gate();
    first.await.unwrap().unwrap();
    for task in [a, b] {
        let fault = task.await.unwrap().unwrap_err();
        assert_eq!(fault.code, "store_unavailable");
        assert!(fault.is_retryable());
    }
    let receipt = tenant.execute_with(earn("a"), keyed("a")).await.unwrap();
    assert!(!receipt.replayed);
}

#[tokio::test]
async fn a_permanent_error_is_reported_to_all() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let first = start(&tenant, earn("x"), keyed("x")).await;
    let a = start(&tenant, earn("a"), keyed("a")).await;
    let b = start(&tenant, earn("b"), keyed("b")).await;
    // Together, and then each by itself.
    store.next_commits([Trouble::Fine]);
    store.next_commits((0..3).map(|_| Trouble::Fails(refused)));
    store.open_gate();
    first.await.unwrap().unwrap();
    for task in [a, b] {
        assert_eq!(code(task.await.unwrap()), "store_refused");
    }
    assert_eq!(store.sizes(), [1, 2, 1, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_on_hearing_of_a_failure_stands_behind_nobody() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    // Whoever hears of it too early is rarely fast enough to be cut off.
    for round in 0..2_000_u64 {
        store.next_commits([Trouble::Fails(refused)]);
        let failed = tenant.execute_with(earn("a"), keyed(round)).await;
        assert_eq!(code(failed), "store_refused");
        let again = tenant.execute_with(earn("a"), keyed(round)).await;
        assert!(!again.unwrap().replayed, "round {round}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_others_hold_says_so_and_is_not_taken_for_silent() {
    let store = Scripted::new();
    let patience = Duration::from_millis(100);
    let engine = store.builder().patience(patience).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    store.next_commits((0..STORE_TRIES_MAX).map(|_| Trouble::Fails(held)));
    let fault = tenant.execute_with(earn("a"), keyed(1)).await.unwrap_err();
    assert!(fault.detail.ends_with("another process"), "{fault}");
    tenant.execute_with(earn("a"), keyed(1)).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_of_one_spares_its_neighbours() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let first = start(&tenant, earn("x"), keyed("x")).await;
    let a = start(&tenant, earn("a"), keyed("a")).await;
    let broken = start(&tenant, earn("broken"), keyed("broken")).await;
    let b = start(&tenant, earn("b"), keyed("b")).await;
    *store.unreadable.lock().unwrap() = Some(member("broken"));
    store.open_gate();
    for task in [first, a, b] {
        task.await.unwrap().unwrap();
    }
    assert_eq!(code(broken.await.unwrap()), "store_corrupt");
}

#[tokio::test]
async fn a_panicking_command_spares_its_neighbours() {
    for mode in [Mode::PanicsReading, Mode::PanicsDeciding] {
        let store = Scripted::new();
        store.shut_gate();
        let (_engine, tenant) = store.open().await;
        let first = start(&tenant, earn("x"), keyed("x")).await;
        let a = start(&tenant, earn("a"), keyed("a")).await;
        let bad = start(&tenant, earn("a").mode(mode), keyed("bad")).await;
        let b = start(&tenant, earn("a"), keyed("b")).await;
        store.open_gate();
        for task in [first, a, b] {
            task.await.unwrap().unwrap();
        }
        let fault = bad.await.unwrap().unwrap_err();
        assert_eq!(
            (fault.code.as_ref(), fault.kind),
            ("internal", FaultKind::Internal)
        );
        assert_eq!(store.sizes(), [1, 2]);
    }
}

#[tokio::test]
async fn a_panicking_backend_does_not_end_the_worker() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    store.next_commits([Trouble::Panics]);
    let outcome = tenant.execute_with(earn("a"), keyed(1)).await;
    assert_eq!(code(outcome), "store_refused");
    store.next_loads([Trouble::Panics]);
    let outcome = tenant.execute_with(earn("a"), keyed(1)).await;
    assert_eq!(code(outcome), "store_refused");
    tenant.execute_with(earn("a"), keyed(1)).await.unwrap();
}

#[tokio::test]
async fn questions_have_faults_of_their_own() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    let look = || Look {
        member: member("a"),
        program: None,
    };
    tenant.execute(look()).await.unwrap();
    store.next_loads([Trouble::Fails(corrupt)]);
    assert_eq!(code(tenant.execute(look()).await), "store_corrupt");
    store.next_loads([Trouble::Fails(unavailable)]);
    tenant.execute(look()).await.unwrap();
}

/// The codes of outcomes, with `ok` and the number of what was earned for those that went well.
async fn told(tasks: Vec<JoinHandle<Result<Receipt<crate::support::Told>, Fault>>>) -> Vec<String> {
    let mut told = Vec::new();
    for task in tasks {
        told.push(match task.await.unwrap() {
            Ok(receipt) => format!("ok {}", receipt.reply.seq),
            Err(fault) => fault.code.into_owned(),
        });
    }
    told
}

#[tokio::test]
async fn nobody_overtakes_a_command_that_the_store_refused() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let first = start(&tenant, earn("x"), keyed("x")).await;
    let mut tasks = Vec::new();
    for key in ["a1", "a2", "a3"] {
        tasks.push(start(&tenant, earn("a"), keyed(key)).await);
    }
    tasks.push(start(&tenant, earn("b"), keyed("b")).await);
    // The group is refused, then its first command by itself; the others of its member could go through.
    store.next_commits([
        Trouble::Fine,
        Trouble::Fails(refused),
        Trouble::Fails(refused),
    ]);
    store.open_gate();
    first.await.unwrap().unwrap();
    let want = [
        "store_refused",
        "store_unavailable",
        "store_unavailable",
        "ok 1",
    ];
    assert_eq!(told(tasks).await, want);
    for (seq, key) in (1..).zip(["a1", "a2", "a3"]) {
        let receipt = tenant.execute_with(earn("a"), keyed(key)).await.unwrap();
        assert_eq!((receipt.reply.seq, receipt.replayed), (seq, false));
    }
}

#[tokio::test]
async fn nobody_overtakes_a_command_whose_outcome_is_unknown() {
    for is_load in [false, true] {
        let store = Scripted::new();
        store.shut_gate();
        let engine = store.builder().batch_max(2).open().await.unwrap();
        let tenant = engine.tenant(tenant());
        let first = start(&tenant, earn("x"), keyed("x")).await;
        let mut tasks = Vec::new();
        for key in ["a1", "a2", "a3", "a4"] {
            tasks.push(start(&tenant, earn("a"), keyed(key)).await);
        }
        tasks.push(start(&tenant, earn("b"), keyed("b")).await);
        let away = || (0..STORE_TRIES_MAX).map(|_| Trouble::Fails(unavailable));
        if is_load {
            store.next_loads(away());
        } else {
            store.next_commits([Trouble::Fine]);
            store.next_commits(away());
        }
        store.open_gate();
        first.await.unwrap().unwrap();
        let mut want = vec!["store_unavailable"; 4];
        want.push("ok 1");
        assert_eq!(told(tasks).await, want, "load: {is_load}");
        for (seq, key) in (1..).zip(["a1", "a2", "a3", "a4"]) {
            let receipt = tenant.execute_with(earn("a"), keyed(key)).await.unwrap();
            assert_eq!((receipt.reply.seq, receipt.replayed), (seq, false));
        }
    }
}

#[tokio::test]
async fn nobody_overtakes_a_command_that_was_given_up_in_contention() {
    let store = Scripted::new();
    store.shut_gate();
    let engine = store.builder().attempts_max(1).batch_max(1).open();
    let tenant = engine.await.unwrap().tenant(tenant());
    let first = start(&tenant, earn("x"), keyed("x")).await;
    let mut tasks = Vec::new();
    for key in ["a1", "a2"] {
        tasks.push(start(&tenant, earn("a"), keyed(key)).await);
    }
    let member = MemberKey {
        tenant: crate::support::tenant(),
        member: member("a"),
    };
    let stale = Refusal::Stale(StaleRow::Member(member));
    store.next_commits([Trouble::Fine, Trouble::Refuses(0, stale)]);
    store.open_gate();
    first.await.unwrap().unwrap();
    assert_eq!(told(tasks).await, ["contention", "contention"]);
}

#[tokio::test]
async fn what_cannot_be_read_holds_nobody_back() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let first = start(&tenant, earn("x"), keyed("x")).await;
    let mut tasks = Vec::new();
    for key in ["a1", "a2"] {
        tasks.push(start(&tenant, earn("a"), keyed(key)).await);
    }
    // Together, and the first by itself: it will never go through.
    store.next_loads([Trouble::Fails(corrupt), Trouble::Fails(corrupt)]);
    store.open_gate();
    first.await.unwrap().unwrap();
    assert_eq!(told(tasks).await, ["store_corrupt", "ok 1"]);
}
