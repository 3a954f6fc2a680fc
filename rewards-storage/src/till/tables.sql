CREATE TABLE till (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    latest INTEGER,
    synced_at INTEGER,
    -- The last payment that was forgotten, and the hash of it and all before it: what is kept goes on from here.
    base_number INTEGER NOT NULL,
    base_hash TEXT NOT NULL
) STRICT;

CREATE TABLE payments (
    number INTEGER PRIMARY KEY,
    hash TEXT NOT NULL,
    token TEXT NOT NULL,
    counter INTEGER NOT NULL,
    digest TEXT NOT NULL,
    asset TEXT NOT NULL,
    minor INTEGER NOT NULL,
    taken_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    proof TEXT,
    reference TEXT,
    is_told INTEGER NOT NULL DEFAULT 0,
    UNIQUE (token, counter)
) STRICT;

-- What waits is summed whenever a token is shown.
CREATE INDEX payments_waiting ON payments (number, taken_at, minor) WHERE is_told = 0;
