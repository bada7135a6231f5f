-- Each device's book of days: what the rows of a day were when it had settled. Checkpoints
-- countersign the end of every book. body is NULL once the day rests in the archive.
CREATE TABLE settled_day (
    device   TEXT NOT NULL,
    n        INTEGER NOT NULL,
    before   TEXT NOT NULL,
    day      TEXT NOT NULL,
    known_at INTEGER NOT NULL,
    log_rows INTEGER NOT NULL,
    digest   TEXT NOT NULL,
    link     BLOB NOT NULL,
    body     BLOB,
    PRIMARY KEY (device, n)
);

CREATE TABLE settled_end (
    device TEXT PRIMARY KEY,
    n      INTEGER NOT NULL,
    day    TEXT NOT NULL,
    link   BLOB NOT NULL
) WITHOUT ROWID;
