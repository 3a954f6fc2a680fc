//! The auditor: holds the books of a tenant against what its clients were told, and trusts no cache and no counter.
//!
//! It looks at a quiet moment, when no command is in flight. A command whose outcome nobody knows may have happened or
//! not; what is stored under its key decides, and then everything else must agree with that.
//!
//! What was decided is worked out again from the documents as JSON, in fractions and with the zone database, by none of the
//! engine's own rules: a mistake in them is not made twice.

mod answers;
mod calendar;
mod coupon_values;
mod debts;
mod deposits;
mod due;
mod effects;
mod events;
mod everything;
mod fraction;
mod ladders;
mod ledger;
mod limits;
mod offers;
mod order;
mod refunds;
mod refusals;
mod rewards;
mod spending;
mod steps;
mod story;
mod told;
mod transfers;

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};

use rewards_core::ids::MemberId;
use rewards_core::money::{Asset, Money};
use rewards_core::operations::deposits::SettledDeposit;
use rewards_core::operations::transfers::TransferReceiver;
use rewards_core::snapshot::StoredReply;
use serde::de::DeserializeOwned;

use super::Failed;
use super::books::Books;
use super::model::{CommandId, Deliveries, History, Told};
use super::workload::{Command, Order};
use story::Story;

/// What was checked when something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Chains, heads, balances and sums, as the engine's own `verify` sees them.
    Books,
    /// The journal refolded: balances, sums of zero, floors at every single entry, times that never go back.
    Journal,
    /// One key, one request, one reply, found again byte for byte.
    Reply,
    /// Only refusals that make sense, and none for a defect.
    Refusal,
    /// One effect for each command that happened: versions, purchases, journal entries.
    Effect,
    /// What is left in lots is what is in the balances.
    Lot,
    /// Caps and budgets, recounted from purchases.
    Limit,
    /// Counters, recounted from purchases.
    Counter,
    /// Events: gapless, in order, the same at every delivery, and telling what happened.
    Event,
    /// Tiers, refolded from events.
    Tier,
    /// What purchases were granted, worked out again from the documents.
    Grant,
    /// When rewards become available, are voided and expire, worked out again.
    Due,
    /// What members are told they have, from lots and entries alone.
    Answer,
    /// Refunds: what came back, what that undid, and what is owed.
    Refund,
    /// Redemptions: what is reserved, spent and comes back.
    Spending,
    /// Transfers: what leaves one member and arrives at another one.
    Transfer,
    /// Deposits: money that came in, once.
    Deposit,
    /// The order of what happened to a member, held against when clients asked and were answered.
    Order,
    /// Members who were merged, erased or left, and their other names.
    Member,
    /// Wallets that members share, and who pays what from them.
    SharedWallet,
    /// Coupons and their books: how often they are used, and whose they are.
    Coupon,
    /// What coupons take off purchases, by which offers, and when their uses come back.
    Discount,
    /// Conversions: what amounts become in other currencies, and what goes back.
    Conversion,
    /// Payments: their scores, what follows from them, and what is kept of them.
    Risk,
    /// Payments to others: what holds them, what became of each attempt, and what goes back.
    Payment,
    /// Offline tokens: what was paid with them, and what that took of what they hold.
    Token,
    /// Codes that are shown: how often they were scanned.
    Code,
}

/// Something that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What was checked.
    pub check: Check,
    /// What was found.
    pub detail: String,
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.check, self.detail)
    }
}

/// The problems found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Problem>);

impl Findings {
    fn add(&mut self, check: Check, detail: impl Into<String>) {
        let detail = detail.into();
        self.0.push(Problem { check, detail });
    }

    /// Notes when two things that must be the same differ.
    fn same<T: PartialEq + Debug>(
        &mut self,
        check: Check,
        what: impl Display,
        expected: T,
        found: T,
    ) {
        if expected != found {
            self.add(
                check,
                format!("{what}: expected {expected:?}, found {found:?}"),
            );
        }
    }

