//! Transfers: what leaves one member arrives at the other one, less the fee, and no more is sent than allowed.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::ids::MemberId;
use rewards_core::ledger::{JournalEntry, Purpose, TransferKind};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::transfers::{CompletedTransfer, TransferBalance, TransferReceiver};
use rewards_core::program::Program;
use rewards_core::time::Timestamp;
use rewards_core::transfers::TransferPurpose;
use serde_json::Value;

use super::calendar::Local;
use super::fraction::Fraction;
use super::story::{Story, items, text};
use super::{Applied, Check, Findings, spending};
use crate::simulation::Failed;
use crate::simulation::books::{Books, CounterPlace};
use crate::simulation::workload::Command;

/// The entries of one transfer, as far as they name it, and those that do not beside them.
type Entries<'b> = BTreeMap<&'b str, Vec<&'b JournalEntry>>;

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    story: &Story<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let entries = entries(books);
    let mut done = BTreeSet::new();
    for command in applied {
        let Command::Send(request) = &command.order.command else {
            continue;
        };
        let reply: CompletedTransfer = command.reply()?;
        done.insert(request.transfer.to_string());
        kept(books, request, &reply, findings);
        charge(books, story, request, &reply, findings)?;
        let id = request.transfer.as_str();
        let own = entries.get(id).map_or(&[][..], Vec::as_slice);
        moved(books, request, &reply, own, findings);
        arrivals(books, story, request, own, findings)?;
    }
    for id in books.transfers.keys().chain(books.received.keys()) {
        if !done.contains(id) {
            findings.add(Check::Transfer, format!("{id} is from nowhere"));
        }
    }
    for id in entries.keys().filter(|id| !done.contains(**id)) {
        findings.add(Check::Transfer, format!("{id:?} moved and is from nowhere"));
    }
    accounts(books, applied, findings)?;
    limits(books, story, applied, findings)
}

/// Whether what is sent rests in lots.
pub(super) fn moves_lots(books: &Books, request: &TransferBalance) -> bool {
    let programs = books.programs.iter();
    let mut own = programs.filter(|write| write.key.program == request.program);
    own.any(|write| rests_in_lots(&write.document, request.amount.asset()))
}

fn rests_in_lots(program: &Program, asset: Asset) -> bool {
    let currency: Asset = program.currency.into();
    let mut rules = program.transfers.iter();
    let rule = rules.find(|rule| rule.asset.unwrap_or(currency) == asset);
    rule.is_some_and(|rule| rule.purpose != Some(TransferPurpose::Main))
}

/// What leaves and what arrives, by the note that names the transfer. Of several lots that arrive the first one has it.
fn entries(books: &Books) -> Entries<'_> {
    let mut found = Entries::new();
    let mut last: Option<(&MemberId, &str)> = None;
    for entry in &books.journal {
        let transfer = &entry.transfer;
        let kinds = [
            TransferKind::TransferOut,
            TransferKind::TransferIn,
            TransferKind::TransferFee,
        ];
        if !kinds.contains(&transfer.kind) {
            continue;
        }
        let is_behind = last.filter(|(member, _)| **member == entry.member);
        let id = match (&transfer.reason, is_behind) {
            (Some(note), _) => note.as_str(),
            (None, Some((_, id))) if transfer.kind == TransferKind::TransferIn => id,
            _ => continue,
        };
        last = Some((&entry.member, id));
        found.entry(id).or_default().push(entry);
    }
    found
}

/// It is kept once for each side, as it was answered.
fn kept(
    books: &Books,
    request: &TransferBalance,
    reply: &CompletedTransfer,
    findings: &mut Findings,
) {
    let id = &request.transfer;
    let (sent, got) = (
        books.transfers.get(id.as_str()),
        books.received.get(id.as_str()),
    );
    let (Some(sent), Some(got)) = (sent, got) else {
        findings.add(Check::Transfer, format!("{id} was completed and is gone"));
        return;
    };
    // Whose another name was then, nobody knows any more.
    let to = match &request.to {
        TransferReceiver::Member(to) => to,
        TransferReceiver::Alias(_) => &sent.to,
    };
    let asked = (&request.from, to, &sent.to, reply.given, reply.fee);
    let found = (&sent.from, &sent.to, &got.to, sent.given(), sent.fee());
    findings.same(Check::Transfer, format!("completed {id}"), asked, found);
}

