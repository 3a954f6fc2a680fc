//! Refunds: what came back of purchases, what that took back of their rewards, and what members owe since.
//!
//! How much is undone follows from how much came back in all: in proportion, rounded down, and everything when everything did.
//! What of it was taken back, and what had been spent, has to add up to that, by replies, purchases and journal.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::cashback::{Allocation, PurchaseState};
use rewards_core::event::Event;
use rewards_core::ids::PurchaseId;
use rewards_core::ledger::{Purpose, TransferKind};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::purchases::{
    CancelledPurchase, RefundPurchase, RefundedPart, RefundedPurchase,
};
use rewards_core::refunds::RefundKind;
use serde_json::Value;

use super::fraction::Fraction;
use super::story::{Bought, Story, text};
use super::{Applied, Check, Findings, minor_of, rewards};
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::workload::Command;

/// How much is taken back by a policy, and whether what was spent is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Policy {
    pub keeps: bool,
    pub rechecks: bool,
    pub owes: bool,
}

impl Policy {
    /// What the document that decided a purchase says of a refund of a kind.
    pub fn of(document: &Value, kind: RefundKind) -> Self {
        let section = document.get("refunds").unwrap_or(&Value::Null);
        let chargebacks = section.get("chargebacks").filter(|found| !found.is_null());
        let policy = match kind {
            RefundKind::Refund => section,
            RefundKind::Chargeback => chargebacks.unwrap_or(section),
        };
        Self {
            keeps: text(policy, "rewards") == "keep",
            rechecks: text(policy, "rewards") == "recheck",
            owes: text(policy, "shortfall") == "debt",
        }
    }
}

/// What became of a purchase by all that undid it.
#[derive(Debug, Default)]
struct Undone {
    /// What came back of what was paid.
    amount: i64,
    count: u32,
    is_whole: bool,
    /// Whether pieces of lines came back: what is undone then depends on what was granted for each line.
    is_by_line: bool,
    /// What is undone at least, and unless rewards were looked at again exactly, of each grant.
    grants: Vec<i128>,
    /// Whether some refund looked at rewards again, with what was left of the purchase then.
    rechecked: Option<i64>,
    taken: BTreeMap<Asset, i64>,
    short: BTreeMap<Asset, i64>,
    /// What of the shortfall may be owed.
    owing: BTreeMap<Asset, i64>,
    owed: BTreeMap<Asset, i64>,
}

/// What moved of the rewards of a purchase.
#[derive(Debug, Default, Clone, Copy)]
struct Flows {
    granted: i64,
    voided: i64,
    clawed: i64,
    /// What went on to the account that had paid it when it came back from a redemption.
    late: i64,
    expired: i64,
    /// What was left when its member left.
    forfeited: i64,
    owed: i64,
}

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    story: &Story<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut asked: BTreeMap<&str, (&RefundPurchase, RefundedPurchase)> = BTreeMap::new();
    let mut cancelled: BTreeMap<&PurchaseId, CancelledPurchase> = BTreeMap::new();
    for command in applied {
        match &command.order.command {
            Command::Refund(request) => {
                asked.insert(request.refund.as_str(), (request, command.reply()?));
            }
            Command::Cancel(request) => {
                cancelled.insert(&request.purchase, command.reply()?);
            }
            _ => {}
        }
    }
    let mut told = BTreeSet::new();
    let mut undone: BTreeMap<&PurchaseId, Undone> = BTreeMap::new();
    for record in story.members.values().flatten() {
        let Event::PurchaseRefunded {
            purchase, refund, ..
        } = &record.event
        else {
            continue;
        };
        let (Some((request, reply)), Some(bought)) =
            (asked.get(refund.as_str()), story.purchases.get(purchase))
        else {
            findings.add(Check::Refund, format!("{refund} is from nowhere"));
            continue;
        };
        told.insert(refund.as_str());
        let undone = undone.entry(purchase).or_default();
        refund_once(books, story, bought, (request, reply), undone, findings)?;
    }
    for id in asked.keys().filter(|id| !told.contains(**id)) {
        findings.add(
            Check::Refund,
            format!("{id} was acknowledged and nobody was told"),
        );
    }
    for id in books
        .refunds
        .keys()
        .filter(|id| !told.contains(id.as_str()))
    {
        findings.add(Check::Refund, format!("{id} is from nowhere"));
    }
    let flows = flows(books);
    for (id, bought) in &story.purchases {
        let undone = undone.remove(id).unwrap_or_default();
        whole(
            books,
            story,
            bought,
            undone,
            cancelled.get(id),
            &flows,
            findings,
        )?;
    }
    Ok(())
}

