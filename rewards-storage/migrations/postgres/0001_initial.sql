-- Times are microseconds since 1970 in UTC, amounts are minor units. Every key starts with the tenant.
-- Texts compare bytewise: pages follow that order on every database, and it is the fastest.
-- A body or reply that is a BYTEA is a packed document: see `packing.rs` and ADR 27.

-- The replies of commands with a key of their own. Those of commands that make an entity are kept with it.
CREATE TABLE replies (
    tenant TEXT COLLATE "C" NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    origin TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (tenant, operation, origin, key)
);

-- A member's row is the lock of everything that belongs to the member. The body is a list of balances, counters and profile.
-- Rows that are updated again and again leave room in their pages, so that an update stays in its page and touches no
-- index.
CREATE TABLE members (
    tenant TEXT COLLATE "C" NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    journal_seq BIGINT NOT NULL,
    journal_hash BYTEA NOT NULL,
    event_seq BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    at BIGINT NOT NULL,
    due_at BIGINT,
    body BYTEA NOT NULL,
    PRIMARY KEY (tenant, member)
) WITH (fillfactor = 80);

-- The condition holds for every row. Without it a planner that knows nothing of a table yet may take this index for the key,
-- and read all members of the tenant to find one: it can be used only where the same condition is written.
CREATE INDEX members_newest ON members (tenant, at, member) WHERE version > 0;

CREATE INDEX members_due ON members (tenant, due_at, member) WHERE due_at IS NOT NULL;

-- `fingerprint` and `reply` are those of the command that made the entity; later changes leave them as they are.
CREATE TABLE entities (
    tenant TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    owner TEXT COLLATE "C",
    "group" TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    rank BIGINT,
    at BIGINT NOT NULL,
    due_at BIGINT,
    body BYTEA NOT NULL,
    fingerprint BYTEA,
    reply BYTEA,
    PRIMARY KEY (tenant, kind, id)
);

-- The condition is there for the same reason as that of `members_newest`.
CREATE INDEX entities_newest ON entities (tenant, kind, at, id) WHERE version > 0;

CREATE INDEX entities_owner ON entities (tenant, kind, owner, at, id) WHERE owner IS NOT NULL;

CREATE INDEX entities_group ON entities (tenant, kind, "group", state, rank, id)
    WHERE "group" IS NOT NULL AND rank IS NOT NULL;

CREATE INDEX entities_due ON entities (tenant, kind, due_at, id) WHERE due_at IS NOT NULL;

CREATE TABLE programs (
    tenant TEXT COLLATE "C" NOT NULL,
    program TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    active_from BIGINT NOT NULL,
    published_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, program, revision)
);

-- How many revisions a tenant has published in all: a view finds out by one row whether somebody knows them all.
CREATE TABLE revision_counts (
    tenant TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    revisions BIGINT NOT NULL
) WITH (fillfactor = 80);

-- A side without a holder is the member's own; the empty text is the tenant itself.
CREATE TABLE journal (
    tenant TEXT COLLATE "C" NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    id BYTEA NOT NULL,
    from_holder TEXT COLLATE "C",
    from_purpose TEXT COLLATE "C" NOT NULL,
    to_holder TEXT COLLATE "C",
    to_purpose TEXT COLLATE "C" NOT NULL,
    asset TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    kind TEXT COLLATE "C" NOT NULL,
    effective_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    purchase TEXT COLLATE "C",
    program TEXT COLLATE "C",
    revision BIGINT,
    rule TEXT COLLATE "C",
    reason TEXT,
    hash BYTEA NOT NULL,
    PRIMARY KEY (tenant, member, seq)
);

-- The sums over all holders. Each is kept in a few parts, so that commits of several connections do not wait for one row.
CREATE TABLE control_accounts (
    tenant TEXT COLLATE "C" NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL,
    asset TEXT COLLATE "C" NOT NULL,
    slot BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (tenant, purpose, asset, slot)
) WITH (fillfactor = 80);

-- `guard` is the most that the latest bounded change allowed: an upsert can compare stored columns only with incoming
-- columns, so the bound has to be one.
CREATE TABLE counters (
    tenant TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    bucket BIGINT NOT NULL,
    value BIGINT NOT NULL,
    guard BIGINT,
    PRIMARY KEY (tenant, subject, name, bucket)
) WITH (fillfactor = 80);

CREATE TABLE lots (
    tenant TEXT COLLATE "C" NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    asset TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL,
    remaining BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    earned_at BIGINT NOT NULL,
    available_at BIGINT,
    void_at BIGINT,
    expires_at BIGINT,
    due_at BIGINT,
    purchase TEXT COLLATE "C",
    rule TEXT COLLATE "C",
    PRIMARY KEY (tenant, member, number)
);

-- Lots to which something can still happen: one member's by when they are due, and those of all members.
CREATE INDEX lots_open ON lots (tenant, member, due_at, number) WHERE state IN ('pending', 'available');

CREATE INDEX lots_due ON lots (tenant, due_at, member) WHERE state IN ('pending', 'available') AND due_at IS NOT NULL;

CREATE INDEX lots_purchase ON lots (tenant, member, purchase) WHERE purchase IS NOT NULL;

-- `recorded_at` never runs backwards within a stream, so this key is both append-only and the order of delivery. Of an event
-- recorded by a clock that is behind, it is that of the event before it, and `behind_at` is what the clock said.
CREATE TABLE outbox (
    tenant TEXT COLLATE "C" NOT NULL,
    recorded_at BIGINT NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    id BYTEA NOT NULL,
    body BYTEA NOT NULL,
    owner BYTEA,
    leased_until BIGINT,
    attempts BIGINT NOT NULL,
    behind_at BIGINT,
    PRIMARY KEY (tenant, recorded_at, stream, seq)
);

-- Finds the last event of a stream, behind which the next one is queued; a number is there once.
CREATE UNIQUE INDEX outbox_streams ON outbox (tenant, stream, seq);

-- Holds leased events only, so that recording an event does not pay for it.
CREATE INDEX outbox_leased ON outbox (tenant, stream, seq) WHERE owner IS NOT NULL;

-- One row a tenant: whoever claims events locks it, so that two never hand out one stream.
CREATE TABLE relays (
    tenant TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    claims BIGINT NOT NULL
) WITH (fillfactor = 80);