/// What is given, what arrives and what it costs, worked out again.
fn charge(
    books: &Books,
    story: &Story<'_>,
    request: &TransferBalance,
    reply: &CompletedTransfer,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let id = &request.transfer;
    let Some(sent) = books.transfers.get(id.as_str()) else {
        return Ok(());
    };
    let document = story.revision(sent.program.as_str(), sent.revision)?;
    let rule = rule_of(document, request.amount.asset()).ok_or("a transfer without a rule")?;
    let amount = i128::from(request.amount.minor());
    let fee = rule.get("fee");
    let cost = fee.map_or(Ok(0), |fee| cost(fee, request.amount.asset(), amount))?;
    let paid_by_sender = fee.is_none_or(|fee| text(fee, "paid_by") != "receiver");
    let expected = match paid_by_sender {
        true => (amount + cost, cost, amount),
        false => (amount, cost, amount - cost),
    };
    let minor = |money: Money| i128::from(money.minor());
    let found = (
        minor(reply.given),
        reply.fee.map_or(0, minor),
        minor(reply.arrived),
    );
    findings.same(Check::Transfer, format!("charge of {id}"), expected, found);
    if expected.2 <= 0 {
        findings.add(Check::Transfer, format!("nothing of {id} arrives"));
    }
    Ok(())
}

/// What a fee comes to.
pub(super) fn cost(fee: &Value, asset: Asset, amount: i128) -> Result<i128, Failed> {
    let minor = |name: &str| -> Result<Option<i128>, Failed> {
        let found = fee.get(name).and_then(Value::as_str);
        let scale = Fraction::whole(10_i128.pow(u32::from(asset.scale())));
        let read = found.map(|text| Ok::<_, Failed>(Fraction::parse(text)?.times(scale).down()));
        read.transpose()
    };
    let share = match fee.get("percent").and_then(Value::as_str) {
        Some(rate) => Fraction::parse(rate)?
            .times(Fraction::whole(amount))
            .half_even(),
        None => 0,
    };
    let cost = minor("fixed")?.unwrap_or(0) + share;
    let cost = cost.max(minor("minimum")?.unwrap_or(0));
    Ok(minor("maximum")?.map_or(cost, |most| cost.min(most)))
}

/// The rule of a document for an asset.
fn rule_of(document: &Value, asset: Asset) -> Option<&Value> {
    let currency = text(document, "currency");
    let mut rules = items(document, "transfers").iter();
    rules.find(|rule| match text(rule, "asset") {
        "" => currency == asset.to_string(),
        own => own == asset.to_string(),
    })
}

/// In both journals together it left once, and arrived once.
fn moved(
    books: &Books,
    request: &TransferBalance,
    reply: &CompletedTransfer,
    entries: &[&JournalEntry],
    findings: &mut Findings,
) {
    let id = &request.transfer;
    let Some(sent) = books.transfers.get(id.as_str()) else {
        return;
    };
    let to = &sent.to;
    // The notes that tell whose an entry is go with whoever is erased.
    if [&request.from, to]
        .into_iter()
        .any(|member| books.is_erased(member))
    {
        return;
    }
    let sum = |kind: TransferKind, member: &MemberId| {
        let own = entries.iter();
        let own = own.filter(|entry| entry.transfer.kind == kind && entry.member == *member);
        own.map(|entry| entry.transfer.minor()).sum::<i64>()
    };
    let out = sum(TransferKind::TransferOut, &request.from);
    let arrived = sum(TransferKind::TransferIn, to);
    let fee = reply.fee.map_or(0, Money::minor);
    // Of a fee of its own the sender is told more than was asked for.
    let expected = match reply.given.minor() > request.amount.minor() {
        true => reply.given.minor() - fee,
        false => reply.given.minor(),
    };
    if out != expected || arrived != reply.arrived.minor() {
        findings.add(
            Check::Transfer,
            format!("{id} left as {out} and arrived as {arrived}: {reply:?}"),
        );
    }
    let others = entries.iter().filter(|entry| {
        let is_out = entry.transfer.kind == TransferKind::TransferOut;
        entry.member != *(if is_out { &request.from } else { to })
    });
    for entry in others {
        findings.add(Check::Transfer, format!("{id} moved elsewhere: {entry:?}"));
    }
}

