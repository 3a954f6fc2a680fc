//! Values that stand in for required fields that are missing, so that reading goes on and shows what else is wrong.
//!
//! What a field wants is known to its type alone, so values of each kind are tried until one is not refused. What was read
//! with a stand-in is looked at for more problems and then dropped; it never becomes a request or a document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::explain::Refusal;
use super::path::{self, Step};

/// Stand-ins are named by numbers from here on, which nobody's ids are.
const NAMES_FROM: usize = 718_281_828;
/// How many names of a choice are tried.
const NAMES_MAX: usize = 2;

/// The stand-ins that are being tried, each inside the one before it.
#[derive(Debug, Default)]
pub(super) struct Trials {
    open: Vec<Trial>,
    begun: usize,
    /// Objects that were accepted, by the name of their field: they are tried first where the same field is missing again.
    accepted: BTreeMap<String, Value>,
}

#[derive(Debug)]
struct Trial {
    place: Vec<Step>,
    /// What was not tried yet; the next one is the last.
    left: Vec<Value>,
}

impl Trials {
    /// Puts the first stand-in where a field is missing; false if there is no object that could hold it.
    pub(super) fn begin(&mut self, root: &mut Value, holder: &[Step], name: &str) -> bool {
        let mut place = holder.to_vec();
        place.push(Step::Field(name.to_owned()));
        // What is not around this field was accepted.
        while let Some(trial) = self.open.pop_if(|trial| !holder.starts_with(&trial.place)) {
            self.accept(root, &trial);
        }
        self.begun = self.begun.saturating_add(1);
        let mut left = kinds(self.begun);
        left.extend(self.accepted.get(name).cloned());
        self.open.push(Trial { place, left });
        self.try_next(root)
    }

    /// Puts the next stand-in if the refusal is about the one being tried; false if it is about something else.
    pub(super) fn refuse(
        &mut self,
        root: &mut Value,
        here: &[Step],
        refusal: &Refusal<'_>,
    ) -> bool {
        let number = self.begun;
        let Some(trial) = self.open.last_mut() else {
            return false;
        };
        // What holds a stand-in may be the one to refuse it: an amount is read together with its asset.
        let is_about_it = here.starts_with(&trial.place) || trial.place.starts_with(here);
        if !is_about_it {
            return false;
        }
        match refusal {
            Refusal::MissingField { .. } | Refusal::UnknownField { .. } => return false,
            Refusal::UnknownVariant { known, .. } if here.len() == trial.place.len() => {
                trial.left = known
                    .iter()
                    .take(NAMES_MAX)
                    .rev()
                    .flat_map(|name| choices(name, number))
                    .collect();
            }
            _ => {}
        }
        self.try_next(root)
    }

    /// Only objects: names have to differ, and are accepted at once.
    fn accept(&mut self, root: &mut Value, trial: &Trial) {
        if let Some(Step::Field(name)) = trial.place.last()
            && let Some(value @ Value::Object(_)) = path::inside(root, &trial.place)
        {
            self.accepted.insert(name.clone(), value.clone());
        }
    }

    /// Ends all trials: items of lists have moved.
    pub(super) fn accept_all(&mut self) {
        self.open.clear();
    }

    fn try_next(&mut self, root: &mut Value) -> bool {
        while let Some(trial) = self.open.last_mut() {
            if let Some(next) = trial.left.pop() {
                return path::put(root, &trial.place, next);
            }
            path::remove(root, &trial.place);
            self.open.pop();
        }
        false
    }
}

/// A value of each kind, the most common one last. Names are told apart by a number, so that no two stand-ins are one name.
/// The number alone comes first: it is an amount as well as an id, and what is read together with others must not fail.
fn kinds(number: usize) -> Vec<Value> {
    vec![
        json!("0".repeat(64)),
        json!([]),
        json!({}),
        json!(true),
        json!(1),
        json!("12:00"),
        json!("2026-01-01"),
        json!("2026-01-01T00:00:00Z"),
        json!("1%"),
        json!("UTC"),
        json!("EUR"),
        json!(format!("a{number}")),
        json!(NAMES_FROM.saturating_add(number).to_string()),
    ]
}

/// The forms in which one name of a choice may be given, the most common one last.
fn choices(name: &str, number: usize) -> Vec<Value> {
    let holding = |inner| Value::Object(Map::from_iter([(name.to_owned(), inner)]));
    let mut forms: Vec<Value> = kinds(number).into_iter().map(holding).collect();
    forms.push(json!(name));
    forms
}
