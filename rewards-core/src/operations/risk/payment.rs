//! What a payment is assessed by: what the request says of it, and what was kept of payments before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::amounts::check_positive;
use super::super::presence::check_present;
use super::super::unless_wrong;
use super::{check_value, program_of, section};
use crate::cashback::AHEAD_MICROS_MAX;
use crate::context::Context;
use crate::entity::{EntityKey, Stored};
use crate::ids::{MemberId, ProgramId, Slug};
use crate::money::Money;
use crate::program::CompiledProgram;
use crate::rejection::{Problem, Rejection};
use crate::risk::{
    BothOutcomes, EntryState, MEMBER_KEY, Moment, RiskHistory, RiskHistoryId, RiskList,
    RiskListEntry, RiskListEntryId, Scored,
};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// What is said of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PaymentFacts {
    /// The program that decides.
    pub program: ProgramId,
    /// Who pays, if it is a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// How much, in the program's currency.
    pub amount: Money,
    /// When it happened: up to five minutes ahead of now.
    pub occurred_at: Timestamp,
    /// The values of the program's keys that it has, such as the device. What a key would tell of a payment without it is not known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub keys: BTreeMap<String, String>,
}

/// A payment that can be assessed.
#[derive(Debug)]
pub struct AssessedFacts {
    pub(super) program: Arc<CompiledProgram>,
    pub(super) moment: Moment,
    /// By the keys of the program, in their order.
    values: Vec<Option<String>>,
}

/// The histories of the keys that a payment has, in the order of the program's keys.
pub(super) type Histories = Vec<Option<(Option<u64>, RiskHistory)>>;

impl PaymentFacts {
    /// Checks the facts against the program, and names the rows that are looked at.
    pub(super) fn prepare(
        &self,
        context: &Context,
    ) -> Result<(ReadPlan, AssessedFacts), Rejection> {
        let program = program_of(context, &self.program)?;
        let risk = section(program)?;
        unless_wrong(self.problems(program, risk.keys(), context.now))?;
        let value = |key: &Slug| match (key.as_str(), &self.member) {
            (MEMBER_KEY, member) => member.as_ref().map(ToString::to_string),
            (key, _) => self.keys.get(key).cloned(),
        };
        let values: Vec<Option<String>> = risk.keys().iter().map(value).collect();
        let mut entities = Vec::new();
        for (key, value) in risk.keys().iter().zip(&values) {
            let Some(value) = value else { continue };
            let id = RiskHistoryId::new(&self.program, key, value);
            entities.push(EntityKey::of::<RiskHistory>(&context.tenant, &id));
            for list in risk.lists().iter().filter(|list| list.by == *key) {
                let id = RiskListEntryId::new(&self.program, &list.id, value);
                entities.push(EntityKey::of::<RiskListEntry>(&context.tenant, &id));
            }
        }
        let members = self.member.iter();
        let plan = ReadPlan {
            members: members.map(|member| context.member_key(member)).collect(),
            entities,
            ..ReadPlan::default()
        };
        let facts = AssessedFacts {
            moment: Moment::new(self.occurred_at, program.calendar().zone),
            program: Arc::clone(program),
            values,
        };
        Ok((plan, facts))
    }

    fn problems(&self, program: &CompiledProgram, keys: &[Slug], now: Timestamp) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_positive("amount", self.amount, &mut problems);
        let (currency, found) = (program.currency(), self.amount.asset());
        if found != currency {
            let detail = format!("expected the program's currency `{currency}`, got `{found}`");
            problems.push(Problem::new("asset_mismatch", "amount.asset", detail));
        }
        let latest = now.checked_add_micros(AHEAD_MICROS_MAX);
        if self.occurred_at > latest.unwrap_or(Timestamp::MAX) {
            let found = self.occurred_at;
            let detail = format!("a payment cannot lie in the future: got {found}, it is {now}");
            problems.push(Problem::new("time_in_future", "occurred_at", detail));
        }
        for (key, value) in &self.keys {
            let path = format!("keys.{key}");
            if key == MEMBER_KEY {
                let detail = "the member is told in `member`";
                problems.push(Problem::new("key_reserved", path, detail));
            } else if keys.iter().all(|known| known.as_str() != key) {
                let detail = format!("the program has no key `{key}`");
                problems.push(Problem::new("reference_unknown", path, detail));
            } else {
                check_value(&path, value, &mut problems);
            }
        }
        problems
    }

    /// Since when the member has been registered.
    ///
    /// # Errors
    /// [`Rejection::MemberUnknown`], and that of a member who has left.
    pub(super) fn member_since(
        &self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Option<Timestamp>, Rejection> {
        let Some(member) = &self.member else {
            return Ok(None);
        };
        let row = snapshot.members.get(&context.member_key(member));
        let row = row.ok_or_else(|| Rejection::MemberUnknown(member.clone()))?;
        check_present(&row.profile, member)?;
        Ok(Some(row.profile.registered_at))
    }
}

