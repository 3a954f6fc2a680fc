//! All that is wrong with a document or a request shows in one round: missing fields, wrong values and what makes no sense.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use rewards_core::program::{CompiledProgram, Program};
use rewards_core::rejection::Problem;
use rewards_core::time::Timestamp;
use serde_json::{Value, json};

use crate::problems::{found, refused};

const PROGRAMS: [&str; 3] = [
    include_str!("../../examples/programs/cd-club.toml"),
    include_str!("../../examples/programs/coffee-points.toml"),
    include_str!("../../examples/programs/wallet-billpay.toml"),
];

/// A document in which a rule, a cap and a ladder each make no sense.
const SENSELESS: &str = r#"
    id = "p"
    currency = "EUR"
    zone = "UTC"
    [[rules]]
    id = "first"
    caps = ["dayly"]
    effect.fixed.amount = "0"
    [[rules]]
    id = "second"
    when.all = []
    effect.fixed.amount = "1.005"
    [[caps]]
    id = "daily"
    per = "member"
    every = "day"
    limit.amount = { amount = "-1", asset = "EUR" }
    [[ladders]]
    id = "status"
    measure = "visits"
    tiers = []
"#;

fn senseless() -> Vec<Problem> {
    let program = Program::from_toml(SENSELESS).unwrap();
    CompiledProgram::compile(program, 1, Timestamp::MIN).unwrap_err()
}

#[test]
fn an_empty_document_and_an_empty_text_tell_all_that_is_required() {
    for text in ["", "{}"] {
        let problems = Program::from_text(text).unwrap_err();
        let want = ["id", "currency", "zone"].map(|field| ("field_missing", field));
        assert_eq!(found(&problems), want, "{text}");
    }
}

#[cfg(feature = "schema")]
mod requests {
    use rewards_core::command::Operation;
    use rewards_core::parse::parse_request;
    use rewards_core::with_operations;

    use super::Value;

    macro_rules! empty_requests {
    ($($operation:ty,)*) => {
        vec![$((
            <$operation as Operation>::NAME,
            parse_request::<$operation>("{}").err().unwrap_or_default(),
            serde_json::to_value(schemars::schema_for!($operation)).unwrap(),
        ),)*]
    };
}

    #[test]
    fn an_empty_request_tells_all_that_is_required() {
        for (name, problems, schema) in with_operations!(empty_requests) {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let mut want: Vec<&str> = required.iter().filter_map(Value::as_str).collect();
            let mut told: Vec<&str> = problems.iter().map(|problem| &*problem.path).collect();
            want.sort_unstable();
            told.sort_unstable();
            assert_eq!(told, want, "{name}: {problems:?}");
            assert!(
                problems.iter().all(|it| it.code == "field_missing"),
                "{name}"
            );
        }
    }
}

