//! Fits the points of a program's scorecard to labelled payments, and prints what it did.
//!
//! `cargo run --release -p rewards-examples --example calibrate -- program.toml payments.csv [options.json] > fitted.json`
//!
//! The program with its new scorecard goes to the standard output, and what was done to the standard error.

use std::error::Error;
use std::fs;

use rewards_core::program::Program;
use rewards_core::risk::calibrate::{CalibrationOptions, calibrate_program};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (program, payments, options) = match arguments.as_slice() {
        [program, payments] => (program, payments, None),
        [program, payments, options] => (program, payments, Some(options)),
        _ => {
            return Err(
                "expected a program, a file of payments and, if any, one of options".into(),
            );
        }
    };
    let program = Program::from_text(&fs::read_to_string(program)?);
    let program = program.map_err(|problems| format!("{problems:#?}"))?;
    let options = match options {
        Some(path) => serde_json::from_str(&fs::read_to_string(path)?)?,
        None => CalibrationOptions::default(),
    };
    let (fitted, found) = calibrate_program(&program, &fs::read_to_string(payments)?, &options)?;
    eprint!("{}", found.report());
    println!("{}", fitted.to_json());
    Ok(())
}
