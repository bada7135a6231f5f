-- Keys with which persons sign. sealed is the private half, encrypted with the person's
-- own password (JWE). Rows stay when a key is revoked.
CREATE TABLE person_key (
    kid        TEXT PRIMARY KEY,
    person     TEXT NOT NULL REFERENCES person (id),
    scope      TEXT NOT NULL REFERENCES area (id),
    may        TEXT NOT NULL,
    jwk        TEXT NOT NULL,
    sealed     TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX person_key_person ON person_key (person);

-- Alerts. wish is what was composed (JSON); envelope and tomb are what is signed, NULL
-- before the first signature, with what their bytes say of their end. sent_at and
-- tomb_sent_at are 0 until enough persons have signed.
CREATE TABLE alert (
    id           TEXT PRIMARY KEY,
    version      INTEGER NOT NULL,
    state        TEXT NOT NULL,
    area         TEXT NOT NULL REFERENCES area (id),
    wish         TEXT NOT NULL,
    composed_by  TEXT NOT NULL,
    composed_at  INTEGER NOT NULL,
    envelope     BLOB,
    expires_at   INTEGER NOT NULL DEFAULT 0,
    sent_at      INTEGER NOT NULL DEFAULT 0,
    tomb         BLOB,
    tomb_expires_at INTEGER NOT NULL DEFAULT 0,
    tomb_sent_at INTEGER NOT NULL DEFAULT 0,
    why          TEXT NOT NULL DEFAULT ''
);
CREATE INDEX alert_composed ON alert (composed_at, id);
CREATE INDEX alert_standing ON alert (expires_at) WHERE state IN ('issued', 'cancelled');

-- Who has signed an alert (tomb = 0) or its tombstone (tomb = 1): nobody twice.
CREATE TABLE alert_signature (
    alert  TEXT NOT NULL REFERENCES alert (id),
    tomb   INTEGER NOT NULL,
    person TEXT NOT NULL,
    kid    TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (alert, tomb, person)
);

-- The devices an alert was for when it went out, with their names of that time.
CREATE TABLE alert_target (
    alert        TEXT NOT NULL REFERENCES alert (id),
    device       TEXT NOT NULL,
    code         TEXT NOT NULL,
    name         TEXT NOT NULL,
    hamlet       TEXT NOT NULL,
    hamlet_name  TEXT NOT NULL,
    commune      TEXT NOT NULL,
    commune_name TEXT NOT NULL,
    PRIMARY KEY (alert, device)
) WITHOUT ROWID;

-- The first word of each state, by alert or command; receipt keeps the latest one.
CREATE TABLE receipt_step (
    id       TEXT NOT NULL,
    device   TEXT NOT NULL,
    state    TEXT NOT NULL,
    reason   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (id, device, state)
) WITHOUT ROWID;
INSERT INTO receipt_step (id, device, state, reason, at, received) SELECT id, device, state, reason, at, received FROM receipt;

-- Whom to call where loudspeakers are silent.
CREATE TABLE area_contact (
    area       TEXT PRIMARY KEY REFERENCES area (id),
    name       TEXT NOT NULL,
    phone      TEXT NOT NULL,
    updated_at INTEGER NOT NULL
);

-- Cycles of an alert are found by when they sounded; there are few of them.
CREATE INDEX airing_alert ON airing (start, device) WHERE origin = 'alert';
