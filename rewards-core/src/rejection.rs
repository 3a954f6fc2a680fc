//! Why a command has no effect: one [`Rejection`] with a stable code, and the [`Fault`] every host sees.

mod fault;
mod problem;

pub use fault::{Fault, FaultKind, codes};
pub use problem::Problem;

use std::collections::BTreeMap;
use std::fmt;

use crate::ids::{
    AdjustmentId, ConversionId, CouponBatchId, CouponBookId, CouponId, DepositId, FxQuoteId, KeyId,
    MemberId, PaymentId, ProgramId, PurchaseId, QrId, RedemptionId, RefundId, SharedWalletId, Slug,
    TokenId, TransferId,
};
use crate::ledger::LedgerError;
use crate::money::{Asset, Currency, Money};
use crate::secret::KeyPurpose;
use crate::time::{LocalDate, Timestamp};
use crate::tokens::TokenError;

/// One line a variant: its code, what a caller can do about it, its HTTP status, and its words, which name its fields. The
/// fields are also the context of the fault.
macro_rules! rejections {
    ($(
        $(#[doc = $doc:literal])*
        $variant:ident $(($only:ident: $only_type:ty))? $({ $($(#[doc = $field_doc:literal])* $field:ident: $type:ty,)* })?
            => $code:literal, $kind:ident, $status:literal, $words:literal;
    )*) => {
        /// Why a command has no effect. Nothing is written when a command is rejected.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Rejection {
            /// The input itself is wrong; all problems found.
            Invalid(Vec<Problem>),
            /// An offline token is not taken; each reason has a code of its own.
            Token(TokenError),
            $($(#[doc = $doc])* $variant $(($only_type))? $({ $($(#[doc = $field_doc])* $field: $type,)* })?,)*
        }

        impl fmt::Display for Rejection {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Invalid(problems) => f.write_str(&describe(problems)),
                    Self::Token(error) => write!(f, "the token is not taken: {error}"),
                    $(Self::$variant $(($only))? $({ $($field,)* })? => write!(f, $words),)*
                }
            }
        }

        impl Rejection {
            /// The stable code.
            #[must_use]
            pub fn code(&self) -> &'static str {
                match self {
                    Self::Invalid(_) => "invalid",
                    Self::Token(error) => error.code(),
                    $(Self::$variant { .. } => $code,)*
                }
            }

            fn context(&self) -> BTreeMap<String, String> {
                match self {
                    Self::Invalid(_) => BTreeMap::new(),
                    Self::Token(error) => error.context(),
                    $(Self::$variant $(($only))? $({ $($field,)* })? => BTreeMap::from([
                        $((stringify!($only).to_owned(), $only.to_string()),)?
                        $($((stringify!($field).to_owned(), $field.to_string()),)*)?
                    ]),)*
                }
            }
        }

        const REJECTIONS: &[(&str, FaultKind, u16)] = &[
            ("invalid", FaultKind::Invalid, 422),
            $(($code, FaultKind::$kind, $status),)*
        ];
    };
}

rejections! {
    /// No program has this id.
    ProgramUnknown(program: ProgramId) => "program_unknown", Rejected, 404, "unknown program `{program}`";
    /// The program has no such revision.
    RevisionUnknown {
        /// The program.
        program: ProgramId,
        /// The number of the revision.
        revision: u32,
    } => "revision_unknown", Rejected, 404, "program `{program}` has no revision {revision}";
    /// The program has no revision that is active at the instant.
    ProgramNotActive {
        /// The program.
        program: ProgramId,
        /// The instant.
        at: Timestamp,
    } => "program_not_active", Rejected, 422, "program `{program}` has no revision active at {at}";
    /// No member has this id.
    MemberUnknown(member: MemberId) => "member_unknown", Rejected, 404, "unknown member `{member}`";
    /// The member is registered already.
    MemberExists(member: MemberId) => "member_exists", Rejected, 409, "member `{member}` is registered already";
    /// The member has left.
    MemberClosed(member: MemberId) => "member_closed", Rejected, 409, "member `{member}` is closed";
    /// The member takes no part for now.
    MemberSuspended(member: MemberId) => "member_suspended", Rejected, 409, "member `{member}` is suspended";
    /// The member was merged into another one, who takes part from then on.
    MemberMerged {
        /// The member.
        member: MemberId,
        /// Into whom.
        into: MemberId,
    } => "member_merged", Rejected, 409, "member `{member}` was merged into `{into}`";
    /// A member cannot be merged into itself.
    MergeToSelf(member: MemberId) => "merge_to_self", Rejected, 422, "member `{member}` would be merged into itself";
    /// The member still has something, and must not lose it.
    BalanceLeft(member: MemberId) => "balance_left", Rejected, 409, "member `{member}` has value left: say `forfeit` to give it up";
    /// Nobody, or not this member, has such an alias.
    AliasUnknown {
        /// What kind of name it is.
        kind: Slug,
    } => "alias_unknown", Rejected, 404, "unknown alias of kind `{kind}`";
    /// The alias is another member's.
    AliasExists {
        /// What kind of name it is.
        kind: Slug,
    } => "alias_exists", Rejected, 409, "this alias of kind `{kind}` belongs to another member";
    /// Something is kept under a key that the key ring does not have.
    KeyMissing {
        /// The key.
        key: KeyId,
    } => "key_missing", Internal, 500, "key `{key}` is in use and not in the key ring";
    /// No purchase of the member has this id.
    PurchaseUnknown(purchase: PurchaseId) => "purchase_unknown", Rejected, 404, "unknown purchase `{purchase}`";
    /// A purchase with this id is recorded already.
    PurchaseExists(purchase: PurchaseId) => "purchase_exists", Rejected, 409, "purchase `{purchase}` is recorded already";
    /// The purchase was cancelled.
    PurchaseCancelled(purchase: PurchaseId) => "purchase_cancelled", Rejected, 409, "purchase `{purchase}` is cancelled";
    /// A refund with this id is recorded already.
    RefundExists(refund: RefundId) => "refund_exists", Rejected, 409, "refund `{refund}` is recorded already";
    /// All of the purchase was refunded.
    PurchaseRefunded(purchase: PurchaseId) => "purchase_refunded", Rejected, 409, "purchase `{purchase}` is refunded";
    /// More of an amount is to be refunded than is left.
    RefundExceeds {
        /// What was asked for, as amount and asset.
        asked: String,
        /// What is left, as amount and asset.
        left: String,
    } => "refund_exceeds", Rejected, 422, "{asked} cannot be refunded: {left} is left";
    /// The purchase has no such line.
    LineUnknown {
        /// The line, counted from 0.
        line: u32,
    } => "line_unknown", Rejected, 404, "the purchase has no line {line}";
    /// More pieces of a line are to be refunded than are left.
    PiecesExceed {
        /// The line, counted from 0.
        line: u32,
        /// How many were asked for.
        asked: u32,
        /// How many are left.
        left: u32,
    } => "pieces_exceed", Rejected, 422, "{asked} pieces of line {line} cannot be refunded: {left} are left";
    /// The purchase was confirmed before.
    PurchaseConfirmed(purchase: PurchaseId) => "purchase_confirmed", Rejected, 409, "purchase `{purchase}` is confirmed already";
    /// Nobody can pay in under the program.
    DepositsNotOffered(program: ProgramId) => "deposits_not_offered", Rejected, 422, "program `{program}` takes no deposits";
    /// The program takes no deposits through this provider.
    ProviderUnknown(provider: Slug) => "provider_unknown", Rejected, 422, "no deposits are taken through provider `{provider}`";
    /// The amount of a deposit is below the least or above the most that the program allows.
    DepositOutOfBounds {
        /// The amount, with its asset.
        amount: String,
        /// The least and the most.
        bounds: String,
    } => "deposit_out_of_bounds", Rejected, 422, "a deposit of {amount} is out of bounds: expected {bounds}";
    /// No adjustment has this id.
    AdjustmentUnknown(adjustment: AdjustmentId) => "adjustment_unknown", Rejected, 404, "unknown adjustment `{adjustment}`";
    /// No deposit has this id.
    DepositUnknown(deposit: DepositId) => "deposit_unknown", Rejected, 404, "unknown deposit `{deposit}`";
    /// A deposit with this id is initiated already.
    DepositExists(deposit: DepositId) => "deposit_exists", Rejected, 409, "deposit `{deposit}` is initiated already";
    /// The money of the deposit came in before.
    DepositConfirmed(deposit: DepositId) => "deposit_confirmed", Rejected, 409, "deposit `{deposit}` is confirmed already";
    /// The provider said before that the money does not come.
    DepositFailed(deposit: DepositId) => "deposit_failed", Rejected, 409, "deposit `{deposit}` has failed already";
    /// A message is genuine and says something else than the deposit.
    DepositMismatch {
        /// The deposit.
        deposit: DepositId,
        /// In what they differ: `tenant`, `deposit`, `amount` or `reference`.
        differs: &'static str,
    } => "deposit_mismatch", Rejected, 422, "the message does not fit deposit `{deposit}`: it differs in `{differs}`";
    /// A message was not signed by whom it had to be signed by.
    SignatureInvalid => "signature_invalid", Rejected, 403, "the signature is not that of the message under a key of the signer";
    /// A message was signed too long ago, or in the time to come.
    SignatureExpired {
        /// When it was signed.
        signed_at: Timestamp,
        /// By how many seconds that may differ from the time of the command.
        tolerance: u32,
    } => "signature_expired", Rejected, 403, "the message was signed at {signed_at}, which is more than {tolerance} seconds off";
    /// A message names a key that the key ring does not have.
    SignatureKeyUnknown(key: KeyId) => "signature_key_unknown", Rejected, 403, "the message is signed with key `{key}`, which is not in the key ring";
    /// Value of the member is reserved for an order.
    ReservedLeft(member: MemberId) => "reserved_left", Rejected, 409, "value of member `{member}` is reserved: capture or release it first";
    /// The program says nothing of redemptions.
    RedemptionNotOffered(program: ProgramId) => "redemption_not_offered", Rejected, 422, "program `{program}` has no section `redemptions`";
    /// No redemption of the member has this id.
    RedemptionUnknown(redemption: RedemptionId) => "redemption_unknown", Rejected, 404, "unknown redemption `{redemption}`";
    /// A redemption with this id was made already.
    RedemptionExists(redemption: RedemptionId) => "redemption_exists", Rejected, 409, "redemption `{redemption}` was made already";
    /// More than the order, or than the share of it that may be paid.
    RedemptionAboveOrder {
        /// What was asked for, as amount and asset.
        asked: String,
        /// The most that may be paid.
        most: String,
    } => "redemption_above_order", Rejected, 422, "{asked} asked for, of this order at most {most} may be paid";
    /// There is nothing that could pay.
    RedemptionEmpty => "redemption_empty", Rejected, 422, "nothing would be paid";
    /// Fewer units than pay at all.
    UnitsBelowFloor {
        /// The unit.
        bucket: String,
        /// The fewest that pay.
        floor: String,
    } => "units_below_floor", Rejected, 422, "of `{bucket}` at least {floor} pay at once";
    /// A number of units that does not pay.
    UnitsNotOfStep {
        /// The unit.
        bucket: String,
        /// Only multiples of this pay.
        step: String,
    } => "units_not_of_step", Rejected, 422, "of `{bucket}` only multiples of {step} pay";
    /// More of a unit than pays of one order.
    UnitsAboveCeiling {
        /// The unit.
        bucket: String,
        /// The most that pays: units, or what they are worth.
        most: String,
    } => "units_above_ceiling", Rejected, 422, "of `{bucket}` at most {most} pays of this order";
    /// More than is reserved.
    CaptureAboveReserved {
        /// The redemption.
        redemption: RedemptionId,
        /// What is reserved, as amount and asset.
        reserved: String,
    } => "capture_above_reserved", Rejected, 422, "redemption `{redemption}` has {reserved} left";
    /// More than was paid and has not gone back.
    CancelAbovePaid {
        /// The redemption.
        redemption: RedemptionId,
        /// What was paid, as amount and asset.
        paid: String,
    } => "cancel_above_paid", Rejected, 422, "of redemption `{redemption}` {paid} can go back";
    /// The redemption still reserves value.
    RedemptionAuthorized(redemption: RedemptionId) => "redemption_authorized", Rejected, 409, "redemption `{redemption}` reserves value: release it first";
    /// The redemption has nothing left to capture or release.
    RedemptionCaptured(redemption: RedemptionId) => "redemption_captured", Rejected, 409, "redemption `{redemption}` is captured already";
    /// What the redemption had reserved was released.
    RedemptionReleased(redemption: RedemptionId) => "redemption_released", Rejected, 409, "redemption `{redemption}` is released already";
    /// The time of the redemption is over.
    RedemptionExpired(redemption: RedemptionId) => "redemption_expired", Rejected, 409, "the time of redemption `{redemption}` is over";
    /// The redemption was cancelled.
    RedemptionCancelled(redemption: RedemptionId) => "redemption_cancelled", Rejected, 409, "redemption `{redemption}` is cancelled";
    /// A capture or a cancellation with this number was made already: each one of a redemption has another.
    RedemptionNumberUsed {
        /// The redemption.
        redemption: RedemptionId,
        /// `capture` or `cancellation`.
        step: &'static str,
        /// The number.
        number: u32,
    } => "redemption_number_used", Rejected, 409, "redemption `{redemption}` has a {step} with number {number} already";
    /// No shared wallet has this id.
    SharedWalletUnknown(wallet: SharedWalletId) => "shared_wallet_unknown", Rejected, 404, "unknown shared wallet `{wallet}`";
    /// A shared wallet with this id was created already.
    SharedWalletExists(wallet: SharedWalletId) => "shared_wallet_exists", Rejected, 409, "shared wallet `{wallet}` was created already";
    /// The shared wallet is closed: nothing is paid from it any more.
    SharedWalletClosed(wallet: SharedWalletId) => "shared_wallet_closed", Rejected, 409, "shared wallet `{wallet}` is closed";
    /// The member shares a wallet already, and nobody shares two.
    MemberInWallet {
        /// The member.
        member: MemberId,
        /// The wallet.
        wallet: SharedWalletId,
    } => "member_in_wallet", Rejected, 409, "member `{member}` shares wallet `{wallet}` already";
    /// The member does not share the wallet.
    MemberNotInWallet {
        /// The member.
        member: MemberId,
        /// The wallet.
        wallet: SharedWalletId,
    } => "member_not_in_wallet", Rejected, 403, "member `{member}` does not share wallet `{wallet}`";
    /// The decision would differ from the quote that the purchase pins.
    QuoteChanged {
        /// The digest the caller pinned.
        expected: String,
        /// The digest of the decision now.
        found: String,
    } => "quote_changed", Conflict, 409, "the quote no longer holds: expected digest `{expected}`, got `{found}`";
    /// The available balance does not cover a debit.
    Insufficient {
        /// What was asked for, as amount and asset.
        needed: String,
        /// What is available, as amount and asset.
        available: String,
    } => "insufficient_balance", Rejected, 402, "insufficient balance: {needed} needed, {available} available";
    /// No transfer has this id, or none that this member sent or got.
    TransferUnknown(transfer: TransferId) => "transfer_unknown", Rejected, 404, "unknown transfer `{transfer}`";
    /// A transfer with this id is completed already.
    TransferExists(transfer: TransferId) => "transfer_exists", Rejected, 409, "transfer `{transfer}` is completed already";
    /// Sender and receiver are the same member.
    TransferToSelf(member: MemberId) => "transfer_to_self", Rejected, 422, "member `{member}` would send to itself";
    /// The program allows no transfers of this asset.
    TransferNotAllowed {
        /// The program.
        program: ProgramId,
        /// The asset.
        asset: Asset,
    } => "transfer_not_allowed", Rejected, 422, "program `{program}` allows no transfers of `{asset}`";
    /// A limit of transfers would be broken.
    TransferLimited {
        /// Which one: `minimum`, `maximum`, `per_day` or `per_month`.
        limit: String,
        /// What is allowed, as amount and asset.
        allowed: String,
        /// What it would be, as amount and asset.
        found: String,
    } => "transfer_limit", Rejected, 422, "the limit `{limit}` of transfers is {allowed}, it would be {found}";
    /// The receiver has left or takes no part now. Which of the two is nobody else's business.
    ReceiverUnavailable(transfer: TransferId) => "receiver_unavailable", Rejected, 409, "the receiver of transfer `{transfer}` cannot get anything now";
    /// The receiver pays the fee, and it would take all that arrives.
    FeeExceedsAmount {
        /// The fee, as amount and asset.
        fee: String,
        /// What it is taken of, as amount and asset.
        amount: String,
    } => "fee_exceeds_amount", Rejected, 422, "the fee of {fee} leaves nothing of {amount}";
    /// No book of coupons has this id.
    CouponBookUnknown(book: CouponBookId) => "coupon_book_unknown", Rejected, 404, "unknown coupon book `{book}`";
    /// A book of coupons with this id is created already.
    CouponBookExists(book: CouponBookId) => "coupon_book_exists", Rejected, 409, "coupon book `{book}` is created already";
    /// The book of coupons is closed.
    CouponBookClosed(book: CouponBookId) => "coupon_book_closed", Rejected, 410, "coupon book `{book}` is closed";
    /// Nothing can be done with the codes of the book for now.
    CouponBookPaused(book: CouponBookId) => "coupon_book_paused", Rejected, 409, "coupon book `{book}` is paused";
    /// The time of the book of coupons has not come.
    CouponBookScheduled {
        /// The book.
        book: CouponBookId,
        /// From when on its codes can be redeemed.
        from: Timestamp,
    } => "coupon_book_scheduled", Rejected, 403, "the codes of coupon book `{book}` can be redeemed from {from} on";
    /// The time of the book of coupons is over.
    CouponBookExpired(book: CouponBookId) => "coupon_book_expired", Rejected, 410, "the time of coupon book `{book}` is over";
    /// The book of coupons has no batch with this id.
    CouponBatchUnknown(batch: CouponBatchId) => "coupon_batch_unknown", Rejected, 404, "unknown batch `{batch}`";
    /// A batch of codes is somewhere else, or is another one.
    CouponBatchMismatch {
        /// The batch.
        batch: CouponBatchId,
        /// In what they differ: `count` or `after`.
        differs: &'static str,
        /// What it is.
        found: u32,
    } => "coupon_batch_mismatch", Rejected, 409, "batch `{batch}` has another `{differs}`: {found}";
    /// No codes are made for the book.
    PatternMissing(book: CouponBookId) => "pattern_missing", Rejected, 422, "coupon book `{book}` has no pattern";
    /// The pattern has too few different codes.
    PatternTooSmall {
        /// How many different codes it has.
        room: u128,
        /// How many it must have at least.
        needed: u128,
    } => "pattern_too_small", Rejected, 422, "the pattern has {room} different codes, {needed} are needed";
    /// A limit of a book of coupons would be broken.
    CouponLimit {
        /// Which one.
        limit: &'static str,
        /// What is allowed.
        most: u32,
    } => "coupon_limit", Rejected, 409, "the limit `{limit}` is {most}";
    /// No coupon has this code or id.
    CouponUnknown => "coupon_unknown", Rejected, 404, "unknown coupon";
    /// Fewer codes of the book are free than were asked for.
    CouponsShort {
        /// How many were asked for.
        asked: u32,
        /// How many are free.
        free: u32,
    } => "coupons_short", Rejected, 409, "{asked} codes were asked for, {free} are free";
    /// Anyone may redeem the codes of the book, so nobody holds one.
    CouponNotAssignable(book: CouponBookId) => "coupon_not_assignable", Rejected, 422, "the codes of coupon book `{book}` are assigned to nobody";
    /// Nobody holds the coupon.
    CouponNotAssigned => "coupon_not_assigned", Rejected, 409, "the coupon is assigned to nobody";
    /// A member holds the coupon.
    CouponAssigned => "coupon_assigned", Rejected, 409, "the coupon is assigned already";
    /// Another order has a lease on the coupon.
    CouponLocked {
        /// The first instant at which it is over.
        until: Timestamp,
        /// In how many seconds, rounded up.
        seconds: i64,
    } => "coupon_locked", Rejected, 423, "the coupon is locked until {until}, for {seconds} seconds more";
    /// No order has a lease on the coupon.
    CouponNotLocked => "coupon_not_locked", Rejected, 409, "the coupon is not locked";
    /// The coupon must be locked before it is redeemed.
    CouponLockRequired => "coupon_lock_required", Rejected, 409, "the coupon must be locked first";
    /// Coupons of the book are never locked.
    CouponLockForbidden => "coupon_lock_forbidden", Rejected, 422, "the coupon cannot be locked";
    /// The coupon is used up.
    CouponRedeemed => "coupon_redeemed", Rejected, 409, "the coupon is used up";
    /// The coupon was voided.
    CouponVoided => "coupon_voided", Rejected, 410, "the coupon was voided";
    /// The time of the coupon is over.
    CouponExpired => "coupon_expired", Rejected, 410, "the time of the coupon is over";
    /// Members keep the coupons of the book.
    CouponTransferForbidden(book: CouponBookId) => "coupon_transfer_forbidden", Rejected, 422, "the coupons of book `{book}` are not given to other members";
    /// Another coupon of the same booklet comes before this one.
    CouponNotUnlocked {
        /// The first that is not used up.
        after: CouponId,
    } => "coupon_not_unlocked", Rejected, 409, "the coupon `{after}` of the same booklet comes first";
    /// The coupon was given with others, and does not leave them.
    CouponInBooklet => "coupon_in_booklet", Rejected, 422, "the coupon belongs to a booklet";
    /// The codes of the book are given so many together.
    BookletIncomplete {
        /// How many are one booklet.
        coupons: u32,
    } => "booklet_incomplete", Rejected, 422, "the book is given in booklets of {coupons} coupons: expected a multiple of that";
    /// Less is left on the coupon.
    CouponValueExceeded {
        /// What is left.
        left: Money,
    } => "coupon_value_exceeded", Rejected, 409, "{left} is left on the coupon";
    /// The coupon is worth no amount: it is used as a whole.
    CouponWithoutValue => "coupon_without_value", Rejected, 422, "the coupon is worth no amount";
    /// The code is that of a coupon already.
    CouponExists => "coupon_exists", Rejected, 409, "a coupon has this code already";
    /// The coupon was redeemed before, so that it stays with its holder.
    CouponUsed => "coupon_used", Rejected, 409, "the coupon was redeemed before";
    /// The member has told too many wrong codes.
    TooManyAttempts {
        /// The first instant at which another one is looked at.
        until: Timestamp,
    } => "too_many_attempts", Rejected, 429, "too many wrong codes: no other is looked at before {until}";
    /// A limit of a book of coupons would be below what is, or may be, used already.
    LimitBelowUse {
        /// Which limit.
        limit: &'static str,
        /// The least that it may be.
        least: u32,
    } => "limit_below_use", Rejected, 409, "the limit `{limit}` cannot be below {least}";
    /// The program says nothing of risk.
    RiskNotOffered(program: ProgramId) => "risk_not_offered", Rejected, 422, "program `{program}` has no section `risk`";
    /// No payment has this id, or none with it was assessed.
    PaymentUnknown(payment: PaymentId) => "payment_unknown", Rejected, 404, "unknown payment `{payment}`";
    /// A payment with this id was assessed already.
    PaymentAssessed(payment: PaymentId) => "payment_assessed", Rejected, 409, "payment `{payment}` was assessed already";
    /// A payment with this id was created already.
    PaymentExists(payment: PaymentId) => "payment_exists", Rejected, 409, "payment `{payment}` was created already";
    /// The program takes no payments.
    PaymentsNotOffered(program: ProgramId) => "payments_not_offered", Rejected, 422, "program `{program}` has no section `payments`";
    /// The program has no such route.
    PaymentRouteUnknown(route: Slug) => "payment_route_unknown", Rejected, 422, "no payments go by route `{route}`";
    /// Nothing goes by the route now.
    PaymentRoutePaused(route: Slug) => "payment_route_paused", Rejected, 409, "no payments go by route `{route}` now";
    /// The route does not take so little or so much.
    PaymentOutOfBounds {
        /// The amount, with its asset.
        amount: String,
        /// The least and the most.
        bounds: String,
    } => "payment_out_of_bounds", Rejected, 422, "a payment of {amount} is out of bounds: expected {bounds}";
    /// The program knows no such biller.
    BillerUnknown(biller: Slug) => "biller_unknown", Rejected, 422, "unknown biller `{biller}`";
    /// The biller cannot be paid now.
    BillerPaused(biller: Slug) => "biller_paused", Rejected, 409, "biller `{biller}` cannot be paid now";
    /// The route does not lead to the biller.
    BillerNotReached {
        /// The biller.
        biller: Slug,
        /// The route.
        route: Slug,
    } => "biller_not_reached", Rejected, 422, "route `{route}` does not lead to biller `{biller}`";
    /// No account of the biller has a number like this.
    BillerAccountInvalid(biller: Slug) => "biller_account_invalid", Rejected, 422, "no account of biller `{biller}` has a number like this";
    /// Value is held only for payments that were assessed.
    PaymentNotAssessed(payment: PaymentId) => "payment_not_assessed", Rejected, 409, "payment `{payment}` must be assessed first";
    /// What was assessed under the payment's id is another payment.
    AssessmentMismatch {
        /// The payment.
        payment: PaymentId,
        /// In what they differ: `member`, `program` or `amount`.
        differs: &'static str,
    } => "assessment_mismatch", Rejected, 409, "what was assessed is not payment `{payment}`: it differs in `{differs}`";
    /// A critical stage of the program's pipeline did not run before the step.
    StageMissing {
        /// The payment.
        payment: PaymentId,
        /// The stage.
        stage: Slug,
    } => "stage_missing", Rejected, 409, "stage `{stage}` must run first for payment `{payment}`";
    /// The payment does not take the step from where it is.
    PaymentStateWrong {
        /// The payment.
        payment: PaymentId,
        /// Where it is.
        state: &'static str,
    } => "payment_state_wrong", Rejected, 409, "payment `{payment}` is {state}";
    /// What is told is of another attempt than the newest.
    PaymentAttemptWrong {
        /// The payment.
        payment: PaymentId,
        /// The attempt that was named.
        attempt: u32,
        /// The newest one; 0 before the first.
        newest: u32,
    } => "payment_attempt_wrong", Rejected, 409, "attempt {attempt} of payment `{payment}` is not the newest: that is {newest}";
    /// More than is left of a payment.
    RefundAbovePayment {
        /// The payment.
        payment: PaymentId,
        /// What is left, as amount and asset.
        left: String,
    } => "refund_above_payment", Rejected, 422, "of payment `{payment}` {left} can go back";
    /// The program has no such list.
    RiskListUnknown(list: Slug) => "risk_list_unknown", Rejected, 404, "unknown list `{list}`";
    /// The value is not on the list.
    RiskEntryUnknown {
        /// The list.
        list: Slug,
    } => "risk_entry_unknown", Rejected, 404, "the value is not on list `{list}`";
    /// The program's scorecard has no such rule.
    RiskRuleUnknown(rule: Slug) => "risk_rule_unknown", Rejected, 404, "unknown rule `{rule}`";
    /// Nobody was asked to review the payment.
    ReviewUnknown(payment: PaymentId) => "review_unknown", Rejected, 404, "payment `{payment}` is not reviewed";
    /// Somebody else reviews the payment.
    ReviewClaimed {
        /// The payment.
        payment: PaymentId,
        /// Who does.
        owner: Slug,
    } => "review_claimed", Rejected, 409, "payment `{payment}` is reviewed by `{owner}`";
    /// Nobody reviews the payment yet.
    ReviewNotClaimed(payment: PaymentId) => "review_not_claimed", Rejected, 409, "the review of payment `{payment}` must be claimed first";
    /// The review was decided.
    ReviewDecided(payment: PaymentId) => "review_decided", Rejected, 409, "the review of payment `{payment}` is decided already";
    /// The time of the review is over.
    ReviewExpired(payment: PaymentId) => "review_expired", Rejected, 410, "the time of the review of payment `{payment}` is over";
    /// More rows are involved than one command may touch.
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u32,
    } => "too_many", Rejected, 422, "more than {limit} {what} are involved";
    /// The program says nothing of conversions.
    FxNotOffered(program: ProgramId) => "fx_not_offered", Rejected, 422, "program `{program}` has no section `fx`";
    /// No rule of the program allows the pair.
    PairNotAllowed {
        /// What would be given.
        from: Asset,
        /// What was wanted.
        to: Asset,
    } => "pair_not_allowed", Rejected, 422, "no rule allows `{from}` to be converted into `{to}`";
    /// There is no rate for the pair on the day or before.
    RateMissing {
        /// What would be given.
        from: Currency,
        /// What was wanted.
        to: Currency,
        /// The day.
        day: LocalDate,
    } => "rate_missing", Rejected, 422, "there is no rate from `{from}` to `{to}` on {day} or before";
    /// The newest rate is too old.
    RateStale {
        /// What would be given.
        from: Currency,
        /// What was wanted.
        to: Currency,
        /// The day of the newest rate.
        day: LocalDate,
        /// How many days old it is.
        age: u32,
        /// How many days old it may be.
        limit: u32,
    } => "rate_stale", Rejected, 422, "the newest rate from `{from}` to `{to}` is of {day}: {age} days old, and at most {limit} are allowed";
    /// A rate is kept already, and is another one.
    RateDiffers {
        /// Whose rate it is, and of which pair.
        pair: String,
        /// The day.
        day: LocalDate,
        /// What is kept.
        kept: String,
        /// What was told.
        told: String,
    } => "rate_differs", Rejected, 409, "the rate {pair} of {day} is {kept}, and {told} was told: say `correct` with a reason to replace it";
    /// Nothing would arrive.
    ConversionTooSmall {
        /// What would be converted.
        amount: String,
        /// Into what.
        to: Asset,
    } => "conversion_too_small", Rejected, 422, "of {amount} nothing would be left in `{to}`";
    /// No locked quote of the member has this id.
    FxQuoteUnknown(quote: FxQuoteId) => "fx_quote_unknown", Rejected, 404, "unknown quote `{quote}`";
    /// A quote with this id is locked already.
    FxQuoteExists(quote: FxQuoteId) => "fx_quote_exists", Rejected, 409, "quote `{quote}` is locked already";
    /// The quote was used.
    FxQuoteUsed(quote: FxQuoteId) => "fx_quote_used", Rejected, 409, "quote `{quote}` is used already";
    /// The time of the quote is over.
    FxQuoteExpired(quote: FxQuoteId) => "fx_quote_expired", Rejected, 410, "the time of quote `{quote}` is over";
    /// No conversion of the member has this id.
    ConversionUnknown(conversion: ConversionId) => "conversion_unknown", Rejected, 404, "unknown conversion `{conversion}`";
    /// A conversion with this id was made already.
    ConversionExists(conversion: ConversionId) => "conversion_exists", Rejected, 409, "conversion `{conversion}` was made already";
    /// All of the conversion went back.
    ConversionRefunded(conversion: ConversionId) => "conversion_refunded", Rejected, 409, "conversion `{conversion}` is refunded";
    /// No code has this id.
    QrUnknown(qr: QrId) => "qr_unknown", Rejected, 404, "unknown code `{qr}`";
    /// A code with this id was given out already.
    QrExists(qr: QrId) => "qr_exists", Rejected, 409, "code `{qr}` is given out already";
    /// The program does not say who gives out codes that are signed.
    QrSigningNotOffered(program: ProgramId) => "qr_signing_not_offered", Rejected, 422, "program `{program}` has no `issuer` in its section `qr`";
    /// The code was scanned, and is for one scan.
    QrScanned(qr: QrId) => "qr_scanned", Rejected, 409, "code `{qr}` is scanned already";
    /// The time of the code is over.
    QrExpired(qr: QrId) => "qr_expired", Rejected, 410, "the time of code `{qr}` is over";
    /// The code was cancelled.
    QrCancelled(qr: QrId) => "qr_cancelled", Rejected, 409, "code `{qr}` is cancelled";
    /// Nothing is said of how much is to be paid.
    QrAmountMissing => "qr_amount_missing", Rejected, 422, "the code does not say how much is to be paid, and the request does not either";
    /// The program has no route for such codes through one of the wallets.
    QrRouteUnknown {
        /// The kind of the code.
        kind: Slug,
        /// The wallets, with a comma between them, or `any`.
        wallets: String,
    } => "qr_route_unknown", Rejected, 422, "no route leads from codes of kind `{kind}` to one of the wallets: {wallets}";
    /// The redemption holds the value of an offline token: steps of the token move it, and nothing else.
    RedemptionOfToken {
        /// The redemption.
        redemption: RedemptionId,
        /// The token.
        token: TokenId,
    } => "redemption_of_token", Rejected, 409, "redemption `{redemption}` holds the value of token `{token}`";
    /// The redemption holds the value of a payment, or paid it: steps of the payment move it, and nothing else.
    RedemptionOfPayment {
        /// The redemption.
        redemption: RedemptionId,
        /// The payment.
        payment: PaymentId,
    } => "redemption_of_payment", Rejected, 409, "redemption `{redemption}` is of payment `{payment}`";
    /// The program has no offline tokens.
    TokensNotOffered(program: ProgramId) => "tokens_not_offered", Rejected, 422, "program `{program}` has no section `tokens`";
    /// The program has no tokens of this kind.
    TokenModeNotOffered {
        /// The program.
        program: ProgramId,
        /// The kind.
        mode: &'static str,
    } => "token_mode_not_offered", Rejected, 422, "program `{program}` has no tokens of the kind `{mode}`";
    /// A limit of the program does not allow another token, or not this one.
    TokenLimit {
        /// Which one.
        limit: &'static str,
        /// What is allowed.
        allowed: String,
    } => "token_limit", Rejected, 409, "the limit `{limit}` of tokens is {allowed}";
    /// No token has this id.
    TokenUnknown(token: TokenId) => "token_unknown", Rejected, 404, "unknown token `{token}`";
    /// A token with this id was issued already.
    TokenExists(token: TokenId) => "token_exists", Rejected, 409, "token `{token}` was issued already";
    /// The token was spent.
    TokenSpent(token: TokenId) => "token_spent", Rejected, 409, "token `{token}` is spent already";
    /// The token was cancelled.
    TokenCancelled(token: TokenId) => "token_cancelled", Rejected, 409, "token `{token}` is cancelled";
    /// The token was frozen.
    TokenFrozen(token: TokenId) => "token_frozen", Rejected, 423, "token `{token}` is frozen";
    /// The token is spent by proofs of its device, and not by its id.
    TokenBound(token: TokenId) => "token_bound", Rejected, 422, "token `{token}` is spent by proofs of its device";
    /// A ladder with this name is not part of the program.
    LadderUnknown(ladder: String) => "ladder_unknown", Rejected, 404, "unknown ladder `{ladder}`";
    /// An amount or a count left its range.
    Overflow => "overflow", Rejected, 422, "an amount exceeds the range of 64-bit minor units";
    /// The life of a reward would go on beyond the supported years.
    TimeOutOfRange {
        /// The rule whose lifecycle sets the time.
        rule: Slug,
    } => "time_out_of_range", Rejected, 422, "rule `{rule}` sets a time outside of 1970-01-01 to 2200-01-01 UTC";
    /// The idempotency key was used before, for another request.
    KeyReused {
        /// The key.
        key: String,
        /// Where it comes from: `given`, or `implied` by the request.
        origin: &'static str,
        /// In what the requests differ: the paths of fields of this one, with a comma between them.
        differs: String,
    } => "key_reused", Conflict, 409, "the {origin} idempotency key `{key}` was used for another request, which differs in: {differs}";
    /// A shared limit was used up by others while this was decided, too often to try again.
    Contention {
        /// How often it was tried.
        attempts: u32,
    } => "contention", Conflict, 503, "too much contention: gave up after {attempts} attempts";
    /// The host gave the engine no key that is valid now for a secret of the request.
    KeyRingMissing {
        /// What the key would be for.
        purpose: KeyPurpose,
    } => "key_ring_missing", Internal, 500, "no key for `{purpose}` is valid now: give the engine a key ring that has one";
    /// A stored body was written by a newer version of this library. It is left as it is.
    ShapeTooNew {
        /// What it is.
        what: &'static str,
        /// The shape found.
        found: u16,
        /// The newest shape that this version knows.
        known: u16,
    } => "shape_too_new", Internal, 500, "a stored {what} has shape {found}, newer than the newest known {known}: update the library";
    /// A stored body is not readable.
    Corrupt {
        /// What it is.
        what: &'static str,
    } => "store_corrupt", Internal, 500, "a stored {what} is not readable";
    /// A defect of the engine.
    Internal(what: &'static str) => "internal", Internal, 500, "internal error: {what}";
}

fn describe(problems: &[Problem]) -> String {
    match problems.split_first() {
        None => "invalid input".to_owned(),
        Some((first, [])) => worded(first),
        Some((first, rest)) => format!("{} (and {} more problems)", worded(first), rest.len()),
    }
}

/// A problem with where it is; the whole of a request has no path.
fn worded(problem: &Problem) -> String {
    match problem.path.as_str() {
        "" => problem.detail.clone(),
        path => format!("{path}: {}", problem.detail),
    }
}

impl std::error::Error for Rejection {}

impl From<LedgerError> for Rejection {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Insufficient { needed, available } => Self::Insufficient {
                needed: needed.to_string(),
                available: available.to_string(),
            },
            LedgerError::Overflow => Self::Overflow,
            LedgerError::NotPositive { .. } => Self::Internal("a transfer of nothing"),
            LedgerError::AssetMismatch { .. } => Self::Internal("a transfer between two assets"),
            LedgerError::SameAccount { .. } => Self::Internal("a transfer to its own account"),
        }
    }
}

/// Input with one problem.
impl From<Problem> for Rejection {
    fn from(problem: Problem) -> Self {
        Self::Invalid(vec![problem])
    }
}

impl From<TokenError> for Rejection {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}
