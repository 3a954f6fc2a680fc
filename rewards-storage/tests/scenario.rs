//! The runner of scenario files: what it refuses, what it shows, and what it writes.

#![expect(clippy::unwrap_used, reason = "a function that tests share")]

use std::path::PathBuf;

use rewards_storage::scenario::{self, ScenarioError};
use tempfile::TempDir;

const HEAD: &str = r#"{ "about": "x", "cases": [{ "name": "a", "steps": [{ "operation": "register_member", "now": "2026-01-01T00:00:00Z", "request": { "member": "ada" }"#;
const TAIL: &str = " }] }] }";
const REPLY: &str = r#""reply": { "registered_at": "2026-01-01T00:00:00Z", "member": "ada" }"#;

fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("case.json");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn files_are_read_strictly() {
    for (text, code, path) in [
        ("{", "syntax", ""),
        (r#"{ "about": "x" }"#, "field_missing", "cases"),
        (r#"{ "about": "x", "cases": [] }"#, "cases_empty", "cases"),
        (
            r#"{ "about": "x", "cases": [{ "name": "A b", "steps": [] }] }"#,
            "slug_invalid",
            "cases[0].name",
        ),
        (
            r#"{ "about": "x", "cases": [{ "name": "a", "steps": [] }] }"#,
            "steps_empty",
            "cases[0].steps",
        ),
        (
            &format!("{HEAD}, \"replay\": true{TAIL}"),
            "field_unknown",
            "cases[0].steps[0].replay",
        ),
        (
            &format!("{HEAD}, \"request\": {{}}{TAIL}"),
            "field_duplicate",
            "cases[0].steps[0].request",
        ),
        (
            &format!("{HEAD}, {REPLY}, \"fault\": {{}}{TAIL}"),
            "expectation_contradiction",
            "cases[0].steps[0]",
        ),
        (
            &format!("{HEAD}, \"replayed\": true, \"fault\": {{}}{TAIL}"),
            "expectation_contradiction",
            "cases[0].steps[0]",
        ),
        (
            &format!("{HEAD}{TAIL}").replace("2026-01-01T00:00:00Z", "2026-01-01T00:00:00"),
            "time_naive",
            "cases[0].steps[0].now",
        ),
        (
            &format!("{HEAD}{TAIL}").replace("register_member", "register_membr"),
            "variant_unknown",
            "cases[0].steps[0].operation",
        ),
    ] {
        let problems = scenario::parse(text).unwrap_err();
        let found: Vec<_> = problems.iter().map(|p| (&*p.code, &*p.path)).collect();
        assert_eq!(found, [(code, path)], "{text}");
    }
    let twice = format!("{HEAD}{TAIL}");
    let case = &twice[twice.find("[{").unwrap() + 1..twice.len() - 3];
    let text = format!(r#"{{ "about": "x", "cases": [{case}, {case}] }}"#);
    let problems = scenario::parse(&text).unwrap_err();
    assert_eq!(
        (&*problems[0].code, &*problems[0].path),
        ("id_duplicate", "cases[1].name")
    );
}

#[tokio::test]
async fn unknown_things_are_named_with_what_was_probably_meant() {
    let (_folder, path) = file(
        &format!("{HEAD}, \"replyed\": true{TAIL}").replace("register_member", "register_membr"),
    );
    let error = scenario::run(&path).await.unwrap_err();
    assert!(matches!(error, ScenarioError::Invalid { .. }));
    let text = error.to_string();
    for words in ["did you mean `register_member`", "did you mean `replayed`"] {
        assert!(text.contains(words), "{text}");
    }
}

#[tokio::test]
async fn what_differs_is_shown_with_its_place() {
    let (_folder, path) = file(&format!("{HEAD}, {REPLY}{TAIL}"));
    let report = scenario::run(&path).await.unwrap();
    assert!(report.is_success(), "{report}");
    assert_eq!(report.to_string(), "vectors: 1 cases");

    let wrong = REPLY.replace("ada", "bob");
    let (_folder, path) = file(&format!("{HEAD}, \"replayed\": true, {wrong}{TAIL}"));
    let report = scenario::run(&path).await.unwrap();
    let expected = format!(
        "{}: case `a`, step 1 (register_member), on memory and sqlite:\n  \
           replayed\n    expected true\n    found    nothing\n  \
           reply.member\n    expected \"bob\"\n    found    \"ada\"\n\n\
         failed: 1 cases\nvectors: 1 cases",
        path.display()
    );
    let mut places = report.failures[0].differences.clone();
    places.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(places, report.failures[0].differences);
    assert_eq!(report.to_string(), expected);
}

#[tokio::test]
async fn a_step_without_an_expectation_fails() {
    let (_folder, path) = file(&format!("{HEAD}{TAIL}"));
    let report = scenario::run(&path).await.unwrap();
    assert_eq!((report.cases, report.failed), (1, 1));
}

#[tokio::test]
async fn blessing_writes_what_was_found_and_keeps_the_order() {
    let wrong = "{ \"about\": \"x\", \"cases\": [{ \"steps\": [{ \"fault\": {}, \"now\": \"2026-01-01T00:00:00Z\",
        \"request\": { \"segments\": [\"b\", \"a\"], \"member\": \"ada\" }, \"operation\": \"register_member\" },
        { \"now\": \"2026-01-02T00:00:00Z\", \"request\": { \"member\": 7 }, \"operation\": \"register_member\" }],
        \"name\": \"a\" }] }";
    let (_folder, path) = file(wrong);
    let report = scenario::bless(&path).await.unwrap();
    assert_eq!(report.blessed, std::slice::from_ref(&path));
    let text = std::fs::read_to_string(&path).unwrap();
    let expected = r#"{
  "about": "x",
  "cases": [
    {
      "steps": [
        {
          "now": "2026-01-01T00:00:00Z",
          "request": { "segments": ["b", "a"], "member": "ada" },
          "operation": "register_member",
          "reply": { "member": "ada", "registered_at": "2026-01-01T00:00:00Z" }
        },
        {
          "now": "2026-01-02T00:00:00Z",
          "request": { "member": 7 },
          "operation": "register_member",
          "fault": {
            "code": "invalid",
"#;
    assert!(text.starts_with(expected), "{text}");
    assert!(scenario::run(&path).await.unwrap().is_success());
    let again = scenario::bless(&path).await.unwrap();
    assert!(again.blessed.is_empty());
}

#[tokio::test]
async fn a_folder_is_run_file_by_file() {
    let (folder, path) = file(&format!("{HEAD}, {REPLY}{TAIL}"));
    std::fs::copy(&path, folder.path().join("another.json")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no scenario").unwrap();
    assert_eq!(scenario::run(folder.path()).await.unwrap().cases, 2);

    let empty = TempDir::new().unwrap();
    for path in [empty.path().to_owned(), empty.path().join("missing.json")] {
        let error = scenario::run(&path).await.unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()));
    }
}
