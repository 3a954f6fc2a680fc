//! Where a value stands in its document, and how that is written: `rules[3].effect.percent.rate`.

use std::fmt;

use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::suggest::excerpt;

/// One step from a value to a value inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Item(usize),
}

/// The steps of a path that serde reports; `None` if a value stands under a key that is no text.
pub(super) fn steps(path: &Path) -> Option<Vec<Step>> {
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Item(*index)),
            Segment::Map { key } | Segment::Enum { variant: key } => Some(Step::Field(key.clone())),
            Segment::Unknown => None,
        })
        .collect()
}

/// The written form of steps from the root; empty for the root itself.
pub(super) fn render(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Field(name) => push_field(&mut text, name),
            Step::Item(index) => push_item(&mut text, *index),
        }
    }
    text
}

/// Takes out the value at the end of the steps; false if there is none.
pub(super) fn remove(root: &mut Value, steps: &[Step]) -> bool {
    let Some((last, parents)) = steps.split_last() else {
        return false;
    };
    match (inside(root, parents), last) {
        (Some(Value::Object(fields)), Step::Field(name)) => fields.remove(name).is_some(),
        (Some(Value::Array(items)), Step::Item(index)) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}

/// Puts a value where the steps end, in the object that holds it; false if there is no such object.
pub(super) fn put(root: &mut Value, steps: &[Step], new: Value) -> bool {
    let Some((Step::Field(name), parents)) = steps.split_last() else {
        return false;
    };
    let Some(Value::Object(fields)) = inside(root, parents) else {
        return false;
    };
    fields.insert(name.clone(), new);
    true
}

/// The value at the end of the steps.
pub(super) fn inside<'a>(root: &'a mut Value, steps: &[Step]) -> Option<&'a mut Value> {
    steps.iter().try_fold(root, |value, step| match step {
        Step::Field(name) => value.get_mut(name),
        Step::Item(index) => value.get_mut(index),
    })
}

pub(super) fn push_field(path: &mut String, name: &str) {
    let plain = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if !plain {
        path.push_str(&format!("[{:?}]", excerpt(name)));
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(&excerpt(name));
}

pub(super) fn push_item(path: &mut String, index: usize) {
    path.push_str(&format!("[{index}]"));
}

/// A place in a document, linked to the place around it, so that walking a valid document writes no path at all.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At<'a> {
    Root,
    Field(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
}

impl<'a> At<'a> {
    pub(crate) fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    pub(crate) fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }

    fn write(&self, path: &mut String) {
        match self {
            Self::Root => {}
            Self::Field(parent, name) => {
                parent.write(path);
                push_field(path, name);
            }
            Self::Item(parent, index) => {
                parent.write(path);
                push_item(path, *index);
            }
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut path = String::new();
        self.write(&mut path);
        f.write_str(&path)
    }
}
