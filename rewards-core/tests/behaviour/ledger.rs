//! The ledger by itself: transfers, lots and the auditor.

use std::collections::BTreeMap;

use rewards_core::audit::{AuditProblem, BookAudit};
use rewards_core::ids::TenantId;
use rewards_core::ledger::{
    Account, Balances, Holder, JournalEntry, JournalHead, LedgerError, Lot, LotState, Origin,
    Purpose, Transfer, TransferKind, consume, settle,
};
use rewards_core::member::{MemberProfile, MemberRow};
use rewards_core::money::Asset;
use uuid::Uuid;

use crate::world::{at, member};

fn euro() -> Asset {
    Asset::parse("EUR").unwrap()
}

fn cashback(who: &str) -> Account {
    Account::member(&member(who), Purpose::Cashback, euro())
}

fn funding() -> Account {
    Account::system(Purpose::Funding("rewards".parse().unwrap()), euro())
}

fn transfer(from: Account, to: Account, amount: i64) -> Result<Transfer, LedgerError> {
    Transfer::new(from, to, amount, TransferKind::Grant, at("2026-03-02"))
}

#[test]
fn a_transfer_moves_a_positive_amount_of_one_asset_between_two_accounts() {
    let points = Account::member(
        &member("ann"),
        Purpose::Points,
        Asset::parse("points").unwrap(),
    );
    for (from, to, amount, refused) in [
        (funding(), cashback("ann"), 1, ""),
        (cashback("ann"), cashback("bob"), i64::MAX, ""),
        (
            funding(),
            cashback("ann"),
            0,
            "a transfer moves a positive amount, got 0",
        ),
        (
            funding(),
            cashback("ann"),
            -1,
            "a transfer moves a positive amount, got -1",
        ),
        (
            funding(),
            points,
            1,
            "a transfer moves one asset, got `EUR` and `points`",
        ),
        (
            cashback("ann"),
            cashback("ann"),
            1,
            "a transfer needs two accounts, got `ann/cashback/EUR` twice",
        ),
    ] {
        let made = transfer(from, to, amount);
        assert_eq!(made.err().map_or(String::new(), |e| e.to_string()), refused);
    }
}

fn lot(number: u64, amount: i64, expires_at: Option<&str>) -> Lot {
    Lot {
        number,
        asset: euro(),
        source: Purpose::Adjustments,
        amount,
        remaining: amount,
        state: LotState::Available,
        earned_at: at("2026-03-01"),
        available_at: Some(at("2026-03-01")),
        void_at: None,
        expires_at: expires_at.map(at),
        purchase: None,
        rule: None,
    }
}

fn pending(available: Option<&str>, void: Option<&str>, expires: Option<&str>) -> Lot {
    Lot {
        state: LotState::Pending,
        available_at: available.map(at),
        void_at: void.map(at),
        ..lot(1, 100, expires)
    }
}

#[test]
fn what_is_due_happens_in_order_and_as_of_its_time() {
    let (d5, d10) = (Some("2026-03-05"), Some("2026-03-10"));
    let table: &[(Lot, &str, &[&str])] = &[
        (lot(1, 100, None), "2026-12-31", &[]),
        (lot(1, 100, d10), "2026-03-09", &[]),
        (lot(1, 100, d10), "2026-03-10", &["expire 2026-03-10"]),
        (pending(d5, None, d10), "2026-03-04", &[]),
        (pending(d5, None, d10), "2026-03-05", &["mature 2026-03-05"]),
        (
            pending(d5, None, d10),
            "2026-12-31",
            &["mature 2026-03-05", "expire 2026-03-10"],
        ),
        (pending(None, d5, None), "2026-12-31", &["void 2026-03-05"]),
        (pending(None, None, d10), "2026-12-31", &[]),
        // At the same instant the member gains.
        (pending(d5, d5, None), "2026-12-31", &["mature 2026-03-05"]),
        (pending(d10, d5, None), "2026-12-31", &["void 2026-03-05"]),
    ];
    for (lot, now, expected) in table {
        let moves = settle(lot, at(now));
        let said: Vec<String> = moves
            .iter()
            .map(|step| {
                let day = step.effective_at.to_string();
                format!("{} {}", step.kind.text(), &day[..10])
            })
            .collect();
        assert_eq!(said, *expected, "{lot:?} at {now}");
        assert!(moves.iter().all(|step| step.amount == 100));
        if let Some(last) = moves.last() {
            assert_eq!(settle(&last.lot, at(now)), [], "nothing is due twice");
        }
    }
    for state in [LotState::Spent, LotState::Expired, LotState::Voided] {
        let closed = Lot {
            state,
            ..pending(d5, d5, d5)
        };
        assert_eq!(
            (closed.due_at(), settle(&closed, at("2027-01-01"))),
            (None, vec![])
        );
    }
}

