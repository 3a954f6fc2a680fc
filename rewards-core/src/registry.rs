//! The list of operations: names, kinds and schemas come from here and nowhere else.

use crate::command::{Kind, Operation};

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

/// Calls a macro with every operation, each by its full path: `with_operations!(my_macro)` expands to `my_macro!(…, …)`.
///
/// Engines and bindings dispatch over operations with it, so that a new operation is one line here.
#[macro_export]
macro_rules! with_operations {
    ($callback:ident) => {
        $callback! {
            $crate::operations::programs::PublishProgram,
            $crate::operations::programs::ListPrograms,
            $crate::operations::programs::GetProgram,
            $crate::operations::members::RegisterMember,
            $crate::operations::members::UpdateMember,
            $crate::operations::members::MergeMembers,
            $crate::operations::members::EraseMember,
            $crate::operations::members::ListMembers,
            $crate::operations::aliases::LinkAlias,
            $crate::operations::aliases::UnlinkAlias,
            $crate::operations::aliases::ResolveAlias,
            $crate::operations::purchases::QuotePurchase,
            $crate::operations::purchases::RecordPurchase,
            $crate::operations::purchases::ConfirmPurchase,
            $crate::operations::purchases::RefundPurchase,
            $crate::operations::purchases::ReplacePurchase,
            $crate::operations::purchases::CancelPurchase,
            $crate::operations::purchases::ListPurchases,
            $crate::operations::purchases::ListRefunds,
            $crate::operations::purchases::GetPurchase,
            $crate::operations::rewards::GrantReward,
            $crate::operations::rewards::DeductBalance,
            $crate::operations::rewards::ListAdjustments,
            $crate::operations::rewards::GetAdjustment,
            $crate::operations::rewards::SettleMember,
            $crate::operations::deposits::InitiateDeposit,
            $crate::operations::deposits::ConfirmDeposit,
            $crate::operations::deposits::ListDeposits,
            $crate::operations::deposits::GetDeposit,
            $crate::operations::payments::QuotePayment,
            $crate::operations::payments::CreatePayment,
            $crate::operations::payments::HoldPayment,
            $crate::operations::payments::SubmitPayment,
            $crate::operations::payments::ReportPayment,
            $crate::operations::payments::CancelPayment,
            $crate::operations::payments::RefundPayment,
            $crate::operations::payments::ListPayments,
            $crate::operations::payments::GetPayment,
            $crate::operations::payments::GetStageStatistics,
            $crate::operations::coupons::CreateCouponBook,
            $crate::operations::coupons::UpdateCouponBook,
            $crate::operations::coupons::ListCouponBooks,
            $crate::operations::coupons::GetCouponBook,
            $crate::operations::coupons::GenerateCoupons,
            $crate::operations::coupons::GetCouponBatch,
            $crate::operations::coupons::UploadCoupons,
            $crate::operations::coupons::AssignCoupons,
            $crate::operations::coupons::DistributeCoupons,
            $crate::operations::coupons::UnassignCoupon,
            $crate::operations::coupons::CheckCoupon,
            $crate::operations::coupons::LockCoupon,
            $crate::operations::coupons::UnlockCoupon,
            $crate::operations::coupons::RedeemCoupon,
            $crate::operations::coupons::TransferCoupon,
            $crate::operations::coupons::ReplaceCoupon,
            $crate::operations::coupons::VoidCoupon,
            $crate::operations::coupons::ListCoupons,
            $crate::operations::coupons::GetCoupon,
            $crate::operations::redemptions::QuoteRedemption,
            $crate::operations::redemptions::Redeem,
            $crate::operations::redemptions::AuthorizeRedemption,
            $crate::operations::redemptions::CaptureRedemption,
            $crate::operations::redemptions::ReleaseRedemption,
            $crate::operations::redemptions::CancelRedemption,
            $crate::operations::redemptions::ListRedemptions,
            $crate::operations::redemptions::GetRedemption,
            $crate::operations::shared_wallets::CreateSharedWallet,
            $crate::operations::shared_wallets::UpdateSharedWallet,
            $crate::operations::shared_wallets::ListSharedWallets,
            $crate::operations::shared_wallets::GetSharedWallet,
            $crate::operations::balances::GetBalance,
            $crate::operations::balances::GetStatement,
            $crate::operations::balances::ListExpiring,
            $crate::operations::tiers::GetTiers,
            $crate::operations::transfers::TransferBalance,
            $crate::operations::transfers::ListTransfers,
            $crate::operations::transfers::GetTransfer,
            $crate::operations::fx::ImportRates,
            $crate::operations::fx::ListRates,
            $crate::operations::fx::GetRate,
            $crate::operations::fx::QuoteConversion,
            $crate::operations::fx::LockConversion,
            $crate::operations::fx::ConvertBalance,
            $crate::operations::fx::RefundConversion,
            $crate::operations::fx::ListConversions,
            $crate::operations::fx::GetConversion,
            $crate::operations::fx::ValueBalances,
            $crate::operations::risk::QuoteAssessment,
            $crate::operations::risk::AssessPayment,
            $crate::operations::risk::LabelPayment,
            $crate::operations::risk::ListAssessments,
            $crate::operations::risk::GetAssessment,
            $crate::operations::risk::AddToRiskList,
            $crate::operations::risk::RemoveFromRiskList,
            $crate::operations::risk::ListRiskEntries,
            $crate::operations::risk::SnoozeRule,
            $crate::operations::risk::ListReviews,
            $crate::operations::risk::ClaimReview,
            $crate::operations::risk::DecideReview,
            $crate::operations::qr::BuildQr,
            $crate::operations::qr::ParseQr,
            $crate::operations::qr::CreateQr,
            $crate::operations::qr::ScanQr,
            $crate::operations::qr::CancelQr,
            $crate::operations::qr::ListQrs,
            $crate::operations::qr::GetQr,
            $crate::operations::qr::QuoteQrRoutes,
            $crate::operations::tokens::IssueToken,
            $crate::operations::tokens::RedeemToken,
            $crate::operations::tokens::SettleReceipts,
            $crate::operations::tokens::CancelToken,
            $crate::operations::tokens::FreezeTokens,
            $crate::operations::tokens::ListTokens,
            $crate::operations::tokens::GetToken,
            $crate::operations::tokens::ListRevokedTokens,
            $crate::operations::tokens::GetTokenKeys,
        }
    };
}

macro_rules! entries {
    ($($operation:ty,)*) => {
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
