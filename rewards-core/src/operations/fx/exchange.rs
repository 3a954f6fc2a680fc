//! What a conversion moves: value of one currency out of the member's account to the position, and value of another one back.
//!
//! Value that rests in lots is taken soonest expiry first, and what arrives is split among the lots that paid in proportion to
//! what they paid, so that it keeps their expiry and the accounts that paid them once.

use super::super::change_builder::ChangeBuilder;
use super::super::giving::{Giving, Taken};
use super::super::review::{Reviewed, TierReview};
use super::super::rewards::OPEN_LOTS_MAX;
use super::CONVERSION_LOTS_MAX;
use crate::command::Undecided;
use crate::context::Context;
use crate::fx::{AllowedBy, FxExpiry};
use crate::ids::{ConversionId, MemberId};
use crate::ledger::{Account, Consumption, LedgerError, Purpose, Transfer, TransferKind};
use crate::money::{Asset, Money, MoneyError, allocate};
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;
use crate::transfers::{Arrival, ArrivingLot, arrive};

/// A conversion, or its refund, while it is carried out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange<'a> {
    pub conversion: &'a ConversionId,
    pub allowed_by: &'a AllowedBy,
    pub member: &'a MemberId,
    pub snapshot: &'a Snapshot,
    pub context: &'a Context,
}

impl Exchange<'_> {
    /// Carries out what is due for the member, and takes an amount.
    ///
    /// # Errors
    /// [`Rejection::Insufficient`], [`Rejection::TooMany`]; [`Undecided::Needs`] lots.
    pub fn take(&self, builder: &mut ChangeBuilder<'_>, given: Money) -> Result<Taken, Undecided> {
        if self.moves_lots() {
            builder.see_open_lots(self.snapshot, [given.asset()], OPEN_LOTS_MAX)?;
        }
        let giving = Giving {
            member: self.member,
            purpose: &self.allowed_by.purpose,
            given,
            lots_max: ("lots of one conversion", CONVERSION_LOTS_MAX),
            snapshot: self.snapshot,
            context: self.context,
        };
        giving.take(builder)
    }

    /// Posts what leaves the member for the position.
    pub fn give(
        &self,
        builder: &mut ChangeBuilder<'_>,
        amount: Money,
        at: Timestamp,
    ) -> Result<(), Rejection> {
        let to = Account::system(Purpose::Position, amount.asset());
        let from = self.account(amount.asset());
        self.post(builder, (from, to), amount, TransferKind::ConvertOut, at)
    }

    /// Posts a fee: out of the member's account, or of the position.
    pub fn pay_fee(
        &self,
        builder: &mut ChangeBuilder<'_>,
        fee: Money,
        given: Asset,
        at: Timestamp,
    ) -> Result<(), Rejection> {
        let asset = fee.asset();
        let from = match asset == given {
            true => self.account(asset),
            false => Account::system(Purpose::Position, asset),
        };
        let to = Account::system(Purpose::Fees, asset);
        self.post(builder, (from, to), fee, TransferKind::ConvertFee, at)
    }

    /// Posts what the tenant keeps of the position, or gives back to it.
    pub fn keep_spread(
        &self,
        builder: &mut ChangeBuilder<'_>,
        spread: Money,
        is_back: bool,
        at: Timestamp,
    ) -> Result<(), Rejection> {
        if spread.is_zero() {
            return Ok(());
        }
        let position = Account::system(Purpose::Position, spread.asset());
        let own = Account::system(Purpose::Spread, spread.asset());
        let way = if is_back {
            (own, position)
        } else {
            (position, own)
        };
        self.post(builder, way, spread, TransferKind::ConvertSpread, at)
    }

    /// Posts what arrives at the member.
    pub fn arrive(
        &self,
        builder: &mut ChangeBuilder<'_>,
        arrived: Money,
        taken: &Taken,
    ) -> Result<(), Rejection> {
        let (asset, kind) = (arrived.asset(), TransferKind::ConvertIn);
        let position = Account::system(Purpose::Position, asset);
        let way = (position, self.account(asset));
        if !self.moves_lots() {
            return self.post(builder, way, arrived, kind, taken.at);
        }
        for lot in self.split(arrived, taken)? {
            let amount = Money::new(lot.amount, asset);
            let entry = self.entry(way.clone(), amount, kind, taken.at)?;
            builder.receive(entry, lot.lot(asset, taken.at, &self.allowed_by.rule))?;
        }
        Ok(())
    }

    /// Reviews the ladders that are climbed by a balance, and brings the days of the member's history in order.
    pub fn review(&self, builder: &mut ChangeBuilder<'_>, at: Timestamp) -> Result<(), Undecided> {
        let review = TierReview {
            reviewed: Reviewed::Balances,
            snapshot: self.snapshot,
            context: self.context,
            member: self.member,
            at,
        };
        review.make(builder)?;
        builder.move_days(self.snapshot, self.context)
    }

    /// What arrives, split among the lots that paid; a lot whose share is below one minor unit makes none.
    fn split(&self, arrived: Money, taken: &Taken) -> Result<Vec<ArrivingLot>, Rejection> {
        let weights = taken.paid.iter().map(|part| part.amount.unsigned_abs());
        let weights: Vec<u64> = weights.collect();
        let shares = allocate(arrived.minor(), &weights).map_err(|error| match error {
            MoneyError::Overflow => Rejection::Overflow,
            _ => Rejection::Internal("a conversion that no lot paid"),
        })?;
        let parts = taken.paid.iter().zip(shares);
        let parts = parts.map(|(part, amount)| Consumption {
            lot: part.lot.clone(),
            amount,
        });
        let parts: Vec<Consumption> = parts.collect();
        let arrival = match self.allowed_by.expiry {
            FxExpiry::Keep => Arrival::Kept,
            FxExpiry::Never => Arrival::At(None),
        };
        Ok(arrive(&parts, 0, arrival))
    }

    fn moves_lots(&self) -> bool {
        self.allowed_by.purpose != Purpose::Main
    }

    fn account(&self, asset: Asset) -> Account {
        Account::member(self.member, self.allowed_by.purpose.clone(), asset)
    }

    fn post(
        &self,
        builder: &mut ChangeBuilder<'_>,
        way: (Account, Account),
        amount: Money,
        kind: TransferKind,
        at: Timestamp,
    ) -> Result<(), Rejection> {
        builder.post(self.entry(way, amount, kind, at)?)?;
        Ok(())
    }

    fn entry(
        &self,
        (from, to): (Account, Account),
        amount: Money,
        kind: TransferKind,
        at: Timestamp,
    ) -> Result<Transfer, LedgerError> {
        let entry = Transfer::new(from, to, amount.minor(), kind, at)?;
        let entry = entry.by_rule(self.allowed_by.origin());
        Ok(entry.because(self.conversion.as_str()))
    }
}
