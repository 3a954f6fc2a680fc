//! The pipeline of a payment: stages that run before its value is held, before it is tried, and when it has ended.
//!
//! A stage is the host's: it asks a fraud service, converts a currency, looks up an account. The engine never calls it. The program
//! says which stages there are, in which order, which of them are critical and how long each may take; the host runs them and hands
//! over what each said **with the next command of the payment**, so that every decision follows from what is recorded with it.
//!
//! | a stage | that is critical | any other |
//! |---|---|---|
//! | answered, or had nothing to do | the payment goes on | the payment goes on |
//! | failed, or took too long | the payment has failed, and what it held is released | the payment goes on |
//! | did not run | the command is refused | the payment goes on |

mod counted;
mod run;
mod section;

pub use counted::StageCount;
pub use run::{
    ANSWER_FIELDS_MAX, ANSWER_TEXT_BYTES_MAX, KeptRun, STAGE_VERSION_BYTES_MAX, StageOutcome,
    StageRun, WrongRuns,
};
pub use section::{
    CompiledPipeline, CompiledStage, Pipeline, STAGE_MILLIS_DEFAULT, STAGE_MILLIS_MAX, STAGES_MAX,
    Stage, StagePoint,
};
