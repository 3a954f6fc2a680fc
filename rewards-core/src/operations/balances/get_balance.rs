//! A member's balances: available, pending, and what expires soon. Right at any instant, even when the expiry run is late.
//!
//! Refusals: unknown member; asked for a time to come.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::merged::settle_merged;
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::MemberId;
use crate::ledger::{Holder, Lot, LotState, Purpose, settle_owing};
use crate::money::{Asset, Money};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{BalancesAt, LotFilter, LotQuery, MemberKey, ReadPlan, Snapshot};
use crate::time::Timestamp;

/// What counts as expiring soon when nothing is said: 30 days.
pub const EXPIRING_DAYS_DEFAULT: u16 = 30;
/// The most lots that are looked at for what is due or expires soon.
pub const DUE_LOTS_MAX: u32 = 10_000;

/// Asks for a member's balances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetBalance {
    /// The member.
    pub member: MemberId,
    /// The balances as they were at this instant, by effective time; as they are now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub at: Option<Timestamp>,
    /// How many days ahead counts as expiring soon; 30 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expiring_days: Option<u16>,
}

/// A member's balances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// The instant they are for.
    pub at: Timestamp,
    /// One line per asset the member has or had, in asset order.
    pub assets: Vec<AssetBalance>,
}

/// The balance of one asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AssetBalance {
    /// What the member can use.
    pub available: Money,
    /// What is granted but not available yet.
    pub pending: Money,
    /// What the member owes of rewards that were to be taken back and had been spent: what becomes available pays it first.
    /// Absent when nothing is owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub owed: Option<Money>,
    /// How much of the available is the member's own money, paid in, which never expires; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub main: Option<Money>,
    /// What is reserved for something in progress, such as an order that is not captured yet; absent when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reserved: Option<Money>,
    /// How much of the available expires soon; absent for balances in the past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expiring: Option<Money>,
    /// When the first of it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expires_first_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Sums {
    available: i64,
    pending: i64,
    owed: i64,
    main: i64,
    reserved: i64,
    expiring: i64,
    expires_first_at: Option<Timestamp>,
}

impl GetBalance {
    /// Asks for a member's balances now.
    #[must_use]
    pub fn new(member: MemberId) -> Self {
        Self {
            member,
            at: None,
            expiring_days: None,
        }
    }

    fn horizon(&self, context: &Context) -> Timestamp {
        let days = i64::from(self.expiring_days.unwrap_or(EXPIRING_DAYS_DEFAULT));
        context.now.checked_add_days(days).unwrap_or(Timestamp::MAX)
    }

    /// Balances as stored, with what is due by now carried out in mind.
    fn now(
        &self,
        builder: &ChangeBuilder<'_>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> BTreeMap<Asset, Sums> {
        let mut sums: BTreeMap<Asset, Sums> = BTreeMap::new();
        for (purpose, asset, minor) in builder.row.balances.iter() {
            add(sums.entry(asset).or_default(), purpose, minor);
        }
        let horizon = self.horizon(context);
        for lot in &builder.lots(snapshot) {
            let sum = sums.entry(lot.asset).or_default();
            let last = add_due(sum, lot, context.now);
            if last.state == LotState::Available
                && let Some(at) = last.expires_at.filter(|at| *at <= horizon)
            {
                sum.expiring = sum.expiring.saturating_add(last.remaining);
                sum.expires_first_at = Some(sum.expires_first_at.map_or(at, |first| first.min(at)));
            }
        }
        sums
    }
}

/// Balances by effective time, with what was due by then and is not settled yet carried out in mind.
fn past(
    builder: &ChangeBuilder<'_>,
    snapshot: &Snapshot,
    key: MemberKey,
    at: Timestamp,
) -> BTreeMap<Asset, Sums> {
    let mut sums: BTreeMap<Asset, Sums> = BTreeMap::new();
    let own = Holder::Member(key.member.clone());
    for (_, entry) in &builder.changes.journal {
        let minor = entry.transfer.minor();
        let sides = [
            (entry.transfer.from(), minor.saturating_neg()),
            (entry.transfer.to(), minor),
        ];
        for (account, minor) in sides.into_iter().filter(|(side, _)| side.holder == own) {
            let sum = sums.entry(account.asset).or_default();
            add(sum, &account.purpose, minor);
        }
    }
    let found = snapshot.balances_at.get(&BalancesAt { member: key, at });
    for (account, minor) in found.into_iter().flatten() {
        add(
            sums.entry(account.asset).or_default(),
            &account.purpose,
            *minor,
        );
    }
    let lots = builder.lots(snapshot);
    let due = lots.iter();
    for lot in due.filter(|lot| lot.due_at().is_some_and(|due| due <= at)) {
        add_due(sums.entry(lot.asset).or_default(), lot, at);
    }
    sums
}

