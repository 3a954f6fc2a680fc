//! What belongs to one member: journal, lots, purchases and counters, held against the member's row and against each other.

use std::collections::BTreeMap;

use smol_str::{SmolStr, format_smolstr};

use super::deposits::DepositAudit;
use super::{AuditProblem, BookAudit};
use crate::cashback::{PurchaseEntity, PurchaseState};
use crate::counter::{Subject, Summed};
use crate::entity::{Entity as _, EntityId as _};
use crate::ids::{MemberId, ProgramId, PurchaseId, RedemptionId, Slug};
use crate::ledger::{
    Account, ChainHash, Holder, JournalEntry, JournalHead, Lot, LotNumber, LotState, Purpose,
    Transfer, TransferKind,
};
use crate::member::{HistoryPage, MemberRow, MemberStatus};
use crate::money::Asset;
use crate::payments::DepositEntity;
use crate::time::Timestamp;
use crate::wallet::{Redemption, RedemptionState};

/// Holds what belongs to one member against each other.
///
/// Entries come in the order of their numbers, everything else in any order. A grant is kept until its entry, its lot and the
/// purchase that names it were all seen; told in the order in which they were recorded, that is at once.
#[derive(Debug)]
pub struct MemberAudit<'a> {
    books: &'a mut BookAudit,
    pub(super) member: MemberId,
    row: Option<&'a MemberRow>,
    head: JournalHead,
    /// Sums of the entries.
    folded: BTreeMap<(Purpose, Asset), i128>,
    /// What is left in open lots.
    held: BTreeMap<(Purpose, Asset), i128>,
    grants: BTreeMap<LotNumber, Grant>,
    counters: Counted,
    /// What redemptions say is reserved and spent, and what moved, in this order, by purpose and asset.
    redeemed: BTreeMap<(Purpose, Asset), (i128, i128)>,
    /// The authorizations that hold value, and when the time of each is over.
    reserved: BTreeMap<RedemptionId, Timestamp>,
    /// What the member bought and earned, by program.
    histories: BTreeMap<ProgramId, History>,
    deposits: DepositAudit,
}

/// What purchases counted of something, and what is stored.
type Counted = BTreeMap<(SmolStr, i64), (i128, i128)>;

/// What was bought and earned in a program.
#[derive(Debug, Default)]
struct History {
    number: i64,
    /// What purchases counted on each day, and what is stored.
    days: BTreeMap<(Summed, i64), (i128, i128)>,
}

impl History {
    fn count(&mut self, summed: Summed, day: i64, minor: i64) {
        let sums = self.days.entry((summed, day)).or_default();
        sums.0 = sums.0.saturating_add(i128::from(minor));
    }

    fn stored(&mut self, summed: Summed, day: i64, minor: i64) {
        let sums = self.days.entry((summed, day)).or_default();
        sums.1 = sums.1.saturating_add(i128::from(minor));
    }
}

/// The sides of a grant that were seen so far.
#[derive(Debug, Default)]
struct Grant {
    entry: Option<Transfer>,
    lot: Option<Lot>,
    claim: Option<Claim>,
}

/// A purchase that names a grant as its own.
#[derive(Debug)]
struct Claim {
    purchase: PurchaseId,
    program: ProgramId,
    rule: Slug,
    state: PurchaseState,
    /// The day on which it was counted as earned.
    day: i64,
    /// What went back to the account that paid it, in minor units.
    returned: i64,
    /// What does not count as earned, in minor units.
    unearned: i64,
    /// What of it became a debt, in minor units: the member's own, should it come back.
    claimed: i64,
    /// Whether something of the purchase was refunded.
    is_refunded: bool,
}

impl<'a> MemberAudit<'a> {
    pub(super) fn new(
        books: &'a mut BookAudit,
        member: MemberId,
        row: Option<&'a MemberRow>,
    ) -> Self {
        Self {
            books,
            member,
            row,
            head: JournalHead::default(),
            folded: BTreeMap::new(),
            held: BTreeMap::new(),
            grants: BTreeMap::new(),
            counters: BTreeMap::new(),
            redeemed: BTreeMap::new(),
            reserved: BTreeMap::new(),
            histories: BTreeMap::new(),
            deposits: DepositAudit::default(),
        }
    }

