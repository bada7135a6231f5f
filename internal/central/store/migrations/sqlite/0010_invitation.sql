ALTER TABLE person ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN phone TEXT NOT NULL DEFAULT '';

CREATE INDEX web_session_person ON web_session (person);

-- One-time codes with which a person sets a password; only the SHA-256 is kept.
CREATE TABLE invitation (
    secret_hash TEXT PRIMARY KEY,
    person      TEXT NOT NULL REFERENCES person (id),
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    used_at     INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX invitation_person ON invitation (person);

-- Tokens with which programs speak for a person; only the SHA-256 is kept. reach is
-- read or write. Rows stay, so that the person sees what there was.
CREATE TABLE api_token (
    id         TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    person     TEXT NOT NULL REFERENCES person (id),
    name       TEXT NOT NULL,
    reach      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL DEFAULT 0,
    revoked_at INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX api_token_person ON api_token (person, created_at);

-- The audit page asks by who did it, too.
CREATE INDEX audit_actor ON audit (actor, seq);
