//! Deposits: initiated, confirmed by what a provider signed, late, failed, and refused.

use rewards_core::audit::AuditProblem;
use rewards_core::command::Operation;
use rewards_core::entity::EntityKey;
use rewards_core::event::Event;
use rewards_core::ledger::TransferKind;
use rewards_core::member::MemberStatus;
use rewards_core::money::Money;
use rewards_core::operations::balances::{GetBalance, GetStatement};
use rewards_core::operations::deposits::{
    ConfirmDeposit, GetDeposit, InitiateDeposit, ListDeposits, SettledDeposit,
};
use rewards_core::operations::members::UpdateMember;
use rewards_core::operations::redemptions::AuthorizeRedemption;
use rewards_core::operations::rewards::{GrantReward, SettleMember};
use rewards_core::payments::{DepositEntity, DepositState};
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::rejection::Rejection;
use rewards_core::signature::Signature;
use rewards_core::time::Timestamp;

use crate::problems::found;
use crate::words::money;
use crate::world::{World, at, member};

const PROGRAM: &str = r#"
    [deposits]
    minimum = "5"
    maximum = "100"
    expires_after_minutes = 30
    tolerance_seconds = 60
    providers = [{ id = "card", keys = ["card-1", "card-2"] }, { id = "bank", keys = ["bank-1"] }]
"#;

const NOON: &str = "2026-03-02T12:00:00Z";

fn world() -> World {
    let mut world = World::with(PROGRAM);
    world.at(NOON);
    world
}

pub fn initiate(id: &str, amount: Money) -> InitiateDeposit {
    InitiateDeposit {
        deposit: id.parse().unwrap(),
        program: "main".parse().unwrap(),
        member: member("ann"),
        amount,
        provider: "card".parse().unwrap(),
        provider_reference: None,
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.micros() / 1_000_000
}

/// What the engine makes of a message of the card provider that was signed now.
fn confirm(world: &World, id: &str, message: &str) -> ConfirmDeposit {
    ConfirmDeposit {
        deposit: id.parse().unwrap(),
        message: message.to_owned(),
        signature: Signature::Verified("card-1".parse().unwrap()),
        timestamp: seconds(world.now),
        key: None,
    }
}

fn message(id: &str, amount: &str, outcome: &str) -> String {
    format!(
        r#"{{"deposit":"{id}","amount":{{"amount":"{amount}","asset":"EUR"}},"outcome":"{outcome}","reference":"r-{id}","fee":1.5}}"#
    )
}

pub fn paid(world: &mut World, id: &str, amount: &str) -> Result<SettledDeposit, Rejection> {
    let confirm = confirm(world, id, &message(id, amount, "paid"));
    world.run(&confirm)
}

fn said<T>(result: Result<T, Rejection>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(Rejection::Invalid(problems)) => {
            let problems = problems.iter();
            let told = problems.map(|problem| format!("{} {}", problem.code, problem.path));
            told.collect::<Vec<_>>().join(", ")
        }
        Err(Rejection::DepositMismatch { differs, .. }) => format!("deposit_mismatch {differs}"),
        Err(rejection) => rejection.code().to_owned(),
    }
}

fn state(world: &mut World, id: &str) -> DepositState {
    let get = GetDeposit {
        deposit: id.parse().unwrap(),
        member: None,
    };
    world.run(&get).unwrap().state
}

fn own_money(world: &mut World) -> Option<String> {
    let balance = world.run(&GetBalance::new(member("ann"))).unwrap();
    let euros = balance.assets.first()?;
    assert_eq!(euros.expiring, Some(money("0", "EUR")));
    euros.main.map(|main| {
        assert_eq!(euros.available, main);
        main.to_string()
    })
}

fn suspend(world: &mut World, status: MemberStatus) -> Result<(), Rejection> {
    let update = UpdateMember {
        status: Some(status),
        ..UpdateMember::new(member("ann"))
    };
    let key = format!("status-{}", world.commands);
    world.run_as(&key, &update).map(|_| ())
}

