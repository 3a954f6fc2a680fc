//! A network that falls silent: every call ends, an unknown outcome is told as such and in time, and what is sent again is right.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
use rewards_storage::engine::{CommandOptions, Engine, Receipt, STORE_PATIENCE, TenantEngine};
use rewards_storage::error::StoreError;
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::{Outbox, Query, Store};
use rewards_tests::postgres::shared_cluster;
use rewards_tests::proxy::{Proxy, Silence};
use rewards_tests::stopwatch::Stopwatch;
use uuid::Uuid;

type Failed = Box<dyn Error + Send + Sync>;

/// Every way to fall silent.
const SILENCES: [Silence; 3] = [Silence::OfClient, Silence::OfServer, Silence::OfBoth];
/// Within which an unknown outcome is told when nobody has configured anything.
const TOLD_WITHIN: Duration = Duration::from_secs(10);
/// Within which health is told, or that there is none to be had.
const HEALTH_WITHIN: Duration = Duration::from_secs(1);
/// The patience of those who are to be answered, however much else the machine has to do.
const PATIENT: Duration = Duration::from_secs(60);
/// The options of those.
fn patient() -> SqlOptions {
    SqlOptions {
        wait: PATIENT,
        call_limit: PATIENT,
        ..SqlOptions::default()
    }
}

/// What a call does beside waiting for its limit.
const SLACK: Duration = Duration::from_millis(1_500);
/// Why everything is granted. No look-up says it, so that whoever says it commits.
const REASON: &str = "for the test";

/// A store whose network forgets its connections just before one of its commits.
#[derive(Debug)]
struct ForgottenCommit {
    inner: SqlStore,
    proxy: Arc<Proxy>,
    next: Arc<Mutex<Option<Silence>>>,
}

#[async_trait]
impl Store for ForgottenCommit {
    async fn load(&self, plan: &ReadPlan) -> Result<Snapshot, StoreError> {
        self.inner.load(plan).await
    }

    async fn commit(&self, batches: &[CommitBatch]) -> Result<Vec<Commit>, StoreError> {
        let next = self.next.lock().ok().and_then(|mut next| next.take());
        if let Some(silence) = next {
            self.proxy.forget(silence);
        }
        self.inner.commit(batches).await
    }
}

rewards_storage::forward_store!(impl for ForgottenCommit, |this| this.inner);

/// An engine behind a network, and one beside it that sees how things are.
struct Shop {
    proxy: Arc<Proxy>,
    engine: Engine,
    shop: TenantEngine,
    next: Arc<Mutex<Option<Silence>>>,
    truth: TenantEngine,
}

impl Shop {
    async fn open(patience: Duration) -> Result<Self, Failed> {
        let url = shared_cluster()?.database()?;
        let direct = SqlStore::open(&url, patient()).await?;
        let direct = Engine::builder(Arc::new(direct))
            .patience(PATIENT)
            .open()
            .await?;
        let proxy = Arc::new(Proxy::start(&url).await?);
        let next = Arc::new(Mutex::new(None));
        let store = ForgottenCommit {
            inner: SqlStore::open(&proxy.url(&url), SqlOptions::default()).await?,
            proxy: Arc::clone(&proxy),
            next: Arc::clone(&next),
        };
        let engine = Engine::builder(Arc::new(store))
            .patience(patience)
            .open()
            .await?;
        let shop = Self {
            shop: engine.tenant(tenant("shop")),
            truth: direct.tenant(tenant("shop")),
            proxy,
            engine,
            next,
        };
        for name in ["ann", "bob"] {
            shop.truth
                .execute(RegisterMember::new(name.parse()?))
                .await?;
        }
        // The programs are loaded before anything happens to the network.
        while let Err(fault) = shop.shop.execute(GetBalance::new("ann".parse()?)).await {
            assert!(fault.is_retryable(), "{fault}");
        }
        Ok(shop)
    }

    /// Lets the network forget its connections at the next commit.
    fn arm(&self, silence: Silence) {
        if let Ok(mut next) = self.next.lock() {
            *next = Some(silence);
        }
    }

