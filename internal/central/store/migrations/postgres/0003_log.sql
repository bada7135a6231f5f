-- What devices say, and what became of every planned airing. Nothing here refers to
-- the plan's tables: the log outlives what it speaks of.

-- How far each journal is held without a gap.
CREATE TABLE journal_head (
    device  TEXT NOT NULL,
    journal TEXT NOT NULL,
    upto    BIGINT NOT NULL,
    link    BYTEA NOT NULL,
    linked  BIGINT NOT NULL,
    PRIMARY KEY (device, journal)
);

-- Every record's exact bytes. A poison record stands here with its link only.
CREATE TABLE journal_record (
    device   TEXT NOT NULL,
    journal  TEXT NOT NULL,
    seq      BIGINT NOT NULL,
    link     BYTEA NOT NULL,
    kind     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    received BIGINT NOT NULL,
    bytes    BYTEA,
    PRIMARY KEY (device, journal, seq)
);

-- Records that could not be taken, with the reason.
CREATE TABLE journal_quarantine (
    device   TEXT NOT NULL,
    journal  TEXT NOT NULL,
    seq      BIGINT NOT NULL,
    reason   TEXT NOT NULL,
    received BIGINT NOT NULL,
    bytes    BYTEA NOT NULL,
    PRIMARY KEY (device, journal, seq)
);

-- Signatures of batches: with the records they prove who wrote them.
CREATE TABLE journal_batch (
    device     TEXT NOT NULL,
    journal    TEXT NOT NULL,
    new_seq    BIGINT NOT NULL,
    first_seq  BIGINT NOT NULL,
    last_seq   BIGINT NOT NULL,
    prev       BYTEA NOT NULL,
    received   BIGINT NOT NULL,
    signatures BYTEA NOT NULL,
    payload    BYTEA,
    PRIMARY KEY (device, journal, new_seq)
);

-- Security events of journals, with the evidence; told once each.
CREATE TABLE journal_conflict (
    device   TEXT NOT NULL,
    journal  TEXT NOT NULL,
    kind     TEXT NOT NULL,
    seq      BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    held     BYTEA NOT NULL,
    claimed  BYTEA NOT NULL,
    received BIGINT NOT NULL,
    bytes    BYTEA,
    envelope BYTEA,
    PRIMARY KEY (device, journal, kind, seq, claimed)
);

-- What is the same for many airings (names, titles, hashes), copied once, named by
-- its own hash.
CREATE TABLE caption (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL
);

-- One row for each frozen airing, and one for each sound nobody planned. month
-- (yyyymm, UTC) comes from the slot's instant, so that it never changes; it is in the
-- key so that the table can be partitioned by it. fillfactor: every row is updated once.
CREATE TABLE airing (
    month      BIGINT NOT NULL,
    device     TEXT NOT NULL,
    airing     TEXT NOT NULL,
    origin     TEXT NOT NULL,
    slot_at    BIGINT NOT NULL,
    repeat     BIGINT NOT NULL,
    day        TEXT NOT NULL,
    start      BIGINT NOT NULL,
    samples    BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    held       BIGINT NOT NULL,
    frozen_at  BIGINT NOT NULL,
    deadline   BIGINT NOT NULL,
    commune    TEXT NOT NULL,
    campaign   TEXT NOT NULL,
    bulletin   TEXT NOT NULL,
    place      TEXT NOT NULL,
    item       TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    said       TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    consumed   BIGINT NOT NULL,
    expected   BIGINT NOT NULL,
    at_least   BIGINT NOT NULL,
    proof      TEXT NOT NULL,
    stale      BIGINT NOT NULL,
    clock      TEXT NOT NULL,
    known_at   BIGINT NOT NULL,
    words      BIGINT NOT NULL,
    PRIMARY KEY (month, device, airing)
) WITH (fillfactor = 80);
CREATE INDEX airing_start ON airing (start, airing);
CREATE INDEX airing_commune ON airing (commune, day, start, airing);
CREATE INDEX airing_device ON airing (device, start, airing);
CREATE INDEX airing_campaign ON airing (campaign, day) WHERE campaign <> '';
CREATE INDEX airing_open ON airing (device, start) WHERE outcome IN ('pending', 'silent');
CREATE INDEX airing_due ON airing (deadline) WHERE outcome = 'pending';

-- Everything that was ever said about an airing; only added to.
CREATE TABLE airing_word (
    month      BIGINT NOT NULL,
    device     TEXT NOT NULL,
    airing     TEXT NOT NULL,
    n          BIGINT NOT NULL,
    known_at   BIGINT NOT NULL,
    said       TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    consumed   BIGINT NOT NULL,
    expected   BIGINT NOT NULL,
    at_least   BIGINT NOT NULL,
    proof      TEXT NOT NULL,
    stale      BIGINT NOT NULL,
    clock      TEXT NOT NULL,
    journal    TEXT NOT NULL,
    seq        BIGINT NOT NULL,
    PRIMARY KEY (month, device, airing, n)
);

-- How far each device's airings are frozen.
CREATE TABLE airing_freeze (
    device   TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    upto     BIGINT NOT NULL
);

-- Which programme became active on a device, and when, by its journal.
CREATE TABLE device_revision (
    device   TEXT NOT NULL,
    journal  TEXT NOT NULL,
    seq      BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (device, journal, seq)
);

-- journal_at: the device has told everything up to here. judged_at: up to here its
-- silence about airings was judged.
CREATE TABLE device_status (
    device      TEXT PRIMARY KEY,
    alive       BIGINT NOT NULL DEFAULT 0,
    connection  BIGINT NOT NULL DEFAULT 0,
    presence_at BIGINT NOT NULL DEFAULT 0,
    last_seen   BIGINT NOT NULL DEFAULT 0,
    hello       BYTEA,
    hello_at    BIGINT NOT NULL DEFAULT 0,
    reported    BYTEA,
    reported_at BIGINT NOT NULL DEFAULT 0,
    journal_at  BIGINT NOT NULL DEFAULT 0,
    judged_at   BIGINT NOT NULL DEFAULT 0
);

-- The latest word of a device on a command or an alert.
CREATE TABLE receipt (
    device   TEXT NOT NULL,
    id       TEXT NOT NULL,
    state    TEXT NOT NULL,
    reason   TEXT NOT NULL,
    at       BIGINT NOT NULL,
    received BIGINT NOT NULL,
    PRIMARY KEY (device, id)
);
