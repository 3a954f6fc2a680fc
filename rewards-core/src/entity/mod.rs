//! Entities: stored things with a life of their own, such as purchases and aliases.
//!
//! - A kind of entity is one type that implements [`Entity`], in its domain module, and one line in the
//!   [list](crate::with_entities). Stores know nothing of kinds: an entity crosses the waist as a [row](EntityRow) with the
//!   columns it can be found by and a body that only its own type reads.
//! - A write names what it [expects](Expected): that there is no such entity, or that it is at the version that was seen.
//! - A state machine is methods on the entity that take it and give it back in its next state; operations never set a
//!   state. What follows from time alone is true when the entity is read, whether or not somebody has written it down.
//! - What is summed or bounded stays outside of bodies: money in the ledger, use in counters.
//!
//! A [body](EntityRow::body) carries the number of its shape, so that bodies of older shapes stay readable and one of a
//! newer shape is refused as [`ShapeTooNew`](crate::rejection::Rejection::ShapeTooNew) and left as it is.

mod list;
mod query;
mod row;

pub use list::{ENTITIES, EntityEntry};
pub use query::{By, Cursor, CursorError, EntityPage, EntityQuery};
pub use row::{EntityKey, EntityRemoval, EntityRow, EntityWrite, Expected, Stored};

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use smol_str::SmolStr;

use crate::ids::MemberId;
use crate::time::Timestamp;

/// The id of an entity: a newtype of its own for each kind, around a bounded opaque text.
pub trait EntityId: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The text, as stored.
    fn text(&self) -> &str;
}

/// A stored thing with a life of its own.
pub trait Entity:
    Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static
{
    /// The stable name of the kind, in snake case.
    const KIND: &'static str;
    /// Number of the shape of its body, from 1; raised when the body changes so that this version would misread it.
    const SHAPE: u16;
    /// What tells entities of the kind apart within a tenant.
    type Id: EntityId;

    /// What it can be found by.
    fn index(&self) -> Index;

    /// Whether an id is its own, as far as it can tell: an audit holds the two against each other, or an entity that was
    /// renamed could be made again.
    fn is_named(&self, id: &str) -> bool;

    /// Reads a body of an older shape; `None` when there was no such shape.
    ///
    /// # Errors
    /// Whatever is wrong with the text.
    fn from_older(shape: u16, body: &str) -> Option<Result<Self, serde_json::Error>> {
        let _ = (shape, body);
        None
    }
}

/// What an entity can be found by, besides its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Whose it is.
    pub owner: Option<MemberId>,
    /// What it belongs to, such as the book of a coupon.
    pub group: Option<SmolStr>,
    /// Where it is in its life.
    pub state: SmolStr,
    /// Its place in its group.
    pub rank: Option<i64>,
    /// When it came to be. It never changes, so pages that follow it show everything exactly once.
    pub at: Timestamp,
    /// When something becomes due for it, if ever.
    pub due_at: Option<Timestamp>,
}

impl Index {
    /// Of something without owner, group, place and due time.
    #[must_use]
    pub fn new(state: &'static str, at: Timestamp) -> Self {
        Self {
            owner: None,
            group: None,
            state: SmolStr::new_static(state),
            rank: None,
            at,
            due_at: None,
        }
    }

    /// The same, of something that belongs to a member.
    #[must_use]
    pub fn owned_by(mut self, owner: &MemberId) -> Self {
        self.owner = Some(owner.clone());
        self
    }
}
