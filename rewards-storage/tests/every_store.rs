//! Two engines on every store there is, as of two processes, for commands that come at the same time.

use std::sync::Arc;
use std::time::Duration;

use rewards_core::command::Operation;
use rewards_core::ids::TenantId;
use rewards_core::money::Money;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::program::Program;
use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{
    CommandOptions, Engine, EngineBuilder, ManualClock, Receipt, TenantEngine,
};
use rewards_storage::memory::MemoryStore;
use rewards_storage::sql::SqlStore;
use rewards_storage::store::Backend;

use crate::world::{addresses, eur, member, patient};

/// What every clock says.
pub const NOON: &str = "2026-05-01T12:00:00Z";
/// How many come at the same time.
const CALLERS: u32 = 16;

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Every store there is, empty, as two processes have it.
pub async fn stores(
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

/// An engine on a store at noon, that `with` may tell more.
pub async fn open_with(
    store: &Arc<dyn Backend>,
    with: impl FnOnce(EngineBuilder) -> EngineBuilder,
) -> TenantEngine {
    let builder = Engine::builder(store.clone())
        .clock(Arc::new(ManualClock::new(at(NOON))))
        .clock_jump_max(Duration::MAX)
        .now_ahead_max(Duration::MAX);
    let tenant = TenantId::new("shop").unwrap();
    with(builder).open().await.unwrap().tenant(tenant)
}

/// Publishes a program, and registers a member, `ada`.
pub async fn join(engine: &TenantEngine, program: &str) {
    let publish = PublishProgram {
        program: Program::from_json(program).unwrap(),
        active_from: Some(Timestamp::MIN),
    };
    send(engine, publish, "program").await.unwrap();
    let register = RegisterMember::new(member("ada"));
    engine.execute(register).await.unwrap();
}

/// The same, and gives the member 100.00 EUR.
pub async fn set_up(engine: &TenantEngine, program: &str) {
    join(engine, program).await;
    let gift = GrantReward {
        source: None,
        reference: None,
        member: member("ada"),
        amount: Money::new(10_000, eur()),
        reason: "a gift".to_owned(),
        expires_at: None,
    };
    send(engine, gift, "gift").await.unwrap();
}

pub async fn open(store: &Arc<dyn Backend>) -> TenantEngine {
    open_with(store, |builder| builder).await
}

pub async fn send<O: Operation>(
    engine: &TenantEngine,
    request: O,
    key: &str,
) -> Result<Receipt<O::Reply>, Fault> {
    let options = CommandOptions::keyed(key.parse().unwrap());
    engine.execute_with(request, options).await
}

pub fn code<T>(result: Result<T, Fault>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(fault) => fault.code.into_owned(),
    }
}

/// What became of so many requests at the same time, sent to both engines in turn: how many were done, and why others were not.
pub async fn race<O: Operation>(
    engines: &[TenantEngine; 2],
    request: impl Fn(u32) -> O,
) -> (usize, Vec<String>)
where
    O::Reply: 'static,
{
    let tasks: Vec<_> = (0..CALLERS)
        .map(|number| {
            let engine = engines[(number % 2) as usize].clone();
            let request = request(number);
            let key = format!("{} {number}", O::NAME);
            tokio::spawn(async move { send(&engine, request, &key).await })
        })
        .collect();
    let mut codes = Vec::new();
    for task in tasks {
        codes.push(code(task.await.unwrap()));
    }
    let done = codes.iter().filter(|code| *code == "done").count();
    codes.retain(|code| code != "done");
    codes.sort();
    codes.dedup();
    (done, codes)
}
