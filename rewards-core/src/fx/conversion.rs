//! A conversion as it is kept, with what of it was refunded.
//!
//! | from | method | to |
//! |---|---|---|
//! | – | [`Conversion::complete`] | [`Completed`](ConversionState::Completed) |
//! | completed | [`Conversion::refund`] of a part | completed |
//! | completed | [`Conversion::refund`] of all that is left | [`Refunded`](ConversionState::Refunded) |
//! | refunded | [`Conversion::refund`] | refused |
//!
//! A refund goes by the rate of the conversion, whatever the rate is by then. Each part gives back what all parts so far come to,
//! cut off, less what earlier ones gave back: parts together never give back more than the whole, and all of them as much.

use serde::{Deserialize, Serialize};

use super::{AllowedBy, ConversionTerms, ExactRatio, FxError};
use crate::entity::{Entity, EntityId, Index};
use crate::ids::{ConversionId, FxQuoteId, MemberId, RefundId};
use crate::money::Money;
use crate::time::Timestamp;

/// How often one conversion can be refunded in part.
pub const CONVERSION_REFUNDS_MAX: u32 = 100;

impl EntityId for ConversionId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

/// Where a conversion is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum ConversionState {
    /// The value has moved.
    Completed,
    /// All that had arrived went back. Final.
    Refunded,
}

/// A part of a conversion that went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ConversionRefund {
    /// The refund.
    pub refund: RefundId,
    /// What the member gave back of what had arrived.
    pub returned: Money,
    /// What the member got back for it.
    pub restored: Money,
    /// What the tenant gave back of the spread.
    pub spread: Money,
    /// What the tenant gains by the rate of the conversion, where the rate of the day would have been another one: what came back,
    /// the spread included, less what the restored amount is worth in the middle on the day. Negative for a loss; absent where
    /// there is no fresh rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub gain: Option<Money>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// Why a conversion is not refunded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundError {
    /// There is a refund with this id.
    Exists,
    /// Nothing is left.
    Refunded,
    /// So much is left, in minor units.
    Exceeds {
        /// What is left.
        left: i64,
    },
    /// It was refunded as often as one can be.
    TooMany,
    /// Nothing would come back.
    TooSmall,
    /// A number left its range.
    Overflow,
}

impl From<FxError> for RefundError {
    fn from(_: FxError) -> Self {
        Self::Overflow
    }
}

/// What goes back by a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refunding {
    /// What the member gives back.
    pub returned: Money,
    /// What the member gets back.
    pub restored: Money,
    /// What the tenant gives back of the spread.
    pub spread: Money,
}

/// A conversion, found by its member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversion {
    /// Its id.
    pub conversion: ConversionId,
    /// Who converted.
    pub member: MemberId,
    /// What allowed it.
    pub allowed_by: AllowedBy,
    /// What became of the amount.
    pub terms: ConversionTerms,
    /// The locked quote that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<FxQuoteId>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What went back, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refunds: Vec<ConversionRefund>,
}

impl Conversion {
    /// A conversion whose value has moved.
    #[must_use]
    pub fn complete(
        conversion: &ConversionId,
        member: &MemberId,
        (allowed_by, terms): (AllowedBy, ConversionTerms),
        quote: Option<&FxQuoteId>,
        recorded_at: Timestamp,
    ) -> Self {
        Self {
            conversion: conversion.clone(),
            member: member.clone(),
            allowed_by,
            terms,
            quote: quote.cloned(),
            recorded_at,
            refunds: Vec::new(),
        }
    }

    /// What went back, the first one first.
    #[must_use]
    pub fn refunds(&self) -> &[ConversionRefund] {
        &self.refunds
    }

    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> ConversionState {
        match self.left() {
            0 => ConversionState::Refunded,
            _ => ConversionState::Completed,
        }
    }

    /// How much of what had arrived has not gone back, in minor units.
    #[must_use]
    pub fn left(&self) -> i64 {
        let returned = self.sum(|refund| refund.returned);
        self.terms.arrived.minor().saturating_sub(returned)
    }

    fn sum(&self, part: impl Fn(&ConversionRefund) -> Money) -> i64 {
        let parts = self.refunds.iter().map(|refund| part(refund).minor());
        parts.fold(0, i64::saturating_add)
    }

    /// What would go back for so many minor units of what had arrived; for all that is left when absent.
    ///
    /// # Errors
    /// [`RefundError`].
    pub fn refunding(
        &self,
        refund: &RefundId,
        returned: Option<i64>,
    ) -> Result<Refunding, RefundError> {
        if self.refunds.iter().any(|made| made.refund == *refund) {
            return Err(RefundError::Exists);
        }
        let left = self.left();
        if left == 0 {
            return Err(RefundError::Refunded);
        }
        let returned = returned.unwrap_or(left);
        if returned > left {
            return Err(RefundError::Exceeds { left });
        }
        if !u32::try_from(self.refunds.len()).is_ok_and(|made| made < CONVERSION_REFUNDS_MAX) {
            return Err(RefundError::TooMany);
        }
        let ConversionTerms {
            converted, spread, ..
        } = &self.terms;
        let so_far = self.sum(|refund| refund.returned).checked_add(returned);
        let so_far = so_far.ok_or(RefundError::Overflow)?;
        // A fee stays where it is: what arrived after one is a part of what was had.
        let share = |whole: i64| share(whole, so_far, self.terms.had());
        let restored = share(converted.minor())?;
        let restored = restored.saturating_sub(self.sum(|refund| refund.restored));
        let kept = share(spread.minor())?;
        if restored == 0 {
            return Err(RefundError::TooSmall);
        }
        let given_up = kept.saturating_sub(self.sum(|refund| refund.spread));
        Ok(Refunding {
            returned: Money::new(returned, self.terms.arrived.asset()),
            restored: Money::new(restored, converted.asset()),
            spread: Money::new(given_up, spread.asset()),
        })
    }

    /// A part of it, or all, went back.
    #[must_use]
    pub fn refund(mut self, refund: ConversionRefund) -> Self {
        self.refunds.push(refund);
        self
    }
}

/// `whole × part ÷ of`, cut off.
fn share(whole: i64, part: i64, of: i64) -> Result<i64, FxError> {
    if whole == 0 {
        return Ok(0);
    }
    let unsigned = |minor: i64| u128::try_from(minor).map_err(|_| FxError::Overflow);
    ExactRatio::new(unsigned(part)?, unsigned(of)?)?.floor(whole)
}

impl Entity for Conversion {
    const KIND: &'static str = "conversion";
    const SHAPE: u16 = 1;
    type Id = ConversionId;

    fn index(&self) -> Index {
        let state = match self.state() {
            ConversionState::Completed => "completed",
            ConversionState::Refunded => "refunded",
        };
        Index::new(state, self.recorded_at).owned_by(&self.member)
    }

    fn is_named(&self, id: &str) -> bool {
        self.conversion.as_str() == id
    }
}
