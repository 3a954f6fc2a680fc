//! Books of earlier versions: each is opened as it was written, every command that it holds is replayed with the reply that it
//! got then, every query is answered as it was, and the books are valid.
//!
//! `tests/fixtures/vN` holds what version N of the schema wrote: a history in the format of scenarios, and the books that it made
//! on both databases. **The schema is frozen**: a migration that was released, and books that were written, are never changed.
//! A later migration adds a folder. `REWARDS_WRITE_FIXTURES=1` writes the books of a folder that has a history and none yet.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use rewards_core::operations::members::RegisterMember;
use rewards_storage::engine::Engine;
use rewards_storage::scenario::{self, Case, TENANT};
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_tests::postgres::shared_cluster;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What is never changed, with its SHA-256.
const FROZEN: [(&str, &str); 5] = [
    (
        "rewards-storage/migrations/sqlite/0001_initial.sql",
        "58d10079a0ffcc7836a4ec967251c1e1b85d1d834a29f0b083baf92871df46c4",
    ),
    (
        "rewards-storage/migrations/postgres/0001_initial.sql",
        "b8a4bbccf5a87644701f9ed4eb287aea122886c68dbb45735070172b393542b6",
    ),
    (
        "tests/fixtures/v1/books.sqlite",
        "ab07f035d5e935569ea4d29e8e326dde61ae9835496ba58b8ff3aed08a0dbfe1",
    ),
    (
        "tests/fixtures/v1/books.sql",
        "cc642d14290dc89b5b90da16e850c513d5fca8c52a7505d9e01732e007991c66",
    ),
    (
        "tests/fixtures/v1/history.json",
        "a5274af47a1b5a7eaaf23eddf277f8c997eb2de606dea390bd0517e557c2d256",
    ),
];

#[test]
fn what_was_released_is_not_changed() -> Outcome {
    for (path, digest) in FROZEN {
        let file = std::fs::read(root().join(path))?;
        let found = Sha256::digest(file)
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(
            found, digest,
            "{path} is frozen: add a migration, and books of the next version"
        );
    }
    Ok(())
}

#[tokio::test]
async fn sqlite_v1_opens_and_replays() -> Outcome {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("books.sqlite");
    if writes("books.sqlite") {
        let made = folder.path().join("new.sqlite");
        play(&sqlite(&made)).await?;
        std::fs::copy(&made, fixture("books.sqlite"))?;
    }
    std::fs::copy(fixture("books.sqlite"), &copy)?;
    check(&sqlite(&copy)).await
}

#[tokio::test]
async fn postgres_v1_opens_and_replays() -> Outcome {
    let cluster = shared_cluster()?;
    if writes("books.sql") {
        let url = cluster.database()?;
        play(&url).await?;
        let options = ["--inserts", "--no-owner", "--no-privileges"];
        let dump = run(Command::new("pg_dump").args(options).arg(&url))?;
        // Meta commands are for interactive use only.
        let text = String::from_utf8(dump.stdout)?;
        let sql: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with('\\'))
            .collect();
        std::fs::write(fixture("books.sql"), sql.join("\n") + "\n")?;
    }
    let url = cluster.database()?;
    let options = ["--quiet", "-v", "ON_ERROR_STOP=1", "-f"];
    run(Command::new("psql")
        .args(options)
        .arg(fixture("books.sql"))
        .arg(&url))?;
    check(&url).await
}

fn run(command: &mut Command) -> Outcome<Output> {
    let output = command.output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    Ok(output)
}

/// Whether books are to be written: never over those that are there.
fn writes(name: &str) -> bool {
    std::env::var_os("REWARDS_WRITE_FIXTURES").is_some() && !fixture(name).exists()
}

fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/v1").join(name)
}

fn sqlite(file: &Path) -> String {
    format!("sqlite:///{}", file.display())
}

/// Plays the history on a store, and returns it with what its steps came to.
async fn play(url: &str) -> Outcome<(Case, Vec<Value>)> {
    let files = scenario::read(&fixture("history.json"))?;
    let case = files.into_iter().flat_map(|(_, file)| file.cases).next();
    let case = case.ok_or("a history without a case")?;
    let store = SqlStore::open(url, SqlOptions::default()).await?;
    let outcomes = scenario::play(&case, Arc::new(store.clone())).await?;
    store.close().await?;
    Ok((case, outcomes))
}

/// The books are valid, answer all of their history as they did then, change by nothing of it, and go on.
async fn check(url: &str) -> Outcome {
    audit(url).await?;
    let (case, outcomes) = play(url).await?;
    for (number, (step, mut outcome)) in case.steps.into_iter().zip(outcomes).enumerate() {
        let name = step.operation.as_str();
        let is_query = ["get_", "list_", "resolve_"]
            .iter()
            .any(|verb| name.starts_with(verb));
        let place = format!("step {number}, {name}");
        let replayed = outcome
            .as_object_mut()
            .and_then(|outcome| outcome.remove("replayed"));
        assert_eq!(replayed, (!is_query).then_some(json!(true)), "{place}");
        let mut told = json!({ "reply": step.reply });
        if is_query {
            // A query may tell more than it did then, beside the same.
            add_new(&mut told, &outcome);
        }
        assert_eq!(outcome, told, "{place}");
    }
    audit(url).await?;
    let store = SqlStore::open(url, SqlOptions::default()).await?;
    let engine = Engine::builder(Arc::new(store)).open().await?;
    let tenant = engine.tenant(TENANT.parse()?);
    tenant.execute(RegisterMember::new("zoe".parse()?)).await?;
    assert!(tenant.discard_events().await? > 0);
    engine.close().await;
    audit(url).await
}

/// Adds the fields of what is told now that were not told then.
fn add_new(then: &mut Value, now: &Value) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            for (name, told) in now {
                match then.get_mut(name) {
                    Some(known) => add_new(known, told),
                    None => {
                        then.insert(name.clone(), told.clone());
                    }
                }
            }
        }
        (Value::Array(then), Value::Array(now)) => {
            then.iter_mut()
                .zip(now)
                .for_each(|(then, now)| add_new(then, now));
        }
        _ => {}
    }
}

async fn audit(url: &str) -> Outcome {
    let store = SqlStore::open(url, SqlOptions::default()).await?;
    let engine = Engine::builder(Arc::new(store.clone())).open().await?;
    let report = engine.tenant(TENANT.parse()?).verify().await?;
    assert!(report.is_valid(), "{:?}", report.problems);
    assert!(report.entries > 0);
    engine.close().await;
    Ok(store.close().await?)
}
