//! What a client knows of reviews: which are asked for and by whom they are looked at, so that it orders steps that can be taken.

use std::collections::BTreeMap;

use rewards_core::ids::{PaymentId, Slug, TenantId};
use rewards_core::operations::risk::{AssessedPayment, ClaimReview, DecideReview};
use rewards_core::time::Timestamp;

use super::Failed;
use super::model::{Ack, History};
use super::random::Random;
use super::workload::Command;

/// What is known of one review.
#[derive(Debug, Default)]
struct State {
    /// Until when, where a review was asked for.
    expires_at: Option<Timestamp>,
    owner: Option<Slug>,
    is_decided: bool,
}

/// What is known of the reviews of a tenant.
#[derive(Debug, Default)]
pub(super) struct Reviews(BTreeMap<PaymentId, State>);

/// Whether a command is a step of a review.
pub(super) fn is_step(command: &Command) -> bool {
    matches!(command, Command::ClaimReview(_) | Command::DecideReview(_))
}

impl Reviews {
    /// What was acknowledged by now.
    pub fn of(history: &History, tenant: &TenantId) -> Result<Self, Failed> {
        let mut reviews = Self::default();
        for (_, told) in history.of(tenant) {
            if let Some(ack) = told.acks.first() {
                reviews.note(ack)?;
            }
        }
        Ok(reviews)
    }

    fn note(&mut self, ack: &Ack) -> Result<(), Failed> {
        let mut state = |payment: &PaymentId, change: &dyn Fn(&mut State)| {
            change(self.0.entry(payment.clone()).or_default());
        };
        match &ack.order.command {
            Command::Assess(made) => {
                let reply: AssessedPayment = serde_json::from_str(&ack.reply)?;
                state(&made.payment, &|own| {
                    own.expires_at = reply.review_expires_at
                });
            }
            Command::ClaimReview(step) => {
                state(&step.payment, &|own| own.owner = Some(step.owner.clone()));
            }
            Command::DecideReview(step) => state(&step.payment, &|own| own.is_decided = true),
            _ => {}
        }
        Ok(())
    }

    /// The same step of a review that can bear it at an instant, if any can.
    pub fn step(&self, random: &mut Random, command: &Command, now: Timestamp) -> Option<Command> {
        let is_decision = matches!(command, Command::DecideReview(_));
        let able: Vec<(&PaymentId, &State)> = self
            .0
            .iter()
            .filter(|(_, state)| state.expires_at.is_some_and(|end| now < end))
            .filter(|(_, state)| !state.is_decided && state.owner.is_some() == is_decision)
            .collect();
        let (payment, state) = random.pick(&able).copied()?;
        let payment = payment.clone();
        Some(match command {
            Command::DecideReview(step) => Command::DecideReview(DecideReview {
                payment,
                owner: state.owner.clone()?,
                decision: step.decision,
            }),
            Command::ClaimReview(step) => Command::ClaimReview(ClaimReview {
                payment,
                owner: step.owner.clone(),
            }),
            _ => return None,
        })
    }
}