    /// Takes the next entry, with the purchase that it names when there is one.
    pub fn entry(&mut self, entry: &JournalEntry, purchase: Option<&PurchaseEntity>) {
        self.chain(entry);
        self.books.read_entry();
        self.deposits.entry(entry);
        let transfer = &entry.transfer;
        let amount = i128::from(transfer.minor());
        for (account, delta) in [
            (transfer.from(), amount.saturating_neg()),
            (transfer.to(), amount),
        ] {
            self.books.moved(account, delta);
            match &account.holder {
                Holder::Member(holder) if *holder == self.member => {
                    let key = (account.purpose.clone(), account.asset);
                    let sum = self.folded.entry(key).or_default();
                    *sum = sum.saturating_add(delta);
                }
                Holder::Member(_) => self.books.balance(account.clone(), delta, 0),
                Holder::System if account.purpose == Purpose::Spent => {
                    let sums = self.redeemed_of(Purpose::Spent, account.asset);
                    sums.1 = sums.1.saturating_add(delta);
                }
                Holder::System => {}
            }
        }
        match (transfer.kind, &transfer.purchase) {
            (TransferKind::Grant | TransferKind::ManualGrant, _) => self.granted(entry),
            (TransferKind::TransferIn | TransferKind::ConvertIn | TransferKind::Merge, named)
                if arrives_in_lots(transfer, &self.member) =>
            {
                self.granted(entry);
                if named.is_some() && !purchase.is_some_and(|found| self.may_have(found)) {
                    self.unknown_reversal(entry);
                }
            }
            (TransferKind::TransferOut, _) => {
                for place in self.books.sent(transfer) {
                    let sums = self.counters.entry(place).or_default();
                    sums.0 = sums.0.saturating_add(amount);
                }
            }
            (kind, Some(_)) => {
                let own = purchase.filter(|found| self.may_have(found));
                let is_allowed = own.is_some_and(|found| {
                    kind != TransferKind::Clawback
                        || found.state() == PurchaseState::Cancelled
                        || found.refunded.is_some()
                });
                if !is_allowed {
                    self.unknown_reversal(entry);
                }
            }
            (_, None) => {}
        }
    }

    /// Whether the member may have something that a purchase earned: who made it, and into whom that one was merged.
    fn may_have(&self, purchase: &PurchaseEntity) -> bool {
        let owner = &purchase.purchase.member;
        let is_own = |row: &MemberRow| row.profile.stands_for(&self.member, owner);
        *owner == self.member || self.row.is_some_and(is_own)
    }

    fn unknown_reversal(&mut self, entry: &JournalEntry) {
        if let Some(purchase) = entry.transfer.purchase.clone() {
            self.books.note(AuditProblem::ReversalUnknown {
                member: self.member.clone(),
                seq: entry.seq,
                purchase,
            });
        }
    }

    /// Takes an entry that makes a lot.
    fn granted(&mut self, entry: &JournalEntry) {
        self.grants.entry(entry.seq).or_default().entry = Some(entry.transfer.clone());
        self.close(entry.seq);
    }

    fn chain(&mut self, entry: &JournalEntry) {
        let expected = self.head.seq.saturating_add(1);
        if entry.seq != expected {
            let member = entry.member.clone();
            self.books.note(AuditProblem::Gap {
                member,
                expected,
                found: entry.seq,
            });
        }
        if entry.chain(self.books.tenant(), self.head.hash) != entry.hash {
            let member = entry.member.clone();
            self.books.note(AuditProblem::BrokenChain {
                member,
                seq: entry.seq,
            });
        }
        self.head = JournalHead {
            seq: entry.seq,
            hash: entry.hash,
        };
    }

    /// Takes a lot, with the instant by which sweeps find it.
    pub fn lot(&mut self, lot: &Lot, due_at: Option<Timestamp>) {
        let faults = [
            ("remaining", !is_possible(lot)),
            ("due_at", due_at != lot.due_at()),
        ];
        for (what, is_wrong) in faults {
            if is_wrong {
                self.mismatch(lot.number, what);
            }
        }
        if lot.state.is_open() {
            let key = (resting_place(lot), lot.asset);
            let sum = self.held.entry(key).or_default();
            *sum = sum.saturating_add(i128::from(lot.remaining));
        }
        self.grants.entry(lot.number).or_default().lot = Some(lot.clone());
        self.close(lot.number);
    }