/// One refund, after all that came before: how much came back, and that no more was undone than that.
fn refund_once(
    books: &Books,
    story: &Story<'_>,
    bought: &Bought<'_>,
    (request, reply): (&RefundPurchase, &RefundedPurchase),
    undone: &mut Undone,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let id = &request.refund;
    let total = bought.paid();
    let left = total - undone.amount;
    let amount = match &request.what {
        RefundedPart::Amount(amount) => amount.minor(),
        RefundedPart::All => left,
        RefundedPart::Lines(_) => reply.amount.minor(),
    };
    if undone.is_whole || amount > left {
        findings.add(
            Check::Refund,
            format!("{id} gives back what is not there: {undone:?}"),
        );
    }
    undone.amount += amount;
    undone.count += 1;
    let is_by_line = matches!(request.what, RefundedPart::Lines(_));
    undone.is_by_line |= is_by_line;
    // Pieces that cost nothing may be left when nothing else is.
    let has_pieces = is_by_line && reply.state != PurchaseState::Refunded;
    undone.is_whole = request.what == RefundedPart::All || amount == left && !has_pieces;
    let state = undone.is_whole.then_some(PurchaseState::Refunded);
    findings.same(
        Check::Refund,
        format!("reply of {id}"),
        (amount, left - amount, state, &request.purchase),
        (
            reply.amount.minor(),
            reply.left.minor(),
            Some(reply.state).filter(|state| *state == PurchaseState::Refunded),
            &reply.purchase,
        ),
    );
    kept(books, bought, (request, reply), undone, findings);
    let kind = request.kind.unwrap_or_default();
    let policy = Policy::of(story.document(bought)?, kind);
    let before = undone.grants.clone();
    undone.add(bought, policy);
    undone.tell(reply, policy);
    if !undone.is_by_line {
        within(bought, &before, reply, (undone, policy), findings);
    }
    Ok(())
}

/// It is kept once, as it was answered.
fn kept(
    books: &Books,
    bought: &Bought<'_>,
    (request, reply): (&RefundPurchase, &RefundedPurchase),
    undone: &Undone,
    findings: &mut Findings,
) {
    let id = &request.refund;
    let Some(entity) = books.refunds.get(id.as_str()) else {
        findings.add(Check::Refund, format!("{id} was recorded and is gone"));
        return;
    };
    findings.same(
        Check::Refund,
        format!("kept of {id}"),
        (
            // Of whoever bought, also when somebody asked who goes on for that one.
            &bought.order.member,
            &request.purchase,
            request.kind.unwrap_or_default(),
            undone.count,
            reply.amount,
            &reply.taken_back,
            &reply.shortfall,
        ),
        (
            &entity.member,
            &entity.purchase,
            entity.kind,
            entity.number,
            entity.amount,
            &entity.taken_back,
            &entity.shortfall,
        ),
    );
}

/// What of a grant is undone when so much of a purchase came back.
pub(super) fn share(granted: i64, amount: i64, total: i64, is_whole: bool) -> i128 {
    if is_whole {
        return i128::from(granted);
    }
    let all = Fraction::whole(i128::from(total.max(1)));
    let part = Fraction::whole(i128::from(granted)).times(Fraction::whole(i128::from(amount)));
    part.over(all).down()
}

impl Undone {
    /// What is undone of each grant by now.
    fn add(&mut self, bought: &Bought<'_>, policy: Policy) {
        let grants = &bought.reply.decision.grants;
        self.grants.resize(grants.len(), 0);
        if policy.keeps {
            return;
        }
        let total = bought.paid();
        for (undone, grant) in self.grants.iter_mut().zip(grants) {
            let now = share(grant.granted.minor(), self.amount, total, self.is_whole);
            *undone = now.max(*undone);
        }
        if policy.rechecks && !self.is_whole {
            self.rechecked = Some(total - self.amount);
        }
    }

