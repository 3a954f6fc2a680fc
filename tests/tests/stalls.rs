//! A network that falls silent: every call ends, an unknown outcome is told as such and in time, and what is sent again is right.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rewards_core::ids::{IdempotencyKey, MemberId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::snapshot::{ReadPlan, Snapshot};
use rewards_storage::batch::{Commit, CommitBatch};
use rewards_storage::contract::fixtures::{
    self, Draft, at, counter, member_key, probe_key, tenant,
};
use rewards_storage::engine::{CommandOptions, Engine, Receipt, TenantEngine};
use rewards_storage::error::StoreError;
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::{Outbox, Query, Store};
use rewards_tests::postgres::shared_cluster;
use rewards_tests::proxy::{Proxy, Silence};
use uuid::Uuid;

type Failed = Box<dyn Error + Send + Sync>;

/// Every way to fall silent.
const SILENCES: [Silence; 3] = [Silence::OfClient, Silence::OfServer, Silence::OfBoth];
/// Within which an unknown outcome is told when nobody has configured anything.
const TOLD_WITHIN: Duration = Duration::from_secs(10);
/// Within which health is told, or that there is none to be had.
const HEALTH_WITHIN: Duration = Duration::from_secs(1);
/// Grants before a network falls silent.
const WARM: u32 = 6;
/// What a busy machine may add to a limit.
const SLACK: Duration = Duration::from_millis(1_500);

/// A store whose network falls silent just before one of its commits.
#[derive(Debug)]
struct SilencedCommit {
    inner: SqlStore,
    proxy: Arc<Proxy>,
    next: Arc<Mutex<Option<Fall>>>,
}

/// How a network falls silent.
#[derive(Debug, Clone, Copy)]
enum Fall {
    /// For everybody, until it speaks again.
    Silent(Silence),
    /// For the connections that are open.
    Forgetful(Silence),
}

#[async_trait]
impl Store for SilencedCommit {
    async fn load(&self, plan: &ReadPlan) -> Result<Snapshot, StoreError> {
        self.inner.load(plan).await
    }

    async fn commit(&self, batches: &[CommitBatch]) -> Result<Vec<Commit>, StoreError> {
        let fall = self.next.lock().ok().and_then(|mut next| next.take());
        match fall {
            Some(Fall::Silent(silence)) => self.proxy.silence(silence),
            Some(Fall::Forgetful(silence)) => self.proxy.forget(silence),
            None => {}
        }
        self.inner.commit(batches).await
    }
}

rewards_storage::forward_store!(impl for SilencedCommit, |this| this.inner);

/// An engine behind a network, and one beside it that sees how things are.
struct Shop {
    proxy: Arc<Proxy>,
    engine: Engine,
    shop: TenantEngine,
    next: Arc<Mutex<Option<Fall>>>,
    truth: TenantEngine,
}

impl Shop {
    async fn open() -> Result<Self, Failed> {
        let url = shared_cluster()?.database()?;
        let direct = SqlStore::open(&url, SqlOptions::default()).await?;
        let direct = Engine::builder(Arc::new(direct)).open().await?;
        let proxy = Arc::new(Proxy::start(&url).await?);
        let next = Arc::new(Mutex::new(None));
        let store = SilencedCommit {
            inner: SqlStore::open(&proxy.url(&url), SqlOptions::default()).await?,
            proxy: Arc::clone(&proxy),
            next: Arc::clone(&next),
        };
        let engine = Engine::builder(Arc::new(store)).open().await?;
        let shop = Self {
            shop: engine.tenant(tenant("shop")),
            truth: direct.tenant(tenant("shop")),
            proxy,
            engine,
            next,
        };
        // Every connection knows the statements of a grant afterwards: a server is asked for each of them once.
        let warm = (0..WARM).map(|n| format!("warm {n}"));
        for name in warm.chain(["ann".to_owned(), "bob".to_owned()]) {
            let request = RegisterMember::new(name.parse()?);
            shop.shop.execute(request).await?;
            if name.starts_with("warm") {
                shop.grant(&name).await??;
            }
        }
        Ok(shop)
    }

    /// Lets the network fall silent at the next commit.
    fn arm(&self, fall: Fall) {
        if let Ok(mut next) = self.next.lock() {
            *next = Some(fall);
        }
    }

