//! What reading a program document accepts, and every problem of shape that it reports.

use rewards_core::money::Money;
use rewards_core::operations::members::RegisterMember;
use rewards_core::parse::{DOCUMENT_BYTES_MAX, NESTING_MAX, PROBLEMS_MAX, parse_request};
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::rejection::Problem;
use rewards_core::time::Timestamp;

use crate::problems::{found, refused};

const HEAD: &str = "id = 'p'\ncurrency = 'EUR'\nzone = 'UTC'\n";
const EFFECT: &str = "effect.percent.rate = '5%'\n";

/// A document with one rule, which has these lines more.
fn rule(lines: &str) -> String {
    format!("{HEAD}[[rules]]\nid = 'r'\n{lines}")
}

#[test]
fn every_shape_problem_has_a_code_and_a_path() {
    let effect = |line: &str| rule(&format!("{EFFECT}{line}"));
    let table = [
        (format!("{HEAD}nme = 'x'"), "field_unknown", "nme"),
        (
            rule("efect.percent.rate = '5%'"),
            "field_unknown",
            "rules[0].efect",
        ),
        (
            rule("effect.percent.rte = '5%'"),
            "field_unknown",
            "rules[0].effect.percent.rte",
        ),
        (
            format!(
                "{HEAD}[[caps]]\nid='c'\nper='member'\nlimit.amount={{amount='5', aset='EUR'}}"
            ),
            "field_unknown",
            "caps[0].limit.amount.aset",
        ),
        (
            format!("{HEAD}lifecycle.pending.confirmation.days = 3"),
            "field_unknown",
            "lifecycle.pending.confirmation.days",
        ),
        (
            effect("active.til = 2026-01-01"),
            "field_unknown",
            "rules[0].active.til",
        ),
        (rule(""), "field_missing", "rules[0].effect"),
        (
            rule("effect.fixed = {}"),
            "field_missing",
            "rules[0].effect.fixed.amount",
        ),
        (
            "id = 'p'\nzone = 'UTC'".to_owned(),
            "field_missing",
            "currency",
        ),
        (
            rule("effect.prcent.rate = '5%'"),
            "variant_unknown",
            "rules[0].effect",
        ),
        (
            effect("when.categry = ['a']"),
            "variant_unknown",
            "rules[0].when",
        ),
        (
            effect("when.all = [{any = [{tg = ['a']}]}]"),
            "variant_unknown",
            "rules[0].when.all[0].any[0]",
        ),
        (
            effect("when.weekday = ['monday', 'Friday']"),
            "variant_unknown",
            "rules[0].when.weekday[1]",
        ),
        (
            effect("scope = 'lines'"),
            "variant_unknown",
            "rules[0].scope",
        ),
        (
            rule("effect.percent.rate = 0.05"),
            "type_invalid",
            "rules[0].effect.percent.rate",
        ),
        (
            rule("effect.fixed.amount = 5.0"),
            "type_invalid",
            "rules[0].effect.fixed.amount",
        ),
        (
            rule("effect = 'percent'"),
            "type_invalid",
            "rules[0].effect.percent",
        ),
        (
            effect("when.category = 'a'"),
            "type_invalid",
            "rules[0].when.category",
        ),
        (
            effect("priority = 1.5"),
            "type_invalid",
            "rules[0].priority",
        ),
        (
            effect("priority = inf"),
            "type_invalid",
            "rules[0].priority",
        ),
        (format!("{HEAD}rules = {{}}"), "type_invalid", "rules"),
        (
            format!("{HEAD}lifecycle.pending.days = 70000"),
            "value_invalid",
            "lifecycle.pending.days",
        ),
        (
            format!("{HEAD}lifecycle.pending.days = -1"),
            "value_invalid",
            "lifecycle.pending.days",
        ),
        (
            rule("effect.percent.rate = '5%'\neffect.fixed.amount = '1'"),
            "value_invalid",
            "rules[0].effect",
        ),
        (format!("{HEAD}[lifecycle\n"), "syntax", ""),
        (format!("{HEAD}id = 'q'"), "field_duplicate", ""),
    ];
    for (document, code, path) in table {
        refused(&document, &[(code, path)]);
    }
}

