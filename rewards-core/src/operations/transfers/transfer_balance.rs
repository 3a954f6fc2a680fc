//! Send value from a member to another one.
//!
//! What is due is carried out first; then the sender's lots pay, soonest expiry first, and lots of the receiver's are made. Both
//! journals, both streams and both rows change in one step. What leaves the sender goes through the system account
//! `transfers`, where nothing rests, so that each member's balance is the sum of that member's own journal. What either had before
//! may last longer by it. Ladders that are climbed by the balance are reviewed at once, for both.
//!
//! Refusals, in order: an amount that is not positive, a note that is empty or too long, a name of the receiver that is empty,
//! too long or holds control characters; unknown program, none that is active; sender and receiver are the same; the program
//! allows no transfers of the asset; below the minimum, above the maximum; a fee that leaves nothing; a key that aliases are kept
//! under is not in the key ring; unknown alias; unknown sender, unknown receiver; the transfer is completed already; closed
//! or merged sender, suspended sender; a receiver who is closed, merged or suspended; more due or open lots of the sender than
//! one command may touch; the available lots hold less than the amount and the sender's fee; more lots would pay than one transfer may touch;
//! more than the member may send on the day, in the month; more due lots of the receiver than one command may touch; a new
//! expiry beyond the supported years.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::aliases::PreparedAlias;
use super::super::amounts::{check_positive, fee_refused, in_words};
use super::super::change_builder::ChangeBuilder;
use super::super::extension::Extension;
use super::super::presence::check_active;
use super::super::review::Reviewed;
use super::super::rewards::{REASON_BYTES_MAX, open_lots};
use super::TransferReceiver;
use super::movement::Movement;
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::counter::{CounterName, CounterRange};
use crate::decision::Decision;
use crate::entity::{EntityKey, Expected};
use crate::event::Event;
use crate::fees::{Charge, CompiledFee, FeePayer};
use crate::ids::{MemberId, ProgramId, TenantId, TransferId};
use crate::ledger::LotNumber;
use crate::member::AliasId;
use crate::money::{Asset, Money};
use crate::program::{CompiledProgram, ExtendingActivity};
use crate::rejection::{Problem, Rejection};
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::transfers::{
    CompiledTransferRule, Completion, OtherSide, ReceivedTransfer, TransferEntity, TransferError,
};

/// The most lots that may pay for one transfer: each may make one of the receiver's.
pub const TRANSFER_LOTS_MAX: u32 = 1_000;

/// Sends value from a member to another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TransferBalance {
    /// The id of the transfer; the same one again has no second effect.
    pub transfer: TransferId,
    /// The program whose rules allow it: its revision that is active now.
    pub program: ProgramId,
    /// Who sends.
    pub from: MemberId,
    /// Who gets it.
    pub to: TransferReceiver,
    /// How much; positive. Whether a fee is added or taken out, the program says.
    pub amount: Money,
    /// A note for both, in words; at most 500 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub note: Option<String>,
}

/// The transfer that was completed, as the sender sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CompletedTransfer {
    /// The transfer.
    pub transfer: TransferId,
    /// Who sent it.
    pub from: MemberId,
    /// Who got it, when the program shows the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub to: Option<MemberId>,
    /// What the sender gave, a fee of its own included.
    pub given: Money,
    /// The fee, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub fee: Option<Money>,
    /// What arrived.
    pub arrived: Money,
    /// Which lots of the sender paid, and how much each; none for money of the member's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lots: BTreeMap<LotNumber, Money>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// What follows from the request and the program alone.
#[derive(Debug)]
pub struct PreparedTransfer {
    pub(super) program: Arc<CompiledProgram>,
    pub(super) rule: CompiledTransferRule,
    pub(super) charge: Charge,
    alias: Option<PreparedAlias>,
}

impl PreparedTransfer {
    /// Whose ladders are reviewed: money of members' own moves nobody.
    pub(super) fn reviewed(&self) -> Option<Reviewed<'static>> {
        let moves_lots = self.rule.moves_lots();
        moves_lots.then_some(Reviewed::ByBalance(self.rule.asset))
    }

    /// The counters of what the member has sent, from now on: an earlier clock may have been ahead.
    fn counters(&self, context: &Context, member: &MemberId) -> Vec<CounterRange> {
        let counted = self.rule.counted(self.program.calendar(), context.now);
        let ranges = counted.into_iter().map(|(counter, from)| CounterRange {
            name: CounterName::of_member(&context.tenant, member, counter),
            from,
            until: i64::MAX,
        });
        ranges.collect()
    }
}

