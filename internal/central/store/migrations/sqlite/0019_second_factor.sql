-- The second factor of a person (RFC 6238). sealed is the secret, encrypted under a key
-- that rests in the centre's key folder; '' until a first code has confirmed one. pending
-- waits for its first code. last_step is the newest step of time of which a code counted.
CREATE TABLE second_factor (
    person     TEXT PRIMARY KEY REFERENCES person (id),
    sealed     TEXT NOT NULL DEFAULT '',
    since      INTEGER NOT NULL DEFAULT 0,
    last_step  INTEGER NOT NULL DEFAULT 0,
    pending    TEXT NOT NULL DEFAULT '',
    pending_at INTEGER NOT NULL DEFAULT 0
);

-- Codes for who has lost the telephone, each good for once; only the SHA-256 is kept.
CREATE TABLE recovery_code (
    person    TEXT NOT NULL REFERENCES person (id),
    code_hash TEXT NOT NULL,
    PRIMARY KEY (person, code_hash)
);

-- One administrator has asked to take a person's second factor away; another confirms.
CREATE TABLE second_reset (
    person     TEXT PRIMARY KEY REFERENCES person (id),
    asked_by   TEXT NOT NULL,
    asked_at   INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
