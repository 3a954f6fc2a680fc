//! The engine's side: many callers, each waiting for its own durable receipt.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rewards_core::cashback::Purchase;
use rewards_core::ids::{MemberId, ProgramId, PurchaseId, TenantId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::RecordPurchase;
use rewards_core::program::Program;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine, TenantEngine};
use rewards_storage::memory::MemoryStore;
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::Backend;

/// The tenant the engine works for.
pub const TENANT: &str = "engine";

/// An engine on a database, with members and programs.
#[derive(Debug)]
pub struct Host {
    /// Keeps the workers running.
    engine: Engine,
    tenant: TenantEngine,
    next: Arc<AtomicU64>,
    now: Timestamp,
    members: AtomicU64,
}

/// What a run reached.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// A program: 5 % cashback, a monthly cap per member, a budget, a spend ladder.
fn program(number: u32) -> Result<Program, Box<dyn Error>> {
    let text = format!(
        r#"
        id = "p{number}"
        currency = "EUR"
        zone = "Europe/Berlin"
        [[rules]]
        id = "base"
        effect = {{ percent = {{ rate = "5%" }} }}
        funded_by = "f{number}"
        caps = ["monthly"]
        budgets = ["total"]
        [[caps]]
        id = "monthly"
        per = "member"
        every = "month"
        limit = {{ amount = {{ amount = "100000.00" }} }}
        [[budgets]]
        id = "total"
        amount = "1000000000.00"
        [[ladders]]
        id = "status"
        measure = {{ spend = "net" }}
        window = {{ calendar = "year" }}
        [[ladders.tiers]]
        id = "member"
        threshold = "0"
        [[ladders.tiers]]
        id = "gold"
        threshold = "10000000"
        benefits = {{ multiplier = "1.5" }}
        "#
    );
    Ok(toml::from_str(&text)?)
}

impl Host {
    /// Opens an engine on a database.
    pub async fn open(url: &str) -> Result<Self, Box<dyn Error>> {
        Self::on(Arc::new(SqlStore::open(url, SqlOptions::default()).await?)).await
    }

    /// Opens an engine on memory.
    pub async fn in_memory() -> Result<Self, Box<dyn Error>> {
        Self::on(Arc::new(MemoryStore::new())).await
    }

    async fn on(backend: Arc<dyn Backend>) -> Result<Self, Box<dyn Error>> {
        let engine = Engine::builder(backend).open().await?;
        let tenant = engine.tenant(TenantId::new(TENANT)?);
        Ok(Self {
            engine,
            tenant,
            next: Arc::new(AtomicU64::new(0)),
            now: Timestamp::parse("2026-06-15T12:00:00Z")?,
            members: AtomicU64::new(0),
        })
    }

    /// Publishes programs and registers members.
    pub async fn prepare(&self, members: u32, programs: u32) -> Result<(), Box<dyn Error>> {
        for number in 0..programs {
            let request = PublishProgram {
                program: program(number)?,
                active_from: Some(Timestamp::parse("2020-01-01T00:00:00Z")?),
            };
            let key = Some(format!("p{number}").parse()?);
            self.tenant
                .execute_with(request, CommandOptions { key, now: None })
                .await?;
        }
        self.register(members).await
    }

    /// Goes on with a database that another process prepared: its members, and the number of the next purchase.
    pub fn resume(&self, members: u32, next: u64) {
        self.members.store(u64::from(members), Ordering::Relaxed);
        self.next.store(next, Ordering::Relaxed);
    }

    /// The number of the next purchase.
    pub fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Registers members up to a number.
    pub async fn register(&self, members: u32) -> Result<(), Box<dyn Error>> {
        let known = self.members.load(Ordering::Relaxed);
        let names: Vec<u64> = (known..u64::from(members)).collect();
        for chunk in names.chunks(5_000) {
            let requests = chunk.iter().map(|number| {
                let member = MemberId::new(&format!("m{number}"));
                let options = CommandOptions {
                    key: None,
                    now: Some(self.now),
                };
                member.map(|member| (RegisterMember::new(member), options))
            });
            for reply in self
                .tenant
                .execute_many(requests.collect::<Result<_, _>>()?)
                .await
            {
                reply?;
            }
        }
        self.members.store(u64::from(members), Ordering::Relaxed);
        Ok(())
    }

