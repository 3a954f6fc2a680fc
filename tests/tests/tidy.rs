//! The shape of the code as a test: what a reviewer should not have to look for.

use std::error::Error;
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use rewards_tests::source::{self, Source};

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;

/// Where points are fitted to history: weights of evidence and no money, of which whole numbers come out.
const FITTED: &str = "risk/calibrate";

/// Libraries whose functions stay short and which forbid unsafe code.
const CRATES: &[&str] = &[
    "rewards-core",
    "rewards-storage",
    "bindings-python",
    "bindings-swift",
    "bindings-swift/bindgen",
    "examples",
    "tests",
];
/// A test suite that is compiled into its library: its cases are tables, and tables may be long.
const SUITE: &str = "contract";
/// The places of the core that name a float: one reads a JSON number in order to refuse it as an amount, the other hands
/// every kind of value on as it is.
const READ_NUMBERS: &[&str] = &["parse/json.rs", "parse/objects.rs"];

#[test]
fn files_fit_into_a_head() -> Result<(), Box<dyn Error>> {
    let mut found = Vec::new();
    for file in source::rust_sources(&source::workspace_root())? {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            found.push(format!("{}: {lines} lines", file.path.display()));
        }
    }
    assert_none(&found);
    Ok(())
}

#[test]
fn functions_fit_onto_a_screen() -> Result<(), Box<dyn Error>> {
    let mut found = Vec::new();
    for (folder, file) in library_files(CRATES)? {
        if file.path.starts_with(SUITE) {
            continue;
        }
        for function in source::functions(&source::without_tests(file.tokens)) {
            if function.lines > FUNCTION_LINES_MAX {
                let (path, line) = (file.path.display(), function.line);
                let (name, lines) = (function.name, function.lines);
                found.push(format!(
                    "{folder}/src/{path}:{line}: `{name}` has {lines} lines"
                ));
            }
        }
    }
    assert_none(&found);
    Ok(())
}

#[test]
fn nothing_is_unfinished_or_skipped() -> Result<(), Box<dyn Error>> {
    let mut found = Vec::new();
    for file in source::rust_sources(&source::workspace_root())? {
        let places = unfinished(&file.tokens)
            .into_iter()
            .chain(ignored_doc_tests(&file.text));
        found.extend(places.map(|(what, line)| format!("{}:{line}: {what}", file.path.display())));
    }
    assert_none(&found);
    Ok(())
}

/// A test program is one crate, and a file that no module names would be left out without a word.
#[test]
fn every_test_file_is_part_of_its_program() -> Result<(), Box<dyn Error>> {
    let (mut found, mut files) = (Vec::new(), 0);
    for folder in CRATES {
        let tests = source::workspace_root().join(folder).join("tests");
        if !tests.join("main.rs").exists() {
            continue;
        }
        let manifest = fs::read_to_string(tests.with_file_name("Cargo.toml"))?;
        for file in source::rust_sources(&tests)? {
            let path = file.path.display().to_string();
            let module = path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
            let (parent, name) = module.rsplit_once('/').unwrap_or(("", module));
            let names = match parent {
                "" => tests.join("main.rs"),
                parent => tests.join(parent).join("mod.rs"),
            };
            let declared = format!("mod {name};");
            let is_named = fs::read_to_string(&names)?
                .lines()
                .any(|line| line.trim_start_matches("pub ") == declared);
            if !is_named && !manifest.contains(&format!("path = \"tests/{path}\"")) {
                found.push(format!("{folder}/tests/{path}: not in {}", names.display()));
            }
            files += 1;
        }
    }
    assert_none(&found);
    assert!(files > 40, "only {files} files");
    Ok(())
}

#[test]
fn the_core_has_no_floats() -> Result<(), Box<dyn Error>> {
    let mut found = Vec::new();
    for (folder, file) in library_files(&["rewards-core"])? {
        if READ_NUMBERS.iter().any(|path| file.path == Path::new(path))
            || file.path.starts_with(FITTED)
        {
            continue;
        }
        for line in floats(&file.tokens) {
            found.push(format!("{folder}/src/{}:{line}", file.path.display()));
        }
    }
    assert_none(&found);
    Ok(())
}

#[test]
fn every_library_forbids_unsafe_code() -> Result<(), Box<dyn Error>> {
    let mut found = Vec::new();
    for (folder, file) in library_files(CRATES)? {
        if file.path == Path::new("lib.rs") && !forbids_unsafe(&file.tokens) {
            found.push(format!("{folder}/src/lib.rs"));
        }
    }
    assert_none(&found);
    Ok(())
}

