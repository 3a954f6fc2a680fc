//! Receipts of offline tokens, settled many at once.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use rewards_core::money::{Asset, Money};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::operations::tokens::{
    IssueToken, RECEIPTS_AT_ONCE_MAX, ReceiptOutcome, SettleReceipts, SettledReceipt,
};
use rewards_core::program::Program;
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::secret::KeyPurpose;
use rewards_core::time::Timestamp;
use rewards_core::tokens::{SignedToken, SpendClaims, TokenSigner};
use rewards_storage::engine::{
    CommandOptions, Engine, KeyRing, ManualClock, RingKey, SeededRandom, TenantEngine,
};
use rewards_storage::memory::MemoryStore;

const PROGRAM: &str = r#"{
  "id": "club", "currency": "EUR", "zone": "UTC", "rules": [],
  "redemptions": { "order": ["cashback"] },
  "tokens": { "issuer": "club", "spends": 32 }
}"#;
/// What the token is worth, in minor units.
const WORTH: i64 = 5_000;
const NOON: &str = "2026-03-02T12:00:00Z";

static DEVICE: LazyLock<TokenSigner> = LazyLock::new(|| TokenSigner::from_seed(&[2; 32]));

/// Receipts, one a line: as text, or as what the device of a token signs, which is the number of the payment, minor units, a merchant
/// and the line of the payment it goes on from, 0 for the token (`1 500 shop 0`). They are settled twice. Each has an outcome of its
/// own, no more is paid than the token is worth, what was paid is told again, and the books are right.
///
/// # Panics
/// When that does not hold.
pub fn receipts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let settled = runtime.map(|runtime| runtime.block_on(settle(text)));
    assert!(matches!(settled, Ok(Ok(()))), "{settled:?}: {text}");
}

async fn settle(text: &str) -> Result<(), Fault> {
    let engine = club().await?;
    let receipts = receipts_of(text, &issue(&engine).await?)?;
    let count = receipts.len();
    // NUL, which no text of a request can hold, is refused with the whole of it.
    let has_nul = receipts.iter().any(|receipt| receipt.contains('\0'));
    let is_taken = (1..=RECEIPTS_AT_ONCE_MAX).contains(&count) && !has_nul;
    let request = SettleReceipts {
        merchant: None,
        receipts,
    };
    let first = match keyed(&engine, request.clone(), "first").await {
        Ok(first) => first.receipts,
        Err(fault) if fault.code == "invalid" => {
            assert!(!is_taken, "{fault:?}");
            return Ok(());
        }
        Err(fault) => return Err(fault),
    };
    let again = keyed(&engine, request, "again").await?.receipts;
    assert_eq!((first.len(), again.len()), (count, count));
    let mut paid = BTreeMap::new();
    for (one, other) in first.iter().zip(&again) {
        assert_eq!(one.outcome == ReceiptOutcome::Refused, one.code.is_some());
        if one.outcome != ReceiptOutcome::Refused {
            assert_eq!(other.outcome, ReceiptOutcome::Replayed, "{one:?}");
            assert_eq!((one.paid, &one.digest), (other.paid, &other.digest));
            paid.insert(one.digest.clone(), paid_of(one));
        }
    }
    let sum = paid
        .values()
        .try_fold(0_i64, |sum, one| sum.checked_add(*one));
    assert!(sum.is_some_and(|sum| sum <= WORTH), "paid {sum:?}");
    let report = engine.verify().await?;
    match report.is_valid() {
        true => Ok(()),
        false => Err(Fault::new("internal", format!("{:?}", report.problems))),
    }
}

fn paid_of(receipt: &SettledReceipt) -> i64 {
    receipt.paid.map_or(0, Money::minor)
}

