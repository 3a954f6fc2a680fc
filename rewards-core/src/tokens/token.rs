//! A token as it is kept: what it says, where it is in its life, and the payments with it.
//!
//! | from | [`redeem`](Token::redeem) | [`settle`](Token::settle) | [`cancel`](Token::cancel) | [`freeze`](Token::freeze) | time is over |
//! |---|---|---|---|---|---|
//! | active | spent | active, or spent when nothing is left | cancelled | frozen | expired |
//! | expired | refused | expired, or spent | refused | refused | – |
//! | spent | refused | spent: evidence, nothing is paid | refused | refused | – |
//! | cancelled | refused | cancelled, or spent: what is still reserved pays | refused | refused | – |
//! | frozen | refused | frozen, or spent: what is still reserved pays | refused | refused | – |
//!
//! [`redeem`](Token::redeem) is for whoever bears a token, [`settle`](Token::settle) for the payments of a device that holds one;
//! each refuses the other kind. Payments are taken in until [`settles_until`](Token::settles_until), which a revocation brings
//! nearer: merchants who have not heard of it yet are paid. Frozen because something was spent twice, a bound token keeps that time.
//!
//! # Any order
//!
//! What is kept of payments follows from which of them were told in time, not from their order: they are sorted, what is reserved
//! pays them as far as it goes, and whether the same was [spent twice](Token::double_spends) is looked at in all of them together.
//! One thing goes by the order: where more was signed than is reserved, who is told first is paid first, for what was paid to a
//! merchant is not taken back.

use serde::{Deserialize, Serialize};

use super::receipt::{TOKEN_RECEIPTS_MAX, TokenReceipt};
use super::section::{CompiledTokens, OnDoubleSpend, TokenMode};
use super::{SpendProof, TokenClaims, TokenError};
use crate::entity::{Entity, Index};
use crate::ids::{KeyId, MerchantId, ProgramId, RedemptionId, Slug, TokenId};
use crate::money::Money;
use crate::time::Timestamp;

/// What tokens that pay nothing any more are kept under, so that merchants can be told of those whose time is not over.
const ENDED: &str = "ended";

/// Where a token is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// It can be spent.
    Active,
    /// Its time is over. Payments that were made before are still taken in.
    Expired,
    /// All of it was spent. Final.
    Spent,
    /// It was taken back.
    Cancelled,
    /// It was taken back because its device was lost, or something was spent twice.
    Frozen,
}

/// A step that a token does not take from where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongTokenState(
    /// Where it is.
    pub TokenState,
);

/// What became of a payment that was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// What was paid now, in minor units.
    pub paid: i64,
    /// Whether it had been told before.
    pub is_replayed: bool,
}

/// An offline token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    state: TokenState,
    /// What it says.
    pub claims: TokenClaims,
    /// The key it is signed with.
    pub key: KeyId,
    /// What it is known by, in hexadecimal digits.
    pub digest: String,
    /// The program it was issued under.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// What reserves its value.
    pub redemption: RedemptionId,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Until when payments are taken in, exclusive, and its value is reserved.
    pub settles_until: Timestamp,
    /// How long merchants may take to hear that it was revoked, in minutes.
    pub revocation_minutes: u32,
    /// What happens when the same is spent twice.
    pub on_double_spend: OnDoubleSpend,
    /// When it was spent as a whole, cancelled or frozen, whichever came last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The merchant who redeemed it, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeemed_by: Option<MerchantId>,
    /// The payments with it, by number and digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    receipts: Vec<TokenReceipt>,
}

/// What is known of a token when it is issued.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// What it says.
    pub claims: TokenClaims,
    /// The key it is signed with.
    pub key: KeyId,
    /// What it is known by.
    pub digest: [u8; 32],
    /// The program, and the number of its revision.
    pub program: (&'a ProgramId, u32),
    /// What it says of tokens.
    pub terms: &'a CompiledTokens,
    /// What reserves its value.
    pub redemption: RedemptionId,
    /// When it is recorded.
    pub recorded_at: Timestamp,
}

