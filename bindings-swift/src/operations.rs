//! One thin method for each operation, and its request and reply as JSON. A new operation is one entry here.

use rewards_core::ffi::RewardsError;
use rewards_core::ids::IdempotencyKey;
use rewards_core::operations::aliases::{
    LinkAlias, LinkedAlias, ResolveAlias, ResolvedAlias, UnlinkAlias, UnlinkedAlias,
};
use rewards_core::operations::balances::{
    Balance, ExpiringList, GetBalance, GetStatement, ListExpiring, Statement,
};
use rewards_core::operations::coupons::{
    AssignCoupons, AssignedCoupons, CheckCoupon, CheckedCoupon, CouponBatchDetails, CouponBookList,
    CouponBookStatistics, CouponDetails, CouponList, CreateCouponBook, CreatedCouponBook,
    DistributeCoupons, DistributedCoupons, GenerateCoupons, GeneratedCoupons, GetCoupon,
    GetCouponBatch, GetCouponBook, ListCouponBooks, ListCoupons, LockCoupon, LockedCoupon,
    RedeemCoupon, RedeemedCoupon, ReplaceCoupon, ReplacedCoupon, TransferCoupon, TransferredCoupon,
    UnassignCoupon, UnassignedCoupon, UnlockCoupon, UnlockedCoupon, UpdateCouponBook,
    UpdatedCouponBook, UploadCoupons, UploadedCoupons, VoidCoupon, VoidedCoupon,
};
use rewards_core::operations::deposits::{
    ConfirmDeposit, DepositDetails, DepositList, GetDeposit, InitiateDeposit, InitiatedDeposit,
    ListDeposits, SettledDeposit,
};
use rewards_core::operations::fx::{
    ConversionDetails, ConversionList, ConvertBalance, ConvertedBalance, FxRateFound, FxRateList,
    GetConversion, GetRate, ImportRates, ImportedRates, ListConversions, ListRates, LockConversion,
    LockedConversion, QuoteConversion, QuotedConversion, RefundConversion, RefundedConversion,
    ValueBalances, ValuedBalances,
};
use rewards_core::operations::members::{
    EraseMember, ErasedMember, ListMembers, MemberList, MergeMembers, MergedMembers,
    RegisterMember, RegisteredMember, UpdateMember, UpdatedMember,
};
use rewards_core::operations::payments::{
    CancelPayment, CancelledPayment, CreatePayment, CreatedPayment, GetPayment, GetStageStatistics,
    HeldPayment, HoldPayment, ListPayments, PaymentDetails, PaymentList, QuotePayment,
    QuotedPayment, RefundPayment, RefundedPayment, ReportPayment, ReportedPayment,
    StageStatisticsList, SubmitPayment, SubmittedPayment,
};
use rewards_core::operations::programs::{
    GetProgram, ListPrograms, ProgramList, ProgramRevision, PublishProgram, PublishedProgram,
};
use rewards_core::operations::purchases::{
    CancelPurchase, CancelledPurchase, ConfirmPurchase, ConfirmedPurchase, GetPurchase,
    ListPurchases, ListRefunds, PurchaseDetails, PurchaseList, QuotePurchase, QuotedPurchase,
    RecordPurchase, RecordedPurchase, RefundList, RefundPurchase, RefundedPurchase,
    ReplacePurchase, ReplacedPurchase,
};
use rewards_core::operations::qr::{
    BuildQr, BuiltQr, CancelQr, CancelledQr, CreateQr, CreatedQr, GetQr, ListQrs, ParseQr,
    QrDetails, QrList, QuoteQrRoutes, QuotedQrRoutes, ScanQr, ScannedQr,
};
use rewards_core::operations::redemptions::{
    AuthorizeRedemption, AuthorizedRedemption, CancelRedemption, CancelledRedemption,
    CaptureRedemption, CapturedRedemption, GetRedemption, ListRedemptions, QuoteRedemption,
    QuotedRedemption, Redeem, Redeemed, RedemptionDetails, RedemptionList, ReleaseRedemption,
    ReleasedRedemption,
};
use rewards_core::operations::rewards::{
    AdjustmentDetails, AdjustmentList, DeductBalance, DeductedBalance, GetAdjustment, GrantReward,
    ListAdjustments, ManualGrant, SettleMember, SettledMember,
};
use rewards_core::operations::risk::{
    AddToRiskList, AssessPayment, AssessedPayment, AssessmentDetails, AssessmentList, ClaimReview,
    ClaimedReview, DecideReview, DecidedReview, GetAssessment, LabelPayment, LabelledPayment,
    ListAssessments, ListReviews, ListRiskEntries, ListedRiskEntry, QuoteAssessment,
    QuotedAssessment, RemoveFromRiskList, RemovedRiskEntry, ReviewList, RiskEntryList, SnoozeRule,
    SnoozedRule,
};
use rewards_core::operations::shared_wallets::{
    CreateSharedWallet, CreatedSharedWallet, GetSharedWallet, ListSharedWallets,
    SharedWalletDetails, SharedWalletList, UpdateSharedWallet, UpdatedSharedWallet,
};
use rewards_core::operations::tiers::{GetTiers, MemberTiers};
use rewards_core::operations::tokens::{
    CancelToken, CancelledToken, FreezeTokens, FrozenTokens, GetToken, GetTokenKeys, IssueToken,
    IssuedToken, ListRevokedTokens, ListTokens, RedeemToken, RedeemedToken, RevokedTokenList,
    SettleReceipts, SettledReceipts, TokenDetails, TokenKeyList, TokenList,
};
use rewards_core::operations::transfers::{
    CompletedTransfer, GetTransfer, ListTransfers, TransferBalance, TransferDetails, TransferList,
};
use rewards_core::qr::ParsedQr;
use rewards_core::time::Timestamp;

