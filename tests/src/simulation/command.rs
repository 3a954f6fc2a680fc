//! The commands of a simulation, and how they are sent.

use rewards_core::command::{NaturalKey, Operation};
use rewards_core::fingerprint::Fingerprint;
use rewards_core::ids::{IdempotencyKey, MemberId, Slug, TenantId};
use rewards_core::money::Money;
use rewards_core::operations::aliases::{LinkAlias, UnlinkAlias};
use rewards_core::operations::coupons::{
    AssignCoupons, AssignedCoupon, AssignedCoupons, CheckCoupon, CreateCouponBook,
    DistributeCoupons, DistributedCoupons, GenerateCoupons, GeneratedCoupons, LockCoupon,
    RedeemCoupon, ReplaceCoupon, ReplacedCoupon, TransferCoupon, UnassignCoupon, UnlockCoupon,
    UpdateCouponBook, UploadCoupons, VoidCoupon,
};
use rewards_core::operations::deposits::{ConfirmDeposit, InitiateDeposit};
use rewards_core::operations::fx::{ConvertBalance, ImportRates, LockConversion, RefundConversion};
use rewards_core::operations::members::{
    EraseMember, MergeMembers, MergedTiers, RegisterMember, UpdateMember,
};
use rewards_core::operations::payments::{
    AttemptOutcome, CancelPayment, CreatePayment, HoldPayment, RefundPayment, ReportPayment,
    SubmitPayment,
};
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::{
    CancelPurchase, ConfirmPurchase, RecordPurchase, RefundPurchase, ReplacePurchase,
};
use rewards_core::operations::qr::{CancelQr, CreateQr, QrContent, ScanQr};
use rewards_core::operations::redemptions::{
    AuthorizeRedemption, CancelRedemption, CaptureRedemption, Redeem, ReleaseRedemption,
};
use rewards_core::operations::rewards::{DeductBalance, GrantReward, SettleMember};
use rewards_core::operations::risk::{
    AddToRiskList, AssessPayment, ClaimReview, DecideReview, LabelPayment, RemoveFromRiskList,
    SnoozeRule,
};
use rewards_core::operations::shared_wallets::{CreateSharedWallet, UpdateSharedWallet};
use rewards_core::operations::tokens::{
    CancelToken, FreezeTokens, IssueToken, IssuedToken, RedeemToken, SettleReceipts,
};
use rewards_core::operations::transfers::{TransferBalance, TransferReceiver};
use rewards_core::rejection::Fault;
use rewards_core::risk::{PaymentLabel, ReviewDecision};
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine, Receipt};

use super::Failed;
use super::keys::{fingerprint_of, sign};

