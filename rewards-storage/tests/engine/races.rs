//! Losing a race is normal: the command is decided again, on a fresh view, with the same time and ids.

use std::sync::Arc;

use futures::future::join_all;
use rewards_core::entity::EntityKey;
use rewards_core::ids::IdSeed;
use rewards_core::snapshot::{CounterName, MemberKey};
use rewards_core::time::Timestamp;
use rewards_storage::batch::{Refusal, StaleRow};
use rewards_storage::engine::{ManualClock, RandomSource, SeededRandom};

use crate::support::{
    Earn, Scripted, Spend, Trouble, audited, code, keyed, member, program, start, tenant,
};

fn stale(name: &str) -> Refusal {
    Refusal::Stale(StaleRow::Member(MemberKey {
        tenant: tenant(),
        member: member(name),
    }))
}

fn refusals() -> [Refusal; 3] {
    [
        stale("b"),
        Refusal::CounterBound {
            counter: CounterName::of_program(&tenant(), &program("p"), "budget").at(0),
            bound: 1,
        },
        Refusal::Exists(EntityKey {
            tenant: tenant(),
            kind: "thing",
            id: "b".into(),
        }),
    ]
}

#[tokio::test]
async fn one_refused_neighbour_goes_round_again_alone() {
    for refusal in refusals() {
        let store = Scripted::new();
        store.shut_gate();
        let (_engine, tenant) = store.open().await;
        let mut tasks = vec![start(&tenant, Earn::new(member("x"), 1), keyed("x")).await];
        for name in ["a", "b", "c"] {
            tasks.push(start(&tenant, Earn::new(member(name), 1), keyed(name)).await);
        }
        store.next_commits([Trouble::Fine, Trouble::Refuses(1, refusal)]);
        store.open_gate();
        for task in tasks {
            let receipt = task.await.unwrap().unwrap();
            assert_eq!((receipt.reply.seq, receipt.replayed), (1, false));
        }
        assert_eq!(store.sizes(), [1, 3, 1]);
    }
}

#[tokio::test]
async fn commands_that_build_on_a_refused_one_follow_it_in_order() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let first = start(&tenant, Earn::new(member("x"), 1), keyed("x")).await;
    let mut tasks = Vec::new();
    for n in 0..4 {
        tasks.push(start(&tenant, Earn::new(member("a"), 1), keyed(n)).await);
    }
    store.next_commits([Trouble::Fine, Trouble::Refuses(1, stale("a"))]);
    store.open_gate();
    first.await.unwrap().unwrap();
    for (seq, task) in (1..).zip(tasks) {
        assert_eq!(task.await.unwrap().unwrap().reply.seq, seq);
    }
    assert_eq!(store.sizes(), [1, 4, 3]);
}

#[tokio::test]
async fn a_retry_keeps_its_time_and_ids() {
    let now = Timestamp::parse("2026-05-01T10:00:00Z").unwrap();
    let store = Scripted::new();
    let clock = Arc::new(ManualClock::new(now));
    let engine = store
        .builder()
        .clock(clock.clone())
        .random(Arc::new(SeededRandom::new(7)))
        .open();
    let tenant = engine.await.unwrap().tenant(tenant());
    store.next_commits([
        Trouble::Refuses(0, stale("a")),
        Trouble::Refuses(0, stale("a")),
    ]);
    let random = SeededRandom::new(7);
    for (n, seconds) in [(0, 0), (1, 60)] {
        clock.advance_seconds(seconds).unwrap();
        let now = rewards_storage::engine::Clock::now(&*clock);
        let want = IdSeed::new(now, random.next()).nth(0);
        let receipt = tenant
            .execute_with(Earn::new(member("a"), 1), keyed(n))
            .await;
        assert_eq!(receipt.unwrap().reply.id, want);
    }
    assert_eq!(store.sizes(), [1, 1, 1, 1]);
}

