//! Members after they have joined: suspended, closed, erased; and the lists of members, purchases and programs.

use rewards_core::ledger::{Purpose, TransferKind};
use rewards_core::member::MemberStatus;
use rewards_core::operations::members::{
    ERASED_ENTITIES_MAX, EraseMember, ListMembers, MergeMembers, RegisterMember, UpdateMember,
};
use rewards_core::operations::programs::{GetProgram, ListPrograms};
use rewards_core::operations::purchases::{GetPurchase, ListPurchases};
use rewards_core::operations::qr::{CreateQr, GetQr, QrContent};
use rewards_core::operations::rewards::GrantReward;
use rewards_core::rejection::Rejection;

use crate::words::say_all;
use crate::world::{World, at, member};

const FIVE_PERCENT: &str = r#"
    lifecycle = { pending = { days = 3 }, expires = { days = 30 } }
    [[rules]]
    id = "it"
    effect = { percent = { rate = "5%" } }
"#;

fn status(world: &mut World, status: MemberStatus, forfeit: bool) -> Result<String, Rejection> {
    let update = UpdateMember {
        status: Some(status),
        forfeit,
        ..UpdateMember::new(member("ann"))
    };
    let key = format!("{status:?}-{forfeit}-{}", world.commands);
    world
        .run_as(&key, &update)
        .map(|reply| say_all(&reply.forfeited))
}

#[test]
fn a_suspended_member_earns_nothing_and_the_decision_says_so() {
    let mut world = World::with(FIVE_PERCENT);
    world.buy("100 id=p1");
    status(&mut world, MemberStatus::Suspended, false).unwrap();
    let quoted = world.quote("100 id=p2").decision;
    assert_eq!(
        (quoted.grants.len(), quoted.withheld),
        (0, Some(MemberStatus::Suspended))
    );
    assert_eq!(world.buy("100 id=p2").decision, quoted);
    // What was earned before goes on as if nothing had happened.
    world.at("2026-03-06");
    assert_eq!(world.balance(), "5.00+0.00 EUR");
    status(&mut world, MemberStatus::Active, false).unwrap();
    assert_eq!(world.buy("100 id=p3").decision.withheld, None);
}

#[test]
fn closing_takes_what_is_left_only_when_told_to() {
    let mut world = World::with(FIVE_PERCENT);
    world.buy("100 id=p1");
    world.at("2026-03-06");
    world.buy("200 id=p2");
    let refused = status(&mut world, MemberStatus::Closed, false).unwrap_err();
    assert_eq!(refused.code(), "balance_left");
    assert_eq!(
        status(&mut world, MemberStatus::Closed, true).unwrap(),
        "15.00 EUR"
    );
    let row = &world.members[&world.member_key("ann")];
    assert!(row.balances.iter().all(|(_, _, minor)| minor == 0));
    let entries = world.entries_of(&world.member_key("ann"));
    let forfeited = entries
        .iter()
        .filter(|entry| entry.transfer.kind == TransferKind::Forfeit);
    assert!(
        forfeited
            .clone()
            .all(|e| matches!(e.transfer.to().purpose, Purpose::Funding(_)))
    );
    assert_eq!(forfeited.count(), 2);

    // Nothing more happens to a closed member, and none comes back.
    let grant = GrantReward {
        source: None,
        reference: None,
        member: member("ann"),
        amount: world.purchase("1").total,
        reason: "sorry".to_owned(),
        expires_at: None,
    };
    for code in [
        world.try_buy("9").unwrap_err().code(),
        status(&mut world, MemberStatus::Active, false)
            .unwrap_err()
            .code(),
        world.run_as("g", &grant).unwrap_err().code(),
    ] {
        assert_eq!(code, "member_closed");
    }
}

#[test]
fn closing_somebody_whose_rewards_have_expired_needs_no_permission() {
    let mut world = World::with(FIVE_PERCENT);
    world.buy("100 id=p1");
    world.at("2026-05-01");
    assert_eq!(status(&mut world, MemberStatus::Closed, false).unwrap(), "");
}

#[test]
fn an_update_replaces_what_it_names_and_nothing_else() {
    let mut world = World::with(FIVE_PERCENT);
    let update = UpdateMember {
        segments: Some(["vip".to_owned()].into()),
        attributes: Some([("shoe".to_owned(), "42".to_owned())].into()),
        ..UpdateMember::new(member("ann"))
    };
    world.run_as("1", &update).unwrap();
    let update = UpdateMember {
        segments: Some([].into()),
        ..UpdateMember::new(member("ann"))
    };
    world.run_as("2", &update).unwrap();
    let profile = &world.members[&world.member_key("ann")].profile;
    assert!(profile.segments.is_empty());
    assert_eq!(profile.attributes["shoe"], "42");

    let long = "x".repeat(10_000);
    for (update, code, path) in [
        (UpdateMember::new(member("ann")), "update_empty", ""),
        (
            UpdateMember {
                segments: Some([long.clone()].into()),
                ..UpdateMember::new(member("ann"))
            },
            "text_too_long",
            "segments",
        ),
    ] {
        let Err(Rejection::Invalid(problems)) = world.run_as("3", &update) else {
            panic!("accepted");
        };
        assert_eq!(
            (&*problems[0].code, problems[0].path.as_str()),
            (code, path)
        );
    }
    let nobody = UpdateMember {
        status: Some(MemberStatus::Active),
        ..UpdateMember::new(member("eve"))
    };
    assert_eq!(
        world.run_as("4", &nobody).unwrap_err().code(),
        "member_unknown"
    );
}

