//! Rows as values. What cannot be read names its table and its key.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use rewards_core::audit::{CounterPlace, StoredRevision};
use rewards_core::counter::MemberCounters;
use rewards_core::decision::ProgramWrite;
use rewards_core::entity::{EntityRow, Index};
use rewards_core::event::{EventRecord, Stream};
use rewards_core::fingerprint::Fingerprint;
use rewards_core::ids::{MemberId, ProgramId, PurchaseId, Slug, TenantId};
use rewards_core::ledger::{
    Account, Balances, ChainHash, Holder, JournalEntry, JournalHead, Lot, LotState, Origin,
    Purpose, Transfer, TransferKind,
};
use rewards_core::member::{MemberProfile, MemberRow, PurchaseHistory};
use rewards_core::money::Asset;

use rewards_core::snapshot::{ProgramKey, StoredReply};
use rewards_core::tiers::TierStatus;
use rewards_core::time::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use smol_str::SmolStr;
use uuid::Uuid;

use super::driver::Row;
use super::fault::{At as _, Unreadable};
use super::packing;
use crate::error::StoreError;
use crate::store::{DuePlace, MemberHead, ReplyPlace, StoredEvent, StoredLot, StoredMember};

type Read<T> = Result<T, Unreadable>;

/// A row, read as values.
#[derive(Clone, Copy)]
pub(super) struct Decoded<'r>(pub Row<'r>);

/// Reads a member's id.
pub(super) fn member(text: &str) -> Read<MemberId> {
    Ok(MemberId::new(text)?)
}

fn purpose(text: &str) -> Read<Purpose> {
    Purpose::parse(text).ok_or_else(|| Unreadable(format!("`{text}` is not a purpose")))
}

/// What the body of a member's row holds.
type MemberBody = (
    Balances,
    MemberCounters,
    BTreeMap<ProgramId, PurchaseHistory>,
    MemberProfile,
);

/// The same for who looks at balances and tiers alone.
type MemberHeadBody = (Balances, IgnoredAny, IgnoredAny, MemberProfile);

/// A lot as its columns are listed, in the order of a list of lots.
#[derive(Deserialize)]
struct LotColumns<'t>(
    u64,
    i64,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    #[serde(borrow)] Cow<'t, str>,
    #[serde(borrow)] Cow<'t, str>,
    #[serde(borrow)] Cow<'t, str>,
    #[serde(borrow)] Option<Cow<'t, str>>,
    #[serde(borrow)] Option<Cow<'t, str>>,
);

impl LotColumns<'_> {
    fn lot(self) -> Read<Lot> {
        let Self(
            number,
            amount,
            remaining,
            earned_at,
            available_at,
            void_at,
            expires_at,
            asset,
            source,
            state,
            bought,
            rule,
        ) = self;
        let time = |micros: Option<i64>| micros.map(Timestamp::from_micros).transpose();
        Ok(Lot {
            number,
            asset: Asset::parse(&asset)?,
            source: purpose(&source)?,
            amount,
            remaining,
            state: LotState::parse(&state)
                .ok_or_else(|| Unreadable(format!("`{state}` is not a state")))?,
            earned_at: Timestamp::from_micros(earned_at)?,
            available_at: time(available_at)?,
            void_at: time(void_at)?,
            expires_at: time(expires_at)?,
            purchase: bought.as_deref().map(PurchaseId::new).transpose()?,
            rule: rule.as_deref().map(Slug::new).transpose()?,
        })
    }
}

fn hash(bytes: &[u8]) -> Read<[u8; 32]> {
    Ok(bytes.try_into()?)
}

/// Single values, by their place.
impl<'r> Decoded<'r> {
    /// A number that must be there.
    pub fn int(self, place: usize) -> Read<i64> {
        self.0
            .int(place)?
            .ok_or_else(|| Unreadable(format!("no number in column {place}")))
    }

    /// A number that counts something.
    pub fn usize(self, place: usize) -> Read<usize> {
        Ok(usize::try_from(self.int(place)?)?)
    }

    fn u32(self, place: usize) -> Read<u32> {
        Ok(u32::try_from(self.int(place)?)?)
    }

    pub fn u64(self, place: usize) -> Read<u64> {
        Ok(u64::try_from(self.int(place)?)?)
    }

