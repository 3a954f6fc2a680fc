//! Redemptions: what pays, what is reserved meanwhile and what comes back, held against the accounts and the lots.
//!
//! A redemption is taken apart into what its commands were told, and put together again: what was captured never exceeds what
//! was reserved, what came back never exceeds what was captured, and what is neither is with its member again.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::event::Event;
use rewards_core::ids::MemberId;
use rewards_core::ledger::{LotNumber, Purpose, TransferKind};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::redemptions::{
    AuthorizedRedemption, CancelledRedemption, CapturedRedemption, PaidPart, Redeemed,
    ReleasedRedemption,
};
use rewards_core::wallet::{
    Bucket, HeldLot, NumberedStep, Redemption, RedemptionPart, RedemptionState,
};
use serde_json::Value;

use super::fraction::Fraction;
use super::story::{Story, items, text};
use super::{Applied, Check, Findings};
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::workload::Command;

/// What was told of one redemption.
#[derive(Debug, Default)]
struct Told {
    made: u32,
    /// What pays in all, or may.
    value: i64,
    parts: Vec<PaidPart>,
    is_authorized: bool,
    /// The numbers of its captures, and those of its cancellations.
    numbers: [Vec<u32>; 2],
    captured: i64,
    /// What captures took of each bucket.
    taken: BTreeMap<Bucket, i64>,
    is_released: bool,
    is_over: bool,
    cancelled: i64,
    /// What went back of what was reserved and of what was captured, wherever it went.
    released: BTreeMap<Asset, i64>,
    restored: BTreeMap<Asset, i64>,
}

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    story: &Story<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut told: BTreeMap<&str, Told> = BTreeMap::new();
    for command in applied {
        note(command, &mut told)?;
    }
    for (id, told) in &told {
        numbers(id, told, books.redemptions.get(*id), findings);
    }
    let ended = overdue(story);
    // What several members pay together is looked at as a whole.
    let is_alone = |id: &str| {
        let found = books.redemptions.get(id);
        found.is_none_or(|redemption| redemption.shared.is_none())
    };
    told.retain(|id, _| is_alone(id));
    for (id, redemption) in books.redemptions.iter().filter(|(id, _)| is_alone(id)) {
        // What holds a token or a payment is looked at with them.
        if redemption.token.is_some() || redemption.payment.is_some() {
            lots(redemption, findings);
            continue;
        }
        let Some(told) = told.get_mut(id.as_str()) else {
            findings.add(Check::Spending, format!("{id} is from nowhere"));
            continue;
        };
        if let Some(returned) = ended.get(id.as_str()) {
            told.is_over = true;
            over(redemption, returned, findings);
        }
        step_by_step(redemption, told, findings);
        value(story, redemption, told, findings)?;
        lots(redemption, findings);
    }
    for (id, told) in &told {
        if told.made != 1 || !books.redemptions.contains_key(*id) {
            findings.add(Check::Spending, format!("{id} was told of: {told:?}"));
        }
    }
    accounts(books, findings);
    Ok(())
}

/// Each number takes effect once, and is kept; what several pay keeps it with those whom the step concerned.
fn numbers(id: &str, told: &Told, kept: Option<&Redemption>, findings: &mut Findings) {
    let steps = [NumberedStep::Capture, NumberedStep::Cancellation];
    for (step, told) in steps.into_iter().zip(&told.numbers) {
        let once: BTreeSet<u32> = told.iter().copied().collect();
        let alone = kept.filter(|kept| kept.shared.is_none());
        let is_kept = alone.is_none_or(|kept| once.iter().eq(kept.numbers(step)));
        if once.len() < told.len() || !is_kept {
            let detail = format!("{id} has a {step:?} of each of {told:?}, {kept:?}");
            findings.add(Check::Spending, detail);
        }
    }
}

