//! A PostgreSQL server for tests.
//!
//! [`Cluster::start`] uses the server that `DATABASE_URL` names, or else makes a private one: `initdb`
//! into a temporary folder, a free port on 127.0.0.1, trust authentication, and otherwise the
//! configuration PostgreSQL ships with, so `fsync` is on and a commit costs what it costs in
//! production. Databases sort text by language, as most production servers do: SQL that relies on
//! byte order has to say so.
//!
//! Nothing outlives the tests. A watchdog process holds the reading end of a pipe; when the cluster is
//! dropped, or the test process ends in whatever way, SIGKILL included, the pipe closes and the watchdog
//! stops the server and deletes the folder. On a server given by `DATABASE_URL` it drops the
//! databases that were created.
//!
//! It never restarts or reconfigures a server it did not start.

mod programs;
mod server;
mod watchdog;

use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use programs::{forget_server_settings, run, tool};
use server::Private;
use watchdog::Watchdog;

/// Numbers the databases of one process.
static DATABASES: AtomicU32 = AtomicU32::new(0);

static SHARED: LazyLock<Result<Cluster, PostgresError>> = LazyLock::new(Cluster::start);

/// Why there is no server, or why it did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// A PostgreSQL program is neither in `/usr/lib/postgresql/*/bin` nor on the `PATH`.
    #[error("`{program}` not found: install the PostgreSQL server package")]
    Missing {
        /// The program that was looked for.
        program: String,
    },
    /// A program ran and failed.
    #[error("`{program}` failed with {status}: {output}")]
    Failed {
        /// The program that failed.
        program: String,
        /// Its exit status, as the system prints it.
        status: String,
        /// What it wrote to both outputs, and the end of the server log if there is one.
        output: String,
    },
    /// Files, ports or processes could not be handled.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A database name that would need quoting.
    #[error("database name `{name}`: expected 1 to 63 of `a-z`, `0-9` and `_`")]
    Name {
        /// The refused name.
        name: String,
    },
    /// `DATABASE_URL` has no `scheme://`.
    #[error("expected `DATABASE_URL` like `postgres://user@host:port/database`")]
    Url,
    /// A restart was asked of a server that these tests did not start.
    #[error("the server named by `DATABASE_URL` is not restarted by tests")]
    NotOurs,
}

/// How a server goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Sessions are ended and a checkpoint is written.
    Fast,
    /// Every process ends at once, as in a crash; the next start recovers from the log.
    Immediate,
}

/// A running PostgreSQL server, stopped and removed on drop if it was started here.
#[derive(Debug)]
pub struct Cluster {
    server: Server,
    watchdog: Watchdog,
}

#[derive(Debug)]
enum Server {
    Private(Private),
    Given { url: String },
}

/// The cluster shared by all tests of one binary, started on first use and stopped when the process
/// ends. Use it with one [`Cluster::database`] per test.
///
/// # Errors
/// The error of the first start; a failed start is not tried again.
pub fn shared_cluster() -> Result<&'static Cluster, &'static PostgresError> {
    SHARED.as_ref()
}

impl Cluster {
    /// The server `DATABASE_URL` names, or a private one if the variable is not set.
    ///
    /// # Errors
    /// As [`Cluster::start_private`]; `Url` for a variable that is no URL.
    pub fn start() -> Result<Self, PostgresError> {
        match std::env::var("DATABASE_URL") {
            Ok(url) => Self::given(url),
            Err(_) => Self::start_private(),
        }
    }

    /// A private server, whatever the environment says: for tests that restart it.
    ///
    /// # Errors
    /// `Missing` without PostgreSQL programs, `Failed` when one of them fails, `Io` for the rest.
    pub fn start_private() -> Result<Self, PostgresError> {
        let folder = tempfile::Builder::new()
            .prefix("rewards-pg-")
            .tempdir()
            .map_err(io_error("make a temporary folder"))?;
        let mut private = Private::new(folder.path())?;
        let watchdog = Watchdog::over_folder(&private)?;
        // From here on the folder is the watchdog's to delete.
        let _ = folder.keep();
        private.initdb()?;
        private.start()?;
        Ok(Self {
            server: Server::Private(private),
            watchdog,
        })
    }

    fn given(url: String) -> Result<Self, PostgresError> {
        with_database(&url, "postgres")?;
        let watchdog = Watchdog::over_databases(&url)?;
        Ok(Self {
            server: Server::Given { url },
            watchdog,
        })
    }

