//! Taking tokens without a network: everything that can be known of a token where it is shown.
//!
//! The order of the refusals: no token; another algorithm; a header that must be known; unknown key; wrong signature; a key that was
//! not to be used then; another issuer; a clock that was set back; not yet valid; expired; another merchant; another kind of
//! merchant; another device; revoked; no proof, a wrong one, one for something else; beyond a limit of the token; spent here
//! before; beyond a limit of whoever takes it; too long since it was told to the engine.

use serde::{Deserialize, Serialize};

use super::TokenError;
use super::claims::{SignedToken, TokenClaims};
use super::log::TokenMemory;
use super::proof::SpendProof;
use super::sign1::PublicKey;
use crate::ids::{DeviceId, KeyId, MemberId, MerchantId, PaymentReference, Slug, TokenId};
use crate::money::Money;
use crate::time::{MICROS_PER_SECOND, Timestamp};

/// How far two clocks may be apart, in seconds, where nobody says otherwise.
pub const CLOCK_TOLERANCE_SECONDS_DEFAULT: u32 = 120;

/// A key that tokens are verified with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TokenPublicKey {
    /// Its id, which tokens name.
    pub key: KeyId,
    /// The public key of Ed25519, in 64 hexadecimal digits.
    pub public_key: String,
    /// From when on tokens are signed with it.
    pub valid_from: Timestamp,
    /// Until when, exclusive; for good when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub valid_until: Option<Timestamp>,
}

/// What whoever takes tokens offline risks at most until it is told to the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct OfflineLimits {
    /// The most that is waiting to be told, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub waiting_minor: Option<i64>,
    /// The most payments that are waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub waiting: Option<u32>,
    /// The longest time that a payment waits to be told, since the last time that anything was told, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub seconds: Option<u32>,
}

/// Who takes tokens, and what is known there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TokenVerifier {
    /// Whose tokens are taken.
    pub issuer: Slug,
    /// The issuer's keys.
    pub keys: Vec<TokenPublicKey>,
    /// Tokens that the issuer has taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub revoked: Vec<TokenId>,
    /// Who takes them.
    pub merchant: MerchantId,
    /// What kind of merchant that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub category: Option<Slug>,
    /// How far the clock may be from that of the issuer, in seconds.
    #[serde(default = "default_tolerance")]
    #[cfg_attr(feature = "uniffi", uniffi(default = 120))]
    pub tolerance_seconds: u32,
    /// What is risked at most.
    #[serde(default)]
    pub limits: OfflineLimits,
}

pub(crate) fn default_tolerance() -> u32 {
    CLOCK_TOLERANCE_SECONDS_DEFAULT
}

/// A token that somebody shows to pay with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ShownToken {
    /// The token, as text.
    pub token: String,
    /// The proof of whoever holds it, as text; none for one that is good for whoever bears it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub proof: Option<String>,
    /// What is to be paid.
    pub amount: Money,
    /// What was asked to be signed with the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reference: Option<PaymentReference>,
    /// The device that shows it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub device: Option<DeviceId>,
    /// What the clock says here.
    pub now: Timestamp,
}

/// A token that pays here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AcceptedToken {
    /// The token.
    pub token: TokenId,
    /// Whose value it is.
    pub member: MemberId,
    /// What it pays.
    pub amount: Money,
    /// Which payment of the token it is; 0 of one that is good for whoever bears it, which is redeemed by its id.
    pub counter: u32,
    /// What the payment is known by, in hexadecimal digits.
    pub digest: String,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// What is remembered of it from now on.
    pub memory: TokenMemory,
}

impl TokenVerifier {
    /// Whether a token that is shown pays here, as far as that is known and remembered. Nothing is kept: whoever takes it keeps
    /// its [memory](AcceptedToken::memory) before anything is handed over.
    ///
    /// # Errors
    /// [`TokenError`], in the order of this module.
    pub fn check(
        &self,
        shown: &ShownToken,
        memory: &TokenMemory,
    ) -> Result<AcceptedToken, TokenError> {
        self.check_token(self, SignedToken::parse(&shown.token)?, shown, memory)
    }

    pub(super) fn check_token(
        &self,
        issuer: &impl Issuer,
        token: SignedToken,
        shown: &ShownToken,
        memory: &TokenMemory,
    ) -> Result<AcceptedToken, TokenError> {
        self.check_signature(issuer, &token)?;
        if token.claims.issuer != self.issuer {
            return Err(TokenError::IssuerWrong);
        }
        self.check_time(&token.claims, shown.now, memory)?;
        self.check_place(issuer, &token.claims, shown)?;
        let (counter, digest) = self.check_payment(&token, shown, memory)?;
        self.check_limits(shown, memory)?;
        let accepted = AcceptedToken {
            token: token.claims.token,
            member: token.claims.member,
            amount: shown.amount,
            counter,
            digest: hex::encode(digest),
            expires_at: token.claims.expires_at,
            taken_at: shown.now,
            memory: TokenMemory::default(),
        };
        let memory = memory.after(&accepted);
        Ok(AcceptedToken { memory, ..accepted })
    }

