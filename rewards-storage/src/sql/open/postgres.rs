//! Opening the store on a PostgreSQL server.

use std::borrow::Cow;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::migrate::{AppliedMigration, Migrate as _, MigrateError, Migration, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use super::schema::{self, Purpose, Wanted};
use super::{PREPARED, SqlOptions, explain, migrator, newest, refused, tls};
use crate::error::StoreError;
use crate::sql::dialect::Dialect;
use crate::sql::driver::Driver;
use crate::sql::fault::{self, Suspicion};
use crate::sql::parameters::ServerAddress;
use crate::sql::{Inner, SqlStore};

/// The table in which the driver notes what was migrated.
const MIGRATIONS: &str = "_sqlx_migrations";

/// Seconds of silence after which the server asks whether a client is still there, and between its questions.
const KEEPALIVE_SECONDS: u32 = 5;
/// How many questions may stay unanswered.
const KEEPALIVES: u32 = 3;

/// Opens the store on a server.
pub(super) async fn open(rest: &str, options: &SqlOptions) -> Result<SqlStore, StoreError> {
    let (connect, wanted) = prepared(rest, options)?;
    let suspicion = Arc::new(Suspicion::new());
    let opening = async {
        let schema = ready(&connect, wanted, Purpose::Open, options).await?;
        let connect = match schema {
            Some(name) => connect.options([("search_path", name)]),
            None => connect,
        };
        let pool = pool(options, Arc::clone(&suspicion));
        pool.connect_with(connect).await.map_err(tls::explained)
    };
    let late = |_| Err(fault::late(options.wait));
    let opened = tokio::time::timeout(options.wait, opening).await;
    Ok(SqlStore::new(Inner::new(
        Driver::Postgres(opened.unwrap_or_else(late)?),
        Dialect::Postgres,
        suspicion,
        options.call_limit,
    )))
}

/// Makes the tables, or brings them up to date.
pub(super) async fn make(rest: &str, options: &SqlOptions) -> Result<(), StoreError> {
    let (connect, wanted) = prepared(rest, options)?;
    let making = ready(&connect, wanted, Purpose::Migrate, options);
    let late = |_| Err(fault::late(options.wait));
    let made = tokio::time::timeout(options.wait, making).await;
    made.unwrap_or_else(late).map(drop)
}

/// How to connect, and what is said about the schema.
fn prepared(rest: &str, options: &SqlOptions) -> Result<(PgConnectOptions, Wanted), StoreError> {
    let (connect, address) = read(rest).map_err(refused)?;
    options.check_schema().map_err(refused)?;
    let wanted = match (&options.schema, &address.schema) {
        (Some(chosen), Some(named)) if chosen != named => {
            return Err(refused(
                "expected one schema, got one in the options and another in the address",
            ));
        }
        // That of the address was looked at with it.
        (Some(name), _) | (None, Some(name)) => Wanted::Named(name.clone()),
        (None, None) if address.has_search_path => Wanted::OfSearchPath,
        (None, None) => Wanted::Default,
    };
    tls::check_files(&address)?;
    Ok((tune(tls::secured(connect, &address), options), wanted))
}

/// Connects, and waits for a server that is just being started or has no room for one more.
async fn connected(connect: &PgConnectOptions, wait: Duration) -> Result<PgConnection, StoreError> {
    const PAUSE: Duration = Duration::from_millis(50);

    let begun = Instant::now();
    loop {
        match connect.connect().await {
            Err(error) if is_waited_for(&error) && begun.elapsed() + PAUSE < wait => {
                tokio::time::sleep(PAUSE).await;
            }
            connected => return connected.map_err(tls::explained),
        }
    }
}

fn is_waited_for(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        _ => matches!(code(error).as_deref(), Some("53300" | "57P03")),
    }
}

/// Finds the schema, and brings it up to date where that is asked for. On a connection of its own: only then it is known how
/// others connect.
async fn ready(
    connect: &PgConnectOptions,
    wanted: Wanted,
    purpose: Purpose,
    options: &SqlOptions,
) -> Result<Option<String>, StoreError> {
    let mut connection = connected(connect, options.wait).await?;
    let schema = schema::choose(&mut connection, wanted, purpose).await?;
    let migrates = options.migrate || purpose == Purpose::Migrate;
    migrate(&mut connection, schema.as_deref(), migrates, options.wait).await?;
    // It has done its work, whether or not the server hears of its end.
    let _ = connection.close().await;
    Ok(schema)
}

fn pool(options: &SqlOptions, suspicion: Arc<Suspicion>) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(options.connections.max(1))
        .acquire_timeout(options.wait)
        .test_before_acquire(false)
        // Connections that lay idle while another was lost are replaced: a trial of each would cost a round trip, and where
        // the network swallows everything, one that never ends.
        .before_acquire(move |_, meta| {
            let is_kept = !suspicion.covers(meta.idle_for);
            Box::pin(async move { Ok(is_kept) })
        })
}

