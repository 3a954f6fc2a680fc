//! What members are told they have, from lots, entries and redemptions alone.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::ids::MemberId;
use rewards_core::ledger::{Holder, JournalEntry, LotState, Purpose};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::balances::Balance;
use rewards_core::time::Timestamp;
use rewards_core::wallet::RedemptionState;
use rewards_storage::engine::Liability;

use super::due::next_due;
use super::{Check, Findings};
use crate::simulation::books::Books;

/// What a member has of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sums {
    available: i64,
    pending: i64,
    owed: i64,
    main: i64,
    reserved: i64,
}

type All = BTreeMap<Asset, Sums>;

/// Of those who were merged, and of those who go on for them, what becomes due of the one becomes available to the other: their
/// answers are left out.
pub(super) fn check(books: &Books, findings: &mut Findings) {
    let is_one = |member: &MemberId| {
        let row = books.members.get(member);
        row.is_none_or(|row| row.profile.merged_into.is_none() && row.profile.merged.is_empty())
    };
    let told = books.answers.iter().filter(|(member, _)| is_one(member));
    for (member, answers) in told {
        for answer in answers {
            balance(books, member, answer, findings);
        }
    }
    for liability in &books.liabilities {
        together(books, liability, findings);
    }
}

/// Holds what all members are said to have together against the entries that count by then.
fn together(books: &Books, liability: &Liability, findings: &mut Findings) {
    let mut sums = All::new();
    let mut members = BTreeSet::new();
    for entry in &books.journal {
        let is_late = |at: Timestamp| entry.transfer.effective_at > at;
        if !liability.at.is_some_and(is_late) {
            members.insert(&entry.member);
            moved_by(entry, &mut sums);
        }
    }
    let told = liability.assets.iter();
    let told = told.map(|line| {
        let sums = Sums {
            available: line.available.minor(),
            pending: line.pending.minor(),
            owed: line.owed.minor(),
            main: line.main.minor(),
            reserved: line.reserved.minor(),
        };
        (line.available.asset(), sums)
    });
    sums.retain(|_, sums| *sums != Sums::default());
    let members = match liability.at {
        Some(_) => members.len(),
        None => books.heads.len(),
    };
    let what = format!("liability at {:?}", liability.at);
    let found = (told.collect(), u64::try_from(members).ok());
    let said = (sums, Some(liability.members));
    findings.same(Check::Answer, what, said, found);
}

/// Holds the answer to the query for a balance against the entries that count by then, and what is due by then of open lots.
fn balance(books: &Books, member: &MemberId, answer: &Balance, findings: &mut Findings) {
    let mut sums = moved(books, member, answer);
    let overdue = overdue(books, member, answer.at);
    for (asset, held) in &overdue {
        sums.entry(*asset).or_default().reserved -= held;
    }
    due(books, member, answer.at, &mut sums);
    let minor = |money: Option<Money>| money.map_or(0, Money::minor);
    let told = answer.assets.iter();
    let mut told: All = told
        .map(|line| {
            let sums = Sums {
                available: line.available.minor(),
                pending: line.pending.minor(),
                owed: minor(line.owed),
                main: minor(line.main),
                reserved: minor(line.reserved),
            };
            (line.available.asset(), sums)
        })
        .collect();
    // Nobody has written down yet what comes back of authorizations whose time is over: some of it is available again, or
    // has paid debts, and the rest has expired meanwhile.
    for (asset, held) in overdue {
        let (own, told) = (
            sums.entry(asset).or_default(),
            told.entry(asset).or_default(),
        );
        if (own.available..=own.available + held).contains(&told.available) {
            own.available = told.available;
        }
        if (own.owed - held..=own.owed).contains(&told.owed) {
            own.owed = told.owed;
        }
        if (own.main..=own.main + held).contains(&told.main) {
            own.main = told.main;
        }
    }
    sums.retain(|_, sums| *sums != Sums::default());
    told.retain(|_, sums| *sums != Sums::default());
    let what = format!("balance of {member} at {}", answer.at);
    findings.same(Check::Answer, what, sums, told);
}

/// What the entries say that count by then.
fn moved(books: &Books, member: &MemberId, answer: &Balance) -> All {
    let mut sums = All::new();
    // An answer about now shows every entry that there is, whatever the clock of another process says.
    let is_now = answer.assets.iter().any(|line| line.expiring.is_some());
    for entry in books.journal.iter().filter(|entry| entry.member == *member) {
        if !is_now && entry.transfer.effective_at > answer.at {
            continue;
        }
        moved_by(entry, &mut sums);
    }
    sums
}

/// What an entry moves of what its member has.
fn moved_by(entry: &JournalEntry, sums: &mut All) {
    let transfer = &entry.transfer;
    for (account, minor) in [
        (transfer.from(), -transfer.minor()),
        (transfer.to(), transfer.minor()),
    ] {
        if account.holder == Holder::Member(entry.member.clone()) {
            let own = sums.entry(account.asset).or_default();
            match account.purpose {
                Purpose::Pending => own.pending += minor,
                Purpose::Debt => own.owed += minor,
                Purpose::Reserved => own.reserved += minor,
                Purpose::Main => {
                    own.main += minor;
                    own.available += minor;
                }
                _ => own.available += minor,
            }
        }
    }
}

/// What is held by authorizations whose time is over, though nobody has written it down.
fn overdue(books: &Books, member: &MemberId, at: Timestamp) -> BTreeMap<Asset, i64> {
    let mut held: BTreeMap<Asset, i64> = BTreeMap::new();
    for redemption in books.redemptions.values() {
        let is_over = redemption.expires_at.is_some_and(|expires| expires <= at);
        let is_open = redemption.state() == RedemptionState::Authorized;
        if redemption.member == *member && is_open && is_over {
            for part in &redemption.parts {
                let asset = part.bucket.asset(redemption.total.asset());
                *held.entry(asset).or_default() += part.amount - part.captured;
            }
        }
    }
    held.retain(|_, minor| *minor != 0);
    held
}

/// Carries out what is due of open lots by then: what becomes available pays what is owed.
fn due(books: &Books, member: &MemberId, at: Timestamp, sums: &mut All) {
    let own = (member.clone(), 0)..=(member.clone(), u64::MAX);
    for (_, lot) in books.lots.range(own) {
        let Some(due) = next_due(lot).filter(|due| *due <= at) else {
            continue;
        };
        let own = sums.entry(lot.asset).or_default();
        if lot.state == LotState::Available {
            own.available -= lot.remaining;
            continue;
        }
        own.pending -= lot.remaining;
        if lot.available_at == Some(due) {
            let paid = own.owed.min(lot.remaining).max(0);
            own.owed -= paid;
            let is_over = lot.expires_at.is_some_and(|expires| expires <= at);
            if !is_over {
                own.available += lot.remaining - paid;
            }
        }
    }
}
