-- From where a change was made; area is where its thing stands, words what a search looks
-- through. hash chains the entries; those from before get theirs when the program opens
-- the database (store/auditchain.go). Numbers come from audit_head, without gaps.
ALTER TABLE audit ALTER COLUMN seq DROP IDENTITY;
ALTER TABLE audit ADD COLUMN via TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN area TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN words TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_area ON audit (area, seq);
CREATE INDEX audit_at ON audit (at, seq);
CREATE INDEX audit_unchained ON audit (seq) WHERE hash = '';

-- The newest entry: its row is the lock that puts writers into one order.
CREATE TABLE audit_head (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    seq      BIGINT NOT NULL,
    hash     TEXT NOT NULL
);
-- The start of the chain: radio.AuditStart.
INSERT INTO audit_head (only_one, seq, hash) VALUES (1, 0, 'a0ec9cef4678c09c0fd4cdc53e2e51b56cd0eceb0e103cd2e14ade5b1b3ee952');

-- Heads that the centre has signed: who cuts the chain short cannot sign the rest away.
CREATE TABLE audit_seal (
    seq      BIGINT PRIMARY KEY,
    hash     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    envelope BYTEA NOT NULL
);

-- Entries are only added. An entry from before the chain gets its hash once.
CREATE FUNCTION audit_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is only added to';
END $$;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit FOR EACH ROW
WHEN (OLD.hash <> '' OR NEW.seq <> OLD.seq OR NEW.at <> OLD.at OR NEW.actor <> OLD.actor OR NEW.action <> OLD.action
    OR NEW.subject <> OLD.subject OR NEW.detail <> OLD.detail)
EXECUTE FUNCTION audit_only_added();
CREATE TRIGGER audit_no_delete BEFORE DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_only_added();
CREATE TRIGGER audit_seal_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal FOR EACH STATEMENT EXECUTE FUNCTION audit_only_added();
CREATE TRIGGER audit_head_no_delete BEFORE DELETE OR TRUNCATE ON audit_head FOR EACH STATEMENT EXECUTE FUNCTION audit_only_added();
CREATE TRIGGER audit_head_onward BEFORE UPDATE ON audit_head FOR EACH ROW WHEN (NEW.seq < OLD.seq) EXECUTE FUNCTION audit_only_added();
