//! Refund a conversion, or a part of it, at the rate it was made by: the member gives back what had arrived and gets back what had
//! been converted for it.
//!
//! The rate of the day changes nothing, but what the tenant gains or loses by not using it is told. The tenant gives back the part
//! of the spread that belongs to what comes back; a fee stays paid. What comes back is rounded for the tenant, and all parts
//! together come to what the whole would have.
//!
//! Refusals, in order: an amount that is not positive; unknown member; unknown conversion, one of another member; closed or
//! merged member; an amount of another currency; the refund was made already; all of it went back; more than is left, more
//! refunds than one conversion may have; nothing would come back; more due or open lots than one command may touch; the balance
//! is less than what is given back.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::amounts::{check_positive, in_words};
use super::super::change_builder::ChangeBuilder;
use super::super::presence::check_present;
use super::super::review::Reviewed;
use super::super::unless_wrong;
use super::exchange::Exchange;
use super::rates::{chain_of, queries, section_of, today};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::EntityKey;
use crate::event::Event;
use crate::fx::{
    CONVERSION_REFUNDS_MAX, Conversion, ConversionRefund, FxChain, RefundError, Refunding,
};
use crate::ids::{ConversionId, IdempotencyKey, MemberId, RefundId, TenantId};
use crate::money::{Asset, Money};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};

/// Refunds a conversion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RefundConversion {
    /// The id of the refund, unique in the conversion: the same one again has no second effect.
    pub refund: RefundId,
    /// The conversion.
    pub conversion: ConversionId,
    /// Whose value it is.
    pub member: MemberId,
    /// How much of what had arrived goes back; all that is left when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
}

/// The refund that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RefundedConversion {
    /// The conversion.
    pub conversion: ConversionId,
    /// Whose value it is.
    pub member: MemberId,
    /// What went back.
    pub refund: ConversionRefund,
    /// How much of what had arrived has not gone back.
    pub left: Money,
}

impl Operation for RefundConversion {
    const NAME: &'static str = "refund_conversion";
    const KIND: Kind = Kind::Command;
    type Reply = RefundedConversion;
    type Prepared = ();

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        IdempotencyKey::new(self.refund.as_str())
            .ok()
            .map(NaturalKey::Text)
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let mut problems = Vec::new();
        if let Some(amount) = self.amount {
            check_positive("amount", amount, &mut problems);
        }
        unless_wrong(problems)?;
        let key = EntityKey::of::<Conversion>(&context.tenant, &self.conversion);
        let mut plan = ReadPlan {
            members: vec![context.member_key(&self.member)],
            entities: vec![key],
            ..ReadPlan::default()
        };
        Reviewed::Balances.plan(context, &self.member, context.now, &mut plan);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<RefundedConversion>, Undecided> {
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open(snapshot, context, &ids, &self.member)?;
        let stored = snapshot.get::<Conversion>(&context.tenant, &self.conversion)?;
        let row = &builder.row;
        let is_own = |owner: &MemberId| row.profile.stands_for(&self.member, owner);
        let stored = stored.filter(|stored| is_own(&stored.entity.member));
        let stored = stored.ok_or_else(|| Rejection::ConversionUnknown(self.conversion.clone()))?;
        check_present(&row.profile, &self.member)?;
        let expected = stored.expected();
        let kept = stored.entity;
        let asked = self.asked(kept.terms.arrived.asset())?;
        let refunding = kept.refunding(&self.refund, asked);
        let refunding = refunding.map_err(|error| self.refused(&kept, error))?;
        let gain = gain_of(&kept, refunding, snapshot, context)?;
        let exchange = Exchange {
            conversion: &self.conversion,
            allowed_by: &kept.allowed_by,
            member: &self.member,
            snapshot,
            context,
        };
        let taken = exchange.take(&mut builder, refunding.returned)?;
        exchange.give(&mut builder, refunding.returned, taken.at)?;
        exchange.keep_spread(&mut builder, refunding.spread, true, taken.at)?;
        exchange.arrive(&mut builder, refunding.restored, &taken)?;
        let refund = ConversionRefund {
            refund: self.refund.clone(),
            returned: refunding.returned,
            restored: refunding.restored,
            spread: refunding.spread,
            gain,
            recorded_at: builder.recorded_at,
        };
        let after = kept.clone().refund(refund.clone());
        builder.put(&self.conversion, expected, &after)?;
        builder.emit_due();
        builder.emit(Event::ConversionRefunded {
            conversion: self.conversion.clone(),
            refund: self.refund.clone(),
            returned: refunding.returned,
            restored: refunding.restored,
        });
        exchange.review(&mut builder, taken.at)?;
        Ok(Decision {
            reply: RefundedConversion {
                conversion: self.conversion.clone(),
                member: self.member.clone(),
                refund,
                left: Money::new(after.left(), after.terms.arrived.asset()),
            },
            changes: builder.finish()?,
        })
    }
}

