//! Runs a simulation: rounds of work, and an audit at every quiet moment between them.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rewards_core::ids::{IdempotencyKey, MemberId, TenantId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::program::Program;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{Clock, Engine, ManualClock, STORE_PATIENCE, SeededRandom};
use rewards_storage::faulty::{FaultCounts, FaultPlan, FaultRates, FaultyStore};
use rewards_storage::store::Backend;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::auditor::{Check, Problem, audit};
use super::books::Books;
use super::broken::Shared;
use super::clients::{Site, World, drain, may_pass};
use super::evidence::Evidence;
use super::model::{Deliveries, History};
use super::random::Random;
use super::workload::{Command, HOUR, Order};
use super::{Failed, Failure, Scenario, documents, key_ring};

/// What goes wrong in a stormy deployment.
const STORM: FaultRates = FaultRates {
    load_error: 40,
    commit_error: 40,
    conflict: 60,
    torn_group: 60,
    lost_acknowledgement: 80,
    query_error: 30,
    outbox_error: 100,
    latency: 300,
    hang: 0,
    refused: 0,
    corrupt: 0,
};

/// What goes wrong when anything can.
const MAYHEM: FaultRates = FaultRates {
    hang: 5,
    refused: 10,
    corrupt: 5,
    ..STORM
};

/// For how long a call hangs that hangs.
const HANG: Duration = Duration::from_millis(500);

/// The patience of those who must not fail, however much else the machine has to do.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Consumers of each tenant.
const CONSUMERS: u64 = 2;

/// A store with the engines on it.
#[derive(Debug)]
pub struct Deployment {
    /// The store, without faults.
    pub truth: Arc<dyn Backend>,
    /// What the engines of the clients see of it; the store itself when it is no worse than it should be.
    pub front: Arc<dyn Backend>,
}

/// Runs a simulation on an empty store and audits it.
///
/// # Errors
/// A [`Failure`] when the auditor found something; anything else when the simulation itself could not go on.
pub async fn run(scenario: Scenario, deployment: Deployment) -> Result<Evidence, Failed> {
    let rates = match (scenario.faults, scenario.mayhem) {
        (false, _) => FaultRates::default(),
        (true, false) => STORM,
        (true, true) => MAYHEM,
    };
    let front = Arc::new(FaultyStore::new(
        Shared(deployment.front),
        FaultPlan {
            seed: scenario.seed,
            per_mille: rates,
            latency: Duration::from_millis(7),
            hang: HANG,
        },
    ));
    let simulation = Simulation {
        scenario,
        truth: deployment.truth,
        front: Arc::clone(&front) as Arc<dyn Backend>,
        world: Arc::new(World {
            script: scenario.script()?,
            mayhem: scenario.mayhem,
            sites: RwLock::default(),
            history: Mutex::default(),
            deliveries: Mutex::default(),
        }),
    };
    let mut evidence = simulation.play().await?;
    evidence.faults = front.counts();
    Ok(evidence)
}

struct Simulation {
    scenario: Scenario,
    truth: Arc<dyn Backend>,
    front: Arc<dyn Backend>,
    world: Arc<World>,
}

impl Simulation {
    async fn play(&self) -> Result<Evidence, Failed> {
        let (programs, revised) = documents()?;
        let start = self.world.script.instant(0)?;
        let before = start.checked_add_micros(-60 * 24 * HOUR)?;
        self.publish(&programs, before, 1).await?;
        self.give_lots().await?;
        for round in 0..self.scenario.rounds {
            self.round(round).await?;
            self.rest(round + 1, &format!("after round {round}"))
                .await?;
            if round == 0 {
                let from = self.world.script.instant(self.scenario.orders)?;
                self.publish(std::slice::from_ref(&revised), from, 2)
                    .await?;
            }
        }
        self.resolve().await?;
        let rounds = self.scenario.rounds;
        self.rest(rounds, "after the last outcomes were found out")
            .await?;
        self.replay().await?;
        self.rest(rounds, "after everything was sent again").await
    }

    /// When everybody rests: all work of the indexes before is long done.
    fn rested_at(&self, index: u64) -> Result<Timestamp, Failed> {
        Ok(self.world.script.instant(index)?.checked_add_micros(HOUR)?)
    }

    /// An engine on the healthy store, when all work of the indexes before is long done.
    async fn healthy(&self, index: u64, number: u64) -> Result<Engine, Failed> {
        let now = self.rested_at(index)?;
        let (engine, _) = self.open(&self.truth, PATIENCE, now, number).await?;
        for tenant in &self.world.script.tenants {
            self.warm(&engine, tenant).await?;
        }
        Ok(engine)
    }

