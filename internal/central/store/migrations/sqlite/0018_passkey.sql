-- Passkeys that persons have registered: each asks for a key, and signs nothing before the
-- root has certified it (person_key, where sealed is then empty). jwk is public.
CREATE TABLE passkey (
    kid        TEXT PRIMARY KEY,
    person     TEXT NOT NULL REFERENCES person (id),
    credential TEXT NOT NULL UNIQUE,
    jwk        TEXT NOT NULL,
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX passkey_person ON passkey (person);

-- When a key ends without being disowned; 0 is no end.
ALTER TABLE person_key ADD COLUMN not_after INTEGER NOT NULL DEFAULT 0;