/// Puts down what a command was told of a redemption.
fn note<'a>(command: &Applied<'a>, told: &mut BTreeMap<&'a str, Told>) -> Result<(), Failed> {
    match &command.order.command {
        Command::Redeem(request) => {
            let reply: Redeemed = command.reply()?;
            let told = told.entry(request.redemption.as_str()).or_default();
            told.made += 1;
            (told.value, told.captured) = (reply.paid.minor(), reply.paid.minor());
            told.take(&reply.parts);
            told.parts = reply.parts;
        }
        Command::Authorize(request) => {
            let reply: AuthorizedRedemption = command.reply()?;
            let told = told.entry(request.redemption.as_str()).or_default();
            told.made += 1;
            told.value = reply.reserved.minor();
            told.is_authorized = true;
            told.parts = reply.parts;
        }
        Command::Capture(request) => {
            let reply: CapturedRedemption = command.reply()?;
            let told = told.entry(request.redemption.as_str()).or_default();
            told.captured += reply.paid.minor();
            told.take(&reply.parts);
            let [captures, _] = &mut told.numbers;
            captures.push(request.number);
        }
        Command::Release(request) => {
            let reply: ReleasedRedemption = command.reply()?;
            let told = told.entry(request.redemption.as_str()).or_default();
            told.is_released = true;
            for amounts in [&reply.returned, &reply.expired, &reply.taken_back] {
                add(&mut told.released, amounts);
            }
        }
        Command::Restore(request) => {
            let reply: CancelledRedemption = command.reply()?;
            let told = told.entry(request.redemption.as_str()).or_default();
            told.cancelled += reply.cancelled.minor();
            let [_, cancellations] = &mut told.numbers;
            cancellations.push(request.number.unwrap_or(1));
            for amounts in [&reply.returned, &reply.expired, &reply.taken_back] {
                add(&mut told.restored, amounts);
            }
        }
        _ => {}
    }
    Ok(())
}

fn add(sums: &mut BTreeMap<Asset, i64>, amounts: &[Money]) {
    for amount in amounts {
        *sums.entry(amount.asset()).or_default() += amount.minor();
    }
}

impl Told {
    fn take(&mut self, parts: &[PaidPart]) {
        for part in parts {
            *self.taken.entry(part.bucket).or_default() += part.amount.minor();
        }
    }
}

/// The authorizations whose time was over, with what went back to their members.
fn overdue<'s>(story: &Story<'s>) -> BTreeMap<&'s str, &'s [Money]> {
    let events = story.members.values().flatten();
    let ended = events.filter_map(|record| match &record.event {
        Event::RedemptionReleased {
            redemption,
            expired: true,
            returned,
        } => Some((redemption.as_str(), returned.as_slice())),
        _ => None,
    });
    ended.collect()
}

/// What went back because the time was over is no more than was left.
fn over(redemption: &Redemption, returned: &[Money], findings: &mut Findings) {
    let mut held: BTreeMap<Asset, i64> = BTreeMap::new();
    for part in &redemption.parts {
        *held.entry(asset_of(redemption, part)).or_default() += part.amount - part.captured;
    }
    for amount in returned {
        if amount.minor() > held.get(&amount.asset()).copied().unwrap_or(0) {
            let id = &redemption.id;
            findings.add(
                Check::Spending,
                format!("{amount:?} of {id}: {held:?} was left"),
            );
        }
    }
}

fn asset_of(redemption: &Redemption, part: &RedemptionPart) -> Asset {
    part.bucket.asset(redemption.total.asset())
}

/// A redemption is where its commands left it, and holds what they left.
fn step_by_step(redemption: &Redemption, told: &Told, findings: &mut Findings) {
    let id = &redemption.id;
    let kept = redemption.parts.iter();
    let kept: Vec<_> = kept
        .map(|part| (part.bucket, part.amount, part.value))
        .collect();
    let parts = told.parts.iter();
    let parts: Vec<_> = parts
        .map(|part| (part.bucket, part.amount.minor(), part.value.minor()))
        .collect();
    findings.same(Check::Spending, format!("parts of {id}"), parts, kept);
    let sum = |of: fn(&RedemptionPart) -> i64| redemption.parts.iter().map(of).sum::<i64>();
    findings.same(
        Check::Spending,
        format!("reserved, captured and returned of {id}"),
        (told.value, told.captured, told.cancelled),
        (
            sum(|part| part.value),
            sum(|part| part.captured_value),
            sum(|part| part.returned_value),
        ),
    );
    if told.captured > told.value || told.cancelled > told.captured {
        findings.add(Check::Spending, format!("too much of {id}: {told:?}"));
    }
    let state = if told.cancelled > 0 && told.cancelled == told.captured {
        RedemptionState::Cancelled
    } else if told.is_released {
        RedemptionState::Released
    } else if told.is_over {
        RedemptionState::Expired
    } else if told.captured == told.value {
        RedemptionState::Captured
    } else {
        RedemptionState::Authorized
    };
    findings.same(
        Check::Spending,
        format!("state of {id}"),
        state,
        redemption.state(),
    );
    let mut held: BTreeMap<Asset, i64> = BTreeMap::new();
    let mut back: BTreeMap<Asset, i64> = BTreeMap::new();
    for part in &redemption.parts {
        let asset = asset_of(redemption, part);
        *held.entry(asset).or_default() += part.amount - part.captured;
        *back.entry(asset).or_default() += part.returned;
        let taken = told.taken.get(&part.bucket).copied().unwrap_or(0);
        findings.same(
            Check::Spending,
            format!("captured of {} for {id}", part.bucket),
            taken,
            part.captured,
        );
    }
    let none = BTreeMap::new();
    let held = if told.is_released { &held } else { &none };
    same_amounts(&format!("released of {id}"), held, &told.released, findings);
    same_amounts(
        &format!("came back of {id}"),
        &back,
        &told.restored,
        findings,
    );
}

