//! The commands of a simulation, and how they are sent.

use hmac::{Hmac, KeyInit, Mac};
use rewards_core::command::{NaturalKey, Operation, fingerprint};
use rewards_core::fingerprint::Fingerprint;
use rewards_core::ids::{IdempotencyKey, KeyId, MemberId, TenantId};
use rewards_core::money::Money;
use rewards_core::operations::deposits::{ConfirmDeposit, InitiateDeposit};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::{
    CancelPurchase, ConfirmPurchase, RecordPurchase, RefundPurchase,
};
use rewards_core::operations::redemptions::{
    AuthorizeRedemption, CancelRedemption, CaptureRedemption, Redeem, ReleaseRedemption,
};
use rewards_core::operations::rewards::{DeductBalance, GrantReward, SettleMember};
use rewards_core::operations::transfers::{TransferBalance, TransferReceiver};
use rewards_core::rejection::Fault;
use rewards_core::secret::KeyPurpose;
use rewards_core::signature::Signature;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine, KeyRing, Receipt, RingKey};
use sha2::Sha256;

use super::Failed;
use super::programs::PROVIDER_KEYS;

/// A command of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the operation of its name")]
pub enum Command {
    Publish(PublishProgram),
    Register(RegisterMember),
    Record(RecordPurchase),
    Confirm(ConfirmPurchase),
    Cancel(CancelPurchase),
    Refund(RefundPurchase),
    Grant(GrantReward),
    Deduct(DeductBalance),
    Settle(SettleMember),
    Redeem(Redeem),
    Authorize(AuthorizeRedemption),
    Capture(CaptureRedemption),
    Release(ReleaseRedemption),
    Restore(CancelRedemption),
    Send(TransferBalance),
    Initiate(InitiateDeposit),
    /// As long as it is not sent nobody has signed it: it names the key alone.
    PayIn(ConfirmDeposit),
}

macro_rules! each {
    ($command:expr, $request:ident => $body:expr) => {
        match $command {
            Command::Publish($request) => $body,
            Command::Register($request) => $body,
            Command::Record($request) => $body,
            Command::Confirm($request) => $body,
            Command::Cancel($request) => $body,
            Command::Refund($request) => $body,
            Command::Grant($request) => $body,
            Command::Deduct($request) => $body,
            Command::Settle($request) => $body,
            Command::Redeem($request) => $body,
            Command::Authorize($request) => $body,
            Command::Capture($request) => $body,
            Command::Release($request) => $body,
            Command::Restore($request) => $body,
            Command::Send($request) => $body,
            Command::Initiate($request) => $body,
            Command::PayIn($request) => $body,
        }
    };
}

fn name_of<O: Operation>(_: &O) -> &'static str {
    O::NAME
}

impl Command {
    /// The operation's stable name.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        each!(self, request => name_of(request))
    }

    /// The member it is about, the first one of a transfer; none for what names no member.
    #[must_use]
    pub fn member(&self) -> Option<&MemberId> {
        each!(self, request => request.members().first().copied())
    }

    /// What tells it apart from others under the same key.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn fingerprint(&self) -> Result<Fingerprint, Failed> {
        each!(self, request => {
            let mut request = request.clone();
            if let Some(signed) = request.signed() {
                signed.forget();
            }
            Ok(fingerprint(&request)?)
        })
    }

    fn natural_key(&self, tenant: &TenantId) -> Option<IdempotencyKey> {
        match each!(self, request => request.natural_key(tenant))? {
            NaturalKey::Text(key) => Some(key),
            NaturalKey::Entity(key) => IdempotencyKey::new(&key.id).ok(),
        }
    }

    /// Another payload for the same operation.
    pub(super) fn alter(&mut self, other: MemberId) {
        let more = |money: &Money| Money::new(money.minor().saturating_add(1), money.asset());
        match self {
            Self::Publish(publish) => publish.active_from = None,
            Self::Register(register) => {
                register.segments.insert("other".to_owned());
            }
            Self::Record(record) => record.purchase.total = more(&record.purchase.total),
            Self::Confirm(confirm) => confirm.member = other,
            Self::Cancel(cancel) => cancel.member = other,
            Self::Refund(refund) => refund.member = other,
            Self::Grant(grant) => grant.amount = more(&grant.amount),
            Self::Deduct(deduct) => deduct.take = more(&deduct.take),
            Self::Settle(settle) => settle.member = other,
            Self::Redeem(redeem) => redeem.total = more(&redeem.total),
            Self::Authorize(authorize) => authorize.total = more(&authorize.total),
            Self::Capture(capture) => capture.member = other,
            Self::Release(release) => release.member = other,
            Self::Restore(cancel) => cancel.member = other,
            Self::Send(send) => send.to = TransferReceiver::Member(other),
            Self::Initiate(initiate) => initiate.amount = more(&initiate.amount),
            // Another message is another command.
            Self::PayIn(confirm) => confirm.message.push(' '),
        }
    }
}

