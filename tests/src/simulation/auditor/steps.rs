//! What happened to the purchases of a member, in the order in which it did. Events say when something went back and how
//! much, and the journal says of which purchases; of which grants follows from how much of each was undone.

use std::collections::{BTreeMap, VecDeque};

use rewards_core::event::Event;
use rewards_core::ids::{MemberId, PurchaseId, Slug};
use rewards_core::ledger::{JournalEntry, Purpose, TransferKind};
use rewards_core::money::{Asset, Money};
use rewards_core::refunds::RefundKind;

use super::refunds::{Policy, share};
use super::story::{Bought, Step, Story, named};
use crate::simulation::Failed;
use crate::simulation::books::Books;

/// What became of the grants of a purchase so far.
#[derive(Debug, Default)]
struct Grants {
    /// What of what was paid came back.
    amount: i64,
    is_whole: bool,
    /// What of each grant does not count any more.
    undone: Vec<i64>,
    /// Whether nobody knows which of the grants that is.
    is_vague: bool,
}

struct Steps<'s, 'a, 'b> {
    story: &'s Story<'a>,
    returns: Returns<'b>,
    grants: BTreeMap<&'s PurchaseId, Grants>,
    steps: Vec<Step<'s, 'a>>,
}

/// What happened to the purchases of a member.
///
/// # Errors
/// When a document is missing.
pub(super) fn steps_of<'s, 'a>(
    story: &'s Story<'a>,
    books: &Books,
    member: &MemberId,
) -> Result<Vec<Step<'s, 'a>>, Failed> {
    let mut all = Steps {
        story,
        returns: Returns::of(books, member),
        grants: BTreeMap::new(),
        steps: Vec::new(),
    };
    for record in story.members.get(member).into_iter().flatten() {
        all.take(&record.event)?;
    }
    Ok(all.steps)
}

impl<'s, 'a> Steps<'s, 'a, '_> {
    fn take(&mut self, event: &Event) -> Result<(), Failed> {
        match event {
            Event::PurchaseRecorded { purchase, .. } => {
                if let Some((id, bought)) = self.story.purchases.get_key_value(purchase) {
                    let count = bought.reply.decision.grants.len();
                    let new = self.grants.entry(id).or_default();
                    new.undone.resize(count, 0);
                    self.steps.push(Step::Recorded(bought));
                }
            }
            Event::RewardsVoided { amounts } => self.voided(amounts)?,
            Event::PurchaseRefunded {
                purchase,
                kind,
                amount,
                taken_back,
                shortfall,
                ..
            } => {
                let Some(bought) = self.story.purchases.get(purchase) else {
                    return Ok(());
                };
                let more = self.undo(bought, Some((*kind, *amount)))?;
                self.taken_back(bought, &more, (taken_back, shortfall));
                let is_whole = self.grants.get(purchase).is_some_and(|own| own.is_whole);
                let step = Step::Refunded(bought, amount.minor(), is_whole);
                self.steps.push(step);
            }
            Event::PurchaseCancelled {
                purchase,
                taken_back,
                shortfall,
            } => {
                let Some(bought) = self.story.purchases.get(purchase) else {
                    return Ok(());
                };
                let more = self.undo(bought, None)?;
                self.taken_back(bought, &more, (taken_back, shortfall));
                self.steps.push(Step::Cancelled(bought));
            }
            _ => {}
        }
        Ok(())
    }

    /// What was voided because its time had come: all that is left of it, of a rule that does so.
    fn voided(&mut self, amounts: &[Money]) -> Result<(), Failed> {
        let mut left = sums(amounts);
        while left.values().any(|minor| *minor > 0) {
            let Some((purchase, amount)) = self.returns.take(|_| true) else {
                break;
            };
            *left.entry(amount.asset()).or_default() -= amount.minor();
            let Some(bought) = self.story.purchases.get(purchase) else {
                continue;
            };
            let document = self.story.document(bought)?;
            let is_voided = |rule: &Slug| {
                let rule = named(document, "rules", rule.as_str());
                let place = "/lifecycle/pending/confirmation/void_after_days";
                rule.is_some_and(|rule| rule.pointer(place).is_some())
            };
            let mut rules = Vec::new();
            let own = self.grants.get_mut(purchase);
            let grants = bought.reply.decision.grants.iter();
            for (grant, undone) in grants.zip(own.into_iter().flat_map(|own| &mut own.undone)) {
                if grant.granted.asset() == amount.asset() && is_voided(&grant.rule) {
                    *undone = grant.granted.minor();
                    rules.push(&grant.rule);
                }
            }
            self.steps.push(Step::Returned(bought, rules, amount));
            self.steps.push(Step::Unearned(bought, amount));
        }
        Ok(())
    }

    /// By how much more each grant is undone, by a refund or by the cancellation.
    fn undo(
        &mut self,
        bought: &'s Bought<'a>,
        refund: Option<(RefundKind, Money)>,
    ) -> Result<Vec<i64>, Failed> {
        let (id, total) = (&bought.order.id, bought.paid());
        let policy = refund.map(|(kind, _)| -> Result<Policy, Failed> {
            Ok(Policy::of(self.story.document(bought)?, kind))
        });
        let policy = policy.transpose()?;
        let own = self.grants.entry(id).or_default();
        own.amount += refund.map_or(0, |(_, amount)| amount.minor());
        // Refunds that add up to all of it are a refund of all of it.
        own.is_whole |= refund.is_none() || own.amount == total;
        own.is_vague |= policy.is_some_and(|policy| policy.rechecks) && !own.is_whole;
        let mut more = Vec::new();
        let grants = bought.reply.decision.grants.iter();
        for (grant, undone) in grants.zip(&mut own.undone) {
            let all = grant.granted.minor();
            let now = match policy {
                Some(policy) if policy.keeps => 0,
                _ => i64::try_from(share(all, own.amount, total, own.is_whole))?,
            };
            let now = now.max(*undone);
            more.push(if own.is_vague { all } else { now - *undone });
            *undone = now;
        }
        Ok(more)
    }

    /// What went back at once of what was undone, and what will when it comes back from redemptions.
    fn taken_back(
        &mut self,
        bought: &'s Bought<'a>,
        more: &[i64],
        (taken, short): (&[Money], &[Money]),
    ) {
        let id = &bought.order.id;
        let is_vague = self.grants.get(id).is_some_and(|own| own.is_vague);
        let is_short = |asset| short.iter().any(|amount| amount.asset() == asset);
        let mut left = sums(taken);
        while left.values().any(|minor| *minor > 0) {
            let Some((_, amount)) = self.returns.take(|of| of == id) else {
                break;
            };
            *left.entry(amount.asset()).or_default() -= amount.minor();
            let is_exact = !is_vague && !is_short(amount.asset());
            let may_be = |more: i64| match is_exact {
                true => more == amount.minor(),
                false => more >= amount.minor(),
            };
            let rules = rules_of(bought, amount.asset(), more, may_be);
            self.steps.push(Step::Returned(bought, rules, amount));
        }
        for amount in taken.iter().chain(short) {
            self.steps.push(Step::Unearned(bought, *amount));
        }
        for amount in self.returns.late.remove(id).unwrap_or_default() {
            let rules = rules_of(bought, amount.asset(), more, |_| true);
            self.steps.push(Step::WillReturn(bought, rules, amount));
        }
    }
}

