//! What a client knows of payments: where they are, so that it orders steps that can be taken.

use std::collections::BTreeMap;

use rewards_core::ids::{PaymentId, TenantId};
use rewards_core::operations::payments::{
    AttemptOutcome, CancelPayment, HeldPayment, HoldPayment, RefundPayment, RefundedPayment,
    ReportPayment, ReportedPayment, SubmitPayment, SubmittedPayment,
};
use rewards_core::payments::PaymentState;

use super::Failed;
use super::model::{Ack, History};
use super::random::Random;
use super::workload::Command;

/// What is known of one payment.
#[derive(Debug, Default)]
struct State {
    is_created: bool,
    /// What became of holding its value.
    held: Option<PaymentState>,
    /// What was told of each attempt that was made.
    attempts: BTreeMap<u32, Option<PaymentState>>,
    is_cancelled: bool,
    /// Whether nothing of it is left to refund.
    is_back: bool,
}

/// What is known of the payments of a tenant.
#[derive(Debug, Default)]
pub(super) struct Paid(BTreeMap<PaymentId, State>);

/// Whether a command is a step of a payment.
pub(super) fn is_step(command: &Command) -> bool {
    matches!(
        command,
        Command::HoldPayment(_)
            | Command::SubmitPayment(_)
            | Command::ReportPayment(_)
            | Command::CancelPayment(_)
            | Command::RefundPayment(_)
    )
}

impl State {
    /// What was told last of the newest attempt, and its number.
    fn newest(&self) -> Option<(u32, Option<PaymentState>)> {
        let newest = self.attempts.last_key_value();
        newest.map(|(attempt, told)| (*attempt, *told))
    }

    /// Whether it bears a step.
    fn bears(&self, command: &Command) -> bool {
        use PaymentState::{Completed, Held, PendingReview, Unknown};
        let is_open = self.is_created && !self.is_cancelled;
        let is_held = is_open && matches!(self.held, Some(Held | PendingReview));
        match (command, self.newest()) {
            (Command::HoldPayment(_), _) => is_open && self.held.is_none(),
            (Command::SubmitPayment(_), None) => is_held,
            (Command::SubmitPayment(_), Some((_, told))) => told == Some(Held),
            (Command::ReportPayment(_), Some((_, told))) => matches!(told, None | Some(Unknown)),
            (Command::CancelPayment(_), None) => is_open,
            (Command::RefundPayment(_), Some((_, told))) => {
                told == Some(Completed) && !self.is_back
            }
            _ => false,
        }
    }
}

impl Paid {
    /// What was acknowledged by now.
    pub fn of(history: &History, tenant: &TenantId) -> Result<Self, Failed> {
        let mut paid = Self::default();
        for (_, told) in history.of(tenant) {
            if let Some(ack) = told.acks.first() {
                paid.note(ack)?;
            }
        }
        Ok(paid)
    }

    fn state(&mut self, payment: &PaymentId) -> &mut State {
        self.0.entry(payment.clone()).or_default()
    }

    fn note(&mut self, ack: &Ack) -> Result<(), Failed> {
        let reply = &ack.reply;
        match &ack.order.command {
            Command::CreatePayment(made) => self.state(&made.payment).is_created = true,
            Command::HoldPayment(step) => {
                let reply: HeldPayment = serde_json::from_str(reply)?;
                self.state(&step.payment).held = Some(reply.state);
            }
            Command::SubmitPayment(step) => {
                let reply: SubmittedPayment = serde_json::from_str(reply)?;
                if reply.key.is_some() {
                    let attempts = &mut self.state(&step.payment).attempts;
                    attempts.entry(reply.attempt).or_default();
                }
            }
            Command::ReportPayment(step) => {
                let reply: ReportedPayment = serde_json::from_str(reply)?;
                let attempts = &mut self.state(&step.payment).attempts;
                let told = attempts.entry(step.attempt).or_default();
                if !matches!(told, Some(PaymentState::Completed | PaymentState::Failed)) {
                    *told = Some(reply.state);
                }
            }
            Command::CancelPayment(step) => self.state(&step.payment).is_cancelled = true,
            Command::RefundPayment(step) => {
                let reply: RefundedPayment = serde_json::from_str(reply)?;
                self.state(&step.payment).is_back |= reply.left.is_zero();
            }
            _ => {}
        }
        Ok(())
    }

    /// The same step of a payment that can bear it; where none can, whatever brings one nearer to its end.
    pub fn step(&self, random: &mut Random, command: &Command) -> Option<Command> {
        let none = PaymentId::new("none").ok()?;
        let onwards = [
            Command::SubmitPayment(SubmitPayment {
                payment: none.clone(),
                stages: Vec::new(),
            }),
            Command::ReportPayment(ReportPayment {
                payment: none,
                attempt: 1,
                outcome: AttemptOutcome::Completed { reference: None },
                stages: Vec::new(),
            }),
        ];
        let mut steps = std::iter::once(command).chain(&onwards);
        steps.find_map(|step| self.taken(random, step))
    }

    fn taken(&self, random: &mut Random, command: &Command) -> Option<Command> {
        let able = self.0.iter().filter(|(_, state)| state.bears(command));
        let able: Vec<(&PaymentId, &State)> = able.collect();
        let (payment, state) = random.pick(&able).copied()?;
        let payment = payment.clone();
        Some(match command.clone() {
            Command::HoldPayment(step) => Command::HoldPayment(HoldPayment { payment, ..step }),
            Command::SubmitPayment(step) => {
                Command::SubmitPayment(SubmitPayment { payment, ..step })
            }
            Command::ReportPayment(step) => Command::ReportPayment(ReportPayment {
                payment,
                attempt: state.newest()?.0,
                ..step
            }),
            Command::RefundPayment(step) => {
                Command::RefundPayment(RefundPayment { payment, ..step })
            }
            _ => Command::CancelPayment(CancelPayment { payment }),
        })
    }
}
