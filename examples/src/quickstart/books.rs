//! What the journals say: one pass over every entry, summed by day, by rule and by member.

use std::collections::BTreeMap;

use rewards_core::ids::{MemberId, PurchaseId, Slug, TenantId};
use rewards_core::ledger::{Account, Holder, JournalEntry, Purpose, TransferKind};
use rewards_core::money::{Asset, Money};
use rewards_core::program::{Budget, Program};
use rewards_core::time::{Calendar, Period};
use rewards_storage::store::Backend;

use super::{QuickstartError, closing_day};

/// Entries of one page.
const PAGE: u32 = 1_000;
/// A time of day at which a local day is certainly meant.
const NOON: u32 = 12 * 60 * 60;

/// Where an asset stands, over all members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Everything that was ever granted.
    pub granted: Money,
    /// What is granted and not available yet.
    pub pending: Money,
    /// What members can use.
    pub available: Money,
    /// What has expired.
    pub expired: Money,
}

/// The same in minor units, or what a day or a member adds to it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub granted: i64,
    pub pending: i64,
    pub available: i64,
    pub expired: i64,
}

/// What a member got of each asset, and for how many purchases.
#[derive(Debug, Default)]
pub(super) struct MemberSums {
    pub assets: BTreeMap<Asset, Sums>,
    pub purchases: u64,
    last_purchase: Option<PurchaseId>,
}

/// The books of a tenant, summed.
#[derive(Debug)]
pub(super) struct Books {
    calendar: Calendar,
    /// What each local day added.
    days: BTreeMap<(Asset, i32), Sums>,
    /// What each rule granted on each local day, in minor units.
    granted: BTreeMap<(Slug, i32), i64>,
    pub members: BTreeMap<MemberId, MemberSums>,
    pub entries: u64,
}

impl Books {
    /// Reads every journal once.
    pub async fn read(
        backend: &dyn Backend,
        tenant: &TenantId,
        program: &Program,
    ) -> Result<Self, QuickstartError> {
        let mut books = Self {
            calendar: Calendar::new(program.zone, program.week_start),
            days: BTreeMap::new(),
            granted: BTreeMap::new(),
            members: BTreeMap::new(),
            entries: 0,
        };
        let mut after = None;
        loop {
            let page = backend.journal(tenant, after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(books);
            };
            after = Some((last.member.clone(), last.seq));
            page.iter().for_each(|entry| books.take(program, entry));
        }
    }

    fn take(&mut self, program: &Program, entry: &JournalEntry) {
        self.entries = self.entries.saturating_add(1);
        let transfer = &entry.transfer;
        let (asset, minor) = (transfer.from().asset, transfer.minor());
        let day = closing_day(program.zone, transfer.effective_at);
        let member = self.members.entry(entry.member.clone()).or_default();
        let is_grant = transfer.kind == TransferKind::Grant;
        for sums in [
            self.days.entry((asset, day)).or_default(),
            member.assets.entry(asset).or_default(),
        ] {
            sums.moved(transfer.from(), minor.saturating_neg());
            sums.moved(transfer.to(), minor);
            if is_grant {
                sums.granted = sums.granted.saturating_add(minor);
            }
        }
        if !is_grant {
            return;
        }
        // Journals are in order, and the grants of one purchase stand together.
        if member.last_purchase != transfer.purchase {
            member.purchases = member.purchases.saturating_add(1);
            member.last_purchase.clone_from(&transfer.purchase);
        }
        if let Some(origin) = &transfer.origin {
            let granted = self.granted.entry((origin.rule.clone(), day)).or_default();
            *granted = granted.saturating_add(minor);
        }
    }

    /// The assets that were ever granted.
    pub fn assets(&self) -> Vec<Asset> {
        let mut assets: Vec<Asset> = self.days.keys().map(|(asset, _)| *asset).collect();
        assets.dedup();
        assets
    }

    /// First and last local day on which anything happened.
    pub fn span(&self) -> Option<(i32, i32)> {
        let days = || self.days.keys().map(|(_, day)| *day);
        Some((days().min()?, days().max()?))
    }

    /// What has come together by the end of a local day.
    pub fn by(&self, asset: Asset, day: i32) -> Sums {
        let mut sum = Sums::default();
        for (_, moved) in self.days.range((asset, i32::MIN)..=(asset, day)) {
            sum.add(moved);
        }
        sum
    }

    /// Where each asset stands in the end.
    pub fn positions(&self) -> Vec<Position> {
        let positions = self.assets().into_iter().map(|asset| {
            let sums = self.by(asset, i32::MAX);
            Position {
                granted: Money::new(sums.granted, asset),
                pending: Money::new(sums.pending, asset),
                available: Money::new(sums.available, asset),
                expired: Money::new(sums.expired, asset),
            }
        });
        positions.collect()
    }

    /// What the rules of a budget granted from one local day to another, both inclusive, as far as it counts for the
    /// window that the last day lies in.
    pub fn drawn(&self, program: &Program, budget: &Budget, from: i32, through: i32) -> i64 {
        let window = |day| {
            let every = budget.every.unwrap_or(Period::Lifetime);
            self.calendar.bucket(every, program.zone.instant(day, NOON))
        };
        let draws = |rule: &Slug| {
            let named = program.rules.iter().find(|known| known.id == *rule);
            named.is_some_and(|known| known.budgets.contains(&budget.id))
        };
        self.granted
            .iter()
            .filter(|((_, day), _)| (from..=through).contains(day))
            .filter(|((rule, day), _)| draws(rule) && window(*day) == window(through))
            .fold(0, |sum, (_, minor)| sum.saturating_add(*minor))
    }

    /// What each rule granted in all, in minor units of its asset.
    pub fn by_rule(&self, rule: &Slug) -> i64 {
        let range = (rule.clone(), i32::MIN)..=(rule.clone(), i32::MAX);
        let days = self.granted.range(range);
        days.fold(0, |sum, (_, minor)| sum.saturating_add(*minor))
    }
}

impl Sums {
    fn moved(&mut self, account: &Account, minor: i64) {
        let sum = match (&account.holder, &account.purpose) {
            (Holder::Member(_), Purpose::Pending) => &mut self.pending,
            (Holder::Member(_), Purpose::Cashback | Purpose::Points) => &mut self.available,
            (Holder::System, Purpose::Expired) => &mut self.expired,
            _ => return,
        };
        *sum = sum.saturating_add(minor);
    }

    fn add(&mut self, other: &Self) {
        self.granted = self.granted.saturating_add(other.granted);
        self.pending = self.pending.saturating_add(other.pending);
        self.available = self.available.saturating_add(other.available);
        self.expired = self.expired.saturating_add(other.expired);
    }
}