    /// An instant that must be there.
    pub fn time(self, place: usize) -> Read<Timestamp> {
        Ok(Timestamp::from_micros(self.int(place)?)?)
    }

    fn opt_time(self, place: usize) -> Read<Option<Timestamp>> {
        match self.0.int(place)? {
            Some(micros) => Ok(Some(Timestamp::from_micros(micros)?)),
            None => Ok(None),
        }
    }

    /// A text that must be there.
    pub fn text(self, place: usize) -> Read<&'r str> {
        self.0
            .text(place)?
            .ok_or_else(|| Unreadable(format!("no text in column {place}")))
    }

    fn bytes(self, place: usize) -> Read<&'r [u8]> {
        self.0
            .bytes(place)?
            .ok_or_else(|| Unreadable(format!("no bytes in column {place}")))
    }

    /// A document that is stored [packed](packing).
    fn packed(self, place: usize) -> Read<Cow<'r, str>> {
        packing::unpack(self.bytes(place)?)
    }

    fn uuid(self, place: usize) -> Read<Uuid> {
        Ok(Uuid::from_slice(self.bytes(place)?)?)
    }

    fn asset(self, place: usize) -> Read<Asset> {
        Ok(Asset::parse(self.text(place)?)?)
    }
}

/// Rows whose values are side by side: numbers from one place on, texts and bytes from others.
impl Decoded<'_> {
    pub fn reply(self, fingerprint: usize, body: usize) -> Read<StoredReply> {
        let fingerprint = Fingerprint::from_bytes(self.bytes(fingerprint)?);
        Ok(StoredReply {
            fingerprint: fingerprint.ok_or_else(|| Unreadable("no fingerprint".to_owned()))?,
            body: Arc::from(self.packed(body)?),
        })
    }

    pub fn member(self, int: usize, bytes: usize) -> Read<MemberRow> {
        let body: MemberBody = serde_json::from_str(&self.packed(bytes + 1)?)?;
        let (balances, counters, history, profile) = body;
        Ok(MemberRow {
            version: self.u64(int)?,
            journal: JournalHead {
                seq: self.u64(int + 1)?,
                hash: ChainHash(hash(self.bytes(bytes)?)?),
            },
            event_seq: self.u64(int + 2)?,
            recorded_at: self.time(int + 3)?,
            due_at: self.opt_time(int + 4)?,
            balances,
            counters,
            history,
            profile,
        })
    }

    pub fn entity(self, int: usize, text: usize, body: usize) -> Read<EntityRow> {
        Ok(EntityRow {
            version: self.u64(int)?,
            index: Index {
                owner: self.0.text(text)?.map(MemberId::new).transpose()?,
                group: self.0.text(text + 1)?.map(SmolStr::new),
                state: SmolStr::new(self.text(text + 2)?),
                rank: self.0.int(int + 1)?,
                at: self.time(int + 2)?,
                due_at: self.opt_time(int + 3)?,
            },
            body: Arc::from(self.packed(body)?),
        })
    }

    pub fn revision(self, int: usize) -> Read<Option<u32>> {
        Ok(self.0.int(int)?.map(u32::try_from).transpose()?)
    }

    pub fn counter(self, int: usize) -> Read<(i64, i64)> {
        Ok((self.int(int)?, self.int(int + 1)?))
    }

    /// All lots that one text lists; none where there is none.
    pub fn lots(self, place: usize) -> Read<Vec<Lot>> {
        let text = self.0.text(place)?.unwrap_or("[]");
        let lots: Vec<LotColumns<'_>> = serde_json::from_str(text)?;
        lots.into_iter().map(LotColumns::lot).collect()
    }

    fn lot(self, int: usize, text: usize) -> Read<Lot> {
        let columns = LotColumns(
            self.u64(int)?,
            self.int(int + 1)?,
            self.int(int + 2)?,
            self.int(int + 3)?,
            self.0.int(int + 4)?,
            self.0.int(int + 5)?,
            self.0.int(int + 6)?,
            self.text(text)?.into(),
            self.text(text + 1)?.into(),
            self.text(text + 2)?.into(),
            self.0.text(text + 3)?.map(Cow::from),
            self.0.text(text + 4)?.map(Cow::from),
        );
        columns.lot()
    }

    /// Purpose and asset at a place and the next one.
    pub fn account(self, holder: &Holder, place: usize) -> Read<Account> {
        Ok(Account {
            holder: holder.clone(),
            purpose: purpose(self.text(place)?)?,
            asset: self.asset(place + 1)?,
        })
    }
}

