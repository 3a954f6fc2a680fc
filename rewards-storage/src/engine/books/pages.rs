//! Lists that are read page by page, side by side.

use std::collections::VecDeque;

use rewards_core::entity::{Entity, EntityRow};
use rewards_core::ids::MemberId;
use rewards_core::time::Timestamp;
use smol_str::SmolStr;

use crate::store::OwnedPlace;

/// A list that is read page by page.
#[derive(Debug)]
pub(super) struct Pages<P, T> {
    pub rows: VecDeque<T>,
    pub after: Option<P>,
    pub is_over: bool,
}

impl<P, T> Pages<P, T> {
    pub fn behind(after: Option<P>) -> Self {
        Self {
            rows: VecDeque::new(),
            after,
            is_over: false,
        }
    }

    /// Whether a page must be read before the next row is known.
    pub fn is_hungry(&self) -> bool {
        self.rows.is_empty() && !self.is_over
    }

    pub fn fill(&mut self, page: Vec<T>, place: impl Fn(&T) -> P) {
        match page.last() {
            Some(last) => self.after = Some(place(last)),
            None => self.is_over = true,
        }
        self.rows = page.into();
    }

    pub fn pop_if(&mut self, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
        self.rows
            .front()
            .is_some_and(is_wanted)
            .then(|| self.rows.pop_front())?
    }
}

/// An entity in the list of its owner.
#[derive(Debug)]
pub(super) struct Owned<E> {
    pub owner: MemberId,
    pub at: Timestamp,
    pub id: SmolStr,
    /// Absent when it cannot be read or is another one's by its id; what it counted is missing then.
    pub entity: Option<E>,
}

/// The entities of a kind that have an owner.
pub(super) type OwnedPages<E> = Pages<OwnedPlace, Owned<E>>;

impl<E: Entity> OwnedPages<E> {
    pub fn fill_owned(&mut self, page: Vec<(SmolStr, EntityRow)>) {
        let page = page.into_iter().filter_map(owned).collect();
        self.fill(page, |owned| {
            (owned.owner.clone(), owned.at, owned.id.clone())
        });
    }
}

fn owned<E: Entity>((id, row): (SmolStr, EntityRow)) -> Option<Owned<E>> {
    Some(Owned {
        owner: row.index.owner.clone()?,
        at: row.index.at,
        entity: named::<E>(&id, &row),
        id,
    })
}

fn named<E: Entity>(id: &str, row: &EntityRow) -> Option<E> {
    let entity = row.read::<E>().ok()?.entity;
    entity.is_named(id).then_some(entity)
}
