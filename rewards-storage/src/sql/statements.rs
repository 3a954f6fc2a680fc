//! The SQL of commits, pages and the outbox, once for both databases. Loads are in [`super::load`].

use std::sync::{Arc, OnceLock};

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::dialect::Kind::{Bytes, Int, Text};
use super::dialect::{Columns, Dialect, Template};

/// How many kinds of writes a commit has.
pub(super) const STEPS: usize = 13;

/// A member's row, and last the version that it had, which only a change names.
const MEMBER: Columns = &[
    ("tenant", Text),
    ("member", Text),
    ("version", Int),
    ("journal_seq", Int),
    ("journal_hash", Bytes),
    ("event_seq", Int),
    ("recorded_at", Int),
    ("due_at", Int),
    ("body", Text),
    ("previous", Int),
];

/// A purchase's row, likewise.
const PURCHASE: Columns = &[
    ("tenant", Text),
    ("purchase", Text),
    ("version", Int),
    ("member", Text),
    ("occurred_at", Int),
    ("first_entry", Int),
    ("last_entry", Int),
    ("body", Text),
    ("previous", Int),
];

/// A lot's row: its key and what may change of it, then what only a new lot names.
const LOT: Columns = &[
    ("tenant", Text),
    ("member", Text),
    ("number", Int),
    ("remaining", Int),
    ("state", Text),
    ("available_at", Int),
    ("void_at", Int),
    ("expires_at", Int),
    ("due_at", Int),
    ("asset", Text),
    ("source", Text),
    ("amount", Int),
    ("earned_at", Int),
    ("purchase", Text),
    ("rule", Text),
];

/// How many columns of [`LOT`] a change names.
const LOT_CHANGES: usize = 9;

/// The first columns of some.
const fn first(columns: Columns, count: usize) -> Columns {
    columns.split_at(count).0
}

