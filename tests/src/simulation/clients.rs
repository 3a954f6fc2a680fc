//! Those who send orders and take events: impatient, forgetful, and on bad lines.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use rewards_core::discounts::{CouponUse, CouponVerdict};
use rewards_core::event::Stream;
use rewards_core::ids::{CouponId, IdempotencyKey, TenantId};
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::QuotePurchase;
use rewards_core::operations::rewards::SettleMember;
use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{Clock, Engine, ManualClock, Sweep};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::Failed;
use super::model::{Deliveries, History, Quoted};
use super::paid::{self, Paid};
use super::programs::documents;
use super::random::Random;
use super::redemptions::{self, Known};
use super::returned::taken_back;
use super::reviews::{self, Reviews};
use super::tokens::{self, Tokens};
use super::workload::{Command, HOUR, Order, Script};

/// How many revisions are published in mid-work of a round, for each tenant.
const PUBLISHED_MAX: u64 = 4;
/// How often a client sends an order whose outcome it does not know.
const SENDINGS_MAX: u32 = 60;

/// An engine among several, with a clock of its own.
#[derive(Debug)]
pub struct Site {
    /// The engine.
    pub engine: Engine,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// How far its clock is ahead, in microseconds.
    pub skew: i64,
}

/// What all clients share.
#[derive(Debug)]
pub struct World {
    /// What they want.
    pub script: Script,
    /// Whether anything can happen.
    pub mayhem: bool,
    /// Whom they may ask.
    pub sites: RwLock<Vec<Site>>,
    /// What they were told.
    pub history: Mutex<History>,
    /// What their consumers were handed.
    pub deliveries: Mutex<Deliveries>,
}

