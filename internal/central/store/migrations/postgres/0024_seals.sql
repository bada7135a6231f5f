-- Seals are numbered, and each names the one before it by its digest: one that is taken away
-- is missed. Those from before are numbered in their order and name none.
DROP TRIGGER audit_seal_no_change ON audit_seal;
ALTER TABLE audit_seal ADD COLUMN number BIGINT;
ALTER TABLE audit_seal ADD COLUMN before TEXT NOT NULL DEFAULT '';
UPDATE audit_seal s SET number = n.number FROM (SELECT seq, ROW_NUMBER() OVER (ORDER BY seq) AS number FROM audit_seal) n WHERE n.seq = s.seq;
ALTER TABLE audit_seal DROP CONSTRAINT audit_seal_pkey;
ALTER TABLE audit_seal ADD PRIMARY KEY (number);
CREATE TRIGGER audit_seal_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal FOR EACH STATEMENT EXECUTE FUNCTION audit_only_added();
