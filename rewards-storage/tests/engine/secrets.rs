//! Secrets are sealed before anybody sees them, and the rotation of keys changes nothing for a caller.

use std::sync::Arc;
use std::time::Duration;

use rewards_core::ids::{KeyId, TenantId};
use rewards_core::rejection::FaultKind;
use rewards_core::secret::{KeyPurpose, SECRET_BYTES_MAX, Secret};
use rewards_core::time::Timestamp;
use rewards_storage::engine::{
    CommandOptions, Engine, KeyRing, ManualClock, RingKey, TenantEngine,
};

use super::things::{Ask, Tell};
use crate::support::{Scripted, code, keyed, start, tenant};

const PHONE: &str = "+49 170 5550123";

fn day(day: u32) -> Timestamp {
    Timestamp::parse(&format!("2026-05-{day:02}T00:00:00Z")).unwrap()
}

fn key(id: &str, from: u32, until: Option<u32>) -> RingKey {
    let secret = id.bytes().cycle().take(32).collect();
    let id = KeyId::new(id).unwrap();
    RingKey::new(KeyPurpose::Alias, id, secret, day(from), until.map(day)).unwrap()
}

async fn open(store: &Arc<Scripted>, keys: Vec<RingKey>, today: u32) -> (Engine, TenantEngine) {
    let builder = store
        .builder()
        .clock(Arc::new(ManualClock::new(day(today))))
        .now_ahead_max(Duration::MAX);
    let ring = KeyRing::new(keys).unwrap();
    let engine = builder.key_ring(ring).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    (engine, tenant)
}

async fn asked(tenant: &TenantEngine, text: &str) -> Vec<(String, String)> {
    let digests = tenant.execute(Ask(text.into())).await.unwrap();
    let digests = digests.into_iter();
    digests
        .map(|d| (d.key.to_string(), d.digest.to_string()))
        .collect()
}

#[tokio::test]
async fn a_secret_is_sealed_under_every_live_key_the_current_one_first() {
    let store = Scripted::new();
    let keys = || {
        vec![
            key("old", 1, Some(10)),
            key("new", 8, None),
            key("later", 20, None),
        ]
    };
    let (_engine, tenant) = open(&store, keys(), 15).await;
    let digests = asked(&tenant, PHONE).await;
    let ids: Vec<&str> = digests.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(ids, ["new", "old"]);
    for (_, digest) in &digests {
        assert_eq!(digest.len(), 64);
        assert!(
            digest
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        );
    }
    assert_ne!(digests[0].1, digests[1].1);
    assert_eq!(asked(&tenant, PHONE).await, digests, "the same each time");
    assert_ne!(asked(&tenant, "+49 170 5550124").await[0], digests[0]);
    // What was digested under a key is found as long as the key is in the ring, whichever is current.
    let (_engine, before) = open(&store, keys(), 5).await;
    assert_eq!(asked(&before, PHONE).await, digests[1..]);
    let (_engine, after) = open(&store, keys(), 25).await;
    assert_eq!(asked(&after, PHONE).await[1..], digests);
}

#[tokio::test]
async fn the_time_of_a_command_picks_its_key() {
    let store = Scripted::new();
    let keys = vec![key("old", 1, Some(10)), key("new", 8, None)];
    let (_engine, tenant) = open(&store, keys, 15).await;
    for (now, want) in [
        (5, ["old", "new"]),
        (9, ["new", "old"]),
        (20, ["new", "old"]),
    ] {
        let options = CommandOptions {
            now: Some(day(now)),
            ..CommandOptions::default()
        };
        let digests = tenant.execute_with(Ask(PHONE.into()), options).await;
        let digests = digests.unwrap().reply.into_iter();
        // What was digested with the newer key is found all the same.
        assert_eq!(digests.map(|d| d.key.to_string()).collect::<Vec<_>>(), want);
    }
}

#[tokio::test]
async fn the_digest_is_what_is_documented() {
    let store = Scripted::new();
    let (_engine, tenant) = open(&store, vec![key("k", 1, None)], 2).await;
    // printf 'rewards/secret/1\0alias\0t\0+49 170 5550123' | openssl dgst -sha256 -hmac kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk
    let want = "419479d0a18bb12293bcb0f3051183dd507f2517c0d03248ac212122a8bd51d5";
    assert_eq!(
        asked(&tenant, PHONE).await,
        [("k".to_owned(), want.to_owned())]
    );
}

#[tokio::test]
async fn another_tenant_has_other_digests() {
    let store = Scripted::new();
    let (engine, tenant) = open(&store, vec![key("k", 1, None)], 2).await;
    let other = engine.tenant(TenantId::new("other").unwrap());
    assert_ne!(asked(&tenant, PHONE).await, asked(&other, PHONE).await);
}

