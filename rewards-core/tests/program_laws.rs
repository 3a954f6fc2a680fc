//! Laws of every valid program: it can be compiled, and text keeps it whole.

use proptest::prelude::*;
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::time::Timestamp;

use crate::support::programs::any_program;

proptest! {
    #[test]
    fn a_program_survives_toml(program in any_program()) {
        let text = program.to_toml();
        prop_assert_eq!(Program::from_toml(&text), Ok(program.clone()), "{}", text);
        prop_assert_eq!(Program::from_toml(&text).unwrap().to_toml(), text);
    }

    #[test]
    fn a_program_survives_json(program in any_program()) {
        let text = program.to_json();
        prop_assert!(!text.contains(":null"), "{}", text);
        prop_assert_eq!(Program::from_json(&text), Ok(program.clone()), "{}", text);
        prop_assert_eq!(Program::from_json(&text).unwrap().to_json(), text.clone());
        let value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(Program::from_value(value), Ok(program));
    }

    #[test]
    fn a_valid_program_compiles(program in any_program()) {
        let compiled = CompiledProgram::compile(program, 1, Timestamp::MIN);
        prop_assert!(compiled.is_ok(), "{:#?}", compiled.err());
    }

    /// Whatever is done to a document, reading it ends with a program or with problems, and never with a panic.
    #[test]
    fn damaged_documents_are_refused_and_not_feared(
        program in any_program(),
        at in any::<prop::sample::Index>(),
        damage in "\\PC{0,3}|[\\[\\]{}\"'=.,#]{1,3}",
    ) {
        for (text, read) in [
            (program.to_toml(), Program::from_toml as fn(&str) -> _),
            (program.to_json(), Program::from_json),
        ] {
            let mut at = at.index(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let damaged = format!("{}{damage}{}", &text[..at], &text[at..]);
            if let Err(problems) = read(&damaged) {
                prop_assert!(!problems.is_empty());
            }
        }
    }
}
