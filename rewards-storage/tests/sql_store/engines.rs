//! The engines of every store, for what happens when several callers do something at once.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use rewards_core::command::Operation;
use rewards_core::operations::balances::GetBalance;
use rewards_core::rejection::Fault;
use rewards_core::secret::KeyPurpose;
use rewards_storage::engine::{
    CommandOptions, Engine, KeyRing, ManualClock, RingKey, SeededRandom, TenantEngine,
};
#[cfg(feature = "memory")]
use rewards_storage::memory::MemoryStore;
use rewards_storage::sql::SqlStore;
use rewards_storage::store::Backend;

use crate::world::{addresses, at, member, patient, tenant};

/// Whoever must do without an answer for so long waits for ever.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The engines of one store: two processes where several may share it, else the same one twice.
pub struct Engines {
    pub name: &'static str,
    pub engines: [TenantEngine; 2],
    /// Where the store is, if it is a database.
    #[cfg(feature = "sqlite")]
    pub url: Option<String>,
    _files: Option<tempfile::TempDir>,
}

/// A key for codes of coupons.
fn key_ring() -> KeyRing {
    let purpose = KeyPurpose::Coupons;
    let key = RingKey::new(
        purpose,
        "codes".parse().unwrap(),
        vec![7; 32],
        at(-1_000),
        None,
    );
    KeyRing::new(vec![key.unwrap()]).unwrap()
}

async fn engine(store: impl Backend + 'static, seed: u64) -> TenantEngine {
    let engine = Engine::builder(Arc::new(store))
        .clock(Arc::new(ManualClock::new(at(0))))
        .random(Arc::new(SeededRandom::new(seed)))
        .key_ring(key_ring())
        .patience(PATIENCE)
        .workers(3)
        .open()
        .await
        .unwrap();
    engine.tenant(tenant())
}

/// Those of every store, each with empty books.
pub async fn of_every_store(test: &str) -> Vec<Engines> {
    let mut all = Vec::new();
    #[cfg(feature = "memory")]
    {
        let one = engine(MemoryStore::new(), 1).await;
        all.push(Engines {
            name: "memory",
            engines: [one.clone(), one],
            #[cfg(feature = "sqlite")]
            url: None,
            _files: None,
        });
    }
    for (name, url, files) in addresses(test).await {
        let store = SqlStore::open(&url, patient()).await.unwrap();
        let one = engine(store, 1).await;
        let two = match name {
            "postgres" => engine(SqlStore::open(&url, patient()).await.unwrap(), 2).await,
            _ => one.clone(),
        };
        all.push(Engines {
            name,
            engines: [one, two],
            #[cfg(feature = "sqlite")]
            url: Some(url),
            _files: files,
        });
    }
    all
}

pub fn keyed(key: &str) -> CommandOptions {
    CommandOptions::keyed(key.parse().unwrap())
}

impl Engines {
    /// Executes everything at once, in turns through both engines, each under the key that it implies.
    pub async fn all_at_once<O: Operation>(
        &self,
        all: impl IntoIterator<Item = O>,
    ) -> Vec<Result<O::Reply, Fault>> {
        let all = all.into_iter();
        let all = all.map(|operation| (operation, CommandOptions::default()));
        self.all_at_once_with(all).await
    }

    /// The same, each with options of its own.
    pub async fn all_at_once_with<O: Operation>(
        &self,
        all: impl IntoIterator<Item = (O, CommandOptions)>,
    ) -> Vec<Result<O::Reply, Fault>> {
        let engines = self.engines.iter().cycle();
        let running = all.into_iter().zip(engines);
        let running = running.map(|((operation, options), engine)| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.execute_with(operation, options).await })
        });
        let running: Vec<_> = running.collect();
        let ended = tokio::time::timeout(PATIENCE, join_all(running)).await;
        let ended = ended.unwrap_or_else(|_| panic!("{}: somebody waits for ever", self.name));
        let ended = ended.into_iter().map(Result::unwrap);
        ended.map(|one| one.map(|receipt| receipt.reply)).collect()
    }

    /// What a member has available, in minor units.
    pub async fn balance(&self, who: &str) -> i64 {
        let [_, two] = &self.engines;
        let balance = two.execute(GetBalance::new(member(who))).await.unwrap();
        balance.assets.iter().map(|one| one.available.minor()).sum()
    }

    /// The books are right.
    pub async fn assert_valid(&self) {
        let [one, _] = &self.engines;
        let report = one.verify().await.unwrap();
        assert_eq!(report.problems, [], "{}", self.name);
    }
}
