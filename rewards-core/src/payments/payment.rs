//! A payment: a member pays somebody with what the member has, by way of a host that talks to the outside.
//!
//! | from | hold | submit | completed | declined | unknown | cancel | refund |
//! |---|---|---|---|---|---|---|---|
//! | created | held, pending review or failed | – | – | – | – | cancelled | – |
//! | pending review | – | as held once it is approved, failed once it is not | – | – | – | cancelled | – |
//! | held | – | processing, or pending review when it was assessed so meanwhile | – | – | – | cancelled | – |
//! | processing | – | the same attempt | completed | held or failed | unknown | – | – |
//! | unknown | – | the same attempt | completed | held or failed | unknown | – | – |
//! | completed | – | – | – | – | – | – | (partially) refunded |
//! | failed, cancelled, expired, refunded | – | – | – | – | – | – | – |
//!
//! What is submitted is held until its outcome is known, however long that takes: **an unknown outcome is no failure.** As long as
//! it is unknown it is asked for under the same attempt, so that nobody pays twice; after a decline there is a new one. Created, held
//! and pending review become expired by time alone, and nobody writes that down: it is true of whoever reads it from then on.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::DeclineClass;
use crate::entity::{Entity, Index};
use crate::fees::{Charge, FeePayer};
use crate::ids::{MemberId, PaymentId, PaymentReference, ProgramId, RedemptionId, RefundId, Slug};
use crate::money::{Asset, Money};
use crate::pipeline::KeptRun;
use crate::time::Timestamp;

/// The most refunds of one payment.
pub const PAYMENT_REFUNDS_MAX: usize = 100;

/// Where a payment is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// It is known what it comes to. Nothing is held.
    Created,
    /// Its value is held, and somebody looks at it before it goes on.
    PendingReview,
    /// Its value is held.
    Held,
    /// It is under way.
    Processing,
    /// Nobody knows what became of it. Its value is held until somebody does.
    Unknown,
    /// It is paid.
    Completed,
    /// It is paid, and a part of it went back.
    PartiallyRefunded,
    /// It is paid, and all of it went back. Final.
    Refunded,
    /// It is not paid. Final.
    Failed,
    /// It was called off. Final.
    Cancelled,
    /// It was not held or submitted in time. Final.
    Expired,
}

impl PaymentState {
    /// The stable text, as stored.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::PendingReview => "pending_review",
            Self::Held => "held",
            Self::Processing => "processing",
            Self::Unknown => "unknown",
            Self::Completed => "completed",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// Why a payment has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum PaymentFailure {
    /// Its assessment says that it is blocked.
    Blocked,
    /// Its review says so.
    Reviewed,
    /// A critical stage of the pipeline failed or took too long.
    Stage(Slug),
    /// It was declined, with this code, and is not tried again.
    Declined(Slug),
}

/// One try to carry a payment out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentAttempt {
    /// When it began.
    pub submitted_at: Timestamp,
    /// With which code it was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined: Option<Slug>,
    /// When its outcome was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Timestamp>,
}

/// A part of a payment that went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentRefund {
    /// The host's id of it.
    pub refund: RefundId,
    /// How much of the amount, in minor units.
    pub amount: i64,
    /// How much of the payer's fee beside it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fee: i64,
    /// When.
    pub refunded_at: Timestamp,
}

fn no_end() -> Timestamp {
    Timestamp::MAX
}

fn is_zero(minor: &i64) -> bool {
    *minor == 0
}

/// Where it is, as written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Created,
    PendingReview,
    Held,
    Processing,
    Unknown,
    Completed,
    Failed,
    Cancelled,
}

/// Value that is held for a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentHold {
    /// The redemption that holds it.
    pub redemption: RedemptionId,
    /// Until when, unless the payment is submitted.
    pub until: Timestamp,
}

