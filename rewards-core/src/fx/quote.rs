//! A locked quote: what an amount becomes, held for a member for a while.
//!
//! | from | method | to |
//! |---|---|---|
//! | – | [`FxQuote::lock`] | [`Open`](FxQuoteState::Open) |
//! | open | [`FxQuote::use_for`] | [`Used`](FxQuoteState::Used) |
//! | expired | [`FxQuote::use_for`] | refused |
//! | used | [`FxQuote::use_for`] | refused |
//!
//! Open becomes expired by time alone, and nobody writes that down: it is true of whoever reads it from then on.

use serde::{Deserialize, Serialize};

use super::{ConversionTerms, FxExpiry};
use crate::entity::{Entity, EntityId, Index};
use crate::ids::{ConversionId, FxQuoteId, MemberId, ProgramId, Slug};
use crate::ledger::{Origin, Purpose};
use crate::time::Timestamp;

impl EntityId for FxQuoteId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

/// Where a locked quote is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum FxQuoteState {
    /// It can be used.
    Open,
    /// It was used. Final.
    Used,
    /// Its time is over. Final.
    Expired,
}

/// Under which rule something is converted, on which accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowedBy {
    /// The program.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// The rule.
    pub rule: Slug,
    /// The accounts of the member.
    pub purpose: Purpose,
    /// When what arrives expires.
    pub expiry: FxExpiry,
}

impl AllowedBy {
    /// The rule, as entries name it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin {
            program: self.program.clone(),
            revision: self.revision,
            rule: self.rule.clone(),
        }
    }
}

/// A locked quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FxQuote {
    /// Its id.
    pub quote: FxQuoteId,
    /// For whom it is held.
    pub member: MemberId,
    /// What allows it.
    pub allowed_by: AllowedBy,
    /// What becomes of the amount.
    pub terms: ConversionTerms,
    /// When it was locked.
    pub locked_at: Timestamp,
    /// From when on it does not hold any more.
    pub expires_at: Timestamp,
    /// The conversion that used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_by: Option<ConversionId>,
}

impl FxQuote {
    /// A quote that is locked now.
    #[must_use]
    pub fn lock(
        quote: &FxQuoteId,
        member: &MemberId,
        (allowed_by, terms): (AllowedBy, ConversionTerms),
        locked_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            quote: quote.clone(),
            member: member.clone(),
            allowed_by,
            terms,
            locked_at,
            expires_at,
            used_by: None,
        }
    }

    /// Where it is in its life at an instant.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> FxQuoteState {
        match &self.used_by {
            Some(_) => FxQuoteState::Used,
            None if now < self.expires_at => FxQuoteState::Open,
            None => FxQuoteState::Expired,
        }
    }

    /// It is used, once.
    ///
    /// # Errors
    /// Its state, when it is not open.
    pub fn use_for(
        mut self,
        conversion: &ConversionId,
        now: Timestamp,
    ) -> Result<Self, FxQuoteState> {
        match self.state(now) {
            FxQuoteState::Open => {
                self.used_by = Some(conversion.clone());
                Ok(self)
            }
            state => Err(state),
        }
    }
}

impl Entity for FxQuote {
    const KIND: &'static str = "fx_quote";
    const SHAPE: u16 = 1;
    type Id = FxQuoteId;

    fn index(&self) -> Index {
        let state = match self.used_by {
            None => "open",
            Some(_) => "used",
        };
        Index::new(state, self.locked_at).owned_by(&self.member)
    }

    fn is_named(&self, id: &str) -> bool {
        self.quote.as_str() == id
    }
}
