//! Deposits: money that providers took comes in once, however often they say so, and by nothing else.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::ledger::{Holder, Purpose, TransferKind};
use rewards_core::money::Asset;
use rewards_core::operations::deposits::SettledDeposit;
use rewards_core::operations::deposits::{ConfirmDeposit, InitiateDeposit, InitiatedDeposit};
use rewards_core::payments::{DepositEntity, DepositState, PaymentOutcome};
use serde_json::Value;

use super::fraction::Fraction;
use super::story::{Story, items, named, text};
use super::{Applied, Check, Findings};
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::workload::Command;

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    story: &Story<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut initiated = BTreeSet::new();
    let mut settled: BTreeMap<&str, SettledDeposit> = BTreeMap::new();
    for command in applied {
        match &command.order.command {
            Command::Initiate(request) => {
                initiated.insert(request.deposit.to_string());
                initiation(books, story, request, &command.reply()?, findings)?;
            }
            Command::PayIn(request) => {
                let id = request.deposit.as_str();
                let reply: SettledDeposit = command.reply()?;
                settlement(books, story, request, &reply, findings)?;
                if settled.insert(id, reply).is_some() {
                    findings.add(Check::Deposit, format!("{id} ended twice"));
                }
            }
            _ => {}
        }
    }
    for (id, deposit) in &books.deposits {
        if !initiated.contains(id) {
            findings.add(Check::Deposit, format!("{id} is from nowhere"));
        }
        let ended = deposit.settlement().is_some();
        let is_told = settled.contains_key(id.as_str());
        findings.same(Check::Deposit, format!("end of {id}"), is_told, ended);
    }
    money(books, &settled, findings);
    Ok(())
}

/// A deposit is kept as it was initiated, within the bounds of its program.
fn initiation(
    books: &Books,
    story: &Story<'_>,
    request: &InitiateDeposit,
    reply: &InitiatedDeposit,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let id = &request.deposit;
    let Some(deposit) = books.deposits.get(id.as_str()) else {
        findings.add(Check::Deposit, format!("{id} was initiated and is gone"));
        return Ok(());
    };
    let kept = (&deposit.member, deposit.amount, &deposit.provider);
    let asked = (&request.member, request.amount, &request.provider);
    findings.same(Check::Deposit, format!("initiated {id}"), asked, kept);
    findings.same(
        Check::Deposit,
        format!("times of {id}"),
        (reply.initiated_at, reply.expires_at),
        (deposit.initiated_at, deposit.expires_at),
    );
    let section = section(story, deposit)?;
    let bound = |name: &str| -> Result<i128, Failed> {
        let amount = Fraction::parse(text(section, name))?;
        Ok(amount.times(Fraction::whole(100)).down())
    };
    let (least, most) = (bound("minimum")?, bound("maximum")?);
    if !(least..=most).contains(&i128::from(deposit.amount.minor())) {
        findings.add(
            Check::Deposit,
            format!("{id} is out of bounds: {deposit:?}"),
        );
    }
    let minutes = section.get("expires_after_minutes").and_then(Value::as_i64);
    let minutes = minutes.ok_or("deposits that never expire")?;
    // The command may have been decided before the member's last one was recorded, and counts from its own time.
    let waits = deposit.expires_at.micros_since(deposit.initiated_at);
    if waits > minutes * 60_000_000 {
        findings.add(Check::Deposit, format!("{id} is waited for {waits} µs"));
    }
    Ok(())
}

