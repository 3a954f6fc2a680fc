//! A page of the reviews of a program in one state, the oldest first: by when they were opened, and those of one instant by payment.
//!
//! A review whose time is over is told as expired wherever nobody decided it: among the open ones or the claimed ones.
//!
//! Refusals, in order: unknown program; no revision active now; the program assesses no payments; a page size of zero or above the
//! bound, a place in another list.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::super::pages::EntityList;
use super::{program_of, section};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::By;
use crate::ids::{MemberId, PaymentId, ProgramId, Slug};
use crate::rejection::Rejection;
use crate::risk::{ListedReviews, ReviewDecision, ReviewState, RiskReview};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a page of reviews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListReviews {
    /// The program.
    pub program: ProgramId,
    /// Which of them; the open ones when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub state: Option<ListedReviews>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many reviews, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ReviewDetails {
    /// The payment.
    pub payment: PaymentId,
    /// The program that asked for it.
    pub program: ProgramId,
    /// Who pays, if it is a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// The payment's score.
    pub score: i32,
    /// Where it is in its life now.
    pub state: ReviewState,
    /// Who looks at it, or did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub owner: Option<Slug>,
    /// What holds of the payment, once it is decided or expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub decision: Option<ReviewDecision>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// From when on it is expired, unless it is decided.
    pub expires_at: Timestamp,
    /// When it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub decided_at: Option<Timestamp>,
}

impl ReviewDetails {
    /// A review as it is at an instant.
    pub(super) fn of(review: &RiskReview, now: Timestamp) -> Self {
        Self {
            payment: review.payment.clone(),
            program: review.program.clone(),
            member: review.member.clone(),
            score: review.score,
            state: review.state(now),
            owner: review.owner().cloned(),
            decision: review.decision(now),
            opened_at: review.opened_at,
            expires_at: review.expires_at,
            decided_at: review.decided_at(),
        }
    }
}

/// A page of reviews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ReviewList {
    /// The reviews, the oldest first.
    pub reviews: Vec<ReviewDetails>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

impl Operation for ListReviews {
    const NAME: &'static str = "list_reviews";
    const KIND: Kind = Kind::Query;
    type Reply = ReviewList;
    type Prepared = EntityList;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        section(program_of(context, &self.program)?)?;
        let state = self.state.unwrap_or_default().text();
        let name = format!("{state} reviews of {}", self.program);
        let by = By::Group {
            group: SmolStr::new(self.program.as_str()),
            state: SmolStr::new_static(state),
            from_rank: 0,
            to_rank: i64::MAX,
        };
        EntityList::named::<RiskReview>(context, &name, by, self.after.as_deref(), self.limit)
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ReviewList>, Undecided> {
        let (reviews, next) = list.read(snapshot, context, |review: RiskReview| {
            ReviewDetails::of(&review, context.now)
        })?;
        Ok(Decision::answer(ReviewList { reviews, next }))
    }
}