/// Rows of pages.
impl Decoded<'_> {
    /// A row of the journal, all its columns but the tenant.
    pub fn journal_entry(self) -> Result<JournalEntry, StoreError> {
        let key = || {
            let member = self.text(0).unwrap_or_default();
            let seq = self.int(1).unwrap_or_default();
            format!("{member} {seq}")
        };
        self.entry().map_err(|why| why.at("journal", key()))
    }

    fn entry(self) -> Read<JournalEntry> {
        let asset = self.asset(7)?;
        let member = MemberId::new(self.text(0)?)?;
        let account = |place: usize| -> Read<Account> {
            Ok(Account {
                holder: match self.0.text(place)? {
                    None => Holder::Member(member.clone()),
                    Some("") => Holder::System,
                    Some(other) => Holder::Member(MemberId::new(other)?),
                },
                purpose: purpose(self.text(place + 1)?)?,
                asset,
            })
        };
        let kind = self.text(9)?;
        let kind = TransferKind::parse(kind)
            .ok_or_else(|| Unreadable(format!("`{kind}` is not a kind of transfer")))?;
        let mut transfer =
            Transfer::new(account(3)?, account(5)?, self.int(8)?, kind, self.time(10)?)?;
        transfer.purchase = self.0.text(12)?.map(PurchaseId::new).transpose()?;
        transfer.origin = match (self.0.text(13)?, self.0.text(15)?) {
            (Some(program), Some(rule)) => Some(Origin {
                program: ProgramId::new(program)?,
                revision: self.u32(14)?,
                rule: Slug::new(rule)?,
            }),
            _ => None,
        };
        transfer.reason = self.0.text(16)?.map(str::to_owned);
        Ok(JournalEntry {
            member,
            seq: self.u64(1)?,
            id: self.uuid(2)?,
            transfer,
            recorded_at: self.time(11)?,
            hash: ChainHash(hash(self.bytes(17)?)?),
        })
    }

    /// An event, as a claim returns it.
    pub fn event(self) -> Result<EventRecord, StoreError> {
        let key = || {
            let stream = self.text(1).unwrap_or_default();
            let seq = self.int(2).unwrap_or_default();
            format!("{stream} {seq}")
        };
        self.event_record().map_err(|why| why.at("outbox", key()))
    }

    fn event_record(self) -> Read<EventRecord> {
        let stream = self.text(1)?;
        Ok(EventRecord {
            id: self.uuid(3)?,
            stream: Stream::parse(stream)
                .ok_or_else(|| Unreadable(format!("`{stream}` is not a stream")))?,
            seq: self.u64(2)?,
            recorded_at: match self.opt_time(6)? {
                Some(behind) => behind,
                None => self.time(0)?,
            },
            event: serde_json::from_str(&self.packed(4)?)?,
        })
    }

    /// Where an event stands in the queue.
    pub fn queued_at(self) -> Read<Timestamp> {
        self.time(0)
    }

    /// How often an event was claimed before the claim that returns it.
    pub fn earlier_attempts(self) -> Read<u32> {
        Ok(self.u32(5)?.saturating_sub(1))
    }

    /// Where something is due, and whether nothing is due before for the same member.
    pub fn due_place(self) -> Result<(DuePlace, bool), StoreError> {
        let id = self.text(1).unwrap_or_default();
        let place = || -> Read<_> {
            let place = (self.time(0)?, member(self.text(1)?)?);
            Ok((place, self.int(2)? == 1))
        };
        place().at("members", id)
    }

    /// A row of a page of members.
    pub fn head(self) -> Read<MemberHead> {
        let (balances, _, _, profile): MemberHeadBody = serde_json::from_str(&self.packed(4)?)?;
        let standing = |(program, ladders): (ProgramId, BTreeMap<Slug, TierStatus>)| {
            ladders.into_iter().map(move |(ladder, status)| {
                let texts = (program.as_str(), ladder.as_str(), status.tier.as_str());
                (texts.0.to_owned(), texts.1.to_owned(), texts.2.to_owned())
            })
        };
        Ok(MemberHead {
            member: MemberId::new(self.text(0)?)?,
            journal: JournalHead {
                seq: self.u64(1)?,
                hash: ChainHash(hash(self.bytes(2)?)?),
            },
            event_seq: self.u64(3)?,
            tiers: profile.tiers.into_iter().flat_map(standing).collect(),
            balances,
        })
    }

    /// A row of a page of members with all that is known of them.
    pub fn named_member(self) -> Result<(MemberId, MemberRow), StoreError> {
        let id = self.text(0).unwrap_or_default();
        let named = || Ok((MemberId::new(id)?, self.member(1, 6)?));
        named().map_err(|why: Unreadable| why.at("members", id))
    }

    /// A row of a page of entities.
    pub fn named_entity(self) -> Result<(SmolStr, EntityRow), StoreError> {
        let id = self.text(0).at("entities", "?")?;
        let entity = self.entity(1, 5, 8).at("entities", id)?;
        Ok((SmolStr::new(id), entity))
    }

    /// A member's row as an audit reads it.
    pub fn stored_member(self) -> Result<StoredMember, StoreError> {
        let (member, row) = self.named_member()?;
        let at = self.time(8).at("members", &member)?;
        Ok(StoredMember { member, row, at })
    }

    /// A lot as an audit reads it.
    pub fn stored_lot(self) -> Result<StoredLot, StoreError> {
        let key = || {
            let member = self.text(8).unwrap_or_default();
            let number = self.int(0).unwrap_or_default();
            format!("{member} {number}")
        };
        let stored = || {
            Ok(StoredLot {
                member: MemberId::new(self.text(8)?)?,
                lot: self.lot(0, 9)?,
                due_at: self.opt_time(7)?,
            })
        };
        stored().map_err(|why: Unreadable| why.at("lots", key()))
    }

    /// A counter as an audit reads it.
    pub fn stored_counter(self) -> Read<(CounterPlace, i64)> {
        let place = (
            SmolStr::new(self.text(0)?),
            SmolStr::new(self.text(1)?),
            self.int(2)?,
        );
        Ok((place, self.int(3)?))
    }

    /// An event as an audit reads it.
    pub fn stored_event(self) -> Result<StoredEvent, StoreError> {
        let event = self.event()?;
        let attempts = self.u32(5).at("outbox", event.id)?;
        Ok(StoredEvent { event, attempts })
    }

    /// A revision as an audit reads it; the document is left as it is.
    pub fn stored_revision(self) -> Read<StoredRevision> {
        Ok(StoredRevision {
            program: ProgramId::new(self.text(0)?)?,
            revision: self.u32(1)?,
            active_from: self.time(2)?,
            published_at: self.time(3)?,
            body: self.text(4)?.to_owned(),
        })
    }

    /// A reply as an audit reads it.
    pub fn stored_reply(self) -> Read<(ReplyPlace, StoredReply)> {
        let place = (SmolStr::new(self.text(0)?), SmolStr::new(self.text(1)?));
        Ok((place, self.reply(2, 3)?))
    }

    /// A row of a tenant's control accounts.
    pub fn control(self) -> Read<(Purpose, Asset, i64)> {
        Ok((purpose(self.text(0)?)?, self.asset(1)?, self.int(2)?))
    }

    /// A row of a page of counters.
    pub fn named_counter(self) -> Read<(String, i64, i64)> {
        Ok((self.text(0)?.to_owned(), self.int(1)?, self.int(2)?))
    }

    /// How many events wait, and since when.
    pub fn lag(self) -> Read<(u64, Option<Timestamp>)> {
        Ok((self.u64(0)?, self.opt_time(1)?))
    }

    /// A row of a tenant's programs.
    pub fn program(self, tenant: &TenantId) -> Read<ProgramWrite> {
        Ok(ProgramWrite {
            key: ProgramKey {
                tenant: tenant.clone(),
                program: ProgramId::new(self.text(0)?)?,
            },
            revision: self.u32(1)?,
            active_from: self.time(2)?,
            published_at: self.time(3)?,
            document: serde_json::from_str(self.text(4)?)?,
        })
    }
}
