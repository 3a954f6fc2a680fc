//! Deposits on every store there is: nothing comes in without a provider's signature, and what comes in comes in once.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use rewards_core::command::Operation;
use rewards_core::ids::{KeyId, TenantId};
use rewards_core::ledger::Purpose;
use rewards_core::money::Money;
use rewards_core::operations::balances::{GetBalance, ListExpiring};
use rewards_core::operations::deposits::{
    ConfirmDeposit, GetDeposit, InitiateDeposit, ListDeposits,
};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::payments::DepositState;
use rewards_core::program::Program;
use rewards_core::rejection::Fault;
use rewards_core::secret::KeyPurpose;
use rewards_core::signature::Signature;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{
    CommandOptions, Engine, KeyRing, ManualClock, Receipt, RingKey, TenantEngine,
};
use rewards_storage::memory::MemoryStore;
use rewards_storage::store::Backend;
use sha2::Sha256;

use crate::world::{addresses, eur, member, patient};
use rewards_storage::sql::SqlStore;

const PROGRAM: &str = r#"{
  "id": "club", "currency": "EUR", "zone": "UTC", "rules": [],
  "deposits": {
    "minimum": "1.00",
    "providers": [{ "id": "card", "keys": ["card-1", "card-2"] }, { "id": "bank", "keys": ["bank-1"] }]
  }
}"#;

const NOON: &str = "2026-05-01T12:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn seconds(text: &str) -> i64 {
    at(text).micros() / 1_000_000
}

/// The bytes of a key, which everybody may know here.
fn bytes(id: &str) -> Vec<u8> {
    id.bytes().cycle().take(32).collect()
}

fn key(id: &str, from: &str, until: Option<&str>) -> RingKey {
    let until = until.map(at);
    RingKey::new(
        KeyPurpose::Deposits,
        id.parse().unwrap(),
        bytes(id),
        at(from),
        until,
    )
    .unwrap()
}

fn ring() -> Vec<RingKey> {
    vec![
        key(
            "card-1",
            "2026-01-01T00:00:00Z",
            Some("2026-06-01T00:00:00Z"),
        ),
        key("card-2", "2026-04-01T00:00:00Z", None),
        key("bank-1", "2026-01-01T00:00:00Z", None),
    ]
}

/// Every store there is, empty; two engines on each, as of two processes.
async fn stores(
    test: &str,
) -> Vec<(
    &'static str,
    [Arc<dyn Backend>; 2],
    Option<tempfile::TempDir>,
)> {
    let memory: Arc<dyn Backend> = Arc::new(MemoryStore::new());
    let mut all = vec![("memory", [memory.clone(), memory], None)];
    for (name, url, files) in addresses(test).await {
        let one: Arc<dyn Backend> = Arc::new(SqlStore::open(&url, patient()).await.unwrap());
        let two: Arc<dyn Backend> = match name {
            // Two stores on one file are one.
            "sqlite" => one.clone(),
            _ => Arc::new(SqlStore::open(&url, patient()).await.unwrap()),
        };
        all.push((name, [one, two], files));
    }
    all
}

async fn open(store: &Arc<dyn Backend>, keys: Vec<RingKey>) -> TenantEngine {
    let builder = Engine::builder(store.clone())
        .clock(Arc::new(ManualClock::new(at(NOON))))
        .clock_jump_max(Duration::MAX)
        .now_ahead_max(Duration::MAX);
    let builder = match keys.is_empty() {
        true => builder,
        false => builder.key_ring(KeyRing::new(keys).unwrap()),
    };
    let tenant = TenantId::new("shop").unwrap();
    builder.open().await.unwrap().tenant(tenant)
}

