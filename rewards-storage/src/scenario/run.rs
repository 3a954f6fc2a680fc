//! Cases through the typed operations, on both stores.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rewards_core::command::Operation;
use rewards_core::ids::TenantId;
use rewards_core::parse::parse_value;
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::with_operations;
use serde_json::Value;
use tempfile::TempDir;

use super::canonical;
use super::difference::differences;
use super::document::{Case, ScenarioFile, Step, refused, replied};
use super::json::Ordered;
use super::report::{Difference, Failure, Report};
use super::{SEED, ScenarioError, TENANT, at};
use crate::engine::{CommandOptions, Engine, SeededRandom, TenantEngine};
use crate::memory::MemoryStore;
use crate::sql::{SqlOptions, SqlStore};
use crate::store::Backend;

const MEMORY: &str = "memory";
const SQLITE: &str = "sqlite";
const BOTH: &str = "memory and sqlite";

/// What the steps of a case came to, in the form in which they are compared.
type Outcomes = Vec<Value>;

/// Runs the cases of a file and reports what is not as expected.
pub(super) async fn compare_file(
    path: &Path,
    file: &ScenarioFile,
    report: &mut Report,
) -> Result<(), ScenarioError> {
    for case in &file.cases {
        let found = Found::of(case).await?;
        found.compare(path, case, report);
        report.cases = report.cases.saturating_add(1);
    }
    Ok(())
}

/// Runs the cases of a file and writes what they came to into the file.
pub(super) async fn bless_file(
    path: &Path,
    file: &ScenarioFile,
    report: &mut Report,
) -> Result<(), ScenarioError> {
    let before = std::fs::read_to_string(path).map_err(|source| at(path, source))?;
    let mut tree: Ordered = serde_json::from_str(&before)?;
    for (number, case) in file.cases.iter().enumerate() {
        let found = Found::of(case).await?;
        report.cases = report.cases.saturating_add(1);
        if !found.is_agreed() {
            found.compare(path, case, report);
            continue;
        }
        for (step, outcome) in found.memory.iter().enumerate() {
            let place = tree
                .field("cases")
                .and_then(|cases| cases.item(number)?.field("steps")?.item(step));
            if let (Some(place), Value::Object(parts)) = (place, outcome) {
                expect(place, parts);
            }
        }
    }
    let after = tree.to_file();
    if after != before {
        std::fs::write(path, after).map_err(|source| at(path, source))?;
        report.blessed.push(path.to_owned());
    }
    Ok(())
}

/// Puts what was found in the place of what a step expects.
fn expect(step: &mut Ordered, parts: &serde_json::Map<String, Value>) {
    let Ordered::Object(fields) = step else {
        return;
    };
    for name in ["reply", "replayed", "fault"] {
        fields.remove(name);
    }
    for name in ["replayed", "reply", "fault"] {
        if let Some(value) = parts.get(name) {
            fields.push(name, Ordered::from(value));
        }
    }
}

/// What a case came to on each store.
struct Found {
    memory: Outcomes,
    sqlite: Outcomes,
}

impl Found {
    async fn of(case: &Case) -> Result<Self, ScenarioError> {
        Ok(Self {
            memory: in_memory(case).await?,
            sqlite: on_sqlite(case).await?,
        })
    }

    fn is_agreed(&self) -> bool {
        self.memory.iter().map(canonical).collect::<Vec<_>>()
            == self.sqlite.iter().map(canonical).collect::<Vec<_>>()
    }

