//! What the clients of a simulation want: a pure function of seed, client and index.
//!
//! An order never depends on what has happened before, so the same order can be asked for again at any time: by a
//! client that lost the answer, by another process, by the auditor. Orders name each other's purchases and reuse each
//! other's keys, with the same payload and with another one.

use rewards_core::cashback::Purchase;
use rewards_core::command::{NaturalKey, Operation, fingerprint};
use rewards_core::fingerprint::Fingerprint;
use rewards_core::ids::{IdempotencyKey, MemberId, ProgramId, PurchaseId, TenantId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::{CancelPurchase, ConfirmPurchase, RecordPurchase};
use rewards_core::operations::rewards::{DeductBalance, GrantReward, SettleMember};
use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine, Receipt};

use super::Failed;
use super::random::Random;

/// One hour in microseconds.
pub const HOUR: i64 = 3_600_000_000;

/// A command of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the operation of its name")]
pub enum Command {
    Publish(PublishProgram),
    Register(RegisterMember),
    Record(RecordPurchase),
    Confirm(ConfirmPurchase),
    Cancel(CancelPurchase),
    Grant(GrantReward),
    Deduct(DeductBalance),
    Settle(SettleMember),
}

macro_rules! each {
    ($command:expr, $request:ident => $body:expr) => {
        match $command {
            Command::Publish($request) => $body,
            Command::Register($request) => $body,
            Command::Record($request) => $body,
            Command::Confirm($request) => $body,
            Command::Cancel($request) => $body,
            Command::Grant($request) => $body,
            Command::Deduct($request) => $body,
            Command::Settle($request) => $body,
        }
    };
}

fn name_of<O: Operation>(_: &O) -> &'static str {
    O::NAME
}

impl Command {
    /// The operation's stable name.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        each!(self, request => name_of(request))
    }

    /// The member it is about.
    #[must_use]
    pub fn member(&self) -> Option<&MemberId> {
        each!(self, request => request.members().first().copied())
    }

    /// What tells it apart from others under the same key.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn fingerprint(&self) -> Result<Fingerprint, Failed> {
        Ok(each!(self, request => fingerprint(request))?)
    }

    fn natural_key(&self, tenant: &TenantId) -> Option<IdempotencyKey> {
        match each!(self, request => request.natural_key(tenant))? {
            NaturalKey::Text(key) => Some(key),
            NaturalKey::Entity(key) => IdempotencyKey::new(&key.id).ok(),
        }
    }
}

/// A command of a tenant under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Whose command it is.
    pub tenant: TenantId,
    /// The key it is sent with, or implies.
    pub key: IdempotencyKey,
    /// Whether it implies the key, and is sent without one.
    pub is_natural: bool,
    /// The command.
    pub command: Command,
}

impl Order {
    /// A command under the key it implies, or else under this one.
    #[must_use]
    pub fn new(tenant: &TenantId, key: IdempotencyKey, command: Command) -> Self {
        let natural = command.natural_key(tenant);
        Self {
            tenant: tenant.clone(),
            is_natural: natural.is_some(),
            key: natural.unwrap_or(key),
            command,
        }
    }

    /// Sends it; the reply comes back as the text that the store keeps.
    ///
    /// # Errors
    /// The fault of the engine.
    pub async fn send(&self, engine: &Engine) -> Result<Receipt<String>, Fault> {
        let tenant = engine.tenant(self.tenant.clone());
        let options = CommandOptions {
            key: (!self.is_natural).then(|| self.key.clone()),
            now: None,
        };
        each!(&self.command, request => {
            let receipt = tenant.execute_with(request.clone(), options).await?;
            let reply = serde_json::to_string(&receipt.reply)
                .map_err(|error| Fault::new("internal", error.to_string()))?;
            Ok(Receipt { reply, replayed: receipt.replayed })
        })
    }
}

/// All orders of a simulation.
#[derive(Debug, Clone)]
pub struct Script {
    /// Where all draws begin.
    pub seed: u64,
    /// The tenants; they have the same members and programs by name.
    pub tenants: Vec<TenantId>,
    /// How many members each tenant has.
    pub members: u64,
    /// How many clients give orders.
    pub clients: u64,
    /// When it begins.
    pub start: Timestamp,
    /// How far the clock moves from one index to the next, in microseconds.
    pub step: i64,
}

