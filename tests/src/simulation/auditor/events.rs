//! Events as they were delivered: gapless, in order, and telling exactly what happened.

use std::collections::BTreeMap;

use rewards_core::event::{Event, EventRecord, Stream};
use rewards_core::ids::{MemberId, PurchaseId};
use rewards_core::ledger::{Purpose, TransferKind};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::purchases::{CancelledPurchase, RefundedPurchase};

use super::told::events_of;
use super::{Applied, Check, Findings};
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::model::Deliveries;
use crate::simulation::workload::Command;

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    deliveries: &Deliveries,
    is_told: bool,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let told = streams(books, deliveries, findings)?;
    contents(applied, &told, is_told, findings)?;
    due(books, applied, &told, findings)?;
    tiers(books, &told, findings);
    Ok(())
}

/// The events of every stream, each once, and that none is missing.
pub(super) fn streams<'a>(
    books: &Books,
    deliveries: &'a Deliveries,
    findings: &mut Findings,
) -> Result<BTreeMap<Stream, Vec<&'a Event>>, Failed> {
    let mut ends: BTreeMap<Stream, u64> = BTreeMap::new();
    let mut told: BTreeMap<Stream, Vec<&Event>> = BTreeMap::new();
    for (stream, records) in deliveries.streams(&books.tenant) {
        let records = in_order(stream, &records, findings);
        let count = u64::try_from(records.len())?;
        ends.insert(stream.clone(), count);
        told.insert(stream.clone(), records.iter().map(|r| &r.event).collect());
    }
    findings.same_maps(Check::Event, "end of", &expected_ends(books), &ends);
    Ok(told)
}

/// The events of a stream without repetitions. Nothing may come before what it follows, and a repetition is identical. The
/// time of a member never goes back; programs are published by the clock of whoever publishes them.
fn in_order<'a>(
    stream: &Stream,
    deliveries: &[&'a EventRecord],
    findings: &mut Findings,
) -> Vec<&'a EventRecord> {
    let mut first: Vec<&EventRecord> = Vec::new();
    for record in deliveries {
        let index = usize::try_from(record.seq.saturating_sub(1)).unwrap_or(usize::MAX);
        match first.get(index) {
            Some(before) if before == record => {}
            Some(before) => findings.add(
                Check::Event,
                format!("delivered twice and not the same: {before:?}, {record:?}"),
            ),
            None if index == first.len() => {
                let earlier = first.last().map(|last| last.recorded_at);
                let keeps_time = matches!(stream, Stream::Member(_));
                if keeps_time && earlier.is_some_and(|earlier| earlier > record.recorded_at) {
                    findings.add(
                        Check::Event,
                        format!("recorded before its time: {record:?}"),
                    );
                }
                first.push(record);
            }
            None => findings.add(
                Check::Event,
                format!("{stream:?}: {} came after {}", record.seq, first.len()),
            ),
        }
    }
    first
}

/// How many events each stream has: what the member rows say, and one for each revision of a program.
fn expected_ends(books: &Books) -> BTreeMap<Stream, u64> {
    let mut ends: BTreeMap<Stream, u64> = BTreeMap::new();
    for head in &books.heads {
        ends.insert(Stream::Member(head.member.clone()), head.event_seq);
    }
    for write in &books.programs {
        let end = ends
            .entry(Stream::Program(write.key.program.clone()))
            .or_default();
        *end = (*end).max(u64::from(write.revision));
    }
    ends
}

