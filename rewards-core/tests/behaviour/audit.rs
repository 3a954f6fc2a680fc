//! Parts of the audit that look at more than fits into memory, a piece at a time; and heads.

use std::collections::BTreeMap;

use rewards_core::audit::{
    AuditProblem, BookAudit, BookHead, CounterPlace, EventAudit, SharedCounters, StoredRevision,
    revision_hash,
};
use rewards_core::cashback::{Purchase, PurchaseEntity, UsedLimit};
use rewards_core::event::Stream;
use rewards_core::ids::TenantId;
use rewards_core::ledger::ChainHash;
use rewards_core::money::{Asset, Money};
use rewards_core::program::{CompiledProgram, Program};

use crate::world::{at, member};

fn books() -> BookAudit {
    BookAudit::new(TenantId::new("acme").unwrap())
}

const BY_DEVICE: &str = r#"
    id = "club"
    currency = "EUR"
    zone = "UTC"
    caps = [{ id = "top", per = { attribute = "device" }, every = "lifetime", limit = { amount = { amount = "9.00" } } }]
    rules = [{ id = "it", effect = { percent = { rate = "1%" } }, caps = ["top"] }]"#;

fn by_device() -> CompiledProgram {
    let document = Program::from_toml(BY_DEVICE).unwrap();
    CompiledProgram::compile(document, 1, at("2026-01-01")).unwrap()
}

fn stream(id: &str) -> Stream {
    Stream::Member(member(id))
}

/// A purchase that used so much on some devices.
fn purchase(used: &[(&str, i64)]) -> PurchaseEntity {
    let total = Money::new(1, Asset::parse("EUR").unwrap());
    let (id, program) = ("p".parse().unwrap(), "club".parse().unwrap());
    let purchase = Purchase::new(id, member("ann"), program, at("2026-03-02"), total);
    let mut entity = PurchaseEntity::new(purchase, 1, at("2026-03-02"));
    let used = used.iter();
    let used = used.map(|(device, amount)| UsedLimit(0, 0, *amount, Some((*device).into())));
    entity.limits = used.collect();
    entity
}

fn place(device: &str) -> CounterPlace {
    let name = by_device().cap(0).unwrap().counter.clone();
    (format!("k:device={device}").into(), name, 0)
}

#[test]
fn shared_counters_are_recounted_piece_by_piece() {
    // `b` and `d` are wrong, `c` and `z` are not stored at all.
    let bought = purchase(&[("a", 1), ("b", 2), ("c", 3), ("d", 4), ("z", 5)]);
    let pieces = [
        SharedCounters::new(None, [(place("a"), 1), (place("b"), 9)], false),
        SharedCounters::new(Some(place("b")), [(place("d"), 9)], false),
        SharedCounters::new(Some(place("d")), [], true),
    ];
    let mut books = books();
    books.program(by_device());
    for mut piece in pieces {
        piece.purchase(&books, &bought);
        piece.finish(&mut books);
    }
    let found: Vec<_> = books
        .finish()
        .problems
        .into_iter()
        .map(|problem| match problem {
            AuditProblem::CounterMismatch {
                subject,
                counted,
                stored,
                ..
            } => (subject.to_string(), counted, stored),
            other => panic!("{other:?}"),
        })
        .collect();
    let want = [("b", 2, 9), ("c", 3, 0), ("d", 4, 9), ("z", 5, 0)];
    assert_eq!(
        found,
        want.map(|(device, counted, stored)| (format!("k:device={device}"), counted, stored))
    );
}

