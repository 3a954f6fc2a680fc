//! From what is known of a payment to its score, and from that and the lists to a decision.

use serde::{Deserialize, Serialize};

use super::{CompiledRisk, CompiledScorecard, Known, ListAction, OnUnknown, RiskList};
use crate::ids::Slug;

/// What is decided of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum RiskDecision {
    /// It may go on.
    Approve,
    /// Somebody looks at it first.
    Review,
    /// It must not go on.
    Block,
}

impl RiskDecision {
    /// The stable text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Review => "review",
            Self::Block => "block",
        }
    }
}

/// What one rule or combination added to a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// The rule or combination.
    pub rule: Slug,
    /// What the feature of the rule was; absent for combinations, and where there was nothing to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub value: Option<i64>,
    /// How many points it added.
    pub points: i32,
}

/// A list that had a value of the payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListHit {
    /// The list.
    pub list: Slug,
    /// What it asks for.
    pub then: ListAction,
}

/// A score, where it comes from, and what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RiskOutcome {
    /// What is decided.
    pub decision: RiskDecision,
    /// The sum of all points.
    pub score: i32,
    /// What was added to the base, the most points first.
    pub contributions: Vec<Contribution>,
    /// The lists that had a value of the payment, those that come first first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lists: Vec<ListHit>,
    /// Rules and combinations that looked at something that cannot be known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub unknown: Vec<Slug>,
    /// Rules and combinations that would have added points and are snoozed for a value of the payment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub snoozed: Vec<Slug>,
}

/// A score left its range, which no scorecard that was checked can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreOverflow;

impl CompiledScorecard {
    /// The points of a payment alone, for whoever needs no reasons: what is not known is worth none.
    #[must_use]
    pub fn points(&self, values: &[Known]) -> i64 {
        let rules = self.rules.iter().map(|rule| {
            let known = values.get(rule.feature).copied().unwrap_or(Known::Unknown);
            i64::from(rule.points(known).unwrap_or_default())
        });
        let holding = self.combinations.iter();
        let holding = holding.filter(|rule| rule.holds(values) == Some(true));
        let together = holding.map(|rule| i64::from(rule.points));
        let all = rules.chain(together);
        all.fold(i64::from(self.base), i64::saturating_add)
    }

    /// Scores a payment. The live scorecard and the shadow are scored alike.
    ///
    /// # Errors
    /// [`ScoreOverflow`].
    pub fn score(
        &self,
        values: &[Known],
        hits: &[&RiskList],
        is_snoozed: impl Fn(&Slug) -> bool,
    ) -> Result<RiskOutcome, ScoreOverflow> {
        let mut scoring = Scoring::new(self.base);
        for rule in &self.rules {
            let known = values.get(rule.feature).copied().unwrap_or(Known::Unknown);
            let value = match known {
                Known::Value(value) => Some(value),
                Known::Nothing | Known::Unknown => None,
            };
            let points = rule.points(known);
            scoring.add(&rule.id, value, points, rule.unknown, &is_snoozed);
        }
        for rule in &self.combinations {
            let points = rule.holds(values);
            let points = points.map(|holds| if holds { rule.points } else { 0 });
            scoring.add(&rule.id, None, points, rule.unknown, &is_snoozed);
        }
        scoring.outcome(self, hits)
    }

    /// What follows from a score alone.
    #[must_use]
    pub fn decision(&self, score: i32) -> RiskDecision {
        if self.block_at.is_some_and(|at| score >= at) {
            RiskDecision::Block
        } else if self.review_at.is_some_and(|at| score >= at) {
            RiskDecision::Review
        } else {
            RiskDecision::Approve
        }
    }
}

/// A score in the making.
struct Scoring {
    score: i64,
    contributions: Vec<Contribution>,
    unknown: Vec<Slug>,
    snoozed: Vec<Slug>,
    worst: OnUnknown,
}

impl Scoring {
    fn new(base: i32) -> Self {
        Self {
            score: i64::from(base),
            contributions: Vec::new(),
            unknown: Vec::new(),
            snoozed: Vec::new(),
            worst: OnUnknown::Nothing,
        }
    }

    fn add(
        &mut self,
        rule: &Slug,
        value: Option<i64>,
        points: Option<i32>,
        unknown: OnUnknown,
        is_snoozed: &impl Fn(&Slug) -> bool,
    ) {
        match points {
            Some(0) => {}
            _ if is_snoozed(rule) => self.snoozed.push(rule.clone()),
            Some(points) => {
                self.score = self.score.saturating_add(i64::from(points));
                self.contributions.push(Contribution {
                    rule: rule.clone(),
                    value,
                    points,
                });
            }
            None => {
                self.unknown.push(rule.clone());
                self.worst = self.worst.max(unknown);
            }
        }
    }

    fn outcome(
        mut self,
        card: &CompiledScorecard,
        hits: &[&RiskList],
    ) -> Result<RiskOutcome, ScoreOverflow> {
        let score = i32::try_from(self.score).map_err(|_| ScoreOverflow)?;
        // What adds most comes first, and of the same what stands first.
        self.contributions
            .sort_by_key(|one| std::cmp::Reverse(one.points));
        let mut hits: Vec<&&RiskList> = hits.iter().collect();
        hits.sort_by_key(|list| list.then);
        let by_score = card.decision(score);
        let by_unknown = match self.worst {
            OnUnknown::Nothing => RiskDecision::Approve,
            OnUnknown::Review => RiskDecision::Review,
            OnUnknown::Block => RiskDecision::Block,
        };
        let decision = match hits.first().map(|list| list.then) {
            Some(ListAction::Allow) => RiskDecision::Approve,
            Some(ListAction::Block) => RiskDecision::Block,
            Some(ListAction::Review) => by_score.max(by_unknown).max(RiskDecision::Review),
            None => by_score.max(by_unknown),
        };
        let lists = hits.into_iter().map(|list| ListHit {
            list: list.id.clone(),
            then: list.then,
        });
        Ok(RiskOutcome {
            decision,
            score,
            contributions: self.contributions,
            lists: lists.collect(),
            unknown: self.unknown,
            snoozed: self.snoozed,
        })
    }
}

/// Both scores of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BothOutcomes {
    /// What counts.
    pub live: RiskOutcome,
    /// What the scorecard beside it says, if there is one.
    pub shadow: Option<RiskOutcome>,
}

impl CompiledRisk {
    /// Scores a payment by the live scorecard, and by the shadow if there is one.
    ///
    /// # Errors
    /// [`ScoreOverflow`].
    pub fn score(
        &self,
        values: &[Known],
        hits: &[&RiskList],
        is_snoozed: impl Fn(&Slug) -> bool,
    ) -> Result<BothOutcomes, ScoreOverflow> {
        let shadow = self.shadow();
        let shadow = shadow.map(|card| card.score(values, hits, &is_snoozed));
        Ok(BothOutcomes {
            live: self.live().score(values, hits, &is_snoozed)?,
            shadow: shadow.transpose()?,
        })
    }
}
