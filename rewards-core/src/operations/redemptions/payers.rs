//! Who pays an order: one member, or those who share a wallet, in its paying order.

use super::super::change_builder::ChangeBuilder;
use super::super::presence::check_active;
use super::super::review::Reviewed;
use super::super::seen::{Seen, for_each, see_all, see_rows};
use super::super::shared_wallets::open_for;
use super::super::together::open_all;
use super::spending::{PreparedSpending, Spending, Taken, Wanted};
use super::{AUTHORIZATIONS_MAX, HeldFor, PaidShare};
use crate::command::Undecided;
use crate::context::Context;
use crate::decision::Changes;
use crate::entity::{EntityKey, Expected};
use crate::event::Event;
use crate::ids::{IdAllocator, MemberId, OrderId, RedemptionId, SharedWalletId, TenantId};
use crate::member::MemberStatus;
use crate::money::{Asset, Money};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::wallet::{Bucket, Payer, Redemption, SharedPayment};

/// A redemption that a request asks to make.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewRedemption<'a> {
    pub id: &'a RedemptionId,
    pub order: &'a OrderId,
    /// What holds value by it, unless it is an order that the host names.
    pub held_for: Option<HeldFor<'a>>,
    pub wanted: Wanted<'a>,
}

/// What pays, taken from its lots but not moved yet, and by whom.
#[derive(Debug)]
pub(super) struct Payers<'b> {
    pub taken: TakenParts,
    /// Who pays something, in paying order.
    pub list: Vec<OnePayer<'b>>,
}

/// What pays in all.
#[derive(Debug)]
pub(super) struct TakenParts {
    pub paid: Money,
    pub parts: Vec<super::PaidPart>,
    /// When it counts.
    pub at: Timestamp,
}

/// Somebody who pays something.
#[derive(Debug)]
pub(super) struct OnePayer<'b> {
    pub builder: ChangeBuilder<'b>,
    pub spending: Spending,
    /// The redemption of this member alone.
    pub id: RedemptionId,
    shared: Option<SharedPayment>,
}

impl Wanted<'_> {
    /// Opens the changes of whoever can pay, and takes what pays out of their lots.
    ///
    /// # Errors
    /// [`Rejection::MemberUnknown`]; what `check` refuses; [`Rejection::MemberClosed`], [`Rejection::MemberMerged`],
    /// [`Rejection::MemberSuspended`]; for a shared wallet as [`open_for`]; then as [`PreparedSpending::take`].
    pub fn take<'b>(
        &self,
        prepared: &PreparedSpending,
        snapshot: &'b Snapshot,
        context: &'b Context,
        ids: &'b IdAllocator,
        check: impl FnOnce() -> Result<(), Rejection>,
    ) -> Result<(Vec<ChangeBuilder<'b>>, Taken), Undecided> {
        let mut builders = match self.wallet {
            None => {
                let builder = ChangeBuilder::open(snapshot, context, ids, self.member)?;
                check()?;
                check_active(&builder.row.profile, self.member)?;
                vec![builder]
            }
            Some(wallet) => {
                let own = ChangeBuilder::open_as_is(snapshot, context, ids, self.member)?;
                check()?;
                check_active(&own.row.profile, self.member)?;
                self.open_wallet(wallet, snapshot, context, ids)?
            }
        };
        let taken = prepared.take(&mut builders, snapshot, context)?;
        Ok((builders, taken))
    }

    /// Opens the changes of those who share a wallet and take part now.
    fn open_wallet<'b>(
        &self,
        wallet: &SharedWalletId,
        snapshot: &'b Snapshot,
        context: &'b Context,
        ids: &'b IdAllocator,
    ) -> Result<Vec<ChangeBuilder<'b>>, Undecided> {
        let wallet = open_for(snapshot, context, wallet, self.member)?;
        see_rows(snapshot, context, wallet.members())?;
        let is_active = |member: &&MemberId| {
            let row = snapshot.members.get(&context.member_key(member));
            row.is_some_and(|row| row.profile.status == MemberStatus::Active)
        };
        let active = wallet.members().iter().filter(is_active);
        let active: Vec<&MemberId> = active.collect();
        see_all(
            snapshot,
            context,
            active.iter().copied(),
            Seen::Sharer,
            |member, plan| {
                Reviewed::Balances.plan(context, member, context.now, plan);
            },
        )?;
        open_all(snapshot, context, ids, active)
    }

    /// Who pays what, as a caller is told; nothing when one member pays alone.
    pub fn told(
        &self,
        builders: &[ChangeBuilder<'_>],
        taken: &Taken,
        currency: Asset,
    ) -> Vec<PaidShare> {
        if self.wallet.is_none() {
            return Vec::new();
        }
        let payers = builders.iter().zip(&taken.spendings);
        let payers = payers.filter(|(_, spending)| !spending.parts.is_empty());
        let told = payers.map(|(builder, spending)| spending.told(builder.member(), currency));
        told.collect()
    }
}

impl<'a> NewRedemption<'a> {
    pub fn key(&self, tenant: &TenantId) -> EntityKey {
        EntityKey::of::<Redemption>(tenant, self.id)
    }

