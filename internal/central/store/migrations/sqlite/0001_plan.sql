-- What people lay down: where, which devices, when sound is permitted, what is
-- said, and by which rules. Things have a code for people and an id for ever.
CREATE TABLE area (
    id         TEXT PRIMARY KEY,
    code       TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    parent     TEXT REFERENCES area (id),
    zone       TEXT NOT NULL DEFAULT '',
    valid_from TEXT NOT NULL DEFAULT '',
    valid_to   TEXT NOT NULL DEFAULT ''
);

CREATE TABLE device (
    id          TEXT PRIMARY KEY,
    code        TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    hamlet      TEXT NOT NULL REFERENCES area (id),
    rendition   INTEGER NOT NULL,
    enrolled_at INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX device_hamlet ON device (hamlet);

-- target is "area:<id>" or "device:<id>". doc is the newest version as JSON; every
-- version stays in policy_version.
CREATE TABLE policy (
    id      TEXT PRIMARY KEY,
    target  TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    doc     TEXT NOT NULL
);
CREATE TABLE policy_version (
    policy      TEXT NOT NULL REFERENCES policy (id),
    version     INTEGER NOT NULL,
    doc         TEXT NOT NULL,
    author      TEXT NOT NULL,
    approver    TEXT NOT NULL,
    approved_at INTEGER NOT NULL,
    PRIMARY KEY (policy, version)
);

-- version is the newest one; each version is one immutable audio with its own
-- words and its own decision.
CREATE TABLE bulletin (
    id      TEXT PRIMARY KEY,
    code    TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL
);
CREATE TABLE bulletin_version (
    bulletin      TEXT NOT NULL REFERENCES bulletin (id),
    version       INTEGER NOT NULL,
    title         TEXT NOT NULL,
    field         INTEGER NOT NULL,
    author        TEXT NOT NULL,
    unit          TEXT NOT NULL,
    language      TEXT NOT NULL,
    state         TEXT NOT NULL,
    valid_until   INTEGER NOT NULL,
    renditions    TEXT NOT NULL,
    lufs          REAL NOT NULL,
    true_peak     REAL NOT NULL,
    seconds       REAL NOT NULL,
    source_sha256 TEXT NOT NULL,
    warnings      TEXT NOT NULL,
    created_by    TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    decided_by    TEXT NOT NULL,
    decided_at    INTEGER NOT NULL,
    decided_why   TEXT NOT NULL,
    PRIMARY KEY (bulletin, version)
);
CREATE INDEX bulletin_version_state ON bulletin_version (state, decided_at);

CREATE TABLE campaign (
    id         TEXT PRIMARY KEY,
    code       TEXT NOT NULL UNIQUE,
    title      TEXT NOT NULL,
    document   TEXT NOT NULL,
    issued     TEXT NOT NULL,
    issuer     TEXT NOT NULL,
    first_day  TEXT NOT NULL,
    last_day   TEXT NOT NULL
);

-- doc is the newest version as JSON; every version stays in schedule_version.
CREATE TABLE schedule (
    id           TEXT PRIMARY KEY,
    code         TEXT NOT NULL UNIQUE,
    version      INTEGER NOT NULL,
    withdrawn_at INTEGER NOT NULL DEFAULT 0,
    doc          TEXT NOT NULL
);
CREATE TABLE schedule_version (
    schedule    TEXT NOT NULL REFERENCES schedule (id),
    version     INTEGER NOT NULL,
    doc         TEXT NOT NULL,
    author      TEXT NOT NULL,
    approver    TEXT NOT NULL,
    approved_at INTEGER NOT NULL,
    PRIMARY KEY (schedule, version)
);