async fn set_up(engine: &TenantEngine, deposits: &[&str]) {
    let publish = PublishProgram {
        program: Program::from_json(PROGRAM).unwrap(),
        active_from: Some(at("2026-01-01T00:00:00Z")),
    };
    send(engine, publish, "program").await.unwrap();
    for who in ["ada", "bob"] {
        engine
            .execute(RegisterMember::new(member(who)))
            .await
            .unwrap();
    }
    for id in deposits {
        let initiate = InitiateDeposit {
            deposit: id.parse().unwrap(),
            program: "club".parse().unwrap(),
            member: member("ada"),
            amount: Money::new(1_250, eur()),
            provider: "card".parse().unwrap(),
            provider_reference: None,
        };
        engine.execute(initiate).await.unwrap();
    }
}

async fn send<O: Operation>(
    engine: &TenantEngine,
    request: O,
    key: &str,
) -> Result<Receipt<O::Reply>, Fault> {
    let options = CommandOptions::keyed(key.parse().unwrap());
    engine.execute_with(request, options).await
}

async fn send_at<O: Operation>(
    engine: &TenantEngine,
    request: O,
    now: &str,
) -> Result<Receipt<O::Reply>, Fault> {
    let options = CommandOptions {
        now: Some(at(now)),
        ..CommandOptions::default()
    };
    engine.execute_with(request, options).await
}

fn message(id: &str, reference: &str) -> String {
    format!(
        r#"{{"deposit":"{id}","amount":{{"amount":"12.50","asset":"EUR"}},"outcome":"paid","reference":"{reference}"}}"#
    )
}

fn signed(id: &str, message: &str, by: &str, now: &str) -> ConfirmDeposit {
    let timestamp = seconds(now);
    let mut mac = Hmac::<Sha256>::new_from_slice(&bytes(by)).unwrap();
    mac.update(format!("{timestamp}.{message}").as_bytes());
    ConfirmDeposit {
        deposit: id.parse().unwrap(),
        message: message.to_owned(),
        signature: Signature::Claimed(hex::encode(mac.finalize().into_bytes())),
        timestamp,
        key: None,
    }
}

async fn own_money(engine: &TenantEngine) -> i64 {
    let balance = engine
        .execute(GetBalance::new(member("ada")))
        .await
        .unwrap();
    let main = balance.assets.first().and_then(|euros| euros.main);
    main.map_or(0, Money::minor)
}

fn code<T>(result: Result<T, Fault>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(fault) if fault.code == "invalid" => {
            let problem = &fault.problems[0];
            format!("{} {}", problem.code, problem.path)
        }
        Err(fault) => fault.code.into_owned(),
    }
}

async fn assert_valid(engine: &TenantEngine, name: &str) {
    let report = engine.verify().await.unwrap();
    assert!(report.is_valid(), "{name}: {:?}", report.problems);
}

#[tokio::test]
async fn the_signature_is_what_is_documented() {
    // printf '1777636800.hello' | openssl dgst -sha256 -hmac card-1card-1card-1card-1card-1ca
    let want = "e12448425772d09b0ec602762d4a4da3388dc452ac85153c5f26078ec4534bcb";
    let Signature::Claimed(found) = signed("d1", "hello", "card-1", NOON).signature else {
        panic!("a claim")
    };
    assert_eq!(found, want);
}

