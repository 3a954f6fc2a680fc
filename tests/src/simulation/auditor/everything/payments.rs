//! Payments: their scores and decisions worked out again from what was looked at, and what is kept of them recounted.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::operations::risk::{DecidedReview, LabelledPayment};
use rewards_core::risk::{Assessment, PaymentLabel, RiskDecision, RiskHistory, RiskOutcome};
use rewards_core::time::Timestamp;
use serde_json::Value;

use super::super::calendar::Local;
use super::super::story::{Story, text};
use super::super::{Applied, Check, Findings};
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::workload::{Command, HOUR};

/// Number, how many, their sum, the largest and how many are bad.
type Bucket = (i64, i64, i64, i64, i64);

/// How many hours are kept.
const HOURS_KEPT: i64 = 72;
/// How many instants are kept.
const INSTANTS_KEPT: usize = 16;
/// The rule that is looked at by hand, of which everything is in the payment itself.
const AMOUNT: &str = "amount";

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    story: &Story<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut assessed = BTreeSet::new();
    for command in applied {
        if let Command::Assess(request) = &command.order.command {
            assessed.insert(request.payment.to_string());
        }
    }
    let kept: BTreeSet<String> = books.assessments.keys().cloned().collect();
    findings.same(Check::Risk, "payments", &assessed, &kept);
    for (id, made) in &books.assessments {
        let document = story.revision(made.program.as_str(), made.revision)?;
        let day = Local::of(document)?.day(made.occurred_at)?;
        findings.same(Check::Risk, format!("day of {id}"), day, made.day);
        scored(made, document, findings);
        let is_reviewed = made.outcome.decision == RiskDecision::Review;
        let has_review = books.reviews.contains_key(id);
        findings.same(
            Check::Risk,
            format!("review of {id}"),
            is_reviewed,
            has_review,
        );
    }
    labels(books, applied, findings)?;
    reviews(books, applied, findings)?;
    listed(books, applied, findings);
    histories(books, findings)
}

/// The points of a band, or of nothing.
fn points_of(rule: &Value, value: Option<i64>) -> i64 {
    let Some(value) = value else {
        return rule.get("none").and_then(Value::as_i64).unwrap_or(0);
    };
    let bands = rule.get("bands").and_then(Value::as_array);
    let edge = |band: &Value, name: &str| band.get(name).and_then(Value::as_i64);
    let mut bands = bands.into_iter().flatten();
    let band = bands.find(|band| {
        edge(band, "from").is_none_or(|from| value >= from)
            && edge(band, "until").is_none_or(|until| value < until)
    });
    let points = band.and_then(|band| band.get("points"));
    points.and_then(Value::as_i64).unwrap_or(0)
}

/// What was added is what the document says of what was looked at, their sum is the score, and the decision follows from it.
fn scored(made: &Assessment, document: &Value, findings: &mut Findings) {
    let card = document.pointer("/risk/scorecard").unwrap_or(&Value::Null);
    let named = |list: &str, id: &str| -> Option<Value> {
        let all = card.get(list).and_then(Value::as_array)?;
        all.iter().find(|rule| text(rule, "id") == id).cloned()
    };
    let (id, outcome) = (&made.payment, &made.outcome);
    let mut score = card.get("base").and_then(Value::as_i64).unwrap_or(0);
    for part in &outcome.contributions {
        let rule = part.rule.as_str();
        let expected = match (named("rules", rule), named("combinations", rule)) {
            (Some(rule), _) => points_of(&rule, part.value),
            (None, Some(both)) => both.get("points").and_then(Value::as_i64).unwrap_or(0),
            (None, None) => 0,
        };
        let found = i64::from(part.points);
        findings.same(Check::Risk, format!("{rule} of {id}"), expected, found);
        score += found;
    }
    findings.same(
        Check::Risk,
        format!("score of {id}"),
        score,
        i64::from(outcome.score),
    );
    let amount =
        named("rules", AMOUNT).map_or(0, |rule| points_of(&rule, Some(made.amount.minor())));
    let mut own = outcome.contributions.iter();
    let own = own.find(|part| part.rule.as_str() == AMOUNT);
    let found = own.map_or(0, |part| i64::from(part.points));
    findings.same(Check::Risk, format!("amount of {id}"), amount, found);
    let expected = decision(outcome, card);
    findings.same(
        Check::Risk,
        format!("decision of {id}"),
        expected,
        outcome.decision,
    );
}

fn decision(outcome: &RiskOutcome, card: &Value) -> RiskDecision {
    let is_on = |list: &str| outcome.lists.iter().any(|hit| hit.list.as_str() == list);
    let reaches = |edge: &str| {
        let at = card.get(edge).and_then(Value::as_i64);
        at.is_some_and(|at| i64::from(outcome.score) >= at)
    };
    // Of all rules one alone asks for a review when it cannot be known.
    let is_unknown = outcome
        .unknown
        .iter()
        .any(|rule| rule.as_str() == "device-sum");
    match () {
        () if is_on("friends") => RiskDecision::Approve,
        () if is_on("stolen") || reaches("block_at") => RiskDecision::Block,
        () if reaches("review_at") || is_unknown => RiskDecision::Review,
        () => RiskDecision::Approve,
    }
}

