//! Risk: payments are assessed, reviewed and labelled, and lists and snoozes say what no score does.

mod add_to_risk_list;
mod assess_payment;
mod claim_review;
mod decide_review;
mod get_assessment;
mod label_payment;
mod list_assessments;
mod list_reviews;
mod list_risk_entries;
mod payment;
mod quote_assessment;
mod remove_from_risk_list;
mod snooze_rule;

pub use add_to_risk_list::{AddToRiskList, ListedRiskEntry};
pub use assess_payment::{AssessPayment, AssessedPayment};
pub use claim_review::{ClaimReview, ClaimedReview};
pub use decide_review::{DecideReview, DecidedReview};
pub use get_assessment::{AssessmentDetails, GetAssessment};
pub use label_payment::{LabelPayment, LabelledPayment};
pub use list_assessments::{AssessmentList, AssessmentSummary, ListAssessments};
pub use list_reviews::{ListReviews, ReviewDetails, ReviewList};
pub use list_risk_entries::{ListRiskEntries, RiskEntryList, RiskListEntryDetails};
pub use payment::{AssessedFacts, PaymentFacts};
pub use quote_assessment::{QuoteAssessment, QuotedAssessment};
pub use remove_from_risk_list::{RemoveFromRiskList, RemovedRiskEntry};
pub use snooze_rule::{SNOOZE_DAYS_MAX, SnoozeRule, SnoozedRule};

use std::sync::Arc;

use crate::context::Context;
use crate::entity::Stored;
use crate::ids::{PaymentId, ProgramId, Slug};
use crate::program::CompiledProgram;
use crate::rejection::{Problem, Rejection};
use crate::risk::{CompiledRisk, RiskList, RiskReview, WrongReviewState};
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

/// Longest value of a key in bytes.
const VALUE_BYTES_MAX: usize = 128;

/// The revision of a program that assesses payments now.
fn program_of<'a>(
    context: &'a Context,
    program: &ProgramId,
) -> Result<&'a Arc<CompiledProgram>, Rejection> {
    context.program_at(program, context.now)
}

/// The section of a revision.
fn section(program: &CompiledProgram) -> Result<&CompiledRisk, Rejection> {
    let section = program.risk();
    section.ok_or_else(|| Rejection::RiskNotOffered(program.id().clone()))
}

/// A list of a program.
fn list_of(context: &Context, program: &ProgramId, list: &Slug) -> Result<RiskList, Rejection> {
    let found = section(program_of(context, program)?)?.list(list).cloned();
    found.ok_or_else(|| Rejection::RiskListUnknown(list.clone()))
}

/// Notes a value of a key that none can have.
fn check_value(path: &str, value: &str, problems: &mut Vec<Problem>) {
    if value.is_empty() || value.len() > VALUE_BYTES_MAX {
        let found = value.len();
        let detail = format!("expected 1 to {VALUE_BYTES_MAX} bytes, got {found}");
        problems.push(Problem::new("text_invalid", path, detail));
    }
}

/// Notes an instant that is over already.
fn check_ahead(path: &str, at: Timestamp, now: Timestamp, problems: &mut Vec<Problem>) {
    if at <= now {
        let detail = format!("expected an instant to come, got {at}, it is {now}");
        problems.push(Problem::new("time_in_past", path, detail));
    }
}

/// The review of a payment.
fn review_of(
    snapshot: &Snapshot,
    context: &Context,
    payment: &PaymentId,
) -> Result<Stored<RiskReview>, Rejection> {
    let found = snapshot.get::<RiskReview>(&context.tenant, payment)?;
    found.ok_or_else(|| Rejection::ReviewUnknown(payment.clone()))
}

/// Why a review does not take a step.
fn refused(wrong: WrongReviewState, review: &RiskReview) -> Rejection {
    let payment = review.payment.clone();
    match (wrong, review.owner()) {
        (WrongReviewState::NotClaimed, _) => Rejection::ReviewNotClaimed(payment),
        (WrongReviewState::Claimed, Some(owner)) => Rejection::ReviewClaimed {
            payment,
            owner: owner.clone(),
        },
        (WrongReviewState::Claimed, None) => Rejection::Internal("a claimed review has an owner"),
        (WrongReviewState::Decided, _) => Rejection::ReviewDecided(payment),
        (WrongReviewState::Expired, _) => Rejection::ReviewExpired(payment),
    }
}