#[tokio::test]
async fn nothing_comes_in_that_no_provider_signed() {
    for (name, [store, _], _files) in stores("deposit_signatures").await {
        let engine = open(&store, ring()).await;
        set_up(&engine, &["d1"]).await;
        let text = message("d1", "r1");
        let good = || signed("d1", &text, "card-2", NOON);
        let named = |key: &str| Some(KeyId::new(key).unwrap());
        let claimed = |text: &str| Signature::Claimed(text.to_owned());
        let cases: Vec<(&str, ConfirmDeposit)> = vec![
            (
                "value_invalid signature",
                ConfirmDeposit {
                    signature: claimed("00"),
                    ..good()
                },
            ),
            // Nobody but the engine says what is genuine.
            (
                "value_invalid signature",
                ConfirmDeposit {
                    signature: Signature::Verified("card-2".parse().unwrap()),
                    ..good()
                },
            ),
            (
                "time_out_of_range timestamp",
                ConfirmDeposit {
                    timestamp: i64::MAX,
                    ..good()
                },
            ),
            (
                "signature_invalid",
                ConfirmDeposit {
                    signature: claimed(&"00".repeat(32)),
                    ..good()
                },
            ),
            (
                "signature_invalid",
                ConfirmDeposit {
                    timestamp: good().timestamp + 1,
                    ..good()
                },
            ),
            (
                "signature_invalid",
                ConfirmDeposit {
                    message: format!("{text} "),
                    ..good()
                },
            ),
            (
                "signature_invalid",
                ConfirmDeposit {
                    key: named("card-1"),
                    ..good()
                },
            ),
            (
                "signature_key_unknown",
                ConfirmDeposit {
                    key: named("card-9"),
                    ..good()
                },
            ),
            ("signature_invalid", signed("d1", &text, "nobody", NOON)),
            // A key of another provider; one before its time; one whose time was over when it signed.
            ("signature_invalid", signed("d1", &text, "bank-1", NOON)),
            (
                "signature_invalid",
                signed("d1", &text, "card-2", "2026-03-31T23:59:59Z"),
            ),
            (
                "signature_invalid",
                signed("d1", &text, "card-1", "2026-06-01T00:00:00Z"),
            ),
            (
                "signature_expired",
                signed("d1", &text, "card-1", "2026-04-30T12:00:00Z"),
            ),
        ];
        for (want, confirm) in cases {
            let said = format!("{name}: {confirm:?}");
            assert_eq!(code(engine.execute(confirm).await), want, "{said}");
        }
        let without = open(&store, vec![]).await;
        assert_eq!(code(without.execute(good()).await), "key_ring_missing");
        assert_eq!(own_money(&engine).await, 0);
        // Which key it was need not be said, and may be.
        let confirm = ConfirmDeposit {
            key: named("card-2"),
            ..good()
        };
        let settled = engine.execute(confirm).await.unwrap();
        assert_eq!(settled.state, DepositState::Confirmed);
        assert_eq!(own_money(&engine).await, 1_250, "{name}");
        assert_valid(&engine, name).await;
    }
}

#[tokio::test]
async fn a_message_that_is_signed_again_is_the_same_message() {
    for (name, [store, other], _files) in stores("deposit_repeats").await {
        let engine = open(&store, ring()).await;
        set_up(&engine, &["d1", "d2"]).await;
        let text = message("d1", "r1");
        let first = send_at(&engine, signed("d1", &text, "card-1", NOON), NOON)
            .await
            .unwrap();
        assert!(!first.replayed);
        // Signed anew, under the next key, and delivered by another process days later.
        let elsewhere = open(&other, ring()).await;
        let later = "2026-05-09T12:00:00Z";
        let again = ConfirmDeposit {
            key: Some("card-2".parse().unwrap()),
            ..signed("d1", &text, "card-2", later)
        };
        let again = send_at(&elsewhere, again, later).await.unwrap();
        assert!(again.replayed, "{name}");
        assert_eq!(again.reply, first.reply);
        // Without a good signature nobody is even told what became of it.
        let mut forged = signed("d1", &text, "nobody", later);
        forged.key = Some("card-2".parse().unwrap());
        assert_eq!(code(elsewhere.execute(forged).await), "signature_invalid");
        // The message is used, so it is good for no other deposit.
        let stolen = signed("d2", &text, "card-2", NOON);
        assert_eq!(code(engine.execute(stolen).await), "key_reused");
        let stolen = signed("d2", &message("d1", "r2"), "card-2", NOON);
        assert_eq!(code(engine.execute(stolen).await), "deposit_mismatch");
        assert_eq!(own_money(&engine).await, 1_250);
        assert_valid(&engine, name).await;
    }
}

