//! Runs stages of a payment's pipeline for hosts in Rust: in the order of the program, each within its time, and none of them able
//! to harm another.
//!
//! What it gives is handed over with the next command of the payment; see [`rewards_core::pipeline`]. Nothing is stored here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rewards_core::ids::Slug;
use rewards_core::pipeline::{
    CompiledPipeline, CompiledStage, STAGE_VERSION_BYTES_MAX, StageOutcome, StagePoint, StageRun,
};
use tokio::time::{Instant, timeout};

/// The code of a stage that panicked.
pub const STAGE_PANICKED: &str = "stage_panicked";
/// The code of a stage that the program has and the host does not.
pub const STAGE_ABSENT: &str = "stage_absent";
/// The code of an answer that has too many fields or too long ones.
pub const ANSWER_INVALID: &str = "answer_invalid";

/// What is known of a payment when a stage runs: what the host began with, and what stages before it answered.
pub type StageFacts = BTreeMap<String, String>;

/// What a stage answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageAnswer {
    /// Fields that are kept with the payment, and that stages after it see.
    Answered(StageFacts),
    /// It had nothing to do.
    Skipped,
}

/// A stage has failed, with a code of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageFailed(pub Slug);

/// Something of the host's that runs for payments.
#[async_trait]
pub trait PaymentStage: Send + Sync + 'static {
    /// The version of what runs; at most 64 bytes are kept.
    fn version(&self) -> String;

    /// Runs for a payment. It is given up when its time is over; what blocks a thread is left behind and keeps it.
    ///
    /// # Errors
    /// [`StageFailed`].
    async fn run(&self, facts: &StageFacts) -> Result<StageAnswer, StageFailed>;
}

/// The stages that a host has, by name.
#[derive(Clone, Default)]
pub struct StageRunner(BTreeMap<Slug, Arc<dyn PaymentStage>>);

impl std::fmt::Debug for StageRunner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl StageRunner {
    /// No stages yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more stage.
    #[must_use]
    pub fn with(mut self, id: Slug, stage: impl PaymentStage) -> Self {
        self.0.insert(id, Arc::new(stage));
        self
    }

    /// Runs the stages of a point, in the order of the program, until a critical one fails: the payment fails with it. What they answer
    /// is added to the facts.
    pub async fn run(
        &self,
        pipeline: &CompiledPipeline,
        at: StagePoint,
        facts: &mut StageFacts,
    ) -> Vec<StageRun> {
        let mut runs = Vec::new();
        for stage in pipeline.at(at) {
            let run = self.run_one(stage, facts).await;
            let ends = stage.critical && run.outcome.is_failure();
            facts.extend(run.answer.clone());
            runs.push(run);
            if ends {
                break;
            }
        }
        runs
    }

    async fn run_one(&self, stage: &CompiledStage, facts: &StageFacts) -> StageRun {
        let begun = Instant::now();
        let (version, ended) = match self.0.get(&stage.id) {
            None => ("none".to_owned(), Err(failed(STAGE_ABSENT))),
            Some(own) => (version(own.as_ref()), within_time(own, stage, facts).await),
        };
        let took = begun.elapsed().as_millis();
        let mut run = StageRun {
            stage: stage.id.clone(),
            version,
            outcome: StageOutcome::Answered,
            millis: u32::try_from(took).unwrap_or(u32::MAX),
            answer: BTreeMap::new(),
        };
        match ended {
            Ok(StageAnswer::Answered(answer)) => run.answer = answer,
            Ok(StageAnswer::Skipped) => run.outcome = StageOutcome::Skipped,
            Err(outcome) => run.outcome = outcome,
        }
        let mut problems = Vec::new();
        run.problems("", &mut problems);
        if !problems.is_empty() {
            (run.outcome, run.answer) = (failed(ANSWER_INVALID), BTreeMap::new());
        }
        run
    }
}

/// Runs a stage by itself, so that one that panics or never ends harms nobody.
async fn within_time(
    own: &Arc<dyn PaymentStage>,
    stage: &CompiledStage,
    facts: &StageFacts,
) -> Result<StageAnswer, StageOutcome> {
    let (own, facts) = (Arc::clone(own), facts.clone());
    let task = tokio::spawn(async move { own.run(&facts).await });
    let stop = task.abort_handle();
    let most = Duration::from_millis(stage.timeout_millis.into());
    match timeout(most, task).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(StageFailed(code)))) => Err(StageOutcome::Failed(code)),
        Ok(Err(_)) => Err(failed(STAGE_PANICKED)),
        Err(_) => {
            stop.abort();
            Err(StageOutcome::TimedOut)
        }
    }
}

