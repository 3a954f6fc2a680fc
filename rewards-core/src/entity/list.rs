//! The list of kinds of entities: what is known of each without having one.

use super::{Entity, EntityRow};
use crate::rejection::Rejection;

/// Calls a macro with every kind of entity: `with_entities!(my_macro)` expands to `my_macro!(…::PurchaseEntity, …)`.
///
/// A new kind is one line here.
#[macro_export]
macro_rules! with_entities {
    ($callback:ident) => {
        $callback! {
            $crate::cashback::PurchaseEntity,
            $crate::member::Alias,
            $crate::member::AliasKey,
            $crate::member::HistoryPage,
            $crate::refunds::RefundEntity,
            $crate::payments::DepositEntity,
            $crate::payments::Payment,
            $crate::transfers::TransferEntity,
            $crate::transfers::ReceivedTransfer,
            $crate::wallet::Redemption,
            $crate::wallet::SharedWallet,
            $crate::adjustments::Adjustment,
            $crate::coupons::CouponBook,
            $crate::coupons::CouponBatch,
            $crate::coupons::Coupon,
            $crate::fx::FxRate,
            $crate::fx::FxQuote,
            $crate::fx::Conversion,
            $crate::risk::RiskHistory,
            $crate::risk::Assessment,
            $crate::risk::RiskReview,
            $crate::risk::RiskListEntry,
            $crate::qr::IssuedQr,
            $crate::tokens::Token,
        }
    };
}

/// What is known of a kind of entity.
#[derive(Debug, Clone, Copy)]
pub struct EntityEntry {
    /// The stable name of the kind.
    pub kind: &'static str,
    /// Number of the newest shape of its bodies.
    pub shape: u16,
    /// Checks that the body of a row is one of the kind, and that its id and its columns are what the body says.
    pub check: fn(&str, &EntityRow) -> Result<(), Rejection>,
}

macro_rules! entries {
    ($($entity:ty,)*) => {
        /// All kinds of entities.
        pub const ENTITIES: &[EntityEntry] = &[$(
            EntityEntry {
                kind: <$entity as Entity>::KIND,
                shape: <$entity as Entity>::SHAPE,
                check: check::<$entity>,
            },
        )*];
    };
}

with_entities!(entries);

fn check<E: Entity>(id: &str, row: &EntityRow) -> Result<(), Rejection> {
    let stored = row.read::<E>()?;
    if stored.entity.index() == row.index && stored.entity.is_named(id) {
        Ok(())
    } else {
        Err(Rejection::Corrupt { what: E::KIND })
    }
}
