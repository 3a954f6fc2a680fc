//! The order of what happened to a member, held against when clients asked and were answered; and refusals that must be wrong.
//!
//! What was acknowledged before something else was asked for comes before it. Of what overlaps nothing is said.

use std::collections::BTreeMap;

use rewards_core::event::Event;
use rewards_core::ids::{DepositId, MemberId, PurchaseId, RedemptionId, RefundId, TransferId};
use rewards_core::operations::transfers::TransferReceiver;

use super::story::Story;
use super::{Applied, Check, Findings, refusals};
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::model::{CommandId, History, Interval, Refused};
use crate::simulation::workload::Command;

/// What a command brought about, whoever sent it and under which key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    Registered(MemberId),
    Recorded(PurchaseId),
    Confirmed(PurchaseId),
    Cancelled(PurchaseId),
    Refunded(RefundId),
    /// Paid at once, or reserved.
    Redeemed(RedemptionId),
    Sent(TransferId),
    Initiated(DepositId),
}

impl Effect {
    fn of(command: &Command) -> Option<Self> {
        Some(match command {
            Command::Register(request) => Self::Registered(request.member.clone()),
            Command::Record(request) => Self::Recorded(request.purchase.id.clone()),
            Command::Confirm(request) => Self::Confirmed(request.purchase.clone()),
            Command::Cancel(request) => Self::Cancelled(request.purchase.clone()),
            Command::Refund(request) => Self::Refunded(request.refund.clone()),
            Command::Redeem(request) => Self::Redeemed(request.redemption.clone()),
            Command::Authorize(request) => Self::Redeemed(request.redemption.clone()),
            Command::Send(request) => Self::Sent(request.transfer.clone()),
            Command::Initiate(request) => Self::Initiated(request.deposit.clone()),
            _ => return None,
        })
    }

    fn told_by(member: &MemberId, event: &Event) -> Option<Self> {
        Some(match event {
            Event::MemberRegistered {} => Self::Registered(member.clone()),
            Event::PurchaseRecorded { purchase, .. } => Self::Recorded(purchase.clone()),
            Event::PurchaseConfirmed { purchase, .. } => Self::Confirmed(purchase.clone()),
            Event::PurchaseCancelled { purchase, .. } => Self::Cancelled(purchase.clone()),
            Event::PurchaseRefunded { refund, .. } => Self::Refunded(refund.clone()),
            Event::OrderRedeemed { redemption, .. }
            | Event::RedemptionAuthorized { redemption, .. } => Self::Redeemed(redemption.clone()),
            Event::TransferSent { transfer, .. } => Self::Sent(transfer.clone()),
            Event::DepositInitiated { deposit, .. } => Self::Initiated(deposit.clone()),
            _ => return None,
        })
    }
}