    /// Waits until the network has fallen silent.
    async fn is_silent(&self) {
        while !self.proxy.is_silent() {
            tokio::time::sleep(Duration::from_millis(10)).await;
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
            reason: REASON.to_owned(),
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
    let shop = Shop::open(STORE_PATIENCE).await?;
    // With what the server needs to carry a grant out, whichever connection it comes on: a new one would otherwise say nothing
    // of it to a network that does not even let it connect.
    shop.proxy
        .silence_when_client_says(REASON.as_bytes(), silence);
    let watch = Stopwatch::begin();
    // The second one comes when the first one waits, and is not made to wait after it.
    let (first, second, health) = tokio::join!(
        shop.grant("ann"),
        async {
            shop.is_silent().await;
            shop.grant("bob").await
        },
        async {
            shop.is_silent().await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            let watch = Stopwatch::begin();
            (shop.engine.health().await, watch.elapsed())
        },
    );
    let told = watch.elapsed();
    for outcome in [first?, second?] {
        let code = outcome.map_err(|fault| (fault.code.clone(), fault.is_retryable()));
        assert_eq!(code, Err(("store_unavailable".into(), true)), "{silence:?}");
    }
    assert!(told < TOLD_WITHIN, "{silence:?}: {told:?}");
    let (health, after) = health;
    assert!(health.is_err_and(|fault| fault.code == "store_unavailable"));
    assert!(after < HEALTH_WITHIN, "{silence:?}: health after {after:?}");

    let took_effect = silence == Silence::OfServer;
    let cents = shop.cents("ann").await?;
    assert_eq!(cents, if took_effect { 500 } else { 0 }, "{silence:?}");
    shop.proxy.speak();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let again = shop.grant("ann").await??;
    assert_eq!(again.replayed, took_effect, "{silence:?}");
    shop.grant("bob").await??;
    // It may ask for a moment only, in which a busy machine does not always answer.
    while let Err(fault) = shop.engine.health().await {
        assert_eq!(fault.code, "store_unavailable", "{silence:?}");
    }
    // Nobody waited for a connection that was silenced.
    assert_eq!(shop.proxy.spoken_in_vain(), 0, "{silence:?}");
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
        let shop = Shop::open(PATIENT).await?;
        shop.arm(silence);
        shop.grant("ann").await??;
        // The one that was in use, and one that was just being given back.
        let in_vain = shop.proxy.spoken_in_vain();
        assert!((1..=2).contains(&in_vain), "{silence:?}: {in_vain}");
        assert_eq!(shop.cents("ann").await?, 500, "{silence:?}");
        assert!(shop.grant("ann").await??.replayed);
        shop.engine.close().await;
    }
    Ok(())
}

/// A transaction whose client has fallen silent holds its rows no longer than a call takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_silent_client_holds_is_freed() -> Result<(), Failed> {
    let cases = SILENCES.map(|silence| tokio::spawn(freed(silence)));
    for case in cases {
        case.await??;
    }
    Ok(())
}

