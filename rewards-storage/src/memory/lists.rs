//! The lists in which entities are found: by when they came to be, by owner, by group, and by when something is due. What a database
//! has indexes for, so that a page costs what is on it and not what is in the table.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use rewards_core::entity::{By, Cursor, EntityKey, EntityQuery, Index};
use rewards_core::ids::{MemberId, TenantId};
use smol_str::SmolStr;

/// One list of the entities of a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    /// All of them.
    All,
    /// Those of a member.
    Owner(MemberId),
    /// Those of a group in a state.
    Group(SmolStr, SmolStr),
    /// Those for which something is due.
    Due,
}

/// What an entity is ordered by in a list, and its id.
type Place = (i64, SmolStr);

/// The lists of all kinds and tenants.
#[derive(Debug, Default, Clone)]
pub(super) struct EntityLists(BTreeMap<(TenantId, &'static str, List), BTreeSet<Place>>);

/// The lists that something with this index stands in, and what it is ordered by in each.
fn lists_of(index: &Index) -> impl Iterator<Item = (List, i64)> {
    let at = index.at.micros();
    let owned = index.owner.clone().map(|owner| (List::Owner(owner), at));
    let group = index.group.clone().zip(index.rank);
    let grouped = group.map(|(group, rank)| (List::Group(group, index.state.clone()), rank));
    let due = index.due_at.map(|due| (List::Due, due.micros()));
    [Some((List::All, at)), owned, grouped, due]
        .into_iter()
        .flatten()
}

impl EntityLists {
    /// An entity has another index, has come or has gone.
    pub fn moved(&mut self, key: &EntityKey, before: Option<&Index>, after: Option<&Index>) {
        if before == after {
            return;
        }
        for (list, value) in before.into_iter().flat_map(lists_of) {
            let list = (key.tenant.clone(), key.kind, list);
            let Some(places) = self.0.get_mut(&list) else {
                continue;
            };
            places.remove(&(value, key.id.clone()));
            if places.is_empty() {
                self.0.remove(&list);
            }
        }
        for (list, value) in after.into_iter().flat_map(lists_of) {
            let list = (key.tenant.clone(), key.kind, list);
            let places = self.0.entry(list).or_default();
            places.insert((value, key.id.clone()));
        }
    }

    /// The ids of a page, in its order.
    pub fn page(&self, query: &EntityQuery, limit: usize) -> Vec<SmolStr> {
        let (list, values) = match &query.by {
            By::Newest => (List::All, (i64::MIN, i64::MAX)),
            By::Owner(owner) => (List::Owner(owner.clone()), (i64::MIN, i64::MAX)),
            By::Group {
                group,
                state,
                from_rank,
                to_rank,
            } => (
                List::Group(group.clone(), state.clone()),
                (*from_rank, *to_rank),
            ),
            By::Due(at) => (List::Due, (i64::MIN, at.micros())),
        };
        let Some(places) = self.0.get(&(query.tenant.clone(), query.kind, list)) else {
            return Vec::new();
        };
        let falls = matches!(query.by, By::Newest | By::Owner(_));
        let after = query.after.as_ref().map(place_of);
        let is_in = |place: &&Place| (values.0..=values.1).contains(&place.0);
        let ids = |place: &Place| place.1.clone();
        if falls {
            let end = after.map_or(Bound::Unbounded, Bound::Excluded);
            let places = places.range((Bound::Unbounded, end)).rev();
            return places.take(limit).map(ids).collect();
        }
        let first = Bound::Included((values.0, SmolStr::default()));
        let begin = match after {
            Some(after) if after.0 >= values.0 => Bound::Excluded(after),
            _ => first,
        };
        let places = places.range((begin, Bound::Unbounded));
        places.take_while(is_in).take(limit).map(ids).collect()
    }
}

fn place_of(cursor: &Cursor) -> Place {
    (cursor.value, cursor.id.clone())
}
