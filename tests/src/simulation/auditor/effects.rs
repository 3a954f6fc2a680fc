//! One effect for each command that happened: versions, purchases, journal entries, revisions.

use std::collections::BTreeMap;

use rewards_core::cashback::PurchaseState;
use rewards_core::ids::{MemberId, ProgramId, PurchaseId};
use rewards_core::ledger::{Purpose, TransferKind};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::programs::PublishedProgram;
use rewards_core::operations::purchases::{RecordedPurchase, RefundedPurchase};
use rewards_core::operations::rewards::{ManualGrant, SettledMember};

use super::{Applied, Check, Findings};
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::workload::Command;

/// A manual movement: member, kind, amount, asset and reason. The reason is not unique, so movements are counted.
type Manual = (MemberId, &'static str, i64, Asset, String);

/// A purchase as the commands that happened leave it.
#[derive(Debug, PartialEq, Eq)]
struct Expected {
    member: MemberId,
    version: u64,
    state: PurchaseState,
    program: ProgramId,
    revision: u32,
    /// Rule and amount of each grant, in order.
    grants: Vec<(String, Money)>,
}

/// `is_told` says whether all that sweeps did is known.
pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    is_told: bool,
    findings: &mut Findings,
) -> Result<(), Failed> {
    members(books, applied, is_told, findings)?;
    purchases(books, applied, findings)?;
    manual(books, applied, findings)?;
    revisions(books, applied, findings)
}

