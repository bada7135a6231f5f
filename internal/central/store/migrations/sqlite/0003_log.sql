-- What devices say, and what became of every planned airing. Nothing here refers to
-- the plan's tables: the log outlives what it speaks of.

-- How far each journal is held without a gap.
CREATE TABLE journal_head (
    device  TEXT NOT NULL,
    journal TEXT NOT NULL,
    upto    INTEGER NOT NULL,
    link    BLOB NOT NULL,
    linked  INTEGER NOT NULL,
    PRIMARY KEY (device, journal)
) WITHOUT ROWID;

-- Every record's exact bytes. A poison record stands here with its link only.
CREATE TABLE journal_record (
    device   TEXT NOT NULL,
    journal  TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    link     BLOB NOT NULL,
    kind     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    received INTEGER NOT NULL,
    bytes    BLOB,
    PRIMARY KEY (device, journal, seq)
) WITHOUT ROWID;

-- Records that could not be taken, with the reason.
CREATE TABLE journal_quarantine (
    device   TEXT NOT NULL,
    journal  TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    received INTEGER NOT NULL,
    bytes    BLOB NOT NULL,
    PRIMARY KEY (device, journal, seq)
);

-- Signatures of batches: with the records they prove who wrote them.
CREATE TABLE journal_batch (
    device     TEXT NOT NULL,
    journal    TEXT NOT NULL,
    new_seq    INTEGER NOT NULL,
    first_seq  INTEGER NOT NULL,
    last_seq   INTEGER NOT NULL,
    prev       BLOB NOT NULL,
    received   INTEGER NOT NULL,
    signatures BLOB NOT NULL,
    payload    BLOB,
    PRIMARY KEY (device, journal, new_seq)
) WITHOUT ROWID;

-- Security events of journals, with the evidence; told once each.
CREATE TABLE journal_conflict (
    device   TEXT NOT NULL,
    journal  TEXT NOT NULL,
    kind     TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    held     BLOB NOT NULL,
    claimed  BLOB NOT NULL,
    received INTEGER NOT NULL,
    bytes    BLOB,
    envelope BLOB,
    PRIMARY KEY (device, journal, kind, seq, claimed)
);

-- What is the same for many airings (names, titles, hashes), copied once, named by
-- its own hash.
CREATE TABLE caption (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;

-- One row for each frozen airing, and one for each sound nobody planned. month
-- (yyyymm, UTC) comes from the slot's instant, so that it never changes.
CREATE TABLE airing (
    month      INTEGER NOT NULL,
    device     TEXT NOT NULL,
    airing     TEXT NOT NULL,
    origin     TEXT NOT NULL,
    slot_at    INTEGER NOT NULL,
    repeat     INTEGER NOT NULL,
    day        TEXT NOT NULL,
    start      INTEGER NOT NULL,
    samples    INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    held       INTEGER NOT NULL,
    frozen_at  INTEGER NOT NULL,
    deadline   INTEGER NOT NULL,
    commune    TEXT NOT NULL,
    campaign   TEXT NOT NULL,
    bulletin   TEXT NOT NULL,
    place      TEXT NOT NULL,
    item       TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    said       TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    consumed   INTEGER NOT NULL,
    expected   INTEGER NOT NULL,
    at_least   INTEGER NOT NULL,
    proof      TEXT NOT NULL,
    stale      INTEGER NOT NULL,
    clock      TEXT NOT NULL,
    known_at   INTEGER NOT NULL,
    words      INTEGER NOT NULL,
    PRIMARY KEY (month, device, airing)
) WITHOUT ROWID;
CREATE INDEX airing_start ON airing (start, airing);
CREATE INDEX airing_commune ON airing (commune, day, start, airing);
CREATE INDEX airing_device ON airing (device, start, airing);
CREATE INDEX airing_campaign ON airing (campaign, day) WHERE campaign <> '';
CREATE INDEX airing_open ON airing (device, start) WHERE outcome IN ('pending', 'silent');
CREATE INDEX airing_due ON airing (deadline) WHERE outcome = 'pending';

-- Everything that was ever said about an airing; only added to.
CREATE TABLE airing_word (
    month      INTEGER NOT NULL,
    device     TEXT NOT NULL,
    airing     TEXT NOT NULL,
    n          INTEGER NOT NULL,
    known_at   INTEGER NOT NULL,
    said       TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    consumed   INTEGER NOT NULL,
    expected   INTEGER NOT NULL,
    at_least   INTEGER NOT NULL,
    proof      TEXT NOT NULL,
    stale      INTEGER NOT NULL,
    clock      TEXT NOT NULL,
    journal    TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    PRIMARY KEY (month, device, airing, n)
) WITHOUT ROWID;

-- How far each device's airings are frozen.
CREATE TABLE airing_freeze (
    device   TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    upto     INTEGER NOT NULL
);

-- Which programme became active on a device, and when, by its journal.
CREATE TABLE device_revision (
    device   TEXT NOT NULL,
    journal  TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (device, journal, seq)
) WITHOUT ROWID;

-- journal_at: the device has told everything up to here. judged_at: up to here its
-- silence about airings was judged.
CREATE TABLE device_status (
    device      TEXT PRIMARY KEY,
    alive       INTEGER NOT NULL DEFAULT 0,
    connection  INTEGER NOT NULL DEFAULT 0,
    presence_at INTEGER NOT NULL DEFAULT 0,
    last_seen   INTEGER NOT NULL DEFAULT 0,
    hello       BLOB,
    hello_at    INTEGER NOT NULL DEFAULT 0,
    reported    BLOB,
    reported_at INTEGER NOT NULL DEFAULT 0,
    journal_at  INTEGER NOT NULL DEFAULT 0,
    judged_at   INTEGER NOT NULL DEFAULT 0
);

-- The latest word of a device on a command or an alert.
CREATE TABLE receipt (
    device   TEXT NOT NULL,
    id       TEXT NOT NULL,
    state    TEXT NOT NULL,
    reason   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (device, id)
);
