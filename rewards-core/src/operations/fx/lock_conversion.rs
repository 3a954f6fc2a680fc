//! Lock a conversion: what an amount becomes is held for a member for as long as the program says, to be used once.
//!
//! Nothing moves yet, and nothing of the member's is reserved. The quote's id is its key: locked again it is replayed, with
//! another content it is refused.
//!
//! Refusals, in order: an amount that is not positive; unknown program, none that is active; the program converts nothing; no
//! rule allows the pair; unknown member; the quote is locked already; closed or merged member, suspended member; no rate, a rate
//! that is too old; nothing would be left, or nothing after the fee.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::presence::check_active;
use super::PreparedConversion;
use super::rates::section_of;
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{EntityKey, Expected};
use crate::event::Event;
use crate::fx::{ConversionTerms, FxQuote};
use crate::ids::{FxQuoteId, MemberId, ProgramId, TenantId};
use crate::money::{Currency, Money};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Holds what an amount becomes in another currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct LockConversion {
    /// The id of the quote; the same one again has no second effect.
    pub quote: FxQuoteId,
    /// The program whose rules allow it: its revision that is active now.
    pub program: ProgramId,
    /// For whom it is held.
    pub member: MemberId,
    /// How much; positive. Whether a fee is added or taken out, the program says.
    pub amount: Money,
    /// Into what.
    pub to: Currency,
}

/// The quote that is locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct LockedConversion {
    /// The quote.
    pub quote: FxQuoteId,
    /// For whom it is held.
    pub member: MemberId,
    /// What becomes of the amount.
    pub terms: ConversionTerms,
    /// When it was locked.
    pub locked_at: Timestamp,
    /// From when on it does not hold any more.
    pub expires_at: Timestamp,
}

impl Operation for LockConversion {
    const NAME: &'static str = "lock_conversion";
    const KIND: Kind = Kind::Command;
    type Reply = LockedConversion;
    type Prepared = PreparedConversion;

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        let key = EntityKey::of::<FxQuote>(tenant, &self.quote);
        Some(NaturalKey::Entity(key))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedConversion), Rejection> {
        let asked = (self.amount, self.to);
        let (mut plan, prepared) = PreparedConversion::prepare(context, &self.program, asked)?;
        plan.members.push(context.member_key(&self.member));
        let key = EntityKey::of::<FxQuote>(&context.tenant, &self.quote);
        plan.entities.push(key);
        Ok((plan, prepared))
    }

    fn decide(
        &self,
        prepared: &PreparedConversion,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<LockedConversion>, Undecided> {
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, &self.member)?;
        let key = EntityKey::of::<FxQuote>(&context.tenant, &self.quote);
        if snapshot.entities.contains_key(&key) {
            return Err(Rejection::FxQuoteExists(self.quote.clone()).into());
        }
        check_active(&builder.row.profile, &self.member)?;
        let terms = prepared.terms(snapshot, context)?;
        let section = section_of(prepared.program())?;
        let quote = FxQuote::lock(
            &self.quote,
            &self.member,
            (prepared.allowed_by(), terms),
            builder.recorded_at,
            // A clock may be behind that of who wrote last: a quote never ends before it begins.
            section.expires_at(builder.recorded_at),
        );
        builder.put(&self.quote, Expected::Absent, &quote)?;
        builder.emit(Event::ConversionQuoted {
            quote: self.quote.clone(),
            given: quote.terms.given,
            arrived: quote.terms.arrived,
            expires_at: quote.expires_at,
        });
        Ok(Decision {
            reply: LockedConversion {
                quote: quote.quote,
                member: quote.member,
                terms: quote.terms,
                locked_at: quote.locked_at,
                expires_at: quote.expires_at,
            },
            changes: builder.finish()?,
        })
    }
}
