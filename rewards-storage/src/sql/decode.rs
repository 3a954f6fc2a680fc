//! Rows as values. What cannot be read names its table and its key.

use std::collections::BTreeMap;
use std::sync::Arc;

use rewards_core::decision::ProgramWrite;
use rewards_core::event::{EventRecord, Stream};
use rewards_core::ids::{MemberId, ProgramId, PurchaseId, Slug, TenantId};
use rewards_core::ledger::{
    Account, ChainHash, Holder, JournalEntry, JournalHead, Lot, LotState, Origin, Purpose,
    Transfer, TransferKind,
};
use rewards_core::money::Asset;
use rewards_core::records::{MemberRecord, MemberRow, PurchaseRow};
use rewards_core::snapshot::{ProgramKey, StoredReply};
use rewards_core::tiers::TierStatus;
use rewards_core::time::Timestamp;
use uuid::Uuid;

use super::driver::Row;
use super::fault::Unreadable;
use super::load::place::{BYTES, INT, TEXT};
use crate::error::StoreError;
use crate::store::MemberHead;

type Read<T> = Result<T, Unreadable>;

/// A row, read as values.
#[derive(Clone, Copy)]
pub(super) struct Decoded<'r>(pub Row<'r>);

/// The holder as stored: the member's id, or the empty text for the system.
pub(super) fn holder_text(holder: &Holder) -> &str {
    match holder {
        Holder::Member(member) => member.as_str(),
        Holder::System => "",
    }
}

/// Reads a holder back.
fn holder(text: &str) -> Read<Holder> {
    Ok(match text {
        "" => Holder::System,
        member => Holder::Member(MemberId::new(member)?),
    })
}

/// Reads a member's id.
pub(super) fn member(text: &str) -> Read<MemberId> {
    Ok(MemberId::new(text)?)
}

fn purpose(text: &str) -> Read<Purpose> {
    Purpose::parse(text).ok_or_else(|| Unreadable(format!("`{text}` is not a purpose")))
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

    fn u64(self, place: usize) -> Read<u64> {
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

    fn uuid(self, place: usize) -> Read<Uuid> {
        Ok(Uuid::from_slice(self.bytes(place)?)?)
    }

    fn asset(self, place: usize) -> Read<Asset> {
        Ok(Asset::parse(self.text(place)?)?)
    }
}

/// Rows of a load, whose values are where [`place`](super::load::place) says.
impl Decoded<'_> {
    pub fn reply(self) -> Read<StoredReply> {
        Ok(StoredReply {
            fingerprint: hash(self.bytes(BYTES)?)?,
            body: Arc::from(self.text(TEXT)?),
        })
    }

    pub fn member(self) -> Read<MemberRow> {
        Ok(MemberRow {
            version: self.u64(INT)?,
            journal: JournalHead {
                seq: self.u64(INT + 1)?,
                hash: ChainHash(hash(self.bytes(BYTES)?)?),
            },
            event_seq: self.u64(INT + 2)?,
            recorded_at: self.time(INT + 3)?,
            due_at: self.opt_time(INT + 4)?,
            record: serde_json::from_str(self.text(TEXT)?)?,
        })
    }

    pub fn purchase(self) -> Read<PurchaseRow> {
        Ok(PurchaseRow {
            version: self.u64(INT)?,
            member: MemberId::new(self.text(TEXT + 1)?)?,
            occurred_at: self.time(INT + 1)?,
            record: serde_json::from_str(self.text(TEXT)?)?,
        })
    }

    pub fn revision(self) -> Read<Option<u32>> {
        Ok(self.0.int(INT)?.map(u32::try_from).transpose()?)
    }

    pub fn counter(self) -> Read<(i64, i64)> {
        Ok((self.int(INT)?, self.int(INT + 1)?))
    }

    pub fn balance(self, holder: &Holder) -> Read<(Account, i64)> {
        Ok((self.account(holder, TEXT)?, self.int(INT)?))
    }

    pub fn lot(self) -> Read<Lot> {
        let state = self.text(TEXT + 2)?;
        Ok(Lot {
            number: self.u64(INT)?,
            asset: self.asset(TEXT)?,
            source: purpose(self.text(TEXT + 1)?)?,
            amount: self.int(INT + 1)?,
            remaining: self.int(INT + 2)?,
            state: LotState::parse(state)
                .ok_or_else(|| Unreadable(format!("`{state}` is not a state")))?,
            earned_at: self.time(INT + 3)?,
            available_at: self.opt_time(INT + 4)?,
            void_at: self.opt_time(INT + 5)?,
            expires_at: self.opt_time(INT + 6)?,
            purchase: self.0.text(TEXT + 3)?.map(PurchaseId::new).transpose()?,
            rule: self.0.text(TEXT + 4)?.map(Slug::new).transpose()?,
        })
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
        let account = |place: usize| -> Read<Account> {
            Ok(Account {
                holder: holder(self.text(place)?)?,
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
            member: MemberId::new(self.text(0)?)?,
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
            recorded_at: self.time(0)?,
            event: serde_json::from_str(self.text(4)?)?,
        })
    }

    /// How often an event was claimed before the claim that returns it.
    pub fn earlier_attempts(self) -> Read<u32> {
        Ok(self.u32(5)?.saturating_sub(1))
    }

    /// A row of a page of members.
    pub fn head(self) -> Read<MemberHead> {
        let record: MemberRecord = serde_json::from_str(self.text(4)?)?;
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
            tiers: record.tiers.into_iter().flat_map(standing).collect(),
        })
    }

    /// A row of a page of balances.
    pub fn held(self) -> Read<(Account, i64)> {
        let holder = holder(self.text(0)?)?;
        Ok((self.account(&holder, 1)?, self.int(3)?))
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
