//! The guide to program documents: all that it shows can be published.

use rewards_core::program::{CompiledProgram, Program};
use rewards_core::time::Timestamp;

const GUIDE: &str = include_str!("../../docs/programs.md");
const HEAD: &str = "id = 'club'\ncurrency = 'EUR'\nzone = 'Europe/Berlin'\n";

#[test]
fn every_document_of_the_guide_can_be_published() {
    let documents: Vec<&str> = GUIDE
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(documents.len(), GUIDE.matches("```").count() / 2);
    assert!(documents.len() > 5);
    for document in documents {
        let whole = if document.contains("currency =") {
            document.to_owned()
        } else {
            format!("{HEAD}{document}")
        };
        let compiled = Program::from_toml(&whole)
            .and_then(|program| CompiledProgram::compile(program, 1, Timestamp::MIN));
        assert_eq!(compiled.err(), None, "{whole}");
    }
}
