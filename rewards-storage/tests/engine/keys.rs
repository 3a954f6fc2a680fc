//! A key has one effect and one reply, for ever.

use rewards_core::ids::{IdempotencyKey, TenantId};
use rewards_core::rejection::FaultKind;
use rewards_core::snapshot::MemberKey;
use rewards_storage::batch::{Refusal, StaleRow};

use super::things::{Make, ThingId};
use crate::support::{
    Earn, Look, Mode, Publish, Scripted, Spend, Trouble, audited, code, keyed, member, program,
    start, tenant,
};

fn earn(amount: i64) -> Earn {
    Earn::new(member("a"), amount)
}

#[tokio::test]
async fn a_repeated_key_replays_and_another_request_under_it_is_refused() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    let first = tenant.execute_with(earn(5), keyed("k")).await.unwrap();
    tenant.execute_with(earn(5), keyed("other")).await.unwrap();
    let again = tenant.execute_with(earn(5), keyed("k")).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.reply, first.reply);
    let fault = tenant.execute_with(earn(6), keyed("k")).await.unwrap_err();
    assert_eq!(
        (fault.code.as_ref(), fault.kind),
        ("key_reused", FaultKind::Conflict)
    );
    assert_eq!(fault.context.get("key").map(String::as_str), Some("k"));
    assert_eq!(store.sizes(), [1, 1], "repetitions commit nothing");
}

#[tokio::test]
async fn keys_are_scoped_by_tenant_and_operation() {
    let store = Scripted::new();
    let (engine, tenant) = store.open().await;
    tenant.execute_with(earn(5), keyed("k")).await.unwrap();
    let spend = Spend {
        member: member("a"),
        amount: 5,
        lots_max: 10,
    };
    let spent = tenant.execute_with(spend, keyed("k")).await.unwrap();
    assert!(!spent.replayed);
    let other = engine.tenant(TenantId::new("other").unwrap());
    let earned = other.execute_with(earn(7), keyed("k")).await.unwrap();
    assert_eq!((earned.replayed, earned.reply.balance), (false, 7));
}

#[tokio::test]
async fn a_request_may_imply_its_key_and_must_when_none_is_given() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    let natural = Earn {
        natural: Some(IdempotencyKey::new("purchase-1").unwrap()),
        ..earn(5)
    };
    let first = tenant.execute_with(natural.clone(), Default::default());
    assert!(!first.await.unwrap().replayed);
    let again = tenant.execute_with(natural, Default::default());
    assert!(again.await.unwrap().replayed);
    let publish = Publish {
        program: program("p"),
    };
    let fault = tenant.execute(publish).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Invalid);
    assert_eq!(fault.problems[0].code, "key_required");
    let look = Look {
        member: member("a"),
        program: None,
    };
    assert_eq!(tenant.execute(look).await.unwrap(), (5, 0));
}

#[tokio::test]
async fn a_used_key_answers_before_anything_can_refuse() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    tenant.execute_with(earn(5), keyed("used")).await.unwrap();
    for mode in [
        Mode::RefusedUnread,
        Mode::RefusedRead,
        Mode::PanicsReading,
        Mode::PanicsDeciding,
    ] {
        let outcome = tenant.execute_with(earn(5).mode(mode), keyed("used")).await;
        assert_eq!(code(outcome), "key_reused", "{mode:?}");
    }
}

#[tokio::test]
async fn a_refused_command_leaves_its_key_free() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    for mode in [Mode::RefusedUnread, Mode::RefusedRead] {
        let outcome = tenant.execute_with(earn(5).mode(mode), keyed("k")).await;
        assert_eq!(code(outcome), "overflow");
    }
    assert!(store.sizes().is_empty());
    let receipt = tenant.execute_with(earn(5), keyed("k")).await.unwrap();
    assert!(!receipt.replayed);
}

#[tokio::test]
async fn one_key_twice_in_one_batch_has_one_effect() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let first = start(&tenant, earn(1), keyed("first")).await;
    let a = start(&tenant, earn(5), keyed("k")).await;
    let b = start(&tenant, earn(5), keyed("k")).await;
    let c = start(&tenant, earn(6), keyed("k")).await;
    store.open_gate();
    first.await.unwrap().unwrap();
    let (a, b) = (a.await.unwrap().unwrap(), b.await.unwrap().unwrap());
    assert_eq!((a.replayed, b.replayed), (false, true));
    assert_eq!(a.reply, b.reply);
    assert_eq!(code(c.await.unwrap()), "key_reused");
    assert_eq!(store.sizes(), [1, 1]);
}

#[tokio::test]
async fn what_is_made_under_a_key_is_repeated_without_one_in_the_same_batch() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let make = |owner: &str| Make {
        thing: ThingId("cup".to_owned()),
        owner: owner.parse().unwrap(),
    };
    let first = start(&tenant, earn(1), keyed("first")).await;
    let a = start(&tenant, make("ada"), keyed("k")).await;
    let b = start(&tenant, make("ada"), Default::default()).await;
    let c = start(&tenant, make("bob"), Default::default()).await;
    store.open_gate();
    first.await.unwrap().unwrap();
    let (a, b) = (a.await.unwrap().unwrap(), b.await.unwrap().unwrap());
    assert_eq!((a.replayed, b.replayed), (false, true));
    assert_eq!(a.reply, b.reply);
    assert_eq!(code(c.await.unwrap()), "key_reused");
    assert_eq!(store.sizes(), [1, 1]);
}

#[tokio::test]
async fn a_repetition_in_one_batch_is_decided_when_the_first_is_refused() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let first = start(&tenant, earn(1), keyed("first")).await;
    let a = start(&tenant, earn(5).mode(Mode::RefusedRead), keyed("k")).await;
    let b = start(&tenant, earn(6), keyed("k")).await;
    store.open_gate();
    first.await.unwrap().unwrap();
    assert_eq!(code(a.await.unwrap()), "overflow");
    assert_eq!(b.await.unwrap().unwrap().reply.balance, 7);
}

#[tokio::test]
async fn a_repetition_in_one_batch_follows_the_first_through_a_lost_race() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, engine) = store.open().await;
    let first = start(&engine, earn(1), keyed("first")).await;
    let a = start(&engine, earn(5), keyed("k")).await;
    let b = start(&engine, earn(5), keyed("k")).await;
    let stale = StaleRow::Member(MemberKey {
        tenant: tenant(),
        member: member("a"),
    });
    store.next_commits([Trouble::Fine, Trouble::Refuses(0, Refusal::Stale(stale))]);
    store.open_gate();
    first.await.unwrap().unwrap();
    let (a, b) = (a.await.unwrap().unwrap(), b.await.unwrap().unwrap());
    assert_eq!((a.replayed, b.replayed), (false, true));
    assert_eq!((a.reply.balance, b.reply.balance), (6, 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_from_two_engines_has_one_effect() {
    let store = Scripted::new();
    let (_one, one) = store.open().await;
    let (_two, two) = store.open().await;
    for n in 0..100 {
        let (a, b) = tokio::join!(
            one.execute_with(earn(1), keyed(n)),
            two.execute_with(earn(1), keyed(n))
        );
        let (a, b) = (a.unwrap(), b.unwrap());
        assert_eq!(a.reply, b.reply);
        assert!(a.replayed != b.replayed, "round {n}");
    }
    let report = audited(&one).await;
    assert_eq!((report.is_valid(), report.entries), (true, 100));
}