impl Operation for TransferBalance {
    const NAME: &'static str = "transfer_balance";
    const KIND: Kind = Kind::Command;
    type Reply = CompletedTransfer;
    type Prepared = PreparedTransfer;

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        let key = EntityKey::of::<TransferEntity>(tenant, &self.transfer);
        Some(NaturalKey::Entity(key))
    }

    fn members(&self) -> Members<'_> {
        match &self.to {
            TransferReceiver::Member(to) => smallvec![&self.from, to],
            TransferReceiver::Alias(_) => smallvec![&self.from],
        }
    }

    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        match &self.to {
            TransferReceiver::Member(_) => Vec::new(),
            TransferReceiver::Alias(alias) => super::super::aliases::keys_of(
                tenant,
                &AliasId::candidates(&alias.kind, &alias.name),
            ),
        }
    }

    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        match &mut self.to {
            TransferReceiver::Alias(alias) if !alias.plain => {
                vec![(KeyPurpose::Alias, &mut alias.name)]
            }
            TransferReceiver::Alias(_) | TransferReceiver::Member(_) => Vec::new(),
        }
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedTransfer), Rejection> {
        let (mut plan, alias) = self.valid(context)?;
        let program = context.program_at(&self.program, context.now)?;
        if matches!(&self.to, TransferReceiver::Member(to) if *to == self.from) {
            return Err(Rejection::TransferToSelf(self.from.clone()));
        }
        let rule = self.rule(program)?;
        let charge = rule
            .charge(self.amount.minor())
            .map_err(|error| refused(error, rule.asset))?;
        let prepared = PreparedTransfer {
            program: Arc::clone(program),
            rule: rule.clone(),
            charge,
            alias,
        };
        let sender = context.member_key(&self.from);
        if let Some(reviewed) = prepared.reviewed() {
            plan.lots.push(open_lots(&sender, self.amount.asset()));
            reviewed.plan(context, &self.from, context.now, &mut plan);
            if let TransferReceiver::Member(to) = &self.to {
                reviewed.plan(context, to, context.now, &mut plan);
            }
        }
        self.sent(context).plan(context, &self.from, &mut plan);
        if let TransferReceiver::Member(to) = &self.to {
            self.received(context).plan(context, to, &mut plan);
        }
        plan.members.push(sender);
        let key = EntityKey::of::<TransferEntity>(&context.tenant, &self.transfer);
        plan.entities.push(key);
        plan.counters.extend(prepared.counters(context, &self.from));
        Ok((plan, prepared))
    }

    fn decide(
        &self,
        prepared: &PreparedTransfer,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CompletedTransfer>, Undecided> {
        let (alias, reviewed) = (prepared.alias.as_ref(), prepared.reviewed());
        let to = self.to.find(alias, reviewed, snapshot, context)?;
        if to == self.from {
            return Err(Rejection::TransferToSelf(to).into());
        }
        let ids = context.id_allocator();
        let mut sender = ChangeBuilder::open(snapshot, context, &ids, &self.from)?;
        let mut receiver = ChangeBuilder::open(snapshot, context, &ids, &to)?;
        self.check_sides(snapshot, context, &sender, &receiver)?;
        // Both sides tell the same time, so that one order holds for both.
        let recorded_at = sender.recorded_at.max(receiver.recorded_at);
        (sender.recorded_at, receiver.recorded_at) = (recorded_at, recorded_at);
        let movement = Movement {
            request: self,
            prepared,
            snapshot,
            context,
        };
        let taken = movement.take(&mut sender)?;
        movement.count(&mut sender, taken.at)?;
        movement.send(&mut sender, &taken)?;
        // What arrives is the transfer's own, and not extended by it.
        let extended = (
            self.sent(context).make(&mut sender, snapshot, context)?,
            self.received(context)
                .make(&mut receiver, snapshot, context)?,
        );
        movement.arrive(&mut receiver, &to, &taken)?;
        let entity = self.entity(prepared, &to, recorded_at);
        self.keep(&entity, &mut sender, &mut receiver)?;
        extended.0.emit(&mut sender);
        extended.1.emit(&mut receiver);
        movement.review(&mut sender, &self.from, taken.at)?;
        movement.review(&mut receiver, &to, taken.at)?;
        let parts = taken.paid.iter().map(|part| {
            let amount = Money::new(part.amount, part.lot.asset);
            (part.lot.number, amount)
        });
        let reply = CompletedTransfer {
            transfer: self.transfer.clone(),
            from: self.from.clone(),
            given: entity.given(),
            fee: entity.fee(),
            arrived: entity.arrived(),
            lots: parts.collect(),
            to: Some(to).filter(|_| prepared.rule.other_side == OtherSide::Id),
            recorded_at,
        };
        let mut changes = sender.finish()?;
        changes.merge(receiver.finish()?);
        Ok(Decision { reply, changes })
    }
}

