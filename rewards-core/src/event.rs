//! Events: what hosts are told, written in the same commit as what they tell of.
//!
//! Events carry ids, never names or other personal data. Each stream is gapless: its events are numbered from 1.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{
    AdjustmentId, ConversionId, CouponBookId, CouponId, DepositId, FxQuoteId, MemberId, MerchantId,
    OrderId, PaymentId, ProgramId, PurchaseId, RedemptionId, RefundId, SharedWalletId, Slug,
    TokenId, TransferId,
};
use crate::member::MemberStatus;
use crate::money::Money;
use crate::payments::PaymentState;
use crate::refunds::RefundKind;
use crate::risk::RiskDecision;
use crate::time::Timestamp;

/// What an event belongs to; the events of one stream are numbered without gaps and delivered in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Everything that happens to a member.
    Member(MemberId),
    /// The revisions of a program.
    Program(ProgramId),
}

impl Stream {
    /// The stable text of the stream, as stored.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Member(member) => format!("m:{member}"),
            Self::Program(program) => format!("p:{program}"),
        }
    }

    /// Reads the stable text back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_at_checked(2)? {
            ("m:", member) => MemberId::new(member).ok().map(Self::Member),
            ("p:", program) => ProgramId::new(program).ok().map(Self::Program),
            _ => None,
        }
    }
}

