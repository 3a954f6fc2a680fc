//! The SQL of commits, pages and the outbox, once for both databases. Look-ups by key are in [`super::load`] and [`super::look`].

use sqlx::SqlStr;

pub(super) use super::arms::{Assembled, shared};
use super::dialect::Kind::{Bytes, Int, Packed, Text};
use super::dialect::{Columns, Dialect, Template};

/// How many kinds of writes a commit has.
pub(super) const STEPS: usize = 15;

/// A member's row, and last the version that it had, which only a change names.
const MEMBER: Columns = &[
    ("tenant", Text),
    ("member", Text),
    ("version", Int),
    ("journal_seq", Int),
    ("journal_hash", Bytes),
    ("event_seq", Int),
    ("recorded_at", Int),
    ("at", Int),
    ("due_at", Int),
    ("body", Packed),
    ("previous", Int),
];

/// An entity's row. A new one has the fingerprint and the reply of its command; a change names the version that it had.
const ENTITY: Columns = &[
    ("tenant", Text),
    ("kind", Text),
    ("id", Text),
    ("version", Int),
    ("owner", Text),
    ("\"group\"", Text),
    ("state", Text),
    ("rank", Int),
    ("at", Int),
    ("due_at", Int),
    ("body", Packed),
    ("previous", Int),
    ("fingerprint", Bytes),
    ("reply", Packed),
];

/// How many columns of [`ENTITY`] a change names.
const ENTITY_CHANGES: usize = 12;

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
/// there. Locks are taken in one order by everybody, so that no two writers wait for each other: first the rows that are known
/// to be there and are changed or removed, which is also what is locked before a group is [judged](super::group); then the
/// rows that are new; and the hottest rows come last, which are what all members share, so that they are held for the
/// shortest time. Within a step rows are in the order of their keys.
///
/// Changes of entities and removals are two steps over one table, so whoever removes anything locks both together, first.
/// Removals themselves come after what is new: who waits to make what is removed meanwhile holds nothing that this writer
/// still wants.
///
/// What is known to be new is inserted and what is known to be there is updated: an upsert looks its key up twice.
pub(super) const COMMIT: [Template; STEPS] = [
    Template::over(
        MEMBER,
        "UPDATE members AS t
         SET version = r.version, journal_seq = r.journal_seq, journal_hash = r.journal_hash, event_seq = r.event_seq,
             recorded_at = r.recorded_at, at = r.at, due_at = r.due_at, body = r.body
         FROM {rows} WHERE t.tenant = r.tenant AND t.member = r.member AND t.version = r.previous",
    ),
    Template::over(
        first(ENTITY, ENTITY_CHANGES),
        "UPDATE entities AS t
         SET version = r.version, owner = r.owner, \"group\" = r.\"group\", state = r.state, rank = r.rank, at = r.at,
             due_at = r.due_at, body = r.body
         FROM {rows} WHERE t.tenant = r.tenant AND t.kind = r.kind AND t.id = r.id AND t.version = r.previous",
    ),
    Template::over(
        first(MEMBER, MEMBER.len() - 1),
        "INSERT INTO members ({columns}) SELECT {values} FROM {rows}",
    ),
    Template::over(
        ENTITY,
        "INSERT INTO entities (tenant, kind, id, version, owner, \"group\", state, rank, at, due_at, body, fingerprint, reply)
         SELECT r.tenant, r.kind, r.id, r.version, r.owner, r.\"group\", r.state, r.rank, r.at, r.due_at, r.body,
                r.fingerprint, r.reply FROM {rows}",
    ),
    Template::over(
        &[
            ("tenant", Text),
            ("kind", Text),
            ("id", Text),
            ("previous", Int),
        ],
        "DELETE FROM entities WHERE (tenant, kind, id, version) IN (SELECT r.tenant, r.kind, r.id, r.previous FROM {rows})",
    ),
    Template::over(
        &[
            ("tenant", Text),
            ("operation", Text),
            ("origin", Text),
            ("key", Text),
            ("fingerprint", Bytes),
            ("body", Packed),
        ],
        "INSERT INTO replies ({columns}) SELECT {values} FROM {rows}",
    ),
    Template::over(
        &[
            ("tenant", Text),
            ("program", Text),
            ("revision", Int),
            ("newest", Int),
            ("active_from", Int),
            ("published_at", Int),
            ("body", Text),
        ],
        "INSERT INTO programs (tenant, program, revision, active_from, published_at, body)
         SELECT r.tenant, r.program, r.revision, r.active_from, r.published_at, r.body FROM {rows}
         WHERE r.newest = COALESCE((SELECT MAX(p.revision) FROM programs AS p
                                    WHERE p.tenant = r.tenant AND p.program = r.program), 0)
         ON CONFLICT (tenant, program, revision) DO NOTHING",
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
            ("revision", Int),
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
            ("body", Packed),
            // Not before that of the events of the stream that stand before it among the rows.
            ("queued_at", Int),
        ],
        // Kept apart, so that each stream is looked at once.
        "WITH q AS MATERIALIZED (
             SELECT r.*, (SELECT o.recorded_at FROM outbox AS o WHERE o.tenant = r.tenant AND o.stream = r.stream
                          ORDER BY o.seq DESC LIMIT 1) AS last FROM {rows})
         INSERT INTO outbox (tenant, recorded_at, stream, seq, id, body, attempts, behind_at)
         SELECT q.tenant, CASE WHEN q.last > q.queued_at THEN q.last ELSE q.queued_at END, q.stream, q.seq, q.id, q.body, 0,
                CASE WHEN q.last > q.recorded_at OR q.queued_at > q.recorded_at THEN q.recorded_at END FROM q",
    ),
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
    Template::over(
        &[
            ("tenant", Text),
            ("purpose", Text),
            ("asset", Text),
            ("slot", Int),
            ("delta", Int),
        ],
        "INSERT INTO control_accounts (tenant, purpose, asset, slot, amount)
         SELECT r.tenant, r.purpose, r.asset, r.slot, r.delta FROM {rows} WHERE true
         ON CONFLICT (tenant, purpose, asset, slot) DO UPDATE
         SET amount = control_accounts.amount + excluded.amount",
    ),
    Template::over(
        &[("tenant", Text), ("member", Text)],
        "UPDATE journal SET reason = NULL
         WHERE (tenant, member) IN (SELECT r.tenant, r.member FROM {rows}) AND reason IS NOT NULL",
    ),
    Template::over(
        &[("tenant", Text), ("added", Int)],
        "INSERT INTO revision_counts (tenant, revisions) SELECT r.tenant, r.added FROM {rows} WHERE true
         ON CONFLICT (tenant) DO UPDATE SET revisions = revision_counts.revisions + excluded.revisions",
    ),
];

