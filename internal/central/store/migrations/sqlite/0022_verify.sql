-- What lets anybody check the log later: the centre's checkpoints over the ends of all
-- journals, the keyrings they were signed under, months that were closed and what was
-- said about them since, and where journals begin after old parts were archived.
CREATE TABLE checkpoint (
    number   INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    digest   BLOB NOT NULL,
    envelope BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE checkpoint_leaf (
    number  INTEGER NOT NULL,
    place   INTEGER NOT NULL,
    device  TEXT NOT NULL,
    journal TEXT NOT NULL,
    upto    INTEGER NOT NULL,
    link    BLOB NOT NULL,
    kid     TEXT NOT NULL,
    PRIMARY KEY (number, place)
) WITHOUT ROWID;
CREATE INDEX checkpoint_leaf_journal ON checkpoint_leaf (device, journal, number);

CREATE TABLE keyring_kept (
    version  INTEGER PRIMARY KEY,
    kept_at  INTEGER NOT NULL,
    envelope BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE month_closed (
    month      TEXT PRIMARY KEY,
    closed_at  INTEGER NOT NULL,
    closed_by  TEXT NOT NULL,
    log_rows   INTEGER NOT NULL,
    planned    TEXT NOT NULL,
    unplanned  INTEGER NOT NULL,
    digest     TEXT NOT NULL,
    checkpoint INTEGER NOT NULL,
    envelope   BLOB NOT NULL
) WITHOUT ROWID;

-- Words about airings of a closed month. part is the month of the airing's row.
CREATE TABLE month_amendment (
    month    TEXT NOT NULL,
    known_at INTEGER NOT NULL,
    device   TEXT NOT NULL,
    airing   TEXT NOT NULL,
    n        INTEGER NOT NULL,
    part     INTEGER NOT NULL,
    commune  TEXT NOT NULL,
    was      TEXT NOT NULL,
    PRIMARY KEY (month, known_at, device, airing, n)
) WITHOUT ROWID;

CREATE TABLE journal_archived (
    device  TEXT NOT NULL,
    journal TEXT NOT NULL,
    upto    INTEGER NOT NULL,
    link    BLOB NOT NULL,
    PRIMARY KEY (device, journal)
) WITHOUT ROWID;

-- Months that left the database. Rows go only when the file was read back and holds
-- (verified_at); done_at is 0 while they are going.
CREATE TABLE month_archived (
    month       TEXT PRIMARY KEY,
    file        TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    verified_at INTEGER NOT NULL,
    done_at     INTEGER NOT NULL
) WITHOUT ROWID;