impl TransferBalance {
    /// Checks the request by itself, and prepares the look-up of the receiver. Whose an alias is, is not known yet, but
    /// whether it can be one.
    fn valid(&self, context: &Context) -> Result<(ReadPlan, Option<PreparedAlias>), Rejection> {
        let mut problems = self.problems();
        match self.to.prepare(context) {
            Ok(prepared) if problems.is_empty() => Ok(prepared),
            Ok(_) => Err(Rejection::Invalid(problems)),
            Err(Rejection::Invalid(more)) => {
                problems.extend(more);
                Err(Rejection::Invalid(problems))
            }
            Err(other) => Err(other),
        }
    }

    fn sent(&self, context: &Context) -> Extension<'_> {
        self.extension(ExtendingActivity::TransferSent, context)
    }

    fn received(&self, context: &Context) -> Extension<'_> {
        self.extension(ExtendingActivity::TransferReceived, context)
    }

    fn extension(&self, activity: ExtendingActivity, context: &Context) -> Extension<'_> {
        Extension {
            activity,
            program: &self.program,
            at: context.now,
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_positive("amount", self.amount, &mut problems);
        if let Some(note) = &self.note {
            if note.trim().is_empty() {
                let detail = "expected a note in words, or none";
                problems.push(Problem::new("text_invalid", "note", detail));
            }
            if note.len() > REASON_BYTES_MAX {
                let detail = format!("at most {REASON_BYTES_MAX} bytes, got {}", note.len());
                problems.push(Problem::new("text_too_long", "note", detail));
            }
        }
        problems
    }

    fn rule<'p>(
        &self,
        program: &'p CompiledProgram,
    ) -> Result<&'p CompiledTransferRule, Rejection> {
        let asset = self.amount.asset();
        let mut rules = program.transfers().iter();
        rules
            .find(|rule| rule.asset == asset)
            .ok_or_else(|| Rejection::TransferNotAllowed {
                program: self.program.clone(),
                asset,
            })
    }

    fn check_sides(
        &self,
        snapshot: &Snapshot,
        context: &Context,
        sender: &ChangeBuilder<'_>,
        receiver: &ChangeBuilder<'_>,
    ) -> Result<(), Rejection> {
        let key = EntityKey::of::<TransferEntity>(&context.tenant, &self.transfer);
        if snapshot.entities.contains_key(&key) {
            return Err(Rejection::TransferExists(self.transfer.clone()));
        }
        check_active(&sender.row.profile, &self.from)?;
        // Why the receiver gets nothing is not the sender's business.
        check_active(&receiver.row.profile, receiver.member())
            .map_err(|_| Rejection::ReceiverUnavailable(self.transfer.clone()))
    }

    fn entity(
        &self,
        prepared: &PreparedTransfer,
        to: &MemberId,
        recorded_at: Timestamp,
    ) -> TransferEntity {
        let PreparedTransfer { program, rule, .. } = prepared;
        let paid_by = rule.fee.as_ref().map(CompiledFee::paid_by);
        TransferEntity::complete(&Completion {
            transfer: &self.transfer,
            allowed_by: (program.id(), program.number(), &rule.id),
            from: &self.from,
            to,
            asset: rule.asset,
            charge: prepared.charge,
            paid_by: paid_by.unwrap_or(FeePayer::Sender),
            other_side: rule.other_side,
            recorded_at,
        })
    }

    /// Keeps the transfer for both sides, and tells both.
    fn keep(
        &self,
        entity: &TransferEntity,
        sender: &mut ChangeBuilder<'_>,
        receiver: &mut ChangeBuilder<'_>,
    ) -> Result<(), Rejection> {
        sender.put(&self.transfer, Expected::Absent, entity)?;
        sender.emit_due();
        sender.emit(Event::TransferSent {
            transfer: self.transfer.clone(),
            given: entity.given(),
        });
        let received = ReceivedTransfer {
            transfer: self.transfer.clone(),
            to: entity.to.clone(),
            recorded_at: entity.recorded_at,
        };
        receiver.put(&self.transfer, Expected::Absent, &received)?;
        receiver.emit_due();
        receiver.emit(Event::TransferReceived {
            transfer: self.transfer.clone(),
            arrived: entity.arrived(),
        });
        Ok(())
    }
}

/// The refusal of a transfer that the terms do not allow.
pub(super) fn refused(error: TransferError, asset: Asset) -> Rejection {
    let in_words = |minor| in_words(minor, asset);
    match error {
        TransferError::Limit {
            limit,
            allowed,
            found,
        } => Rejection::TransferLimited {
            limit: limit.to_string(),
            allowed: in_words(allowed),
            found: in_words(found),
        },
        TransferError::Fee(error) => fee_refused(error, asset),
    }
}
