//! Prints program documents as JSON, one line for each file given: what is written as TOML is sent as JSON.
//!
//! `cargo run -p rewards-core --example program_json examples/programs/*.toml`

use std::error::Error;

use rewards_core::program::Program;

fn main() -> Result<(), Box<dyn Error>> {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path)?;
        let program = Program::from_toml(&text).map_err(|problems| {
            let lines: Vec<String> = problems
                .iter()
                .map(|problem| format!("{path}: {}: {}", problem.path, problem.detail))
                .collect();
            lines.join("\n")
        })?;
        println!("{}", program.to_json());
    }
    Ok(())
}
