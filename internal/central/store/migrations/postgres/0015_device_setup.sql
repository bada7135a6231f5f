-- How a cluster's sound is shifted, and where it stands: millionths of a degree, 0 and 0
-- where nobody has said.
ALTER TABLE device ADD COLUMN offset_ms    BIGINT NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN stagger_ms   BIGINT NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN latitude_e6  BIGINT NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN longitude_e6 BIGINT NOT NULL DEFAULT 0;
