//! What is left of the payments of a member who was erased.

use std::collections::BTreeMap;

use rewards_core::operations::members::{ERASED_ENTITIES_MAX, EraseMember};
use rewards_core::operations::payments::{CreatePayment, HoldPayment};
use rewards_core::payments::PaymentState;
use rewards_core::pipeline::{StageOutcome, StageRun};

use super::{completed, create, get, hold, report, statistics, submit};
use crate::world::{World, member};

const STAGES: &str = "
    [pipeline]
    stages = [{ id = 'look-up', critical = true }]
";

fn told(payment: &str) -> CreatePayment {
    CreatePayment {
        merchant: Some("A clinic".to_owned()),
        category: Some("oncology".to_owned()),
        channel: Some("app".to_owned()),
        biller: Some("tnb".parse().unwrap()),
        ..create(payment, "50.00")
    }
}

fn hold_with_words(payment: &str) -> HoldPayment {
    HoldPayment {
        stages: vec![StageRun {
            stage: "look-up".parse().unwrap(),
            version: "1".to_owned(),
            outcome: StageOutcome::Answered,
            millis: 3,
            answer: [("name".to_owned(), "Ann Example".to_owned())].into(),
        }],
        ..hold(payment)
    }
}

#[test]
fn what_payments_of_an_erased_member_say_in_words_is_dropped() {
    let mut world = World::with(&format!("{}{STAGES}", super::PROGRAM));
    world.give_main("ann", 10_000);
    world.register("bob");
    world.give_main("bob", 10_000);
    world.run(&told("p1")).unwrap();
    world.run_as("hold", &hold_with_words("p1")).unwrap();
    world.run_as("submit", &submit("p1")).unwrap();
    world.run(&report("p1", 1, completed())).unwrap();
    let theirs = CreatePayment {
        member: member("bob"),
        ..told("p2")
    };
    world.run(&theirs).unwrap();
    for number in 0..ERASED_ENTITIES_MAX {
        world.run(&told(&format!("q{number}"))).unwrap();
    }
    let (before, counted) = (get(&mut world, "p1"), statistics(&mut world));

    let mut erase = EraseMember {
        member: member("ann"),
        forfeit: true,
        after: None,
    };
    let first = world.run_as("e1", &erase).unwrap();
    assert_eq!((first.codes, first.payments), (0, ERASED_ENTITIES_MAX));
    erase.after = first.next;
    let last = world.run_as("e2", &erase).unwrap();
    assert_eq!((last.purchases, last.payments, last.next), (0, 1, None));

    let after = get(&mut world, "p1");
    assert_eq!(after.state, PaymentState::Completed);
    assert_eq!(
        (after.merchant, after.category, after.channel),
        (None, None, None)
    );
    assert_eq!(after.biller, before.biller, "the program's own name");
    let [run] = &after.stages[..] else {
        panic!("{:?}", after.stages);
    };
    assert_eq!(run.run.answer, BTreeMap::new());
    assert_eq!(run.run.version, "1");
    assert_eq!(statistics(&mut world), counted);
    assert_eq!(get(&mut world, "q499").merchant, None);
    assert_eq!(get(&mut world, "p2").merchant.as_deref(), Some("A clinic"));
    erase.after = None;
    let again = world.run_as("e3", &erase).unwrap();
    assert_eq!(again.payments, 0, "erased already");
    world.assert_valid();
}
