//! What commands name: the purchase that is recorded, and the entities that are made or changed.

use rewards_core::adjustments::Adjustment;
use rewards_core::cashback::{Purchase, PurchaseEntity};
use rewards_core::coupons::CouponBook;
use rewards_core::entity::EntityKey;
use rewards_core::fx::{Conversion, FxQuote};
use rewards_core::ids::{AdjustmentId, TenantId};
use rewards_core::operations::rewards::{DeductBalance, GrantReward};
use rewards_core::payments::{DepositEntity, Payment};
use rewards_core::qr::IssuedQr;
use rewards_core::refunds::RefundEntity;
use rewards_core::risk::Assessment;
use rewards_core::tokens::Token;
use rewards_core::transfers::{ReceivedTransfer, TransferEntity};
use rewards_core::wallet::{Redemption, SharedWallet};

use super::workload::Command;

/// The purchase that a command records.
pub(super) fn purchase_of(command: &Command) -> Option<&Purchase> {
    match command {
        Command::Record(record) => Some(&record.purchase),
        Command::Replace(replace) => Some(&replace.purchase),
        _ => None,
    }
}

/// The entities that a command makes or changes.
pub(super) fn entities_of(tenant: &TenantId, command: &Command) -> Vec<EntityKey> {
    let purchase = |id| EntityKey::of::<PurchaseEntity>(tenant, id);
    let redemption = |id| EntityKey::of::<Redemption>(tenant, id);
    let deposit = |id| EntityKey::of::<DepositEntity>(tenant, id);
    let wallet = |id| EntityKey::of::<SharedWallet>(tenant, id);
    match command {
        Command::Record(record) => vec![purchase(&record.purchase.id)],
        Command::Confirm(confirm) => vec![purchase(&confirm.purchase)],
        Command::Cancel(cancel) => vec![purchase(&cancel.purchase)],
        Command::Refund(refund) => {
            let own = EntityKey::of::<RefundEntity>(tenant, &refund.refund);
            vec![own, purchase(&refund.purchase)]
        }
        Command::Redeem(made) => vec![redemption(&made.redemption)],
        Command::Authorize(made) => vec![redemption(&made.redemption)],
        Command::Capture(step) => vec![redemption(&step.redemption)],
        Command::Release(step) => vec![redemption(&step.redemption)],
        Command::Restore(step) => vec![redemption(&step.redemption)],
        Command::Send(send) => vec![
            EntityKey::of::<TransferEntity>(tenant, &send.transfer),
            EntityKey::of::<ReceivedTransfer>(tenant, &send.transfer),
        ],
        Command::Initiate(initiate) => vec![deposit(&initiate.deposit)],
        Command::PayIn(confirm) => vec![deposit(&confirm.deposit)],
        Command::Replace(replace) => vec![
            purchase(&replace.replaced),
            purchase(&replace.purchase.id),
            EntityKey::of::<RefundEntity>(tenant, &replace.refund),
        ],
        Command::Grant(GrantReward { reference, .. })
        | Command::Deduct(DeductBalance { reference, .. }) => adjusted(tenant, reference.as_ref()),
        Command::Share(share) => vec![wallet(&share.wallet)],
        Command::Reshare(update) => vec![wallet(&update.wallet)],
        Command::OpenBook(create) => vec![EntityKey::of::<CouponBook>(tenant, &create.book)],
        Command::LockRate(_)
        | Command::Convert(_)
        | Command::ConvertBack(_)
        | Command::Assess(_) => converted_or_assessed(tenant, command),
        _ => paid_or_shown(tenant, command),
    }
}

/// The same of conversions, and of payments that are assessed.
fn converted_or_assessed(tenant: &TenantId, command: &Command) -> Vec<EntityKey> {
    let conversion = |id| EntityKey::of::<Conversion>(tenant, id);
    match command {
        Command::LockRate(lock) => vec![EntityKey::of::<FxQuote>(tenant, &lock.quote)],
        Command::Convert(made) => vec![conversion(&made.conversion)],
        Command::ConvertBack(made) => vec![conversion(&made.conversion)],
        Command::Assess(made) => vec![EntityKey::of::<Assessment>(tenant, &made.payment)],
        _ => Vec::new(),
    }
}

/// The same of payments to others, of tokens and of codes, of which each is named by what makes it. All others make and change what
/// is read by its kind.
fn paid_or_shown(tenant: &TenantId, command: &Command) -> Vec<EntityKey> {
    match command {
        Command::CreatePayment(made) => vec![EntityKey::of::<Payment>(tenant, &made.payment)],
        Command::IssueToken(made) => vec![EntityKey::of::<Token>(tenant, &made.token)],
        Command::CreateQr(made) => vec![EntityKey::of::<IssuedQr>(tenant, &made.qr)],
        _ => Vec::new(),
    }
}

/// What was granted or taken manually, where it has an id.
fn adjusted(tenant: &TenantId, id: Option<&AdjustmentId>) -> Vec<EntityKey> {
    let made = id.into_iter();
    made.map(|id| EntityKey::of::<Adjustment>(tenant, id))
        .collect()
}
