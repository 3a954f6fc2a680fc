//! What a tenant owes all its members together, now or as it was.

use std::collections::BTreeMap;

use rewards_core::ids::MemberId;
use rewards_core::ledger::{Holder, JournalEntry, Purpose};
use rewards_core::money::{Asset, Money};
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::time::Timestamp;
use serde::Serialize;

use super::TenantEngine;
use super::books::PAGE;
use super::verify::check_readable;
use crate::error::StoreError;
use crate::store::BookView;

/// What a tenant owes all its members together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Liability {
    /// The instant it is for, by effective time; what is stored when absent.
    pub at: Option<Timestamp>,
    /// How many members there are, those who have nothing included; by an instant, those of whom there is an entry.
    pub members: u64,
    /// One line per asset, in asset order; what is zero in all of its columns is left out.
    pub assets: Vec<AssetLiability>,
}

/// What a tenant owes its members in one asset: what [`AssetBalance`] tells of one, added up.
///
/// [`AssetBalance`]: rewards_core::operations::balances::AssetBalance
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AssetLiability {
    /// What members can use, their own money included.
    pub available: Money,
    /// How much of that is their own money, paid in.
    pub main: Money,
    /// What is granted but not available yet.
    pub pending: Money,
    /// What is reserved for something in progress.
    pub reserved: Money,
    /// What members owe the tenant, of rewards that were to be taken back and had been spent.
    pub owed: Money,
}

impl TenantEngine {
    /// Adds up what all members have, as it is stored or as it was at an instant, by effective time.
    ///
    /// What is due and not settled yet counts as it is stored: [settle](Self::settle_due) first where that matters. All of it is
    /// read in one view in pages, members for what is stored and the whole journal for an instant, so commands may go on meanwhile
    /// and it takes as long as reading them does. What it is worth in one currency, `value_balances` tells.
    ///
    /// # Errors
    /// `overflow` for a sum beyond 64-bit minor units; a fault of the store; `engine_closed`.
    pub async fn liability(&self, at: Option<Timestamp>) -> Result<Liability, Fault> {
        self.inner.check_open()?;
        let mut view = self.view().await?;
        let mut sums = Sums::default();
        match at {
            None => sums.read_members(&mut *view).await?,
            Some(at) => sums.read_journal(&mut *view, at).await?,
        }
        check_readable(&mut *view)?;
        Ok(sums.into_liability(at)?)
    }
}

#[derive(Debug, Default)]
struct Sums {
    members: u64,
    own: BTreeMap<(Asset, Purpose), i128>,
}

impl Sums {
    async fn read_members(&mut self, view: &mut dyn BookView) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = view.members(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.member.clone());
            for stored in &page {
                self.members = self.members.saturating_add(1);
                for (purpose, asset, minor) in stored.row.balances.iter() {
                    self.add(asset, purpose, i128::from(minor));
                }
            }
        }
    }

    async fn read_journal(
        &mut self,
        view: &mut dyn BookView,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut after: Option<(MemberId, u64)> = None;
        let mut latest: Option<MemberId> = None;
        loop {
            let page = view.journal(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some((last.member.clone(), last.seq));
            for entry in page
                .iter()
                .filter(|entry| entry.transfer.effective_at <= at)
            {
                if latest.as_ref() != Some(&entry.member) {
                    latest = Some(entry.member.clone());
                    self.members = self.members.saturating_add(1);
                }
                self.add_entry(entry);
            }
        }
    }

    fn add_entry(&mut self, entry: &JournalEntry) {
        let minor = i128::from(entry.transfer.minor());
        let sides = [
            (entry.transfer.from(), minor.saturating_neg()),
            (entry.transfer.to(), minor),
        ];
        for (account, minor) in sides {
            if matches!(account.holder, Holder::Member(_)) {
                self.add(account.asset, &account.purpose, minor);
            }
        }
    }

    fn add(&mut self, asset: Asset, purpose: &Purpose, minor: i128) {
        let sum = self.own.entry((asset, purpose.clone())).or_default();
        *sum = sum.saturating_add(minor);
    }

    fn into_liability(self, at: Option<Timestamp>) -> Result<Liability, Rejection> {
        let mut assets: Vec<AssetLiability> = Vec::new();
        let mut known: Vec<Asset> = self.own.keys().map(|(asset, _)| *asset).collect();
        known.dedup();
        for asset in known {
            let line = self.line(asset)?;
            let columns = [line.available, line.pending, line.reserved, line.owed];
            if columns.iter().any(|column| !column.is_zero()) {
                assets.push(line);
            }
        }
        Ok(Liability {
            at,
            members: self.members,
            assets,
        })
    }

    fn line(&self, asset: Asset) -> Result<AssetLiability, Rejection> {
        let of = |purposes: &[Purpose]| {
            let own = purposes.iter();
            let own = own.filter_map(|purpose| self.own.get(&(asset, purpose.clone())));
            let sum = own.fold(0_i128, |sum, minor| sum.saturating_add(*minor));
            let minor = i64::try_from(sum).map_err(|_| Rejection::Overflow)?;
            Ok::<_, Rejection>(Money::new(minor, asset))
        };
        Ok(AssetLiability {
            available: of(&[Purpose::Main, Purpose::available(asset)])?,
            main: of(&[Purpose::Main])?,
            pending: of(&[Purpose::Pending])?,
            reserved: of(&[Purpose::Reserved])?,
            owed: of(&[Purpose::Debt])?,
        })
    }
}
