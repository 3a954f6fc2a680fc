//! Convert a balance: a member gives value of one currency and gets value of another one, at the rates of the day or at those of
//! a locked quote.
//!
//! What is due is carried out first; then two transfers of one currency each go over the account `position`: what is converted
//! goes there, and what arrives comes from there. What the tenant keeps goes from the position to `spread`, in the currency that
//! arrives, and a fee goes to `fees`, all in one step. The conversion is kept with the rates it was made by.
//!
//! Refusals, in order: an amount that is not positive; unknown program, none that is active; the program converts nothing; no
//! rule allows the pair; unknown member; the conversion was made already; closed or merged member, suspended member; unknown
//! quote, one of another member, one that was used, one whose time is over; no rate, a rate that is too old; nothing would be
//! left, or nothing after the fee; more due or open lots than one command may touch; the balance is less than what is given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::presence::check_active;
use super::super::review::Reviewed;
use super::PreparedConversion;
use super::exchange::Exchange;
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{EntityKey, Expected};
use crate::event::Event;
use crate::fx::{AllowedBy, Conversion, ConversionTerms, FxQuote, FxQuoteState};
use crate::ids::{ConversionId, FxQuoteId, MemberId, ProgramId, TenantId};
use crate::ledger::LotNumber;
use crate::money::{Currency, Money};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// The most lots that may pay for one conversion: each may make one of the other currency.
pub const CONVERSION_LOTS_MAX: u32 = 1_000;

/// What is converted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ConversionSubject {
    /// What a locked quote says, as it says.
    Quote(FxQuoteId),
    /// An amount, at the rates of the day.
    Amount {
        /// The program whose rules allow it: its revision that is active now.
        program: ProgramId,
        /// How much; positive. Whether a fee is added or taken out, the program says.
        amount: Money,
        /// Into what.
        to: Currency,
    },
}

/// Converts value of a member into another currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ConvertBalance {
    /// The id of the conversion; the same one again has no second effect.
    pub conversion: ConversionId,
    /// Whose value it is.
    pub member: MemberId,
    /// What is converted.
    pub of: ConversionSubject,
}

/// The conversion that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ConvertedBalance {
    /// The conversion.
    pub conversion: ConversionId,
    /// Whose value it is.
    pub member: MemberId,
    /// What became of the amount.
    pub terms: ConversionTerms,
    /// The locked quote that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub quote: Option<FxQuoteId>,
    /// Which lots paid, and how much each; none for money of the member's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lots: BTreeMap<LotNumber, Money>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl Operation for ConvertBalance {
    const NAME: &'static str = "convert_balance";
    const KIND: Kind = Kind::Command;
    type Reply = ConvertedBalance;
    type Prepared = Option<PreparedConversion>;

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        let key = EntityKey::of::<Conversion>(tenant, &self.conversion);
        Some(NaturalKey::Entity(key))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(
        &self,
        context: &Context,
    ) -> Result<(ReadPlan, Option<PreparedConversion>), Rejection> {
        let (mut plan, prepared) = match &self.of {
            ConversionSubject::Amount {
                program,
                amount,
                to,
            } => {
                let asked = (*amount, *to);
                let prepared = PreparedConversion::prepare(context, program, asked);
                prepared.map(|(plan, prepared)| (plan, Some(prepared)))?
            }
            ConversionSubject::Quote(quote) => {
                let plan = ReadPlan::of_entity::<FxQuote>(&context.tenant, quote);
                (plan, None)
            }
        };
        plan.members.push(context.member_key(&self.member));
        let key = EntityKey::of::<Conversion>(&context.tenant, &self.conversion);
        plan.entities.push(key);
        Reviewed::Balances.plan(context, &self.member, context.now, &mut plan);
        Ok((plan, prepared))
    }

    fn decide(
        &self,
        prepared: &Option<PreparedConversion>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ConvertedBalance>, Undecided> {
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open(snapshot, context, &ids, &self.member)?;
        let key = EntityKey::of::<Conversion>(&context.tenant, &self.conversion);
        if snapshot.entities.contains_key(&key) {
            return Err(Rejection::ConversionExists(self.conversion.clone()).into());
        }
        check_active(&builder.row.profile, &self.member)?;
        let agreed = match prepared {
            Some(prepared) => (prepared.allowed_by(), prepared.terms(snapshot, context)?),
            None => self.use_quote(&mut builder, snapshot, context)?,
        };
        let (allowed_by, terms) = &agreed;
        let exchange = Exchange {
            conversion: &self.conversion,
            allowed_by,
            member: &self.member,
            snapshot,
            context,
        };
        let taken = exchange.take(&mut builder, terms.given)?;
        exchange.give(&mut builder, terms.converted, taken.at)?;
        if let Some(fee) = terms.fee {
            exchange.pay_fee(&mut builder, fee, terms.given.asset(), taken.at)?;
        }
        exchange.keep_spread(&mut builder, terms.spread, false, taken.at)?;
        exchange.arrive(&mut builder, terms.arrived, &taken)?;
        let (quote, at) = (self.quote(), builder.recorded_at);
        let parts = taken.paid.iter().map(|part| {
            let amount = Money::new(part.amount, part.lot.asset);
            (part.lot.number, amount)
        });
        let reply = ConvertedBalance {
            conversion: self.conversion.clone(),
            member: self.member.clone(),
            terms: terms.clone(),
            quote: quote.cloned(),
            lots: parts.collect(),
            recorded_at: at,
        };
        let kept = Conversion::complete(&self.conversion, &self.member, agreed.clone(), quote, at);
        builder.put(&self.conversion, Expected::Absent, &kept)?;
        builder.emit_due();
        builder.emit(Event::BalanceConverted {
            conversion: self.conversion.clone(),
            given: terms.given,
            arrived: terms.arrived,
        });
        exchange.review(&mut builder, taken.at)?;
        Ok(Decision {
            reply,
            changes: builder.finish()?,
        })
    }
}

impl ConvertBalance {
    fn quote(&self) -> Option<&FxQuoteId> {
        match &self.of {
            ConversionSubject::Quote(quote) => Some(quote),
            ConversionSubject::Amount { .. } => None,
        }
    }

    /// Uses up the quote, and says what was agreed.
    fn use_quote(
        &self,
        builder: &mut ChangeBuilder<'_>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<(AllowedBy, ConversionTerms), Rejection> {
        let id = self.quote();
        let id = id.ok_or(Rejection::Internal("a conversion of nothing"))?;
        let stored = snapshot.get::<FxQuote>(&context.tenant, id)?;
        let row = &builder.row;
        let is_own = |owner: &MemberId| row.profile.stands_for(&self.member, owner);
        let stored = stored.filter(|stored| is_own(&stored.entity.member));
        let stored = stored.ok_or_else(|| Rejection::FxQuoteUnknown(id.clone()))?;
        let expected = stored.expected();
        let used = stored.entity.use_for(&self.conversion, context.now);
        let used = used.map_err(|state| match state {
            FxQuoteState::Expired => Rejection::FxQuoteExpired(id.clone()),
            FxQuoteState::Used | FxQuoteState::Open => Rejection::FxQuoteUsed(id.clone()),
        })?;
        builder.put(id, expected, &used)?;
        Ok((used.allowed_by, used.terms))
    }
}