/// What a member can use, with what is due by an instant carried out in mind; one amount per asset.
pub(in crate::operations) fn available(
    builder: &ChangeBuilder<'_>,
    snapshot: &Snapshot,
    by: Timestamp,
) -> Vec<Money> {
    let mut sums: BTreeMap<Asset, Sums> = BTreeMap::new();
    for (purpose, asset, minor) in builder.row.balances.iter() {
        add(sums.entry(asset).or_default(), purpose, minor);
    }
    for lot in &builder.lots(snapshot) {
        add_due(sums.entry(lot.asset).or_default(), lot, by);
    }
    let sums = sums.into_iter().filter(|(_, sums)| sums.available > 0);
    sums.map(|(asset, sums)| Money::new(sums.available, asset))
        .collect()
}

/// Adds what is due for a lot by an instant, and gives the lot as it is then.
fn add_due(sum: &mut Sums, lot: &Lot, by: Timestamp) -> Lot {
    let settled = settle_owing(lot, by, sum.owed);
    for step in settled.moves {
        add(sum, &step.from, step.amount.saturating_neg());
        add(sum, &step.to, step.amount);
    }
    sum.available = sum.available.saturating_sub(settled.paid);
    sum.owed = sum.owed.saturating_sub(settled.paid);
    settled.lot
}

fn add(sums: &mut Sums, purpose: &Purpose, minor: i64) {
    match purpose {
        Purpose::Debt => sums.owed = sums.owed.saturating_add(minor),
        Purpose::Pending => sums.pending = sums.pending.saturating_add(minor),
        Purpose::Cashback | Purpose::Points => {
            sums.available = sums.available.saturating_add(minor);
        }
        Purpose::Main => {
            sums.available = sums.available.saturating_add(minor);
            sums.main = sums.main.saturating_add(minor);
        }
        Purpose::Reserved => sums.reserved = sums.reserved.saturating_add(minor),
        _ => {}
    }
}

impl Operation for GetBalance {
    const NAME: &'static str = "get_balance";
    const KIND: Kind = Kind::Query;
    type Reply = Balance;
    type Prepared = ();

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let key = context.member_key(&self.member);
        let mut plan = ReadPlan {
            members: vec![key.clone()],
            ..ReadPlan::default()
        };
        match self.at {
            Some(at) if at > context.now => {
                let detail = format!("expected a time that has passed, got {at}");
                return Err(Problem::new("time_in_future", "at", detail).into());
            }
            Some(at) => {
                plan.lots.push(LotQuery {
                    member: key.clone(),
                    filter: LotFilter::Due { at },
                    limit: DUE_LOTS_MAX,
                });
                plan.balances_at.push(BalancesAt { member: key, at });
            }
            None => {
                let filter = LotFilter::Due {
                    at: self.horizon(context),
                };
                plan.lots.push(LotQuery {
                    member: key,
                    filter,
                    limit: DUE_LOTS_MAX,
                });
            }
        }
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        let key = context.member_key(&self.member);
        let ids = context.id_allocator();
        let until = self.at.unwrap_or(context.now);
        // What is reserved longer than its time allows is seen where it is by then; nothing of this is written.
        let mut builder = ChangeBuilder::open_until(snapshot, context, &ids, &self.member, until)?;
        // So is what goes on to another member.
        settle_merged(&mut builder, snapshot, context, until)?;
        let sums = match self.at {
            None => self.now(&builder, snapshot, context),
            Some(at) => past(&builder, snapshot, key, at),
        };
        let assets = sums.into_iter().map(|(asset, sums)| AssetBalance {
            available: Money::new(sums.available, asset),
            pending: Money::new(sums.pending, asset),
            owed: (sums.owed != 0).then(|| Money::new(sums.owed, asset)),
            main: (sums.main != 0).then(|| Money::new(sums.main, asset)),
            reserved: (sums.reserved != 0).then(|| Money::new(sums.reserved, asset)),
            expiring: self.at.is_none().then(|| Money::new(sums.expiring, asset)),
            expires_first_at: sums.expires_first_at,
        });
        let at = self.at.unwrap_or(context.now);
        Ok(Decision::answer(Balance {
            at,
            assets: assets.collect(),
        }))
    }
}