fn same_amounts(
    what: &str,
    expected: &BTreeMap<Asset, i64>,
    found: &BTreeMap<Asset, i64>,
    findings: &mut Findings,
) {
    let some = |sums: &BTreeMap<Asset, i64>| {
        let sums = sums.iter().filter(|(_, minor)| **minor != 0);
        sums.map(|(asset, minor)| (*asset, *minor))
            .collect::<BTreeMap<_, _>>()
    };
    findings.same_maps(Check::Spending, what, &some(expected), &some(found));
}

/// What the parts are worth by the document, in the order of the document, and no more than may be paid.
fn value(
    story: &Story<'_>,
    redemption: &Redemption,
    told: &Told,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let id = &redemption.id;
    let document = story.revision(redemption.program.as_str(), redemption.revision)?;
    let section = document.get("redemptions").ok_or("nothing is redeemed")?;
    let share = match text(section, "max_share") {
        "" => Fraction::ONE,
        share => Fraction::parse(share)?,
    };
    let total = Fraction::whole(i128::from(redemption.total.minor()));
    let most = total.times(share).down();
    if i128::from(told.value) > most || told.value <= 0 {
        findings.add(
            Check::Spending,
            format!("{id} pays {} of {most}", told.value),
        );
    }
    let mut buckets = items(section, "order").iter();
    for part in &redemption.parts {
        let Some(terms) = buckets.find(|terms| is_bucket(terms, part.bucket)) else {
            let parts = &redemption.parts;
            findings.add(
                Check::Spending,
                format!("{id} is paid in another order: {parts:?}"),
            );
            return Ok(());
        };
        let Some(unit) = terms.get("unit") else {
            findings.same(
                Check::Spending,
                format!("worth of {id}"),
                part.amount,
                part.value,
            );
            continue;
        };
        units(redemption, part, unit, findings)?;
    }
    Ok(())
}

fn is_bucket(terms: &Value, bucket: Bucket) -> bool {
    match bucket {
        Bucket::Main => terms == "main",
        Bucket::Cashback => terms == "cashback",
        Bucket::Unit(asset) => {
            terms.pointer("/unit/asset") == Some(&Value::from(asset.to_string()))
        }
    }
}

/// Units of one redemption: whole steps from the floor on, worth what the document says, and captured and given back in
/// proportion to what they are worth.
fn units(
    redemption: &Redemption,
    part: &RedemptionPart,
    unit: &Value,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let id = &redemption.id;
    let number = |field: &str| -> Result<i64, Failed> {
        Ok(unit
            .pointer(field)
            .and_then(Value::as_str)
            .unwrap_or("1")
            .parse()?)
    };
    let (floor, step, units) = (number("/floor")?, number("/step")?, number("/value/units")?);
    if part.amount < floor || part.amount % step != 0 {
        findings.add(Check::Spending, format!("units of {id}: {part:?}"));
    }
    let money = unit.pointer("/value/money").and_then(Value::as_str);
    let cents = Fraction::parse(money.ok_or("units of no worth")?)?.times(Fraction::whole(100));
    let of = |whole: i64, share: i64, all: i64| {
        let share =
            Fraction::whole(i128::from(share)).over(Fraction::whole(i128::from(all.max(1))));
        Fraction::whole(i128::from(whole)).times(share)
    };
    let worth = cents.times(of(part.amount, 1, units)).down();
    let captured = match part.captured_value == part.value {
        true => i128::from(part.amount),
        false => of(part.amount, part.captured_value, part.value).up(),
    };
    let returned = match part.returned_value == part.captured_value {
        true => i128::from(part.captured),
        false => of(part.captured, part.returned_value, part.captured_value).down(),
    };
    findings.same(
        Check::Spending,
        format!("units of {id}: worth, captured, returned"),
        (worth, captured, returned),
        (
            i128::from(part.value),
            i128::from(part.captured),
            i128::from(part.returned),
        ),
    );
    Ok(())
}

