//! Statements: pages and filters.

use rewards_core::ledger::{Purpose, TransferKind};
use rewards_core::money::Asset;
use rewards_core::operations::balances::GetStatement;
use rewards_core::rejection::Rejection;

use crate::words::money;
use crate::world::{World, at, member};

fn everything() -> GetStatement {
    GetStatement {
        member: member("ann"),
        before: None,
        limit: None,
        kind: None,
        purpose: None,
        asset: None,
        purchase: None,
        from: None,
        until: None,
    }
}

/// 1 grant p1 (cash, pending), 2 grant p1 (points), 3 and 4 the same for p2, 5 manual grant, 6 adjustment, 7 and 8 mature.
fn world() -> World {
    let mut world = World::with(
        r#"
        units = [{ asset = "points" }]
        [[rules]]
        id = "cash"
        lifecycle = { pending = { days = 5 } }
        effect = { percent = { rate = "5%" } }
        [[rules]]
        id = "points"
        effect = { per_unit = { amount = "1", asset = "points", every = "1" } }
        "#,
    );
    world.buy("100 id=p1");
    world.at("2026-03-03").buy("100 id=p2");
    world.at("2026-03-04").give(money("3.00", "EUR"), None);
    world.at("2026-03-05").take(money("1.00", "EUR")).unwrap();
    world.at("2026-03-10").settle();
    world
}

fn page(world: &mut World, statement: &GetStatement) -> (Vec<u64>, Option<u64>) {
    let page = world.run(statement).unwrap();
    (page.lines.iter().map(|line| line.seq).collect(), page.next)
}

#[test]
fn pages_are_newest_first_and_meet_without_gap() {
    let mut world = world();
    for (limit, before, lines, next) in [
        (None, None, vec![8, 7, 6, 5, 4, 3, 2, 1], None),
        (Some(8), None, vec![8, 7, 6, 5, 4, 3, 2, 1], None),
        (Some(3), None, vec![8, 7, 6], Some(6)),
        (Some(3), Some(6), vec![5, 4, 3], Some(3)),
        (Some(3), Some(3), vec![2, 1], None),
        (Some(2), Some(3), vec![2, 1], None),
        (Some(3), Some(1), vec![], None),
    ] {
        let statement = GetStatement {
            limit,
            before,
            ..everything()
        };
        assert_eq!(page(&mut world, &statement), (lines, next), "{statement:?}");
    }
}

#[test]
fn filters_combine() {
    let mut world = world();
    let points = Some(Asset::parse("points").unwrap());
    let p1 = Some("p1".parse().unwrap());
    let table: Vec<(GetStatement, &[u64])> = vec![
        (
            GetStatement {
                kind: Some(TransferKind::Grant),
                ..everything()
            },
            &[4, 3, 2, 1],
        ),
        (
            GetStatement {
                kind: Some(TransferKind::Mature),
                ..everything()
            },
            &[8, 7],
        ),
        (
            GetStatement {
                kind: Some(TransferKind::Void),
                ..everything()
            },
            &[],
        ),
        (
            GetStatement {
                asset: points,
                ..everything()
            },
            &[4, 2],
        ),
        (
            GetStatement {
                purchase: p1.clone(),
                ..everything()
            },
            &[7, 2, 1],
        ),
        (
            GetStatement {
                purpose: Some(Purpose::Pending),
                ..everything()
            },
            &[8, 7, 3, 1],
        ),
        (
            GetStatement {
                purpose: Some(Purpose::Cashback),
                ..everything()
            },
            &[8, 7, 6, 5],
        ),
        // The other side of a movement is not the member's account.
        (
            GetStatement {
                purpose: Some(Purpose::Adjustments),
                ..everything()
            },
            &[],
        ),
        // By effective time, from inclusive, until exclusive.
        (
            GetStatement {
                from: Some(at("2026-03-07")),
                ..everything()
            },
            &[8, 7],
        ),
        (
            GetStatement {
                until: Some(at("2026-03-03")),
                ..everything()
            },
            &[2, 1],
        ),
        (
            GetStatement {
                from: Some(at("2026-03-03")),
                until: Some(at("2026-03-04")),
                ..everything()
            },
            &[4, 3],
        ),
        (
            GetStatement {
                purchase: p1,
                asset: points,
                kind: Some(TransferKind::Grant),
                ..everything()
            },
            &[2],
        ),
    ];
    for (statement, lines) in table {
        assert_eq!(page(&mut world, &statement).0, lines, "{statement:?}");
    }
}

