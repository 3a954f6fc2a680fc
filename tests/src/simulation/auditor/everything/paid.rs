//! Payments to others: what they cost worked out again from the documents, what holds them, and that each outcome moved what it says.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::event::Event;
use rewards_core::fees::FeePayer;
use rewards_core::operations::payments::{
    AttemptOutcome, RefundedPayment, ReportedPayment, SubmittedPayment,
};
use rewards_core::payments::{Payment, PaymentState};
use rewards_core::wallet::{Redemption, RedemptionState};
use serde_json::Value;

use super::super::fraction::Fraction;
use super::super::story::{Story, items, text};
use super::super::transfers::cost;
use super::super::{Applied, Check, Findings};
use super::Told;
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::workload::Command;

/// What commands were told of one payment.
#[derive(Debug, Default)]
struct Said {
    created: u32,
    attempts: BTreeSet<u32>,
    completed: BTreeSet<u32>,
    declined: BTreeSet<u32>,
    cancelled: u32,
    /// What went back of the amount and of the fee, by refund.
    refunds: BTreeMap<String, (i64, i64)>,
}

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    story: &Story<'_>,
    told: &Told<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut said = said(applied, findings)?;
    for (id, payment) in &books.payments {
        let said = said.remove(id.as_str()).unwrap_or_default();
        cost_of(payment, story, findings)?;
        steps(payment, &said, findings);
        refunds(payment, &said, findings);
        held(books, payment, findings);
    }
    for (id, said) in said.iter().filter(|(_, said)| said.created > 0) {
        findings.add(Check::Payment, format!("{id} is gone: {said:?}"));
    }
    walked(books, told, findings);
    Ok(())
}

fn said<'a>(
    applied: &[Applied<'a>],
    findings: &mut Findings,
) -> Result<BTreeMap<&'a str, Said>, Failed> {
    let mut said: BTreeMap<&str, Said> = BTreeMap::new();
    for command in applied {
        match &command.order.command {
            Command::CreatePayment(made) => {
                said.entry(made.payment.as_str()).or_default().created += 1;
            }
            Command::SubmitPayment(step) => {
                let reply: SubmittedPayment = command.reply()?;
                if reply.key.is_some() {
                    let said = said.entry(step.payment.as_str()).or_default();
                    said.attempts.insert(reply.attempt);
                }
            }
            Command::ReportPayment(step) => {
                let reply: ReportedPayment = command.reply()?;
                let said = said.entry(step.payment.as_str()).or_default();
                match step.outcome {
                    AttemptOutcome::Completed { .. } => said.completed.insert(step.attempt),
                    AttemptOutcome::Declined { .. } => said.declined.insert(step.attempt),
                    AttemptOutcome::Unknown => reply.state != PaymentState::Unknown,
                };
            }
            Command::CancelPayment(step) => {
                said.entry(step.payment.as_str()).or_default().cancelled += 1;
            }
            Command::RefundPayment(step) => {
                let reply: RefundedPayment = command.reply()?;
                let back = (reply.amount.minor(), reply.fee.map_or(0, |fee| fee.minor()));
                let said = said.entry(step.payment.as_str()).or_default();
                if said.refunds.insert(step.refund.to_string(), back).is_some() {
                    let detail = format!("{} went back twice as {}", step.payment, step.refund);
                    findings.add(Check::Payment, detail);
                }
            }
            _ => {}
        }
    }
    Ok(said)
}

/// The fee is what the bands of the route say, and whoever is to pay it does.
fn cost_of(payment: &Payment, story: &Story<'_>, findings: &mut Findings) -> Result<(), Failed> {
    let document = story.revision(payment.program.as_str(), payment.revision)?;
    let section = document.get("payments").unwrap_or(&Value::Null);
    let mut routes = items(section, "routes").iter();
    let route = routes.find(|route| text(route, "id") == payment.route.as_str());
    let route = route.ok_or_else(|| format!("no route of {}", payment.payment))?;
    let scale = Fraction::whole(10_i128.pow(u32::from(payment.currency.scale())));
    let amount = i128::from(payment.amount);
    let mut band = None;
    for own in items(route, "fees") {
        let from = match text(own, "from") {
            "" => 0,
            from => Fraction::parse(from)?.times(scale).down(),
        };
        if from <= amount {
            band = own.get("fee");
        }
    }
    let (fee, payer) = match band {
        Some(fee) => (cost(fee, payment.currency, amount)?, text(fee, "paid_by")),
        None => (0, ""),
    };
    let by = match payer {
        "receiver" => FeePayer::Receiver,
        _ => FeePayer::Sender,
    };
    let name = format!("fee of {}", payment.payment);
    let found = (i128::from(payment.fee), payment.paid_by);
    findings.same(Check::Payment, name, (fee, by), found);
    Ok(())
}

