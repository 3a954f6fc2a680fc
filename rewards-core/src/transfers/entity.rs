//! A transfer as it is kept, for each of its two sides.
//!
//! | from | method | to |
//! |---|---|---|
//! | – | [`TransferEntity::complete`] | [`Completed`](TransferState::Completed) |
//!
//! Nothing follows: a transfer is done in one step, and whoever wants it undone sends it back.

use serde::{Deserialize, Serialize};

use super::OtherSide;
use crate::entity::{Entity, EntityId, Index};
use crate::fees::{Charge, FeePayer};
use crate::ids::{MemberId, ProgramId, Slug, TransferId};
use crate::money::{Asset, Money};
use crate::time::Timestamp;

impl EntityId for TransferId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

/// Where a transfer is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum TransferState {
    /// The value has moved.
    Completed,
}

impl TransferState {
    /// The stable text of the state.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Completed => "completed",
        }
    }
}

/// A transfer, found by its sender. Amounts are minor units of its asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferEntity {
    /// Its id.
    pub transfer: TransferId,
    /// The program that allowed it.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// The rule.
    pub rule: Slug,
    /// Who sent it.
    pub from: MemberId,
    /// Who got it.
    pub to: MemberId,
    /// What was sent.
    pub asset: Asset,
    /// How much the sender gave.
    pub given: i64,
    /// How much of that was the fee.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fee: i64,
    /// Who paid the fee.
    pub paid_by: FeePayer,
    /// What each member is shown of the other one.
    pub other_side: OtherSide,
    /// Where it is in its life.
    state: TransferState,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

fn is_zero(minor: &i64) -> bool {
    *minor == 0
}

/// What is told of a transfer when it is completed.
#[derive(Debug, Clone)]
pub struct Completion<'a> {
    /// Its id.
    pub transfer: &'a TransferId,
    /// The program that allowed it, its revision, and the rule.
    pub allowed_by: (&'a ProgramId, u32, &'a Slug),
    /// Who sent it.
    pub from: &'a MemberId,
    /// Who got it.
    pub to: &'a MemberId,
    /// What was sent.
    pub asset: Asset,
    /// What became of it.
    pub charge: Charge,
    /// Who paid the fee.
    pub paid_by: FeePayer,
    /// What each member is shown of the other one.
    pub other_side: OtherSide,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl TransferEntity {
    /// A transfer whose value has moved.
    #[must_use]
    pub fn complete(told: &Completion<'_>) -> Self {
        let (program, revision, rule) = told.allowed_by;
        Self {
            transfer: told.transfer.clone(),
            program: program.clone(),
            revision,
            rule: rule.clone(),
            from: told.from.clone(),
            to: told.to.clone(),
            asset: told.asset,
            given: told.charge.given,
            fee: told.charge.fee,
            paid_by: told.paid_by,
            other_side: told.other_side,
            state: TransferState::Completed,
            recorded_at: told.recorded_at,
        }
    }

    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> TransferState {
        self.state
    }

    /// The amount that the sender asked to be sent.
    #[must_use]
    pub fn amount(&self) -> Money {
        let minor = match self.paid_by {
            FeePayer::Sender => self.given.saturating_sub(self.fee),
            FeePayer::Receiver => self.given,
        };
        Money::new(minor, self.asset)
    }

    /// What the sender gave, the fee included when it was the sender's.
    #[must_use]
    pub fn given(&self) -> Money {
        Money::new(self.given, self.asset)
    }

    /// What arrived.
    #[must_use]
    pub fn arrived(&self) -> Money {
        Money::new(self.given.saturating_sub(self.fee), self.asset)
    }

    /// The fee, if there was one.
    #[must_use]
    pub fn fee(&self) -> Option<Money> {
        (self.fee != 0).then(|| Money::new(self.fee, self.asset))
    }
}

impl Entity for TransferEntity {
    const KIND: &'static str = "transfer";
    const SHAPE: u16 = 1;
    type Id = TransferId;

    fn index(&self) -> Index {
        Index::new(self.state.text(), self.recorded_at).owned_by(&self.from)
    }

    fn is_named(&self, id: &str) -> bool {
        self.transfer.as_str() == id
    }
}

/// That a member got a transfer, found by that member. Everything else is in the [`TransferEntity`] of the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceivedTransfer {
    /// The transfer.
    pub transfer: TransferId,
    /// Who got it.
    pub to: MemberId,
    /// When it was recorded, as the transfer says.
    pub recorded_at: Timestamp,
}

impl Entity for ReceivedTransfer {
    const KIND: &'static str = "received_transfer";
    const SHAPE: u16 = 1;
    type Id = TransferId;

    fn index(&self) -> Index {
        Index::new(TransferState::Completed.text(), self.recorded_at).owned_by(&self.to)
    }

    fn is_named(&self, id: &str) -> bool {
        self.transfer.as_str() == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_is_completed_and_says_what_became_of_the_amount() {
        let (program, rule) = ("club".parse().unwrap(), "send".parse().unwrap());
        let (ann, bob) = ("ann".parse().unwrap(), "bob".parse().unwrap());
        let transfer = "t-1".parse().unwrap();
        for (paid_by, given, fee, amount, arrived) in [
            (FeePayer::Sender, 102, 2, 100, 100),
            (FeePayer::Receiver, 100, 2, 100, 98),
            (FeePayer::Sender, 100, 0, 100, 100),
        ] {
            let entity = TransferEntity::complete(&Completion {
                transfer: &transfer,
                allowed_by: (&program, 1, &rule),
                from: &ann,
                to: &bob,
                asset: Asset::parse("points").unwrap(),
                charge: Charge {
                    given,
                    fee,
                    arrived,
                },
                paid_by,
                other_side: OtherSide::Id,
                recorded_at: Timestamp::MIN,
            });
            assert_eq!(entity.state(), TransferState::Completed);
            let found = [entity.given(), entity.amount(), entity.arrived()];
            assert_eq!(found.map(Money::minor), [given, amount, arrived]);
            assert_eq!(entity.fee().map_or(0, Money::minor), fee);
            assert_eq!(entity.index().owner, Some(ann.clone()));
            let text = serde_json::to_string(&entity).unwrap();
            assert_eq!(
                serde_json::from_str::<TransferEntity>(&text).unwrap(),
                entity
            );
        }
    }
}