impl Script {
    /// The instant at which the orders of an index are given.
    ///
    /// # Errors
    /// When it lies beyond the supported times.
    pub fn instant(&self, index: u64) -> Result<Timestamp, Failed> {
        let steps = i64::try_from(index)?;
        Ok(self
            .start
            .checked_add_micros(self.step.saturating_mul(steps))?)
    }

    /// The order of a client at an index.
    ///
    /// # Errors
    /// When an id cannot be made, which is a mistake here.
    pub fn order(&self, client: u64, index: u64) -> Result<Order, Failed> {
        let mut random = Random::of(&[self.seed, 1, client, index]);
        if index > 0 && random.chance(120) {
            let (other, earlier) = self.earlier(&mut random, client, index);
            let order = self.plain(other, earlier)?;
            return self.echo(&mut random, order, client, index);
        }
        self.plain(client, index)
    }

    /// An order that echoes no other one.
    fn plain(&self, client: u64, index: u64) -> Result<Order, Failed> {
        let mut random = Random::of(&[self.seed, 2, client, index]);
        let tenant = self.tenant(client)?;
        let key = IdempotencyKey::new(&format!("k-{client}-{index}"))?;
        let command = match random.below(100) {
            _ if index == 0 => Command::Register(self.registration(client)?),
            0..46 => Command::Record(self.purchase(&mut random, client, index)?),
            46..56 => self
                .of_purchase(&mut random, client, index)?
                .map(|(member, purchase)| Command::Confirm(ConfirmPurchase { member, purchase }))
                .unwrap_or(self.settle(&mut random)?),
            56..66 => self
                .of_purchase(&mut random, client, index)?
                .map(|(member, purchase)| Command::Cancel(CancelPurchase { member, purchase }))
                .unwrap_or(self.settle(&mut random)?),
            66..75 => self.grant(&mut random, &key, index)?,
            75..86 => self.deduct(&mut random, &key)?,
            86..96 => self.settle(&mut random)?,
            _ => Command::Register(self.registration(random.below(self.members))?),
        };
        Ok(Order::new(&tenant, key, command))
    }

    /// The same order again: under another key, or under its key with another payload.
    fn echo(
        &self,
        random: &mut Random,
        mut order: Order,
        client: u64,
        index: u64,
    ) -> Result<Order, Failed> {
        match random.below(10) {
            0..3 => {}
            3..6 => {
                order.key = IdempotencyKey::new(&format!("e-{client}-{index}"))?;
                order.is_natural = false;
            }
            _ => alter(&mut order.command, self.member(random.below(self.members))?),
        }
        Ok(order)
    }

    fn tenant(&self, client: u64) -> Result<TenantId, Failed> {
        let tenants = u64::try_from(self.tenants.len())?;
        let at = usize::try_from(client.checked_rem(tenants).unwrap_or(0))?;
        Ok(self.tenants.get(at).cloned().ok_or("no tenants")?)
    }

    /// An earlier place: often the client's own, else that of a client of the same tenant.
    fn earlier(&self, random: &mut Random, client: u64, index: u64) -> (u64, u64) {
        let earlier = random.below(index.max(1));
        if random.chance(700) {
            return (client, earlier);
        }
        let tenants = u64::try_from(self.tenants.len()).unwrap_or(1).max(1);
        let of_tenant = self.clients.checked_div(tenants).unwrap_or(0);
        let other = random.below(of_tenant).saturating_mul(tenants);
        (
            other.saturating_add(client.checked_rem(tenants).unwrap_or(0)),
            earlier,
        )
    }

    fn member(&self, number: u64) -> Result<MemberId, Failed> {
        Ok(MemberId::new(&format!("m{number}"))?)
    }

    /// Some member: a hot one more often than not, and once in a while one who is never registered.
    fn some_member(&self, random: &mut Random) -> Result<MemberId, Failed> {
        match random.below(100) {
            0 => Ok(MemberId::new("nobody")?),
            1..50 => self.member(random.below(self.members.min(3))),
            _ => self.member(random.below(self.members)),
        }
    }

    /// The registration of a member, the same whoever sends it.
    ///
    /// # Errors
    /// When an id cannot be made, which is a mistake here.
    pub fn registration(&self, client: u64) -> Result<RegisterMember, Failed> {
        let tenants = u64::try_from(self.tenants.len())?.max(1);
        let number = client.checked_div(tenants).unwrap_or(0);
        let number = number.checked_rem(self.members).unwrap_or(0);
        let joined = HOUR.saturating_mul(-24 * i64::try_from(number)?.saturating_add(1));
        Ok(RegisterMember {
            registered_at: Some(self.start.checked_add_micros(joined)?),
            ..RegisterMember::new(self.member(number)?)
        })
    }