/// Each attempt was submitted once and has one outcome; it is completed when one was, and never after it was cancelled.
fn steps(payment: &Payment, said: &Said, findings: &mut Findings) {
    let newest = payment.attempt();
    let is_completed = payment.completed_at().is_some();
    let attempts: BTreeSet<u32> = (1..=newest).collect();
    let is_right = said.created == 1
        && said.attempts == attempts
        && said.completed.is_disjoint(&said.declined)
        && is_completed != said.completed.is_empty()
        && (!is_completed || said.completed == BTreeSet::from([newest]))
        && said
            .declined
            .iter()
            .all(|attempt| attempts.contains(attempt))
        && said.cancelled <= 1
        && (said.cancelled == 0 || newest == 0 && !is_completed);
    if !is_right {
        let detail = format!("{payment:?} was told of {said:?}");
        findings.add(Check::Payment, detail);
    }
}

/// What went back is what was told, no more than was paid, and of the payer's fee the same proportion, rounded down in all.
fn refunds(payment: &Payment, said: &Said, findings: &mut Findings) {
    let id = &payment.payment;
    let kept = payment.refunds().iter();
    let kept = kept.map(|back| (back.refund.to_string(), (back.amount, back.fee)));
    findings.same_maps(Check::Payment, "refund", &said.refunds, &kept.collect());
    let (mut amount, mut fee) = (0_i64, 0_i64);
    for back in payment.refunds() {
        amount += back.amount;
        fee += back.fee;
        let own = match payment.paid_by {
            FeePayer::Sender => i128::from(payment.fee) * i128::from(amount),
            FeePayer::Receiver => 0,
        };
        let expected = own / i128::from(payment.amount.max(1));
        let name = format!("fee of refunds of {id}");
        findings.same(Check::Payment, name, expected, i128::from(fee));
    }
    if amount > payment.amount {
        let detail = format!("{id} is {}, and {amount} went back", payment.amount);
        findings.add(Check::Payment, detail);
    }
}

/// What holds a payment holds what the payer gives, has paid it when it is completed, and has given it back when it has failed.
fn held(books: &Books, payment: &Payment, findings: &mut Findings) {
    let id = &payment.payment;
    let holds = payment.hold().map(|hold| hold.redemption.as_str());
    let Some(redemption) = holds.and_then(|holds| books.redemptions.get(holds)) else {
        if payment.attempt() > 0 || payment.completed_at().is_some() || holds.is_some() {
            findings.add(Check::Payment, format!("nothing holds {payment:?}"));
        }
        return;
    };
    let back = payment.refunds().iter();
    let back: i64 = back.map(|back| back.amount + back.fee).sum();
    let (given, completed) = (payment.given(), payment.completed_at().is_some());
    let expected = (given, if completed { given } else { 0 }, back);
    let found = (
        redemption.value().minor(),
        redemption.captured().minor(),
        redemption.returned().minor(),
    );
    findings.same(Check::Payment, format!("held for {id}"), expected, found);
    if !fits(payment, redemption) || redemption.payment.as_ref() != Some(id) {
        let detail = format!("{payment:?} is held by {redemption:?}");
        findings.add(Check::Payment, detail);
    }
}

/// Whether what holds a payment is where the payment is.
fn fits(payment: &Payment, redemption: &Redemption) -> bool {
    use RedemptionState::{Authorized, Cancelled, Captured, Expired, Released};
    // Time alone moves no other one, so the instant at which it was created tells.
    match (payment.state(payment.created_at), redemption.state()) {
        (PaymentState::Held | PaymentState::PendingReview, state) => {
            // It may be over, and then somebody may have written that down.
            matches!(state, Authorized | Expired)
        }
        (PaymentState::Processing | PaymentState::Unknown, state) => state == Authorized,
        (PaymentState::Completed | PaymentState::PartiallyRefunded, state) => state == Captured,
        (PaymentState::Refunded, state) => state == Cancelled,
        (PaymentState::Failed | PaymentState::Cancelled, state) => {
            matches!(state, Released | Expired)
        }
        _ => false,
    }
}

/// What payers were told of their payments goes from state to state as it may, and ends where they are.
fn walked(books: &Books, told: &Told<'_>, findings: &mut Findings) {
    use PaymentState::{
        Cancelled, Completed, Created, Failed, Held, PendingReview, Processing, Unknown,
    };
    let mut last: BTreeMap<String, PaymentState> = BTreeMap::new();
    for event in told.values().flatten() {
        let Event::PaymentChanged { payment, state, .. } = event else {
            continue;
        };
        let before = last.insert(payment.to_string(), *state);
        let may = matches!(
            (before, state),
            (None, Created)
                | (Some(Created), Held | PendingReview | Failed | Cancelled)
                | (Some(Held | PendingReview), Processing | Failed | Cancelled)
                | (
                    Some(Processing | Unknown),
                    Held | Unknown | Completed | Failed
                )
        );
        if !may {
            let detail = format!("{payment} went from {before:?} to {state:?}");
            findings.add(Check::Payment, detail);
        }
    }
    for (id, payment) in &books.payments {
        let found = match payment.state(payment.created_at) {
            PaymentState::PartiallyRefunded | PaymentState::Refunded => Completed,
            state => state,
        };
        let name = format!("what was told last of {id}");
        findings.same(Check::Payment, name, last.get(id).copied(), Some(found));
    }
}
