-- What the log is asked for by: the local time of the slot's instant (minutes of the
-- day; of what has no slot: its start), and the priority. Rows written before this are
-- of Viet Nam: UTC+7, no clock changes.
ALTER TABLE airing ADD COLUMN slot INTEGER NOT NULL DEFAULT 0;
ALTER TABLE airing ADD COLUMN priority TEXT NOT NULL DEFAULT '';
UPDATE airing SET slot = ((CASE WHEN slot_at > 0 THEN slot_at ELSE start END) / 60000 + 420) % 1440,
    priority = COALESCE((SELECT c.body ->> 'priority' FROM caption c WHERE c.id = airing.item), '');

-- The log is read by local day and start, newest first, within each thing it is
-- filtered by. What did not air, was not planned or is not of normal priority is rare:
-- partial indexes find it without passing the rest. They hold what else is filtered by,
-- so that no row is read that is not shown.
DROP INDEX airing_start;
DROP INDEX airing_campaign;
CREATE INDEX airing_day ON airing (day, start, airing);
CREATE INDEX airing_slot ON airing (slot, day, start, airing);
CREATE INDEX airing_campaign ON airing (campaign, day, start, airing) WHERE campaign <> '';
CREATE INDEX airing_bulletin ON airing (bulletin, day, start, airing) WHERE bulletin <> '';
CREATE INDEX airing_priority ON airing (priority, day, start, airing, outcome, slot, campaign) WHERE priority <> 'normal';
CREATE INDEX airing_unplanned ON airing (day, start, airing, commune, origin, frozen_at, outcome, priority, slot, bulletin) WHERE origin <> 'schedule' OR frozen_at = 0;
CREATE INDEX airing_unaired ON airing (day, start, airing, commune, outcome, priority, slot, campaign, bulletin) WHERE outcome <> 'aired';
CREATE INDEX airing_commune_unaired ON airing (commune, day, start, airing, outcome, priority, slot, campaign, bulletin) WHERE outcome <> 'aired';
CREATE INDEX airing_outcome ON airing (outcome, day, start, airing, commune, priority, slot, campaign, bulletin) WHERE outcome NOT IN ('aired', 'pending');

-- Airings counted by their current outcome, planned ones (frozen by the centre) apart
-- from others; changed in the transaction that changes the rows. slot_day is the finest
-- one, the others are sums of it.
CREATE TABLE slot_day (
    commune   TEXT NOT NULL,
    day       TEXT NOT NULL,
    slot      INTEGER NOT NULL,
    campaign  TEXT NOT NULL,
    bulletin  TEXT NOT NULL,
    planned   INTEGER NOT NULL,
    origin    TEXT NOT NULL,
    priority  TEXT NOT NULL,
    pending   INTEGER NOT NULL,
    aired     INTEGER NOT NULL,
    partial   INTEGER NOT NULL,
    preempted INTEGER NOT NULL,
    declined  INTEGER NOT NULL,
    refused   INTEGER NOT NULL,
    missed    INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    silent    INTEGER NOT NULL,
    PRIMARY KEY (commune, day, slot, campaign, bulletin, planned, origin, priority)
) WITHOUT ROWID;
CREATE INDEX slot_day_day ON slot_day (day, commune, slot);
CREATE INDEX slot_day_campaign ON slot_day (campaign, day) WHERE campaign <> '';
CREATE INDEX slot_day_slot ON slot_day (commune, slot, day);
CREATE INDEX slot_day_campaign_slot ON slot_day (campaign, slot, day) WHERE campaign <> '';
CREATE INDEX slot_day_bulletin ON slot_day (bulletin, day) WHERE bulletin <> '';

CREATE TABLE commune_day (
    commune   TEXT NOT NULL,
    day       TEXT NOT NULL,
    planned   INTEGER NOT NULL,
    origin    TEXT NOT NULL,
    priority  TEXT NOT NULL,
    pending   INTEGER NOT NULL,
    aired     INTEGER NOT NULL,
    partial   INTEGER NOT NULL,
    preempted INTEGER NOT NULL,
    declined  INTEGER NOT NULL,
    refused   INTEGER NOT NULL,
    missed    INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    silent    INTEGER NOT NULL,
    PRIMARY KEY (commune, day, planned, origin, priority)
) WITHOUT ROWID;

