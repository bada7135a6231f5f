-- What lets anybody check the log later: the centre's checkpoints over the ends of all
-- journals, the keyrings they were signed under, months that were closed and what was
-- said about them since, and where journals begin after old parts were archived.
CREATE TABLE checkpoint (
    number   BIGINT PRIMARY KEY,
    at       BIGINT NOT NULL,
    size     BIGINT NOT NULL,
    digest   BYTEA NOT NULL,
    envelope BYTEA NOT NULL
);

CREATE TABLE checkpoint_leaf (
    number  BIGINT NOT NULL,
    place   BIGINT NOT NULL,
    device  TEXT NOT NULL,
    journal TEXT NOT NULL,
    upto    BIGINT NOT NULL,
    link    BYTEA NOT NULL,
    kid     TEXT NOT NULL,
    PRIMARY KEY (number, place)
);
CREATE INDEX checkpoint_leaf_journal ON checkpoint_leaf (device, journal, number);

CREATE TABLE keyring_kept (
    version  BIGINT PRIMARY KEY,
    kept_at  BIGINT NOT NULL,
    envelope BYTEA NOT NULL
);

CREATE TABLE month_closed (
    month      TEXT PRIMARY KEY,
    closed_at  BIGINT NOT NULL,
    closed_by  TEXT NOT NULL,
    log_rows   BIGINT NOT NULL,
    planned    TEXT NOT NULL,
    unplanned  BIGINT NOT NULL,
    digest     TEXT NOT NULL,
    checkpoint BIGINT NOT NULL,
    envelope   BYTEA NOT NULL
);

-- Words about airings of a closed month. part is the month of the airing's row.
CREATE TABLE month_amendment (
    month    TEXT NOT NULL,
    known_at BIGINT NOT NULL,
    device   TEXT NOT NULL,
    airing   TEXT NOT NULL,
    n        BIGINT NOT NULL,
    part     BIGINT NOT NULL,
    commune  TEXT NOT NULL,
    was      TEXT NOT NULL,
    PRIMARY KEY (month, known_at, device, airing, n)
);

CREATE TABLE journal_archived (
    device  TEXT NOT NULL,
    journal TEXT NOT NULL,
    upto    BIGINT NOT NULL,
    link    BYTEA NOT NULL,
    PRIMARY KEY (device, journal)
);

-- Months that left the database. Rows go only when the file was read back and holds
-- (verified_at); done_at is 0 while they are going.
CREATE TABLE month_archived (
    month       TEXT PRIMARY KEY,
    file        TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    bytes       BIGINT NOT NULL,
    verified_at BIGINT NOT NULL,
    done_at     BIGINT NOT NULL
);