#[tokio::test]
async fn endless_contention_ends() {
    let store = Scripted::new();
    let engine = store.builder().attempts_max(3).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    store.next_commits((0..3).map(|_| Trouble::Refuses(0, stale("a"))));
    let outcome = tenant
        .execute_with(Earn::new(member("a"), 1), keyed("k"))
        .await;
    let fault = outcome.unwrap_err();
    assert_eq!(fault.code, "contention");
    assert_eq!(fault.context["attempts"], "3");
    assert!(fault.is_retryable());
    let receipt = tenant
        .execute_with(Earn::new(member("a"), 1), keyed("k"))
        .await;
    assert!(!receipt.unwrap().replayed);
}

#[tokio::test]
async fn a_refusal_waits_for_the_decisions_it_rests_on() {
    let store = Scripted::new();
    store.shut_gate();
    let engine = store.builder().attempts_max(1).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let first = start(&tenant, Earn::new(member("x"), 1), keyed("x")).await;
    // Together they exceed the budget; the first of them then loses its race for good.
    let a = start(&tenant, Earn::new(member("a"), 9).within(10), keyed("a")).await;
    let b = start(&tenant, Earn::new(member("b"), 9).within(10), keyed("b")).await;
    store.next_commits([Trouble::Fine, Trouble::Refuses(0, stale("a"))]);
    store.open_gate();
    first.await.unwrap().unwrap();
    assert_eq!(code(a.await.unwrap()), "contention");
    assert_eq!(b.await.unwrap().unwrap().reply.balance, 9);
}

#[tokio::test]
async fn a_refusal_that_rests_on_a_good_commit_stands() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let first = start(&tenant, Earn::new(member("x"), 1), keyed("x")).await;
    let a = start(&tenant, Earn::new(member("a"), 9).within(10), keyed("a")).await;
    let b = start(&tenant, Earn::new(member("b"), 9).within(10), keyed("b")).await;
    store.open_gate();
    first.await.unwrap().unwrap();
    a.await.unwrap().unwrap();
    assert_eq!(code(b.await.unwrap()), "insufficient_balance");
    assert_eq!((store.views(), store.sizes()), (2, vec![1, 1]));
}

#[tokio::test]
async fn a_member_with_more_lots_than_were_read_is_read_again() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    let earned = (0..4).map(|n| (Earn::new(member("a"), 5), keyed(n)));
    tenant.execute_many(earned.collect()).await;
    store.shut_gate();
    let first = start(&tenant, Earn::new(member("x"), 1), keyed("x")).await;
    let mut tasks = Vec::new();
    for n in 0..5 {
        let spend = Spend {
            member: member("a"),
            amount: 5,
            lots_max: 1,
        };
        tasks.push(start(&tenant, spend, keyed(n)).await);
    }
    store.open_gate();
    first.await.unwrap().unwrap();
    let mut outcomes = Vec::new();
    for task in tasks {
        let outcome = task.await.unwrap();
        outcomes.push(outcome.map_or_else(|fault| fault.code.into_owned(), |_| "ok".into()));
    }
    // Every one of them saw one lot, and four times there was another one behind it.
    assert_eq!(outcomes, ["ok", "ok", "ok", "ok", "insufficient_balance"]);
    assert!(audited(&tenant).await.is_valid());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_engines_on_one_member_lose_nothing() {
    let store = Scripted::new();
    let (_one, one) = store.open().await;
    let (_two, two) = store.open().await;
    let callers = (0..200).map(|n| {
        let tenant = if n % 2 == 0 { &one } else { &two }.clone();
        tokio::spawn(async move {
            // Contention tells to send the command again, with the same key.
            loop {
                match tenant
                    .execute_with(Earn::new(member("hot"), 1), keyed(n))
                    .await
                {
                    Err(fault) if fault.code == "contention" => {}
                    outcome => return outcome.unwrap().reply.seq,
                }
            }
        })
    });
    let mut seqs: Vec<u64> = join_all(callers)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=200).collect::<Vec<_>>());
    assert!(audited(&one).await.is_valid());
}
