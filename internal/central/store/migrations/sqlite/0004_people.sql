-- People of the centre. Roles and areas come with the desk.
CREATE TABLE person (
    id            TEXT PRIMARY KEY,
    login         TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    disabled_at   INTEGER NOT NULL DEFAULT 0
);

-- Server-side sessions; only the SHA-256 of the cookie is kept.
CREATE TABLE web_session (
    token_hash TEXT PRIMARY KEY,
    person     TEXT NOT NULL REFERENCES person (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX web_session_expires ON web_session (expires_at);

-- One-time codes for new devices; only the SHA-256 of the secret is kept.
CREATE TABLE enrolment_code (
    secret_hash TEXT PRIMARY KEY,
    device      TEXT NOT NULL,
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    used_at     INTEGER NOT NULL DEFAULT 0
);

-- Certificates given to devices. The key that signs a device's word is the newest
-- one that is not revoked; older ones stay, so that old batches can be verified.
CREATE TABLE device_certificate (
    serial     TEXT PRIMARY KEY,
    device     TEXT NOT NULL,
    kid        TEXT NOT NULL,
    jwk        TEXT NOT NULL,
    pem        TEXT NOT NULL,
    issued_at  INTEGER NOT NULL,
    not_after  INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX device_certificate_device ON device_certificate (device, issued_at);

-- Append-only: who did what to which thing, and when.
CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX audit_subject ON audit (subject, at);