/// Places in [`COMMIT`] of what depends on nothing but the version of the member's row.
pub(super) mod step {
    pub const JOURNAL: usize = 7;
    pub const NEW_LOTS: usize = 8;
    pub const CHANGED_LOTS: usize = 9;
    pub const OUTBOX: usize = 10;
    /// How many reasons a member's journal has, nobody knows: this step alone is not counted.
    pub const ERASED_REASONS: usize = 13;

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

/// Locks rows that are there before a group is judged. Steps of a commit that change such rows come in the same order.
#[cfg(feature = "postgres")]
pub(super) const LOCKS: [Template; 2] = [
    Template::over(
        &[("tenant", Text), ("member", Text)],
        "SELECT COUNT(*) FROM {rows} CROSS JOIN LATERAL (SELECT 1 FROM members AS t
         WHERE t.tenant = r.tenant AND t.member = r.member FOR UPDATE) AS t",
    ),
    Template::over(
        &[("tenant", Text), ("kind", Text), ("id", Text)],
        "SELECT COUNT(*) FROM {rows} CROSS JOIN LATERAL (SELECT 1 FROM entities AS t
         WHERE t.tenant = r.tenant AND t.kind = r.kind AND t.id = r.id FOR UPDATE) AS t",
    ),
];

const JOURNAL_COLUMNS: &str = "t.member, t.seq, t.id, t.from_holder, t.from_purpose, t.to_holder, t.to_purpose, t.asset, t.amount, t.kind,
     t.effective_at, t.recorded_at, t.purchase, t.program, t.revision, t.rule, t.reason, t.hash";