    /// Takes a purchase of the member.
    pub fn purchase(&mut self, purchase: &PurchaseEntity) {
        for allocation in &purchase.allocations {
            let claim = Claim {
                purchase: purchase.purchase.id.clone(),
                program: purchase.purchase.program.clone(),
                rule: allocation.rule.clone(),
                state: purchase.state(),
                day: purchase.day,
                returned: allocation.returned,
                unearned: allocation.unearned(),
                claimed: allocation.claimed,
                is_refunded: purchase.refunded.is_some(),
            };
            let grant = self.grants.entry(allocation.lot).or_default();
            if let Some(earlier) = grant.claim.replace(claim) {
                self.books.note(AuditProblem::GrantMissing {
                    purchase: earlier.purchase,
                    lot: allocation.lot,
                });
            }
            self.close(allocation.lot);
        }
        for (key, amount) in self.books.counted(purchase) {
            if matches!(&key.name.subject, Subject::Member(member) if *member == self.member) {
                let place = (key.name.name, key.bucket);
                let sums = self.counters.entry(place).or_default();
                sums.0 = sums.0.saturating_add(i128::from(amount));
            }
        }
        self.remember(purchase);
    }

    fn redeemed_of(&mut self, purpose: Purpose, asset: Asset) -> &mut (i128, i128) {
        self.redeemed.entry((purpose, asset)).or_default()
    }

    /// Takes a redemption of the member.
    pub fn redemption(&mut self, redemption: &Redemption) {
        let currency = redemption.total.asset();
        for (purpose, sums) in [
            (Purpose::Reserved, redemption.held().collect::<Vec<_>>()),
            (Purpose::Spent, redemption.spent().collect()),
        ] {
            for (bucket, minor) in sums {
                let sums = self.redeemed_of(purpose.clone(), bucket.asset(currency));
                sums.0 = sums.0.saturating_add(i128::from(minor));
            }
        }
        if redemption.state() == RedemptionState::Authorized
            && let Some(at) = redemption.expires_at
        {
            self.reserved.insert(redemption.id.clone(), at);
        }
    }

    fn compare_redeemed(&mut self) {
        let stored = self.row.iter().flat_map(|row| row.balances.iter());
        let stored = stored.filter(|(purpose, ..)| **purpose == Purpose::Reserved);
        let stored: Vec<(Asset, i64)> = stored.map(|(_, asset, minor)| (asset, minor)).collect();
        for (asset, minor) in stored {
            self.redeemed_of(Purpose::Reserved, asset).1 = i128::from(minor);
        }
        for ((purpose, asset), (told, stored)) in std::mem::take(&mut self.redeemed) {
            if told != stored {
                let account = Account::member(&self.member, purpose, asset);
                self.books.note(AuditProblem::RedemptionMismatch {
                    account,
                    told,
                    stored,
                });
            }
        }
        let named = self.row.map(|row| &row.profile.reserved);
        if named.is_some_and(|named| *named != self.reserved) {
            self.wrong_column("reserved");
        }
    }

    /// Counts a purchase in the member's history. What it earned is counted with its grants.
    fn remember(&mut self, purchase: &PurchaseEntity) {
        let told = &purchase.purchase;
        let history = self.histories.entry(told.program.clone()).or_default();
        history.number = history.number.saturating_add(1);
        for (summed, minor) in purchase.sums() {
            history.count(summed, purchase.day, minor);
        }
    }

    /// Takes a page of the member's history. A day that is on a page of others is found by nobody who sums, so it is as good as
    /// not there; and nobody looks at a page that the row does not name.
    pub fn page(&mut self, page: &HistoryPage) {
        let row = self.row.and_then(|row| row.history.get(&page.program));
        if !row.is_some_and(|row| row.names(page.page)) {
            self.books.note(AuditProblem::EntityMismatch {
                kind: SmolStr::new_static(HistoryPage::KIND),
                id: SmolStr::new(page.id().text()),
            });
            return;
        }
        let history = self.histories.entry(page.program.clone()).or_default();
        for (day, summed, minor) in page.sums.iter().filter(|(day, ..)| page.holds(*day)) {
            history.stored(summed, day, minor);
        }
    }

