-- Times are microseconds since 1970 in UTC, amounts are minor units. Every key starts with the tenant.
-- STRICT refuses what the column cannot hold exactly, so an overflow is an error and never a rounded number.
-- A body or reply that is a BLOB is a packed document: see `packing.rs` and ADR 27.

-- The replies of commands with a key of their own. Those of commands that make an entity are kept with it.
CREATE TABLE replies (
    tenant TEXT NOT NULL,
    operation TEXT NOT NULL,
    origin TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (tenant, operation, origin, key)
) STRICT, WITHOUT ROWID;

-- A member's row is the lock of everything that belongs to the member. The body is a list of balances, counters and profile.
CREATE TABLE members (
    tenant TEXT NOT NULL,
    member TEXT NOT NULL,
    version INTEGER NOT NULL,
    journal_seq INTEGER NOT NULL,
    journal_hash BLOB NOT NULL,
    event_seq INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    at INTEGER NOT NULL,
    due_at INTEGER,
    body BLOB NOT NULL,
    PRIMARY KEY (tenant, member)
) STRICT, WITHOUT ROWID;

-- The condition holds for every row. Without it a planner that knows nothing of a table yet may take this index for the key,
-- and read all members of the tenant to find one: it can be used only where the same condition is written.
CREATE INDEX members_newest ON members (tenant, at, member) WHERE version > 0;

CREATE INDEX members_due ON members (tenant, due_at, member) WHERE due_at IS NOT NULL;

-- `fingerprint` and `reply` are those of the command that made the entity; later changes leave them as they are.
-- With row numbers: a leaf of a table without them takes only a quarter of a page of a row, and the rest of each row a page of its own.
CREATE TABLE entities (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    owner TEXT,
    "group" TEXT,
    state TEXT NOT NULL,
    rank INTEGER,
    at INTEGER NOT NULL,
    due_at INTEGER,
    body BLOB NOT NULL,
    fingerprint BLOB,
    reply BLOB,
    PRIMARY KEY (tenant, kind, id)
) STRICT;

-- The condition is there for the same reason as that of `members_newest`.
CREATE INDEX entities_newest ON entities (tenant, kind, at, id) WHERE version > 0;

CREATE INDEX entities_owner ON entities (tenant, kind, owner, at, id) WHERE owner IS NOT NULL;

CREATE INDEX entities_group ON entities (tenant, kind, "group", state, rank, id)
    WHERE "group" IS NOT NULL AND rank IS NOT NULL;

CREATE INDEX entities_due ON entities (tenant, kind, due_at, id) WHERE due_at IS NOT NULL;

CREATE TABLE programs (
    tenant TEXT NOT NULL,
    program TEXT NOT NULL,
    revision INTEGER NOT NULL,
    active_from INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, program, revision)
) STRICT;

-- How many revisions a tenant has published in all: a view finds out by one row whether somebody knows them all.
CREATE TABLE revision_counts (
    tenant TEXT NOT NULL PRIMARY KEY,
    revisions INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A side without a holder is the member's own; the empty text is the tenant itself.
CREATE TABLE journal (
    tenant TEXT NOT NULL,
    member TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id BLOB NOT NULL,
    from_holder TEXT,
    from_purpose TEXT NOT NULL,
    to_holder TEXT,
    to_purpose TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    kind TEXT NOT NULL,
    effective_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    purchase TEXT,
    program TEXT,
    revision INTEGER,
    rule TEXT,
    reason TEXT,
    hash BLOB NOT NULL,
    PRIMARY KEY (tenant, member, seq)
) STRICT, WITHOUT ROWID;

-- The sums over all holders. Each is kept in a few parts, so that commits of several connections do not wait for one row.
CREATE TABLE control_accounts (
    tenant TEXT NOT NULL,
    purpose TEXT NOT NULL,
    asset TEXT NOT NULL,
    slot INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (tenant, purpose, asset, slot)
) STRICT, WITHOUT ROWID;

-- `guard` is the most that the latest bounded change allowed: an upsert can compare stored columns only with incoming
-- columns, so the bound has to be one.
CREATE TABLE counters (
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    value INTEGER NOT NULL,
    guard INTEGER,
    PRIMARY KEY (tenant, subject, name, bucket)
) STRICT, WITHOUT ROWID;

CREATE TABLE lots (
    tenant TEXT NOT NULL,
    member TEXT NOT NULL,
    number INTEGER NOT NULL,
    asset TEXT NOT NULL,
    source TEXT NOT NULL,
    amount INTEGER NOT NULL,
    remaining INTEGER NOT NULL,
    state TEXT NOT NULL,
    earned_at INTEGER NOT NULL,
    available_at INTEGER,
    void_at INTEGER,
    expires_at INTEGER,
    due_at INTEGER,
    purchase TEXT,
    rule TEXT,
    PRIMARY KEY (tenant, member, number)
) STRICT, WITHOUT ROWID;

-- Lots to which something can still happen: one member's by when they are due, then by number, and those of all members.
CREATE INDEX lots_open ON lots (tenant, member, due_at) WHERE state IN ('pending', 'available');

CREATE INDEX lots_due ON lots (tenant, due_at, member) WHERE state IN ('pending', 'available') AND due_at IS NOT NULL;

CREATE INDEX lots_purchase ON lots (tenant, member, purchase) WHERE purchase IS NOT NULL;

-- `recorded_at` never runs backwards within a stream, so this key is both append-only and the order of delivery. Of an event
-- recorded by a clock that is behind, it is that of the event before it, and `behind_at` is what the clock said.
CREATE TABLE outbox (
    tenant TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id BLOB NOT NULL,
    body BLOB NOT NULL,
    owner BLOB,
    leased_until INTEGER,
    attempts INTEGER NOT NULL,
    behind_at INTEGER,
    PRIMARY KEY (tenant, recorded_at, stream, seq)
) STRICT, WITHOUT ROWID;

-- Finds the last event of a stream, behind which the next one is queued; a number is there once.
CREATE UNIQUE INDEX outbox_streams ON outbox (tenant, stream, seq);

-- Holds leased events only, so that recording an event does not pay for it.
CREATE INDEX outbox_leased ON outbox (tenant, stream, seq) WHERE owner IS NOT NULL;

-- One row a tenant: whoever claims events locks it, so that two never hand out one stream.
CREATE TABLE relays (
    tenant TEXT NOT NULL PRIMARY KEY,
    claims INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
