-- What was decided about areas: mergers, splits, other names. doc is the change as JSON
-- (radio.AreaChange); applied_at and dropped_at are 0 until then.
CREATE TABLE area_change (
    id         TEXT PRIMARY KEY,
    first_day  TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    applied_at BIGINT NOT NULL DEFAULT 0,
    dropped_at BIGINT NOT NULL DEFAULT 0,
    doc        TEXT NOT NULL
);
CREATE INDEX area_change_waits ON area_change (first_day, recorded_at) WHERE applied_at = 0 AND dropped_at = 0;
-- Names that areas had, with their codes, by which they are still found.
CREATE TABLE area_name (
    area     TEXT NOT NULL REFERENCES area (id),
    code     TEXT NOT NULL,
    name     TEXT NOT NULL,
    last_day TEXT NOT NULL,
    PRIMARY KEY (area, last_day, code, name)
);
CREATE INDEX area_name_code ON area_name (code);
CREATE INDEX area_parent ON area (parent);
