//! Offline tokens: what is kept of their payments, and that what they hold has paid exactly that. Codes: how often they were scanned.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::event::Event;
use rewards_core::operations::tokens::{
    FrozenTokens, ReceiptOutcome, SettledReceipt, SettledReceipts,
};
use rewards_core::qr::{IssuedQr, QrScans};
use rewards_core::tokens::{Token, TokenMode, TokenState};
use rewards_core::wallet::RedemptionState;

use super::super::{Applied, Check, Findings};
use super::Told;
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::workload::Command;

/// What commands were told of one token.
#[derive(Debug, Default)]
struct Said {
    issued: u32,
    redeemed: u32,
    cancelled: u32,
    frozen: u32,
    /// What was told of each receipt when it was taken in, by its digest.
    receipts: BTreeMap<String, SettledReceipt>,
}

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    told: &Told<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut said = said(applied, findings)?;
    for (id, token) in &books.tokens {
        let said = said.remove(id).unwrap_or_default();
        ended(token, &said, findings);
        receipts(token, &said, findings);
        held(books, token, findings);
    }
    for (id, said) in said {
        findings.add(Check::Token, format!("{id} is from nowhere: {said:?}"));
    }
    doubled(books, told, findings);
    codes(books, applied, findings);
    Ok(())
}

