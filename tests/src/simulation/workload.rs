//! What the clients of a simulation want: a pure function of seed, client and index.
//!
//! An order never depends on what has happened before, so the same order can be asked for again at any time: by a
//! client that lost the answer, by another process, by the auditor. Orders name each other's purchases and reuse each
//! other's keys, with the same payload and with another one.

use rewards_core::cashback::Purchase;
use rewards_core::ids::{IdempotencyKey, MemberId, ProgramId, PurchaseId, TenantId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::purchases::{CancelPurchase, ConfirmPurchase, RecordPurchase};
use rewards_core::operations::rewards::{DeductBalance, GrantReward, SettleMember};
use rewards_core::time::Timestamp;

use super::Failed;
pub use super::command::{Command, Order};
use super::random::Random;

/// One hour in microseconds.
pub const HOUR: i64 = 3_600_000_000;

/// What an order is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Record,
    OfPurchase,
    Grant,
    Deduct,
    Settle,
    Redeem,
    OfRedemption,
    Send,
    Initiate,
    PayIn,
    Register,
}

impl Kind {
    /// The first draw of an order.
    fn of(random: &mut Random) -> Self {
        match random.below(100) {
            0..32 => Self::Record,
            32..50 => Self::OfPurchase,
            50..58 => Self::Grant,
            58..62 => Self::Deduct,
            62..68 => Self::Settle,
            68..76 => Self::Redeem,
            76..84 => Self::OfRedemption,
            84..90 => Self::Send,
            90..94 => Self::Initiate,
            94..98 => Self::PayIn,
            _ => Self::Register,
        }
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
        let command = match Kind::of(&mut random) {
            _ if index == 0 => Command::Register(self.registration(client)?),
            Kind::Record => Command::Record(self.purchase(&mut random, client, index)?),
            Kind::OfPurchase => self
                .of_purchase(&mut random, client, index)?
                .unwrap_or(self.settle(&mut random)?),
            Kind::Grant => self.grant(&mut random, &key, index)?,
            Kind::Deduct => self.deduct(&mut random, &key)?,
            Kind::Settle => self.settle(&mut random)?,
            Kind::Redeem => self.redeem(&mut random, client, index)?,
            Kind::OfRedemption => self
                .of_redemption(&mut random, client, index)?
                .unwrap_or(self.settle(&mut random)?),
            Kind::Send => self.transfer(&mut random, client, index)?,
            Kind::Initiate => self.deposit(client, index)?,
            Kind::PayIn => self
                .pay_in(&mut random, client, index)?
                .unwrap_or(self.settle(&mut random)?),
            Kind::Register => Command::Register(self.registration(random.below(self.members))?),
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
            _ => {
                let other = self.member(random.below(self.members))?;
                order.command.alter(other);
                // What a provider says is its own key.
                if order.is_natural && matches!(order.command, Command::PayIn(_)) {
                    order = Order::new(&order.tenant, order.key.clone(), order.command);
                }
            }
        }
        Ok(order)
    }

    fn tenant(&self, client: u64) -> Result<TenantId, Failed> {
        let tenants = u64::try_from(self.tenants.len())?;
        let at = usize::try_from(client.checked_rem(tenants).unwrap_or(0))?;
        Ok(self.tenants.get(at).cloned().ok_or("no tenants")?)
    }

    /// An earlier place: often the client's own, else that of a client of the same tenant.
    pub(super) fn earlier(&self, random: &mut Random, client: u64, index: u64) -> (u64, u64) {
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

    pub(super) fn member(&self, number: u64) -> Result<MemberId, Failed> {
        Ok(MemberId::new(&format!("m{number}"))?)
    }

    /// Some member: a hot one more often than not, and once in a while one who is never registered.
    pub(super) fn some_member(&self, random: &mut Random) -> Result<MemberId, Failed> {
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

    /// Something about a purchase ordered before, mostly with its own member.
    fn of_purchase(
        &self,
        random: &mut Random,
        client: u64,
        index: u64,
    ) -> Result<Option<Command>, Failed> {
        let Some(Command::Record(record)) = self.of_kind(random, (client, index), Kind::Record)?
        else {
            return Ok(None);
        };
        let member = match random.below(20) {
            0 => self.some_member(random)?,
            _ => record.purchase.member.clone(),
        };
        let purchase = record.purchase.id.clone();
        Ok(Some(match random.below(100) {
            0..34 => Command::Confirm(ConfirmPurchase { member, purchase }),
            34..55 => Command::Cancel(CancelPurchase { member, purchase }),
            _ => self.refund(random, member, &record.purchase, (client, index))?,
        }))
    }

    /// A command of a kind that was ordered before, by the client itself or by another one of the tenant. Only of kinds that name
    /// no other orders: so this ends.
    pub(super) fn of_kind(
        &self,
        random: &mut Random,
        (client, index): (u64, u64),
        kind: Kind,
    ) -> Result<Option<Command>, Failed> {
        let is_one = |client: u64, index: &u64| {
            let drawn = Kind::of(&mut Random::of(&[self.seed, 2, client, *index]));
            *index > 0 && drawn == kind
        };
        for _ in 0..8 {
            let (other, _) = self.earlier(random, client, index);
            let found: Vec<u64> = (0..index).filter(|index| is_one(other, index)).collect();
            if let Some(earlier) = random.pick(&found) {
                return Ok(Some(self.plain(other, *earlier)?.command));
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

pub(super) fn some_amount(random: &mut Random, most: u64) -> Result<Money, Failed> {
    let asset = random.pick(&["EUR", "EUR", "points"]).unwrap_or(&"EUR");
    let minor = i64::try_from(random.below(most))?.saturating_add(1);
    Ok(Money::new(minor, Asset::parse(asset)?))
}