pub(super) fn check(
    books: &Books,
    history: &History,
    applied: &[Applied<'_>],
    story: &Story<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let intervals = intervals(books, history);
    for (member, events) in &story.members {
        let effects = events
            .iter()
            .filter_map(|r| Effect::told_by(member, &r.event));
        let mut latest: Option<(u64, Effect)> = None;
        for effect in effects {
            let Some(interval) = intervals.get(&effect) else {
                continue;
            };
            // Somebody was asked for this only after something else was acknowledged that comes behind it: looked at from
            // behind, what comes now must not have been answered before all that came earlier was even sent.
            if let (Some((sent, before)), Some(answered)) = (&latest, interval.answered)
                && answered < *sent
            {
                findings.add(
                    Check::Order,
                    format!("{member}: {effect:?} was over before {before:?} was sent, and is told behind it"),
                );
            }
            if latest
                .as_ref()
                .is_none_or(|(sent, _)| interval.sent > *sent)
            {
                latest = Some((interval.sent, effect));
            }
        }
    }
    lives(story, findings);
    for (id, told) in history.of(&books.tenant) {
        for refused in &told.refused {
            refusal(books, applied, (id, refused), &intervals, findings)?;
        }
    }
    Ok(())
}

/// When each effect was first asked for and first acknowledged, under whatever keys.
fn intervals(books: &Books, history: &History) -> BTreeMap<Effect, Interval> {
    let mut intervals: BTreeMap<Effect, Interval> = BTreeMap::new();
    for (id, told) in history.of(&books.tenant) {
        let Some(own) = history.2.of(id) else {
            continue;
        };
        for effect in told.orders().filter_map(|order| Effect::of(&order.command)) {
            let known = intervals.entry(effect).or_insert(own);
            known.sent = known.sent.min(own.sent);
            known.answered = match (known.answered, own.answered) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
    }
    intervals
}

/// A member is registered first, and a purchase is recorded, then confirmed if at all, then cancelled if at all.
fn lives(story: &Story<'_>, findings: &mut Findings) {
    for (member, events) in &story.members {
        let first = events.first().map(|record| &record.event);
        if first.is_some_and(|event| *event != Event::MemberRegistered {}) {
            findings.add(Check::Order, format!("{member} began with {first:?}"));
        }
        let mut seen: Vec<Effect> = Vec::new();
        for effect in events
            .iter()
            .filter_map(|r| Effect::told_by(member, &r.event))
        {
            let has = |earlier: Effect| seen.contains(&earlier);
            let is_right = !has(effect.clone())
                && match &effect {
                    Effect::Registered(_) => seen.is_empty(),
                    Effect::Recorded(_)
                    | Effect::Refunded(_)
                    | Effect::Redeemed(_)
                    | Effect::Sent(_)
                    | Effect::Initiated(_) => has(Effect::Registered((*member).clone())),
                    Effect::Confirmed(id) => {
                        has(Effect::Recorded(id.clone())) && !has(Effect::Cancelled(id.clone()))
                    }
                    Effect::Cancelled(id) => has(Effect::Recorded(id.clone())),
                };
            if !is_right {
                findings.add(
                    Check::Order,
                    format!("{member}: {effect:?} cannot follow {seen:?}"),
                );
            }
            seen.push(effect);
        }
    }
}

/// A refusal that what was acknowledged before, or what can never change again, shows to be wrong.
fn refusal(
    books: &Books,
    applied: &[Applied<'_>],
    (id, refused): (&CommandId, &Refused),
    intervals: &BTreeMap<Effect, Interval>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let was_over = |effect: Effect| {
        let answered = intervals
            .get(&effect)
            .and_then(|interval| interval.answered);
        answered
            .zip(refused.sent)
            .is_some_and(|(answered, sent)| answered < sent)
    };
    let command = &refused.order.command;
    let purchase = owned_purchase(command);
    let stored = purchase.and_then(|(_, id)| books.purchases.get(id));
    let is_right = match refused.code.as_str() {
        "member_unknown" => {
            let is_late = |member: &MemberId| was_over(Effect::Registered(member.clone()));
            !members_of(command).iter().all(|member| is_late(member))
        }
        "member_exists" => command
            .member()
            .is_some_and(|m| books.members.contains_key(m)),
        "program_unknown" => refusals::program(command).is_some_and(|program| {
            let mut known = books.programs.iter().map(|write| &write.key.program);
            !known.any(|known| known == program)
        }),
        "purchase_unknown" => purchase.is_none_or(|(member, id)| {
            let is_own = stored.is_some_and(|found| found.entity.purchase.member == *member);
            !(is_own && was_over(Effect::Recorded(id.clone())))
        }),
        "purchase_exists" => stored.is_some(),
        "redemption_unknown" => refusals::redemption(command).is_none_or(|(member, id)| {
            let found = books.redemptions.get(id.as_str());
            let is_own = found.is_some_and(|found| found.member == *member);
            !(is_own && was_over(Effect::Redeemed(id.clone())))
        }),
        "deposit_unknown" => {
            !refusals::deposit(command).is_some_and(|id| was_over(Effect::Initiated(id.clone())))
        }
        "purchase_confirmed" | "purchase_cancelled" => applied.iter().any(|other| {
            let wanted = if refused.code == "purchase_cancelled" {
                matches!(other.order.command, Command::Cancel(_))
            } else {
                matches!(other.order.command, Command::Confirm(_))
            };
            let other = owned_purchase(&other.order.command);
            wanted && other.map(|(_, id)| id) == purchase.map(|(_, id)| id)
        }),
        "key_reused" => {
            let stored = books.replies.get(&(id.operation, id.key.clone()));
            let own = refused.order.fingerprint()?;
            stored.is_some_and(|stored| stored.fingerprint != own)
        }
        code => refusals::fits(books, code, command)?,
    };
    if !is_right {
        let (code, order) = (&refused.code, &refused.order);
        findings.add(Check::Refusal, format!("{order:?} was refused as `{code}`"));
    }
    Ok(())
}

/// The purchase that a command is about, and of which member.
fn owned_purchase(command: &Command) -> Option<(&MemberId, &PurchaseId)> {
    match command {
        Command::Record(request) => Some((&request.purchase.member, &request.purchase.id)),
        Command::Confirm(request) => Some((&request.member, &request.purchase)),
        Command::Cancel(request) => Some((&request.member, &request.purchase)),
        Command::Refund(request) => Some((&request.member, &request.purchase)),
        _ => None,
    }
}

/// Whoever has to be known for a command: of a transfer both.
fn members_of(command: &Command) -> Vec<&MemberId> {
    let mut members: Vec<&MemberId> = command.member().into_iter().collect();
    if let Command::Send(request) = command
        && let TransferReceiver::Member(to) = &request.to
    {
        members.push(to);
    }
    members
}
