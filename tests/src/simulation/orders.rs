//! What the clients want of what members have: refunds, redemptions, transfers and deposits.

mod conversions;
mod coupons;
mod members;
mod paying;
mod payments;
mod purchases;
mod tokens;
mod wallets;

use rewards_core::cashback::Purchase;
use rewards_core::ids::{
    DepositId, KeyId, MemberId, OrderId, ProgramId, RedemptionId, RefundId, Slug, TransferId,
};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::deposits::{ConfirmDeposit, InitiateDeposit};
use rewards_core::operations::purchases::{RefundPurchase, RefundedPart};
use rewards_core::operations::redemptions::{
    AuthorizeRedemption, CancelRedemption, CaptureRedemption, Redeem, ReleaseRedemption,
};
use rewards_core::operations::transfers::{TransferBalance, TransferReceiver};
use rewards_core::refunds::RefundKind;
use rewards_core::signature::Signature;
use serde_json::json;

use super::Failed;
use super::mix::{Kind, Scope};
use super::random::Random;
use super::workload::{Command, Script};
use purchases::some_pieces;
use wallets::some_tenders;

pub(super) use coupons::BOOKS;
pub(super) use purchases::{with_lines, with_parts};
pub(super) use wallets::FIRST_WALLETS;

/// The two providers, and the key of each.
const PROVIDERS: [(&str, &str); 2] = [("bank", "bank-1"), ("card", "card-1")];

impl Script {
    /// A refund of a purchase: of all of it or of an amount, now and then of more than it cost.
    pub(super) fn refund(
        &self,
        random: &mut Random,
        member: MemberId,
        purchase: &Purchase,
        (client, index): (u64, u64),
    ) -> Result<Command, Failed> {
        let total = purchase.total;
        let paid = u64::try_from(total.minor())?;
        let what = match random.below(10) {
            4.. if !purchase.lines.is_empty() => some_pieces(random, purchase)?,
            0..4 => RefundedPart::All,
            4 => RefundedPart::Amount(euro(random, paid.saturating_mul(2))?),
            _ => RefundedPart::Amount(euro(random, paid)?),
        };
        Ok(Command::Refund(RefundPurchase {
            refund: RefundId::new(&format!("r-{client}-{index}"))?,
            member,
            purchase: purchase.id.clone(),
            what,
            kind: random.chance(300).then_some(RefundKind::Chargeback),
            reason: None,
        }))
    }

    /// An order that is paid at once, or value that is reserved for it.
    pub(super) fn redeem(
        &self,
        random: &mut Random,
        client: u64,
        index: u64,
    ) -> Result<Command, Failed> {
        let redemption = RedemptionId::new(&format!("x-{client}-{index}"))?;
        let mut member = self.some_member(random)?;
        let program = some_program(random)?;
        let order = OrderId::new(&format!("o-{client}-{index}"))?;
        let mut total = euro(random, 600)?;
        let mut amount = match random.chance(300) {
            true => Some(euro(random, 250)?),
            false => None,
        };
        let (mut tenders, mut wallet) = (Vec::new(), None);
        if self.scope == Scope::Everything {
            if amount.is_none() && random.chance(300) {
                tenders = some_tenders(random, &program)?;
            }
            if random.chance(550)
                && let Some((shared, sharer)) = self.some_wallet(random, (client, index))?
            {
                wallet = Some(shared);
                member = sharer;
                // Mostly more than the first one alone has.
                if random.chance(800) {
                    (total, amount) = (euro(random, 4_000)?, None);
                }
            }
        }
        Ok(if random.chance(350) {
            Command::Redeem(Redeem {
                redemption,
                member,
                program,
                order,
                total,
                amount,
                tenders,
                wallet,
            })
        } else {
            Command::Authorize(AuthorizeRedemption {
                redemption,
                member,
                program,
                order,
                total,
                amount,
                tenders,
                wallet,
            })
        })
    }