    /// Creates an empty database under a name used nowhere else, and returns its URL.
    ///
    /// # Errors
    /// As [`Cluster::create_database`].
    pub fn database(&self) -> Result<String, PostgresError> {
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("rewards_{}_{}_{number}", std::process::id(), micros_now());
        self.create_database(&name)
    }

    /// Creates an empty database called `name`, and returns its URL.
    ///
    /// # Errors
    /// `Name` unless it is 1 to 63 characters of `a-z`, `0-9`, `_`; `Failed` if it exists already.
    pub fn create_database(&self, name: &str) -> Result<String, PostgresError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 63 || !name.chars().all(plain) {
            return Err(PostgresError::Name {
                name: name.to_owned(),
            });
        }
        let mut createdb = self.client("createdb");
        createdb.arg("--template=template0");
        createdb
            .arg("--maintenance-db")
            .arg(self.admin_url())
            .arg(name);
        run(createdb)?;
        self.watchdog.note(name)?;
        Ok(self.url(name))
    }

    /// The URL of a database of this server, which need not exist.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        match &self.server {
            Server::Private(private) => private.url(database),
            // `given` has checked the URL; the fallback is never taken.
            Server::Given { url } => with_database(url, database).unwrap_or_else(|_| url.clone()),
        }
    }

    /// Runs SQL through `psql` and returns its rows, one a line, columns separated by `|`.
    ///
    /// # Errors
    /// `Failed` with the message of `psql` for the first statement that fails.
    pub fn execute(&self, database: &str, sql: &str) -> Result<String, PostgresError> {
        let mut psql = self.client("psql");
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        psql.arg("-d").arg(self.url(database));
        run(psql).map(|text| text.trim_end().to_owned())
    }

    /// Stops the server and starts it again on the same port, with the same data; returns when it
    /// takes connections. Open connections are lost.
    ///
    /// # Errors
    /// `NotOurs` on a server given by `DATABASE_URL`, `Failed` if it does not come back.
    pub fn restart(&self, shutdown: Shutdown) -> Result<(), PostgresError> {
        match &self.server {
            Server::Private(private) => private.restart(shutdown),
            Server::Given { .. } => Err(PostgresError::NotOurs),
        }
    }

    /// Sets what `postgresql.conf` would say and starts the server anew; the files, by name and contents, are put where
    /// relative names in it look for them.
    ///
    /// # Errors
    /// As [`Cluster::restart`]; `Io` for files that cannot be written.
    pub fn reconfigure(&self, settings: &str, files: &[(&str, &str)]) -> Result<(), PostgresError> {
        let Server::Private(private) = &self.server else {
            return Err(PostgresError::NotOurs);
        };
        for (name, contents) in files {
            private.write_file(name, contents)?;
        }
        private.append_settings(settings)?;
        private.restart(Shutdown::Fast)
    }

    /// The folder of a private server.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match &self.server {
            Server::Private(private) => Some(&private.folder),
            Server::Given { .. } => None,
        }
    }

    fn admin_url(&self) -> String {
        match &self.server {
            Server::Private(private) => private.url("postgres"),
            Server::Given { url } => url.clone(),
        }
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(tool(program));
        if matches!(self.server, Server::Private(_)) {
            forget_server_settings(&mut command);
        }
        command
    }
}

/// Microseconds since 1970, only to tell runs apart.
fn micros_now() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_micros())
}

/// The URL with another database in it; user, host and parameters stay.
fn with_database(url: &str, database: &str) -> Result<String, PostgresError> {
    let (address, parameters) = match url.split_once('?') {
        Some((address, parameters)) => (address, format!("?{parameters}")),
        None => (url, String::new()),
    };
    let (scheme, rest) = address.split_once("://").ok_or(PostgresError::Url)?;
    let host = rest.split('/').next().unwrap_or_default();
    Ok(format!("{scheme}://{host}/{database}{parameters}"))
}

fn io_error(action: &'static str) -> impl FnOnce(io::Error) -> PostgresError {
    move |source| PostgresError::Io { action, source }
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn a_url_keeps_everything_but_its_database() {
        let cases = [
            ("postgres://h", Some("postgres://h/new")),
            (
                "postgres://u:p@h:5433/old",
                Some("postgres://u:p@h:5433/new"),
            ),
            (
                "postgresql://u@h/old?sslmode=require&x=/",
                Some("postgresql://u@h/new?sslmode=require&x=/"),
            ),
            ("host=h dbname=old", None),
        ];
        for (url, expected) in cases {
            assert_eq!(with_database(url, "new").ok().as_deref(), expected, "{url}");
        }
    }
}
