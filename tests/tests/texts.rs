//! NUL, which not every store can hold, is refused in every text of every operation, with its path, before a store is asked.
//!
//! The requests are those of the vectors: each text and each name in them is spoilt once.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use rewards_core::command::Operation;
use rewards_core::parse::parse_value;
use rewards_core::rejection::{Fault, FaultKind, Problem, Rejection};
use rewards_core::with_operations;
use rewards_storage::engine::{CommandOptions, Engine, TenantEngine};
use rewards_storage::memory::MemoryStore;
use rewards_storage::scenario::{Case, ScenarioFile, Step};
use rewards_tests::source;
use serde_json::Value;

/// The number of places may grow, not shrink below this.
const PLACES_MIN: usize = 120;

macro_rules! executes {
    ($($operation:ty,)*) => {
        async fn execute(engine: &TenantEngine, step: &Step, request: Value) -> Result<(), Fault> {
            match step.operation.as_str() {
                $(<$operation as Operation>::NAME => execute_as::<$operation>(engine, step, request).await,)*
                name => Err(Fault::new("internal", format!("no operation `{name}`"))),
            }
        }
    };
}

with_operations!(executes);

async fn execute_as<O: Operation>(
    engine: &TenantEngine,
    step: &Step,
    request: Value,
) -> Result<(), Fault> {
    let request: O = parse_value(request).map_err(Rejection::Invalid)?;
    let options = CommandOptions {
        key: step.key.clone(),
        now: Some(step.now),
    };
    engine.execute_with(request, options).await.map(|_| ())
}

/// A step down in a request.
#[derive(Debug, Clone)]
enum Down {
    Field(String),
    Item(usize),
}

/// The places of all texts, and of all names of fields.
fn places(value: &Value, path: &mut Vec<Down>, found: &mut Vec<Vec<Down>>) {
    match value {
        Value::String(_) => found.push(path.clone()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Down::Item(index));
                places(item, path, found);
                path.pop();
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                path.push(Down::Field(name.clone()));
                places(value, path, found);
                path.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn spoil(request: &Value, path: &[Down], name_too: bool) -> Option<Value> {
    let mut request = request.clone();
    let (last, parents) = path.split_last()?;
    let mut parent = &mut request;
    for step in parents {
        parent = match step {
            Down::Field(name) => parent.get_mut(name)?,
            Down::Item(index) => parent.get_mut(index)?,
        };
    }
    match (last, name_too) {
        (Down::Field(name), true) => {
            let fields = parent.as_object_mut()?;
            let value = fields.remove(name)?;
            fields.insert(format!("{name}\0"), value);
        }
        (Down::Item(_), true) => return None,
        (Down::Field(name), false) => {
            let value = parent.get_mut(name)?;
            *value = format!("{}\0", value.as_str()?).into();
        }
        (Down::Item(index), false) => {
            let value = parent.get_mut(index)?;
            *value = format!("{}\0", value.as_str()?).into();
        }
    }
    Some(request)
}

/// The path as problems write it; two places that differ in an index alone are the same.
fn written(path: &[Down]) -> (String, String) {
    let (mut exact, mut general) = (String::new(), String::new());
    for step in path {
        match step {
            Down::Field(name) => {
                let dot = if exact.is_empty() { "" } else { "." };
                exact.push_str(&format!("{dot}{name}"));
                general.push_str(&format!("{dot}{name}"));
            }
            Down::Item(index) => {
                exact.push_str(&format!("[{index}]"));
                general.push_str("[]");
            }
        }
    }
    (exact, general)
}

/// A path without the places in lists.
fn without_places(path: &str) -> String {
    path.chars()
        .filter(|c| !c.is_ascii_digit() && !matches!(c, '[' | ']'))
        .collect()
}

struct Check {
    seen: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Check {
    async fn case(&mut self, case: &Case) -> Result<(), Box<dyn Error>> {
        let mut builder =
            Engine::builder(Arc::new(MemoryStore::new())).now_ahead_max(Duration::MAX);
        if let Some(ring) = case.ring().map_err(Rejection::Invalid)? {
            builder = builder.key_ring(ring);
        }
        let engine = builder.open().await?;
        let tenant = engine.tenant("vectors".parse()?);
        for step in &case.steps {
            if step.fault.is_none() {
                self.step(&tenant, step).await;
            }
            let _ = execute(&tenant, step, step.request.clone()).await;
        }
        engine.close().await;
        Ok(())
    }

    async fn step(&mut self, tenant: &TenantEngine, step: &Step) {
        let mut all = Vec::new();
        places(&step.request, &mut Vec::new(), &mut all);
        for path in all {
            let (exact, general) = written(&path);
            for name_too in [false, true] {
                let place = format!("{} {general} {name_too}", step.operation.as_str());
                let Some(spoilt) = spoil(&step.request, &path, name_too) else {
                    continue;
                };
                if !self.seen.insert(place.clone()) {
                    continue;
                }
                match execute(tenant, step, spoilt).await {
                    Ok(()) => self.wrong.push(format!("{place}: taken")),
                    Err(fault) if fault.kind != FaultKind::Invalid => {
                        self.wrong.push(format!("{place}: {fault}"));
                    }
                    Err(fault) if name_too => assert!(!fault.problems.is_empty(), "{place}"),
                    Err(fault) => {
                        // A set is in order, and an amount is told as a whole.
                        let is_there = |problem: &Problem| {
                            let told = without_places(&problem.path);
                            without_places(&exact).starts_with(&told) && !told.is_empty()
                        };
                        if !fault.problems.iter().any(is_there) {
                            self.wrong.push(format!("{place}: {:?}", fault.problems));
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn nul_is_refused_in_every_text_of_every_operation() -> Result<(), Box<dyn Error>> {
    let mut check = Check {
        seen: BTreeSet::new(),
        wrong: Vec::new(),
    };
    for entry in fs::read_dir(source::workspace_root().join("tests/vectors"))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let file: ScenarioFile = serde_json::from_str(&fs::read_to_string(path)?)?;
            for case in &file.cases {
                check.case(case).await?;
            }
        }
    }
    assert!(check.wrong.is_empty(), "{:#?}", check.wrong);
    assert!(check.seen.len() >= PLACES_MIN, "{}", check.seen.len());
    Ok(())
}
