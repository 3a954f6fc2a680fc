//! Reads a program document as TOML, the way it is written, and prints it as JSON, the way it is sent.
//!
//! `cargo run -p rewards-core --example program_json < examples/programs/cd-club.toml`

use std::error::Error;
use std::io;

use rewards_core::program::Program;
use rewards_core::rejection::Problem;

fn main() -> Result<(), Box<dyn Error>> {
    let text = io::read_to_string(io::stdin())?;
    let program = Program::from_toml(&text).map_err(|problems| listed(&problems))?;
    println!("{}", program.to_json());
    Ok(())
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.detail))
        .collect();
    lines.join("\n")
}