#[test]
fn erasing_drops_every_word_and_keeps_the_books() {
    let mut world = World::with(FIVE_PERCENT);
    let update = UpdateMember {
        attributes: Some([("name".to_owned(), "Ann Example".to_owned())].into()),
        ..UpdateMember::new(member("ann"))
    };
    world.run_as("1", &update).unwrap();
    world.buy("100 id=p1 merchant=Example");
    let grant = GrantReward {
        source: None,
        reference: None,
        member: member("ann"),
        amount: world.purchase("1").total,
        reason: "Ann Example called".to_owned(),
        expires_at: None,
    };
    world.run_as("2", &grant).unwrap();
    let erase = |forfeit| EraseMember {
        member: member("ann"),
        forfeit,
        after: None,
    };
    assert_eq!(
        world.run_as("3", &erase(false)).unwrap_err().code(),
        "balance_left"
    );
    let erased = world.run_as("4", &erase(true)).unwrap();
    assert_eq!((erased.purchases, erased.next), (1, None));
    assert_eq!(say_all(&erased.forfeited), "6.00 EUR");
    let everything = format!("{world:?}");
    assert!(!everything.contains("Example"), "{everything}");
    world.assert_valid();
    // The purchase is still there, with what it was granted.
    let get = GetPurchase::new("p1".parse().unwrap());
    let details = world.run(&get).unwrap();
    assert_eq!(say_all(&details.decision.totals), "5.00 EUR");
    assert_eq!(details.purchase.merchant, None);
    // Again: nothing is left to erase, and it says when it was done.
    world.at("2026-04-01");
    let again = world.run_as("5", &erase(false)).unwrap();
    assert_eq!((again.erased_at, again.purchases), (erased.erased_at, 0));
}