/// Each command that happened is told once, with what its reply said. Tier moves are counted. What was due with time may
/// have been carried out by any command, so of such events there are at least those of the settlements. Of tier moves there are
/// no more than those in passing, unless not all that sweeps did `is_told`.
fn contents(
    applied: &[Applied<'_>],
    told: &BTreeMap<Stream, Vec<&Event>>,
    is_told: bool,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut expected: BTreeMap<(Stream, String), u64> = BTreeMap::new();
    for command in applied {
        let (events, moves) = events_of(command)?;
        if let Some((stream, _)) = events.first().filter(|_| moves > 0) {
            let place = (stream.clone(), "tier moves".to_owned());
            *expected.entry(place).or_default() += moves;
        } else if let (true, Some(member)) = (moves > 0, command.order.command.member()) {
            let place = (Stream::Member(member.clone()), "tier moves".to_owned());
            *expected.entry(place).or_default() += moves;
        }
        for (stream, event) in events {
            *expected.entry((stream, said(event))).or_default() += 1;
        }
    }
    let mut found: BTreeMap<(Stream, String), u64> = BTreeMap::new();
    for (stream, events) in told {
        let mut in_passing = moves_in_passing(events);
        for event in events {
            let is_move = matches!(event, Event::TierChanged { .. });
            let text = match event {
                Event::TierChanged { .. } => "tier moves".to_owned(),
                // What comes back is not said by replies: the laws of offers look at that.
                Event::CouponReturned { .. } | Event::CouponValueReturned { .. } => continue,
                event => said((*event).clone()),
            };
            let place = (stream.clone(), text);
            let known = expected.get(&place).copied().unwrap_or(0);
            let count = found.entry(place.clone()).or_default();
            *count += 1;
            if *count <= known {
                continue;
            }
            let may_be_more = is_due(event) || is_move && (!is_told || in_passing > 0);
            if may_be_more {
                expected.insert(place, *count);
                in_passing = in_passing.saturating_sub(u64::from(is_move));
            }
        }
    }
    findings.same_maps(Check::Event, "event", &expected, &found);
    Ok(())
}

/// What is told, but for how much of its value a use of a coupon was, and whether it was the last one.
fn said(mut event: Event) -> String {
    if let Event::CouponRedeemed {
        used_up, amount, ..
    } = &mut event
    {
        (*used_up, *amount) = (false, None);
    }
    format!("{event:?}")
}

/// How many moves may have been due and made by commands whose reply tells of none: what is given and taken by hand, sent and
/// spent, and a purchase of another program. They come right behind it.
fn moves_in_passing(events: &[&Event]) -> u64 {
    let mut moves = 0;
    let mut behind: Option<&Event> = None;
    for event in events {
        let Event::TierChanged { program, .. } = event else {
            behind = Some(event);
            continue;
        };
        let is_untold = match behind {
            Some(
                Event::RewardGranted { .. }
                | Event::BalanceDeducted { .. }
                | Event::OrderRedeemed { .. }
                | Event::RedemptionAuthorized { .. }
                | Event::RedemptionReleased { .. }
                | Event::RedemptionCancelled { .. }
                | Event::TransferSent { .. }
                | Event::TransferReceived { .. },
            ) => true,
            Some(Event::PurchaseRecorded { program: own, .. }) => own != program,
            _ => false,
        };
        moves += u64::from(is_untold);
    }
    moves
}

fn is_due(event: &Event) -> bool {
    matches!(
        event,
        Event::RewardsMatured { .. }
            | Event::RewardsVoided { .. }
            | Event::RewardsExpired { .. }
            | Event::DebtRepaid { .. }
            | Event::RedemptionReleased { expired: true, .. }
    )
}

/// By member: what matured, was voided, expired and paid debts.
type Sums = BTreeMap<(MemberId, TransferKind, Asset), i64>;

/// What moved by the journal and is told of, and beside that what was taken from available rewards of purchases.
fn moved(books: &Books) -> (Sums, BTreeMap<(&PurchaseId, Asset), i64>) {
    let mut sums = Sums::new();
    let mut clawed: BTreeMap<(&PurchaseId, Asset), i64> = BTreeMap::new();
    for entry in &books.journal {
        let (transfer, asset) = (&entry.transfer, entry.transfer.asset());
        let (from, to) = (&transfer.from().purpose, &transfer.to().purpose);
        match (transfer.kind, &transfer.purchase) {
            // What does not come back from redemptions is told by replies: the laws of spending look at that.
            _ if matches!(from, Purpose::Reserved | Purpose::Spent) => {}
            (TransferKind::Repay, _) if *to == Purpose::Receivable => {
                let place = (entry.member.clone(), TransferKind::Repay, asset);
                *sums.entry(place).or_default() += transfer.minor();
            }
            (TransferKind::Clawback, Some(purchase)) => {
                *clawed.entry((purchase, asset)).or_default() += transfer.minor();
            }
            (kind @ (TransferKind::Mature | TransferKind::Void | TransferKind::Expire), _) => {
                let place = (entry.member.clone(), kind, asset);
                *sums.entry(place).or_default() += transfer.minor();
            }
            _ => {}
        }
    }
    (sums, clawed)
}

/// What the events tell of rewards that matured, expired and were voided is what moved in the journal.
fn due(
    books: &Books,
    applied: &[Applied<'_>],
    told: &BTreeMap<Stream, Vec<&Event>>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let (mut sums, mut clawed) = moved(books);
    let mut tell = |member: &MemberId, kind: TransferKind, amounts: &[Money]| {
        for amount in amounts {
            let place = (member.clone(), kind, amount.asset());
            *sums.entry(place).or_default() -= amount.minor();
        }
    };
    for (stream, events) in told {
        let Stream::Member(member) = stream else {
            continue;
        };
        for event in events {
            match event {
                Event::RewardsMatured { amounts } => tell(member, TransferKind::Mature, amounts),
                Event::RewardsVoided { amounts } => tell(member, TransferKind::Void, amounts),
                Event::RewardsExpired { amounts } => tell(member, TransferKind::Expire, amounts),
                Event::DebtRepaid { amount } => tell(member, TransferKind::Repay, &[*amount]),
                Event::PurchaseConfirmed { released, .. } => {
                    tell(member, TransferKind::Mature, released);
                }
                _ => {}
            }
        }
    }
    for command in applied {
        let (member, purchase, taken) = match &command.order.command {
            Command::Cancel(cancel) => {
                let reply: CancelledPurchase = command.reply()?;
                (&cancel.member, &cancel.purchase, reply.taken_back)
            }
            Command::Refund(refund) => {
                let reply: RefundedPurchase = command.reply()?;
                (&refund.member, &refund.purchase, reply.taken_back)
            }
            _ => continue,
        };
        for amount in &taken {
            // What was still pending was voided; the rest was taken from what was available, once for all that undid it.
            let asset = amount.asset();
            let available = clawed.remove(&(purchase, asset)).unwrap_or(0);
            let pending = Money::new(amount.minor() - available, asset);
            tell(member, TransferKind::Void, &[pending]);
        }
    }
    for (place, rest) in sums {
        findings.same(
            Check::Event,
            format!("moved and not told: {place:?}"),
            0,
            rest,
        );
    }
    Ok(())
}

/// Every move begins where the one before ended, and the last one ends where the member stands.
pub(super) fn tiers(books: &Books, told: &BTreeMap<Stream, Vec<&Event>>, findings: &mut Findings) {
    let mut standing: BTreeMap<(MemberId, String, String), String> = BTreeMap::new();
    for (stream, events) in told {
        let Stream::Member(member) = stream else {
            continue;
        };
        for event in events {
            let Event::TierChanged {
                program,
                ladder,
                from,
                to,
            } = event
            else {
                continue;
            };
            let place = (member.clone(), program.to_string(), ladder.to_string());
            let before = standing.insert(place, to.to_string());
            if before.is_some_and(|before| before != from.as_str()) {
                findings.add(
                    Check::Tier,
                    format!("{member} was not on {from}: {event:?}"),
                );
            }
        }
    }
    for head in &books.heads {
        for (program, ladder, tier) in &head.tiers {
            let place = (head.member.clone(), program.clone(), ladder.clone());
            let told = standing.remove(&place);
            let lowest = lowest(books, program, ladder);
            let member = &head.member;
            findings.same(
                Check::Tier,
                format!("tier of {member} on {ladder}"),
                told.or(lowest),
                Some(tier.clone()),
            );
        }
    }
    // With everything that is known of whoever is erased their tiers go.
    for (place, tier) in standing
        .into_iter()
        .filter(|(place, _)| !books.is_erased(&place.0))
    {
        findings.add(Check::Tier, format!("{place:?} is not on {tier}"));
    }
}

/// Where everybody starts.
fn lowest(books: &Books, program: &str, ladder: &str) -> Option<String> {
    let write = books
        .programs
        .iter()
        .find(|write| write.key.program.as_str() == program)?;
    let mut ladders = write.document.ladders.iter();
    let ladder = ladders.find(|found| found.id.as_str() == ladder)?;
    ladder.tiers.first().map(|tier| tier.id.to_string())
}