    /// Takes a deposit of the member.
    pub fn deposit(&mut self, deposit: &DepositEntity) {
        self.deposits.deposit(deposit);
    }

    /// Takes a counter of the member that has a row of its own.
    pub fn counter(&mut self, name: &str, bucket: i64, value: i64) {
        let sums = self
            .counters
            .entry((SmolStr::new(name), bucket))
            .or_default();
        sums.1 = sums.1.saturating_add(i128::from(value));
    }

    /// Compares the sides of a grant when all of them were seen, and lets go of it.
    fn close(&mut self, number: LotNumber) {
        let is_whole = self.grants.get(&number).is_some_and(|grant| {
            let entry = grant.entry.as_ref();
            let needs_no_claim = entry.is_some_and(|entry| !is_of_own_purchase(entry));
            grant.lot.is_some() && entry.is_some() && (needs_no_claim || grant.claim.is_some())
        });
        if is_whole && let Some(grant) = self.grants.remove(&number) {
            self.compare(number, &grant);
        }
    }

    /// Compares what was seen of a grant.
    fn compare(&mut self, number: LotNumber, grant: &Grant) {
        if let (Some(entry), Some(lot)) = (&grant.entry, &grant.lot) {
            let faults = [
                ("amount", lot.amount != entry.minor()),
                ("asset", lot.asset != entry.asset()),
                ("source", !is_source(&lot.source, entry)),
                ("earned_at", lot.earned_at != entry.effective_at),
                ("purchase", lot.purchase != entry.purchase),
                ("rule", !is_rule(lot, entry)),
            ];
            for (what, is_wrong) in faults {
                if is_wrong {
                    self.mismatch(number, what);
                }
            }
        }
        if let (Some(entry), Some(claim)) = (&grant.entry, &grant.claim) {
            let rule = entry.origin.as_ref().map(|origin| &origin.rule);
            let is_named =
                entry.purchase.as_ref() == Some(&claim.purchase) && rule == Some(&claim.rule);
            if !is_named {
                self.books.note(AuditProblem::GrantMissing {
                    purchase: claim.purchase.clone(),
                    lot: number,
                });
            }
        }
        if let (Some(lot), Some(claim)) = (&grant.lot, &grant.claim)
            && claim.state != PurchaseState::Cancelled
        {
            let earned = lot.amount.saturating_sub(claim.unearned);
            let history = self.histories.entry(claim.program.clone()).or_default();
            history.count(Summed::Earned(lot.asset), claim.day, earned);
        }
        if let Some(lot) = &grant.lot {
            self.life(lot, grant.claim.as_ref());
        }
    }

    /// Whether a lot is where the life of its purchase put it.
    fn life(&mut self, lot: &Lot, claim: Option<&Claim>) {
        let state = claim.map(|claim| claim.state);
        let is_left = match state {
            Some(PurchaseState::Cancelled) => {
                let claimed = claim.map_or(0, |claim| claim.claimed);
                lot.state == LotState::Pending
                    || lot.state == LotState::Available && lot.remaining > claimed
            }
            Some(PurchaseState::Confirmed) => lot.state == LotState::Pending,
            // What a refund leaves with the member is the program's choice.
            Some(PurchaseState::Recorded | PurchaseState::Refunded) | None => false,
        };
        if is_left && let Some(claim) = claim {
            self.books.note(AuditProblem::ReversalMissing {
                purchase: claim.purchase.clone(),
                lot: lot.number,
            });
        }
        let has_left = |row: &MemberRow| row.profile.status == MemberStatus::Closed;
        let may_be_voided = lot.void_at.is_some()
            || claim.is_some_and(|claim| claim.is_refunded)
            || state == Some(PurchaseState::Cancelled)
            || self.row.is_some_and(has_left);
        if lot.state == LotState::Voided && !may_be_voided {
            self.mismatch(lot.number, "state");
        }
        let returned = claim.map_or(0, |claim| claim.returned);
        let is_pending = lot.state == LotState::Pending;
        if is_pending && lot.remaining != lot.amount.saturating_sub(returned) {
            self.mismatch(lot.number, "remaining");
        }
    }