    /// Checks the request, and names the rows to look at.
    ///
    /// # Errors
    /// As [`Wanted::prepare`].
    pub fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedSpending), Rejection> {
        let (mut plan, prepared) = self.wanted.prepare(context)?;
        plan.entities.push(self.key(&context.tenant));
        Ok((plan, prepared))
    }

    /// Opens the changes of whoever pays, takes what pays out of the lots, and names the redemption of each.
    ///
    /// # Errors
    /// As [`Wanted::take`]; [`Rejection::RedemptionExists`] after those about an unknown member.
    pub fn take<'b>(
        &self,
        prepared: &PreparedSpending,
        snapshot: &'b Snapshot,
        context: &'b Context,
        ids: &'b IdAllocator,
    ) -> Result<(Payers<'b>, Vec<PaidShare>), Undecided> {
        let is_new = || match snapshot.entities.contains_key(&self.key(&context.tenant)) {
            true => Err(Rejection::RedemptionExists(self.id.clone())),
            false => Ok(()),
        };
        let wanted = &self.wanted;
        let (builders, taken) = wanted.take(prepared, snapshot, context, ids, is_new)?;
        let currency = wanted.total.asset();
        let told = wanted.told(&builders, &taken, currency);
        let parts = TakenParts {
            paid: taken.paid(currency),
            parts: taken.parts(currency),
            at: taken.at,
        };
        let buckets = taken.tenders.iter().map(|tender| tender.bucket).collect();
        let payers = builders.into_iter().zip(taken.spendings);
        let payers = payers.filter(|(_, spending)| !spending.parts.is_empty());
        let list = self.name(payers.collect(), buckets, ids)?;
        Ok((Payers { taken: parts, list }, told))
    }

    /// Names the redemption of each payer: the first one's as the request says, others by ids of the engine.
    fn name<'b>(
        &self,
        payers: Vec<(ChangeBuilder<'b>, Spending)>,
        buckets: Vec<Bucket>,
        ids: &IdAllocator,
    ) -> Result<Vec<OnePayer<'b>>, Rejection> {
        let mut list = Vec::with_capacity(payers.len());
        for (builder, spending) in payers {
            let id = if list.is_empty() {
                self.id.clone()
            } else {
                let id = RedemptionId::new(&ids.next().to_string());
                id.map_err(|_| Rejection::Internal("an id is not one"))?
            };
            list.push(OnePayer {
                builder,
                spending,
                id,
                shared: self.wanted.wallet.map(|wallet| SharedPayment {
                    wallet: wallet.clone(),
                    redemption: self.id.clone(),
                    payers: Vec::new(),
                    buckets: Vec::new(),
                }),
            });
        }
        let all = list.iter();
        let all = all.map(|payer| Payer(payer.builder.member().clone(), payer.id.clone()));
        let all: Vec<Payer> = all.collect();
        if let Some(first) = list.first_mut().and_then(|first| first.shared.as_mut()) {
            first.payers = all;
            first.buckets = buckets;
        }
        Ok(list)
    }

    /// Keeps what one member pays: captured, or reserved until an instant.
    ///
    /// # Errors
    /// [`Rejection::Internal`] when it cannot be encoded.
    pub fn keep(
        &self,
        payer: &mut OnePayer<'_>,
        prepared: &PreparedSpending,
        expires_at: Option<Timestamp>,
    ) -> Result<(), Rejection> {
        let (program, builder) = (prepared.program(), &mut payer.builder);
        let mut entity = Redemption::new(
            payer.id.clone(),
            builder.member().clone(),
            self.order.clone(),
            self.wanted.total,
            (program.id().clone(), program.number()),
            payer.spending.at,
            builder.recorded_at,
            expires_at,
            std::mem::take(&mut payer.spending.parts),
        );
        if let Some(shared) = payer.shared.take() {
            entity = entity.paid_from(shared);
        }
        if let Some(held_for) = self.held_for {
            entity = held_for.mark(entity);
        }
        builder.put(&payer.id, Expected::Absent, &entity)
    }

    /// Reserves what one member pays until an instant, and tells that.
    ///
    /// # Errors
    /// As [`keep`](Self::keep); what moving it refuses.
    pub fn hold<'b>(
        &self,
        mut payer: OnePayer<'b>,
        prepared: &PreparedSpending,
        until: Timestamp,
    ) -> Result<ChangeBuilder<'b>, Rejection> {
        let currency = self.wanted.total.asset();
        let reserved = Money::new(payer.spending.value(), currency);
        payer.spending.post(&mut payer.builder, currency, true)?;
        self.keep(&mut payer, prepared, Some(until))?;
        let mut builder = payer.builder;
        builder.row.profile.reserved.insert(payer.id, until);
        builder.emit_due();
        builder.emit(Event::RedemptionAuthorized {
            redemption: self.id.clone(),
            order: self.order.clone(),
            reserved,
            expires_at: until,
        });
        Ok(builder)
    }
}

impl<'b> Payers<'b> {
    /// Checks that nobody who pays holds value by as many authorizations as one may.
    ///
    /// # Errors
    /// [`Rejection::TooMany`].
    pub fn check_held(&self) -> Result<(), Rejection> {
        let (what, limit) = ("authorizations", AUTHORIZATIONS_MAX);
        let held = self.list.iter();
        let mut held = held.map(|payer| payer.builder.row.profile.reserved.len());
        match held.all(|held| u32::try_from(held).is_ok_and(|held| held < limit)) {
            true => Ok(()),
            false => Err(Rejection::TooMany { what, limit }),
        }
    }

    /// Ends the changes of each payer, and puts them together.
    ///
    /// # Errors
    /// What `end` refuses; [`Undecided::Needs`] what is missing for any of them.
    pub fn finish(
        self,
        end: impl FnMut(OnePayer<'b>) -> Result<Changes, Undecided>,
    ) -> Result<Changes, Undecided> {
        let mut changes = Changes::default();
        for own in for_each(self.list, end)? {
            changes.merge(own);
        }
        Ok(changes)
    }

    /// What of an order is left to be paid otherwise.
    pub fn rest(&self, total: Money) -> Money {
        let left = total.minor().saturating_sub(self.taken.paid.minor());
        Money::new(left, total.asset())
    }
}
