//! Value balances: what amounts of several currencies are together in one, on a day, such as a tenant's liability.
//!
//! Each amount is valued in the middle between both directions and rounded up, as what is owed is not told lower than it is; the
//! rates are told beside it. Amounts of reward units have no rate, and are told apart.
//!
//! Refusals, in order: too many amounts, a negative one; unknown program, none that is active; the program converts nothing; no
//! rate, a rate that is too old on the day; a sum out of range.

use serde::{Deserialize, Serialize};

use super::super::unless_wrong;
use super::rates::{chain_of, queries, refused, section_of, today};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::fx::{CompiledFx, FxLeg, FxLookup};
use crate::ids::ProgramId;
use crate::money::{Currency, DecimalText, Money};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::LocalDate;

/// The most amounts of one request: there are fewer currencies.
const BALANCES_MAX: usize = 200;

/// Asks what amounts are together in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ValueBalances {
    /// The program whose sources and pivots count: those of its revision that is active now.
    pub program: ProgramId,
    /// What is valued, up to 200 amounts; none of them negative.
    pub balances: Vec<Money>,
    /// In what.
    pub currency: Currency,
    /// The day; today, where the program is, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub day: Option<LocalDate>,
}

/// An amount, and what it is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ValuedBalance {
    /// The amount.
    pub balance: Money,
    /// What it is worth, rounded up.
    pub value: Money,
    /// How many units one unit is, cut off after twelve digits; absent for an amount of the currency itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub mid: Option<DecimalText>,
    /// The rates, in the order of the steps; none for an amount of the currency itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub chain: Vec<FxLeg>,
}

/// What amounts are together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ValuedBalances {
    /// What they are worth together.
    pub total: Money,
    /// The day.
    pub day: LocalDate,
    /// Each amount with its value, in the order of the request.
    pub valued: Vec<ValuedBalance>,
    /// Amounts of reward units, which have no rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub unvalued: Vec<Money>,
}

/// The day on which something is valued.
#[derive(Debug)]
pub struct PreparedValues {
    day: LocalDate,
}

impl ValueBalances {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let found = self.balances.len();
        if found > BALANCES_MAX {
            let detail = format!("expected at most {BALANCES_MAX} amounts, got {found}");
            problems.push(Problem::new("count_invalid", "balances", detail));
        }
        let balances = self.balances.iter().take(BALANCES_MAX).enumerate();
        for (index, balance) in balances.filter(|(_, balance)| balance.is_negative()) {
            let detail = format!("expected an amount that is not negative, got `{balance}`");
            let path = format!("balances[{index}]");
            problems.push(Problem::new("amount_negative", path, detail));
        }
        problems
    }

    fn lookup<'s>(
        &self,
        section: &'s CompiledFx,
        from: Currency,
        day: LocalDate,
    ) -> Option<FxLookup<'s>> {
        (from != self.currency).then(|| section.lookup(from, self.currency, day))
    }

    fn value(
        &self,
        balance: Money,
        lookup: Option<FxLookup<'_>>,
        (snapshot, context): (&Snapshot, &Context),
    ) -> Result<ValuedBalance, Rejection> {
        let Some(lookup) = lookup else {
            return Ok(ValuedBalance {
                balance,
                value: balance,
                mid: None,
                chain: Vec::new(),
            });
        };
        let to = self.currency.into();
        let chain = chain_of(&lookup, snapshot, context)?;
        let value = chain.mid.ceiling(balance.minor());
        let value = value.map_err(|error| refused(error, balance, to))?;
        let mid = chain.mid_text();
        Ok(ValuedBalance {
            balance,
            value: Money::new(value, to),
            mid: Some(mid.map_err(|error| refused(error, balance, to))?),
            chain: chain.legs,
        })
    }
}

impl Operation for ValueBalances {
    const NAME: &'static str = "value_balances";
    const KIND: Kind = Kind::Query;
    type Reply = ValuedBalances;
    type Prepared = PreparedValues;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedValues), Rejection> {
        let problems = self.problems();
        unless_wrong(problems)?;
        let program = context.program_at(&self.program, context.now)?;
        let section = section_of(program)?;
        let day = self.day.map_or_else(|| today(program, context), Ok)?;
        let currencies = self.balances.iter();
        let currencies = currencies.filter_map(|balance| balance.asset().as_currency());
        let lookups = currencies.filter_map(|from| self.lookup(section, from, day));
        let plan = ReadPlan {
            entity_pages: lookups
                .flat_map(|lookup| queries(&lookup, context))
                .collect(),
            ..ReadPlan::default()
        };
        Ok((plan, PreparedValues { day }))
    }

    fn decide(
        &self,
        prepared: &PreparedValues,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ValuedBalances>, Undecided> {
        let program = context.program_at(&self.program, context.now)?;
        let section = section_of(program)?;
        let (mut valued, mut unvalued) = (Vec::new(), Vec::new());
        let mut total = Money::zero(self.currency.into());
        for balance in &self.balances {
            let Some(from) = balance.asset().as_currency() else {
                unvalued.push(*balance);
                continue;
            };
            let lookup = self.lookup(section, from, prepared.day);
            let one = self.value(*balance, lookup, (snapshot, context))?;
            total = total
                .checked_add(one.value)
                .map_err(|_| Rejection::Overflow)?;
            valued.push(one);
        }
        Ok(Decision::answer(ValuedBalances {
            total,
            day: prepared.day,
            valued,
            unvalued,
        }))
    }
}