    fn mismatch(&mut self, lot: LotNumber, what: &'static str) {
        let member = self.member.clone();
        self.books
            .note(AuditProblem::LotMismatch { member, lot, what });
    }

    /// Takes the instant by which lists of members are ordered: when the member joined.
    pub fn listed_at(&mut self, at: Timestamp) {
        if self.row.is_some_and(|row| row.profile.registered_at != at) {
            self.wrong_column("at");
        }
    }

    pub(super) fn wrong_column(&mut self, what: &'static str) {
        let member = self.member.clone();
        self.books
            .note(AuditProblem::MemberMismatch { member, what });
    }

    /// Ends with the member: compares what was told with the row.
    pub fn finish(mut self) {
        self.compare_head();
        for (number, grant) in std::mem::take(&mut self.grants) {
            self.incomplete(number, &grant);
            self.compare(number, &grant);
        }
        for problem in std::mem::take(&mut self.deposits).finish(&self.member) {
            self.books.note(problem);
        }
        self.compare_balances();
        self.compare_redeemed();
        self.compare_histories();
        self.compare_counters();
        if self
            .row
            .is_some_and(|row| row.profile.due_at() != row.due_at)
        {
            self.wrong_column("due_at");
        }
    }

    fn compare_head(&mut self) {
        let (found, stored) = (
            self.head,
            self.row.map(|row| row.journal).unwrap_or_default(),
        );
        let is_empty = found.seq == 0 && stored.hash == ChainHash::default();
        if found.seq != stored.seq || !is_empty && found.hash != stored.hash {
            let member = self.member.clone();
            self.books.note(AuditProblem::HeadMismatch {
                member,
                found: found.seq,
                stored: stored.seq,
            });
        }
    }

    /// Notes which side of a grant is missing.
    fn incomplete(&mut self, number: LotNumber, grant: &Grant) {
        let member = self.member.clone();
        match (&grant.entry, &grant.lot) {
            (Some(_), None) => self.books.note(AuditProblem::EntryWithoutLot {
                member: member.clone(),
                seq: number,
            }),
            (None, Some(_)) => self.books.note(AuditProblem::LotWithoutEntry {
                member: member.clone(),
                lot: number,
            }),
            _ => {}
        }
        match (&grant.entry, &grant.claim) {
            (Some(entry), None) => {
                let named = entry.purchase.clone();
                if let Some(purchase) = named.filter(|_| is_of_own_purchase(entry)) {
                    self.books.note(AuditProblem::GrantUnknown {
                        member,
                        seq: number,
                        purchase,
                    });
                }
            }
            (None, Some(claim)) => self.books.note(AuditProblem::GrantMissing {
                purchase: claim.purchase.clone(),
                lot: number,
            }),
            _ => {}
        }
    }

    fn compare_balances(&mut self) {
        let mut balances: BTreeMap<(Purpose, Asset), i128> = BTreeMap::new();
        let stored = self.row.iter().flat_map(|row| row.balances.iter());
        for (purpose, asset, minor) in stored {
            balances.insert((purpose.clone(), asset), i128::from(minor));
        }
        let mut folded = std::mem::take(&mut self.folded);
        let mut held = std::mem::take(&mut self.held);
        for key in folded.keys().chain(held.keys()) {
            balances.entry(key.clone()).or_default();
        }
        for (key, stored) in balances {
            let account = Account::member(&self.member, key.0.clone(), key.1);
            let sum = folded.remove(&key).unwrap_or_default();
            self.books.balance(account.clone(), sum, stored);
            let lots = held.remove(&key).unwrap_or_default();
            if lots != stored && rests_in_lots(&key.0) {
                self.books.note(AuditProblem::LotSumMismatch {
                    account,
                    lots,
                    stored,
                });
            }
        }
    }

