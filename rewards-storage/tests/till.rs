//! A till: what it has taken survives restarts and crashes, cannot be taken back unseen, and is paid by the engine once it is told.

use std::path::Path;

use rewards_core::money::Money;
use rewards_core::operations::tokens::{
    GetTokenKeys, IssueToken, ReceiptOutcome, RedeemToken, SettleReceipts,
};
use rewards_core::rejection::Fault;
use rewards_core::secret::KeyPurpose;
use rewards_core::time::Timestamp;
use rewards_core::tokens::{
    MemoryLog, NotTaken, OfflineLimits, PreparedVerifier, ShownToken, TillMark, TokenClaims,
    TokenLog, TokenPublicKey, TokenSigner, TokenSpend, TokenVerifier, UnsignedToken,
};
use rewards_storage::engine::{KeyRing, RingKey, TenantEngine};
use rewards_storage::memory::MemoryStore;
use rewards_storage::store::Backend;
use rewards_storage::till::{SqliteLog, Till, TillError};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use crate::every_store::{NOON, at, open_with, send, set_up};
use crate::world::{eur, member};

fn phone() -> TokenSigner {
    TokenSigner::from_seed(&[2; 32])
}

fn issuer() -> TokenSigner {
    TokenSigner::from_seed(&[3; 32])
}

fn later(seconds: i64) -> Timestamp {
    at(NOON).checked_add_micros(seconds * 1_000_000).unwrap()
}

/// What a till knows of the issuer of these tests.
fn verifier() -> TokenVerifier {
    TokenVerifier {
        issuer: "club".parse().unwrap(),
        keys: vec![TokenPublicKey {
            key: "k1".parse().unwrap(),
            public_key: hex::encode(issuer().public_key()),
            valid_from: later(-1_000_000),
            valid_until: None,
        }],
        revoked: Vec::new(),
        merchant: "kiosk".parse().unwrap(),
        category: None,
        tolerance_seconds: 0,
        limits: OfflineLimits::default(),
    }
}

/// A token of 10.00 for a day; bound to the phone or not.
fn token(name: &str, is_bound: bool) -> String {
    let claims = TokenClaims {
        issuer: "club".parse().unwrap(),
        member: member("ada"),
        merchant: None,
        expires_at: later(86_400),
        begins_at: at(NOON),
        issued_at: at(NOON),
        token: name.parse().unwrap(),
        holder_key: is_bound.then(|| hex::encode(phone().public_key())),
        amount: Money::new(1_000, eur()),
        spend_max: None,
        spends_max: is_bound.then_some(32),
        categories: Vec::new(),
        refused_categories: Vec::new(),
        device: None,
    };
    let unsigned = UnsignedToken::new(&claims, &"k1".parse().unwrap()).unwrap();
    let signature = issuer().sign(unsigned.to_sign());
    unsigned.signed(&signature).unwrap()
}

fn bearer(name: &str, now: Timestamp) -> ShownToken {
    ShownToken {
        token: token(name, false),
        proof: None,
        amount: Money::new(1_000, eur()),
        reference: None,
        device: None,
        now,
    }
}

/// The next payment of a token by the phone.
fn spend(token: &str, previous: Option<&ShownToken>, minor: i64, now: Timestamp) -> ShownToken {
    let spend = TokenSpend {
        token: token.to_owned(),
        previous: previous.and_then(|before| before.proof.clone()),
        merchant: "kiosk".parse().unwrap(),
        amount: Money::new(minor, eur()),
        reference: Some("sale-1".parse().unwrap()),
        now,
    };
    let signature = phone().sign(&spend.message().unwrap());
    ShownToken {
        proof: Some(spend.proof(&signature).unwrap()),
        token: spend.token,
        amount: spend.amount,
        reference: spend.reference,
        device: None,
        now,
    }
}

fn code<T>(outcome: Result<T, TillError>) -> String {
    match outcome {
        Ok(_) => "done".to_owned(),
        Err(error) => Fault::from(error).code.into_owned(),
    }
}

async fn open(folder: &TempDir, mark: Option<TillMark>) -> Result<Till, TillError> {
    Till::open(folder.path().join("till.db"), verifier(), mark).await
}

/// The bare file, as whoever can write it has it.
async fn change(path: &Path, statement: &'static str) {
    let url = format!("sqlite://{}", path.display());
    let mut file = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut file).await.unwrap();
    file.close().await.unwrap();
}