#[tokio::test]
async fn a_repetition_after_a_rotation_replays() {
    let store = Scripted::new();
    let (_engine, before) = open(&store, vec![key("old", 1, None)], 5).await;
    let first = before
        .execute_with(Tell::new(PHONE), keyed("k"))
        .await
        .unwrap();
    let keys = || vec![key("old", 1, None), key("new", 8, None)];
    let (_engine, after) = open(&store, keys(), 9).await;
    let again = after
        .execute_with(Tell::new(PHONE), keyed("k"))
        .await
        .unwrap();
    assert!(again.replayed);
    assert_eq!(again.reply, first.reply);
    let other = after
        .execute_with(Tell::new("something else"), keyed("k"))
        .await;
    assert_eq!(code(other), "key_reused");
    let none = Tell {
        said: vec![],
        ..Tell::new("")
    };
    assert_eq!(
        code(after.execute_with(none, keyed("k")).await),
        "key_reused"
    );
    // And the other way round, in an engine that does not know yet that the new key is current.
    let newer = after
        .execute_with(Tell::new(PHONE), keyed("n"))
        .await
        .unwrap();
    let (_engine, behind) = open(&store, keys(), 8).await;
    let again = behind
        .execute_with(Tell::new(PHONE), keyed("n"))
        .await
        .unwrap();
    assert_eq!((again.replayed, again.reply), (true, newer.reply));
    assert_eq!(store.sizes(), [1, 1]);
}

#[tokio::test]
async fn a_race_between_two_current_keys_replays() {
    let store = Scripted::new();
    let keys = || vec![key("old", 1, None), key("new", 8, None)];
    let (_one, one) = open(&store, keys(), 5).await;
    let (_two, two) = open(&store, keys(), 9).await;
    store.shut_gate();
    let first = start(&one, Tell::new(PHONE), keyed("k")).await;
    let second = start(&two, Tell::new(PHONE), keyed("k")).await;
    store.reached(2).await;
    store.open_gate();
    let first = first.await.unwrap().unwrap();
    let second = second.await.unwrap().unwrap();
    assert_eq!((first.replayed, second.replayed), (false, true));
    assert_eq!(first.reply, second.reply);
}

#[tokio::test]
async fn a_race_for_a_key_by_two_requests_has_one_winner() {
    let store = Scripted::new();
    let keys = || vec![key("old", 1, None), key("new", 8, None)];
    let (_one, one) = open(&store, keys(), 9).await;
    let (_two, two) = open(&store, keys(), 9).await;
    store.shut_gate();
    let first = start(&one, Tell::new(PHONE), keyed("other")).await;
    let second = start(&two, Tell::new("something else"), keyed("other")).await;
    store.reached(2).await;
    store.open_gate();
    first.await.unwrap().unwrap();
    assert_eq!(code(second.await.unwrap()), "key_reused");
}

#[tokio::test]
async fn without_a_key_nothing_is_taken() {
    let store = Scripted::new();
    let (_engine, without) = store.open().await;
    let (_engine, ended) = open(&store, vec![key("k", 1, Some(3))], 5).await;
    let (_engine, early) = open(&store, vec![key("k", 7, None)], 5).await;
    for tenant in [without, ended, early] {
        let fault = tenant
            .execute_with(Tell::new(PHONE), keyed(1))
            .await
            .unwrap_err();
        assert_eq!(
            (fault.code.as_ref(), fault.kind),
            ("key_ring_missing", FaultKind::Internal)
        );
        assert_eq!(fault.context["purpose"], "alias");
        assert_eq!(fault.http_status(), 500);
        assert_eq!(
            code(tenant.execute(Ask(PHONE.into())).await),
            "key_ring_missing"
        );
    }
    assert_eq!((store.views(), store.sizes().len()), (0, 0));
}

#[tokio::test]
async fn a_bad_secret_is_refused_with_its_path_and_without_telling_it() {
    let store = Scripted::new();
    let (_engine, tenant) = open(&store, vec![key("k", 1, None)], 2).await;
    let long = "long".repeat(SECRET_BYTES_MAX);
    let said: Vec<Secret> = vec![
        "fine".into(),
        "".into(),
        long.as_str().into(),
        "tab\there".into(),
    ];
    let tell = Tell {
        said,
        ..Tell::new("")
    };
    let fault = tenant.execute_with(tell, keyed(1)).await.unwrap_err();
    let paths: Vec<&str> = fault.problems.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(paths, ["said[1]", "said[2]", "said[3]"]);
    assert!(
        fault
            .problems
            .iter()
            .all(|problem| problem.code == "secret_invalid")
    );
    let shown = format!("{fault:?} {fault}");
    assert!(!shown.contains("longlong") && !shown.contains("here"));
    // Nobody but the engine makes digests.
    let sealed = Tell {
        said: vec![Secret::Sealed(vec![])],
        ..Tell::new("")
    };
    assert_eq!(code(tenant.execute_with(sealed, keyed(1)).await), "invalid");
    let fault = tenant.execute(Ask("".into())).await.unwrap_err();
    assert_eq!(fault.problems[0].path, "");
}

#[tokio::test]
async fn nothing_that_is_stored_or_shown_holds_a_secret() {
    let store = Scripted::new();
    let (engine, tenant) = open(&store, vec![key("k", 1, None)], 2).await;
    let tell = Tell::new(PHONE);
    assert!(!format!("{tell:?}").contains(PHONE));
    tenant.execute_with(tell, keyed("k")).await.unwrap();
    let shown = format!("{store:?} {engine:?} {tenant:?} {:?}", key("k", 1, None));
    assert!(shown.contains("tell"), "the store shows what it holds");
    assert!(
        !shown.contains("5550123") && !shown.contains("kkkk"),
        "{shown}"
    );
}
