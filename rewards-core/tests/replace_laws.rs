//! A purchase that is replaced leaves what its refund and the recording of the other one leave, whatever happened before.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use rewards_core::cashback::PurchaseEntity;
use rewards_core::counter::CounterKey;
use rewards_core::entity::{Entity as _, EntityKey};
use rewards_core::event::Event;
use rewards_core::ids::TenantId;
use rewards_core::ledger::{JournalHead, Lot, Purpose, Transfer};
use rewards_core::member::MemberRow;
use rewards_core::money::Asset;
use rewards_core::operations::purchases::{
    GetPurchase, ListRefunds, RecordPurchase, RefundPurchase, RefundedPart, ReplacePurchase,
};
use rewards_core::rejection::Rejection;
use rewards_core::snapshot::MemberKey;
use rewards_core::time::Timestamp;

use crate::laws::{Basket, Run, basket, document, some_rules};
use crate::motion_laws::{Motion, Motions, motion, sections};
use crate::world::World;

/// Everything that is stored but ids, hashes over them, versions, replies, and which purchase is in whose place.
#[derive(Debug, PartialEq)]
struct Left {
    members: BTreeMap<MemberKey, MemberRow>,
    entities: BTreeMap<EntityKey, String>,
    counters: BTreeMap<CounterKey, i64>,
    controls: BTreeMap<(TenantId, Purpose, Asset), i128>,
    lots: BTreeMap<(MemberKey, u64), Lot>,
    journal: BTreeMap<MemberKey, Vec<(u64, Transfer, Timestamp)>>,
    events: Vec<(u64, Timestamp, Event)>,
}

impl Left {
    fn of(world: &World) -> Self {
        let members = world.members.iter().map(|(key, row)| {
            let mut row = row.clone();
            row.version = 0;
            row.journal = JournalHead::default();
            (key.clone(), row)
        });
        let entities = world.entities.iter().map(|(key, row)| {
            if key.kind != PurchaseEntity::KIND {
                return (key.clone(), format!("{:?} {}", row.index, row.body));
            }
            let mut purchase = row.read::<PurchaseEntity>().unwrap().entity;
            (purchase.replaces, purchase.replaced_by) = (None, None);
            let body = serde_json::to_string(&purchase).unwrap();
            (key.clone(), format!("{:?} {body}", row.index))
        });
        let journal = world.journal.iter().map(|(key, entries)| {
            let entries = entries.iter();
            let entries =
                entries.map(|entry| (entry.seq, entry.transfer.clone(), entry.recorded_at));
            (key.clone(), entries.collect())
        });
        let events = world.events.values().flatten();
        let events = events.map(|record| (record.seq, record.recorded_at, record.event.clone()));
        Self {
            members: members.collect(),
            entities: entities.collect(),
            counters: world.counters.clone(),
            controls: world.controls.clone(),
            lots: world.lots.clone(),
            journal: journal.collect(),
            events: events.collect(),
        }
    }
}

fn refund(replace: &ReplacePurchase) -> RefundPurchase {
    RefundPurchase {
        refund: replace.refund.clone(),
        member: replace.purchase.member.clone(),
        purchase: replace.replaced.clone(),
        what: RefundedPart::All,
        kind: None,
        reason: replace.reason.clone(),
    }
}

fn record(replace: &ReplacePurchase) -> RecordPurchase {
    RecordPurchase {
        coupons: Vec::new(),
        purchase: replace.purchase.clone(),
        pinned: replace.pinned.clone(),
    }
}

/// How a replacement is wrong, if it is.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Nothing,
    /// It pins a quote that does not hold.
    Pinned,
    /// The new purchase is recorded already.
    Known,
    /// The replaced purchase is another member's, or unknown.
    Other,
}

fn wrong() -> impl Strategy<Value = Wrong> {
    prop_oneof![
        12 => Just(Wrong::Nothing),
        1 => select(&[Wrong::Pinned, Wrong::Known, Wrong::Other][..]),
    ]
}

/// A world in which a member bought on so many days that some of them are on pages, and much else happened.
fn world(program: &str, days: i64, first: &Basket, motions: &[Motion]) -> Run {
    let mut run = Run::new(program);
    run.buy(first, None);
    for _ in 0..days {
        run.world.now = run.world.now.checked_add_days(1).unwrap();
        run.buy(first, None);
    }
    let mut all = Motions::new(run);
    for motion in motions {
        all.step(motion);
    }
    all.run
}

