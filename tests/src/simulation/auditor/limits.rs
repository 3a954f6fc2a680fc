//! Caps and budgets, recounted from what purchases were granted and what of it went back, and not from any counter.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::cashback::{Allocation, Purchase, PurchaseEntity};
use rewards_core::counter::{CounterKind, Summed};
use rewards_core::event::{Event, Stream};
use rewards_core::ids::{MemberId, ProgramId, PurchaseId, Slug};
use rewards_core::ledger::TransferKind;
use rewards_core::money::{Asset, Money, Ratio, Rounding};
use rewards_core::operations::purchases::{GrantedReward, RecordedPurchase};
use rewards_core::program::{CapPer, CompiledProgram, Limit, Program};
use rewards_core::time::{Bucket, Period};

use super::refunds::share;
use super::story::Story;
use super::{Applied, Check, Findings, transfers};
use crate::simulation::Failed;
use crate::simulation::books::{Books, CounterPlace};
use crate::simulation::model::Deliveries;
use crate::simulation::workload::Command;

/// Whose use counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CapScope<'p> {
    Purchase,
    Member,
    Attribute(&'p str),
    Program,
}

/// A cap or a budget of a document.
#[derive(Debug)]
struct Bound<'p> {
    id: &'p Slug,
    scope: CapScope<'p>,
    every: Period,
    limit: i64,
    counts_uses: bool,
    counter: String,
}

/// What one purchase used of one bound.
#[derive(Debug)]
struct Use {
    place: Option<CounterPlace>,
    used: i64,
    /// What is used still, now that something may have gone back to the account that paid it.
    left: i64,
    /// What may be used in all; for a member who has seen higher tiers what the highest of them allows.
    limit: i64,
    name: String,
}

/// What each purchase used of bounds.
type Uses = BTreeMap<PurchaseId, Vec<Use>>;

/// What each purchase added to the history of its member.
type HistorySums = BTreeMap<PurchaseId, Vec<(CounterPlace, i64)>>;

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    (deliveries, story): (&Deliveries, &Story<'_>),
    findings: &mut Findings,
) -> Result<(), Failed> {
    let programs = compiled(books)?;
    let factors = cap_factors(books, deliveries, &programs);
    let mut uses: BTreeMap<PurchaseId, Vec<Use>> = BTreeMap::new();
    let mut summed: BTreeMap<PurchaseId, Vec<(CounterPlace, i64)>> = BTreeMap::new();
    for command in applied {
        let Command::Record(record) = &command.order.command else {
            continue;
        };
        let purchase = &record.purchase;
        let decision = command.reply::<RecordedPurchase>()?.decision;
        let Some(program) = programs.get(&(decision.program.clone(), decision.revision)) else {
            let (program, revision) = (&decision.program, decision.revision);
            findings.add(
                Check::Limit,
                format!("decided by unknown {program} revision {revision}"),
            );
            continue;
        };
        let factor = factors.get(&(purchase.member.clone(), decision.program.clone()));
        let factor = factor.copied().unwrap_or(Ratio::ONE);
        let stored = books.purchases.get(&purchase.id);
        let kept = stored.map_or(&[][..], |stored| &stored.entity.allocations);
        let used = uses_of(program, purchase, &decision.grants, kept, factor)?;
        uses.insert(purchase.id.clone(), used);
        summed.insert(
            purchase.id.clone(),
            sums_of(
                purchase,
                &decision.grants,
                stored.map(|stored| &stored.entity),
            )?,
        );
    }
    returned(books, findings);
    single(&uses, findings);
    along_streams(books, deliveries, &uses, findings);
    let sent = transfers::counted(books, story, applied)?;
    totals(books, applied, (&uses, &summed, sent), findings);
    Ok(())
}