    /// Notes every key at which two maps differ.
    fn same_maps<K: Ord + Debug, V: PartialEq + Debug>(
        &mut self,
        check: Check,
        what: &str,
        expected: &BTreeMap<K, V>,
        found: &BTreeMap<K, V>,
    ) {
        for (key, value) in expected {
            if found.get(key) != Some(value) {
                let other = found.get(key);
                self.add(
                    check,
                    format!("{what} {key:?}: expected {value:?}, found {other:?}"),
                );
            }
        }
        for (key, value) in found.iter().filter(|(key, _)| !expected.contains_key(key)) {
            self.add(check, format!("{what} {key:?}: {value:?} is from nowhere"));
        }
    }
}

/// A command that happened, with the reply that is stored for it.
#[derive(Debug, Clone, Copy)]
struct Applied<'a> {
    order: &'a Order,
    body: &'a str,
}

impl Applied<'_> {
    fn reply<R: DeserializeOwned>(&self) -> Result<R, Failed> {
        Ok(serde_json::from_str(self.body)?)
    }

    /// The members whose rows it changed.
    fn members(&self) -> Result<Vec<MemberId>, Failed> {
        Ok(match &self.order.command {
            Command::Send(request) => {
                let mut members = vec![request.from.clone()];
                if let TransferReceiver::Member(to) = &request.to {
                    members.push(to.clone());
                }
                members
            }
            // It names a deposit, and the deposit has an owner.
            Command::PayIn(_) => vec![self.reply::<SettledDeposit>()?.member],
            command => command.members().into_iter().cloned().collect(),
        })
    }
}

/// The minor units of an asset among some amounts.
fn minor_of(amounts: &[Money], asset: Asset) -> i64 {
    let own = amounts.iter().filter(|amount| amount.asset() == asset);
    own.map(|amount| amount.minor()).sum()
}

/// Holds the books of one tenant against what its clients were told.
///
/// # Errors
/// When a document or a stored reply cannot be read at all.
pub fn audit(
    books: &Books,
    history: &History,
    deliveries: &Deliveries,
) -> Result<Vec<Problem>, Failed> {
    let mut findings = Findings::default();
    for problem in &books.problems {
        findings.add(Check::Books, format!("{problem:?}"));
    }
    let mut applied = Vec::new();
    let everything = everything::is_ordered(history, &books.tenant);
    for (id, told) in history.of(&books.tenant) {
        applied.extend(replies(books, history, id, told, &mut findings)?);
        refusals::check(id, told, everything, &mut findings);
    }
    once_an_entity(&mut applied);
    let swept = history
        .1
        .iter()
        .filter(|swept| swept.order.tenant == books.tenant);
    applied.extend(swept.map(|swept| Applied {
        order: &swept.order,
        body: &swept.reply,
    }));
    // Sweeps in mid-work may have lost the answers to what they did.
    let is_told = history.3 == 0;
    if everything {
        everything::check(books, (history, &applied), deliveries, &mut findings)?;
        return Ok(findings.0);
    }
    ledger::check(books, &applied, &mut findings)?;
    effects::check(books, &applied, is_told, &mut findings)?;
    events::check(books, &applied, deliveries, is_told, &mut findings)?;
    let story = Story::of(books, &applied, deliveries)?;
    let told = events::streams(books, deliveries, &mut Findings::default())?;
    everything::coupons::check(books, deliveries, &told, &mut findings);
    offers::check(books, (history, &applied), &story, &told, &mut findings)?;
    coupon_values::check(books, &story, &told, &mut findings)?;
    refunds::check(books, &applied, &story, &mut findings)?;
    debts::check(books, &mut findings);
    spending::check(books, &applied, &story, &mut findings)?;
    transfers::check(books, &applied, &story, &mut findings)?;
    deposits::check(books, &applied, &story, &mut findings)?;
    limits::check(books, &applied, (deliveries, &story), &mut findings)?;
    ladders::check(books, &story, &mut findings)?;
    rewards::check(books, &story, &mut findings)?;
    due::check(books, &story, &mut findings)?;
    order::check(books, history, &applied, &story, &mut findings)?;
    Ok(findings.0)
}

/// What made an entity under a given key answers under the id of the entity, too: that is one command, told under two keys.
fn once_an_entity(applied: &mut Vec<Applied<'_>>) {
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    applied.retain(|command| match made(&command.order.command) {
        Some(id) => {
            let place = (command.order.command.operation(), id);
            let earlier = seen.insert(place, command.body);
            earlier.is_none_or(|earlier| earlier != command.body)
        }
        None => true,
    });
}

