//! Who may name whom. Crate edges are Cargo's; the edges between modules are the tables below.
//!
//! A module may always name itself. Everything else it names as `crate::x` or, from a sibling, as
//! `super::x` must be in its row. Test code (`#[cfg(test)]`, `tests.rs`, `tests/`) is free, and so is the
//! crate root, which puts the modules together.

use std::error::Error;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use rewards_tests::source;

/// What one top-level module may name, and words that must not occur in it at all.
struct Row {
    module: &'static str,
    may_name: &'static [&'static [&'static str]],
    never_says: &'static [&'static str],
}

const fn row(
    module: &'static str,
    may_name: &'static [&'static [&'static str]],
    never_says: &'static [&'static str],
) -> Row {
    Row {
        module,
        may_name,
        never_says,
    }
}

/// Everything in the crate.
const ANYTHING: &[&str] = &["*"];

/// Level 0, and how its texts carry the codes of their errors.
const BASE: &[&str] = &["coded", "money", "time"];
/// What every rule may use to name, count and keep things, and to refuse.
const COMMON: &[&str] = &[
    "counter",
    "entity",
    "ids",
    "rejection",
    "secret",
    "signature",
    "texts",
];
/// Reading documents and requests.
const READING: &[&str] = &["parse"];
/// The domain modules that others may build upon.
const SHARED: &[&str] = &["ledger", "program"];
/// The domain modules that own a section of a program.
const SECTIONS: &[&str] = &[
    "fees",
    "fx",
    "payments",
    "pipeline",
    "qr",
    "risk",
    "tokens",
    "transfers",
];
/// The values that commands, decisions and stores exchange.
const PLUMBING: &[&str] = &[
    "command",
    "context",
    "counter",
    "decision",
    "entity",
    "event",
    "fingerprint",
    "ids",
    "member",
    "rejection",
    "secret",
    "signature",
    "snapshot",
    "texts",
];

const CORE: &[Row] = &[
    // Level 0.
    row("canonical", &[], &[]),
    row("coded", &[], &[]),
    row("money", &[&["coded"]], &[]),
    row("time", &[&["coded"]], &[]),
    // Level 1: siblings do not know each other, except through the two shared ones.
    row("ledger", &[BASE, COMMON], &[]),
    row("program", &[BASE, COMMON, READING, SECTIONS], &[]),
    row("adjustments", &[BASE, COMMON, SHARED], &[]),
    row("cashback", &[BASE, COMMON, SHARED], &[]),
    row("coupons", &[BASE, COMMON, SHARED], &[]),
    // What offers take off is taken off a purchase.
    row("discounts", &[BASE, COMMON, SHARED, &["cashback"]], &[]),
    row("fees", &[BASE, COMMON], &[]),
    row("fx", &[BASE, COMMON, SHARED, &["fees"]], &[]),
    row("imports", &[BASE, COMMON, SHARED], &[]),
    // A route has fees, and a payment keeps what stages said of it.
    row(
        "payments",
        &[BASE, COMMON, SHARED, &["fees", "pipeline"]],
        &[],
    ),
    row("pipeline", &[BASE, COMMON, SHARED], &[]),
    // A way to pay a code has a fee, and a code is signed as a token is.
    row("qr", &[BASE, COMMON, SHARED, &["fees", "tokens"]], &[]),
    row("referrals", &[BASE, COMMON, SHARED], &[]),
    row("refunds", &[BASE, COMMON, SHARED], &[]),
    row("reports", &[BASE, COMMON, SHARED], &[]),
    row("risk", &[BASE, COMMON, SHARED], &[]),
    row("tiers", &[BASE, COMMON, SHARED], &[]),
    row("tokens", &[BASE, COMMON, SHARED], &[]),
    row("transfers", &[BASE, COMMON, SHARED, &["fees"]], &[]),
    row("wallet", &[BASE, COMMON, SHARED], &[]),
    // Between 1 and 2: plain values.
    // What makes codes and signs tokens is handed to whoever decides.
    row("command", &[BASE, SHARED, PLUMBING, &["coupons"]], &[]),
    row(
        "context",
        &[BASE, SHARED, PLUMBING, &["coupons", "tokens"]],
        &[],
    ),
    row("counter", &[BASE, COMMON], &[]),
    row("decision", &[BASE, SHARED, PLUMBING], &[]),
    // The list of kinds names the modules that have them.
    row(
        "entity",
        &[
            BASE,
            COMMON,
            &[
                "adjustments",
                "cashback",
                "coupons",
                "fx",
                "member",
                "payments",
                "qr",
                "refunds",
                "risk",
                "tokens",
                "transfers",
                "wallet",
            ],
        ],
        &[],
    ),
    row(
        "event",
        &[BASE, SHARED, PLUMBING, &["payments", "refunds", "risk"]],
        &[],
    ),
    row("fingerprint", &[&["rejection"]], &[]),
    row("ids", &[BASE, SHARED, PLUMBING], &[]),
    row("ffi", &[BASE, COMMON, SHARED, &["coupons"]], &[]),
    row("parse", &[BASE, COMMON], &[]),
    // A member's row keeps where the member stands on ladders.
    row("member", &[BASE, SHARED, PLUMBING, &["tiers"]], &[]),
    // Why a token is not taken is told where there is no engine as well.
    row("rejection", &[BASE, SHARED, PLUMBING, &["tokens"]], &[]),
    row("secret", &[BASE, COMMON], &[]),
    row("signature", &[BASE, COMMON], &[]),
    row("snapshot", &[BASE, SHARED, PLUMBING], &[]),
    row("texts", &[BASE, COMMON, READING], &[]),
    // Level 2: where rules meet.
    row("operations", &[ANYTHING], &[]),
    row("registry", &[ANYTHING], &[]),
    // Above the rules: it holds what they leave behind against each other.
    row("audit", &[ANYTHING], &[]),
];

