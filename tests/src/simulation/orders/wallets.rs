//! Wallets that members share, and what they pay with.

use rewards_core::ids::{MemberId, ProgramId, SharedWalletId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::redemptions::ChosenTender;
use rewards_core::operations::shared_wallets::{CreateSharedWallet, UpdateSharedWallet};
use rewards_core::wallet::Bucket;

use super::super::Failed;
use super::super::mix::Kind;
use super::super::random::Random;
use super::super::workload::{Command, Script};

/// Wallets that are made in the beginning, of members who are in no other one then.
pub(in super::super) const FIRST_WALLETS: u64 = 4;

impl Script {
    /// A wallet of the beginning, the same whoever makes it.
    pub(in super::super) fn first_wallet(&self, number: u64) -> Result<CreateSharedWallet, Failed> {
        let number = number % FIRST_WALLETS;
        let members = (0..3).map(|row| self.member(number + row * FIRST_WALLETS));
        Ok(CreateSharedWallet {
            wallet: SharedWalletId::new(&format!("w-{number}"))?,
            members: members.collect::<Result<_, _>>()?,
        })
    }

    /// A wallet that was ordered before.
    fn made_wallet(
        &self,
        random: &mut Random,
        place: (u64, u64),
    ) -> Result<Option<CreateSharedWallet>, Failed> {
        if random.chance(800) {
            return Ok(Some(self.first_wallet(random.below(FIRST_WALLETS))?));
        }
        Ok(match self.of_kind(random, place, Kind::Share)? {
            Some(Command::Share(made)) => Some(made),
            _ => None,
        })
    }

    pub(in super::super) fn share(
        &self,
        random: &mut Random,
        client: u64,
        index: u64,
    ) -> Result<Command, Failed> {
        Ok(Command::Share(CreateSharedWallet {
            wallet: SharedWalletId::new(&format!("w-{client}-{index}"))?,
            members: self.sharers(random)?,
        }))
    }

    /// Another list, or the end of a wallet.
    pub(in super::super) fn reshare(
        &self,
        random: &mut Random,
        place: (u64, u64),
    ) -> Result<Option<Command>, Failed> {
        let Some(made) = self.made_wallet(random, place)? else {
            return Ok(None);
        };
        let close = random.chance(100);
        let mut members = made.members;
        match random.below(3) {
            0 => members.truncate(1),
            1 => members.reverse(),
            _ => members = self.sharers(random)?,
        }
        Ok(Some(Command::Reshare(UpdateSharedWallet {
            wallet: made.wallet,
            members: (!close).then_some(members),
            close,
        })))
    }

    /// One to four different members.
    pub(super) fn sharers(&self, random: &mut Random) -> Result<Vec<MemberId>, Failed> {
        let mut members: Vec<MemberId> = Vec::new();
        for _ in 0..random.below(4).saturating_add(1) {
            let member = self.some_member(random)?;
            if !members.contains(&member) {
                members.push(member);
            }
        }
        Ok(members)
    }

    /// A wallet to pay from, and one who shared it when it was made.
    pub(super) fn some_wallet(
        &self,
        random: &mut Random,
        place: (u64, u64),
    ) -> Result<Option<(SharedWalletId, MemberId)>, Failed> {
        let Some(made) = self.made_wallet(random, place)? else {
            return Ok(None);
        };
        let member = random.pick(&made.members).cloned();
        Ok(member.map(|member| (made.wallet, member)))
    }
}

/// What somebody chose to pay with.
pub(super) fn some_tenders(
    random: &mut Random,
    program: &ProgramId,
) -> Result<Vec<ChosenTender>, Failed> {
    let (euro, points) = (Asset::parse("EUR")?, Asset::parse("points")?);
    let mut tenders = Vec::new();
    for (bucket, asset) in [
        (Bucket::Main, euro),
        (Bucket::Cashback, euro),
        (Bucket::Unit(points), points),
    ] {
        let pays = asset == euro || program.as_str() == "shop" || random.chance(50);
        if random.chance(400) && pays {
            let minor = i64::try_from(random.below(80))?.saturating_add(1);
            // Points are taken in steps, and now and then not.
            let minor = match asset == points {
                true => minor * 2 + 4 + i64::from(random.chance(80)),
                false => minor,
            };
            let amount = Money::new(minor, asset);
            tenders.push(ChosenTender { bucket, amount });
        }
    }
    Ok(tenders)
}
