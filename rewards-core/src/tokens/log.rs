//! What whoever takes tokens offline remembers: which were spent here, and the latest that the clock has said.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::verifier::{AcceptedToken, ShownToken};
use crate::ids::{PaymentReference, TokenId};
use crate::money::Money;
use crate::time::Timestamp;

/// What of a token was spent here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SpentHere {
    /// The number of the last payment; 0 of one that is good for whoever bears it.
    pub counter: u32,
    /// The digest of the last payment, in hexadecimal digits.
    pub digest: String,
    /// How much in all, in minor units.
    pub minor: i64,
}

/// What is remembered when a token is shown. `spent` is of the token; all else is of whoever takes tokens, whichever is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TokenMemory {
    /// The latest that the clock has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub latest: Option<Timestamp>,
    /// When what had been taken was told to the engine for the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub synced_at: Option<Timestamp>,
    /// When the oldest payment was taken that is not told yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub waiting_since: Option<Timestamp>,
    /// How many payments are not told yet.
    #[serde(default)]
    #[cfg_attr(feature = "uniffi", uniffi(default = 0))]
    pub waiting: u32,
    /// How much they come to, in minor units.
    #[serde(default)]
    #[cfg_attr(feature = "uniffi", uniffi(default = 0))]
    pub waiting_minor: i64,
    /// What of this token was spent here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub spent: Option<SpentHere>,
}

/// A payment that was taken and is not told to the engine yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct WaitingPayment {
    /// The token.
    pub token: TokenId,
    /// How much was paid.
    pub amount: Money,
    /// What the payment is known by, in hexadecimal digits.
    pub digest: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The proof, which `settle_receipts` takes in; none of a token that is good for whoever bears it, which `redeem_token` takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub proof: Option<String>,
    /// What was asked to be signed with the payment, such as the number of the sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reference: Option<PaymentReference>,
}

/// How far a till has come: its last payment, and the hash of it and all before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TillMark {
    /// The number of the payment; 0 before the first.
    pub number: u64,
    /// The hash, in hexadecimal digits.
    pub hash: String,
}

/// Where whoever takes tokens remembers them. It must outlive a restart: what is forgotten can be spent here again.
///
/// Its calls may wait, for a disk. [`MemoryLog`] never does; `rewards_storage::till` keeps one in a SQLite file.
pub trait TokenLog: Send {
    /// What goes wrong in keeping it.
    type Error: Send;

    /// What is remembered, for a token.
    ///
    /// # Errors
    /// When it cannot be read.
    fn memory(
        &mut self,
        token: &TokenId,
    ) -> impl Future<Output = Result<TokenMemory, Self::Error>> + Send;

    /// Keeps a payment that was taken, before anything is handed over for it.
    ///
    /// # Errors
    /// When it cannot be kept; then nothing was taken.
    fn record(
        &mut self,
        shown: &ShownToken,
        taken: &AcceptedToken,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Keeps what the clock says, when a token is refused: a clock that is set back afterwards is seen all the same.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn see(&mut self, now: Timestamp) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// So many payments at most that are not told to the engine yet, the oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn waiting(
        &mut self,
        most: usize,
    ) -> impl Future<Output = Result<Vec<WaitingPayment>, Self::Error>> + Send;

    /// Payments were told to the engine, which are known by their [digests](AcceptedToken::digest). Others still wait: those that
    /// were taken meanwhile, too.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn synced(
        &mut self,
        told: &[String],
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// A log in memory, for tests and for whoever stores it as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryLog {
    latest: Option<Timestamp>,
    synced_at: Option<Timestamp>,
    spent: BTreeMap<TokenId, SpentHere>,
    /// What is not told yet, in the order in which it was taken.
    waiting: Vec<WaitingPayment>,
}

impl MemoryLog {
    fn remembered(&self, token: &TokenId) -> TokenMemory {
        let minor = self.waiting.iter().map(|one| one.amount.minor());
        TokenMemory {
            latest: self.latest,
            synced_at: self.synced_at,
            waiting_since: self.waiting.iter().map(|one| one.taken_at).min(),
            waiting: u32::try_from(self.waiting.len()).unwrap_or(u32::MAX),
            waiting_minor: minor.fold(0, i64::saturating_add),
            spent: self.spent.get(token).cloned(),
        }
    }

    fn seen(&mut self, now: Timestamp) {
        self.latest = self.latest.max(Some(now));
    }
}

impl TokenLog for MemoryLog {
    type Error = std::convert::Infallible;

    async fn memory(&mut self, token: &TokenId) -> Result<TokenMemory, Self::Error> {
        Ok(self.remembered(token))
    }

    async fn record(
        &mut self,
        shown: &ShownToken,
        taken: &AcceptedToken,
    ) -> Result<(), Self::Error> {
        if let Some(spent) = self.remembered(&taken.token).after(taken).spent {
            self.spent.insert(taken.token.clone(), spent);
        }
        self.waiting.push(WaitingPayment::new(shown, taken));
        self.seen(taken.taken_at);
        Ok(())
    }

    async fn see(&mut self, now: Timestamp) -> Result<(), Self::Error> {
        self.seen(now);
        Ok(())
    }

    async fn waiting(&mut self, most: usize) -> Result<Vec<WaitingPayment>, Self::Error> {
        Ok(self.waiting.iter().take(most).cloned().collect())
    }

    async fn synced(&mut self, told: &[String], at: Timestamp) -> Result<(), Self::Error> {
        self.waiting.retain(|one| !told.contains(&one.digest));
        self.synced_at = self.synced_at.max(Some(at));
        self.seen(at);
        Ok(())
    }
}

impl WaitingPayment {
    /// A payment that was just taken.
    #[must_use]
    pub fn new(shown: &ShownToken, taken: &AcceptedToken) -> Self {
        Self {
            token: taken.token.clone(),
            amount: taken.amount,
            digest: taken.digest.clone(),
            taken_at: taken.taken_at,
            proof: shown.proof.clone(),
            reference: shown.reference.clone(),
        }
    }
}

impl TokenMemory {
    /// What is remembered of a token after a payment was taken.
    #[must_use]
    pub fn after(&self, taken: &AcceptedToken) -> Self {
        let minor = taken.amount.minor();
        let before = self.spent.as_ref().map_or(0, |spent| spent.minor);
        Self {
            latest: self.latest.max(Some(taken.taken_at)),
            synced_at: self.synced_at,
            waiting_since: self.waiting_since.or(Some(taken.taken_at)),
            waiting: self.waiting.saturating_add(1),
            waiting_minor: self.waiting_minor.saturating_add(minor),
            spent: Some(SpentHere {
                counter: taken.counter,
                digest: taken.digest.clone(),
                minor: before.saturating_add(minor),
            }),
        }
    }
}
