//! What of a member the conditions of a program look at.

use std::collections::BTreeSet;

use super::check::Check;

/// The segments that conditions name and the attributes that they test.
#[derive(Debug, Clone, Default)]
pub struct MemberFacts {
    /// Segments.
    pub segments: BTreeSet<String>,
    /// Names of attributes.
    pub attributes: BTreeSet<String>,
}

impl MemberFacts {
    /// Adds what a condition looks at.
    pub(super) fn add(&mut self, check: &Check) {
        match check {
            Check::All(parts) | Check::Any(parts) | Check::None(parts) => {
                parts.iter().for_each(|part| self.add(part));
            }
            Check::Segment(segments) => self.segments.extend(segments.iter().cloned()),
            Check::Attribute(test) => {
                self.attributes.insert(test.name.clone());
            }
            Check::Amount(..)
            | Check::Fact(..)
            | Check::Tag(_)
            | Check::Tier(..)
            | Check::Line(_)
            | Check::Activity(_)
            | Check::EveryNth(..)
            | Check::Weekday(_)
            | Check::TimeOfDay(_)
            | Check::Dates(_)
            | Check::Offer(_) => {}
        }
    }
}
