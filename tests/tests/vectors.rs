//! The conformance vectors: every case holds on both stores, and together they show everything there is to show.
//!
//! The same files run through the bindings of other languages, which must count as many cases as this test prints.
//! `cargo run --example scenarios -- tests/vectors --bless` writes the expectations again.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use rewards_core::command::Kind;
use rewards_core::ids::{IdError, IdempotencyKey};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::RecordPurchase;
use rewards_core::operations::rewards::DeductBalance;
use rewards_core::parse::parse_value;
use rewards_core::program::Program;
use rewards_core::registry::OPERATIONS;
use rewards_core::rejection::{Rejection, codes};
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine};
use rewards_storage::memory::MemoryStore;
use rewards_storage::scenario::{self, Step};
use rewards_tests::source;
use serde_json::{Value, json};

type Outcome = Result<(), Box<dyn Error>>;

/// The number of cases may grow, not shrink below this.
const CASES_MIN: usize = 300;

/// A code that no case can show, why not, and the test that shows it instead: a file and words in it.
#[derive(Clone, Copy)]
struct Elsewhere {
    code: &'static str,
    why: &'static str,
    file: &'static str,
    words: &'static str,
}

const fn elsewhere(
    code: &'static str,
    why: &'static str,
    file: &'static str,
    words: &'static str,
) -> Elsewhere {
    Elsewhere {
        code,
        why,
        file,
        words,
    }
}

/// The codes of faults that take more than one caller with a valid store.
const FAULTS_ELSEWHERE: &[Elsewhere] = &[
    elsewhere(
        "contention",
        "others must win the race for a limit again and again",
        "rewards-storage/tests/engine/races.rs",
        "assert_eq!(fault.code, \"contention\")",
    ),
    elsewhere(
        "store_unavailable",
        "the store must be out of reach",
        "rewards-storage/tests/engine/faults.rs",
        "assert_eq!(fault.code, \"store_unavailable\")",
    ),
    elsewhere(
        "store_corrupt",
        "the store must hold what nobody wrote",
        "rewards-storage/tests/engine/faults.rs",
        "\"store_corrupt\")",
    ),
    elsewhere(
        "store_refused",
        "the store must deny access",
        "rewards-storage/tests/engine/faults.rs",
        "\"store_refused\")",
    ),
    elsewhere(
        "schema_too_old",
        "the tables must be missing and not to be made",
        "bindings-python/tests/test_schemas.py",
        "(\"schema_too_old\", 500, False)",
    ),
    elsewhere(
        "disk_full",
        "the disk must be full",
        "bindings-python/tests/test_faults.py",
        "(\"disk_full\", 507, True)",
    ),
    elsewhere(
        "clock_behind",
        "cases have times of their own, and the clock is held against nothing there",
        "rewards-storage/tests/sql_store/clocks.rs",
        "check(&settled.unwrap_err(), \"clock_behind\", by)",
    ),
    elsewhere(
        "clock_ahead",
        "cases have times of their own, and the clock is held against nothing there",
        "rewards-storage/tests/sql_store/clocks.rs",
        "check(&settled.unwrap_err(), \"clock_ahead\", by)",
    ),
    elsewhere(
        "store_read_only",
        "the file must take no writes",
        "bindings-python/tests/test_faults.py",
        "(\"store_read_only\", 500, False)",
    ),
    elsewhere(
        "folder_missing",
        "the file must be in a folder that is not there",
        "bindings-python/tests/test_faults.py",
        "(\"folder_missing\", 500, False)",
    ),
    elsewhere(
        "file_in_use_here",
        "another SQLite library must have opened the file",
        "bindings-python/tests/test_own_file.py",
        "(\"file_in_use_here\", 500, False)",
    ),
    elsewhere(
        "file_gone",
        "somebody must have moved the file",
        "rewards-storage/tests/sql_store/gone_file.rs",
        "StoreError::FileGone",
    ),
    elsewhere(
        "file_exists",
        "a backup must go where a file is",
        "bindings-python/tests/test_own_file.py",
        "(\"file_exists\", 409, False)",
    ),
    elsewhere(
        "backup_unsupported",
        "the store must be no file",
        "bindings-python/tests/test_own_file.py",
        "(\"backup_unsupported\", 501, False)",
    ),
    elsewhere(
        "schema_too_new",
        "a later version must have made the database",
        "rewards-storage/tests/sql_store/lifecycle.rs",
        "StoreError::SchemaTooNew {",
    ),
    elsewhere(
        "engine_closed",
        "the engine of a case is open to its end",
        "rewards-storage/tests/engine/lifecycle.rs",
        "\"engine_closed\")",
    ),
    elsewhere(
        "program_closed",
        "an app must have let go of its program",
        "bindings-swift/kotlin/src/test/kotlin/rewards/HostValuesTest.kt",
        "Told(\"Unavailable\", \"program_closed\")",
    ),
    elsewhere(
        "clock_failed",
        "the host must have a clock that fails",
        "bindings-swift/src/clock.rs",
        "(FaultKind::Unavailable, \"clock_failed\")",
    ),
    elsewhere(
        "internal",
        "an operation must have a defect",
        "rewards-storage/tests/engine/faults.rs",
        "(\"internal\", FaultKind::Internal)",
    ),
    elsewhere(
        "too_many",
        "a member must have more than ten thousand open lots",
        "tests/tests/vectors.rs",
        "async fn a_correction_touches_so_many_lots",
    ),
    elsewhere(
        "ladder_unknown",
        "kept for requests that name a ladder; none does yet",
        "rewards-core/src/rejection.rs",
        "LadderUnknown(ladder: String)",
    ),
    elsewhere(
        "key_missing",
        "the engine of a case has one key ring from its beginning to its end",
        "rewards-core/tests/behaviour/aliases.rs",
        "\"key_missing\")",
    ),
    elsewhere(
        "shape_too_new",
        "a later version must have written the row",
        "rewards-core/src/entity/row.rs",
        "\"shape_too_new\")",
    ),
];