/// The caps and budgets alone, whatever else is counted: recounted from what was granted and what of it did not go back.
pub(super) fn caps(
    books: &Books,
    applied: &[Applied<'_>],
    deliveries: &Deliveries,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let programs = compiled(books)?;
    let factors = cap_factors(books, deliveries, &programs);
    let mut uses = Uses::new();
    for command in applied {
        let Command::Record(request) = &command.order.command else {
            continue;
        };
        let purchase = &request.purchase;
        let decision = command.reply::<RecordedPurchase>()?.decision;
        let revision = (decision.program.clone(), decision.revision);
        let program = programs.get(&revision).ok_or("an unknown revision")?;
        let factor = factors.get(&(purchase.member.clone(), decision.program.clone()));
        let factor = factor.copied().unwrap_or(Ratio::ONE);
        let stored = books.purchases.get(&purchase.id);
        let kept = stored.map_or(&[][..], |stored| &stored.entity.allocations);
        let used = uses_of(program, purchase, &decision.grants, kept, factor)?;
        uses.insert(purchase.id.clone(), used);
    }
    single(&uses, findings);
    along_streams(books, deliveries, &uses, findings);
    let mut counted: BTreeMap<CounterPlace, i64> = BTreeMap::new();
    let mut limits: BTreeMap<CounterPlace, i64> = BTreeMap::new();
    for used in uses.values().flatten() {
        if let Some(place) = &used.place {
            *counted.entry(place.clone()).or_default() += used.left;
            let limit = limits.entry(place.clone()).or_insert(used.limit);
            *limit = (*limit).max(used.limit);
        }
    }
    bounded(&limits, &counted, findings);
    counted.retain(|_, value| *value != 0);
    let mut names = BTreeSet::new();
    for program in programs.values() {
        let bounds = bounds(program.document())?.into_iter();
        names.extend(bounds.map(|bound| bound.counter));
    }
    let stored = books.counters.iter();
    let stored = stored.filter(|((_, name, _), _)| names.contains(name));
    let stored = stored.map(|(place, value)| (place.clone(), *value));
    findings.same_maps(Check::Counter, "counter", &counted, &stored.collect());
    Ok(())
}

/// What is counted is no more than it may be.
fn bounded(
    limits: &BTreeMap<CounterPlace, i64>,
    counted: &BTreeMap<CounterPlace, i64>,
    findings: &mut Findings,
) {
    for (place, limit) in limits {
        let sum = counted.get(place).copied().unwrap_or(0);
        if sum > *limit {
            findings.add(Check::Limit, format!("{place:?} is at {sum} of {limit}"));
        }
    }
}

fn compiled(books: &Books) -> Result<BTreeMap<(ProgramId, u32), CompiledProgram>, Failed> {
    let mut programs = BTreeMap::new();
    for write in &books.programs {
        let compiled =
            CompiledProgram::compile(write.document.clone(), write.revision, write.active_from)
                .map_err(|problems| format!("{problems:?}"))?;
        programs.insert((write.key.program.clone(), write.revision), compiled);
    }
    Ok(programs)
}

/// By how much the tiers a member has ever been on raise the member's caps at most.
fn cap_factors(
    books: &Books,
    deliveries: &Deliveries,
    programs: &BTreeMap<(ProgramId, u32), CompiledProgram>,
) -> BTreeMap<(MemberId, ProgramId), Ratio> {
    let mut factors = BTreeMap::new();
    for record in deliveries.0.get(&books.tenant).into_iter().flatten() {
        let (Stream::Member(member), Event::TierChanged { program, to, .. }) =
            (&record.stream, &record.event)
        else {
            continue;
        };
        let tiers = programs
            .iter()
            .filter(|((id, _), _)| id == program)
            .flat_map(|(_, compiled)| compiled.ladders())
            .flat_map(|ladder| ladder.tiers())
            .filter(|tier| tier.id == *to);
        for tier in tiers {
            let factor: &mut Ratio = factors
                .entry((member.clone(), program.clone()))
                .or_insert(Ratio::ONE);
            let raised = tier.cap_multiplier;
            let larger = |ratio: Ratio| i128::from(ratio.num()) * i128::from(factor.den());
            if larger(raised) > i128::from(factor.num()) * i128::from(raised.den()) {
                *factor = raised;
            }
        }
    }
    factors
}

fn bounds(program: &Program) -> Result<Vec<Bound<'_>>, Failed> {
    let currency: Asset = program.currency.into();
    let mut bounds = Vec::new();
    for cap in &program.caps {
        let (id, cap_id) = (&program.id, &cap.id);
        let (limit, kind) = match &cap.limit {
            Limit::Amount { amount, asset } => {
                let asset = asset.unwrap_or(currency);
                let kind = CounterKind::CapAmount {
                    program: id,
                    cap: cap_id,
                    asset,
                };
                (amount.to_minor(asset.scale())?, kind)
            }
            Limit::Uses(uses) => {
                let kind = CounterKind::CapUses {
                    program: id,
                    cap: cap_id,
                };
                (i64::from(*uses), kind)
            }
        };
        let every = cap.every.unwrap_or(Period::Lifetime);
        let scope = match &cap.per {
            CapPer::Purchase => CapScope::Purchase,
            CapPer::Member => CapScope::Member,
            CapPer::Attribute(name) => CapScope::Attribute(name),
        };
        bounds.push(Bound {
            id: &cap.id,
            scope,
            every,
            limit,
            counts_uses: matches!(cap.limit, Limit::Uses(_)),
            counter: kind.name(every, program.week_start).into(),
        });
    }
    for budget in &program.budgets {
        let asset = budget.asset.unwrap_or(currency);
        let kind = CounterKind::Budget {
            budget: &budget.id,
            asset,
        };
        let every = budget.every.unwrap_or(Period::Lifetime);
        bounds.push(Bound {
            id: &budget.id,
            scope: CapScope::Program,
            every,
            limit: budget.amount.to_minor(asset.scale())?,
            counts_uses: false,
            counter: kind.name(every, program.week_start).into(),
        });
    }
    Ok(bounds)
}

