//! Journal and lots: refolded entry by entry.

use std::collections::BTreeMap;

use rewards_core::ids::{MemberId, PurchaseId};
use rewards_core::ledger::{Account, Holder, JournalEntry, LotNumber, LotState, Purpose};
use rewards_core::ledger::{Lot, TransferKind};
use rewards_core::money::Asset;
use rewards_core::operations::rewards::DeductedBalance;

use super::{Applied, Check, Findings};
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::workload::Command;

/// A purchase's lots of one asset, or a member's lots that were granted manually.
type Pot = (MemberId, Option<PurchaseId>, Asset);

/// The entries that made lots.
type Origins<'b> = BTreeMap<(&'b MemberId, LotNumber), &'b JournalEntry>;

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    findings: &mut Findings,
) -> Result<(), Failed> {
    fold(books, findings);
    lots(books, applied, findings)
}

/// Balances, sums and floors from the entries alone. Members' accounts may not be below zero after any entry.
fn fold(books: &Books, findings: &mut Findings) {
    let mut folded: BTreeMap<Account, i128> = BTreeMap::new();
    let mut last: Option<&JournalEntry> = None;
    for entry in &books.journal {
        if let Some(before) = last.filter(|before| before.member == entry.member)
            && (before.recorded_at > entry.recorded_at || before.seq >= entry.seq)
        {
            let (member, seq) = (&entry.member, entry.seq);
            findings.add(
                Check::Journal,
                format!("entry {seq} of {member} is out of order"),
            );
        }
        last = Some(entry);
        let minor = i128::from(entry.transfer.minor());
        *folded.entry(entry.transfer.to().clone()).or_default() += minor;
        let from = entry.transfer.from();
        let balance = folded.entry(from.clone()).or_default();
        *balance -= minor;
        if *balance < 0 && matches!(from.holder, Holder::Member(_)) {
            let seq = entry.seq;
            findings.add(
                Check::Journal,
                format!("{from} is {balance} after entry {seq}"),
            );
        }
    }
    let mut sums: BTreeMap<Asset, i128> = BTreeMap::new();
    for ((_, asset), balance) in &books.controls {
        *sums.entry(*asset).or_default() += balance;
    }
    for (asset, sum) in sums {
        findings.same(Check::Journal, format!("sum of all {asset}"), 0, sum);
    }
    let mut controls: BTreeMap<(Purpose, Asset), i128> = BTreeMap::new();
    for (account, balance) in &folded {
        let key = (account.purpose.clone(), account.asset);
        *controls.entry(key).or_default() += balance;
    }
    controls.retain(|_, balance| *balance != 0);
    let stored = books.controls.iter().filter(|(_, balance)| **balance != 0);
    let stored = stored.map(|(key, balance)| (key.clone(), *balance));
    findings.same_maps(
        Check::Journal,
        "control account",
        &controls,
        &stored.collect(),
    );
    folded.retain(|account, balance| *balance != 0 && account.holder != Holder::System);
    let stored = books
        .balances
        .iter()
        .filter(|(_, balance)| **balance != 0)
        .map(|(account, balance)| (account.clone(), i128::from(*balance)))
        .collect();
    findings.same_maps(Check::Journal, "balance", &folded, &stored);
}