impl RefundConversion {
    /// How many minor units are asked to go back.
    fn asked(&self, arrived: Asset) -> Result<Option<i64>, Rejection> {
        match self.amount {
            Some(amount) if amount.asset() != arrived => {
                let found = amount.asset();
                let detail = format!("expected what had arrived, `{arrived}`, got `{found}`");
                Err(Problem::new("asset_mismatch", "amount.asset", detail).into())
            }
            amount => Ok(amount.map(Money::minor)),
        }
    }

    fn refused(&self, kept: &Conversion, error: RefundError) -> Rejection {
        let arrived = kept.terms.arrived.asset();
        match error {
            RefundError::Exists => Rejection::RefundExists(self.refund.clone()),
            RefundError::Refunded => Rejection::ConversionRefunded(self.conversion.clone()),
            RefundError::Exceeds { left } => {
                let asked = self.amount.map_or(0, Money::minor);
                Rejection::RefundExceeds {
                    asked: in_words(asked, arrived),
                    left: in_words(left, arrived),
                }
            }
            RefundError::TooMany => Rejection::TooMany {
                what: "refunds of one conversion",
                limit: CONVERSION_REFUNDS_MAX,
            },
            RefundError::TooSmall => {
                let asked = self.amount.map_or_else(|| kept.left(), Money::minor);
                Rejection::ConversionTooSmall {
                    amount: in_words(asked, arrived),
                    to: kept.terms.given.asset(),
                }
            }
            RefundError::Overflow => Rejection::Overflow,
        }
    }
}

/// What the tenant gains by the rate of the conversion instead of that of the day, where there is one.
fn gain_of(
    kept: &Conversion,
    refunding: Refunding,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Option<Money>, Undecided> {
    let Some(chain) = chain_of_day(kept, snapshot, context)? else {
        return Ok(None);
    };
    let Ok(worth) = chain.mid.floor(refunding.restored.minor()) else {
        return Ok(None);
    };
    let returned = refunding.returned.minor();
    let back = returned.saturating_add(refunding.spread.minor());
    let gain = back.saturating_sub(worth);
    Ok(Some(Money::new(gain, refunding.returned.asset())))
}

/// The rates of the day for the pair of a conversion, as its program looks them up now; none where it cannot.
fn chain_of_day(
    kept: &Conversion,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Option<FxChain>, Undecided> {
    let terms = &kept.terms;
    let pair = (terms.given.asset(), terms.arrived.asset());
    let (Some(from), Some(to)) = (pair.0.as_currency(), pair.1.as_currency()) else {
        return Ok(None);
    };
    let Ok(program) = context.program_at(&kept.allowed_by.program, context.now) else {
        return Ok(None);
    };
    let Ok(section) = section_of(program) else {
        return Ok(None);
    };
    let lookup = section.lookup(from, to, today(program, context)?);
    let mut pages = queries(&lookup, context);
    pages.retain(|query| !snapshot.entity_pages.contains_key(query));
    Undecided::unless_seen(ReadPlan {
        entity_pages: pages,
        ..ReadPlan::default()
    })?;
    match chain_of(&lookup, snapshot, context) {
        Ok(chain) => Ok(Some(chain)),
        Err(Rejection::RateMissing { .. } | Rejection::RateStale { .. } | Rejection::Overflow) => {
            Ok(None)
        }
        Err(other) => Err(other.into()),
    }
}
