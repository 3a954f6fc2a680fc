//! What a client knows of tokens: those that were issued, and the payments that their devices make with them, some of them twice.

use rewards_core::ids::{MerchantId, TenantId, TokenId};
use rewards_core::money::Money;
use rewards_core::operations::tokens::{CancelToken, IssuedToken, RedeemToken, SettleReceipts};
use rewards_core::tokens::{TokenSigner, TokenSpend};

use super::Failed;
use super::model::History;
use super::random::Random;
use super::workload::Command;

/// Into how many payments a device splits a token at most.
const PAYMENTS: u64 = 4;
/// The most that is paid at once, in minor units.
const PAID_MAX: u64 = 150;
/// How many receipts are settled at once at most.
const RECEIPTS: u64 = 4;

/// The tokens of a tenant that were acknowledged by now.
#[derive(Debug, Default)]
pub(super) struct Tokens(Vec<IssuedToken>);

/// Whether a command is a step of a token.
pub(super) fn is_step(command: &Command) -> bool {
    matches!(
        command,
        Command::RedeemToken(_) | Command::SettleReceipts(_) | Command::CancelToken(_)
    )
}

/// The key of the device that a token is bound to.
fn signer(token: &TokenId) -> TokenSigner {
    let mut seed = [0_u8; 32];
    for (own, byte) in seed.iter_mut().zip(token.as_str().bytes().cycle()) {
        *own = byte;
    }
    TokenSigner::from_seed(&seed)
}

/// The same as an issuer is told it.
pub(super) fn holder_key(token: &TokenId) -> String {
    let key = signer(token).public_key().into_iter();
    key.map(|byte| format!("{byte:02x}")).collect()
}

impl Tokens {
    pub fn of(history: &History, tenant: &TenantId) -> Result<Self, Failed> {
        let acked = history.of(tenant);
        let acked = acked.filter_map(|(_, told)| told.acks.first());
        let issued = acked.filter(|ack| matches!(ack.order.command, Command::IssueToken(_)));
        let issued = issued.map(|ack| Ok(serde_json::from_str(&ack.reply)?));
        issued.collect::<Result<_, Failed>>().map(Self)
    }

    /// The same step of tokens that can bear it, if there are any.
    pub fn step(&self, random: &mut Random, command: &Command) -> Result<Option<Command>, Failed> {
        let is_bound = matches!(command, Command::SettleReceipts(_));
        let able = self.0.iter();
        let able: Vec<&IssuedToken> = able
            .filter(|token| token.claims.holder_key.is_some() == is_bound)
            .collect();
        let Some(token) = random.pick(&able).copied() else {
            return Ok(None);
        };
        Ok(Some(match command {
            Command::SettleReceipts(step) if step.receipts.is_empty() => command.clone(),
            Command::SettleReceipts(step) => {
                let mut receipts = Vec::new();
                for _ in 0..=random.below(RECEIPTS) {
                    // Mostly of one token, whose payments are settled in pieces and in any order.
                    let other = random.pick(&able).copied().unwrap_or(token);
                    let token = if random.chance(800) { token } else { other };
                    let counter = random.below(PAYMENTS).saturating_add(1);
                    receipts.push(payment(token, counter, random.chance(120))?);
                }
                Command::SettleReceipts(SettleReceipts {
                    merchant: step.merchant.clone(),
                    receipts,
                })
            }
            Command::RedeemToken(step) => Command::RedeemToken(RedeemToken {
                token: token.claims.token.clone(),
                ..step.clone()
            }),
            _ => Command::CancelToken(CancelToken {
                member: token.claims.member.clone(),
                token: token.claims.token.clone(),
            }),
        }))
    }
}

/// The payment of a number that a device makes with a token: the same whenever it is asked for. Each goes on from the one before, and
/// a device that forks has made another one of that number.
fn payment(token: &IssuedToken, counter: u64, forks: bool) -> Result<String, Failed> {
    let previous = match counter {
        1 => None,
        _ => Some(payment(token, counter.saturating_sub(1), false)?),
    };
    let id = &token.claims.token;
    let text = id.as_str().bytes().map(u64::from).sum();
    let mut random = Random::of(&[11, text, counter, u64::from(forks)]);
    let minor = i64::try_from(random.below(PAID_MAX))?.saturating_add(1);
    let minor = minor.min(token.claims.amount.minor());
    let spend = TokenSpend {
        token: token.text.clone(),
        previous,
        merchant: MerchantId::new(&format!("till-{}", random.below(3)))?,
        amount: Money::new(minor, token.claims.amount.asset()),
        reference: None,
        now: token.claims.issued_at,
    };
    Ok(spend.claims()?.sign(&signer(id))?)
}
