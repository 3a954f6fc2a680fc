//! Runs a command with `DATABASE_URL` set to an empty database on a private PostgreSQL cluster, and ends the cluster with it.
//!
//! `with_postgres cargo test -p rewards-storage --features postgres`
#![forbid(unsafe_code)]

use std::error::Error;
use std::process::{Command, ExitCode};

use rewards_tests::postgres::Cluster;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let program = words
        .next()
        .ok_or("usage: with_postgres COMMAND [ARGUMENT…]")?;
    let cluster = Cluster::start()?;
    let status = Command::new(program)
        .args(words)
        .env("DATABASE_URL", cluster.database()?)
        .env("REWARDS_REQUIRE_POSTGRES", "1")
        .status()?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