#[test]
fn money_comes_in_when_the_provider_says_so() {
    let mut world = world();
    let initiated = world.run(&initiate("d1", money("12.50", "EUR"))).unwrap();
    assert_eq!(initiated.expires_at, at("2026-03-02T12:30:00Z"));
    assert_eq!(state(&mut world, "d1"), DepositState::Pending);
    assert_eq!(own_money(&mut world), None);

    let settled = paid(&mut world, "d1", "12.50").unwrap();
    assert_eq!(settled.state, DepositState::Confirmed);
    assert_eq!((settled.late, settled.entry), (false, Some(1)));
    assert_eq!(own_money(&mut world).as_deref(), Some("12.50"));
    let statement = world.run(&GetStatement::new(member("ann"))).unwrap();
    let line = &statement.lines[0];
    assert_eq!(line.kind, TransferKind::Deposit);
    assert_eq!(line.from.to_string(), "deposits/EUR");
    assert_eq!(line.to.to_string(), "ann/main/EUR");
    assert_eq!(line.reason.as_deref(), Some("d1"));
    world.assert_valid();
    // What was paid in never expires.
    world.at("2099-03-02T12:00:00Z");
    assert_eq!(own_money(&mut world).as_deref(), Some("12.50"));
}

#[test]
fn a_deposit_is_initiated_within_the_rules_of_the_program() {
    let mut world = world();
    let good = || initiate("d1", money("5", "EUR"));
    let with = |change: &dyn Fn(&mut InitiateDeposit)| {
        let mut initiate = good();
        change(&mut initiate);
        initiate
    };
    let table: [(&str, InitiateDeposit); 11] = [
        (
            "program_unknown",
            with(&|d| d.program = "other".parse().unwrap()),
        ),
        (
            "amount_not_positive amount, asset_mismatch amount.asset",
            with(&|d| d.amount = money("0", "USD")),
        ),
        (
            "amount_not_positive amount",
            with(&|d| d.amount = money("-5", "EUR")),
        ),
        // Before its bounds: a deposit through nobody is no deposit.
        (
            "provider_unknown",
            with(&|d| {
                d.provider = "cash".parse().unwrap();
                d.amount = money("1", "EUR");
            }),
        ),
        (
            "deposit_out_of_bounds",
            with(&|d| d.amount = money("4.99", "EUR")),
        ),
        (
            "deposit_out_of_bounds",
            with(&|d| d.amount = money("100.01", "EUR")),
        ),
        ("member_unknown", with(&|d| d.member = member("bob"))),
        ("done", good()),
        ("done", good()),
        ("key_reused", with(&|d| d.amount = money("6", "EUR"))),
        ("done", initiate("d2", money("100", "EUR"))),
    ];
    for (want, initiate) in table {
        assert_eq!(said(world.run(&initiate)), want, "{initiate:?}");
    }
    assert_eq!(said(world.run_as("own key", &good())), "deposit_exists");
    for (status, want) in [
        (MemberStatus::Suspended, "member_suspended"),
        (MemberStatus::Closed, "member_closed"),
    ] {
        suspend(&mut world, status).unwrap();
        let initiate = initiate("d3", money("5", "EUR"));
        assert_eq!(said(world.run(&initiate)), want);
    }
    let mut none = World::with("rules = []");
    assert_eq!(said(none.run(&good())), "deposits_not_offered");
}

