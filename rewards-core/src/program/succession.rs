//! What a revision takes over from those before it: what members did so far, and where they stand.
//!
//! Both are members' own, so a document that would silently drop something of it is not published:
//!
//! | Code | Meaning |
//! |---|---|
//! | `counting_starts_late` | it asks for what was spent in its currency, and earlier revisions had another one |
//! | `tier_removed` | a tier that members may stand on is missing, and no other takes its place |
//!
//! Everything else that a document can ask of the past is known: it was [summed](crate::counter::Summed) of every purchase.
//! A count that a document limits (a cap, a budget) or carries is no question about the past, and begins with it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::compiled_ladder::CompiledLadder;
use super::{Condition, Ladder, Measure, Program};
use crate::parse::At;
use crate::rejection::Problem;

/// From when on something is counted, where the document accepts that it is not from a member's first purchase on.
///
/// It changes nothing about what is counted: what is known of the time before counts all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// From the publication on.
    Publication,
}

/// An earlier revision, as far as a later one takes over from it.
#[derive(Debug, Clone, Copy)]
pub struct Predecessor<'a> {
    /// Its document.
    pub document: &'a Program,
    /// Its ladders.
    pub ladders: &'a [CompiledLadder],
}

/// Every problem of a compiled document as the successor of earlier revisions.
#[must_use]
pub fn succession(
    document: &Program,
    ladders: &[CompiledLadder],
    earlier: &[Predecessor<'_>],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let differs = |one: &&Predecessor<'_>| one.document.currency != document.currency;
    if let Some(other) = earlier.iter().find(differs) {
        let mut late = Late {
            words: format!(
                "an earlier revision counted in {}, so what was spent in {} before the publication is unknown: say \
                 `since = \"publication\"` if that is meant",
                other.document.currency, document.currency
            ),
            problems: &mut problems,
        };
        late.check(document);
    }
    let root = At::Root;
    let list = root.field("ladders");
    for (index, ladder) in ladders.iter().enumerate() {
        check_tiers(
            &list.item(index).field("tiers"),
            ladder,
            earlier,
            &mut problems,
        );
    }
    problems
}

/// Looks for what asks for money spent.
struct Late<'p> {
    words: String,
    problems: &'p mut Vec<Problem>,
}

impl Late<'_> {
    fn check(&mut self, document: &Program) {
        let root = At::Root;
        let rules = root.field("rules");
        for (index, rule) in document.rules.iter().enumerate() {
            if let Some(when) = &rule.when {
                self.condition(&rules.item(index).field("when"), when);
            }
        }
        let section = root.field("offers");
        let list = section.field("list");
        let offers = document.offers.iter().flat_map(|section| &section.list);
        for (index, offer) in offers.enumerate() {
            if let Some(when) = &offer.when {
                self.condition(&list.item(index).field("when"), when);
            }
        }
        let list = root.field("ladders");
        for (index, ladder) in document.ladders.iter().enumerate() {
            self.ladder(&list.item(index), ladder);
        }
    }

    fn condition(&mut self, at: &At<'_>, condition: &Condition) {
        let (name, parts) = match condition {
            Condition::All(parts) => ("all", parts),
            Condition::Any(parts) => ("any", parts),
            Condition::None(parts) => ("none", parts),
            Condition::WindowSum(test) if test.since.is_none() => {
                return self.report(&at.field("window_sum"));
            }
            _ => return,
        };
        let list = at.field(name);
        for (index, part) in parts.iter().enumerate() {
            self.condition(&list.item(index), part);
        }
    }

    fn ladder(&mut self, at: &At<'_>, ladder: &Ladder) {
        if matches!(ladder.measure, Measure::Spend(_)) && ladder.since.is_none() {
            self.report(&at.field("measure"));
        }
    }

    fn report(&mut self, at: &At<'_>) {
        let problem = Problem::new("counting_starts_late", at.to_string(), self.words.clone());
        self.problems.push(problem);
    }
}

/// Members may stand on every tier that a ladder of this name ever had. Of the lowest nothing is lost: who stands on a tier
/// that is not there stands on the lowest.
fn check_tiers(
    at: &At<'_>,
    ladder: &CompiledLadder,
    earlier: &[Predecessor<'_>],
    problems: &mut Vec<Problem>,
) {
    let same = earlier.iter().flat_map(|one| one.ladders);
    let same = same.filter(|known| known.id() == ladder.id());
    let higher = same.flat_map(|known| known.tiers().skip(1));
    let missing = higher.filter(|tier| ladder.rank_of(&tier.id).is_none());
    let missing: BTreeSet<&str> = missing.map(|tier| tier.id.as_str()).collect();
    for tier in missing {
        let words = format!(
            "members may stand on the tier `{tier}` of an earlier revision: let the tier that takes its place name it \
             in `replaces`"
        );
        problems.push(Problem::new("tier_removed", at.to_string(), words));
    }
}
