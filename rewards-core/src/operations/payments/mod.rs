//! Payments: a member pays somebody outside with what the member has.
//!
//! The host talks to the outside and says what came of it: [create](CreatePayment), [hold](HoldPayment), [submit](SubmitPayment),
//! [report](ReportPayment). The revision of the program that is active when a payment is created decides its route, fee,
//! billers, declines and stages; what pays is decided when value is held.

mod cancel_payment;
mod create_payment;
mod earning;
mod get_payment;
mod get_stage_statistics;
mod hold_payment;
mod list_payments;
mod quote_payment;
mod refund_payment;
mod report_payment;
mod stages;
mod submit_payment;

pub use cancel_payment::{CancelPayment, CancelledPayment};
pub use create_payment::{CreatePayment, CreatedPayment};
pub use get_payment::{GetPayment, PaymentDetails, PaymentStage, PaymentTry, RefundedPaymentPart};
pub use get_stage_statistics::{GetStageStatistics, StageStatistics, StageStatisticsList};
pub use hold_payment::{HeldPayment, HoldPayment};
pub use list_payments::{ListPayments, PaymentList};
pub use quote_payment::{PaymentTerms, QuotePayment, QuotedPayment};
pub use refund_payment::{RefundPayment, RefundedPayment};
pub use report_payment::{AttemptOutcome, ReportPayment, ReportedPayment};
pub use submit_payment::{SubmitPayment, SubmittedPayment};

use std::sync::Arc;

use super::amounts::in_words;
use super::change_builder::{ChangeBuilder, Returned};
use super::redemptions::{plan_redemption, release_held};
use super::seen::{Seen, see_entities, see_once, see_rows};
use crate::command::Undecided;
use crate::context::Context;
use crate::entity::{EntityKey, Stored};
use crate::event::Event;
use crate::ids::{IdAllocator, MemberId, PaymentId, ProgramId, RedemptionId, TenantId};
use crate::payments::{
    CompiledPayments, PAYMENT_REFUNDS_MAX, Payment, PaymentState, WrongPaymentStep,
};
use crate::program::CompiledProgram;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::wallet::Redemption;

fn key(tenant: &TenantId, payment: &PaymentId) -> EntityKey {
    EntityKey::of::<Payment>(tenant, payment)
}

/// A payment that is there.
fn payment_of(
    snapshot: &Snapshot,
    context: &Context,
    payment: &PaymentId,
) -> Result<Stored<Payment>, Rejection> {
    let stored = snapshot.get::<Payment>(&context.tenant, payment)?;
    stored.ok_or_else(|| Rejection::PaymentUnknown(payment.clone()))
}

/// The section of a program.
fn section<'p>(
    program: &'p CompiledProgram,
    id: &ProgramId,
) -> Result<&'p CompiledPayments, Rejection> {
    let section = program.payments();
    section.ok_or_else(|| Rejection::PaymentsNotOffered(id.clone()))
}

/// The section of the revision that decided a payment.
fn terms<'c>(
    context: &'c Context,
    payment: &Payment,
) -> Result<(&'c Arc<CompiledProgram>, &'c CompiledPayments), Rejection> {
    let revisions = context.revisions(&payment.program);
    let program = revisions.and_then(|revisions| revisions.numbered(payment.revision));
    let program = program.ok_or(Rejection::Internal("a payment of an unknown revision"))?;
    Ok((program, section(program, &payment.program)?))
}

/// Why a payment does not take a step, as a caller is told.
fn refused(payment: &Payment, attempt: u32, step: WrongPaymentStep) -> Rejection {
    let id = payment.payment.clone();
    match step {
        WrongPaymentStep::State(state) => Rejection::PaymentStateWrong {
            payment: id,
            state: state.text(),
        },
        WrongPaymentStep::Attempt { newest } => Rejection::PaymentAttemptWrong {
            payment: id,
            attempt,
            newest,
        },
        WrongPaymentStep::Above { left } => Rejection::RefundAbovePayment {
            payment: id,
            left: in_words(left, payment.currency),
        },
        WrongPaymentStep::Exists(refund) => Rejection::RefundExists(refund),
        WrongPaymentStep::TooMany => Rejection::TooMany {
            what: "refunds of one payment",
            limit: u32::try_from(PAYMENT_REFUNDS_MAX).unwrap_or(u32::MAX),
        },
    }
}

/// What holds the value of a payment.
fn held(payment: &Payment) -> Result<&RedemptionId, Rejection> {
    let hold = payment.hold().map(|hold| &hold.redemption);
    hold.ok_or(Rejection::Internal("a payment that holds nothing"))
}

/// Asks for what a step that moves what is held must see of the payer, and for what the payment as a purchase must see of whose that
/// is: mostly the payer, too, of whom everything is asked for at once.
fn see_payer(
    snapshot: &Snapshot,
    context: &Context,
    payment: &Payment,
    purchase: Option<(&MemberId, ReadPlan)>,
) -> Result<(), Undecided> {
    let payer = &payment.member;
    let mut plan = plan_redemption(context, payer, held(payment)?, true);
    let other = match purchase {
        Some((member, own)) if member == payer => {
            plan.merge(own);
            None
        }
        other => other,
    };
    see_once(snapshot, context, payer, Seen::Owner, plan)?;
    match other {
        Some((member, own)) => see_once(snapshot, context, member, Seen::Owner, own),
        None => Ok(()),
    }
}

/// Opens the changes of the payer of a payment without giving anything back.
fn open_payer<'a>(
    snapshot: &'a Snapshot,
    context: &'a Context,
    ids: &'a IdAllocator,
    payment: &Payment,
) -> Result<ChangeBuilder<'a>, Undecided> {
    see_rows(snapshot, context, [&payment.member])?;
    let holds = payment.hold().map(|hold| &hold.redemption);
    let holds = holds.map(|id| EntityKey::of::<Redemption>(&context.tenant, id));
    see_entities(snapshot, holds)?;
    ChangeBuilder::open_as_is(snapshot, context, ids, &payment.member)
}

/// Gives back what a payment holds.
fn release_payment<'a>(
    snapshot: &'a Snapshot,
    context: &'a Context,
    ids: &'a IdAllocator,
    payment: &Payment,
) -> Result<(ChangeBuilder<'a>, Returned), Undecided> {
    see_payer(snapshot, context, payment, None)?;
    let mut builder = ChangeBuilder::open(snapshot, context, ids, &payment.member)?;
    let returned = release_held(&mut builder, snapshot, context, held(payment)?)?;
    Ok((builder, returned))
}

/// Tells where a payment is now.
fn tell(builder: &mut ChangeBuilder<'_>, payment: &Payment, now: Timestamp) -> PaymentState {
    let state = payment.state(now);
    builder.emit(Event::PaymentChanged {
        payment: payment.payment.clone(),
        state,
        amount: payment.money(payment.amount),
        attempt: Some(payment.attempt()).filter(|attempt| *attempt > 0),
    });
    state
}
