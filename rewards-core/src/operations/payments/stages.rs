//! What stages of the host's said about a payment, as it is handed over with the payment's commands.

use super::super::change_builder::ChangeBuilder;
use super::super::unless_wrong;
use super::tell;
use crate::context::Context;
use crate::entity::Stored;
use crate::ids::{PaymentId, Slug};
use crate::payments::{Payment, PaymentState};
use crate::pipeline::{KeptRun, STAGES_MAX, StagePoint, StageRun, WrongRuns};
use crate::program::CompiledProgram;
use crate::rejection::{Problem, Rejection};
use crate::time::Period;

/// Runs of stages at one point of a payment.
#[derive(Debug, Clone, Copy)]
pub(super) struct StageRuns<'a> {
    pub payment: &'a PaymentId,
    pub at: StagePoint,
    pub runs: &'a [StageRun],
}

impl<'a> StageRuns<'a> {
    /// What is wrong with them by themselves.
    ///
    /// # Errors
    /// All problems.
    pub fn check_alone(&self) -> Result<(), Rejection> {
        let mut problems = Vec::new();
        if self.runs.len() > STAGES_MAX {
            let detail = format!("expected at most {STAGES_MAX}, got {}", self.runs.len());
            problems.push(Problem::new("too_many", "stages", detail));
        }
        for (place, run) in self.runs.iter().enumerate().take(STAGES_MAX) {
            run.problems(&format!("stages[{place}]"), &mut problems);
        }
        unless_wrong(problems)
    }

    /// Checks them against the program, and gives the critical stage that failed, if one did.
    ///
    /// # Errors
    /// Problems of what does not run here; [`Rejection::StageMissing`].
    pub fn check(&self, program: &CompiledProgram) -> Result<Option<&'a Slug>, Rejection> {
        let path = |place: usize| format!("stages[{place}].stage");
        let checked = program.pipeline().check(self.at, self.runs);
        checked.map_err(|wrong| match wrong {
            WrongRuns::Unknown { place } => {
                let detail = "no such stage runs at this step";
                Problem::new("stage_unknown", path(place), detail).into()
            }
            WrongRuns::OutOfOrder { place } => {
                let detail = "expected each stage once, in the order of the program";
                Problem::new("stage_out_of_order", path(place), detail).into()
            }
            WrongRuns::Missing(stage) => Rejection::StageMissing {
                payment: self.payment.clone(),
                stage,
            },
        })
    }

    /// The payment with these runs.
    pub fn noted(&self, payment: Payment, program: &CompiledProgram, context: &Context) -> Payment {
        let day = program.calendar().bucket(Period::Day, context.now).0;
        let runs = self.runs.iter().map(|run| KeptRun {
            at: self.at,
            day,
            run: run.clone(),
        });
        payment.ran(runs)
    }
}

/// Keeps a payment, counts the runs that are new with it, and tells where it is now.
pub(super) fn keep(
    builder: &mut ChangeBuilder<'_>,
    stored: &Stored<Payment>,
    payment: &Payment,
    context: &Context,
) -> Result<PaymentState, Rejection> {
    builder.put(&payment.payment, stored.expected(), payment)?;
    count(builder, &stored.entity, payment, context);
    Ok(tell(builder, payment, context.now))
}

/// Counts the runs that a payment has beyond those it had before: how each ended, and how long it took.
pub(super) fn count(
    builder: &mut ChangeBuilder<'_>,
    before: &Payment,
    payment: &Payment,
    context: &Context,
) {
    for kept in payment.runs().iter().skip(before.runs().len()) {
        for (counter, delta) in kept.counted(&context.tenant, &payment.program) {
            builder.count(counter, delta, None);
        }
    }
}
