//! The section `pipeline` of a program document.

use serde::{Deserialize, Serialize};

use super::{StageOutcome, StageRun, WrongRuns};
use crate::ids::Slug;

/// The most stages of a pipeline.
pub const STAGES_MAX: usize = 32;
/// How long a stage may take when nothing is said, in milliseconds.
pub const STAGE_MILLIS_DEFAULT: u32 = 5_000;
/// How long a stage may take at most: ten minutes.
pub const STAGE_MILLIS_MAX: u32 = 600_000;

/// What runs around the steps of a payment, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The stages.
    pub stages: Vec<Stage>,
}

/// Something of the host's that runs for a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its name.
    pub id: Slug,
    /// When it runs.
    #[serde(default)]
    pub at: StagePoint,
    /// Whether it runs at all; it does when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether a payment fails with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub critical: bool,
    /// How long it may take, in milliseconds, 1 to 600,000; 5,000 when absent. The host gives up what takes
    /// longer and tells so; what is told is not measured again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_millis: Option<u32>,
}

/// When a stage runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum StagePoint {
    /// Before the value of a payment is held.
    #[default]
    Hold,
    /// Before a payment is tried, each time.
    Submit,
    /// When the outcome of an attempt is known. None of these can be critical: the money has moved or not.
    Report,
}

/// The section of a program, ready to decide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompiledPipeline {
    stages: Vec<CompiledStage>,
}

/// A stage that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledStage {
    /// Its name.
    pub id: Slug,
    /// When it runs.
    pub at: StagePoint,
    /// Whether a payment fails with it.
    pub critical: bool,
    /// How long it may take, in milliseconds.
    pub timeout_millis: u32,
}

impl CompiledPipeline {
    /// The section of a program: its stages that are enabled.
    #[must_use]
    pub fn of(section: &Pipeline) -> Self {
        let stages = section
            .stages
            .iter()
            .filter(|stage| stage.enabled.unwrap_or(true));
        let stages = stages.map(|stage| CompiledStage {
            id: stage.id.clone(),
            at: stage.at,
            critical: stage.critical,
            timeout_millis: stage.timeout_millis.unwrap_or(STAGE_MILLIS_DEFAULT),
        });
        Self {
            stages: stages.collect(),
        }
    }

    /// The stages that run at a point, in order.
    pub fn at(&self, point: StagePoint) -> impl Iterator<Item = &CompiledStage> {
        self.stages.iter().filter(move |stage| stage.at == point)
    }

    /// Checks what ran at a point, and gives the critical stage that failed, if one did: nothing after it has to have run.
    ///
    /// # Errors
    /// [`WrongRuns`]: a stage that does not run at the point, one that ran twice or before another one that comes first, a critical one
    /// that did not run.
    pub fn check<'r>(
        &self,
        point: StagePoint,
        runs: &'r [StageRun],
    ) -> Result<Option<&'r Slug>, WrongRuns> {
        let stages: Vec<&CompiledStage> = self.at(point).collect();
        let mut next = 0;
        let mut failed = None;
        for (place, run) in runs.iter().enumerate() {
            let found = stages.iter().position(|stage| stage.id == run.stage);
            let Some(found) = found else {
                return Err(WrongRuns::Unknown { place });
            };
            if found < next {
                return Err(WrongRuns::OutOfOrder { place });
            }
            let between = stages.get(next..found).unwrap_or_default();
            self.check_missing(between, failed.is_some())?;
            let stage = stages.get(found).copied();
            let is_critical = stage.is_some_and(|stage| stage.critical);
            if is_critical && run.outcome.is_failure() {
                failed.get_or_insert(&run.stage);
            }
            next = found.saturating_add(1);
        }
        let rest = stages.get(next..).unwrap_or_default();
        self.check_missing(rest, failed.is_some())?;
        Ok(failed)
    }

    fn check_missing(&self, stages: &[&CompiledStage], has_failed: bool) -> Result<(), WrongRuns> {
        let missing = stages.iter().find(|stage| stage.critical && !has_failed);
        match missing {
            Some(stage) => Err(WrongRuns::Missing(stage.id.clone())),
            None => Ok(()),
        }
    }
}

impl StageOutcome {
    /// Whether it failed or took too long.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::TimedOut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline() -> CompiledPipeline {
        let section = r#"
            stages = [
                { id = "fx", critical = true },
                { id = "mood" },
                { id = "off", enabled = false, critical = true },
                { id = "risk", critical = true, timeout_millis = 300 },
                { id = "late", at = "submit", critical = true },
                { id = "tell", at = "report" },
            ]
        "#;
        CompiledPipeline::of(&toml::from_str(section).unwrap())
    }

    /// Runs such as `fx risk!`: what failed has an exclamation mark, what took too long a question mark, what was skipped a dash.
    fn runs(text: &str) -> Vec<StageRun> {
        let runs = text.split_whitespace().map(|word| {
            let stage = word.trim_end_matches(['!', '?', '-']);
            StageRun {
                stage: stage.parse().unwrap(),
                version: "1".to_owned(),
                outcome: match word.strip_prefix(stage) {
                    Some("!") => StageOutcome::Failed("broken".parse().unwrap()),
                    Some("?") => StageOutcome::TimedOut,
                    Some("-") => StageOutcome::Skipped,
                    _ => StageOutcome::Answered,
                },
                millis: 1,
                answer: [].into(),
            }
        });
        runs.collect()
    }

    #[test]
    fn what_ran_is_checked_against_what_has_to_run() {
        use StagePoint::{Hold, Report, Submit};
        let missing = |stage: &str| Err(WrongRuns::Missing(stage.parse().unwrap()));
        let (unknown, order) = (
            |place| Err(WrongRuns::Unknown { place }),
            |place| Err(WrongRuns::OutOfOrder { place }),
        );
        for (point, text, expected) in [
            (Hold, "fx mood risk", Ok(None)),
            (Hold, "fx risk", Ok(None)),
            (Hold, "fx mood! risk", Ok(None)),
            (Hold, "fx mood? risk", Ok(None)),
            (Hold, "fx- mood- risk-", Ok(None)),
            (Hold, "fx!", Ok(Some("fx"))),
            (Hold, "fx?", Ok(Some("fx"))),
            (Hold, "fx mood risk?", Ok(Some("risk"))),
            (Hold, "fx! risk!", Ok(Some("fx"))),
            (Hold, "", missing("fx")),
            (Hold, "fx", missing("risk")),
            (Hold, "risk", missing("fx")),
            (Hold, "fx off risk", unknown(1)),
            (Hold, "fx late risk", unknown(1)),
            (Hold, "fx other risk", unknown(1)),
            (Hold, "fx fx risk", order(1)),
            (Hold, "fx risk mood", order(2)),
            (Submit, "late", Ok(None)),
            (Submit, "late!", Ok(Some("late"))),
            (Submit, "", missing("late")),
            (Report, "", Ok(None)),
            (Report, "tell!", Ok(None)),
        ] {
            let runs = runs(text);
            let checked = pipeline().check(point, &runs);
            let checked = checked.map(|failed| failed.map(|stage| stage.to_string()));
            let expected = expected.map(|failed| failed.map(str::to_owned));
            assert_eq!(checked, expected, "{point:?}: {text}");
        }
    }

    #[test]
    fn without_stages_nothing_has_to_run() {
        let none = CompiledPipeline::default();
        assert_eq!(none.check(StagePoint::Hold, &[]), Ok(None));
        assert_eq!(
            none.check(StagePoint::Hold, &runs("fx")),
            Err(WrongRuns::Unknown { place: 0 })
        );
    }
}
