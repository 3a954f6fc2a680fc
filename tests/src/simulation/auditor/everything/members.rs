//! Members who were merged, who left and who were erased, and whose every other name is.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::event::{Event, Stream};
use rewards_core::ids::MemberId;
use rewards_core::ledger::{Holder, Purpose};
use rewards_core::member::MemberStatus;

use super::super::{Applied, Check, Findings};
use super::coupons::Told;
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::workload::Command;

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    told: &Told<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut merged: BTreeSet<&MemberId> = BTreeSet::new();
    let mut erased: BTreeSet<&MemberId> = BTreeSet::new();
    for command in applied {
        match &command.order.command {
            Command::Merge(request) if !merged.insert(&request.member) => {
                let member = &request.member;
                findings.add(Check::Member, format!("{member} was merged twice"));
            }
            Command::Erase(request) => drop(erased.insert(&request.member)),
            _ => {}
        }
    }
    for (member, row) in &books.members {
        let profile = &row.profile;
        findings.same(
            Check::Member,
            format!("whether {member} was merged"),
            merged.contains(member),
            profile.merged_into.is_some(),
        );
        findings.same(
            Check::Member,
            format!("whether {member} was erased"),
            erased.contains(member),
            profile.erased_at.is_some(),
        );
        if let Some(into) = &profile.merged_into {
            gone_on(books, member, into, findings);
        }
        if profile.erased_at.is_some() {
            forgotten(books, member, findings);
        }
        if profile.status == MemberStatus::Closed {
            left(books, member, profile.merged_into.is_some(), findings);
        }
    }
    for (id, alias) in &books.aliases {
        let owner = books.members.get(&alias.member);
        let is_right = owner.is_some_and(|row| {
            row.profile.merged_into.is_none() && row.profile.erased_at.is_none()
        });
        if !is_right {
            let detail = format!("{id} is a name of {}, who is gone: {owner:?}", alias.member);
            findings.add(Check::Member, detail);
        }
    }
    names(books, told, findings);
    Ok(())
}

/// Somebody has as many other names as were linked and not unlinked again, with those of whoever was merged into that one; and none
/// after being erased.
fn names(books: &Books, told: &Told<'_>, findings: &mut Findings) {
    let mut expected: BTreeMap<MemberId, i64> = BTreeMap::new();
    for (stream, events) in told {
        let Stream::Member(member) = stream else {
            continue;
        };
        let count = events.iter().map(|event| match event {
            Event::AliasLinked { .. } => 1,
            Event::AliasUnlinked { .. } => -1,
            _ => 0,
        });
        let owner = books.goes_on_as(member);
        *expected.entry(owner.clone()).or_default() += count.sum::<i64>();
    }
    expected.retain(|member, count| *count != 0 && !books.is_erased(member));
    let mut found: BTreeMap<MemberId, i64> = BTreeMap::new();
    for alias in books.aliases.values() {
        *found.entry(alias.member.clone()).or_default() += 1;
    }
    findings.same_maps(Check::Member, "names of", &expected, &found);
}

/// What a member has of something, whatever the asset.
fn held<'b>(books: &'b Books, member: &'b MemberId) -> impl Iterator<Item = (&'b Purpose, i64)> {
    let balances = books.balances.iter().filter(|(_, minor)| **minor != 0);
    let own = balances.filter(|(account, _)| account.holder == Holder::Member(member.clone()));
    own.map(|(account, minor)| (&account.purpose, *minor))
}

/// Whoever goes on is somebody who was not merged, and knows of it. Once what is due was settled, nothing rests with who was
/// merged that could go on.
fn gone_on(books: &Books, member: &MemberId, into: &MemberId, findings: &mut Findings) {
    let Some(other) = books.members.get(into) else {
        findings.add(Check::Member, format!("{member} went on as nobody, {into}"));
        return;
    };
    if other.profile.merged_into.is_some() || !other.profile.merged.contains(member) {
        let detail = format!("{member} went on as {into}: {:?}", other.profile);
        findings.add(Check::Member, detail);
    }
    if books.swept_at.is_none() || other.profile.status != MemberStatus::Active {
        return;
    }
    for (purpose, minor) in held(books, member) {
        if !matches!(purpose, Purpose::Pending | Purpose::Reserved) {
            let detail = format!("{minor} of {purpose} rest with {member}, who is {into} now");
            findings.add(Check::Member, detail);
        }
    }
}

/// Whoever has left holds nothing, but for what others have undone since.
fn left(books: &Books, member: &MemberId, is_merged: bool, findings: &mut Findings) {
    for (purpose, minor) in held(books, member) {
        let is_right = match purpose {
            // What was owed stays owed, and what was paid may come back.
            Purpose::Debt | Purpose::Cashback | Purpose::Points | Purpose::Main => true,
            Purpose::Reserved => false,
            _ => is_merged,
        };
        if !is_right {
            let detail = format!("{minor} of {purpose} rest with {member}, who has left");
            findings.add(Check::Member, detail);
        }
    }
}

/// Nothing that was told in words is left of whoever was erased.
fn forgotten(books: &Books, member: &MemberId, findings: &mut Findings) {
    let Some(row) = books.members.get(member) else {
        return;
    };
    let profile = &row.profile;
    if !profile.segments.is_empty() || !profile.attributes.is_empty() {
        findings.add(Check::Member, format!("{member} was erased: {profile:?}"));
    }
    let purchases = books
        .purchases
        .values()
        .map(|stored| &stored.entity.purchase);
    for purchase in purchases.filter(|purchase| purchase.member == *member) {
        let facts = purchase.channel.is_some() || !purchase.attributes.is_empty();
        if facts || purchase.lines.iter().any(|line| line.sku.is_some()) {
            let detail = format!("{member} was erased: {purchase:?}");
            findings.add(Check::Member, detail);
        }
    }
    let own = books.journal.iter().filter(|entry| entry.member == *member);
    for entry in own.filter(|entry| entry.transfer.reason.is_some()) {
        findings.add(Check::Member, format!("{member} was erased: {entry:?}"));
    }
}