    /// Grants 5.00 euros, once for each member.
    async fn grant(
        &self,
        member: &str,
    ) -> Result<Result<Receipt<()>, rewards_core::rejection::Fault>, Failed> {
        let request = GrantReward {
            source: None,
            reference: None,
            member: member.parse()?,
            amount: Money::parse("5.00", Asset::parse("EUR")?)?,
            reason: "for the test".to_owned(),
            expires_at: None,
        };
        let key: IdempotencyKey = format!("the only grant of {member}").parse()?;
        let receipt = self.shop.execute_with(request, CommandOptions::keyed(key));
        Ok(receipt.await.map(|receipt| Receipt {
            reply: (),
            replayed: receipt.replayed,
        }))
    }

    /// How many cents a member really has.
    async fn cents(&self, member: &str) -> Result<i64, Failed> {
        let member: MemberId = member.parse()?;
        let balance = self.truth.execute(GetBalance::new(member)).await?;
        Ok(balance
            .assets
            .iter()
            .map(|asset| asset.available.minor())
            .sum())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_outcome_is_told_in_time_and_replays() -> Result<(), Failed> {
    let cases = SILENCES.map(|silence| tokio::spawn(silenced_in_mid_commit(silence)));
    for case in cases {
        case.await??;
    }
    Ok(())
}

async fn silenced_in_mid_commit(silence: Silence) -> Result<(), Failed> {
    let shop = Shop::open().await?;
    shop.arm(Fall::Silent(silence));
    let begun = Instant::now();
    // The second one comes when both workers wait, and is not made to wait after them.
    let (first, second, health) = tokio::join!(
        shop.grant("ann"),
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            shop.grant("bob").await
        },
        async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let begun = Instant::now();
            (shop.engine.health().await, begun.elapsed())
        },
    );
    for outcome in [first?, second?] {
        let code = outcome.map_err(|fault| (fault.code.clone(), fault.is_retryable()));
        assert_eq!(code, Err(("store_unavailable".into(), true)), "{silence:?}");
    }
    assert!(
        begun.elapsed() < TOLD_WITHIN,
        "{silence:?}: {:?}",
        begun.elapsed()
    );
    let (health, after) = health;
    assert!(health.is_err_and(|fault| fault.code == "store_unavailable"));
    assert!(after < HEALTH_WITHIN, "{silence:?}: health after {after:?}");

    let took_effect = silence == Silence::OfServer;
    let cents = shop.cents("ann").await?;
    assert_eq!(cents, if took_effect { 500 } else { 0 }, "{silence:?}");
    shop.proxy.speak();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let begun = Instant::now();
    let again = shop.grant("ann").await??;
    assert_eq!(again.replayed, took_effect, "{silence:?}");
    shop.grant("bob").await??;
    shop.engine.health().await?;
    assert!(
        begun.elapsed() < HEALTH_WITHIN,
        "{silence:?}: {:?}",
        begun.elapsed()
    );
    for member in ["ann", "bob"] {
        assert_eq!(shop.cents(member).await?, 500, "{silence:?}");
    }
    assert!(shop.truth.verify().await?.is_valid());
    shop.engine.close().await;
    Ok(())
}

/// A router that has forgotten its connections: nobody has to send anything again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_outlives_its_connections() -> Result<(), Failed> {
    for silence in SILENCES {
        let shop = Shop::open().await?;
        shop.arm(Fall::Forgetful(silence));
        let begun = Instant::now();
        shop.grant("ann").await??;
        assert!(
            begun.elapsed() < TOLD_WITHIN,
            "{silence:?}: {:?}",
            begun.elapsed()
        );
        assert_eq!(shop.cents("ann").await?, 500, "{silence:?}");
        assert!(shop.grant("ann").await??.replayed);
        shop.engine.close().await;
    }
    Ok(())
}

