//! What the clients of a simulation want: a pure function of seed, client and index.
//!
//! An order never depends on what has happened before, so the same order can be asked for again at any time: by a
//! client that lost the answer, by another process, by the auditor. Orders name each other's purchases and reuse each
//! other's keys, with the same payload and with another one.

use rewards_core::cashback::Purchase;
use rewards_core::ids::{
    AdjustmentId, IdempotencyKey, MemberId, ProgramId, PurchaseId, Slug, TenantId,
};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::purchases::{CancelPurchase, ConfirmPurchase, RecordPurchase};
use rewards_core::operations::rewards::{DeductBalance, GrantReward, SettleMember};
use rewards_core::time::Timestamp;

use super::Failed;
pub use super::command::{Command, Order};
use super::mix::{Kind, Scope};
use super::orders::{BOOKS, FIRST_WALLETS, with_lines, with_parts};
use super::random::Random;

/// One hour in microseconds.
pub const HOUR: i64 = 3_600_000_000;

/// How many clients tell rates in the beginning.
const TELL_RATES: u64 = 3;

/// The index at which books have got their first codes.
const FILLED: u64 = 3;

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
    /// How much of what the engine can do is ordered.
    pub scope: Scope,
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
        let drawn = Kind::of(&mut random, self.scope);
        if let Some(command) = self.beginning(&mut random, client, index)? {
            return Ok(Order::new(&tenant, key, command));
        }
        let command = match drawn {
            Kind::Record => Command::Record(self.purchase(&mut random, client, index)?),
            Kind::OfPurchase => self
                .of_purchase(&mut random, client, index)?
                .unwrap_or(self.settle(&mut random)?),
            Kind::Grant => self.grant(&mut random, &key, (client, index))?,
            Kind::Deduct => self.deduct(&mut random, &key, (client, index))?,
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
            Kind::Assign => self.assign(&mut random)?,
            other => match self.beyond(&mut random, other, client, index)? {
                Some(command) => command,
                None => self.settle(&mut random)?,
            },
        };
        Ok(Order::new(&tenant, key, command))
    }

    /// What a client begins with: members, and where everything is ordered a book and its codes, a wallet or rates.
    fn beginning(
        &self,
        random: &mut Random,
        client: u64,
        index: u64,
    ) -> Result<Option<Command>, Failed> {
        let tenants = u64::try_from(self.tenants.len())?.max(1);
        let number = client.checked_div(tenants).unwrap_or(0);
        let makes_books = number < 2 * BOOKS && self.has_book(number);
        let makes_wallets = self.scope == Scope::Everything && number < 2 * BOOKS + FIRST_WALLETS;
        let tells_rates =
            self.scope == Scope::Everything && number < 2 * BOOKS + FIRST_WALLETS + TELL_RATES;
        Ok(match index {
            0 => Some(Command::Register(self.registration(client)?)),
            1 if makes_books => Some(self.open_book(number)?),
            1 if makes_wallets => Some(Command::Share(self.first_wallet(number)?)),
            1 if tells_rates => Some(self.rates(random, index)?),
            2 if number < BOOKS && makes_books => Some(self.upload_all(number)?),
            2 if makes_books => Some(self.upload(random, number)?),
            3 if makes_books => self.assign_all(number, number / BOOKS)?,
            4 if makes_books => self.assign_all(number, number / BOOKS + 2)?,
            _ => None,
        })
    }

    /// An order of what is not worked out again, by its kind.
    fn beyond(
        &self,
        random: &mut Random,
        kind: Kind,
        client: u64,
        index: u64,
    ) -> Result<Option<Command>, Failed> {
        Ok(Some(match kind {
            Kind::Replace => return self.replace(random, (client, index)),
            Kind::Reshare => return self.reshare(random, (client, index)),
            Kind::Update => self.update(random)?,
            Kind::Merge => self.merge(random)?,
            Kind::Erase => self.erase(random)?,
            Kind::Link => self.link(random)?,
            Kind::Unlink => self.unlink(random)?,
            Kind::Share => self.share(random, client, index)?,
            Kind::OpenBook => {
                let book = random.below(BOOKS);
                self.open_book(book)?
            }
            Kind::ChangeBook => self.change_book(random, index)?,
            Kind::Generate => self.generate(random)?,
            Kind::Upload => {
                let book = random.below(BOOKS);
                self.upload(random, book)?
            }
            Kind::Distribute => self.distribute(random)?,
            Kind::Give => self.give(random, index)?,
            Kind::ReplaceCode => self.replace_code(random)?,
            Kind::Check => self.check(random, index)?,
            Kind::Lock => self.lock(random, index)?,
            Kind::Unlock => self.unlock(random, index)?,
            Kind::UseCoupon => self.use_coupon(random, index)?,
            Kind::Unassign => self.unassign(random)?,
            Kind::VoidCoupon => self.void_coupon(random)?,
            Kind::Rates => self.rates(random, index)?,
            Kind::LockRate => self.lock_rate(random, (client, index))?,
            Kind::Convert => self.convert(random, (client, index))?,
            Kind::ConvertBack => return self.convert_back(random, (client, index)),
            Kind::Assess => self.assess(random, (client, index))?,
            Kind::Label => return self.label(random, (client, index)),
            Kind::RiskList => self.risk_list(random, index)?,
            Kind::Snooze => self.snooze(random, index)?,
            Kind::Review => return self.review(random, (client, index)),
            Kind::CreatePayment => self.create_payment(random, (client, index))?,
            Kind::OfPayment => return self.step_of_payment(random, (client, index)),
            Kind::IssueToken => self.issue_token(random, (client, index))?,
            Kind::OfToken => return self.step_of_token(random, (client, index)),
            Kind::CreateQr => self.create_qr(random, (client, index))?,
            Kind::OfQr => return self.step_of_qr(random, (client, index)),
            _ => return Ok(None),
        }))
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

    pub(super) fn tenant(&self, client: u64) -> Result<TenantId, Failed> {
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

    pub(super) fn purchase(
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
        with_parts(random, &mut purchase)?;
        // What comes back by line is not worked out again.
        if self.scope == Scope::Everything {
            with_lines(random, &mut purchase)?;
        }
        let mut record = RecordPurchase::new(purchase);
        let share = match self.scope {
            Scope::Recalculated => 350,
            Scope::Everything => 500,
        };
        // Before, hardly anybody holds any.
        if index > FILLED && random.chance(share) {
            let member = &record.purchase.member;
            record.coupons = self.given(random, &self.tenant(client)?, member)?;
            // The digest of no quote that there ever was.
            record.pinned = random.chance(20).then(|| "0".repeat(64));
        }
        Ok(record)
    }

    /// Something about a purchase ordered before, mostly with its own member.
    fn of_purchase(
        &self,
        random: &mut Random,
        client: u64,
        index: u64,
    ) -> Result<Option<Command>, Failed> {
        let found = match self.scope {
            Scope::Recalculated => match self.of_kind(random, (client, index), Kind::Record)? {
                Some(Command::Record(record)) => Some(record.purchase),
                _ => None,
            },
            Scope::Everything => self.some_purchase(random, (client, index))?,
        };
        let Some(bought) = found else {
            return Ok(None);
        };
        let member = match random.below(20) {
            0 => self.some_member(random)?,
            _ => bought.member.clone(),
        };
        let purchase = bought.id.clone();
        Ok(Some(match random.below(100) {
            0..34 => Command::Confirm(ConfirmPurchase { member, purchase }),
            34..55 => Command::Cancel(CancelPurchase { member, purchase }),
            _ => self.refund(random, member, &bought, (client, index))?,
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
            let mut random = Random::of(&[self.seed, 2, client, *index]);
            *index > 0 && Kind::of(&mut random, self.scope) == kind
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
        (client, index): (u64, u64),
    ) -> Result<Command, Failed> {
        let life = HOUR.saturating_mul(i64::try_from(random.below(72))?.saturating_add(48));
        let expires_at = if random.chance(500) {
            Some(self.instant(index)?.checked_add_micros(life)?)
        } else {
            None
        };
        let (member, amount) = (self.some_member(random)?, some_amount(random, 300)?);
        let (source, reference) = self.adjustment(random, client, index)?;
        Ok(Command::Grant(GrantReward {
            source,
            reference,
            member,
            amount,
            reason: key.to_string(),
            expires_at,
        }))
    }

    fn deduct(
        &self,
        random: &mut Random,
        key: &IdempotencyKey,
        (client, index): (u64, u64),
    ) -> Result<Command, Failed> {
        let (member, take) = (self.some_member(random)?, some_amount(random, 250)?);
        let (source, reference) = self.adjustment(random, client, index)?;
        Ok(Command::Deduct(DeductBalance {
            source,
            reference,
            member,
            take,
            reason: key.to_string(),
        }))
    }

    /// Where something manual comes from and what the host calls it, now and then by a name that was used before.
    fn adjustment(
        &self,
        random: &mut Random,
        client: u64,
        index: u64,
    ) -> Result<(Option<Slug>, Option<AdjustmentId>), Failed> {
        if self.scope == Scope::Recalculated || random.chance(500) {
            return Ok((None, None));
        }
        let index = match random.chance(100) {
            true => index.saturating_sub(1),
            false => index,
        };
        let reference = AdjustmentId::new(&format!("a-{client}-{index}"))?;
        Ok((Some(Slug::new("service")?), Some(reference)))
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
