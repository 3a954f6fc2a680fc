//! Journal and lots: refolded entry by entry.

use std::collections::BTreeMap;

use rewards_core::ids::{MemberId, PurchaseId};
use rewards_core::ledger::{Account, Holder, JournalEntry, LotNumber, LotState, Purpose};
use rewards_core::ledger::{Lot, TransferKind};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::rewards::DeductedBalance;
use rewards_core::operations::transfers::CompletedTransfer;

use super::{Applied, Check, Findings, spending, transfers};
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::workload::Command;

/// A purchase's lots of one asset, or a member's lots that were granted manually.
type Pot = (MemberId, Option<PurchaseId>, Asset);

/// What left lots without a word in the journal about which ones: a member's asset.
type Untold = BTreeMap<(MemberId, Asset), i128>;

/// The entries that made lots.
type Origins<'b> = BTreeMap<(&'b MemberId, LotNumber), &'b JournalEntry>;

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    findings: &mut Findings,
) -> Result<(), Failed> {
    fold(books, findings);
    rest(books, findings);
    pots(books, applied, findings)
}

/// Balances, sums and floors from the entries alone. Members' accounts may not be below zero after any entry.
pub(super) fn fold(books: &Books, findings: &mut Findings) {
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

/// What is left in lots is what is in the balances.
pub(super) fn rest(books: &Books, findings: &mut Findings) {
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
    let rests_in_lots = |account: &Account| {
        account.purpose == Purpose::Pending || account.purpose == Purpose::available(account.asset)
    };
    let stored = books
        .balances
        .iter()
        .filter(|(account, balance)| **balance != 0 && rests_in_lots(account))
        .map(|(account, balance)| (account.clone(), i128::from(*balance)))
        .collect();
    findings.same_maps(Check::Lot, "left in lots of", &stored, &left);
}

fn resting_place(lot: &Lot) -> Purpose {
    match lot.state {
        LotState::Pending => Purpose::Pending,
        _ => Purpose::available(lot.asset),
    }
}

/// What moved by the journal alone.
struct Moved<'b> {
    origins: Origins<'b>,
    /// What went into and out of each pot.
    pots: BTreeMap<Pot, i128>,
    untold: Untold,
}

fn moved(books: &Books) -> Moved<'_> {
    let mut moved = Moved {
        origins: Origins::new(),
        pots: BTreeMap::new(),
        untold: Untold::new(),
    };
    for entry in &books.journal {
        let transfer = &entry.transfer;
        let asset = transfer.asset();
        let minor = i128::from(transfer.minor());
        let own = (entry.member.clone(), asset);
        let from_lots = transfer.from().purpose == Purpose::available(asset);
        let change = match transfer.kind {
            TransferKind::Grant | TransferKind::ManualGrant => {
                moved.origins.insert((&entry.member, entry.seq), entry);
                minor
            }
            TransferKind::TransferIn if transfer.to().purpose != Purpose::Main => {
                moved.origins.insert((&entry.member, entry.seq), entry);
                minor
            }
            // What comes back after its lot has expired says nothing of the lot.
            TransferKind::Expire if transfer.from().purpose != Purpose::available(asset) => {
                *moved.untold.entry(own).or_default() += minor;
                0
            }
            TransferKind::Void
            | TransferKind::Clawback
            | TransferKind::Expire
            | TransferKind::Forfeit => -minor,
            TransferKind::Repay if from_lots => {
                *moved.untold.entry(own).or_default() += minor;
                0
            }
            // What is taken manually, sent, spent and reserved names no lot in the journal: replies and redemptions do. The
            // rest rests in no lot.
            TransferKind::Mature
            | TransferKind::Deduct
            | TransferKind::Deposit
            | TransferKind::Owe
            | TransferKind::Repay
            | TransferKind::WriteOff
            | TransferKind::TransferOut
            | TransferKind::TransferIn
            | TransferKind::TransferFee
            | TransferKind::ConvertOut
            | TransferKind::ConvertIn
            | TransferKind::ConvertFee
            | TransferKind::ConvertSpread
            | TransferKind::Redeem
            | TransferKind::Reserve
            | TransferKind::Release
            | TransferKind::Restore
            | TransferKind::Merge => 0,
        };
        let pot = (entry.member.clone(), transfer.purchase.clone(), asset);
        *moved.pots.entry(pot).or_default() += change;
    }
    moved
}

/// What lots paid, as replies and redemptions name them: member, lot, how much; and what all lots together have to have paid.
fn paid(
    books: &Books,
    applied: &[Applied<'_>],
    findings: &mut Findings,
) -> Result<Vec<(MemberId, LotNumber, Money)>, Failed> {
    let mut paid = Vec::new();
    for command in applied {
        let (member, taken, lots) = match &command.order.command {
            Command::Deduct(deduct) => {
                let reply: DeductedBalance = command.reply()?;
                (&deduct.member, deduct.take.minor(), reply.lots)
            }
            Command::Send(send) => {
                let reply: CompletedTransfer = command.reply()?;
                let taken = match transfers::moves_lots(books, send) {
                    true => reply.given.minor(),
                    false => 0,
                };
                (&send.from, taken, reply.lots)
            }
            _ => continue,
        };
        let sum = lots.values().map(|part| part.minor()).sum();
        findings.same(
            Check::Lot,
            format!("lots that paid {:?}", command.order.key),
            taken,
            sum,
        );
        let lots = lots.into_iter();
        paid.extend(lots.map(|(number, part)| (member.clone(), number, part)));
    }
    for redemption in books.redemptions.values() {
        let member = &redemption.member;
        for (number, part) in spending::out_of_lots(redemption) {
            paid.push((member.clone(), number, part));
        }
    }
    Ok(paid)
}

/// For every purchase, and for what was granted manually or came from others: granted − voided − taken back − expired − paid =
/// what is left. What paid debts, and what expired on its way back, is missing somewhere among the pots of its member.
fn pots(books: &Books, applied: &[Applied<'_>], findings: &mut Findings) -> Result<(), Failed> {
    let Moved {
        origins,
        mut pots,
        mut untold,
    } = moved(books);
    for (member, number, part) in paid(books, applied, findings)? {
        match origins.get(&(&member, number)) {
            Some(entry) => {
                let purchase = entry.transfer.purchase.clone();
                let pot = (member, purchase, part.asset());
                *pots.entry(pot).or_default() -= i128::from(part.minor());
            }
            None => findings.add(Check::Lot, format!("lot {number} paid and was never made")),
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
    for ((member, purchase, asset), rest) in pots {
        if rest < 0 {
            findings.add(
                Check::Lot,
                format!("{purchase:?} of {member} gave {rest} {asset} more than it had"),
            );
        }
        *untold.entry((member, asset)).or_default() -= rest;
    }
    for (place, rest) in untold {
        findings.same(Check::Lot, format!("rest of {place:?}"), 0, rest);
    }
    Ok(())
}
