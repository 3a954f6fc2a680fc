//! Confirm a deposit: its provider says that the money is there, or that it does not come.
//!
//! What counts is the provider's message, byte for byte as it came, and its signature: whoever calls says nothing that is
//! believed. When it says `paid`, the money goes from the tenant's `deposits` account to the member's own money, which is in no
//! lots and never expires; rewards may last longer by it. A deposit that had expired by then
//! is taken all the same, and the reply says `late`.
//!
//! The message is the key: the same message again is replayed, also when it was signed anew, whatever its age. Until that is known,
//! nothing is believed that is not signed.
//!
//! Refusals, in order: a signature or a time that can be none; no key ring; an unknown key; a signature that is not good;
//! a message that is too long or cannot be read; unknown deposit; a key that is not one of the deposit's provider
//! (`signature_invalid`); a signature that is too old or of the time to come; a message that does not fit the deposit;
//! confirmed or failed before; closed member. A suspended member's money is taken.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::extension::{Extended, Extension};
use super::super::merged::finish;
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{EntityKey, Stored};
use crate::event::Event;
use crate::ids::{DepositId, IdempotencyKey, KeyId, MemberId, TenantId};
use crate::ledger::{Account, Purpose, Transfer, TransferKind};
use crate::member::MemberStatus;
use crate::money::Money;
use crate::parse::parse_request;
use crate::payments::{
    DepositEntity, DepositState, PaymentOutcome, ProviderMessage, Settlement, WrongDepositState,
};
use crate::program::{CompiledDeposits, ExtendingActivity};
use crate::rejection::{Problem, Rejection};
use crate::secret::KeyPurpose;
use crate::signature::{MESSAGE_BYTES_MAX, Signature, Signed, digest_of, instant_of};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Confirms a deposit, or says that it has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ConfirmDeposit {
    /// The deposit.
    pub deposit: DepositId,
    /// The provider's message, exactly as it came: JSON with `deposit`, `amount`, `outcome` (`paid` or `failed`), `reference`
    /// and, where it has one, `tenant`. At most 65,536 bytes.
    pub message: String,
    /// The provider's signature: HMAC-SHA-256 over the timestamp, a point and the message, in hexadecimal digits.
    pub signature: Signature,
    /// When the provider signed it, in seconds since 1970-01-01 UTC.
    pub timestamp: i64,
    /// The key, where the provider names it. All keys for deposits are tried when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub key: Option<KeyId>,
}

/// How a deposit ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SettledDeposit {
    /// The deposit.
    pub deposit: DepositId,
    /// Whose it is.
    pub member: MemberId,
    /// Where it is now: `confirmed` or `failed`.
    pub state: DepositState,
    /// How much came in, or would have.
    pub amount: Money,
    /// Whether it had expired before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub late: bool,
    /// Number of the entry in the member's journal by which the money came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub entry: Option<u64>,
    /// When that was taken in.
    pub settled_at: Timestamp,
}

/// What the provider says.
#[derive(Debug)]
pub struct PreparedMessage {
    message: ProviderMessage,
    key: KeyId,
    signed_at: Timestamp,
}

impl Operation for ConfirmDeposit {
    const NAME: &'static str = "confirm_deposit";
    const KIND: Kind = Kind::Command;
    type Reply = SettledDeposit;
    type Prepared = PreparedMessage;

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let key = IdempotencyKey::new(&digest_of(&self.message)).ok()?;
        Some(NaturalKey::Text(key))
    }

    fn members(&self) -> Members<'_> {
        smallvec![]
    }

    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        vec![EntityKey::of::<DepositEntity>(tenant, &self.deposit)]
    }

    fn signed(&mut self) -> Option<Signed<'_>> {
        Some(Signed {
            purpose: KeyPurpose::Deposits,
            message: &self.message,
            timestamp: &mut self.timestamp,
            key: &mut self.key,
            signature: &mut self.signature,
        })
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedMessage), Rejection> {
        let key = self.signature.verified();
        let key = key.ok_or(Rejection::Internal("a signature was not verified"))?;
        let signed_at = instant_of(self.timestamp)
            .map_err(|error| Problem::new(error.code(), "timestamp", error.to_string()))?;
        if self.message.len() > MESSAGE_BYTES_MAX {
            let found = self.message.len();
            let detail = format!("expected at most {MESSAGE_BYTES_MAX} bytes, got {found}");
            return Err(Problem::new("text_invalid", "message", detail).into());
        }
        let message = parse_request(&self.message).map_err(|problems| {
            let problems = problems.into_iter();
            Rejection::Invalid(problems.map(|problem| problem.below("message")).collect())
        })?;
        let plan = ReadPlan {
            entities: self.owned_by(&context.tenant),
            ..ReadPlan::default()
        };
        let prepared = PreparedMessage {
            message,
            key: key.clone(),
            signed_at,
        };
        Ok((plan, prepared))
    }

    fn decide(
        &self,
        prepared: &PreparedMessage,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<SettledDeposit>, Undecided> {
        let stored = snapshot.get::<DepositEntity>(&context.tenant, &self.deposit)?;
        let stored = stored.ok_or_else(|| Rejection::DepositUnknown(self.deposit.clone()))?;
        self.check(prepared, &stored.entity, context)?;
        let member = &stored.entity.member;
        let row = context.member_key(member);
        if !snapshot.members.contains_key(&row) {
            return Err(Undecided::Needs(Box::new(ReadPlan {
                members: vec![row],
                ..ReadPlan::default()
            })));
        }
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, member)?;
        if builder.row.profile.status == MemberStatus::Closed {
            return Err(Rejection::MemberClosed(member.clone()).into());
        }
        let extended = match prepared.message.outcome {
            PaymentOutcome::Paid => {
                let extension = Extension {
                    activity: ExtendingActivity::Deposit,
                    program: &stored.entity.program,
                    at: context.now,
                };
                extension.make(&mut builder, snapshot, context)?
            }
            PaymentOutcome::Failed => Extended::default(),
        };
        let settled = self.settle(&mut builder, prepared, stored, context)?;
        extended.emit(&mut builder);
        Ok(Decision {
            reply: settled,
            changes: finish(builder, snapshot, context)?,
        })
    }
}

