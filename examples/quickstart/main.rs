//! `cargo run --release --example quickstart`: a program, 69,659 real purchases, and what came of it.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use rewards_examples::quickstart::{Args, QuickstartError, run};

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Args::parse(), &mut io::stdout()).await {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            // When not even this can be written, the exit code remains.
            let _ = tell(&error);
            ExitCode::FAILURE
        }
    }
}

fn tell(error: &QuickstartError) -> io::Result<()> {
    let mut out = io::stderr();
    writeln!(out, "error [{}]: {error}", error.code())?;
    for problem in error.problems() {
        let path = match problem.path.as_str() {
            "" => "(document)",
            path => path,
        };
        writeln!(out, "  {path}: {} [{}]", problem.detail, problem.code)?;
    }
    Ok(())
}
