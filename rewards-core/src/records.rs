//! The rows that are kept as documents: members and purchases.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::{MemberId, ProgramId, Slug};
use crate::ledger::JournalHead;
use crate::money::Money;
use crate::tiers::TierStatus;
use crate::time::Timestamp;

/// A member's row: the lock of everything that belongs to the member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// Rises by one with every command.
    pub version: u64,
    /// Where the member's journal ends.
    pub journal: JournalHead,
    /// Number of the member's last event; 0 when there is none.
    pub event_seq: u64,
    /// When the last command was recorded. Later ones are never recorded earlier, whatever the clocks say.
    pub recorded_at: Timestamp,
    /// When the member's tiers must be looked at again, if ever.
    pub due_at: Option<Timestamp>,
    /// The rest, as a document.
    pub record: MemberRecord,
}

/// What is known of a member. Opaque to the engine but for segments, attributes and tiers; no personal data belongs here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRecord {
    /// When the member joined.
    pub registered_at: Timestamp,
    /// Segments the host put the member in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub segments: BTreeSet<String>,
    /// Facts the host keeps about the member.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Where the member stands, per program and ladder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tiers: BTreeMap<ProgramId, BTreeMap<Slug, TierStatus>>,
}

/// A purchase's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseRow {
    /// Rises by one with every change.
    pub version: u64,
    /// Whose purchase it is.
    pub member: MemberId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The rest, as a document.
    pub record: PurchaseRecord,
}

/// Where a purchase is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PurchaseState {
    /// Recorded; its rewards may be pending.
    Recorded,
    /// Confirmed: its rewards are available.
    Confirmed,
    /// Cancelled: its rewards were taken back. Final.
    Cancelled,
}

/// What was decided for a purchase, frozen: later changes undo exactly this and never recompute it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurchaseRecord {
    /// Where it is in its life.
    pub state: PurchaseState,
    /// The program that decided it.
    pub program: ProgramId,
    /// The revision that decided it.
    pub revision: u32,
    /// What was paid.
    pub total: Money,
    /// First and last journal entry of its grants, inclusive; `None` when nothing was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<(u64, u64)>,
    /// What it added to counters, to be released when it is cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<Counted>,
}

/// One addition to a counter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// For whom.
    pub subject: SmolStr,
    /// What was counted.
    pub name: SmolStr,
    /// The calendar bucket.
    pub bucket: i64,
    /// What was added.
    pub delta: i64,
}