/// Level 3 of the storage crate.
const WAIST: &[&str] = &[
    "batch",
    "contract",
    "error",
    "forward",
    "forward_calls",
    "forward_query",
    "forward_store",
    "judge",
    "store",
];
/// Level 5 of the storage crate.
const ENGINE: &[&str] = &["engine", "faulty", "relay"];

const STORAGE: &[Row] = &[
    // Level 3: the waist.
    row("batch", &[WAIST], &["sqlx"]),
    row("contract", &[WAIST, &["contract_laws"]], &["sqlx"]),
    row("error", &[WAIST], &["sqlx"]),
    row("forward", &[WAIST], &["sqlx"]),
    row("judge", &[WAIST], &["sqlx"]),
    row("store", &[WAIST], &["sqlx"]),
    // Level 4: backends implement the traits and never decide.
    row("memory", &[WAIST], &["decide", "sqlx"]),
    row("sql", &[WAIST], &["decide"]),
    // Level 5: knows the traits, never a driver.
    row("engine", &[WAIST, ENGINE], &["sqlx"]),
    row("faulty", &[WAIST, ENGINE], &["sqlx"]),
    row("relay", &[WAIST, ENGINE], &["sqlx"]),
    // Above the backends: it chooses among them.
    row("address", &[WAIST, &["memory", "sql"]], &["sqlx"]),
    // Beside the engine: it runs what is the host's, and stores nothing.
    row("stages", &[], &["sqlx", "decide"]),
    // Beside the engine: a file of its own, with the SQL backend's words for what goes wrong with one.
    row("till", &[WAIST, &["sql"]], &["decide"]),
    // Above the engine: it opens the backends it runs files on.
    row("scenario", &[WAIST, ENGINE, &["memory", "sql"]], &["sqlx"]),
];