#[test]
fn lots_pay_soonest_expiry_first() {
    let lots = [
        lot(1, 10, None),
        lot(2, 10, Some("2026-05-01")),
        lot(3, 10, Some("2026-04-01")),
        lot(4, 10, Some("2026-04-01")),
        lot(5, 10, None),
        Lot {
            state: LotState::Pending,
            ..lot(6, 10, Some("2026-03-15"))
        },
        Lot {
            remaining: 0,
            state: LotState::Spent,
            ..lot(7, 10, Some("2026-03-15"))
        },
        Lot {
            asset: Asset::parse("USD").unwrap(),
            ..lot(8, 10, Some("2026-03-15"))
        },
    ];
    for (amount, paid) in [
        (1, &[(3, 1, 9)][..]),
        (10, &[(3, 10, 0)]),
        (15, &[(3, 10, 0), (4, 5, 5)]),
        (
            50,
            &[(3, 10, 0), (4, 10, 0), (2, 10, 0), (1, 10, 0), (5, 10, 0)],
        ),
    ] {
        let parts = consume(&lots, euro(), amount).unwrap();
        let said: Vec<_> = parts
            .iter()
            .map(|part| (part.lot.number, part.amount, part.lot.remaining))
            .collect();
        assert_eq!(said, *paid, "{amount}");
        let spent = |part: &rewards_core::ledger::Consumption| {
            (part.lot.state == LotState::Spent) == (part.lot.remaining == 0)
        };
        assert!(parts.iter().all(spent));
    }
    let too_much = consume(&lots, euro(), 51).unwrap_err();
    assert_eq!(
        too_much,
        LedgerError::Insufficient {
            needed: 51,
            available: 50
        }
    );
    for amount in [0, -1] {
        assert_eq!(
            consume(&lots, euro(), amount),
            Err(LedgerError::NotPositive { amount })
        );
    }
}

fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

/// Three entries of `ann`: two grants of 100, and 50 to `bob`.
fn journal() -> (Vec<JournalEntry>, JournalHead) {
    let mut head = JournalHead::default();
    let mut entries = Vec::new();
    let origin = Origin {
        program: "main".parse().unwrap(),
        revision: 1,
        rule: "it".parse().unwrap(),
    };
    for (number, moved) in [
        transfer(funding(), cashback("ann"), 100)
            .unwrap()
            .by_rule(origin),
        transfer(funding(), cashback("ann"), 100)
            .unwrap()
            .because("sorry"),
        transfer(cashback("ann"), cashback("bob"), 50)
            .unwrap()
            .for_purchase(Some("p1".parse().unwrap())),
    ]
    .into_iter()
    .enumerate()
    {
        let id = Uuid::from_u128(number as u128);
        entries.push(head.append(&tenant(), &member("ann"), id, moved, at("2026-03-02")));
    }
    (entries, head)
}

/// What is wrong with a journal and balances, in the order of words. There are no lots here, so nothing is said of them.
fn audit(entries: &[JournalEntry], head: JournalHead, balances: &[(Account, i64)]) -> Vec<String> {
    let mut audit = BookAudit::new(tenant());
    let mut controls: BTreeMap<(Purpose, Asset), i128> = BTreeMap::new();
    for (account, minor) in balances {
        let key = (account.purpose.clone(), account.asset);
        *controls.entry(key).or_default() += i128::from(*minor);
    }
    for who in ["ann", "bob", "eve"].map(member) {
        let mut row = MemberRow::new(MemberProfile::new(at("2026-03-01")), at("2026-03-01"));
        row.balances = Balances::default();
        for (account, minor) in balances {
            if account.holder == Holder::Member(who.clone()) {
                let own = &mut row.balances;
                own.add(&account.purpose, account.asset, *minor).unwrap();
            }
        }
        let is_ann = who == member("ann");
        if is_ann {
            row.journal = head;
        }
        let mut own = audit.member(&who, Some(&row));
        let entries = entries.iter().filter(|_| is_ann);
        entries.for_each(|entry| own.entry(entry, None));
        own.finish();
    }
    for ((purpose, asset), sum) in controls {
        audit.control(&purpose, asset, sum);
    }
    let audited = audit.finish();
    assert_eq!(audited.entries, entries.len() as u64);
    let say = |problem: AuditProblem| match problem {
        AuditProblem::Gap {
            expected, found, ..
        } => Some(format!("gap {expected} {found}")),
        AuditProblem::BrokenChain { seq, .. } => Some(format!("chain {seq}")),
        AuditProblem::HeadMismatch { found, stored, .. } => Some(format!("head {found} {stored}")),
        AuditProblem::BalanceMismatch {
            account,
            folded,
            stored,
        } => Some(format!("balance {account} {folded} {stored}")),
        AuditProblem::ControlMismatch {
            purpose,
            asset,
            folded,
            stored,
        } => Some(format!("control {purpose}/{asset} {folded} {stored}")),
        AuditProblem::NotZeroSum { asset, sum } => Some(format!("sum {asset} {sum}")),
        _ => None,
    };
    let mut said: Vec<String> = audited.problems.into_iter().filter_map(say).collect();
    said.sort();
    said
}