/// A member pays somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// Its id.
    pub payment: PaymentId,
    /// Who pays.
    pub member: MemberId,
    /// The program that decided.
    pub program: ProgramId,
    /// Its revision: by it the route, the fee, billers, declines and stages are decided from then on. What pays is decided when value
    /// is held, and what it earns by the revision that counts when it was created.
    pub revision: u32,
    /// The way it goes.
    pub route: Slug,
    /// What it is about.
    pub subject: PaymentSubject,
    /// The asset of all its amounts.
    pub currency: Asset,
    /// How much was asked for, in minor units.
    pub amount: i64,
    /// The fee.
    pub fee: i64,
    /// Who pays the fee.
    pub paid_by: FeePayer,
    /// When it was created.
    pub created_at: Timestamp,
    /// Until when its value can be held, exclusive. Payments once had no such end.
    #[serde(default = "no_end")]
    pub open_until: Timestamp,
    stage: Stage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<PaymentHold>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<PaymentAttempt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<PaymentFailure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    completed_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<PaymentReference>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    runs: Vec<KeptRun>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earner: Option<MemberId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refunds: Vec<PaymentRefund>,
}

/// What a payment is about, as rules see it when it earns something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentSubject {
    /// Who is paid by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub biller: Option<Slug>,
    /// The merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant: Option<String>,
    /// Its category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// In store, online, app …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Where a payment is while no attempt is under way.
const WAITING: &[PaymentState] = &[
    PaymentState::Created,
    PaymentState::PendingReview,
    PaymentState::Held,
];

/// A payment that does not take a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrongPaymentStep {
    /// Not from where it is in its life.
    State(PaymentState),
    /// What is told is of another attempt than the one that is under way.
    Attempt {
        /// The newest one; none before the first.
        newest: u32,
    },
    /// More than is left of it.
    Above {
        /// How much is, in minor units.
        left: i64,
    },
    /// It has a refund with this id.
    Exists(RefundId),
    /// It has as many refunds as one may have.
    TooMany,
}

/// What is known of a payment when it is created.
#[derive(Debug, Clone)]
pub struct NewPayment<'a> {
    /// Its id.
    pub payment: &'a PaymentId,
    /// Who pays.
    pub member: &'a MemberId,
    /// The program, and the number of its revision.
    pub program: (&'a ProgramId, u32),
    /// The way it goes.
    pub route: &'a Slug,
    /// What it is about.
    pub subject: PaymentSubject,
    /// How much is asked for.
    pub amount: Money,
    /// What becomes of that, and who pays the fee.
    pub charge: (Charge, FeePayer),
    /// When it is created.
    pub created_at: Timestamp,
    /// Until when its value can be held, exclusive.
    pub open_until: Timestamp,
}

impl Payment {
    /// A payment that is created now.
    #[must_use]
    pub fn new(told: NewPayment<'_>) -> Self {
        let (charge, paid_by) = told.charge;
        Self {
            payment: told.payment.clone(),
            member: told.member.clone(),
            program: told.program.0.clone(),
            revision: told.program.1,
            route: told.route.clone(),
            subject: told.subject,
            currency: told.amount.asset(),
            amount: told.amount.minor(),
            fee: charge.fee,
            paid_by,
            created_at: told.created_at,
            open_until: told.open_until,
            stage: Stage::Created,
            hold: None,
            attempts: Vec::new(),
            failure: None,
            completed_at: None,
            reference: None,
            runs: Vec::new(),
            earner: None,
            refunds: Vec::new(),
        }
    }