/// The writes of a commit, in the order in which they run.
///
/// Each is refused as a whole when it does not affect as many rows as it was given, or when it inserts a row that is
/// there. All of them touch rows in the order of their keys, and the hottest rows come last, which are what all members
/// share: counters of programs and balances of the tenant itself. Locks are taken in one order, and those that others
/// wait for are held for the shortest time.
///
/// What is known to be new is inserted and what is known to be there is updated: an upsert looks its key up twice.
pub(super) const COMMIT: [Template; STEPS] = [
    Template::over(
        &[
            ("tenant", Text),
            ("operation", Text),
            ("key", Text),
            ("fingerprint", Bytes),
            ("body", Text),
            ("recorded_at", Int),
        ],
        "INSERT INTO replies ({columns}) SELECT {values} FROM {rows}",
    ),
    Template::over(
        first(MEMBER, MEMBER.len() - 1),
        "INSERT INTO members ({columns}) SELECT {values} FROM {rows}",
    ),
    Template::over(
        MEMBER,
        "UPDATE members AS t
         SET version = r.version, journal_seq = r.journal_seq, journal_hash = r.journal_hash, event_seq = r.event_seq,
             recorded_at = r.recorded_at, due_at = r.due_at, body = r.body
         FROM {rows} WHERE t.tenant = r.tenant AND t.member = r.member AND t.version = r.previous",
    ),
    Template::over(
        first(PURCHASE, PURCHASE.len() - 1),
        "INSERT INTO purchases ({columns}) SELECT {values} FROM {rows}",
    ),
    Template::over(
        PURCHASE,
        "UPDATE purchases AS t
         SET version = r.version, member = r.member, occurred_at = r.occurred_at, first_entry = r.first_entry,
             last_entry = r.last_entry, body = r.body
         FROM {rows} WHERE t.tenant = r.tenant AND t.purchase = r.purchase AND t.version = r.previous",
    ),
    Template::over(
        &[
            ("tenant", Text),
            ("program", Text),
            ("version", Int),
            ("newest", Int),
            ("active_from", Int),
            ("published_at", Int),
            ("body", Text),
        ],
        "INSERT INTO programs (tenant, program, version, active_from, published_at, body)
         SELECT r.tenant, r.program, r.version, r.active_from, r.published_at, r.body FROM {rows}
         WHERE r.newest = COALESCE((SELECT MAX(p.version) FROM programs AS p
                                    WHERE p.tenant = r.tenant AND p.program = r.program), 0)
         ON CONFLICT (tenant, program, version) DO NOTHING",
    ),
    Template::over(
        &[
            ("tenant", Text),
            ("member", Text),
            ("seq", Int),
            ("id", Bytes),
            ("from_holder", Text),
            ("from_purpose", Text),
            ("to_holder", Text),
            ("to_purpose", Text),
            ("asset", Text),
            ("amount", Int),
            ("kind", Text),
            ("effective_at", Int),
            ("recorded_at", Int),
            ("purchase", Text),
            ("program", Text),
            ("program_version", Int),
            ("rule", Text),
            ("reason", Text),
            ("hash", Bytes),
        ],
        "INSERT INTO journal ({columns}) SELECT {values} FROM {rows}",
    ),
    Template::over(
        LOT,
        "INSERT INTO lots ({columns}) SELECT {values} FROM {rows}",
    ),
    Template::over(
        first(LOT, LOT_CHANGES),
        "UPDATE lots AS t
         SET remaining = r.remaining, state = r.state, available_at = r.available_at, void_at = r.void_at,
             expires_at = r.expires_at, due_at = r.due_at
         FROM {rows} WHERE t.tenant = r.tenant AND t.member = r.member AND t.number = r.number",
    ),
    Template::over(
        &[
            ("tenant", Text),
            ("recorded_at", Int),
            ("stream", Text),
            ("seq", Int),
            ("id", Bytes),
            ("body", Text),
        ],
        "INSERT INTO outbox ({columns}, attempts) SELECT {values}, 0 FROM {rows}",
    ),
    MOVE_BALANCES,
    Template::over(
        &[
            ("tenant", Text),
            ("subject", Text),
            ("name", Text),
            ("bucket", Int),
            ("delta", Int),
            ("guard", Int),
        ],
        "INSERT INTO counters (tenant, subject, name, bucket, value, guard)
         SELECT r.tenant, r.subject, r.name, r.bucket, r.delta, r.guard FROM {rows}
         WHERE r.guard IS NULL OR r.delta <= r.guard
            OR r.delta + (SELECT c.value FROM counters AS c WHERE c.tenant = r.tenant AND c.subject = r.subject
                                                              AND c.name = r.name AND c.bucket = r.bucket) <= r.guard
         ON CONFLICT (tenant, subject, name, bucket) DO UPDATE
         SET value = counters.value + excluded.value, guard = excluded.guard
         WHERE excluded.guard IS NULL OR counters.value + excluded.value <= excluded.guard",
    ),
    MOVE_BALANCES,
];

/// Moves balances; once for those of members, and last of all for the tenant's own.
const MOVE_BALANCES: Template = Template::over(
    &[
        ("tenant", Text),
        ("holder", Text),
        ("purpose", Text),
        ("asset", Text),
        ("delta", Int),
        ("guard", Int),
    ],
    "INSERT INTO balances (tenant, holder, purpose, asset, amount, guard)
     SELECT r.tenant, r.holder, r.purpose, r.asset, r.delta, r.guard FROM {rows}
     WHERE r.guard IS NULL OR r.delta >= r.guard
        OR r.delta + (SELECT b.amount FROM balances AS b WHERE b.tenant = r.tenant AND b.holder = r.holder
                                                           AND b.purpose = r.purpose AND b.asset = r.asset) >= r.guard
     ON CONFLICT (tenant, holder, purpose, asset) DO UPDATE
     SET amount = balances.amount + excluded.amount, guard = excluded.guard
     WHERE excluded.guard IS NULL OR balances.amount + excluded.amount >= excluded.guard",
);