impl ConfirmDeposit {
    /// Whether the message is one for this deposit, now.
    fn check(
        &self,
        prepared: &PreparedMessage,
        deposit: &DepositEntity,
        context: &Context,
    ) -> Result<(), Rejection> {
        let section = section_of(deposit, context)?;
        let provider = section.provider(&deposit.provider);
        if !provider.is_some_and(|provider| provider.keys.contains(&prepared.key)) {
            return Err(Rejection::SignatureInvalid);
        }
        if !section.is_fresh(prepared.signed_at, context.now) {
            return Err(Rejection::SignatureExpired {
                signed_at: prepared.signed_at,
                tolerance: section.tolerance_seconds(),
            });
        }
        let message = &prepared.message;
        if let Some(differs) = message.difference(&self.deposit, deposit, &context.tenant) {
            return Err(Rejection::DepositMismatch {
                deposit: self.deposit.clone(),
                differs,
            });
        }
        deposit.check_open().map_err(|wrong| self.refused(wrong))
    }

    fn settle(
        &self,
        builder: &mut ChangeBuilder<'_>,
        prepared: &PreparedMessage,
        stored: Stored<DepositEntity>,
        context: &Context,
    ) -> Result<SettledDeposit, Rejection> {
        let expected = stored.expected();
        let deposit = stored.entity;
        let outcome = prepared.message.outcome;
        let entry = match outcome {
            PaymentOutcome::Paid => Some(self.take_in(builder, &deposit, context.now)?),
            PaymentOutcome::Failed => None,
        };
        let settlement = Settlement {
            outcome,
            settled_at: context.now,
            signed_at: prepared.signed_at,
            key: prepared.key.clone(),
            message: digest_of(&self.message),
            reference: prepared.message.reference.clone(),
            entry,
        };
        let settled = deposit.settle(settlement);
        let deposit = settled.map_err(|wrong| self.refused(wrong))?;
        builder.put(&self.deposit, expected, &deposit)?;
        let (amount, late) = (deposit.amount, deposit.is_late());
        builder.emit(match outcome {
            PaymentOutcome::Paid => Event::DepositConfirmed {
                deposit: self.deposit.clone(),
                amount,
                late,
            },
            PaymentOutcome::Failed => Event::DepositFailed {
                deposit: self.deposit.clone(),
                amount,
            },
        });
        Ok(SettledDeposit {
            deposit: self.deposit.clone(),
            state: deposit.state(context.now),
            member: deposit.member,
            amount,
            late,
            entry,
            settled_at: context.now,
        })
    }

    /// The money comes in.
    fn take_in(
        &self,
        builder: &mut ChangeBuilder<'_>,
        deposit: &DepositEntity,
        now: Timestamp,
    ) -> Result<u64, Rejection> {
        let asset = deposit.amount.asset();
        let from = Account::system(Purpose::Deposits, asset);
        let to = Account::member(&deposit.member, Purpose::Main, asset);
        let minor = deposit.amount.minor();
        let transfer = Transfer::new(from, to, minor, TransferKind::Deposit, now)?;
        builder.post(transfer.because(self.deposit.as_str()))
    }

    fn refused(&self, WrongDepositState(outcome): WrongDepositState) -> Rejection {
        match outcome {
            PaymentOutcome::Paid => Rejection::DepositConfirmed(self.deposit.clone()),
            PaymentOutcome::Failed => Rejection::DepositFailed(self.deposit.clone()),
        }
    }
}

/// The section that says how a message about a deposit is looked at: that of the revision active now, so that keys can be
/// rotated. Where that one does not know the provider any more, the revision under which the deposit was initiated, so that
/// money is not lost that was on its way.
fn section_of<'c>(
    deposit: &DepositEntity,
    context: &'c Context,
) -> Result<&'c CompiledDeposits, Rejection> {
    let revisions = context.revisions(&deposit.program);
    let now = revisions.and_then(|revisions| revisions.at(context.now));
    let then = revisions.and_then(|revisions| revisions.numbered(deposit.revision));
    let mut sections = [now, then].into_iter().flatten();
    let found = sections.find_map(|program| {
        let section = program.deposits();
        section.filter(|section| section.provider(&deposit.provider).is_some())
    });
    found.ok_or(Rejection::Internal(
        "a deposit under a program that takes none",
    ))
}