impl Token {
    /// A token that is issued now.
    #[must_use]
    pub fn new(told: NewToken<'_>) -> Self {
        let mut token = Self {
            state: TokenState::Active,
            settles_until: told.claims.expires_at,
            claims: told.claims,
            key: told.key,
            digest: hex::encode(told.digest),
            program: told.program.0.clone(),
            revision: told.program.1,
            redemption: told.redemption,
            recorded_at: told.recorded_at,
            revocation_minutes: told.terms.revocation_minutes,
            on_double_spend: told.terms.double_spends,
            ended_at: None,
            redeemed_by: None,
            receipts: Vec::new(),
        };
        // Nobody is told late of what is redeemed where there is a network.
        if token.mode() == TokenMode::Bound {
            token.settles_until = token
                .claims
                .expires_at
                .saturating_add_minutes(told.terms.settle_minutes);
        }
        token
    }

    /// Who can spend it.
    #[must_use]
    pub fn mode(&self) -> TokenMode {
        TokenMode::of(self.claims.holder_key.as_deref())
    }

    /// Where it is in its life at an instant.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> TokenState {
        match self.state {
            TokenState::Active if now >= self.claims.expires_at => TokenState::Expired,
            state => state,
        }
    }

    /// The payments with it, by number and digest.
    #[must_use]
    pub fn receipts(&self) -> &[TokenReceipt] {
        &self.receipts
    }

    /// What was paid with it.
    #[must_use]
    pub fn paid(&self) -> Money {
        let is_redeemed = self.state == TokenState::Spent && self.mode() == TokenMode::Bearer;
        let minor = match is_redeemed {
            true => self.claims.amount.minor(),
            false => self.sum(|receipt| receipt.paid.minor()),
        };
        Money::new(minor, self.claims.amount.asset())
    }

    /// What more was signed than it is worth: nobody has reserved that.
    #[must_use]
    pub fn overspent(&self) -> Money {
        let signed = self.sum(|receipt| receipt.amount.minor());
        let over = signed.saturating_sub(self.claims.amount.minor());
        Money::new(over.max(0), self.claims.amount.asset())
    }

    fn sum(&self, of: impl Fn(&TokenReceipt) -> i64) -> i64 {
        let receipts = self.receipts.iter().map(of);
        receipts.fold(0, i64::saturating_add)
    }

    /// What of it is reserved at an instant.
    #[must_use]
    pub fn reserved(&self, now: Timestamp) -> Money {
        let asset = self.claims.amount.asset();
        if now >= self.settles_until || self.state == TokenState::Spent {
            return Money::zero(asset);
        }
        let left = self.claims.amount.minor();
        Money::new(left.saturating_sub(self.paid().minor()), asset)
    }

    /// The numbers of payments that its device has made twice: two of one number, or one that does not go on from the one
    /// before it.
    #[must_use]
    pub fn double_spends(&self) -> Vec<u32> {
        let of = |counter: u32| {
            let receipts = self.receipts.iter();
            receipts.filter(move |receipt| receipt.counter == counter)
        };
        let mut found = Vec::new();
        for receipt in &self.receipts {
            let counter = receipt.counter;
            let mut before = of(counter.saturating_sub(1)).peekable();
            let is_loose = before.peek().is_some()
                && !before.any(|earlier| earlier.digest == receipt.previous);
            if (is_loose || of(counter).count() > 1) && found.last() != Some(&counter) {
                found.push(counter);
            }
        }
        found
    }

    /// Whether its device has spent something twice, or more than it has.
    #[must_use]
    pub fn is_double_spent(&self) -> bool {
        self.overspent().is_positive() || !self.double_spends().is_empty()
    }

    fn end(mut self, state: TokenState, now: Timestamp) -> Self {
        self.state = state;
        self.ended_at = Some(now);
        self
    }

    fn check_active(&self, now: Timestamp) -> Result<(), WrongTokenState> {
        match self.state(now) {
            TokenState::Active => Ok(()),
            state => Err(WrongTokenState(state)),
        }
    }

    /// Whoever bears it is paid all of it.
    ///
    /// # Errors
    /// [`WrongTokenState`] unless it is active.
    pub fn redeem(
        mut self,
        merchant: Option<&MerchantId>,
        now: Timestamp,
    ) -> Result<Self, WrongTokenState> {
        self.check_active(now)?;
        self.redeemed_by = merchant.cloned();
        Ok(self.end(TokenState::Spent, now))
    }

    /// It is taken back. What it has reserved is held as long as merchants may not have heard of it.
    ///
    /// # Errors
    /// [`WrongTokenState`] unless it is active.
    pub fn cancel(self, now: Timestamp) -> Result<Self, WrongTokenState> {
        self.revoke(TokenState::Cancelled, now)
    }

    /// The same, because its device was lost.
    ///
    /// # Errors
    /// [`WrongTokenState`] unless it is active.
    pub fn freeze(self, now: Timestamp) -> Result<Self, WrongTokenState> {
        self.revoke(TokenState::Frozen, now)
    }

    /// It is frozen because the member has spent something twice. Payments of a device are taken in as long as before: a merchant who
    /// tells one is no worse off because another one was told first.
    ///
    /// # Errors
    /// [`WrongTokenState`] unless it is active.
    pub fn freeze_as_it_is(self, now: Timestamp) -> Result<Self, WrongTokenState> {
        let settles_until = self.settles_until;
        let is_bound = self.mode() == TokenMode::Bound;
        let mut frozen = self.freeze(now)?;
        if is_bound {
            frozen.settles_until = settles_until;
        }
        Ok(frozen)
    }

    fn revoke(mut self, state: TokenState, now: Timestamp) -> Result<Self, WrongTokenState> {
        self.check_active(now)?;
        let until = match self.mode() {
            TokenMode::Bearer => now,
            TokenMode::Bound => now.saturating_add_minutes(self.revocation_minutes),
        };
        self.settles_until = self.settles_until.min(until);
        Ok(self.end(state, now))
    }

    /// Takes in a payment that its device has signed: what is reserved pays it as far as it goes.
    ///
    /// # Errors
    /// In this order: [`TokenError::ProofWrong`]; [`TokenError::AudienceWrong`], [`TokenError::OverLimit`] for an amount or a number
    /// beyond what the token says; [`TokenError::ProofMismatch`] for a first payment that does not go on from the token;
    /// [`TokenError::Expired`] when nothing is taken in any more; [`TokenError::OverLimit`] beyond [`TOKEN_RECEIPTS_MAX`].
    pub fn settle(
        mut self,
        proof: &SpendProof,
        text: &str,
        now: Timestamp,
    ) -> Result<(Self, Settled), TokenError> {
        let holder = self.claims.holder_point();
        proof.verify_with(&holder.ok_or(TokenError::ProofWrong)?)?;
        let digest = hex::encode(proof.digest());
        if self.receipts.iter().any(|kept| kept.digest == digest) {
            let (paid, is_replayed) = (0, true);
            return Ok((self, Settled { paid, is_replayed }));
        }
        let said = &proof.claims;
        let amount = Money::new(said.minor, self.claims.amount.asset());
        let own = self.claims.merchant.as_ref();
        if own.is_some_and(|own| *own != said.merchant) {
            return Err(TokenError::AudienceWrong);
        }
        self.claims.check_amount(amount, false)?;
        self.claims.check_counter(said.counter)?;
        let mut receipt = TokenReceipt::new(proof, digest, amount, text, now);
        if receipt.counter == 1 && receipt.previous != self.digest {
            let what = "token";
            return Err(TokenError::ProofMismatch { what });
        }
        if now >= self.settles_until {
            let until = self.settles_until;
            return Err(TokenError::Expired { until });
        }
        if self.receipts.len() >= TOKEN_RECEIPTS_MAX {
            let limit = "the payments kept of a token";
            return Err(TokenError::OverLimit { limit });
        }
        let paid = self.reserved(now).minor().min(said.minor);
        receipt.paid = Money::new(paid, amount.asset());
        let place = self
            .receipts
            .partition_point(|kept| kept.place() < receipt.place());
        self.receipts.insert(place, receipt);
        if self.state != TokenState::Spent && self.reserved(now).is_zero() {
            self = self.end(TokenState::Spent, now);
        }
        let is_replayed = false;
        Ok((self, Settled { paid, is_replayed }))
    }

    /// The group and the state of tokens of an issuer that pay nothing any more, which are listed by when they end.
    #[must_use]
    pub fn ended_of(issuer: &Slug) -> (&str, &'static str) {
        (issuer.as_str(), ENDED)
    }
}

impl Entity for Token {
    const KIND: &'static str = "token";
    const SHAPE: u16 = 1;
    type Id = TokenId;

    fn index(&self) -> Index {
        let state = match self.state {
            TokenState::Active | TokenState::Expired => "active",
            TokenState::Spent | TokenState::Cancelled | TokenState::Frozen => ENDED,
        };
        Index {
            group: Some(self.claims.issuer.as_str().into()),
            rank: Some(self.claims.expires_at.micros()),
            ..Index::new(state, self.recorded_at).owned_by(&self.claims.member)
        }
    }

    fn is_named(&self, id: &str) -> bool {
        self.claims.token.as_str() == id
    }
}