/// As much of a version as is kept.
fn version(own: &dyn PaymentStage) -> String {
    let mut version = own.version();
    // No store keeps such a text.
    version.retain(|character| character != '\0');
    let mut end = version.len().min(STAGE_VERSION_BYTES_MAX);
    while !version.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    version.truncate(end);
    match version.is_empty() {
        true => "none".to_owned(),
        false => version,
    }
}

fn failed(code: &'static str) -> StageOutcome {
    match Slug::new(code) {
        Ok(code) => StageOutcome::Failed(code),
        // No code of this module is anything but a name.
        Err(_) => StageOutcome::TimedOut,
    }
}

#[cfg(test)]
mod tests {
    use rewards_core::pipeline::Pipeline;
    use rewards_core::program::Program;

    use super::*;

    /// A stage that does what its name says.
    struct Doing(&'static str);

    #[async_trait]
    impl PaymentStage for Doing {
        fn version(&self) -> String {
            format!("\0{}", self.0.repeat(30))
        }

        async fn run(&self, facts: &StageFacts) -> Result<StageAnswer, StageFailed> {
            let answer = |value: String| {
                let fields = [(self.0.to_owned(), value)].into();
                Ok(StageAnswer::Answered(fields))
            };
            match self.0 {
                "skips" => Ok(StageAnswer::Skipped),
                "fails" => Err(StageFailed("no-luck".parse().unwrap())),
                "panics" => panic!("on purpose"),
                "hangs" => std::future::pending().await,
                "babbles" => answer("b".repeat(1_000)),
                "mutters" => answer("\0".to_owned()),
                _ => answer(facts.len().to_string()),
            }
        }
    }

    fn pipeline(critical: &str) -> CompiledPipeline {
        let names = [
            "first", "skips", "fails", "panics", "hangs", "babbles", "mutters", "absent", "last",
        ];
        let stages = names.map(|name| {
            let critical = critical == name;
            format!(r#"{{"id": "{name}", "critical": {critical}, "timeout_millis": 20}}"#)
        });
        let pipeline = format!(r#"{{"stages": [{}]}}"#, stages.join(","));
        let program =
            format!(r#"{{"id": "p", "currency": "EUR", "zone": "UTC", "pipeline": {pipeline}}}"#);
        let program = Program::from_json(&program).unwrap();
        let pipeline: Pipeline = program.pipeline.unwrap();
        CompiledPipeline::of(&pipeline)
    }

    fn runner() -> StageRunner {
        let mut runner = StageRunner::new();
        for name in [
            "first", "skips", "fails", "panics", "hangs", "babbles", "mutters", "last",
        ] {
            runner = runner.with(name.parse().unwrap(), Doing(name));
        }
        runner
    }

    fn told(runs: &[StageRun]) -> Vec<String> {
        let told = runs.iter().map(|run| match &run.outcome {
            StageOutcome::Answered => format!("{} answered", run.stage),
            StageOutcome::Skipped => format!("{} skipped", run.stage),
            StageOutcome::TimedOut => format!("{} timed out", run.stage),
            StageOutcome::Failed(code) => format!("{} failed: {code}", run.stage),
        });
        told.collect()
    }

    #[tokio::test]
    async fn no_stage_harms_another() {
        let mut facts = StageFacts::from([("amount".to_owned(), "5.00".to_owned())]);
        let pipeline = pipeline("");
        let runs = runner().run(&pipeline, StagePoint::Hold, &mut facts).await;
        assert_eq!(
            told(&runs),
            [
                "first answered",
                "skips skipped",
                "fails failed: no-luck",
                "panics failed: stage_panicked",
                "hangs timed out",
                "babbles failed: answer_invalid",
                "mutters failed: answer_invalid",
                "absent failed: stage_absent",
                "last answered",
            ]
        );
        // The last one saw what the first one answered.
        assert_eq!(facts.get("last").map(String::as_str), Some("2"));
        assert_eq!(pipeline.check(StagePoint::Hold, &runs), Ok(None));
        let is_kept = |version: &str| version.len() <= 64 && !version.contains('\0');
        assert!(runs.iter().all(|run| is_kept(&run.version)));
    }

    #[tokio::test]
    async fn after_a_critical_stage_that_failed_nothing_runs() {
        for (critical, count) in [("fails", 3), ("panics", 4), ("hangs", 5), ("absent", 8)] {
            let pipeline = pipeline(critical);
            let mut facts = StageFacts::new();
            let runs = runner().run(&pipeline, StagePoint::Hold, &mut facts).await;
            assert_eq!(runs.len(), count, "{critical}");
            let failed = pipeline.check(StagePoint::Hold, &runs).unwrap();
            assert_eq!(failed.map(Slug::as_str), Some(critical));
        }
    }
}
