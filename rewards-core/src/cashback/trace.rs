//! Why each rule did or did not apply: compact while evaluating, spelled out when asked.

use serde::{Deserialize, Serialize};

use super::matching::View;
use super::{Evaluation, Facts, MemberReason, Missing, Part, Standing, smallest_change};
use crate::ids::Slug;
use crate::money::Money;
use crate::program::{CompiledProgram, CompiledRule};

/// What happened to a rule, or to a rule on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It granted something.
    Granted,
    /// The purchase lies outside its dates.
    Inactive,
    /// Its condition does not hold.
    Unmatched,
    /// It matched, but what it grants comes to nothing.
    Nothing,
    /// Another rule of its stacking group was chosen.
    Outranked,
    /// An earlier rule with the same exclusive tag applied.
    Excluded,
    /// A cap took everything.
    Capped,
}

/// One step of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Number of the rule.
    pub rule: u32,
    /// The line, for rules that pay by line.
    pub line: Option<u32>,
    /// What happened.
    pub outcome: Outcome,
    /// What the rule would have granted, in minor units.
    pub desired: i64,
    /// What it granted, in minor units.
    pub granted: i64,
    /// The cap or budget that clipped it.
    pub clipped_by: Option<u32>,
}

/// Takes the steps of an evaluation. [`NoTrace`] takes nothing and costs nothing.
pub trait Trace {
    /// Whether steps are wanted at all.
    const WANTED: bool;

    /// Takes a step.
    fn step(&mut self, step: Step);
}

/// No trace is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    const WANTED: bool = false;

    #[inline]
    fn step(&mut self, _: Step) {}
}

/// Steps in the order of evaluation. Rules that the index ruled out leave no step.
pub type Steps = Vec<Step>;

impl Trace for Steps {
    const WANTED: bool = true;

    #[inline]
    fn step(&mut self, step: Step) {
        self.push(step);
    }
}

/// Why a rule did or did not apply, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// The rule.
    pub rule: Slug,
    /// The line, counted from 0, for rules that pay by line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub line: Option<u32>,
    /// What happened.
    pub outcome: Verdict,
    /// The smallest change to the purchase after which the condition of an unmatched rule holds; empty when none is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub missing: Vec<Missing>,
    /// What a member may be told who asks why the rule grants nothing; absent when it grants something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member_reason: Option<MemberReason>,
}

impl Explanation {
    fn new(rule: Slug, line: Option<u32>, outcome: Verdict, missing: Vec<Missing>) -> Self {
        let member_reason = outcome.member_reason(&missing);
        Self {
            rule,
            line,
            outcome,
            missing,
            member_reason,
        }
    }

    /// The same for a member who is not active: what would have been granted is withheld, and no change is enough.
    #[must_use]
    pub fn withheld(self) -> Self {
        Self::new(self.rule, self.line, self.outcome.withheld(), Vec::new())
    }

    /// The same for a purchase with coupons: what they take off of a changed purchase is not known, so no change is told.
    #[must_use]
    pub fn without_missing(self) -> Self {
        Self::new(self.rule, self.line, self.outcome, Vec::new())
    }
}

/// What happened to a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// It granted something.
    Granted {
        /// What it would have granted without caps.
        desired: Money,
        /// What it granted.
        granted: Money,
        /// The cap or budget that clipped it, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clipped_by: Option<Slug>,
    },
    /// The purchase lies outside its dates.
    Inactive,
    /// Its condition does not hold.
    Unmatched {
        /// The path of the first part that does not hold, in the program document.
        failed: String,
    },
    /// It matched, but what it grants comes to nothing.
    Nothing,
    /// Another rule of its stacking group was chosen.
    Outranked {
        /// What it would have granted.
        desired: Money,
    },
    /// An earlier rule with the same exclusive tag applied.
    Excluded,
    /// A cap or budget took everything.
    Capped {
        /// What it would have granted.
        desired: Money,
        /// The cap or budget.
        clipped_by: Option<Slug>,
    },
    /// The member is not active and is granted nothing.
    Withheld {
        /// What it would have granted to an active member.
        amount: Money,
    },
}

impl Verdict {
    /// The same for a member who is not active: what would have been granted is withheld.
    #[must_use]
    pub fn withheld(self) -> Self {
        match self {
            Self::Granted { granted, .. } => Self::Withheld { amount: granted },
            other => other,
        }
    }