/// Codes of tokens, which are taken where there is no engine: by files, whose tests name each.
macro_rules! without_engine {
    ($($file:literal: $($code:literal)+;)+) => {
        &[$($(
            elsewhere(
                $code,
                "tokens are taken where there is no engine",
                $file,
                concat!("\"", $code, "\""),
            ),
        )+)+]
    };
}

/// The codes of faults that tokens end in.
const TOKENS_ELSEWHERE: &[Elsewhere] = without_engine! {
    "rewards-core/src/tokens/tests.rs": "token_algorithm_wrong" "token_header_critical";
    "rewards-core/src/tokens/tests/taking.rs":
        "token_key_unknown" "token_signature_wrong" "token_key_not_valid" "token_issuer_wrong" "clock_rolled_back"
        "token_not_yet_valid" "token_device_wrong" "token_revoked" "token_proof_missing" "token_proof_wrong"
        "token_proof_mismatch" "token_over_limit" "token_seen" "token_sync_overdue";
    "rewards-storage/tests/till.rs": "token_log_rolled_back";
};

/// The codes of problems that no request of a case can have, because a case is JSON that was read already.
const PROBLEMS_ELSEWHERE: &[Elsewhere] = &[
    elsewhere(
        "history_one_sided",
        "a file of labelled payments is no request",
        "rewards-core/tests/behaviour/calibration.rs",
        "\"history_one_sided\", \"\"",
    ),
    elsewhere(
        "column_missing",
        "a file of labelled payments is no request",
        "rewards-core/tests/behaviour/calibration.rs",
        "(\"column_missing\", \"[1]\")",
    ),
    elsewhere(
        "coupons_need_store",
        "every case has a store",
        "rewards-core/tests/behaviour/offers.rs",
        "problems[0].code, \"coupons_need_store\"",
    ),
    elsewhere(
        "document_too_large",
        "the text of a request is not seen",
        "rewards-core/tests/program_parse.rs",
        "(\"document_too_large\", \"\")",
    ),
    elsewhere(
        "nesting_too_deep",
        "the file itself would be nested too deep",
        "rewards-core/tests/program_parse.rs",
        "(\"nesting_too_deep\", \"\")",
    ),
    elsewhere(
        "syntax",
        "the file itself would be no JSON",
        "rewards-core/tests/program_parse.rs",
        "(\"syntax\", \"\")",
    ),
    elsewhere(
        "field_duplicate",
        "the file itself would have the field twice",
        "rewards-core/tests/program_parse.rs",
        "(\"field_duplicate\", \"id\")",
    ),
    elsewhere(
        "denominator_invalid",
        "only callers of the money module can divide by nothing",
        "rewards-core/tests/money_laws.rs",
        "\"denominator_invalid\")",
    ),
    elsewhere(
        "allocation_weights",
        "only callers of the money module can split by nothing",
        "rewards-core/tests/money_laws.rs",
        "\"allocation_weights\"",
    ),
    elsewhere(
        "out_of_range",
        "leases of events are no operation",
        "rewards-storage/tests/engine/services.rs",
        "\"out_of_range\")",
    ),
    elsewhere(
        "now_ahead",
        "cases have times of their own, and any time is allowed there",
        "rewards-storage/tests/engine/clocks.rs",
        "(\"now_ahead\", \"now\")",
    ),
    elsewhere(
        "problems_omitted",
        "a hundred problems are too many for a case",
        "rewards-core/tests/program_parse.rs",
        "\"problems_omitted\"",
    ),
    elsewhere(
        "key_ring_empty",
        "a case with a bad key ring is no case",
        "rewards-storage/src/engine/key_data.rs",
        "told(\"key_ring_empty\", \"key_ring\")",
    ),
    elsewhere(
        "too_many_keys",
        "a case with a bad key ring is no case",
        "rewards-storage/src/engine/key_data.rs",
        "told(\"too_many_keys\", \"key_ring\")",
    ),
    elsewhere(
        "key_invalid",
        "a case with a bad key ring is no case",
        "rewards-storage/src/engine/key_data.rs",
        "told(\"key_invalid\", \"key_ring[1].key\")",
    ),
    elsewhere(
        "url_invalid",
        "cases name no address",
        "rewards-storage/src/address/tests.rs",
        "(\"url_invalid\", \"url\")",
    ),
    elsewhere(
        "program_invalid",
        "every document that passes the checks compiles",
        "rewards-core/tests/program_laws.rs",
        "fn a_valid_program_compiles",
    ),
];