/// The receipts of lines. What is no payment is a receipt as it is.
fn receipts_of(text: &str, token: &SignedToken) -> Result<Vec<String>, Fault> {
    let mut payments: Vec<Option<SpendClaims>> = Vec::new();
    let mut receipts = Vec::new();
    for line in text.lines().take(RECEIPTS_AT_ONCE_MAX.saturating_add(1)) {
        let payment = payment(line, &payments, token);
        let signed = payment
            .as_ref()
            .and_then(|claims| claims.sign(&DEVICE).ok());
        receipts.push(signed.unwrap_or_else(|| line.to_owned()));
        payments.push(payment);
    }
    Ok(receipts)
}

fn payment(
    line: &str,
    payments: &[Option<SpendClaims>],
    token: &SignedToken,
) -> Option<SpendClaims> {
    let mut words = line.split(' ');
    let (counter, minor) = (words.next()?, words.next()?);
    let (merchant, from) = (words.next()?, words.next()?);
    let before = from.parse::<usize>().ok()?.checked_sub(1);
    let before = before.and_then(|place| payments.get(place)?.as_ref());
    let before = before.and_then(|claims| claims.digest().ok());
    Some(SpendClaims {
        merchant: merchant.parse().ok()?,
        at: Timestamp::parse(NOON).ok()?,
        token: token.claims.token.clone(),
        minor: minor.parse().ok()?,
        counter: counter.parse().ok()?,
        previous: before.unwrap_or_else(|| token.digest()),
        reference: None,
    })
}

fn named<T: FromStr>(name: &str) -> Result<T, Fault> {
    let problem = |_| Fault::new("internal", format!("no name: {name}"));
    name.parse().map_err(problem)
}

async fn keyed<O: rewards_core::command::Operation>(
    engine: &TenantEngine,
    request: O,
    key: &str,
) -> Result<O::Reply, Fault> {
    let options = CommandOptions::keyed(named(key)?);
    Ok(engine.execute_with(request, options).await?.reply)
}

/// An engine that signs tokens, at an instant that is always the same, with a member who has something.
async fn club() -> Result<TenantEngine, Fault> {
    let ring = |_| Fault::new("internal", "a key ring");
    let key = RingKey::new(
        KeyPurpose::Tokens,
        named("k1")?,
        vec![7; 32],
        Timestamp::MIN,
        None,
    );
    let ring = key.and_then(|key| KeyRing::new(vec![key])).map_err(ring)?;
    let now = Timestamp::parse(NOON).unwrap_or(Timestamp::MIN);
    let engine = Engine::builder(Arc::new(MemoryStore::new()))
        .clock(Arc::new(ManualClock::new(now)))
        .random(Arc::new(SeededRandom::new(1)))
        .key_ring(ring)
        .open()
        .await?;
    let engine = engine.tenant(named("fuzz")?);
    let publish = PublishProgram {
        program: Program::from_json(PROGRAM).map_err(Rejection::Invalid)?,
        active_from: Some(Timestamp::MIN),
    };
    keyed(&engine, publish, "program").await?;
    engine.execute(RegisterMember::new(named("ann")?)).await?;
    let grant = GrantReward {
        member: named("ann")?,
        amount: euros(WORTH.saturating_mul(2))?,
        reason: "a start".to_owned(),
        expires_at: None,
        source: None,
        reference: None,
    };
    keyed(&engine, grant, "grant").await?;
    Ok(engine)
}

async fn issue(engine: &TenantEngine) -> Result<SignedToken, Fault> {
    let hex = DEVICE.public_key().into_iter();
    let request = IssueToken {
        token: named("t1")?,
        member: named("ann")?,
        program: named("club")?,
        amount: euros(WORTH)?,
        holder_key: Some(hex.map(|byte| format!("{byte:02x}")).collect()),
        device: None,
        merchant: None,
        lifetime_minutes: None,
    };
    let token = engine.execute(request).await?;
    Ok(SignedToken::parse(&token.text)?)
}

fn euros(minor: i64) -> Result<Money, Fault> {
    Ok(Money::new(minor, named::<Asset>("EUR")?))
}