CREATE TABLE province_day (
    day       TEXT NOT NULL,
    slot      INTEGER NOT NULL,
    planned   INTEGER NOT NULL,
    origin    TEXT NOT NULL,
    priority  TEXT NOT NULL,
    pending   INTEGER NOT NULL,
    aired     INTEGER NOT NULL,
    partial   INTEGER NOT NULL,
    preempted INTEGER NOT NULL,
    declined  INTEGER NOT NULL,
    refused   INTEGER NOT NULL,
    missed    INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    silent    INTEGER NOT NULL,
    PRIMARY KEY (day, slot, planned, origin, priority)
) WITHOUT ROWID;

CREATE TABLE campaign_month (
    campaign  TEXT NOT NULL,
    month     TEXT NOT NULL,
    commune   TEXT NOT NULL,
    planned   INTEGER NOT NULL,
    origin    TEXT NOT NULL,
    priority  TEXT NOT NULL,
    pending   INTEGER NOT NULL,
    aired     INTEGER NOT NULL,
    partial   INTEGER NOT NULL,
    preempted INTEGER NOT NULL,
    declined  INTEGER NOT NULL,
    refused   INTEGER NOT NULL,
    missed    INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    silent    INTEGER NOT NULL,
    PRIMARY KEY (campaign, month, commune, planned, origin, priority)
) WITHOUT ROWID;

INSERT INTO slot_day (commune, day, slot, campaign, bulletin, planned, origin, priority, pending, aired, partial, preempted, declined, refused, missed, failed, cancelled, silent)
SELECT commune, day, slot, campaign, bulletin, CASE WHEN origin = 'schedule' AND frozen_at > 0 THEN 1 ELSE 0 END, origin, priority,
    SUM(CASE WHEN outcome = 'pending' THEN 1 ELSE 0 END), SUM(CASE WHEN outcome = 'aired' THEN 1 ELSE 0 END), SUM(CASE WHEN outcome = 'partial' THEN 1 ELSE 0 END), SUM(CASE WHEN outcome = 'preempted' THEN 1 ELSE 0 END), SUM(CASE WHEN outcome = 'declined' THEN 1 ELSE 0 END),
    SUM(CASE WHEN outcome = 'refused' THEN 1 ELSE 0 END), SUM(CASE WHEN outcome = 'missed' THEN 1 ELSE 0 END), SUM(CASE WHEN outcome = 'failed' THEN 1 ELSE 0 END), SUM(CASE WHEN outcome = 'cancelled' THEN 1 ELSE 0 END), SUM(CASE WHEN outcome = 'silent' THEN 1 ELSE 0 END)
FROM airing GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;

INSERT INTO commune_day (commune, day, planned, origin, priority, pending, aired, partial, preempted, declined, refused, missed, failed, cancelled, silent)
SELECT commune, day, planned, origin, priority, SUM(pending), SUM(aired), SUM(partial), SUM(preempted), SUM(declined), SUM(refused), SUM(missed), SUM(failed), SUM(cancelled), SUM(silent)
FROM slot_day GROUP BY 1, 2, 3, 4, 5;

INSERT INTO province_day (day, slot, planned, origin, priority, pending, aired, partial, preempted, declined, refused, missed, failed, cancelled, silent)
SELECT day, slot, planned, origin, priority, SUM(pending), SUM(aired), SUM(partial), SUM(preempted), SUM(declined), SUM(refused), SUM(missed), SUM(failed), SUM(cancelled), SUM(silent)
FROM slot_day GROUP BY 1, 2, 3, 4, 5;

INSERT INTO campaign_month (campaign, month, commune, planned, origin, priority, pending, aired, partial, preempted, declined, refused, missed, failed, cancelled, silent)
SELECT campaign, SUBSTR(day, 1, 7), commune, planned, origin, priority, SUM(pending), SUM(aired), SUM(partial), SUM(preempted), SUM(declined), SUM(refused), SUM(missed), SUM(failed), SUM(cancelled), SUM(silent)
FROM slot_day WHERE campaign <> '' GROUP BY 1, 2, 3, 4, 5, 6;
