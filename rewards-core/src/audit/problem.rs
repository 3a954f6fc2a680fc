//! What an audit can find.

use smol_str::SmolStr;
use thiserror::Error;

use crate::event::Stream;
use crate::ids::{DepositId, MemberId, ProgramId, PurchaseId};
use crate::ledger::{Account, LotNumber, Purpose};
use crate::money::Asset;

/// Something in the books that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuditProblem {
    /// A journal skips or repeats a number.
    #[error("journal of `{member}`: entry {found} follows where entry {expected} has to")]
    Gap {
        /// Whose journal.
        member: MemberId,
        /// The number that had to come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// An entry's hash does not follow from its content and the entry before.
    #[error(
        "journal of `{member}`: the hash of entry {seq} does not follow from it and the entry before"
    )]
    BrokenChain {
        /// Whose journal.
        member: MemberId,
        /// The entry.
        seq: u64,
    },
    /// The member row points at another end of the journal.
    #[error(
        "journal of `{member}`: the row of the member names {stored} as the last entry, found {found}"
    )]
    HeadMismatch {
        /// Whose journal.
        member: MemberId,
        /// Number of the last entry found.
        found: u64,
        /// Number the member row names.
        stored: u64,
    },
    /// A column of a member's row is not what the document beside it says.
    #[error("row of `{member}`: the column `{what}` is not what its document says")]
    MemberMismatch {
        /// The member.
        member: MemberId,
        /// The column.
        what: &'static str,
    },
    /// A balance in a member's row is not the sum of its entries.
    #[error("{account}: stored as {stored} minor units, the entries sum to {folded}")]
    BalanceMismatch {
        /// The account.
        account: Account,
        /// Sum of the entries, in minor units.
        folded: i128,
        /// The stored balance, in minor units.
        stored: i128,
    },
    /// A balance in a member's row is not what is left in the open lots.
    #[error("{account}: stored as {stored} minor units, {lots} are left in its lots")]
    LotSumMismatch {
        /// The account.
        account: Account,
        /// What is left in the lots, in minor units.
        lots: i128,
        /// The stored balance, in minor units.
        stored: i128,
    },
    /// What the redemptions of a member hold, or have spent, is not what moved.
    #[error("{account}: {stored} minor units, the redemptions of the member sum to {told}")]
    RedemptionMismatch {
        /// Where it is: reserved by the member, or spent.
        account: Account,
        /// What the redemptions say, in minor units.
        told: i128,
        /// The balance, or what the entries of the member moved there, in minor units.
        stored: i128,
    },
    /// A lot was made by no entry.
    #[error("lot {lot} of `{member}`: no entry made it")]
    LotWithoutEntry {
        /// Whose lot.
        member: MemberId,
        /// The lot.
        lot: LotNumber,
    },
    /// A grant in the journal made no lot.
    #[error("journal of `{member}`: the grant in entry {seq} made no lot")]
    EntryWithoutLot {
        /// Whose journal.
        member: MemberId,
        /// The entry.
        seq: u64,
    },
    /// A lot cannot be as it is, or is not what the entry made.
    #[error("lot {lot} of `{member}`: its `{what}` cannot be, or is not what the entry made")]
    LotMismatch {
        /// Whose lot.
        member: MemberId,
        /// The lot.
        lot: LotNumber,
        /// The column.
        what: &'static str,
    },
    /// The journal has a grant of a purchase that does not name it, or that is not there.
    #[error(
        "journal of `{member}`: entry {seq} is a grant of purchase `{purchase}`, which does not name it or is not there"
    )]
    GrantUnknown {
        /// Whose journal.
        member: MemberId,
        /// The entry.
        seq: u64,
        /// The purchase that the entry names.
        purchase: PurchaseId,
    },
    /// A purchase names a grant that the journal does not have.
    #[error("purchase `{purchase}`: it names lot {lot}, which the journal does not have")]
    GrantMissing {
        /// The purchase.
        purchase: PurchaseId,
        /// The lot that it names.
        lot: LotNumber,
    },
    /// The journal moves what a purchase granted, and there is no such purchase or it is not in a state that allows it.
    #[error(
        "journal of `{member}`: entry {seq} moves what purchase `{purchase}` granted, which its state does not allow"
    )]
    ReversalUnknown {
        /// Whose journal.
        member: MemberId,
        /// The entry.
        seq: u64,
        /// The purchase that the entry names.
        purchase: PurchaseId,
    },
    /// A purchase is cancelled, or confirmed, and its lot is as if it were not.
    #[error(
        "purchase `{purchase}`: lot {lot} is as if the purchase were neither cancelled nor confirmed"
    )]
    ReversalMissing {
        /// The purchase.
        purchase: PurchaseId,
        /// The lot.
        lot: LotNumber,
    },
    /// Money came in for which there is no deposit.
    #[error("journal of `{member}`: entry {seq} is money that came in, and no deposit names it")]
    DepositMissing {
        /// Whose journal.
        member: MemberId,
        /// The entry.
        seq: u64,
    },
    /// A deposit is confirmed, and its money did not come in as it says; or it is not, and names an entry.
    #[error("deposit `{deposit}`: what it says came in is not what the journal says")]
    DepositEntryMissing {
        /// The deposit.
        deposit: DepositId,
    },
    /// What left members for others is not what arrived.
    #[error("transfers of {asset}: {sum} minor units left members and did not arrive")]
    TransferLost {
        /// The asset.
        asset: Asset,
        /// What is left on the way, in minor units.
        sum: i128,
    },
    /// An entity cannot be read, or the columns that it is found by are not what its document says.
    #[error("{kind} `{id}`: it cannot be read, or a column is not what its document says")]
    EntityMismatch {
        /// The kind.
        kind: SmolStr,
        /// Its id.
        id: SmolStr,
    },
    /// A counter is not what purchases counted.
    #[error(
        "counter `{name}` of `{subject}` in bucket {bucket}: stored as {stored}, purchases counted {counted}"
    )]
    CounterMismatch {
        /// For whom, as stored.
        subject: SmolStr,
        /// What is counted.
        name: SmolStr,
        /// The bucket.
        bucket: i64,
        /// What purchases counted.
        counted: i128,
        /// The stored value.
        stored: i128,
    },
    /// A stored control account is not the sum of its entries.
    #[error(
        "control account `{purpose}` of {asset}: stored as {stored} minor units, the entries sum to {folded}"
    )]
    ControlMismatch {
        /// What it is for.
        purpose: Purpose,
        /// The asset.
        asset: Asset,
        /// Sum of the entries, in minor units.
        folded: i128,
        /// The stored balance, in minor units.
        stored: i128,
    },
    /// The control accounts of one asset do not sum to zero.
    #[error("control accounts of {asset}: they sum to {sum} minor units, which has to be zero")]
    NotZeroSum {
        /// The asset.
        asset: Asset,
        /// The sum, in minor units.
        sum: i128,
    },
    /// An event that nobody was handed is missing, or comes out of order.
    #[error("events of `{}`: number {expected} has to come next, {}", .stream.text(), came(*found))]
    EventGap {
        /// The stream.
        stream: Stream,
        /// The number that had to come.
        expected: u64,
        /// The number that came; `None` when the stream ends.
        found: Option<u64>,
    },
    /// An event waits that its stream cannot have: there is no such stream, or it ends before.
    #[error("events of `{}`: there can be no number {seq}", .stream.text())]
    EventUnknown {
        /// The stream.
        stream: Stream,
        /// The event.
        seq: u64,
    },
    /// A revision of a program cannot be what was published.
    #[error("program `{program}`, revision {revision}: its `{what}` is not what was published")]
    ProgramMismatch {
        /// The program.
        program: ProgramId,
        /// The revision.
        revision: u32,
        /// What is wrong: `revision`, `unreadable`, `id`, `compile` or `digest`.
        what: &'static str,
    },
    /// A row cannot be read at all; the rest was looked at without it.
    #[error("{detail}")]
    RowUnreadable {
        /// Which row of which table, and why.
        detail: String,
    },
    /// What a kept [head](super::BookHead) stands for is not in the books any more.
    #[error("`{}`: what was number {seq} is not in the books any more", .stream.text())]
    Rewritten {
        /// The stream.
        stream: Stream,
        /// The number that the head names.
        seq: u64,
    },
}