/// What follows `SELECT` and the columns of the journal.
const STATEMENT: &str = "FROM journal AS t
     WHERE t.tenant = $1 AND t.member = $2 AND t.seq < $3
       AND ($4 IS NULL OR t.kind = $4)
       AND ($5 IS NULL OR (t.from_holder IS NULL AND t.from_purpose = $5)
                       OR (t.to_holder IS NULL AND t.to_purpose = $5))
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
         WHERE t.tenant = $1 AND t.member = $2 AND t.effective_at <= $3 AND t.to_holder IS NULL
         UNION ALL
         SELECT t.from_purpose, t.asset, -t.amount FROM journal AS t
         WHERE t.tenant = $1 AND t.member = $2 AND t.effective_at <= $3 AND t.from_holder IS NULL
     ) AS x GROUP BY x.purpose, x.asset",
);

/// Which revisions of which programs somebody knows: all up to the newest.
pub(super) const KNOWN: Columns = &[("program", Text), ("newest", Int)];

const PROGRAMS: Template = Template {
    text: "WITH known AS MATERIALIZED (SELECT r.program, r.newest FROM {rows})
     SELECT p.program, p.revision, p.active_from, p.published_at, p.body
     FROM programs AS p LEFT JOIN known AS k ON k.program = p.program
     WHERE p.tenant = $1 AND (k.newest IS NULL OR p.revision > k.newest)
     ORDER BY p.program, p.revision",
    scalars: 1,
    rows: KNOWN,
};

/// What is due, by lots and by reviews, each with whether nothing is due for its member before. Both follow an index in the order
/// in which things become due and end with the page; whether something is due before is one look-up by another index. (Not with
/// EXISTS: PostgreSQL would make a join of it, in any order.)
const DUE_LOTS: Template = Template::plain(
    "SELECT l.due_at, l.member,
            CASE WHEN (SELECT f.number FROM lots AS f
                       WHERE f.tenant = l.tenant AND f.member = l.member AND f.state IN ('pending', 'available')
                         AND f.due_at < l.due_at LIMIT 1) IS NULL
                  AND (SELECT m.version FROM members AS m
                       WHERE m.tenant = l.tenant AND m.member = l.member AND m.due_at < l.due_at) IS NULL
                 THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END
     FROM lots AS l
     WHERE l.tenant = $1 AND l.state IN ('pending', 'available') AND l.due_at IS NOT NULL AND l.due_at <= $2
       AND (l.due_at, l.member) > ($3, $4)
     ORDER BY l.due_at, l.member LIMIT $5",
);

/// Lots of all members in a state, by when something is due for them: tenant, until when, the state, and the place after which the
/// page begins.
const LOTS_OF_ALL: Template = Template::plain(
    "SELECT t.number, t.amount, t.remaining, t.earned_at, t.available_at, t.void_at, t.expires_at, t.due_at, t.member,
            t.asset, t.source, t.state, t.purchase, t.rule
     FROM lots AS t
     WHERE t.tenant = $1 AND t.state IN ('pending', 'available') AND t.due_at IS NOT NULL AND t.due_at <= $2
       AND t.state = $3 AND (t.due_at, t.member, t.number) > ($4, $5, $6)
     ORDER BY t.due_at, t.member, t.number LIMIT $7",
);

const DUE_REVIEWS: Template = Template::plain(
    "SELECT m.due_at, m.member,
            CASE WHEN (SELECT f.number FROM lots AS f
                       WHERE f.tenant = m.tenant AND f.member = m.member AND f.state IN ('pending', 'available')
                         AND f.due_at < m.due_at LIMIT 1) IS NULL
                 THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END
     FROM members AS m
     WHERE m.tenant = $1 AND m.due_at IS NOT NULL AND m.due_at <= $2 AND (m.due_at, m.member) > ($3, $4)
     ORDER BY m.due_at, m.member LIMIT $5",
);

const MEMBERS: Template = Template::plain(
    "SELECT member, journal_seq, journal_hash, event_seq, body FROM members
     WHERE tenant = $1 AND member > $2 ORDER BY member LIMIT $3",
);

/// A member's row as a page has it.
const MEMBER_PAGE: Template = Template::plain(
    "SELECT t.member, t.version, t.journal_seq, t.event_seq, t.recorded_at, t.due_at, t.journal_hash, t.body
     FROM members AS t WHERE t.tenant = $1 AND t.version > 0 AND (t.at, t.member) < ($2, $3)
     ORDER BY t.at DESC, t.member DESC LIMIT $4",
);

