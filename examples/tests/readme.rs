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