    /// Where it is in its life at an instant.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> PaymentState {
        let is_over = self.hold.as_ref().is_some_and(|hold| now >= hold.until);
        match self.stage {
            Stage::Created if now >= self.open_until => PaymentState::Expired,
            Stage::Created => PaymentState::Created,
            Stage::PendingReview | Stage::Held if is_over => PaymentState::Expired,
            Stage::PendingReview => PaymentState::PendingReview,
            Stage::Held => PaymentState::Held,
            Stage::Processing => PaymentState::Processing,
            Stage::Unknown => PaymentState::Unknown,
            Stage::Failed => PaymentState::Failed,
            Stage::Cancelled => PaymentState::Cancelled,
            Stage::Completed if self.refunds.is_empty() => PaymentState::Completed,
            Stage::Completed if self.left() == 0 => PaymentState::Refunded,
            Stage::Completed => PaymentState::PartiallyRefunded,
        }
    }

    /// What the payer gives, a fee of the payer's own included, in minor units.
    #[must_use]
    pub fn given(&self) -> i64 {
        match self.paid_by {
            FeePayer::Sender => self.amount.saturating_add(self.fee),
            FeePayer::Receiver => self.amount,
        }
    }

    /// What arrives, in minor units.
    #[must_use]
    pub fn arrived(&self) -> i64 {
        self.given().saturating_sub(self.fee)
    }

    /// An amount of it.
    #[must_use]
    pub fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    /// What holds its value, or did.
    #[must_use]
    pub fn hold(&self) -> Option<&PaymentHold> {
        self.hold.as_ref()
    }

    /// How often it was tried.
    #[must_use]
    pub fn attempts(&self) -> &[PaymentAttempt] {
        &self.attempts
    }

    /// The number of the newest attempt, from 1; 0 before the first.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        u32::try_from(self.attempts.len()).unwrap_or(u32::MAX)
    }

    /// Why it has failed, if it has.
    #[must_use]
    pub fn failure(&self) -> Option<&PaymentFailure> {
        self.failure.as_ref()
    }

    /// When it was paid.
    #[must_use]
    pub fn completed_at(&self) -> Option<Timestamp> {
        self.completed_at
    }

    /// What the outside calls it.
    #[must_use]
    pub fn reference(&self) -> Option<&PaymentReference> {
        self.reference.as_ref()
    }

    /// What stages said about it, in the order in which that was told.
    #[must_use]
    pub fn runs(&self) -> &[KeptRun] {
        &self.runs
    }

    /// The same after more stages.
    #[must_use]
    pub fn ran(mut self, runs: impl IntoIterator<Item = KeptRun>) -> Self {
        self.runs.extend(runs);
        self
    }

    /// Without what was told of it in words: the merchant, and what stages answered. What it came to stays, and so do the runs, which
    /// are counted.
    #[must_use]
    pub fn erased(mut self) -> Self {
        self.subject = PaymentSubject {
            biller: self.subject.biller.take(),
            ..PaymentSubject::default()
        };
        for kept in &mut self.runs {
            kept.run.answer.clear();
        }
        self
    }

    /// Whose purchase it is as well, if it is one.
    #[must_use]
    pub fn earner(&self) -> Option<&MemberId> {
        self.earner.as_ref()
    }

    /// The same as a purchase of a member.
    #[must_use]
    pub fn earned_by(mut self, member: MemberId) -> Self {
        self.earner = Some(member);
        self
    }

    /// What went back.
    #[must_use]
    pub fn refunds(&self) -> &[PaymentRefund] {
        &self.refunds
    }

    /// How much of the amount has not gone back, in minor units.
    #[must_use]
    pub fn left(&self) -> i64 {
        let back = self.refunds.iter().map(|refund| refund.amount);
        self.amount
            .saturating_sub(back.fold(0, i64::saturating_add))
    }

    fn expect(&self, states: &[PaymentState], now: Timestamp) -> Result<(), WrongPaymentStep> {
        let state = self.state(now);
        match states.contains(&state) {
            true => Ok(()),
            false => Err(WrongPaymentStep::State(state)),
        }
    }

    /// Checks that its value can be held now.
    ///
    /// # Errors
    /// [`WrongPaymentStep::State`].
    pub fn check_created(&self, now: Timestamp) -> Result<(), WrongPaymentStep> {
        self.expect(&[PaymentState::Created], now)
    }

    /// Its value is held, and either it can go on or somebody looks at it first.
    ///
    /// # Errors
    /// [`WrongPaymentStep::State`].
    pub fn held(
        mut self,
        hold: PaymentHold,
        is_reviewed: bool,
        now: Timestamp,
    ) -> Result<Self, WrongPaymentStep> {
        self.check_created(now)?;
        self.hold = Some(hold);
        self.stage = match is_reviewed {
            true => Stage::PendingReview,
            false => Stage::Held,
        };
        Ok(self)
    }

    /// Somebody looks at it before it goes on, and its value is held until an instant for that.
    ///
    /// # Errors
    /// [`WrongPaymentStep::State`].
    pub fn reviewed(mut self, until: Timestamp, now: Timestamp) -> Result<Self, WrongPaymentStep> {
        self.expect(&[PaymentState::Held], now)?;
        self.stage = Stage::PendingReview;
        if let Some(hold) = &mut self.hold {
            hold.until = until;
        }
        Ok(self)
    }

    /// It goes no further: its assessment or its review says so.
    ///
    /// # Errors
    /// [`WrongPaymentStep::State`].
    pub fn blocked(mut self, now: Timestamp) -> Result<Self, WrongPaymentStep> {
        self.expect(WAITING, now)?;
        self.failure = Some(match self.stage {
            Stage::PendingReview => PaymentFailure::Reviewed,
            _ => PaymentFailure::Blocked,
        });
        self.stage = Stage::Failed;
        Ok(self)
    }

    /// It goes no further: a critical stage failed.
    ///
    /// # Errors
    /// [`WrongPaymentStep::State`].
    pub fn stopped(mut self, stage: &Slug, now: Timestamp) -> Result<Self, WrongPaymentStep> {
        self.expect(WAITING, now)?;
        self.failure = Some(PaymentFailure::Stage(stage.clone()));
        self.stage = Stage::Failed;
        Ok(self)
    }

    /// It is under way: anew, or still as it was when that is not over.
    ///
    /// # Errors
    /// [`WrongPaymentStep::State`].
    pub fn submitted(mut self, now: Timestamp) -> Result<Self, WrongPaymentStep> {
        self.expect(
            &[
                PaymentState::PendingReview,
                PaymentState::Held,
                PaymentState::Processing,
                PaymentState::Unknown,
            ],
            now,
        )?;
        if matches!(self.stage, Stage::PendingReview | Stage::Held) {
            self.attempts.push(PaymentAttempt {
                submitted_at: now,
                declined: None,
                told_at: None,
            });
            self.stage = Stage::Processing;
        }
        Ok(self)
    }

    /// Checks that the outcome of an attempt is waited for.
    ///
    /// # Errors
    /// [`WrongPaymentStep::State`]; [`WrongPaymentStep::Attempt`] when it is another one.
    pub fn check_outcome(&self, attempt: u32, now: Timestamp) -> Result<(), WrongPaymentStep> {
        let newest = self.attempt();
        if attempt == 0 || attempt > newest {
            return Err(WrongPaymentStep::Attempt { newest });
        }
        self.expect(&[PaymentState::Processing, PaymentState::Unknown], now)?;
        match attempt == newest {
            true => Ok(()),
            false => Err(WrongPaymentStep::Attempt { newest }),
        }
    }

    fn told(mut self, attempt: u32, now: Timestamp) -> Result<Self, WrongPaymentStep> {
        self.check_outcome(attempt, now)?;
        if let Some(last) = self.attempts.last_mut() {
            last.told_at = Some(now);
        }
        Ok(self)
    }

    /// It is paid.
    ///
    /// # Errors
    /// As [`check_outcome`](Self::check_outcome).
    pub fn completed(
        self,
        attempt: u32,
        reference: Option<PaymentReference>,
        now: Timestamp,
    ) -> Result<Self, WrongPaymentStep> {
        let mut told = self.told(attempt, now)?;
        told.stage = Stage::Completed;
        told.completed_at = Some(now);
        told.reference = reference;
        Ok(told)
    }

    /// An attempt was declined: the payment is held for another one until an instant, or has failed.
    ///
    /// # Errors
    /// As [`check_outcome`](Self::check_outcome).
    pub fn declined(
        self,
        attempt: u32,
        (code, class): (&Slug, DeclineClass),
        (attempts, until): (u32, Timestamp),
        now: Timestamp,
    ) -> Result<Self, WrongPaymentStep> {
        let mut told = self.told(attempt, now)?;
        if let Some(last) = told.attempts.last_mut() {
            last.declined = Some(code.clone());
        }
        if class == DeclineClass::Soft && attempt < attempts {
            told.stage = Stage::Held;
            if let Some(hold) = &mut told.hold {
                hold.until = until;
            }
        } else {
            told.stage = Stage::Failed;
            told.failure = Some(PaymentFailure::Declined(code.clone()));
        }
        Ok(told)
    }

    /// Nobody knows what became of an attempt.
    ///
    /// # Errors
    /// As [`check_outcome`](Self::check_outcome).
    pub fn unknown(self, attempt: u32, now: Timestamp) -> Result<Self, WrongPaymentStep> {
        let mut told = self.told(attempt, now)?;
        told.stage = Stage::Unknown;
        Ok(told)
    }

    /// It is called off before anybody tried it.
    ///
    /// # Errors
    /// [`WrongPaymentStep::State`].
    pub fn cancelled(mut self, now: Timestamp) -> Result<Self, WrongPaymentStep> {
        self.expect(WAITING, now)?;
        self.stage = Stage::Cancelled;
        Ok(self)
    }

    /// Some of it goes back, all that is left when nothing is said. The payer's fee goes back beside it in the same proportion where
    /// it does at all: as much in sum as of the amount, rounded down, so that the program gains until all has gone back.
    ///
    /// # Errors
    /// [`WrongPaymentStep::Exists`], [`WrongPaymentStep::State`], [`WrongPaymentStep::Above`], [`WrongPaymentStep::TooMany`].
    pub fn refunded(
        mut self,
        refund: &RefundId,
        amount: Option<i64>,
        with_fee: bool,
        now: Timestamp,
    ) -> Result<(Self, PaymentRefund), WrongPaymentStep> {
        if self.refunds.iter().any(|made| made.refund == *refund) {
            return Err(WrongPaymentStep::Exists(refund.clone()));
        }
        let paid = [PaymentState::Completed, PaymentState::PartiallyRefunded];
        self.expect(&paid, now)?;
        let left = self.left();
        let amount = amount.unwrap_or(left);
        if amount > left {
            return Err(WrongPaymentStep::Above { left });
        }
        // What is left as a whole always can go back.
        if self.refunds.len() >= PAYMENT_REFUNDS_MAX && amount < left {
            return Err(WrongPaymentStep::TooMany);
        }
        let back = self.refunds.iter().map(|refund| refund.fee);
        let back = back.fold(0, i64::saturating_add);
        let fee = match with_fee && self.paid_by == FeePayer::Sender {
            true => self.fee_of(self.amount.saturating_sub(left).saturating_add(amount)),
            false => 0,
        };
        let made = PaymentRefund {
            refund: refund.clone(),
            amount,
            fee: fee.saturating_sub(back).max(0),
            refunded_at: now,
        };
        self.refunds.push(made.clone());
        Ok((self, made))
    }

    /// The part of the fee that belongs to a part of the amount, rounded down.
    fn fee_of(&self, part: i64) -> i64 {
        let product = i128::from(self.fee).saturating_mul(i128::from(part));
        let share = product.checked_div(i128::from(self.amount)).unwrap_or(0);
        i64::try_from(share).unwrap_or(self.fee)
    }
}

impl Entity for Payment {
    const KIND: &'static str = "payment";
    const SHAPE: u16 = 1;
    type Id = PaymentId;

    fn index(&self) -> Index {
        let state = match self.stage {
            Stage::PendingReview => PaymentState::PendingReview,
            Stage::Held => PaymentState::Held,
            // Time alone moves no other one.
            _ => self.state(self.created_at),
        };
        let index = Index {
            group: Some(SmolStr::new(self.program.as_str())),
            rank: Some(self.created_at.micros()),
            ..Index::new(state.text(), self.created_at)
        };
        index.owned_by(&self.member)
    }

    fn is_named(&self, id: &str) -> bool {
        self.payment.as_str() == id
    }
}