/// An event with its place in its stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EventRecord {
    /// The engine's id of the event; the same on every delivery.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "uuid")))]
    pub id: Uuid,
    /// What it belongs to.
    pub stream: Stream,
    /// Its number in the stream, from 1 without gaps.
    pub seq: u64,
    /// When it was recorded; never earlier than the event before.
    pub recorded_at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Why a code was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CodeRefusal {
    /// There is no such code.
    Unknown,
    /// Nobody holds the coupon.
    NotAssigned,
    /// Another member holds it.
    OfAnother,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A program has a new revision.
    ProgramPublished {
        /// The revision.
        revision: u32,
        /// From when it decides.
        active_from: Timestamp,
    },
    /// A member was registered.
    MemberRegistered {},
    /// What is known of a member has changed.
    MemberUpdated {
        /// Whether the member takes part.
        status: MemberStatus,
    },
    /// A member was merged into another one; both are told.
    MemberMerged {
        /// Who was merged.
        member: MemberId,
        /// Into whom.
        into: MemberId,
    },
    /// What became available to a member who was merged into another one went on to that one; both are told.
    RewardsHandedOn {
        /// Who was merged.
        member: MemberId,
        /// Into whom.
        into: MemberId,
        /// What went on, one amount per asset.
        amounts: Vec<Money>,
    },
    /// Everything that was told of a member in words was dropped.
    MemberErased {},
    /// A member who left lost what was left.
    RewardsForfeited {
        /// What was forfeited, one amount per asset.
        amounts: Vec<Money>,
    },
    /// A member can be found by another name.
    AliasLinked {
        /// What kind of name it is.
        kind: Slug,
    },
    /// A member is not found by another name any more.
    AliasUnlinked {
        /// What kind of name it was.
        kind: Slug,
    },
    /// A purchase was recorded.
    PurchaseRecorded {
        /// The purchase.
        purchase: PurchaseId,
        /// The program that decided it.
        program: ProgramId,
        /// Its revision.
        revision: u32,
        /// What was granted, one amount per asset.
        granted: Vec<Money>,
        /// Whether any of it is still pending.
        pending: bool,
    },
    /// The pending rewards of a purchase became available.
    PurchaseConfirmed {
        /// The purchase.
        purchase: PurchaseId,
        /// What became available, one amount per asset.
        released: Vec<Money>,
    },
    /// A purchase was cancelled and its rewards taken back.
    PurchaseCancelled {
        /// The purchase.
        purchase: PurchaseId,
        /// What was taken back, one amount per asset.
        taken_back: Vec<Money>,
        /// What had been spent or had expired and was not taken back, one amount per asset.
        shortfall: Vec<Money>,
    },
    /// A purchase was refunded, in part or as a whole, and rewards were taken back.
    PurchaseRefunded {
        /// The purchase.
        purchase: PurchaseId,
        /// The refund.
        refund: RefundId,
        /// Why it came back.
        kind: RefundKind,
        /// What came back of what was paid.
        amount: Money,
        /// What was taken back, one amount per asset.
        taken_back: Vec<Money>,
        /// What was to be taken back and was not there any more, one amount per asset.
        shortfall: Vec<Money>,
    },
    /// A member owes rewards that were to be taken back and had been spent.
    DebtIncurred {
        /// What is owed more than before, one amount per asset.
        amounts: Vec<Money>,
    },
    /// What became available paid something of what a member owed.
    DebtRepaid {
        /// How much.
        amount: Money,
    },
    /// Pending rewards became available because their time had come.
    RewardsMatured {
        /// What became available, one amount per asset.
        amounts: Vec<Money>,
    },
    /// Rewards reached their expiry.
    RewardsExpired {
        /// What expired, one amount per asset.
        amounts: Vec<Money>,
    },
    /// Rewards last longer by something that the member did.
    RewardsExtended {
        /// What lasts longer, one amount per asset.
        amounts: Vec<Money>,
        /// When it expires now, unless it is extended again.
        expires_at: Timestamp,
    },
    /// Pending rewards were voided because no confirmation came in time.
    RewardsVoided {
        /// What was voided, one amount per asset.
        amounts: Vec<Money>,
    },
    /// A reward was granted manually.
    RewardGranted {
        /// What was granted.
        amount: Money,
        /// Where it comes from, when that was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<Slug>,
        /// The adjustment, when it has an id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        adjustment: Option<AdjustmentId>,
    },
    /// Value was taken from a balance manually.
    BalanceDeducted {
        /// What was taken.
        amount: Money,
        /// Where it comes from, when that was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<Slug>,
        /// The adjustment, when it has an id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        adjustment: Option<AdjustmentId>,
    },
    /// A member is about to pay money in.
    DepositInitiated {
        /// The deposit.
        deposit: DepositId,
        /// The provider that takes the money.
        provider: Slug,
        /// How much.
        amount: Money,
        /// Until when it is expected.
        expires_at: Timestamp,
    },
    /// Money came in.
    DepositConfirmed {
        /// The deposit.
        deposit: DepositId,
        /// How much.
        amount: Money,
        /// Whether it came after the deposit had expired.
        late: bool,
    },
    /// Money did not come in.
    DepositFailed {
        /// The deposit.
        deposit: DepositId,
        /// How much it would have been.
        amount: Money,
    },
    /// A payment was assessed.
    PaymentAssessed {
        /// The payment.
        payment: PaymentId,
        /// The program that decided.
        program: ProgramId,
        /// What was decided.
        decision: RiskDecision,
        /// The payment's score.
        score: i32,
    },
    /// A payment is somewhere else in its life.
    PaymentChanged {
        /// The payment.
        payment: PaymentId,
        /// Where it is now.
        state: PaymentState,
        /// How much is paid.
        amount: Money,
        /// The number of the newest attempt; none before the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
    },
    /// Some of a payment went back.
    PaymentRefunded {
        /// The payment.
        payment: PaymentId,
        /// The refund.
        refund: RefundId,
        /// How much.
        amount: Money,
    },
    /// A member sent value to another one.
    TransferSent {
        /// The transfer.
        transfer: TransferId,
        /// What the member gave, a fee of its own included.
        given: Money,
    },
    /// A member got value from another one.
    TransferReceived {
        /// The transfer.
        transfer: TransferId,
        /// What arrived.
        arrived: Money,
    },
    /// An offline token was issued; its value is reserved.
    TokenIssued {
        /// The token.
        token: TokenId,
        /// What it is worth.
        amount: Money,
        /// When it ends.
        expires_at: Timestamp,
    },
    /// Something was paid with a token.
    TokenSpent {
        /// The token.
        token: TokenId,
        /// What was paid.
        paid: Money,
        /// To whom, where that was told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        merchant: Option<MerchantId>,
        /// Which payment of the token it is, where its device counts them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        counter: Option<u32>,
    },
    /// A device has spent the same twice, or more than its token is worth. Both proofs are kept with the token.
    TokenDoubleSpent {
        /// The token.
        token: TokenId,
        /// Which payment was told last.
        counter: u32,
        /// To whom.
        merchant: MerchantId,
        /// What nothing has paid of it.
        unpaid: Money,
    },
    /// A token was taken back.
    TokenRevoked {
        /// The token.
        token: TokenId,
        /// Whether because its device was lost, or something was spent twice.
        is_frozen: bool,
        /// Until when its value is reserved for merchants who have not heard of it.
        reserved_until: Timestamp,
    },
    /// What a member's amount becomes in another currency is held for the member.
    ConversionQuoted {
        /// The quote.
        quote: FxQuoteId,
        /// What the member would give.
        given: Money,
        /// What the member would get.
        arrived: Money,
        /// Until when.
        expires_at: Timestamp,
    },
    /// A member converted value into another currency.
    BalanceConverted {
        /// The conversion.
        conversion: ConversionId,
        /// What the member gave, a fee in its currency included.
        given: Money,
        /// What the member got.
        arrived: Money,
    },
    /// A conversion went back, or a part of it.
    ConversionRefunded {
        /// The conversion.
        conversion: ConversionId,
        /// The refund.
        refund: RefundId,
        /// What the member gave back.
        returned: Money,
        /// What the member got back.
        restored: Money,
    },
    /// A member paid an order.
    OrderRedeemed {
        /// The redemption.
        redemption: RedemptionId,
        /// The order.
        order: OrderId,
        /// What paid, in money.
        paid: Money,
    },
    /// Value was reserved for an order.
    RedemptionAuthorized {
        /// The redemption.
        redemption: RedemptionId,
        /// The order.
        order: OrderId,
        /// What is reserved, in money.
        reserved: Money,
        /// Until when.
        expires_at: Timestamp,
    },
    /// Reserved value paid its order, or a part of it.
    RedemptionCaptured {
        /// The redemption.
        redemption: RedemptionId,
        /// What paid, in money.
        paid: Money,
    },
    /// Reserved value went back to its member.
    RedemptionReleased {
        /// The redemption.
        redemption: RedemptionId,
        /// Whether its time was over.
        expired: bool,
        /// What went back, one amount per asset; what has expired meanwhile is not in it.
        returned: Vec<Money>,
    },
    /// What had paid an order went back to its member, or a part of it.
    RedemptionCancelled {
        /// The redemption.
        redemption: RedemptionId,
        /// What went back, one amount per asset; what has expired meanwhile is not in it.
        returned: Vec<Money>,
    },
    /// A member shares a wallet from now on.
    SharedWalletJoined {
        /// The wallet.
        wallet: SharedWalletId,
    },
    /// A member does not share a wallet any more: taken out of it, or it was closed, or the member was merged into another one.
    SharedWalletLeft {
        /// The wallet.
        wallet: SharedWalletId,
    },
    /// A coupon was assigned to a member.
    CouponAssigned {
        /// The coupon.
        coupon: CouponId,
        /// Its book.
        book: CouponBookId,
        /// Who did it, when that was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Slug>,
        /// Why, when that was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Slug>,
    },
    /// A coupon went back from a member to its book.
    CouponUnassigned {
        /// The coupon.
        coupon: CouponId,
        /// Its book.
        book: CouponBookId,
        /// Who did it, when that was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Slug>,
        /// Why, when that was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Slug>,
    },
    /// An order got a lease on a coupon.
    CouponLocked {
        /// The coupon.
        coupon: CouponId,
        /// The order.
        order: OrderId,
        /// The first instant at which the lease is over.
        until: Timestamp,
    },
    /// A lease on a coupon was given back.
    CouponUnlocked {
        /// The coupon.
        coupon: CouponId,
        /// The order.
        order: OrderId,
    },
    /// A coupon was redeemed.
    CouponRedeemed {
        /// The coupon.
        coupon: CouponId,
        /// Its book.
        book: CouponBookId,
        /// The order, when there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<OrderId>,
        /// How much of what it is worth was spent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Money>,
        /// Whether it is used up.
        used_up: bool,
    },
    /// A use of a coupon was given back.
    CouponReturned {
        /// The coupon.
        coupon: CouponId,
        /// Its book.
        book: CouponBookId,
        /// The order that it was redeemed for.
        order: OrderId,
        /// How much of what it is worth came back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Money>,
    },
    /// Some of what a coupon is worth came back, because a part of the purchase was refunded. Its use stays made.
    CouponValueReturned {
        /// The coupon.
        coupon: CouponId,
        /// Its book.
        book: CouponBookId,
        /// The order that it was redeemed for.
        order: OrderId,
        /// How much came back.
        amount: Money,
    },
    /// A coupon of a member was voided.
    CouponVoided {
        /// The coupon.
        coupon: CouponId,
        /// Its book.
        book: CouponBookId,
        /// Who did it, when that was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Slug>,
        /// Why, when that was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Slug>,
    },
    /// A coupon of a member was voided, and another code took its place.
    CouponReplaced {
        /// The coupon that was voided.
        coupon: CouponId,
        /// The coupon in its place.
        replacement: CouponId,
        /// Their book.
        book: CouponBookId,
        /// Who did it, when that was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Slug>,
        /// Why, when that was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Slug>,
    },
    /// A member gave a coupon to another one.
    CouponSent {
        /// The coupon.
        coupon: CouponId,
        /// Its book.
        book: CouponBookId,
        /// Who has it now.
        to: MemberId,
    },
    /// A member got a coupon from another one.
    CouponReceived {
        /// The coupon.
        coupon: CouponId,
        /// Its book.
        book: CouponBookId,
        /// Who had it.
        from: MemberId,
    },
    /// A member told a code that was not accepted.
    CodeNotAccepted {
        /// Why: the member is not told.
        reason: CodeRefusal,
        /// The coupon, when there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        coupon: Option<CouponId>,
    },
    /// A member moved on a tier ladder.
    TierChanged {
        /// The program.
        program: ProgramId,
        /// The ladder.
        ladder: Slug,
        /// The tier before.
        from: Slug,
        /// The tier after.
        to: Slug,
    },
}