impl AuditProblem {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gap { .. } => "journal_gap",
            Self::BrokenChain { .. } => "journal_chain_broken",
            Self::HeadMismatch { .. } => "journal_head_mismatch",
            Self::MemberMismatch { .. } => "member_mismatch",
            Self::BalanceMismatch { .. } => "balance_mismatch",
            Self::LotSumMismatch { .. } => "lot_sum_mismatch",
            Self::RedemptionMismatch { .. } => "redemption_mismatch",
            Self::LotWithoutEntry { .. } => "lot_without_entry",
            Self::EntryWithoutLot { .. } => "entry_without_lot",
            Self::LotMismatch { .. } => "lot_mismatch",
            Self::GrantUnknown { .. } => "grant_unknown",
            Self::GrantMissing { .. } => "grant_missing",
            Self::ReversalUnknown { .. } => "reversal_unknown",
            Self::ReversalMissing { .. } => "reversal_missing",
            Self::DepositMissing { .. } => "deposit_missing",
            Self::DepositEntryMissing { .. } => "deposit_entry_missing",
            Self::TransferLost { .. } => "transfer_lost",
            Self::EntityMismatch { .. } => "entity_mismatch",
            Self::CounterMismatch { .. } => "counter_mismatch",
            Self::ControlMismatch { .. } => "control_mismatch",
            Self::NotZeroSum { .. } => "control_sum_not_zero",
            Self::EventGap { .. } => "event_gap",
            Self::EventUnknown { .. } => "event_unknown",
            Self::ProgramMismatch { .. } => "program_mismatch",
            Self::RowUnreadable { .. } => "row_unreadable",
            Self::Rewritten { .. } => "books_rewritten",
        }
    }
}

/// The number that came, in words.
fn came(found: Option<u64>) -> String {
    match found {
        Some(found) => format!("{found} came"),
        None => "none came".to_owned(),
    }
}
