//! Wallets that members share: who is in them, and who pays what from them.

use std::collections::BTreeMap;

use rewards_core::event::{Event, Stream};
use rewards_core::money::Money;
use rewards_core::operations::redemptions::{AuthorizedRedemption, PaidPart, PaidShare, Redeemed};
use rewards_core::wallet::{Bucket, Redemption, SharedWalletState};

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
    membership(books, told, findings);
    let mut shares: BTreeMap<&str, Vec<&Redemption>> = BTreeMap::new();
    for redemption in books.redemptions.values() {
        parts(redemption, findings);
        shares
            .entry(redemption.named().as_str())
            .or_default()
            .push(redemption);
    }
    for command in applied {
        match &command.order.command {
            Command::Redeem(request) => {
                let reply: Redeemed = command.reply()?;
                let own = shares.get(request.redemption.as_str());
                let asked = (request.total, request.wallet.is_some());
                let told = (reply.paid, &reply.parts[..], &reply.payers[..]);
                payment(own, asked, told, findings);
            }
            Command::Authorize(request) => {
                let reply: AuthorizedRedemption = command.reply()?;
                let own = shares.get(request.redemption.as_str());
                let asked = (request.total, request.wallet.is_some());
                let told = (reply.reserved, &reply.parts[..], &reply.payers[..]);
                payment(own, asked, told, findings);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Who is in an open wallet shares it and no other one, and was told so last.
fn membership(books: &Books, told: &Told<'_>, findings: &mut Findings) {
    let mut shared = BTreeMap::new();
    for (id, wallet) in &books.wallets {
        if wallet.state() == SharedWalletState::Active {
            for member in wallet.members() {
                if let Some(other) = shared.insert(member.clone(), id.clone()) {
                    let detail = format!("{member} shares {id} and {other}");
                    findings.add(Check::SharedWallet, detail);
                }
            }
        }
    }
    let rows = books.members.iter();
    let rows = rows.filter_map(|(member, row)| {
        let wallet = row.profile.shared_wallet.as_ref()?;
        Some((member.clone(), wallet.to_string()))
    });
    findings.same_maps(Check::SharedWallet, "wallet of", &shared, &rows.collect());
    let mut last = BTreeMap::new();
    for (stream, events) in told {
        let Stream::Member(member) = stream else {
            continue;
        };
        for event in events {
            match event {
                Event::SharedWalletJoined { wallet } => {
                    if let Some(other) = last.insert(member.clone(), wallet.to_string()) {
                        let detail = format!("{member} came into {wallet} from {other}");
                        findings.add(Check::SharedWallet, detail);
                    }
                }
                Event::SharedWalletLeft { wallet }
                    if last.remove(member) != Some(wallet.to_string()) =>
                {
                    let detail = format!("{member} left {wallet} from elsewhere");
                    findings.add(Check::SharedWallet, detail);
                }
                _ => {}
            }
        }
    }
    findings.same_maps(Check::SharedWallet, "told wallet of", &last, &shared);
}

/// No more is captured than was reserved, and no more comes back than was captured.
fn parts(redemption: &Redemption, findings: &mut Findings) {
    for part in &redemption.parts {
        let lots: i64 = part.lots.iter().map(|lot| lot.1).sum();
        let is_right = (0..=part.amount).contains(&part.captured)
            && (0..=part.captured).contains(&part.returned)
            && (part.bucket == Bucket::Main || lots == part.amount);
        if !is_right {
            let id = &redemption.id;
            findings.add(Check::Spending, format!("{id} cannot be: {part:?}"));
        }
    }
}

/// What pays is no more than the order, is what the parts say, and what all payers together are told and keep.
fn payment(
    shares: Option<&Vec<&Redemption>>,
    (total, is_shared): (Money, bool),
    (paid, parts, payers): (Money, &[PaidPart], &[PaidShare]),
    findings: &mut Findings,
) {
    let Some(shares) = shares else {
        findings.add(
            Check::Spending,
            format!("{paid} of {total} was paid by nobody"),
        );
        return;
    };
    let id = shares.first().map(|share| share.named().as_str());
    let id = id.unwrap_or_default();
    let value: i64 = parts.iter().map(|part| part.value.minor()).sum();
    if paid.minor() > total.minor() || value != paid.minor() {
        let detail = format!("{id} paid {paid} of {total}: {parts:?}");
        findings.add(Check::Spending, detail);
    }
    let mut expected: BTreeMap<Bucket, i64> = BTreeMap::new();
    for part in parts {
        *expected.entry(part.bucket).or_default() += part.amount.minor();
    }
    let mut found: BTreeMap<Bucket, i64> = BTreeMap::new();
    for part in shares.iter().flat_map(|share| &share.parts) {
        *found.entry(part.bucket).or_default() += part.amount;
    }
    expected.retain(|_, minor| *minor != 0);
    found.retain(|_, minor| *minor != 0);
    findings.same_maps(Check::Spending, &format!("{id} of"), &expected, &found);
    if !is_shared {
        return;
    }
    let said: i64 = payers.iter().map(|payer| payer.paid.minor()).sum();
    let own = payers.iter().flat_map(|payer| &payer.parts);
    let mut told: BTreeMap<Bucket, i64> = BTreeMap::new();
    for part in own {
        *told.entry(part.bucket).or_default() += part.amount.minor();
    }
    told.retain(|_, minor| *minor != 0);
    if said != paid.minor() || told != expected || payers.len() != shares.len() {
        let detail = format!("{id} paid {paid}, and its payers {payers:?}");
        findings.add(Check::SharedWallet, detail);
    }
}
