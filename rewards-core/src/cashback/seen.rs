//! What a decision saw of its member, as far as its rules could look at it: kept with a purchase, so that it can be explained
//! for as long as the purchase is kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Standing, Values};
use crate::program::{Boost, CompiledProgram};

/// Where a member stood when a purchase was decided, by the numbers of the revision that decided it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenStanding {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ranks: Vec<usize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    used: Vec<(u32, i64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counted: Vec<(u32, i64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    carried: Vec<(u32, i64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    carried_parts: Vec<(u32, i64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    offers: Vec<u32>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    segments: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
}

impl SeenStanding {
    /// What the rules of a revision could look at.
    #[must_use]
    pub fn of(program: &CompiledProgram, standing: &Standing<'_>) -> Self {
        let looked_at = program.member_facts();
        let named = looked_at.segments.intersection(standing.segments);
        let attributes = looked_at.attributes.iter().filter_map(|name| {
            let value = standing.attributes.get(name)?;
            Some((name.clone(), value.clone()))
        });
        let mut ranks = standing.ranks.to_vec();
        // A missing rank is the lowest one.
        while ranks.pop_if(|rank| *rank == 0).is_some() {}
        Self {
            ranks,
            used: standing.used.iter().collect(),
            counted: standing.activity_counters.iter().collect(),
            carried: standing.carried.iter().collect(),
            carried_parts: standing.carried_parts.iter().collect(),
            offers: standing.offers.to_vec(),
            segments: named.cloned().collect(),
            attributes: attributes.collect(),
        }
    }

    /// Whether it says anything of the member in words.
    #[must_use]
    pub fn has_words(&self) -> bool {
        !self.segments.is_empty() || !self.attributes.is_empty()
    }

    /// The member's rank on each ladder, in their order; lowest ranks at the end are left out.
    pub fn ranks(&self) -> impl Iterator<Item = usize> + '_ {
        self.ranks.iter().copied()
    }

    /// The standing again, with what the tiers of these [ranks](Self::ranks) give.
    #[must_use]
    pub fn standing(&self, boost: Boost) -> Standing<'_> {
        let values = |kept: &[(u32, i64)]| {
            let mut values = Values::default();
            kept.iter()
                .for_each(|(number, value)| values.set(*number, *value));
            values
        };
        Standing {
            segments: &self.segments,
            attributes: &self.attributes,
            ranks: self.ranks().collect(),
            boost,
            used: values(&self.used),
            activity_counters: values(&self.counted),
            carried: values(&self.carried),
            carried_parts: values(&self.carried_parts),
            offers: self.offers.iter().copied().collect(),
        }
    }
}