    fn tolerance(&self) -> i64 {
        tolerance(self.tolerance_seconds)
    }

    fn check_signature(&self, issuer: &impl Issuer, token: &SignedToken) -> Result<(), TokenError> {
        let (key, issued) = (issuer.key(&token.key), token.claims.issued_at);
        check_key(key, &token.key, issued, self.tolerance(), |key| {
            token.verify_with(key)
        })
    }

    fn check_time(
        &self,
        claims: &TokenClaims,
        now: Timestamp,
        memory: &TokenMemory,
    ) -> Result<(), TokenError> {
        let tolerance = self.tolerance();
        if let Some(seen) = memory.latest
            && now.micros().saturating_add(tolerance) < seen.micros()
        {
            return Err(TokenError::ClockRolledBack { seen });
        }
        let until = Some(claims.expires_at);
        check_times(claims.begins_at, until, now, tolerance)
    }

    fn check_place(
        &self,
        issuer: &impl Issuer,
        claims: &TokenClaims,
        shown: &ShownToken,
    ) -> Result<(), TokenError> {
        claims.check_merchant(Some(&self.merchant), self.category.as_ref())?;
        if let (Some(expected), Some(found)) = (&claims.device, &shown.device)
            && expected != found
        {
            return Err(TokenError::DeviceWrong);
        }
        if issuer.has_revoked(&claims.token) {
            let token = claims.token.clone();
            return Err(TokenError::Revoked { token });
        }
        Ok(())
    }

    /// The number and the digest of what is paid.
    fn check_payment(
        &self,
        token: &SignedToken,
        shown: &ShownToken,
        memory: &TokenMemory,
    ) -> Result<(u32, [u8; 32]), TokenError> {
        let claims = &token.claims;
        let seen = || TokenError::Seen {
            token: claims.token.clone(),
        };
        let Some(holder) = claims.holder_point() else {
            if shown.proof.is_some() {
                return Err(TokenError::malformed("a proof of nobody"));
            }
            claims.check_amount(shown.amount, true)?;
            if memory.spent.is_some() {
                return Err(seen());
            }
            return Ok((0, token.digest()));
        };
        let proof = shown.proof.as_ref().ok_or(TokenError::ProofMissing)?;
        let proof = SpendProof::parse(proof)?;
        proof.verify_with(&holder)?;
        self.check_proof(&proof, claims, shown)?;
        claims.check_amount(shown.amount, false)?;
        claims.check_counter(proof.claims.counter)?;
        let goes_on = |digest: &str| hex::encode(proof.claims.previous) == digest;
        let another = TokenError::ProofMismatch {
            what: "payment before it",
        };
        if proof.claims.counter == 1 && !goes_on(&hex::encode(token.digest())) {
            return Err(another);
        }
        if let Some(spent) = &memory.spent {
            if proof.claims.counter <= spent.counter {
                return Err(seen());
            }
            if proof.claims.counter == spent.counter.saturating_add(1) && !goes_on(&spent.digest) {
                return Err(another);
            }
            let after = spent.minor.saturating_add(shown.amount.minor());
            if after > claims.amount.minor() {
                let limit = "the amount of the token";
                return Err(TokenError::OverLimit { limit });
            }
        }
        Ok((proof.claims.counter, proof.digest()))
    }

    fn check_proof(
        &self,
        proof: &SpendProof,
        claims: &TokenClaims,
        shown: &ShownToken,
    ) -> Result<(), TokenError> {
        let said = &proof.claims;
        for (is_same, what) in [
            (said.token == claims.token, "token"),
            (said.merchant == self.merchant, "merchant"),
            (said.minor == shown.amount.minor(), "amount"),
            (said.reference == shown.reference, "reference"),
        ] {
            if !is_same {
                return Err(TokenError::ProofMismatch { what });
            }
        }
        Ok(())
    }

    fn check_limits(&self, shown: &ShownToken, memory: &TokenMemory) -> Result<(), TokenError> {
        let limits = &self.limits;
        let over = |limit| Err(TokenError::OverLimit { limit });
        let minor = memory.waiting_minor.saturating_add(shown.amount.minor());
        if limits.waiting_minor.is_some_and(|most| minor > most) {
            return over("what may wait to be told");
        }
        if limits.waiting.is_some_and(|most| memory.waiting >= most) {
            return over("the number of payments that may wait to be told");
        }
        // Whoever has never told anything has waited since the first payment.
        let last = memory.synced_at.or(memory.waiting_since);
        if let (Some(seconds), Some(last)) = (limits.seconds, last) {
            let longest = i64::from(seconds).saturating_mul(MICROS_PER_SECOND);
            if memory.waiting > 0 && shown.now.micros_since(last) > longest {
                return Err(TokenError::SyncOverdue { last });
            }
        }
        Ok(())
    }
}

/// How far clocks may be apart, in microseconds.
pub(crate) fn tolerance(seconds: u32) -> i64 {
    i64::from(seconds).saturating_mul(MICROS_PER_SECOND)
}