/// A transaction whose client has fallen silent holds its rows no longer than a call takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_silent_client_holds_is_freed() -> Result<(), Failed> {
    let options = SqlOptions {
        call_limit: Duration::from_secs(1),
        ..SqlOptions::default()
    };
    let tenant = tenant("shop");
    for silence in SILENCES {
        let url = shared_cluster()?.database()?;
        let truth = SqlStore::open(&url, SqlOptions::default()).await?;
        let proxy = Proxy::start(&url).await?;
        let store = SqlStore::open(&proxy.url(&url), options.clone()).await?;
        let first = Draft::new(&tenant, "first").member("ann", 0).build();
        assert_eq!(store.commit(&[first]).await?, [Commit::Applied]);
        // A stale batch makes the group look before it writes, with the rows locked.
        let stale = Draft::new(&tenant, "stale").member("bob", 7).build();
        let group = [
            stale,
            Draft::new(&tenant, "second").member("ann", 1).build(),
        ];
        // The end of a text, so that it is not `READ COMMITTED`.
        proxy.silence_when_client_says(b"COMMIT\0", silence);
        let begun = Instant::now();
        let error = store.commit(&group).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        assert!(
            begun.elapsed() < options.call_limit + SLACK,
            "{:?}",
            begun.elapsed()
        );
        let took_effect = silence == Silence::OfServer;
        let seen = if took_effect { 2 } else { 1 };
        let third = Draft::new(&tenant, "third").member("ann", seen).build();
        let ends = loop {
            match truth.commit(std::slice::from_ref(&third)).await {
                Err(error) if error.is_transient() && begun.elapsed() < TOLD_WITHIN => {}
                ends => break ends?,
            }
        };
        assert_eq!(ends, [Commit::Applied], "{silence:?}");
        proxy.speak();
        let ends = store.commit(&group).await?;
        let is_replayed = matches!(ends.get(1), Some(Commit::Replayed(_)));
        assert_eq!(is_replayed, took_effect, "{silence:?}: {ends:?}");
    }
    Ok(())
}

/// Calls of every kind, with how each ended and after how long.
async fn every_call(store: &SqlStore) -> Vec<(&'static str, Result<(), StoreError>, Duration)> {
    let (tenant, owner) = (tenant("shop"), Uuid::nil());
    let budget = counter(&tenant, "budget");
    let by_key = ReadPlan {
        members: vec![member_key(&tenant, "ann")],
        entities: vec![probe_key(&tenant, "x")],
        ..ReadPlan::default()
    };
    let with_pages = ReadPlan {
        statements: vec![fixtures::statement(&tenant, "ann")],
        ..ReadPlan::default()
    };
    let batch = [Draft::new(&tenant, "1").member("ann", 0).build()];
    let events = [(fixtures::event("ann", 1, 1).stream, 1)];
    let mut ends = Vec::new();
    macro_rules! call {
        ($($name:literal: $call:expr),* $(,)?) => {
            $(
                let begun = Instant::now();
                let end = $call.await.map(drop);
                ends.push(($name, end, begun.elapsed()));
            )*
        };
    }
    call! {
        "load": store.load(&by_key),
        "load with pages": store.load(&with_pages),
        "commit": store.commit(&batch),
        "programs": store.programs(&tenant, &[]),
        "due members": store.due_members(&tenant, at(0), None, 9),
        "members": store.members(&tenant, None, 9),
        "journal": store.journal(&tenant, None, 9),
        "control accounts": store.control_accounts(&tenant),
        "counters": store.counters(&tenant, &budget.subject),
        "entities": store.entities(&tenant, "probe", None, 9),
        "health": store.health(),
        "claim": store.claim(&tenant, owner, at(0), at(9), 9),
        "acknowledge": store.acknowledge(&tenant, owner, &events),
        "release": store.release(&tenant, owner, &events),
    }
    ends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_ends() -> Result<(), Failed> {
    let options = SqlOptions {
        call_limit: Duration::from_millis(250),
        wait: Duration::from_millis(900),
        ..SqlOptions::default()
    };
    for silence in SILENCES {
        let url = shared_cluster()?.database()?;
        let proxy = Proxy::start(&url).await?;
        let store = SqlStore::open(
            &proxy.url(&url),
            SqlOptions {
                wait: Duration::from_secs(5),
                ..options.clone()
            },
        )
        .await?;
        proxy.silence(silence);
        for (name, end, after) in every_call(&store).await {
            let case = format!("{silence:?}, {name}: {end:?} after {after:?}");
            assert!(matches!(end, Err(StoreError::Unavailable { .. })), "{case}");
            assert!(after < options.call_limit + SLACK, "{case}");
        }
        let begun = Instant::now();
        let opened = SqlStore::open(&proxy.url(&url), options.clone()).await;
        let after = begun.elapsed();
        assert!(
            matches!(opened, Err(StoreError::Unavailable { .. })),
            "{opened:?}"
        );
        assert!(
            after < options.wait + SLACK,
            "{silence:?}: opening took {after:?}"
        );
        proxy.speak();
        for (name, end, after) in every_call(&store).await {
            assert!(end.is_ok(), "{silence:?}, {name}: {end:?} after {after:?}");
        }
        let begun = Instant::now();
        store.close().await?;
        assert!(
            begun.elapsed() < SLACK,
            "closing took {:?}",
            begun.elapsed()
        );
    }
    Ok(())
}
