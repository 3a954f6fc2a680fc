//! The process that cleans up after the tests, however they end.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::programs::tool;
use super::server::Private;
use super::{PostgresError, io_error};

/// A process that cleans up when the pipe to it closes. It has its own process group and ignores
/// the signals a terminal sends, so that an interrupted test run is cleaned up too.
#[derive(Debug)]
pub(super) struct Watchdog {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Will stop the server and delete its folder.
    pub(super) fn over_folder(private: &Private) -> Result<Self, PostgresError> {
        const SCRIPT: &str = r#"
            trap '' INT TERM HUP
            while read -r _; do :; done
            "$1" -D "$2/data" -m immediate -w stop
            cd / && rm -rf "$2"
        "#;
        let mut shell = private.owner.command(Path::new("sh"));
        shell.current_dir(&private.folder);
        shell
            .args(["-c", SCRIPT, "sh"])
            .arg(tool("pg_ctl"))
            .arg(&private.folder);
        Self::spawn(shell)
    }

    /// Will drop the databases it has been told of.
    pub(super) fn over_databases(url: &str) -> Result<Self, PostgresError> {
        const SCRIPT: &str = r#"
            trap '' INT TERM HUP
            names=
            while read -r name; do names="$names $name"; done
            for name in $names; do
                "$1" --if-exists --force --maintenance-db="$2" "$name"
            done
        "#;
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT, "sh"])
            .arg(tool("dropdb"))
            .arg(url);
        Self::spawn(shell)
    }

    fn spawn(mut shell: Command) -> Result<Self, PostgresError> {
        // Open outputs would keep a reader of the test's own output waiting.
        shell
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = shell
            .process_group(0)
            .spawn()
            .map_err(io_error("start the watchdog"))?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    pub(super) fn note(&self, database: &str) -> Result<(), PostgresError> {
        let Some(mut pipe) = self.pipe.as_ref() else {
            return Ok(());
        };
        writeln!(pipe, "{database}").map_err(io_error("tell the watchdog"))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // A watchdog that cannot be waited for is already gone; there is nobody to tell.
        let _ = self.child.wait();
    }
}