/// The lots that arrive live as long as the rule says.
fn arrivals(
    books: &Books,
    story: &Story<'_>,
    request: &TransferBalance,
    entries: &[&JournalEntry],
    findings: &mut Findings,
) -> Result<(), Failed> {
    let id = &request.transfer;
    let Some(sent) = books.transfers.get(id.as_str()) else {
        return Ok(());
    };
    let document = story.revision(sent.program.as_str(), sent.revision)?;
    let rule = rule_of(document, request.amount.asset()).ok_or("a transfer without a rule")?;
    let days = rule.pointer("/expiry/renew/days").and_then(Value::as_u64);
    let arrived = entries
        .iter()
        .filter(|entry| entry.transfer.kind == TransferKind::TransferIn);
    for entry in arrived {
        let Some(lot) = books.lots.get(&(entry.member.clone(), entry.seq)) else {
            continue;
        };
        let at = entry.transfer.effective_at;
        findings.same(
            Check::Transfer,
            format!("what came with {id}"),
            (at, None),
            (lot.earned_at, lot.purchase.as_ref()),
        );
        if let Some(days) = days {
            let until = Local::of(document)?.days_later(at, days)?;
            // What paid in between and came back may live longer.
            let came_back = spending::came_back(books, &entry.member, entry.seq);
            let is_longer = lot.expires_at > Some(until) && came_back;
            if lot.expires_at != Some(until) && !is_longer {
                findings.add(
                    Check::Transfer,
                    format!("what came with {id} lives until {:?}", lot.expires_at),
                );
            }
        }
    }
    Ok(())
}

/// Nothing rests on the way, and the fees are those of the transfers and conversions.
fn accounts(books: &Books, applied: &[Applied<'_>], findings: &mut Findings) -> Result<(), Failed> {
    let mut fees: BTreeMap<Asset, i128> = BTreeMap::new();
    for command in applied {
        let Command::Send(_) = &command.order.command else {
            continue;
        };
        if let Some(fee) = command.reply::<CompletedTransfer>()?.fee {
            *fees.entry(fee.asset()).or_default() += i128::from(fee.minor());
        }
    }
    for fee in books.conversions.values().filter_map(|made| made.terms.fee) {
        *fees.entry(fee.asset()).or_default() += i128::from(fee.minor());
    }
    let balances = books.controls.iter().filter(|(_, sum)| **sum != 0);
    let mut found: BTreeMap<Asset, i128> = BTreeMap::new();
    for ((purpose, asset), sum) in balances {
        match purpose {
            Purpose::Transfers => {
                findings.add(Check::Transfer, format!("{sum} {asset} are on their way"));
            }
            Purpose::Fees => {
                found.insert(*asset, *sum);
            }
            _ => {}
        }
    }
    findings.same_maps(Check::Transfer, "fees in", &fees, &found);
    Ok(())
}

/// What members sent, where it is counted: by the day and the month at which it left.
pub(super) fn counted(
    books: &Books,
    story: &Story<'_>,
    applied: &[Applied<'_>],
) -> Result<BTreeMap<CounterPlace, i64>, Failed> {
    let entries = entries(books);
    let mut counted = BTreeMap::new();
    for command in applied {
        let Command::Send(request) = &command.order.command else {
            continue;
        };
        let id = request.transfer.as_str();
        let (Some(sent), Some(own)) = (books.transfers.get(id), entries.get(id)) else {
            continue;
        };
        let left = own
            .iter()
            .find(|entry| entry.transfer.kind == TransferKind::TransferOut);
        let Some(at) = left.map(|entry| entry.transfer.effective_at) else {
            continue;
        };
        let document = story.revision(sent.program.as_str(), sent.revision)?;
        for (window, bucket) in windows(document, at)? {
            let asset = request.amount.asset();
            let name = format!("{}/transfer/amount.{asset}/{window}", sent.program);
            let place = (format!("m:{}", request.from), name, bucket);
            *counted.entry(place).or_default() += request.amount.minor();
        }
    }
    Ok(counted)
}

fn windows(document: &Value, at: Timestamp) -> Result<[(&'static str, i64); 2], Failed> {
    let calendar = Local::of(document)?;
    Ok([("day", calendar.day(at)?), ("month", calendar.month(at)?)])
}

/// Nobody sent more on a day or in a month than the newest document allows; the documents of a simulation say the same.
fn limits(
    books: &Books,
    story: &Story<'_>,
    applied: &[Applied<'_>],
    findings: &mut Findings,
) -> Result<(), Failed> {
    for ((member, name, bucket), sum) in counted(books, story, applied)? {
        let program = name.split('/').next().unwrap_or_default();
        let asset = name.split(['.', '/']).nth(3).unwrap_or_default();
        let document = story.newest(program).ok_or("an unknown program")?;
        let asset = Asset::parse(asset)?;
        let rule = rule_of(document, asset).ok_or("a transfer without a rule")?;
        let limit = match name.ends_with("/day") {
            true => text(rule, "per_day"),
            false => text(rule, "per_month"),
        };
        if limit.is_empty() {
            continue;
        }
        let scale = Fraction::whole(10_i128.pow(u32::from(asset.scale())));
        let most = Fraction::parse(limit)?.times(scale).down();
        if i128::from(sum) > most {
            findings.add(
                Check::Transfer,
                format!("{member} sent {sum} of {most} {asset} in {bucket} of {name}"),
            );
        }
    }
    Ok(())
}