#[test]
fn waiting_events_are_held_against_the_ends_of_streams() {
    // Streams and their ends, waiting events by stream, number and whether somebody was handed them, and what is found.
    type Case = (
        &'static [(&'static str, u64)],
        &'static [(&'static str, u64, bool)],
        &'static [&'static str],
    );
    let cases: &[Case] = &[
        (&[("a", 0)], &[], &[]),
        (&[("a", 3)], &[], &[]),
        (&[("a", 3)], &[("a", 2, false), ("a", 3, false)], &[]),
        // Acknowledged out of order.
        (&[("a", 4)], &[("a", 1, true), ("a", 3, true)], &[]),
        (&[("a", 4)], &[("a", 2, true), ("a", 4, false)], &[]),
        (
            &[("a", 4)],
            &[("a", 2, false), ("a", 4, false)],
            &["event_gap"],
        ),
        (
            &[("a", 4)],
            &[("a", 2, false), ("a", 3, false)],
            &["event_gap"],
        ),
        (
            &[("a", 2)],
            &[("a", 2, true), ("a", 1, true)],
            &["event_gap"],
        ),
        (
            &[("a", 2)],
            &[("a", 2, true), ("a", 2, true)],
            &["event_gap"],
        ),
        (&[("a", 2)], &[("a", 3, true)], &["event_unknown"]),
        (&[("a", 2)], &[("a", 0, true)], &["event_unknown"]),
        (&[("a", 2)], &[("b", 1, true)], &["event_unknown"]),
    ];
    for (ends, events, want) in cases {
        let mut books = books();
        let ends: BTreeMap<Stream, u64> = ends.iter().map(|(id, end)| (stream(id), *end)).collect();
        let mut audit = EventAudit::new(None, ends, true);
        for (id, seq, was_handed) in *events {
            audit.event(&mut books, &stream(id), *seq, *was_handed);
        }
        audit.finish(&mut books);
        let found: Vec<_> = books
            .finish()
            .problems
            .iter()
            .map(AuditProblem::code)
            .collect();
        assert_eq!(found, *want, "{events:?}");
    }
}

#[test]
fn each_event_is_looked_at_with_its_own_streams() {
    let mut books = books();
    let events = [("a", 1), ("b", 1), ("c", 1), ("x", 1)];
    let pieces = [
        EventAudit::new(None, BTreeMap::from([(stream("a"), 1)]), false),
        EventAudit::new(Some(stream("a")), BTreeMap::from([(stream("c"), 1)]), true),
    ];
    for mut piece in pieces {
        for (id, seq) in events {
            piece.event(&mut books, &stream(id), seq, false);
        }
        piece.finish(&mut books);
    }
    let unknown = |id: &str| AuditProblem::EventUnknown {
        stream: stream(id),
        seq: 1,
    };
    assert_eq!(books.finish().problems, [unknown("b"), unknown("x")]);
}

#[test]
fn a_head_stands_for_one_hash_under_one_number() {
    let head = BookHead {
        stream: stream("ann"),
        seq: 3,
        hash: ChainHash([7; 32]),
    };
    assert_eq!(head.check(Some(ChainHash([7; 32]))), None);
    let rewritten = AuditProblem::Rewritten {
        stream: stream("ann"),
        seq: 3,
    };
    assert_eq!(
        head.check(Some(ChainHash([8; 32]))),
        Some(rewritten.clone())
    );
    assert_eq!(head.check(None), Some(rewritten));
    let text = format!(
        r#"{{"stream":{{"member":"ann"}},"seq":3,"hash":"{}"}}"#,
        "07".repeat(32)
    );
    assert_eq!(serde_json::to_string(&head).unwrap(), text);
    assert_eq!(serde_json::from_str::<BookHead>(&text).unwrap(), head);
}

#[test]
fn every_field_of_a_revision_is_part_of_its_hash() {
    let tenant = TenantId::new("acme").unwrap();
    let stored = StoredRevision {
        program: "club".parse().unwrap(),
        revision: 1,
        active_from: at("2026-03-02"),
        published_at: at("2026-03-01"),
        body: "{}".to_owned(),
    };
    let hash = revision_hash(&tenant, &stored, ChainHash::default());
    type Change = fn(&mut StoredRevision);
    let changes: [Change; 5] = [
        |stored| stored.program = "cluc".parse().unwrap(),
        |stored| stored.revision = 2,
        |stored| stored.active_from = at("2026-03-03"),
        |stored| stored.published_at = at("2026-03-03"),
        |stored| stored.body = "{ }".to_owned(),
    ];
    for change in changes {
        let mut other = stored.clone();
        change(&mut other);
        assert_ne!(revision_hash(&tenant, &other, ChainHash::default()), hash);
    }
    assert_ne!(revision_hash(&tenant, &stored, hash), hash);
    let neighbour = TenantId::new("acmf").unwrap();
    assert_ne!(
        revision_hash(&neighbour, &stored, ChainHash::default()),
        hash
    );
}