#[tokio::test]
async fn vectors_hold_on_both_stores() -> Outcome {
    let report = scenario::run(&folder()).await?;
    println!("{report}");
    assert!(report.is_success(), "see the differences above");
    assert!(report.cases >= CASES_MIN, "{} cases", report.cases);
    Ok(())
}

#[tokio::test]
async fn blessing_the_vectors_changes_nothing() -> Outcome {
    let copy = tempfile::tempdir()?;
    for (path, _) in scenario::read(&folder())? {
        let name = path.file_name().ok_or("a file has a name")?;
        fs::copy(&path, copy.path().join(name))?;
    }
    let report = scenario::bless(copy.path()).await?;
    assert!(report.is_success(), "{report}");
    assert!(report.blessed.is_empty(), "not as blessed: {report}");
    Ok(())
}

#[test]
fn every_operation_is_done_refused_replayed_and_reused() -> Outcome {
    let mut shown: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for step in steps()? {
        let outcome = match code(&step) {
            None if step.replayed => "replayed",
            None => "done",
            Some("key_reused") => "key_reused",
            Some(_) => "refused",
        };
        let outcomes = shown.entry(step.operation.as_str()).or_default();
        outcomes.insert(outcome);
        if outcome == "done" && step.key.is_some() {
            outcomes.insert("done with a key");
        }
    }
    for entry in OPERATIONS {
        let wanted: &[&str] = match entry.kind {
            Kind::Command => &["done", "refused", "replayed", "key_reused"],
            Kind::Query => &["done", "refused", "done with a key"],
        };
        let outcomes = shown.remove(entry.name).unwrap_or_default();
        for wanted in wanted {
            assert!(
                outcomes.contains(wanted),
                "{}: never {wanted}; only {outcomes:?}",
                entry.name
            );
        }
        let is_query = entry.kind == Kind::Query;
        assert!(!(is_query && outcomes.contains("replayed")));
    }
    Ok(())
}

#[test]
fn every_code_is_shown_here_or_elsewhere() -> Outcome {
    let mut faults = BTreeSet::new();
    let mut problems = BTreeSet::new();
    for step in steps()? {
        faults.extend(code(&step).map(str::to_owned));
        let found = step.fault.as_ref().and_then(|fault| fault.get("problems"));
        let found = found.and_then(Value::as_array).into_iter().flatten();
        let found = found.filter_map(|problem| problem.get("code")?.as_str());
        problems.extend(found.map(str::to_owned));
    }
    let known = codes().map(|(code, ..)| code.to_owned()).collect();
    let elsewhere = [FAULTS_ELSEWHERE, TOKENS_ELSEWHERE].concat();
    check_codes("fault", &known, &faults, &elsewhere)?;
    check_codes("problem", &problem_codes()?, &problems, PROBLEMS_ELSEWHERE)
}

