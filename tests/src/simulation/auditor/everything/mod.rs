//! A world in which everything is ordered. What decides and what moves is not worked out again there: what must hold whatever
//! happens is.
//!
//! - The journal refolds to the balances, nobody is below zero after any entry, and what is left in lots is in the balances.
//! - Each command that happened left its sign exactly once, and no sign is from nowhere.
//! - Limits hold, recounted from grants. No coupon is used more often than it may be, and none is two members'. What coupons take off is
//!   split over lines to the minor unit, and given back with the purchase.
//! - What a conversion came to follows from rates that somebody told, and what a payment was scored from what was looked at.
//! - What was paid to others, or with tokens, is what holds it has paid, once; what failed went back.
//! - What members pay together is what the order was paid, and what was merged went on.

mod conversions;
pub(super) mod coupons;
mod members;
mod paid;
mod payments;
pub(super) mod refusals;
mod signs;
mod tokens;
mod wallets;

use rewards_core::ids::TenantId;
use rewards_core::operations::purchases::{
    RecordPurchase, RefundPurchase, RefundedPart, ReplacedPurchase,
};

pub(super) use coupons::Told;

use super::story::Story;
use super::{
    Applied, Findings, answers, debts, deposits, due, effects, events, ledger, limits, offers,
    refunds, spending, transfers,
};
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::model::{Deliveries, History};
use crate::simulation::workload::{Command, Order};

/// Whether anything was ordered of a tenant that is not worked out again.
pub(super) fn is_ordered(history: &History, tenant: &TenantId) -> bool {
    let told = history.of(tenant).flat_map(|(_, told)| told.orders());
    told.map(|order| &order.command).any(is_beyond)
}

fn is_beyond(command: &Command) -> bool {
    match command {
        Command::Publish(_)
        | Command::Register(_)
        | Command::Record(_)
        | Command::Confirm(_)
        | Command::Cancel(_)
        | Command::Refund(_)
        | Command::Grant(_)
        | Command::Deduct(_)
        | Command::Settle(_)
        | Command::Redeem(_)
        | Command::Authorize(_)
        | Command::Capture(_)
        | Command::Release(_)
        | Command::Restore(_)
        | Command::Send(_)
        | Command::Initiate(_)
        | Command::PayIn(_)
        | Command::OpenBook(_)
        | Command::Upload(_)
        | Command::Assign(_) => false,
        Command::Update(_)
        | Command::Merge(_)
        | Command::Erase(_)
        | Command::Link(_)
        | Command::Unlink(_)
        | Command::Replace(_)
        | Command::Share(_)
        | Command::Reshare(_)
        | Command::ChangeBook(_)
        | Command::Generate(_)
        | Command::Unassign(_)
        | Command::Distribute(_)
        | Command::Give(_)
        | Command::ReplaceCode(_)
        | Command::Check(_)
        | Command::Lock(_)
        | Command::Unlock(_)
        | Command::UseCoupon(_)
        | Command::VoidCoupon(_)
        | Command::ImportRates(_)
        | Command::LockRate(_)
        | Command::Convert(_)
        | Command::ConvertBack(_)
        | Command::Assess(_)
        | Command::Label(_)
        | Command::ListRisk(_)
        | Command::UnlistRisk(_)
        | Command::Snooze(_)
        | Command::ClaimReview(_)
        | Command::DecideReview(_)
        | Command::CreatePayment(_)
        | Command::HoldPayment(_)
        | Command::SubmitPayment(_)
        | Command::ReportPayment(_)
        | Command::CancelPayment(_)
        | Command::RefundPayment(_)
        | Command::IssueToken(_)
        | Command::RedeemToken(_)
        | Command::SettleReceipts(_)
        | Command::CancelToken(_)
        | Command::FreezeTokens(_)
        | Command::CreateQr(_)
        | Command::ScanQr(_)
        | Command::CancelQr(_) => true,
    }
}

/// Checks all of that.
pub(super) fn check(
    books: &Books,
    (history, applied): (&History, &[Applied<'_>]),
    deliveries: &Deliveries,
    findings: &mut Findings,
) -> Result<(), Failed> {
    ledger::fold(books, findings);
    ledger::rest(books, findings);
    let told = events::streams(books, deliveries, findings)?;
    events::tiers(books, &told, findings);
    signs::check(books, applied, &told, findings)?;
    let replaced = replaced(applied)?;
    let mut apart: Vec<Applied<'_>> = applied.to_vec();
    apart.retain(|command| !matches!(command.order.command, Command::Replace(_)));
    apart.extend(replaced.iter().map(|(order, body)| Applied { order, body }));
    let story = Story::of(books, &apart, deliveries)?;
    limits::caps(books, &apart, deliveries, findings)?;
    effects::purchases(books, &apart, findings)?;
    refunds::check(books, &apart, &story, findings)?;
    debts::check(books, findings);
    spending::check(books, applied, &story, findings)?;
    transfers::check(books, applied, &story, findings)?;
    deposits::check(books, applied, &story, findings)?;
    due::settled(books, findings);
    answers::check(books, findings);
    members::check(books, applied, &told, findings)?;
    wallets::check(books, applied, &told, findings)?;
    coupons::check(books, deliveries, &told, findings);
    offers::check(books, (history, &apart), &story, &told, findings)?;
    conversions::check(books, applied, &story, findings)?;
    payments::check(books, applied, &story, findings)?;
    paid::check(books, applied, &story, &told, findings)?;
    tokens::check(books, applied, &told, findings)?;
    Ok(())
}

/// A purchase that takes the place of another one is the refund of the one and the record of the other, each with its part of the
/// reply.
fn replaced(applied: &[Applied<'_>]) -> Result<Vec<(Order, String)>, Failed> {
    let mut parts = Vec::new();
    for command in applied {
        let Command::Replace(request) = &command.order.command else {
            continue;
        };
        let reply: ReplacedPurchase = command.reply()?;
        let refund = Command::Refund(RefundPurchase {
            refund: request.refund.clone(),
            member: request.purchase.member.clone(),
            purchase: request.replaced.clone(),
            what: RefundedPart::All,
            kind: None,
            reason: request.reason.clone(),
        });
        let record = Command::Record(RecordPurchase {
            coupons: request.coupons.clone(),
            ..RecordPurchase::new(request.purchase.clone())
        });
        parts.push((
            with(command.order, refund),
            serde_json::to_string(&reply.refunded)?,
        ));
        parts.push((
            with(command.order, record),
            serde_json::to_string(&reply.recorded)?,
        ));
    }
    Ok(parts)
}

/// Another command of the same tenant under the same key.
fn with(order: &Order, command: Command) -> Order {
    Order {
        command,
        ..order.clone()
    }
}