#[test]
fn modules_name_only_what_is_below_them() -> Result<(), Box<dyn Error>> {
    let mut violations = Vec::new();
    for (folder, table) in [("rewards-core/src", CORE), ("rewards-storage/src", STORAGE)] {
        for file in source::rust_sources(&source::workspace_root().join(folder))? {
            if file.is_test() {
                continue;
            }
            for found in violations_in(table, &file.path, file.tokens) {
                violations.push(format!("{folder}/{found}"));
            }
        }
    }
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
    Ok(())
}

#[test]
fn a_violation_is_seen_however_it_is_written() -> Result<(), Box<dyn Error>> {
    // The file, its text, and the names that must be complained about.
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "fx/quote.rs",
            "use crate::money::Money; use super::rates::Rate;",
            &[],
        ),
        (
            "fx/mod.rs",
            "use crate::{money::{Money, Rate}, coupons::Book, ledger};",
            &["coupons"],
        ),
        ("fx.rs", "use super::{coupons::Book, time};", &["coupons"]),
        (
            "fx/quote.rs",
            "use super::super::tiers::Ladder;",
            &["tiers"],
        ),
        (
            "fx/quote.rs",
            "use super::{super::tiers::Ladder, rates};",
            &["tiers"],
        ),
        (
            "fx/quote.rs",
            "mod inner { use super::super::super::tiers; use super::x; }",
            &["tiers"],
        ),
        (
            "fx.rs",
            "fn f() -> crate::tiers::Tier { vec![crate::risk::score()] }",
            &["tiers", "risk"],
        ),
        (
            "fx.rs",
            "pub(in crate::fx) struct Pair; pub(crate) struct Other;",
            &[],
        ),
        (
            "fx.rs",
            "// crate::tiers\n/// crate::tiers\nconst T: &str = \"crate::tiers\";",
            &[],
        ),
        ("fx.rs", "#[cfg(test)] mod tests { use crate::tiers; }", &[]),
        (
            "fx.rs",
            "#[cfg(test)] use crate::tiers; use crate::risk;",
            &["risk"],
        ),
        ("fx.rs", "use crate::*;", &["*"]),
        ("fx.rs", "use crate::Money;", &["Money"]),
        ("fx.rs", "use crate::decision::Decision;", &["decision"]),
        (
            "program/parse.rs",
            "use crate::ledger::Account;",
            &["ledger"],
        ),
        ("money/rate.rs", "use crate::time::Window;", &["time"]),
        (
            "snapshot.rs",
            "use crate::{ledger, program, command}; use crate::tiers;",
            &["tiers"],
        ),
        (
            "operations/purchases/quote.rs",
            "use crate::{fx, tiers, decision};",
            &[],
        ),
        ("lib.rs", "pub mod fx; pub use crate::tiers::Tier;", &[]),
        ("stray.rs", "use crate::money;", &["no row"]),
    ];
    for (file, text, expected) in cases {
        check(CORE, file, text, expected)?;
    }
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "engine/mod.rs",
            "use crate::store::Store; use sqlx::Row;",
            &["sqlx"],
        ),
        ("engine/mod.rs", "use crate::sql::SqlStore;", &["sql"]),
        (
            "sql/load.rs",
            "use sqlx::Row; use crate::{engine, batch};",
            &["engine"],
        ),
        (
            "memory.rs",
            "fn f() { command.decide(&snapshot) }",
            &["decide"],
        ),
        ("store.rs", "use crate::memory::MemoryStore;", &["memory"]),
    ];
    for (file, text, expected) in cases {
        check(STORAGE, file, text, expected)?;
    }
    Ok(())
}

/// Checks that a file with this text is complained about for exactly these names, in this order.
fn check(
    table: &[Row],
    file: &str,
    text: &str,
    expected: &[&str],
) -> Result<(), proc_macro2::LexError> {
    let found = violations_in(table, Path::new(file), text.parse()?);
    let matches = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(found, name)| found.contains(&format!("`{name}`")));
    assert!(
        matches,
        "{file}: {text}\nexpected {expected:?}, got {found:#?}"
    );
    Ok(())
}

