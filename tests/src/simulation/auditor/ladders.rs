//! What ladders measure, counted again from purchases, and the moves that follow from it.
//!
//! A raise must have been reached, counting what was recorded up to then; what is reached is not missed; and nobody falls
//! further, or from another ladder, than the document says. When somebody falls depends on reviews: that is left to the
//! laws of ladders.

use std::collections::BTreeMap;

use rewards_core::event::Event;
use rewards_core::ids::{MemberId, PurchaseId};
use rewards_core::time::Timestamp;
use serde_json::Value;

use super::calendar::Local;
use super::steps::steps_of;
use super::story::{Bought, Step, Story, items, named, text};
use super::{Check, Findings};
use crate::simulation::Failed;
use crate::simulation::books::{Books, CounterPlace};

/// What the ladders of a document measure of a purchase: where they count it, and what is added there.
fn measures(document: &Value, bought: &Bought<'_>) -> Result<BTreeMap<CounterPlace, i64>, Failed> {
    let mut measures = BTreeMap::new();
    for ladder in items(document, "ladders") {
        let at = bought.order.occurred_at;
        if let Some(place) = place(document, ladder, &bought.order.member, at)? {
            measures.insert(place, measured(ladder, bought));
        }
    }
    measures.retain(|_, added| *added != 0);
    Ok(measures)
}

/// Where a ladder is measured for an instant; `None` for one that is measured by a balance.
fn place(
    document: &Value,
    ladder: &Value,
    member: &MemberId,
    at: Timestamp,
) -> Result<Option<CounterPlace>, Failed> {
    let measure = ladder.get("measure").ok_or("a ladder without a measure")?;
    let what = if measure == "visits" {
        "visits".to_owned()
    } else if let Some(asset) = measure.get("earned").and_then(Value::as_str) {
        format!("earned.{asset}")
    } else if measure.get("spend") == Some(&Value::from("net")) {
        format!("spend.{NET}")
    } else {
        return Ok(None);
    };
    let calendar = Local::of(document)?;
    let window = ladder.pointer("/window/calendar").and_then(Value::as_str);
    let (span, bucket) = match window {
        None => ("lifetime", 0),
        Some("week") => ("week", calendar.week(at)?),
        Some("month") => ("month", calendar.month(at)?),
        Some(other) => {
            return Err(format!("a window that the auditor does not know: {other}").into());
        }
    };
    let name = format!("{}/{what}/{span}", text(document, "id"));
    Ok(Some((format!("m:{member}"), name, bucket)))
}

/// How counters name what is spent less discounts.
const NET: u8 = 1;

fn measured(ladder: &Value, bought: &Bought<'_>) -> i64 {
    let measure = ladder.get("measure").unwrap_or(&Value::Null);
    if measure == "visits" {
        return 1;
    }
    match measure.get("earned").and_then(Value::as_str) {
        None => bought.paid(),
        Some(asset) => {
            let grants = bought.reply.decision.grants.iter();
            let own = grants.filter(|grant| grant.granted.asset().to_string() == asset);
            own.map(|grant| grant.granted.minor()).sum()
        }
    }
}

/// The threshold of a tier in what the ladder measures.
fn threshold(ladder: &Value, tier: &Value) -> Result<i64, Failed> {
    let is_money = ladder.pointer("/measure/spend").is_some();
    let (whole, cents) = text(tier, "threshold")
        .split_once('.')
        .unwrap_or((text(tier, "threshold"), ""));
    let whole: i64 = whole.parse()?;
    Ok(match (is_money, cents) {
        (true, "") => whole * 100,
        (true, cents) => whole * 100 + cents.parse::<i64>()?,
        (false, _) => whole,
    })
}

/// The rank that is reached with so much.
fn eligible(ladder: &Value, reached: i64) -> Result<usize, Failed> {
    let mut rank = 0;
    for (at, tier) in items(ladder, "tiers").iter().enumerate() {
        if reached >= threshold(ladder, tier)? {
            rank = at;
        }
    }
    Ok(rank)
}

pub(super) fn check(
    books: &Books,
    story: &Story<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    for member in story.members.keys() {
        falls(story, member, findings);
        climbs(books, story, member, findings)?;
    }
    Ok(())
}

/// Nobody falls from a ladder that never lets go, nor by more than one step where the document says so.
fn falls(story: &Story<'_>, member: &MemberId, findings: &mut Findings) {
    for record in story.members.get(member).into_iter().flatten() {
        let Event::TierChanged {
            program,
            ladder,
            from,
            to,
        } = &record.event
        else {
            continue;
        };
        let document = story.newest(program.as_str());
        let Some(found) = document.and_then(|found| named(found, "ladders", ladder.as_str()))
        else {
            findings.add(
                Check::Tier,
                format!("{member} moved on an unknown ladder: {record:?}"),
            );
            continue;
        };
        let rank = |id: &str| {
            items(found, "tiers")
                .iter()
                .position(|tier| text(tier, "id") == id)
        };
        let steps = match (rank(from.as_str()), rank(to.as_str())) {
            (Some(from), Some(to)) if to < from => from - to,
            (Some(from), Some(to)) if to > from => continue,
            _ => usize::MAX,
        };
        let most = match text(found, "downgrade") {
            "one_step" => 1,
            "to_eligible" => items(found, "tiers").len(),
            _ => 0,
        };
        if steps > most {
            findings.add(
                Check::Tier,
                format!("{member} fell by {steps}: {:?}", record.event),
            );
        }
    }
}

