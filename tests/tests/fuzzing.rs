//! The inputs of the fuzz targets, and a few thousand others made from them, run as an ordinary test.
//!
//! `REWARDS_FUZZ_ROUNDS=n` makes n others of each input instead of the usual few.

use std::error::Error;
use std::fs;
use std::path::Path;

use rewards_tests::fuzzing::TARGETS;
use rewards_tests::simulation::Random;

/// How many other inputs are made of each one.
const ROUNDS: u64 = 20;
/// What documents, requests and addresses are made of.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\u0000",
    "null",
    "true",
    "-1",
    "1e400",
    "0.1",
    "9223372036854775808",
    "99999999999999999999999999",
    "\"\"",
    "[[[[[[[[",
    "{\"a\":",
    "\n",
    "=",
    "%00",
    "@",
    "//",
    "?",
    "\u{feff}",
    "é",
];

#[test]
fn no_input_brings_a_target_down() -> Result<(), Box<dyn Error>> {
    let rounds = match std::env::var("REWARDS_FUZZ_ROUNDS") {
        Ok(rounds) => rounds.parse()?,
        Err(_) => ROUNDS,
    };
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(name);
        let mut files: Vec<_> = fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
        files.sort_by_key(fs::DirEntry::file_name);
        assert!(
            files.len() > 3,
            "{}: {} inputs",
            folder.display(),
            files.len()
        );
        for (number, file) in (0..).zip(files) {
            let input = fs::read(file.path())?;
            println!("{name} {}", file.file_name().display());
            target(&input);
            for round in 0..rounds {
                let mut random = Random::of(&[number, round]);
                target(&other(&input, &mut random));
            }
        }
    }
    Ok(())
}

/// An input with a few things changed.
fn other(input: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        let place = |random: &mut Random, len: usize| {
            let len = u64::try_from(len).unwrap_or(u64::MAX).saturating_add(1);
            usize::try_from(random.below(len)).unwrap_or(0)
        };
        let at = place(random, bytes.len());
        match random.below(5) {
            0 => bytes.truncate(at),
            1 => {
                let rest = bytes.split_off(at);
                let gone = place(random, rest.len().min(40));
                bytes.extend(rest.into_iter().skip(gone));
            }
            2 => {
                let until = at.saturating_add(place(random, 60)).min(bytes.len());
                let copied = bytes.get(at..until).unwrap_or_default().to_vec();
                bytes.extend(copied);
            }
            3 => {
                let word = random.pick(WORDS).copied().unwrap_or_default();
                bytes.splice(at..at, word.bytes());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(random.below(256)).unwrap_or(0);
                }
            }
        }
    }
    bytes
}
