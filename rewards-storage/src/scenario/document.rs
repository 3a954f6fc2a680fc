//! The file itself: cases, steps, expectations, and what is refused about them.

use std::collections::BTreeSet;
use std::fmt;

use rewards_core::ids::{IdempotencyKey, KeyId, Slug};
use rewards_core::parse::parse_request;
use rewards_core::registry::OPERATIONS;
use rewards_core::rejection::Problem;
use rewards_core::secret::KeyPurpose;
use rewards_core::time::Timestamp;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::{KeyData, KeyRing};

/// A file of cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// What the cases are about, in one line.
    pub about: String,
    /// The cases; each starts from empty books.
    pub cases: Vec<Case>,
}

/// Steps that are taken one after another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name, which no other case of the file has.
    pub name: Slug,
    /// What it shows, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The keys that the engine of the case has; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_ring: Option<Vec<CaseKey>>,
    /// The steps; at least one.
    pub steps: Vec<Step>,
}

/// A key that everybody may read, for tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseKey {
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Its id.
    pub id: KeyId,
    /// Its bytes in hexadecimal digits.
    pub key: String,
    /// From when new digests are made with it.
    pub valid_from: Timestamp,
    /// Until when, exclusive; for good when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

impl Case {
    /// The ring that the engine of the case is opened with.
    ///
    /// # Errors
    /// What is wrong with it, with paths from the case on.
    pub fn ring(&self) -> Result<Option<KeyRing>, Vec<Problem>> {
        let Some(keys) = &self.key_ring else {
            return Ok(None);
        };
        let mut read = Vec::with_capacity(keys.len());
        let mut problems = Vec::new();
        for (number, key) in keys.iter().enumerate() {
            match hex::decode(&key.key) {
                Ok(bytes) => read.push(KeyData {
                    purpose: key.purpose,
                    id: key.id.to_string(),
                    key: bytes.into(),
                    valid_from: key.valid_from,
                    valid_until: key.valid_until,
                }),
                Err(error) => {
                    let words = format!("expected hexadecimal digits: {error}");
                    let path = format!("key_ring[{number}].key");
                    problems.push(Problem::new("value_invalid", path, words));
                }
            }
        }
        if problems.is_empty() {
            KeyRing::from_data(read).map(Some)
        } else {
            Err(problems)
        }
    }
}

/// One request and what must come back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Which operation.
    pub operation: OperationName,
    /// When it is decided.
    pub now: Timestamp,
    /// The idempotency key; the one that the request implies when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<IdempotencyKey>,
    /// The request as JSON; it may be wrong, which is then what the step is about.
    pub request: Value,
    /// The reply that must come back, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Value>,
    /// Whether the reply must be that of an earlier step with the same key.
    #[serde(default)]
    pub replayed: bool,
    /// The fault that must come back, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Value>,
}

/// The name of an operation of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct OperationName(&'static str);

impl OperationName {
    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for OperationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Reads like a variant of an enum, so that a misspelt name is refused with the nearest one.
impl<'de> Deserialize<'de> for OperationName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = OPERATIONS.iter().map(|entry| entry.name);
        known
            .clone()
            .find(|known| *known == name)
            .map(Self)
            .ok_or_else(|| {
                let known: Vec<String> = known.map(|known| format!("`{known}`")).collect();
                D::Error::custom(format_args!(
                    "unknown variant `{name}`, expected one of {}",
                    known.join(", ")
                ))
            })
    }
}

impl Step {
    /// What must come back, in the form in which it is compared; `None` where nothing is expected yet.
    pub(super) fn expected(&self) -> Option<Value> {
        match (&self.reply, &self.fault) {
            (Some(reply), _) => Some(replied(reply.clone(), self.replayed)),
            (None, Some(fault)) => Some(refused(fault.clone())),
            (None, None) => None,
        }
    }
}

/// A reply as a step writes it.
pub(super) fn replied(reply: Value, replayed: bool) -> Value {
    let mut fields = Map::new();
    fields.insert("reply".to_owned(), reply);
    if replayed {
        fields.insert("replayed".to_owned(), Value::Bool(true));
    }
    Value::Object(fields)
}

/// A fault as a step writes it.
pub(super) fn refused(fault: Value) -> Value {
    Value::Object(Map::from_iter([("fault".to_owned(), fault)]))
}

/// Reads the text of a file.
///
/// # Errors
/// All problems of its shape; then names given twice, a file without cases, a case without steps, keys that make no ring,
/// and steps that expect two things at once.
pub fn parse(text: &str) -> Result<ScenarioFile, Vec<Problem>> {
    let file: ScenarioFile = parse_request(text)?;
    let problems = check(&file);
    if problems.is_empty() {
        Ok(file)
    } else {
        Err(problems)
    }
}

fn check(file: &ScenarioFile) -> Vec<Problem> {
    let mut problems = Vec::new();
    if file.cases.is_empty() {
        problems.push(Problem::new(
            "cases_empty",
            "cases",
            "expected at least one case",
        ));
    }
    let mut names = BTreeSet::new();
    for (number, case) in file.cases.iter().enumerate() {
        let path = format!("cases[{number}]");
        if !names.insert(&case.name) {
            let words = format!("another case is called `{}`", case.name);
            problems.push(Problem::new("id_duplicate", format!("{path}.name"), words));
        }
        if case.steps.is_empty() {
            let path = format!("{path}.steps");
            problems.push(Problem::new(
                "steps_empty",
                path,
                "expected at least one step",
            ));
        }
        if let Err(found) = case.ring() {
            problems.extend(found.into_iter().map(|problem| problem.below(&path)));
        }
        for (number, step) in case.steps.iter().enumerate() {
            let words = match (&step.reply, &step.fault) {
                (Some(_), Some(_)) => "expected one of `reply` and `fault`, got both",
                (None, Some(_)) if step.replayed => {
                    "a fault is never replayed: expected a `reply`, or no `replayed`"
                }
                _ => continue,
            };
            let path = format!("{path}.steps[{number}]");
            problems.push(Problem::new("expectation_contradiction", path, words));
        }
    }
    problems
}