#[test]
fn only_a_fitting_message_of_the_provider_counts() {
    let mut world = world();
    let known = InitiateDeposit {
        provider_reference: Some("r-d2".parse().unwrap()),
        ..initiate("d2", money("7", "EUR"))
    };
    world.run(&initiate("d1", money("12.50", "EUR"))).unwrap();
    world.run(&known).unwrap();
    let good = message("d1", "12.50", "paid");
    let unchanged = confirm(&world, "d1", &good);
    let with = |change: &dyn Fn(&mut ConfirmDeposit)| {
        let mut confirm = unchanged.clone();
        change(&mut confirm);
        confirm
    };
    let by = |key: &str| Signature::Verified(key.parse().unwrap());
    let of_tenant = |tenant: &str| good.replacen('{', &format!(r#"{{"tenant":"{tenant}","#), 1);
    let table: [(&str, ConfirmDeposit); 13] = [
        (
            "internal",
            with(&|c| c.signature = Signature::Claimed("00".repeat(32))),
        ),
        ("time_out_of_range timestamp", with(&|c| c.timestamp = -1)),
        ("syntax message", with(&|c| c.message = "paid".to_owned())),
        (
            "type_invalid message.amount.amount",
            with(&|c| c.message = good.replace("\"12.50\"", "12.5")),
        ),
        (
            "field_missing message.reference",
            with(&|c| c.message = good.replace("reference", "ref")),
        ),
        (
            "deposit_unknown",
            with(&|c| c.deposit = "d9".parse().unwrap()),
        ),
        // A key of another provider, and one that the program does not name.
        ("signature_invalid", with(&|c| c.signature = by("bank-1"))),
        ("signature_invalid", with(&|c| c.signature = by("card-3"))),
        (
            "deposit_mismatch tenant",
            with(&|c| c.message = of_tenant("other")),
        ),
        (
            "deposit_mismatch deposit",
            with(&|c| c.message = message("d2", "12.50", "paid")),
        ),
        (
            "deposit_mismatch amount",
            with(&|c| c.message = message("d1", "12.49", "paid")),
        ),
        (
            "deposit_mismatch amount",
            with(&|c| c.message = good.replace("EUR", "USD")),
        ),
        (
            "deposit_mismatch reference",
            with(&|c| {
                c.deposit = "d2".parse().unwrap();
                c.message = message("d2", "7.00", "paid").replace("r-d2", "r-d1");
            }),
        ),
    ];
    for (want, confirm) in table {
        assert_eq!(said(world.run(&confirm)), want, "{confirm:?}");
    }
    let long = with(&|c| c.message.push_str(&" ".repeat(65_536)));
    assert_eq!(said(world.run(&long)), "text_invalid message");
    assert_eq!(own_money(&mut world), None);
    let second = with(&|c| {
        c.signature = by("card-2");
        c.message = of_tenant("acme");
    });
    assert_eq!(said(world.run(&second)), "done");
    world.assert_valid();
}

#[test]
fn a_signature_is_good_for_a_while_before_and_after() {
    for (off, want) in [
        (0, "done"),
        (60, "done"),
        (-60, "done"),
        (61, "signature_expired"),
        (-61, "signature_expired"),
        (86_400, "signature_expired"),
    ] {
        let mut world = world();
        world.run(&initiate("d1", money("5", "EUR"))).unwrap();
        let mut confirm = confirm(&world, "d1", &message("d1", "5.00", "paid"));
        confirm.timestamp += off;
        assert_eq!(said(world.run(&confirm)), want, "{off}");
    }
    // Half a second more than the tolerance is more.
    let mut world = world();
    world.run(&initiate("d1", money("5", "EUR"))).unwrap();
    let confirm = confirm(&world, "d1", &message("d1", "5.00", "paid"));
    world.at("2026-03-02T12:01:00.000001Z");
    assert_eq!(said(world.run(&confirm)), "signature_expired");
}

#[test]
fn a_message_counts_once() {
    let mut world = world();
    world.run(&initiate("d1", money("5", "EUR"))).unwrap();
    let first = paid(&mut world, "d1", "5.00").unwrap();
    let again = paid(&mut world, "d1", "5.00").unwrap();
    assert_eq!(first, again);
    // The same message under a key of the caller's is no repetition, and money comes in no second time.
    let same = confirm(&world, "d1", &message("d1", "5.00", "paid"));
    assert_eq!(said(world.run_as("own", &same)), "deposit_confirmed");
    for outcome in ["paid", "failed"] {
        let other = message("d1", "5.00", outcome).replace("1.5", "1.6");
        let other = confirm(&world, "d1", &other);
        assert_eq!(said(world.run(&other)), "deposit_confirmed");
    }
    assert_eq!(own_money(&mut world).as_deref(), Some("5.00"));
    world.assert_valid();
}

#[test]
fn what_failed_moves_nothing_and_stays_failed() {
    let mut world = world();
    world.run(&initiate("d1", money("5", "EUR"))).unwrap();
    let failed = confirm(&world, "d1", &message("d1", "5.00", "failed"));
    let settled = world.run(&failed).unwrap();
    assert_eq!((settled.state, settled.entry), (DepositState::Failed, None));
    assert_eq!(said(paid(&mut world, "d1", "5.00")), "deposit_failed");
    assert_eq!(own_money(&mut world), None);
    assert!(world.entries_of(&world.member_key("ann")).is_empty());
    world.assert_valid();
}

#[test]
fn money_that_comes_late_is_taken_and_said_to_be_late() {
    for (minute, before, late) in [
        ("12:29:59", DepositState::Pending, false),
        ("12:30:00", DepositState::Expired, true),
        ("23:00:00", DepositState::Expired, true),
    ] {
        let mut world = world();
        world.run(&initiate("d1", money("5", "EUR"))).unwrap();
        world.at(&format!("2026-03-02T{minute}Z"));
        assert_eq!(state(&mut world, "d1"), before, "{minute}");
        let settled = paid(&mut world, "d1", "5.00").unwrap();
        assert_eq!(
            (settled.state, settled.late),
            (DepositState::Confirmed, late)
        );
        assert_eq!(own_money(&mut world).as_deref(), Some("5.00"));
        world.assert_valid();
    }
}

#[test]
fn a_suspended_member_gets_the_money_and_one_who_has_left_does_not() {
    for (status, want) in [
        (MemberStatus::Suspended, "done"),
        (MemberStatus::Closed, "member_closed"),
    ] {
        let mut world = world();
        world.run(&initiate("d1", money("5", "EUR"))).unwrap();
        suspend(&mut world, status).unwrap();
        assert_eq!(said(paid(&mut world, "d1", "5.00")), want);
        world.assert_valid();
    }
}

#[test]
fn keys_rotate_with_the_program_and_a_provider_that_is_gone_may_end_what_it_began() {
    let mut world = world();
    world.run(&initiate("d1", money("5", "EUR"))).unwrap();
    world.run(&initiate("d2", money("5", "EUR"))).unwrap();
    let rotated = PROGRAM.replace(r#""card-1", "card-2""#, r#""card-9""#);
    world.publish(&rotated, NOON).unwrap();
    assert_eq!(said(paid(&mut world, "d1", "5.00")), "signature_invalid");
    let mut by_new = confirm(&world, "d1", &message("d1", "5.00", "paid"));
    by_new.signature = Signature::Verified("card-9".parse().unwrap());
    assert_eq!(said(world.run(&by_new)), "done");
    world.publish("rules = []", NOON).unwrap();
    assert_eq!(said(paid(&mut world, "d2", "5.00")), "done");
    assert_eq!(own_money(&mut world).as_deref(), Some("10.00"));
    world.assert_valid();
}

#[test]
fn deposits_are_listed_newest_first_as_they_are_now() {
    let mut world = world();
    for (minute, id) in [("12:00", "a"), ("12:10", "b"), ("12:20", "c")] {
        world.at(&format!("2026-03-02T{minute}:00Z"));
        world.run(&initiate(id, money("5", "EUR"))).unwrap();
    }
    paid(&mut world, "b", "5.00").unwrap();
    world.at("2026-03-02T12:35:00Z");
    let mut list = ListDeposits {
        member: Some(member("ann")),
        limit: Some(2),
        ..ListDeposits::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = world.run(&list).unwrap();
        let deposits = page.deposits.into_iter();
        seen.extend(deposits.map(|one| (one.deposit.to_string(), one.state)));
        list.after = page.next;
        if list.after.is_none() {
            break;
        }
    }
    let want = [
        ("c", DepositState::Pending),
        ("b", DepositState::Confirmed),
        ("a", DepositState::Expired),
    ];
    assert_eq!(seen, want.map(|(id, state)| (id.to_owned(), state)));
    let all = world.run(&ListDeposits::default()).unwrap();
    assert_eq!(all.deposits.len(), 3);
    let of = |who: &str| ListDeposits {
        member: Some(member(who)),
        ..ListDeposits::default()
    };
    assert_eq!(said(world.run(&of("bob"))), "member_unknown");
    world.register("bob");
    assert!(world.run(&of("bob")).unwrap().deposits.is_empty());
    let of_bob = GetDeposit {
        deposit: "a".parse().unwrap(),
        member: Some(member("bob")),
    };
    assert_eq!(said(world.run(&of_bob)), "deposit_unknown");
}

#[test]
fn an_audit_sees_money_without_a_deposit_and_a_deposit_without_money() {
    let mut world = world();
    world.run(&initiate("d1", money("5", "EUR"))).unwrap();
    let key = EntityKey::of::<DepositEntity>(&world.tenant, &"d1".parse().unwrap());
    let pending = world.entities[&key].clone();
    paid(&mut world, "d1", "5.00").unwrap();
    world.assert_valid();
    let confirmed = std::mem::replace(world.entities.get_mut(&key).unwrap(), pending);
    let codes = |world: &World| {
        let found = world.audit(&world.tenant);
        found.iter().map(AuditProblem::code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&world), ["deposit_missing"]);
    let mut other = confirmed.clone();
    other.body = confirmed.body.replace("\"entry\":1", "\"entry\":2").into();
    world.entities.insert(key.clone(), other);
    assert_eq!(codes(&world), ["deposit_entry_missing", "deposit_missing"]);
    let mut less = confirmed.clone();
    less.body = confirmed.body.replace("5.00", "4.00").into();
    world.entities.insert(key.clone(), less);
    assert_eq!(codes(&world), ["deposit_entry_missing"]);
    world.entities.insert(key, confirmed);
}

fn refused_document(text: &str, want: &[(&str, &str)]) {
    let document = Program::from_toml(text).unwrap();
    let problems = CompiledProgram::compile(document, 1, at(NOON)).unwrap_err();
    assert_eq!(found(&problems), want, "{text}");
}

#[test]
fn bad_sections_are_refused_with_every_problem() {
    let head = "id = \"p\"\ncurrency = \"EUR\"\nzone = \"UTC\"\n[deposits]\n";
    let providers = r#"providers = [{ id = "a", keys = ["k"] }]"#;
    let bounds = |text: &str| format!("{head}{text}\n{providers}");
    refused_document(
        &bounds("minimum = \"0\"\nmaximum = \"-1\""),
        &[
            ("amount_not_positive", "deposits.minimum"),
            ("amount_not_positive", "deposits.maximum"),
        ],
    );
    refused_document(
        &bounds("minimum = \"5.01\"\nmaximum = \"5\""),
        &[("bounds_contradiction", "deposits.minimum")],
    );
    refused_document(
        &bounds("minimum = \"0.001\"\nmaximum = \"5\""),
        &[("amount_scale", "deposits.minimum")],
    );
    refused_document(
        &bounds("expires_after_minutes = 0\ntolerance_seconds = 0"),
        &[
            ("number_out_of_range", "deposits.expires_after_minutes"),
            ("number_out_of_range", "deposits.tolerance_seconds"),
        ],
    );
    refused_document(
        &bounds("expires_after_minutes = 43201\ntolerance_seconds = 3601"),
        &[
            ("number_out_of_range", "deposits.expires_after_minutes"),
            ("number_out_of_range", "deposits.tolerance_seconds"),
        ],
    );
    refused_document(
        &format!("{head}providers = []"),
        &[("providers_empty", "deposits.providers")],
    );
    let twice = r#"providers = [{ id = "a", keys = ["k", "k"] }, { id = "a", keys = [] }, { id = "b", keys = ["k"] }]"#;
    refused_document(
        &format!("{head}{twice}"),
        &[
            ("id_duplicate", "deposits.providers[1].id"),
            ("reference_duplicate", "deposits.providers[0].keys[1]"),
            ("keys_empty", "deposits.providers[1].keys"),
            ("reference_duplicate", "deposits.providers[2].keys[0]"),
        ],
    );
}

#[test]
fn the_message_alone_is_the_key() {
    let world = world();
    let mut one = confirm(&world, "d1", "{}");
    let key = one.natural_key(&world.tenant);
    one.timestamp += 1;
    one.key = Some("card-1".parse().unwrap());
    one.deposit = "d2".parse().unwrap();
    assert_eq!(one.natural_key(&world.tenant), key);
    one.message.push(' ');
    assert_ne!(one.natural_key(&world.tenant), key);
}

/// A deposit moves nothing that was reserved. Whatever moves that tells of what expires by it.
#[test]
fn what_expires_after_an_authorization_is_told() {
    for confirms in [false, true] {
        let redemptions = "redemptions = { order = [\"cashback\"], expires_after_minutes = 60 }\n";
        let mut world = World::with(&format!("{redemptions}{PROGRAM}"));
        world.at(NOON);
        let grant = GrantReward {
            member: member("ann"),
            amount: money("3", "EUR"),
            reason: "a gift".to_owned(),
            expires_at: Some(at("2026-03-02T14:00:00Z")),
            source: None,
            reference: None,
        };
        world.run_as("grant", &grant).unwrap();
        let authorize = AuthorizeRedemption {
            redemption: "x".parse().unwrap(),
            member: member("ann"),
            program: "main".parse().unwrap(),
            order: "order".parse().unwrap(),
            total: money("3", "EUR"),
            amount: None,
            tenders: Vec::new(),
            wallet: None,
        };
        world.run(&authorize).unwrap();
        if confirms {
            world.run(&initiate("d1", money("7", "EUR"))).unwrap();
        }
        // The authorization is over at one o'clock, and what comes back by that expires an hour later.
        world.at("2026-03-02T15:00:00Z");
        if confirms {
            paid(&mut world, "d1", "7").unwrap();
        } else {
            world.run(&initiate("d1", money("7", "EUR"))).unwrap();
        }
        let member = member("ann");
        world.run(&SettleMember { member }).unwrap();
        let moved = world.entries_of(&world.member_key("ann")).iter();
        let moved = moved.filter(|entry| entry.transfer.kind == TransferKind::Expire);
        let moved: Vec<Money> = moved.map(|entry| entry.transfer.amount()).collect();
        let events = world.events.values().flatten();
        let told = events.filter_map(|record| match &record.event {
            Event::RewardsExpired { amounts } => Some(amounts.clone()),
            _ => None,
        });
        let told: Vec<Money> = told.flatten().collect();
        assert_eq!(
            (&told, moved.as_slice()),
            (&moved, &[money("3", "EUR")][..])
        );
    }
}

#[test]
fn no_deposit_ends_before_it_begins() {
    let mut world = world();
    world.at("2026-03-02T14:00:00Z");
    world.give(money("1.00", "EUR"), None);
    // This clock is behind that of who wrote last.
    world.at("2026-03-02T12:00:00Z");
    let begun = world.run(&initiate("d1", money("12.50", "EUR"))).unwrap();
    assert_eq!(begun.initiated_at, at("2026-03-02T14:00:00Z"));
    assert!(begun.expires_at > begun.initiated_at, "{begun:?}");
}
