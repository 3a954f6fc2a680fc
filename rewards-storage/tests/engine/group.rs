//! Commands that arrive while a commit is in flight share the next one.

use futures::future::join_all;

use crate::support::{Earn, Look, Scripted, Told, audited, code, keyed, member, start, tenant};

#[tokio::test]
async fn a_lone_command_takes_one_view_and_one_commit() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    let receipt = tenant
        .execute_with(Earn::new(member("a"), 5), keyed("k"))
        .await
        .unwrap();
    assert_eq!((receipt.reply.balance, receipt.replayed), (5, false));
    assert_eq!((store.views(), store.sizes()), (1, vec![1]));
}

#[tokio::test]
async fn what_waits_during_a_commit_shares_the_next_one() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let first = start(&tenant, Earn::new(member("a"), 1), keyed(0)).await;
    store.reached(1).await;
    let mut waiting = Vec::new();
    for n in 1..10 {
        waiting.push(start(&tenant, Earn::new(member(n % 3), 1), keyed(n)).await);
    }
    assert_eq!((store.views(), store.sizes()), (1, vec![1]));
    store.open_gate();
    assert_eq!(first.await.unwrap().unwrap().reply.seq, 1);
    let replies = join_all(waiting).await;
    let told: Vec<(u64, i64)> = replies
        .into_iter()
        .map(|task| task.unwrap().unwrap().reply)
        .map(|Told { seq, balance, .. }| (seq, balance))
        .collect();
    // Three members, three commands each, every one built on the one before it in the same commit.
    let want = [1, 1, 1, 2, 2, 2, 3, 3, 3].map(|n| (n, i64::try_from(n).unwrap()));
    assert_eq!(told, want);
    assert_eq!((store.views(), store.sizes()), (2, vec![1, 9]));
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let store = Scripted::new();
    store.shut_gate();
    let engine = store.builder().batch_max(4).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let mut tasks = Vec::new();
    for n in 0..10 {
        tasks.push(start(&tenant, Earn::new(member(n), 1), keyed(n)).await);
    }
    store.open_gate();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(store.sizes(), [1, 4, 4, 1]);
}

#[tokio::test]
async fn a_full_queue_holds_callers_back_and_loses_nobody() {
    let store = Scripted::new();
    store.shut_gate();
    let engine = store.builder().queue_max(2).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let mut tasks = Vec::new();
    for n in 0..8 {
        tasks.push(start(&tenant, Earn::new(member("a"), 1), keyed(n)).await);
    }
    assert_eq!(engine.health().await.unwrap().queued, 2);
    store.open_gate();
    for (seq, task) in (1..).zip(tasks) {
        assert_eq!(task.await.unwrap().unwrap().reply.seq, seq);
    }
    assert_eq!(engine.health().await.unwrap().queued, 0);
}

#[tokio::test]
async fn many_at_once_keep_the_order_of_each_member() {
    let store = Scripted::new();
    let engine = store
        .builder()
        .workers(4)
        .batch_max(8)
        .queue_max(4)
        .open()
        .await;
    let tenant = engine.unwrap().tenant(tenant());
    let requests = (0..300)
        .map(|n| (Earn::new(member(n % 7), 1), keyed(n)))
        .collect();
    let outcomes = tenant.execute_many(requests).await;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        let seq = outcome.unwrap().reply.seq;
        assert_eq!(seq, u64::try_from(n / 7 + 1).unwrap(), "command {n}");
    }
}

#[tokio::test]
async fn many_at_once_have_an_outcome_each() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    let outcomes = tenant
        .execute_many(vec![
            (Earn::new(member("a"), 6).within(10), keyed(1)),
            (Earn::new(member("b"), 6).within(10), keyed(2)),
            (Earn::new(member("c"), 4).within(10), keyed(3)),
            (Earn::new(member("d"), 1), Default::default()),
        ])
        .await;
    let labels: Vec<String> = outcomes
        .into_iter()
        .map(|outcome| outcome.map_or_else(|fault| fault.code.into_owned(), |_| "ok".to_owned()))
        .collect();
    assert_eq!(labels, ["ok", "insufficient_balance", "ok", "invalid"]);

    let queries = ["a", "b", "c", "d"].map(|name| {
        let program = None;
        let member = member(name);
        (Look { member, program }, Default::default())
    });
    let answers = tenant.execute_many(queries.to_vec()).await;
    let balances: Vec<i64> = answers
        .into_iter()
        .map(|answer| answer.unwrap().reply.0)
        .collect();
    assert_eq!(balances, [6, 0, 4, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_are_all_served_once() {
    let store = Scripted::new();
    let engine = store.builder().workers(2).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let callers = (0..1_000).map(|n| {
        let tenant = tenant.clone();
        tokio::spawn(async move {
            let earn = Earn::new(member(n % 50), 1);
            let first = tenant.execute_with(earn.clone(), keyed(n)).await.unwrap();
            let again = tenant.execute_with(earn, keyed(n)).await.unwrap();
            assert_eq!(first.reply, again.reply);
            assert_eq!((first.replayed, again.replayed), (false, true));
        })
    });
    for caller in join_all(callers).await {
        caller.unwrap();
    }
    let report = audited(&tenant).await;
    assert!(report.is_valid(), "{report:?}");
    assert_eq!((report.members, report.entries), (50, 1_000));
}

#[tokio::test]
async fn a_question_waits_for_no_commit_and_writes_nothing() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    let look = || Look {
        member: member("a"),
        program: None,
    };
    tenant
        .execute_with(Earn::new(member("a"), 3), keyed(1))
        .await
        .unwrap();
    store.shut_gate();
    let slow = start(&tenant, Earn::new(member("a"), 4), keyed(2)).await;
    store.reached(2).await;
    assert_eq!(tenant.execute(look()).await.unwrap(), (3, 0));
    store.open_gate();
    slow.await.unwrap().unwrap();
    assert_eq!(tenant.execute(look()).await.unwrap(), (7, 0));
    assert_eq!(store.sizes(), [1, 1]);
    assert_eq!(
        code(tenant.execute(Earn::new(member("a"), 1)).await),
        "invalid"
    );
}