#[tokio::test]
async fn what_was_taken_survives_a_restart() {
    let folder = TempDir::new().unwrap();
    let text = token("t1", true);
    let first = spend(&text, None, 300, later(10));
    let second = spend(&text, Some(&first), 400, later(20));
    let till = open(&folder, None).await.unwrap();
    let taken = till.take(&first).await.unwrap();
    assert_eq!((taken.counter, taken.amount.minor()), (1, 300));
    assert_eq!(code(till.take(&first).await), "token_seen");
    till.take(&bearer("t2", later(15))).await.unwrap();
    let mark = till.mark().await.unwrap();
    assert_eq!(mark.number, 2);
    till.close().await.unwrap();

    let till = open(&folder, Some(mark.clone())).await.unwrap();
    assert_eq!(
        code(till.take(&bearer("t2", later(16))).await),
        "token_seen"
    );
    assert_eq!(till.take(&second).await.unwrap().counter, 2);
    let third = spend(&text, Some(&second), 301, later(21));
    assert_eq!(code(till.take(&third).await), "token_over_limit");
    // A refusal keeps the time, too.
    assert_eq!(
        code(till.take(&bearer("t3", later(20))).await),
        "clock_rolled_back"
    );

    let waiting = till.waiting(2).await.unwrap();
    let amounts: Vec<i64> = waiting.iter().map(|one| one.amount.minor()).collect();
    assert_eq!(amounts, [300, 1_000], "the oldest first");
    assert_eq!(waiting[0].proof, first.proof);
    assert_eq!(waiting[0].reference, first.reference);
    assert_eq!(
        (waiting[0].digest.as_str(), waiting[0].taken_at),
        (taken.digest.as_str(), later(10))
    );
    assert_eq!(waiting[1].proof, None);
    let told: Vec<String> = waiting.into_iter().map(|one| one.digest).collect();
    till.synced(&told, later(30)).await.unwrap();
    let waiting = till.waiting(10).await.unwrap();
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!(waiting[0].amount.minor(), 400);
    assert!(till.mark().await.unwrap().number > mark.number);
}

#[tokio::test]
async fn a_file_that_is_put_back_is_found_by_its_mark() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("till.db");
    let copy = folder.path().join("copy.db");
    let till = open(&folder, None).await.unwrap();
    let begun = till.mark().await.unwrap();
    assert_eq!(begun.number, 0);
    till.take(&bearer("t1", later(1))).await.unwrap();
    till.close().await.unwrap();
    std::fs::copy(&path, &copy).unwrap();
    let till = open(&folder, Some(begun)).await.unwrap();
    till.take(&bearer("t2", later(2))).await.unwrap();
    let mark = till.mark().await.unwrap();
    till.close().await.unwrap();

    // The file of before: the second token could be spent again.
    std::fs::copy(&copy, &path).unwrap();
    assert_eq!(
        code(open(&folder, Some(mark.clone())).await),
        "token_log_rolled_back"
    );
    // As many payments, and others.
    let till = open(&folder, None).await.unwrap();
    till.take(&bearer("t3", later(3))).await.unwrap();
    till.close().await.unwrap();
    assert_eq!(
        code(open(&folder, Some(mark.clone())).await),
        "token_log_rolled_back"
    );
    // A new file.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        code(open(&folder, Some(mark)).await),
        "token_log_rolled_back"
    );
}

#[tokio::test]
async fn files_that_were_changed_and_files_of_others_are_refused() {
    let changes = [
        (
            "UPDATE payments SET minor = 1 WHERE number = 1",
            "store_corrupt",
        ),
        (
            "UPDATE payments SET token = 't9' WHERE number = 2",
            "store_corrupt",
        ),
        ("DELETE FROM payments WHERE number = 1", "store_corrupt"),
        (
            "UPDATE payments SET number = 7 WHERE number = 2",
            "store_corrupt",
        ),
        ("UPDATE till SET base_hash = '00'", "store_corrupt"),
        ("PRAGMA user_version = 2", "schema_too_new"),
        ("PRAGMA application_id = 7", "store_refused"),
        ("UPDATE till SET latest = latest", "done"),
    ];
    for (statement, expected) in changes {
        let folder = TempDir::new().unwrap();
        let till = open(&folder, None).await.unwrap();
        till.take(&bearer("t1", later(1))).await.unwrap();
        till.take(&bearer("t2", later(2))).await.unwrap();
        till.close().await.unwrap();
        change(&folder.path().join("till.db"), statement).await;
        assert_eq!(code(open(&folder, None).await), expected, "{statement}");
    }
    let folder = TempDir::new().unwrap();
    std::fs::write(
        folder.path().join("text.db"),
        "no database, and long enough to be read as one",
    )
    .unwrap();
    let places = [
        ("missing/till.db", "folder_missing"),
        ("text.db", "store_corrupt"),
        (".", "store_refused"),
    ];
    for (place, expected) in places {
        let opened = Till::open(folder.path().join(place), verifier(), None).await;
        assert_eq!(code(opened), expected, "{place}");
    }
}

