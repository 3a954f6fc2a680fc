//! Refusals: each has to be one that the command can meet, and has to fit what is kept: most of them can never become wrong.

use rewards_core::cashback::PurchaseState;
use rewards_core::ids::{DepositId, MemberId, ProgramId, RedemptionId};
use rewards_core::money::Money;
use rewards_core::operations::deposits::ConfirmDeposit;
use rewards_core::operations::purchases::RefundedPart;
use rewards_core::operations::transfers::TransferReceiver;
use rewards_core::payments::PaymentOutcome;
use rewards_core::wallet::{NumberedStep, Redemption, RedemptionState};
use serde_json::Value;

use super::story::text;
use super::{Check, Findings, everything};
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::model::{CommandId, Told};
use crate::simulation::workload::Command;

/// `everything` says whether everything is ordered.
pub(super) fn check(id: &CommandId, told: &Told, everything: bool, findings: &mut Findings) {
    for refused in &told.refused {
        let code = refused.code.as_str();
        let command = &refused.order.command;
        let is_allowed = code == "key_reused"
            || allowed(command).contains(&code)
            || everything && everything::refusals::are_allowed(command, code);
        if !is_allowed {
            let detail = &refused.detail;
            findings.add(
                Check::Refusal,
                format!("{id:?} was refused as `{code}`: {detail}"),
            );
        }
    }
}

fn allowed(command: &Command) -> &'static [&'static str] {
    match command {
        Command::Register(_) => &["member_exists"],
        Command::Record(_) | Command::Confirm(_) | Command::Cancel(_) | Command::Refund(_) => {
            allowed_of_purchase(command)
        }
        Command::OpenBook(_) | Command::Upload(_) | Command::Assign(_) => {
            allowed_of_coupons(command)
        }
        Command::Grant(_) => &["member_unknown", "invalid"],
        Command::Deduct(_) => &["member_unknown", "insufficient_balance"],
        Command::Settle(_) => &["member_unknown"],
        Command::Redeem(_) | Command::Authorize(_) => &[
            "program_unknown",
            "member_unknown",
            "redemption_exists",
            "redemption_above_order",
            "redemption_empty",
            "insufficient_balance",
            // Some member has more lots of one point than one command takes from.
            "too_many",
        ],
        Command::Capture(_) | Command::Release(_) | Command::Restore(_) => {
            allowed_of_redemption(command)
        }
        Command::Send(_) => &[
            "program_unknown",
            "member_unknown",
            "transfer_exists",
            "transfer_to_self",
            "transfer_not_allowed",
            "transfer_limit",
            "fee_exceeds_amount",
            "insufficient_balance",
            "too_many",
        ],
        Command::Initiate(_) => &["member_unknown", "deposit_exists", "deposit_out_of_bounds"],
        Command::PayIn(_) => &[
            "deposit_unknown",
            "deposit_confirmed",
            "deposit_failed",
            "deposit_mismatch",
            "signature_invalid",
            "signature_expired",
        ],
        // Where those are ordered, what they can meet is told beside what is told here.
        _ => &[],
    }
}

fn allowed_of_purchase(command: &Command) -> &'static [&'static str] {
    match command {
        Command::Record(_) => &[
            "invalid",
            "program_unknown",
            "member_unknown",
            "purchase_exists",
            "coupon_unknown",
            "coupon_redeemed",
            "coupon_expired",
            "coupon_book_scheduled",
            "coupon_limit",
            "coupon_not_unlocked",
            "quote_changed",
        ],
        Command::Confirm(_) => &[
            "member_unknown",
            "purchase_unknown",
            "purchase_cancelled",
            "purchase_refunded",
            "purchase_confirmed",
        ],
        Command::Cancel(_) => &[
            "member_unknown",
            "purchase_unknown",
            "purchase_cancelled",
            "purchase_refunded",
        ],
        _ => &[
            "member_unknown",
            "purchase_unknown",
            "refund_exists",
            "purchase_cancelled",
            "purchase_refunded",
            "refund_exceeds",
        ],
    }
}

fn allowed_of_coupons(command: &Command) -> &'static [&'static str] {
    match command {
        Command::OpenBook(_) => &["coupon_book_exists"],
        Command::Upload(_) => &["coupon_book_unknown"],
        _ => &[
            "member_unknown",
            "coupon_book_unknown",
            "coupon_book_expired",
            "coupon_unknown",
            "coupon_assigned",
            "coupon_not_assignable",
            "coupon_redeemed",
            "coupon_limit",
            "coupons_short",
            "booklet_incomplete",
        ],
    }
}

fn allowed_of_redemption(command: &Command) -> &'static [&'static str] {
    match command {
        Command::Capture(_) => &[
            "member_unknown",
            "redemption_unknown",
            "redemption_captured",
            "redemption_released",
            "redemption_expired",
            "redemption_cancelled",
            "redemption_number_used",
            "capture_above_reserved",
        ],
        Command::Release(_) => &[
            "member_unknown",
            "redemption_unknown",
            "redemption_captured",
            "redemption_released",
            "redemption_expired",
            "redemption_cancelled",
        ],
        _ => &[
            "member_unknown",
            "redemption_unknown",
            "redemption_authorized",
            "redemption_captured",
            "redemption_released",
            "redemption_expired",
            "redemption_cancelled",
            "redemption_number_used",
            "cancel_above_paid",
        ],
    }
}

