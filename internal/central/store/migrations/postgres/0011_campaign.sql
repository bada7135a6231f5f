-- A campaign's own words, themes and targets; whose it is; whether somebody ended it.
-- units and themes are JSON lists. Targets count airings, 0 for none.
ALTER TABLE campaign ADD COLUMN version        BIGINT NOT NULL DEFAULT 1;
ALTER TABLE campaign ADD COLUMN area           TEXT NOT NULL DEFAULT '';
ALTER TABLE campaign ADD COLUMN summary        TEXT NOT NULL DEFAULT '';
ALTER TABLE campaign ADD COLUMN units          TEXT NOT NULL DEFAULT '[]';
ALTER TABLE campaign ADD COLUMN themes         TEXT NOT NULL DEFAULT '[]';
ALTER TABLE campaign ADD COLUMN target         BIGINT NOT NULL DEFAULT 0;
ALTER TABLE campaign ADD COLUMN commune_target BIGINT NOT NULL DEFAULT 0;
ALTER TABLE campaign ADD COLUMN closed_at      BIGINT NOT NULL DEFAULT 0;
UPDATE campaign SET area = COALESCE((SELECT MIN(id) FROM area WHERE kind = 'province'), '');