#[tokio::test]
async fn one_till_at_a_time_has_the_file() {
    let folder = TempDir::new().unwrap();
    let till = open(&folder, None).await.unwrap();
    assert_eq!(code(open(&folder, None).await), "store_unavailable");
    till.take(&bearer("t1", later(1))).await.unwrap();
    till.close().await.unwrap();
    till.close().await.unwrap();
    assert_eq!(
        code(till.take(&bearer("t2", later(2))).await),
        "store_refused"
    );
    let till = open(&folder, None).await.unwrap();
    assert_eq!(code(till.take(&bearer("t1", later(2))).await), "token_seen");
}

#[tokio::test]
async fn many_at_once_take_each_token_once() {
    let folder = TempDir::new().unwrap();
    let till = std::sync::Arc::new(open(&folder, None).await.unwrap());
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let till = till.clone();
            let shown = bearer(&format!("t{}", number % 10), later(1));
            tokio::spawn(async move { code(till.take(&shown).await) })
        })
        .collect();
    let mut codes = Vec::new();
    for task in tasks {
        codes.push(task.await.unwrap());
    }
    assert_eq!(codes.iter().filter(|code| *code == "done").count(), 10);
    assert_eq!(
        codes.iter().filter(|code| *code == "token_seen").count(),
        30
    );
}

#[tokio::test]
async fn a_call_that_is_dropped_has_taken_the_token_or_not() {
    let folder = TempDir::new().unwrap();
    let till = open(&folder, None).await.unwrap();
    let mut kept = 0;
    for number in 0..60_u64 {
        let shown = bearer(&format!("t{number}"), later(1));
        let limit = std::time::Duration::from_micros(number * 40);
        let taken = tokio::time::timeout(limit, till.take(&shown)).await;
        let waiting = till.waiting(100).await.unwrap().len();
        let is_kept = waiting > kept;
        if let Ok(taken) = taken {
            taken.unwrap();
            assert!(is_kept, "token {number} was taken");
        }
        kept = waiting;
        let expected = if is_kept { "token_seen" } else { "done" };
        assert_eq!(code(till.take(&shown).await), expected, "token {number}");
        kept += usize::from(!is_kept);
    }
    till.close().await.unwrap();
    open(&folder, None).await.unwrap();
}

#[tokio::test]
async fn what_is_told_and_over_is_forgotten_and_the_chain_goes_on() {
    const DAY: i64 = 86_400;
    let folder = TempDir::new().unwrap();
    let till = open(&folder, None).await.unwrap();
    let mut digests = Vec::new();
    for number in 0..5 {
        let taken = till
            .take(&bearer(&format!("t{number}"), later(number)))
            .await
            .unwrap();
        digests.push(taken.digest);
    }
    let early = till.mark().await.unwrap();
    // The third is not told, so it and what came after it stay.
    let told = [&digests[..2], &digests[3..]].concat();
    till.synced(&told, later(2 * DAY)).await.unwrap();
    till.synced(&[], later(2 * DAY + 1)).await.unwrap();
    let count = |till: Till, left: i64, folder: TempDir, mark: TillMark| async move {
        till.close().await.unwrap();
        let url = format!("sqlite://{}", folder.path().join("till.db").display());
        let mut file = SqliteConnection::connect(&url).await.unwrap();
        let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM payments")
            .fetch_one(&mut file)
            .await
            .unwrap();
        file.close().await.unwrap();
        assert_eq!(kept, left);
        (open(&folder, Some(mark)).await.unwrap(), folder)
    };
    let (till, folder) = count(till, 3, folder, early.clone()).await;
    till.synced(&digests[2..3], later(2 * DAY + 2))
        .await
        .unwrap();
    let (till, folder) = count(till, 0, folder, early.clone()).await;
    assert_eq!(
        till.mark().await.unwrap(),
        early,
        "the mark is that of the last payment"
    );
    assert_eq!(
        code(till.take(&bearer("t1", later(2 * DAY + 3))).await),
        "token_expired"
    );
    // Others of the same length are not those.
    let other = TillMark {
        hash: "00".repeat(32),
        ..early.clone()
    };
    till.close().await.unwrap();
    assert_eq!(
        code(open(&folder, Some(other)).await),
        "token_log_rolled_back"
    );
}

