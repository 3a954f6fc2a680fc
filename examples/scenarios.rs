//! Runs scenario files, the tests of a program: `cargo run --example scenarios -- my-program.json`.
//!
//! With `--bless` it writes what it found as what is expected. The exit status is 1 when anything differs.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use rewards_storage::scenario;

/// Runs scenario files in memory and on SQLite, and shows what differs from what they expect.
#[derive(Debug, Parser)]
struct Arguments {
    /// Files, or folders of `.json` files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Write what was found into the files as what is expected.
    #[arg(long)]
    bless: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut all = scenario::Report::default();
    for path in &arguments.paths {
        let report = if arguments.bless {
            scenario::bless(path).await
        } else {
            scenario::run(path).await
        };
        match report {
            Ok(report) => all.merge(report),
            Err(error) => {
                eprintln!("{error}");
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    println!("{all}");
    Ok(if all.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