/// An entity's row as a page has it.
const ENTITY_COLUMNS: &str = "t.id, t.version, t.rank, t.at, t.due_at, t.owner, t.\"group\", t.state, t.body FROM entities AS t";

const ENTITIES: &str = "WHERE t.tenant = $1 AND t.kind = $2 AND t.id > $3 ORDER BY t.id LIMIT $4";

/// The pages of an audit: tenant, the place after which they begin, and how many.
const BOOK_MEMBERS: Template = Template::plain(
    "SELECT t.member, t.version, t.journal_seq, t.event_seq, t.recorded_at, t.due_at, t.journal_hash, t.body, t.at
     FROM members AS t WHERE t.tenant = $1 AND t.member > $2 ORDER BY t.member LIMIT $3",
);

const BOOK_LOTS: Template = Template::plain(
    "SELECT t.number, t.amount, t.remaining, t.earned_at, t.available_at, t.void_at, t.expires_at, t.due_at, t.member,
            t.asset, t.source, t.state, t.purchase, t.rule
     FROM lots AS t WHERE t.tenant = $1 AND (t.member, t.number) > ($2, $3) ORDER BY t.member, t.number LIMIT $4",
);

/// Tenant, how many, the place after which it begins, and the kind.
const BOOK_OWNED: &str =
    "WHERE t.tenant = $1 AND t.kind = $6 AND t.owner IS NOT NULL AND (t.owner, t.at, t.id) > ($2, $3, $4)
     ORDER BY t.owner, t.at, t.id LIMIT $5";

const BOOK_COUNTERS: Template = Template::plain(
    "SELECT t.subject, t.name, t.bucket, t.value FROM counters AS t
     WHERE t.tenant = $1 AND (t.subject, t.name, t.bucket) > ($2, $3, $4)
     ORDER BY t.subject, t.name, t.bucket LIMIT $5",
);

/// The columns are where a claim has them.
const BOOK_EVENTS: Template = Template::plain(
    "SELECT t.recorded_at, t.stream, t.seq, t.id, t.body, t.attempts, t.behind_at FROM outbox AS t
     WHERE t.tenant = $1 AND (t.stream, t.seq) > ($2, $3)
     ORDER BY t.stream, t.seq LIMIT $4",
);

const BOOK_REVISIONS: Template = Template::plain(
    "SELECT t.program, t.revision, t.active_from, t.published_at, t.body FROM programs AS t
     WHERE t.tenant = $1 AND (t.program, t.revision) > ($2, $3) ORDER BY t.program, t.revision LIMIT $4",
);

const BOOK_REPLIES: Template = Template::plain(
    "SELECT t.origin, t.key, t.fingerprint, t.body FROM replies AS t
     WHERE t.tenant = $1 AND t.operation = $2 AND (t.origin, t.key) > ($3, $4)
     ORDER BY t.origin, t.key LIMIT $5",
);

const CONTROL_ACCOUNTS: Template = Template::plain(
    "SELECT purpose, asset, amount FROM control_accounts WHERE tenant = $1 ORDER BY purpose, asset",
);

const COUNTERS: Template = Template::plain(
    "SELECT name, bucket, value FROM counters WHERE tenant = $1 AND subject = $2 ORDER BY name, bucket",
);

const SCHEMA_VERSION: Template =
    Template::plain("SELECT CAST(MAX(version) AS BIGINT) FROM _sqlx_migrations");

/// So many waiting events are counted, and no more; the oldest is found from tenant to tenant, by the first of each.
const OUTBOX_STATE: Template = Template::plain(
    "WITH RECURSIVE heads (tenant, at) AS (
         SELECT (SELECT o.tenant FROM outbox AS o ORDER BY o.tenant, o.recorded_at LIMIT 1),
                (SELECT o.recorded_at FROM outbox AS o ORDER BY o.tenant, o.recorded_at LIMIT 1)
         UNION ALL
         SELECT (SELECT o.tenant FROM outbox AS o WHERE o.tenant > h.tenant ORDER BY o.tenant, o.recorded_at LIMIT 1),
                (SELECT o.recorded_at FROM outbox AS o WHERE o.tenant > h.tenant ORDER BY o.tenant, o.recorded_at LIMIT 1)
         FROM heads AS h WHERE h.tenant IS NOT NULL
     )
     SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM outbox AS o ORDER BY o.tenant, o.recorded_at LIMIT $1) AS w),
            (SELECT MIN(h.at) FROM heads AS h)",
);

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
       AND (stream, seq) IN (SELECT r.stream, r.seq FROM {rows})
     RETURNING seq",
    scalars: 2,
    rows: LEASED,
};