impl AssessedFacts {
    /// The program's keys with the values that the payment has, in their order.
    fn keys(&self) -> impl Iterator<Item = (&Slug, Option<&String>)> {
        let keys = self.program.risk().map(|risk| risk.keys());
        let keys = keys.unwrap_or_default().iter();
        keys.zip(self.values.iter().map(Option::as_ref))
    }

    /// The values by their keys, without the member.
    pub(super) fn named(&self) -> BTreeMap<Slug, String> {
        let named = self.keys().skip(1);
        let named = named.filter_map(|(key, value)| Some((key.clone(), value?.clone())));
        named.collect()
    }

    /// What was kept of the payments with each value, and the version of its row.
    pub(super) fn histories(
        &self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Histories, Rejection> {
        let program = self.program.id();
        let history = |(key, value): (&Slug, Option<&String>)| {
            let Some(value) = value else { return Ok(None) };
            let id = RiskHistoryId::new(program, key, value);
            let stored = snapshot.get::<RiskHistory>(&context.tenant, &id)?;
            Ok(Some(match stored {
                Some(Stored { version, entity }) => (Some(version), entity),
                None => (None, RiskHistory::new(program, key, value, context.now)),
            }))
        };
        self.keys().map(history).collect()
    }

    /// Both scores of the payment.
    pub(super) fn score(
        &self,
        amount: Money,
        member_since: Option<Timestamp>,
        histories: &Histories,
        (snapshot, context): (&Snapshot, &Context),
    ) -> Result<BothOutcomes, Rejection> {
        let risk = section(&self.program)?;
        let kept = histories.iter().map(Option::as_ref);
        let scored = Scored {
            moment: self.moment,
            amount: amount.minor(),
            member_since,
            histories: kept.map(|kept| kept.map(|(_, history)| history)).collect(),
        };
        let values = risk.values(&scored).map_err(|_| Rejection::Overflow)?;
        let hits = self.hits(risk.lists(), snapshot, context)?;
        let is_snoozed = |rule: &Slug| {
            let mut kept = scored.histories.iter().flatten();
            kept.any(|history| history.is_snoozed(rule, context.now))
        };
        let outcomes = risk.score(&values, &hits, is_snoozed);
        outcomes.map_err(|_| Rejection::Internal("a score beyond what its scorecard can reach"))
    }

    /// The lists that have a value of the payment now.
    fn hits<'a>(
        &self,
        lists: &'a [RiskList],
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Vec<&'a RiskList>, Rejection> {
        let mut hits = Vec::new();
        for list in lists {
            let mut keys = self.keys();
            let found = keys.find(|(key, _)| **key == list.by);
            let Some(value) = found.and_then(|(_, value)| value) else {
                continue;
            };
            let id = RiskListEntryId::new(self.program.id(), &list.id, value);
            let entry = snapshot.get::<RiskListEntry>(&context.tenant, &id)?;
            if entry.is_some_and(|entry| entry.entity.state(context.now) == EntryState::Listed) {
                hits.push(list);
            }
        }
        Ok(hits)
    }

    /// Counts the payment in each of its histories.
    pub(super) fn count(&self, amount: Money, histories: &mut Histories) -> Result<(), Rejection> {
        let risk = section(&self.program)?;
        for (key, history) in histories.iter_mut().enumerate() {
            let Some((_, history)) = history else {
                continue;
            };
            let payment = (&self.moment, amount.minor());
            let counted = risk.count(key, history, payment, |other| {
                self.values.get(other)?.as_deref()
            });
            counted.map_err(|_| Rejection::Overflow)?;
        }
        Ok(())
    }
}