    async fn open(
        &self,
        backend: &Arc<dyn Backend>,
        patience: Duration,
        now: Timestamp,
        number: u64,
    ) -> Result<(Engine, Arc<ManualClock>), Failed> {
        let clock = Arc::new(ManualClock::new(now));
        let mut seed = Random::of(&[self.scenario.seed, 6, number]);
        loop {
            let builder = Engine::builder(Arc::clone(backend))
                .clock(Arc::clone(&clock) as Arc<dyn Clock>)
                .random(Arc::new(SeededRandom::new(seed.bits())))
                .key_ring(key_ring()?)
                .patience(patience)
                .in_place(true)
                .batch_max(64);
            match builder.open().await {
                Ok(engine) => return Ok((engine, clock)),
                Err(fault) if may_pass(&fault) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    async fn publish(
        &self,
        programs: &[Program],
        from: Timestamp,
        number: u64,
    ) -> Result<(), Failed> {
        let engine = self.healthy(self.scenario.orders, number).await?;
        for tenant in &self.world.script.tenants {
            for program in programs {
                let key = IdempotencyKey::new(&format!("{}-{number}", program.id))?;
                let command = Command::Publish(PublishProgram {
                    program: program.clone(),
                    active_from: Some(from),
                });
                self.note(&engine, Order::new(tenant, key, command)).await?;
            }
        }
        engine.close().await;
        Ok(())
    }

    /// Gives the first member of every tenant many small lots that all expire at one instant, in mid-run.
    async fn give_lots(&self) -> Result<(), Failed> {
        if self.scenario.lots == 0 {
            return Ok(());
        }
        let engine = self.healthy(0, 7).await?;
        let expires_at = self.world.script.instant(self.scenario.orders)?;
        let member = self.world.script.registration(0)?;
        for tenant in &self.world.script.tenants {
            let key = IdempotencyKey::new("first of all")?;
            self.note(
                &engine,
                Order::new(tenant, key, Command::Register(member.clone())),
            )
            .await?;
            for number in 0..self.scenario.lots {
                let key = IdempotencyKey::new(&format!("lot-{number}"))?;
                let command = Command::Grant(GrantReward {
                    source: None,
                    reference: None,
                    member: member.member.clone(),
                    amount: Money::new(1, Asset::parse("points")?),
                    reason: key.to_string(),
                    expires_at: Some(expires_at),
                });
                self.note(&engine, Order::new(tenant, key, command)).await?;
            }
        }
        engine.close().await;
        Ok(())
    }

    /// Sends an order that must be carried out.
    async fn note(&self, engine: &Engine, order: Order) -> Result<(), Failed> {
        let receipt = order.send(engine, self.world.script.start).await?;
        let mut history = self.world.history();
        history.acknowledged(&order, receipt.reply, receipt.replayed);
        Ok(())
    }

    /// Everybody works; when this returns, nothing is in flight.
    async fn round(&self, round: u64) -> Result<(), Failed> {
        let from = round.saturating_mul(self.scenario.orders);
        self.open_sites(round, from).await?;
        let (stop, stopped) = watch::channel(false);
        let mut consumers = JoinSet::new();
        for (tenant, number) in self.world.script.tenants.iter().zip(0..) {
            for consumer in 0..CONSUMERS {
                let number = (round * 100 + number) * CONSUMERS + consumer;
                let (world, tenant) = (Arc::clone(&self.world), tenant.clone());
                let stopped = stopped.clone();
                consumers.spawn(async move { world.consumer(tenant, number, stopped).await });
            }
        }
        if self.scenario.mayhem {
            for (tenant, number) in self.world.script.tenants.iter().zip(0..) {
                let (world, tenant) = (Arc::clone(&self.world), tenant.clone());
                let (number, stopped) = (round * 100 + number, stopped.clone());
                consumers.spawn(async move { world.keeper(tenant, number, from, stopped).await });
            }
        }
        let mut clients = JoinSet::new();
        for client in 0..self.scenario.clients {
            let world = Arc::clone(&self.world);
            let until = from.saturating_add(self.scenario.orders);
            clients.spawn(async move { world.client(client, from, until).await });
        }
        while let Some(ended) = clients.join_next().await {
            ended??;
        }
        stop.send_replace(true);
        while let Some(ended) = consumers.join_next().await {
            ended??;
        }
        let sites = self.world.sites.write();
        let sites = std::mem::take(&mut *sites.unwrap_or_else(PoisonError::into_inner));
        for site in sites {
            site.engine.close().await;
        }
        Ok(())
    }

    /// Opens the engines of a round, with clocks that are not quite the same, and lets each of them read the programs.
    async fn open_sites(&self, round: u64, index: u64) -> Result<(), Failed> {
        for number in 0..self.scenario.engines {
            let mut random = Random::of(&[self.scenario.seed, 7, round, number]);
            let skew = i64::try_from(random.below(240_000_000))? - 120_000_000;
            let now = self.world.script.instant(index)?.checked_add_micros(skew)?;
            let number = 1_000 * (round + 1) + number;
            let opened = self.open(&self.front, STORE_PATIENCE, now, number);
            let (engine, clock) = opened.await?;
            for tenant in &self.world.script.tenants {
                self.warm(&engine, tenant).await?;
            }
            let mut sites = self
                .world
                .sites
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            sites.push(Site {
                engine,
                clock,
                skew,
            });
        }
        Ok(())
    }

    /// Programs are compiled on another thread, at whose pace a run could not be repeated: so not in mid-run.
    async fn warm(&self, engine: &Engine, tenant: &TenantId) -> Result<(), Failed> {
        let query = GetBalance {
            member: MemberId::new("nobody")?,
            at: None,
            expiring_days: None,
        };
        while let Err(fault) = engine.tenant(tenant.clone()).execute(query.clone()).await {
            if !may_pass(&fault) && fault.code != "member_unknown" {
                return Err(fault.into());
            }
            if fault.code == "member_unknown" {
                break;
            }
        }
        // Paused time moves on only when everybody waits: now all of the engine's tasks have begun.
        sleep(Duration::from_millis(1)).await;
        Ok(())
    }

    /// Sweeps what is due, takes all events, and audits.
    async fn rest(&self, rounds: u64, moment: &str) -> Result<Evidence, Failed> {
        let index = rounds * self.scenario.orders;
        let engine = self.healthy(index, 3).await?;
        let other = self.healthy(index, 4).await?;
        let mut evidence = Evidence {
            history: History::default(),
            deliveries: Deliveries::default(),
            books: Vec::new(),
            faults: FaultCounts::default(),
        };
        for tenant in &self.world.script.tenants {
            let mut problems = Vec::new();
            if moment.starts_with("after round") {
                problems = self.sweep(tenant, &engine, &other).await?;
            }
            drain(&engine, tenant, &self.world).await?;
            let history = self.world.history().clone();
            let mut books = Books::read(&*self.truth, &engine, tenant, &history).await?;
            books.swept_at = moment
                .starts_with("after round")
                .then(|| self.rested_at(index))
                .transpose()?;
            problems.extend(audit(&books, &history, &self.world.deliveries())?);
            if !problems.is_empty() {
                return Err(Box::new(Failure {
                    scenario: self.scenario,
                    moment: format!("tenant {tenant}, {moment}"),
                    problems,
                }));
            }
            evidence.books.push(books);
        }
        engine.close().await;
        other.close().await;
        evidence.history = self.world.history().clone();
        evidence.deliveries = self.world.deliveries().clone();
        Ok(evidence)
    }

    /// Two sweeps at the same instant, by two engines.
    async fn sweep(
        &self,
        tenant: &TenantId,
        engine: &Engine,
        other: &Engine,
    ) -> Result<Vec<Problem>, Failed> {
        let (engine, other) = (engine.tenant(tenant.clone()), other.tenant(tenant.clone()));
        let (one, two) = tokio::join!(engine.settle_due(), other.settle_due());
        let mut problems = Vec::new();
        for outcome in [one, two] {
            match outcome {
                Ok(sweep) => {
                    problems.extend(sweep.failed.iter().map(|(_, fault)| Problem {
                        check: Check::Refusal,
                        detail: format!("a member could not be settled: {fault}"),
                    }));
                    self.world.note_sweep(tenant, sweep)?;
                }
                Err(fault) => problems.push(Problem {
                    check: Check::Refusal,
                    detail: format!("a sweep was refused: {fault}"),
                }),
            }
        }
        Ok(problems)
    }

    /// Sends every order again whose outcome nobody knows.
    async fn resolve(&self) -> Result<(), Failed> {
        let index = self.scenario.rounds * self.scenario.orders;
        let engine = self.healthy(index, 5).await?;
        let now = self.rested_at(index)?;
        let told: Vec<_> = self.world.history().0.values().cloned().collect();
        for told in told {
            for order in &told.unknown {
                let known = told.acks.iter().any(|ack| ack.order == *order)
                    || told.refused.iter().any(|refused| refused.order == *order);
                if known {
                    continue;
                }
                match order.send(&engine, now).await {
                    Ok(receipt) => {
                        let mut history = self.world.history();
                        history.acknowledged(order, receipt.reply, receipt.replayed);
                    }
                    Err(fault) => self.world.history().refused(order, &fault, None),
                }
            }
        }
        engine.close().await;
        Ok(())
    }

    /// Sends every acknowledged order again, through an engine that has never seen it.
    async fn replay(&self) -> Result<(), Failed> {
        let index = self.scenario.rounds * self.scenario.orders;
        let engine = self.healthy(index, 6).await?;
        let now = self.rested_at(index)?;
        let acks: Vec<_> = {
            let history = self.world.history();
            let told = history.0.values();
            told.filter_map(|told| told.acks.first().cloned()).collect()
        };
        for ack in acks {
            let receipt = ack.order.send(&engine, now).await?;
            if !receipt.replayed || receipt.reply != ack.reply {
                let order = &ack.order;
                return Err(
                    format!("not found again: {order:?}: {receipt:?}, {}", ack.reply).into(),
                );
            }
        }
        engine.close().await;
        Ok(())
    }
}