/// The lots of a part hold together what the part is.
fn lots(redemption: &Redemption, findings: &mut Findings) {
    let id = &redemption.id;
    for part in &redemption.parts {
        let held: i64 = part.lots.iter().map(|HeldLot(_, minor)| minor).sum();
        let expected = match part.bucket {
            Bucket::Main => 0,
            _ => part.amount,
        };
        findings.same(Check::Spending, format!("lots of {id}"), expected, held);
    }
}

/// What a redemption holds or has spent of each lot. Lots pay in order: the start was captured, the end of that went back
/// first, and the rest is reserved or was released.
pub(super) fn out_of_lots(redemption: &Redemption) -> Vec<(LotNumber, Money)> {
    let is_open = redemption.state() == RedemptionState::Authorized;
    let mut out = Vec::new();
    for part in &redemption.parts {
        let asset = asset_of(redemption, part);
        let (spent, mut start) = (part.captured - part.returned, 0);
        for HeldLot(number, amount) in &part.lots {
            let end = start + amount;
            let reserved = if is_open {
                end.max(part.captured) - start.max(part.captured)
            } else {
                0
            };
            let minor = end.min(spent) - start.min(spent) + reserved;
            if minor != 0 {
                out.push((*number, Money::new(minor, asset)));
            }
            start = end;
        }
    }
    out
}

/// Whether something came back to a lot, so that it may live longer than it was given.
pub(super) fn came_back(books: &Books, member: &MemberId, number: LotNumber) -> bool {
    let own = books.redemptions.values();
    let mut own = own.filter(|redemption| redemption.member == *member);
    own.any(|redemption| {
        let is_back = |part: &RedemptionPart| {
            let is_released = matches!(
                redemption.state(),
                RedemptionState::Released | RedemptionState::Expired | RedemptionState::Cancelled
            );
            is_released || part.returned > 0
        };
        let mut parts = redemption.parts.iter().filter(|part| is_back(part));
        parts.any(|part| part.lots.iter().any(|held| held.0 == number))
    })
}

/// What is reserved is what open authorizations hold, and what was spent is what was captured and did not come back. By the
/// journal alone as much was reserved, captured and given back as redemptions say.
fn accounts(books: &Books, findings: &mut Findings) {
    let mut reserved: BTreeMap<(MemberId, Asset), i128> = BTreeMap::new();
    let mut spent: BTreeMap<Asset, i128> = BTreeMap::new();
    for redemption in books.redemptions.values() {
        for part in &redemption.parts {
            let asset = asset_of(redemption, part);
            *spent.entry(asset).or_default() += i128::from(part.captured - part.returned);
            if redemption.state() == RedemptionState::Authorized {
                let place = (redemption.member.clone(), asset);
                *reserved.entry(place).or_default() += i128::from(part.amount - part.captured);
            }
        }
    }
    reserved.retain(|_, minor| *minor != 0);
    spent.retain(|_, minor| *minor != 0);
    let mut held: BTreeMap<(MemberId, Asset), i128> = BTreeMap::new();
    let mut out: BTreeMap<Asset, i128> = BTreeMap::new();
    for entry in &books.journal {
        let transfer = &entry.transfer;
        let minor = i128::from(transfer.minor());
        for (account, minor) in [(transfer.from(), -minor), (transfer.to(), minor)] {
            match account.purpose {
                Purpose::Reserved => {
                    let place = (entry.member.clone(), account.asset);
                    *held.entry(place).or_default() += minor;
                }
                Purpose::Spent => *out.entry(account.asset).or_default() += minor,
                _ => {}
            }
        }
        if !is_way(
            transfer.kind,
            &transfer.from().purpose,
            &transfer.to().purpose,
        ) {
            findings.add(Check::Spending, format!("no such way: {entry:?}"));
        }
    }
    held.retain(|_, minor| *minor != 0);
    out.retain(|_, minor| *minor != 0);
    findings.same_maps(Check::Spending, "reserved of", &reserved, &held);
    findings.same_maps(Check::Spending, "spent in", &spent, &out);
}

/// Whether an entry may touch what is reserved and spent.
fn is_way(kind: TransferKind, from: &Purpose, to: &Purpose) -> bool {
    let touches = |purpose| from == purpose || to == purpose;
    match kind {
        TransferKind::Reserve => *to == Purpose::Reserved,
        TransferKind::Redeem => *to == Purpose::Spent && *from != Purpose::Spent,
        TransferKind::Release => *from == Purpose::Reserved && *to != Purpose::Spent,
        TransferKind::Restore => *from == Purpose::Spent && *to != Purpose::Reserved,
        TransferKind::Expire | TransferKind::Clawback => {
            *to != Purpose::Reserved && *to != Purpose::Spent
        }
        _ => !touches(&Purpose::Reserved) && !touches(&Purpose::Spent),
    }
}