/// The rules whose grants of an asset may be meant.
fn rules_of<'s>(
    bought: &'s Bought<'_>,
    asset: Asset,
    more: &[i64],
    may_be: impl Fn(i64) -> bool,
) -> Vec<&'s Slug> {
    let grants = bought.reply.decision.grants.iter().zip(more);
    let own = grants.filter(|(grant, more)| grant.granted.asset() == asset && may_be(**more));
    own.map(|(grant, _)| &grant.rule).collect()
}

fn sums(amounts: &[Money]) -> BTreeMap<Asset, i64> {
    let mut sums = BTreeMap::new();
    for amount in amounts {
        *sums.entry(amount.asset()).or_default() += amount.minor();
    }
    sums
}

/// What went back of a member's purchases, in the order in which it did.
struct Returns<'b> {
    entries: VecDeque<(&'b PurchaseId, Money)>,
    /// What went back when it came back from redemptions: when that was, no event says.
    late: BTreeMap<&'b PurchaseId, Vec<Money>>,
}

impl<'b> Returns<'b> {
    fn of(books: &'b Books, member: &MemberId) -> Self {
        let is_return = |kind| matches!(kind, TransferKind::Void | TransferKind::Clawback);
        let own = books.journal.iter();
        let own = own.filter(|entry| entry.member == *member && is_return(entry.transfer.kind));
        let mut entries: Vec<&JournalEntry> = own.collect();
        entries.sort_unstable_by_key(|entry| entry.seq);
        let mut returns = Self {
            entries: VecDeque::new(),
            late: BTreeMap::new(),
        };
        for entry in entries {
            let transfer = &entry.transfer;
            let Some(purchase) = &transfer.purchase else {
                continue;
            };
            match transfer.from().purpose {
                Purpose::Reserved | Purpose::Spent => {
                    let late = returns.late.entry(purchase).or_default();
                    late.push(transfer.amount());
                }
                _ => returns.entries.push_back((purchase, transfer.amount())),
            }
        }
        returns
    }

    /// The next one, if its purchase is the one that is meant.
    fn take(&mut self, is_meant: impl Fn(&PurchaseId) -> bool) -> Option<(&'b PurchaseId, Money)> {
        let (purchase, _) = self.entries.front()?;
        is_meant(purchase)
            .then(|| self.entries.pop_front())
            .flatten()
    }
}
