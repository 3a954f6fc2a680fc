//! Which schema of a PostgreSQL database holds the books.
//!
//! One of their own, `rewards`, unless somebody says otherwise: a database is often shared, and a table `members` in `public` is
//! somebody else's. Earlier versions kept the books where the search path of the user began, which mostly was `public`. Books that
//! are there stay there, because nobody may lose them by an update, or have tables moved that others have been granted.

use sqlx::{AssertSqlSafe, PgConnection};

use super::refused;
use crate::error::StoreError;
use crate::sql::fault::classify;

/// The schema of those who name none.
const DEFAULT: &str = "rewards";

/// What is said about the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing.
    Default,
    /// That it is this one.
    Named(String),
    /// A search path in the address, whose first schema it is.
    OfSearchPath,
}

/// Why a schema is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To work with the books, wherever they are.
    Open,
    /// To make those of the schema that is named, or to bring them up to date.
    Migrate,
}

/// Has the connection look where the books are, or are to be. Returns the schema that others are to look in, or nothing where
/// their own search path leads there.
pub(super) async fn choose(
    connection: &mut PgConnection,
    wanted: Wanted,
    purpose: Purpose,
) -> Result<Option<String>, StoreError> {
    let name = match &wanted {
        Wanted::OfSearchPath => return Ok(None),
        Wanted::Named(name) => name.as_str(),
        Wanted::Default => DEFAULT,
    };
    let has_earlier = has_books(connection).await?;
    look_in(connection, name).await?;
    if has_earlier && !has_books(connection).await? {
        if wanted == Wanted::Default {
            tracing::info!(
                "the books stay in the schema in which an earlier version has made them"
            );
            let reset = sqlx::raw_sql("RESET search_path");
            reset.execute(&mut *connection).await.map_err(classify)?;
            return Ok(None);
        }
        if purpose == Purpose::Open {
            return Err(refused(format!(
                "there are books where the search path of the user begins, and none in the schema `{name}`: name the schema that \
                 they are in, such as `public`; or make new ones with `migrate`"
            )));
        }
    }
    Ok(Some(name.to_owned()))
}

/// Makes the schema that the connection looks in, unless it is there: whoever may not make one can use one that is.
pub(super) async fn make(connection: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    let there = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)");
    let is_there: bool = there.bind(name).fetch_one(&mut *connection).await?;
    if !is_there {
        // The name was checked.
        let make = AssertSqlSafe(format!("CREATE SCHEMA \"{name}\""));
        sqlx::raw_sql(make).execute(connection).await?;
    }
    Ok(())
}

async fn look_in(connection: &mut PgConnection, name: &str) -> Result<(), StoreError> {
    let set = sqlx::query("SELECT set_config('search_path', $1, false)").bind(name);
    set.execute(connection).await.map(drop).map_err(classify)
}

/// Whether there are books of this library where the connection looks: others have tables of these names, too.
async fn has_books(connection: &mut PgConnection) -> Result<bool, StoreError> {
    const OURS: &str =
        "SELECT to_regclass('journal') IS NOT NULL AND to_regclass('lots') IS NOT NULL
        AND to_regclass('control_accounts') IS NOT NULL AND to_regclass('outbox') IS NOT NULL
        AND to_regclass('_sqlx_migrations') IS NOT NULL";
    let found = sqlx::query_scalar(OURS).fetch_one(&mut *connection).await;
    if !found.map_err(classify)? {
        return Ok(false);
    }
    let migrated = "SELECT EXISTS (SELECT 1 FROM _sqlx_migrations WHERE version = 1 AND description = 'initial')";
    match sqlx::query_scalar(migrated).fetch_one(connection).await {
        // A table that is made otherwise, or that the user may not read, is none that the user could have used.
        Err(sqlx::Error::Database(_)) => Ok(false),
        migrated => migrated.map_err(classify),
    }
}
