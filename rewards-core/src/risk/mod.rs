//! Risk: how likely it is that a payment is not what it seems, and what follows.
//!
//! A program says in its section [`Risk`] what is looked at and how many points that is worth. Of a payment, the
//! [features](FeatureValue) are whole numbers: the amount, the hour, how many payments the same device made within ten minutes.
//! A [scorecard](Scorecard) turns each into points by bands, and the sum decides: approve, review or block.
//!
//! - **Every threshold can fire.** Which scores a scorecard can reach is computed when it is published, and a threshold outside
//!   of them is refused. So are bands with gaps, bands that overlap, and sums that no score holds.
//! - **Lists come first**: one that allows before one that blocks before one that asks for a review.
//! - **What cannot be known** is worth nothing, a review or a block, as the program says for each rule; an assessment names it.
//! - **Payments are counted as they are assessed**, whatever is decided of them, by member and by each key that the program
//!   names, see [`RiskHistory`]. What happened later than a payment is never looked at for it.
//! - **A shadow scorecard** sees the same features and decides nothing.
//! - **No floats**, but inside the fit of a scorecard, see [`calibrate`].
//!
//! What is not here: which rows are read and written, which the operations say.

mod assessment;
pub mod calibrate;

mod compiled;
mod history;
mod listed;
mod reach;
mod review;
mod score;
mod section;

pub use assessment::{Assessment, AssessmentLabel, NewAssessment, PaymentLabel};
pub(crate) use compiled::all_keys;
pub use compiled::{
    CompiledCombination, CompiledRisk, CompiledRiskRule, CompiledScorecard, Known,
    REVIEW_MINUTES_DEFAULT, REVIEW_MINUTES_MAX, Scored,
};
pub use history::{
    Bucket, DAYS_MAX, DELAY_DAYS_MAX, DISTINCT_MAX, Forgotten, HOURS_MAX, MINUTES_MAX, Moment,
    RiskHistory, RiskHistoryId, SumOverflow,
};
pub use listed::{EntryState, NotListed, RiskListEntry, RiskListEntryId};
pub use reach::Reach;
pub use review::{ListedReviews, NewReview, ReviewState, RiskReview, WrongReviewState};
pub use score::{BothOutcomes, Contribution, ListHit, RiskDecision, RiskOutcome, ScoreOverflow};
pub use section::{
    Distinct, Feature, FeatureTest, FeatureValue, History, Labelled, ListAction, OnUnknown,
    ReviewDecision, Reviews, Risk, RiskBand, RiskCombination, RiskList, RiskRule, RiskWindow,
    Scorecard, SinceLast,
};

use smol_str::{SmolStr, format_smolstr};

use crate::ids::ProgramId;

/// The key that every program has.
pub const MEMBER_KEY: &str = "member";

/// A value of something that a program names. Names hold no colon and the length of the program's id is told, so different ones
/// never read the same.
fn scoped(name: &str, program: &ProgramId, value: &str) -> SmolStr {
    let length = program.as_str().len();
    format_smolstr!("{name}:{length}:{program}:{value}")
}
