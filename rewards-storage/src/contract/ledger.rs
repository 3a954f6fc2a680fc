//! Journals and balances as a view shows them.

use std::collections::BTreeMap;

use rewards_core::audit::{AuditProblem, BookAudit};
use rewards_core::ids::TenantId;
use rewards_core::ledger::{
    Account, Balances, JournalEntry, JournalHead, Origin, Purpose, Transfer, TransferKind,
};
use rewards_core::member::MemberRow;
use rewards_core::snapshot::{BalancesAt, MemberKey, ReadPlan, StatementQuery};
use rewards_core::time::Timestamp;
use uuid::Uuid;

use super::Subject;
use super::fixtures::{
    Draft, asset, at, cashback, entry, funding, member, member_key, member_row, program, purchase,
    slug, statement, transfer,
};
use super::subject::insist;
use crate::batch::Commit;

/// Every field of a journal entry comes back as it was, in a statement and in the sweep.
pub async fn entries_come_back_whole(subject: &Subject) {
    let tenant = subject.tenant();
    let kinds = [
        TransferKind::Grant,
        TransferKind::Mature,
        TransferKind::Void,
        TransferKind::Expire,
        TransferKind::Clawback,
        TransferKind::ManualGrant,
        TransferKind::Deduct,
    ];
    let texts = ["", " ", "'; drop table journal; --", "ä\n\t\"😀\" \\ % $1"];
    let mut entries = Vec::new();
    let purposes = [
        Purpose::Main,
        Purpose::Cashback,
        Purpose::Points,
        Purpose::Pending,
        Purpose::Reserved,
        Purpose::Funding(slug("a.b_c-1")),
        Purpose::Expired,
        Purpose::Fees,
        Purpose::Adjustments,
    ];
    for (seq, purpose) in (1..).zip(purposes) {
        let index = usize::try_from(seq).unwrap_or(0);
        let from = Account::system(purpose.clone(), asset("stars/2"));
        let to = Account::member(&member("ann"), purpose, asset("stars/2"));
        let kind = *kinds.get(index % kinds.len()).expect("a kind");
        let minor = i64::MAX >> (seq * 3);
        let effective = if seq == 1 { Timestamp::MIN } else { at(-5) };
        let transfer = Transfer::new(from, to, minor, kind, effective).expect("balanced");
        let transfer = transfer.for_purchase((seq % 2 == 0).then(|| purchase("p 'ä'")));
        let transfer = match texts.get(index) {
            Some(text) => transfer.because(text),
            None => transfer.by_rule(Origin {
                program: program("p \"q\""),
                revision: u32::MAX,
                rule: slug("rule"),
            }),
        };
        entries.push(entry(tenant, "ann", seq, transfer));
    }
    let draft = Draft::new(tenant, "key");
    let batch = entries.iter().cloned().fold(draft, Draft::entry).build();
    subject.apply(&batch).await;
    assert_eq!(subject.visible(&[]).await.journal, entries);
    entries.reverse();
    assert_eq!(page(subject, &statement(tenant, "ann")).await, entries);
}

/// A journal with variety: entry `n` differs from `n - 1` in what statements filter by.
fn varied(tenant: &TenantId) -> Vec<JournalEntry> {
    let ann = |purpose, code| Account::member(&member("ann"), purpose, asset(code));
    let paid = |code| Account::system(Purpose::Points, asset(code));
    let transfer = |from, to, kind, seconds| {
        Transfer::new(from, to, 100, kind, at(seconds)).expect("balanced")
    };
    let (eur, pts) = ("EUR", "points");
    let (grant, mature) = (TransferKind::Grant, TransferKind::Mature);
    let cash = || ann(Purpose::Cashback, eur);
    [
        transfer(paid(eur), ann(Purpose::Pending, eur), grant, 10)
            .for_purchase(Some(purchase("p"))),
        transfer(ann(Purpose::Pending, eur), cash(), mature, 20),
        transfer(paid(pts), ann(Purpose::Main, pts), grant, 20).for_purchase(Some(purchase("P"))),
        transfer(paid(eur), ann(Purpose::Main, eur), TransferKind::Deduct, 5),
        transfer(paid(eur), cash(), grant, 30).for_purchase(Some(purchase("p"))),
        transfer(cash(), paid(eur), TransferKind::Clawback, 40),
    ]
    .into_iter()
    .zip(1..)
    .map(|(transfer, seq)| entry(tenant, "ann", seq, transfer))
    .collect()
}

