//! Finding and running the programs PostgreSQL comes with.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::PostgresError;

/// The program of the newest installed version, or its bare name to be found on the `PATH`.
pub(super) fn tool(program: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let file = entry.path().join("bin").join(program);
            file.exists().then_some((version, file))
        })
        .max();
    newest.map_or_else(|| PathBuf::from(program), |(_, file)| file)
}

/// Keeps `PGPORT`, `PGDATA`, `PGOPTIONS` and the like away from a server of our own.
pub(super) fn forget_server_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("PG")) {
            command.env_remove(name);
        }
    }
}

/// Runs a program to its end and returns what it wrote to its standard output.
pub(super) fn run(mut command: Command) -> Result<String, PostgresError> {
    let name = program_name(&command);
    let result = command.stdin(Stdio::null()).output();
    let Output {
        status,
        stdout,
        stderr,
    } = result.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => PostgresError::Missing {
            program: name.clone(),
        },
        _ => PostgresError::Io {
            action: "run a program",
            source,
        },
    })?;
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    if status.success() {
        return Ok(stdout);
    }
    let output = format!("{stdout}{}", String::from_utf8_lossy(&stderr));
    Err(PostgresError::Failed {
        program: name,
        status: status.to_string(),
        output,
    })
}

/// The program a command is about: under `setpriv`, the one it starts.
fn program_name(command: &Command) -> String {
    let mut words = command
        .get_args()
        .skip_while(|word| *word != OsStr::new("--"));
    let program = words.nth(1).unwrap_or_else(|| command.get_program());
    program.to_string_lossy().into_owned()
}
