//! What taking a token costs: beside the strict verification of one signature over as many bytes.
//!
//! `cargo bench -p rewards-tests --bench tokens` verifies the same signatures bare and as tokens, in interleaved rounds, and prints one table
//! with the ratios. A token is read, verified, and held against keys, clock, merchant, limits and what is remembered.
#![allow(
    missing_docs,
    reason = "a program of its own, with the docs a reader of its code needs"
)]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use ed25519_dalek::{Signature, VerifyingKey};
use rewards_core::money::{Asset, Money};
use rewards_core::time::Timestamp;
use rewards_core::tokens::{
    OfflineLimits, PreparedVerifier, ShownToken, TokenClaims, TokenMemory, TokenPublicKey,
    TokenSigner, TokenVerifier, UnsignedToken,
};

/// The most that taking a token may cost of verifying its signature.
const GOAL: f64 = 1.1;
const ROUNDS: usize = 15;
const TOKENS: usize = 400;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A token, and what is signed in it.
struct Signed {
    shown: ShownToken,
    message: Vec<u8>,
    signature: Signature,
}

fn main() -> Outcome {
    let issuer = TokenSigner::from_seed(&[1; 32]);
    let key = VerifyingKey::from_bytes(&issuer.public_key())?;
    let verifier = PreparedVerifier::new(verifier(&issuer)?);
    let signed: Vec<Signed> = (0..TOKENS)
        .map(|number| sign(number, &issuer))
        .collect::<Outcome<_>>()?;
    let memory = TokenMemory::default();
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        let [bare, whole] = &mut times;
        bare.push(time(|| {
            let good = |one: &Signed| key.verify_strict(&one.message, &one.signature).is_ok();
            black_box(signed.iter().filter(|one| good(one)).count())
        })?);
        whole.push(time(|| {
            let good = |one: &Signed| verifier.check(&one.shown, &memory).is_ok();
            black_box(signed.iter().filter(|one| good(one)).count())
        })?);
    }
    println!("{:<52} {:>11} {:>7}", "one token", "median µs", "ratio");
    let mut base = f64::NAN;
    for (name, times) in ["verify_strict alone", "the token, taken"]
        .iter()
        .zip(&mut times)
    {
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
        let micros = median * 1e6 / u32::try_from(TOKENS).map(f64::from)?;
        if base.is_nan() {
            base = micros;
        }
        println!("{name:<52} {micros:>11.2} {:>7.3}", micros / base);
        if micros / base > GOAL {
            return Err(format!("{name}: more than {GOAL} times as much").into());
        }
    }
    Ok(())
}

/// How many seconds it takes to find all of them good.
fn time(verify: impl FnOnce() -> usize) -> Outcome<f64> {
    let start = Instant::now();
    let good = verify();
    let seconds = start.elapsed().as_secs_f64();
    if good == TOKENS {
        return Ok(seconds);
    }
    Err(format!("{good} of {TOKENS} are good").into())
}

fn verifier(issuer: &TokenSigner) -> Outcome<TokenVerifier> {
    Ok(TokenVerifier {
        issuer: "club".parse()?,
        keys: vec![TokenPublicKey {
            key: "k1".parse()?,
            public_key: hex::encode(issuer.public_key()),
            valid_from: Timestamp::MIN,
            valid_until: None,
        }],
        revoked: Vec::new(),
        merchant: "shop".parse()?,
        category: Some("grocery".parse()?),
        tolerance_seconds: 120,
        limits: OfflineLimits::default(),
    })
}

fn sign(number: usize, issuer: &TokenSigner) -> Outcome<Signed> {
    let amount = Money::new(5_000, Asset::parse("EUR")?);
    let claims = TokenClaims {
        issuer: "club".parse()?,
        member: format!("member-{number}").parse()?,
        merchant: None,
        expires_at: Timestamp::parse("2026-03-03T12:00:00Z")?,
        begins_at: Timestamp::parse("2026-03-02T12:00:00Z")?,
        issued_at: Timestamp::parse("2026-03-02T12:00:00Z")?,
        token: format!("TOKEN_{number}").parse()?,
        holder_key: None,
        amount,
        spend_max: None,
        spends_max: None,
        categories: Vec::new(),
        refused_categories: vec!["gambling".parse()?],
        device: None,
    };
    let token = UnsignedToken::new(&claims, &"k1".parse()?)?;
    let message = token.to_sign().to_vec();
    let signature = issuer.sign(&message);
    Ok(Signed {
        shown: ShownToken {
            token: token.signed(&signature)?,
            proof: None,
            amount,
            reference: None,
            device: None,
            now: Timestamp::parse("2026-03-02T13:00:00Z")?,
        },
        message,
        signature: Signature::from_bytes(&signature),
    })
}