/// A command of a tenant under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Whose command it is.
    pub tenant: TenantId,
    /// The key it is sent with, or implies.
    pub key: IdempotencyKey,
    /// Whether it implies the key, and is sent without one.
    pub is_natural: bool,
    /// The command.
    pub command: Command,
}

impl Order {
    /// A command under the key it implies, or else under this one.
    #[must_use]
    pub fn new(tenant: &TenantId, key: IdempotencyKey, command: Command) -> Self {
        let natural = command.natural_key(tenant);
        Self {
            tenant: tenant.clone(),
            is_natural: natural.is_some(),
            key: natural.unwrap_or(key),
            command,
        }
    }

    /// Sends it at an instant, which is when a provider signs what it says; the reply comes back as the text that the store keeps.
    ///
    /// # Errors
    /// The fault of the engine.
    pub async fn send(&self, engine: &Engine, at: Timestamp) -> Result<Receipt<String>, Fault> {
        let tenant = engine.tenant(self.tenant.clone());
        let options = CommandOptions {
            key: (!self.is_natural).then(|| self.key.clone()),
            now: None,
        };
        each!(&self.command, request => {
            let mut request = request.clone();
            sign(&mut request, at);
            let receipt = tenant.execute_with(request, options).await?;
            let reply = serde_json::to_string(&receipt.reply)
                .map_err(|error| Fault::new("internal", error.to_string()))?;
            Ok(Receipt { reply, replayed: receipt.replayed })
        })
    }
}

/// Signs what a provider says, with the key that it names.
fn sign<O: Operation>(request: &mut O, at: Timestamp) {
    let Some(signed) = request.signed() else {
        return;
    };
    let seconds = at.micros().div_euclid(1_000_000);
    let key = signed.key.as_ref().map_or("", KeyId::as_str);
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&bytes_of(key)) else {
        return;
    };
    mac.update(format!("{seconds}.{}", signed.message).as_bytes());
    let digits = mac.finalize().into_bytes().into_iter();
    *signed.timestamp = seconds;
    *signed.signature = Signature::Claimed(digits.map(|byte| format!("{byte:02x}")).collect());
}

/// The bytes of a provider's key: known to the provider, and to all engines.
fn bytes_of(key: &str) -> Vec<u8> {
    key.bytes().cycle().take(32).collect()
}

/// The keys that every engine of a simulation knows.
///
/// # Errors
/// When a key cannot be one, which is a mistake here.
pub fn key_ring() -> Result<KeyRing, Failed> {
    let keys = PROVIDER_KEYS.iter().map(|id| {
        let (purpose, from) = (KeyPurpose::Deposits, Timestamp::MIN);
        Ok(RingKey::new(
            purpose,
            KeyId::new(id)?,
            bytes_of(id),
            from,
            None,
        )?)
    });
    Ok(KeyRing::new(keys.collect::<Result<_, Failed>>()?)?)
}
