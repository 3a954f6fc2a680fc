//! What a device does to spend a token: it has the token and the proof before, and signs another one.

use serde::{Deserialize, Serialize};

use super::claims::whole_seconds;
use super::sign1::SIGNATURE_BYTES;
use super::{SignedToken, SpendClaims, SpendProof, TokenError};
use crate::ids::{MerchantId, PaymentReference};
use crate::money::Money;
use crate::time::Timestamp;

/// A payment that a device makes with a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TokenSpend {
    /// The token, as text.
    pub token: String,
    /// The proof of the payment before, as text; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub previous: Option<String>,
    /// Who is paid.
    pub merchant: MerchantId,
    /// How much.
    pub amount: Money,
    /// What the merchant asks to be signed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reference: Option<PaymentReference>,
    /// What the clock of the device says.
    pub now: Timestamp,
}

impl TokenSpend {
    /// What is to be signed.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] for a token or a proof that is none; [`TokenError::ProofMismatch`] for a proof of another token,
    /// and another asset; [`TokenError::OverLimit`] for more than the token allows at once, and more payments.
    pub fn claims(&self) -> Result<SpendClaims, TokenError> {
        let token = SignedToken::parse(&self.token)?;
        token.claims.check_amount(self.amount, false)?;
        let (counter, previous) = match &self.previous {
            None => (1, token.digest()),
            Some(text) => {
                let before = SpendProof::parse(text)?;
                if before.claims.token != token.claims.token {
                    return Err(TokenError::ProofMismatch { what: "token" });
                }
                (before.claims.counter.saturating_add(1), before.digest())
            }
        };
        token.claims.check_counter(counter)?;
        Ok(SpendClaims {
            merchant: self.merchant.clone(),
            at: whole_seconds(self.now),
            token: token.claims.token,
            minor: self.amount.minor(),
            counter,
            previous,
            reference: self.reference.clone(),
        })
    }

    /// The bytes that the key of the device signs, with Ed25519. The key may be where nobody can read it.
    ///
    /// # Errors
    /// As [`claims`](Self::claims).
    pub fn message(&self) -> Result<Vec<u8>, TokenError> {
        self.claims()?.to_sign()
    }

    /// The proof with its signature, as text for a QR code.
    ///
    /// # Errors
    /// As [`claims`](Self::claims); [`TokenError::Malformed`] for a signature of another length; [`TokenError::ProofWrong`] for one
    /// of another key than the token names.
    pub fn proof(&self, signature: &[u8]) -> Result<String, TokenError> {
        let signature: &[u8; SIGNATURE_BYTES] = signature
            .try_into()
            .map_err(|_| TokenError::malformed("a signature has 64 bytes"))?;
        let text = self.claims()?.signed(signature)?;
        let holder = SignedToken::parse(&self.token)?.claims.holder_point();
        SpendProof::parse(&text)?.verify_with(&holder.ok_or(TokenError::ProofWrong)?)?;
        Ok(text)
    }
}