/// A derived reader takes a list of the fields in their order for an object, which no document promises.
#[test]
fn a_list_is_no_object() {
    let table = [
        (rule("effect.percent = ['5%']"), "rules[0].effect.percent"),
        (
            format!("{HEAD}rules = [['r', {{fixed = {{amount = '5'}}}}]]"),
            "rules[0]",
        ),
        (
            format!("{HEAD}[[caps]]\nid='c'\nper='member'\nlimit.amount=['5', 'EUR']"),
            "caps[0].limit.amount",
        ),
        (
            rule(&format!("{EFFECT}when.all = [{{amount = ['5']}}]")),
            "rules[0].when.all[0].amount",
        ),
        (format!("{HEAD}lifecycle = [{{}}]"), "lifecycle"),
    ];
    for (document, path) in table {
        let problems = refused(&document, &[("type_invalid", path)]);
        let words = &problems[0].detail;
        assert!(words.starts_with("expected an object"), "{words}");
        assert!(words.ends_with(", got a list"), "{words}");
        let value: toml::Table = toml::from_str(&document).unwrap();
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(Program::from_json(&json).err(), Some(problems), "{json}");
    }
    let requests = [
        (parse_request::<RegisterMember>(r#"["ada"]"#).err(), ""),
        (parse_request::<Money>(r#"["5.00", "EUR"]"#).err(), ""),
        (
            parse_request::<Vec<Money>>(r#"[{"amount": "5.00", "asset": "EUR"}, ["5.00", "EUR"]]"#)
                .err(),
            "[1]",
        ),
    ];
    for (problems, path) in requests {
        assert_eq!(found(&problems.unwrap()), [("type_invalid", path)]);
    }
}

#[test]
fn values_refuse_with_codes_of_their_own() {
    let effect = |line: &str| rule(&format!("{EFFECT}{line}"));
    let table = [
        (HEAD.replace("'p'", "''"), "id_invalid", "id"),
        (HEAD.replace("'p'", "\"a\\nb\""), "id_invalid", "id"),
        (HEAD.replace("EUR", "XAU"), "currency_unknown", "currency"),
        (HEAD.replace("UTC", "Europe/Berln"), "zone_unknown", "zone"),
        (
            format!("{HEAD}[[units]]\nasset = 'Points!'"),
            "currency_unknown",
            "units[0].asset",
        ),
        (
            format!("{HEAD}[[units]]\nasset = 'points/0'"),
            "asset_invalid",
            "units[0].asset",
        ),
        (
            rule("effect.percent.rate = '0.05'"),
            "rate_invalid",
            "rules[0].effect.percent.rate",
        ),
        (
            rule("effect.fixed.amount = '1e3'"),
            "amount_invalid",
            "rules[0].effect.fixed.amount",
        ),
        (
            rule("effect.multiplier.factor = '200%'"),
            "factor_invalid",
            "rules[0].effect.multiplier.factor",
        ),
        (
            effect("stacking_group = 'Base'"),
            "slug_invalid",
            "rules[0].stacking_group",
        ),
        (
            effect("active.from = '21.11.2026'"),
            "date_invalid",
            "rules[0].active.from",
        ),
        (
            effect("active = {from = 2026-02-01, before = 2026-02-01}"),
            "range_empty",
            "rules[0].active",
        ),
        (
            effect("active = {through = 2026-02-01, before = 2026-02-01}"),
            "range_ends_twice",
            "rules[0].active",
        ),
        (
            effect("when.time_of_day = {from = 09:30, until = '25:00'}"),
            "time_of_day_invalid",
            "rules[0].when.time_of_day.until",
        ),
        (
            effect("when.window_count.window.days = 0"),
            "period_invalid",
            "rules[0].when.window_count.window.days",
        ),
        (
            format!("{HEAD}lifecycle.pending.until = 2026-01-01T10:00:00"),
            "time_naive",
            "lifecycle.pending.until",
        ),
        (
            format!("{HEAD}lifecycle.pending.until = 3026-01-01T10:00:00Z"),
            "time_out_of_range",
            "lifecycle.pending.until",
        ),
        (
            format!("{HEAD}lifecycle.pending.until = 2026-01-01"),
            "time_invalid",
            "lifecycle.pending.until",
        ),
    ];
    for (document, code, path) in table {
        refused(&document, &[(code, path)]);
    }
}

#[test]
fn problems_say_what_to_write_instead() {
    for (document, want) in [
        (
            rule(&format!("{EFFECT}when.categry = ['a']")),
            "did you mean `category`",
        ),
        (format!("{HEAD}curency = 'EUR'"), "did you mean `currency`"),
        (
            rule(&format!("{EFFECT}rounding = 'half_evn'")),
            "did you mean `half_even`",
        ),
        (
            rule("effect.percent.rate = 0.05"),
            "such as \"5%\", got the number `0.05`: write it in quotes",
        ),
        (
            rule("effect.fixed.amount = 5.5"),
            "such as \"12.30\", or an integer, got the number `5.5`: write it in quotes",
        ),
        (
            format!("{HEAD}[[stacking_groups]]\nid = 5"),
            "expected text, got the number `5`: write it in quotes",
        ),
        (
            format!("{HEAD}lifecycle.pending.days = 70000"),
            "a whole number from 0 to 65535",
        ),
        (
            HEAD.replace("UTC", "Europe/Berln"),
            "did you mean `Europe/Berlin`",
        ),
        (format!("{HEAD}x = [1,,2]"), "line 4, column 8: "),
    ] {
        let problems = Program::from_toml(&document).unwrap_err();
        let detail = &problems[0].detail;
        assert!(detail.contains(want), "{document}\n{detail}");
    }
}

#[test]
fn all_problems_are_reported_at_once_at_their_own_places() {
    let document = format!(
        "{HEAD}nme = 'x'
        [[rules]]
        id = 'A'
        efect.percent.rate = '5%'
        [[rules]]
        id = 'b'
        scop = 'line'
        effect.percent = {{ rate = 5, off = 'net' }}
        when.all = [{{ category = [1, 'a', 2, 'b', 3.5] }}, {{ chanel = ['x'] }}, {{ dates = {{ from = 2026-13-01 }} }}]
        [[rules]]
        id = 'c'
        effect.fixed.amount = '1'
        [[rules]]
        id = 'd'
        effect = {{}}
        prioritty = 1
        [[caps]]
        id = 'e'
        "
    );
    // A date that does not exist is not TOML at all.
    refused(&document, &[("syntax", "")]);
    refused(
        &document.replace("2026-13-01", "'2026-13-01'"),
        &[
            ("field_missing", "caps[0].per"),
            ("field_missing", "caps[0].limit"),
            ("field_unknown", "nme"),
            ("field_unknown", "rules[0].efect"),
            ("slug_invalid", "rules[0].id"),
            ("field_unknown", "rules[1].effect.percent.off"),
            ("type_invalid", "rules[1].effect.percent.rate"),
            ("field_unknown", "rules[1].scop"),
            ("type_invalid", "rules[1].when.all[0].category[0]"),
            ("type_invalid", "rules[1].when.all[0].category[2]"),
            ("type_invalid", "rules[1].when.all[0].category[4]"),
            ("variant_unknown", "rules[1].when.all[1]"),
            ("date_invalid", "rules[1].when.all[2].dates.from"),
            ("value_invalid", "rules[3].effect"),
            ("field_unknown", "rules[3].prioritty"),
        ],
    );
}

#[test]
fn json_reports_duplicates_syntax_and_shape_together() {
    let problems = Program::from_json(
        r#"{"id": "p", "id": "q", "currency": "EUR", "zone": "UTC", "x y": 1,
            "rules": [{"id": "r", "effect": {"fixed": {"amount": "1", "amount": "2"}}, "name": 5}]}"#,
    )
    .unwrap_err();
    assert_eq!(
        found(&problems),
        [
            ("field_duplicate", "id"),
            ("field_duplicate", "rules[0].effect.fixed.amount"),
            ("type_invalid", "rules[0].name"),
            ("field_unknown", "[\"x y\"]"),
        ]
    );
    for (text, line, column) in [
        ("{\"id\": }", 1, 8),
        ("{\n\"id\": 1,\n}", 3, 1),
        ("", 1, 0),
        ("{} x", 1, 4),
    ] {
        let problems = Program::from_json(text).unwrap_err();
        assert_eq!(found(&problems), [("syntax", "")], "{text}");
        let start = format!("line {line}, column {column}: ");
        assert!(
            problems[0].detail.starts_with(&start),
            "{text}: {}",
            problems[0].detail
        );
    }
}

#[test]
fn a_bounded_list_of_problems_says_that_there_are_more() {
    let problems_of = |fields: usize| {
        let fields: String = (0..fields)
            .map(|n| format!("unknown_{n} = {n}\n"))
            .collect();
        Program::from_toml(&format!("{HEAD}{fields}")).unwrap_err()
    };
    let just = problems_of(PROBLEMS_MAX);
    assert_eq!(just.len(), PROBLEMS_MAX);
    assert!(just.iter().all(|problem| problem.code == "field_unknown"));
    let rules = (0..PROBLEMS_MAX + 50).map(|n| {
        format!(
            "{{ id = \"r{n}\", caps = [\"none\"], effect = {{ percent = {{ rate = \"1%\" }} }} }}"
        )
    });
    let rules = rules.collect::<Vec<_>>().join(", ");
    let program = Program::from_toml(&format!("{HEAD}rules = [{rules}]")).unwrap();
    let compiled = CompiledProgram::compile(program, 1, Timestamp::MIN).unwrap_err();
    for problems in [problems_of(PROBLEMS_MAX + 1), compiled] {
        assert_eq!(problems.len(), PROBLEMS_MAX);
        let last = problems.last().unwrap();
        assert_eq!(
            (last.code.as_ref(), last.path.as_str()),
            ("problems_omitted", "")
        );
    }
}

#[test]
fn the_number_of_problems_is_bounded() {
    let fields: String = (0..500).map(|n| format!("unknown_{n} = {n}\n")).collect();
    assert_eq!(
        Program::from_toml(&format!("{HEAD}{fields}"))
            .unwrap_err()
            .len(),
        PROBLEMS_MAX
    );
    let fields = vec!["\"a\": 1"; 500].join(", ");
    assert_eq!(
        Program::from_json(&format!("{{{fields}}}"))
            .unwrap_err()
            .len(),
        PROBLEMS_MAX
    );
}

#[test]
fn large_documents_are_refused_unread() {
    let text = "x".repeat(10 * 1024 * 1024);
    for read in [Program::from_toml, Program::from_json, parse_request] {
        assert_eq!(
            found(&read(&text).unwrap_err()),
            [("document_too_large", "")]
        );
    }
    // The largest one that is read, with problems all over it, ends in a moment.
    let fields: String = (0..1_000_000).map(|n| format!("x{n} = 1\n")).collect();
    assert!(fields.len() > DOCUMENT_BYTES_MAX);
    let start = fields[..DOCUMENT_BYTES_MAX - 100].rfind('\n').unwrap();
    let problems = Program::from_toml(&format!("{HEAD}{}", &fields[..start])).unwrap_err();
    let (last, told) = problems.split_last().unwrap();
    assert!(told.iter().all(|problem| problem.code == "field_unknown"));
    assert_eq!(last.code, "problems_omitted");
}

#[test]
fn hostile_text_does_not_travel_on() {
    let long = "a".repeat(1_000_000);
    let documents = [
        format!("{HEAD}{long} = 1"),
        format!("{HEAD}\"{long} x\" = 1"),
        rule(&format!("effect.{long}.rate = '5%'")),
        rule(&format!("effect.percent.rate = '{long}'")),
        rule(&format!("effect.fixed.amount = '{long}'")),
        rule(&format!("priority = '{long}'")),
        rule(&format!("stacking_group = '{}'", long.to_uppercase())),
        HEAD.replace("UTC", &long),
        HEAD.replace("EUR", &long),
    ];
    for document in documents {
        for problem in Program::from_toml(&document).unwrap_err() {
            assert!(
                problem.detail.len() + problem.path.len() < 2_000,
                "{}",
                problem.code
            );
        }
    }
}

#[test]
fn deep_nesting_is_refused_without_overflowing_the_stack() {
    let deep = 100_000;
    let keys = vec!["a"; 79].join(".");
    let json = [
        format!("{}{}", "[".repeat(deep), "]".repeat(deep)),
        format!("{}1{}", "{\"a\":".repeat(deep), "}".repeat(deep)),
        "[".repeat(deep),
        format!(
            "{}{}",
            "[".repeat(NESTING_MAX + 1),
            "]".repeat(NESTING_MAX + 1)
        ),
    ];
    for text in &json {
        let problems = Program::from_json(text).unwrap_err();
        assert_eq!(problems[0].code, "nesting_too_deep");
        assert!(problems[0].path.len() < 1_000);
    }
    let toml = [
        format!("a = {}{}", "[".repeat(deep), "]".repeat(deep)),
        format!("a = {}1{}", "{a=".repeat(deep), "}".repeat(deep)),
        format!("{} = 1", vec!["a"; deep].join(".")),
        format!("[{}]", vec!["a"; deep].join(".")),
        // As deep as the TOML reader itself allows.
        format!(
            "{keys} = {}1{}",
            format!("{{{keys} = ").repeat(78),
            "}".repeat(78)
        ),
    ];
    for text in &toml {
        assert_eq!(
            found(&Program::from_toml(text).unwrap_err()),
            [("nesting_too_deep", "")]
        );
    }
    // The TOML reader would take these for keys with values in values, although they are no TOML at all.
    for unit in [",={", ",={=''' ", "={'x=,", ",{1,\"\"\"=1"] {
        let text = format!("x=[{}", format!("{keys}{unit}").repeat(79));
        assert_eq!(found(&Program::from_toml(&text).unwrap_err()).len(), 1);
    }
    let mut value = serde_json::Value::Null;
    for _ in 0..deep {
        value = serde_json::Value::Array(vec![value]);
    }
    assert_eq!(
        found(&Program::from_value(value).unwrap_err()),
        [("nesting_too_deep", "")]
    );
}

/// Text is read straight while its conditions are nested little, and with care beyond: nobody may notice where.
#[test]
fn nested_conditions_read_from_text_as_they_do_from_a_value() {
    let reads = |depth: usize| {
        let leaf = r#"{"amount":{"of":{"without":["fee"]},"below":"1"}}"#;
        let when = format!(
            "{}{leaf}{}",
            r#"{"any":["#.repeat(depth),
            "]}".repeat(depth)
        );
        let rule = format!(r#"{{"id":"r","effect":{{"percent":{{"rate":"5%"}}}},"when":{when}}}"#);
        let text = format!(r#"{{"id":"p","currency":"EUR","zone":"UTC","rules":[{rule}]}}"#);
        let value = serde_json::from_str(&text).unwrap();
        let codes = |problems: Vec<Problem>| problems.into_iter().map(|p| p.code).collect();
        let read: Result<Program, Vec<_>> = Program::from_json(&text).map_err(codes);
        assert_eq!(read, Program::from_value(value).map_err(codes), "{depth}");
        read.is_ok()
    };
    let deepest = (0..50).take_while(|depth| reads(*depth)).count() - 1;
    assert!((50..60).all(|depth| !reads(depth)));
    // Around the conditions there are three levels, and inside the leaf there are four.
    assert_eq!(3 + 2 * deepest + 4, NESTING_MAX - 1);
}

#[test]
fn toml_dates_need_no_quotes() {
    let quoted = rule(&format!(
        "{EFFECT}active = {{ from = '2026-01-01', through = '2026-01-31' }}
        when.time_of_day = {{ from = '09:30', until = '10:00:15' }}
        lifecycle.pending.until = '2026-03-01T10:00:00.5+01:00'"
    ));
    let bare = quoted
        .replace("'2026-01", "2026-01")
        .replace("-01',", "-01,")
        .replace("-31'", "-31")
        .replace("'09:30'", "09:30")
        .replace("'10:00:15'", "10:00:15")
        .replace(
            "'2026-03-01T10:00:00.5+01:00'",
            "2026-03-01 10:00:00.5+01:00",
        );
    assert!(!bare.contains(":15'") && !bare.contains("'2026"), "{bare}");
    assert_eq!(
        Program::from_toml(&quoted).unwrap(),
        Program::from_toml(&bare).unwrap()
    );
}

#[test]
fn canonical_text_has_a_fixed_order_and_no_nulls() {
    let program = Program::from_json(
        r#"{"zone": "UTC", "rules": [{"effect": {"percent": {"rate": "5.0%"}}, "stacking_group": null, "id": "r"}],
            "id": "p", "currency": "EUR", "name": null}"#,
    )
    .unwrap();
    assert_eq!(
        program.to_json(),
        r#"{"id":"p","currency":"EUR","zone":"UTC","week_start":"monday","rounding":"half_even","rules":[{"id":"r","priority":0,"scope":"basket","effect":{"percent":{"rate":"5%","of":"net"}}}],"lifecycle":{}}"#
    );
    assert!(
        program
            .to_toml()
            .starts_with("id = \"p\"\ncurrency = \"EUR\"\nzone = \"UTC\"\n")
    );
}