    fn purchase(
        &self,
        number: u64,
        programs: u32,
    ) -> Result<RecordPurchase, Box<dyn Error + Send + Sync>> {
        let mixed = super::rows::mix(number);
        let member = mixed % self.members.load(Ordering::Relaxed);
        let mut purchase = Purchase::new(
            PurchaseId::new(&format!("purchase-{number:012}-0123456789abcdef"))?,
            MemberId::new(&format!("m{member}"))?,
            ProgramId::new(&format!("p{}", member % u64::from(programs)))?,
            self.at(number)?,
            Money::new(1_000 + i64::try_from(mixed % 9_000)?, Asset::parse("EUR")?),
        );
        purchase.category = Some("music".to_owned());
        purchase.channel = Some("online".to_owned());
        Ok(RecordPurchase::new(purchase))
    }

    /// When a purchase is made. Time goes on, as it does everywhere: events are stored in the order of time, and were all of
    /// one moment, each would go to another place among those of all members.
    fn at(&self, number: u64) -> Result<Timestamp, Box<dyn Error + Send + Sync>> {
        let micros = self.now.micros() + 1 + i64::try_from(number)?;
        Ok(Timestamp::from_micros(micros)?)
    }

    /// Records one purchase and returns its id, so that its rows can be looked at.
    pub async fn sample(&self) -> Result<String, Box<dyn Error>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let request = self
            .purchase(number, 1)
            .map_err(|error| error.to_string())?;
        let id = request.purchase.id.to_string();
        let options = CommandOptions {
            key: None,
            now: Some(request.purchase.occurred_at),
        };
        self.tenant.execute_with(request, options).await?;
        Ok(id)
    }

    /// Runs callers for some seconds; each sends its next purchase when it has the receipt of the last one.
    pub async fn run(
        &self,
        callers: usize,
        programs: u32,
        seconds: u64,
    ) -> Result<Run, Box<dyn Error>> {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let started = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let tenant = self.tenant.clone();
                let requests = Requests {
                    host: self.shared(),
                    programs,
                };
                tokio::spawn(async move { requests.send_until(tenant, deadline).await })
            })
            .collect();
        let mut times = Histogram::<u64>::new(3)?;
        for task in tasks {
            times.add(task.await?.map_err(|error| error.to_string())?)?;
        }
        let elapsed = started.elapsed().as_secs_f64();
        Ok(Run {
            per_second: times.len() as f64 / elapsed,
            p50_ms: times.value_at_quantile(0.5) as f64 / 1_000.0,
            p99_ms: times.value_at_quantile(0.99) as f64 / 1_000.0,
        })
    }

    fn shared(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            tenant: self.tenant.clone(),
            next: self.next.clone(),
            now: self.now,
            members: AtomicU64::new(self.members.load(Ordering::Relaxed)),
        }
    }

    /// Audits the books: speed proves nothing when they are wrong.
    pub async fn check(&self) -> Result<(), Box<dyn Error>> {
        let report = self.tenant.verify().await?;
        if report.is_valid() {
            eprintln!(
                "books verified: {} entries, {} accounts",
                report.entries, report.accounts
            );
            return Ok(());
        }
        Err(format!("the books are wrong: {:?}", report.problems.first()).into())
    }
}

struct Requests {
    host: Host,
    programs: u32,
}

impl Requests {
    async fn send_until(
        self,
        tenant: TenantEngine,
        deadline: Instant,
    ) -> Result<Histogram<u64>, Box<dyn Error + Send + Sync>> {
        let mut times = Histogram::<u64>::new(3)?;
        while Instant::now() < deadline {
            let number = self.host.next.fetch_add(1, Ordering::Relaxed);
            let request = self.host.purchase(number, self.programs)?;
            let options = CommandOptions {
                key: None,
                now: Some(request.purchase.occurred_at),
            };
            let asked = Instant::now();
            tenant.execute_with(request, options).await?;
            times.record(u64::try_from(asked.elapsed().as_micros())?)?;
        }
        Ok(times)
    }
}
