//! Reads a value again and again without what was refused, until nothing new is refused.
//!
//! A refused value is taken out of its list or object. If what holds it cannot do without it, that goes next, and so
//! on outward; such consequences are not reported. What is left over is then read as if the refused value had never
//! been there, and the next problem shows.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::explain::Refusal;
use super::objects::Objects;
use super::path::{self, Step};
use super::{has_room, json, told};
use crate::rejection::Problem;

/// How many values all readings together may visit, so that a large and hostile document is not read for minutes.
const VISITS_MAX: usize = 10_000_000;
/// Most readings, consequences included.
const READINGS_MAX: usize = 400;

/// Reads a value; `problems` are those found before, which make the reading fail in any case.
pub(super) fn collect<T: DeserializeOwned>(
    mut value: Value,
    problems: Vec<Problem>,
) -> Result<T, Vec<Problem>> {
    let mut readings = None;
    let mut taken = Taken::default();
    let mut problems = problems;
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(Objects(&value)) {
            Ok(read) if problems.is_empty() => return Ok(read),
            Ok(_) => return Err(told(problems)),
            Err(_) if !has_room(&problems) => return Err(told(problems)),
            Err(error) => error,
        };
        let message = error.inner().to_string();
        let refusal = Refusal::read(&message);
        let here = path::steps(error.path()).unwrap_or_default();
        let there = taken.original(&here);
        if !taken.explains(&there, &refusal) {
            problems.push(refusal.problem(&there));
        }
        let left = readings.get_or_insert_with(|| readings_for(&value));
        *left = left.saturating_sub(1);
        if *left == 0 {
            return Err(told(problems));
        }
        let Some(length) = take(&mut value, &here) else {
            return Err(told(problems));
        };
        taken.add(there, length, &refusal);
    }
}

/// Takes out the value at the end of the steps, or else the nearest one around it, and returns how many steps it is
/// away from the root. A name alone, such as `percent`, has no value inside that could go.
fn take(value: &mut Value, here: &[Step]) -> Option<usize> {
    (1..=here.len()).rev().find(|length| {
        here.get(..*length)
            .is_some_and(|steps| path::remove(value, steps))
    })
}

fn readings_for(value: &Value) -> usize {
    VISITS_MAX
        .checked_div(json::count(value))
        .unwrap_or_default()
        .clamp(1, READINGS_MAX)
}

/// The values taken out so far, by their steps in the document as it was given.
#[derive(Debug, Default)]
struct Taken {
    refused: Vec<Vec<Step>>,
    /// Fields that were meant by misspelt ones.
    meant: Vec<Vec<Step>>,
}

impl Taken {
    fn add(&mut self, mut steps: Vec<Step>, length: usize, refusal: &Refusal<'_>) {
        steps.truncate(length);
        if !matches!(refusal, Refusal::UnknownField { .. }) {
            self.refused.push(steps);
        } else if let (Some(meant), Some(last)) = (refusal.meant(), steps.last_mut()) {
            *last = Step::Field(meant.to_owned());
            self.meant.push(steps);
        }
    }

    /// The steps in the document as it was given, where lists still had the items that were taken out.
    fn original(&self, here: &[Step]) -> Vec<Step> {
        let mut there = Vec::with_capacity(here.len());
        for step in here {
            let step = match step {
                Step::Item(index) => Step::Item(self.original_index(&there, *index)),
                Step::Field(name) => Step::Field(name.clone()),
            };
            there.push(step);
        }
        there
    }

    fn original_index(&self, list: &[Step], index: usize) -> usize {
        let mut gone: Vec<usize> = self
            .refused
            .iter()
            .filter_map(|steps| match steps.split_last() {
                Some((Step::Item(gone), parents)) if parents == list => Some(*gone),
                _ => None,
            })
            .collect();
        gone.sort_unstable();
        gone.into_iter().fold(index, |index, gone| {
            if gone <= index {
                index.saturating_add(1)
            } else {
                index
            }
        })
    }

    /// Whether a refusal only follows from a value that was taken out.
    fn explains(&self, there: &[Step], refusal: &Refusal<'_>) -> bool {
        self.refused.iter().chain(&self.meant).any(|steps| {
            let Some((Step::Field(gone), parents)) = steps.split_last() else {
                return false;
            };
            parents == there
                && match refusal {
                    Refusal::MissingField { name } => name == gone,
                    // An object that stands for one of several names has nothing left.
                    Refusal::WrongValue { expected, .. } => *expected == "map with a single key",
                    _ => false,
                }
        })
    }
}