    fn tell(&mut self, reply: &RefundedPurchase, policy: Policy) {
        add(&mut self.taken, &reply.taken_back);
        add(&mut self.short, &reply.shortfall);
        add(&mut self.owed, &reply.owed);
        if policy.owes {
            add(&mut self.owing, &reply.shortfall);
        }
    }
}

fn add(sums: &mut BTreeMap<Asset, i64>, amounts: &[Money]) {
    for amount in amounts {
        *sums.entry(amount.asset()).or_default() += amount.minor();
    }
}

/// No refund takes more than it undoes, and nothing where rewards are kept; and no more is owed than was spent.
fn within(
    bought: &Bought<'_>,
    before: &[i128],
    reply: &RefundedPurchase,
    (undone, policy): (&Undone, Policy),
    findings: &mut Findings,
) {
    let id = &reply.refund;
    for asset in assets_of(bought) {
        let grants = bought.reply.decision.grants.iter().enumerate();
        let own = grants.filter(|(_, grant)| grant.granted.asset() == asset);
        let more = own.map(|(at, grant)| {
            let before = before.get(at).copied().unwrap_or(0);
            let now = match policy.rechecks {
                true => i128::from(grant.granted.minor()),
                false => undone.grants.get(at).copied().unwrap_or(0),
            };
            now - before
        });
        let more: i128 = more.sum();
        let (taken, short) = (
            minor_of(&reply.taken_back, asset),
            minor_of(&reply.shortfall, asset),
        );
        let is_too_much = i128::from(taken) + i128::from(short) > more;
        let owed = minor_of(&reply.owed, asset);
        if is_too_much || owed > short || owed > 0 && !policy.owes {
            findings.add(
                Check::Refund,
                format!("{id} undoes {more} {asset} at most: {reply:?}"),
            );
        }
    }
}

fn assets_of(bought: &Bought<'_>) -> BTreeSet<Asset> {
    let grants = bought.reply.decision.grants.iter();
    grants.map(|grant| grant.granted.asset()).collect()
}

/// All that undid a purchase, held against what the purchase says of itself and against the journal.
fn whole(
    books: &Books,
    story: &Story<'_>,
    bought: &Bought<'_>,
    mut undone: Undone,
    cancelled: Option<&CancelledPurchase>,
    flows: &BTreeMap<(PurchaseId, Asset), Flows>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let id = &bought.order.id;
    let Some(stored) = books.purchases.get(id) else {
        return Ok(());
    };
    let allocations = &stored.entity.allocations;
    let refunded = stored.entity.refunded();
    if let Some(reply) = cancelled {
        add(&mut undone.taken, &reply.taken_back);
        add(&mut undone.short, &reply.shortfall);
        let grants = bought.reply.decision.grants.iter();
        undone.grants = grants
            .map(|grant| i128::from(grant.granted.minor()))
            .collect();
    } else {
        findings.same(
            Check::Refund,
            format!("refunds of {id}"),
            (undone.count, undone.amount, undone.is_whole),
            (refunded.count, refunded.amount, refunded.is_whole),
        );
    }
    undone.grants.resize(allocations.len(), 0);
    grants(
        story,
        bought,
        allocations,
        (&undone, cancelled.is_some()),
        findings,
    )?;
    for asset in assets_of(bought) {
        let place = (id.clone(), asset);
        let moved = flows.get(&place).copied().unwrap_or_default();
        adds_up(bought, allocations, (&undone, asset), moved, findings);
    }
    Ok(())
}