    fn compare(&self, file: &Path, case: &Case, report: &mut Report) {
        let before = report.failures.len();
        let stores: &[(&'static str, &Outcomes)] = if self.is_agreed() {
            &[(BOTH, &self.memory)]
        } else {
            &[(MEMORY, &self.memory), (SQLITE, &self.sqlite)]
        };
        for (stores, outcomes) in stores {
            for (number, (step, outcome)) in case.steps.iter().zip(*outcomes).enumerate() {
                let differences = unlike(step, outcome);
                if differences.is_empty() {
                    continue;
                }
                report.failures.push(Failure {
                    file: file.to_owned(),
                    case: case.name.clone(),
                    step: number.saturating_add(1),
                    operation: step.operation,
                    stores,
                    differences,
                });
            }
        }
        if report.failures.len() > before {
            report.failed = report.failed.saturating_add(1);
        }
    }
}

/// How an outcome differs from what its step expects.
fn unlike(step: &Step, outcome: &Value) -> Vec<Difference> {
    let expected = step.expected().unwrap_or(Value::Object(Default::default()));
    if canonical(&expected) == canonical(outcome) {
        return Vec::new();
    }
    differences(&expected, outcome)
}

async fn in_memory(case: &Case) -> Result<Outcomes, ScenarioError> {
    take_steps(case, Arc::new(MemoryStore::new()), MEMORY).await
}

async fn on_sqlite(case: &Case) -> Result<Outcomes, ScenarioError> {
    let opening = |error: crate::error::StoreError| ScenarioError::Store {
        store: SQLITE,
        fault: error.into(),
    };
    let folder = TempDir::new().map_err(|source| at(&std::env::temp_dir(), source))?;
    let store = SqlStore::open_file(folder.path().join("books.sqlite"), SqlOptions::default())
        .await
        .map_err(opening)?;
    let outcomes = take_steps(case, Arc::new(store.clone()), SQLITE).await;
    store.close().await.map_err(opening)?;
    outcomes
}

/// Takes the steps of a case on a store, and returns what they came to.
pub(super) async fn take_steps(
    case: &Case,
    backend: Arc<dyn Backend>,
    store: &'static str,
) -> Result<Outcomes, ScenarioError> {
    let broken = |fault| ScenarioError::Store { store, fault };
    let tenant =
        TenantId::new(TENANT).map_err(|error| broken(Fault::new("internal", error.to_string())))?;
    // A file plays at the times that it says, whatever the clock says.
    let mut builder = Engine::builder(backend)
        .random(Arc::new(SeededRandom::new(SEED)))
        .now_ahead_max(Duration::MAX);
    let ring = case.ring().map_err(Rejection::Invalid);
    if let Some(ring) = ring.map_err(|rejection| broken(rejection.into()))? {
        builder = builder.key_ring(ring);
    }
    let engine = builder.open().await.map_err(broken)?;
    let tenant = engine.tenant(tenant);
    let mut outcomes = Vec::with_capacity(case.steps.len());
    for step in &case.steps {
        let outcome = match execute(&tenant, step).await {
            Ok((reply, replayed)) => replied(reply, replayed),
            Err(fault) => refused(serde_json::to_value(fault)?),
        };
        outcomes.push(outcome);
    }
    engine.close().await;
    Ok(outcomes)
}

macro_rules! executes {
    ($($operation:ty,)*) => {
        /// Executes a step as the operation that it names.
        async fn execute(engine: &TenantEngine, step: &Step) -> Result<(Value, bool), Fault> {
            match step.operation.as_str() {
                $(<$operation as Operation>::NAME => execute_as::<$operation>(engine, step).await,)*
                name => Err(Fault::new("internal", format!("no operation `{name}`"))),
            }
        }
    };
}

with_operations!(executes);

async fn execute_as<O: Operation>(
    engine: &TenantEngine,
    step: &Step,
) -> Result<(Value, bool), Fault> {
    let request: O = parse_value(step.request.clone()).map_err(Rejection::Invalid)?;
    let options = CommandOptions {
        key: step.key.clone(),
        now: Some(step.now),
    };
    let receipt = engine.execute_with(request, options).await?;
    let reply = serde_json::to_value(receipt.reply)
        .map_err(|error| Fault::new("internal", error.to_string()))?;
    Ok((reply, receipt.replayed))
}