/// Places in [`COMMIT`] of what depends on nothing but the version of the member's row.
pub(super) mod step {
    pub const JOURNAL: usize = 6;
    pub const NEW_LOTS: usize = 7;
    pub const CHANGED_LOTS: usize = 8;
    pub const OUTBOX: usize = 9;

    /// The step that inserts into a table, when it is one of those.
    #[cfg(feature = "postgres")]
    pub fn of_table(table: &str) -> Option<usize> {
        match table {
            "journal" => Some(JOURNAL),
            "lots" => Some(NEW_LOTS),
            "outbox" => Some(OUTBOX),
            _ => None,
        }
    }
}

/// Locks the rows that a group will write, in their order, before its batches are taken one by one and in theirs.
#[cfg(feature = "postgres")]
pub(super) const LOCKS: [Template; 3] = [
    Template::over(
        &[("tenant", Text), ("member", Text)],
        "SELECT 1 FROM {rows} CROSS JOIN LATERAL (SELECT 1 FROM members AS t
         WHERE t.tenant = r.tenant AND t.member = r.member FOR UPDATE) AS t",
    ),
    Template::over(
        &[("tenant", Text), ("purchase", Text)],
        "SELECT 1 FROM {rows} CROSS JOIN LATERAL (SELECT 1 FROM purchases AS t
         WHERE t.tenant = r.tenant AND t.purchase = r.purchase FOR UPDATE) AS t",
    ),
    Template::over(
        &[
            ("tenant", Text),
            ("subject", Text),
            ("name", Text),
            ("bucket", Int),
        ],
        "SELECT 1 FROM {rows} CROSS JOIN LATERAL (SELECT 1 FROM counters AS t
         WHERE t.tenant = r.tenant AND t.subject = r.subject AND t.name = r.name AND t.bucket = r.bucket
         FOR UPDATE) AS t",
    ),
];

const JOURNAL_COLUMNS: &str = "t.member, t.seq, t.id, t.from_holder, t.from_purpose, t.to_holder, t.to_purpose, t.asset, t.amount, t.kind,
     t.effective_at, t.recorded_at, t.purchase, t.program, t.program_version, t.rule, t.reason, t.hash";

/// What follows `SELECT` and the columns of the journal.
const STATEMENT: &str = "FROM journal AS t
     WHERE t.tenant = $1 AND t.member = $2 AND t.seq < $3
       AND ($4 IS NULL OR t.kind = $4)
       AND ($5 IS NULL OR (t.from_holder = t.member AND t.from_purpose = $5)
                       OR (t.to_holder = t.member AND t.to_purpose = $5))
       AND ($6 IS NULL OR t.asset = $6)
       AND ($7 IS NULL OR t.purchase = $7)
       AND t.effective_at >= $8 AND t.effective_at < $9
     ORDER BY t.seq DESC LIMIT $10";

const JOURNAL_PAGE: &str = "FROM journal AS t
     WHERE t.tenant = $1 AND (t.member, t.seq) > ($2, $3)
     ORDER BY t.member, t.seq LIMIT $4";

const BALANCES_AT: Template = Template::plain(
    "SELECT x.purpose, x.asset, CAST(SUM(x.amount) AS BIGINT) FROM (
         SELECT t.to_purpose AS purpose, t.asset, t.amount FROM journal AS t
         WHERE t.tenant = $1 AND t.member = $2 AND t.effective_at <= $3 AND t.to_holder = t.member
         UNION ALL
         SELECT t.from_purpose, t.asset, -t.amount FROM journal AS t
         WHERE t.tenant = $1 AND t.member = $2 AND t.effective_at <= $3 AND t.from_holder = t.member
     ) AS x GROUP BY x.purpose, x.asset",
);

const PROGRAMS: Template = Template::plain(
    "SELECT program, version, active_from, published_at, body FROM programs WHERE tenant = $1
     ORDER BY program, version",
);

