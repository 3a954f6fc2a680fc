-- Times are microseconds since 1970 in UTC, amounts are minor units. Every key starts with the tenant.
-- Texts compare bytewise: pages follow that order on every database, and it is the fastest.

CREATE TABLE replies (
    tenant TEXT COLLATE "C" NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    body TEXT NOT NULL,
    recorded_at BIGINT,
    PRIMARY KEY (tenant, operation, key)
);

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
    due_at BIGINT,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, member)
) WITH (fillfactor = 80);

CREATE INDEX members_due ON members (tenant, due_at, member) WHERE due_at IS NOT NULL;

CREATE TABLE purchases (
    tenant TEXT COLLATE "C" NOT NULL,
    purchase TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    occurred_at BIGINT NOT NULL,
    first_entry BIGINT,
    last_entry BIGINT,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, purchase)
);

CREATE TABLE programs (
    tenant TEXT COLLATE "C" NOT NULL,
    program TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    active_from BIGINT NOT NULL,
    published_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, program, version)
);

CREATE TABLE journal (
    tenant TEXT COLLATE "C" NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    id BYTEA NOT NULL,
    from_holder TEXT COLLATE "C" NOT NULL,
    from_purpose TEXT COLLATE "C" NOT NULL,
    to_holder TEXT COLLATE "C" NOT NULL,
    to_purpose TEXT COLLATE "C" NOT NULL,
    asset TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    kind TEXT COLLATE "C" NOT NULL,
    effective_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    purchase TEXT COLLATE "C",
    program TEXT COLLATE "C",
    program_version BIGINT,
    rule TEXT COLLATE "C",
    reason TEXT,
    hash BYTEA NOT NULL,
    PRIMARY KEY (tenant, member, seq)
);

-- The holder is a member, or the empty text for the tenant itself. `guard` is the least amount that the latest debit
-- allowed: an upsert can compare stored columns only with incoming columns, so the bound has to be one.
CREATE TABLE balances (
    tenant TEXT COLLATE "C" NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL,
    asset TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL,
    guard BIGINT,
    PRIMARY KEY (tenant, holder, purpose, asset)
) WITH (fillfactor = 80);

-- `guard` is the most that the latest bounded change allowed, for the same reason as `balances.guard`.
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

CREATE INDEX lots_due ON lots (tenant, due_at, member) WHERE due_at IS NOT NULL;

-- Time never runs backwards within a stream, so this key is both append-only and the order of delivery.
CREATE TABLE outbox (
    tenant TEXT COLLATE "C" NOT NULL,
    recorded_at BIGINT NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    id BYTEA NOT NULL,
    body TEXT NOT NULL,
    owner BYTEA,
    leased_until BIGINT,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (tenant, recorded_at, stream, seq)
);

-- Holds leased events only, so that recording an event does not pay for it.
CREATE INDEX outbox_leased ON outbox (tenant, stream, seq) WHERE owner IS NOT NULL;

-- One row a tenant: whoever claims events locks it, so that two never hand out one stream.
CREATE TABLE relays (
    tenant TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    claims BIGINT NOT NULL
) WITH (fillfactor = 80);
