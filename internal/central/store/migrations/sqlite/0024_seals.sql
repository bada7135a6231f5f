-- Seals are numbered, and each names the one before it by its digest: one that is taken away
-- is missed. Those from before are numbered in their order and name none.
CREATE TABLE numbered_seal (
    number   INTEGER PRIMARY KEY,
    before   TEXT NOT NULL DEFAULT '',
    seq      INTEGER NOT NULL,
    hash     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    envelope BLOB NOT NULL
);
INSERT INTO numbered_seal (number, seq, hash, at, envelope) SELECT ROW_NUMBER() OVER (ORDER BY seq), seq, hash, at, envelope FROM audit_seal;
DROP TABLE audit_seal;
ALTER TABLE numbered_seal RENAME TO audit_seal;
CREATE TRIGGER audit_seal_no_update BEFORE UPDATE ON audit_seal
BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;
CREATE TRIGGER audit_seal_no_delete BEFORE DELETE ON audit_seal
BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;