/// One line per violation in a file, `path` being relative to the `src` folder.
fn violations_in(table: &[Row], path: &Path, tokens: TokenStream) -> Vec<String> {
    let module = module_path(path);
    let Some(top) = module.first() else {
        return Vec::new();
    };
    let Some(row) = table.iter().find(|row| row.module == *top) else {
        return vec![format!(
            "{}: `{top}` has `no row` in the layering table",
            path.display()
        )];
    };
    let tokens = source::without_tests(tokens);
    let mut names = Vec::new();
    collect_names(&tokens, &module, &mut names);
    let may = |name: &str| {
        name == top
            || row
                .may_name
                .iter()
                .flat_map(|names| *names)
                .any(|n| *n == name || *n == "*")
    };
    let mut violations: Vec<String> = names
        .iter()
        .filter(|(name, _)| !may(name))
        .map(|(name, line)| format!("{}:{line}: `{top}` may not name `{name}`", path.display()))
        .collect();
    for token in source::flat(&tokens) {
        if let Some(word) = row
            .never_says
            .iter()
            .find(|word| source::is_ident(&token, word))
        {
            let line = source::line(&token);
            violations.push(format!(
                "{}:{line}: `{top}` may not say `{word}`",
                path.display()
            ));
        }
    }
    violations
}

/// `fx/quote.rs` is `fx, quote`; `fx/mod.rs` and `fx.rs` are `fx`; `lib.rs` is the empty path.
fn module_path(path: &Path) -> Vec<String> {
    path.with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .filter(|part| part != "mod" && part != "lib")
        .collect()
}

/// Adds the top-level modules that tokens inside `module` name, each with its line.
fn collect_names(stream: &TokenStream, module: &[String], names: &mut Vec<(String, usize)>) {
    let tokens: Vec<TokenTree> = stream.clone().into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let rest = tokens.get(at.saturating_add(1)..).unwrap_or_default();
        match token {
            TokenTree::Ident(word) if word == "crate" => follow_path(rest, &[], names),
            TokenTree::Ident(word) if word == "super" => {
                follow_path(rest, parent(module), names);
            }
            TokenTree::Group(group) => {
                let mut inside = module.to_vec();
                inside.extend(inline_module(tokens.get(..at).unwrap_or_default()));
                collect_names(&group.stream(), &inside, names);
            }
            _ => {}
        }
    }
}

/// The name of the inline module whose block follows these tokens.
fn inline_module(before: &[TokenTree]) -> Option<String> {
    match before {
        [.., keyword, TokenTree::Ident(name)] if source::is_ident(keyword, "mod") => {
            Some(name.to_string())
        }
        _ => None,
    }
}

/// Continues a path that has come to `module`, if `::` follows.
fn follow_path(rest: &[TokenTree], module: &[String], names: &mut Vec<(String, usize)>) {
    match rest {
        [a, b, next @ ..] if source::is_punct(a, ':') && source::is_punct(b, ':') => {
            follow_segment(next, module, names);
        }
        _ => {}
    }
}

/// The next part of a path: a name, a group of paths, or everything.
fn follow_segment(rest: &[TokenTree], module: &[String], names: &mut Vec<(String, usize)>) {
    match rest {
        [TokenTree::Ident(word), next @ ..] if word == "super" => {
            follow_path(next, parent(module), names);
        }
        [TokenTree::Ident(word), next @ ..] if word == "self" => follow_path(next, module, names),
        [TokenTree::Group(group), ..] => {
            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
            for path in inside.split(|token| source::is_punct(token, ',')) {
                follow_segment(path, module, names);
            }
        }
        [token, ..] if module.is_empty() => names.push((token.to_string(), source::line(token))),
        _ => {}
    }
}

fn parent(module: &[String]) -> &[String] {
    module.split_last().map_or(&[], |(_, parent)| parent)
}
