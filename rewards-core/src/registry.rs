//! The list of operations: names, kinds and schemas come from here and nowhere else.

use crate::command::{Kind, Operation};
use crate::operations::balances::{GetBalance, GetStatement};
use crate::operations::members::RegisterMember;
use crate::operations::programs::PublishProgram;
use crate::operations::purchases::{
    CancelPurchase, ConfirmPurchase, QuotePurchase, RecordPurchase,
};
use crate::operations::rewards::{DeductBalance, GrantReward, SettleMember};
use crate::operations::tiers::GetTiers;

/// What is known of an operation without running it.
#[derive(Debug, Clone, Copy)]
pub struct OperationEntry {
    /// The stable name.
    pub name: &'static str,
    /// Whether it can change anything.
    pub kind: Kind,
    /// JSON Schema of the request.
    #[cfg(feature = "schema")]
    pub request_schema: fn() -> schemars::Schema,
    /// JSON Schema of the reply.
    #[cfg(feature = "schema")]
    pub reply_schema: fn() -> schemars::Schema,
}

/// Calls a macro with every operation: `with_operations!(my_macro)` expands to `my_macro!(PublishProgram, …)`.
///
/// Engines and bindings dispatch over operations with it, so that a new operation is one line here.
#[macro_export]
macro_rules! with_operations {
    ($callback:ident) => {
        $callback! {
            PublishProgram,
            RegisterMember,
            QuotePurchase,
            RecordPurchase,
            ConfirmPurchase,
            CancelPurchase,
            GrantReward,
            DeductBalance,
            SettleMember,
            GetBalance,
            GetStatement,
            GetTiers,
        }
    };
}

macro_rules! entries {
    ($($operation:ident,)*) => {
        /// All operations.
        pub const OPERATIONS: &[OperationEntry] = &[$(
            OperationEntry {
                name: <$operation as Operation>::NAME,
                kind: <$operation as Operation>::KIND,
                #[cfg(feature = "schema")]
                request_schema: || schemars::schema_for!($operation),
                #[cfg(feature = "schema")]
                reply_schema: || schemars::schema_for!(<$operation as Operation>::Reply),
            },
        )*];
    };
}

with_operations!(entries);
