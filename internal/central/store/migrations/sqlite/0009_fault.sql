-- Faults of devices (and of the centre itself: device ''), each opened once and closed
-- once. code tells apart what one kind can be several times.
CREATE TABLE fault (
    id         TEXT PRIMARY KEY,
    device     TEXT NOT NULL,
    commune    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    code       TEXT NOT NULL,
    opened_at  INTEGER NOT NULL,
    closed_at  INTEGER NOT NULL DEFAULT 0,
    changed_at INTEGER NOT NULL,
    cause      TEXT NOT NULL,
    outage     TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX fault_open ON fault (device, kind, code) WHERE closed_at = 0;
CREATE INDEX fault_opened ON fault (opened_at, id);
CREATE INDEX fault_device ON fault (device, opened_at, id);
CREATE INDEX fault_commune ON fault (commune, opened_at, id);
CREATE INDEX fault_outage ON fault (outage) WHERE outage <> '';

-- Devices of one area lost together.
CREATE TABLE outage (
    id           TEXT PRIMARY KEY,
    area         TEXT NOT NULL,
    opened_at    INTEGER NOT NULL,
    closed_at    INTEGER NOT NULL DEFAULT 0,
    announced_at INTEGER NOT NULL DEFAULT 0,
    devices      INTEGER NOT NULL,
    lost         INTEGER NOT NULL
);
CREATE INDEX outage_open ON outage (opened_at) WHERE closed_at = 0;

-- When the devices were last looked at, and the last day that was summed up.
CREATE TABLE fault_watch (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    looked_at INTEGER NOT NULL,
    summed    TEXT NOT NULL
);

-- The outbox: what people are to be told, until it is sent or given up. The same news
-- goes to a recipient once.
CREATE TABLE notice (
    id         TEXT PRIMARY KEY,
    recipient  TEXT NOT NULL,
    news_key   TEXT NOT NULL,
    news       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0,
    sent_at    INTEGER NOT NULL DEFAULT 0,
    failed_at  INTEGER NOT NULL DEFAULT 0,
    error      TEXT NOT NULL DEFAULT '',
    UNIQUE (recipient, news_key)
);
CREATE INDEX notice_due ON notice (next_at) WHERE sent_at = 0 AND failed_at = 0;
CREATE INDEX notice_failed ON notice (failed_at) WHERE failed_at <> 0;

-- What is new since the last look, without reading everything.
CREATE INDEX issued_at ON issued (issued_at);
CREATE INDEX device_status_reported ON device_status (reported_at);