/// Whether something is good now, give or take what clocks may be apart.
///
/// # Errors
/// [`TokenError::NotYetValid`], [`TokenError::Expired`].
pub(crate) fn check_times(
    from: Timestamp,
    until: Option<Timestamp>,
    now: Timestamp,
    tolerance: i64,
) -> Result<(), TokenError> {
    if now.micros().saturating_add(tolerance) < from.micros() {
        return Err(TokenError::NotYetValid { from });
    }
    match until {
        Some(until) if now.micros().saturating_sub(tolerance) >= until.micros() => {
            Err(TokenError::Expired { until })
        }
        _ => Ok(()),
    }
}

/// What is looked up of the issuer when a token is shown.
pub(super) trait Issuer {
    /// A key that can be read.
    fn key(&self, id: &KeyId) -> Option<IssuerKey>;
    /// Whether a token was taken back.
    fn has_revoked(&self, token: &TokenId) -> bool;
}

impl Issuer for TokenVerifier {
    fn key(&self, id: &KeyId) -> Option<IssuerKey> {
        find_key(&self.keys, id)
    }

    fn has_revoked(&self, token: &TokenId) -> bool {
        self.revoked.contains(token)
    }
}

/// A key of the issuer that was read, and from when until when it is used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IssuerKey {
    point: PublicKey,
    valid_from: Timestamp,
    valid_until: Option<Timestamp>,
}

impl IssuerKey {
    pub(super) fn read(key: &TokenPublicKey) -> Option<Self> {
        Some(Self {
            point: PublicKey::read(&key.public_key)?,
            valid_from: key.valid_from,
            valid_until: key.valid_until,
        })
    }
}

/// The key with an id, read.
pub(crate) fn find_key(keys: &[TokenPublicKey], id: &KeyId) -> Option<IssuerKey> {
    IssuerKey::read(keys.iter().find(|own| own.key == *id)?)
}

/// Whether something is signed by a key that was to be used when it was issued, give or take what clocks may be apart.
///
/// # Errors
/// [`TokenError::KeyUnknown`], what `verify` says, [`TokenError::KeyNotValid`].
pub(crate) fn check_key(
    key: Option<IssuerKey>,
    named: &KeyId,
    issued_at: Timestamp,
    tolerance: i64,
    verify: impl FnOnce(&PublicKey) -> Result<(), TokenError>,
) -> Result<(), TokenError> {
    let key = key.ok_or_else(|| TokenError::KeyUnknown { key: named.clone() })?;
    verify(&key.point)?;
    let issued = issued_at.micros();
    let from = key.valid_from.micros().saturating_sub(tolerance);
    let until = key.valid_until.map(Timestamp::micros);
    let until = until.map(|until| until.saturating_add(tolerance));
    if issued < from || until.is_some_and(|until| issued >= until) {
        return Err(TokenError::KeyNotValid { key: named.clone() });
    }
    Ok(())
}

impl TokenClaims {
    /// Whether it pays at a merchant.
    ///
    /// # Errors
    /// [`TokenError::AudienceWrong`], [`TokenError::CategoryRefused`].
    pub fn check_merchant(
        &self,
        merchant: Option<&MerchantId>,
        category: Option<&Slug>,
    ) -> Result<(), TokenError> {
        let own = self.merchant.as_ref();
        if own.is_some() && own != merchant {
            return Err(TokenError::AudienceWrong);
        }
        let is_listed = |names: &[Slug]| category.is_some_and(|own| names.contains(own));
        let is_left_out = !self.categories.is_empty() && !is_listed(&self.categories);
        if is_left_out || is_listed(&self.refused_categories) {
            return Err(TokenError::CategoryRefused);
        }
        Ok(())
    }

    /// Whether it can pay so much at once: all of it when it is spent as a whole.
    ///
    /// # Errors
    /// [`TokenError::OverLimit`]; [`TokenError::ProofMismatch`] for another asset.
    pub fn check_amount(&self, amount: Money, is_whole: bool) -> Result<(), TokenError> {
        if amount.asset() != self.amount.asset() {
            return Err(TokenError::ProofMismatch { what: "asset" });
        }
        let (asked, most) = (amount.minor(), self.amount.minor());
        if asked > most || asked <= 0 {
            let limit = "the amount of the token";
            return Err(TokenError::OverLimit { limit });
        }
        if is_whole && asked != most {
            let limit = "a token that is spent as a whole";
            return Err(TokenError::OverLimit { limit });
        }
        if self.spend_max.is_some_and(|most| asked > most.minor()) {
            let limit = "the most of one payment";
            return Err(TokenError::OverLimit { limit });
        }
        Ok(())
    }

    /// Whether it has a payment of this number.
    ///
    /// # Errors
    /// [`TokenError::OverLimit`].
    pub fn check_counter(&self, counter: u32) -> Result<(), TokenError> {
        let most = self.spends_max.unwrap_or(super::TOKEN_SPENDS_MAX);
        if counter <= most {
            return Ok(());
        }
        let limit = "the number of payments of the token";
        Err(TokenError::OverLimit { limit })
    }
}
