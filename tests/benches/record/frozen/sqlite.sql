-- Times are microseconds since 1970 in UTC, amounts are minor units. Every key starts with the tenant.
-- STRICT refuses what the column cannot hold exactly, so an overflow is an error and never a rounded number.

CREATE TABLE replies (
    tenant TEXT NOT NULL,
    operation TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    body TEXT NOT NULL,
    recorded_at INTEGER,
    PRIMARY KEY (tenant, operation, key)
) STRICT, WITHOUT ROWID;

-- `previous` is the version this one replaced: an upsert can compare stored columns only with incoming columns, so the
-- version that a decision saw has to be one.
CREATE TABLE members (
    tenant TEXT NOT NULL,
    member TEXT NOT NULL,
    version INTEGER NOT NULL,
    journal_seq INTEGER NOT NULL,
    journal_hash BLOB NOT NULL,
    event_seq INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    due_at INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_due ON members (tenant, due_at, member) WHERE due_at IS NOT NULL;

CREATE TABLE purchases (
    tenant TEXT NOT NULL,
    purchase TEXT NOT NULL,
    version INTEGER NOT NULL,
    member TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    first_entry INTEGER,
    last_entry INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, purchase)
) STRICT, WITHOUT ROWID;

CREATE TABLE programs (
    tenant TEXT NOT NULL,
    program TEXT NOT NULL,
    version INTEGER NOT NULL,
    active_from INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, program, version)
) STRICT;

CREATE TABLE journal (
    tenant TEXT NOT NULL,
    member TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id BLOB NOT NULL,
    from_holder TEXT NOT NULL,
    from_purpose TEXT NOT NULL,
    to_holder TEXT NOT NULL,
    to_purpose TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    kind TEXT NOT NULL,
    effective_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    purchase TEXT,
    program TEXT,
    program_version INTEGER,
    rule TEXT,
    reason TEXT,
    hash BLOB NOT NULL,
    PRIMARY KEY (tenant, member, seq)
) STRICT, WITHOUT ROWID;

-- The holder is a member, or the empty text for the tenant itself. `guard` is the least amount that the latest debit
-- allowed: an upsert can compare stored columns only with incoming columns, so the bound has to be one.
CREATE TABLE balances (
    tenant TEXT NOT NULL,
    holder TEXT NOT NULL,
    purpose TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    guard INTEGER,
    PRIMARY KEY (tenant, holder, purpose, asset)
) STRICT, WITHOUT ROWID;

-- `guard` is the most that the latest bounded change allowed, for the same reason as `balances.guard`.
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

CREATE INDEX lots_due ON lots (tenant, due_at, member) WHERE due_at IS NOT NULL;

-- Time never runs backwards within a stream, so this key is both append-only and the order of delivery.
CREATE TABLE outbox (
    tenant TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id BLOB NOT NULL,
    body TEXT NOT NULL,
    owner BLOB,
    leased_until INTEGER,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (tenant, recorded_at, stream, seq)
) STRICT, WITHOUT ROWID;

-- Holds leased events only, so that recording an event does not pay for it.
CREATE INDEX outbox_leased ON outbox (tenant, stream, seq) WHERE owner IS NOT NULL;

-- One row a tenant: whoever claims events locks it, so that two never hand out one stream.
CREATE TABLE relays (
    tenant TEXT NOT NULL PRIMARY KEY,
    claims INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