/// What an audit finds is shown by damaging a database: no case can do that.
#[test]
fn every_finding_of_an_audit_is_shown_by_a_damage() -> Outcome {
    let root = source::workspace_root();
    let mut known = BTreeSet::new();
    let findings = fs::read_to_string(root.join("rewards-core/src/audit/problem.rs"))?;
    find_codes(findings.parse()?, &mut known);
    assert!(known.len() > 10, "{known:?}");
    let damages = fs::read_to_string(root.join("rewards-storage/tests/sql_store/damage.rs"))?;
    for code in known {
        let is_shown = damages.contains(&format!("\"{code}\""));
        assert!(is_shown, "no damage shows `{code}`");
    }
    Ok(())
}

/// Every known code is shown by a vector or excused, never both, and the excuse is true.
fn check_codes(
    what: &str,
    known: &BTreeSet<String>,
    shown: &BTreeSet<String>,
    excused: &[Elsewhere],
) -> Outcome {
    for code in shown {
        assert!(known.contains(code), "{what} `{code}` is not known");
    }
    let mut missing = Vec::new();
    for code in known {
        let excuse = excused.iter().find(|excuse| excuse.code == code);
        match excuse {
            None if !shown.contains(code) => missing.push(code),
            None => {}
            Some(_) => assert!(!shown.contains(code), "a vector shows the {what} `{code}`"),
        }
    }
    assert!(missing.is_empty(), "no vector shows the {what} {missing:?}");
    for Elsewhere {
        code,
        why,
        file,
        words,
    } in excused
    {
        assert!(known.contains(*code), "{what} `{code}` is not known");
        assert!(!why.is_empty());
        let text = fs::read_to_string(source::workspace_root().join(file))?;
        assert!(text.contains(words), "`{code}`: no `{words}` in {file}");
    }
    Ok(())
}

/// Eleven thousand lots of one cent: too many rows for a file, and one more than a correction can look at.
#[tokio::test]
async fn a_correction_touches_so_many_lots() -> Outcome {
    let now = Timestamp::parse("2026-01-05T12:00:00Z")?;
    let options = |key: &str| -> Result<CommandOptions, IdError> {
        Ok(CommandOptions {
            key: Some(IdempotencyKey::new(key)?),
            now: Some(now),
        })
    };
    let engine = Engine::builder(Arc::new(MemoryStore::new()))
        .now_ahead_max(Duration::MAX)
        .open()
        .await?;
    let tenant = engine.tenant("vectors".parse()?);
    let program = Program::from_json(
        r#"{ "id": "club", "currency": "EUR", "zone": "UTC",
            "rules": [{ "id": "cent", "scope": "line", "effect": { "fixed": { "amount": "0.01" } } }] }"#,
    )
    .map_err(Rejection::Invalid)?;
    let publish = PublishProgram::new(program);
    tenant.execute_with(publish, options("publish")?).await?;
    let register = RegisterMember::new("ada".parse()?);
    tenant.execute_with(register, options("register")?).await?;
    let lines = vec![json!({ "amount": { "amount": "0.00", "asset": "EUR" } }); 1_000];
    for number in 0..11 {
        let purchase = json!({ "purchase": {
            "id": format!("p{number}"), "member": "ada", "program": "club", "occurred_at": now, "lines": lines,
            "total": { "amount": "1.00", "asset": "EUR" },
        } });
        let record: RecordPurchase = parse_value(purchase).map_err(Rejection::Invalid)?;
        tenant
            .execute_with(record, options(&format!("record-{number}"))?)
            .await?;
    }
    let take = |amount: &str| -> Result<DeductBalance, Rejection> {
        parse_value(
            json!({ "member": "ada", "reason": "x", "take": { "amount": amount, "asset": "EUR" } }),
        )
        .map_err(Rejection::Invalid)
    };
    let refused = tenant.execute_with(take("100.01")?, options("take")?).await;
    assert_eq!(
        refused.err().map(|fault| fault.code),
        Some("too_many".into())
    );
    let taken = tenant
        .execute_with(take("100.00")?, options("take")?)
        .await?;
    assert_eq!(taken.reply.lots.len(), 10_000);
    Ok(())
}

