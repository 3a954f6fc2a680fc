//! Reads a value again and again without what was refused, until nothing new is refused.
//!
//! A refused value is taken out of its list or object. Where a required field is missing, then or from the start, a value
//! [stands in](super::stand_in) for it, so that all missing fields show in one round. If none can, what holds it is taken
//! out, and so on outward. What follows from a value that was taken out or stands in is not reported.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::explain::Refusal;
use super::objects::Objects;
use super::path::{self, Step};
use super::stand_in::Trials;
use super::{has_room, json, omitted, told};
use crate::rejection::Problem;

/// How many values all readings together may visit, so that a large and hostile document is not read for minutes.
const VISITS_MAX: usize = 5_000_000;
/// Most readings, consequences and stand-ins included.
const READINGS_MAX: usize = 2_000;

/// What came of reading a value.
struct Reread<T> {
    /// What is left of the value when all that is refused is taken out; `None` when reading ended before.
    read: Option<T>,
    /// All that is wrong.
    problems: Vec<Problem>,
    /// The paths of values that were taken out or stand in for another.
    amended: Vec<String>,
}

/// Reads a value; `problems` are those found before, which make the reading fail in any case. When it fails, `check` says what
/// else is wrong with what is left, beside the paths of what was amended.
pub(super) fn collect<T: DeserializeOwned>(
    mut value: Value,
    problems: Vec<Problem>,
    check: impl FnOnce(&T, &[String]) -> Vec<Problem>,
) -> Result<T, Vec<Problem>> {
    // What the map of the JSON library does depends on the features other crates ask for, and what is told first must not.
    value.sort_all_objects();
    let Reread {
        read,
        mut problems,
        amended,
    } = reread(value, problems);
    match read {
        Some(read) if problems.is_empty() => return Ok(read),
        Some(rest) => problems.extend(check(&rest, &amended)),
        None => {}
    }
    Err(told(problems))
}

/// Reads a value as far as it can be read, and collects all that is wrong.
fn reread<T: DeserializeOwned>(mut value: Value, problems: Vec<Problem>) -> Reread<T> {
    let mut left = None;
    let mut amendments = Amendments::default();
    let mut trials = Trials::default();
    let mut problems = problems;
    let read = loop {
        let error = match serde_path_to_error::deserialize::<_, T>(Objects(&value)) {
            Ok(read) => break Some(read),
            Err(_) if !has_room(&problems) => break None,
            Err(error) => error,
        };
        let message = error.inner().to_string();
        let refusal = Refusal::read(&message);
        let here = path::steps(error.path()).unwrap_or_default();
        let there = amendments.original(&here);
        let is_tried = trials.refuse(&mut value, &here, &refusal);
        if !is_tried && !amendments.explains(&there, &refusal) {
            problems.push(refusal.problem(&there));
        }
        let left = left.get_or_insert_with(|| readings_for(&value));
        *left = left.saturating_sub(1);
        if *left == 0 {
            problems.push(omitted());
            break None;
        }
        if is_tried {
            continue;
        }
        if let Refusal::MissingField { name } = refusal
            && !amendments.stand_in_for(&there, name)
            && trials.begin(&mut value, &here, name)
        {
            amendments.add_stand_in(there, name);
        } else if let Some(length) = take(&mut value, &here) {
            trials.accept_all();
            amendments.add_taken(there, length, &refusal);
        } else {
            break None;
        }
    };
    let told = problems.iter().map(|problem| problem.path.clone());
    Reread {
        read,
        amended: told.chain(amendments.paths()).collect(),
        problems,
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

/// The values taken out or stood in for so far, by their steps in the document as it was given.
#[derive(Debug, Default)]
struct Amendments {
    refused: Vec<Vec<Step>>,
    /// Fields that were meant by misspelt ones.
    meant: Vec<Vec<Step>>,
    stand_ins: Vec<Vec<Step>>,
}

impl Amendments {
    fn add_stand_in(&mut self, mut holder: Vec<Step>, name: &str) {
        holder.push(Step::Field(name.to_owned()));
        self.stand_ins.push(holder);
    }

    fn add_taken(&mut self, mut steps: Vec<Step>, length: usize, refusal: &Refusal<'_>) {
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

    fn paths(&self) -> impl Iterator<Item = String> {
        let all = self.refused.iter().chain(&self.meant);
        all.chain(&self.stand_ins).map(|steps| path::render(steps))
    }

    /// Whether stand-ins for a field were tried already.
    fn stand_in_for(&self, holder: &[Step], name: &str) -> bool {
        self.stand_ins.iter().any(|steps| match steps.split_last() {
            Some((Step::Field(field), parents)) => field == name && parents == holder,
            _ => false,
        })
    }

    /// Whether a refusal only follows from a value that was taken out or stands in.
    fn explains(&self, there: &[Step], refusal: &Refusal<'_>) -> bool {
        let is_inside = |stand_in: &Vec<Step>| there.starts_with(stand_in);
        let is_around = |stand_in: &Vec<Step>| stand_in.starts_with(there);
        let follows_from_stand_in = match refusal {
            Refusal::MissingField { name } => self.stand_in_for(there, name),
            Refusal::UnknownField { .. } => false,
            _ => self.stand_ins.iter().any(is_around),
        };
        follows_from_stand_in
            || self.stand_ins.iter().any(is_inside)
            || self.follows_from_taken(there, refusal)
    }

    fn follows_from_taken(&self, there: &[Step], refusal: &Refusal<'_>) -> bool {
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