/// The label of a payment is one that was told, and each told what was there before.
fn labels(books: &Books, applied: &[Applied<'_>], findings: &mut Findings) -> Result<(), Failed> {
    let mut told: BTreeMap<String, Vec<LabelledPayment>> = BTreeMap::new();
    for command in applied {
        if let Command::Label(request) = &command.order.command {
            let reply: LabelledPayment = command.reply()?;
            told.entry(request.payment.to_string())
                .or_default()
                .push(reply);
        }
    }
    for (id, made) in &books.assessments {
        let own = told.remove(id).unwrap_or_default();
        let firsts = own.iter().filter(|reply| reply.before.is_none()).count();
        let is_told = match made.label() {
            None => own.is_empty(),
            Some(kept) => firsts == 1 && own.iter().any(|reply| reply.label == kept.label),
        };
        if !is_told {
            let detail = format!("{id} has {:?}, and was told {own:?}", made.label());
            findings.add(Check::Risk, detail);
        }
    }
    for id in told.keys() {
        findings.add(Check::Risk, format!("{id} was labelled and is unknown"));
    }
    Ok(())
}

/// A review is decided once, by whoever has claimed it.
fn reviews(books: &Books, applied: &[Applied<'_>], findings: &mut Findings) -> Result<(), Failed> {
    let mut decided = BTreeMap::new();
    for command in applied {
        if let Command::DecideReview(request) = &command.order.command {
            let reply: DecidedReview = command.reply()?;
            let id = request.payment.to_string();
            let said = (reply.owner, reply.decision, reply.decided_at);
            if decided.insert(id, said).is_some() {
                let detail = format!("{} was decided twice", request.payment);
                findings.add(Check::Risk, detail);
            }
        }
    }
    let kept = books.reviews.iter().filter_map(|(id, review)| {
        let at = review.decided_at()?;
        Some((
            id.clone(),
            (review.owner()?.clone(), review.decision(at)?, at),
        ))
    });
    findings.same_maps(Check::Risk, "verdict", &decided, &kept.collect());
    Ok(())
}

/// What is on a list was put there.
fn listed(books: &Books, applied: &[Applied<'_>], findings: &mut Findings) {
    let mut expected = BTreeSet::new();
    for command in applied {
        if let Command::ListRisk(request) = &command.order.command {
            expected.insert((request.list.to_string(), request.value.clone()));
        }
    }
    let found = books.listed.values();
    let found = found.map(|entry| (entry.list.to_string(), entry.value.clone()));
    findings.same(Check::Risk, "lists", &expected, &found.collect());
}

/// What is kept of a value's payments is what they come to, in whatever order they were told.
fn histories(books: &Books, findings: &mut Findings) -> Result<(), Failed> {
    let mut own: BTreeMap<(&str, String), Vec<&Assessment>> = BTreeMap::new();
    for made in books.assessments.values() {
        if let Some(member) = &made.member {
            own.entry(("member", member.to_string()))
                .or_default()
                .push(made);
        }
        for (key, value) in &made.keys {
            own.entry((key.as_str(), value.clone()))
                .or_default()
                .push(made);
        }
    }
    for history in books.histories.values() {
        let place = (history.key.as_str(), history.value.to_string());
        let payments = own.remove(&place).unwrap_or_default();
        kept(history, &payments, findings)?;
    }
    for (place, payments) in own {
        let detail = format!("nothing is kept of {place:?}, which has {}", payments.len());
        findings.add(Check::Risk, detail);
    }
    Ok(())
}

fn kept(
    history: &RiskHistory,
    payments: &[&Assessment],
    findings: &mut Findings,
) -> Result<(), Failed> {
    let stored = serde_json::to_value(history)?;
    let buckets = |name: &str| -> Result<Vec<Bucket>, Failed> {
        let found = stored.get(name).cloned().unwrap_or_default();
        Ok(serde_json::from_value(found)?)
    };
    let what = format!("{} {}", history.key, history.value);
    let days = counted(payments, |made| made.day, true);
    findings.same(
        Check::Risk,
        format!("days of {what}"),
        days,
        buckets("days")?,
    );
    let mut hours = counted(
        payments,
        |made| made.occurred_at.micros().div_euclid(HOUR),
        false,
    );
    let newest = hours.last().map_or(0, |last| last.0);
    hours.retain(|bucket| bucket.0 > newest - HOURS_KEPT);
    findings.same(
        Check::Risk,
        format!("hours of {what}"),
        hours,
        buckets("hours")?,
    );
    let mut instants: Vec<Timestamp> = payments.iter().map(|made| made.occurred_at).collect();
    instants.sort_unstable();
    let latest = instants.split_off(instants.len().saturating_sub(INSTANTS_KEPT));
    let found = stored.get("instants").cloned().unwrap_or_default();
    let found: Vec<Timestamp> = serde_json::from_value(found)?;
    findings.same(Check::Risk, format!("instants of {what}"), latest, found);
    if history.key.as_str() == "device" {
        let members = payments.iter().filter_map(|made| made.member.as_ref());
        let members: BTreeSet<_> = members.collect();
        let seen = stored.pointer("/values/member").and_then(Value::as_array);
        let seen = seen.map_or(0, Vec::len);
        findings.same(
            Check::Risk,
            format!("members of {what}"),
            members.len(),
            seen,
        );
    }
    Ok(())
}

/// Buckets of payments by their number. Whether they were bad is known by days alone.
fn counted(
    payments: &[&Assessment],
    number: impl Fn(&Assessment) -> i64,
    labelled: bool,
) -> Vec<Bucket> {
    let mut buckets: BTreeMap<i64, Bucket> = BTreeMap::new();
    for made in payments {
        let number = number(made);
        let bucket = buckets.entry(number).or_insert((number, 0, 0, 0, 0));
        bucket.1 += 1;
        bucket.2 += made.amount.minor();
        bucket.3 = bucket.3.max(made.amount.minor());
        let label = made.label().map(|told| told.label);
        bucket.4 += i64::from(labelled && label == Some(PaymentLabel::Bad));
    }
    buckets.into_values().collect()
}