    /// What a member may be told of a rule that grants nothing and lacks this; absent when it grants something.
    #[must_use]
    pub fn member_reason(&self, missing: &[Missing]) -> Option<MemberReason> {
        match self {
            Self::Granted { .. } => None,
            Self::Unmatched { .. } => Some(MemberReason::of_missing(missing)),
            Self::Outranked { .. } | Self::Excluded => Some(MemberReason::OtherApplies),
            Self::Inactive | Self::Nothing | Self::Capped { .. } | Self::Withheld { .. } => {
                Some(MemberReason::NotAvailable)
            }
        }
    }
}

/// Spells out an evaluation for every rule of the program, in document order: rules with steps by their steps, the
/// others by the first part of their condition that does not hold, with the smallest change after which it would.
#[must_use]
pub fn explain(
    program: &CompiledProgram,
    facts: &Facts<'_>,
    standing: &Standing<'_>,
    steps: &[Step],
) -> Vec<Explanation> {
    let view = View {
        program,
        facts,
        standing,
        line: None,
    };
    let mut explanations: Vec<(usize, Explanation)> = Vec::new();
    for (number, rule) in program.rules().iter().enumerate() {
        let mut own = steps
            .iter()
            .filter(|step| usize::try_from(step.rule) == Ok(number))
            .peekable();
        let mut explained = |line, outcome| {
            let missing = match outcome {
                Verdict::Unmatched { .. } => missing(&view, rule),
                _ => Vec::new(),
            };
            let explanation = Explanation::new(rule.id.clone(), line, outcome, missing);
            explanations.push((rule.position, explanation));
        };
        if own.peek().is_none() {
            explained(None, unmatched(&view, number));
        }
        for step in own {
            explained(step.line, spell_out(&view, number, step));
        }
    }
    explanations.sort_by_key(|(position, _)| *position);
    explanations
        .into_iter()
        .map(|(_, explanation)| explanation)
        .collect()
}

/// The smallest change after which the condition of a rule holds.
fn missing(view: &View<'_>, rule: &CompiledRule) -> Vec<Missing> {
    let Some(check) = &rule.condition else {
        return Vec::new();
    };
    let path = format!("rules[{}].when", rule.position);
    smallest_change(view, rule.scope, &[Part { path, check }])
}

fn unmatched(view: &View<'_>, number: usize) -> Verdict {
    let Some(rule) = view.program.rules().get(number) else {
        return Verdict::Unmatched {
            failed: String::new(),
        };
    };
    if !rule.active.contains(view.facts.purchase.occurred_at) {
        return Verdict::Inactive;
    }
    let below = rule
        .condition
        .as_ref()
        .and_then(|check| view.first_failure(check));
    let failed = format!("rules[{}].when{}", rule.position, below.unwrap_or_default());
    Verdict::Unmatched { failed }
}

fn spell_out(view: &View<'_>, number: usize, step: &Step) -> Verdict {
    let Some(rule) = view.program.rules().get(number) else {
        return Verdict::Nothing;
    };
    let money = |minor| Money::new(minor, rule.asset);
    let cap = || {
        let number = usize::try_from(step.clipped_by?).ok()?;
        view.program.caps().get(number).map(|cap| cap.id.clone())
    };
    match step.outcome {
        Outcome::Granted => Verdict::Granted {
            desired: money(step.desired),
            granted: money(step.granted),
            clipped_by: cap(),
        },
        Outcome::Inactive => Verdict::Inactive,
        Outcome::Unmatched => unmatched(view, number),
        Outcome::Nothing => Verdict::Nothing,
        Outcome::Outranked => Verdict::Outranked {
            desired: money(step.desired),
        },
        Outcome::Excluded => Verdict::Excluded,
        Outcome::Capped => Verdict::Capped {
            desired: money(step.desired),
            clipped_by: cap(),
        },
    }
}

impl Evaluation {
    /// What is granted in total, one amount per asset, in asset order.
    #[must_use]
    pub fn totals(&self, program: &CompiledProgram) -> Vec<Money> {
        let mut totals = std::collections::BTreeMap::new();
        for grant in &self.grants {
            if let Some(rule) = program.rule(grant.rule) {
                let total: &mut i64 = totals.entry(rule.asset).or_default();
                *total = total.saturating_add(grant.granted);
            }
        }
        totals
            .into_iter()
            .map(|(asset, minor)| Money::new(minor, asset))
            .collect()
    }
}