macro_rules! commands {
    (($d:tt) $($(#[$doc:meta])* $name:ident($operation:ty),)*) => {
        /// A command of any kind. There is one for every operation that can change anything.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each variant is the operation of its name")]
        #[expect(clippy::large_enum_variant, reason = "there are few, and those that are large are rare")]
        pub enum Command {
            $($(#[$doc])* $name($operation),)*
        }

        impl Command {
            /// The names of all operations that a simulation can order.
            pub const OPERATIONS: &'static [&'static str] =
                &[$(<$operation as Operation>::NAME,)*];
        }

        macro_rules! each {
            ($d command:expr, $d request:ident => $d body:expr) => {
                match $d command {
                    $(Command::$name($d request) => $d body,)*
                }
            };
        }
    };
}

commands! {
    ($)
    Publish(PublishProgram),
    Register(RegisterMember),
    Update(UpdateMember),
    Merge(MergeMembers),
    Erase(EraseMember),
    Link(LinkAlias),
    Unlink(UnlinkAlias),
    Record(RecordPurchase),
    Confirm(ConfirmPurchase),
    Cancel(CancelPurchase),
    Refund(RefundPurchase),
    Replace(ReplacePurchase),
    Grant(GrantReward),
    Deduct(DeductBalance),
    Settle(SettleMember),
    Redeem(Redeem),
    Authorize(AuthorizeRedemption),
    Capture(CaptureRedemption),
    Release(ReleaseRedemption),
    Restore(CancelRedemption),
    Share(CreateSharedWallet),
    Reshare(UpdateSharedWallet),
    Send(TransferBalance),
    Initiate(InitiateDeposit),
    /// As long as it is not sent nobody has signed it: it names the key alone.
    PayIn(ConfirmDeposit),
    OpenBook(CreateCouponBook),
    ChangeBook(UpdateCouponBook),
    Generate(GenerateCoupons),
    Upload(UploadCoupons),
    Assign(AssignCoupons),
    Distribute(DistributeCoupons),
    Unassign(UnassignCoupon),
    Check(CheckCoupon),
    Lock(LockCoupon),
    Unlock(UnlockCoupon),
    UseCoupon(RedeemCoupon),
    Give(TransferCoupon),
    ReplaceCode(ReplaceCoupon),
    VoidCoupon(VoidCoupon),
    ImportRates(ImportRates),
    LockRate(LockConversion),
    Convert(ConvertBalance),
    ConvertBack(RefundConversion),
    Assess(AssessPayment),
    Label(LabelPayment),
    ListRisk(AddToRiskList),
    UnlistRisk(RemoveFromRiskList),
    Snooze(SnoozeRule),
    ClaimReview(ClaimReview),
    DecideReview(DecideReview),
    CreatePayment(CreatePayment),
    HoldPayment(HoldPayment),
    SubmitPayment(SubmitPayment),
    ReportPayment(ReportPayment),
    CancelPayment(CancelPayment),
    RefundPayment(RefundPayment),
    IssueToken(IssueToken),
    RedeemToken(RedeemToken),
    SettleReceipts(SettleReceipts),
    CancelToken(CancelToken),
    FreezeTokens(FreezeTokens),
    CreateQr(CreateQr),
    ScanQr(ScanQr),
    CancelQr(CancelQr),
}

fn name_of<O: Operation>(_: &O) -> &'static str {
    O::NAME
}

impl Command {
    /// The operation's stable name.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        each!(self, request => name_of(request))
    }

    /// The member it is about, the first one of several; none for what names no member.
    #[must_use]
    pub fn member(&self) -> Option<&MemberId> {
        each!(self, request => request.members().first().copied())
    }

    /// All members that it names as those whose rows it changes.
    #[must_use]
    pub fn members(&self) -> Vec<&MemberId> {
        each!(self, request => request.members().into_iter().collect())
    }

    fn natural_key(&self, tenant: &TenantId) -> Option<IdempotencyKey> {
        match each!(self, request => request.natural_key(tenant))? {
            NaturalKey::Text(key) => Some(key),
            NaturalKey::Entity(key) => IdempotencyKey::new(&key.id).ok(),
        }
    }

    /// A reply as it is stored: without the codes, which are derived again each time.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn stored_reply(&self, told: &str) -> Result<String, Failed> {
        Ok(match self {
            Self::Assign(_) => {
                let mut reply: AssignedCoupons = serde_json::from_str(told)?;
                reply.coupons.iter_mut().for_each(forget);
                serde_json::to_string(&reply)?
            }
            Self::Distribute(_) => {
                let mut reply: DistributedCoupons = serde_json::from_str(told)?;
                let shares = reply.shares.iter_mut();
                shares.flat_map(|share| &mut share.coupons).for_each(forget);
                serde_json::to_string(&reply)?
            }
            Self::ReplaceCode(_) => {
                let mut reply: ReplacedCoupon = serde_json::from_str(told)?;
                forget(&mut reply.replacement);
                serde_json::to_string(&reply)?
            }
            Self::Generate(_) => {
                let mut reply: GeneratedCoupons = serde_json::from_str(told)?;
                reply.codes.clear();
                serde_json::to_string(&reply)?
            }
            // It is signed again each time.
            Self::IssueToken(_) => {
                let mut reply: IssuedToken = serde_json::from_str(told)?;
                reply.text.clear();
                serde_json::to_string(&reply)?
            }
            _ => told.to_owned(),
        })
    }

    /// Another payload for the same operation.
    pub(super) fn alter(&mut self, other: MemberId) {
        let more = |money: &Money| Money::new(money.minor().saturating_add(1), money.asset());
        match self {
            Self::Publish(publish) => publish.active_from = None,
            Self::Register(register) => {
                register.segments.insert("other".to_owned());
            }
            Self::Update(update) => update.member = other,
            Self::Merge(merge) => merge.tiers = Some(MergedTiers::Own),
            Self::Erase(erase) => erase.forfeit = !erase.forfeit,
            Self::Link(link) => link.member = other,
            Self::Unlink(unlink) => unlink.member = Some(other),
            Self::Record(record) => record.purchase.total = more(&record.purchase.total),
            Self::Confirm(confirm) => confirm.member = other,
            Self::Cancel(cancel) => cancel.member = other,
            Self::Refund(refund) => refund.member = other,
            Self::Replace(replace) => replace.purchase.total = more(&replace.purchase.total),
            Self::Grant(grant) => grant.amount = more(&grant.amount),
            Self::Deduct(deduct) => deduct.take = more(&deduct.take),
            Self::Settle(settle) => settle.member = other,
            Self::Redeem(redeem) => redeem.total = more(&redeem.total),
            Self::Authorize(authorize) => authorize.total = more(&authorize.total),
            Self::Capture(capture) => capture.member = other,
            Self::Release(release) => release.member = other,
            Self::Restore(cancel) => cancel.member = other,
            Self::Share(share) => share.members = vec![other],
            Self::Reshare(update) => (update.members, update.close) = (Some(vec![other]), false),
            Self::Send(send) => send.to = TransferReceiver::Member(other),
            Self::Initiate(initiate) => initiate.amount = more(&initiate.amount),
            // Another message is another command.
            Self::PayIn(confirm) => confirm.message.push(' '),
            Self::OpenBook(create) => create.terms.name.push('!'),
            Self::ChangeBook(update) => update.name = Some("another".to_owned()),
            Self::Generate(generate) => generate.codes = !generate.codes,
            Self::Upload(upload) => upload.plain = !upload.plain,
            Self::Assign(assign) => assign.member = other,
            Self::Distribute(distribute) => distribute.partial = !distribute.partial,
            Self::Unassign(unassign) => unassign.reason = None,
            Self::Check(check) => check.member = other,
            Self::Lock(lock) => lock.member = other,
            Self::Unlock(unlock) => unlock.member = other,
            Self::UseCoupon(redeem) => redeem.member = other,
            Self::Give(give) => give.to = other,
            Self::ReplaceCode(replace) => replace.reason = None,
            Self::VoidCoupon(void) => void.reason = None,
            Self::ImportRates(import) => import.after = Some(1),
            Self::LockRate(lock) => lock.amount = more(&lock.amount),
            Self::Convert(convert) => convert.member = other,
            Self::ConvertBack(refund) => refund.member = other,
            Self::Assess(assess) => assess.facts.amount = more(&assess.facts.amount),
            Self::Label(_) | Self::ClaimReview(_) | Self::DecideReview(_) => {
                self.alter_word(&other)
            }
            Self::ListRisk(entry) => entry.value = other.to_string(),
            Self::UnlistRisk(entry) => entry.value = other.to_string(),
            Self::Snooze(snooze) => snooze.value = other.to_string(),
            Self::CreatePayment(_)
            | Self::HoldPayment(_)
            | Self::SubmitPayment(_)
            | Self::ReportPayment(_)
            | Self::CancelPayment(_)
            | Self::RefundPayment(_) => self.alter_payment(),
            _ => self.alter_shown(other),
        }
    }

    /// Another payload of what is done with tokens and codes. To cancel a code says nothing but which.
    fn alter_shown(&mut self, other: MemberId) {
        match self {
            Self::IssueToken(issue) => issue.lifetime_minutes = Some(60),
            Self::RedeemToken(redeem) => redeem.merchant = None,
            Self::SettleReceipts(settle) => settle.receipts.push("another".to_owned()),
            Self::CancelToken(cancel) => cancel.member = other,
            Self::FreezeTokens(freeze) => freeze.member = other,
            Self::CreateQr(create) => create.content = QrContent::Text(other.to_string()),
            Self::ScanQr(scan) => scan.by = Some(other),
            _ => {}
        }
    }

    /// Another payload of what is said of a payment. To cancel one says nothing but which, and so do some of the others.
    fn alter_payment(&mut self) {
        match self {
            Self::CreatePayment(create) => create.channel = Some("other".to_owned()),
            Self::HoldPayment(hold) => hold.stages.clear(),
            Self::ReportPayment(report) => report.outcome = AttemptOutcome::Unknown,
            Self::RefundPayment(refund) => refund.amount = None,
            _ => {}
        }
    }

    /// Another word of somebody who looked at a payment.
    fn alter_word(&mut self, other: &MemberId) {
        match self {
            Self::Label(label) => {
                label.label = match label.label {
                    PaymentLabel::Good => PaymentLabel::Bad,
                    PaymentLabel::Bad => PaymentLabel::Good,
                }
            }
            Self::ClaimReview(claim) => {
                if let Ok(owner) = Slug::new(other.as_str()) {
                    claim.owner = owner;
                }
            }
            Self::DecideReview(decide) => {
                decide.decision = match decide.decision {
                    ReviewDecision::Approve => ReviewDecision::Block,
                    ReviewDecision::Block => ReviewDecision::Approve,
                }
            }
            _ => {}
        }
    }
}