use crate::engine::RewardsEngine;
use crate::json::{read, write};

/// Commands change something, once for each key. Each has a method that returns the reply, and one that also tells
/// whether the command was done before.
macro_rules! commands {
    ($($(#[$doc:meta])* $method:ident, $with_receipt:ident -> $receipt:ident: $request:ident => $reply:ident,
        $from_json:ident, $to_json:ident;)*) => {
        $(
            /// A reply, and whether it is the reply of an earlier command with the same key.
            #[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
            pub struct $receipt {
                /// What the command replied when it took effect.
                pub reply: $reply,
                /// Whether that was before this call.
                pub replayed: bool,
            }
        )*

        #[uniffi::export(async_runtime = "tokio")]
        impl RewardsEngine {$(
            $(#[$doc])*
            ///
            /// The key makes sure that the command has one effect however often it is sent; the key that the request
            /// implies is used when it is absent. It is decided at the engine's time when `now` is absent.
            #[uniffi::method(default(key = None, now = None))]
            pub async fn $method(
                &self,
                request: $request,
                key: Option<IdempotencyKey>,
                now: Option<Timestamp>,
            ) -> Result<$reply, RewardsError> {
                Ok(self.run(request, key, now).await?.reply)
            }

            $(#[$doc])*
            ///
            /// Tells beside the reply whether the command was done before with the same key.
            #[uniffi::method(default(key = None, now = None))]
            pub async fn $with_receipt(
                &self,
                request: $request,
                key: Option<IdempotencyKey>,
                now: Option<Timestamp>,
            ) -> Result<$receipt, RewardsError> {
                let receipt = self.run(request, key, now).await?;
                Ok($receipt { reply: receipt.reply, replayed: receipt.replayed })
            }
        )*}

        $(texts! { $from_json: $request, $to_json: $reply })*

        #[cfg(test)]
        const COMMANDS: &[&str] = &[$(stringify!($method)),*];
    };
}

/// Queries change nothing and need no key.
macro_rules! queries {
    ($($(#[$doc:meta])* $method:ident: $request:ident => $reply:ident, $from_json:ident, $to_json:ident;)*) => {
        #[uniffi::export(async_runtime = "tokio")]
        impl RewardsEngine {$(
            $(#[$doc])*
            ///
            /// It is answered for the engine's time when `now` is absent.
            #[uniffi::method(default(now = None))]
            pub async fn $method(
                &self,
                request: $request,
                now: Option<Timestamp>,
            ) -> Result<$reply, RewardsError> {
                Ok(self.run(request, None, now).await?.reply)
            }
        )*}

        $(texts! { $from_json: $request, $to_json: $reply })*

        #[cfg(test)]
        const QUERIES: &[&str] = &[$(stringify!($method)),*];
    };
}

macro_rules! texts {
    ($from_json:ident: $request:ident, $to_json:ident: $reply:ident) => {
        /// Reads the request from JSON, or says all that is wrong with its shape.
        #[uniffi::export]
        pub fn $from_json(json: String) -> Result<$request, RewardsError> {
            read(&json)
        }

        /// Writes the reply as canonical JSON.
        #[uniffi::export]
        pub fn $to_json(reply: $reply) -> Result<String, RewardsError> {
            write(&reply)
        }
    };
}

commands! {
    /// Publishes a revision of a program.
    publish_program, publish_program_receipt -> PublishProgramReceipt: PublishProgram => PublishedProgram,
        publish_program_from_json, published_program_to_json;
    /// Registers a member: from now on the member's purchases are rewarded.
    register_member, register_member_receipt -> RegisterMemberReceipt: RegisterMember => RegisteredMember,
        register_member_from_json, registered_member_to_json;
    /// Changes segments, attributes or the status of a member.
    update_member, update_member_receipt -> UpdateMemberReceipt: UpdateMember => UpdatedMember,
        update_member_from_json, updated_member_to_json;
    /// Drops everything that was told of a member in words; ids and amounts stay.
    merge_members, merge_members_receipt -> MergeMembersReceipt: MergeMembers => MergedMembers,
        merge_members_from_json, merged_members_to_json;
    erase_member, erase_member_receipt -> EraseMemberReceipt: EraseMember => ErasedMember,
        erase_member_from_json, erased_member_to_json;
    /// Links another name to a member, such as a phone number: from now on the member is found by it.
    link_alias, link_alias_receipt -> LinkAliasReceipt: LinkAlias => LinkedAlias,
        link_alias_from_json, linked_alias_to_json;
    /// Unlinks a name: nobody is found by it any more.
    unlink_alias, unlink_alias_receipt -> UnlinkAliasReceipt: UnlinkAlias => UnlinkedAlias,
        unlink_alias_from_json, unlinked_alias_to_json;
    /// Records a purchase and grants what it earns, once and for all.
    record_purchase, record_purchase_receipt -> RecordPurchaseReceipt: RecordPurchase => RecordedPurchase,
        record_purchase_from_json, recorded_purchase_to_json;
    /// Confirms a purchase: its pending rewards become available now.
    confirm_purchase, confirm_purchase_receipt -> ConfirmPurchaseReceipt: ConfirmPurchase => ConfirmedPurchase,
        confirm_purchase_from_json, confirmed_purchase_to_json;
    /// Refunds a purchase, or a part of it: what was granted for what comes back is taken back.
    refund_purchase, refund_purchase_receipt -> RefundPurchaseReceipt: RefundPurchase => RefundedPurchase,
        refund_purchase_from_json, refunded_purchase_to_json;
    /// Replaces a purchase: all that is left of it is refunded and another one is recorded in its place, in one step.
    replace_purchase, replace_purchase_receipt -> ReplacePurchaseReceipt: ReplacePurchase => ReplacedPurchase,
        replace_purchase_from_json, replaced_purchase_to_json;
    /// Cancels a purchase: what it earned is taken back.
    cancel_purchase, cancel_purchase_receipt -> CancelPurchaseReceipt: CancelPurchase => CancelledPurchase,
        cancel_purchase_from_json, cancelled_purchase_to_json;
    /// Pays an order, or a part of it, with what a member has.
    redeem, redeem_receipt -> RedeemReceipt: Redeem => Redeemed,
        redeem_from_json, redeemed_to_json;
    /// Reserves value of a member for an order, to be captured or released.
    authorize_redemption, authorize_redemption_receipt -> AuthorizeRedemptionReceipt: AuthorizeRedemption => AuthorizedRedemption,
        authorize_redemption_from_json, authorized_redemption_to_json;
    /// Captures reserved value: it pays its order, all of it or a part.
    capture_redemption, capture_redemption_receipt -> CaptureRedemptionReceipt: CaptureRedemption => CapturedRedemption,
        capture_redemption_from_json, captured_redemption_to_json;
    /// Releases reserved value: it goes back to its member.
    release_redemption, release_redemption_receipt -> ReleaseRedemptionReceipt: ReleaseRedemption => ReleasedRedemption,
        release_redemption_from_json, released_redemption_to_json;
    /// Cancels a redemption: what paid an order goes back to its member, all of it or a part.
    cancel_redemption, cancel_redemption_receipt -> CancelRedemptionReceipt: CancelRedemption => CancelledRedemption,
        cancel_redemption_from_json, cancelled_redemption_to_json;
    /// Creates a wallet that members share: from now on any of them pays from it with what all have, in one order.
    create_shared_wallet, create_shared_wallet_receipt -> CreateSharedWalletReceipt: CreateSharedWallet => CreatedSharedWallet,
        create_shared_wallet_from_json, created_shared_wallet_to_json;
    /// Changes who shares a wallet and in which order they pay, or closes it.
    update_shared_wallet, update_shared_wallet_receipt -> UpdateSharedWalletReceipt: UpdateSharedWallet => UpdatedSharedWallet,
        update_shared_wallet_from_json, updated_shared_wallet_to_json;
    /// Grants a reward manually, with a reason.
    grant_reward, grant_reward_receipt -> GrantRewardReceipt: GrantReward => ManualGrant,
        grant_reward_from_json, manual_grant_to_json;
    /// Takes value from a member's balance manually, with a reason.
    deduct_balance, deduct_balance_receipt -> DeductBalanceReceipt: DeductBalance => DeductedBalance,
        deduct_balance_from_json, deducted_balance_to_json;
    /// Initiates a deposit: a member is about to pay money to a provider.
    initiate_deposit, initiate_deposit_receipt -> InitiateDepositReceipt: InitiateDeposit => InitiatedDeposit,
        initiate_deposit_from_json, initiated_deposit_to_json;
    /// Confirms a deposit, or says that it has failed, by what its provider signed.
    confirm_deposit, confirm_deposit_receipt -> ConfirmDepositReceipt: ConfirmDeposit => SettledDeposit,
        confirm_deposit_from_json, settled_deposit_to_json;
    /// Creates a payment: what it comes to is settled, and nothing is held yet.
    create_payment, create_payment_receipt -> CreatePaymentReceipt: CreatePayment => CreatedPayment,
        create_payment_from_json, created_payment_to_json;
    /// Holds the value of a payment.
    hold_payment, hold_payment_receipt -> HoldPaymentReceipt: HoldPayment => HeldPayment,
        hold_payment_from_json, held_payment_to_json;
    /// Submits a payment: names the attempt, and the key under which the outside is asked.
    submit_payment, submit_payment_receipt -> SubmitPaymentReceipt: SubmitPayment => SubmittedPayment,
        submit_payment_from_json, submitted_payment_to_json;
    /// Reports what became of an attempt: completed, declined or unknown.
    report_payment, report_payment_receipt -> ReportPaymentReceipt: ReportPayment => ReportedPayment,
        report_payment_from_json, reported_payment_to_json;
    /// Cancels a payment that nobody has tried.
    cancel_payment, cancel_payment_receipt -> CancelPaymentReceipt: CancelPayment => CancelledPayment,
        cancel_payment_from_json, cancelled_payment_to_json;
    /// Refunds a payment, all that is left of it or so much.
    refund_payment, refund_payment_receipt -> RefundPaymentReceipt: RefundPayment => RefundedPayment,
        refund_payment_from_json, refunded_payment_to_json;
    /// Creates a book of coupons: what holds for all of its codes.
    create_coupon_book, create_coupon_book_receipt -> CreateCouponBookReceipt: CreateCouponBook => CreatedCouponBook,
        create_coupon_book_from_json, created_coupon_book_to_json;
    /// Updates a book of coupons: pauses, resumes, closes or extends it, or changes what holds for its codes.
    update_coupon_book, update_coupon_book_receipt -> UpdateCouponBookReceipt: UpdateCouponBook => UpdatedCouponBook,
        update_coupon_book_from_json, updated_coupon_book_to_json;
    /// Generates codes of a book, some of a batch at a time.
    generate_coupons, generate_coupons_receipt -> GenerateCouponsReceipt: GenerateCoupons => GeneratedCoupons,
        generate_coupons_from_json, generated_coupons_to_json;
    /// Uploads codes that were made elsewhere, and tells which lines are none.
    upload_coupons, upload_coupons_receipt -> UploadCouponsReceipt: UploadCoupons => UploadedCoupons,
        upload_coupons_from_json, uploaded_coupons_to_json;
    /// Assigns coupons of a book to a member: free ones by a fair draw, or those with given codes.
    assign_coupons, assign_coupons_receipt -> AssignCouponsReceipt: AssignCoupons => AssignedCoupons,
        assign_coupons_from_json, assigned_coupons_to_json;
    /// Distributes coupons of a book to a pool of members: so many for each, or so many in all.
    distribute_coupons, distribute_coupons_receipt -> DistributeCouponsReceipt: DistributeCoupons => DistributedCoupons,
        distribute_coupons_from_json, distributed_coupons_to_json;
    /// Unassigns a coupon: it goes back from its holder to its book.
    unassign_coupon, unassign_coupon_receipt -> UnassignCouponReceipt: UnassignCoupon => UnassignedCoupon,
        unassign_coupon_from_json, unassigned_coupon_to_json;
    /// Checks a code for a member, and tells what it is good for.
    check_coupon, check_coupon_receipt -> CheckCouponReceipt: CheckCoupon => CheckedCoupon,
        check_coupon_from_json, checked_coupon_to_json;
    /// Locks a coupon for an order, until a time.
    lock_coupon, lock_coupon_receipt -> LockCouponReceipt: LockCoupon => LockedCoupon,
        lock_coupon_from_json, locked_coupon_to_json;
    /// Ends the lease of an order on a coupon.
    unlock_coupon, unlock_coupon_receipt -> UnlockCouponReceipt: UnlockCoupon => UnlockedCoupon,
        unlock_coupon_from_json, unlocked_coupon_to_json;
    /// Redeems a coupon once.
    redeem_coupon, redeem_coupon_receipt -> RedeemCouponReceipt: RedeemCoupon => RedeemedCoupon,
        redeem_coupon_from_json, redeemed_coupon_to_json;
    /// Transfers a coupon to another member.
    transfer_coupon, transfer_coupon_receipt -> TransferCouponReceipt: TransferCoupon => TransferredCoupon,
        transfer_coupon_from_json, transferred_coupon_to_json;
    /// Replaces a coupon whose code was lost: another code takes its place, and it is voided.
    replace_coupon, replace_coupon_receipt -> ReplaceCouponReceipt: ReplaceCoupon => ReplacedCoupon,
        replace_coupon_from_json, replaced_coupon_to_json;
    /// Voids a coupon: it is good for nothing any more.
    void_coupon, void_coupon_receipt -> VoidCouponReceipt: VoidCoupon => VoidedCoupon,
        void_coupon_from_json, voided_coupon_to_json;
    /// Carries out everything that is due for a member with time.
    settle_member, settle_member_receipt -> SettleMemberReceipt: SettleMember => SettledMember,
        settle_member_from_json, settled_member_to_json;
    /// Sends value from a member to another one.
    transfer_balance, transfer_balance_receipt -> TransferBalanceReceipt: TransferBalance => CompletedTransfer,
        transfer_balance_from_json, completed_transfer_to_json;
    /// Imports rates between currencies, from a file or one by one.
    import_rates, import_rates_receipt -> ImportRatesReceipt: ImportRates => ImportedRates, import_rates_from_json, imported_rates_to_json;
    /// Holds what an amount becomes in another currency, to be used once.
    lock_conversion, lock_conversion_receipt -> LockConversionReceipt: LockConversion => LockedConversion, lock_conversion_from_json, locked_conversion_to_json;
    /// Converts value of a member into another currency.
    convert_balance, convert_balance_receipt -> ConvertBalanceReceipt: ConvertBalance => ConvertedBalance, convert_balance_from_json, converted_balance_to_json;
    /// Refunds a conversion, or a part of it, at the rate it was made by.
    refund_conversion, refund_conversion_receipt -> RefundConversionReceipt: RefundConversion => RefundedConversion, refund_conversion_from_json, refunded_conversion_to_json;
    /// Assesses a payment: it is scored, counted, and approved, reviewed or blocked.
    assess_payment, assess_payment_receipt -> AssessPaymentReceipt: AssessPayment => AssessedPayment,
        assess_payment_from_json, assessed_payment_to_json;
    /// Labels a payment: what it turned out to be.
    label_payment, label_payment_receipt -> LabelPaymentReceipt: LabelPayment => LabelledPayment,
        label_payment_from_json, labelled_payment_to_json;
    /// Adds a value to a list of a program, until a time or for ever.
    add_to_risk_list, add_to_risk_list_receipt -> AddToRiskListReceipt: AddToRiskList => ListedRiskEntry,
        add_to_risk_list_from_json, listed_risk_entry_to_json;
    /// Removes a value from a list of a program.
    remove_from_risk_list, remove_from_risk_list_receipt -> RemoveFromRiskListReceipt: RemoveFromRiskList => RemovedRiskEntry,
        remove_from_risk_list_from_json, removed_risk_entry_to_json;
    /// Snoozes a rule for one value of one key, until a time.
    snooze_rule, snooze_rule_receipt -> SnoozeRuleReceipt: SnoozeRule => SnoozedRule,
        snooze_rule_from_json, snoozed_rule_to_json;
    /// Claims a review: somebody looks at a payment, and nobody else does.
    claim_review, claim_review_receipt -> ClaimReviewReceipt: ClaimReview => ClaimedReview,
        claim_review_from_json, claimed_review_to_json;
    /// Decides a review: its owner says whether the payment may go on.
    decide_review, decide_review_receipt -> DecideReviewReceipt: DecideReview => DecidedReview,
        decide_review_from_json, decided_review_to_json;
    /// Creates a code.
    create_qr, create_qr_receipt -> CreateQrReceipt: CreateQr => CreatedQr,
        create_qr_from_json, created_qr_to_json;
    /// Scans a code.
    scan_qr, scan_qr_receipt -> ScanQrReceipt: ScanQr => ScannedQr,
        scan_qr_from_json, scanned_qr_to_json;
    /// Cancels a code.
    cancel_qr, cancel_qr_receipt -> CancelQrReceipt: CancelQr => CancelledQr,
        cancel_qr_from_json, cancelled_qr_to_json;
    /// Issues a token: value of a member is reserved, and promised to whoever takes the token.
    issue_token, issue_token_receipt -> IssueTokenReceipt: IssueToken => IssuedToken,
        issue_token_from_json, issued_token_to_json;
    /// Redeems a token: whoever bears it is paid all of it, once.
    redeem_token, redeem_token_receipt -> RedeemTokenReceipt: RedeemToken => RedeemedToken,
        redeem_token_from_json, redeemed_token_to_json;
    /// Settles payments that were taken with tokens where there was no network, in any order.
    settle_receipts, settle_receipts_receipt -> SettleReceiptsReceipt: SettleReceipts => SettledReceipts,
        settle_receipts_from_json, settled_receipts_to_json;
    /// Cancels a token: what was not spent is the member's again.
    cancel_token, cancel_token_receipt -> CancelTokenReceipt: CancelToken => CancelledToken,
        cancel_token_from_json, cancelled_token_to_json;
    /// Freezes the tokens of a member, or those that are for one device: it was lost.
    freeze_tokens, freeze_tokens_receipt -> FreezeTokensReceipt: FreezeTokens => FrozenTokens,
        freeze_tokens_from_json, frozen_tokens_to_json;
}

queries! {
    /// Asks what a purchase would be granted now. Nothing is stored.
    quote_purchase: QuotePurchase => QuotedPurchase, quote_purchase_from_json, quoted_purchase_to_json;
    /// Asks for a page of the programs, newest first.
    list_programs: ListPrograms => ProgramList, list_programs_from_json, program_list_to_json;
    /// Asks for one revision of a program.
    get_program: GetProgram => ProgramRevision, get_program_from_json, program_revision_to_json;
    /// Asks for a page of the members, newest first.
    list_members: ListMembers => MemberList, list_members_from_json, member_list_to_json;
    /// Asks whose name it is.
    resolve_alias: ResolveAlias => ResolvedAlias, resolve_alias_from_json, resolved_alias_to_json;
    /// Asks for a page of purchases, newest first.
    list_purchases: ListPurchases => PurchaseList, list_purchases_from_json, purchase_list_to_json;
    /// Asks for a page of refunds, newest first, or of one purchase in their order.
    list_refunds: ListRefunds => RefundList, list_refunds_from_json, refund_list_to_json;
    /// Asks for a recorded purchase: what it was granted and why.
    get_purchase: GetPurchase => PurchaseDetails, get_purchase_from_json, purchase_details_to_json;
    /// Asks for a page of adjustments, newest first.
    list_adjustments: ListAdjustments => AdjustmentList, list_adjustments_from_json, adjustment_list_to_json;
    /// Asks for an adjustment: what was granted or taken manually under an id of the app's.
    get_adjustment: GetAdjustment => AdjustmentDetails, get_adjustment_from_json, adjustment_details_to_json;
    /// Asks for a page of deposits, newest first.
    list_deposits: ListDeposits => DepositList, list_deposits_from_json, deposit_list_to_json;
    /// Asks for a deposit, as it is now.
    get_deposit: GetDeposit => DepositDetails, get_deposit_from_json, deposit_details_to_json;
    /// Asks what a payment would come to by each route.
    quote_payment: QuotePayment => QuotedPayment, quote_payment_from_json, quoted_payment_to_json;
    /// Asks for a page of payments.
    list_payments: ListPayments => PaymentList, list_payments_from_json, payment_list_to_json;
    /// Asks for a payment, as it is now.
    get_payment: GetPayment => PaymentDetails, get_payment_from_json, payment_details_to_json;
    /// Asks how stages of a program's pipeline did on some days.
    get_stage_statistics: GetStageStatistics => StageStatisticsList, get_stage_statistics_from_json, stage_statistics_list_to_json;
    /// Asks for a page of books of coupons, newest first.
    list_coupon_books: ListCouponBooks => CouponBookList, list_coupon_books_from_json, coupon_book_list_to_json;
    /// Asks for a book of coupons and how many of its codes are where in their life.
    get_coupon_book: GetCouponBook => CouponBookStatistics, get_coupon_book_from_json, coupon_book_statistics_to_json;
    /// Asks for a batch of codes and how far it is.
    get_coupon_batch: GetCouponBatch => CouponBatchDetails, get_coupon_batch_from_json, coupon_batch_details_to_json;
    /// Asks for a page of coupons, of a member or of a book.
    list_coupons: ListCoupons => CouponList, list_coupons_from_json, coupon_list_to_json;
    /// Asks for a coupon and where it is in its life.
    get_coupon: GetCoupon => CouponDetails, get_coupon_from_json, coupon_details_to_json;
    /// Asks for a page of what expires soon, the first to expire first.
    list_expiring: ListExpiring => ExpiringList, list_expiring_from_json, expiring_list_to_json;
    /// Asks what would pay an order now. Nothing is reserved.
    quote_redemption: QuoteRedemption => QuotedRedemption, quote_redemption_from_json, quoted_redemption_to_json;
    /// Asks for a page of redemptions, newest first.
    list_redemptions: ListRedemptions => RedemptionList, list_redemptions_from_json, redemption_list_to_json;
    /// Asks for a redemption: what pays its order, and where it is in its life.
    get_redemption: GetRedemption => RedemptionDetails, get_redemption_from_json, redemption_details_to_json;
    /// Asks for a page of shared wallets, newest first.
    list_shared_wallets: ListSharedWallets => SharedWalletList, list_shared_wallets_from_json, shared_wallet_list_to_json;
    /// Asks for a shared wallet: who pays in which order, and with what.
    get_shared_wallet: GetSharedWallet => SharedWalletDetails, get_shared_wallet_from_json, shared_wallet_details_to_json;
    /// Asks for a member's balances.
    get_balance: GetBalance => Balance, get_balance_from_json, balance_to_json;
    /// Asks for a page of a member's statement, newest first.
    get_statement: GetStatement => Statement, get_statement_from_json, statement_to_json;
    /// Asks where a member stands on the tier ladders of a program.
    get_tiers: GetTiers => MemberTiers, get_tiers_from_json, member_tiers_to_json;
    /// Asks for a page of transfers, newest first.
    list_transfers: ListTransfers => TransferList, list_transfers_from_json, transfer_list_to_json;
    /// Asks for a transfer.
    get_transfer: GetTransfer => TransferDetails, get_transfer_from_json, transfer_details_to_json;
    /// Asks for a page of the rates of a source for a pair, newest day first.
    list_rates: ListRates => FxRateList, list_rates_from_json, fx_rate_list_to_json;
    /// Asks for the rate from one currency to another on a day, with its steps and its age.
    get_rate: GetRate => FxRateFound, get_rate_from_json, fx_rate_found_to_json;
    /// Asks what an amount would become in another currency. Nothing is held.
    quote_conversion: QuoteConversion => QuotedConversion, quote_conversion_from_json, quoted_conversion_to_json;
    /// Asks for a page of conversions, newest first.
    list_conversions: ListConversions => ConversionList, list_conversions_from_json, conversion_list_to_json;
    /// Asks for a conversion, and what of it went back.
    get_conversion: GetConversion => ConversionDetails, get_conversion_from_json, conversion_details_to_json;
    /// Asks what amounts are together in one currency, on a day.
    value_balances: ValueBalances => ValuedBalances, value_balances_from_json, valued_balances_to_json;
    /// Asks what would be decided of a payment. Nothing is counted.
    quote_assessment: QuoteAssessment => QuotedAssessment, quote_assessment_from_json, quoted_assessment_to_json;
    /// Asks for a page of assessments, newest first.
    list_assessments: ListAssessments => AssessmentList, list_assessments_from_json, assessment_list_to_json;
    /// Asks what was decided of a payment and why, and what became of it since.
    get_assessment: GetAssessment => AssessmentDetails, get_assessment_from_json, assessment_details_to_json;
    /// Asks for a page of the values on a list, those first that were added first.
    list_risk_entries: ListRiskEntries => RiskEntryList, list_risk_entries_from_json, risk_entry_list_to_json;
    /// Asks for a page of the reviews of a program, the oldest first.
    list_reviews: ListReviews => ReviewList, list_reviews_from_json, review_list_to_json;
    /// Asks for the text of a code. Nothing is read and nothing is written.
    build_qr: BuildQr => BuiltQr, build_qr_from_json, built_qr_to_json;
    /// Asks what a code says. Nothing is read and nothing is written.
    parse_qr: ParseQr => ParsedQr, parse_qr_from_json, parsed_qr_to_json;
    /// Asks for a page of codes, newest first.
    list_qrs: ListQrs => QrList, list_qrs_from_json, qr_list_to_json;
    /// Asks for a code and where it is in its life.
    get_qr: GetQr => QrDetails, get_qr_from_json, qr_details_to_json;
    /// Asks through which wallets a code can be paid, and what that costs whom.
    quote_qr_routes: QuoteQrRoutes => QuotedQrRoutes, quote_qr_routes_from_json, quoted_qr_routes_to_json;
    /// Asks for a page of tokens, newest first.
    list_tokens: ListTokens => TokenList, list_tokens_from_json, token_list_to_json;
    /// Asks for a token, and the payments with it.
    get_token: GetToken => TokenDetails, get_token_from_json, token_details_to_json;
    /// Asks for a page of the tokens of an issuer that pay nothing any more.
    list_revoked_tokens: ListRevokedTokens => RevokedTokenList, list_revoked_tokens_from_json, revoked_token_list_to_json;
    /// Asks for the public keys that tokens are verified with.
    get_token_keys: GetTokenKeys => TokenKeyList, get_token_keys_from_json, token_key_list_to_json;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rewards_core::command::Kind;
    use rewards_core::registry::OPERATIONS;

    use super::*;

    #[test]
    fn every_operation_has_its_method() {
        for (kind, methods) in [(Kind::Command, COMMANDS), (Kind::Query, QUERIES)] {
            let known = OPERATIONS.iter().filter(|operation| operation.kind == kind);
            let known: BTreeSet<&str> = known.map(|operation| operation.name).collect();
            assert_eq!(methods.iter().copied().collect::<BTreeSet<_>>(), known);
        }
    }
}
