//! The command line.

use std::path::{Path, PathBuf};

use clap::Parser;

/// Rewards 69,659 real purchases with a readable program, durably, and reports what came of it.
///
/// Without arguments everything it needs is in the repository. Run it again: nothing happens twice.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "quickstart", version)]
pub struct Args {
    /// Where to keep everything: `sqlite:///file.db` (an absolute path after four slashes), or `postgres://…` with `--features postgres`.
    /// A file in the output folder when absent.
    #[arg(long, value_name = "URL", conflicts_with = "memory")]
    pub database: Option<String>,
    /// The purchases, in the format of examples/data/README.md.
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// The program document.
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
    /// Takes only the first N rows of the purchases.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Where the database and the picture go; `quickstart-output` in the repository when absent.
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Keeps everything in memory: nothing is durable, and there is nothing to replay.
    #[arg(long)]
    pub memory: bool,
}

impl Args {
    /// The purchases to read.
    #[must_use]
    pub fn data_path(&self) -> PathBuf {
        self.data
            .clone()
            .unwrap_or_else(|| here().join("data/cdnow_master.txt"))
    }

    /// The program to read.
    #[must_use]
    pub fn program_path(&self) -> PathBuf {
        self.program
            .clone()
            .unwrap_or_else(|| here().join("programs/cd-club.toml"))
    }

    /// The folder to write to.
    #[must_use]
    pub fn output_path(&self) -> PathBuf {
        let default = || {
            here()
                .parent()
                .unwrap_or(Path::new("."))
                .join("quickstart-output")
        };
        self.output.clone().unwrap_or_else(default)
    }

    /// The database file when no address is given. A part of the data gets a file of its own, because its months ended
    /// without the rest.
    #[must_use]
    pub fn database_path(&self) -> PathBuf {
        let name = match self.limit {
            Some(rows) => format!("rewards-first-{rows}.db"),
            None => "rewards.db".to_owned(),
        };
        self.output_path().join(name)
    }
}

/// The folder of this package: files are found wherever the example is started.
fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A path as a person at the current folder would write it.
pub(super) fn shown(path: &Path) -> String {
    let short = std::env::current_dir()
        .ok()
        .and_then(|current| path.strip_prefix(current).ok());
    short.unwrap_or(path).display().to_string()
}