#[test]
fn the_checks_see_what_they_look_for() -> Result<(), Box<dyn Error>> {
    let long = format!(
        "impl X {{\n/// doc\nfn long() {{\n{}}}\nfn short() {{}}\n}}",
        "f();\n".repeat(70)
    );
    let lengths = source::functions(&long.parse()?);
    let lengths: Vec<_> = lengths
        .iter()
        .map(|f| (f.name.as_str(), f.line, f.lines))
        .collect();
    assert_eq!(lengths, [("long", 3, 72), ("short", 75, 1)]);
    let none = "type F = fn(u8) -> u8; trait T { fn declared(&self); }".parse()?;
    assert_eq!(source::functions(&none), []);

    for (text, count) in [
        ("fn f() { todo!() }", 1),
        ("fn f() { g(unimplemented!(\"later\")) }", 1),
        ("#[test] #[ignore] fn f() {}", 1),
        ("#[ignore = \"slow\"] fn f() {}", 1),
        ("#[cfg_attr(miri, ignore)] fn f() {}", 1),
        ("// todo!()\nfn todo() { ignore(\"todo!()\") }", 0),
    ] {
        assert_eq!(unfinished(&text.parse()?).len(), count, "{text}");
    }
    for (text, count) in [
        ("/// ```ignore", 1),
        ("//! ```rust,ignore", 1),
        ("    /// ```\n    /// ignore", 0),
        ("let s = \"/// ```ignore\";", 0),
    ] {
        assert_eq!(ignored_doc_tests(text).len(), count, "{text}");
    }
    for (text, count) in [
        ("let x: f64 = y as f32;", 2),
        ("let x = 1f64;", 1),
        ("let x = 0x1f32; // f64\nlet s = \"f64\";", 0),
    ] {
        assert_eq!(floats(&text.parse()?).len(), count, "{text}");
    }
    assert!(forbids_unsafe(
        &"//! Doc.\n#![forbid(unsafe_code)]".parse()?
    ));
    assert!(!forbids_unsafe(
        &"// #![forbid(unsafe_code)]\n#![deny(unsafe_code)]".parse()?
    ));
    Ok(())
}

#[track_caller]
fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Library files that are not tests, each with the folder of its crate.
fn library_files<'a>(crates: &[&'a str]) -> Result<Vec<(&'a str, Source)>, source::SourceError> {
    let mut files = Vec::new();
    for folder in crates {
        let sources = source::rust_sources(&source::workspace_root().join(folder).join("src"))?;
        files.extend(
            sources
                .into_iter()
                .filter(|file| !file.is_test())
                .map(|file| (*folder, file)),
        );
    }
    Ok(files)
}

/// Placeholders and ignored tests, each with its line.
fn unfinished(tokens: &TokenStream) -> Vec<(String, usize)> {
    let tokens = source::flat(tokens);
    let mut found = Vec::new();
    for pair in tokens.windows(2) {
        let [first, second] = pair else { continue };
        let placeholder = ["todo", "unimplemented"]
            .iter()
            .any(|m| source::is_ident(first, m));
        if placeholder && source::is_punct(second, '!') {
            found.push((format!("`{first}!`"), source::line(first)));
        }
        if source::is_punct(first, '#') && ignores_test(second) {
            found.push((format!("`#{second}`"), source::line(first)));
        }
    }
    found
}

/// Whether the brackets of an attribute say `ignore`, by itself or under a condition.
fn ignores_test(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else {
        return false;
    };
    if group.delimiter() != Delimiter::Bracket {
        return false;
    }
    let words = source::flat(&group.stream());
    let says = |name| words.iter().any(|word| source::is_ident(word, name));
    let starts = |name| {
        words
            .first()
            .is_some_and(|word| source::is_ident(word, name))
    };
    starts("ignore") || (starts("cfg_attr") && says("ignore"))
}

fn ignored_doc_tests(text: &str) -> Vec<(String, usize)> {
    let is_ignored = |line: &str| {
        let line = line.trim_start();
        let doc = line
            .strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"));
        let fence = doc.and_then(|doc| doc.trim_start().strip_prefix("```"));
        fence.is_some_and(|words| {
            words
                .split(',')
                .any(|word| word.trim().starts_with("ignore"))
        })
    };
    let numbered = text.lines().zip(1..);
    let ignored = numbered.filter(|(line, _)| is_ignored(line));
    ignored
        .map(|(_, number)| ("ignored doc test".to_owned(), number))
        .collect()
}

/// Lines that name a float type or hold a literal of one.
fn floats(tokens: &TokenStream) -> Vec<usize> {
    let is_float = |token: &TokenTree| match token {
        TokenTree::Ident(word) => word == "f32" || word == "f64",
        TokenTree::Literal(literal) => {
            let text = literal.to_string();
            let decimal = text.starts_with(|c: char| c.is_ascii_digit()) && !text.starts_with("0x");
            decimal && (text.ends_with("f32") || text.ends_with("f64"))
        }
        _ => false,
    };
    source::flat(tokens)
        .iter()
        .filter(|token| is_float(token))
        .map(source::line)
        .collect()
}

fn forbids_unsafe(tokens: &TokenStream) -> bool {
    let text = tokens.to_string().replace(char::is_whitespace, "");
    text.contains("#![forbid(unsafe_code)]")
}
