//! How stages of a program's pipeline did on some local days: how often each answered, had nothing to do, took too long and failed, and
//! how long it took.
//!
//! Refusals, in order: unknown program, none that is active; a last day before the first, more days than one answer is about.

use serde::{Deserialize, Serialize};

use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::counter::CounterRange;
use crate::decision::Decision;
use crate::ids::{ProgramId, Slug};
use crate::pipeline::StageCount;
use crate::program::CompiledProgram;
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::{LocalDate, Period};

/// About how many days an answer is at most.
pub const STATISTICS_DAYS_MAX: i64 = 366;
/// About how many days an answer is when nothing is said, today among them.
pub const STATISTICS_DAYS_DEFAULT: i64 = 7;

/// Asks how stages did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetStageStatistics {
    /// The program.
    pub program: ProgramId,
    /// The first local day; six days before the last one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub from: Option<LocalDate>,
    /// The last local day, inclusive; today when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub through: Option<LocalDate>,
}

/// How stages did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct StageStatisticsList {
    /// Each stage of the revision that is active now, in its order, whether or not it is enabled.
    pub stages: Vec<StageStatistics>,
}

/// How a stage did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct StageStatistics {
    /// The stage.
    pub stage: Slug,
    /// How often it answered.
    pub answered: i64,
    /// How often it had nothing to do.
    pub skipped: i64,
    /// How often it took too long.
    pub timed_out: i64,
    /// How often it failed.
    pub failed: i64,
    /// How long it took on average, in milliseconds, rounded down; none when it never ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub mean_millis: Option<i64>,
}

/// The counters of one stage: how runs ended, in the order of [`StageCount::OUTCOMES`], and how long they took.
#[derive(Debug)]
struct StageRanges {
    stage: Slug,
    outcomes: [CounterRange; 4],
    millis: CounterRange,
}

/// The counters that are looked at.
#[derive(Debug)]
pub struct PreparedStatistics(Vec<StageRanges>);

impl GetStageStatistics {
    /// The days that are asked for, as they are counted.
    fn days(&self, program: &CompiledProgram, context: &Context) -> Result<(i64, i64), Rejection> {
        let today = program.calendar().bucket(Period::Day, context.now).0;
        let day = |date: LocalDate| i64::from(date.day());
        let through = self.through.map_or(today, day);
        let first = through.saturating_sub(STATISTICS_DAYS_DEFAULT - 1);
        let from = self.from.map_or(first, day);
        let days = through.saturating_sub(from).saturating_add(1);
        if (1..=STATISTICS_DAYS_MAX).contains(&days) {
            return Ok((from, through));
        }
        let detail = format!("expected 1 to {STATISTICS_DAYS_MAX} days, got {days}");
        Err(Problem::new("number_out_of_range", "from", detail).into())
    }
}

impl StageRanges {
    fn read(&self, snapshot: &Snapshot) -> StageStatistics {
        let sum = |range: &CounterRange| snapshot.count(range, None);
        let [answered, skipped, timed_out, failed] = self.outcomes.each_ref().map(sum);
        let ended = [answered, skipped, timed_out, failed];
        let runs = ended
            .iter()
            .fold(0_i64, |sum, one| sum.saturating_add(*one));
        StageStatistics {
            stage: self.stage.clone(),
            answered,
            skipped,
            timed_out,
            failed,
            mean_millis: sum(&self.millis).checked_div(runs),
        }
    }
}

impl Operation for GetStageStatistics {
    const NAME: &'static str = "get_stage_statistics";
    const KIND: Kind = Kind::Query;
    type Reply = StageStatisticsList;
    type Prepared = PreparedStatistics;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedStatistics), Rejection> {
        let program = context.program_at(&self.program, context.now)?;
        let (from, until) = self.days(program, context)?;
        let stages = program.document().pipeline.iter();
        let ranges = stages.flat_map(|section| &section.stages).map(|stage| {
            let range = |count: StageCount| CounterRange {
                name: count.counter(&context.tenant, &self.program, &stage.id),
                from,
                until,
            };
            StageRanges {
                stage: stage.id.clone(),
                outcomes: StageCount::OUTCOMES.map(range),
                millis: range(StageCount::Millis),
            }
        });
        let ranges: Vec<StageRanges> = ranges.collect();
        let outcomes = ranges.iter().flat_map(|one| &one.outcomes);
        let millis = ranges.iter().map(|one| &one.millis);
        let plan = ReadPlan {
            counters: outcomes.chain(millis).cloned().collect(),
            ..ReadPlan::default()
        };
        Ok((plan, PreparedStatistics(ranges)))
    }

    fn decide(
        &self,
        prepared: &PreparedStatistics,
        snapshot: &Snapshot,
        _: &Context,
    ) -> Result<Decision<StageStatisticsList>, Undecided> {
        let stages = prepared.0.iter().map(|one| one.read(snapshot));
        Ok(Decision::answer(StageStatisticsList {
            stages: stages.collect(),
        }))
    }
}