fn replacement(run: &Run, replaced: &Index, basket: &Basket, wrong: Wrong) -> ReplacePurchase {
    let mut replace = run.replacement(replaced, basket);
    match wrong {
        Wrong::Nothing => {}
        Wrong::Pinned => replace.pinned = Some("00".to_owned()),
        Wrong::Known => {
            let others = run.recorded.iter().map(|(purchase, _)| &purchase.id);
            let known = others.into_iter().find(|id| **id != replace.replaced);
            replace.purchase.id = known.cloned().unwrap_or(replace.purchase.id);
        }
        Wrong::Other => replace.replaced = "nobody's".parse().unwrap(),
    }
    replace
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn to_replace_is_to_refund_and_to_record(
        numbers in some_rules(),
        later in prop::option::of(some_rules()),
        sections in sections(),
        days in select(&[0, 0, 0, 40][..]),
        first in basket(),
        motions in prop::collection::vec(motion(), 0..20),
        replaced in any::<Index>(),
        basket in basket(),
        wrong in wrong(),
    ) {
        let program = format!("{}{sections}", document(&numbers));
        let mut run = world(&program, days, &first, &motions);
        if let Some(later) = later {
            let next = format!("{}{sections}", document(&later));
            run.world.run_as("later", &publish(&next)).unwrap();
        }
        let replace = replacement(&run, &replaced, &basket, wrong);
        let (mut at_once, mut one_by_one) = (run.world.clone(), run.world.clone());
        // Under keys of their own, so that what is known already is refused by the decision.
        let refunded = one_by_one.run_as("refund", &refund(&replace));
        let recorded = refunded.clone().and_then(|refunded| {
            let recorded = one_by_one.run_as("record", &record(&replace))?;
            Ok((refunded, recorded))
        });
        match (at_once.run_as("replace", &replace), recorded) {
            (Ok(reply), Ok((refunded, recorded))) => {
                prop_assert_eq!(&reply.refunded, &refunded);
                prop_assert_eq!(&reply.recorded, &recorded);
                prop_assert_eq!(Left::of(&at_once), Left::of(&one_by_one));
                check_shown(&mut at_once, &mut one_by_one, &replace)?;
            }
            (Err(refused), Err(expected)) => {
                let is_defect = matches!(refused, Rejection::Internal(_) | Rejection::Corrupt { .. });
                prop_assert!(!is_defect, "{:?}", refused);
                prop_assert_eq!(refused, expected);
                prop_assert_eq!(Left::of(&at_once), Left::of(&run.world));
            }
            (found, expected) => prop_assert!(false, "{:?} and not {:?}", found, expected),
        }
    }
}

fn publish(text: &str) -> rewards_core::operations::programs::PublishProgram {
    rewards_core::operations::programs::PublishProgram {
        program: crate::world::program(text),
        active_from: None,
    }
}

/// Both purchases and the refund are shown as usual, and the purchases name each other.
fn check_shown(
    at_once: &mut World,
    one_by_one: &mut World,
    replace: &ReplacePurchase,
) -> Result<(), TestCaseError> {
    let (old, new) = (&replace.replaced, &replace.purchase.id);
    for (id, replaces, replaced_by) in [(old, None, Some(new)), (new, Some(old), None)] {
        let get = GetPurchase {
            purchase: id.clone(),
            explain: true,
        };
        let mut shown = at_once.run(&get).unwrap();
        // What was replaced may have been recorded in the place of another one itself.
        if replaces.is_some() {
            prop_assert_eq!(shown.replaces.as_ref(), replaces);
            shown.replaces = None;
        }
        prop_assert_eq!(shown.replaced_by.as_ref(), replaced_by);
        shown.replaced_by = None;
        prop_assert_eq!(shown, one_by_one.run(&get).unwrap());
    }
    let list = ListRefunds {
        purchase: Some(old.clone()),
        ..ListRefunds::default()
    };
    prop_assert_eq!(at_once.run(&list).unwrap(), one_by_one.run(&list).unwrap());
    Ok(())
}
