//! The README shows the program that is compiled and run here.

use std::error::Error;
use std::fs;
use std::path::Path;

/// A text without what a formatter may change: blanks, and commas at the end of lists.
fn essence(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != ',')
        .collect()
}

#[test]
fn the_ten_lines_of_the_readme_are_those_of_the_example() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(here.join("../README.md"))?;
    let shown = readme
        .split_once("```rust\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .map(|(code, _)| essence(code));
    let example = fs::read_to_string(here.join("ten_lines.rs"))?;
    let run = example.split_once("\n\n").map(|(_, code)| essence(code));
    assert!(run.is_some());
    assert_eq!(shown, run);
    Ok(())
}

/// What a file shows the reader: the lines between its two marks.
fn shown(file: &str, mark: &str) -> Option<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).ok()?;
    let (_, rest) = text.split_once(mark)?;
    let (lines, _) = rest.split_once(mark)?;
    Some(essence(lines))
}

#[test]
fn the_six_lines_of_the_readme_are_those_that_run_in_every_language() -> Result<(), Box<dyn Error>>
{
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = essence(&fs::read_to_string(readme)?);
    for (file, mark) in [
        ("six_lines.rs", "// README\n"),
        ("../bindings-python/tests/test_six_lines.py", "# README\n"),
        ("../bindings-swift/Checks/SixLines.swift", "// README\n"),
        (
            "../bindings-swift/kotlin/src/test/kotlin/rewards/SixLinesTest.kt",
            "// README\n",
        ),
    ] {
        let lines = shown(file, mark).ok_or(file)?;
        assert!(readme.contains(&lines), "{file}");
    }
    Ok(())
}