/// What each grant says is undone of it.
fn grants(
    story: &Story<'_>,
    bought: &Bought<'_>,
    allocations: &[Allocation],
    (undone, is_cancelled): (&Undone, bool),
    findings: &mut Findings,
) -> Result<(), Failed> {
    let id = &bought.order.id;
    let decided = bought.reply.decision.grants.iter();
    let mut kept: BTreeMap<Asset, i128> = BTreeMap::new();
    for ((own, least), grant) in allocations.iter().zip(&undone.grants).zip(decided) {
        let (found, all) = (i128::from(own.undone), i128::from(grant.granted.minor()));
        let is_right = match undone.rechecked {
            // Of pieces that come back, what was granted for their lines is undone.
            _ if undone.is_by_line && *least < all => (0..=all).contains(&found),
            Some(_) => (*least..=all).contains(&found),
            None => found == *least,
        };
        if !is_right || own.returned > grant.granted.minor() || own.claimed > own.undone {
            findings.add(
                Check::Refund,
                format!("{least} of {all} undone for {id}: {own:?}"),
            );
        }
        // What went back otherwise, as when its member left, is not kept either.
        let gone = found.max(i128::from(own.returned));
        *kept.entry(grant.granted.asset()).or_default() += all - gone;
    }
    // Rewards that were looked at again are no more than those of what was left.
    if let Some(left) = undone
        .rechecked
        .filter(|_| !is_cancelled && !undone.is_whole && !undone.is_by_line)
        // What is left of a discount is left of what a rule looks at, too.
        .filter(|_| bought.order.discounts.is_none() && bought.off() == 0)
    {
        let rules = allocations.iter().map(|own| own.rule.as_str());
        let most = rewards::still_earned(story.document(bought)?, rules, left)?;
        for (asset, kept) in kept {
            if kept > most.get(&asset.to_string()).copied().unwrap_or(0) {
                findings.add(
                    Check::Refund,
                    format!("{id} keeps {kept} {asset} with {left} left, earned {most:?}"),
                );
            }
        }
    }
    Ok(())
}

/// What was taken back and what had been spent is what was undone; what was voided in time was never the member's.
fn adds_up(
    bought: &Bought<'_>,
    allocations: &[Allocation],
    (undone, asset): (&Undone, Asset),
    moved: Flows,
    findings: &mut Findings,
) {
    let id = &bought.order.id;
    let decided = bought.reply.decision.grants.iter();
    let own = allocations.iter().zip(decided);
    let own = own.filter(|(_, grant)| grant.granted.asset() == asset);
    let (mut all, mut claimed, mut returned) = (0, 0, 0);
    for (own, _) in own {
        (all, claimed, returned) = (
            all + own.undone,
            claimed + own.claimed,
            returned + own.returned,
        );
    }
    let of = |sums: &BTreeMap<Asset, i64>| sums.get(&asset).copied().unwrap_or(0);
    let (taken, short) = (of(&undone.taken), of(&undone.short));
    let voided = moved.voided - (taken - moved.clawed);
    let is_taken = taken >= moved.clawed && voided >= 0;
    // What was left with somebody who has left went back before.
    let adds_up = taken + short <= all && taken + short + voided + moved.forfeited >= all;
    let is_back = returned == moved.voided + moved.clawed + moved.late + moved.forfeited;
    if !is_taken || !adds_up || !is_back || returned > moved.granted {
        findings.add(
            Check::Refund,
            format!("{id} gave back {taken} and not {short} {asset} of {all}: {moved:?}"),
        );
    }
    let owing = of(&undone.owing);
    let is_claimed = claimed <= owing && (moved.expired > 0 || claimed == owing);
    if !is_claimed || of(&undone.owed) > claimed || of(&undone.owed) != moved.owed {
        findings.add(
            Check::Refund,
            format!("{id} claims {claimed} {asset} of {owing}: {undone:?}, {moved:?}"),
        );
    }
}

fn flows(books: &Books) -> BTreeMap<(PurchaseId, Asset), Flows> {
    let mut flows: BTreeMap<(PurchaseId, Asset), Flows> = BTreeMap::new();
    for entry in &books.journal {
        let transfer = &entry.transfer;
        let (asset, minor) = (transfer.asset(), transfer.minor());
        let Some(purchase) = &transfer.purchase else {
            continue;
        };
        let own = flows.entry((purchase.clone(), asset)).or_default();
        let is_available = transfer.from().purpose == Purpose::available(asset);
        match transfer.kind {
            TransferKind::Grant => own.granted += minor,
            TransferKind::Void => own.voided += minor,
            TransferKind::Clawback if is_available => own.clawed += minor,
            TransferKind::Clawback => own.late += minor,
            TransferKind::Expire => own.expired += minor,
            TransferKind::Forfeit => own.forfeited += minor,
            TransferKind::Owe => own.owed += minor,
            _ => {}
        }
    }
    flows
}