/// What a purchase used of every bound, from its grants and the document.
fn uses_of(
    program: &CompiledProgram,
    purchase: &Purchase,
    grants: &[GrantedReward],
    kept: &[Allocation],
    factor: Ratio,
) -> Result<Vec<Use>, Failed> {
    let document = program.document();
    let mut uses = Vec::new();
    for bound in bounds(document)? {
        let counts = |grant: &GrantedReward| {
            let rule = document.rules.iter().find(|rule| rule.id == grant.rule);
            rule.is_some_and(|rule| rule.caps.contains(bound.id) || rule.budgets.contains(bound.id))
        };
        let (mut granted, mut returned) = (0, 0);
        for (at, grant) in grants.iter().enumerate().filter(|(_, grant)| counts(grant)) {
            granted += grant.granted.minor();
            returned += kept.get(at).map_or(0, |kept| kept.returned);
        }
        let (used, left) = if bound.counts_uses {
            (i64::from(granted > 0), i64::from(granted > returned))
        } else {
            (granted, granted - returned)
        };
        let subject = match bound.scope {
            CapScope::Purchase => None,
            CapScope::Member => Some(format!("m:{}", purchase.member)),
            CapScope::Attribute(name) => {
                let value = purchase.attributes.get(name);
                if value.is_none() && used > 0 {
                    return Err(format!("{} used {} without a key", purchase.id, bound.id).into());
                }
                value.map(|value| format!("k:{name}={value}"))
            }
            CapScope::Program => Some(format!("p:{}", document.id)),
        };
        let Bucket(bucket) = program.calendar().bucket(bound.every, purchase.occurred_at);
        let raised =
            matches!(bound.scope, CapScope::Member | CapScope::Purchase) && !bound.counts_uses;
        let limit = if raised {
            Rounding::Down.multiply(bound.limit, factor)?
        } else {
            bound.limit
        };
        if used != 0 {
            uses.push(Use {
                place: subject.map(|subject| (subject, bound.counter.clone(), bucket)),
                used,
                left,
                limit,
                name: bound.id.to_string(),
            });
        }
    }
    Ok(uses)
}

/// What a purchase adds to the history of its member, as far as it did not come back. It stays a visit until all of it has.
fn sums_of(
    purchase: &Purchase,
    grants: &[GrantedReward],
    stored: Option<&PurchaseEntity>,
) -> Result<Vec<(CounterPlace, i64)>, Failed> {
    let place = |name: String| {
        let subject = format!("m:{}", purchase.member);
        (subject, format!("{}/{name}", purchase.program), 0)
    };
    let refunded = stored.map(PurchaseEntity::refunded).unwrap_or_default();
    // As it was paid, with what coupons took off.
    let purchase = stored.map_or(purchase, |stored| &stored.purchase);
    let discounts = purchase.discounts.map_or(0, Money::minor);
    let paid = purchase.total.minor() - discounts;
    let undone = |minor: i64| share(minor, refunded.amount, paid, refunded.is_whole);
    let mut sums = vec![(place("number".to_owned()), 1)];
    for (summed, minor) in purchase.sums() {
        let left = match summed {
            Summed::Visits => i64::from(!refunded.is_whole),
            Summed::Gross(_) if !refunded.is_whole => {
                minor - refunded.amount - i64::try_from(undone(discounts))?
            }
            _ => minor - i64::try_from(undone(minor))?,
        };
        sums.push((place(summed.to_string()), left));
    }
    let kept = stored.map_or(&[][..], |stored| &stored.allocations);
    for (at, grant) in grants.iter().enumerate() {
        let gone = kept
            .get(at)
            .map_or(0, |kept| kept.returned.max(kept.undone));
        let name = format!("earned.{}", grant.granted.asset());
        sums.push((place(name), grant.granted.minor() - gone));
    }
    Ok(sums)
}

