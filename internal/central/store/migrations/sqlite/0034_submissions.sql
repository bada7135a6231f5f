-- Approved bulletins that communes hand up to the province (radio.Submission). turn counts
-- how often a version was handed up: two persons cannot both do it.
CREATE TABLE submission (
    id       TEXT PRIMARY KEY,
    bulletin TEXT NOT NULL,
    version  INTEGER NOT NULL,
    turn     INTEGER NOT NULL,
    commune  TEXT NOT NULL,
    UNIQUE (bulletin, version, turn)
);
CREATE INDEX submission_commune ON submission (commune, id);

-- Steps are only added; the last one says where a submission stands. became is the
-- province's own bulletin, '' where nothing was taken.
CREATE TABLE submission_step (
    submission TEXT NOT NULL,
    n          INTEGER NOT NULL,
    act        TEXT NOT NULL,
    person     TEXT NOT NULL,
    at         INTEGER NOT NULL,
    why        TEXT NOT NULL,
    became     TEXT NOT NULL,
    PRIMARY KEY (submission, n)
);
CREATE INDEX submission_became ON submission_step (became);
