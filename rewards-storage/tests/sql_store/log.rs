//! The write-ahead log of a file stays small, also when nobody looks after it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rewards_core::cashback::Purchase;
use rewards_core::money::Money;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::RecordPurchase;
use rewards_core::program::Program;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine, Events, ManualClock, TenantEngine};
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::Query;

use crate::world::{eur, member, patient, program, purchase, tenant};

/// What a phone's engine is opened with.
const PHONE_LOG_KIB: u32 = 1_024;
/// More than that the log of a phone never is.
const PHONE_LOG_BYTES_MAX: u64 = 4 * 1_024 * 1_024;

const PROGRAM: &str = r#"
    id = "club"
    currency = "EUR"
    zone = "UTC"
    rules = [{ id = "everything", effect = { percent = { rate = "10%" } } }]
"#;

fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// How long the log is; nothing where there is none.
fn log_bytes(file: &Path) -> u64 {
    fs::metadata(log_of(file)).map_or(0, |found| found.len())
}

async fn opened(file: &Path, log_kib: Option<u32>) -> SqlStore {
    let options = SqlOptions {
        log_kib: log_kib.unwrap_or(patient().log_kib),
        ..patient()
    };
    SqlStore::open_file(file, options).await.unwrap()
}

async fn wallet(store: &SqlStore) -> (Engine, TenantEngine) {
    let noon = Timestamp::parse("2026-05-01T12:00:00Z").unwrap();
    let engine = Engine::builder(Arc::new(store.clone()))
        .clock(Arc::new(ManualClock::new(noon)))
        .events(Events::Dropped)
        .workers(1);
    let engine = engine.open().await.unwrap();
    let wallet = engine.tenant(tenant());
    let publish = PublishProgram::new(Program::from_toml(PROGRAM).unwrap());
    let first = CommandOptions::keyed("first".parse().unwrap());
    wallet.execute_with(publish, first).await.unwrap();
    let joined = RegisterMember::new(member("ann"));
    wallet.execute(joined).await.unwrap();
    (engine, wallet)
}

async fn buy(wallet: &TenantEngine, numbers: std::ops::Range<u32>) {
    let noon = Timestamp::parse("2026-05-01T12:00:00Z").unwrap();
    for number in numbers {
        let order = Purchase::new(
            purchase(&format!("order-{number}")),
            member("ann"),
            program("club"),
            noon,
            Money::new(1_000, eur()),
        );
        wallet.execute(RecordPurchase::new(order)).await.unwrap();
    }
}

/// Waits until the log is empty, as it is soon after the last commit.
async fn until_empty(file: &Path) {
    let begun = Instant::now();
    while log_bytes(file) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the log stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_thousand_purchases_leave_a_small_file_and_no_log() {
    for log_kib in [Some(PHONE_LOG_KIB), None] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wallet.db");
        let store = opened(&file, log_kib).await;
        let (engine, wallet) = wallet(&store).await;
        let mut longest = 0;
        for from in (0..1_000).step_by(50) {
            buy(&wallet, from..from + 50).await;
            longest = longest.max(log_bytes(&file));
        }
        if log_kib.is_some() {
            assert!(longest <= PHONE_LOG_BYTES_MAX, "{longest}");
        }
        // Whatever it is opened with, it is empty when nobody writes, and the engine works on.
        until_empty(&file).await;
        buy(&wallet, 1_000..1_001).await;
        assert!(log_bytes(&file) > 0);
        until_empty(&file).await;
        engine.close().await;
        store.close().await.unwrap();
        assert!(!log_of(&file).exists());
    }
}

/// A view holds the log as long as it is open, and no longer. Those who write do not wait for it.
#[tokio::test]
async fn a_long_reader_leaves_no_long_log_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wallet.db");
    let store = opened(&file, Some(PHONE_LOG_KIB)).await;
    let (_, wallet) = wallet(&store).await;
    let mut view = store.books(&tenant()).await.unwrap();
    view.members(None, 9).await.unwrap();
    buy(&wallet, 0..200).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(log_bytes(&file) > 0, "somebody reads what is in it");
    let begun = Instant::now();
    buy(&wallet, 200..201).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "nobody waits");
    drop(view);
    until_empty(&file).await;
}

/// Another process, or here another store, has the file open: the one that closes cleans up all the same.
#[tokio::test]
async fn the_log_is_empty_when_a_store_is_closed_and_another_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wallet.db");
    let other = opened(&file, None).await;
    let store = opened(&file, None).await;
    let (engine, wallet) = wallet(&store).await;
    buy(&wallet, 0..20).await;
    assert!(log_bytes(&file) > 0);
    engine.close().await;
    store.close().await.unwrap();
    assert_eq!(log_bytes(&file), 0);
    assert_eq!(other.members(&tenant(), None, 9).await.unwrap().len(), 1);
}