impl World {
    /// What the clients were told so far.
    pub fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was delivered so far.
    pub fn deliveries(&self) -> MutexGuard<'_, Deliveries> {
        self.deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self, random: &mut Random) -> Result<Engine, Failed> {
        Ok(self.engine_and_time(random)?.0)
    }

    /// Some engine, and what its clock shows.
    fn engine_and_time(&self, random: &mut Random) -> Result<(Engine, Timestamp), Failed> {
        let sites = self.sites.read().unwrap_or_else(PoisonError::into_inner);
        let site = random.pick(&sites).ok_or("no engine")?;
        Ok((site.engine.clone(), site.clock.now()))
    }

    /// Moves all clocks to an instant, each with its skew; no clock goes back.
    pub fn advance(&self, to: Timestamp) -> Result<(), Failed> {
        // Under the write lock, so that two who advance do not undo each other.
        let sites = self.sites.write().unwrap_or_else(PoisonError::into_inner);
        for site in sites.iter() {
            let to = to.checked_add_micros(site.skew)?;
            if site.clock.now() < to {
                site.clock.set(to);
            }
        }
        Ok(())
    }

    /// Turns a clock back by some hours, until somebody moves it on.
    fn turn_back(&self, random: &mut Random) -> Result<(), Failed> {
        let sites = self.sites.write().unwrap_or_else(PoisonError::into_inner);
        let hours = i64::try_from(random.below(30))?;
        if let Some(site) = random.pick(&sites) {
            let earlier = site.clock.now().checked_add_micros(-hours * HOUR)?;
            site.clock.set(earlier);
        }
        Ok(())
    }

    /// One who sweeps what is due and publishes programs while everybody works, until told to stop.
    ///
    /// # Errors
    /// When an order cannot be made.
    pub async fn keeper(
        &self,
        tenant: TenantId,
        number: u64,
        index: u64,
        stop: watch::Receiver<bool>,
    ) -> Result<(), Failed> {
        let mut random = Random::of(&[self.script.seed, 9, number]);
        let (programs, revised) = documents()?;
        let mut published = 0_u64;
        while !*stop.borrow() {
            sleep(millis(&mut random, 80)).await;
            if published < PUBLISHED_MAX && random.chance(300) {
                let documents = [programs.first(), programs.get(1), Some(&revised)];
                let program = random
                    .pick(&documents)
                    .copied()
                    .flatten()
                    .ok_or("no program")?;
                let key = IdempotencyKey::new(&format!("{}-{number}-{published}", program.id))?;
                let ago = -HOUR * i64::try_from(random.below(40))?;
                let active_from = self.script.instant(index)?.checked_add_micros(ago)?;
                let command = Command::Publish(PublishProgram {
                    program: program.clone(),
                    active_from: Some(active_from),
                });
                let order = Order::new(&tenant, key, command);
                self.pursue(&order, &mut random).await?;
                published += 1;
            }
            let engine = self.engine(&mut random)?.tenant(tenant.clone());
            self.history().3 += 1;
            if let Ok(sweep) = engine.settle_due().await {
                self.note_sweep(&tenant, sweep)?;
            }
        }
        Ok(())
    }

    /// What a sweep says that it carried out. Its commands have no keys.
    ///
    /// # Errors
    /// When a reply cannot be written.
    pub fn note_sweep(&self, tenant: &TenantId, sweep: Sweep) -> Result<(), Failed> {
        for (member, settled) in sweep.settled {
            let key = IdempotencyKey::new("swept")?;
            let command = Command::Settle(SettleMember { member });
            let order = Order::new(tenant, key, command);
            let reply = serde_json::to_string(&settled)?;
            self.history().swept(order, reply);
        }
        Ok(())
    }

    /// One client at work on its orders of these indexes.
    ///
    /// # Errors
    /// When an order cannot be made; never for what the engine says.
    pub async fn client(&self, client: u64, from: u64, until: u64) -> Result<(), Failed> {
        for index in from..until {
            let mut random = Random::of(&[self.script.seed, 3, client, index]);
            sleep(millis(&mut random, 20)).await;
            self.advance(self.script.instant(index)?)?;
            let order = self.script.order(client, index)?;
            let order = self.in_the_know(order, &mut random)?;
            if random.chance(3) {
                self.close_one(&mut random).await?;
            }
            if self.mayhem && random.chance(30) {
                self.turn_back(&mut random)?;
            }
            let order = self.with_coupons(order, &mut random).await?;
            if random.chance(150) {
                // Somebody pressed the button twice.
                let mut twin = Random::of(&[self.script.seed, 4, client, index]);
                let both = tokio::join!(
                    self.pursue(&order, &mut random),
                    self.pursue(&order, &mut twin)
                );
                both.0?;
                both.1?;
            } else {
                self.pursue(&order, &mut random).await?;
            }
        }
        Ok(())
    }

    /// An order as a client makes it who knows what became of others: mostly a step of a redemption or a review that is there and
    /// bears the step; and now and then coupons of a purchase that was taken back.
    fn in_the_know(&self, mut order: Order, random: &mut Random) -> Result<Order, Failed> {
        if let Command::Record(record) = &mut order.command {
            if !record.coupons.is_empty()
                && random.chance(150)
                && let Some(before) = taken_back(&self.history(), &order.tenant, random)
            {
                record.purchase.member = before.purchase.member;
                record.coupons = before.coupons;
            }
            return Ok(order);
        }
        if !is_step(&order.command) || !random.chance(850) {
            return Ok(order);
        }
        let now = self.engine_and_time(random)?.1;
        let (history, tenant, command) = (self.history(), &order.tenant, &order.command);
        let known = match command {
            step if redemptions::is_step(step) => {
                Known::of(&history, tenant)?.step(random, step, now)?
            }
            step if reviews::is_step(step) => {
                Reviews::of(&history, tenant)?.step(random, step, now)
            }
            step if paid::is_step(step) => Paid::of(&history, tenant)?.step(random, step),
            step => Tokens::of(&history, tenant)?.step(random, step)?,
        };
        drop(history);
        // Some give a key of their own to what has a number, which is no key that anything implies.
        Ok(match known {
            Some(command) if random.chance(300) && redemptions::is_numbered(&command) => {
                let key = IdempotencyKey::new(&format!("own-{}", order.key.as_str()))?;
                Order::under(&order.tenant, key, command)
            }
            Some(command) => Order::new(&order.tenant, order.key, command),
            None => order,
        })
    }

    /// What goes before a purchase with coupons: the lease of one that must be locked, and mostly a quote. Most leave away what the
    /// quote says is refused, and some record at the price that they were quoted or not at all.
    async fn with_coupons(&self, mut order: Order, random: &mut Random) -> Result<Order, Failed> {
        let (purchase, coupons) = match &order.command {
            Command::Record(record) => (&record.purchase, &record.coupons),
            Command::Replace(replace) => (&replace.purchase, &replace.coupons),
            _ => return Ok(order),
        };
        if coupons.is_empty() {
            return Ok(order);
        }
        let quote = QuotePurchase {
            purchase: purchase.clone(),
            coupons: coupons.clone(),
            explain: false,
        };
        if random.chance(900)
            && let Some(lock) = self.script.lock_before(&order)?
        {
            self.pursue(&lock, random).await?;
        }
        if !random.chance(750) {
            return Ok(order);
        }
        let engine = self.engine(random)?.tenant(order.tenant.clone());
        let Ok(quoted) = engine.execute(quote.clone()).await else {
            return Ok(order);
        };
        let decision = quoted.decision;
        let told = decision.discount.iter().flat_map(|told| &told.coupons);
        let is_refused = |own: &&CouponUse| matches!(own.outcome, CouponVerdict::Refused { .. });
        let refused: Vec<CouponId> = told
            .filter(is_refused)
            .map(|own| own.coupon.clone())
            .collect();
        let (coupons, pinned) = match &mut order.command {
            Command::Record(record) => (&mut record.coupons, &mut record.pinned),
            Command::Replace(replace) => (&mut replace.coupons, &mut replace.pinned),
            _ => return Ok(order),
        };
        if pinned.is_none() && refused.is_empty() && random.chance(300) {
            *pinned = Some(decision.digest.clone());
        } else if random.chance(900) {
            coupons.retain(|coupon| !refused.contains(coupon));
        }
        self.history().4.push(Quoted {
            tenant: order.tenant.clone(),
            quote,
            decision,
        });
        Ok(order)
    }

    /// Sends an order until its outcome is known, or until the client has lost interest.
    async fn pursue(&self, order: &Order, random: &mut Random) -> Result<(), Failed> {
        for _ in 0..SENDINGS_MAX {
            let (engine, now) = self.engine_and_time(random)?;
            let patience = if random.chance(100) {
                millis(random, 15)
            } else {
                Duration::from_secs(600)
            };
            let sent = self.history().sent(order);
            // An order whose future is dropped may be done or not: it is sent again with the same key.
            if let Ok(outcome) = timeout(patience, order.send(&engine, now)).await {
                match outcome {
                    Ok(receipt) => {
                        self.history()
                            .acknowledged(order, receipt.reply, receipt.replayed);
                        return Ok(());
                    }
                    Err(fault) if !may_pass(&fault) => {
                        self.history().refused(order, &fault, Some(sent));
                        return Ok(());
                    }
                    Err(_) => {}
                }
            }
            self.history().unknown(order);
            if random.chance(30) {
                return Ok(());
            }
            sleep(millis(random, 50)).await;
        }
        Ok(())
    }

    /// Closes an engine while others work with it, unless it is the last one.
    async fn close_one(&self, random: &mut Random) -> Result<(), Failed> {
        let site = {
            let mut sites = self.sites.write().unwrap_or_else(PoisonError::into_inner);
            let count = u64::try_from(sites.len())?;
            if count < 2 {
                return Ok(());
            }
            sites.remove(usize::try_from(random.below(count))?)
        };
        site.engine.close().await;
        Ok(())
    }

    /// One consumer of a tenant's events, until it is told to stop. It loses leases, gives events back, and
    /// acknowledges parts.
    ///
    /// # Errors
    /// When there is no engine.
    pub async fn consumer(
        &self,
        tenant: TenantId,
        number: u64,
        stop: watch::Receiver<bool>,
    ) -> Result<(), Failed> {
        let mut random = Random::of(&[self.script.seed, 5, number]);
        while !*stop.borrow() {
            sleep(millis(&mut random, 40)).await;
            // Each claim has an owner of its own, so that an answer that got lost closes its streams to everybody
            // until the lease runs out.
            let owner = Uuid::from_u128(u128::from(random.bits()) << 64 | u128::from(number));
            let engine = self.engine(&mut random)?.tenant(tenant.clone());
            let limit = u32::try_from(random.below(60))?.saturating_add(1);
            let Ok(claimed) = engine.claim_events(owner, 30, limit).await else {
                continue;
            };
            let mut places: Vec<(Stream, u64)> = Vec::with_capacity(claimed.len());
            for claim in claimed {
                places.push((claim.event.stream.clone(), claim.event.seq));
                self.deliveries().deliver(&tenant, claim.event);
            }
            let count = u64::try_from(places.len())?;
            let done = match random.below(10) {
                0 => continue,
                1 => 0,
                2..4 => usize::try_from(random.below(count))?,
                _ => places.len(),
            };
            let (done, rest) = places.split_at_checked(done).unwrap_or((&places, &[]));
            sleep(millis(&mut random, 10)).await;
            let _ = engine.acknowledge_events(owner, done).await;
            let _ = engine.release_events(owner, rest).await;
        }
        Ok(())
    }
}