#[test]
fn every_kind_of_rule_is_shown() -> Outcome {
    let mut words = BTreeSet::new();
    for step in steps()? {
        if step.operation.as_str() == "publish_program" && step.reply.is_some() {
            collect_words(&step.request, &mut words);
        }
    }
    for kinds in [
        // Conditions.
        "all any none amount category merchant biller bill_type channel payment_method store country tag segment tier line \
         purchase_number window_count window_sum weekday time_of_day dates attribute",
        // Effects, and what becomes of a part of a unit.
        "percent fixed per_unit bands multiplier slab marginal proportional drop carry",
        // Bases.
        "gross net goods without",
        // Shares, periods and kinds of caps; budgets.
        "purchase member day week month quarter year days lifetime uses budgets",
        // Stacking.
        "first best lowest basket original running exclusive",
        // Rounding.
        "half_even half_up down up toward_program toward_member",
        // Lives of rewards.
        "until confirmation void_after_days months end_of_day end_of_week end_of_month end_of_quarter end_of_half_year \
         end_of_year",
        // Ladders.
        "balance earned spend visits calendar anniversary one_step to_eligible grace_days extra_rate cap_multiplier",
        // Currencies with no, two, three and four decimals.
        "JPY EUR USD KWD BHD CLF points stars/2",
        // Zones whose clock changes.
        "Europe/Berlin America/New_York",
    ] {
        for kind in kinds.split_whitespace().filter(|kind| !is_default(kind)) {
            assert!(words.contains(kind), "no program of a vector has `{kind}`");
        }
    }
    Ok(())
}

/// Names of what a document means by leaving them out; the vectors leave them out, too.
fn is_default(kind: &str) -> bool {
    matches!(kind, "net" | "proportional")
}

fn collect_words(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            words.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect_words(item, words)),
        Value::Object(fields) => {
            for (name, value) in fields {
                words.insert(name.clone());
                collect_words(value, words);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn folder() -> PathBuf {
    source::workspace_root().join("tests/vectors")
}

fn steps() -> Result<Vec<Step>, Box<dyn Error>> {
    let files = scenario::read(&folder())?;
    let cases = files.into_iter().flat_map(|(_, file)| file.cases);
    Ok(cases.flat_map(|case| case.steps).collect())
}

/// The code of the fault that a step expects.
fn code(step: &Step) -> Option<&str> {
    step.fault.as_ref()?.get("code")?.as_str()
}

/// Every code of a single problem, from the source: nothing else lists them all.
fn problem_codes() -> Result<BTreeSet<String>, Box<dyn Error>> {
    let mut codes = BTreeSet::new();
    for folder in ["rewards-core/src", "rewards-storage/src"] {
        for file in source::rust_sources(&source::workspace_root().join(folder))? {
            // The codes of rejections are those of faults; those of scenario files and of audits are of no request.
            let is_other = file.path.ends_with("rejection.rs")
                || file.path.ends_with("tokens/error.rs")
                || file.path.ends_with("audit/problem.rs")
                || file.path.starts_with("scenario");
            if !file.is_test() && !is_other {
                find_codes(source::without_tests(file.tokens), &mut codes);
            }
        }
    }
    Ok(codes)
}

/// Adds what functions called `code` return, what `Problem::new`, `Coded::new` and `report` are given first, and codes
/// that are turned `into` text.
fn find_codes(stream: TokenStream, codes: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let before = |count: usize, name: &str| {
            let token = at.checked_sub(count).and_then(|at| tokens.get(at));
            token.is_some_and(|token| source::is_ident(token, name))
        };
        if let TokenTree::Group(group) = token {
            let makes = before(1, "new") && (before(4, "Problem") || before(4, "Coded"));
            if makes || before(1, "report") {
                codes.extend(group.stream().into_iter().next().as_ref().and_then(literal));
            }
            find_codes(group.stream(), codes);
        }
        if source::is_ident(token, "code") && before(1, "fn") {
            let body = tokens.iter().skip(at).find_map(|token| match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    Some(group.stream())
                }
                _ => None,
            });
            let body = body.map(|body| source::flat(&body)).unwrap_or_default();
            let texts = body.iter().filter_map(literal);
            codes.extend(texts.filter(|text| text.contains('_')));
        }
        if source::is_ident(token, "into") {
            let text = at.checked_sub(2).and_then(|at| literal(tokens.get(at)?));
            codes.extend(text.filter(|text| text.contains('_')));
        }
    }
}

/// The text of a string literal.
fn literal(token: &TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = token else {
        return None;
    };
    let text = literal.to_string();
    Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}