const RELEASE: Template = Template {
    text: "UPDATE outbox SET owner = NULL, leased_until = NULL
     WHERE tenant = $1 AND owner = $2 AND owner IS NOT NULL
       AND (stream, seq) IN (SELECT r.stream, r.seq FROM {rows})
     RETURNING seq",
    scalars: 2,
    rows: LEASED,
};

/// The statements as the database is told them, made once when a store opens.
pub(super) struct Statements {
    pub statement: SqlStr,
    pub balances_at: SqlStr,
    pub programs: SqlStr,
    pub due_lots: SqlStr,
    pub lots_of_all: SqlStr,
    pub due_reviews: SqlStr,
    pub members: SqlStr,
    pub journal: SqlStr,
    pub control_accounts: SqlStr,
    pub member_page: SqlStr,
    pub entities: SqlStr,
    pub counters: SqlStr,
    pub book_members: SqlStr,
    pub book_lots: SqlStr,
    pub book_owned: SqlStr,
    pub book_counters: SqlStr,
    pub book_events: SqlStr,
    pub book_revisions: SqlStr,
    pub book_replies: SqlStr,
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
    /// What groups expect, likewise.
    pub looks: Assembled,
}

impl Statements {
    /// All statements in one dialect.
    pub fn new(dialect: Dialect) -> Self {
        let sql = |template: &Template| {
            let first = template.scalars.saturating_add(1);
            shared(dialect.fill(template.text, template.rows, first))
        };
        let entities = |selection: &str| shared(format!("SELECT {ENTITY_COLUMNS} {selection}"));
        Self {
            statement: shared(format!("SELECT {JOURNAL_COLUMNS} {STATEMENT}")),
            balances_at: sql(&BALANCES_AT),
            programs: sql(&PROGRAMS),
            due_lots: sql(&DUE_LOTS),
            lots_of_all: sql(&LOTS_OF_ALL),
            due_reviews: sql(&DUE_REVIEWS),
            members: sql(&MEMBERS),
            journal: shared(format!("SELECT {JOURNAL_COLUMNS} {JOURNAL_PAGE}")),
            control_accounts: sql(&CONTROL_ACCOUNTS),
            member_page: sql(&MEMBER_PAGE),
            entities: entities(ENTITIES),
            counters: sql(&COUNTERS),
            book_members: sql(&BOOK_MEMBERS),
            book_lots: sql(&BOOK_LOTS),
            book_owned: entities(BOOK_OWNED),
            book_counters: sql(&BOOK_COUNTERS),
            book_events: sql(&BOOK_EVENTS),
            book_revisions: sql(&BOOK_REVISIONS),
            book_replies: sql(&BOOK_REPLIES),
            schema_version: sql(&SCHEMA_VERSION),
            outbox_state: sql(&OUTBOX_STATE),
            waiting: SqlStr::from_static(WAITING),
            take_turn: sql(&TAKE_TURN),
            claim: shared(format!(
                "UPDATE outbox SET owner = $4, leased_until = $5, attempts = attempts + 1
                 WHERE tenant = $1 AND (recorded_at, stream, seq) IN ({WAITING})
                 RETURNING recorded_at, stream, seq, id, body, attempts, behind_at"
            )),
            acknowledge: sql(&ACKNOWLEDGE),
            release: sql(&RELEASE),
            #[cfg(feature = "sqlite")]
            steps: COMMIT.iter().map(sql).collect(),
            #[cfg(feature = "postgres")]
            chains: Assembled::default(),
            #[cfg(feature = "postgres")]
            locks: LOCKS.iter().map(sql).collect(),
            loads: Assembled::default(),
            looks: Assembled::default(),
        }
    }
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
pub(super) fn chain(dialect: Dialect, steps: u32) -> SqlStr {
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
        if *place == step::ERASED_REASONS {
            continue;
        }
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