/// Every field of an object, as a pointer; outer ones first.
fn fields(value: &Value, at: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(fields_of) => {
            for (name, inner) in fields_of {
                let at = format!("{at}/{name}");
                all.push(at.clone());
                fields(inner, &at, all);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                fields(item, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

fn without(document: &Value, fields: &[String]) -> Value {
    let mut document = document.clone();
    for field in fields {
        let (holder, name) = field.rsplit_once('/').unwrap();
        let holder = document.pointer_mut(holder).unwrap();
        holder.as_object_mut().unwrap().remove(name).unwrap();
    }
    document
}

#[test]
fn required_fields_that_are_missing_together_are_told_together() {
    for text in PROGRAMS {
        let program = Program::from_text(text).unwrap();
        let document: Value = serde_json::from_str(&program.to_json()).unwrap();
        let mut all = Vec::new();
        fields(&document, "", &mut all);
        let mut required = Vec::new();
        let mut want = Vec::new();
        for field in all {
            let lies_in_one = required
                .iter()
                .any(|it| field.starts_with(&format!("{it}/")));
            let alone = Program::from_value(without(&document, std::slice::from_ref(&field)));
            match alone {
                Err(problems) if !lies_in_one && problems[0].code == "field_missing" => {
                    assert_eq!(problems.len(), 1, "{field}: {problems:?}");
                    want.extend(problems);
                    required.push(field);
                }
                _ => {}
            }
        }
        assert!(want.len() > 5, "{text}");
        let mut told = Program::from_value(without(&document, &required)).unwrap_err();
        told.sort_by(|a, b| a.path.cmp(&b.path));
        want.sort_by(|a, b| a.path.cmp(&b.path));
        assert_eq!(told, want);
    }
}

#[test]
fn what_makes_no_sense_is_told_beside_what_has_the_wrong_shape() {
    let senseless = senseless();
    assert_eq!(
        found(&senseless),
        [
            ("limit_negative", "caps[0].limit.amount.amount"),
            ("tiers_empty", "ladders[0].tiers"),
            ("amount_not_positive", "rules[0].effect.fixed.amount"),
            ("reference_unknown", "rules[0].caps[0]"),
            ("amount_scale", "rules[1].effect.fixed.amount"),
            ("condition_empty", "rules[1].when.all"),
        ]
    );
    let wrong = format!("nme = 'x'\nweek_start = 'freitag'\n{SENSELESS}");
    let problems = Program::from_toml(&wrong).unwrap_err();
    let (shape, meaning) = problems.split_at(2);
    assert_eq!(
        found(shape),
        [("field_unknown", "nme"), ("variant_unknown", "week_start")]
    );
    assert_eq!(meaning, senseless);
}

/// What may follow from a wrong shape waits for the next round: amended text, and the problems that are still told.
#[test]
fn what_may_follow_from_a_wrong_shape_is_not_told() {
    let all = senseless();
    for (from, to, shape, left_out) in [
        // Amounts of another currency may have more decimals.
        (
            "\"EUR\"\n    zone",
            "\"EURO\"\n    zone",
            "currency",
            vec!["amount_scale"],
        ),
        ("currency = \"EUR\"\n", "", "currency", vec!["amount_scale"]),
        // The cap that is meant may be the one whose name is wrong.
        (
            "id = \"daily\"",
            "id = \"dayly!\"",
            "caps[0].id",
            vec!["limit_negative", "reference_unknown"],
        ),
        (
            "per = \"member\"",
            "",
            "caps[0].per",
            vec!["limit_negative"],
        ),
        (
            "id = \"second\"",
            "",
            "rules[1].id",
            vec!["condition_empty", "amount_scale"],
        ),
        (
            "when.all = []",
            "wen.all = []",
            "rules[1].wen",
            vec!["condition_empty", "amount_scale"],
        ),
        ("zone = \"UTC\"", "", "zone", vec![]),
        (
            "measure = \"visits\"",
            "measure = 5",
            "ladders[0].measure",
            vec!["tiers_empty"],
        ),
        (
            "[[ladders]]",
            "[ladders]",
            "ladders",
            vec!["reference_unknown", "tiers_empty"],
        ),
    ] {
        let document = SENSELESS.replacen(from, to, 1);
        assert_ne!(document, SENSELESS, "{from}");
        let problems = Program::from_toml(&document).unwrap_err();
        let mut want = vec![shape];
        let kept = all.iter().filter(|it| !left_out.contains(&&*it.code));
        want.extend(kept.map(|problem| &*problem.path));
        let told: Vec<&str> = problems.iter().map(|problem| &*problem.path).collect();
        assert_eq!(told, want, "{from} → {to}: {problems:#?}");
    }
}

#[test]
fn items_of_a_list_that_moved_are_not_judged() {
    let mut document: Value =
        serde_json::from_str(&Program::from_toml(SENSELESS).unwrap().to_json()).unwrap();
    document["rules"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!(5));
    let problems = Program::from_value(document).unwrap_err();
    let want = [
        ("type_invalid", "rules[0]"),
        ("limit_negative", "caps[0].limit.amount.amount"),
        ("tiers_empty", "ladders[0].tiers"),
    ];
    assert_eq!(found(&problems), want);
}

/// A name that is wrong is wrong, whatever else is wrong beside it.
#[test]
fn names_are_judged_beside_what_has_the_wrong_shape() {
    let document = r#"
        id = "p"
        currency = "EUR"
        zone = "UTC"
        rules = [
            { id = "a", caps = ["nope"], effect = { percent = { rate = "2" } } },
            { id = "a", effect = { fixed = { asset = "ponits" } } },
        ]
    "#;
    let want = [
        ("rate_invalid", "rules[0].effect.percent.rate"),
        ("field_missing", "rules[1].effect.fixed.amount"),
        ("id_duplicate", "rules[1].id"),
        ("reference_unknown", "rules[0].caps[0]"),
        ("asset_unknown", "rules[1].effect.fixed.asset"),
    ];
    refused(document, &want);
}

/// An asset that is misspelt is told once, and not compared with those that are spelt right.
#[test]
fn a_misspelt_asset_is_told_where_it_stands_alone() {
    let document = r#"
        id = "p"
        currency = "EUR"
        zone = "UTC"
        units = [{ asset = "points" }]
        stacking_groups = [{ id = "base", stacking = "best" }]
        rules = [
            { id = "a", effect = { fixed = { amount = 1, asset = "point" } } },
            { id = "b", caps = ["few"], budgets = ["all"], effect = { fixed = { amount = 1, asset = "points" } } },
        ]
        caps = [{ id = "few", per = "member", limit = { amount = { amount = 5, asset = "point" } } }]
        budgets = [{ id = "all", amount = 5, asset = "point" }]
    "#;
    let program = Program::from_toml(document).unwrap();
    let problems = CompiledProgram::compile(program, 1, Timestamp::MIN).unwrap_err();
    let want = [
        "caps[0].limit.amount.asset",
        "budgets[0].asset",
        "rules[0].effect.fixed.asset",
    ];
    assert_eq!(found(&problems), want.map(|path| ("asset_unknown", path)));
}

/// No stand-in has the name of anything that is there.
#[test]
fn a_missing_id_is_no_duplicate() {
    let document = r#"{"id": "p", "currency": "EUR", "zone": "UTC", "caps": [
        {"per": "member", "limit": {"uses": 1}}, {"id": "1", "per": "member", "limit": {"uses": 1}},
        {"id": "a1", "per": "member", "limit": {"uses": 1}}]}"#;
    let problems = Program::from_json(document).unwrap_err();
    assert_eq!(found(&problems), [("field_missing", "caps[0].id")]);
}

/// What others refer to may be in a section whose name is wrong.
#[test]
fn what_a_misspelt_section_holds_is_not_unknown() {
    let document = r#"{"id": "p", "currency": "EUR", "zone": "UTC", "limits": [{"id": "few"}],
        "rules": [{"id": "a", "caps": ["few"], "effect": {"fixed": {"amount": 0}}}]}"#;
    let problems = Program::from_json(document).unwrap_err();
    let want = [
        ("field_unknown", "limits"),
        ("amount_not_positive", "rules[0].effect.fixed.amount"),
    ];
    assert_eq!(found(&problems), want);
}

/// A large document is read as often as there is time for, and a list that is cut says so.
#[test]
fn a_list_that_is_cut_says_so() {
    let rules = |count: usize, missing: usize| {
        let rule = |number: usize| {
            let effect = json!({"percent": {"rate": "1%"}});
            let mut rule = json!({"id": format!("r{number}"), "effect": effect});
            if number < missing {
                rule.as_object_mut().unwrap().remove("effect").unwrap();
            }
            rule
        };
        let rules: Vec<Value> = (0..count).map(rule).collect();
        json!({"id": "p", "currency": "EUR", "zone": "UTC", "rules": rules})
    };
    let problems = Program::from_value(rules(2_000, 20)).unwrap_err();
    assert_eq!(problems.len(), 20, "{:?}", problems.last());
    let problems = Program::from_value(rules(50_000, 90)).unwrap_err();
    assert_eq!(problems.last().unwrap().code, "problems_omitted");
}
