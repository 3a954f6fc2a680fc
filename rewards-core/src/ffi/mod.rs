//! How the values of this crate cross to Swift and Kotlin; only with the feature `uniffi`.
//!
//! Requests and replies cross as they are. Here are the values with a text or number form of their own, which become
//! what is customary there: ids and assets are strings, amounts decimal numbers, times the platform's instants,
//! a program its document as text. What the platform calls them is in `uniffi.toml` beside this crate.
//!
//! A value that breaks its own rules is refused on its way in, with [`RewardsError::Invalid`] and the code that the
//! same text has in JSON. Nothing is rounded but clocks: digits below the microsecond are dropped.

mod error;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use uuid::Uuid;

pub use error::RewardsError;

use crate::coupons::CodeLine;
use crate::ids::{
    AdjustmentId, ConversionId, CouponBatchId, CouponBookId, CouponId, DepositId, DeviceId,
    FxQuoteId, IdempotencyKey, KeyId, MemberId, MerchantId, OrderId, PaymentId, PaymentReference,
    ProgramId, PurchaseId, QrId, RedemptionId, RefundId, SharedWalletId, Slug, TenantId, TokenId,
    TransferId,
};
use crate::ledger::{ChainHash, LotNumber, Purpose};
use crate::money::{Asset, Currency, DecimalText, Money, Rate};
use crate::program::Program;
use crate::rejection::Problem;
use crate::secret::Secret;
use crate::signature::Signature;
use crate::time::{LocalDate, LocalTime, Timestamp};

/// A decimal number as the text it is written as; the platform's own decimal type on the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal(String);

/// An amount of one asset, such as 12.30 EUR. It has at most the decimals of the asset.
#[derive(Debug, Clone, uniffi::Record)]
pub struct MoneyData {
    /// How much.
    pub amount: Decimal,
    /// Of what: `EUR`, `points`, `stars/2`.
    pub asset: Asset,
}

/// Texts by name, in the order of the names.
pub type TextMap = BTreeMap<String, String>;
/// Different texts, in their order.
pub type TextSet = BTreeSet<String>;
/// Amounts by the number of the lot that paid them.
pub type LotAmounts = BTreeMap<LotNumber, Money>;
/// A stable code, for programs.
pub type Code = Cow<'static, str>;

macro_rules! cross_as_text {
    ($($type:ident: $parse:path,)*) => {$(
        uniffi::custom_type!($type, String, {
            try_lift: |text| Ok($parse(&text).map_err(|error| refuse(error.code(), "", &error))?),
            lower: |value| value.to_string(),
        });
    )*};
}

cross_as_text! {
    TenantId: TenantId::new,
    MemberId: MemberId::new,
    PurchaseId: PurchaseId::new,
    RefundId: RefundId::new,
    CouponBookId: CouponBookId::new,
    CouponBatchId: CouponBatchId::new,
    CouponId: CouponId::new,
    DepositId: DepositId::new,
    AdjustmentId: AdjustmentId::new,
    ConversionId: ConversionId::new,
    FxQuoteId: FxQuoteId::new,
    Currency: Currency::parse,
    DecimalText: DecimalText::parse,
    Rate: Rate::parse,
    LocalDate: LocalDate::parse,
    PaymentId: PaymentId::new,
    PaymentReference: PaymentReference::new,
    TransferId: TransferId::new,
    ProgramId: ProgramId::new,
    QrId: QrId::new,
    RedemptionId: RedemptionId::new,
    TokenId: TokenId::new,
    MerchantId: MerchantId::new,
    DeviceId: DeviceId::new,
    SharedWalletId: SharedWalletId::new,
    OrderId: OrderId::new,
    IdempotencyKey: IdempotencyKey::new,
    KeyId: KeyId::new,
    Slug: Slug::new,
    Asset: Asset::parse,
}

uniffi::custom_type!(Secret, String, {
    try_lift: |text| Ok(Secret::Clear(text)),
    // What was sealed crosses no boundary.
    lower: |secret| match secret {
        Secret::Clear(text) => text,
        Secret::Sealed(_) | Secret::Kept { .. } => String::new(),
    },
});

uniffi::custom_type!(CodeLine, String, {
    try_lift: |text| Ok(CodeLine::new(&text)
        .map_err(|error| refuse(error.code(), "", &error))?),
    lower: |line| line.to_text(),
});

uniffi::custom_type!(Signature, String, {
    try_lift: |text| Ok(Signature::Claimed(text)),
    lower: |signature| signature.to_string(),
});

uniffi::custom_type!(Decimal, String, {
    try_lift: |text| Ok(Decimal(text)),
    lower: |value| value.0,
});

uniffi::custom_type!(Money, MoneyData, {
    try_lift: |data| Ok(Money::parse(&data.amount.0, data.asset)
        .map_err(|error| refuse(error.code(), "amount", &error))?),
    lower: |money| MoneyData { amount: Decimal(money.to_string()), asset: money.asset() },
});

uniffi::custom_type!(Timestamp, i64, {
    try_lift: |micros| Ok(Timestamp::from_micros(micros)
        .map_err(|error| refuse(error.code(), "", &error))?),
    lower: |at| at.micros(),
});

uniffi::custom_type!(LocalTime, String, {
    try_lift: |text| Ok(LocalTime::parse(&text)
        .map_err(|error| refuse(error.code(), "", &error))?),
    lower: |time| time.to_string(),
});

uniffi::custom_type!(Program, String, {
    try_lift: |text| Ok(Program::from_text(&text).map_err(RewardsError::invalid)?),
    lower: |program| program.to_json(),
});

uniffi::custom_type!(Purpose, String, {
    try_lift: |text| Ok(Purpose::parse(&text)
        .ok_or_else(|| refuse("value_invalid", "", &format!("`{text}` is not an account purpose")))?),
    lower: |purpose| purpose.text(),
});

uniffi::custom_type!(ChainHash, String, {
    try_lift: |text| {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes)
            .map_err(|error| refuse("value_invalid", "", &error))?;
        Ok(ChainHash(bytes))
    },
    lower: |hash| hex::encode(hash.0),
});

uniffi::custom_type!(Uuid, String, {
    remote,
    try_lift: |text| Ok(Uuid::parse_str(&text)
        .map_err(|error| refuse("value_invalid", "", &error))?),
    lower: |id| id.to_string(),
});

uniffi::custom_type!(Code, String, {
    remote,
    try_lift: |text| Ok(Cow::Owned(text)),
    lower: |code| code.into_owned(),
});

uniffi::custom_type!(TextMap, HashMap<String, String>, {
    remote,
    try_lift: |texts| Ok(texts.into_iter().collect()),
    lower: |texts| texts.into_iter().collect(),
});

uniffi::custom_type!(TextSet, HashSet<String>, {
    remote,
    try_lift: |texts| Ok(texts.into_iter().collect()),
    lower: |texts| texts.into_iter().collect(),
});

uniffi::custom_type!(LotAmounts, HashMap<LotNumber, Money>, {
    remote,
    try_lift: |amounts| Ok(amounts.into_iter().collect()),
    lower: |amounts| amounts.into_iter().collect(),
});

fn refuse(code: &'static str, path: &str, words: &dyn std::fmt::Display) -> RewardsError {
    RewardsError::invalid(vec![Problem::new(code, path, words.to_string())])
}