#[tokio::test]
async fn of_many_confirmations_at_once_one_counts() {
    for (name, stores, _files) in stores("deposit_races").await {
        let mut engines = Vec::new();
        for store in &stores {
            engines.push(open(store, ring()).await);
        }
        set_up(&engines[0], &["d1", "d2"]).await;
        let mut tasks = Vec::new();
        for number in 0..16_usize {
            let engine = engines[number % engines.len()].clone();
            // The same message eight times, with keys and without; and eight others.
            let reference = if number < 8 {
                "r".to_owned()
            } else {
                format!("r{number}")
            };
            let confirm = signed("d1", &message("d1", &reference), "card-2", NOON);
            tasks.push(tokio::spawn(async move {
                match number % 4 {
                    0 | 1 => engine.execute(confirm).await.map(|_| ()),
                    _ => send(&engine, confirm, &format!("k{number}"))
                        .await
                        .map(|_| ()),
                }
            }));
        }
        let mut codes = Vec::new();
        for task in tasks {
            codes.push(code(task.await.unwrap()));
        }
        assert!(codes.iter().any(|code| code == "done"), "{name}: {codes:?}");
        let known = |code: &String| code == "done" || code == "deposit_confirmed";
        assert!(codes.iter().all(known), "{name}: {codes:?}");
        assert_eq!(own_money(&engines[1]).await, 1_250, "{name}");
        let controls = stores[0]
            .control_accounts(engines[0].tenant())
            .await
            .unwrap();
        let clearing = controls
            .iter()
            .find(|(purpose, ..)| *purpose == Purpose::Deposits);
        assert_eq!(clearing.map(|(.., minor)| *minor), Some(-1_250), "{name}");
        assert_valid(&engines[0], name).await;
    }
}

#[tokio::test]
async fn lists_are_the_same_on_every_store() {
    for (name, [store, _], _files) in stores("deposit_lists").await {
        let engine = open(&store, ring()).await;
        set_up(&engine, &["d1", "d2", "d3"]).await;
        let settle = signed("d2", &message("d2", "r2"), "card-1", NOON);
        engine.execute(settle).await.unwrap();
        let later = "2026-05-01T13:00:00Z";
        let list = ListDeposits {
            limit: Some(2),
            ..ListDeposits::default()
        };
        let page = send_at(&engine, list.clone(), later).await.unwrap().reply;
        let found = page
            .deposits
            .iter()
            .map(|one| (one.deposit.as_str(), one.state));
        let want = [
            ("d3", DepositState::Expired),
            ("d2", DepositState::Confirmed),
        ];
        assert!(found.eq(want), "{name}: {page:?}");
        let rest = ListDeposits {
            after: page.next,
            member: None,
            ..list
        };
        let rest = send_at(&engine, rest, later).await.unwrap().reply;
        assert_eq!((rest.deposits.len(), rest.next), (1, None));
        let get = GetDeposit {
            deposit: "d2".parse().unwrap(),
            member: Some(member("ada")),
        };
        let found = engine.execute(get).await.unwrap();
        assert_eq!((found.entry, found.late), (Some(1), false));

        for (number, (who, days)) in [("ada", 3), ("bob", 2), ("ada", 1), ("bob", 40)]
            .iter()
            .enumerate()
        {
            let grant = GrantReward {
                source: None,
                reference: None,
                member: member(who),
                amount: Money::new(100, eur()),
                reason: "thanks".to_owned(),
                expires_at: Some(at(NOON).checked_add_days(*days).unwrap()),
            };
            send(&engine, grant, &format!("grant-{number}"))
                .await
                .unwrap();
        }
        let mut list = ListExpiring {
            limit: Some(2),
            ..ListExpiring::default()
        };
        let mut found = Vec::new();
        loop {
            let page = engine.execute(list.clone()).await.unwrap();
            found.extend(
                page.items
                    .into_iter()
                    .map(|item| (item.member.to_string(), item.lot)),
            );
            list.after = page.next;
            if list.after.is_none() {
                break;
            }
        }
        let want = [("ada", 3), ("bob", 1), ("ada", 2)];
        assert_eq!(
            found,
            want.map(|(who, lot)| (who.to_owned(), lot)),
            "{name}"
        );
        assert_valid(&engine, name).await;
    }
}