/// What purchases say went back of them is what the journal says went back to the accounts that paid it.
fn returned(books: &Books, findings: &mut Findings) {
    let mut said: BTreeMap<PurchaseId, i64> = BTreeMap::new();
    for (id, stored) in &books.purchases {
        let returned = stored.entity.allocations.iter().map(|own| own.returned);
        said.insert(id.clone(), returned.sum());
    }
    let mut found: BTreeMap<PurchaseId, i64> = BTreeMap::new();
    for entry in &books.journal {
        let (transfer, Some(purchase)) = (&entry.transfer, &entry.transfer.purchase) else {
            continue;
        };
        let returns = [
            TransferKind::Void,
            TransferKind::Clawback,
            TransferKind::Forfeit,
        ];
        if returns.contains(&transfer.kind) {
            *found.entry(purchase.clone()).or_default() += transfer.minor();
        }
    }
    said.retain(|_, minor| *minor != 0);
    findings.same_maps(Check::Limit, "what went back of", &found, &said);
}

/// No purchase alone uses more than is allowed.
fn single(uses: &BTreeMap<PurchaseId, Vec<Use>>, findings: &mut Findings) {
    for (purchase, uses) in uses {
        for used in uses.iter().filter(|used| used.used > used.limit) {
            findings.add(
                Check::Limit,
                format!("{purchase} alone exceeds a limit: {used:?}"),
            );
        }
    }
}

/// A member's own caps hold after every single purchase, in the order in which they were recorded. What goes back later counts
/// as if it had gone back at once: when it did, no event says.
fn along_streams(
    books: &Books,
    deliveries: &Deliveries,
    uses: &BTreeMap<PurchaseId, Vec<Use>>,
    findings: &mut Findings,
) {
    for (stream, records) in deliveries.streams(&books.tenant) {
        let mut sums: BTreeMap<&CounterPlace, i64> = BTreeMap::new();
        let mut seen = 0;
        for record in records {
            // Events may be delivered again; the first delivery counts.
            if record.seq <= seen {
                continue;
            }
            seen = record.seq;
            let Event::PurchaseRecorded { purchase, .. } = &record.event else {
                continue;
            };
            for used in uses.get(purchase).into_iter().flatten() {
                let Some(place) = used
                    .place
                    .as_ref()
                    .filter(|place| place.0.starts_with("m:"))
                else {
                    continue;
                };
                let before = sums.entry(place).or_default();
                let sum = *before + used.used;
                *before += used.left;
                if sum > used.limit {
                    let (name, limit) = (&used.name, used.limit);
                    findings.add(
                        Check::Limit,
                        format!("{stream:?}: {name} at {sum} of {limit} after {purchase}"),
                    );
                }
            }
        }
    }
}

/// Every bound holds for what did not go back, and the counters agree.
fn totals(
    books: &Books,
    applied: &[Applied<'_>],
    (uses, summed, sent): (&Uses, &HistorySums, BTreeMap<CounterPlace, i64>),
    findings: &mut Findings,
) {
    let cancelled: Vec<&PurchaseId> = applied
        .iter()
        .filter_map(|command| match &command.order.command {
            Command::Cancel(cancel) => Some(&cancel.purchase),
            _ => None,
        })
        .collect();
    let mut counted = sent;
    let mut limits: BTreeMap<CounterPlace, i64> = BTreeMap::new();
    for (purchase, uses) in uses {
        for (place, value) in summed.get(purchase).into_iter().flatten() {
            // Only numbers stay given.
            if place.1.ends_with("/number") || !cancelled.contains(&purchase) {
                *counted.entry(place.clone()).or_default() += value;
            }
        }
        for used in uses {
            if let Some(place) = &used.place {
                *counted.entry(place.clone()).or_default() += used.left;
                let limit = limits.entry(place.clone()).or_insert(used.limit);
                *limit = (*limit).max(used.limit);
            }
        }
    }
    bounded(&limits, &counted, findings);
    counted.retain(|_, value| *value != 0);
    let stored = books.counters.iter();
    let is_beside = |name: &str| name.contains("/carry/") || name.starts_with("coupons/");
    let stored = stored.filter(|((_, name, _), _)| !is_beside(name));
    let stored = stored
        .map(|(place, value)| (place.clone(), *value))
        .collect();
    findings.same_maps(Check::Counter, "counter", &counted, &stored);
}
