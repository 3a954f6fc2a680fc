//! Ordered runs: what is handed in as one run is decided in the order given, over shared limits too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rewards_core::ids::IdempotencyKey;
use rewards_core::snapshot::MemberKey;
use rewards_core::time::Timestamp;
use rewards_storage::batch::{CommandKey, Refusal, StaleRow};
use rewards_storage::engine::{
    BATCH_MAX, CommandOptions, Engine, EngineBuilder, ManualClock, RUN_AHEAD_MAX, STORE_TRIES_MAX,
    SeededRandom, TenantEngine,
};
use rewards_storage::error::StoreError;

use super::things::{Chain, Pair, Tick};
use crate::support::{
    Earn, Look, Mode, Publish, Scripted, Spend, Trouble, audited, code, keyed, member, program,
    start, tenant, unavailable,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn earn(name: impl std::fmt::Display) -> Earn {
    Earn::new(member(name), 7)
}

/// Commands of many members within one budget, bad ones and repeated ones among them.
fn history(many: u64) -> Vec<(Earn, CommandOptions)> {
    let command = |n: u64| {
        let earn = earn(n * 31 % 17).what_is_left_of(1_000);
        match n % 10 {
            3 => (earn.mode(Mode::RefusedRead), keyed(n)),
            5 => (earn.mode(Mode::RefusedUnread), keyed(n)),
            7 => (earn, CommandOptions::default()),
            9 => (earn, keyed(n - 9)),
            _ => (earn, keyed(n)),
        }
    };
    (0..many).map(command).collect()
}

/// The keys of what was committed, in order, as far as they are numbers.
fn committed(store: &Scripted) -> Vec<u64> {
    let commits = store.committed.lock().unwrap();
    let keys = commits.iter().flatten().filter_map(|key| match key {
        CommandKey::Reply(reply) => reply.key.as_str().parse().ok(),
        CommandKey::Entity(_) | CommandKey::None => None,
    });
    keys.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_grant_the_same_cent_to_the_same_member() {
    let mut all = Vec::new();
    for (workers, batch_max) in [(1, 1), (2, 256), (4, 7)] {
        let store = Scripted::new();
        let clock = Arc::new(ManualClock::new(at("2026-05-01T10:00:00Z")));
        let builder: EngineBuilder = store
            .builder()
            .clock(clock)
            .random(Arc::new(SeededRandom::new(1)))
            .workers(workers)
            .batch_max(batch_max);
        let engine = builder.open().await.unwrap();
        let tenant = engine.tenant(tenant());
        let outcomes = tenant.execute_ordered(history(400)).await;
        assert_eq!(outcomes.len(), 400);
        let ok = outcomes
            .iter()
            .flatten()
            .filter(|receipt| !receipt.replayed);
        // 142 full grants of 7, and a last one of what was left: 6.
        assert_eq!(ok.count(), 143);
        all.push(outcomes);
        let keys = committed(&store);
        assert!(keys.is_sorted(), "{keys:?}");
        assert!(audited(&tenant).await.is_valid());
    }
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
}

#[tokio::test]
async fn a_stale_command_holds_back_all_that_follow() {
    let store = Scripted::new();
    let engine = store.builder().workers(2).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let stale = Refusal::Stale(StaleRow::Predecessor);
    store.next_commits([Trouble::Refuses(1, stale)]);
    let requests = (0..5_u64).map(|n| (earn(n).what_is_left_of(20), keyed(n)));
    let outcomes = tenant.execute_ordered(requests).await;
    let granted: Vec<i64> = outcomes
        .into_iter()
        .map(|outcome| outcome.map_or(0, |receipt| receipt.reply.balance))
        .collect();
    assert_eq!(granted, [7, 7, 6, 0, 0]);
    assert_eq!(committed(&store), [0, 1, 2]);
}

#[tokio::test]
async fn one_that_needs_another_view_holds_back_all_that_follow() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    tenant.execute_with(earn("a"), keyed(0)).await.unwrap();
    let earned = (1..4).map(|n| (earn("b"), keyed(n)));
    tenant.execute_many(earned.collect()).await;
    let mut run = tenant.ordered_run();
    let chain = Chain(vec![member("a"), member("b")]);
    let spend = || Spend {
        member: member("b"),
        amount: 7,
        lots_max: 1,
    };
    let one = run.push(chain, keyed(10)).await;
    let two = run.push(Pair(member("x"), member("y")), keyed(11)).await;
    let three = run.push(spend(), keyed(12)).await;
    let four = run.push(spend(), keyed(13)).await;
    let five = run.push(Pair(member("z"), member("y")), keyed(14)).await;
    // In any order.
    assert_eq!(five.receipt().await.unwrap().reply, [1, 2]);
    assert_eq!(four.receipt().await.unwrap().reply, 5);
    assert_eq!(three.receipt().await.unwrap().reply, 4);
    assert_eq!(two.receipt().await.unwrap().reply, [1, 1]);
    assert_eq!(one.receipt().await.unwrap().reply, 2);
    assert_eq!(committed(&store)[4..], [10, 11, 12, 13, 14]);
}

#[tokio::test]
async fn what_follows_a_command_that_lost_a_race_is_not_applied_without_it() {
    let store = Scripted::new();
    let (_one, one) = store.open().await;
    let (_two, two) = store.open().await;
    store.shut_gate();
    let stranger = start(&two, earn("hot"), keyed("stranger")).await;
    store.reached(1).await;
    let mut run = one.ordered_run();
    let mut receipts = Vec::new();
    for (n, name) in (0_u64..).zip(["a", "hot", "b", "c"]) {
        receipts.push(run.push(earn(name).what_is_left_of(30), keyed(n)).await);
    }
    store.reached(2).await;
    store.open_gate();
    stranger.await.unwrap().unwrap();
    let mut granted = Vec::new();
    for receipt in receipts {
        granted.push(receipt.receipt().await.unwrap().reply.balance);
    }
    // The stranger had 7 of 30, and the hot member has his two grants.
    assert_eq!(granted, [7, 14, 7, 2]);
    assert_eq!(committed(&store), [0, 1, 2, 3]);
    let hot = StaleRow::Member(MemberKey {
        tenant: tenant(),
        member: member("hot"),
    });
    let refused = [hot, StaleRow::Predecessor, StaleRow::Predecessor].map(Refusal::Stale);
    assert_eq!(store.refusals.lock().unwrap()[..], refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_with_another_engine_keeps_the_order() {
    let store = Scripted::new();
    let one = store
        .builder()
        .workers(2)
        .batch_max(9)
        .open()
        .await
        .unwrap();
    let two = store.builder().workers(2).open().await.unwrap();
    let (one, two) = (one.tenant(tenant()), two.tenant(tenant()));
    let requests = (0..300_u64).map(|n| (earn(n % 5), keyed(n)));
    let requests: Vec<_> = requests.collect();
    let strangers = tokio::spawn(async move {
        for n in 0..200_u64 {
            let key = IdempotencyKey::new(&format!("stranger-{n}")).unwrap();
            let options = CommandOptions::keyed(key);
            let outcome = two.execute_with(earn(n % 5), options).await;
            assert!(outcome.is_ok() || outcome.unwrap_err().code == "contention");
        }
    });
    for outcome in one.execute_ordered(requests).await {
        outcome.unwrap();
    }
    strangers.await.unwrap();
    let keys = committed(&store);
    assert_eq!(keys, (0..300).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_commands_with_bad_ones_need_little_room() {
    const MANY: u64 = 100_000;
    let store = Scripted::new();
    let engine = store.builder().workers(2).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let deepest = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&deepest);
    let watched = engine.clone();
    let watch = tokio::spawn(async move {
        loop {
            let queued = watched.health().await.unwrap().queued;
            seen.fetch_max(queued, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let requests = (0..MANY).map(|n| {
        let tick = Tick {
            member: member(n % 1_000),
            budget: 80_000,
            is_bad: n % 10 == 0,
        };
        (tick, keyed(n))
    });
    let outcomes = tenant.execute_ordered(requests).await;
    watch.abort();
    assert_eq!(u64::try_from(outcomes.len()).unwrap(), MANY);
    let mut granted = 0;
    for (n, outcome) in (0_u64..).zip(outcomes) {
        if n % 10 == 0 || granted == 80_000 {
            assert_eq!(code(outcome), "overflow");
        } else {
            granted += 1;
            assert_eq!(outcome.unwrap().reply, granted);
        }
    }
    assert!(deepest.load(Ordering::SeqCst) <= RUN_AHEAD_MAX);
    assert!(store.sizes().into_iter().all(|size| size <= BATCH_MAX));
    assert!(committed(&store).is_sorted());
}

#[tokio::test]
async fn a_sweep_in_a_run_is_a_barrier() {
    let store = Scripted::new();
    let builder = store.builder().workers(2).now_ahead_max(Duration::MAX);
    let engine = builder.open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let (early, expiry, late) = (
        at("2026-05-01T10:00:00Z"),
        at("2026-05-02T10:00:00Z"),
        at("2026-05-03T10:00:00Z"),
    );
    let on = |key: u64, now| CommandOptions {
        now: Some(now),
        ..keyed(key)
    };
    let spend = || Spend {
        member: member("a"),
        amount: 7,
        lots_max: 9,
    };
    let look = || Look {
        member: member("a"),
        program: None,
    };
    let mut run = tenant.ordered_run();
    let _ = run.push(earn("a").until(expiry), on(1, early)).await;
    let _ = run.push(earn("a").until(expiry), on(2, early)).await;
    let spent = run.push(spend(), on(3, early)).await;
    let before = run.push(look(), CommandOptions::default()).await;
    let sweep = run.settle_due(Some(late)).await.unwrap();
    let refused = run.push(spend(), on(4, late)).await;
    let after = run.push(look(), CommandOptions::default()).await;
    assert_eq!(
        (sweep.members, sweep.settled[0].1.expired[0].minor()),
        (1, 7)
    );
    assert_eq!(before.receipt().await.unwrap().reply.0, 7);
    assert!(spent.receipt().await.is_ok());
    assert_eq!(code(refused.receipt().await), "insufficient_balance");
    assert_eq!(after.receipt().await.unwrap().reply.0, 0);
    assert_eq!(
        store.committed.lock().unwrap().last().unwrap(),
        &[CommandKey::None]
    );
    assert!(run.barrier().await.is_ok());
}

#[tokio::test]
async fn what_a_run_publishes_decides_what_follows() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    let mut run = tenant.ordered_run();
    let mut earned = Vec::new();
    for n in 0..3_u32 {
        let publish = Publish {
            program: program("p"),
        };
        let _ = run.push(publish, keyed(n)).await;
        earned.push(run.push(earn("a").by(program("p")), keyed(10 + n)).await);
    }
    for (version, receipt) in (1..).zip(earned) {
        assert_eq!(receipt.receipt().await.unwrap().reply.version, version);
    }
}

#[tokio::test]
async fn strangers_are_served_between_the_batches_of_a_run() {
    let store = Scripted::new();
    store.shut_gate();
    let engine = store.builder().workers(2).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let ordered = tenant.clone();
    let requests: Vec<_> = (0..600_u64).map(|n| (earn(n % 3), keyed(n))).collect();
    let run = tokio::spawn(async move { ordered.execute_ordered(requests).await });
    store.reached(1).await;
    let stranger = start(&tenant, earn("stranger"), keyed("stranger")).await;
    let in_line = start(&tenant, earn(1), keyed("in line")).await;
    // The stranger is with the other worker already; the one in line 1 waits for the run's first batch.
    store.reached(2).await;
    store.open_gate();
    stranger.await.unwrap().unwrap();
    in_line.await.unwrap().unwrap();
    for outcome in run.await.unwrap() {
        outcome.unwrap();
    }
    assert!(committed(&store).is_sorted());
    assert!(store.refusals.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_run_stops_when_an_outcome_is_unknown_and_goes_on_with_the_same_keys() {
    let store = Scripted::new();
    let engine = store.builder().batch_max(4).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    store.next_commits([Trouble::Fine]);
    store.next_commits((1..STORE_TRIES_MAX).map(|_| Trouble::Fails(unavailable)));
    store.next_commits([Trouble::LosesAnswer]);
    let requests = || (0..20_u64).map(|n| (earn(n % 3).what_is_left_of(100), keyed(n)));
    let outcomes = tenant.execute_ordered(requests()).await;
    let ok = outcomes
        .iter()
        .take_while(|outcome| outcome.is_ok())
        .count();
    assert_eq!(ok, 4);
    for outcome in outcomes.into_iter().skip(ok) {
        assert_eq!(code(outcome), "store_unavailable");
    }
    assert_eq!(committed(&store), (0..8).collect::<Vec<_>>());
    let outcomes = tenant.execute_ordered(requests()).await;
    let replayed = outcomes.iter().flatten().filter(|receipt| receipt.replayed);
    assert_eq!(replayed.count(), 8);
    let granted = outcomes.iter().flatten().count();
    assert_eq!(granted, 15, "14 grants of 7, and one of 2");
    assert!(committed(&store).is_sorted());
}

#[tokio::test]
async fn a_run_of_a_closed_engine_is_told() {
    let store = Scripted::new();
    let (engine, tenant) = store.open().await;
    let mut run = tenant.ordered_run();
    run.push(earn("a"), keyed(1)).await.receipt().await.unwrap();
    engine.close().await;
    let late = run.push(earn("a"), keyed(2)).await;
    assert_eq!(code(late.receipt().await), "engine_closed");
    assert_eq!(code(run.barrier().await), "engine_closed");
    assert_eq!(code(run.settle_due(None).await), "engine_closed");
}

/// Members of whom something is due, and a run.
async fn due_in_a_run(store: &Arc<Scripted>) -> (Engine, TenantEngine) {
    let builder = store.builder().workers(1).now_ahead_max(Duration::MAX);
    let engine = builder.open().await.unwrap();
    let tenant = engine.tenant(tenant());
    for name in 0..300 {
        let earn = Earn::new(member(name), 5).until(at("2026-05-02T10:00:00Z"));
        let early = CommandOptions {
            now: Some(at("2026-05-01T10:00:00Z")),
            ..keyed(name)
        };
        tenant.execute_with(earn, early).await.unwrap();
    }
    store.committed.lock().unwrap().clear();
    (engine, tenant)
}

/// Whatever else went wrong with the sweep.
#[tokio::test]
async fn a_sweep_whose_outcome_is_unknown_stops_its_run() {
    let store = Scripted::new();
    let (_engine, tenant) = due_in_a_run(&store).await;
    let corrupt = Trouble::Fails(|| StoreError::Corrupt {
        detail: String::new(),
    });
    store.dues.lock().unwrap().extend([Trouble::Fine, corrupt]);
    store.next_commits((0..STORE_TRIES_MAX * 8).map(|_| Trouble::Fails(unavailable)));
    let mut run = tenant.ordered_run();
    let swept = run.settle_due(Some(at("2026-05-03T10:00:00Z"))).await;
    assert_eq!(code(swept), "store_corrupt");
    assert_eq!(code(run.barrier().await), "store_unavailable");
    let pushed = run.push(earn("a"), keyed("after")).await;
    assert_eq!(code(pushed.receipt().await), "store_unavailable");
}

/// Whoever gives up waiting for a sweep does not overtake it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_that_nobody_waits_for_stays_a_barrier() {
    let store = Scripted::new();
    let (_engine, tenant) = due_in_a_run(&store).await;
    let mut run = tenant.ordered_run();
    let before = store.sizes().len();
    store.shut_gate();
    tokio::select! {
        swept = run.settle_due(Some(at("2026-05-03T10:00:00Z"))) => panic!("{swept:?}"),
        () = store.reached(before + 1) => {}
    }
    let waited = tokio::time::timeout(Duration::from_millis(50), run.barrier()).await;
    assert!(waited.is_err(), "{waited:?}");
    let push = async {
        let pushed = run.push(earn("a"), keyed("after")).await;
        pushed.receipt().await
    };
    let open = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.open_gate();
    };
    let (pushed, ()) = tokio::join!(push, open);
    pushed.unwrap();
    let committed = store.committed.lock().unwrap().concat();
    let (last, sweep) = committed.split_last().unwrap();
    assert_ne!(last, &CommandKey::None);
    assert_eq!(sweep, vec![CommandKey::None; 300]);
}