    fn purchase(
        &self,
        random: &mut Random,
        client: u64,
        index: u64,
    ) -> Result<RecordPurchase, Failed> {
        let id = PurchaseId::new(&format!("p-{client}-{index}"))?;
        let member = self.some_member(random)?;
        let program = match random.below(100) {
            0 => "nothing",
            1..25 => "cafe",
            _ => "shop",
        };
        // Whole hours, so that some purchases of a member happen at the same instant.
        let ago = HOUR.saturating_mul(-i64::try_from(random.below(30))?);
        let at = self.instant(index)?.checked_add_micros(ago)?;
        let minor = match random.below(100) {
            0 => 0,
            1..10 => i64::try_from(random.below(20_000))?,
            _ => i64::try_from(random.below(5_000))?.saturating_add(1),
        };
        let total = Money::new(minor, Asset::parse("EUR")?);
        let mut purchase = Purchase::new(id, member, ProgramId::new(program)?, at, total);
        if random.chance(500) {
            purchase.channel = Some("app".to_owned());
        }
        if random.chance(800) {
            let device = format!("d{}", random.below(4));
            purchase.attributes.insert("device".to_owned(), device);
        }
        Ok(RecordPurchase::new(purchase))
    }

    /// A purchase ordered before, mostly with its own member.
    fn of_purchase(
        &self,
        random: &mut Random,
        client: u64,
        index: u64,
    ) -> Result<Option<(MemberId, PurchaseId)>, Failed> {
        for _ in 0..8 {
            let (other, earlier) = self.earlier(random, client, index);
            // Orders about purchases name purchases, never each other: this ends.
            if Random::of(&[self.seed, 2, other, earlier]).below(100) >= 46 || earlier == 0 {
                continue;
            }
            if let Command::Record(record) = self.plain(other, earlier)?.command {
                let member = match random.below(20) {
                    0 => self.some_member(random)?,
                    _ => record.purchase.member,
                };
                return Ok(Some((member, record.purchase.id)));
            }
        }
        Ok(None)
    }

    fn grant(
        &self,
        random: &mut Random,
        key: &IdempotencyKey,
        index: u64,
    ) -> Result<Command, Failed> {
        let life = HOUR.saturating_mul(i64::try_from(random.below(72))?.saturating_add(48));
        let expires_at = if random.chance(500) {
            Some(self.instant(index)?.checked_add_micros(life)?)
        } else {
            None
        };
        Ok(Command::Grant(GrantReward {
            source: None,
            reference: None,
            member: self.some_member(random)?,
            amount: some_amount(random, 300)?,
            reason: key.to_string(),
            expires_at,
        }))
    }

    fn deduct(&self, random: &mut Random, key: &IdempotencyKey) -> Result<Command, Failed> {
        Ok(Command::Deduct(DeductBalance {
            source: None,
            reference: None,
            member: self.some_member(random)?,
            take: some_amount(random, 250)?,
            reason: key.to_string(),
        }))
    }

    fn settle(&self, random: &mut Random) -> Result<Command, Failed> {
        Ok(Command::Settle(SettleMember {
            member: self.some_member(random)?,
        }))
    }
}

fn some_amount(random: &mut Random, most: u64) -> Result<Money, Failed> {
    let asset = random.pick(&["EUR", "EUR", "points"]).unwrap_or(&"EUR");
    let minor = i64::try_from(random.below(most))?.saturating_add(1);
    Ok(Money::new(minor, Asset::parse(asset)?))
}

/// Another payload for the same operation.
fn alter(command: &mut Command, other: MemberId) {
    let more = |money: &Money| Money::new(money.minor().saturating_add(1), money.asset());
    match command {
        Command::Publish(publish) => publish.active_from = None,
        Command::Register(register) => {
            register.segments.insert("other".to_owned());
        }
        Command::Record(record) => record.purchase.total = more(&record.purchase.total),
        Command::Confirm(confirm) => confirm.member = other,
        Command::Cancel(cancel) => cancel.member = other,
        Command::Grant(grant) => grant.amount = more(&grant.amount),
        Command::Deduct(deduct) => deduct.take = more(&deduct.take),
        Command::Settle(settle) => settle.member = other,
    }
}
