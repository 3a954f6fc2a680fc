//! A transfer as the tenant, its sender or its receiver sees it.

use serde::{Deserialize, Serialize};

use crate::fees::FeePayer;
use crate::ids::{MemberId, ProgramId, Slug, TransferId};
use crate::money::Money;
use crate::time::Timestamp;
use crate::transfers::{OtherSide, TransferEntity, TransferState};

/// A transfer as somebody sees it: the whole of it without a member, else what concerns this member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TransferDetails {
    /// The transfer.
    pub transfer: TransferId,
    /// The program that allowed it.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// The rule.
    pub rule: Slug,
    /// Where it is in its life.
    pub state: TransferState,
    /// Who sent it. Absent for a receiver who is shown nothing of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub from: Option<MemberId>,
    /// Who got it. Absent for a sender who is shown nothing of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub to: Option<MemberId>,
    /// The amount that was asked to be sent.
    pub amount: Money,
    /// What the sender gave, a fee of its own included. Absent for the receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub given: Option<Money>,
    /// The fee, if there was one. Absent for a receiver who did not pay it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub fee: Option<Money>,
    /// What arrived.
    pub arrived: Money,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl TransferDetails {
    /// What a member sees of a transfer; nothing unless it is a side of it. Without a member, the whole.
    pub(super) fn of(entity: &TransferEntity, member: Option<&MemberId>) -> Option<Self> {
        let is_sender = member.is_none_or(|member| *member == entity.from);
        let is_receiver = member.is_none_or(|member| *member == entity.to);
        if !is_sender && !is_receiver {
            return None;
        }
        let shows_other = entity.other_side == OtherSide::Id;
        let knows_fee = is_sender || entity.paid_by == FeePayer::Receiver;
        Some(Self {
            transfer: entity.transfer.clone(),
            program: entity.program.clone(),
            revision: entity.revision,
            rule: entity.rule.clone(),
            state: entity.state(),
            from: (is_sender || shows_other).then(|| entity.from.clone()),
            to: (is_receiver || shows_other).then(|| entity.to.clone()),
            amount: entity.amount(),
            given: is_sender.then(|| entity.given()),
            fee: entity.fee().filter(|_| knows_fee),
            arrived: entity.arrived(),
            recorded_at: entity.recorded_at,
        })
    }
}