async fn freed(silence: Silence) -> Result<(), Failed> {
    let options = SqlOptions {
        call_limit: Duration::from_secs(5),
        ..SqlOptions::default()
    };
    let tenant = tenant("shop");
    let url = shared_cluster()?.database()?;
    let truth = SqlStore::open(&url, patient()).await?;
    let proxy = Proxy::start(&url).await?;
    let store = SqlStore::open(&proxy.url(&url), options.clone()).await?;
    let first = Draft::new(&tenant, "first").member("ann", 0).build();
    assert_eq!(truth.commit(&[first]).await?, [Commit::Applied]);
    // A stale batch makes the group look before it writes, with the rows locked.
    let stale = Draft::new(&tenant, "stale").member("bob", 7).build();
    let group = [
        stale,
        Draft::new(&tenant, "second").member("ann", 1).build(),
    ];
    // The end of a text, so that it is not `READ COMMITTED`.
    proxy.silence_when_client_says(b"COMMIT\0", silence);
    let watch = Stopwatch::begin();
    let ended = store.commit(&group).await;
    assert!(
        matches!(ended, Err(StoreError::Unavailable { .. })),
        "{silence:?}: {ended:?}"
    );
    let after = watch.elapsed();
    assert!(after < options.call_limit + SLACK, "{after:?}");
    let took_effect = silence == Silence::OfServer;
    let seen = if took_effect { 2 } else { 1 };
    let third = Draft::new(&tenant, "third").member("ann", seen).build();
    let ends = loop {
        match truth.commit(std::slice::from_ref(&third)).await {
            Err(error) if error.is_transient() && watch.elapsed() < TOLD_WITHIN => {}
            ends => break ends?,
        }
    };
    assert_eq!(ends, [Commit::Applied], "{silence:?}");
    proxy.speak();
    let ends = store.commit(&group).await?;
    let is_replayed = matches!(ends.get(1), Some(Commit::Replayed(_)));
    assert_eq!(is_replayed, took_effect, "{silence:?}: {ends:?}");
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
                let watch = Stopwatch::begin();
                let end = $call.await.map(drop);
                ends.push(($name, end, watch.elapsed()));
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

/// How long one call may take of a store whose limits are to be reached.
const HASTY: Duration = Duration::from_millis(250);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_ends() -> Result<(), Failed> {
    let options = SqlOptions {
        call_limit: HASTY,
        wait: Duration::from_millis(900),
        ..SqlOptions::default()
    };
    for silence in SILENCES {
        let url = shared_cluster()?.database()?;
        let proxy = Proxy::start(&url).await?;
        let opened_in = |wait: Duration| SqlOptions {
            wait,
            ..options.clone()
        };
        // The server, too, is told to be hasty, and the tables are made by somebody who is not.
        SqlStore::migrate(&url, patient()).await?;
        let store = loop {
            match SqlStore::open(&proxy.url(&url), opened_in(PATIENT)).await {
                Err(error) if error.is_transient() => {}
                opened => break opened?,
            }
        };
        proxy.silence(silence);
        for (name, end, after) in every_call(&store).await {
            let case = format!("{silence:?}, {name}: {end:?} after {after:?}");
            assert!(matches!(end, Err(StoreError::Unavailable { .. })), "{case}");
            assert!(after < HASTY + SLACK, "{case}");
        }
        let watch = Stopwatch::begin();
        let opened = SqlStore::open(&proxy.url(&url), options.clone()).await;
        let after = watch.elapsed();
        assert!(
            matches!(opened, Err(StoreError::Unavailable { .. })),
            "{opened:?}"
        );
        assert!(
            after < options.wait + SLACK,
            "{silence:?}: opening took {after:?}"
        );
        let watch = Stopwatch::begin();
        store.close().await?;
        let after = watch.elapsed();
        assert!(after < SLACK, "closing took {after:?}");
    }
    Ok(())
}

/// Every call is answered when the network speaks again, and none is sent on a connection that was silenced. Calls may take long,
/// so that none fails for the sake of a machine that has other things to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_answered_after_a_silence() -> Result<(), Failed> {
    let cases = SILENCES.map(|silence| tokio::spawn(answered_after(silence)));
    for case in cases {
        case.await??;
    }
    Ok(())
}

async fn answered_after(silence: Silence) -> Result<(), Failed> {
    let options = SqlOptions {
        call_limit: TOLD_WITHIN,
        ..patient()
    };
    let url = shared_cluster()?.database()?;
    SqlStore::migrate(&url, patient()).await?;
    let proxy = Proxy::start(&url).await?;
    let store = SqlStore::open(&proxy.url(&url), options).await?;
    // Several connections are open, and lie idle while one of them is lost.
    let (one, two) = tokio::join!(store.health(), store.health());
    one?;
    two?;
    proxy.silence(silence);
    let end = store.health().await;
    assert!(
        matches!(end, Err(StoreError::Unavailable { .. })),
        "{silence:?}: {end:?}"
    );
    proxy.speak();
    for (name, end, after) in every_call(&store).await {
        assert!(end.is_ok(), "{silence:?}, {name}: {end:?} after {after:?}");
    }
    assert_eq!(proxy.spoken_in_vain(), 0, "{silence:?}");
    let watch = Stopwatch::begin();
    store.close().await?;
    let after = watch.elapsed();
    assert!(after < SLACK, "closing took {after:?}");
    Ok(())
}
