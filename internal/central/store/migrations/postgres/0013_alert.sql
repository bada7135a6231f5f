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
    created_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX person_key_person ON person_key (person);

-- Alerts. wish is what was composed (JSON); envelope and tomb are what is signed, NULL
-- before the first signature, with what their bytes say of their end. sent_at and
-- tomb_sent_at are 0 until enough persons have signed.
CREATE TABLE alert (
    id           TEXT PRIMARY KEY,
    version      BIGINT NOT NULL,
    state        TEXT NOT NULL,
    area         TEXT NOT NULL REFERENCES area (id),
    wish         TEXT NOT NULL,
    composed_by  TEXT NOT NULL,
    composed_at  BIGINT NOT NULL,
    envelope     BYTEA,
    expires_at   BIGINT NOT NULL DEFAULT 0,
    sent_at      BIGINT NOT NULL DEFAULT 0,
    tomb         BYTEA,
    tomb_expires_at BIGINT NOT NULL DEFAULT 0,
    tomb_sent_at BIGINT NOT NULL DEFAULT 0,
    why          TEXT NOT NULL DEFAULT ''
);
CREATE INDEX alert_composed ON alert (composed_at, id);
CREATE INDEX alert_standing ON alert (expires_at) WHERE state IN ('issued', 'cancelled');

-- Who has signed an alert (tomb = 0) or its tombstone (tomb = 1): nobody twice.
CREATE TABLE alert_signature (
    alert  TEXT NOT NULL REFERENCES alert (id),
    tomb   BIGINT NOT NULL,
    person TEXT NOT NULL,
    kid    TEXT NOT NULL,
    at     BIGINT NOT NULL,
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
);

-- The first word of each state, by alert or command; receipt keeps the latest one.
CREATE TABLE receipt_step (
    id       TEXT NOT NULL,
    device   TEXT NOT NULL,
    state    TEXT NOT NULL,
    reason   TEXT NOT NULL,
    at       BIGINT NOT NULL,
    received BIGINT NOT NULL,
    PRIMARY KEY (id, device, state)
);
INSERT INTO receipt_step (id, device, state, reason, at, received) SELECT id, device, state, reason, at, received FROM receipt;

-- Whom to call where loudspeakers are silent.
CREATE TABLE area_contact (
    area       TEXT PRIMARY KEY REFERENCES area (id),
    name       TEXT NOT NULL,
    phone      TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Cycles of an alert are found by when they sounded; there are few of them.
CREATE INDEX airing_alert ON airing (start, device) WHERE origin = 'alert';