/// The deposit that a provider speaks of.
pub(super) fn deposit(command: &Command) -> Option<&DepositId> {
    match command {
        Command::PayIn(request) => Some(&request.deposit),
        _ => None,
    }
}

/// The redemption that a command takes a step of, and of which member.
pub(super) fn redemption(command: &Command) -> Option<(&MemberId, &RedemptionId)> {
    match command {
        Command::Capture(request) => Some((&request.member, &request.redemption)),
        Command::Release(request) => Some((&request.member, &request.redemption)),
        Command::Restore(request) => Some((&request.member, &request.redemption)),
        _ => None,
    }
}

/// The program that a command names.
pub(super) fn program(command: &Command) -> Option<&ProgramId> {
    Some(match command {
        Command::Record(request) => &request.purchase.program,
        Command::Redeem(request) => &request.program,
        Command::Authorize(request) => &request.program,
        Command::Send(request) => &request.program,
        Command::Initiate(request) => &request.program,
        _ => return None,
    })
}

/// Whether what is kept bears a refusal out, whenever it was given.
pub(super) fn fits(books: &Books, code: &str, command: &Command) -> Result<bool, Failed> {
    if let Some((_, id)) = redemption(command) {
        let found = books.redemptions.get(id.as_str());
        return Ok(found.is_none_or(|found| step_fits(found, code, command)));
    }
    Ok(match command {
        Command::Refund(request) => {
            let purchase = books.purchases.get(&request.purchase);
            let purchase = purchase.map(|stored| &stored.entity);
            match code {
                "refund_exists" => books.refunds.contains_key(request.refund.as_str()),
                "purchase_refunded" => {
                    purchase.is_some_and(|found| found.state() == PurchaseState::Refunded)
                }
                // What is left only becomes less.
                "refund_exceeds" => purchase.is_some_and(|found| match &request.what {
                    RefundedPart::Amount(asked) => {
                        let discounts = found.purchase.discounts.map_or(0, Money::minor);
                        let total = found.purchase.total.minor() - discounts;
                        asked.minor() > total - found.refunded().amount
                    }
                    _ => false,
                }),
                _ => true,
            }
        }
        Command::Redeem(request) if code == "redemption_exists" => {
            books.redemptions.contains_key(request.redemption.as_str())
        }
        Command::Authorize(request) if code == "redemption_exists" => {
            books.redemptions.contains_key(request.redemption.as_str())
        }
        Command::Send(request) => match code {
            "transfer_exists" => books.transfers.contains_key(request.transfer.as_str()),
            "transfer_to_self" => request.to == TransferReceiver::Member(request.from.clone()),
            _ => true,
        },
        Command::Initiate(request) if code == "deposit_exists" => {
            books.deposits.contains_key(request.deposit.as_str())
        }
        Command::PayIn(request) => message_fits(books, code, request)?,
        _ => true,
    })
}

/// Whether a redemption has taken a step with the number of another one.
fn is_numbered(found: &Redemption, command: &Command) -> bool {
    let (step, number) = match command {
        Command::Capture(request) => (NumberedStep::Capture, request.number),
        Command::Restore(request) => (NumberedStep::Cancellation, request.number.unwrap_or(1)),
        _ => return false,
    };
    found.numbers(step).contains(&number)
}

/// Whether a step of a redemption could not be taken, by where it is now.
fn step_fits(found: &Redemption, code: &str, command: &Command) -> bool {
    use RedemptionState::{Cancelled, Captured, Released};
    let state = found.state();
    let sum = |of: Money| of.minor();
    let (value, captured) = (sum(found.value()), sum(found.captured()));
    let is_above = |most: i64| match command {
        Command::Capture(request) => request.amount.is_some_and(|asked| asked.minor() > most),
        Command::Restore(request) => request.amount.is_some_and(|asked| asked.minor() > most),
        _ => false,
    };
    match code {
        "redemption_authorized" => found.expires_at.is_some(),
        "redemption_captured" => matches!(state, Captured | Cancelled) && captured == value,
        "redemption_released" => matches!(state, Released | Cancelled),
        // An engine whose clock is behind may have found it open afterwards, and a refusal leaves nothing that would tell it.
        "redemption_expired" => found.expires_at.is_some(),
        "redemption_cancelled" => state == Cancelled,
        // Of a redemption that several pay, whoever a step concerned keeps its number.
        "redemption_number_used" => found.shared.is_some() || is_numbered(found, command),
        "capture_above_reserved" => is_above(value - captured),
        "cancel_above_paid" => is_above(captured - sum(found.returned())),
        _ => true,
    }
}

fn message_fits(books: &Books, code: &str, request: &ConfirmDeposit) -> Result<bool, Failed> {
    let Some(deposit) = books.deposits.get(request.deposit.as_str()) else {
        return Ok(true);
    };
    let outcome = deposit.settlement().map(|settled| settled.outcome);
    let said: Value = serde_json::from_str(&request.message)?;
    let amount = serde_json::to_value(deposit.amount)?;
    let is_of_it = text(&said, "deposit") == deposit.deposit.as_str();
    Ok(match code {
        "deposit_confirmed" => outcome == Some(PaymentOutcome::Paid),
        "deposit_failed" => outcome == Some(PaymentOutcome::Failed),
        "deposit_mismatch" => !is_of_it || said.get("amount") != Some(&amount),
        // The providers of a simulation name their keys after themselves.
        "signature_invalid" => {
            let key = request.key.as_ref().map_or("", |key| key.as_str());
            !key.starts_with(deposit.provider.as_str())
        }
        _ => true,
    })
}
