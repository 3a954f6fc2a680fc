//! The member's row: what is known of a member, and the lock of everything that belongs to the member.

mod alias;
mod history;

pub use alias::{ALIASES_MAX, Alias, AliasId, AliasKey};
pub use history::{
    DAYS_IN_ROW_KEPT, DAYS_IN_ROW_MAX, DaySums, HistoryPage, HistoryPageId, PAGE_DAYS,
    PurchaseHistory,
};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::counter::MemberCounters;
use crate::ids::{DeviceId, MemberId, ProgramId, RedemptionId, SharedWalletId, Slug, TokenId};
use crate::ledger::{Balances, JournalHead};
use crate::money::Asset;
use crate::tiers::TierStatus;
use crate::time::Timestamp;

/// The most members that one member may have taken in.
pub const MERGED_MAX: u32 = 100;

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
    /// When the member's tiers must be looked at again or reserved value goes back, whichever is first, if ever.
    pub due_at: Option<Timestamp>,
    /// What the member has.
    pub balances: Balances,
    /// Of the member's counters, what moved last.
    pub counters: MemberCounters,
    /// What the member bought and earned, by program.
    pub history: BTreeMap<ProgramId, PurchaseHistory>,
    /// The rest, as a document.
    pub profile: MemberProfile,
}

impl MemberRow {
    /// The row of somebody who has just registered, before the first version.
    #[must_use]
    pub fn new(profile: MemberProfile, recorded_at: Timestamp) -> Self {
        Self {
            version: 0,
            journal: JournalHead::default(),
            event_seq: 0,
            recorded_at,
            due_at: None,
            balances: Balances::default(),
            counters: MemberCounters::default(),
            history: BTreeMap::new(),
            profile,
        }
    }
}

/// Whether a member takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum MemberStatus {
    /// Earns and spends.
    #[default]
    Active,
    /// Earns nothing, and sends and gets no transfers until active again; what was earned stays and goes on maturing and
    /// expiring.
    Suspended,
    /// Was merged into another member: earns and pays nothing any more. What is still pending matures here, and goes on to the
    /// other member in the same step.
    Merged,
    /// Has left: earns nothing, holds nothing and does not come back.
    Closed,
}

impl MemberStatus {
    fn is_active(&self) -> bool {
        *self == Self::Active
    }

    /// Whether the member takes no part any more, and never will again: the tiers then stay as they were.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Merged | Self::Closed)
    }
}

/// What is known of a member. Opaque to the engine but for status, segments, attributes and tiers; no personal data belongs
/// here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberProfile {
    /// When the member joined.
    pub registered_at: Timestamp,
    /// Whether the member takes part.
    #[serde(default, skip_serializing_if = "MemberStatus::is_active")]
    pub status: MemberStatus,
    /// When the member was erased, if ever: nothing but ids and amounts is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
    /// Segments the host put the member in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub segments: BTreeSet<String>,
    /// Facts the host keeps about the member.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Where the member stands, per program and ladder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tiers: BTreeMap<ProgramId, BTreeMap<Slug, TierStatus>>,
    /// The authorizations that hold value, and when the time of each is over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reserved: BTreeMap<RedemptionId, Timestamp>,
    /// The offline tokens that were issued and not ended, those included whose time is over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: BTreeMap<TokenId, OpenToken>,
    /// Into whom the member was merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<MemberId>,
    /// Who was merged into this member, those who had been merged into them included.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub merged: BTreeSet<MemberId>,
    /// The open wallet that the member shares with others; its list has the member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_wallet: Option<SharedWalletId>,
}

/// What limits look at of a token that a member has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenToken {
    /// When it ends.
    pub expires_at: Timestamp,
    /// What it was worth, in minor units.
    pub minor: i64,
    /// Of which asset; that of any program where it was not kept yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<Asset>,
    /// The device that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
}

impl MemberProfile {
    /// When something is due with time for somebody with this profile: a review of a tier, or the end of an authorization. The
    /// tiers of a member who has left stay as they are.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        let reviews = self.tiers.values().flat_map(BTreeMap::values);
        let reviews = reviews.filter_map(|status| status.review_at);
        let reviews = reviews.filter(|_| !self.status.is_final());
        reviews.chain(self.reserved.values().copied()).min()
    }

    /// Whether something that belongs to somebody is the member's: own, or of somebody who was merged into the member.
    #[must_use]
    pub fn stands_for(&self, member: &MemberId, owner: &MemberId) -> bool {
        owner == member || self.merged.contains(owner)
    }

    /// Of somebody who joins now, with nothing known.
    #[must_use]
    pub fn new(registered_at: Timestamp) -> Self {
        Self {
            registered_at,
            status: MemberStatus::Active,
            erased_at: None,
            segments: BTreeSet::new(),
            attributes: BTreeMap::new(),
            tiers: BTreeMap::new(),
            reserved: BTreeMap::new(),
            tokens: BTreeMap::new(),
            merged_into: None,
            merged: BTreeSet::new(),
            shared_wallet: None,
        }
    }
}