/// Every command on a member raises the member's version by one: the version counts the commands that happened. Only of a
/// settlement that says nothing was due nobody knows whether it moved the time of the next review.
fn members(
    books: &Books,
    applied: &[Applied<'_>],
    is_told: bool,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut versions: BTreeMap<MemberId, (u64, u64)> = BTreeMap::new();
    let mut registered: BTreeMap<MemberId, u64> = BTreeMap::new();
    for command in applied {
        let is_open = matches!(command.order.command, Command::Settle(_))
            && command.reply::<SettledMember>()?.is_nothing();
        for member in command.members()? {
            let (least, most) = versions.entry(member).or_default();
            *least += u64::from(!is_open);
            *most += 1;
        }
        if let Command::Register(register) = &command.order.command {
            *registered.entry(register.member.clone()).or_default() += 1;
        }
    }
    for (member, row) in &books.members {
        let (least, most) = versions.get(member).copied().unwrap_or_default();
        let most = if is_told { most } else { u64::MAX };
        if !(least..=most).contains(&row.version) {
            let found = row.version;
            findings.add(
                Check::Effect,
                format!("version of {member}: expected {least} to {most}, found {found}"),
            );
        }
    }
    let once = books.members.keys().map(|member| (member.clone(), 1));
    findings.same_maps(
        Check::Effect,
        "registrations of",
        &registered,
        &once.collect(),
    );
    for head in &books.heads {
        let row = books.members.get(&head.member);
        let row = row.map(|row| (row.journal, row.event_seq));
        let swept = Some((head.journal, head.event_seq));
        findings.same(Check::Effect, format!("row of {}", head.member), swept, row);
    }
    Ok(())
}

pub(super) fn purchases(
    books: &Books,
    applied: &[Applied<'_>],
    findings: &mut Findings,
) -> Result<(), Failed> {
    let expected = expected_purchases(applied, findings)?;
    let mut journal = grants(books);
    let voids = voids(books);
    let stored: BTreeMap<PurchaseId, Expected> = books
        .purchases
        .iter()
        .map(|(id, stored)| {
            let purchase = &stored.entity;
            let grants = journal.remove(id).unwrap_or_default();
            findings.same(
                Check::Effect,
                format!("grants named by {id}"),
                grants.len(),
                purchase.allocations.len(),
            );
            // A settlement that voids something of a purchase writes it, and so does the command that comes too late for it, and
            // what comes back to its lots when it was refunded meanwhile.
            let least = expected.get(id).map_or(0, |row| row.version);
            let most = least + voids.get(id).copied().unwrap_or(0);
            // So does whoever leaves, or is erased.
            let is_expected = (least..=most).contains(&stored.version)
                || stored.version > most && books.is_gone(&purchase.purchase.member);
            let row = Expected {
                member: purchase.purchase.member.clone(),
                version: if is_expected { least } else { stored.version },
                state: purchase.state(),
                program: purchase.purchase.program.clone(),
                revision: purchase.revision,
                grants,
            };
            (id.clone(), row)
        })
        .collect();
    findings.same_maps(Check::Effect, "purchase", &expected, &stored);
    for (purchase, grants) in journal {
        findings.add(
            Check::Effect,
            format!("grants of unknown purchase {purchase}: {grants:?}"),
        );
    }
    Ok(())
}

/// Every purchase that was recorded, as confirmations and cancellations left it.
fn expected_purchases(
    applied: &[Applied<'_>],
    findings: &mut Findings,
) -> Result<BTreeMap<PurchaseId, Expected>, Failed> {
    let mut expected: BTreeMap<PurchaseId, Expected> = BTreeMap::new();
    for command in applied {
        if let Command::Record(record) = &command.order.command {
            let purchase = &record.purchase;
            let decision = command.reply::<RecordedPurchase>()?.decision;
            let grants = decision.grants.iter();
            let new = Expected {
                member: purchase.member.clone(),
                version: 1,
                state: PurchaseState::Recorded,
                program: decision.program,
                revision: decision.revision,
                grants: grants
                    .map(|grant| (grant.rule.to_string(), grant.granted))
                    .collect(),
            };
            if expected.insert(purchase.id.clone(), new).is_some() {
                findings.add(Check::Effect, format!("{} was recorded twice", purchase.id));
            }
        }
    }
    for command in applied {
        let (purchase, state) = match &command.order.command {
            Command::Confirm(confirm) => (&confirm.purchase, PurchaseState::Confirmed),
            Command::Cancel(cancel) => (&cancel.purchase, PurchaseState::Cancelled),
            Command::Refund(refund) => {
                let state = command.reply::<RefundedPurchase>()?.state;
                (&refund.purchase, state)
            }
            _ => continue,
        };
        let Some(row) = expected.get_mut(purchase) else {
            findings.add(
                Check::Effect,
                format!("{purchase} changed and was never recorded"),
            );
            continue;
        };
        row.version += 1;
        row.state = latest(row.state, state);
    }
    Ok(expected)
}

/// The later one of two states of a purchase: nothing follows when it was refunded or cancelled.
fn latest(one: PurchaseState, other: PurchaseState) -> PurchaseState {
    let rank = |state| match state {
        PurchaseState::Recorded => 0,
        PurchaseState::Confirmed => 1,
        PurchaseState::Refunded | PurchaseState::Cancelled => 2,
    };
    if rank(other) > rank(one) { other } else { one }
}

/// How often something of a purchase was voided, or went on to the account that had paid it when it came back.
fn voids(books: &Books) -> BTreeMap<PurchaseId, u64> {
    let mut voids = BTreeMap::new();
    for entry in &books.journal {
        let transfer = &entry.transfer;
        let is_late = matches!(transfer.from().purpose, Purpose::Reserved | Purpose::Spent);
        let is_void = transfer.kind == TransferKind::Void || is_late;
        if let Some(purchase) = transfer.purchase.as_ref().filter(|_| is_void) {
            *voids.entry(purchase.clone()).or_default() += 1;
        }
    }
    voids
}

/// The grants of purchases in the journal.
fn grants(books: &Books) -> BTreeMap<PurchaseId, Vec<(String, Money)>> {
    let mut grants: BTreeMap<PurchaseId, Vec<(String, Money)>> = BTreeMap::new();
    for entry in &books.journal {
        let transfer = &entry.transfer;
        if let (TransferKind::Grant, Some(purchase)) = (transfer.kind, &transfer.purchase) {
            let rule = transfer
                .origin
                .as_ref()
                .map_or(String::new(), |origin| origin.rule.to_string());
            grants
                .entry(purchase.clone())
                .or_default()
                .push((rule, transfer.amount()));
        }
    }
    grants
}

fn manual(books: &Books, applied: &[Applied<'_>], findings: &mut Findings) -> Result<(), Failed> {
    let (grant, deduct) = (
        TransferKind::ManualGrant.text(),
        TransferKind::Deduct.text(),
    );
    let mut expected: BTreeMap<Manual, u64> = BTreeMap::new();
    let mut numbers: BTreeMap<(MemberId, u64), Money> = BTreeMap::new();
    for command in applied {
        let (member, kind, amount, reason) = match &command.order.command {
            Command::Grant(request) => {
                let lot = command.reply::<ManualGrant>()?.lot;
                numbers.insert((request.member.clone(), lot), request.amount);
                (&request.member, grant, request.amount, &request.reason)
            }
            Command::Deduct(request) => (&request.member, deduct, request.take, &request.reason),
            _ => continue,
        };
        let movement = (
            member.clone(),
            kind,
            amount.minor(),
            amount.asset(),
            reason.clone(),
        );
        *expected.entry(movement).or_default() += 1;
    }
    let mut found: BTreeMap<Manual, u64> = BTreeMap::new();
    let mut granted: BTreeMap<(MemberId, u64), Money> = BTreeMap::new();
    for entry in &books.journal {
        let transfer = &entry.transfer;
        match transfer.kind {
            TransferKind::ManualGrant => {
                granted.insert((entry.member.clone(), entry.seq), transfer.amount());
            }
            TransferKind::Deduct => {}
            _ => continue,
        }
        let reason = transfer.reason.clone().unwrap_or_default();
        let movement = (
            entry.member.clone(),
            transfer.kind.text(),
            transfer.minor(),
            transfer.asset(),
            reason,
        );
        *found.entry(movement).or_default() += 1;
    }
    findings.same_maps(Check::Effect, "manual movement", &expected, &found);
    findings.same_maps(Check::Effect, "lot granted manually", &numbers, &granted);
    Ok(())
}

fn revisions(
    books: &Books,
    applied: &[Applied<'_>],
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut expected: BTreeMap<(ProgramId, u32), &str> = BTreeMap::new();
    for command in applied {
        if let Command::Publish(_) = &command.order.command {
            let reply: PublishedProgram = command.reply()?;
            expected.insert((reply.program, reply.revision), "published");
        }
    }
    let stored = books.programs.iter();
    let stored = stored.map(|write| ((write.key.program.clone(), write.revision), "published"));
    findings.same_maps(Check::Effect, "revision", &expected, &stored.collect());
    Ok(())
}