/// What is left in lots is what is in the balances, and what went into a purchase's lots came out of them.
fn lots(books: &Books, applied: &[Applied<'_>], findings: &mut Findings) -> Result<(), Failed> {
    let mut left: BTreeMap<Account, i128> = BTreeMap::new();
    for ((member, number), lot) in &books.lots {
        let spare = !lot.state.is_open() && lot.remaining != 0;
        if spare || lot.remaining < 0 || lot.remaining > lot.amount {
            findings.add(
                Check::Lot,
                format!("lot {number} of {member} cannot be: {lot:?}"),
            );
        }
        if lot.state.is_open() {
            let account = Account::member(member, resting_place(lot), lot.asset);
            *left.entry(account).or_default() += i128::from(lot.remaining);
        }
    }
    left.retain(|_, remaining| *remaining != 0);
    let stored = books
        .balances
        .iter()
        .filter(|(_, balance)| **balance != 0)
        .map(|(account, balance)| (account.clone(), i128::from(*balance)))
        .collect();
    findings.same_maps(Check::Lot, "left in lots of", &stored, &left);
    pots(books, applied, findings)
}

fn resting_place(lot: &Lot) -> Purpose {
    match lot.state {
        LotState::Pending => Purpose::Pending,
        _ => Purpose::available(lot.asset),
    }
}

/// The entries that made lots, and what went into and out of each pot by the journal alone.
fn moved(books: &Books) -> (Origins<'_>, BTreeMap<Pot, i128>) {
    let mut origins = Origins::new();
    let mut pots: BTreeMap<Pot, i128> = BTreeMap::new();
    for entry in &books.journal {
        let transfer = &entry.transfer;
        let pot = (
            entry.member.clone(),
            transfer.purchase.clone(),
            transfer.asset(),
        );
        let minor = i128::from(transfer.minor());
        let change = match transfer.kind {
            TransferKind::Grant | TransferKind::ManualGrant => {
                origins.insert((&entry.member, entry.seq), entry);
                minor
            }
            TransferKind::Void
            | TransferKind::Clawback
            | TransferKind::Expire
            | TransferKind::Forfeit => -minor,
            // What is taken manually names no lot in the journal: the reply does. What is paid in rests in no lot.
            TransferKind::Mature | TransferKind::Deduct | TransferKind::Deposit => 0,
            // Nothing is refunded, sent or redeemed in a simulation.
            TransferKind::Owe
            | TransferKind::Repay
            | TransferKind::WriteOff
            | TransferKind::TransferOut
            | TransferKind::TransferIn
            | TransferKind::TransferFee
            | TransferKind::Redeem
            | TransferKind::Reserve
            | TransferKind::Release
            | TransferKind::Restore
            | TransferKind::Merge => 0,
        };
        *pots.entry(pot).or_default() += change;
    }
    (origins, pots)
}

/// For every purchase, and for what was granted manually: granted − voided − taken back − expired − paid = what is left.
fn pots(books: &Books, applied: &[Applied<'_>], findings: &mut Findings) -> Result<(), Failed> {
    let (origins, mut pots) = moved(books);
    for command in applied {
        let Command::Deduct(deduct) = &command.order.command else {
            continue;
        };
        let reply: DeductedBalance = command.reply()?;
        let paid = reply
            .lots
            .values()
            .map(|part| i128::from(part.minor()))
            .sum();
        let taken = i128::from(deduct.take.minor());
        findings.same(
            Check::Lot,
            format!("lots that paid {:?}", command.order.key),
            taken,
            paid,
        );
        for (number, part) in &reply.lots {
            match origins.get(&(&deduct.member, *number)) {
                Some(entry) => {
                    let purchase = entry.transfer.purchase.clone();
                    let pot = (deduct.member.clone(), purchase, part.asset());
                    *pots.entry(pot).or_default() -= i128::from(part.minor());
                }
                None => findings.add(Check::Lot, format!("lot {number} paid and was never made")),
            }
        }
    }
    for ((member, number), lot) in &books.lots {
        let pot = (member.clone(), lot.purchase.clone(), lot.asset);
        if lot.state.is_open() {
            *pots.entry(pot).or_default() -= i128::from(lot.remaining);
        }
        let granted = origins
            .get(&(member, *number))
            .map(|entry| entry.transfer.minor());
        findings.same(
            Check::Lot,
            format!("lot {number} of {member}"),
            Some(lot.amount),
            granted,
        );
    }
    for (pot, rest) in pots {
        findings.same(Check::Lot, format!("rest of {pot:?}"), 0, rest);
    }
    Ok(())
}