/// Every raise was reached, and nothing that was reached was missed.
fn climbs(
    books: &Books,
    story: &Story<'_>,
    member: &MemberId,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut sums: BTreeMap<CounterPlace, i64> = BTreeMap::new();
    // What of each purchase still counts.
    let mut counted: BTreeMap<&PurchaseId, BTreeMap<CounterPlace, i64>> = BTreeMap::new();
    for step in steps_of(story, books, member)? {
        let bought = match step {
            Step::Recorded(bought) => bought,
            Step::Returned(..) | Step::WillReturn(..) => continue,
            Step::Unearned(bought, amount) => {
                let earned = format!("/earned.{}/", amount.asset());
                let own = counted.entry(&bought.order.id).or_default();
                take_off(own, &mut sums, &earned, amount.minor());
                continue;
            }
            Step::Refunded(bought, amount, is_whole) => {
                let own = counted.entry(&bought.order.id).or_default();
                take_off(own, &mut sums, "/spend.", amount);
                take_off(own, &mut sums, "/visits/", i64::from(is_whole));
                continue;
            }
            Step::Cancelled(bought) => {
                for (place, left) in counted.remove(&bought.order.id).into_iter().flatten() {
                    *sums.entry(place).or_default() -= left;
                }
                continue;
            }
        };
        let document = story.document(bought)?;
        let added = measures(document, bought)?;
        for (place, more) in &added {
            *sums.entry(place.clone()).or_default() += more;
        }
        counted.insert(&bought.order.id, added);
        for ladder in items(document, "ladders") {
            raises(document, ladder, bought, &sums, findings)?;
            if settled_before(books, member, document, ladder, bought.order.occurred_at) {
                missed(story, (document, ladder), bought, &sums, findings)?;
            }
        }
    }
    Ok(())
}

/// Something of a purchase does not count any more, wherever its kind is measured.
fn take_off(
    own: &mut BTreeMap<CounterPlace, i64>,
    sums: &mut BTreeMap<CounterPlace, i64>,
    kind: &str,
    minor: i64,
) {
    for (place, left) in own.iter_mut().filter(|(place, _)| place.1.contains(kind)) {
        *left -= minor;
        *sums.entry(place.clone()).or_default() -= minor;
    }
}

fn raises(
    document: &Value,
    ladder: &Value,
    bought: &Bought<'_>,
    sums: &BTreeMap<CounterPlace, i64>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let rank = |id: &str| {
        items(ladder, "tiers")
            .iter()
            .position(|tier| text(tier, "id") == id)
    };
    let own = bought.reply.tier_changes.iter();
    for change in own.filter(|change| change.ladder.as_str() == text(ladder, "id")) {
        let (from, to) = (rank(change.from.as_str()), rank(change.to.as_str()));
        if to <= from {
            continue;
        }
        let place = place(document, ladder, &bought.order.member, change.at)?;
        let reached = place
            .and_then(|place| sums.get(&place).copied())
            .unwrap_or(0);
        if Some(eligible(ladder, reached)?) < to {
            let id = &bought.order.id;
            findings.add(Check::Tier, format!("{id}: {change:?} with {reached} only"));
        }
    }
    Ok(())
}

/// Whether the member's last move on a ladder lies before an instant, so that a purchase of then is judged by its own window.
fn settled_before(
    books: &Books,
    member: &MemberId,
    document: &Value,
    ladder: &Value,
    at: Timestamp,
) -> bool {
    let row = books.members.get(member);
    let ladders = row.and_then(|row| {
        let mut programs = row.profile.tiers.iter();
        programs.find(|(program, _)| program.as_str() == text(document, "id"))
    });
    let status = ladders.and_then(|(_, ladders)| {
        let mut ladders = ladders.iter();
        ladders.find(|(id, _)| id.as_str() == text(ladder, "id"))
    });
    status.is_some_and(|(_, status)| status.since <= at)
}

fn missed(
    story: &Story<'_>,
    (document, ladder): (&Value, &Value),
    bought: &Bought<'_>,
    sums: &BTreeMap<CounterPlace, i64>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let (member, at) = (&bought.order.member, bought.order.occurred_at);
    let Some(place) = place(document, ladder, member, at)? else {
        return Ok(());
    };
    let reached = eligible(ladder, sums.get(&place).copied().unwrap_or(0))?;
    let tiers = items(ladder, "tiers");
    let rank = |id: &str| tiers.iter().position(|tier| text(tier, "id") == id);
    let mut held = 0;
    let mut is_told = false;
    for record in story.members.get(member).into_iter().flatten() {
        match &record.event {
            Event::PurchaseRecorded { .. } if is_told => break,
            Event::PurchaseRecorded { purchase, .. } => is_told = *purchase == bought.order.id,
            Event::TierChanged {
                program,
                ladder: id,
                to,
                ..
            } if program.as_str() == text(document, "id") && id.as_str() == text(ladder, "id") => {
                held = rank(to.as_str()).unwrap_or(0);
            }
            Event::TierChanged { .. } => {}
            // Commands behind the purchase may review again.
            _ if is_told => break,
            _ => {}
        }
    }
    if held < reached {
        let id = &bought.order.id;
        let ladder = text(ladder, "id");
        findings.add(
            Check::Tier,
            format!("{id}: rank {held} on {ladder}, reached {reached}"),
        );
    }
    Ok(())
}