/// A deposit ended as its provider said, and nobody else could have said it.
fn settlement(
    books: &Books,
    story: &Story<'_>,
    request: &ConfirmDeposit,
    reply: &SettledDeposit,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let id = &request.deposit;
    let Some(deposit) = books.deposits.get(id.as_str()) else {
        findings.add(Check::Deposit, format!("{id} ended and is gone"));
        return Ok(());
    };
    let Some(settlement) = deposit.settlement() else {
        findings.add(Check::Deposit, format!("{id} ended and is open"));
        return Ok(());
    };
    let said: Value = serde_json::from_str(&request.message)?;
    let (outcome, state) = match text(&said, "outcome") {
        "paid" => (PaymentOutcome::Paid, DepositState::Confirmed),
        _ => (PaymentOutcome::Failed, DepositState::Failed),
    };
    let late = settlement.settled_at >= deposit.expires_at;
    findings.same(
        Check::Deposit,
        format!("end of {id}"),
        (
            outcome,
            state,
            &deposit.member,
            deposit.amount,
            late,
            settlement.entry,
        ),
        (
            settlement.outcome,
            reply.state,
            &reply.member,
            reply.amount,
            reply.late,
            reply.entry,
        ),
    );
    let amount = serde_json::to_value(deposit.amount)?;
    let is_of_it = text(&said, "deposit") == id.as_str() && said.get("amount") == Some(&amount);
    let provider = named(
        section(story, deposit)?,
        "providers",
        deposit.provider.as_str(),
    );
    let keys = provider.map_or(&[][..], |provider| items(provider, "keys"));
    let is_signed = |key: &str| keys.iter().any(|own| own.as_str() == Some(key));
    if !is_of_it || !is_signed(settlement.key.as_str()) {
        findings.add(
            Check::Deposit,
            format!("{id} ended by what another one said: {said}, {settlement:?}"),
        );
    }
    Ok(())
}

fn section<'s>(story: &'s Story<'_>, deposit: &DepositEntity) -> Result<&'s Value, Failed> {
    let document = story.revision(deposit.program.as_str(), deposit.revision)?;
    Ok(document.get("deposits").ok_or("no deposits are taken")?)
}

/// One entry for each deposit that was paid, and no other money comes in.
fn money(books: &Books, settled: &BTreeMap<&str, SettledDeposit>, findings: &mut Findings) {
    // Which entry is of which deposit goes with whoever is erased.
    let paid = settled.iter().filter(|(_, reply)| {
        reply.state == DepositState::Confirmed && !books.is_erased(&reply.member)
    });
    let expected: BTreeMap<String, Vec<_>> = paid
        .map(|(id, reply)| {
            let entry = (reply.member.clone(), reply.amount, reply.entry);
            ((*id).to_owned(), vec![entry])
        })
        .collect();
    let mut found: BTreeMap<String, Vec<_>> = BTreeMap::new();
    let mut sums: BTreeMap<Asset, i128> = BTreeMap::new();
    for entry in &books.journal {
        let transfer = &entry.transfer;
        let (from, to) = (transfer.from(), transfer.to());
        if transfer.kind != TransferKind::Deposit {
            if from.purpose == Purpose::Deposits || to.purpose == Purpose::Deposits {
                findings.add(Check::Deposit, format!("no deposit: {entry:?}"));
            }
            continue;
        }
        let is_own = to.holder == Holder::Member(entry.member.clone());
        if from.purpose != Purpose::Deposits || to.purpose != Purpose::Main || !is_own {
            findings.add(Check::Deposit, format!("came in elsewhere: {entry:?}"));
        }
        *sums.entry(transfer.asset()).or_default() -= i128::from(transfer.minor());
        if books.is_erased(&entry.member) {
            continue;
        }
        let id = transfer.reason.clone().unwrap_or_default();
        let came = (entry.member.clone(), transfer.amount(), Some(entry.seq));
        found.entry(id).or_default().push(came);
    }
    findings.same_maps(Check::Deposit, "money of", &expected, &found);
    let account = books
        .controls
        .iter()
        .filter(|((purpose, _), sum)| *purpose == Purpose::Deposits && **sum != 0);
    let account = account.map(|((_, asset), sum)| (*asset, *sum)).collect();
    findings.same_maps(Check::Deposit, "taken by providers in", &sums, &account);
}
