//! A server of our own: its folder, its user, its port, and starting and restarting it.

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::programs::{forget_server_settings, run, tool};
use super::{PostgresError, Shutdown, io_error, micros_now};

/// Ports tried for a private server: below the range from which Linux takes the local ports of
/// outgoing connections, so that no client can hold the port while the server restarts.
const PORTS: Range<u16> = 20_000..32_000;

/// How many ports are tried before a start is given up.
const START_ATTEMPTS: u32 = 4;

/// A server of our own, in a folder of its own.
#[derive(Debug)]
pub(super) struct Private {
    pub(super) folder: PathBuf,
    port: u16,
    pub(super) owner: Owner,
}

impl Private {
    /// A server still to be made in this folder, which is handed to the user that will run it.
    pub(super) fn new(folder: &Path) -> Result<Self, PostgresError> {
        let owner = Owner::take(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            port: 0,
            owner,
        })
    }

    pub(super) fn initdb(&self) -> Result<(), PostgresError> {
        let mut initdb = self.server_program("initdb");
        initdb.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        initdb.args(["--locale-provider=icu", "--icu-locale=en-US"]);
        // Only skips flushing the new, empty files; the server itself runs with fsync.
        initdb.arg("--no-sync");
        run(initdb).map(drop)
    }

    /// Starts the server on a free port. Another process may take the port between the look and
    /// the start, so a few are tried.
    pub(super) fn start(&mut self) -> Result<(), PostgresError> {
        let mut attempt = 1;
        loop {
            self.port = free_port()?;
            self.configure()?;
            match self.pg_ctl(&["start"]) {
                Err(PostgresError::Failed { .. }) if attempt < START_ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    pub(super) fn restart(&self, shutdown: Shutdown) -> Result<(), PostgresError> {
        let mode = match shutdown {
            Shutdown::Fast => "fast",
            Shutdown::Immediate => "immediate",
        };
        self.pg_ctl(&["restart", "-m", mode])
    }

    fn configure(&self) -> Result<(), PostgresError> {
        self.append_settings(&format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\n",
            self.port,
            self.folder.display().to_string().replace('\'', "''"),
        ))
    }

    /// Appends lines to the configuration; of repeated settings the last one counts.
    pub(super) fn append_settings(&self, settings: &str) -> Result<(), PostgresError> {
        fs::OpenOptions::new()
            .append(true)
            .open(self.folder.join("data/postgresql.conf"))
            .and_then(|mut file| file.write_all(settings.as_bytes()))
            .map_err(io_error("write postgresql.conf"))
    }

    /// Writes a file into the folder of the data that only the server's user may read.
    pub(super) fn write_file(&self, name: &str, contents: &str) -> Result<(), PostgresError> {
        let path = self.folder.join("data").join(name);
        fs::write(&path, contents)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o600)))
            .map_err(io_error("write a file of the server"))?;
        match self.owner {
            Owner::Current => Ok(()),
            Owner::Postgres { uid, gid } => {
                chown(&path, Some(uid), Some(gid)).map_err(io_error("hand over a file"))
            }
        }
    }

    fn pg_ctl(&self, arguments: &[&str]) -> Result<(), PostgresError> {
        let log = self.folder.join("log");
        let mut pg_ctl = self.server_program("pg_ctl");
        pg_ctl
            .args(["-w", "-t", "120", "-l"])
            .arg(&log)
            .args(arguments);
        match run(pg_ctl) {
            Err(PostgresError::Failed {
                program,
                status,
                output,
            }) => {
                let log = fs::read_to_string(&log).unwrap_or_default();
                let output = format!("{output}\n{log}");
                Err(PostgresError::Failed {
                    program,
                    status,
                    output,
                })
            }
            result => result.map(drop),
        }
    }

    fn server_program(&self, program: &str) -> Command {
        let mut command = self.owner.command(&tool(program));
        // The owner may not be allowed into the folder the tests run in.
        command
            .current_dir(&self.folder)
            .arg("-D")
            .arg(self.folder.join("data"));
        forget_server_settings(&mut command);
        command
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

/// The system user a private server runs as: PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owner {
    Current,
    Postgres { uid: u32, gid: u32 },
}

impl Owner {
    /// The user for a folder just made, which is handed to that user.
    fn take(folder: &Path) -> Result<Self, PostgresError> {
        let made_by = fs::metadata(folder)
            .map_err(io_error("look at the folder"))?
            .uid();
        if made_by != 0 {
            return Ok(Self::Current);
        }
        let (uid, gid) = (system_id("-u")?, system_id("-g")?);
        chown(folder, Some(uid), Some(gid)).map_err(io_error("hand over the folder"))?;
        Ok(Self::Postgres { uid, gid })
    }

    pub(super) fn command(self, program: &Path) -> Command {
        match self {
            Self::Current => Command::new(program),
            Self::Postgres { uid, gid } => {
                let mut command = Command::new("setpriv");
                command
                    .arg(format!("--reuid={uid}"))
                    .arg(format!("--regid={gid}"));
                command.arg("--clear-groups").arg("--").arg(program);
                command
            }
        }
    }
}

fn system_id(kind: &str) -> Result<u32, PostgresError> {
    let mut id = Command::new("id");
    id.args([kind, "postgres"]);
    let text = run(id)?;
    text.trim().parse().map_err(|_| PostgresError::Failed {
        program: "id".to_owned(),
        status: "exit status: 0".to_owned(),
        output: text,
    })
}

/// A port nobody listens on, looked for from a different place in each process and at each time.
fn free_port() -> Result<u16, PostgresError> {
    let seed = micros_now().wrapping_add(u128::from(std::process::id()).wrapping_mul(7919));
    let span = u128::from(PORTS.end.abs_diff(PORTS.start));
    let start = u16::try_from(seed % span).unwrap_or_default();
    let from = PORTS.start.saturating_add(start);
    (from..PORTS.end)
        .chain(PORTS.start..from)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or_else(|| io::Error::from(io::ErrorKind::AddrInUse))
        .map_err(io_error("find a free port"))
}
