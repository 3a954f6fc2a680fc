//! Which assets a tenant knows: a misspelt one is refused, with the one that was probably meant.

use rewards_core::operations::balances::GetStatement;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::rejection::{Fault, Rejection};

use crate::words::money;
use crate::world::{World, member};

const TWO_UNITS: &str = r#"
    units = [{ asset = "points" }, { asset = "stars/2" }]
    [[rules]]
    id = "it"
    effect = { percent = { rate = "1%" } }
"#;

fn grant(asset: &str) -> GrantReward {
    GrantReward {
        source: None,
        reference: None,
        member: member("ann"),
        amount: money("5", asset),
        reason: "sorry".to_owned(),
        expires_at: None,
    }
}

/// Code, path and words of the only problem.
fn only_problem(refused: Rejection) -> (String, String, String) {
    let fault = Fault::from(refused);
    assert_eq!(fault.problems.len(), 1, "{fault}");
    let problem = fault.problems.into_iter().next().unwrap();
    (problem.code.into_owned(), problem.path, problem.detail)
}

#[test]
fn an_asset_that_no_program_declares_is_refused() {
    let mut world = World::with(TWO_UNITS);
    for (asset, words) in [
        ("pionts", "unknown asset `pionts`, did you mean `points`; "),
        ("stars", "unknown asset `stars`, did you mean `stars/2`; "),
        (
            "stars/3",
            "unknown asset `stars/3`, did you mean `stars/2`; ",
        ),
        ("USD", "unknown asset `USD`"),
        (
            "miles",
            "unknown asset `miles`; expected the currency or a unit of a program",
        ),
    ] {
        let refusals = [
            (
                "amount.asset",
                world.run_as("g", &grant(asset)).unwrap_err(),
            ),
            ("take.asset", world.take(money("1", asset)).unwrap_err()),
            ("asset", {
                let mut get = GetStatement::new(member("ann"));
                get.asset = Some(money("1", asset).asset());
                world.run(&get).unwrap_err()
            }),
        ];
        for (path, refused) in refusals {
            let (code, at, detail) = only_problem(refused);
            assert_eq!(
                (code.as_str(), at.as_str()),
                ("asset_unknown", path),
                "{asset}"
            );
            assert!(detail.starts_with(words), "{detail}");
        }
    }
}

/// Nothing is declared yet, so nothing can be misspelt.
#[test]
fn a_tenant_without_any_program_grants_what_it_likes() {
    let mut world = World::empty();
    world.register("ann");
    world.run_as("g", &grant("pionts")).unwrap();
    world.publish(TWO_UNITS, "2020-01-01").unwrap();
    assert!(world.run_as("h", &grant("pionts")).is_err());
    // What the member has can be taken, and looked for.
    world.take(money("5", "pionts")).unwrap();
    let mut get = GetStatement::new(member("ann"));
    get.asset = Some(money("1", "pionts").asset());
    assert_eq!(world.run(&get).unwrap().lines.len(), 2);
}

#[test]
fn what_any_revision_of_any_program_declares_is_known() {
    let mut world = World::with(TWO_UNITS);
    let rules = "[[rules]]\nid = \"it\"\neffect = { fixed = { amount = \"1\" } }";
    // The units are gone from the newest revision, and another program begins later.
    world.publish(rules, "2026-01-01").unwrap();
    let miles =
        format!("id = \"other\"\nunits = [{{ asset = \"miles\" }}]\ncurrency = \"USD\"\n{rules}");
    world.publish(&miles, "2027-01-01").unwrap();
    for asset in ["points", "stars/2", "EUR", "miles", "USD"] {
        world.run_as(asset, &grant(asset)).unwrap();
        world.take(money("1", asset)).unwrap();
    }
    // Known, and not there.
    let refused = world.take(money("100", "points")).unwrap_err();
    assert_eq!(refused.code(), "insufficient_balance");
}
