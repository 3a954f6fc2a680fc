//! QR codes: build and read those of merchants, give codes out, scan and cancel them, and quote through which wallets they are paid.

mod build_qr;
mod cancel_qr;
mod create_qr;
mod get_qr;
mod list_qrs;
mod parse_qr;
mod qr_details;
mod quote_qr_routes;
mod scan_qr;

pub use build_qr::{BuildQr, BuiltQr};
pub use cancel_qr::{CancelQr, CancelledQr};
pub use create_qr::{CreateQr, CreatedQr, QrContent, SignedContent};
pub use get_qr::GetQr;
pub use list_qrs::{ListQrs, QrList};
pub use parse_qr::ParseQr;
pub use qr_details::QrDetails;
pub use quote_qr_routes::{QrSubject, QuoteQrRoutes, QuotedQrRoute, QuotedQrRoutes};
pub use scan_qr::{ScanQr, ScannedQr};

use crate::context::{Context, HostKeys};
use crate::entity::Stored;
use crate::ids::{QrId, TenantId};
use crate::qr::{IssuedQr, QrError, QrState, SignedQr};
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;

/// All that is wrong with the code of a merchant.
fn refused(errors: Vec<QrError>) -> Rejection {
    let problems = errors.iter().map(QrError::to_problem);
    Rejection::Invalid(problems.collect())
}

/// A code that was given out.
fn issued(
    snapshot: &Snapshot,
    context: &Context,
    qr: &QrId,
) -> Result<Stored<IssuedQr>, Rejection> {
    let stored = snapshot.get::<IssuedQr>(&context.tenant, qr)?;
    stored.ok_or_else(|| Rejection::QrUnknown(qr.clone()))
}

/// Makes the text of a code that is signed. It is stored nowhere.
///
/// # Errors
/// [`Rejection::KeyMissing`] when the key is gone.
fn reveal(
    signed: Option<&SignedQr>,
    text: &mut String,
    tenant: &TenantId,
    keys: &dyn HostKeys,
) -> Result<(), Rejection> {
    if let Some(signed) = signed {
        let signature = keys.sign_token(tenant, &signed.key, &signed.to_sign()?)?;
        *text = signed.signed(&signature)?;
    }
    Ok(())
}

/// The refusal of a step of a code that is not active.
fn not_active(state: QrState, qr: &QrId) -> Rejection {
    let qr = qr.clone();
    match state {
        QrState::Scanned => Rejection::QrScanned(qr),
        QrState::Expired => Rejection::QrExpired(qr),
        QrState::Cancelled => Rejection::QrCancelled(qr),
        QrState::Active => Rejection::Internal("an active code is refused"),
    }
}
