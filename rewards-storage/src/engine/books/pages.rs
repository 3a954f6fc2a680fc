//! Lists that are read page by page, side by side.

use std::collections::VecDeque;

use rewards_core::entity::{Entity, EntityRow};
use rewards_core::ids::MemberId;
use rewards_core::time::Timestamp;
use smol_str::SmolStr;

use super::PAGE;
use crate::error::StoreError;
use crate::store::{BookView, OwnedPlace};

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
    /// Reads a page where the next row is not known.
    pub async fn feed(&mut self, view: &mut dyn BookView) -> Result<(), StoreError> {
        if self.is_hungry() {
            let page = view.owned(E::KIND, self.after.clone(), PAGE).await?;
            let page = page.into_iter().filter_map(owned).collect();
            self.fill(page, |owned| {
                (owned.owner.clone(), owned.at, owned.id.clone())
            });
        }
        Ok(())
    }

    /// The next row, if it is of a member and came to be by an instant.
    pub async fn next_of(
        &mut self,
        view: &mut dyn BookView,
        member: &MemberId,
        until: Timestamp,
    ) -> Result<Option<Owned<E>>, StoreError> {
        self.feed(view).await?;
        Ok(self.pop_if(|owned| owned.owner == *member && owned.at <= until))
    }

    /// Whose the next row is.
    pub fn owner(&self) -> Option<&MemberId> {
        self.rows.front().map(|owned| &owned.owner)
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
