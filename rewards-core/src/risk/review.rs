//! A review: somebody looks at a payment before it goes on.
//!
//! | from | [`claim`](RiskReview::claim) | [`decide`](RiskReview::decide) by its owner | by anybody else |
//! |---|---|---|---|
//! | open | claimed | refused | refused |
//! | claimed | by its owner claimed, else refused | decided | refused |
//! | decided | refused | refused | refused |
//! | expired | refused | refused | refused |
//!
//! Open and claimed become expired by time alone, and nobody writes that down: it is true of whoever reads it from then on. What
//! holds of the payment then, the program said when the review began.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::ReviewDecision;
use crate::entity::{Entity, Index};
use crate::ids::{MemberId, PaymentId, ProgramId, Slug};
use crate::time::Timestamp;

/// Where a review is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// Nobody looks at it yet.
    Open,
    /// Somebody looks at it.
    Claimed,
    /// It is decided. Final.
    Decided,
    /// Nobody decided it in time. Final.
    Expired,
}

/// Which reviews a list has. Those whose time is over are where they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum ListedReviews {
    /// Those that nobody has claimed.
    #[default]
    Open,
    /// Those that somebody has claimed and nobody decided.
    Claimed,
    /// Those that are decided.
    Decided,
}

impl ListedReviews {
    /// The stable text, as stored.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed => "claimed",
            Self::Decided => "decided",
        }
    }
}

/// Why a review does not take a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongReviewState {
    /// Nobody has claimed it.
    NotClaimed,
    /// Somebody else has claimed it.
    Claimed,
    /// It is decided.
    Decided,
    /// Its time is over.
    Expired,
}

/// How a review was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdict {
    decision: ReviewDecision,
    decided_at: Timestamp,
}

/// Somebody looks at a payment before it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskReview {
    /// The payment.
    pub payment: PaymentId,
    /// The program that asked for it.
    pub program: ProgramId,
    /// Who pays, if it is a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberId>,
    /// The payment's score.
    pub score: i32,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// From when on it is expired, unless it is decided.
    pub expires_at: Timestamp,
    /// What holds of the payment when it expires.
    then: ReviewDecision,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<Slug>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
}

/// What is known of a review when it is opened.
#[derive(Debug, Clone)]
pub struct NewReview<'a> {
    /// The payment.
    pub payment: &'a PaymentId,
    /// The program that asks for it.
    pub program: &'a ProgramId,
    /// Who pays.
    pub member: Option<&'a MemberId>,
    /// The payment's score.
    pub score: i32,
    /// When it is opened.
    pub opened_at: Timestamp,
    /// When it expires, and what holds of the payment then.
    pub ends: (Timestamp, ReviewDecision),
}

impl RiskReview {
    /// A review that is opened now.
    #[must_use]
    pub fn new(told: &NewReview<'_>) -> Self {
        Self {
            payment: told.payment.clone(),
            program: told.program.clone(),
            member: told.member.cloned(),
            score: told.score,
            opened_at: told.opened_at,
            expires_at: told.ends.0,
            then: told.ends.1,
            owner: None,
            verdict: None,
        }
    }