#[test]
fn the_auditor_finds_what_cannot_be() {
    let (entries, head) = journal();
    let books = [
        (cashback("ann"), 150),
        (cashback("bob"), 50),
        (funding(), -200),
    ];
    assert_eq!(audit(&entries, head, &books), [""; 0]);
    assert_eq!(audit(&[], JournalHead::default(), &[]), [""; 0]);

    let lost = [entries[0].clone(), entries[2].clone()];
    let found = audit(&lost, head, &books);
    assert!(found.contains(&"gap 2 3".to_owned()) && found.contains(&"chain 3".to_owned()));
    let swapped = [entries[1].clone(), entries[0].clone(), entries[2].clone()];
    assert!(audit(&swapped, head, &books).len() > 2);
    assert_eq!(
        audit(
            &entries[..2],
            head,
            &[(cashback("ann"), 200), (funding(), -200)]
        ),
        ["head 2 3"]
    );
    let forged = JournalHead {
        seq: 3,
        ..JournalHead::default()
    };
    assert_eq!(audit(&entries, forged, &books), ["head 3 3"]);
    assert_eq!(audit(&[], forged, &[]), ["head 0 3"]);
    assert_eq!(
        audit(
            &entries,
            head,
            &[
                (cashback("ann"), 151),
                (cashback("bob"), 50),
                (funding(), -200)
            ]
        ),
        [
            "balance ann/cashback/EUR 150 151",
            "control cashback/EUR 200 201",
            "sum EUR 1"
        ]
    );
    assert_eq!(
        audit(&entries, head, &books[..2]),
        ["control funding:rewards/EUR -200 0", "sum EUR 200"]
    );
    let extra = (cashback("eve"), 5);
    let found = audit(&entries, head, &[&books[..], &[extra]].concat());
    let expected = [
        "balance eve/cashback/EUR 0 5",
        "control cashback/EUR 200 205",
        "sum EUR 5",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_change_of_any_field_of_an_entry_breaks_the_chain() {
    let (entries, head) = journal();
    let p2 = Some("p2".parse().unwrap());
    type Tamper = Box<dyn Fn(&mut JournalEntry)>;
    let rebuilt = |from: Account, to: Account, amount: i64| -> Tamper {
        Box::new(move |entry| {
            let old = &entry.transfer;
            let made = Transfer::new(from.clone(), to.clone(), amount, old.kind, old.effective_at);
            let mut made = made.unwrap();
            made.purchase = old.purchase.clone();
            made.origin = old.origin.clone();
            made.reason = old.reason.clone();
            entry.transfer = made;
        })
    };
    let with_origin = |change: fn(&mut Origin)| -> Tamper {
        Box::new(move |entry| {
            let mut origin = entry.transfer.origin.clone().unwrap_or_else(|| Origin {
                program: "main".parse().unwrap(),
                revision: 0,
                rule: "it".parse().unwrap(),
            });
            change(&mut origin);
            entry.transfer.origin = Some(origin);
        })
    };
    let tampers: Vec<(&str, Tamper)> = vec![
        ("member", Box::new(|e| e.member = member("eve"))),
        ("seq", Box::new(|e| e.seq += 1)),
        ("id", Box::new(|e| e.id = Uuid::from_u128(99))),
        ("from", rebuilt(cashback("eve"), cashback("zed"), 100)),
        ("to", rebuilt(funding(), cashback("eve"), 100)),
        ("amount", rebuilt(funding(), cashback("ann"), 101)),
        ("kind", Box::new(|e| e.transfer.kind = TransferKind::Deduct)),
        (
            "effective",
            Box::new(|e| e.transfer.effective_at = at("2026-03-03")),
        ),
        ("recorded", Box::new(|e| e.recorded_at = at("2026-03-03"))),
        (
            "purchase",
            Box::new(move |e| e.transfer.purchase = p2.clone()),
        ),
        (
            "program",
            with_origin(|origin| origin.program = "other".parse().unwrap()),
        ),
        ("revision", with_origin(|origin| origin.revision += 1)),
        (
            "rule",
            with_origin(|origin| origin.rule = "other".parse().unwrap()),
        ),
        ("hash", Box::new(|e| e.hash.0[31] ^= 1)),
    ];
    for at in 0..entries.len() {
        for (field, tamper) in &tampers {
            let mut tampered = entries.clone();
            tamper(&mut tampered[at]);
            let books = [
                (cashback("ann"), 150),
                (cashback("bob"), 50),
                (funding(), -200),
            ];
            let found = audit(&tampered, head, &books);
            assert!(
                found.iter().any(|text| text.starts_with("chain")),
                "{at} {field}: {found:?}"
            );
        }
    }
}

/// What a person gave as the reason can be erased, so it is no part of what is hashed.
#[test]
fn the_words_of_a_reason_are_not_hashed() {
    let (entries, head) = journal();
    let mut erased = entries.clone();
    for entry in &mut erased {
        entry.transfer.reason = Some("other".to_owned());
    }
    let books = [
        (cashback("ann"), 150),
        (cashback("bob"), 50),
        (funding(), -200),
    ];
    assert_eq!(audit(&erased, head, &books), [""; 0]);
}
