//! A value on a list of a program.
//!
//! | from | [`list_until`](RiskListEntry::list_until) | [`remove`](RiskListEntry::remove) |
//! |---|---|---|
//! | listed | listed, with its new end | removed |
//! | expired | listed, with its new end | removed |
//! | removed | listed | refused |
//!
//! Listed becomes expired by time alone.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::scoped;
use crate::entity::{Entity, EntityId, Index};
use crate::ids::{ProgramId, Slug};
use crate::time::Timestamp;

/// Where an entry of a list is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// The list has the value.
    Listed,
    /// The list had the value until its time was over.
    Expired,
    /// The value was taken off the list.
    Removed,
}

/// What an entry is known by: its list, the program and the value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RiskListEntryId(SmolStr);

impl RiskListEntryId {
    /// The id of the entry of a value.
    #[must_use]
    pub fn new(program: &ProgramId, list: &Slug, value: &str) -> Self {
        Self(scoped(list.as_str(), program, value))
    }
}

impl EntityId for RiskListEntryId {
    fn text(&self) -> &str {
        &self.0
    }
}

/// A value that is not on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotListed;

/// A value on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskListEntry {
    /// The program.
    pub program: ProgramId,
    /// The list.
    pub list: Slug,
    /// The value.
    pub value: String,
    /// When it was put on the list first.
    pub added_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    removed_at: Option<Timestamp>,
}

impl RiskListEntry {
    /// A value that is put on a list now.
    #[must_use]
    pub fn new(program: &ProgramId, list: &Slug, value: &str, added_at: Timestamp) -> Self {
        Self {
            program: program.clone(),
            list: list.clone(),
            value: value.to_owned(),
            added_at,
            expires_at: None,
            removed_at: None,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> RiskListEntryId {
        RiskListEntryId::new(&self.program, &self.list, &self.value)
    }

    /// The entries of a list, as a group.
    #[must_use]
    pub fn group(program: &ProgramId, list: &Slug) -> SmolStr {
        scoped(list.as_str(), program, "")
    }

    /// Where it is in its life at an instant.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> EntryState {
        match (self.removed_at, self.expires_at) {
            (Some(_), _) => EntryState::Removed,
            (None, Some(expires_at)) if now >= expires_at => EntryState::Expired,
            (None, _) => EntryState::Listed,
        }
    }

    /// When it expires, if ever.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The value is on the list, until an instant or for ever.
    #[must_use]
    pub fn list_until(mut self, expires_at: Option<Timestamp>) -> Self {
        self.expires_at = expires_at;
        self.removed_at = None;
        self
    }

    /// The value is taken off the list.
    ///
    /// # Errors
    /// [`NotListed`].
    pub fn remove(mut self, now: Timestamp) -> Result<Self, NotListed> {
        if self.removed_at.is_some() {
            return Err(NotListed);
        }
        self.removed_at = Some(now);
        Ok(self)
    }
}

impl Entity for RiskListEntry {
    const KIND: &'static str = "risk_list_entry";
    const SHAPE: u16 = 1;
    type Id = RiskListEntryId;

    fn index(&self) -> Index {
        let state = match self.removed_at {
            None => "listed",
            Some(_) => "removed",
        };
        Index {
            group: Some(Self::group(&self.program, &self.list)),
            rank: Some(self.added_at.micros()),
            ..Index::new(state, self.added_at)
        }
    }

    fn is_named(&self, id: &str) -> bool {
        self.id().text() == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    #[test]
    fn every_transition_is_as_the_table_says() {
        use EntryState::{Expired, Listed, Removed};
        let (program, list) = ("main".parse().unwrap(), "stolen".parse().unwrap());
        let listed = RiskListEntry::new(&program, &list, "d1", at(0)).list_until(Some(at(60)));
        let removed = listed.clone().remove(at(5)).unwrap();
        for (from, now, state) in [
            (&listed, 59, Listed),
            (&listed, 60, Expired),
            (&removed, 59, Removed),
            (&removed, 60, Removed),
        ] {
            assert_eq!(from.state(at(now)), state);
            let again = from.clone().list_until(None);
            assert_eq!((again.state(at(now)), again.expires_at()), (Listed, None));
            let gone = from.clone().remove(at(now));
            assert_eq!(gone.is_ok(), state != Removed);
            assert!(gone.is_ok_and(|gone| gone.state(at(now)) == Removed) || state == Removed);
        }
    }
}