/// Both logs answer alike, whatever comes in which order, and whenever the till is opened again.
#[tokio::test]
async fn a_log_in_a_file_remembers_what_one_in_memory_does() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("till.db");
    let own = PreparedVerifier::new(TokenVerifier {
        limits: OfflineLimits {
            waiting_minor: Some(4_000),
            waiting: Some(9),
            seconds: Some(600),
        },
        ..verifier()
    });
    let mut file = SqliteLog::open(&path).await.unwrap();
    let mut memory = MemoryLog::default();
    let text = token("chain", true);
    let (mut previous, mut told, mut outcomes) = (None, Vec::new(), Vec::new());
    let mut random = 7_u64;
    for step in 0..300 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let now = later(step * 5 - i64::from(random.is_multiple_of(7)) * 60);
        let shown = match (random >> 33) % 4 {
            0 => spend(&text, previous.as_ref(), 40, now),
            1 => spend(&text, None, 40, now),
            _ => bearer(&format!("t{}", (random >> 40) % 30), now),
        };
        let one = own.take(&shown, &mut memory).await;
        let other = own.take(&shown, &mut file).await;
        let refused = |error: NotTaken<_>| match error {
            NotTaken::Refused(error) => error,
            NotTaken::Log(error) => panic!("{error:?}"),
        };
        let one = one.map_err(|error| match error {
            NotTaken::Refused(error) => error,
            NotTaken::Log(never) => match never {},
        });
        let other = other.map_err(refused);
        assert_eq!(one, other, "step {step}");
        outcomes.push(one.as_ref().map_or_else(|error| error.code(), |_| "done"));
        if let Ok(taken) = one {
            told.push(taken.digest);
            if taken.counter > 0 {
                previous = Some(shown);
            }
        }
        if (random >> 20).is_multiple_of(11) {
            let some: Vec<String> = told.split_off(told.len() / 2);
            memory.synced(&some, now).await.unwrap();
            file.synced(&some, now).await.unwrap();
            assert_eq!(
                memory.waiting(99).await.unwrap(),
                file.waiting(99).await.unwrap()
            );
        }
        if (random >> 10).is_multiple_of(23) {
            file.close().await.unwrap();
            file = SqliteLog::open(&path).await.unwrap();
        }
    }
    outcomes.sort_unstable();
    outcomes.dedup();
    let all = [
        "clock_rolled_back",
        "done",
        "token_over_limit",
        "token_seen",
    ];
    for expected in all {
        assert!(
            outcomes.contains(&expected),
            "{expected} is not among {outcomes:?}"
        );
    }
}

const PROGRAM: &str = r#"{
  "id": "club", "currency": "EUR", "zone": "UTC", "rules": [],
  "redemptions": { "order": ["cashback"] },
  "tokens": { "issuer": "club" }
}"#;

/// An engine with a member who has 100.00 EUR.
async fn engine() -> TenantEngine {
    let secret = vec![7; 32];
    let key = RingKey::new(
        KeyPurpose::Tokens,
        "k1".parse().unwrap(),
        secret,
        Timestamp::MIN,
        None,
    );
    let ring = KeyRing::new(vec![key.unwrap()]).unwrap();
    let store: std::sync::Arc<dyn Backend> = std::sync::Arc::new(MemoryStore::new());
    let engine = open_with(&store, |builder| builder.key_ring(ring)).await;
    set_up(&engine, PROGRAM).await;
    engine
}

#[tokio::test]
async fn what_waits_is_what_the_engine_takes_in() {
    let engine = engine().await;
    let issue = |name: &str, is_bound: bool| IssueToken {
        token: name.parse().unwrap(),
        member: member("ada"),
        program: "club".parse().unwrap(),
        amount: Money::new(1_000, eur()),
        holder_key: is_bound.then(|| hex::encode(phone().public_key())),
        device: None,
        merchant: None,
        lifetime_minutes: None,
    };
    let bound = engine.execute(issue("t1", true)).await.unwrap();
    let loose = engine.execute(issue("t2", false)).await.unwrap();
    let keys = engine
        .execute(GetTokenKeys { valid_at: None })
        .await
        .unwrap()
        .keys;

    let folder = TempDir::new().unwrap();
    let till = open(&folder, None).await.unwrap();
    let shown = spend(&bound.text, None, 250, later(10));
    assert_eq!(code(till.take(&shown).await), "token_signature_wrong");
    till.know(TokenVerifier { keys, ..verifier() }).await;
    till.take(&shown).await.unwrap();
    let loose = ShownToken {
        token: loose.text,
        ..bearer("t2", later(11))
    };
    till.take(&loose).await.unwrap();

    let mut told = Vec::new();
    for payment in till.waiting(10).await.unwrap() {
        told.push(payment.digest.clone());
        match payment.proof {
            Some(proof) => {
                let settle = SettleReceipts {
                    merchant: Some("kiosk".parse().unwrap()),
                    receipts: vec![proof],
                };
                let reply = send(&engine, settle, &payment.digest).await.unwrap().reply;
                assert_eq!(reply.receipts[0].outcome, ReceiptOutcome::Settled);
                assert_eq!(reply.receipts[0].digest, Some(payment.digest));
            }
            None => {
                let redeem = RedeemToken {
                    token: payment.token,
                    order: "sale-2".parse().unwrap(),
                    merchant: Some("kiosk".parse().unwrap()),
                    category: None,
                };
                engine.execute(redeem).await.unwrap();
            }
        }
    }
    till.synced(&told, later(20)).await.unwrap();
    assert_eq!(till.waiting(10).await.unwrap(), []);
}
