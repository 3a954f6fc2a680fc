//! What a client knows of redemptions: what was acknowledged of each, so that it orders steps that can be taken.

use std::collections::BTreeMap;

use rewards_core::ids::{MemberId, RedemptionId, TenantId};
use rewards_core::money::Money;
use rewards_core::operations::redemptions::{
    AuthorizedRedemption, CancelRedemption, CancelledRedemption, CaptureRedemption,
    CapturedRedemption, Redeemed, ReleaseRedemption,
};
use rewards_core::time::Timestamp;

use super::Failed;
use super::model::{Ack, History};
use super::random::Random;
use super::workload::Command;

/// How many numbers are drawn from, so that some are used again.
const NUMBERS: u64 = 12;

/// What is known of one redemption.
#[derive(Debug, Default)]
struct State {
    member: Option<MemberId>,
    reserved: Option<Money>,
    /// Until when, where anything is reserved.
    expires_at: Option<Timestamp>,
    is_released: bool,
    captured: i64,
    cancelled: i64,
}

/// What is known of the redemptions of a tenant.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<RedemptionId, State>);

/// Whether a command is a step of a redemption.
pub(super) fn is_step(command: &Command) -> bool {
    matches!(
        command,
        Command::Capture(_) | Command::Release(_) | Command::Restore(_)
    )
}

/// Whether a command is a step that is made several times, each under a number of its own.
pub(super) fn is_numbered(command: &Command) -> bool {
    matches!(command, Command::Capture(_) | Command::Restore(_))
}

impl Known {
    /// What was acknowledged by now.
    pub fn of(history: &History, tenant: &TenantId) -> Result<Self, Failed> {
        let mut known = Self::default();
        for (_, told) in history.of(tenant) {
            if let Some(ack) = told.acks.first() {
                known.note(ack)?;
            }
        }
        known.0.retain(|_, state| state.member.is_some());
        Ok(known)
    }

    fn state(&mut self, id: &RedemptionId) -> &mut State {
        self.0.entry(id.clone()).or_default()
    }

    fn note(&mut self, ack: &Ack) -> Result<(), Failed> {
        let reply = &ack.reply;
        match &ack.order.command {
            Command::Redeem(made) => {
                let reply: Redeemed = serde_json::from_str(reply)?;
                let state = self.state(&made.redemption);
                state.member = Some(made.member.clone());
                state.reserved = Some(reply.paid);
                state.captured = reply.paid.minor();
            }
            Command::Authorize(made) => {
                let reply: AuthorizedRedemption = serde_json::from_str(reply)?;
                let state = self.state(&made.redemption);
                state.member = Some(made.member.clone());
                state.reserved = Some(reply.reserved);
                state.expires_at = Some(reply.expires_at);
            }
            Command::Capture(step) => {
                let reply: CapturedRedemption = serde_json::from_str(reply)?;
                self.state(&step.redemption).captured += reply.paid.minor();
            }
            Command::Release(step) => self.state(&step.redemption).is_released = true,
            Command::Restore(step) => {
                let reply: CancelledRedemption = serde_json::from_str(reply)?;
                self.state(&step.redemption).cancelled += reply.cancelled.minor();
            }
            _ => {}
        }
        Ok(())
    }

    /// The same step of a redemption that can bear it at an instant, if any can.
    pub fn step(
        &self,
        random: &mut Random,
        command: &Command,
        now: Timestamp,
    ) -> Result<Option<Command>, Failed> {
        let is_cancellation = matches!(command, Command::Restore(_));
        let able: Vec<(&RedemptionId, &State)> = self
            .0
            .iter()
            .filter(|(_, state)| state.left(is_cancellation, now) > 0)
            .collect();
        let Some((redemption, state)) = random.pick(&able).copied() else {
            return Ok(None);
        };
        let (Some(member), Some(reserved)) = (state.member.clone(), state.reserved) else {
            return Ok(None);
        };
        let left = state.left(is_cancellation, now);
        let amount = match random.chance(600) {
            true => {
                let part = random.below(u64::try_from(left)?);
                let part = i64::try_from(part)?.saturating_add(1);
                Some(Money::new(part, reserved.asset()))
            }
            false => None,
        };
        let number = u32::try_from(random.below(NUMBERS))?.saturating_add(1);
        let redemption = redemption.clone();
        Ok(Some(match command {
            Command::Capture(_) => Command::Capture(CaptureRedemption {
                member,
                redemption,
                number,
                amount,
            }),
            Command::Release(_) => Command::Release(ReleaseRedemption { member, redemption }),
            _ => Command::Restore(CancelRedemption {
                member,
                redemption,
                number: Some(number),
                amount,
            }),
        }))
    }
}

impl State {
    /// How much of it is left to be captured or released, or else to be cancelled.
    fn left(&self, is_cancellation: bool, now: Timestamp) -> i64 {
        let reserved = self.reserved.map_or(0, Money::minor);
        let is_open = !self.is_released && self.expires_at.is_some_and(|end| now < end);
        let held = reserved.saturating_sub(self.captured);
        match is_cancellation {
            // What pays is cancelled when nothing is held any more.
            true if is_open && held > 0 => 0,
            true => self.captured.saturating_sub(self.cancelled),
            false if is_open => held,
            false => 0,
        }
    }
}
