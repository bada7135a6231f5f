-- Each device's book of days: what the rows of a day were when it had settled. Checkpoints
-- countersign the end of every book. body is NULL once the day rests in the archive.
CREATE TABLE settled_day (
    device   TEXT NOT NULL,
    n        BIGINT NOT NULL,
    before   TEXT NOT NULL,
    day      TEXT NOT NULL,
    known_at BIGINT NOT NULL,
    log_rows BIGINT NOT NULL,
    digest   TEXT NOT NULL,
    link     BYTEA NOT NULL,
    body     BYTEA,
    PRIMARY KEY (device, n)
);

CREATE TABLE settled_end (
    device TEXT PRIMARY KEY,
    n      BIGINT NOT NULL,
    day    TEXT NOT NULL,
    link   BYTEA NOT NULL
);