const DUE_MEMBERS: Template = Template::plain(
    "SELECT member FROM lots WHERE tenant = $1 AND due_at <= $2 AND member > $3
     UNION
     SELECT member FROM members WHERE tenant = $1 AND due_at <= $2 AND member > $3
     ORDER BY member LIMIT $4",
);

const MEMBERS: Template = Template::plain(
    "SELECT member, journal_seq, journal_hash, event_seq, body FROM members
     WHERE tenant = $1 AND member > $2 ORDER BY member LIMIT $3",
);

const BALANCES: Template = Template::plain(
    "SELECT holder, purpose, asset, amount FROM balances
     WHERE tenant = $1 AND (holder, purpose, asset) > ($2, $3, $4)
     ORDER BY holder, purpose, asset LIMIT $5",
);

const COUNTERS: Template = Template::plain(
    "SELECT name, bucket, value FROM counters WHERE tenant = $1 AND subject = $2 ORDER BY name, bucket",
);

const SCHEMA_VERSION: Template =
    Template::plain("SELECT CAST(MAX(version) AS BIGINT) FROM _sqlx_migrations");

const OUTBOX_STATE: Template = Template::plain("SELECT COUNT(*), MIN(recorded_at) FROM outbox");

/// Events that may be handed out at `$2`: free ones, unless an earlier one of the stream is leased, to whomever.
const WAITING: &str = "SELECT o.recorded_at, o.stream, o.seq FROM outbox AS o
     WHERE o.tenant = $1 AND (o.owner IS NULL OR o.leased_until <= $2)
       AND NOT EXISTS (SELECT 1 FROM outbox AS e
                       WHERE e.tenant = o.tenant AND e.stream = o.stream AND e.seq < o.seq
                         AND e.owner IS NOT NULL AND e.leased_until > $2)
     ORDER BY o.recorded_at, o.stream, o.seq LIMIT $3";

const TAKE_TURN: Template = Template::plain(
    "INSERT INTO relays (tenant, claims) VALUES ($1, 1)
     ON CONFLICT (tenant) DO UPDATE SET claims = relays.claims + 1",
);

/// How leased events are named.
pub(super) const LEASED: Columns = &[("stream", Text), ("seq", Int)];

const ACKNOWLEDGE: Template = Template {
    text: "DELETE FROM outbox
     WHERE tenant = $1 AND owner = $2 AND owner IS NOT NULL
       AND (stream, seq) IN (SELECT r.stream, r.seq FROM {rows})",
    scalars: 2,
    rows: LEASED,
};

const RELEASE: Template = Template {
    text: "UPDATE outbox SET owner = NULL, leased_until = NULL
     WHERE tenant = $1 AND owner = $2 AND owner IS NOT NULL
       AND (stream, seq) IN (SELECT r.stream, r.seq FROM {rows})",
    scalars: 2,
    rows: LEASED,
};

/// The statements as the database is told them, made once when a store opens.
pub(super) struct Statements {
    pub statement: SqlStr,
    pub balances_at: SqlStr,
    pub programs: SqlStr,
    pub due_members: SqlStr,
    pub members: SqlStr,
    pub journal: SqlStr,
    pub balances: SqlStr,
    pub counters: SqlStr,
    pub schema_version: SqlStr,
    pub outbox_state: SqlStr,
    pub waiting: SqlStr,
    pub take_turn: SqlStr,
    pub claim: SqlStr,
    pub acknowledge: SqlStr,
    pub release: SqlStr,
    /// The steps of a commit, each on its own.
    #[cfg(feature = "sqlite")]
    pub steps: Vec<SqlStr>,
    /// Chains of steps, by which steps are in them.
    #[cfg(feature = "postgres")]
    pub chains: Assembled,
    #[cfg(feature = "postgres")]
    pub locks: Vec<SqlStr>,
    /// Loads, by which kinds of keys are in them.
    pub loads: Assembled,
}