/// Each filter of a statement, and several together; bounds in time are half-open, newest entries come first.
pub async fn statements_filter(subject: &Subject) {
    let tenant = subject.tenant();
    let draft = varied(tenant)
        .into_iter()
        .fold(Draft::new(tenant, "key"), Draft::entry);
    let other = transfer(funding(), cashback("bob"), 1);
    let batch = draft.transfer("bob", 1, other).build();
    subject.apply(&batch).await;
    let all = || statement(tenant, "ann");
    let cases: Vec<(&str, StatementQuery, &[u64])> = vec![
        ("all", all(), &[6, 5, 4, 3, 2, 1]),
        ("limit", StatementQuery { limit: 2, ..all() }, &[6, 5]),
        ("no limit", StatementQuery { limit: 0, ..all() }, &[]),
        (
            "before",
            StatementQuery {
                before: Some(3),
                ..all()
            },
            &[2, 1],
        ),
        (
            "before all",
            StatementQuery {
                before: Some(1),
                ..all()
            },
            &[],
        ),
        (
            "kind",
            StatementQuery {
                kind: Some(TransferKind::Grant),
                ..all()
            },
            &[5, 3, 1],
        ),
        (
            "either side",
            StatementQuery {
                purpose: Some(Purpose::Pending),
                ..all()
            },
            &[2, 1],
        ),
        (
            "a side",
            StatementQuery {
                purpose: Some(Purpose::Cashback),
                ..all()
            },
            &[6, 5, 2],
        ),
        // Only the system has an account of this purpose here: it is no account of the member.
        (
            "not the system",
            StatementQuery {
                purpose: Some(Purpose::Points),
                ..all()
            },
            &[],
        ),
        (
            "asset",
            StatementQuery {
                asset: Some(asset("points")),
                ..all()
            },
            &[3],
        ),
        (
            "purchase",
            StatementQuery {
                purchase: Some(purchase("p")),
                ..all()
            },
            &[5, 1],
        ),
        (
            "from",
            StatementQuery {
                from: Some(at(20)),
                ..all()
            },
            &[6, 5, 3, 2],
        ),
        (
            "until",
            StatementQuery {
                until: Some(at(20)),
                ..all()
            },
            &[4, 1],
        ),
        (
            "empty time",
            StatementQuery {
                from: Some(at(20)),
                until: Some(at(20)),
                ..all()
            },
            &[],
        ),
        (
            "together",
            StatementQuery {
                before: Some(6),
                purpose: Some(Purpose::Cashback),
                asset: Some(asset("EUR")),
                kind: Some(TransferKind::Grant),
                purchase: Some(purchase("p")),
                from: Some(at(30)),
                until: Some(at(31)),
                limit: 1,
                ..all()
            },
            &[5],
        ),
        (
            "filters before the limit",
            StatementQuery {
                kind: Some(TransferKind::Grant),
                limit: 2,
                ..all()
            },
            &[5, 3],
        ),
        ("nobody", statement(tenant, "nobody"), &[]),
    ];
    for (name, query, want) in &cases {
        assert_eq!(numbers(&page(subject, query).await), *want, "{name}");
    }
    // All of them in one plan as well: a store answers each by its own query.
    let plan = ReadPlan {
        statements: cases.iter().map(|(_, query, _)| query.clone()).collect(),
        ..ReadPlan::default()
    };
    let view = subject.load(&plan).await;
    for (name, query, want) in &cases {
        let found = view.statements.get(query).map(|page| numbers(page));
        assert_eq!(found.unwrap_or_default(), *want, "{name}, among others");
    }
}

/// Turning pages by the last number seen meets every entry once, newest first.
pub async fn statements_page(subject: &Subject) {
    let tenant = subject.tenant();
    let grant = || transfer(funding(), cashback("ann"), 1);
    let draft = Draft::new(tenant, "key");
    let batch = (1..=11)
        .fold(draft, |draft, seq| draft.transfer("ann", seq, grant()))
        .build();
    subject.apply(&batch).await;
    for limit in [1, 3, 4, 11, 12] {
        let mut met = Vec::new();
        let mut query = statement(tenant, "ann");
        query.limit = limit;
        loop {
            let entries = numbers(&page(subject, &query).await);
            query.before = entries.last().copied();
            if entries.is_empty() {
                break;
            }
            met.extend(entries);
            assert!(met.len() <= 11, "pages that do not end: {met:?}");
        }
        assert_eq!(met, (1..=11).rev().collect::<Vec<_>>(), "pages of {limit}");
    }
}

