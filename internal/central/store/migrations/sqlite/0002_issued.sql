-- Signed documents of devices: the durable state behind the broker's retained
-- messages. The row of the highest revision is the current one; older ones stay a
-- while, because devices confirm what they played by them.
CREATE TABLE issued (
    device    TEXT NOT NULL,
    document  TEXT NOT NULL,
    revision  INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    digest    TEXT NOT NULL,
    payload   BLOB NOT NULL,
    envelope  BLOB NOT NULL,
    PRIMARY KEY (device, document, revision)
);