    /// A step of a redemption that was ordered before, mostly of its own member.
    pub(super) fn of_redemption(
        &self,
        random: &mut Random,
        client: u64,
        index: u64,
    ) -> Result<Option<Command>, Failed> {
        let (redemption, member) = match self.of_kind(random, (client, index), Kind::Redeem)? {
            Some(Command::Redeem(made)) => (made.redemption, made.member),
            Some(Command::Authorize(made)) => (made.redemption, made.member),
            _ => return Ok(None),
        };
        let member = match random.below(20) {
            0 => self.some_member(random)?,
            _ => member,
        };
        let amount = match random.chance(600) {
            true => Some(euro(random, 150)?),
            false => None,
        };
        // Few numbers, so that some are used again.
        let number = u32::try_from(random.below(4))?.saturating_add(1);
        Ok(Some(match random.below(10) {
            0..5 => Command::Capture(CaptureRedemption {
                member,
                redemption,
                number,
                amount,
            }),
            5..7 => Command::Release(ReleaseRedemption { member, redemption }),
            _ => Command::Restore(CancelRedemption {
                member,
                redemption,
                number: Some(number),
                amount,
            }),
        }))
    }

    /// Value that a member sends to another one. Its note says which transfer an entry of the journal is of.
    pub(super) fn transfer(
        &self,
        random: &mut Random,
        client: u64,
        index: u64,
    ) -> Result<Command, Failed> {
        let id = format!("t-{client}-{index}");
        let program = some_program(random)?;
        let asset = random.pick(&["EUR", "points"]).unwrap_or(&"EUR");
        let minor = i64::try_from(random.below(150))?.saturating_add(1);
        let from = self.some_member(random)?;
        let to = match self.scope {
            Scope::Recalculated => TransferReceiver::Member(self.some_member(random)?),
            Scope::Everything => self.some_receiver(random)?,
        };
        Ok(Command::Send(TransferBalance {
            transfer: TransferId::new(&id)?,
            program,
            from,
            to,
            amount: Money::new(minor, Asset::parse(asset)?),
            note: Some(id),
        }))
    }

    /// A deposit: all about it follows from who orders it and when, so that a provider knows it, too.
    pub(super) fn deposit(&self, client: u64, index: u64) -> Result<Command, Failed> {
        let mut random = Random::of(&[self.seed, 10, client, index]);
        let (provider, _) = random.pick(&PROVIDERS).copied().ok_or("no provider")?;
        Ok(Command::Initiate(InitiateDeposit {
            deposit: DepositId::new(&format!("d-{client}-{index}"))?,
            program: ProgramId::new("shop")?,
            member: self.some_member(&mut random)?,
            amount: euro(&mut random, 2_000)?,
            provider: Slug::new(provider)?,
            provider_reference: None,
        }))
    }

    /// What a provider says of a deposit that was ordered before: mostly the same each time, and now and then something else, or
    /// with the key of the other provider.
    pub(super) fn pay_in(
        &self,
        random: &mut Random,
        client: u64,
        index: u64,
    ) -> Result<Option<Command>, Failed> {
        let found = self.of_kind(random, (client, index), Kind::Initiate)?;
        let Some(Command::Initiate(initiated)) = found else {
            return Ok(None);
        };
        let id = &initiated.deposit;
        // What becomes of a deposit follows from the deposit alone.
        let fails = id.as_str().ends_with('3') != random.chance(50);
        let more = i64::from(random.chance(50));
        let amount = initiated.amount.minor().saturating_add(more);
        let is_forged = random.chance(50);
        let own = PROVIDERS
            .iter()
            .find(|(provider, _)| (*provider == initiated.provider.as_str()) != is_forged);
        let (_, key) = own.ok_or("no provider")?;
        let message = json!({
            "deposit": id,
            "amount": Money::new(amount, initiated.amount.asset()),
            "outcome": if fails { "failed" } else { "paid" },
            "reference": format!("pay-{id}"),
        });
        Ok(Some(Command::PayIn(ConfirmDeposit {
            deposit: id.clone(),
            message: message.to_string(),
            signature: Signature::Claimed(String::new()),
            timestamp: 0,
            key: Some(KeyId::new(key)?),
        })))
    }
}

fn some_program(random: &mut Random) -> Result<ProgramId, Failed> {
    Ok(ProgramId::new(match random.below(100) {
        0 => "nothing",
        1..35 => "cafe",
        _ => "shop",
    })?)
}

fn euro(random: &mut Random, most: u64) -> Result<Money, Failed> {
    let minor = i64::try_from(random.below(most.max(1)))?.saturating_add(1);
    Ok(Money::new(minor, Asset::parse("EUR")?))
}