/// Whether asking again may end otherwise: it is the store that failed, for a moment or until somebody mends it, an engine
/// that was closed, and another one answers next, or a message that was signed before the clock went on.
#[must_use]
pub fn may_pass(fault: &Fault) -> bool {
    fault.is_retryable()
        || fault.code == "engine_closed"
        || fault.code == "signature_expired"
        || fault.code.starts_with("store_")
}

/// One to `most` milliseconds. Never none: a timer that is due at once fires when the runtime happens to look, and not
/// at a point that a seed repeats.
fn millis(random: &mut Random, most: u64) -> Duration {
    Duration::from_millis(random.below(most).saturating_add(1))
}

/// Takes all events of a tenant through a healthy engine, whose clock is past all leases.
///
/// # Errors
/// When the store fails.
pub async fn drain(engine: &Engine, tenant: &TenantId, world: &World) -> Result<(), Failed> {
    let owner = Uuid::from_u128(u128::MAX);
    let engine = engine.tenant(tenant.clone());
    loop {
        let claimed = engine.claim_events(owner, 30, 500).await?;
        if claimed.is_empty() {
            return Ok(());
        }
        let mut places = Vec::with_capacity(claimed.len());
        for claim in claimed {
            places.push((claim.event.stream.clone(), claim.event.seq));
            world.deliveries().deliver(tenant, claim.event);
        }
        let removed = engine.acknowledge_events(owner, &places).await?;
        if removed != u64::try_from(places.len())? {
            return Err(format!("acknowledged {} events, removed {removed}", places.len()).into());
        }
    }
}

/// Whether a command is a step of something whose state a client knows.
fn is_step(command: &Command) -> bool {
    redemptions::is_step(command)
        || reviews::is_step(command)
        || paid::is_step(command)
        || tokens::is_step(command)
}