/// Balances at an instant are the sums of the entries effective at or before it, in account order; an account that
/// an entry has touched is listed even at zero.
pub async fn balances_at_an_instant(subject: &Subject) {
    let tenant = subject.tenant();
    let draft = varied(tenant)
        .into_iter()
        .fold(Draft::new(tenant, "key"), Draft::entry);
    subject.apply(&draft.build()).await;
    let ann = |purpose, code| Account::member(&member("ann"), purpose, asset(code));
    let cash = |value| (ann(Purpose::Cashback, "EUR"), value);
    let main = || (ann(Purpose::Main, "EUR"), 100);
    let points = || (ann(Purpose::Main, "points"), 100);
    let pending = |value| (ann(Purpose::Pending, "EUR"), value);
    let cases = [
        (4, vec![]),
        (5, vec![main()]),
        (10, vec![main(), pending(100)]),
        (20, vec![main(), points(), cash(100), pending(0)]),
        (30, vec![main(), points(), cash(200), pending(0)]),
        (1_000, vec![main(), points(), cash(100), pending(0)]),
    ];
    let query = |seconds| BalancesAt {
        member: member_key(tenant, "ann"),
        at: at(seconds),
    };
    let plan = ReadPlan {
        balances_at: cases.iter().map(|(seconds, _)| query(*seconds)).collect(),
        ..ReadPlan::default()
    };
    let view = subject.load(&plan).await;
    for (seconds, want) in cases {
        let found = view.balances_at.get(&query(seconds)).cloned();
        assert_eq!(found.unwrap_or_default(), want, "after {seconds} s");
    }
}

/// After many batches, applied and refused, the journals refold into exactly the balances in the rows of members and the
/// control accounts beside them.
pub async fn balances_refold(subject: &Subject) {
    let tenant = subject.tenant();
    let mut heads: BTreeMap<MemberKey, (JournalHead, Balances)> = BTreeMap::new();
    for round in 0..60_u64 {
        let name = format!("m{}", round % 7);
        let key = member_key(tenant, &name);
        let (head, held) = heads.entry(key).or_default();
        let (mut next, mut balances) = (*head, held.clone());
        let minor = i64::try_from(round % 5).unwrap_or(0).saturating_add(1);
        let (from, to, delta) = if round % 3 == 0 {
            (cashback(&name), funding(), -minor)
        } else {
            (funding(), cashback(&name), minor)
        };
        let moved = transfer(from, to, minor);
        // What a member does not have is not decided on; then the chain goes on from where it was.
        if balances
            .add(&Purpose::Cashback, asset("EUR"), delta)
            .is_err()
        {
            continue;
        }
        let id = Uuid::from_u128(u128::from(round));
        let entry = next.append(tenant, &member(&name), id, moved, at(1));
        let row = MemberRow {
            journal: next,
            balances: balances.clone(),
            ..member_row(next.seq)
        };
        // Every fourth was decided on what is not there.
        let expected = head.seq.saturating_add(u64::from(round % 4 == 3));
        let draft = Draft::new(tenant, &format!("{round}")).entry(entry);
        let batch = draft.member_row(&name, expected, row).build();
        if subject.commit(&batch).await == Commit::Applied {
            (*head, *held) = (next, balances);
        }
    }
    let seen = subject.visible(&[]).await;
    let mut audit = BookAudit::new(tenant.clone());
    let store = subject.backend();
    let mut view = insist(|| store.books(tenant)).await;
    for stored in view.members(None, u32::MAX).await.expect("a page") {
        let mut own = audit.member(&stored.member, Some(&stored.row));
        let entries = seen.journal.iter().filter(|e| e.member == stored.member);
        entries.for_each(|entry| own.entry(entry, None));
        own.finish();
    }
    drop(view);
    for (purpose, asset, sum) in &seen.controls {
        audit.control(purpose, *asset, *sum);
    }
    let audited = audit.finish();
    // There are no lots and purchases here, so nothing is said of them.
    let of_journals = |problem: &&AuditProblem| {
        matches!(
            problem,
            AuditProblem::Gap { .. }
                | AuditProblem::BrokenChain { .. }
                | AuditProblem::HeadMismatch { .. }
                | AuditProblem::BalanceMismatch { .. }
                | AuditProblem::ControlMismatch { .. }
                | AuditProblem::NotZeroSum { .. }
        )
    };
    let problems: Vec<_> = audited.problems.iter().filter(of_journals).collect();
    assert!(problems.is_empty(), "the books must refold: {problems:?}");
    let applied: u64 = heads.values().map(|(head, _)| head.seq).sum();
    assert_eq!(audited.entries, applied, "entries of applied batches only");
    assert!(applied > 30, "most of the batches are applied: {applied}");
}

async fn page(subject: &Subject, query: &StatementQuery) -> Vec<JournalEntry> {
    let plan = ReadPlan {
        statements: vec![query.clone()],
        ..ReadPlan::default()
    };
    let mut view = subject.load(&plan).await;
    view.statements.remove(query).unwrap_or_default()
}

fn numbers(entries: &[JournalEntry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq).collect()
}
