//! Debts: rewards that were to be taken back and had been spent. What was claimed is paid at once, later, or still owed.

use std::collections::BTreeMap;

use rewards_core::ids::MemberId;
use rewards_core::ledger::{JournalEntry, LotState, Purpose, TransferKind};
use rewards_core::money::Asset;

use super::{Check, Findings};
use crate::simulation::books::Books;

/// What moved of debts by the journal.
#[derive(Debug, Default)]
struct Moved {
    /// What was claimed of each member: owed and paid at once.
    claimed: BTreeMap<(MemberId, Asset), i128>,
    recovered: BTreeMap<Asset, i128>,
    receivable: BTreeMap<Asset, i128>,
}

/// What members owe is what was claimed and not paid since, and whoever owes has nothing available that could pay.
pub(super) fn check(books: &Books, findings: &mut Findings) {
    let mut moved = Moved::default();
    for entry in &books.journal {
        if !moved.take(books, entry) {
            findings.add(Check::Refund, format!("no way of a debt: {entry:?}"));
        }
    }
    let mut claimed: BTreeMap<(MemberId, Asset), i128> = BTreeMap::new();
    for stored in books.purchases.values() {
        let purchase = &stored.entity;
        for own in purchase.allocations.iter().filter(|own| own.claimed != 0) {
            let lot = (purchase.purchase.member.clone(), own.lot);
            if let Some(lot) = books.lots.get(&lot) {
                let member = books.goes_on_as(&purchase.purchase.member);
                let place = (member.clone(), lot.asset);
                *claimed.entry(place).or_default() += i128::from(own.claimed);
            }
        }
    }
    moved.claimed.retain(|_, minor| *minor != 0);
    findings.same_maps(Check::Refund, "claimed of", &claimed, &moved.claimed);
    for (purpose, mut sums) in [
        (Purpose::Recovered, moved.recovered),
        (Purpose::Receivable, moved.receivable),
    ] {
        sums.retain(|_, minor| *minor != 0);
        let own = books.controls.iter();
        let own = own.filter(|((of, _), sum)| *of == purpose && **sum != 0);
        let own = own.map(|((_, asset), sum)| (*asset, *sum)).collect();
        findings.same_maps(Check::Refund, &format!("{purpose} in"), &sums, &own);
    }
    idle(books, findings);
}

impl Moved {
    /// Whether an entry moves debts only as they may move.
    fn take(&mut self, books: &Books, entry: &JournalEntry) -> bool {
        let transfer = &entry.transfer;
        let (from, to) = (&transfer.from().purpose, &transfer.to().purpose);
        let (asset, minor) = (transfer.asset(), i128::from(transfer.minor()));
        // What somebody owed who was merged, the other one owes.
        let place = (books.goes_on_as(&entry.member).clone(), asset);
        match transfer.kind {
            TransferKind::Owe => {
                *self.claimed.entry(place).or_default() += minor;
                *self.receivable.entry(asset).or_default() -= minor;
                (from, to) == (&Purpose::Receivable, &Purpose::Debt)
            }
            // What somebody owed who was merged is incurred again by the other one.
            TransferKind::Merge if *from == Purpose::Debt => {
                *self.claimed.entry(place).or_default() -= minor;
                *self.receivable.entry(asset).or_default() += minor;
                *to == Purpose::Receivable
            }
            // What is given up when somebody leaves was claimed all the same.
            TransferKind::WriteOff => {
                *self.receivable.entry(asset).or_default() += minor;
                (from, to) == (&Purpose::Debt, &Purpose::Receivable)
            }
            // What pays later was claimed before: it leaves the account of the debt, and below that of the member.
            TransferKind::Repay if *from == Purpose::Debt => {
                *self.claimed.entry(place).or_default() -= minor;
                *self.receivable.entry(asset).or_default() += minor;
                *to == Purpose::Receivable
            }
            TransferKind::Repay => {
                *self.claimed.entry(place).or_default() += minor;
                *self.recovered.entry(asset).or_default() += minor;
                (from, to) == (&Purpose::available(asset), &Purpose::Recovered)
            }
            _ => [from, to].iter().all(|purpose| {
                !matches!(
                    purpose,
                    Purpose::Debt | Purpose::Receivable | Purpose::Recovered
                )
            }),
        }
    }
}

/// What is available pays debts first, but for what a refunded purchase itself still holds.
fn idle(books: &Books, findings: &mut Findings) {
    for (account, owed) in &books.balances {
        if account.purpose != Purpose::Debt || *owed == 0 {
            continue;
        }
        let own = books.lots.iter().filter(|((member, _), lot)| {
            account.holder_text() == member.as_str() && lot.asset == account.asset
        });
        for ((_, number), lot) in own.filter(|(_, lot)| lot.state == LotState::Available) {
            let purchase = lot.purchase.as_ref().and_then(|id| books.purchases.get(id));
            let is_refunded = purchase.is_some_and(|stored| stored.entity.refunded.is_some());
            if !is_refunded {
                findings.add(
                    Check::Refund,
                    format!("{account} owes {owed}, and lot {number} is there"),
                );
            }
        }
    }
}