#[test]
fn pages_show_everything_once_while_others_come() {
    let mut world = World::with(FIVE_PERCENT);
    for number in 0..7 {
        world.at(&format!("2026-03-0{}", 1 + number));
        world.buy(&format!("100 id=p{number}"));
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let list = ListPurchases {
            member: Some(member("ann")),
            after: after.clone(),
            limit: Some(2),
        };
        let page = world.run(&list).unwrap();
        let ids = page.purchases.iter().map(|listed| &listed.purchase);
        seen.extend(ids.map(ToString::to_string));
        world.buy(&format!("100 id=new{}", seen.len()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["p6", "p5", "p4", "p3", "p2", "p1", "p0"]);
    let everything = world.run(&ListPurchases::default()).unwrap();
    assert_eq!((everything.purchases.len(), everything.next), (11, None));

    world.at("2026-04-01");
    for name in ["bob", "cid"] {
        world.run(&RegisterMember::new(member(name))).ok();
    }
    let list = ListMembers {
        after: None,
        limit: Some(1),
    };
    let first = world.run(&list).unwrap();
    let second = ListMembers {
        after: first.next.clone(),
        limit: None,
    };
    let second = world.run(&second).unwrap();
    let names = first.members.iter().chain(&second.members);
    let names: Vec<String> = names.map(|listed| listed.member.to_string()).collect();
    let mut once = names.clone();
    once.sort();
    once.dedup();
    assert_eq!(names.len(), once.len(), "{names:?}");
    assert_eq!(names.len(), world.members.len());
}

#[test]
fn a_place_in_another_list_is_refused() {
    let mut world = World::with(FIVE_PERCENT);
    world.buy("1 id=a");
    world.buy("1 id=b");
    let list = |after: Option<String>, limit| ListPurchases {
        member: None,
        after,
        limit: Some(limit),
    };
    let next = world.run(&list(None, 1)).unwrap().next;
    assert!(next.is_some());
    let of_member = ListPurchases {
        member: Some(member("ann")),
        ..list(next.clone(), 1)
    };
    let members = ListMembers {
        after: next.clone(),
        limit: None,
    };
    let programs = ListPrograms {
        after: next.clone(),
        limit: None,
    };
    let mut other = world.clone();
    other.tenant = "other".parse().unwrap();
    let faults = [
        world.run(&of_member).unwrap_err(),
        world.run(&members).unwrap_err(),
        world.run(&programs).unwrap_err(),
        other.run(&list(next, 1)).unwrap_err(),
        world
            .run(&list(Some("nonsense".to_owned()), 1))
            .unwrap_err(),
        world.run(&list(None, 0)).unwrap_err(),
        world.run(&list(None, 1_001)).unwrap_err(),
    ];
    let codes = faults.map(|fault| match fault {
        Rejection::Invalid(problems) => problems[0].code.to_string(),
        other => panic!("{other}"),
    });
    let cursor = "cursor_invalid";
    let limit = "limit_invalid";
    assert_eq!(
        codes,
        [cursor, cursor, cursor, cursor, cursor, limit, limit]
    );
    std::mem::forget(other);
}

#[test]
fn programs_are_listed_and_read_by_revision() {
    let mut world = World::with(FIVE_PERCENT);
    world.at("2026-03-05");
    for name in ["Other", "Other, later"] {
        let text = format!("id = \"other\"\nname = \"{name}\"\n{FIVE_PERCENT}");
        world.publish(&text, "2026-03-05").unwrap();
    }
    let listed = world.run(&ListPrograms::default()).unwrap();
    let said: Vec<_> = listed
        .programs
        .iter()
        .map(|p| (p.program.as_str(), p.name.as_deref(), p.newest, p.current))
        .collect();
    assert_eq!(
        said,
        [
            ("other", Some("Other, later"), 2, Some(2)),
            ("main", None, 1, Some(1))
        ]
    );
    let get = |program: &str, revision| GetProgram {
        program: program.parse().unwrap(),
        revision,
    };
    let first = world.run(&get("other", Some(1))).unwrap();
    assert_eq!(
        (first.program.name.as_deref(), first.newest),
        (Some("Other"), 2)
    );
    assert_eq!(world.run(&get("other", None)).unwrap().revision, 2);
    assert_eq!(
        world.run(&get("none", None)).unwrap_err().code(),
        "program_unknown"
    );
    assert_eq!(
        world.run(&get("other", Some(3))).unwrap_err().code(),
        "revision_unknown"
    );
    world.now = at("2020-01-01");
    assert_eq!(
        world.run(&get("other", None)).unwrap_err().code(),
        "program_not_active"
    );
}

#[test]
fn what_codes_of_an_erased_member_show_is_dropped() {
    let mut world = World::with(FIVE_PERCENT);
    let create = |number: u32, owner: &str| CreateQr {
        qr: format!("q{number}").parse().unwrap(),
        program: "main".parse().unwrap(),
        kind: "wallet".parse().unwrap(),
        content: QrContent::Text(format!("phone of {owner}")),
        member: Some(member(owner)),
        scans: None,
        expiry: None,
    };
    world.register("bob");
    for number in 0..=ERASED_ENTITIES_MAX {
        world.run(&create(number, "ann")).unwrap();
    }
    world.run(&create(9_999, "bob")).unwrap();
    let mut erase = EraseMember {
        member: member("ann"),
        forfeit: false,
        after: None,
    };
    let first = world.run_as("e1", &erase).unwrap();
    assert_eq!((first.purchases, first.codes), (0, ERASED_ENTITIES_MAX));
    erase.after = first.next;
    assert!(erase.after.is_some());
    let last = world.run_as("e2", &erase).unwrap();
    assert_eq!((last.codes, last.next), (1, None));
    let shown = |world: &mut World, qr: u32| {
        let qr = format!("q{qr}").parse().unwrap();
        world.run(&GetQr { qr, member: None }).unwrap().text
    };
    for number in [0, 250, ERASED_ENTITIES_MAX] {
        assert_eq!(shown(&mut world, number), "");
    }
    assert_eq!(shown(&mut world, 9_999), "phone of bob");
    erase.after = None;
    let again = world.run_as("e3", &erase).unwrap();
    assert_eq!(again.codes, 0, "erased already");
}

#[test]
fn what_belonged_to_somebody_who_was_merged_is_the_members() {
    let mut world = World::with(FIVE_PERCENT);
    world.register("bob");
    world.register("cat");
    let create = CreateQr {
        qr: "q1".parse().unwrap(),
        program: "main".parse().unwrap(),
        kind: "wallet".parse().unwrap(),
        content: QrContent::Text("x".to_owned()),
        member: Some(member("ann")),
        scans: None,
        expiry: None,
    };
    world.run(&create).unwrap();
    let merge = MergeMembers {
        member: member("ann"),
        into: member("bob"),
        tiers: None,
    };
    world.run_as("m", &merge).unwrap();
    for (named, found) in [
        (None, "found"),
        (Some("ann"), "found"),
        (Some("bob"), "found"),
        (Some("cat"), "qr_unknown"),
        (Some("nobody"), "qr_unknown"),
    ] {
        let get = GetQr {
            qr: "q1".parse().unwrap(),
            member: named.map(member),
        };
        let told = world.run(&get);
        let told = told.map_or_else(|refused| refused.code(), |_| "found");
        assert_eq!(told, found, "{named:?}");
    }
}
