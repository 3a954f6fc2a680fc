//! What must hold for any bytes at all that somebody hands in: bad input ends as a typed error, never as a panic or a defect, and
//! what is read is read back as it was.
//!
//! Each function is one target. It panics when something does not hold. The targets for libFuzzer are in `tests/fuzz`, with a
//! workspace of their own, because they need a nightly compiler; the inputs kept there are run as an ordinary test.

mod codes;
mod purchases;
mod receipts;
mod tokens;

use std::sync::LazyLock;

use rewards_core::command::{Operation, fingerprint};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::parse::parse_request;
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::time::Timestamp;
use rewards_core::with_operations;
use rewards_storage::address::Address;
use rewards_storage::engine::{CommandOptions, Engine, ManualClock, SeededRandom, TenantEngine};
use rewards_storage::memory::MemoryStore;

pub use codes::{qr, signed_qr};
pub use purchases::purchases;
pub use receipts::receipts;
pub use tokens::{proof, token};

/// A target: what it is called, and what it does with some bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("program", program),
    ("request", request),
    ("address", address),
    ("table", purchases),
    ("qr", qr),
    ("signed_qr", signed_qr),
    ("token", token),
    ("proof", proof),
    ("receipts", receipts),
];

/// A program document as JSON and as TOML: a document that is read is written as the same document, and one that compiles
/// compiles again.
///
/// # Panics
/// When that does not hold.
pub fn program(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for read in [Program::from_json, Program::from_toml, Program::from_text] {
        let Ok(document) = read(text) else {
            continue;
        };
        let json = Program::from_json(&document.to_json());
        assert_eq!(json.as_ref(), Ok(&document), "as JSON");
        let toml = Program::from_toml(&document.to_toml());
        assert_eq!(toml.as_ref(), Ok(&document), "as TOML");
        let compiles =
            |document: Program| CompiledProgram::compile(document, 1, Timestamp::MIN).map(drop);
        let first = compiles(document.clone());
        assert_eq!(first, compiles(document), "compiled twice");
    }
}

/// The program of the engine that requests are sent to.
const CLUB: &str = r#"{
  "id": "club", "currency": "EUR", "zone": "Europe/Berlin", "units": [{"asset": "points"}],
  "rules": [
    {"id": "cash", "effect": {"percent": {"rate": "5%"}}, "caps": ["device"], "budgets": ["all"],
     "lifecycle": {"pending": {"days": 3}, "expires": {"months": 2}}},
    {"id": "points", "scope": "line", "effect": {"per_unit": {"amount": "1", "asset": "points", "every": "1.00"}}}
  ],
  "caps": [{"id": "device", "per": {"attribute": "device"}, "limit": {"amount": {"amount": "10"}}}],
  "budgets": [{"id": "all", "amount": "1000"}],
  "ladders": [{"id": "status", "measure": {"earned": "points"}, "window": {"calendar": "month"},
    "tiers": [{"id": "basic", "threshold": "0"}, {"id": "gold", "threshold": "10"}]}]
}"#;

/// A request: the name of an operation, a line break, and JSON. It is read, carried out twice under one key by an engine with a
/// program and a member, and the books are right afterwards.
///
/// # Panics
/// When that does not hold.
pub fn request(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (name, json) = text.split_once('\n').unwrap_or((text, ""));
    macro_rules! by_name {
        ($($operation:ty,)*) => {
            match name {
                $(<$operation as Operation>::NAME => one_request::<$operation>(json),)*
                _ => {}
            }
        };
    }
    with_operations!(by_name);
}

fn one_request<O: Operation>(json: &str) {
    let request: O = match parse_request(json) {
        Ok(request) => request,
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a problem");
            return;
        }
    };
    let text = serde_json::to_string(&request).unwrap_or_default();
    let again: Result<O, _> = parse_request(&text);
    assert!(again.is_ok(), "what was written cannot be read: {text}");
    let prints = again
        .ok()
        .map(|again| (fingerprint(&again), fingerprint(&request)));
    assert!(
        prints.is_some_and(|(a, b)| a.is_ok() && a == b),
        "read as another request: {text}"
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let carried_out = runtime.map(|runtime| runtime.block_on(carry_out(request)));
    assert!(matches!(carried_out, Ok(Ok(()))), "{carried_out:?}: {text}");
}

async fn carry_out<O: Operation>(request: O) -> Result<(), Fault> {
    let engine = club().await?;
    for _ in 0..2 {
        let key = "given"
            .parse()
            .map_err(|_| Fault::new("internal", "a key"))?;
        let outcome = engine
            .execute_with(request.clone(), CommandOptions::keyed(key))
            .await;
        if let Err(fault) = outcome
            && fault.code == "internal"
        {
            return Err(fault);
        }
    }
    let report = engine.verify().await?;
    if report.is_valid() {
        Ok(())
    } else {
        Err(Fault::new("internal", format!("{:?}", report.problems)))
    }
}

/// An engine with a program and a member, at an instant that is always the same.
async fn club() -> Result<TenantEngine, Fault> {
    let now = Timestamp::parse("2026-06-15T12:00:00Z").unwrap_or(Timestamp::MIN);
    let engine = Engine::builder(std::sync::Arc::new(MemoryStore::new()))
        .clock(std::sync::Arc::new(ManualClock::new(now)))
        .random(std::sync::Arc::new(SeededRandom::new(1)))
        .open()
        .await?;
    let tenant = "fuzz"
        .parse()
        .map_err(|_| Fault::new("internal", "a tenant"))?;
    let engine = engine.tenant(tenant);
    let program = Program::from_json(CLUB).map_err(Rejection::Invalid)?;
    let key = "club"
        .parse()
        .map_err(|_| Fault::new("internal", "a key"))?;
    let publish = PublishProgram {
        program,
        active_from: Some(Timestamp::MIN),
    };
    engine
        .execute_with(publish, CommandOptions::keyed(key))
        .await?;
    let member = "ann"
        .parse()
        .map_err(|_| Fault::new("internal", "a member"))?;
    engine.execute(RegisterMember::new(member)).await?;
    Ok(engine)
}

/// An address: what is refused is refused with a typed problem that repeats nothing of a password.
///
/// # Panics
/// When that does not hold.
pub fn address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let secret = text
        .split_once("//")
        .and_then(|(_, rest)| rest.split_once('@'))
        .and_then(|(user, _)| user.split_once(':'))
        .map(|(_, secret)| secret)
        .filter(|secret| secret.len() > 8);
    for read in [Address::parse(text), Address::file(text)] {
        let told = match read {
            Ok(address) => format!("{address:?}"),
            Err(fault) => {
                assert_eq!(fault.code, "invalid", "{fault:?}");
                assert!(
                    fault.problems.iter().all(|p| p.code == "url_invalid"),
                    "{fault:?}"
                );
                format!("{fault:?} {fault}")
            }
        };
        if let Some(secret) = secret {
            assert!(!told.contains(secret), "a password is repeated: {told}");
        }
    }
}

/// The program by which tables are evaluated.
static TABLE_PROGRAM: LazyLock<Result<CompiledProgram, String>> = LazyLock::new(|| {
    let program = Program::from_json(CLUB).map_err(|problems| format!("{problems:?}"))?;
    let compiled = CompiledProgram::compile(program, 1, Timestamp::MIN);
    compiled.map_err(|problems| format!("{problems:?}"))
});