#[test]
fn a_line_names_rule_reason_and_both_accounts() {
    let mut world = world();
    let lines = world.run(&everything()).unwrap().lines;
    let line = |seq: u64| lines.iter().find(|line| line.seq == seq).unwrap();
    let origin = line(1).origin.clone().unwrap();
    let (program, rule) = (origin.program.to_string(), origin.rule.to_string());
    assert_eq!(
        (program.as_str(), origin.revision, rule.as_str()),
        ("main", 1, "cash")
    );
    assert_eq!(line(1).from.to_string(), "funding:rewards/EUR");
    assert_eq!(line(1).to.to_string(), "ann/pending/EUR");
    assert_eq!(line(2).to.to_string(), "ann/points/points");
    assert_eq!(line(5).reason.as_deref(), Some("sorry"));
    assert_eq!(line(6).reason.as_deref(), Some("goods taken back"));
    assert_eq!(line(6).to.to_string(), "adjustments/EUR");
    assert_eq!(line(7).effective_at, at("2026-03-07"));
    assert_eq!(line(7).recorded_at, at("2026-03-10"));
}

#[test]
fn bad_questions_are_refused() {
    use rewards_core::operations::balances::GetBalance;
    let mut world = world();
    let table = [
        (
            GetStatement {
                limit: Some(0),
                ..everything()
            },
            "limit_invalid limit",
        ),
        (
            GetStatement {
                limit: Some(1_001),
                ..everything()
            },
            "limit_invalid limit",
        ),
        (
            GetStatement {
                from: Some(at("2026-03-03")),
                until: Some(at("2026-03-03")),
                ..everything()
            },
            "range_empty until",
        ),
    ];
    let said = |rejection: Rejection| match rejection {
        Rejection::Invalid(problems) => format!("{} {}", problems[0].code, problems[0].path),
        other => other.code().to_owned(),
    };
    for (statement, problem) in table {
        assert_eq!(said(world.run(&statement).unwrap_err()), problem);
    }
    let eve = GetStatement {
        member: member("eve"),
        ..everything()
    };
    assert_eq!(said(world.run(&eve).unwrap_err()), "member_unknown");
    let mut balance = GetBalance {
        member: member("ann"),
        at: Some(at("2026-03-10T12:00:00.000001Z")),
        expiring_days: None,
    };
    assert_eq!(said(world.run(&balance).unwrap_err()), "time_in_future at");
    balance.member = member("eve");
    balance.at = None;
    assert_eq!(said(world.run(&balance).unwrap_err()), "member_unknown");
}

#[test]
fn bad_corrections_are_refused() {
    use rewards_core::operations::rewards::{DeductBalance, GrantReward};
    let mut world = world();
    for (amount, reason, expires_at, problem) in [
        ("0", "why", None, "amount_not_positive"),
        ("-1", "why", None, "amount_not_positive"),
        ("1", " ", None, "reason_missing"),
        ("1", &*"x".repeat(501), None, "text_too_long"),
        ("1", "a\0b", None, "text_invalid"),
        ("1", "why", Some("2026-03-10"), "time_in_past"),
    ] {
        let grant = GrantReward {
            source: None,
            reference: None,
            member: member("ann"),
            amount: money(amount, "EUR"),
            reason: reason.to_owned(),
            expires_at: expires_at.map(at),
        };
        let take = DeductBalance {
            source: None,
            reference: None,
            member: member("ann"),
            take: grant.amount,
            reason: grant.reason.clone(),
        };
        let code = |refused: Rejection| match refused {
            Rejection::Invalid(problems) => problems[0].code.to_string(),
            other => other.code().to_owned(),
        };
        assert_eq!(code(world.run(&grant).unwrap_err()), problem);
        if expires_at.is_none() {
            assert_eq!(code(world.run(&take).unwrap_err()), problem);
        }
    }
}
