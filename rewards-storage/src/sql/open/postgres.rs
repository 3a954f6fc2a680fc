//! Opening the store on a PostgreSQL server.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use super::{PREPARED, SqlOptions, explain, migrator, refused, tls};
use crate::error::StoreError;
use crate::sql::dialect::Dialect;
use crate::sql::driver::Driver;
use crate::sql::fault::{Suspicion, classify};
use crate::sql::parameters::ServerAddress;
use crate::sql::{Inner, SqlStore};

/// Opens the store on a server.
pub(super) async fn open(url: &str, options: &SqlOptions) -> Result<SqlStore, StoreError> {
    let (connect, address) = read(url).map_err(refused)?;
    tls::check_files(&address)?;
    let connect = tune(tls::secured(connect, &address));
    let suspicion = Arc::new(Suspicion::new());
    let suspected = Arc::clone(&suspicion);
    let pool = PgPoolOptions::new()
        .max_connections(options.connections.max(1))
        .acquire_timeout(options.wait)
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let is_suspect = suspected.covers(meta.idle_for);
            Box::pin(async move {
                if is_suspect {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(connect)
        .await
        .map_err(tls::explained)?;
    let mut connection = pool.acquire().await.map_err(classify)?;
    migrate(&mut connection, options.wait).await?;
    drop(connection);
    Ok(SqlStore::new(Inner::new(
        Driver::Postgres(pool),
        Dialect::Postgres,
        suspicion,
    )))
}

/// Brings the schema up to date. Several processes may do so at once and nothing is locked, because not every database that
/// speaks PostgreSQL's protocol has advisory locks: each migration is a transaction, so of two that make the same tables one
/// fails, leaves nothing, and looks again.
async fn migrate(connection: &mut PgConnection, wait: Duration) -> Result<(), StoreError> {
    let mut migrator = migrator(&[(
        1,
        "initial",
        include_str!("../../../migrations/postgres/0001_initial.sql"),
    )]);
    migrator.set_locking(false);
    let started = Instant::now();
    loop {
        match migrator.run_direct(None, &mut *connection, false).await {
            Ok(()) => return Ok(()),
            Err(error) if was_made_meanwhile(&error) && started.elapsed() < wait => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(explain(error, &migrator)),
        }
    }
}

/// Whether somebody else has just made what was to be made: a table, a type or a row that is there already, or a transaction
/// that was given up for another one.
fn was_made_meanwhile(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(
        code.as_deref(),
        Some("42P07" | "42710" | "23505" | "40001" | "40P01")
    )
}

/// What an address says.
pub(super) fn read(url: &str) -> Result<(PgConnectOptions, ServerAddress), String> {
    let address = ServerAddress::read(url)?;
    // The address can be read and its parameters are right, so nothing else is left that can be wrong.
    let connect = PgConnectOptions::from_str(url)
        .map_err(|_| "expected names and a password in utf-8, got other bytes")?;
    // The driver looks a name up in brackets, and finds none.
    let host = connect
        .get_host()
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    Ok((connect.host(&host), address))
}

fn tune(connect: PgConnectOptions) -> PgConnectOptions {
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
        .statement_cache_capacity(PREPARED)
        .disable_statement_logging()
}
