//! Payments with a token, as they were told by whoever took them.

use serde::{Deserialize, Serialize};

use super::SpendProof;
use crate::ids::{MerchantId, PaymentReference};
use crate::money::Money;
use crate::time::Timestamp;

/// The most payments that are kept of one token, evidence of double spends included.
pub const TOKEN_RECEIPTS_MAX: usize = 64;

/// A payment with a token: what its proof says, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TokenReceipt {
    /// Which payment of the token it is, from 1.
    pub counter: u32,
    /// What it is known by, in hexadecimal digits.
    pub digest: String,
    /// What it goes on from, in hexadecimal digits.
    pub previous: String,
    /// Who was paid.
    pub merchant: MerchantId,
    /// How much was to be paid.
    pub amount: Money,
    /// How much of it what the token had reserved has paid.
    pub paid: Money,
    /// When it was made, by the clock of the device. Nothing is decided by it.
    pub made_at: Timestamp,
    /// What the merchant asked to be signed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reference: Option<PaymentReference>,
    /// When it was told to the engine.
    pub settled_at: Timestamp,
    /// The proof itself, as text: whoever has the token can verify it.
    pub proof: String,
}

impl TokenReceipt {
    /// A payment of which nothing is paid yet.
    pub(super) fn new(
        proof: &SpendProof,
        digest: String,
        amount: Money,
        text: &str,
        settled_at: Timestamp,
    ) -> Self {
        let said = &proof.claims;
        Self {
            counter: said.counter,
            digest,
            previous: hex::encode(said.previous),
            merchant: said.merchant.clone(),
            amount,
            paid: Money::zero(amount.asset()),
            made_at: said.at,
            reference: said.reference.clone(),
            settled_at,
            proof: text.to_owned(),
        }
    }

    /// Its place among others: nothing that depends on when it was told.
    pub(super) fn place(&self) -> (u32, &str) {
        (self.counter, &self.digest)
    }
}