    /// Where it is in its life at an instant.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> ReviewState {
        match (&self.verdict, &self.owner) {
            (Some(_), _) => ReviewState::Decided,
            (None, _) if now >= self.expires_at => ReviewState::Expired,
            (None, Some(_)) => ReviewState::Claimed,
            (None, None) => ReviewState::Open,
        }
    }

    /// What holds of the payment at an instant, if that is settled.
    #[must_use]
    pub fn decision(&self, now: Timestamp) -> Option<ReviewDecision> {
        match &self.verdict {
            Some(verdict) => Some(verdict.decision),
            None => (now >= self.expires_at).then_some(self.then),
        }
    }

    /// Who looks at it, or did.
    #[must_use]
    pub fn owner(&self) -> Option<&Slug> {
        self.owner.as_ref()
    }

    /// When it was decided.
    #[must_use]
    pub fn decided_at(&self) -> Option<Timestamp> {
        self.verdict.map(|verdict| verdict.decided_at)
    }

    /// Somebody looks at it from now on.
    ///
    /// # Errors
    /// [`WrongReviewState`].
    pub fn claim(mut self, owner: &Slug, now: Timestamp) -> Result<Self, WrongReviewState> {
        self.check_undecided(now)?;
        if self.owner.as_ref().is_some_and(|known| known != owner) {
            return Err(WrongReviewState::Claimed);
        }
        self.owner = Some(owner.clone());
        Ok(self)
    }

    /// Its owner decides it.
    ///
    /// # Errors
    /// [`WrongReviewState`].
    pub fn decide(
        mut self,
        owner: &Slug,
        decision: ReviewDecision,
        now: Timestamp,
    ) -> Result<Self, WrongReviewState> {
        self.check_undecided(now)?;
        match &self.owner {
            None => Err(WrongReviewState::NotClaimed),
            Some(known) if known != owner => Err(WrongReviewState::Claimed),
            Some(_) => {
                self.verdict = Some(Verdict {
                    decision,
                    decided_at: now,
                });
                Ok(self)
            }
        }
    }

    fn check_undecided(&self, now: Timestamp) -> Result<(), WrongReviewState> {
        match self.state(now) {
            ReviewState::Open | ReviewState::Claimed => Ok(()),
            ReviewState::Decided => Err(WrongReviewState::Decided),
            ReviewState::Expired => Err(WrongReviewState::Expired),
        }
    }
}

impl Entity for RiskReview {
    const KIND: &'static str = "risk_review";
    const SHAPE: u16 = 1;
    type Id = PaymentId;

    fn index(&self) -> Index {
        let state = match (&self.verdict, &self.owner) {
            (Some(_), _) => ListedReviews::Decided,
            (None, Some(_)) => ListedReviews::Claimed,
            (None, None) => ListedReviews::Open,
        };
        let index = Index {
            group: Some(SmolStr::new(self.program.as_str())),
            rank: Some(self.opened_at.micros()),
            ..Index::new(state.text(), self.opened_at)
        };
        match &self.member {
            Some(member) => index.owned_by(member),
            None => index,
        }
    }

    fn is_named(&self, id: &str) -> bool {
        self.payment.as_str() == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn review() -> RiskReview {
        RiskReview::new(&NewReview {
            payment: &"p1".parse().unwrap(),
            program: &"main".parse().unwrap(),
            member: None,
            score: 70,
            opened_at: at(0),
            ends: (at(60), ReviewDecision::Approve),
        })
    }

    #[test]
    fn every_transition_is_as_the_table_says() {
        use ReviewDecision::{Approve, Block};
        use WrongReviewState::{Claimed, Decided, Expired, NotClaimed};
        let (jo, kim): (Slug, Slug) = ("jo".parse().unwrap(), "kim".parse().unwrap());
        let claimed = review().claim(&jo, at(1)).unwrap();
        let decided = claimed.clone().decide(&jo, Block, at(2)).unwrap();
        for (from, now, state, holds, claim, decide) in [
            (
                review(),
                59,
                ReviewState::Open,
                None,
                [None; 2],
                [Some(NotClaimed); 2],
            ),
            (
                review(),
                60,
                ReviewState::Expired,
                Some(Approve),
                [Some(Expired); 2],
                [Some(Expired); 2],
            ),
            (
                claimed.clone(),
                59,
                ReviewState::Claimed,
                None,
                [None, Some(Claimed)],
                [None, Some(Claimed)],
            ),
            (
                claimed,
                60,
                ReviewState::Expired,
                Some(Approve),
                [Some(Expired); 2],
                [Some(Expired); 2],
            ),
            (
                decided.clone(),
                59,
                ReviewState::Decided,
                Some(Block),
                [Some(Decided); 2],
                [Some(Decided); 2],
            ),
            (
                decided,
                60,
                ReviewState::Decided,
                Some(Block),
                [Some(Decided); 2],
                [Some(Decided); 2],
            ),
        ] {
            assert_eq!(
                (from.state(at(now)), from.decision(at(now))),
                (state, holds)
            );
            for (who, claim, decide) in [(&jo, claim[0], decide[0]), (&kim, claim[1], decide[1])] {
                assert_eq!(from.clone().claim(who, at(now)).err(), claim, "{state:?}");
                let next = from.clone().decide(who, Approve, at(now));
                assert_eq!(next.err(), decide, "{state:?}");
            }
        }
    }
}