/// Brings the schema up to date. Several processes may do so at once and nothing is locked, because not every database that
/// speaks PostgreSQL's protocol has advisory locks: each migration is a transaction, so of two that make the same tables one
/// fails, leaves nothing, and looks again.
async fn migrate(
    connection: &mut PgConnection,
    schema: Option<&str>,
    migrates: bool,
    wait: Duration,
) -> Result<(), StoreError> {
    let mut migrator = migrator(&[(
        1,
        "initial",
        include_str!("../../../migrations/postgres/0001_initial.sql"),
    )]);
    migrator.set_locking(false);
    let started = Instant::now();
    loop {
        let migrated = match is_current(connection, &migrator).await {
            Ok(true) => Ok(()),
            Ok(false) if !migrates => return Err(too_old(connection, &migrator).await),
            Ok(false) => make_tables(connection, schema, &migrator).await,
            Err(error) => Err(error),
        };
        match migrated {
            Ok(()) => return Ok(()),
            Err(error) if was_made_meanwhile(&error) && started.elapsed() < wait => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(explain(error, &migrator)),
        }
    }
}

async fn make_tables(
    connection: &mut PgConnection,
    schema: Option<&str>,
    migrator: &Migrator,
) -> Result<(), MigrateError> {
    if let Some(name) = schema {
        schema::make(connection, name).await?;
    }
    migrator.run_direct(None, connection, false).await
}

/// The error of tables that are to be brought up to date by somebody else.
async fn too_old(connection: &mut PgConnection, migrator: &Migrator) -> StoreError {
    let applied = connection.list_applied_migrations(MIGRATIONS).await;
    let applied = applied.unwrap_or_default();
    StoreError::SchemaTooOld {
        found: applied
            .iter()
            .map(|applied| applied.version)
            .max()
            .unwrap_or_default(),
        known: newest(migrator),
    }
}

/// Whether there is nothing to bring up to date. Only reads: who uses the tables need not be the one who may make them.
async fn is_current(
    connection: &mut PgConnection,
    migrator: &Migrator,
) -> Result<bool, MigrateError> {
    let applied = match connection.list_applied_migrations(MIGRATIONS).await {
        Err(MigrateError::Execute(error)) if code(&error).as_deref() == Some("42P01") => {
            return Ok(false);
        }
        applied => applied?,
    };
    let newest = migrator.iter().map(|known| known.version).max();
    if let Some(newer) = applied
        .iter()
        .find(|applied| Some(applied.version) > newest)
    {
        return Err(MigrateError::VersionMissing(newer.version));
    }
    let is_applied = |known: &Migration| {
        let is_it = |applied: &AppliedMigration| {
            applied.version == known.version && applied.checksum == known.checksum
        };
        applied.iter().any(is_it)
    };
    Ok(migrator.iter().all(is_applied))
}

/// Whether somebody else has just made, or is making, what was to be made: a schema, a table, a type or a row that is there already, a
/// lock that is not to be had, or a transaction that was given up for another one.
fn was_made_meanwhile(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    matches!(
        code(error).as_deref(),
        Some("42P06" | "42P07" | "42710" | "23505" | "40001" | "40P01" | "55P03")
    )
}

fn code(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error()?.code()
}

/// What an address says: what follows its scheme.
pub(super) fn read(rest: &str) -> Result<(PgConnectOptions, ServerAddress), String> {
    let address = ServerAddress::read(&format!("postgresql:{rest}"))?;
    // The address can be read and its parameters are right, so nothing else is left that can be wrong.
    let connect = PgConnectOptions::from_str(&address.url)
        .map_err(|_| "expected names and a password in utf-8, got other bytes")?;
    // The driver looks a name up in brackets, and finds none.
    let host = connect
        .get_host()
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    Ok((connect.host(&host), address))
}

fn tune(connect: PgConnectOptions, options: &SqlOptions) -> PgConnectOptions {
    let connect = match connect.get_application_name() {
        Some(_) => connect,
        None => connect.application_name("rewards"),
    };
    connect
        .options([
            ("jit", "off"),
            // Every statement looks rows up by their keys, whatever the tables hold, so one plan is always right; and
            // a plan made while a table was still empty must not read it from end to end later on.
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
            ("enable_bitmapscan", "off"),
            ("enable_sort", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("default_transaction_isolation", "read committed"),
        ])
        .options(limits(options))
        .statement_cache_capacity(PREPARED)
        .disable_statement_logging()
}

/// Limits on the side of the server: it refuses what takes too long before its client gives up waiting, and frees what a
/// client holds that is gone without a word. The driver has no such settings for the client's own side of a connection;
/// there, the limit of each call ends whatever happens.
fn limits(options: &SqlOptions) -> [(&'static str, String); 7] {
    let millis = |limit: Duration| limit.as_millis().max(1).to_string();
    [
        ("statement_timeout", millis(options.refusal_limit())),
        ("lock_timeout", millis(options.call_limit / 2)),
        (
            "idle_in_transaction_session_timeout",
            millis(options.call_limit),
        ),
        ("tcp_user_timeout", millis(options.call_limit)),
        ("tcp_keepalives_idle", KEEPALIVE_SECONDS.to_string()),
        ("tcp_keepalives_interval", KEEPALIVE_SECONDS.to_string()),
        ("tcp_keepalives_count", KEEPALIVES.to_string()),
    ]
}