impl Statements {
    /// All statements in one dialect.
    pub fn new(dialect: Dialect) -> Self {
        let sql = |template: &Template| {
            let first = template.scalars.saturating_add(1);
            shared(dialect.fill(template.text, template.rows, first))
        };
        Self {
            statement: shared(format!("SELECT {JOURNAL_COLUMNS} {STATEMENT}")),
            balances_at: sql(&BALANCES_AT),
            programs: sql(&PROGRAMS),
            due_members: sql(&DUE_MEMBERS),
            members: sql(&MEMBERS),
            journal: shared(format!("SELECT {JOURNAL_COLUMNS} {JOURNAL_PAGE}")),
            balances: sql(&BALANCES),
            counters: sql(&COUNTERS),
            schema_version: sql(&SCHEMA_VERSION),
            outbox_state: sql(&OUTBOX_STATE),
            waiting: SqlStr::from_static(WAITING),
            take_turn: sql(&TAKE_TURN),
            claim: shared(format!(
                "UPDATE outbox SET owner = $4, leased_until = $5, attempts = attempts + 1
                 WHERE tenant = $1 AND (recorded_at, stream, seq) IN ({WAITING})
                 RETURNING recorded_at, stream, seq, id, body, attempts"
            )),
            acknowledge: sql(&ACKNOWLEDGE),
            release: sql(&RELEASE),
            #[cfg(feature = "sqlite")]
            steps: COMMIT.iter().map(sql).collect(),
            #[cfg(feature = "postgres")]
            chains: Assembled::of(STEPS),
            #[cfg(feature = "postgres")]
            locks: LOCKS.iter().map(sql).collect(),
            loads: Assembled::of(super::load::ARMS),
        }
    }
}

/// Statements by which parts are in them, each put together when it is first asked for.
pub(super) struct Assembled(Vec<OnceLock<SqlStr>>);

impl Assembled {
    /// None yet, of so many parts.
    fn of(parts: usize) -> Self {
        Self((0..1_usize << parts).map(|_| OnceLock::new()).collect())
    }

    /// The statement of the parts that the bits name.
    pub fn get(&self, parts: usize, assemble: impl FnOnce() -> SqlStr) -> SqlStr {
        match self.0.get(parts) {
            Some(place) => place.get_or_init(assemble).clone(),
            None => assemble(),
        }
    }
}

/// A statement made of texts of this module alone. Every use of it shares its text.
pub(super) fn shared(text: String) -> SqlStr {
    AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
}

/// What a chain of writes says, before the place of the step, when it refuses itself.
#[cfg(feature = "postgres")]
pub(super) const REFUSED: &str = "rewards refused step ";

/// One statement that makes all the writes named by the bits of `steps`, or fails when one of them does not affect as
/// many rows as it must: it reads the name of the step as a number. The counts are parameters after those of the rows.
///
/// A statement of its own is a transaction of its own: one round trip, and the hottest locks are held for no longer
/// than it takes to make it durable.
#[cfg(feature = "postgres")]
pub(super) fn chain(dialect: Dialect, steps: usize) -> SqlStr {
    let mut first = 1_usize;
    let mut writes = Vec::new();
    let mut checks = Vec::new();
    let chosen: Vec<(usize, &Template)> = COMMIT
        .iter()
        .enumerate()
        .filter(|(place, _)| steps & (1 << place) != 0)
        .collect();
    for (place, template) in &chosen {
        let write = dialect.fill(template.text, template.rows, first);
        writes.push(format!("s{place} AS ({write} RETURNING 1)"));
        first = first.saturating_add(dialect.parameters(template.rows));
    }
    for (place, _) in &chosen {
        checks.push(format!(
            "WHEN (SELECT COUNT(*) FROM s{place}) <> ${first} THEN '{REFUSED}{place}'"
        ));
        first = first.saturating_add(1);
    }
    let sql = format!(
        "WITH {} SELECT CAST(CASE {} ELSE '0' END AS BIGINT)",
        writes.join(", "),
        checks.join(" ")
    );
    shared(sql)
}