fn said(
    applied: &[Applied<'_>],
    findings: &mut Findings,
) -> Result<BTreeMap<String, Said>, Failed> {
    let mut said: BTreeMap<String, Said> = BTreeMap::new();
    for command in applied {
        match &command.order.command {
            Command::IssueToken(made) => {
                said.entry(made.token.to_string()).or_default().issued += 1;
            }
            Command::RedeemToken(step) => {
                said.entry(step.token.to_string()).or_default().redeemed += 1;
            }
            Command::CancelToken(step) => {
                said.entry(step.token.to_string()).or_default().cancelled += 1;
            }
            Command::FreezeTokens(_) => {
                let reply: FrozenTokens = command.reply()?;
                for frozen in reply.tokens {
                    said.entry(frozen.token.to_string()).or_default().frozen += 1;
                }
            }
            Command::SettleReceipts(_) => {
                let reply: SettledReceipts = command.reply()?;
                for frozen in reply.frozen {
                    said.entry(frozen.to_string()).or_default().frozen += 1;
                }
                take_in(reply.receipts, &mut said, findings);
            }
            _ => {}
        }
    }
    Ok(said)
}

/// Each receipt is taken in once. The same one twice in a command is told twice, the second time as told before.
fn take_in(
    receipts: Vec<SettledReceipt>,
    said: &mut BTreeMap<String, Said>,
    findings: &mut Findings,
) {
    for receipt in receipts {
        let is_new = matches!(
            receipt.outcome,
            ReceiptOutcome::Settled | ReceiptOutcome::DoubleSpend
        );
        let (Some(token), Some(digest), true) = (&receipt.token, &receipt.digest, is_new) else {
            continue;
        };
        let said = said.entry(token.to_string()).or_default();
        if said
            .receipts
            .insert(digest.clone(), receipt.clone())
            .is_some()
        {
            let detail = format!("{token} took {digest} in twice");
            findings.add(Check::Token, detail);
        }
    }
}

/// A token is issued once, and redeemed or taken back at most once.
fn ended(token: &Token, said: &Said, findings: &mut Findings) {
    let state = token.state(token.claims.begins_at);
    let is_bearer = token.mode() == TokenMode::Bearer;
    let revoked = said.cancelled + said.frozen;
    let is_right = said.issued == 1
        && revoked <= 1
        && said.redeemed <= u32::from(is_bearer)
        && match state {
            TokenState::Active | TokenState::Expired => revoked + said.redeemed == 0,
            TokenState::Cancelled => said.cancelled == 1,
            TokenState::Frozen => said.frozen == 1,
            TokenState::Spent if is_bearer => said.redeemed == 1 && revoked == 0,
            TokenState::Spent => true,
        };
    if !is_right {
        findings.add(Check::Token, format!("{token:?} was told of {said:?}"));
    }
}

/// What is kept of payments is what was taken in, each paid as it was told; together no more than the token is worth, and as much as
/// all of them unless that is more.
fn receipts(token: &Token, said: &Said, findings: &mut Findings) {
    let id = &token.claims.token;
    let kept = token.receipts().iter();
    let kept = kept.map(|own| (own.digest.clone(), Some(own.paid)));
    let told = said.receipts.iter();
    let told = told.map(|(digest, own)| (digest.clone(), own.paid));
    findings.same_maps(
        Check::Token,
        &format!("receipt of {id}"),
        &told.collect(),
        &kept.collect(),
    );
    if token.mode() == TokenMode::Bearer {
        return;
    }
    let signed: i64 = token.receipts().iter().map(|own| own.amount.minor()).sum();
    let paid: i64 = token.receipts().iter().map(|own| own.paid.minor()).sum();
    let expected = signed.min(token.claims.amount.minor());
    findings.same(Check::Token, format!("paid by {id}"), expected, paid);
    let numbers = token.receipts().iter().map(|own| own.counter);
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<u32> = numbers.filter(|number| !seen.insert(*number)).collect();
    let found: BTreeSet<u32> = token.double_spends().into_iter().collect();
    if !twice.is_subset(&found) {
        let detail = format!("{id} has two of {twice:?}, and knows of {found:?}");
        findings.add(Check::Token, detail);
    }
}

/// What holds a token holds what it is worth, and has paid what the token has.
fn held(books: &Books, token: &Token, findings: &mut Findings) {
    use RedemptionState::{Authorized, Captured, Expired};
    let id = &token.claims.token;
    let Some(redemption) = books.redemptions.get(token.redemption.as_str()) else {
        findings.add(Check::Token, format!("nothing holds {id}"));
        return;
    };
    let expected = (token.claims.amount.minor(), token.paid().minor());
    let found = (redemption.value().minor(), redemption.captured().minor());
    findings.same(Check::Token, format!("held for {id}"), expected, found);
    let is_paid = expected.0 == expected.1;
    // What was paid with it may have gone back since: nobody here orders that.
    let fits = match redemption.state() {
        Captured => is_paid,
        Authorized | Expired => !is_paid,
        _ => false,
    };
    if !fits || redemption.token.as_ref() != Some(id) {
        let detail = format!("{token:?} is held by {redemption:?}");
        findings.add(Check::Token, detail);
    }
}

/// Who has spent something twice was told of it, and nobody else.
fn doubled(books: &Books, told: &Told<'_>, findings: &mut Findings) {
    let mut expected = BTreeSet::new();
    for (id, token) in &books.tokens {
        if token.is_double_spent() {
            expected.insert(id.clone());
        }
    }
    let mut found = BTreeSet::new();
    for event in told.values().flatten() {
        if let Event::TokenDoubleSpent { token, .. } = event {
            found.insert(token.to_string());
        }
    }
    findings.same(Check::Token, "spent twice", expected, found);
}

/// A code is created once, and was scanned as often as somebody was told so: once, where it is for one scan.
fn codes(books: &Books, applied: &[Applied<'_>], findings: &mut Findings) {
    let mut expected: BTreeMap<String, (u32, u64, u32)> = BTreeMap::new();
    for command in applied {
        match &command.order.command {
            Command::CreateQr(made) => expected.entry(made.qr.to_string()).or_default().0 += 1,
            Command::ScanQr(step) => expected.entry(step.qr.to_string()).or_default().1 += 1,
            Command::CancelQr(step) => expected.entry(step.qr.to_string()).or_default().2 += 1,
            _ => {}
        }
    }
    let found = books.codes.iter().map(|(id, code)| {
        let cancelled = u32::from(code.cancelled_at().is_some());
        (id.clone(), (1, code.scanned(), cancelled))
    });
    findings.same_maps(Check::Code, "code", &expected, &found.collect());
    let is_over = |code: &&IssuedQr| code.scans == QrScans::Once && code.scanned() > 1;
    for code in books.codes.values().filter(is_over) {
        findings.add(Check::Code, format!("scanned more than once: {code:?}"));
    }
}
