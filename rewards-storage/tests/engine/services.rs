//! Events, health and the audit of the books.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rewards_core::audit::AuditProblem;
use rewards_core::event::Stream;
use rewards_core::ledger::{Account, Purpose};
use rewards_core::time::Timestamp;
use rewards_storage::engine::{Events, ManualClock};
use uuid::Uuid;

use crate::support::{Earn, Scripted, audited, eur, keyed, member, tenant};

#[tokio::test]
async fn events_are_leased_acknowledged_and_given_back() {
    let now = Timestamp::parse("2026-05-01T10:00:00Z").unwrap();
    let store = Scripted::new();
    let clock = Arc::new(ManualClock::new(now));
    let engine = store.builder().clock(clock.clone()).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    for (n, name) in ["a", "a", "b"].into_iter().enumerate() {
        let earn = Earn::new(member(name), 1);
        tenant.execute_with(earn, keyed(n)).await.unwrap();
    }
    clock.advance_seconds(90).unwrap();
    let health = engine.health().await.unwrap();
    assert_eq!(
        (health.store.outbox_waiting, health.outbox_lag_seconds),
        (3, 90)
    );
    assert!(health.is_open);

    let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let claimed = tenant.claim_events(one, 60, 10).await.unwrap();
    assert_eq!(claimed.len(), 3);
    assert!(tenant.claim_events(two, 60, 10).await.unwrap().is_empty());
    let (a, b) = (Stream::Member(member("a")), Stream::Member(member("b")));
    let released = tenant.release_events(one, &[(b.clone(), 1)]).await;
    assert_eq!(released.unwrap(), 1);
    let claimed = tenant.claim_events(two, 60, 10).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].event.stream, b);
    let events = [(a.clone(), 1), (a.clone(), 2), (b, 1)];
    let removed = tenant.acknowledge_events(one, &events).await.unwrap();
    assert_eq!(removed, 2, "only what is leased to the owner");
    clock.advance_seconds(61).unwrap();
    assert_eq!(tenant.claim_events(one, 60, 10).await.unwrap().len(), 1);

    clock.set(Timestamp::MAX);
    let fault = tenant.claim_events(one, 60, 1).await.unwrap_err();
    assert_eq!(fault.code, "invalid");
    assert_eq!(fault.problems[0].code, "out_of_range");
}

#[tokio::test]
async fn events_can_be_dropped_and_discarded() {
    let store = Scripted::new();
    let (engine, kept) = store.open().await;
    let earn = |name| Earn::new(member(name), 1);
    for n in 0..3 {
        kept.execute_with(earn("a"), keyed(n)).await.unwrap();
    }
    assert_eq!(engine.health().await.unwrap().store.outbox_waiting, 3);
    let leased = kept.claim_events(Uuid::from_u128(1), 60, 1).await.unwrap();
    assert_eq!(kept.discard_events().await.unwrap(), 0, "behind a lease");
    let stream = [(leased[0].event.stream.clone(), 1)];
    kept.release_events(Uuid::from_u128(1), &stream)
        .await
        .unwrap();
    assert_eq!(kept.discard_events().await.unwrap(), 3);
    assert_eq!(kept.discard_events().await.unwrap(), 0);

    let silent = store.builder().events(Events::Dropped).open();
    let silent = silent.await.unwrap().tenant(tenant());
    let told = silent.execute_with(earn("a"), keyed(3)).await.unwrap();
    assert_eq!((told.reply.seq, told.reply.balance), (4, 4));
    assert_eq!(engine.health().await.unwrap().store.outbox_waiting, 0);
    kept.execute_with(earn("a"), keyed(4)).await.unwrap();
    let events = kept.claim_events(Uuid::from_u128(1), 60, 9).await.unwrap();
    let numbers: Vec<u64> = events.iter().map(|claimed| claimed.event.seq).collect();
    assert_eq!(numbers, [5], "behind a gap");
}

#[tokio::test]
async fn an_empty_outbox_has_no_lag() {
    let store = Scripted::new();
    let (engine, _) = store.open().await;
    let health = engine.health().await.unwrap();
    assert_eq!((health.outbox_lag_seconds, health.queued), (0, 0));
}

#[tokio::test]
async fn valid_books_have_no_problems() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    let empty = audited(&tenant).await;
    assert!(empty.is_valid());
    for n in 0..25 {
        let earn = Earn::new(member(n % 5), 3);
        tenant.execute_with(earn, keyed(n)).await.unwrap();
    }
    let report = audited(&tenant).await;
    assert!(report.is_valid(), "{report:?}");
    // What five members have in total, and the account that paid them.
    assert_eq!(
        (report.members, report.entries, report.accounts),
        (5, 25, 2)
    );
}

#[tokio::test]
async fn wrong_balances_are_found() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    let earn = Earn::new(member("a"), 3);
    tenant.execute_with(earn, keyed(1)).await.unwrap();
    store.skew.store(4, Ordering::SeqCst);
    let report = audited(&tenant).await;
    assert!(!report.is_valid());
    let count =
        |is_it: fn(&AuditProblem) -> bool| report.problems.iter().filter(|p| is_it(p)).count();
    assert_eq!(
        count(|p| matches!(p, AuditProblem::BalanceMismatch { .. })),
        1
    );
    assert_eq!(
        count(|p| matches!(p, AuditProblem::ControlMismatch { .. })),
        2
    );
    assert_eq!(count(|p| matches!(p, AuditProblem::NotZeroSum { .. })), 1);
}

#[tokio::test]
async fn a_journal_without_its_member_is_found() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    for name in ["a", "b", "c"] {
        let earn = Earn::new(member(name), 3);
        tenant.execute_with(earn, keyed(name)).await.unwrap();
    }
    *store.hidden.lock().unwrap() = Some(member("b"));
    let report = audited(&tenant).await;
    let head = AuditProblem::HeadMismatch {
        member: member("b"),
        found: 1,
        stored: 0,
    };
    let account = Account::member(&member("b"), Purpose::Cashback, eur());
    let lots = AuditProblem::LotSumMismatch {
        account: account.clone(),
        lots: 3,
        stored: 0,
    };
    let event = AuditProblem::EventUnknown {
        stream: Stream::Member(member("b")),
        seq: 1,
    };
    let balance = AuditProblem::BalanceMismatch {
        account,
        folded: 3,
        stored: 0,
    };
    assert_eq!(report.problems, [head, lots, event, balance]);
}
