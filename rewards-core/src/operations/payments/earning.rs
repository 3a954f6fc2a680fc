//! A payment as a purchase: what it earns when it is completed, and what goes back when it is refunded.
//!
//! The purchase has the id of the payment and happened when that was created. Whether the money moved does not depend on it: where
//! the purchase is refused, the payment goes on without one, and the caller is told why.

use super::super::purchases::{
    PreparedPurchase, RecordPurchase, RecordedBy, RecordedPurchase, RefundPurchase, RefundedPart,
    RefundedPurchase,
};
use crate::cashback::Purchase;
use crate::command::{Operation as _, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::ids::{IdAllocator, MemberId, PurchaseId, RefundId, Slug};
use crate::payments::{CompiledPayments, Payment};
use crate::refunds::RefundKind;
use crate::rejection::{Fault, FaultKind, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};

/// What became of a purchase: it was recorded or refunded, or refused with a code.
pub(super) type Earned<T> = Result<T, String>;

fn purchase_id(payment: &Payment) -> Result<PurchaseId, Rejection> {
    let id = PurchaseId::new(payment.payment.as_str());
    id.map_err(|_| Rejection::Internal("an id is not one"))
}

/// A payment as rules see it: the payer's fee is no part of what was bought.
pub(super) fn purchase_of(
    payment: &Payment,
    payments: &CompiledPayments,
    member: &MemberId,
) -> Result<Purchase, Rejection> {
    let subject = &payment.subject;
    let biller = subject.biller.as_ref();
    let bill = biller.and_then(|biller| payments.biller(biller));
    let text = |slug: &Slug| slug.to_string();
    let mut purchase = Purchase::new(
        purchase_id(payment)?,
        member.clone(),
        payment.program.clone(),
        payment.created_at,
        payment.money(payment.amount),
    );
    purchase.merchant.clone_from(&subject.merchant);
    purchase.category.clone_from(&subject.category);
    purchase.channel.clone_from(&subject.channel);
    purchase.biller = biller.map(text);
    purchase.bill_type = bill.and_then(|bill| bill.bill_type.as_ref()).map(text);
    purchase.payment_method = Some(text(&payment.route));
    Ok(purchase)
}

/// The purchase that a completed payment is, what is known of it before anything stored is looked at, and the rows to look at.
#[derive(Debug)]
pub(super) struct PlannedPurchase {
    record: RecordPurchase,
    prepared: PreparedPurchase,
    pub plan: ReadPlan,
}

/// The purchase that a completed payment is, and the rows to look at; or why it can be none.
///
/// # Errors
/// Defects alone.
pub(super) fn plan_purchase(
    payment: &Payment,
    payments: &CompiledPayments,
    member: &MemberId,
    context: &Context,
) -> Result<Earned<PlannedPurchase>, Rejection> {
    let record = RecordPurchase::new(purchase_of(payment, payments, member)?);
    match record.prepare(context) {
        Ok((plan, prepared)) => Ok(Ok(PlannedPurchase {
            record,
            prepared,
            plan,
        })),
        Err(refused) => told(refused).map(Err),
    }
}

/// Records the purchase after what a command has changed so far.
///
/// # Errors
/// Defects; [`Undecided::Needs`] more rows.
pub(super) fn record(
    purchase: &PlannedPurchase,
    changes: Changes,
    (snapshot, context, ids): (&Snapshot, &Context, &IdAllocator),
) -> Result<(Changes, Earned<RecordedPurchase>), Undecided> {
    let PlannedPurchase {
        record, prepared, ..
    } = purchase;
    let mut view = snapshot.clone();
    view.apply(&changes);
    let decided = record.decide_with(prepared, &view, context, ids, RecordedBy::Payment);
    after(changes, decided)
}

/// The refund of the purchase that belongs to a refund of its payment.
pub(super) fn refund_of(
    payment: &Payment,
    member: &MemberId,
    (refund, amount): (&RefundId, i64),
    (kind, reason): (Option<RefundKind>, Option<&Slug>),
) -> Result<RefundPurchase, Rejection> {
    Ok(RefundPurchase {
        refund: refund.clone(),
        member: member.clone(),
        purchase: purchase_id(payment)?,
        what: match payment.left() {
            0 => RefundedPart::All,
            _ => RefundedPart::Amount(payment.money(amount)),
        },
        kind,
        reason: reason.cloned(),
    })
}

/// Refunds the purchase after what a command has changed so far.
///
/// # Errors
/// As [`record`].
pub(super) fn take_back(
    refund: &RefundPurchase,
    changes: Changes,
    (snapshot, context, ids): (&Snapshot, &Context, &IdAllocator),
) -> Result<(Changes, Earned<RefundedPurchase>), Undecided> {
    let mut view = snapshot.clone();
    view.apply(&changes);
    let decided = refund.decide_with(&view, context, ids, None);
    after(changes, decided)
}

fn after<T>(
    changes: Changes,
    decided: Result<Decision<T>, Undecided>,
) -> Result<(Changes, Earned<T>), Undecided> {
    match decided {
        Ok(decision) => Ok((changes.then(decision.changes)?, Ok(decision.reply))),
        Err(Undecided::Rejected(refused)) => Ok((changes, Err(told(refused)?))),
        Err(needs) => Err(needs),
    }
}

/// The code of a refusal; a defect stays one.
fn told(refused: Rejection) -> Result<String, Rejection> {
    let fault = Fault::from(refused.clone());
    match fault.kind {
        FaultKind::Invalid | FaultKind::Rejected => Ok(fault.code.into_owned()),
        _ => Err(refused),
    }
}