/// The id of the entity that a command makes.
fn made(command: &Command) -> Option<&str> {
    Some(match command {
        Command::Record(request) => request.purchase.id.as_str(),
        Command::Refund(request) => request.refund.as_str(),
        Command::Redeem(request) => request.redemption.as_str(),
        Command::Authorize(request) => request.redemption.as_str(),
        Command::Send(request) => request.transfer.as_str(),
        Command::Initiate(request) => request.deposit.as_str(),
        Command::Replace(request) => request.purchase.id.as_str(),
        Command::Share(request) => request.wallet.as_str(),
        Command::OpenBook(request) => request.book.as_str(),
        Command::LockRate(request) => request.quote.as_str(),
        Command::Convert(request) => request.conversion.as_str(),
        Command::Assess(request) => request.payment.as_str(),
        Command::CreatePayment(request) => request.payment.as_str(),
        Command::IssueToken(request) => request.token.as_str(),
        Command::CreateQr(request) => request.qr.as_str(),
        Command::Grant(request) => request.reference.as_ref()?.as_str(),
        Command::Deduct(request) => request.reference.as_ref()?.as_str(),
        _ => return None,
    })
}

/// Checks everything told about one key against what is stored under it; returns the command if it happened.
fn replies<'a>(
    books: &'a Books,
    history: &History,
    id: &CommandId,
    told: &'a Told,
    findings: &mut Findings,
) -> Result<Option<Applied<'a>>, Failed> {
    let stored = books.replies.get(&(id.operation, id.key.clone()));
    let first = told.acks.iter().filter(|ack| !ack.replayed).count();
    if first > 1 {
        findings.add(
            Check::Reply,
            format!("{id:?} was said to happen {first} times"),
        );
    }
    let Some(stored) = stored else {
        if !told.acks.is_empty() {
            findings.add(
                Check::Reply,
                format!("{id:?} was acknowledged and is not stored"),
            );
        }
        return Ok(None);
    };
    acknowledged(id, told, stored, findings)?;
    for order in told.orders() {
        if order.fingerprint()? == stored.fingerprint {
            let only_refused = told.acks.is_empty() && told.unknown.is_empty();
            if only_refused && !is_sent_elsewhere(books, history, id, stored)? {
                findings.add(
                    Check::Reply,
                    format!("{id:?} was only refused and is stored"),
                );
            }
            return Ok(Some(Applied {
                order,
                body: &stored.body,
            }));
        }
    }
    if !is_sent_elsewhere(books, history, id, stored)? {
        findings.add(
            Check::Reply,
            format!("{id:?} is stored for a request nobody sent"),
        );
    }
    Ok(None)
}

/// Every acknowledgement is of the stored request and carries its stored reply.
fn acknowledged(
    id: &CommandId,
    told: &Told,
    stored: &StoredReply,
    findings: &mut Findings,
) -> Result<(), Failed> {
    for ack in &told.acks {
        findings.same(
            Check::Reply,
            format!("reply of {id:?}"),
            ack.order.command.stored_reply(&ack.reply)?.as_str(),
            &*stored.body,
        );
        if ack.order.fingerprint()? != stored.fingerprint {
            let request = &ack.order.command;
            findings.add(
                Check::Reply,
                format!("{id:?} is acknowledged for another request: {request:?}"),
            );
        }
    }
    Ok(())
}

/// What makes an entity may have been sent under a key of its own: its reply is kept under the id of the entity, too.
fn is_sent_elsewhere(
    books: &Books,
    history: &History,
    id: &CommandId,
    stored: &StoredReply,
) -> Result<bool, Failed> {
    let others = history.of(&books.tenant);
    let mut others = others.filter(|(other, _)| other.operation == id.operation && *other != id);
    others.try_fold(false, |found, (_, told)| {
        let may_have_happened = !told.acks.is_empty() || !told.unknown.is_empty();
        let mut orders = told.orders().filter(|_| may_have_happened);
        let is_one = orders.try_fold(false, |is_one, order| {
            Ok::<_, Failed>(is_one || order.fingerprint()? == stored.fingerprint)
        })?;
        Ok(found || is_one)
    })
}
