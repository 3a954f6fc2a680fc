//! Snooze a rule for one value of one key: until an instant, it adds no points to payments that have the value.
//!
//! Everybody else's payments are scored as before. Snoozed again, the new instant counts.
//!
//! Refusals, in order: unknown program; no revision active now; the program assesses no payments; unknown rule; a key that the
//! program does not have, a value that no key can have, an instant that is over or further than a year ahead.

use serde::{Deserialize, Serialize};

use super::super::unless_wrong;
use super::{check_ahead, check_value, program_of, section};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::Expected;
use crate::ids::{ProgramId, Slug};
use crate::rejection::{Problem, Rejection};
use crate::risk::{RiskHistory, RiskHistoryId};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// For how many days a rule is snoozed at most.
pub const SNOOZE_DAYS_MAX: i64 = 366;

/// Snoozes a rule for one value of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SnoozeRule {
    /// The program.
    pub program: ProgramId,
    /// The rule or combination of its scorecard.
    pub rule: Slug,
    /// The key, `member` or one that the program names.
    pub key: Slug,
    /// Its value.
    pub value: String,
    /// From when on it counts again, within a year.
    pub until: Timestamp,
}

/// A rule that is snoozed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SnoozedRule {
    /// The rule.
    pub rule: Slug,
    /// The key.
    pub key: Slug,
    /// Its value.
    pub value: String,
    /// From when on it counts again.
    pub until: Timestamp,
}

impl SnoozeRule {
    fn problems(&self, keys: &[Slug], now: Timestamp) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !keys.contains(&self.key) {
            let detail = format!("the program has no key `{}`", self.key);
            problems.push(Problem::new("reference_unknown", "key", detail));
        }
        check_value("value", &self.value, &mut problems);
        check_ahead("until", self.until, now, &mut problems);
        let latest = now.checked_add_days(SNOOZE_DAYS_MAX);
        if latest.is_ok_and(|latest| self.until > latest) {
            let until = self.until;
            let detail = format!("expected at most {SNOOZE_DAYS_MAX} days ahead, got {until}");
            problems.push(Problem::new("time_too_late", "until", detail));
        }
        problems
    }
}

impl Operation for SnoozeRule {
    const NAME: &'static str = "snooze_rule";
    const KIND: Kind = Kind::Command;
    type Reply = SnoozedRule;
    type Prepared = RiskHistoryId;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, RiskHistoryId), Rejection> {
        let risk = section(program_of(context, &self.program)?)?;
        if !risk.live().has_rule(&self.rule) {
            return Err(Rejection::RiskRuleUnknown(self.rule.clone()));
        }
        unless_wrong(self.problems(risk.keys(), context.now))?;
        let id = RiskHistoryId::new(&self.program, &self.key, &self.value);
        let plan = ReadPlan::of_entity::<RiskHistory>(&context.tenant, &id);
        Ok((plan, id))
    }

    fn decide(
        &self,
        id: &RiskHistoryId,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<SnoozedRule>, Undecided> {
        let stored = snapshot.get::<RiskHistory>(&context.tenant, id)?;
        let (expected, mut history) = match stored {
            Some(stored) => (stored.expected(), stored.entity),
            None => {
                let (program, value) = (&self.program, &self.value);
                let history = RiskHistory::new(program, &self.key, value, context.now);
                (Expected::Absent, history)
            }
        };
        history.snooze(&self.rule, self.until, context.now);
        let mut changes = Changes::default();
        changes.put(&context.tenant, id, expected, &history)?;
        Ok(Decision {
            reply: SnoozedRule {
                rule: self.rule.clone(),
                key: self.key.clone(),
                value: self.value.clone(),
                until: self.until,
            },
            changes,
        })
    }
}