    /// Takes the member's history as one more list of counters: purchases made, and sums of all time and of each day.
    fn compare_histories(&mut self) {
        let mut histories = std::mem::take(&mut self.histories);
        let mut places = Counted::new();
        for (program, stored) in self.row.iter().flat_map(|row| &row.history) {
            let number = places.entry((format_smolstr!("{program}/number"), 0));
            number.or_default().1 = i128::from(stored.number());
            for (summed, sum) in stored.all_time() {
                let name = format_smolstr!("{program}/{summed}");
                places.entry((name, 0)).or_default().1 = i128::from(sum);
            }
            let history = histories.entry(program.clone()).or_default();
            for (day, summed, minor) in stored.recent().iter() {
                history.stored(summed, day, minor);
            }
        }
        for (program, history) in histories {
            let number = places.entry((format_smolstr!("{program}/number"), 0));
            number.or_default().0 = i128::from(history.number);
            for ((summed, day), sums) in history.days {
                let name = format_smolstr!("{program}/{summed}");
                let all = &mut places.entry((name, 0)).or_default().0;
                *all = all.saturating_add(sums.0);
                let name = format_smolstr!("{program}/{summed}/day");
                places.insert((name, day), sums);
            }
        }
        self.compare_counted(places);
    }

    fn compare_counters(&mut self) {
        let mut counters = std::mem::take(&mut self.counters);
        for (name, bucket, value) in self.row.iter().flat_map(|row| row.counters.iter()) {
            let sums = counters.entry((name.clone(), bucket)).or_default();
            sums.1 = sums.1.saturating_add(i128::from(value));
        }
        // What a member used of coupon books is not in the coupons that the member holds now.
        counters.retain(|(name, _), _| !name.starts_with("coupons/"));
        self.compare_counted(counters);
    }

    fn compare_counted(&mut self, counters: Counted) {
        let subject = Subject::Member(self.member.clone()).text();
        for ((name, bucket), (counted, stored)) in counters {
            if counted != stored {
                self.books.note(AuditProblem::CounterMismatch {
                    subject: subject.clone(),
                    name,
                    bucket,
                    counted,
                    stored,
                });
            }
        }
    }
}

/// Whether a lot that an entry made can go back to an account. What came from another member, or was converted, goes back to
/// whoever paid it first, and not to where it was on its way.
fn is_source(source: &Purpose, entry: &Transfer) -> bool {
    match entry.kind {
        TransferKind::TransferIn | TransferKind::Merge => *source != Purpose::Transfers,
        TransferKind::ConvertIn => *source != Purpose::Position,
        _ => *source == entry.from().purpose,
    }
}

/// Whether an entry that makes a lot grants what a purchase of the member's own earned. What came from somebody who was merged into
/// the member names the purchase, too.
fn is_of_own_purchase(entry: &Transfer) -> bool {
    entry.purchase.is_some() && entry.kind != TransferKind::Merge
}

/// Whether a lot can be of the rule that it names. The entry by which something came from somebody who was merged names none: what
/// was earned with a purchase keeps its rule.
fn is_rule(lot: &Lot, entry: &Transfer) -> bool {
    match entry.kind {
        TransferKind::Merge => lot.rule.is_some() == lot.purchase.is_some(),
        _ => lot.rule.as_ref() == entry.origin.as_ref().map(|origin| &origin.rule),
    }
}

/// Whether what is left of a lot can be left of one in its state.
fn is_possible(lot: &Lot) -> bool {
    match lot.state {
        LotState::Pending | LotState::Available => (1..=lot.amount).contains(&lot.remaining),
        LotState::Spent | LotState::Expired | LotState::Voided => lot.remaining == 0,
    }
}

/// Where the value of an open lot is.
fn resting_place(lot: &Lot) -> Purpose {
    match lot.state {
        LotState::Pending => Purpose::Pending,
        _ => Purpose::available(lot.asset),
    }
}

/// Whether a transfer makes a lot of a member's.
fn arrives_in_lots(transfer: &Transfer, member: &MemberId) -> bool {
    let to = transfer.to();
    let is_own = matches!(&to.holder, Holder::Member(holder) if holder == member);
    is_own && rests_in_lots(&to.purpose)
}

/// Whether all value of a purpose is in lots.
fn rests_in_lots(purpose: &Purpose) -> bool {
    matches!(
        purpose,
        Purpose::Pending | Purpose::Cashback | Purpose::Points
    )
}