/// A coupon without the code that is derived again each time.
fn forget(coupon: &mut AssignedCoupon) {
    if coupon.source.is_some() {
        coupon.code = None;
    }
}

/// A command of a tenant under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Whose command it is.
    pub tenant: TenantId,
    /// The key it is sent with, or implies.
    pub key: IdempotencyKey,
    /// Whether it implies the key, and is sent without one.
    pub is_natural: bool,
    /// The command.
    pub command: Command,
}

impl Order {
    /// A command under the key it implies, or else under this one.
    #[must_use]
    pub fn new(tenant: &TenantId, key: IdempotencyKey, command: Command) -> Self {
        let natural = command.natural_key(tenant);
        Self {
            tenant: tenant.clone(),
            is_natural: natural.is_some(),
            key: natural.unwrap_or(key),
            command,
        }
    }

    /// A command under this key, also where it implies one.
    #[must_use]
    pub fn under(tenant: &TenantId, key: IdempotencyKey, command: Command) -> Self {
        Self {
            tenant: tenant.clone(),
            is_natural: false,
            key,
            command,
        }
    }

    /// What tells it apart from others under the same key.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn fingerprint(&self) -> Result<Fingerprint, Failed> {
        each!(&self.command, request => fingerprint_of(request, &self.tenant))
    }

    /// Sends it at an instant, which is when a provider signs what it says; the reply comes back as the text that is told.
    ///
    /// # Errors
    /// The fault of the engine.
    pub async fn send(&self, engine: &Engine, at: Timestamp) -> Result<Receipt<String>, Fault> {
        let tenant = engine.tenant(self.tenant.clone());
        let options = CommandOptions {
            key: (!self.is_natural).then(|| self.key.clone()),
            now: None,
        };
        each!(&self.command, request => {
            let mut request = request.clone();
            sign(&mut request, at);
            let receipt = tenant.execute_with(request, options).await?;
            let reply = serde_json::to_string(&receipt.reply)
                .map_err(|error| Fault::new("internal", error.to_string()))?;
            Ok(Receipt { reply, replayed: receipt.replayed })
        })
    }
}
